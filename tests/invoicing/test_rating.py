from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.money import round_money
from core.periods import parse_period
from invoicing.errors import RatingError
from invoicing.rating import FlatTariff, price

NOVEMBER = parse_period("2025-11")


def day(number: int) -> date:
    return date(2025, 11, number)


def tariff(
    number: int = 1,
    rate: str | None = "0.10",
    unit: str = "kWh",
    currency: str = "USD",
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> FlatTariff:
    return FlatTariff(number, None if rate is None else Decimal(rate), unit, currency, valid_from, valid_to)


def energy(kwh: str = "10") -> dict[date, Decimal]:
    return {each: Decimal(kwh) for each in NOVEMBER.days()}


def test_one_tariff_over_the_month_gives_one_line() -> None:
    (line,) = price(energy("10.5"), [tariff(7, "0.123456789")], NOVEMBER)
    assert (line.tariff_id, line.first_day, line.last_day) == (7, day(1), day(30))
    assert (line.quantity, line.unit, line.unit_price) == (Decimal("315.0"), "kWh", Decimal("0.123456789"))
    assert (line.amount, line.currency) == (Decimal("38.89"), "USD")  # 38.888888535


def test_energy_is_billed_per_mwh_exactly() -> None:
    (line,) = price(energy("1234.567890123456"), [tariff(rate="55.5", unit="MWh")], NOVEMBER)
    assert line.quantity == Decimal("37.037036703703680")
    assert line.amount == Decimal("2055.56")


def test_a_quantity_keeps_more_digits_than_the_decimal_context() -> None:
    readings = energy("0.000000000001") | {day(1): Decimal("123456789012345678.000000000001")}
    (line,) = price(readings, [tariff()], NOVEMBER)
    assert str(line.quantity) == "123456789012345678.000000000030"


def test_a_tariff_that_changes_splits_the_period_and_not_the_rate() -> None:
    old, new = tariff(1, "0.10", valid_to=day(10)), tariff(2, "0.20", valid_from=day(11))
    first, second = price(energy(), [new, old], NOVEMBER)
    assert (first.tariff_id, first.first_day, first.last_day) == (1, day(1), day(10))
    assert (second.tariff_id, second.first_day, second.last_day) == (2, day(11), day(30))
    assert (first.amount, second.amount) == (Decimal("10.00"), Decimal("40.00"))


def test_the_last_day_of_a_tariff_is_included() -> None:
    (line,) = price(energy(), [tariff(valid_from=day(1), valid_to=day(30))], NOVEMBER)
    assert line.quantity == 300


def test_each_line_is_rounded_once() -> None:
    lines = price(
        energy("1"),
        [tariff(1, "0.0335", valid_to=day(15)), tariff(2, "0.0335", valid_from=day(16))],
        NOVEMBER,
    )
    assert [line.amount for line in lines] == [Decimal("0.50"), Decimal("0.50")]  # 0.5025 each


def test_a_currency_without_cents_is_billed_without_cents() -> None:
    (line,) = price(energy("10"), [tariff(rate="14.485", currency="JPY")], NOVEMBER)
    assert str(line.amount) == "4346"


def test_tariffs_outside_the_period_do_not_matter() -> None:
    before = tariff(1, None, currency="EUR", valid_to=date(2025, 10, 31))
    after = tariff(3, None, unit="day", valid_from=date(2025, 12, 1))
    (line,) = price(energy(), [before, tariff(2, valid_from=day(1), valid_to=day(30)), after], NOVEMBER)
    assert line.tariff_id == 2


# --- fees


def test_a_fee_needs_no_energy() -> None:
    (line,) = price({}, [tariff(rate="250", unit="month")], NOVEMBER)
    assert (str(line.quantity), line.unit, line.amount) == ("1.000000000000", "month", Decimal("250.00"))


def test_a_fee_is_prorated_by_the_days_its_tariff_covers() -> None:
    old = tariff(1, "100", "month", valid_to=day(10))
    new = tariff(2, "130", "month", valid_from=day(11))
    first, second = price({}, [old, new], NOVEMBER)
    assert (str(first.quantity), first.amount) == ("0.333333333333", Decimal("33.33"))
    assert (str(second.quantity), second.amount) == ("0.666666666667", Decimal("86.67"))


def test_a_fee_over_a_quarter_counts_each_month_by_its_own_days() -> None:
    quarter = parse_period("2025-Q1")
    (whole,) = price({}, [tariff(rate="100", unit="month")], quarter)
    assert whole.quantity == 3
    until_valentine = tariff(1, "100", "month", valid_to=date(2025, 2, 14))
    rest = tariff(2, "100", "month", valid_from=date(2025, 2, 15))
    assert [line.quantity for line in price({}, [until_valentine, rest], quarter)] == [
        Decimal("1.5"),
        Decimal("1.5"),
    ]


def test_a_prorated_amount_is_not_built_on_the_rounded_quantity() -> None:
    start = tariff(1, "3000000000000", "month", valid_to=day(10))
    first, _ = price({}, [start, tariff(2, "1", "month", valid_from=day(11))], NOVEMBER)
    assert first.amount == Decimal("1000000000000.00")


# --- refusals


def refusal(readings: Mapping[date, Decimal], tariffs: list[FlatTariff], period: str = "2025-11") -> tuple[str, ...]:
    with pytest.raises(RatingError, match=f"{period} cannot be priced") as refused:
        price(readings, tariffs, parse_period(period))
    assert all(problem in str(refused.value) for problem in refused.value.problems)
    return refused.value.problems


def test_a_gap_is_refused_with_its_days() -> None:
    tariffs = [
        tariff(1, valid_to=day(9)),
        tariff(2, valid_from=day(12), valid_to=day(19)),
        tariff(3, valid_from=day(21)),
    ]
    assert refusal(energy(), tariffs) == ("no tariff on 2025-11-10 to 2025-11-11, 2025-11-20",)


def test_no_tariff_at_all_is_a_gap() -> None:
    assert refusal(energy(), []) == ("no tariff on 2025-11-01 to 2025-11-30",)


def test_an_overlap_is_refused_with_its_days() -> None:
    tariffs = [tariff(1, valid_to=day(15)), tariff(2, valid_from=day(15))]
    assert refusal(energy(), tariffs) == ("tariffs 1 and 2 overlap on 2025-11-15",)


def test_one_tariff_given_twice_overlaps_itself() -> None:
    assert refusal(energy(), [tariff(1), tariff(1)]) == ("tariffs 1 and 1 overlap on 2025-11-01 to 2025-11-30",)


def test_a_missing_rate_is_neither_zero_nor_the_last_one() -> None:
    tariffs = [tariff(1, valid_to=day(15)), tariff(2, None, valid_from=day(16))]
    assert refusal(energy(), tariffs) == ("tariff 2 has no rate",)


def test_a_rate_of_zero_is_a_rate() -> None:
    (line,) = price(energy(), [tariff(rate="0")], NOVEMBER)
    assert line.amount == 0


def test_currencies_do_not_mix() -> None:
    tariffs = [tariff(1, valid_to=day(15)), tariff(2, currency="EUR", valid_from=day(16))]
    assert refusal(energy(), tariffs) == ("tariffs name several currencies: EUR, USD",)


def test_every_problem_is_told_at_once() -> None:
    tariffs = [tariff(1, None, "kW", "Dollar", valid_to=day(29))]
    assert refusal(energy(), tariffs) == (
        "no tariff on 2025-11-30",
        "'Dollar' is not a currency: write an ISO 4217 code, like USD",
        "tariff 1 has no rate",
        "tariff 1 is per 'kW': known are kWh, MWh, month",
    )


def test_a_day_without_energy_is_not_a_day_of_zero() -> None:
    readings = {each: kwh for each, kwh in energy().items() if each.day not in {3, 4, 6}}
    problems = refusal(readings | {day(20): Decimal("NaN")}, [tariff()])
    assert problems == ("energy is unknown on 2025-11-03 to 2025-11-04, 2025-11-06, 2025-11-20",)


def test_energy_outside_the_period_is_not_dropped_silently() -> None:
    readings = {**energy(), date(2025, 12, 1): Decimal(5)}
    assert refusal(readings, [tariff()]) == ("energy is given for days outside the period: 2025-12-01",)


# --- properties


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.decimals(0, 10**6, places=12), min_size=30, max_size=30),
    st.lists(st.integers(2, 30), unique=True, max_size=4),
    st.decimals(0, 10, places=10),
)
def test_splitting_a_period_keeps_its_energy_and_its_amount_to_half_a_cent_a_line(
    kwh: list[Decimal], changes: list[int], rate: Decimal
) -> None:
    readings = {day(number): value for number, value in enumerate(kwh, 1)}
    starts = [1, *sorted(changes)]
    ends = [*(day(number) - timedelta(days=1) for number in starts[1:]), day(30)]
    tariffs = [tariff(n, str(rate), "kWh", "USD", day(start), ends[n]) for n, start in enumerate(starts)]
    lines = price(readings, tariffs, NOVEMBER)
    total = sum(map(Fraction, kwh), Fraction(0))
    assert sum((Fraction(line.quantity) for line in lines), Fraction(0)) == total
    exact = total * Fraction(rate)
    assert abs(sum((Fraction(line.amount) for line in lines), Fraction(0)) - exact) <= Fraction(len(lines), 200)
    assert [line.amount for line in lines] == [round_money(Fraction(line.quantity) * Fraction(rate)) for line in lines]


def test_the_energy_of_the_whole_month_is_priced_by_one_tariff() -> None:
    (line,) = price(Decimal("315.0"), [tariff(7, "0.123456789")], NOVEMBER)
    (by_days,) = price(energy("10.5"), [tariff(7, "0.123456789")], NOVEMBER)
    assert line == by_days


def test_the_energy_of_the_whole_month_is_not_split_where_the_tariff_changes() -> None:
    tariffs = [
        tariff(1, valid_to=day(10)),
        tariff(2, valid_from=day(11), valid_to=day(20)),
        tariff(3, valid_from=day(21)),
    ]
    with pytest.raises(RatingError) as refused:
        price(Decimal(315), tariffs, NOVEMBER)
    assert refused.value.problems == (
        "the tariff changes on 2025-11-11, 2025-11-21, and energy is known for the whole period alone:"
        " load the readings of its days, then run aggregate_readings",
    )
    with pytest.raises(RatingError, match="energy is unknown"):
        price(Decimal("NaN"), [tariff()], NOVEMBER)
