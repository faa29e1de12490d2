"""Months of readings as Parquet files in the lake, one for each organization: written, compared, asked, brought back.

archive/organization={id}/month=2026-01/part-0.parquet

What a month holds is told by a checksum that is computed in the same way from a table and from files: the readings of
one meter on one day of UTC, in the order of time, are one block of text; a block, an organization and a month each have
the SHA-256 of what they consist of. Columns are those that the table has when a month is written. No number becomes a
float on the way.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import SEEK_END, BytesIO
from itertools import groupby
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet
from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from database.locks import Patience, insist
from metering.errors import MeteringError
from metering.months import ArchiveState, Month, MonthError
from metering.sql import statement
from metering.standings import everything_visible, read_standing, taking
from metering.storage import ARCHIVE, Lake

# Rows of a file that are handled at once: what memory a month takes, however long it is.
ROWS_AT_ONCE = 2**17
# So many of one kind are named in a message.
LISTED = 20
# How PostgreSQL spells the types that an archive keeps, and in which of them the values travel; others become text.
TRAVELS_AS = {
    "bigint": "bigint",
    "integer": "integer",
    "timestamp with time zone": "timestamptz",
    "text": "text",
    "jsonb": "text",
}


class ArchiveError(MeteringError):
    """An archive is not what it should be, or cannot hold what it should; nothing was removed."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column and the type in which its values travel: bigint, integer, numeric(p,s), timestamptz or text."""

    name: str
    type: str

    @classmethod
    def of_field(cls, field: pa.Field) -> "Column":
        """The column of a file."""
        if pa.types.is_decimal(field.type):
            return cls(field.name, f"numeric({field.type.precision},{field.type.scale})")
        names = {pa.int64(): "bigint", pa.int32(): "integer", pa.string(): "text", INSTANT: "timestamptz"}
        if field.type not in names:
            raise ArchiveError(
                f"column {field.name} of the archive has the type {field.type}, which none is written in"
            )
        return cls(field.name, names[field.type])

    @property
    def arrow(self) -> pa.DataType:
        if self.type.startswith("numeric"):
            precision, scale = self.type[len("numeric(") : -1].split(",")
            return pa.decimal128(int(precision), int(scale))
        return {"bigint": pa.int64(), "integer": pa.int32(), "text": pa.string(), "timestamptz": INSTANT}[self.type]

    def copied(self) -> sql.Composable:
        """The value as COPY writes it: instants as microseconds since 1970."""
        if self.type == "timestamptz":
            return sql.SQL("(extract(epoch FROM {}) * 1000000)::bigint").format(sql.Identifier(self.name))
        return sql.Identifier(self.name)

    def spelled_by_server(self) -> sql.Composable:
        """The value's part of the text behind the checksum: `-` for null, texts with their length before them."""
        if self.type == "text":
            return sql.SQL("coalesce(length({0}::text) || ':' || {0}::text, '-')").format(sql.Identifier(self.name))
        return sql.SQL("coalesce({}::text, '-')").format(self.copied())

    def spelled_by_polars(self) -> pl.Expr:
        """The same, of a file."""
        value = pl.col(self.name)
        if self.type == "text":
            value = pl.concat_str(value.str.len_chars().cast(pl.String), pl.lit(":"), value)
        elif self.type == "timestamptz":
            value = value.cast(pl.Int64).cast(pl.String)
        else:
            value = value.cast(pl.String)
        return value.fill_null("-")


INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Part:
    """How many readings an organization has in a month, and their checksum."""

    rows: int
    sha256: str


