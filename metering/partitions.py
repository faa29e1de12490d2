"""The months of `meter_reading`: which exist, and making those that readings need."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper
from psycopg.errors import ObjectNotInPrerequisiteState

from database.schedulers import months_ahead
from metering.months import Month, MonthArchived, Standing
from metering.standings import keep_months, read_standings, record_run

# Before this no plant that is judged here was metered; a reading from 1970 is a clock that was never set.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# How far a clock may run ahead before its readings are taken for a typing error.
LEAD = timedelta(days=1)


def existing_months() -> frozenset[str]:
    """The names of the partitions that are attached, those of an interrupted detachment left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'meter_reading'::regclass AND NOT inhdetachpending"
        )
        return frozenset(name for (name,) in cursor.fetchall())


def ensure_months(first: datetime, last: datetime) -> list[str]:
    """Makes the partitions from the month of `first` to that of `last`, both included; returns the new ones.

    Until the transaction ends none of these months leaves the table. Raises `MonthArchived` for months that left
    already: a late reading without those around it would spoil what was computed from them.
    Months are months of UTC. Whoever calls has made sure that the span is sane: each month makes a table.
    """
    months = Month.span(first, last)
    standings = keep_months(months)
    # Makers of months take turns until their transactions end; who needs none must not wait for them.
    missing = [month for month in months if month not in standings or not standings[month].is_attached]
    with connection.cursor() as cursor:
        for month in missing:
            make_month(cursor, month)
    if missing:
        record_run("ingestion", ahead_of(read_standings(), datetime.now(UTC)), made=missing)
    return [month.partition for month in missing]


def make_month(cursor: CursorWrapper, month: Month) -> None:
    """Makes one month, unless it exists. `MonthArchived` where the database has its readings in the archive."""
    try:
        cursor.execute("SELECT create_meter_reading_partition(%s)", [month.start.date()])
    except OperationalError as error:
        if isinstance(error.__cause__, ObjectNotInPrerequisiteState):
            raise MonthArchived([month]) from error
        raise


def ahead_of(standings: Mapping[Month, Standing], now: datetime) -> int:
    """How many whole months after this one are ready."""
    return months_ahead({f"{month}-01" for month, found in standings.items() if found.is_attached}, now)
