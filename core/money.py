"""Money: the one rounding function, minor units of ISO 4217, shares that add up, amounts as text."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor

from core.errors import MoneyError

# ISO 4217, list one of 2026. Metals, funds without a minor unit and test codes are not money here.
_CODES_BY_MINOR_UNITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
        CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD
        HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
        MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD
        RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
        USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
        ANG BGN HRK
    """,  # the last three are retired, and long contracts still name them
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_MINOR_UNITS = {code: digits for digits, codes in _CODES_BY_MINOR_UNITS.items() for code in codes.split()}
CURRENCY_CODES = frozenset(_MINOR_UNITS)


def minor_units(currency_code: str) -> int:
    """How many decimals an amount in this currency has. Raises `MoneyError` for an unknown code."""
    try:
        return _MINOR_UNITS[currency_code]
    except KeyError:
        raise MoneyError(f"{currency_code!r} is not a currency: write an ISO 4217 code, like USD") from None


def round_money(amount: Decimal | Fraction, minor_units: int = 2) -> Decimal:
    """The amount with exactly `minor_units` decimals, halves away from zero, at any size.

    The only rounding in the project: percentages and prorated quantities go through it too.
    """
    numerator, denominator = _ratio(amount)
    # In integers: half a minor unit added, then the floor.
    magnitude = (2 * abs(numerator) * 10**minor_units + denominator) // (2 * denominator)
    return _from_minor(-magnitude if numerator < 0 else magnitude, minor_units)


def allocate(total: Decimal, weights: Sequence[Decimal | Fraction | int], minor_units: int = 2) -> tuple[Decimal, ...]:
    """Shares of `total` in proportion to the weights, rounded so that they add up to it exactly.

    Each share is within one minor unit of its exact value. The minor units left over go to the largest
    remainders, the earlier share first where remainders are equal.
    """
    in_minor = _exact(total) * 10**minor_units
    if in_minor.denominator != 1:
        raise MoneyError(f"{total} has more than {minor_units} decimals: round it before it is shared out")
    exact_weights = [_exact(weight) for weight in weights]
    if any(weight < 0 for weight in exact_weights) or not sum(exact_weights):
        raise MoneyError(f"cannot share out {total}: weights must be zero or more, and one above zero")

    sign = -1 if in_minor < 0 else 1
    per_weight = abs(in_minor) / sum(exact_weights)
    exact_shares = [per_weight * weight for weight in exact_weights]
    shares = [floor(share) for share in exact_shares]
    left_over = abs(in_minor.numerator) - sum(shares)
    by_remainder = sorted(range(len(shares)), key=lambda n: shares[n] - exact_shares[n])
    for n in by_remainder[:left_over]:
        shares[n] += 1
    return tuple(_from_minor(sign * share, minor_units) for share in shares)


def show(amount: Decimal, currency: str) -> str:
    """The amount as people read it, rounded to the minor unit: `USD 1,234.50`."""
    return f"{currency} {round_money(amount, minor_units(currency)):,f}"


def _exact(amount: Decimal | Fraction | int) -> Fraction:
    return Fraction(*_ratio(amount))


def _ratio(amount: Decimal | Fraction | int) -> tuple[int, int]:
    """Numerator and denominator. Fractions of the standard library are too slow to be made for each amount."""
    if isinstance(amount, float) or (isinstance(amount, Decimal) and not amount.is_finite()):
        raise MoneyError(f"{amount!r} is not an exact number: amounts are Decimal, Fraction or int")
    return amount.as_integer_ratio()


def _from_minor(count: int, minor_units: int) -> Decimal:
    # From text: arithmetic would round to the 28 digits of the decimal context.
    return Decimal(f"{count}e-{minor_units}")
