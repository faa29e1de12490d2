"""Availability from readings, and verdicts from availability: what counts, what is excused, what is unknown."""

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest
from django.db import ProgrammingError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.compliance import Excuse, Outcome
from core.models import Contract, DefaultEvent, Notification, NotificationType, RuleOutput
from core.models.vocabulary import Status as EventStatus
from core.models.vocabulary import UpdatedFrequency
from core.periods import Period, parse_period
from core.rules import AvailabilityMeasurement, AvailabilityTerms, Status
from database import seeds
from database.scratch import Database
from metering.assessment import Assessment, evaluate, settling_meters
from metering.ingestion import ingest
from metering.models import Meter, MeterReading
from metering.months import ArchiveState, Month
from metering.standings import LOCK_CLASS
from tests.factories import (
    ClauseCategoryFactory,
    ClauseFactory,
    ContractFactory,
    CurrencyFactory,
    DefaultEventTypeFactory,
    EventFactory,
    MeterFactory,
    NotificationTypeFactory,
    ProjectFactory,
    RuleOutputTypeFactory,
    as_stored_before,
)
from tests.metering.measuring import measure_availability
from tests.metering.readings import LENGTHS, QUARTER, Number, plant, put, rows, store, versions

pytestmark = pytest.mark.django_db

NOON = datetime(2009, 3, 1, 12, tzinfo=UTC)
PAYLOAD: dict[str, object] = {
    "threshold": 95,
    "threshold_unit": "percent",
    "measurement_period": "monthly",
    "excused_events": ["GRID_OUTAGE"],
    "ld_rate": 1000,
    "ld_currency": "USD",
}
TERMS = AvailabilityTerms.from_payload(PAYLOAD, clause="availability")


# --- measuring


def minutes(start: int, end: int) -> Period:
    """The time between two minutes after noon."""
    return Period(NOON + timedelta(minutes=start), NOON + timedelta(minutes=end))


def measured(meters: Iterable[Meter], period: Period, excused: Iterable[Period] = ()) -> dict[str, int]:
    """Minutes by what happened in them, where anything did."""
    excuses = [Excuse(0, "GRID_OUTAGE", one) for one in excused]
    measurement, _ = measure_availability([*meters], period, TERMS, excuses)
    return in_minutes(measurement)


