"""Years of maintenance: no reading is refused for want of a month, and none leaves that is younger than 90 days."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from metering.aggregation import roll_up
from metering.archive import query
from metering.maintenance import maintain
from metering.months import ArchiveState, Deed, Month, MonthError, Policy, Standing, plan
from metering.partitions import LEAD
from tests.metering.own_database import own_database
from tests.metering.readings import plant, rows, store
from tests.soak import rounds

DAY = timedelta(days=1)
ZONES = [timezone(timedelta(hours=hours)) for hours in range(-14, 15)]
ZONES += [timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-9, minutes=-30))]
POLICY = Policy()
FIVE_YEARS = 5 * 365 + 2


class World:
    """Months as a database would have them, without one."""

    def __init__(self, now: datetime) -> None:
        self.standings: dict[Month, Standing] = {}
        self.dropped: list[Month] = []
        self.maintain(now)

    def maintain(self, now: datetime) -> None:
        for step in plan(now, self.standings.values(), POLICY):
            before = self.standings.get(step.month, Standing(step.month))
            if step.deed is Deed.MAKE:
                after = replace(before, is_attached=True)
            elif step.deed is Deed.RETIRE:
                assert now - step.month.end >= timedelta(days=90, hours=14), f"{step.month} leaves at {now}"
                after = replace(
                    before, is_attached=False, table_apart="apart", state=ArchiveState.DETACHED, detached_at=now
                )
            else:
                assert step.deed is Deed.DROP
                self.dropped.append(step.month)
                after = replace(before, table_apart="", state=ArchiveState.DROPPED)
            self.standings[step.month] = after

    def takes(self, instant: datetime) -> bool:
        """Whether a reading of this time can be stored."""
        found = self.standings.get(Month.of(instant))
        return found is not None and found.is_attached


@pytest.mark.soak
def test_five_years_of_daily_runs_refuse_no_reading_and_drop_none_too_young() -> None:
    """At each hour of the day, in each zone; each time the scheduler is dead for 60 days somewhere on the way."""
    runs = [(zone, hour) for zone in ZONES for hour in range(24)]
    sample = rounds(len(runs), 31)
    for number in range(sample):
        zone, hour = runs[number * len(runs) // sample]
        start = datetime(2026, 1, 1, hour, number % 60, tzinfo=zone)
        world = World(start)
        dies_on = 100 + number * 37 % (FIVE_YEARS - 300)
        for day in range(FIVE_YEARS):
            now = start + day * DAY
            # Readings of the last 90 days, and of clocks that run ahead, come before this day's run and after it.
            for age in (timedelta(days=90), timedelta(days=45), timedelta(0), -LEAD):
                written = now - age
                if written >= start:
                    assert world.takes(written), f"a reading of {written} is refused on {now}"
            if not dies_on <= day < dies_on + 60:
                world.maintain(now)
        assert len(world.dropped) in (56, 57), f"{zone} at {hour}: {len(world.dropped)} months went"


def test_a_scheduler_dead_for_longer_than_the_months_ahead_is_made_up_for_at_once() -> None:
    start = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
    world = World(start)
    late = start + timedelta(days=400)
    assert not world.takes(late)
    world.maintain(late)
    assert world.takes(late)
    assert world.takes(late + 80 * DAY)


@pytest.mark.parametrize(
    ("now", "leaves"),
    [("2026-05-02T13:59:59+00:00", False), ("2026-05-02T14:00:00+00:00", True), ("2026-05-03T03:59:59+14:00", False)],
    ids=["a second too early", "over for 90 days in UTC-14 too", "the zone of the clock changes nothing"],
)
def test_a_month_leaves_90_days_after_its_end_in_the_last_zone_on_earth(now: str, leaves: bool) -> None:
    january = Standing(Month(2026, 1), is_attached=True)
    steps = plan(datetime.fromisoformat(now), [january], POLICY)
    assert (Deed.RETIRE in {step.deed for step in steps}) is leaves


def test_months_are_made_before_others_go() -> None:
    old = Standing(Month(2025, 1), is_attached=True)
    deeds = [step.deed for step in plan(datetime(2026, 3, 31, tzinfo=UTC), [old], POLICY)]
    assert deeds == [Deed.MAKE] * 4 + [Deed.RETIRE]


def test_a_month_that_came_back_stays_as_long_as_a_new_one() -> None:
    back = datetime(2026, 3, 1, tzinfo=UTC)
    found = Standing(Month(2025, 1), is_attached=True, state=ArchiveState.RESTORED, restored_at=back)
    assert Deed.RETIRE not in {step.deed for step in plan(back + 89 * DAY, [found], POLICY)}
    assert Deed.RETIRE in {step.deed for step in plan(back + 90 * DAY, [found], POLICY)}


def test_a_month_that_was_archived_is_never_archived_over_by_a_partition_made_anew() -> None:
    found = Standing(Month(2025, 1), is_attached=True, state=ArchiveState.DROPPED)
    (step,) = [step for step in plan(datetime(2026, 3, 1, tzinfo=UTC), [found], POLICY) if step.month == found.month]
    assert step.deed is Deed.REPAIR
    assert "restore 2025-01" in step.reason


@pytest.mark.parametrize("label", ["2026-13", "2026-00", "0000-01", "2026-1", "1/2026", "", "2026-01-01"])
def test_what_is_no_month_is_refused(label: str) -> None:
    with pytest.raises(MonthError, match="write it as 2026-01"):
        Month.parse(label)


def test_months_count_across_years() -> None:
    assert Month(2025, 12).plus(1) == Month(2026, 1)
    assert Month(2026, 1).plus(-13) == Month(2024, 12)
    assert Month.of(datetime.fromisoformat("2026-01-01T05:00+05:30")) == Month(2025, 12)
    assert Month(2024, 2).end == datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture
def own(django_db_blocker: DjangoDbBlocker, settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.LAKE = str(tmp_path / "lake")
    with own_database(django_db_blocker):
        yield


@pytest.mark.soak
def test_months_come_and_go_in_the_database_while_readings_arrive(own: None) -> None:
    """Real tables: each step stores readings of now and late ones, rolls them up, and maintains."""
    meter = plant("Asia/Kathmandu")
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    step = timedelta(days=rounds(1, 10))
    stored = 0
    for number in range(rounds(730, 28)):
        now = start + number * step
        # Younger than 90 days by an hour, and of this moment. Twice the same place would be a correction, not late.
        for at in sorted({max(start, now - timedelta(days=90) + timedelta(hours=1)), now}):
            if number == 0 or at > start:
                written = at + timedelta(minutes=15) if at == now else at + timedelta(minutes=30)
                store(meter, written, [(number, 500)])
                stored += 1
                roll_up([meter.pk], written, written)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE meter_reading SET ingested_at = reading_timestamp WHERE ingested_at > %s", [start])
        done = maintain("worker", drop=True, now=now)
        assert not done.problems
        assert not done.blocked, [*map(str, done.blocked)]
        assert done.ahead == 3
        ((first,),) = rows("SELECT min(reading_timestamp) FROM meter_reading")
        assert first is not None
    left = rows("SELECT month, state FROM reading_archive ORDER BY month")
    assert {state for _, state in left} <= {"detached", "dropped"}
    assert len(left) >= 5
    ((attached,),) = rows("SELECT count(*) FROM meter_reading")
    (archived,) = query("SELECT count(*) AS readings FROM meter_reading")["readings"]
    assert attached + archived == stored
