"""Aggregates from the archive in the lake, without the readings in PostgreSQL: the same numbers to the last digit.

What an engine needs beside the files is small and comes from PostgreSQL: which meter lies in which zone, how the zone's
calendar is cut, and which months the files hold. An engine reads the files and runs `lake_aggregates.sql`; it writes
nothing.
"""

import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
from django.db import connection

from core.models import BillingPeriod
from core.periods import Period, start_of_day, union, zone
from metering.errors import MeteringError
from metering.models import Meter
from metering.months import Month
from metering.sql import statement
from metering.storage import ARCHIVE, Lake

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DIFFERENCES_SHOWN = 100
# The name of an engine, and what has to be installed for it.
ENGINES: Final = {"duckdb": "lake", "spark": "spark"}
READING_COLUMNS: Final = (
    "meter_id", "reading_timestamp", "interval_seconds", "energy_wh", "irradiance_wm2", "register_wh", "source_system",
)  # fmt: skip

_FILE = re.compile(
    rf"{ARCHIVE}/organization=(?P<organization>[0-9]+)/month=(?P<month>[0-9]{{4}}-[0-9]{{2}})/[^/]+\.parquet"
)


class EngineError(MeteringError):
    """An engine is unknown or not installed, or there is nothing for it to read."""


@dataclass(frozen=True)
class Source:
    """Files of readings, and the small tables that say how to sum them; instants in microseconds since 1970."""

    lake: Lake
    files: tuple[str, ...]
    tables: dict[str, pa.Table]

    @property
    def uris(self) -> list[str]:
        return [self.lake.uri(name) for name in self.files]


@dataclass(frozen=True)
class Comparison:
    """How many aggregates were compared, how many differ, and the first of these: what is stored and what is made."""

    compared: int
    differing: int
    differences: tuple[str, ...]


Engine = Callable[[Source], Iterator[pa.RecordBatch]]


def engine(name: str) -> Engine:
    """The engine of this name; EngineError where it is not installed."""
    if name not in ENGINES:
        raise EngineError(f"{name!r} is no engine: choose one of {', '.join(ENGINES)}")
    try:
        found: Engine = importlib.import_module(f"metering.engines.{name}_engine").aggregates
    except ModuleNotFoundError as error:
        raise EngineError(
            f"the engine {name} needs {error.name}: install it with `pip install '.[{ENGINES[name]}]'`"
        ) from error
    return found


@cache
def aggregates_statement() -> str:
    """The text of `lake_aggregates.sql`."""
    return (Path(__file__).parent / "lake_aggregates.sql").read_text()


def read_source(lake: Lake, first: datetime, last: datetime) -> Source:
    """The archived months that lie within `first` and `last`, and the calendar of their meters.

    Raises EngineError where the lake holds none.
    """
    held: dict[int, list[Period]] = {}
    files = []
    for name in lake.names(ARCHIVE):
        if (found := _FILE.fullmatch(name)) is None:
            continue
        month = Month.parse(found["month"])
        if month.start >= first and month.end <= last:
            files.append(name)
            held.setdefault(int(found["organization"]), []).append(Period(month.start, month.end))
    if not files:
        raise EngineError(
            f"the archive at {lake.root} holds no whole month from {first:%Y-%m-%d} to {last:%Y-%m-%d}."
            " Archive months with `manage.py partitions apply`, or give another time."
        )
    whole = Period(
        min(period.start for periods in held.values() for period in periods),
        max(period.end for periods in held.values() for period in periods),
    )
    spans = [(organization, span) for organization, periods in held.items() for span in union(periods)]
    tables = {
        "meter": _meters(sorted(held)),
        "held": pa.table(
            {
                "organization_id": pa.array([organization for organization, _ in spans], pa.int64()),
                "starts": _instants(span.start for _, span in spans),
                "ends": _instants(span.end for _, span in spans),
            }
        ),
    }
    zones = sorted(set(tables["meter"]["zone"].to_pylist()))
    return Source(lake, tuple(files), tables | _calendar(zones, whole))