def in_minutes(measurement: AvailabilityMeasurement) -> dict[str, int]:
    names = ("up", "down", "excused_up", "excused_down", "unknown")
    found = {name: getattr(measurement, name) for name in names if getattr(measurement, name)}
    assert not any(seconds % 60 for seconds in found.values())
    return {name: seconds // 60 for name, seconds in found.items()}


@pytest.mark.parametrize(
    "energy, irradiance, expected",
    [
        (5, 100, {"up": 15}),
        (0, 100, {"down": 15}),
        (-5, 800, {"down": 15}),
        (0, Decimal("99.999999"), {}),  # night, or too dark to count
        (5, 0, {}),
        (None, 0, {}),
        (5, None, {"unknown": 15}),
        (0, None, {"unknown": 15}),
        (None, 800, {"unknown": 15}),
        (None, None, {"unknown": 15}),
    ],
)
def test_a_reading_counts_as_what_it_says(energy: Number, irradiance: Number, expected: dict[str, int]) -> None:
    meter = plant()
    store(meter, NOON, [(energy, irradiance)])
    assert measured([meter], minutes(0, 15)) == expected


def test_time_without_readings_is_unknown() -> None:
    meter = plant()
    assert measured([meter], minutes(0, 60)) == {"unknown": 60}
    store(meter, NOON, [(5, 800)])
    store(meter, NOON + 3 * QUARTER, [(5, 800)])
    assert measured([meter], minutes(0, 60)) == {"up": 30, "unknown": 30}


def test_readings_are_clipped_to_the_period() -> None:
    meter = plant()
    store(meter, NOON - 4 * QUARTER, [(5, 800)] * 12)
    assert measured([meter], minutes(5, 20)) == {"up": 15}


def test_hourly_readings_reach_into_the_period() -> None:
    meter = plant()
    store(meter, NOON, [(5, 800), (0, 800)], UpdatedFrequency.HOURLY)
    assert measured([meter], minutes(50, 70)) == {"up": 10, "down": 10}


def test_a_reading_of_a_whole_day_does_not_tell_night_from_outage() -> None:
    meter = plant()
    put(meter, [(NOON, 5, 800)], UpdatedFrequency.DAILY)
    assert measured([meter], minutes(0, 60)) == {"unknown": 60}


def test_excused_time_is_left_out_of_both_sides() -> None:
    meter = plant()
    store(meter, NOON, [(5, 800), (0, 800), (0, 800), (5, 800)])
    assert measured([meter], minutes(0, 60), [minutes(0, 30)]) == {
        "up": 15,
        "down": 15,
        "excused_up": 15,
        "excused_down": 15,
    }


def test_an_excuse_may_cover_half_of_an_interval() -> None:
    meter = plant()
    store(meter, NOON, [(0, 800)] * 2)
    assert measured([meter], minutes(0, 30), [minutes(10, 20)]) == {"down": 20, "excused_down": 10}


def test_excuses_that_overlap_count_once() -> None:
    meter = plant()
    store(meter, NOON, [(0, 800)] * 4)
    excused = [minutes(0, 30), minutes(15, 45), minutes(15, 45), minutes(20, 25)]
    assert measured([meter], minutes(0, 60), excused) == {"down": 15, "excused_down": 45}


def test_excuses_count_within_the_period_alone() -> None:
    meter = plant()
    store(meter, NOON, [(0, 800)] * 4)
    assert measured([meter], minutes(15, 45), [minutes(-600, 30)]) == {"down": 15, "excused_down": 15}


def test_excused_time_is_not_unknown() -> None:
    meter = plant()
    store(meter, NOON, [(None, 800)])
    assert measured([meter], minutes(0, 30), [minutes(10, 20)]) == {"unknown": 20}
    assert measured([meter], minutes(0, 30), [minutes(-10, 40)]) == {}


def test_excuses_at_night_excuse_nothing() -> None:
    meter = plant()
    store(meter, NOON, [(0, 0)] * 2)
    assert measured([meter], minutes(0, 30), [minutes(0, 30)]) == {}


def test_meters_add_up_in_unit_seconds() -> None:
    running = plant()
    standing, silent = (MeterFactory.create(project=running.project) for _ in range(2))
    store(running, NOON, [(5, 800)] * 4)
    store(standing, NOON, [(0, 800)] * 4)
    meters = [running, standing, silent]
    assert measured(meters, minutes(0, 60), [minutes(0, 15)]) == {
        "up": 45,
        "down": 45,
        "excused_up": 15,
        "excused_down": 15,
        "unknown": 45,
    }


def test_the_evidence_changes_with_every_reading_it_rests_on() -> None:
    meter = plant()
    store(meter, NOON, [(5, 800), (Decimal("0.000000001"), 800), (0, 800)])
    period = minutes(0, 45)

    def hashed() -> str:
        return measure_availability([meter], period, TERMS, [])[1].data_hash

    hashes = [hashed(), hashed()]
    reading = MeterReading.objects.filter(reading_timestamp=NOON)
    for change in ({"energy_wh": Decimal("5.000000001")}, {"irradiance_wm2": None}, {"quality": "estimated"}):
        reading.update(**change)
        hashes.append(hashed())
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4


def test_the_evidence_shows_the_first_readings_without_energy_exactly() -> None:
    meter = plant()
    store(meter, NOON, [(5, 800), (Decimal("-123456789012.123456789"), 800), (0, 0), (0, Decimal("800.5"))])
    _, evidence = measure_availability([meter], minutes(0, 60), TERMS, [])
    assert (evidence.readings, list(evidence.meters)) == (4, [meter.pk])
    shown = [(one["reading_timestamp"], one["energy_wh"], one["irradiance_wm2"]) for one in evidence.sample_readings]
    assert shown == [
        ("2009-03-01T12:15:00+00:00", "-123456789012.123456789", "800"),
        ("2009-03-01T12:45:00+00:00", "0", "800.5"),
    ]


LENGTH = st.sampled_from([UpdatedFrequency.QUARTER_HOUR, UpdatedFrequency.HOURLY, UpdatedFrequency.MINUTE])
SAID = st.tuples(st.sampled_from([None, -1, 0, 5]), st.sampled_from([None, 0, 99, 100, 800]))
STREAM = st.tuples(LENGTH, st.dictionaries(st.integers(-2, 12), SAID))
SPAN = st.tuples(st.integers(-30, 150), st.integers(0, 90))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    streams=st.lists(STREAM, min_size=1, max_size=2),
    excused=st.lists(SPAN, max_size=4),
    start=st.integers(0, 30),
    length=st.integers(1, 120),
)
def test_the_measurement_equals_a_count_minute_by_minute(
    streams: list[tuple[UpdatedFrequency, dict[int, tuple[int | None, int | None]]]],
    excused: list[tuple[int, int]],
    start: int,
    length: int,
) -> None:
    project = ProjectFactory.create()
    meters = [MeterFactory.create(project=project) for _ in streams]
    said: dict[tuple[int, int], tuple[int | None, int | None]] = {}
    for meter, (interval, values) in zip(meters, streams, strict=True):
        each = LENGTHS[interval] // timedelta(minutes=1)
        put(meter, [(NOON + n * LENGTHS[interval], *pair) for n, pair in values.items()], interval)
        said |= {(meter.pk, n * each + minute): pair for n, pair in values.items() for minute in range(each)}

    expected: dict[str, int] = {}
    for minute, meter in product(range(start, start + length), meters):
        energy, irradiance = said.get((meter.pk, minute), (None, None))
        is_excused = any(begin <= minute < begin + duration for begin, duration in excused)
        if irradiance is not None and irradiance < 100:
            continue
        if energy is None or irradiance is None:
            state = "" if is_excused else "unknown"
        else:
            state = ("excused_" if is_excused else "") + ("up" if energy > 0 else "down")
        if state:
            expected[state] = expected.get(state, 0) + 1

    spans = [Excuse(0, "GRID_OUTAGE", minutes(begin, begin + duration)) for begin, duration in excused]
    measurement, _ = measure_availability(meters, minutes(start, start + length), TERMS, spans)
    assert in_minutes(measurement) == expected
    share = measurement.share(TERMS.exclusion_mode)
    assert share is None or 0 <= share <= 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams=st.lists(st.dictionaries(st.integers(-2, 20), SAID), min_size=1, max_size=3), end=st.integers(1, 300))
