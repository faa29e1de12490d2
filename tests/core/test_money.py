from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MoneyError
from core.money import allocate, minor_units, round_money, show


@pytest.mark.parametrize(
    "amount, digits, rounded",
    [
        ("1.005", 2, "1.01"),
        ("1.0049999999999999999999999999999999", 2, "1.00"),
        ("-1.005", 2, "-1.01"),
        ("2.5", 0, "3"),
        ("-2.5", 0, "-3"),
        ("-0.004", 2, "0.00"),
        ("0.0005", 3, "0.001"),
        ("7", 2, "7.00"),
        ("123456789012345678901234567890.125", 2, "123456789012345678901234567890.13"),
        ("1E+3", 2, "1000.00"),
    ],
)
def test_halves_go_away_from_zero_at_any_size(amount: str, digits: int, rounded: str) -> None:
    assert str(round_money(Decimal(amount), digits)) == rounded


def test_a_fraction_is_rounded_from_its_exact_value() -> None:
    assert round_money(Fraction(2, 3)) == Decimal("0.67")
    assert round_money(Fraction(-1, 8), 2) == Decimal("-0.13")


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal("Infinity"), 0.1])
def test_what_is_not_an_exact_number_is_refused(amount: Decimal) -> None:
    with pytest.raises(MoneyError, match="is not an exact number"):
        round_money(amount)


@settings(max_examples=100, deadline=None)
@given(st.fractions(-(10**6), 10**6), st.integers(0, 4))
def test_rounding_moves_at_most_half_a_minor_unit_and_is_odd(amount: Fraction, digits: int) -> None:
    rounded = round_money(amount, digits)
    assert abs(Fraction(rounded) - amount) <= Fraction(1, 2 * 10**digits)
    assert round_money(rounded, digits) == rounded == -round_money(-amount, digits)


@pytest.mark.parametrize(
    "codes, digits",
    [
        ("USD EUR ZAR GHS KES NGN INR AUD MGA MRU", 2),
        ("JPY KRW VND CLP XOF XAF XPF ISK RWF UGX", 0),
        ("KWD BHD OMR TND JOD IQD LYD", 3),
        ("CLF UYW", 4),
    ],
)
def test_a_currency_has_the_minor_units_of_iso_4217(codes: str, digits: int) -> None:
    assert {minor_units(code) for code in codes.split()} == {digits}


@pytest.mark.parametrize("code", ["usd", "US", "", "ABC", "XAU", "XXX", "$"])
def test_a_code_that_is_no_currency_is_refused(code: str) -> None:
    with pytest.raises(MoneyError, match="is not a currency"):
        minor_units(code)


@pytest.mark.parametrize(
    "total, weights, digits, shares",
    [
        ("100.00", [1, 1, 1], 2, ["33.34", "33.33", "33.33"]),
        ("0.05", [1, 1], 2, ["0.03", "0.02"]),
        ("-100.00", [1, 1, 1], 2, ["-33.34", "-33.33", "-33.33"]),
        ("10.00", [0, 1], 2, ["0.00", "10.00"]),
        ("100", [1, 5, 1], 0, ["14", "72", "14"]),
        ("1.000", [Decimal("0.1"), Decimal("0.2")], 3, ["0.333", "0.667"]),
        ("0.00", [3, 4], 2, ["0.00", "0.00"]),
        ("5", [1], 2, ["5.00"]),
    ],
)
def test_what_is_left_over_goes_to_the_largest_remainders(
    total: str, weights: list[Decimal | Fraction | int], digits: int, shares: list[str]
) -> None:
    assert [str(share) for share in allocate(Decimal(total), weights, digits)] == shares


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [2, -1]])
def test_weights_that_share_nothing_out_are_refused(weights: list[int]) -> None:
    with pytest.raises(MoneyError, match="weights must be zero or more"):
        allocate(Decimal("1.00"), weights)


def test_a_total_finer_than_the_minor_unit_is_refused() -> None:
    with pytest.raises(MoneyError, match=r"1\.005 has more than 2 decimals"):
        allocate(Decimal("1.005"), [1, 1])


@settings(max_examples=100, deadline=None)
@given(
    st.integers(-(10**30), 10**30),
    st.lists(st.fractions(0, 1000), min_size=1, max_size=12).filter(any),
    st.sampled_from([0, 2, 3]),
)
def test_shares_add_up_exactly_and_stay_within_a_minor_unit(
    in_minor: int, weights: list[Fraction], digits: int
) -> None:
    total = Decimal(in_minor).scaleb(-digits) if abs(in_minor) < 10**28 else Decimal(f"{in_minor}E-{digits}")
    shares = [Fraction(share) for share in allocate(total, weights, digits)]
    assert sum(shares) == Fraction(total)
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Fraction(total) * weight / sum(weights)) < Fraction(1, 10**digits)


@pytest.mark.parametrize(
    "amount, currency, shown",
    [
        ("1234.5", "USD", "USD 1,234.50"),
        ("-1234567.891", "KWD", "KWD -1,234,567.891"),
        ("999.5", "JPY", "JPY 1,000"),
        ("0", "EUR", "EUR 0.00"),
        ("1234.5000", "EUR", "EUR 1,234.50"),
    ],
)
def test_an_amount_is_shown_with_its_currency(amount: str, currency: str, shown: str) -> None:
    assert show(Decimal(amount), currency) == shown
