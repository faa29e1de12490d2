"""From a meter file to readings: whole or not at all, once, and with an account of what became of it."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from core.models import DataSource
from core.periods import start_of_day, zone
from metering.aggregation import roll_up
from metering.errors import AlreadyLoaded, BadFile, FormatError, MappingError, MeteringError, Problem
from metering.formats import KNOWN_FORMATS, parse
from metering.formats.canonical import INTERVAL_SECONDS, SCHEMA, Block
from metering.formats.mapping import ColumnMapping
from metering.models import Meter, SourceSystem
from metering.partitions import EARLIEST, LEAD, ensure_months
from metering.sql import statement

STAGED_COLUMNS = ", ".join(SCHEMA)
PROBLEMS_SHOWN = 100
WRITTEN = "%Y-%m-%d %H:%M:%SZ"


@dataclass(frozen=True)
class Ingested:
    """What a file brought. Instants are the starts of the first and the last interval."""

    file_name: str
    log_id: int
    rows_in_file: int
    rows_loaded: int
    rows_replaced: int
    rows_unchanged: int
    rows_missing: int
    first_reading_at: datetime
    last_reading_at: datetime
    months_made: Sequence[str]
    aggregates_written: int

    def __str__(self) -> str:
        return (
            f"{self.file_name}: {self.rows_in_file:,} readings from {self.first_reading_at:%Y-%m-%d %H:%M} to"
            f" {self.last_reading_at:%Y-%m-%d %H:%M} UTC; {self.rows_loaded:,} new, {self.rows_replaced:,} replaced,"
            f" {self.rows_unchanged:,} unchanged, {self.rows_missing:,} of them missing;"
            f" {self.aggregates_written:,} aggregates written."
        )


def ingest(
    path: Path,
    meter: Meter,
    mapping: Mapping[str, object],
    file_format: str = "csv",
    source: SourceSystem = SourceSystem.MANUAL,
) -> Ingested:
    """Loads a file of readings of one meter and brings the aggregates it touches up to date, in one transaction.

    Either every reading of the file is stored or none is, and `ingestion_log` says which and why. A file whose
    content was loaded before for the organization is refused with `AlreadyLoaded`; one that was refused may be
    tried again. Raises `BadFile` where the file or its mapping is wrong, `FormatError` for an unknown format.
    """
    if file_format not in KNOWN_FORMATS:
        raise FormatError(file_format, KNOWN_FORMATS)
    content_hash, size = _fingerprint(path)
    organization_id = meter.project.organization_id
    log_id = _open_account(organization_id, source, path, size, file_format, content_hash)
    with _account(log_id, path), transaction.atomic():
        _refuse_second_load(organization_id, content_hash, path)
        columns = ColumnMapping.from_json(mapping)
        if columns.interval == "daily" and columns.energy is None:
            raise MappingError(["energy is missing: a local day has 23 to 25 hours, its mean power is no energy"])
        rows_in_file = _stage(path, columns, file_format)
        first, last, missing = _check_staged(path)
        if columns.interval == "daily":
            _check_days(path, meter.project.time_zone)
        months_made = ensure_months(first, last)
        new, replaced = _load(meter, columns.interval, source)
        _check_overlaps(path, meter, first, last)
        written = roll_up([meter.pk], first, last)
        unchanged = rows_in_file - new - replaced
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE ingestion_log SET rows_in_file = %s, rows_valid = %s WHERE id = %s",
                [rows_in_file, rows_in_file, log_id],
            )
            cursor.execute(
                "SELECT complete_ingestion_log_success(%s, %s, %s, %s, %s)",
                [log_id, new + replaced, unchanged, first, last],
            )
    return Ingested(
        path.name, log_id, rows_in_file, new, replaced, unchanged, missing, first, last, months_made, written
    )


def _fingerprint(path: Path) -> tuple[str, int]:
    """SHA-256 and size in bytes."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size
    except OSError as error:
        raise MeteringError(f"{path} cannot be read: {error.strerror}. Nothing was loaded.") from error