def test_the_evidence_is_what_reading_by_reading_shows(
    streams: list[dict[int, tuple[int | None, int | None]]], end: int
) -> None:
    project = ProjectFactory.create()
    meters = [MeterFactory.create(project=project) for _ in streams]
    for meter, values in zip(meters, streams, strict=True):
        put(meter, [(NOON + n * QUARTER, *pair) for n, pair in values.items()])
    period = minutes(0, end)

    canonical, idle = [], []
    for meter, values in zip(meters, streams, strict=True):
        for n, (energy, irradiance) in sorted(values.items()):
            start = NOON + n * QUARTER
            if start + QUARTER <= period.start or start >= period.end:
                continue
            said = (
                meter.pk,
                int(start.timestamp()),
                "15min",
                "-" if energy is None else f"{energy}.000000000",
                "-" if irradiance is None else f"{irradiance}.000000",
                "missing" if energy is None else "measured",
            )
            canonical.append("|".join(map(str, said)))
            if energy is not None and energy <= 0 and irradiance is not None and irradiance >= 100:
                idle.append((start.isoformat(), meter.pk))

    _, evidence = measure_availability(meters, period, TERMS, [])
    assert evidence.readings == len(canonical)
    assert evidence.data_hash == hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    sample = [(one["reading_timestamp"], one["meter_id"]) for one in evidence.sample_readings]
    assert sample == sorted(idle)[:12]


# --- judging


NOVEMBER = parse_period("2025-11")
FIRST = datetime(2025, 11, 1, tzinfo=UTC)
USEFUL_HOURS = range(7, 17)  # of each day: 300 in the month


@pytest.fixture
def contract() -> Contract:
    """An agreement in force, without clauses, about a plant with a revenue meter."""
    vocabulary()
    contract = ContractFactory.create(contract_status__code="ACTIVE")
    MeterFactory.create(project=contract.project, meter_type__code="REVENUE")
    return contract


