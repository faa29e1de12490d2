"""Performance ratio, capacity factor, annual production, response time and minimum offtake."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from core.errors import ClauseError, MeasurementError
from core.periods import parse_period
from core.rules import DamagesTerms, Status, TriggerType
from core.rules.offtake import OfftakeTerms, contract_price, judge_offtake
from core.rules.performance import PerformanceTerms, capacity_factor, judge_performance, yields
from core.rules.production import ProductionTerms, judge_production
from core.rules.response import Incident, ResponseTerms, judge_response

Payload = dict[str, Any]
YEAR = parse_period("2025")
JUNE = parse_period("2025-06")
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
PER_KWH = DamagesTerms.from_payload(
    {"trigger_type": "performance_shortfall", "calculation_type": "per_kwh", "rate": "0.05", "ld_currency": "EUR"},
    clause="9.3",
    trigger=TriggerType.PERFORMANCE_SHORTFALL,
)


# --- performance ratio


Interval = tuple[int, Decimal | None, Decimal | None, Decimal | None]


def interval(energy_kwh: int | None, irradiance: int | None, temperature: int | None = None) -> Interval:
    """An hour."""

    def number(value: int | None, times: int = 1) -> Decimal | None:
        return None if value is None else Decimal(value * times)

    return 3600, number(energy_kwh, 1000), number(irradiance), number(temperature)


def test_the_performance_ratio_is_a_ratio_of_sums() -> None:
    """PR = (sum E / P0) / (sum G t / 1000), formulas.md section 2: 1,200 kWh of 1,500 at 1,000 kWp; not 82.5 %."""
    assert yields([interval(800, 1000), interval(400, 500)]).ratio(Decimal(1000)) == Fraction(1200, 1500)
    assert yields([interval(900, 1000), interval(300, 400)]).ratio(Decimal(1000)) == Fraction(1200, 1400)


def test_only_intervals_that_are_valid_in_both_series_count() -> None:
    found = yields([interval(800, 1000), interval(None, 900), interval(700, None)])
    assert (found.ratio(Decimal(1000)), found.intervals) == (Fraction(800, 1000), 1)
    assert yields([interval(None, 900)]).ratio(Decimal(1000)) is None


def test_the_temperature_is_corrected_to_25_degrees() -> None:
    """C = 1 + gamma * (T - 25), formulas.md section 2: at 50 degrees and -0.4 %/K the plant can give 0.9."""
    hot = yields([interval(810, 1000, 50)])
    assert hot.ratio(Decimal(1000)) == Fraction(81, 100)
    assert hot.ratio(Decimal(1000), Decimal("-0.004")) == Fraction(9, 10)
    with pytest.raises(MeasurementError, match="peak power"):
        hot.ratio(Decimal(0))


def test_the_capacity_factor_is_energy_over_rated_energy() -> None:
    """CF = E / (P_AC T): 1,752 MWh of a MW in a year of 8,760 hours is 20 %.

    US Energy Information Administration, "What is a capacity factor?" (tools/faqs, id 187): 5,000 MWh of it are 57 %.
    """
    assert round(capacity_factor(Decimal(5_000_000), Decimal(1000), 8760 * 3600), 2) == Fraction(57, 100)
    assert capacity_factor(Decimal(1_752_000), Decimal(1000), 8760 * 3600) == Fraction(1, 5)
    with pytest.raises(MeasurementError, match="above 0"):
        capacity_factor(Decimal(1), Decimal(1), 0)


PR: Payload = {
    "variant": "performance_ratio",
    "threshold": 80,
    "measurement_period": "monthly",
    "peak_power_kwp": 1000,
}


def test_a_performance_ratio_is_judged_by_the_target_of_its_month_and_its_year() -> None:
    terms = PerformanceTerms.from_payload(
        PR
        | {
            "performance_ratio_schedule": [{"month": 6, "target_percent": 78}],
            "degradation_rate_percent_per_year": "0.5",
            "degradation_method": "linear",
        },
        clause="5.1",
    )
    assert terms.guaranteed_share(JUNE, 1) == Fraction(78, 100)
    assert terms.guaranteed_share(parse_period("2025-07"), 3) == Fraction(80, 100) * Fraction(99, 100)
    found = judge_performance(terms, None, Fraction(77, 100), JUNE)
    assert (found.status, found.reason) == (
        Status.BREACH,
        "performance ratio of 77.00 % is below the guarantee of 78.00 %",
    )
    assert found.shortfall_points == 1
    assert judge_performance(terms, None, Fraction(78, 100), JUNE).status is Status.COMPLIANT
    assert judge_performance(terms, None, None, JUNE).status is Status.UNDETERMINED
    with pytest.raises(ClauseError, match="measurement_period"):
        judge_performance(terms, None, Fraction(1), YEAR)


@pytest.mark.parametrize(
    "keys, key",
    [
        ({"threshold": None}, "threshold"),
        ({"threshold": "0.8"}, "threshold"),
        ({"variant": "energy_output"}, "variant"),
        ({"performance_ratio_schedule": [{"month": 13, "target_percent": 8}]}, "performance_ratio_schedule"),
        ({"performance_ratio_schedule": ["June"]}, "performance_ratio_schedule"),
        ({"peak_power_kwp": None}, "peak_power_kwp"),
        ({"variant": "capacity_factor"}, "nameplate_capacity_mw"),
        ({"degradation_rate_percent_per_year": 1}, "degradation_method"),
        ({"unknown_as": "estimated"}, "unknown_as"),
        ({"exclusion_mode": "credit_as_up"}, "exclusion_mode"),
    ],
)
def test_a_performance_clause_that_cannot_be_judged_is_refused_by_key(keys: Payload, key: str) -> None:
    with pytest.raises(ClauseError, match=f"clause 5.1: {key}"):
        PerformanceTerms.from_payload(PR | keys, clause="5.1")


# --- production


PRODUCTION: Payload = {
    "guaranteed_annual_production_kwh": 1_000_000,
    "threshold": 90,
    "measurement_period": "annual",
}
PROFILE = [40, 50, 80, 100, 120, 130, 130, 120, 90, 70, 40, 30]


def production(**keys: object) -> ProductionTerms:
    return ProductionTerms.from_payload(PRODUCTION | keys, clause="5.2")


@pytest.mark.parametrize(
    "method, year, kwh",
    [
        ("linear", 1, 1_000_000),
        ("linear", 11, 950_000),
        ("compound", 1, 1_000_000),
        ("compound", 3, Fraction(1_000_000) * Fraction(995, 1000) ** 2),
        ("linear", 300, 0),
    ],
)
def test_a_guarantee_falls_as_the_contract_says(method: str, year: int, kwh: Fraction) -> None:
    """g1 (1 - d (y - 1)) or g1 (1 - d)^(y - 1): formulas.md, section 2."""
    terms = production(degradation_rate_percent_per_year="0.5", degradation_method=method)
    assert terms.degraded(year) == kwh


def test_a_contract_must_say_how_its_guarantee_falls() -> None:
    with pytest.raises(ClauseError, match="degradation_method: is missing"):
        production(degradation_rate_percent_per_year="0.5")


def test_part_of_a_year_counts_by_what_is_expected_of_its_months_and_not_by_its_days() -> None:
    profile = [{"month": month, "expected_kwh": kwh} for month, kwh in enumerate(PROFILE, start=1)]
    terms = production(monthly_production_profile=profile)
    assert terms.part_of_year({6: Fraction(1), 7: Fraction(1, 2)}) == Fraction(195, 1000)
    with pytest.raises(ClauseError, match="monthly_production_profile: is missing"):
        production().part_of_year({6: Fraction(1)})


def test_a_shortfall_of_energy_is_charged_by_the_kwh() -> None:
    found = judge_production(production(), PER_KWH, Decimal(850_000), YEAR, operating_year=1)
    assert (found.status, found.ld_amount) == (Status.BREACH, Decimal("2500.00"))  # 50,000 kWh at 0.05
    assert found.reason == "energy of 85.00 % is below the guarantee of 90.00 %"
    assert judge_production(production(), PER_KWH, None, YEAR, operating_year=1).status is Status.UNDETERMINED


@pytest.mark.parametrize("mode", ["reduces_guarantee", "deemed_delivered"])
def test_both_ways_to_excuse_energy_give_the_same_shortfall(mode: str) -> None:
    terms = production(excused_energy=mode)
    found = judge_production(terms, PER_KWH, Decimal(850_000), YEAR, operating_year=1, excused_kwh=Fraction(30_000))
    assert found.ld_amount == Decimal("1000.00")
    kept = judge_production(terms, PER_KWH, Decimal(850_000), YEAR, operating_year=1, excused_kwh=Fraction(50_000))
    assert (kept.status, kept.ld_amount) == (Status.COMPLIANT, Decimal(0))


# --- response time


MAINTENANCE: Payload = {"maintenance_responsible_party": "contractor"}
RESPONSE = ResponseTerms.from_payload(
    MAINTENANCE | {"response_time_hours": 4, "resolution_time_hours": "48"}, clause="7.1"
)


def incident(name: str, answered: float | None, resolved: float | None) -> Incident:
    def later(hours: float | None) -> datetime | None:
        return None if hours is None else NOON + timedelta(hours=hours)

    return Incident(name, NOON, later(answered), later(resolved))


def test_an_answer_at_the_last_instant_is_in_time() -> None:
    now = NOON + timedelta(hours=50)
    assert RESPONSE.breaches(incident("A", 4, 48), now) == []
    assert RESPONSE.breaches(incident("B", 4.001, 20), now) == ["B: not answered within 4 hours"]
    assert len(RESPONSE.breaches(incident("C", None, None), now)) == 2
    assert RESPONSE.breaches(incident("D", None, None), NOON + timedelta(hours=1)) == []


def test_every_breach_is_counted_and_named() -> None:
    per_breach = DamagesTerms.from_payload(
        {"trigger_type": "delay", "calculation_type": "flat_fee", "rate": 100, "ld_currency": "USD"},
        clause="9.4",
        trigger=TriggerType.DELAY,
    )
    late = [incident("A", 1, 2), incident("B", 5, 60), incident("C", 5, 6)]
    found = judge_response(RESPONSE, per_breach, late, JUNE, NOON + timedelta(days=9))
    assert (found.status, found.measured_share, found.ld_amount) == (Status.BREACH, Fraction(1, 3), Decimal(300))
    assert judge_response(RESPONSE, per_breach, [], JUNE, NOON).status is Status.COMPLIANT


def test_a_clause_without_any_time_is_refused() -> None:
    with pytest.raises(ClauseError, match="response_time_hours: is missing"):
        ResponseTerms.from_payload(MAINTENANCE, clause="7.1")


# --- offtake

OFFTAKE: Payload = {
    "invoice_frequency": "monthly",
    "payment_due_days": 30,
    "minimum_purchase_percent": 80,
    "take_or_pay_shortfall_rate": "0.5",
    "measurement_period": "annual",
    "expected_energy_kwh": 1000,
}
PRICE: Payload = {"base_rate_per_kwh": "0.08", "billing_currency": "USD"}


def test_take_or_pay_is_priced_by_a_price_that_never_changes() -> None:
    assert contract_price(PRICE, clause="2.1") == (Decimal("0.08"), "USD")


@pytest.mark.parametrize(
    "keys, key",
    [
        ({"billing_currency": None}, "billing_currency"),
        ({"pricing_structure": "tiered"}, "pricing_structure"),
        ({"escalation_rate": 2}, "pricing_structure"),
        ({"base_rate_unit": "USD/MWh"}, "base_rate_unit"),
    ],
)
def test_a_price_that_may_be_another_one_then_is_refused(keys: Payload, key: str) -> None:
    with pytest.raises(ClauseError, match=f"clause 2.1: {key}: "):
        contract_price(PRICE | keys, clause="2.1")


def test_take_or_pay_names_all_that_it_lacks() -> None:
    with pytest.raises(ClauseError, match=r"measurement_period: .*; expected_energy_kwh: "):
        OfftakeTerms.from_payload(OFFTAKE | {"measurement_period": None, "expected_energy_kwh": None}, clause="3.4")


def test_energy_that_is_not_known_leaves_a_shortfall_open_and_not_a_success() -> None:
    terms = OfftakeTerms.from_payload(OFFTAKE, clause="3.4")

    def judged(taken: int) -> Status:
        return judge_offtake(
            terms,
            YEAR,
            taken_kwh=Decimal(taken),
            deemed_kwh=Decimal(0),
            price_per_kwh=Decimal(1),
            currency="USD",
            open_because="the energy of 900 seconds is not known",
        ).status

    assert (judged(700), judged(800)) == (Status.UNDETERMINED, Status.COMPLIANT)


@pytest.mark.parametrize(
    "taken, deemed, amount, status",
    [(600, 0, "8.00", Status.BREACH), (600, 150, "2.00", Status.BREACH), (600, 200, "0.00", Status.COMPLIANT)],
)
def test_what_was_available_and_not_taken_counts_as_taken(taken: int, deemed: int, amount: str, status: Status) -> None:
    """max(0, minimum - (taken + deemed)) * price, formulas.md section 3: 80 % of 1,000 kWh at half of 0.08."""
    terms = OfftakeTerms.from_payload(OFFTAKE, clause="3.4")
    found = judge_offtake(
        terms,
        YEAR,
        taken_kwh=Decimal(taken),
        deemed_kwh=Decimal(deemed),
        price_per_kwh=Decimal("0.08"),
        currency="USD",
    )
    assert (found.status, found.ld_amount) == (status, Decimal(amount))
