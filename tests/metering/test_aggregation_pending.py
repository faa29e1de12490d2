"""What an import touched is made anew, and nothing is lost where a process dies in between."""

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from core.models.vocabulary import UpdatedFrequency
from metering.aggregation import roll_up_all, roll_up_pending
from metering.models import Meter, MeterAggregate, MeterReading, ReadingChange
from metering.partitions import EARLIEST
from tests.factories import ReadingChangeFactory
from tests.metering.readings import QUARTER, Rows, plant, rows, store, versions
from tests.soak import rounds

MIDNIGHT = datetime(2009, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KILLED = Path(__file__).parent.parent / "database" / "killed.py"
NUMBERS = (
    "SELECT meter_id, period_type, period_start, period_end, energy_wh, seconds_available, seconds_unknown"
    " FROM meter_aggregate ORDER BY meter_id, period_type, period_start, period_end"
)


def changed(meter: Meter, start: datetime, end: datetime) -> ReadingChange:
    """An import that touched this span."""
    return ReadingChangeFactory.create(meter=meter, period_start=start, period_end=end)


def rebuilt() -> Rows:
    MeterAggregate.objects.all().delete()
    roll_up_all(EARLIEST, datetime.now(UTC))
    return rows(NUMBERS)


@pytest.mark.django_db
def test_only_what_was_touched_is_made_anew() -> None:
    meter, other = plant("Asia/Kolkata"), plant()
    for one in (meter, other):
        store(one, MIDNIGHT, [(1, 500)] * 24 * 40, UpdatedFrequency.HOURLY)
    roll_up_all(EARLIEST, datetime.now(UTC))
    before = {row[1]: row for row in versions("meter_aggregate")}
    MeterReading.objects.filter(reading_timestamp__in=[MIDNIGHT + 5 * DAY, MIDNIGHT + 9 * DAY]).update(energy_wh=3)
    changed(meter, MIDNIGHT + 5 * DAY, MIDNIGHT + 5 * DAY + HOUR)
    assert roll_up_pending() == 3
    after = {row[1]: row for row in versions("meter_aggregate")}
    touched = MeterAggregate.objects.filter(pk__in=[pk for pk, row in after.items() if before.get(pk) != row])
    assert {(span.meter_id, span.period_type) for span in touched} == {
        (meter.pk, "hourly"),
        (meter.pk, "daily"),
        (meter.pk, "monthly"),
    }
    assert {span.energy_wh for span in touched} == {3, 24 + 2, 30 * 24 + 19 + 2}
    assert roll_up_pending() == 0


@pytest.mark.django_db
def test_changes_are_marked_by_the_clock_and_once() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(1, 500)] * 4)
    change = changed(meter, MIDNIGHT, MIDNIGHT + HOUR)
    [(begun,)] = rows("SELECT clock_timestamp()")
    assert roll_up_pending() == 3
    change.refresh_from_db()
    assert change.aggregated_at is not None
    assert change.aggregated_at > begun
    marked = versions("reading_change")
    assert roll_up_pending() == 0
    assert versions("reading_change") == marked


@pytest.mark.django_db
def test_changes_within_one_hour_make_it_once() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(1, 500)] * 96)
    for start, end in ((0, 1), (2, 7), (9, 10), (11, 30)):
        changed(meter, MIDNIGHT + start * QUARTER, MIDNIGHT + end * QUARTER)
    roll_up_pending()
    assert set(MeterAggregate.objects.filter(period_type="hourly").values_list("energy_wh", flat=True)) == {4}
    assert MeterAggregate.objects.filter(period_type="hourly").count() == 8


@pytest.mark.django_db
def test_named_meters_alone_are_made() -> None:
    one, other = plant(), plant()
    for meter in (one, other):
        store(meter, MIDNIGHT, [(1, 500)])
        changed(meter, MIDNIGHT, MIDNIGHT + HOUR)
    assert roll_up_pending([other.pk]) == 3
    assert list(ReadingChange.objects.filter(aggregated_at=None).values_list("meter", flat=True)) == [one.pk]