def vocabulary() -> None:
    """The reference rows that verdicts count on."""
    for code in ("LIQUIDATED_DAMAGES", "BREACH", "COMPLIANT", "UNDETERMINED"):
        RuleOutputTypeFactory.create(code=code)
    DefaultEventTypeFactory.create(code="AVAILABILITY_SHORTFALL")
    NotificationTypeFactory.create(code="BREACH_NOTICE")
    CurrencyFactory.create(code="USD")


def add_clause(contract: Contract, category: str, name: str, payload: object) -> None:
    """Adds a clause, whether or not its payload would be taken today."""
    with as_stored_before():
        ClauseFactory.create(
            contract=contract,
            name=name,
            clause_category=ClauseCategoryFactory.create(code=category),
            normalized_payload=payload,
        )


def guarantee(contract: Contract, name: str = "Availability", **changes: object) -> None:
    """Adds an availability clause; a change to None takes the key away."""
    payload = {key: value for key, value in {**PAYLOAD, **changes}.items() if value is not None}
    add_clause(contract, "AVAILABILITY", name, payload)


def meter_of(contract: Contract) -> Meter:
    return Meter.objects.get(project=contract.project)


def november(contract: Contract, down: Iterable[int] = ()) -> None:
    """Readings of the month; `down` are the days, counted from 0, on which the plant stood still."""
    still = set(down)
    pairs = (
        (0 if day in still or hour not in USEFUL_HOURS else 1000, 800 if hour in USEFUL_HOURS else 0)
        for day, hour in product(range(30), range(24))
    )
    store(meter_of(contract), FIRST, pairs, UpdatedFrequency.HOURLY)


def outage(contract: Contract, day: int, days: int = 1, **facts: object) -> None:
    """An event of whole days that excuses, unless the facts say otherwise."""
    values: dict[str, object] = {
        "event_type__code": "GRID_OUTAGE",
        "status": EventStatus.CLOSED,
        "raw_data": {"verified": True},
        "time_start": FIRST + timedelta(days=day),
        "time_end": FIRST + timedelta(days=day + days),
        **facts,
    }
    EventFactory.create(project=contract.project, **values)


def judged(contract: Contract) -> Assessment:
    """What becomes of the one clause that is judged for November."""
    (found,) = evaluate(contract, NOVEMBER)
    return found


def shares(contract: Contract) -> tuple[int, int]:
    """Hours up and hours down of November."""
    output = judged(contract).output
    assert output is not None
    assert output.metadata_detail is not None
    time = output.metadata_detail["steps"][0]
    return time["up"] // 3600, time["down"] // 3600


def nothing_written() -> bool:
    return not (DefaultEvent.objects.exists() or RuleOutput.objects.exists() or Notification.objects.exists())


def test_a_breach_is_written_down_whole(contract: Contract) -> None:
    guarantee(contract)
    november(contract, down=[3, 4, 5])
    found = judged(contract)
    assert found.verdict is not None
    assert found.verdict.status is Status.BREACH
    assert found.outcome is Outcome.CREATED

    default, output, notice = DefaultEvent.objects.get(), RuleOutput.objects.get(), Notification.objects.get()
    assert (output, output.default_event) == (found.output, default)
    assert (notice.rule_output, notice.default_event) == (output, default)
    assert (output.ld_amount, output.invoice_adjustment, output.currency and output.currency.code) == (
        Decimal(5000),
        Decimal(-5000),
        "USD",
    )
    assert (output.breach, output.excuse, output.rule_output_type.code) == (True, False, "LIQUIDATED_DAMAGES")
    assert output.description == "Availability: availability of 90.00 % is below the guarantee of 95.00 %"
    assert (output.period_start, output.period_end) == (FIRST, datetime(2025, 12, 1, tzinfo=UTC))
    assert (default.contract, default.clause, default.status) == (contract, output.clause, EventStatus.OPEN)
    assert default.evidence is not None
    assert default.evidence["values"] == {"expected": 95, "actual": 90, "shortfall": 5, "availability": 90}
    assert default.evidence["meters"] == [meter_of(contract).pk]
    assert len(default.evidence["data_hash"]) == 64
    assert default.evidence["sample_readings"][0]["reading_timestamp"] == "2025-11-04T07:00:00+00:00"
    assert notice.time_notified is None


