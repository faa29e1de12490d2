"""Hours, days and months: exact sums over the local calendar, however the readings came in."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.models.vocabulary import UpdatedFrequency
from core.periods import day_in_zone
from metering.aggregation import roll_up, roll_up_all
from metering.models import Meter, MeterAggregate, MeterReading
from metering.partitions import EARLIEST
from tests.factories import (
    BillingPeriodFactory,
    MeterAggregateFactory,
    MeterFactory,
    ProjectFactory,
    ReadingArchiveFactory,
)
from tests.metering.readings import QUARTER, Rows, plant, put, rows, store, versions

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MIDNIGHT = datetime(2009, 3, 1, tzinfo=UTC)
ALL_COLUMNS = (
    "SELECT meter_id, period_type, period_start, period_end, billing_period_id, energy_wh, energy_kwh,"
    " total_production, total_consumption, seconds_available, seconds_expected, seconds_unknown, hours_available,"
    " hours_expected, availability_percent, reading_count, data_completeness_percent, source_system"
    " FROM meter_aggregate WHERE meter_id = %s ORDER BY period_type, period_start"
)


def roll_up_readings(meter: Meter) -> int:
    """Rolls up everything that the meter has."""
    starts = MeterReading.objects.filter(meter=meter).values_list("reading_timestamp", flat=True)
    return roll_up([meter.pk], min(starts), max(starts))


def aggregates(meter: Meter, period_type: str) -> list[MeterAggregate]:
    return list(MeterAggregate.objects.filter(meter=meter, period_type=period_type).order_by("period_start"))


def only(meter: Meter, period_type: str) -> MeterAggregate:
    return MeterAggregate.objects.get(meter=meter, period_type=period_type)


def seconds(aggregate: MeterAggregate) -> int:
    """The length of the span."""
    return (aggregate.period_end - aggregate.period_start) // timedelta(seconds=1)


# --- sums


def test_hours_days_and_months_sum_exactly() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(Decimal(n) / 1_000_000_000, 500) for n in range(4 * 24 * 32)])
    roll_up_readings(meter)
    for period_type, each in (("hourly", HOUR), ("daily", DAY)):
        for number, span in enumerate(aggregates(meter, period_type)):
            first = number * (each // QUARTER)
            expected = sum(Decimal(n) / 1_000_000_000 for n in range(first, first + each // QUARTER))
            assert (span.period_start, span.period_end) == (MIDNIGHT + number * each, MIDNIGHT + (number + 1) * each)
            assert span.energy_wh == expected
            assert span.energy_kwh == expected / 1000
    march, april = aggregates(meter, "monthly")
    assert march.energy_wh == sum(Decimal(n) / 1_000_000_000 for n in range(4 * 24 * 31))
    assert (march.reading_count, april.reading_count) == (4 * 24 * 31, 4 * 24)
    assert (march.data_completeness_percent, april.data_completeness_percent) == (Decimal(100), Decimal("3.33"))


def test_net_energy_keeps_the_consumption_of_the_night() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(-3, 0), (-2, 0), (10, 500), (0, 500)])
    roll_up_readings(meter)
    for period_type in ("hourly", "daily", "monthly"):
        span = only(meter, period_type)
        assert span.energy_wh == 5
        assert (span.total_production, span.total_consumption) == (Decimal("0.010"), Decimal("0.005"))


def test_nothing_known_is_not_zero() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(None, 500)] * 4)
    roll_up_readings(meter)
    for period_type in ("hourly", "daily", "monthly"):
        span = only(meter, period_type)
        assert (span.energy_wh, span.total_production, span.total_consumption) == (None, None, None)
        assert (span.reading_count, span.seconds_unknown) == (0, seconds(span))
        assert (span.data_completeness_percent, span.availability_percent) == (Decimal(0), None)


def test_availability_counts_useful_seconds_alone() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(10, 100), (0, 600), (0, 99), (None, 600), (5, None), (-1, 600), (7, 600)])
    roll_up_readings(meter)
    day = only(meter, "daily")
    assert (day.seconds_available, day.seconds_expected) == (2 * 900, 4 * 900)
    assert day.availability_percent == 50
    assert day.seconds_unknown == 86_400 - 6 * 900
    assert (day.hours_available, day.hours_expected) == (Decimal("0.5"), Decimal(1))


def test_hours_that_never_came_are_unknown_time_of_the_day() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(1, 500)] * 6)
    store(meter, MIDNIGHT + 20 * HOUR, [(1, 500)] * 4)
    roll_up_readings(meter)
    first, second, evening = aggregates(meter, "hourly")
    assert [first.seconds_unknown, second.seconds_unknown, evening.seconds_unknown] == [0, 1800, 0]
    assert only(meter, "daily").seconds_unknown == 86_400 - 10 * 900
    assert only(meter, "daily").data_completeness_percent == Decimal("10.42")
    assert only(meter, "monthly").seconds_unknown == 31 * 86_400 - 10 * 900


def test_a_month_knows_its_billing_period() -> None:
    meter = plant("America/Phoenix")
    march = BillingPeriodFactory.create(start_date=date(2009, 3, 1), end_date=date(2009, 3, 31))
    store(meter, MIDNIGHT, [(1, 500)] * 29)  # the last one is of March in Phoenix
    roll_up_readings(meter)
    assert [month.billing_period for month in aggregates(meter, "monthly")] == [None, march]
    assert {day.billing_period for day in aggregates(meter, "daily")} == {None}


# --- readings of other lengths


def test_hourly_readings_fill_their_hours() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(1000, 500), (None, 500), (500, 50)], UpdatedFrequency.HOURLY)
    roll_up_readings(meter)
    assert [hour.energy_kwh for hour in aggregates(meter, "hourly")] == [1, None, Decimal("0.5")]
    assert [hour.seconds_unknown for hour in aggregates(meter, "hourly")] == [0, 3600, 0]
    day = only(meter, "daily")
    assert (day.seconds_available, day.seconds_expected, day.seconds_unknown) == (3600, 3600, 22 * 3600)


def test_daily_readings_make_days_without_hours_and_tell_nothing_about_availability() -> None:
    meter = plant("America/New_York")
    new_york = ZoneInfo("America/New_York")
    days = [day_in_zone(date(2009, 3, 7) + n * DAY, new_york).start for n in range(3)]
    put(meter, [(start, 1000, 300) for start in days], UpdatedFrequency.DAILY)
    roll_up_readings(meter)
    assert aggregates(meter, "hourly") == []
    assert [seconds(day) for day in aggregates(meter, "daily")] == [86_400, 82_800, 86_400]
    for day in aggregates(meter, "daily"):
        assert (day.energy_wh, day.seconds_unknown, day.data_completeness_percent) == (Decimal(1000), 0, Decimal(100))
        assert (day.seconds_expected, day.availability_percent) == (0, None)
    month = only(meter, "monthly")
    assert month.energy_wh == 3000
    assert month.seconds_unknown == seconds(month) - (86_400 + 82_800 + 86_400)


def test_a_meter_may_change_from_days_to_hours() -> None:
    meter = plant()
    put(meter, [(MIDNIGHT, 1000, None)], UpdatedFrequency.DAILY)
    store(meter, MIDNIGHT + DAY, [(100, 500)] * 24, UpdatedFrequency.HOURLY)
    roll_up_readings(meter)
    assert [day.energy_wh for day in aggregates(meter, "daily")] == [1000, 2400]
    assert only(meter, "monthly").energy_wh == 3400


@pytest.mark.parametrize("interval, each", [(UpdatedFrequency.FIVE_MINUTES, 300), (UpdatedFrequency.HALF_HOUR, 1800)])
def test_seconds_are_those_of_the_reading(interval: UpdatedFrequency, each: int) -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(5, 500), (0, 500), (None, 500)], interval)
    roll_up_readings(meter)
    day = only(meter, "daily")
    assert [day.seconds_available, day.seconds_expected] == [each, 2 * each]
    assert day.seconds_unknown == 86_400 - 2 * each


def test_a_billing_period_sums_the_days_that_it_names() -> None:
    meter = plant("Asia/Kolkata")
    store(meter, MIDNIGHT, [(1, 500)] * 24 * 40, UpdatedFrequency.HOURLY)
    long = BillingPeriodFactory.create(start_date=date(2009, 3, 5), end_date=date(2009, 4, 2))
    short = BillingPeriodFactory.create(start_date=date(2009, 3, 5), end_date=date(2009, 3, 6))
    BillingPeriodFactory.create(start_date=date(2008, 3, 5), end_date=date(2008, 3, 6))
    roll_up_readings(meter)
    found = {span.billing_period: span for span in aggregates(meter, "billing")}
    assert {period: span.energy_wh for period, span in found.items()} == {long: 29 * 24, short: 48}
    assert found[short].period_start == datetime(2009, 3, 4, 18, 30, tzinfo=UTC)
    assert [found[short].seconds_unknown, found[short].data_completeness_percent] == [0, 100]
    assert roll_up_readings(meter) == 0


def test_a_billing_period_that_comes_later_is_made_by_a_rebuild() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(1, 500)] * 96)
    roll_up_readings(meter)
    BillingPeriodFactory.create(start_date=date(2009, 3, 1), end_date=date(2009, 3, 2))
    assert roll_up_all(EARLIEST, datetime.now(UTC)) == 1
    assert only(meter, "billing").energy_wh == 96


# --- registers


def registers(meter: Meter, first: datetime, values: Sequence[tuple[int | None, int | None]]) -> None:
    """Stores quarters, each a pair of energy and the register at its end."""
    store(meter, first, [(energy, None) for energy, _ in values])
    for n, (_, register) in enumerate(values):
        MeterReading.objects.filter(meter=meter, reading_timestamp=first + n * QUARTER).update(register_wh=register)


def test_registers_open_before_the_first_and_close_after_the_last_reading_that_tells() -> None:
    meter = plant()
    registers(meter, MIDNIGHT, [(None, 100), (5, 105), (7, 112), (None, None)])
    registers(meter, MIDNIGHT + 5 * HOUR, [(8, 120), (3, None)])
    roll_up_readings(meter)
    assert [[hour.opening_register_wh, hour.closing_register_wh] for hour in aggregates(meter, "hourly")] == [
        [100, 112],
        [112, 120],
    ]
    for period_type in ("daily", "monthly"):
        span = only(meter, period_type)
        assert [span.opening_register_wh, span.closing_register_wh] == [100, 120]


def test_a_register_that_turned_over_opens_with_what_is_known() -> None:
    meter = plant()
    registers(meter, MIDNIGHT, [(7, 2), (4, 6)])  # from 99,995 through 100,000 to 2
    roll_up_readings(meter)
    day = only(meter, "daily")
    assert [day.opening_register_wh, day.closing_register_wh] == [2, 6]


def test_without_registers_there_are_none() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(1, 500)])
    roll_up_readings(meter)
    assert (only(meter, "daily").opening_register_wh, only(meter, "daily").closing_register_wh) == (None, None)


# --- readings that are gone


def test_a_rebuild_removes_what_has_no_readings_any_more() -> None:
    meter, other = plant(), plant()
    for one in (meter, other):
        store(one, MIDNIGHT, [(1, 500)] * 24 * 40, UpdatedFrequency.HOURLY)
        roll_up_readings(one)
    MeterReading.objects.filter(meter=meter, reading_timestamp__gte=MIDNIGHT + 30 * DAY + HOUR).delete()
    MeterReading.objects.filter(meter=meter, reading_timestamp__range=(MIDNIGHT, MIDNIGHT + 23 * HOUR)).delete()
    untouched = rows(ALL_COLUMNS, other.pk)
    assert roll_up_all(EARLIEST, datetime.now(UTC)) > 0
    assert len(aggregates(meter, "hourly")) == 29 * 24 + 1
    assert [day.period_start.day for day in aggregates(meter, "daily")] == list(range(2, 32))
    assert [month.energy_wh for month in aggregates(meter, "monthly")] == [29 * 24 + 1]
    MeterReading.objects.filter(meter=meter).delete()
    roll_up_all(EARLIEST, datetime.now(UTC))
    assert not MeterAggregate.objects.filter(meter=meter).exists()
    assert rows(ALL_COLUMNS, other.pk) == untouched


@pytest.mark.parametrize("state", ["archived", "detached", "dropped"])
def test_aggregates_of_archived_readings_stay(state: str) -> None:
    meter, daily = plant("Asia/Kolkata"), plant()
    store(meter, MIDNIGHT, [(1, 500)] * 48 * 33, UpdatedFrequency.HALF_HOUR)
    put(daily, [(MIDNIGHT + n * DAY, 10, None) for n in range(33)], UpdatedFrequency.DAILY)
    roll_up_all(EARLIEST, datetime.now(UTC))
    ReadingArchiveFactory.create(month=date(2009, 3, 1), state=state)
    before = rows(ALL_COLUMNS, meter.pk), rows(ALL_COLUMNS, daily.pk)
    MeterReading.objects.filter(reading_timestamp__lt=datetime(2009, 4, 1, tzinfo=UTC)).delete()
    if state != "archived":
        # An hour of Kolkata begins in March and ends in April: half of its readings are gone.
        assert roll_up_all(EARLIEST, datetime.now(UTC)) == 0
        assert (rows(ALL_COLUMNS, meter.pk), rows(ALL_COLUMNS, daily.pk)) == before
    MeterReading.objects.all().delete()
    roll_up_all(EARLIEST, datetime.now(UTC))
    assert {day.period_start.month for day in aggregates(daily, "daily")} == {3}
    assert len(aggregates(daily, "daily")) == 31
    # The first hour in April began in March.
    assert len(aggregates(meter, "hourly")) == 31 * 24 + 1


def test_restored_readings_count_again() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(1, 500)] * 96)
    roll_up_readings(meter)
    ReadingArchiveFactory.create(month=date(2009, 3, 1), state="restored")
    MeterReading.objects.all().delete()
    roll_up_all(EARLIEST, datetime.now(UTC))
    assert not MeterAggregate.objects.exists()


# --- projects and organizations


def test_projects_and_organizations_sum_seconds_and_divide_once() -> None:
    project = ProjectFactory.create()
    near, far = MeterFactory.create(project=project), MeterFactory.create(project=project)
    elsewhere = MeterFactory.create(project=ProjectFactory.create(organization=project.organization))
    stranger = plant()
    store(near, MIDNIGHT, [(1, 500)] * 9 + [(0, 500)])
    store(far, MIDNIGHT, [(0, 500)])
    store(elsewhere, MIDNIGHT, [(4, 500)])
    store(stranger, MIDNIGHT, [(7, 500)])
    for meter in (near, far, elsewhere, stranger):
        roll_up_readings(meter)
    asked = (
        "SELECT energy_kwh, seconds_available, seconds_expected, availability_percent, meters FROM {} WHERE {} = %s"
        " AND period_type = 'daily'"
    )
    assert rows(asked.format("project_energy", "project_id"), project.pk) == [
        (Decimal("0.009"), 8100, 9900, Decimal("81.82"), 2)
    ]
    assert rows(asked.format("organization_energy", "organization_id"), project.organization_id) == [
        (Decimal("0.013"), 9000, 10800, Decimal("83.33"), 3)
    ]


# --- the calendar


@pytest.mark.parametrize(
    "time_zone, day, length",
    [
        ("America/New_York", date(2025, 3, 9), 23),
        ("America/New_York", date(2025, 11, 2), 25),
        ("Asia/Kolkata", date(2025, 3, 9), 24),
        ("Asia/Kathmandu", date(2025, 3, 1), 24),
        ("Australia/Lord_Howe", date(2025, 4, 6), 24.5),
        ("Australia/Lord_Howe", date(2025, 10, 5), 23.5),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # midnight is skipped
        ("Atlantic/Azores", date(2025, 10, 26), 25),  # midnight comes twice
        ("America/Havana", date(2026, 11, 1), 25),  # the same, where a month begins
        ("Asia/Beirut", date(2025, 10, 25), 25),
        ("Pacific/Apia", date(2011, 12, 31), 24),  # the day before does not exist
    ],
)
def test_days_and_months_follow_the_local_clock(time_zone: str, day: date, length: float) -> None:
    zone = ZoneInfo(time_zone)
    meter = plant(time_zone)
    first = day_in_zone(day, zone).start - 2 * DAY
    first -= timedelta(minutes=first.minute % 15)
    readings = [(first + n * QUARTER, Decimal(n * n % 997), Decimal(600)) for n in range(5 * 96)]
    put(meter, readings)
    roll_up_readings(meter)

    by_day: defaultdict[date, Decimal] = defaultdict(Decimal)
    by_month: defaultdict[tuple[int, int], Decimal] = defaultdict(Decimal)
    for start, energy, _ in readings:
        local = start.astimezone(zone)
        by_day[local.date()] += energy
        by_month[local.year, local.month] += energy

    days = aggregates(meter, "daily")
    assert {span.period_start.astimezone(zone).date(): span.energy_wh for span in days} == by_day
    (changing,) = (span for span in days if span.period_start == day_in_zone(day, zone).start)
    assert seconds(changing) == length * 3600
    assert changing.seconds_unknown == 0
    assert changing.data_completeness_percent == 100
    months = aggregates(meter, "monthly")
    local_starts = [span.period_start.astimezone(zone) for span in months]
    assert {(at.year, at.month): span.energy_wh for at, span in zip(local_starts, months, strict=True)} == by_month

    hours = aggregates(meter, "hourly")
    assert all(one.period_end <= other.period_start for one, other in pairwise(hours))
    for hour in hours:
        assert hour.energy_wh == sum(e for start, e, _ in readings if hour.period_start <= start < hour.period_end)
    assert sum(seconds(hour) for hour in hours if changing.period_start <= hour.period_start < changing.period_end) == (
        length * 3600
    )
    for span in [*hours, *days, *months]:
        assert span.seconds_available is not None
        assert span.seconds_expected is not None
        assert span.seconds_unknown is not None
        assert 0 <= span.seconds_available <= span.seconds_expected <= seconds(span) - span.seconds_unknown
        assert span.seconds_unknown + 900 * (span.reading_count or 0) == seconds(span)


def test_an_hourly_reading_across_midnight_belongs_to_the_day_in_which_it_starts() -> None:
    meter = plant("Asia/Kolkata")
    store(meter, datetime(2009, 3, 1, 18, tzinfo=UTC), [(1000, 0), (500, 0)], UpdatedFrequency.HOURLY)  # 23:30 there
    roll_up_readings(meter)
    assert [day.energy_wh for day in aggregates(meter, "daily")] == [1000, 500]


def test_a_changed_time_zone_leaves_no_span_of_the_old_one() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(n, 500) for n in range(24 * 40)], UpdatedFrequency.HOURLY)
    roll_up_readings(meter)
    meter.project.time_zone = "Asia/Kolkata"
    meter.project.save()
    roll_up_readings(meter)
    recut = rows(ALL_COLUMNS, meter.pk)
    MeterAggregate.objects.all().delete()
    roll_up_readings(meter)
    assert rows(ALL_COLUMNS, meter.pk) == recut
    for period_type in ("hourly", "daily", "monthly"):
        assert sum(span.energy_wh or 0 for span in aggregates(meter, period_type)) == sum(range(24 * 40))


@pytest.mark.parametrize(
    "period_type, start, length", [("hourly", -timedelta(minutes=30), HOUR), ("daily", -timedelta(hours=5.5), DAY)]
)
def test_a_span_of_another_cut_that_reaches_into_new_ones_goes(
    period_type: str, start: timedelta, length: timedelta
) -> None:
    meter = plant()
    begun = MIDNIGHT + start
    stray = MeterAggregateFactory.create(
        meter=meter, period_type=period_type, period_start=begun, period_end=begun + length
    )
    store(meter, MIDNIGHT, [(1, 500)] * 96)
    roll_up_readings(meter)
    assert not MeterAggregate.objects.filter(pk=stray.pk).exists()
    assert sum(span.energy_wh or 0 for span in aggregates(meter, period_type)) == 96


# --- parts and the whole


def rebuilt(meter: Meter) -> Rows:
    """The aggregates of the meter, made from nothing."""
    MeterAggregate.objects.filter(meter=meter).delete()
    roll_up_all(EARLIEST, datetime.now(UTC))
    return rows(ALL_COLUMNS, meter.pk)


NUMBERS = st.one_of(st.none(), st.decimals(-5, 50, places=3))
SUN = st.sampled_from([None, Decimal(0), Decimal(100), Decimal(900)])
READING = st.tuples(st.integers(0, 40 * 24 * 4), NUMBERS, SUN)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    time_zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    loads=st.lists(st.lists(READING, min_size=1, max_size=8, unique_by=lambda one: one[0]), min_size=1, max_size=5),
)
def test_loads_in_any_order_make_what_a_rebuild_makes(
    time_zone: str, loads: Sequence[Sequence[tuple[int, Decimal | None, Decimal | None]]]
) -> None:
    meter = plant(time_zone)
    first = datetime(2025, 10, 2, tzinfo=UTC)  # 40 days from here on clocks change in two of the zones
    for load in loads:
        starts = [first + place * QUARTER for place, _, _ in load]
        # A later load corrects what an earlier one said.
        MeterReading.objects.filter(meter=meter, reading_timestamp__in=starts).delete()
        put(meter, [(start, energy, sun) for start, (_, energy, sun) in zip(starts, load, strict=True)])
        roll_up([meter.pk], min(starts), max(starts))
    step_by_step = rows(ALL_COLUMNS, meter.pk)
    assert step_by_step == rebuilt(meter)


def test_a_correction_reaches_every_length_and_nothing_else() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(1, 500)] * 24 * 40, UpdatedFrequency.HOURLY)
    roll_up_readings(meter)
    before = {row[1]: row for row in versions("meter_aggregate")}
    corrected = MIDNIGHT + 50 * HOUR
    MeterReading.objects.filter(reading_timestamp=corrected).update(energy_wh=5)
    assert roll_up([meter.pk], corrected, corrected) == 3
    changed = [row[1] for row in versions("meter_aggregate") if before[row[1]] != row]
    spans = MeterAggregate.objects.filter(pk__in=changed).order_by("period_end").values_list("period_type", "energy_wh")
    assert list(spans) == [("hourly", Decimal(5)), ("daily", Decimal(28)), ("monthly", Decimal(31 * 24 + 4))]


def test_a_second_roll_up_writes_nothing() -> None:
    meter = plant("America/New_York")
    store(meter, MIDNIGHT, [(n % 7 - 1 if n % 5 else None, n % 900) for n in range(96 * 20)])
    assert roll_up_readings(meter) > 0
    before = versions("meter_aggregate")
    assert roll_up_readings(meter) == 0
    assert roll_up_all(EARLIEST, datetime.now(UTC)) == 0
    assert versions("meter_aggregate") == before


@pytest.mark.django_db(transaction=True)
def test_roll_ups_of_one_meter_take_turns() -> None:
    """Or one that began before a load was committed could write over what came after it."""
    meter = plant()
    store(meter, MIDNIGHT, [(1, 500)])
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as elsewhere:
        elsewhere.execute("SELECT FROM meter WHERE id = %s FOR NO KEY UPDATE", [meter.pk])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            roll_up_readings(meter)
        cursor.execute("RESET lock_timeout")
    other.rollback()
    other.close()
    assert roll_up_readings(meter) == 3


def test_without_readings_there_is_nothing_to_roll_up() -> None:
    assert roll_up_all(EARLIEST, datetime.now(UTC)) == 0


def test_many_meters_take_as_many_queries_as_one() -> None:
    def queries(meters: Sequence[Meter]) -> int:
        with CaptureQueriesContext(connection) as captured:
            # Within one month in every zone.
            roll_up([meter.pk for meter in meters], MIDNIGHT + 2 * DAY, MIDNIGHT + 3 * DAY)
        return len(captured)

    meters = [plant(time_zone) for time_zone in ("UTC", "Asia/Kolkata", "UTC", "America/New_York")]
    for meter in meters:
        store(meter, MIDNIGHT + 2 * DAY, [(1, 500)] * 96)
    assert queries(meters) == queries(meters[:1])
    assert [sum(day.energy_wh or 0 for day in aggregates(meter, "daily")) for meter in meters] == [96] * 4


def test_readings_of_two_sources_have_no_one_source() -> None:
    meter = plant()
    store(meter, MIDNIGHT, [(1, 500)] * 8)
    MeterReading.objects.filter(reading_timestamp=MIDNIGHT).update(source_system="sma")
    roll_up_readings(meter)
    assert [hour.source_system for hour in aggregates(meter, "hourly")] == [None, "manual"]
    assert only(meter, "daily").source_system is None
