"""The ledger of time from the database equals the pure one, and knows registers, daylight and causes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.compliance import Excuse
from core.models.vocabulary import Status as EventStatus
from core.periods import Period
from core.rules import AvailabilityTerms, UnknownAs
from core.timeline import Category, State, Stretch
from metering.ledger import Observed, stretches, tallies
from metering.models import Meter, MeterReading, Severity
from tests.core.sweep import Cause, Observation, tally, timeline
from tests.factories import (
    AssetFactory,
    EventFactory,
    FaultFactory,
    GridEventFactory,
    GridEventTypeFactory,
    MeterFactory,
    ProjectFactory,
)
from tests.metering.measuring import measure_availability
from tests.metering.readings import QUARTER, plant, put, store

pytestmark = pytest.mark.django_db

NOON = datetime(2009, 6, 1, 12, tzinfo=UTC)
THRESHOLD = Decimal(100)


def minutes(start: int, end: int) -> Period:
    return Period(NOON + timedelta(minutes=start), NOON + timedelta(minutes=end))


HOUR = minutes(0, 60)


def told(meter: Meter, period: Period = HOUR) -> list[tuple[Period, State, Category]]:
    return [(one.period, one.state, one.category) for one in stretches(Observed([meter], period, THRESHOLD))[meter.pk]]


def event(meter: Meter, code: str, period: Period, **facts: object) -> None:
    values: dict[str, object] = {
        "event_type__code": code,
        "status": EventStatus.CLOSED,
        "raw_data": {"verified": True},
        "time_start": period.start,
        "time_end": period.end,
        **facts,
    }
    EventFactory.create(project=meter.project, **values)


# --- the same as the pure ledger

SAID = st.tuples(st.sampled_from([None, -1, 0, 5]), st.sampled_from([None, 0, 100, 800]))
SPANS = st.builds(lambda start, length: minutes(start, start + length), st.integers(-30, 80), st.integers(1, 60))
HAPPENED = st.tuples(SPANS, st.sampled_from(["event", "fault", "grid"]), st.integers(0, 5))
EVENTS = ("FORCE_MAJEURE", "GRID_OUTAGE", "GRID_CURTAILMENT", "SCHEDULED_MAINTENANCE", "FORCED_OUTAGE", "DERATING")
MEANS = (
    Category.FORCE_MAJEURE,
    Category.GRID,
    Category.CURTAILMENT,
    Category.SCHEDULED_MAINTENANCE,
    Category.FORCED_OUTAGE,
    Category.DEGRADED,
)


def observed(energy: int | None, irradiance: int | None) -> State:
    if irradiance is not None and irradiance < 100:
        return State.RESTING
    if irradiance is None or energy is None:
        return State.SILENT
    return State.RUNNING if energy > 0 else State.STANDING


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    readings=st.dictionaries(st.integers(-1, 5), SAID),
    happened=st.lists(HAPPENED, max_size=5),
    excused=st.lists(SPANS, max_size=3),
)
def test_the_database_and_the_sweep_agree_on_every_instant(
    readings: dict[int, tuple[int | None, int | None]],
    happened: list[tuple[Period, str, int]],
    excused: list[Period],
) -> None:
    project = ProjectFactory.create(grid_region="AZ")
    country = f"country of {project.pk}"  # of this example alone
    type(project).objects.filter(pk=project.pk).update(country=country)
    meter = MeterFactory.create(project=project, asset=AssetFactory.create(project=project))
    put(meter, [(NOON + n * QUARTER, *pair) for n, pair in readings.items()])
    observations = [
        Observation(Period(NOON + n * QUARTER, NOON + (n + 1) * QUARTER), observed(*pair))
        for n, pair in readings.items()
    ]
    causes = []
    for period, kind, number in happened:
        times = {"time_start": period.start, "time_end": period.end}
        if kind == "event":
            event(meter, EVENTS[number], period)
            causes.append(Cause(period, MEANS[number]))
        elif kind == "fault":
            FaultFactory.create(
                project=project, asset=meter.asset, severity=Severity.HIGH if number else Severity.LOW, **times
            )
            causes.append(Cause(period, Category.FORCED_OUTAGE if number else Category.DEGRADED))
        else:
            code = "CURTAILMENT" if number else "OUTAGE"
            GridEventFactory.create(
                country=country, region="AZ", grid_event_type=GridEventTypeFactory.create(code=code), **times
            )
            causes.append(Cause(period, Category.CURTAILMENT if number else Category.GRID))
    excuses = [Excuse(0, "GRID_OUTAGE", one) for one in excused]

    expected = timeline(HOUR, observations, causes, excused)
    found: list[Stretch] = stretches(Observed([meter], HOUR, THRESHOLD, excuses))[meter.pk]
    assert found == [*expected]
    ((units, evidence),) = tallies([Observed([meter], HOUR, THRESHOLD, excuses)])
    assert units[meter.pk] == tally(expected)
    assert sum(evidence.seconds_by_category.values()) == 3600


# --- registers


def registers(meter: Meter, values: dict[int, tuple[int | None, int | None]], irradiance: int | None = None) -> None:
    """Readings of a quarter of an hour each, with energy and the register at their end, in Wh."""
    put(meter, [(NOON + n * QUARTER, energy, irradiance) for n, (energy, _) in values.items()])
    for n, (_, register) in values.items():
        MeterReading.objects.filter(meter=meter, reading_timestamp=NOON + n * QUARTER).update(register_wh=register)


def test_a_gap_over_which_the_register_advanced_is_not_an_outage() -> None:
    meter = plant()
    registers(meter, {0: (5, 1005), 3: (5, 1040)}, irradiance=800)
    assert told(meter) == [
        (minutes(0, 15), State.RUNNING, Category.IN_SERVICE),
        (minutes(15, 45), State.RAN_UNSEEN, Category.IN_SERVICE),
        (minutes(45, 60), State.RUNNING, Category.IN_SERVICE),
    ]
    down = AvailabilityTerms.from_payload(
        {"threshold": 95, "threshold_unit": "percent", "measurement_period": "monthly", "unknown_as": "down"},
        clause="4.1",
    )
    assert down.unknown_as is UnknownAs.DOWN
    measured, _ = measure_availability([meter], HOUR, down, [])
    assert (measured.up, measured.down, measured.unknown) == (1800, 0, 0)


@pytest.mark.parametrize("register", [1010, 10])
def test_a_gap_over_which_the_register_stood_still_or_was_reset_stays_unknown(register: int) -> None:
    meter = plant()
    registers(meter, {0: (5, 1005), 3: (5, register)}, irradiance=800)
    assert (minutes(15, 45), State.SILENT, Category.NO_INFORMATION) in told(meter)


def test_a_register_tells_of_light_time_what_its_missing_energy_does_not() -> None:
    meter = plant()
    registers(meter, {0: (5, 1005), 1: (None, 1030), 2: (None, None), 3: (5, 1060)}, irradiance=800)
    assert [state for _, state, _ in told(meter)] == [State.RUNNING]


# --- daylight


def test_without_irradiance_useful_time_is_when_the_sun_is_high_enough() -> None:
    """In Phoenix 12:00 UTC of 1 June is 5 in the morning; a clear sky gives 100 W/m2 shortly after 6."""
    project = ProjectFactory.create(latitude=Decimal("33.45"), longitude=Decimal("-112.07"))
    meter = MeterFactory.create(project=project)
    store(meter, NOON, [(0, None)] * 8 + [(5, None)] * 8)
    (dark, _, _), (still, _, _), (running, _, _) = told(meter, minutes(0, 240))
    assert [state for _, state, _ in told(meter, minutes(0, 240))] == [State.RESTING, State.STANDING, State.RUNNING]
    assert minutes(60, 60).start < dark.end < minutes(90, 90).start
    assert (still.end, running.end) == (minutes(120, 120).start, minutes(240, 240).start)


def test_measured_irradiance_is_believed_before_the_sun() -> None:
    project = ProjectFactory.create(latitude=Decimal(0), longitude=Decimal(0))
    meter = MeterFactory.create(project=project)
    store(meter, NOON, [(0, 20), (0, 800), (None, None), (0, None)])  # noon at the equator
    assert [state for _, state, _ in told(meter)] == [State.RESTING, State.STANDING, State.SILENT, State.STANDING]


# --- causes


@pytest.mark.parametrize(
    "facts",
    [{"raw_data": {"verified": False}}, {"raw_data": None}, {"status": EventStatus.OPEN}, {"time_end": None}],
)
def test_an_event_that_nobody_verified_explains_nothing(facts: dict[str, object]) -> None:
    meter = plant()
    store(meter, NOON, [(0, 800)] * 4)
    event(meter, "GRID_OUTAGE", HOUR, **facts)
    assert told(meter) == [(HOUR, State.STANDING, Category.FORCED_OUTAGE)]


def test_a_grid_event_of_elsewhere_explains_nothing() -> None:
    meter = plant()
    store(meter, NOON, [(0, 800)] * 4)
    times = {"time_start": HOUR.start, "time_end": HOUR.end}
    GridEventFactory.create(country="US", region="AZ", grid_event_type__code="OUTAGE", **times)
    assert told(meter) == [(HOUR, State.STANDING, Category.FORCED_OUTAGE)]
    type(meter.project).objects.filter(pk=meter.project_id).update(country="US", grid_region="NM")
    assert told(meter) == [(HOUR, State.STANDING, Category.FORCED_OUTAGE)]
    type(meter.project).objects.filter(pk=meter.project_id).update(country="US", grid_region=None)
    assert told(meter) == [(HOUR, State.STANDING, Category.GRID)]


def test_a_fault_that_goes_on_has_no_end_and_a_silent_sensor_stops_nothing() -> None:
    meter = plant()
    store(meter, NOON, [(5, 800)] * 4)
    FaultFactory.create(project=meter.project, fault_type__code="SENSOR_FAULT", time_start=HOUR.start)
    assert told(meter) == [(HOUR, State.RUNNING, Category.IN_SERVICE)]
    FaultFactory.create(project=meter.project, time_start=minutes(30, 30).start, time_end=None)
    assert told(meter) == [
        (minutes(0, 30), State.RUNNING, Category.IN_SERVICE),
        (minutes(30, 60), State.RUNNING, Category.DEGRADED),
    ]