def test_a_kept_guarantee_leaves_evidence_too(contract: Contract) -> None:
    guarantee(contract)
    november(contract)
    output = judged(contract).output
    assert output is not None
    assert (output.breach, output.rule_output_type.code, output.ld_amount) == (False, "COMPLIANT", Decimal(0))
    assert output.metadata_detail is not None
    assert output.metadata_detail["readings"] == 720
    assert output.metadata_detail["meters"] == [meter_of(contract).pk]
    assert len(output.metadata_detail["data_hash"]) == 64
    assert not DefaultEvent.objects.exists()
    assert not Notification.objects.exists()


def test_without_data_there_is_no_default(contract: Contract) -> None:
    guarantee(contract)
    output = judged(contract).output
    assert output is not None
    assert (output.breach, output.rule_output_type.code, output.ld_amount) == (False, "UNDETERMINED", None)
    assert "no information" in str(output.description)
    assert not DefaultEvent.objects.exists()
    assert not Notification.objects.exists()


def test_a_query_that_fails_is_an_error_and_no_verdict(contract: Contract) -> None:
    guarantee(contract)
    november(contract, down=[3])
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE meter_reading RENAME COLUMN irradiance_wm2 TO sun")
    with pytest.raises(ProgrammingError, match="irradiance_wm2"), transaction.atomic():
        evaluate(contract, NOVEMBER)
    assert not RuleOutput.objects.exists()
    assert not DefaultEvent.objects.exists()


def test_gaps_that_could_turn_the_verdict_leave_it_open(contract: Contract) -> None:
    guarantee(contract)
    november(contract, down=[3])
    MeterReading.objects.filter(reading_timestamp__day__gte=29).delete()
    found = judged(contract)
    assert found.verdict is not None
    assert found.verdict.status is Status.UNDETERMINED
    assert not DefaultEvent.objects.exists()


@pytest.mark.parametrize(
    "policy, status", [("excluded", Status.COMPLIANT), ("up", Status.COMPLIANT), ("down", Status.BREACH)]
)
def test_a_clause_may_say_what_gaps_are(contract: Contract, policy: str, status: Status) -> None:
    guarantee(contract, unknown_as=policy)
    november(contract, down=[3])
    MeterReading.objects.filter(reading_timestamp__day__gte=29).delete()
    found = judged(contract)
    assert found.verdict is not None
    assert found.verdict.status is status
    assert f'"unknown_as": "{policy}"' in json.dumps(found.verdict.explanation)


def test_a_verdict_says_what_became_of_every_second_of_its_month(contract: Contract) -> None:
    guarantee(contract)
    november(contract, down=[3, 4])
    outage(contract, 4)
    output = judged(contract).output
    assert output is not None
    assert output.metadata_detail is not None
    assert output.metadata_detail["seconds_by_category"] == {
        "forced_outage": 10 * 3600,
        "grid": 24 * 3600,  # the night of the event too
        "in_service": (720 - 34) * 3600,
    }


def test_guarantees_that_share_damages_share_their_cap(contract: Contract) -> None:
    guarantee(contract, "First", ld_rate=None, ld_currency=None)
    guarantee(contract, "Second", ld_rate=None, ld_currency=None)
    damages = {"trigger_type": "availability_shortfall", "calculation_type": "per_point", "rate": 1000}
    caps = {"ld_currency": "USD", "cap_type": "annual", "cap_amount": 8000}
    add_clause(contract, "LIQUIDATED_DAMAGES", "Damages", damages | caps)
    november(contract, down=[3, 4, 5])
    for _ in range(2):
        owed = [found.output.ld_amount for found in evaluate(contract, NOVEMBER) if found.output]
        assert owed == [Decimal(5000), Decimal(3000)]


@pytest.mark.parametrize(
    "facts, down",
    [
        ({}, 10),
        ({"raw_data": {"verified": False}}, 30),
        ({"raw_data": None}, 30),
        ({"status": EventStatus.OPEN}, 30),
        ({"time_end": None}, 30),
        ({"event_type__code": "FORCED_OUTAGE"}, 30),
        ({"time_end": FIRST + timedelta(days=3, hours=12)}, 25),
        ({"time_start": FIRST - timedelta(days=9)}, 10),
    ],
)
def test_only_verified_and_closed_events_of_the_listed_types_excuse(
    contract: Contract, facts: Mapping[str, object], down: int
) -> None:
    guarantee(contract)
    november(contract, down=[3, 4, 5])
    outage(contract, 3, 2, **facts)
    assert shares(contract)[1] == down