@dataclass(frozen=True)
class Content:
    """What a month holds, by organization."""

    parts: dict[int, Part]

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts.values())

    @property
    def sha256(self) -> str:
        lines = (f"{organization}|{part.rows}|{part.sha256}\n" for organization, part in sorted(self.parts.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def differences(self, other: "Content") -> str:
        """Which organizations differ, in words; empty where none does."""
        return ", ".join(
            f"organization {organization} has {_rows(self, organization)} here and {_rows(other, organization)} there"
            for organization in sorted(self.parts.keys() | other.parts.keys())
            if self.parts.get(organization) != other.parts.get(organization)
        )


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One organization's readings of a month in the lake."""

    organization_id: int
    name: str
    uri: str
    rows: int
    size: int
    sha256: str
    content_sha256: str


@dataclass(frozen=True)
class Restored:
    """What came back: readings inserted, and archived ones that had a newer one in their place."""

    month: Month
    rows: int
    superseded: int

    def __str__(self) -> str:
        kept = f"; {self.superseded:,} gave way to newer ones" if self.superseded else ""
        return f"{self.month}: {self.rows:,} readings restored{kept}."


def the_lake() -> Lake:
    """The lake of the settings."""
    return Lake.from_url(settings.LAKE)


def file_name(month: Month, organization_id: int) -> str:
    """Where an organization's readings of a month lie in the lake."""
    return f"{ARCHIVE}/organization={organization_id}/month={month}/part-0.parquet"


def read_columns() -> list[Column]:
    """The columns of `meter_reading`; ArchiveError where one has a type that files cannot keep to the last digit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod), typtype = 'e' FROM pg_attribute"
            " JOIN pg_type ON pg_type.oid = atttypid"
            " WHERE attrelid = 'public.meter_reading'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
        return [_column(name, type_name, is_enum) for name, type_name, is_enum in cursor.fetchall()]


def read_content(table: str, columns: Sequence[Column]) -> Content:
    """What a table holds, named with its schema. A row that a policy hides is an error, not a smaller count."""
    query = sql.SQL(
        """
        COPY (
            SELECT organization_id, meter_id, to_char(day, 'YYYY-MM-DD'), count(*),
                encode(sha256(convert_to(string_agg(line, E'\\n' ORDER BY reading_timestamp, id), 'UTF8')), 'hex')
            FROM (
                SELECT organization_id, meter_id, reading_timestamp, id,
                    date_trunc('day', reading_timestamp AT TIME ZONE 'UTC') AS day, concat_ws('|', {line}) AS line
                FROM {table}
            ) AS reading
            GROUP BY organization_id, meter_id, day
            ORDER BY organization_id, meter_id, day
        ) TO STDOUT
        """
    ).format(line=sql.SQL(", ").join(column.spelled_by_server() for column in columns), table=_qualified(table))
    with everything_visible(), connection.cursor() as cursor, cursor.copy(query) as copy:
        return _content(
            (int(organization), f"{meter}|{day}|{rows}|{digest}\n", int(rows))
            for organization, meter, day, rows, digest in copy.rows()
        )


def write(lake: Lake, month: Month, table: str, columns: Sequence[Column]) -> list[str]:
    """Writes a table's rows to the files of a month, whole or not at all each; returns their names."""
    schema = pa.schema([pa.field(column.name, column.arrow) for column in columns])
    names = []
    for organization, tables in groupby(_tables(table, columns), key=lambda pair: pair[0]):
        names.append(file_name(month, organization))
        with (
            lake.writing(names[-1]) as stream,
            pa.parquet.ParquetWriter(stream, schema, compression="zstd") as writer,
        ):
            for _, rows in tables:
                writer.write_table(rows.cast(schema))
    return names


def read_back(lake: Lake, names: Iterable[str]) -> tuple[Content, list[ArchiveFile]]:
    """What files hold, read anew from where they lie; ArchiveError for one that is no such file."""
    parts: dict[int, Part] = {}
    files = []
    for name in names:
        with lake.open(name) as stream:
            found = _content(_blocks(stream, name)).parts
        if len(found) != 1 or parts.keys() & found.keys():
            raise ArchiveError(f"{lake.uri(name)} holds readings of {len(found)} organizations; it should hold one's")
        ((organization, part),) = found.items()
        parts[organization] = part
        with lake.open(name) as stream:
            size = stream.seek(0, SEEK_END)
        files.append(ArchiveFile(organization, name, lake.uri(name), part.rows, size, lake.sha256(name), part.sha256))
    return Content(parts), files


def file_columns(lake: Lake, name: str) -> list[Column]:
    """The columns of an archived file."""
    with lake.open(name) as stream, _told(name):
        return [Column.of_field(field) for field in pa.parquet.ParquetFile(stream).schema_arrow]


def archived_names(month: Month) -> list[str]:
    """The names of a month's files, as the database has them; MonthError where it was never archived."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM reading_archive WHERE month = %s", [month.start.date()])
        row = cursor.fetchone()
        if row is None:
            raise MonthError(f"{month} was never archived: `manage.py partitions status` lists the months that were")
        cursor.execute(
            "SELECT organization_id FROM reading_archive_file WHERE reading_archive_id = %s ORDER BY 1", [row[0]]
        )
        return [file_name(month, organization) for (organization,) in cursor.fetchall()]


def check_files(lake: Lake, month: Month) -> Content:
    """What the archive of a month holds, read anew and found to be what was noted; ArchiveError where it is not."""
    content, files = read_back(lake, archived_names(month))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, row_count, content_sha256 FROM reading_archive WHERE month = %s", [month.start.date()]
        )
        archive, rows, digest = cursor.fetchone()
        cursor.execute(
            "SELECT organization_id, sha256 FROM reading_archive_file WHERE reading_archive_id = %s", [archive]
        )
        noted = dict(cursor.fetchall())
    if changed := [file.uri for file in files if file.sha256 != noted[file.organization_id]]:
        raise ArchiveError(f"{', '.join(changed)} is not the file that was archived; nothing was removed")
    if (content.rows, content.sha256) != (rows, digest):
        raise ArchiveError(
            f"the archive of {month} holds {content.rows:,} readings with checksum {content.sha256[:12]}, noted were"
            f" {rows:,} with {digest[:12]}. Bring the files back from a copy; nothing was removed."
        )
    return content


def restore(
    month: Month, lake: Lake | None = None, now: datetime | None = None, patience: Patience | None = None
) -> Restored:
    """Brings a month back into `meter_reading`, ids included, in one transaction and compared with its archive.

    Where readings came to the month meanwhile they stay, and the archived ones in their places give way. Restoring
    what is there already changes nothing. The files stay. Raises `ArchiveError` where they are not what was archived,
    or hold readings whose meter is gone or belongs to another project now.
    """
    lake = lake or the_lake()
    with taking(month) as alone:
        if not alone:
            raise ArchiveError(f"{month} is used by a load or is leaving at this moment: run the command again later")
        names = archived_names(month)
        standing = read_standing(month)
        if standing.is_attached and standing.state in (ArchiveState.RESTORED, ArchiveState.ARCHIVED):
            return Restored(month, 0, 0)
        if standing.is_pending or standing.state is ArchiveState.ARCHIVED:
            raise ArchiveError(
                f"{month} is half detached: run `manage.py partitions apply`, which ends that, and again"
            )
        archived = check_files(lake, month)
        columns = file_columns(lake, names[0]) if names else read_columns()
        with transaction.atomic():
            with connection.cursor() as cursor:
                # The month counts as back before its partition is made: none is made for one that is away.
                cursor.execute(
                    "UPDATE reading_archive SET state = %s, restored_at = %s WHERE month = %s",
                    [ArchiveState.RESTORED, now or datetime.now(UTC), month.start.date()],
                )
            insist(
                connection,
                lambda work: work.execute("SELECT create_meter_reading_partition(%s)", [month.start.date()]),
                f"{month.partition}",
                patience,
            )
            restored = _bring_back(lake, month, names, columns, archived)
            if standing.table_apart:
                _drop_copy(standing.table_apart, columns, archived)
    return restored


def hold_references(table: str, month: Month) -> None:
    """Keeps what a month's readings refer to as it is until the transaction ends, before their table is attached.

    Raises `ArchiveError` that lists what does not exist or does not belong together any more.
    """
    query = sql.SQL(statement("unreferenced_readings")).format(table=_qualified(table))
    with everything_visible(), connection.cursor() as cursor:
        cursor.execute(query)
        found = cursor.fetchall()
    if not found:
        return
    listed = [
        f"meter {meter} of project {project} of organization {organization} ({readings:,} readings)"
        for organization, project, meter, readings in found[:LISTED]
    ]
    if len(found) > LISTED:
        listed.append(f"{len(found) - LISTED:,} more")
    raise ArchiveError(
        f"readings of {month} refer to what does not exist or does not belong together any more: {', '.join(listed)}."
        " Bring it back as it was, with the same ids, and run the command again. Nothing was changed."
    )


def archived_dataset(lake: Lake, months: Sequence[Month] = ()) -> pa.dataset.Dataset:
    """The files of these months, of all where none is named, as one Arrow dataset that is read where it lies."""
    if not months:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_char(month, 'YYYY-MM') FROM reading_archive ORDER BY month")
            months = [Month.parse(label) for (label,) in cursor.fetchall()]
    names = [name for month in months for name in archived_names(month)]
    if not names:
        raise MonthError("no month is archived: there is nothing to ask")
    # Months may differ in columns: the later ones have more.
    parts = [pa.dataset.dataset(f"{lake.root}/{name}", filesystem=lake.files, format="parquet") for name in names]
    schema = pa.unify_schemas([part.schema for part in parts])
    return pa.dataset.dataset([part.replace_schema(schema) for part in parts])


def query(text: str, months: Sequence[Month] = (), lake: Lake | None = None) -> pl.DataFrame:
    """The answer to a SELECT over archived readings, which it knows as `meter_reading`.

    DuckDB answers where it is installed, else polars, which knows less SQL. Numbers stay exact decimals.
    """
    readings = archived_dataset(lake or the_lake(), months)
    try:
        import duckdb
    except ImportError:
        lazily = pl.SQLContext({"meter_reading": pl.scan_pyarrow_dataset(readings)})
        frame: pl.DataFrame = lazily.execute(text, eager=True)
        return frame
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        session.register("meter_reading", readings)
        try:
            answer: pl.DataFrame = session.sql(text).pl()
            return answer
        except duckdb.Error as error:
            raise ArchiveError(f"the archive cannot answer: {error}") from error


def _column(name: str, type_name: str, is_enum: bool) -> Column:
    if is_enum or type_name.startswith("character varying"):
        return Column(name, "text")
    travels_as = type_name if type_name.startswith("numeric(") else TRAVELS_AS.get(type_name)
    if travels_as is None:
        raise ArchiveError(
            f"meter_reading.{name} is {type_name}: archives cannot keep that. Teach them before any goes."
        )
    return Column(name, travels_as)


def _rows(content: Content, organization: int) -> str:
    part = content.parts.get(organization)
    return f"{part.rows:,} readings ({part.sha256[:12]})" if part else "none"


def _qualified(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


def _content(blocks: Iterable[tuple[int, str, int]]) -> Content:
    """The checksums of organizations from the lines of their blocks, which come in order."""
    parts = {}
    for organization, lines in groupby(blocks, key=lambda block: block[0]):
        digest, rows = hashlib.sha256(), 0
        for _, line, count in lines:
            digest.update(line.encode())
            rows += count
        if organization in parts:
            raise ArchiveError(f"readings of organization {organization} do not stand together")
        parts[organization] = Part(rows, digest.hexdigest())
    return Content(parts)


def _blocks(stream: BinaryIO, name: str) -> Iterator[tuple[int, str, int]]:
    """The blocks of a file: organization, the block's line, its readings."""
    current: tuple[int, int, object] | None = None
    digest, count = hashlib.sha256(), 0
    with _told(name):
        file = pa.parquet.ParquetFile(stream)
        line = pl.concat_str([Column.of_field(field).spelled_by_polars() for field in file.schema_arrow], separator="|")
        for batch in file.iter_batches(ROWS_AT_ONCE):
            grouped = (
                pl.DataFrame(pl.from_arrow(batch))
                .group_by("organization_id", "meter_id", pl.col("reading_timestamp").dt.date(), maintain_order=True)
                .agg(pl.len(), line.str.join("\n").alias("text"))
            )
            for organization, meter, day, rows, text in grouped.iter_rows():
                if current == (organization, meter, day):
                    digest.update(b"\n")
                else:
                    if current is not None:
                        yield current[0], f"{current[1]}|{current[2]}|{count}|{digest.hexdigest()}\n", count
                    current, digest, count = (organization, meter, day), hashlib.sha256(), 0
                digest.update(text.encode())
                count += rows
    if current is not None:
        yield current[0], f"{current[1]}|{current[2]}|{count}|{digest.hexdigest()}\n", count


def _tables(table: str, columns: Sequence[Column]) -> Iterator[tuple[int, pa.Table]]:
    """A table's rows in the order of organization, meter and time, some at once, each time of one organization."""
    query = sql.SQL(
        "COPY (SELECT {} FROM {} ORDER BY organization_id, meter_id, reading_timestamp, id) TO STDOUT (FORMAT csv)"
    ).format(sql.SQL(", ").join(column.copied() for column in columns), _qualified(table))
    types = {column.name: pa.int64() if column.type == "timestamptz" else column.arrow for column in columns}
    reading = pa.csv.ReadOptions(column_names=list(types))
    parsing = pa.csv.ParseOptions(newlines_in_values=True)
    converting = pa.csv.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
    )

    def parsed(rows: list[bytes]) -> Iterator[tuple[int, pa.Table]]:
        with _told(table):
            found = pa.csv.read_csv(BytesIO(b"".join(rows)), reading, parsing, converting)
        for organization in found["organization_id"].unique().to_pylist():
            yield organization, found.filter(pa.compute.field("organization_id") == organization)

    with everything_visible(), connection.cursor() as cursor, cursor.copy(query) as copy:
        rows: list[bytes] = []
        for row in copy:
            rows.append(bytes(row))
            if len(rows) == ROWS_AT_ONCE:
                yield from parsed(rows)
                rows.clear()
        if rows:
            yield from parsed(rows)


def _bring_back(
    lake: Lake, month: Month, names: Sequence[str], columns: Sequence[Column], archived: Content
) -> Restored:
    """Copies the files to a temporary table, compares it, and moves its rows to the month's partition."""
    partition = read_standing(month).partition
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = 'public.meter_reading'::regclass AND attnum > 0 AND NOT attisdropped"
        )
        types = dict(cursor.fetchall())
        if unknown := [column.name for column in columns if column.name not in types]:
            raise ArchiveError(f"meter_reading lacks what the archive of {month} holds: {', '.join(unknown)}")
        cursor.execute("DROP TABLE IF EXISTS pg_temp.archived_reading")
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE archived_reading ({}) ON COMMIT DROP").format(
                sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type)) for column in columns
                )
            )
        )
        listed = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
        with cursor.copy(sql.SQL("COPY archived_reading ({}) FROM STDIN (FORMAT csv)").format(listed)) as copy:
            for name in names:
                with lake.open(name) as stream, _told(name):
                    for batch in pa.parquet.ParquetFile(stream).iter_batches(ROWS_AT_ONCE):
                        copy.write(_as_csv(pl.DataFrame(pl.from_arrow(batch))))
    staged = read_content("pg_temp.archived_reading", columns)
    if staged != archived:
        raise ArchiveError(f"{month} did not come back as it was archived: {staged.differences(archived)}")
    hold_references("pg_temp.archived_reading", month)
    with connection.cursor() as cursor:
        was_empty = read_content(partition, columns).rows == 0
        cursor.execute(
            sql.SQL(
                "INSERT INTO public.meter_reading ({}) SELECT {} FROM archived_reading"
                " ORDER BY meter_id, reading_timestamp ON CONFLICT (meter_id, reading_timestamp) DO NOTHING"
            ).format(
                listed,
                sql.SQL(", ").join(
                    sql.SQL("{}::{}").format(sql.Identifier(column.name), sql.SQL(types[column.name]))
                    for column in columns
                ),
            )
        )
        rows = cursor.rowcount
        # In a database that was built anew the numbers of the archive are not given out a second time.
        cursor.execute(
            "SELECT setval('public.meter_reading_id_seq', greatest(last_value, (SELECT max(id) FROM archived_reading)),"
            " is_called OR EXISTS (SELECT FROM archived_reading)) FROM public.meter_reading_id_seq"
        )
    if was_empty and (found := read_content(partition, columns)) != archived:
        raise ArchiveError(f"{month} is not what was archived: {found.differences(archived)}")
    return Restored(month, rows, archived.rows - rows)


def _drop_copy(table: str, columns: Sequence[Column], archived: Content) -> None:
    """Drops the detached table of a month that came back from its archive, which it must equal."""
    if (found := read_content(table, columns)) != archived:
        raise ArchiveError(f"{table} is not what was archived: {found.differences(archived)}. Look at it first.")
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE {}").format(_qualified(table)))


def _as_csv(rows: pl.DataFrame) -> str:
    return rows.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.6f+00")


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Says of which file or table it was that Arrow could not do something."""
    try:
        yield
    except pa.ArrowException as error:
        raise ArchiveError(f"{name} cannot be read or written as Parquet: {error}") from error
