"""Prepared rows into `meter_reading`: straight where nothing stands, by comparison where something does.

Runs inside one transaction, which is the caller's. Loads of one meter take turns: the caller holds its row.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import polars as pl
from django.db import connection
from psycopg import sql

from metering.copying import HEADER, TRAILER, encoded
from metering.models import SourceSystem
from metering.partitions import ensure_months
from metering.preparation import COLUMNS, SHORTEST_DAY
from metering.sql import statement
from metering.standings import read_standings

_MONTH = pl.col("reading_timestamp").dt.strftime("%Y-%m")
_TICK = timedelta(microseconds=1)
_LONGEST_DAY = timedelta(hours=25)
# What a statement trigger looks at is kept in memory up to this size, and staged rows are compared in it.
_WORK_MEMORY = "64MB"

Span = tuple[int, datetime, datetime]


@dataclass(frozen=True)
class Overlap:
    """A reading that lasts into the next one of its meter; at least one of the two came with the load."""

    meter_id: int
    first_at: datetime
    interval: str
    second_at: datetime


@dataclass(frozen=True)
class Older:
    """A reading that was not taken because a newer statement about it stands."""

    meter_id: int
    reading_timestamp: datetime
    reported_at: datetime
    standing_since: datetime


@dataclass(frozen=True)
class Settled:
    """What became of the rows; `older` are the first of `rows_older`.

    `rows_corrected` are none of them: readings of earlier loads whose energy is another beside these registers.
    """

    rows_new: int
    rows_replaced: int
    rows_corrected: int
    rows_older: int
    older: Sequence[Older]


@dataclass
class _Change:
    """What changed in a month of a meter."""

    first: datetime
    end: datetime
    rows_new: int = 0
    rows_replaced: int = 0


@dataclass
class _Held:
    """What is known of a meter's readings in the file so far.

    `first` and `last` bound the time they span, all of which was looked at: `occupied` are the parts in which readings
    stood, `free` those that were filled straight. `grid`, (seconds, offset), is set where all share one: then they
    cannot overlap each other.
    """

    first: datetime
    last: datetime
    grid: tuple[int, int] | None
    occupied: list[tuple[datetime, datetime]] = field(default_factory=list)
    free: list[tuple[datetime, datetime]] = field(default_factory=list)

    def meets_occupied(self, first: datetime, last: datetime) -> bool:
        return _meets(self.occupied, first, last)

    def occupy(self, first: datetime, last: datetime) -> None:
        """Adds a part in which readings stand."""
        _join(self.occupied, first, last, apart=self.free)

    def fill(self, first: datetime, last: datetime) -> None:
        """Adds a part that was filled."""
        _join(self.free, first, last, apart=self.occupied)


def _meets(parts: Iterable[tuple[datetime, datetime]], first: datetime, last: datetime) -> bool:
    return any(start <= last and first <= end for start, end in parts)


def _join(
    parts: list[tuple[datetime, datetime]],
    first: datetime,
    last: datetime,
    apart: Iterable[tuple[datetime, datetime]],
) -> None:
    """Adds a part, to the one before it where none of the others lies between the two."""
    if parts:
        whole = min(first, parts[-1][0]), max(last, parts[-1][1])
        if not _meets(apart, *whole):
            parts[-1] = whole
            return
    parts.append((first, last))


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one month, with `preparation.COLUMNS`; what COPY takes for them; and what `_spans` says of them."""

    month: str
    rows: pl.DataFrame
    tuples: Sequence[bytes]
    spans: pl.DataFrame