def _open_account(
    organization_id: int, source: SourceSystem, path: Path, size: int, file_format: str, content_hash: str
) -> int:
    data_source = DataSource.objects.filter(name=source.value).first()
    if data_source is None:
        raise MeteringError(f"the data source {source.value!r} is missing: run `manage.py load_reference_data` first")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT start_ingestion_log(%s, %s, %s, %s, %s, %s)",
            [organization_id, data_source.pk, str(path), size, file_format, content_hash],
        )
        return int(cursor.fetchone()[0])


@contextmanager
def _account(log_id: int, path: Path) -> Iterator[None]:
    """Closes the account of a file that was not loaded, whatever kept it out, and lets the reason pass on."""
    try:
        yield
    except AlreadyLoaded as error:
        _close_account(log_id, "skipped", str(error))
        raise
    except BadFile as error:
        _close_account(log_id, "quarantined", str(error), error.problems, error.total)
        raise
    except MappingError as error:
        problems = [Problem(1, None, "", f"the column mapping cannot be used: {text}") for text in error.problems]
        refusal = BadFile(path.name, problems, len(problems))
        _close_account(log_id, "quarantined", str(refusal), refusal.problems, refusal.total)
        raise refusal from error
    except (MeteringError, DatabaseError) as error:
        _close_account(log_id, "error", str(error))
        raise


def _close_account(
    log_id: int, status: str, message: str, problems: Sequence[Problem] = (), total: int | None = None
) -> None:
    # PostgreSQL keeps no NUL in text, and a broken file may well hold one.
    details = [
        {
            "line": problem.line,
            "column": problem.column,
            "value": problem.value.replace("\0", "�"),
            "cause": problem.cause,
        }
        for problem in problems
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        if status == "quarantined":
            cursor.execute(
                "SELECT complete_ingestion_log_quarantine(%s, %s, %s)", [log_id, json.dumps(details), message]
            )
            cursor.execute("UPDATE ingestion_log SET rows_failed = %s WHERE id = %s", [total, log_id])
        else:
            cursor.execute(
                "UPDATE ingestion_log SET ingestion_status = %s, error_message = %s, rows_loaded = 0,"
                " processing_completed_at = clock_timestamp() WHERE id = %s",
                [status, message, log_id],
            )


def _refuse_second_load(organization_id: int, content_hash: str, path: Path) -> None:
    """Lets one load of the same content pass at a time, and none after one that succeeded."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [content_hash, organization_id])
        cursor.execute(
            "SELECT id, file_name, processing_completed_at FROM ingestion_log"
            " WHERE organization_id = %s AND file_hash = %s AND ingestion_status = 'success'",
            [organization_id, content_hash],
        )
        loaded = cursor.fetchone()
    if loaded:
        log_id, name, at = loaded
        raise AlreadyLoaded(
            f"{path.name} was already loaded on {at:%Y-%m-%d %H:%M} UTC as {name} (ingestion log {log_id})."
            " Nothing was changed."
        )


def _stage(path: Path, columns: ColumnMapping, file_format: str) -> int:
    """Copies the file's readings to a temporary table; returns how many the file gives, repeated ones included."""
    rows = 0
    with connection.cursor() as cursor, path.open("rb") as stream:
        # The caller's transaction may hold that of an earlier file.
        cursor.execute("DROP TABLE IF EXISTS pg_temp.staged_reading")
        cursor.execute(
            """
            CREATE TEMPORARY TABLE staged_reading (
                line               bigint,
                reading_timestamp  timestamptz,
                energy_wh          numeric(24,9),
                power_w            numeric(24,9),
                irradiance_wm2     numeric(12,6),
                temperature_c      numeric(12,6),
                external_device_id varchar(255),
                quality            varchar(20)
            ) ON COMMIT DROP
            """
        )
        with cursor.copy(f"COPY staged_reading ({STAGED_COLUMNS}) FROM STDIN (FORMAT csv)") as copy:
            for block in parse(file_format, stream, columns, path.name):
                copy.write(_as_csv(block))
                rows += block.readings.height + block.repeated
    return rows


def _as_csv(block: Block) -> str:
    return block.readings.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.6f+00")


def _check_staged(path: Path) -> tuple[datetime, datetime, int]:
    """First and last instant and the number of missing readings; `BadFile` for what no column can tell alone."""
    latest = timezone.now() + LEAD
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT line, reading_timestamp, count(*) OVER () FROM staged_reading"
            " WHERE reading_timestamp < %s OR reading_timestamp > %s ORDER BY line LIMIT %s",
            [EARLIEST, latest, PROBLEMS_SHOWN],
        )
        outside = cursor.fetchall()
        if outside:
            cause = f"the time is before {EARLIEST:%Y} or after tomorrow: a clock that was not set, or a typing error"
            problems = [Problem(line, None, f"{at:{WRITTEN}}", cause) for line, at, _ in outside]
            raise BadFile(path.name, problems, outside[0][2])

        cursor.execute(
            "SELECT external_device_id, min(line) FROM staged_reading GROUP BY 1 ORDER BY 2 LIMIT %s", [PROBLEMS_SHOWN]
        )
        devices = cursor.fetchall()
        if len(devices) > 1:
            cause = "a second device begins here: load one meter's readings at a time"
            problems = [Problem(line, None, device or "no device", cause) for device, line in devices[1:]]
            raise BadFile(path.name, problems, len(problems))

        cursor.execute(
            "SELECT min(reading_timestamp), max(reading_timestamp), count(*) FILTER (WHERE quality = 'missing')"
            " FROM staged_reading"
        )
        first, last, missing = cursor.fetchone()
    return first, last, missing