def compare(batches: Iterator[pa.RecordBatch], source: Source) -> Comparison:
    """Compares what an engine gave with the aggregates that are stored for the time that the files hold."""
    held = source.tables["held"].to_pydict()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.lake_aggregate, pg_temp.lake_held")
        cursor.execute("CREATE TEMPORARY TABLE lake_aggregate (LIKE meter_aggregate)")
        for column in ("id", "created_at", "organization_id", "aggregated_at"):
            cursor.execute(f"ALTER TABLE lake_aggregate ALTER COLUMN {column} DROP NOT NULL")
        copied = None
        for frame in frames(batches):
            if copied is None:
                copied = ", ".join(frame.columns)
            with cursor.copy(f"COPY lake_aggregate ({copied}) FROM STDIN (FORMAT csv)") as copy:
                copy.write(frame.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.6f+00"))
        cursor.execute("ANALYZE lake_aggregate")
        cursor.execute(
            statement("compare_aggregates"),
            {
                "organizations": held["organization_id"],
                "starts": [_instant(at) for at in held["starts"]],
                "ends": [_instant(at) for at in held["ends"]],
                "limit": DIFFERENCES_SHOWN,
            },
        )
        found = cursor.fetchall()
        cursor.execute("DROP TABLE lake_aggregate")
    compared, differing = found[0][0], found[0][1]
    return Comparison(compared, differing, tuple(row[2] for row in found if row[2] is not None))


def write_csv(batches: Iterator[pa.RecordBatch], path: str) -> int:
    """Writes what an engine gives as CSV with a header line; returns how many rows. Instants are UTC."""
    rows = 0
    with Path(path).open("wb") as target:
        for frame in frames(batches):
            target.write(frame.write_csv(include_header=not rows, datetime_format="%Y-%m-%d %H:%M:%SZ").encode())
            rows += frame.height
    return rows


def frames(batches: Iterator[pa.RecordBatch]) -> Iterator[pl.DataFrame]:
    """What an engine gives, with instants in UTC."""
    for batch in batches:
        frame = pl.DataFrame(pl.from_arrow(batch))
        yield frame.with_columns(pl.from_epoch(pl.col("period_start", "period_end"), "us").dt.replace_time_zone("UTC"))


def _meters(organizations: list[int]) -> pa.Table:
    rows = Meter.objects.filter(project__organization__in=organizations).order_by("pk")
    found = list(rows.values_list("pk", "project__organization", "project__time_zone"))
    return pa.table(
        {
            "meter_id": pa.array([meter for meter, _, _ in found], pa.int64()),
            "organization_id": pa.array([organization for _, organization, _ in found], pa.int64()),
            "zone": pa.array([name for _, _, name in found], pa.string()),
        }
    )


def _calendar(zone_names: Sequence[str], whole: Period) -> dict[str, pa.Table]:
    """Stretches, hours, days and the days of billing periods of each zone, with a month to spare at both ends."""
    stretches: list[tuple[str, datetime, datetime]] = []
    hours: list[tuple[str, datetime, datetime, datetime]] = []
    days: list[tuple[str, datetime, datetime, datetime, datetime]] = []
    billing: list[tuple[str, datetime, int, datetime, datetime]] = []
    first, last = whole.start.date() - 32 * DAY, whole.end.date() + 32 * DAY
    periods = list(BillingPeriod.objects.filter(start_date__lte=last, end_date__gte=first).order_by("pk"))
    for name in zone_names:
        begun = len(stretches)
        for day in (first + n * DAY for n in range((last - first).days)):
            start, end = _start(day, name), _start(day + DAY, name)
            if start == end:
                continue
            month = day.replace(day=1)
            days.append((name, start, end, _start(month, name), _start((month + 32 * DAY).replace(day=1), name)))
            hours += [(name, at, min(at + HOUR, end), start) for at in _hours(start, end)]
            if len(stretches) > begun and stretches[-1][1].minute == start.minute:
                stretches[-1] = (name, stretches[-1][1], end)
            else:
                stretches.append((name, start, end))
            billing += [
                (name, start, period.pk, _start(period.start_date, name), _start(period.end_date + DAY, name))
                for period in periods
                if period.start_date <= day <= period.end_date
            ]
    return {
        "stretch": _table(["zone", "starts", "ends"], stretches),
        "hour": _table(["zone", "period_start", "period_end", "day_start"], hours),
        "day": _table(["zone", "period_start", "period_end", "month_start", "month_end"], days),
        "billing": _table(["zone", "day_start", "billing_period_id", "period_start", "period_end"], billing),
    }


@cache
def _start(day: date, zone_name: str) -> datetime:
    return start_of_day(day, zone(zone_name))


def _hours(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += HOUR


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> pa.Table:
    """Rows of zone names, numbers and instants."""
    kinds = {"zone": pa.string()}
    return pa.table(
        {
            name: pa.array([_plain(row[place]) for row in rows], kinds.get(name, pa.int64()))
            for place, name in enumerate(columns)
        }
    )


def _plain(value: object) -> object:
    return (value - EPOCH) // MICROSECOND if isinstance(value, datetime) else value


def _instants(values: Iterable[datetime]) -> pa.Array:
    return pa.array([_plain(at) for at in values], pa.int64())


def _instant(microseconds: int) -> datetime:
    return EPOCH + microseconds * MICROSECOND
