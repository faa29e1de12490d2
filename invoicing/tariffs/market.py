"""A price that follows a market reference price: `max(floor, min((1 - discount)·MRP, ceiling))`."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from invoicing.errors import TariffError
from invoicing.tariffs.escalation import Bounds, Rate


@dataclass(frozen=True, slots=True)
class MarketTerms:
    """`discount` is a share from 0 to 1 of the reference price; the bounds are money per unit."""

    discount: Decimal
    bounds: Bounds

    def __post_init__(self) -> None:
        if not 0 <= self.discount <= 1:
            raise TariffError("discount_pct", f"{self.discount} is not a fraction from 0 to 1: 15 % is 0.15")


def market_rate(reference: Decimal, terms: MarketTerms, *, source: str, is_provisional: bool = False) -> Rate:
    """The rate from a reference price in the same unit; the note says which bound bit."""
    value, bit = terms.bounds.hold((1 - Fraction(terms.discount)) * Fraction(reference))
    note = f"{value.normalize():f}: {source} {reference} less {Fraction(terms.discount) * 100} %"
    return Rate(note=note + (f", held by the {bit}" if bit else ""), value=value, is_provisional=is_provisional)
