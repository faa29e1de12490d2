"""Tiers: prices that depend on the quantity. Bounds are half-open, `(lower, upper]`: what reaches a bound is below it.

Graduated: each slice at its own price. Volume: all of it at the price of the tier that the total reaches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from invoicing.errors import TariffError


class TierMode(StrEnum):
    GRADUATED = "graduated"
    VOLUME = "volume"


class TierScope(StrEnum):
    """Which energy fills the tiers: that of the time-of-use bucket, or all of it."""

    PER_BUCKET = "per_period_bucket"
    ALL = "all_periods"


class TierReset(StrEnum):
    """When tiers begin anew."""

    BILLING_PERIOD = "billing_period"
    CALENDAR_MONTH = "calendar_month"
    CONTRACT_YEAR = "contract_year"


@dataclass(frozen=True, slots=True)
class Tier:
    """Up to and including `up_to` units, None without end, at `rate` money per unit."""

    up_to: Decimal | None
    rate: Decimal


@dataclass(frozen=True, slots=True)
class TierTable:
    """Tiers from zero up without gap: limits rise, and the last has none."""

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        if not self.tiers or self.tiers[-1].up_to is not None:
            raise TariffError("tiers", "the last tier must be without end: leave its up_to out")
        limits = [tier.up_to for tier in self.tiers[:-1]]
        if any(limit is None or not limit.is_finite() or limit <= 0 for limit in limits):
            raise TariffError("tiers", "every tier but the last needs an up_to above zero")
        if any(not lower < upper for lower, upper in pairwise(limit for limit in limits if limit is not None)):
            raise TariffError("tiers", f"limits must rise, these are {', '.join(map(str, limits))}")
        if not all(tier.rate.is_finite() for tier in self.tiers):
            raise TariffError("rate", "a rate is a number")

    @classmethod
    def flat(cls, rate: Decimal) -> "TierTable":
        return cls((Tier(None, rate),))

    def limits(self, scale: Fraction = Fraction(1)) -> list[Fraction]:
        """The upper bounds of all tiers but the last, times `scale`."""
        return [Fraction(tier.up_to) * scale for tier in self.tiers if tier.up_to is not None]


def graduated(opening: int, closing: int, limits: Sequence[int]) -> list[int]:
    """How much of what raises the quantity from `opening` to `closing` lies in each tier.

    The difference of two sums, so that neither order nor splitting matters. What lowers the quantity takes back from
    the tiers it had filled; below zero there is only the first.
    """
    if not limits:
        return [closing - opening]
    found = [min(closing, limits[0]) - min(opening, limits[0])]
    for lower, upper in pairwise(limits):
        found.append(min(max(closing, lower), upper) - min(max(opening, lower), upper))
    return [*found, max(closing, limits[-1]) - max(opening, limits[-1])]


def reached(total: int, limits: Sequence[int]) -> int:
    """The position of the tier in which a total ends."""
    return sum(total > limit for limit in limits)