def test_a_forced_outage_excuses_where_the_clause_lists_it(contract: Contract) -> None:
    guarantee(contract, excused_events=["FORCED_OUTAGE"])
    november(contract, down=[3])
    outage(contract, 3, event_type__code="FORCED_OUTAGE")
    assert shares(contract) == (290, 0)


def test_events_of_another_project_excuse_nothing(contract: Contract) -> None:
    guarantee(contract)
    november(contract, down=[3])
    outage(ContractFactory.create(), 3)
    assert shares(contract) == (290, 10)


def test_an_excuse_is_named_in_the_explanation(contract: Contract) -> None:
    guarantee(contract)
    november(contract, down=[3])
    outage(contract, 3)
    output = judged(contract).output
    assert output is not None
    assert output.excuse
    assert output.metadata_detail is not None
    (excuse,) = output.metadata_detail["excuses"]
    assert (excuse["type"], excuse["start"]) == ("GRID_OUTAGE", "2025-11-04T00:00:00+00:00")


def test_a_guarantee_of_a_year_is_not_judged_by_a_month(contract: Contract) -> None:
    guarantee(contract, measurement_period="annual")
    november(contract, down=range(30))
    assert evaluate(contract, NOVEMBER) == []
    assert nothing_written()


def test_clauses_of_other_categories_are_not_judged(contract: Contract) -> None:
    add_clause(contract, "PRICING", "Price", PAYLOAD)
    ClauseFactory.create(contract=contract, clause_category=None, normalized_payload=PAYLOAD)
    assert evaluate(contract, NOVEMBER) == []


@pytest.mark.parametrize("key", ["threshold", "threshold_unit", "measurement_period", "ld_currency"])
def test_a_missing_key_is_named_and_does_not_stop_the_other_clauses(contract: Contract, key: str) -> None:
    guarantee(contract, "Wanting", **{key: None})
    guarantee(contract, "Complete")
    november(contract)
    wanting, complete = evaluate(contract, NOVEMBER)
    assert wanting.problem == f"clause Wanting: {key}: is missing, and no default may stand in for it"
    assert wanting.verdict is None
    assert complete.verdict is not None
    assert complete.verdict.status is Status.COMPLIANT
    assert RuleOutput.objects.get().clause.name == "Complete"


def test_a_cap_without_a_rate_is_named(contract: Contract) -> None:
    guarantee(contract, ld_rate=None, ld_cap=1000)
    assert judged(contract).problem == "clause Availability: ld_rate: is missing while ld_cap is given"


@pytest.mark.parametrize("payload", [None, [], ["threshold"], "95 percent"])
def test_a_payload_that_is_no_object_is_named(contract: Contract, payload: object) -> None:
    add_clause(contract, "AVAILABILITY", "Broken", payload)
    assert judged(contract).problem.startswith("clause Broken: ")
    assert nothing_written()


DAMAGES: dict[str, object] = {
    "trigger_type": "availability_shortfall",
    "calculation_type": "per_point",
    "rate": 1000,
    "ld_currency": "USD",
}


def damages(contract: Contract, name: str = "Damages", **changes: object) -> None:
    """Adds a clause that sets damages apart from the guarantee."""
    payload = {key: value for key, value in {**DAMAGES, **changes}.items() if value is not None}
    add_clause(contract, "LIQUIDATED_DAMAGES", name, payload)


def test_damages_may_stand_in_a_clause_of_their_own(contract: Contract) -> None:
    guarantee(contract, ld_rate=None, ld_currency=None)
    damages(contract)
    damages(contract, "Delay", trigger_type="delay", calculation_type="per_day")
    november(contract, down=[3, 4, 5])
    output = judged(contract).output
    assert output is not None
    assert output.ld_amount == 5000


@pytest.mark.parametrize("key", ["rate", "ld_currency", "calculation_type"])
def test_damages_that_cannot_be_counted_are_named(contract: Contract, key: str) -> None:
    guarantee(contract, ld_rate=None, ld_currency=None)
    damages(contract, "Damages", **{key: None})
    assert judged(contract).problem == f"clause Damages: {key}: is missing, and no default may stand in for it"


