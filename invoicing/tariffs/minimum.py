"""Amounts that are owed whatever was used: minimum charge, take or pay."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from core.money import round_money
from invoicing.errors import TariffError


def top_up(charged: Decimal, minimum: Decimal | Fraction, decimals: int = 2) -> Decimal:
    """What is added to reach the minimum charge, rounded once; zero where it is reached."""
    if minimum < 0:
        raise TariffError("minimum_charge", f"{minimum} is below zero")
    return max(round_money(minimum, decimals) - charged, Decimal(0))


@dataclass(frozen=True, slots=True)
class TakeOrPay:
    """The energy that was to be taken and was not, in kWh, and what is paid for it."""

    shortfall_kwh: Fraction
    amount: Decimal


def take_or_pay(
    minimum_kwh: Fraction,
    taken_kwh: Fraction,
    available_kwh: Fraction,
    price_per_kwh: Fraction,
    decimals: int = 2,
) -> TakeOrPay:
    """`max(0, minimum - (taken + available and not taken))·price`; what the seller could not deliver is not owed.

    `available_kwh` is energy that was deemed available and was not taken for a reason that counts as taking it.
    """
    if min(minimum_kwh, available_kwh, price_per_kwh) < 0:
        raise TariffError("take_or_pay", "quantities and price are zero or more")
    shortfall = max(Fraction(0), minimum_kwh - taken_kwh - available_kwh)
    return TakeOrPay(shortfall, round_money(shortfall * price_per_kwh, decimals))