class Loading:
    """The load of one file.

    Where a meter has no reading in the time of a block, its rows are copied straight into the partition of their
    month; the unique index is the safety net. Other rows are staged, and `settle` compares them with what stands.
    With `staged_only` all are. Registers that other loads brought count as those of the file do; all of them wrap at
    `wraps_at_wh`, if at all.
    """

    def __init__(
        self,
        organization_id: int,
        project_id: int,
        source: SourceSystem,
        log_id: int,
        *,
        wraps_at_wh: Decimal | None = None,
        staged_only: bool = False,
    ) -> None:
        self._constants: dict[str, int | str] = {
            "organization_id": organization_id,
            "project_id": project_id,
            "source_system": source.value,
            "ingestion_log_id": log_id,
        }
        self._staged_only = staged_only
        self._wraps_at_wh = wraps_at_wh
        self._has_staged = False
        self._has_due = False
        self._has_registers = False
        self._held: dict[int, _Held] = {}
        self._repeated: set[int] = set()
        self._standing: dict[int, tuple[datetime, datetime]] = {}
        self._ensured: set[str] = set()
        self._partitions: dict[str, str] = {}
        self._changes: dict[tuple[int, str], _Change] = {}
        self._mingled: list[Span] = []
        self.months_made: list[str] = []
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('work_mem', %s, true)", [_WORK_MEMORY])

    # --- block by block

    def parts(self, rows: pl.DataFrame) -> list[Part]:
        """The rows as `add` takes them. Asks nothing of the database: it may run ahead, in a thread of its own."""
        return [self._part(str(month), part) for (month,), part in rows.group_by(_MONTH, maintain_order=True)]

    def _part(self, month: str, rows: pl.DataFrame) -> Part:
        return Part(month, rows, list(encoded(rows.select(COLUMNS), self._constants)), _spans(rows))

    def add(self, part: Part) -> None:
        """Writes these rows, or compares them. No meter and time may come twice, in any two calls."""
        self._has_registers = self._has_registers or part.rows["register_wh"].null_count() < part.rows.height
        self._ensure(part.month, part.rows)
        occupied = pl.col("meter_id").is_in(self._occupied(part.spans))
        standing = part.spans.filter(occupied)
        if standing.is_empty():
            self._write(part)
        elif standing.height == part.spans.height:
            self._compare(part)
        else:
            self._compare(self._part(part.month, part.rows.filter(occupied)))
            self._write(self._part(part.month, part.rows.filter(~occupied)))

    def _occupied(self, spans: pl.DataFrame) -> list[int]:
        """The meters that have readings of earlier loads in the time of these rows."""
        self._look_around(spans["meter_id"].to_list())
        asked: list[Span] = []
        around: dict[int, tuple[datetime, datetime]] = {}
        found: set[int] = set()
        for meter_id, first, last, seconds, offset in spans.select(
            "meter_id", "first", "last", "seconds", "offset"
        ).iter_rows():
            grid = None if offset is None else (seconds, offset)
            held = self._held.get(meter_id)
            around[meter_id] = first, last
            if held is None:
                self._held[meter_id] = _Held(first, last, grid)
                asked.append((meter_id, first, last))
                continue
            if held.grid != grid:
                held.grid = None
            if held.meets_occupied(first, last):
                found.add(meter_id)
            # What lies between the earlier rows was looked at: only what lies before and after them is new.
            if first < held.first:
                asked.append((meter_id, first, held.first - _TICK))
            if last > held.last:
                asked.append((meter_id, held.last + _TICK, last))
            held.first, held.last = min(first, held.first), max(last, held.last)
        if self._staged_only:
            found = set(around)
        else:
            # Where all that was compared last stood already, more will: comparing it finds out, without a look before.
            found |= {one for one in self._repeated & around.keys() if self._stands_around(one, *around[one])}
            found |= self._with_readings([span for span in asked if span[0] not in found])
        for meter_id, part in around.items():
            if meter_id in found:
                self._held[meter_id].occupy(*part)
            else:
                self._held[meter_id].fill(*part)
        return list(found)

    def _look_around(self, meter_ids: Sequence[int]) -> None:
        """Notes between which times new meters have readings. They stay as they are: the caller holds the meters."""
        new = [meter_id for meter_id in meter_ids if meter_id not in self._held]
        if new:
            with connection.cursor() as cursor:
                cursor.execute(statement("standing_spans"), {"meters": new})
                self._standing |= {meter_id: (first, last) for meter_id, first, last in cursor.fetchall()}

    def _stands_around(self, meter_id: int, first: datetime, last: datetime) -> bool:
        """Whether the meter has readings from before the last instant and from after the first."""
        standing = self._standing.get(meter_id)
        return standing is not None and first <= standing[1] and last >= standing[0]

    def _with_readings(self, asked: Sequence[Span]) -> set[int]:
        """The meters that have readings in their spans."""
        spans = [span for span in asked if self._stands_around(*span)]
        if not spans:
            return set()
        meters, firsts, lasts = zip(*spans, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(
                statement("occupied_spans"),
                {
                    "meters": list(meters),
                    "firsts": list(firsts),
                    "lasts": list(lasts),
                    "first": min(firsts),
                    "last": max(lasts),
                },
            )
            return {meter_id for (meter_id,) in cursor.fetchall()}

    def _ensure(self, month: str, rows: pl.DataFrame) -> None:
        """Makes the month where it is missing, and keeps it from leaving."""
        if month in self._ensured:
            return
        times = rows["reading_timestamp"]
        self.months_made += ensure_months(times.min(), times.max())  # type: ignore[arg-type]
        self._ensured.add(month)
        if month not in self._partitions:
            self._partitions = {
                str(found): standing.partition
                for found, standing in read_standings().items()
                if standing.is_attached and standing.partition
            }

    def _write(self, part: Part) -> None:
        """Copies rows to where nothing stands. Into the partition: triggers that look at all rows of a statement make
        PostgreSQL insert row by row through the parent, and many at once into a partition."""
        self._copy(part.tuples, self._partitions[part.month])
        for meter_id, first, end, count in part.spans.select("meter_id", "first", "end", "rows").iter_rows():
            self._note(meter_id, part.month, first, end, count, 0)

    def _compare(self, part: Part) -> None:
        """Finds out with which of the rows something is to be done; `settle` does it."""
        self._stage()
        self._copy(part.tuples, "pg_temp.staged_reading")
        meters, firsts, lasts = (part.spans[name].to_list() for name in ("meter_id", "first", "last"))
        with connection.cursor() as cursor:
            cursor.execute(
                statement("due_readings"),
                {
                    "meters": meters,
                    "firsts": firsts,
                    "lasts": lasts,
                    "first": min(firsts),
                    "last": max(lasts),
                },
            )
            if cursor.rowcount:
                self._has_due = True
                self._repeated.difference_update(meters)
            else:
                self._repeated.update(meters)
            cursor.execute("TRUNCATE pg_temp.staged_reading")

    def _stage(self) -> None:
        """Makes the tables in which readings wait, once."""
        if not self._has_staged:
            with connection.cursor() as cursor:
                cursor.execute(statement("stage_readings"))
            self._has_staged = True

    def _copy(self, tuples: Iterable[bytes], table: str) -> None:
        columns = sql.SQL(", ").join(map(sql.Identifier, (*self._constants, *COLUMNS)))
        query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
            sql.Identifier(*(part.strip('"') for part in table.split("."))), columns
        )
        with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(query) as copy:
            copy.write(HEADER)
            for piece in tuples:
                copy.write(piece)
            copy.write(TRAILER)

    def _note(self, meter_id: int, month: str, first: datetime, end: datetime, new: int, replaced: int) -> None:
        change = self._changes.setdefault((meter_id, month), _Change(first, end))
        change.first, change.end = min(first, change.first), max(end, change.end)
        change.rows_new += new
        change.rows_replaced += replaced

    # --- at the end

    def settle(self, shown: int) -> Settled:
        """Does what is to be done with the rows that were compared; lists `shown` of the statements that came too
        late."""
        older = self._settle_compared(shown) if self._has_due else []
        changes = self._changes.values()
        new, replaced = sum(change.rows_new for change in changes), sum(change.rows_replaced for change in changes)
        corrected = self._complete_registers() if self._has_registers and changes else 0
        return Settled(new, replaced, corrected, older[0][-1] if older else 0, [Older(*row[:4]) for row in older])

    def _settle_compared(self, shown: int) -> list[tuple[int, datetime, datetime, datetime, int]]:
        """Writes what says something new; gives the first of those that came too late, and how many."""
        for meter_id, begin, end in self._write_due()[0]:
            self._mingled.append((meter_id, begin, end))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT meter_id, reading_timestamp, stated_at, standing_since, count(*) OVER ()"
                " FROM pg_temp.due_reading WHERE fate = 'older' ORDER BY reading_timestamp, meter_id LIMIT %s",
                [shown],
            )
            return list(cursor.fetchall())

    def _complete_registers(self) -> int:
        """Makes of registers what one file with all of them would have given; returns how many readings of earlier
        loads are therefore others."""
        firsts = [change.first for change in self._changes.values()]
        ends = [change.end for change in self._changes.values()]
        self._stage()
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE pg_temp.due_reading")
            cursor.execute(
                statement("complete_registers"),
                {
                    "log": self._constants["ingestion_log_id"],
                    "wraps_at_wh": self._wraps_at_wh,
                    "meters": [meter_id for meter_id, _ in self._changes],
                    "firsts": firsts,
                    "ends": ends,
                    "first": min(firsts),
                    "last": max(ends),
                },
            )
            is_any = cursor.rowcount > 0
        return self._write_due()[1] if is_any else 0

    def _write_due(self) -> tuple[list[Span], int]:
        """Does with the due readings what is to be done; gives the spans in which something changed, and how many
        readings were replaced."""
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE pg_temp.due_reading")
            cursor.execute("SELECT min(reading_timestamp), max(reading_timestamp) FROM pg_temp.due_reading")
            first, last = cursor.fetchone()
            cursor.execute(statement("load_readings"), {"first": first, "last": last})
            changes = cursor.fetchall()
        for meter_id, month, begin, end, new, replaced in changes:
            self._note(meter_id, month, begin, end, new, replaced)
        return [(change[0], change[2], change[3]) for change in changes], sum(change[5] for change in changes)

    def overlaps(self, shown: int) -> tuple[list[Overlap], int]:
        """Readings of two lengths for the same time, of which one came with this load: `shown` of them, and how many
        there are. What is wrong already is not this load's."""
        spans = list(self._doubtful())
        if not spans:
            return [], 0
        meters, firsts, lasts = zip(*spans, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(
                statement("overlapping_readings"),
                {
                    "log": self._constants["ingestion_log_id"],
                    "meters": list(meters),
                    "firsts": list(firsts),
                    "lasts": list(lasts),
                    "first": min(firsts) - _LONGEST_DAY,
                    "last": max(lasts) + _LONGEST_DAY,
                    "limit": shown,
                },
            )
            found = cursor.fetchall()
        return [Overlap(*row[:4]) for row in found], found[0][-1] if found else 0

    def _doubtful(self) -> Iterator[Span]:
        """The spans in which a new reading may overlap another: where it came among those that stood; where the file
        has several grids; else at both ends of what was filled straight, for nothing stood in between."""
        for meter_id in self.changed_meters:
            held = self._held[meter_id]
            if held.grid is None:
                yield meter_id, held.first, held.last
                continue
            for first, last in held.free:
                yield meter_id, first, first
                yield meter_id, last, last
        yield from (span for span in self._mingled if self._held[span[0]].grid is not None)

    def write_changes(self) -> None:
        """Writes what changed, for those who compute from readings."""
        if not self._changes:
            return
        meters = [meter_id for meter_id, _ in self._changes]
        changes = list(self._changes.values())
        with connection.cursor() as cursor:
            cursor.execute(
                statement("write_changes"),
                {
                    "organization": self._constants["organization_id"],
                    "project": self._constants["project_id"],
                    "log": self._constants["ingestion_log_id"],
                    "meters": meters,
                    "firsts": [change.first for change in changes],
                    "ends": [change.end for change in changes],
                    "new": [change.rows_new for change in changes],
                    "replaced": [change.rows_replaced for change in changes],
                },
            )

    @property
    def changed_meters(self) -> list[int]:
        """The meters of which something changed."""
        return sorted({meter_id for meter_id, _ in self._changes})

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The starts of the first and the last reading of the file."""
        return (
            min(held.first for held in self._held.values()),
            max(held.last for held in self._held.values()),
        )


def _spans(rows: pl.DataFrame) -> pl.DataFrame:
    """Of each meter: the first and the last start, the last end, how many rows, and seconds and offset where its rows
    share one grid."""
    micros = pl.col("reading_timestamp").to_physical()
    length = pl.col("interval_seconds").cast(pl.Int64) * 1_000_000
    seconds, offset = pl.col("interval_seconds"), micros % length
    is_one_grid = (seconds.min() == seconds.max()) & (offset.min() == offset.max()) & (seconds.max() < SHORTEST_DAY)
    return rows.group_by("meter_id").agg(
        first=pl.col("reading_timestamp").min(),
        last=pl.col("reading_timestamp").max(),
        end=(pl.col("reading_timestamp") + pl.duration(seconds="interval_seconds")).max(),
        rows=pl.len().cast(pl.Int64),
        seconds=seconds.first(),
        offset=pl.when(is_one_grid).then(offset.first()),
    )