def test_two_clauses_that_set_the_same_damages_are_named(contract: Contract) -> None:
    guarantee(contract, ld_rate=None, ld_currency=None)
    damages(contract)
    damages(contract, "More damages")
    assert "Damages and More damages both set damages" in judged(contract).problem


def test_a_plant_without_meter_is_not_judged(contract: Contract) -> None:
    guarantee(contract)
    Meter.objects.all().delete()
    assert "has no revenue or production meter" in judged(contract).problem


def test_a_contract_without_project_is_not_judged(contract: Contract) -> None:
    guarantee(contract)
    Contract.objects.update(project=None)
    contract.refresh_from_db()
    assert "names no project" in judged(contract).problem


def test_a_contract_out_of_force_is_not_judged(contract: Contract) -> None:
    guarantee(contract)
    contract.end_date = date(2025, 10, 31)
    contract.save()
    assert "is not in force in 2025-11" in judged(contract).problem
    assert nothing_written()


def test_a_term_that_begins_within_the_month_is_all_that_counts(contract: Contract) -> None:
    guarantee(contract)
    contract.effective_date, contract.end_date = date(2025, 11, 11), date(2025, 11, 20)
    contract.save()
    november(contract, down=[0, 9, 10, 20])
    outage(contract, 0)
    assert shares(contract) == (90, 10)
    output = RuleOutput.objects.get()
    assert not output.excuse
    assert (output.period_start, output.period_end) == (FIRST, datetime(2025, 12, 1, tzinfo=UTC))


def test_a_month_is_cut_in_the_time_zone_of_the_project(contract: Contract) -> None:
    guarantee(contract)
    assert contract.project is not None
    contract.project.time_zone = "Asia/Kolkata"
    contract.project.save()
    november(contract)
    judged(contract)
    output = RuleOutput.objects.get()
    assert output.period_start == datetime(2025, 10, 31, 18, 30, tzinfo=UTC)
    assert output.period_end == datetime(2025, 11, 30, 18, 30, tzinfo=UTC)


def test_revenue_meters_settle_before_production_meters() -> None:
    production = plant(kind="PRODUCTION")
    MeterFactory.create(project=production.project, meter_type__code="WEATHER")
    assert settling_meters(production.project_id) == [production]
    revenue = [MeterFactory.create(project=production.project, meter_type__code="REVENUE") for _ in range(2)]
    assert settling_meters(production.project_id) == revenue


# --- again, and beside one another


WRITTEN = ("default_event", "rule_output", "notification")


def test_a_second_evaluation_writes_nothing(contract: Contract) -> None:
    guarantee(contract)
    november(contract, down=[3, 4, 5])
    judged(contract)
    before = versions(*WRITTEN)
    assert judged(contract).outcome is Outcome.UNCHANGED
    assert versions(*WRITTEN) == before


def test_changed_readings_change_the_verdict_in_its_place(contract: Contract) -> None:
    guarantee(contract)
    november(contract, down=[3, 4, 5])
    first = judged(contract).output
    MeterReading.objects.filter(reading_timestamp__day=4, irradiance_wm2=800).update(energy_wh=1000)
    found = judged(contract)
    assert found.outcome is Outcome.UPDATED
    assert found.output == first
    default, output, notice = DefaultEvent.objects.get(), RuleOutput.objects.get(), Notification.objects.get()
    assert output.ld_amount == Decimal("1666.67")
    assert default.evidence is not None
    assert str(default.evidence["values"]["actual"]) == "93.33333333"
    assert default.description == notice.description == output.description


