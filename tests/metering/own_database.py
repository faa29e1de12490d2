"""A database of their own for tests of what cannot be undone by a rollback: months that are detached and dropped."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection
from pytest_django import DjangoDbBlocker

from database.scratch import Database, scratch_database
from metering.aggregation import roll_up
from metering.maintenance import maintain
from metering.models import Meter
from metering.months import ArchiveState, Month
from metering.standings import read_standing, read_standings
from tests.metering.readings import plant, store
from tests.template import prepare_template


@contextmanager
def own_database(blocker: DjangoDbBlocker) -> Iterator[Database]:
    """Has Django's default connection lead to a fresh copy of the schema, until the block ends."""
    with blocker.unblock():
        connection.close()
        before = connection.settings_dict["NAME"]
        server = Database.of(connection)
        with scratch_database(server, prepare_template(server).name) as database:
            connection.settings_dict["NAME"] = database.name
            try:
                yield database
            finally:
                connection.close()
                connection.settings_dict["NAME"] = before


def settled_month(month: Month, meter: Meter | None = None) -> Meter:
    """A meter with a day of readings in a month, written long ago and rolled up."""
    meter = meter or plant()
    store(meter, month.start, [(number, 500) for number in range(96)])
    settle(meter, month)
    return meter


def settle(meter: Meter, month: Month) -> None:
    """Makes the aggregates of a month, and its readings as old as they would be."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE meter_reading SET ingested_at = reading_timestamp + interval '1 hour'"
            " WHERE reading_timestamp >= %s AND reading_timestamp < %s",
            [month.start, month.end],
        )
    roll_up([meter.pk], month.start, month.end)


def retired(month: Month, dropped: bool = False, meter: Meter | None = None, at: datetime | None = None) -> None:
    """Has a month archived and detached, and dropped where that is asked for."""
    if meter is not None:
        settle(meter, month)
    now = at or datetime.now(UTC)
    for step in range(2 if dropped else 1):
        done = maintain(drop=True, now=now + step * timedelta(days=8))
        assert not done.problems
        assert not done.blocked, [*map(str, done.blocked)]
    state = read_standing(month).state
    assert state is (ArchiveState.DROPPED if dropped else ArchiveState.DETACHED), state


def clean_months() -> None:
    """Takes away what a test left of readings, their months and what was made of them; lookups and meters stay."""
    this = Month.of(datetime.now(UTC))
    with connection.cursor() as cursor:
        for month, found in read_standings().items():
            for table in filter(None, {found.partition, found.table_apart}):
                kept = found.is_attached and this <= month <= this.plus(3)
                cursor.execute(f"DELETE FROM {table}" if kept else f"DROP TABLE {table}")
        for table in (
            *("reading_archive_file", "reading_archive", "reading_change", "meter_aggregate"),
            *("notification", "rule_output", "default_event", "frontier_ops.partition_run"),
        ):
            cursor.execute(f"DELETE FROM {table}")