def _check_days(path: Path, time_zone: str) -> None:
    """`BadFile` where a day of the file is not a day of the project."""
    local = zone(time_zone)
    with connection.cursor() as cursor:
        cursor.execute("SELECT line, reading_timestamp FROM staged_reading ORDER BY line")
        days = cursor.fetchall()
    cause = f"no day begins then in {time_zone}, the time zone of the project: days cannot be cut anew"
    problems = [
        Problem(line, None, f"{at:{WRITTEN}}", cause)
        for line, at in days
        if start_of_day(at.astimezone(local).date(), local) != at
    ]
    if problems:
        raise BadFile(path.name, problems[:PROBLEMS_SHOWN], len(problems))


def _check_overlaps(path: Path, meter: Meter, first: datetime, last: datetime) -> None:
    """`BadFile` where the meter now has readings of two lengths for the same time: their energy would count twice."""
    with connection.cursor() as cursor:
        cursor.execute(
            statement("overlapping_readings"),
            {"meter": meter.pk, "first": first, "last": last, "limit": PROBLEMS_SHOWN},
        )
        found = cursor.fetchall()
    if found:
        problems = [
            Problem(
                line, None, "", f"the {interval} reading of {at:{WRITTEN}} lasts into the next one, of {then:{WRITTEN}}"
            )
            for line, at, interval, then, _ in found
        ]
        raise BadFile(path.name, problems, found[0][-1])


def _load(meter: Meter, interval: str, source: SourceSystem) -> tuple[int, int]:
    """Moves the staged readings into the table; returns how many are new and how many replaced another value.

    Loads of one meter take turns from here on: what they must not overlap with is committed.
    """
    Meter.objects.select_for_update(no_key=True).get(pk=meter.pk)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE staged_reading")
        cursor.execute(
            statement("load_readings"),
            {
                "organization": meter.project.organization_id,
                "project": meter.project_id,
                "meter": meter.pk,
                "source": source.value,
                "interval": interval,
                # Not every local day has as many: mean power of a day stays power.
                "seconds": None if interval == "daily" else INTERVAL_SECONDS[interval],
            },
        )
        new, replaced = cursor.fetchone()
    return new, replaced
