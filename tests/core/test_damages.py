"""From a shortfall to an amount: each structure, the fixed order, caps and indexed rates."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ClauseError
from core.money import round_money
from core.payloads import PerformanceGuaranteePayload, read_as
from core.periods import parse_period
from core.rules import (
    AvailabilityMeasurement,
    AvailabilityTerms,
    Cap,
    CapWindow,
    CapYear,
    Charge,
    DamagesTerms,
    LdMethod,
    LdSteps,
    Status,
    TriggerType,
    charge,
    judge,
    room_under_caps,
)
from core.timeline import energy_based

Payload = dict[str, Any]
NOVEMBER = parse_period("2025-11")
POINTS: Payload = {
    "trigger_type": "availability_shortfall",
    "calculation_type": "per_point",
    "rate": 1000,
    "ld_currency": "USD",
}
ENERGY: Payload = POINTS | {"trigger_type": "performance_shortfall", "calculation_type": "per_kwh"}
# "100 % if A >= 98 %; 100 % - 2 * (98 % - A) for 70 % <= A < 98 %; 0 below 70 %": formulas.md, section 4.2.
AVAILABILITY_ADJUSTMENT = [
    {"from_percent": 0, "multiplier_percent": 0, "slope": 0},
    {"from_percent": 70, "multiplier_percent": 44, "slope": 2},
    {"from_percent": 98, "multiplier_percent": 100, "slope": 0},
]


def terms(payload: Payload = POINTS, **keys: object) -> DamagesTerms:
    payload = payload | keys
    return DamagesTerms.from_payload(payload, clause="9.2", trigger=TriggerType(str(payload["trigger_type"])))


def owed(quantity: str, payload: Payload = POINTS, **keys: object) -> Decimal:
    return charge(terms(payload, **keys), Fraction(quantity)).amount


@pytest.mark.parametrize(
    "short, keys, amount",
    [
        ("2.3", {}, "2300.00"),
        ("2.3", {"ld_steps": "ceil", "ld_granularity_points": 1}, "3000.00"),
        ("2.3", {"ld_steps": "floor", "ld_granularity_points": 1}, "2000.00"),
        ("2.31", {"ld_steps": "ceil", "ld_granularity_points": "0.1"}, "2400.00"),  # 0.1 point, as in utility forms
        ("2.39", {"ld_steps": "floor", "ld_granularity_points": "0.1"}, "2300.00"),
        ("2", {"ld_steps": "ceil", "ld_granularity_points": 1}, "2000.00"),  # a whole step is not rounded up
        ("2.3", {"ld_dead_band_points": 2}, "300.00"),
        ("1.9", {"ld_dead_band_points": 2}, "0.00"),
        (
            "2.3",
            {"ld_dead_band_points": 2, "ld_steps": "ceil", "ld_granularity_points": 1},
            "1000.00",
        ),  # dead-band before steps
        ("-3", {}, "0.00"),
    ],
)
def test_damages_per_point(short: str, keys: Payload, amount: str) -> None:
    assert owed(short, **keys) == Decimal(amount)


@pytest.mark.parametrize(
    "achieved, percent_paid",
    [("100", 100), ("98", 100), ("97", 98), ("84", 72), ("70", 44), ("69.999999", 0), ("0", 0)],
)
def test_the_availability_adjustment_drops_from_44_percent_to_nothing(achieved: str, percent_paid: int) -> None:
    """The clause of formulas.md, section 4.2: the discontinuity at 70 % is intended and not smoothed.

    lawinsider.com/clause/availability-adjustment has it in the same words.
    """
    keys: Payload = {"ld_method": "piecewise_multiplier", "ld_multiplier_schedule": AVAILABILITY_ADJUSTMENT}
    assert owed(achieved, **keys) == 10 * Decimal(100 - percent_paid)


@pytest.mark.parametrize(
    "achieved, percent_paid", [("100", 100), ("96", 100), ("95", 98), ("78", 64), ("60", 28), ("59.999999", 0)]
)
def test_the_availability_adjustment_of_other_months_reaches_to_60_percent(achieved: str, percent_paid: int) -> None:
    """lawinsider.com/clause/non-availability-discount, non-summer months of two power purchase agreements.

    100 % from 96 %, 100 % - [(96 % - Availability) * 2] down to 60 %, and 0 below.
    """
    schedule = [
        {"from_percent": 0, "multiplier_percent": 0, "slope": 0},
        {"from_percent": 60, "multiplier_percent": 28, "slope": 2},
        {"from_percent": 96, "multiplier_percent": 100, "slope": 0},
    ]
    keys: Payload = {"ld_method": "piecewise_multiplier", "ld_multiplier_schedule": schedule}
    assert owed(achieved, **keys) == 10 * Decimal(100 - percent_paid)


def test_damages_per_energy() -> None:
    """37,440 kWh at 0.0834 each: the portfolio form of formulas.md, section 4.3."""
    assert owed("37440", ENERGY, rate="0.0834") == Decimal("3122.50")


@pytest.mark.parametrize("alternate, amount", [("0.12", "400.00"), ("0.08", "0.00"), ("0.05", "0.00")])
def test_a_price_difference_is_owed_where_replacement_costs_more(alternate: str, amount: str) -> None:
    """max(0, E_g - E) * max(0, P_replacement - P_contract): formulas.md, section 4.4."""
    agreed = own(shortfall_formula_type="price_differential", p_alternate=alternate, p_solar="0.08")
    assert agreed is not None
    assert charge(agreed, Fraction(10000), unit="kwh").amount == Decimal(amount)


def own(**keys: object) -> DamagesTerms | None:
    """The damages that a performance guarantee brings itself."""
    payload: Payload = {"threshold": 90, "measurement_period": "annual", "ld_currency": "USD"}
    read = read_as(PerformanceGuaranteePayload, payload | keys, clause="5.2")
    return DamagesTerms.of_performance("5.2", read)


@pytest.mark.parametrize(
    "keys, key",
    [
        ({"shortfall_formula_type": "price_differential", "p_alternate": 1}, "p_solar"),
        ({"shortfall_formula_type": "fixed_rate_per_kwh"}, "shortfall_rate_per_kwh"),
        ({"shortfall_formula_type": "capacity_adjusted"}, "shortfall_formula_type"),
        (
            {
                "shortfall_formula_type": "fixed_rate_per_kwh",
                "shortfall_rate_per_kwh": 1,
                "shortfall_cap_usd": 9,
                "ld_currency": "EUR",
            },
            "shortfall_cap_usd",
        ),
    ],
)
def test_a_payment_for_missing_energy_that_is_not_complete_is_refused(keys: Payload, key: str) -> None:
    with pytest.raises(ClauseError, match=f"clause 5.2: {key}: "):
        own(**keys)


def test_a_guarantee_may_agree_on_no_payment() -> None:
    assert own() is None
    assert own(shortfall_formula_type="none") is None


def lost_revenue(actual_wh: int, lost_wh: int) -> Decimal | None:
    """What a guarantee of 97 % by energy costs at 0.05 the kWh."""
    guarantee = AvailabilityTerms.from_payload(
        {
            "threshold": 97,
            "threshold_unit": "percent",
            "measurement_period": "monthly",
            "availability_form": "energy_based",
            "available_energy_method": "irradiance_interval_adjusted",
            "ld_method": "energy_availability_revenue",
            "ld_rate": "0.05",
            "ld_currency": "USD",
        },
        clause="4.1",
    )
    return judge(guarantee, None, energy_based(Decimal(actual_wh), Decimal(lost_wh)), NOVEMBER).ld_amount


def test_lost_revenue_is_energy_at_the_tariff() -> None:
    """max(0, 0.97 - 0.95) * (95,000 + 5,000) kWh * 0.05: formulas.md, section 4.5."""
    assert lost_revenue(95_000_000, 5_000_000) == Decimal("100.00")


@pytest.mark.parametrize("actual, lost", [(95_000_000, 5_000_000), (61_234_567, 38_000_001), (1, 999_999_999)])
def test_lost_revenue_is_what_is_short_of_a_published_baseline(actual: int, lost: int) -> None:
    """markettransfer.info/clause/availability-guarantee-liquidated-damages, a wind service agreement.

    LD rate * (production baseline - measured production), the baseline being measured production * availability
    guarantee / availability. With availability by energy that is the same amount by another way.
    """
    availability = Fraction(actual, actual + lost)
    baseline = Fraction(actual) * Fraction(97, 100) / availability
    assert lost_revenue(actual, lost) == round_money(Fraction("0.05") * (baseline - actual) / 1000, 2)


@pytest.mark.parametrize("days, amount", [("3", "0.00"), ("10", "25000.00"), ("400", "300000.00")])
def test_a_delay_has_days_of_grace_and_a_most(days: str, amount: str) -> None:
    """rate * MW * days after grace, at most so many days: formulas.md, section 4.6."""
    keys: Payload = {"ld_grace_days": 5, "ld_max_days": 60, "rate": 50 * 100}
    delay = POINTS | {"trigger_type": "delay", "calculation_type": "per_day"}
    assert owed(days, delay, **keys) == Decimal(amount)


def test_each_breach_of_a_response_time_has_its_price() -> None:
    delay = POINTS | {"trigger_type": "delay", "calculation_type": "flat_fee", "rate": 250}
    assert owed("3", delay) == Decimal("750.00")


@pytest.mark.parametrize(
    "short, amount", [("3", "2000.00"), ("1", "0.00"), ("0", "0.00"), ("-1", "0.00"), ("-3", "-1000.00")]
)
def test_bonus_and_malus_leave_the_dead_band_free_on_both_sides(short: str, amount: str) -> None:
    keys: Payload = {"ld_method": "bonus_malus", "ld_dead_band_points": 1, "ld_bonus_rate": 500}
    assert owed(short, **keys) == Decimal(amount)


def test_a_guarantee_that_is_exceeded_earns_its_bonus() -> None:
    guarantee = AvailabilityTerms.from_payload(
        {"threshold": 95, "threshold_unit": "percent", "measurement_period": "monthly"}, clause="4.1"
    )
    found = judge(
        guarantee,
        terms(ld_method="bonus_malus", ld_bonus_rate=500),
        AvailabilityMeasurement(97, 3, 0, 0, 0),
        NOVEMBER,
    )
    assert (found.status, found.ld_amount) == (Status.COMPLIANT, Decimal("-1000.00"))


# --- indexed rates


def test_a_rate_follows_its_index() -> None:
    """P_n = P_0 * (I_n / I_0): formulas.md, section 5."""
    index = {"index": "CPI", "base_date": "2020-01-01", "base_value": 125}
    found = charge(terms(ld_rate_index=index), Fraction(1), index_value=Decimal(150))
    assert found.amount == Decimal("1200.00")
    with pytest.raises(ClauseError, match=r"clause 9\.2: ld_rate_index: CPI has no value"):
        charge(terms(ld_rate_index=index), Fraction(1))


# --- caps


def capped(short: int, used: dict[CapWindow, Decimal], **keys: Any) -> Charge:
    agreed = terms(**keys)
    return charge(agreed, Fraction(short), room_under_caps(agreed, NOVEMBER, used))


@pytest.mark.parametrize(
    "annual, lifetime, amount",
    [(0, 0, "4000.00"), (9000, 9000, "1000.00"), (0, 18500, "1500.00"), (12000, 12000, "0.00")],
)
def test_what_earlier_periods_took_is_gone(annual: int, lifetime: int, amount: str) -> None:
    used = {CapWindow.ANNUAL: Decimal(annual), CapWindow.CUMULATIVE: Decimal(lifetime)}
    found = capped(4, used, cap_type="annual", cap_amount=10_000, cumulative_cap=20_000)
    assert found.amount == Decimal(amount)
    assert found.cap_applied == (found.uncapped > Fraction(amount))


def test_a_cap_of_nothing_means_no_damages_and_no_cap_means_no_cap() -> None:
    assert capped(4, {}, cap_amount=0).amount == 0
    assert capped(400, {}).amount == Decimal("400000.00")


def test_a_clause_says_where_the_year_of_its_cap_begins() -> None:
    assert terms().cap_year is CapYear.CONTRACT
    assert terms(cap_year="calendar").cap_year is CapYear.CALENDAR
    assert terms(cap_amount=5).caps == (Cap(CapWindow.PERIOD, Decimal(5)),)


@pytest.mark.parametrize(
    "keys, cap",
    [
        ({"cap_base": "percent_of_annual_fee", "cap_type": "annual"}, Cap(CapWindow.ANNUAL, Decimal(20_000))),
        (
            {"cap_base": "percent_of_contract_price", "cap_type": "percentage_of_contract"},
            Cap(CapWindow.CUMULATIVE, Decimal(20_000)),
        ),
    ],
)
def test_a_cap_may_be_a_percentage_of_what_is_paid(keys: Payload, cap: Cap) -> None:
    assert terms(cap_amount=10, cap_base_amount=200_000, **keys).caps == (cap,)


def test_a_rate_may_be_a_percentage_of_what_is_paid() -> None:
    keys: Payload = {"rate": "0.5", "ld_rate_base": "percent_of_annual_fee", "ld_rate_base_amount": 200_000}
    assert owed("2", **keys) == Decimal("2000.00")


def test_a_bonus_has_a_cap_of_its_own() -> None:
    keys: Payload = {"ld_method": "bonus_malus", "ld_bonus_rate": 500, "ld_bonus_cap": 600}
    assert owed("-3", **keys) == Decimal("-600.00")
    assert owed("-1", **keys) == Decimal("-500.00")


# --- the order


def test_the_steps_stand_in_the_fixed_order() -> None:
    agreed = terms(
        ld_dead_band_points=1,
        ld_steps="ceil",
        ld_granularity_points=1,
        cap_type="annual",
        cap_amount=10,
        cumulative_cap=20,
        ld_rate_index={"index": "CPI", "base_date": "2020-01-01", "base_value": 100},
    )
    used = {CapWindow.ANNUAL: Decimal(0), CapWindow.CUMULATIVE: Decimal(0)}
    found = charge(agreed, Fraction(5), room_under_caps(agreed, NOVEMBER, used), index_value=Decimal(100))
    names = [step["step"] for step in found.steps if isinstance(step, dict)]
    assert names == ["dead-band", "steps", "rate", "cap annual", "cap cumulative", "round once"]


QUANTITIES = st.fractions(0, 100, max_denominator=10_000)
SHAPES = st.fixed_dictionaries(
    {},
    optional={
        "ld_dead_band_points": st.integers(0, 5),
        "ld_steps": st.sampled_from(["ceil", "floor"]),
        "cap_amount": st.integers(0, 50_000),
    },
).map(lambda keys: keys | ({"ld_granularity_points": 1} if "ld_steps" in keys else {}))


@settings(max_examples=200, deadline=None)
@given(QUANTITIES, QUANTITIES, SHAPES)
def test_more_that_is_short_never_costs_less(one: Fraction, other: Fraction, keys: Payload) -> None:
    less, more = sorted([one, other])
    assert 0 <= capped_at(less, keys) <= capped_at(more, keys)


def capped_at(short: Fraction, keys: Payload) -> Decimal:
    agreed = terms(**keys)
    return charge(agreed, short, room_under_caps(agreed, NOVEMBER)).amount


# --- reading the clause


@pytest.mark.parametrize(
    "keys, key, problem",
    [
        ({"ld_method": "delay"}, "ld_method", "must be per_point or piecewise_multiplier"),
        ({"calculation_type": "formula"}, "calculation_type", "must be per_point"),
        ({"ld_steps": "ceil"}, "ld_granularity_points", "above zero"),
        ({"ld_steps": "ceil", "ld_granularity_points": 0}, "ld_granularity_points", "above zero"),
        ({"ld_steps": "nearest"}, "ld_steps", "must be continuous or ceil or floor"),
        ({"ld_method": "bonus_malus"}, "ld_bonus_rate", "is missing"),
        ({"ld_method": "piecewise_multiplier"}, "ld_multiplier_schedule", "is missing"),
        ({"ld_method": "piecewise_multiplier", "ld_multiplier_schedule": []}, "ld_multiplier_schedule", "is missing"),
        ({"ld_rate_index": {"index": "CPI", "base_date": "2020-01-01"}}, "ld_rate_index.base_value", "is missing"),
        ({"ld_grace_days": 3}, "ld_grace_days", "belongs to delay"),
        ({"ld_bonus_rate": 3}, "ld_bonus_rate", "belongs to bonus_malus"),
        ({"ld_rate_base": "percent_of_annual_fee"}, "ld_rate_base_amount", "is missing"),
        ({"cap_amount": 9, "cap_base": "percent_of_annual_fee"}, "cap_base_amount", "is missing"),
        ({"cap_amount": 9, "cap_type": "percentage_of_contract"}, "cap_base", "percent_of_contract_price"),
        ({"cap_year": "fiscal"}, "cap_year", "must be contract or calendar"),
        ({"ld_accrues_during_cure": "no"}, "ld_accrues_during_cure", "must be true or false"),
    ],
)
def test_what_cannot_be_priced_is_refused_by_key(keys: Payload, key: str, problem: str) -> None:
    with pytest.raises(ClauseError, match=f"clause 9.2: {key}: .*{problem}"):
        terms(**keys)


def test_a_structure_is_read_in_full() -> None:
    shape = terms(
        ld_method="bonus_malus", ld_bonus_rate=5, ld_dead_band_points="0.5", ld_steps="floor", ld_granularity_points=2
    )
    assert (shape.structure.method, shape.structure.steps, shape.structure.bonus_rate) == (
        LdMethod.BONUS_MALUS,
        LdSteps.FLOOR,
        Decimal(5),
    )
