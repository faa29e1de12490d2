"""Escalation, indices, market prices, demand, minimum charges, exchange rates, and parameters as they are written."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from core.damages_ledger import contract_year_start, operating_year
from core.models import Contract
from core.periods import anniversary, contract_year
from invoicing.errors import TariffError
from invoicing.tariffs.clock import Clock, ClockKind
from invoicing.tariffs.demand import BilledDemand, billed_demand, measure_demand
from invoicing.tariffs.escalation import (
    Bounds,
    Growth,
    Indexation,
    by_amount,
    by_index,
    by_percent,
    months_before,
    newest,
)
from invoicing.tariffs.exchange import ExchangeRate, convert
from invoicing.tariffs.market import MarketTerms, market_rate
from invoicing.tariffs.minimum import take_or_pay, top_up
from invoicing.tariffs.parameters import Published, Written, terms
from invoicing.tariffs.pricing import EnergyInterval

FREE = Bounds()
WHOLE = date(2026, 1, 1), date(2035, 12, 31)


# --- escalation


@pytest.mark.parametrize(
    ("growth", "year", "rate"),
    [
        (Growth.COMPOUND, 1, "0.1"),
        (Growth.COMPOUND, 3, "0.104040"),  # shared/domain, formulas 2: compound (1 + e)^(n-1)
        (Growth.SIMPLE, 3, "0.104"),
        (Growth.COMPOUND, 20, "0.1456811173"),
    ],
)
def test_a_percentage_grows_by_contract_year(growth: Growth, year: int, rate: str) -> None:
    assert by_percent(Decimal("0.10"), Decimal(2), year, growth, FREE).value == Decimal(rate)


def test_a_fixed_amount_is_added_each_year_until_the_ceiling() -> None:
    bounds = Bounds(ceiling=Decimal("0.12"))
    rates = [by_amount(Decimal("0.1000000000"), Decimal("0.005"), year, bounds) for year in (1, 5, 6)]
    assert [rate.value for rate in rates] == [Decimal("0.10"), Decimal("0.12"), Decimal("0.12")]
    assert rates[2].note == "0.12: 0.1 and 5 times 0.005, held by the ceiling"


def test_contract_years_are_counted_from_one_anchor() -> None:
    begins = date(2024, 2, 29)
    days = (date(2024, 2, 29), date(2025, 2, 28), date(2025, 3, 1), date(2028, 2, 29), date(2020, 1, 1))
    assert [contract_year(day, begins) for day in days] == [1, 1, 2, 5, 1]
    assert [anniversary(begins, years) for years in (1, 4)] == [date(2025, 3, 1), date(2028, 2, 29)]


@pytest.mark.parametrize("begins", [date(2024, 2, 29), date(2023, 3, 1), date(2023, 12, 31), date(2024, 1, 1)])
def test_guarantees_and_tariffs_count_the_same_contract_years(begins: date) -> None:
    contract = Contract(effective_date=begins)
    for number in range(9 * 365):
        day = begins + timedelta(days=number)
        year = contract_year(day, begins)
        assert operating_year(contract, day) == year
        assert contract_year_start(contract, day) == anniversary(begins, year - 1)


# --- indices

CPI = {date(2025, 10, 1): Decimal("315.664"), date(2025, 11, 1): Decimal(320), date(2026, 10, 1): Decimal(330)}


@pytest.mark.parametrize(("before", "now", "risen_to"), [("113.8", "118.5", "104.1"), ("229.815", "232.945", "101.4")])
def test_an_escalated_price_follows_published_examples(before: str, now: str, risen_to: str) -> None:
    """US Bureau of Labor Statistics, "Using the Consumer Price Index for Escalation", January 1989, page 5, as
    lfpl.org/internet/inflation.htm quotes it: from 113.8 to 118.5 the index rose by 4.7 points, which is 4.1 percent.

    lawinsider.com/dictionary/base-index: from 229.815 to 232.945 by 3.130 points, which is 1.4 percent.
    """
    index = Indexation("CPI", Decimal(before))
    rate = by_index(Decimal(100), index, date(1989, 1, 1), {date(1989, 1, 1): Decimal(now)}, Bounds(decimals=1))
    assert rate.value == Decimal(risen_to)


def test_weights_move_only_their_share() -> None:
    """shared/domain, formulas 5: 0.8 fixed and 0.2 by the index."""
    indexation = Indexation("CPI", Decimal(300), 2, Decimal("0.8"), Decimal("0.2"))
    rate = by_index(Decimal("0.10"), indexation, date(2026, 12, 1), CPI, FREE)
    assert rate.value == Decimal("0.102")
    assert rate.note == "0.102: 0.1 by CPI 330 of 2026-10 against 300"
    assert not rate.is_provisional


def test_an_index_that_is_not_published_makes_the_rate_provisional_and_says_so() -> None:
    indexation = Indexation("CPI", Decimal(300), 1)
    rate = by_index(Decimal("0.10"), indexation, date(2026, 1, 15), CPI, Bounds(decimals=4))
    assert (rate.value, rate.is_provisional) == (Decimal("0.1067"), True)
    assert rate.note.endswith("320 of 2025-11 against 300, provisional until that of 2025-12 is published")


@pytest.mark.parametrize(
    ("floor", "cap", "rate", "held"),
    [("8", None, "0.108", "floor"), (None, "5", "0.105", "cap"), (None, None, "0.11", "")],
)
def test_a_floor_and_a_cap_hold_the_change(floor: str | None, cap: str | None, rate: str, held: str) -> None:
    value = "310" if floor else "330"
    indexation = Indexation(
        "CPI",
        Decimal(300),
        0,
        floor_percent=Decimal(floor) if floor else None,
        cap_percent=Decimal(cap) if cap else None,
    )
    found = by_index(Decimal("0.10"), indexation, date(2026, 1, 1), {date(2026, 1, 1): Decimal(value)}, FREE)
    assert found.value == Decimal(rate)
    assert held in found.note


def test_the_newest_publication_known_on_a_day_counts() -> None:
    month = date(2025, 10, 1)
    publications = [(month, date(2025, 12, 1), Decimal(2)), (month, date(2025, 11, 12), Decimal(1))]
    assert newest(publications, date(2025, 11, 30)) == {month: 1}
    assert newest(publications, date(2025, 12, 1)) == {month: 2}
    assert newest(publications, date(2025, 11, 11)) == {}


def test_months_are_counted_over_the_new_year() -> None:
    assert [months_before(date(2026, 2, 28), count) for count in (0, 2, 14, -11)] == [
        *(date(2026, 2, 1), date(2025, 12, 1), date(2024, 12, 1), date(2027, 1, 1))
    ]


# --- market


@pytest.mark.parametrize(
    ("reference", "rate", "held"), [("0.10", "0.085", None), ("0.05", "0.06", "floor"), ("0.20", "0.12", "ceiling")]
)
def test_a_market_price_is_discounted_and_says_which_bound_held_it(reference: str, rate: str, held: str | None) -> None:
    market = MarketTerms(Decimal("0.15"), Bounds(Decimal("0.06"), Decimal("0.12")))
    found = market_rate(Decimal(reference), market, source="MRP")
    assert found.value == Decimal(rate)
    assert found.note.endswith(f"held by the {held}" if held else "less 15 %")


def test_a_discount_in_percent_is_refused() -> None:
    with pytest.raises(TariffError, match=r"15 % is 0\.15"):
        MarketTerms(Decimal(15), FREE)


# --- demand

START = datetime(2026, 1, 1, tzinfo=UTC)
UTC_CLOCK = Clock(ClockKind.LOCAL_WALL, "UTC")


def energies(*kwh: str, minutes: int = 15, start: datetime = START) -> list[EnergyInterval]:
    length = timedelta(minutes=minutes)
    return [EnergyInterval(start + n * length, start + (n + 1) * length, Decimal(each)) for n, each in enumerate(kwh)]


@pytest.mark.parametrize(("minutes", "peak"), [(15, 80), (30, 60), (60, 45)])
def test_demand_is_the_highest_mean_power_of_a_window(minutes: int, peak: int) -> None:
    demand = measure_demand(energies("10", "20", "5", "10"), UTC_CLOCK, minutes)
    assert demand.peak_kw == peak
    assert demand.partial == 0
    assert demand.at == START + timedelta(minutes=15 if minutes == 15 else 0)


def test_a_window_that_was_not_measured_whole_is_not_compared() -> None:
    demand = measure_demand(energies("1", "1", "90"), UTC_CLOCK, 30)
    assert demand.peak_kw == 4
    assert (demand.windows, demand.partial) == (1, 1)
    assert measure_demand(energies("90"), UTC_CLOCK, 30).peak_kw is None


def test_windows_follow_the_clock_of_the_tariff() -> None:
    """An hour in Kathmandu begins a quarter before that of UTC."""
    kathmandu = Clock(ClockKind.LOCAL_WALL, "Asia/Kathmandu")
    quarters = energies("1", "2", "3", "4", start=START + timedelta(minutes=15))
    assert measure_demand(quarters, kathmandu, 60).peak_kw == 10
    assert measure_demand(quarters, UTC_CLOCK, 60).peak_kw is None


@pytest.mark.parametrize(
    ("current", "highest", "percent", "billed"),
    [
        # Pacific Northwest National Laboratory, FEDS, "What is a demand ratchet?"
        (400, 1000, 80, BilledDemand(Fraction(800), "ratchet")),
        # Energy Toolbase, "Understanding Demand Ratchets in ETB": May and June
        (80, 200, 50, BilledDemand(Fraction(100), "ratchet")),
        (105, 200, 50, BilledDemand(Fraction(105), "measured")),
    ],
)
def test_a_ratchet_holds_a_share_of_the_highest_of_the_months_before(
    current: int, highest: int, percent: int, billed: BilledDemand
) -> None:
    earlier = {"2025-07": Fraction(highest), "2025-08": Fraction(highest, 2)}
    assert billed_demand(Fraction(current), earlier, Fraction(percent)) == billed


def test_a_minimum_of_demand_is_paid_for() -> None:
    assert billed_demand(Fraction(5), {}, Fraction(80), Fraction(50)) == BilledDemand(Fraction(50), "minimum")
    with pytest.raises(TariffError, match="ratchet_percent"):
        billed_demand(Fraction(5), {}, Fraction(800))


# --- minimum


def test_a_minimum_charge_is_topped_up_and_rounded_once() -> None:
    assert top_up(Decimal(70), Decimal(100)) == Decimal("30.00")
    assert top_up(Decimal(70), Fraction(100, 2)) == 0
    assert top_up(Decimal(-5), Fraction(100, 3)) == Decimal("38.33")


def test_what_was_available_and_not_taken_is_not_paid_twice() -> None:
    """shared/domain, formulas 3: max(0, minimum - (taken + available and not taken)) x price."""
    assert take_or_pay(Fraction(1000), Fraction(700), Fraction(100), Fraction("0.05")).amount == Decimal("10.00")
    assert take_or_pay(Fraction(1000), Fraction(1200), Fraction(0), Fraction("0.05")).shortfall_kwh == 0


# --- exchange

FRIDAY = date(2025, 11, 28)
RATES = [
    ExchangeRate("EUR", "USD", FRIDAY, Decimal("1.1573")),
    ExchangeRate("USD", "EUR", FRIDAY - timedelta(days=1), Decimal("0.5")),
    ExchangeRate("EUR", "USD", FRIDAY + timedelta(days=3), Decimal(9)),
]


def test_the_newest_rate_of_the_days_before_is_used_and_never_a_later_one() -> None:
    found = convert(Decimal("100.00"), "EUR", "USD", FRIDAY + timedelta(days=2), RATES)
    assert (found.amount, found.rate_of) == (Decimal("115.73"), FRIDAY)
    back = convert(Decimal("115.73"), "USD", "EUR", FRIDAY, RATES)
    assert (back.amount, back.factor) == (Decimal("100.00"), 1 / Fraction("1.1573"))
    assert (
        convert(Decimal(7), "EUR", "JPY", FRIDAY, [ExchangeRate("EUR", "JPY", FRIDAY, Decimal("180.5"))]).amount == 1264
    )


def test_a_rate_that_is_too_old_is_none() -> None:
    with pytest.raises(TariffError, match="none from EUR to USD on 2025-12-20"):
        convert(Decimal(1), "EUR", "USD", date(2025, 12, 20), RATES)


# --- parameters


def written(type_code: str, parameters: object, rate: str | None = "0.10", unit: str = "kWh", **rest: Any) -> Written:
    return Written(
        name="energy",
        type_code=type_code,
        base_rate=Decimal(rate) if rate else None,
        unit=unit,
        currency="USD",
        valid_from=rest.get("valid_from", date(2026, 1, 1)),
        valid_to=rest.get("valid_to"),
        parameters=parameters,
        time_zone="America/Denver",
    )


PUBLISHED = Published(indices={"CPI": CPI})
TIME_OF_USE: dict[str, Any] = {
    "clock": "local_wall",
    "rules": [{"bucket": "peak", "days": ["weekday"], "windows": [["15:00", "19:00"]]}],
    "fallback": "base",
    "prices": {"peak": [{"up_to": 100, "rate": 0.3}, {"rate": 0.4}], "base": 0.1},
    "tier_mode": "graduated",
    "tier_reset": "calendar_month",
    "tier_scope": "per_period_bucket",
}


def test_time_of_use_is_read_with_exact_rates() -> None:
    (term,) = terms(written("TIME_OF_USE", TIME_OF_USE, None), *WHOLE, PUBLISHED)
    assert term.tariff.schedule.buckets == ("peak", "base")
    assert [tier.rate for tier in term.tariff.tables["peak"].tiers] == [Decimal("0.3"), Decimal("0.4")]
    assert term.tariff.schedule.clock.place == "America/Denver"


def test_an_escalating_tariff_has_a_term_for_each_contract_year() -> None:
    said = {"escalation_type": "percent", "escalation_value": 2, "growth": "compound", "oy_start_date": "2025-07-01"}
    found = terms(written("ESCALATING", said), date(2026, 6, 1), date(2026, 7, 31), PUBLISHED)
    assert [(term.first, term.last, term.tariff.tables["all"].tiers[0].rate) for term in found] == [
        (date(2026, 6, 1), date(2026, 6, 30), Decimal("0.1")),
        (date(2026, 7, 1), date(2026, 7, 31), Decimal("0.102")),
    ]


def test_an_indexed_tariff_keeps_its_base_rate_in_the_first_year() -> None:
    said = {
        "price_index": "CPI",
        "index_base_value": 300,
        "index_lag_months": 2,
        "adjusted": "yearly",
        "oy_start_date": "2025-12-01",
    }
    first, second = terms(written("INDEXED", said), date(2026, 1, 1), date(2026, 12, 31), PUBLISHED)
    assert (first.tariff.tables["all"].tiers[0].rate, first.is_provisional) == (Decimal("0.1"), False)
    assert (second.first, second.tariff.tables["all"].tiers[0].rate) == (date(2026, 12, 1), Decimal("0.11"))


def test_a_market_tariff_has_a_price_for_each_month() -> None:
    market = Published(indices={"MRP": {date(2026, 1, 1): Decimal("0.1")}})
    said = {"price_index": "MRP", "discount_pct": 0.15}
    january, february = terms(written("MARKET", said, None), date(2026, 1, 10), date(2026, 2, 28), market)
    assert (january.is_provisional, february.is_provisional) == (False, True)
    assert january.tariff.tables["all"].tiers[0].rate == Decimal("0.085")
    with pytest.raises(TariffError, match="no value of 2026-01 or before"):
        terms(written("MARKET", said, None), *WHOLE, Published(indices={"MRP": {}}))


@pytest.mark.parametrize(
    ("type_code", "parameters", "said"),
    [
        ("TIME_OF_USE", {}, "clock: field required"),
        ("TIME_OF_USE", TIME_OF_USE | {"colour": 1}, "colour: extra inputs are not permitted"),
        ("TIME_OF_USE", TIME_OF_USE | {"holiday_calendar": "Mars"}, "there is no calendar 'Mars'"),
        ("TIME_OF_USE", TIME_OF_USE | {"tier_scope": None}, "tier_scope"),
        ("TIME_OF_USE", TIME_OF_USE | {"prices": {"base": 1}}, "peak has no price"),
        ("TIERED", {"tiers": [{"up_to": 1, "rate": 1}, {"rate": 2}]}, "tier_mode"),
        ("TIERED", None, "tiers: field required"),
        ("ESCALATING", {"escalation_type": "percent", "escalation_value": 2, "oy_start_date": "2025-01-01"}, "growth"),
        (
            "INDEXED",
            {"price_index": "X", "index_base_value": 1, "index_lag_months": 0, "adjusted": "monthly"},
            "no index",
        ),
        ("CAPACITY", None, "CAPACITY does not price energy"),
    ],
)
def test_parameters_that_say_too_little_or_too_much_are_refused_by_name(
    type_code: str, parameters: object, said: str
) -> None:
    with pytest.raises(TariffError, match=said):
        terms(written(type_code, parameters), *WHOLE, PUBLISHED)


def test_a_missing_rate_and_another_unit_are_refused() -> None:
    with pytest.raises(TariffError, match="base_rate"):
        terms(written("FLAT", None, None), *WHOLE, PUBLISHED)
    with pytest.raises(TariffError, match="not per kW"):
        terms(written("FLAT", None, unit="kW"), *WHOLE, PUBLISHED)
