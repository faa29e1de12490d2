"""Every kind of clause judged on what is in the database, and many contracts judged as one."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.compliance import Outcome
from core.models import Clause, Contract, DamagesEntry, DefaultEvent, RuleOutput
from core.models.vocabulary import Status as EventStatus
from core.models.vocabulary import UpdatedFrequency
from core.periods import parse_period
from core.rules import Status
from metering.assessment import Assessment, evaluate, evaluate_all
from metering.models import Meter, MeterReading
from metering.models.aggregates import PeriodType
from tests.factories import (
    ClauseCategoryFactory,
    ClauseFactory,
    ContractFactory,
    CurrencyFactory,
    DefaultEventTypeFactory,
    EventFactory,
    MeterAggregateFactory,
    MeterFactory,
    NotificationTypeFactory,
    PriceIndexFactory,
    PriceIndexValueFactory,
    RuleOutputTypeFactory,
)
from tests.metering.readings import put, store, versions

pytestmark = pytest.mark.django_db

MARCH = parse_period("2009-03")
FIRST = datetime(2009, 3, 1, tzinfo=UTC)
APRIL = datetime(2009, 4, 1, tzinfo=UTC)
AVAILABILITY: dict[str, Any] = {"threshold": 95, "threshold_unit": "percent", "measurement_period": "monthly"}
DAMAGES: dict[str, Any] = {"ld_rate": 1000, "ld_currency": "USD"}
PERFORMANCE: dict[str, Any] = {"threshold": 80, "measurement_period": "monthly"}


@pytest.fixture
def contract() -> Contract:
    """An agreement since 2008, without clauses, about a plant with a revenue meter, and the reference rows."""
    for code in ("LIQUIDATED_DAMAGES", "BREACH", "COMPLIANT", "UNDETERMINED", "BONUS"):
        RuleOutputTypeFactory.create(code=code)
    for code in ("AVAILABILITY", "PERFORMANCE", "OFFTAKE"):
        DefaultEventTypeFactory.create(code=f"{code}_SHORTFALL")
    DefaultEventTypeFactory.create(code="RESPONSE_TIME_BREACH")
    NotificationTypeFactory.create(code="BREACH_NOTICE")
    CurrencyFactory.create(code="USD")
    return another()


def another() -> Contract:
    contract = ContractFactory.create(contract_status__code="ACTIVE", effective_date=date(2008, 1, 1))
    MeterFactory.create(project=contract.project, meter_type__code="REVENUE")
    return contract


def add(contract: Contract, category: str, **payload: object) -> Clause:
    return ClauseFactory.create(
        contract=contract, clause_category=ClauseCategoryFactory.create(code=category), normalized_payload=payload
    )


def meter_of(contract: Contract) -> Meter:
    return Meter.objects.get(project=contract.project)


def aggregate(contract: Contract, **facts: object) -> None:
    """What is known of March: three quarters of 1,000,000 useful seconds, unless the facts say otherwise."""
    values: dict[str, object] = {
        "period_start": FIRST,
        "period_end": APRIL,
        "energy_wh": 600_000,
        "seconds_available": 750_000,
        "seconds_expected": 1_000_000,
        "seconds_unknown": 0,
        **facts,
    }
    MeterAggregateFactory.create(meter=meter_of(contract), period_type=PeriodType.MONTHLY, **values)


def judged(contract: Contract, label: str = "2009-03") -> Assessment:
    (found,) = evaluate(contract, parse_period(label))
    return found


def verdict(contract: Contract, label: str = "2009-03") -> Any:
    found = judged(contract, label)
    assert found.problem == ""
    return found.verdict


def steps(contract: Contract, label: str = "2009-03") -> dict[str, Any]:
    """The steps of the one verdict, by name."""
    output = judged(contract, label).output
    assert output is not None
    assert output.metadata_detail is not None
    return {step["step"]: step for step in output.metadata_detail["steps"]}


# --- from aggregates alone


def test_a_month_without_readings_is_judged_by_its_aggregates_and_says_so(contract: Contract) -> None:
    add(contract, "AVAILABILITY", **AVAILABILITY)
    aggregate(contract)
    found = judged(contract)
    assert found.verdict is not None
    assert (found.verdict.status, found.verdict.measured_share) == (Status.BREACH, Fraction(3, 4))
    assert found.output is not None
    assert found.output.metadata_detail is not None
    assert (found.output.metadata_detail["source"], found.output.metadata_detail["readings"]) == (
        "monthly aggregates",
        1,
    )
    default = DefaultEvent.objects.get()
    assert default.evidence is not None
    assert default.evidence["values"]["actual"] == 75


def test_readings_are_asked_before_aggregates(contract: Contract) -> None:
    add(contract, "AVAILABILITY", **AVAILABILITY, unknown_as="excluded")
    aggregate(contract)
    store(meter_of(contract), FIRST, [(5, 800)] * 4)
    assert verdict(contract).measured_share == 1


@pytest.mark.parametrize("keys", [{"irradiance_threshold_wm2": 50}, {"availability_form": "raw"}])
def test_what_aggregates_do_not_tell_exactly_is_not_judged_by_them(contract: Contract, keys: dict[str, Any]) -> None:
    add(contract, "AVAILABILITY", **AVAILABILITY, **keys)
    aggregate(contract)
    assert verdict(contract).status is Status.UNDETERMINED


def test_seconds_that_no_aggregate_covers_are_unknown(contract: Contract) -> None:
    quarterly = {**AVAILABILITY, "measurement_period": "quarterly"}
    add(contract, "AVAILABILITY", **quarterly)
    aggregate(contract)
    found = verdict(contract, "2009-Q1")
    assert found.status is Status.UNDETERMINED
    assert steps(contract, "2009-Q1")["classify time"]["unknown"] == 59 * 86400


# --- forms of availability


def test_technical_availability_counts_what_is_excused_and_contractual_does_not(contract: Contract) -> None:
    for form in ("technical", "contractual"):
        excusing = {"excused_events": ["GRID_OUTAGE"], "unknown_as": "excluded"}
        add(contract, "AVAILABILITY", **AVAILABILITY, **excusing, availability_form=form)
    store(meter_of(contract), FIRST, [(5, 800)] * 3 + [(0, 800)])
    event(contract, "GRID_OUTAGE", FIRST + timedelta(minutes=45), FIRST + timedelta(minutes=60))
    shares = [one.verdict.measured_share for one in evaluate(contract, MARCH) if one.verdict]
    assert shares == [Fraction(3, 4), 1]


def test_units_count_by_their_rated_power(contract: Contract) -> None:
    add(contract, "AVAILABILITY", **AVAILABILITY, availability_form="capacity_weighted", unknown_as="excluded")
    large = MeterFactory.create(project=contract.project, meter_type__code="REVENUE", rated_power_kw=300)
    small = Meter.objects.filter(project=contract.project).exclude(pk=large.pk).get()
    store(small, FIRST, [(5, 800)] * 4)
    store(large, FIRST, [(0, 800)] * 4)
    assert "rated_power_kw" in judged(contract).problem
    Meter.objects.filter(pk=small.pk).update(rated_power_kw=100)
    assert verdict(contract).measured_share == Fraction(1, 4)


def test_availability_by_energy_prices_what_was_lost_by_the_month_before(contract: Contract) -> None:
    """A_e = 1 - E_lost / (E_actual + E_lost), with 5 Wh for each quarter-hour of 500 W/m2 in February."""
    add(
        contract,
        "AVAILABILITY",
        **AVAILABILITY,
        availability_form="energy_based",
        available_energy_method="irradiance_interval_adjusted",
        unknown_as="excluded",
    )
    store(meter_of(contract), FIRST - timedelta(days=1), [(5, 500)] * 4)
    store(meter_of(contract), FIRST, [(15, 800), (0, 500), (0, 50)])
    assert verdict(contract).measured_share == Fraction(15, 20)
    MeterReading.objects.filter(reading_timestamp__lt=FIRST).delete()
    assert "the month before tells not how much" in verdict(contract).reason


def test_availability_by_energy_may_deem_what_was_lost(contract: Contract) -> None:
    add(
        contract,
        "AVAILABILITY",
        **AVAILABILITY,
        availability_form="energy_based",
        available_energy_method="fixed_deemed",
        deemed_kwh_per_interval="0.005",
        unknown_as="excluded",
    )
    store(meter_of(contract), FIRST, [(15, 800), (0, 500)])
    assert verdict(contract).measured_share == Fraction(15, 20)


# --- performance


def event(contract: Contract, code: str, start: datetime, end: datetime | None, **facts: object) -> None:
    values: dict[str, object] = {"status": EventStatus.CLOSED, "raw_data": {"verified": True}, **facts}
    EventFactory.create(project=contract.project, event_type__code=code, time_start=start, time_end=end, **values)


def test_a_performance_ratio_rests_on_the_intervals_that_all_meters_tell_of(contract: Contract) -> None:
    """PR = E / (P0 * G * t / 1000): 1,500 Wh of 2,000 that 2 kWp were worth in an hour of 1,000 W/m2."""
    add(contract, "PERFORMANCE_GUARANTEE", **PERFORMANCE, variant="performance_ratio", peak_power_kwp=2)
    other = MeterFactory.create(project=contract.project, meter_type__code="REVENUE")
    first = Meter.objects.filter(project=contract.project).exclude(pk=other.pk).get()
    put(first, [(FIRST, 900, 1000), (FIRST + timedelta(hours=1), 900, 1000)], UpdatedFrequency.HOURLY)
    put(other, [(FIRST, 600, None), (FIRST + timedelta(hours=1), None, None)], UpdatedFrequency.HOURLY)
    found = verdict(contract)
    assert (found.measured_share, found.status) == (Fraction(3, 4), Status.BREACH)
    assert steps(contract)["measure"]["intervals"] == 1


def test_a_performance_ratio_is_corrected_for_temperature(contract: Contract) -> None:
    """C = 1 - 0.004 * (50 - 25) = 0.9: 810 Wh of 900."""
    add(
        contract,
        "PERFORMANCE_GUARANTEE",
        **PERFORMANCE,
        variant="performance_ratio",
        peak_power_kwp=1,
        temperature_coefficient_per_c="-0.004",
    )
    store(meter_of(contract), FIRST, [(810, 1000), (999, 1000)], UpdatedFrequency.HOURLY)
    MeterReading.objects.filter(reading_timestamp=FIRST).update(temperature_c=50)
    assert verdict(contract).measured_share == Fraction(9, 10)


def test_a_capacity_factor_is_judged_by_the_energy_of_the_month(contract: Contract) -> None:
    """744 hours of March in UTC at 1 kW of rated power, and 600 kWh of 744."""
    add(
        contract,
        "PERFORMANCE_GUARANTEE",
        **PERFORMANCE,
        variant="capacity_factor",
        nameplate_capacity_mw="0.001",
        shortfall_formula_type="fixed_rate_per_kwh",
        shortfall_rate_per_kwh="0.5",
        ld_currency="USD",
    )
    aggregate(contract, energy_wh=558_000)
    found = verdict(contract)
    assert found.measured_share == Fraction(558, 744) == Fraction(3, 4)
    assert found.ld_amount == Decimal("18.60")  # (0.80 - 0.75) * 744 kWh at 0.50


def test_energy_that_is_not_known_leaves_a_shortfall_open(contract: Contract) -> None:
    add(contract, "PERFORMANCE_GUARANTEE", **PERFORMANCE, variant="capacity_factor", nameplate_capacity_mw="0.001")
    aggregate(contract, energy_wh=500_000, seconds_unknown=900)
    found = verdict(contract)
    assert found.status is Status.UNDETERMINED
    assert "the energy of 900 unit-seconds is not known" in found.reason


def year(contract: Contract, **facts: object) -> None:
    """Twelve months of aggregates of 2009."""
    for month in range(1, 13):
        start = datetime(2009, month, 1, tzinfo=UTC)
        end = datetime(2009 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        aggregate(contract, period_start=start, period_end=end, **facts)


def test_an_annual_production_falls_with_the_operating_year(contract: Contract) -> None:
    """The second operating year at 10 % a year, linear: 90 % of 8,000 kWh are 7,200 and 90 % of those 6,480."""
    add(
        contract,
        "PERFORMANCE_GUARANTEE",
        variant="energy_output",
        threshold=90,
        measurement_period="annual",
        guaranteed_annual_production_kwh=8000,
        degradation_rate_percent_per_year=10,
        degradation_method="linear",
    )
    year(contract, energy_wh=540_000)
    assert verdict(contract, "2009").status is Status.COMPLIANT
    assert steps(contract, "2009")["adjust guarantee"]["required_kwh"]["exact"] == "6480"


def test_part_of_a_year_needs_the_profile_of_its_months(contract: Contract) -> None:
    payload = {
        "variant": "energy_output",
        "threshold": 100,
        "measurement_period": "annual",
        "guaranteed_annual_production_kwh": 1200,
    }
    clause = add(contract, "PERFORMANCE_GUARANTEE", **payload)
    Contract.objects.filter(pk=contract.pk).update(effective_date=date(2009, 7, 1))
    contract.refresh_from_db()
    year(contract, energy_wh=100_000)
    assert "monthly_production_profile: is missing" in judged(contract, "2009").problem
    payload["monthly_production_profile"] = [
        {"month": month, "expected_kwh": 150 if month < 7 else 50} for month in range(1, 13)
    ]
    clause.normalized_payload = payload
    clause.save()
    assert verdict(contract, "2009").status is Status.COMPLIANT
    assert steps(contract, "2009")["adjust guarantee"]["required_kwh"]["exact"] == "300"


def test_energy_that_a_verified_event_prevented_is_excused(contract: Contract) -> None:
    """1 Wh for each W/m2 of a quarter-hour: the plant could have given 500 more than the 100 it gave."""
    add(
        contract,
        "PERFORMANCE_GUARANTEE",
        variant="energy_output",
        threshold=100,
        measurement_period="monthly",
        guaranteed_annual_production_kwh=12,
        monthly_production_profile=[{"month": month, "expected_kwh": 1} for month in range(1, 13)],
        shortfall_excused_events=["GRID_OUTAGE"],
    )
    aggregate(contract, energy_wh=600)
    store(meter_of(contract), FIRST, [(500, 500), (100, 600)])
    event(contract, "GRID_OUTAGE", FIRST + timedelta(minutes=15), FIRST + timedelta(minutes=30))
    found = verdict(contract)
    assert steps(contract)["adjust guarantee"]["excused_kwh"]["exact"] == "1/2"
    assert found.status is Status.COMPLIANT  # 1 kWh less 0.5 excused, and 0.6 came


def test_a_guarantee_is_over_after_its_years(contract: Contract) -> None:
    payload = {**PERFORMANCE, "variant": "capacity_factor", "nameplate_capacity_mw": 1}
    add(contract, "PERFORMANCE_GUARANTEE", **payload, guarantee_period_years=1)
    assert evaluate(contract, MARCH) == []


# --- response, offtake


def test_each_failure_is_answered_in_time_or_charged(contract: Contract) -> None:
    add(contract, "MAINTENANCE", maintenance_responsible_party="contractor", response_time_hours=4)
    add(
        contract,
        "LIQUIDATED_DAMAGES",
        trigger_type="delay",
        calculation_type="flat_fee",
        rate=250,
        ld_currency="USD",
    )
    event(contract, "FORCED_OUTAGE", FIRST, None, time_acknowledged=FIRST + timedelta(hours=4))
    event(contract, "FORCED_OUTAGE", FIRST, None, time_acknowledged=FIRST + timedelta(hours=5))
    event(contract, "FORCED_OUTAGE", APRIL, None, time_acknowledged=APRIL + timedelta(hours=9))
    event(contract, "GRID_OUTAGE", FIRST, None)
    found = verdict(contract)
    assert (found.status, found.ld_amount, found.measured_share) == (Status.BREACH, Decimal(250), Fraction(1, 2))
    assert DefaultEvent.objects.get().default_event_type.code == "RESPONSE_TIME_BREACH"


def test_energy_not_taken_is_owed_by_the_buyer(contract: Contract) -> None:
    """max(0, 80 % of 1,000 - 600) kWh at half of 0.08: it raises the invoice instead of lowering it."""
    add(
        contract,
        "PAYMENT_TERMS",
        invoice_frequency="monthly",
        payment_due_days=30,
        minimum_purchase_percent=80,
        take_or_pay_shortfall_rate="0.5",
        measurement_period="monthly",
        expected_energy_kwh=1000,
    )
    aggregate(contract)
    assert "no PRICING clause has one" in judged(contract).problem
    add(contract, "PRICING", base_rate_per_kwh="0.08", billing_currency="USD")
    assert verdict(contract).ld_amount == Decimal("8.00")
    output = RuleOutput.objects.get()
    assert (output.invoice_adjustment, output.breach) == (Decimal("8.00"), True)


def test_clauses_that_promise_nothing_measurable_are_left_alone(contract: Contract) -> None:
    add(contract, "MAINTENANCE", maintenance_responsible_party="contractor")
    add(contract, "PAYMENT_TERMS", invoice_frequency="monthly", payment_due_days=30)
    assert evaluate(contract, MARCH) == []


# --- indexed rates, chronic breach


def test_a_rate_follows_the_latest_publication_of_its_index(contract: Contract) -> None:
    index = {"index": "CPI", "base_date": "2008-01-01", "base_value": 100, "lag_months": 2}
    add(contract, "AVAILABILITY", **AVAILABILITY, **DAMAGES, ld_rate_index=index)
    aggregate(contract)
    assert "ld_rate_index: CPI has no value" in judged(contract).problem
    cpi = PriceIndexFactory.create(name="CPI")
    for day, value in ((date(2009, 2, 15), 110), (date(2009, 3, 15), 120)):
        PriceIndexValueFactory.create(price_index=cpi, month=date(2009, 1, 1), published_on=day, value=value)
    assert verdict(contract).ld_amount == Decimal("24000.00")  # 20 points at 1,000 * 1.2


def test_a_breach_too_many_is_chronic(contract: Contract) -> None:
    add(contract, "AVAILABILITY", **AVAILABILITY, chronic_breach={"breaches": 2, "of_periods": 3})
    for month, available in ((1, 750_000), (2, 990_000), (3, 750_000)):
        start, end = datetime(2009, month, 1, tzinfo=UTC), datetime(2009, month + 1, 1, tzinfo=UTC)
        aggregate(contract, period_start=start, period_end=end, seconds_available=available)
    found = {month: steps(contract, f"2009-0{month}")["chronic breach"]["is_chronic"] for month in (1, 2, 3)}
    assert found == {1: "no", 2: "no", 3: "yes"}
    assert verdict(contract).reason.endswith("; a chronic breach, 2 of 3 periods")


# --- many at once


def fleet(contract: Contract, size: int) -> Iterator[Contract]:
    """Contracts like the first, each with a guarantee whose damages are capped, and a month of aggregates."""
    for one in (contract, *(another() for _ in range(size - 1))):
        add(one, "AVAILABILITY", **AVAILABILITY, **DAMAGES, ld_cap=90_000, cap_type="annual")
        aggregate(one)
        yield one


def test_a_batch_takes_as_many_statements_whatever_its_size(contract: Contract) -> None:
    def statements(contracts: list[Contract]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            evaluate_all(contracts, MARCH)
        return len(queries)

    contracts = [*fleet(contract, 9)]
    few, many = statements(contracts[:2]), statements(contracts[2:])
    assert few == many
    again = statements(contracts[:2]), statements(contracts[2:])
    assert again[0] == again[1] < few


def test_a_second_batch_writes_nothing(contract: Contract) -> None:
    contracts = [*fleet(contract, 3)]
    tables = ("rule_output", "default_event", "notification", "damages_ledger")
    first = evaluate_all(contracts, MARCH)
    before = versions(*tables)
    again = evaluate_all(contracts, MARCH)
    assert versions(*tables) == before
    assert {one.outcome for found in first.values() for one in found} == {Outcome.CREATED}
    assert {one.outcome for found in again.values() for one in found} == {Outcome.UNCHANGED}
    assert again.keys() == {one.pk for one in contracts}


def test_a_contract_with_a_problem_does_not_stop_the_others(contract: Contract) -> None:
    broken, unwritable, sound = fleet(contract, 3)
    Meter.objects.filter(project=broken.project).update(meter_type=MeterFactory.create().meter_type)
    Clause.objects.filter(contract=unwritable).update(
        normalized_payload={**AVAILABILITY, "ld_rate": 1, "ld_currency": "CHF"}
    )
    found = evaluate_all([sound, broken, unwritable], MARCH)
    assert "no revenue or production meter" in found[broken.pk][0].problem
    assert "currency CHF is missing" in found[unwritable.pk][0].problem
    assert [one.outcome for one in found[sound.pk]] == [Outcome.CREATED]


def test_a_batch_and_its_contracts_alone_come_to_the_same(contract: Contract) -> None:
    contracts = [*fleet(contract, 3)]
    alone = {one.pk: evaluate(one, MARCH)[0].output for one in contracts}
    hashes = {key: output.content_hash for key, output in alone.items() if output is not None}
    RuleOutput.objects.update(content_hash="")
    Random(7).shuffle(contracts)
    together = {key: found[0].output for key, found in evaluate_all(contracts, MARCH).items()}
    assert {key: output.content_hash for key, output in together.items() if output is not None} == hashes


def test_clauses_of_one_batch_that_share_a_cap_share_what_is_left_of_it(contract: Contract) -> None:
    for _ in range(2):
        add(contract, "AVAILABILITY", **AVAILABILITY)
    add(
        contract,
        "LIQUIDATED_DAMAGES",
        trigger_type="availability_shortfall",
        calculation_type="per_point",
        rate=1000,
        ld_currency="USD",
        cap_type="annual",
        cap_amount=30_000,
    )
    aggregate(contract)
    for _ in range(2):  # the second run finds the same room
        amounts = [one.verdict.ld_amount for one in evaluate(contract, MARCH) if one.verdict]
        assert amounts == [Decimal(20_000), Decimal(10_000)]
    assert sum(entry.amount for entry in DamagesEntry.objects.all()) == 30_000


def test_readings_in_any_order_repeated_or_cut_otherwise_give_the_same_hash(contract: Contract) -> None:
    add(contract, "AVAILABILITY", **AVAILABILITY)
    values = [(FIRST + timedelta(minutes=15 * n), n % 7, 800 if n % 3 else None) for n in range(40)]
    meter = meter_of(contract)

    def content_hash(order: list[tuple[datetime, int, int | None]]) -> str | None:
        MeterReading.objects.all().delete()
        for first in range(0, len(order), 11):
            put(meter, order[first : first + 11])
        output = judged(contract).output
        assert output is not None
        return output.content_hash

    shuffled = Random(3).sample(values, len(values))
    assert content_hash(values) == content_hash(shuffled) == content_hash(values[::-1])