@pytest.mark.django_db
def test_hours_that_lost_their_readings_go() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(1, 500)] * 8)
    changed(meter, MIDNIGHT, MIDNIGHT + 2 * HOUR)
    roll_up_pending()
    MeterReading.objects.filter(reading_timestamp__gte=MIDNIGHT + HOUR).delete()
    changed(meter, MIDNIGHT, MIDNIGHT + 2 * HOUR)
    assert roll_up_pending() == 3
    assert MeterAggregate.objects.get(period_type="daily").energy_wh == 4
    assert MeterAggregate.objects.filter(period_type="hourly").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_meter_that_another_process_is_at_is_left_to_it_unless_it_is_named() -> None:
    held, free = plant(), plant()
    for meter in (held, free):
        store(meter, MIDNIGHT, [(1, 500)])
        changed(meter, MIDNIGHT, MIDNIGHT + HOUR)
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as elsewhere:
        elsewhere.execute("SELECT FROM meter WHERE id = %s FOR NO KEY UPDATE", [held.pk])
    assert roll_up_pending() == 3
    assert list(ReadingChange.objects.filter(aggregated_at=None).values_list("meter", flat=True)) == [held.pk]

    other.inc_thread_sharing()
    release = threading.Timer(0.3, other.rollback)
    release.start()
    assert roll_up_pending([held.pk]) == 3
    release.join()
    other.close()


@pytest.mark.django_db(transaction=True)
def test_several_connections_make_what_one_makes() -> None:
    meters = [plant(time_zone) for time_zone in ("UTC", "Asia/Kolkata", "Australia/Lord_Howe")]
    for number, meter in enumerate(meters):
        store(meter, MIDNIGHT, [(n % 7 + number, 500) for n in range(96 * 3)])
    written = roll_up_all(EARLIEST, datetime.now(UTC), jobs=2)
    found = rows(NUMBERS)
    assert written == len(found)
    assert rebuilt() == found


@pytest.fixture
def imports() -> list[Meter]:
    """Readings and changes that no aggregate knows of yet."""
    meters = [plant("Asia/Kolkata") for _ in range(3)]
    for meter in meters:
        store(meter, MIDNIGHT, [(n % 5, 500) for n in range(24 * 40)], UpdatedFrequency.HOURLY)
        changed(meter, MIDNIGHT, MIDNIGHT + 20 * DAY)
        changed(meter, MIDNIGHT + 20 * DAY, MIDNIGHT + 40 * DAY)
    return meters


@pytest.mark.soak
@pytest.mark.django_db(transaction=True)
def test_a_killed_process_loses_nothing(imports: list[Meter], tmp_path: Path) -> None:
    def run(at: str) -> int:
        settings = connection.settings_dict
        address = f"{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"
        environment = os.environ | {
            "DATABASE_URL": f"postgresql://{settings['USER']}:{settings['PASSWORD']}@{address}",
            "COUNT": str(tmp_path / "count"),
        }
        command = [sys.executable, str(KILLED), at, "aggregate_readings", "--pending"]
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode

    expected = rebuilt()
    MeterAggregate.objects.all().delete()
    assert run("0") == 0
    statements = int((tmp_path / "count").read_text())
    points = [n / 2 for n in range(2, 2 * statements + 1)]
    for round_number in range(rounds(len(points), 3)):
        point = points[round_number * len(points) // rounds(len(points), 3)]
        MeterAggregate.objects.all().delete()
        ReadingChange.objects.update(aggregated_at=None)
        assert run(str(point)) == -signal.SIGKILL
        # Whoever was marked has its aggregates; whoever was not is still to be found.
        marked = set(ReadingChange.objects.exclude(aggregated_at=None).values_list("meter", flat=True))
        assert marked == set(MeterAggregate.objects.values_list("meter", flat=True))
        roll_up_pending()
        assert not ReadingChange.objects.filter(aggregated_at=None).exists()
        assert rows(NUMBERS) == expected