def archived(month: Month, state: ArchiveState) -> None:
    """Has the account say that a month's readings left."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reading_archive (month, partition_name, state, row_count, content_sha256)"
            " VALUES (%s, %s, %s, 0, '')",
            [month.start.date(), month.partition, state],
        )


@pytest.mark.parametrize("state", [ArchiveState.DETACHED, ArchiveState.DROPPED])
def test_a_verdict_stands_while_its_readings_are_in_the_archive(contract: Contract, state: ArchiveState) -> None:
    guarantee(contract)
    november(contract, down=[3, 4, 5])
    judged(contract)
    before = versions(*WRITTEN)
    MeterReading.objects.filter(reading_timestamp__day=4).delete()
    archived(Month(2025, 11), state)
    found = judged(contract)
    assert "the readings of 2025-11 left the database and lie in the archive" in found.problem
    assert "`manage.py partitions restore 2025-11`" in found.problem
    assert found.verdict is None
    assert versions(*WRITTEN) == before


def test_a_period_that_begins_in_a_month_that_left_is_not_judged(contract: Contract) -> None:
    guarantee(contract)
    assert contract.project is not None
    contract.project.time_zone = "Asia/Kolkata"
    contract.project.save()
    november(contract)
    archived(Month(2025, 10), ArchiveState.DROPPED)
    assert "partitions restore 2025-10`" in judged(contract).problem
    assert nothing_written()


def test_months_beside_the_period_may_have_left(contract: Contract) -> None:
    guarantee(contract)
    november(contract)
    archived(Month(2025, 10), ArchiveState.DROPPED)
    archived(Month(2025, 12), ArchiveState.DROPPED)
    assert judged(contract).problem == ""


def test_a_month_that_leaves_at_this_moment_is_not_judged(contract: Contract) -> None:
    guarantee(contract)
    with Database.of(connection).connect() as leaving:
        leaving.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_CLASS, 2025 * 12 + 11])
        assert "partitions restore 2025-11`" in judged(contract).problem
    assert nothing_written()


def test_nothing_is_written_where_reference_data_is_missing(contract: Contract) -> None:
    guarantee(contract)
    november(contract, down=[3, 4, 5])
    NotificationType.objects.all().delete()
    assert judged(contract).problem == (
        "notification type BREACH_NOTICE is missing: run `manage.py load_reference_data`, then judge again."
        " Nothing was written."
    )
    assert nothing_written()


@pytest.mark.django_db(transaction=True)
def test_two_evaluations_at_the_same_instant_write_one_verdict(contract: Contract) -> None:
    guarantee(contract)
    november(contract, down=[3, 4, 5])
    gate = threading.Barrier(2)
    outcomes: list[Outcome | None] = []

    def do() -> None:
        try:
            gate.wait()
            outcomes.append(judged(contract).outcome)
        finally:
            connection.close()

    threads = [threading.Thread(target=do) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["created", "unchanged"]
    assert rows("SELECT count(*) FROM rule_output UNION ALL SELECT count(*) FROM default_event") == [(1,), (1,)]


# --- the seeded scenario


def test_the_seeded_plant_is_judged_as_its_story_says() -> None:
    seeds.load(connection, seeds.read_seeds(), tell=pytest.fail)
    agreement = {contract.contract_type.code: contract for contract in Contract.objects.all()}

    def owed(month: str) -> dict[str, tuple[object, object]]:
        found = {code: evaluate(contract, parse_period(month)) for code, contract in agreement.items()}
        return {
            f"{code} {one.clause.name}": (one.verdict.ld_amount, str(one.verdict.measured_share))
            for code, assessments in found.items()
            for one in assessments
            if one.verdict is not None
        }

    assert owed("2025-11") == {
        "PPA Availability guarantee": (Decimal("89931.15"), "1083/1162"),
        "O_AND_M Guaranteed availability": (Decimal("18993.12"), "1083/1162"),
        "O_AND_M Response and repair": (Decimal("0.00"), "1"),
    }
    again = [one.outcome for contract in agreement.values() for one in evaluate(contract, NOVEMBER)]
    assert again == [Outcome.UNCHANGED] * 3
    ingest(
        seeds.ROOT / "fixtures" / "december_readings.csv",
        Meter.objects.get(model="AM-9000"),
        {
            "time_column": "timestamp",
            "energy": ["energy_kwh", "kWh"],
            "irradiance": ["irradiance_wm2", "W/m2"],
            "interval": "15min",
            "label": "start",
        },
    )
    assert owed("2025-12") == {
        "PPA Availability guarantee": (Decimal("74846.36"), "1065/1139"),
        "O_AND_M Guaranteed availability": (Decimal("17484.64"), "1065/1139"),
        "O_AND_M Response and repair": (Decimal("0.00"), "1"),
    }
