"""Rates that change by the year: a fixed amount, a percentage, or a published index; each says how it was made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from core.money import round_money
from invoicing.errors import TariffError


class Growth(StrEnum):
    """Whether a percentage is of the base rate or of the rate of the year before."""

    SIMPLE = "simple"
    COMPOUND = "compound"


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate in money per unit and the sentence that explains it. Provisional: an index value is still to come."""

    value: Decimal
    note: str
    is_provisional: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """The rate never goes below `floor` or above `ceiling`; `decimals` of it are kept, halves away from zero."""

    floor: Decimal | None = None
    ceiling: Decimal | None = None
    decimals: int = 10

    def __post_init__(self) -> None:
        if self.floor is not None and self.ceiling is not None and self.floor > self.ceiling:
            raise TariffError("floor_rate", f"{self.floor} is above the ceiling {self.ceiling}")
        if not 0 <= self.decimals <= 10:
            raise TariffError("rate_decimals", f"{self.decimals} is not between 0 and 10")

    def hold(self, exact: Fraction) -> tuple[Decimal, str]:
        """The rate within the bounds, rounded, and which of them bit: empty, `floor` or `ceiling`."""
        if self.floor is not None and exact < Fraction(self.floor):
            return self.floor, "floor"
        if self.ceiling is not None and exact > Fraction(self.ceiling):
            return self.ceiling, "ceiling"
        return round_money(exact, self.decimals), ""


def by_amount(base: Decimal, amount: Decimal, year: int, bounds: Bounds) -> Rate:
    """`P_n = P_0 + (n - 1)·a`."""
    value, bit = bounds.hold(Fraction(base) + (year - 1) * Fraction(amount))
    return Rate(value, _said(f"{_plain(base)} and {year - 1} times {_plain(amount)}", bit, value))


def by_percent(base: Decimal, percent: Decimal, year: int, growth: Growth, bounds: Bounds) -> Rate:
    """`P_n = P_0·(1 + e)^(n-1)` compound, `P_0·(1 + e·(n-1))` simple; rounded once, at the end."""
    share = Fraction(percent) / 100
    factor = (1 + share) ** (year - 1) if growth is Growth.COMPOUND else 1 + share * (year - 1)
    value, bit = bounds.hold(Fraction(base) * factor)
    return Rate(
        value, _said(f"{_plain(base)}, {growth} growth of {_plain(percent)} % over {year - 1} years", bit, value)
    )


@dataclass(frozen=True, slots=True)
class Indexation:
    """`P = P_0·(a + b·I/I_0)`, with I the index of `lag_months` before the month of adjustment.

    `fixed_share` is a, `index_share` b; both add up to 1. `floor_percent` and `cap_percent` bound the change of the
    rate against the base rate.
    """

    index: str
    base_value: Decimal
    lag_months: int = 0
    fixed_share: Decimal = Decimal(0)
    index_share: Decimal = Decimal(1)
    floor_percent: Decimal | None = None
    cap_percent: Decimal | None = None

    def __post_init__(self) -> None:
        if self.base_value <= 0:
            raise TariffError("index_base_value", f"{self.base_value} is not above zero")
        if self.lag_months < 0:
            raise TariffError("index_lag_months", f"{self.lag_months} is below zero: an index of the future is unknown")
        if Fraction(self.fixed_share) + Fraction(self.index_share) != 1:
            raise TariffError("index_share", f"{self.fixed_share} and {self.index_share} do not add up to 1")


def by_index(base: Decimal, terms: Indexation, month: date, published: Mapping[date, Decimal], bounds: Bounds) -> Rate:
    """The rate from `month` on. `published` has the index by the first day of its month, newest publication.

    Where the value needed is not published, the newest before it stands in, or else the base value, and the rate says
    that it is provisional.
    """
    wanted = months_before(month, terms.lag_months)
    value, source, is_provisional = terms.base_value, f"its base value {_plain(terms.base_value)}", True
    if wanted in published:
        value, source, is_provisional = published[wanted], f"{_plain(published[wanted])} of {wanted:%Y-%m}", False
    elif earlier := [each for each in published if each < wanted]:
        value, source = published[max(earlier)], f"{_plain(published[max(earlier)])} of {max(earlier):%Y-%m}"
    factor = Fraction(terms.fixed_share) + Fraction(terms.index_share) * Fraction(value) / Fraction(terms.base_value)
    limits = (
        (terms.floor_percent, "floor", max),
        (terms.cap_percent, "cap", min),
    )
    held = ""
    for percent, name, choose in limits:
        if percent is not None:
            bound = 1 + Fraction(percent) / 100
            if choose(factor, bound) != factor:
                factor, held = bound, f"{name} of {_plain(percent)} %"
    rate, bit = bounds.hold(Fraction(base) * factor)
    note = f"{_plain(base)} by {terms.index} {source} against {_plain(terms.base_value)}"
    if is_provisional:
        note += f", provisional until that of {wanted:%Y-%m} is published"
    return Rate(rate, _said(note, bit or held, rate), is_provisional)


def months_before(month: date, count: int) -> date:
    """The first day of the month that lies `count` months before that of a day."""
    years, months = divmod(month.year * 12 + month.month - 1 - count, 12)
    return date(years, months + 1, 1)


def newest(publications: Iterable[tuple[date, date, Decimal]], as_of: date) -> dict[date, Decimal]:
    """The index by month as it was known on a day, of (month, day of publication, value): the newest publication."""
    found: dict[date, Decimal] = {}
    for month, published_on, value in sorted(publications, key=lambda each: each[:2]):
        if published_on <= as_of:
            found[month.replace(day=1)] = value
    return found


def _said(how: str, bit: str, value: Decimal) -> str:
    return f"{_plain(value)}: {how}" + (f", held by the {bit}" if bit else "")


def _plain(number: Decimal) -> str:
    """The number without the zeros that the database keeps behind its last digit."""
    return f"{number.normalize():f}"
