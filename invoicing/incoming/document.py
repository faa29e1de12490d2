"""An invoice as it came, and the declared ways to read a number and a date from text."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

# Whole digits and decimals that the database keeps.
LARGEST = {
    "quantity": (12, 12),
    "unit_price": (10, 10),
    "net_amount": (16, 4),
    "tax_rate": (3, 6),
    "tax_percent": (3, 4),
    "tax_amount": (16, 4),
    "total_amount": (16, 4),
    "exchange_rate": (10, 10),
}
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")


@dataclass(frozen=True, slots=True)
class IncomingLine:
    """A line as the document states it; None is what it does not state. `place` is its line in the file."""

    place: int | None
    type_code: str
    net_amount: Decimal
    description: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_price: Decimal | None = None
    price_bucket: str | None = None
    tax_category: str | None = None
    tax_rate: Decimal | None = None
    tax_amount: Decimal | None = None
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class IncomingInvoice:
    """An invoice or credit note as it came; amounts of both are positive. `total_amount` is with tax.

    `exchange_rate` is how much of `currency` one unit of the contract's is, where the document says so. `supplier` is
    the name that it gives, None where the file has none.
    """

    place: int | None
    number: str
    currency: str
    total_amount: Decimal
    lines: tuple[IncomingLine, ...]
    is_credit_note: bool = False
    corrects_number: str | None = None
    invoice_date: date | None = None
    due_date: date | None = None
    exchange_rate: Decimal | None = None
    supplier: str | None = None


def read_number(text: str, name: str, decimal_separator: str = ".") -> Decimal:
    """The exact number of a text without thousands separators or exponent. Raises `ValueError` with the cause."""
    plain = text.strip()
    if decimal_separator != ".":
        if "." in plain:
            raise ValueError(f"{text!r} has a point where the decimal separator is {decimal_separator!r}")
        plain = plain.replace(decimal_separator, ".", 1)
    if not _PLAIN.fullmatch(plain):
        raise ValueError(f"{text!r} is not a number: write digits and {decimal_separator!r} alone")
    number = Decimal(plain)
    whole, places = LARGEST[name]
    if (Fraction(number) * 10**places).denominator != 1:
        raise ValueError(f"{text!r} has more than {places} decimals: nothing is rounded on the way in")
    if number and number.adjusted() >= whole:
        raise ValueError(f"{text!r} has more than {whole} digits before the decimal point")
    return number


def read_date(text: str, pattern: str = "%Y-%m-%d") -> date:
    """The day that a text names by the pattern of `strptime`. Raises `ValueError` with the cause."""
    try:
        return datetime.strptime(text.strip(), pattern).date()  # noqa: DTZ007 - a day has no time zone
    except ValueError:
        raise ValueError(f"{text!r} is not a day written as {pattern}") from None


def total_of(lines: tuple[IncomingLine, ...]) -> Decimal:
    """What the lines come to, with tax."""
    return sum((line.net_amount + (line.tax_amount or Decimal(0)) for line in lines), Decimal(0))
