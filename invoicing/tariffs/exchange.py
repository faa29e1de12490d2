"""Money in another currency by the rate of a date."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from core.money import minor_units, round_money
from invoicing.errors import TariffError


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """One unit of `base` costs `rate` units of `quote` on a day."""

    base: str
    quote: str
    day: date
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Converted:
    """An amount in another currency, rounded once, the exact factor and the day of the rate that was used."""

    amount: Decimal
    factor: Fraction
    rate_of: date


def convert(
    amount: Decimal, base: str, quote: str, day: date, rates: Iterable[ExchangeRate], max_age_days: int = 7
) -> Converted:
    """The amount at the newest rate of the day or up to `max_age_days` before: there are none on days off.

    A rate of the pair the other way round is used by its exact reciprocal, where there is none of this direction on
    the same day. Rates are never chained over a third currency. Raises `TariffError` where there is none.
    """
    if base == quote:
        return Converted(amount, Fraction(1), day)
    usable = [
        rate
        for rate in rates
        if {rate.base, rate.quote} == {base, quote} and 0 <= (day - rate.day).days <= max_age_days and rate.rate > 0
    ]
    if not usable:
        raise TariffError(
            "exchange_rate", f"none from {base} to {quote} on {day} or {max_age_days} days before: add it"
        )
    best = max(usable, key=lambda rate: (rate.day, rate.base == base))
    factor = Fraction(best.rate) if best.base == base else 1 / Fraction(best.rate)
    return Converted(round_money(Fraction(amount) * factor, minor_units(quote)), factor, best.day)
