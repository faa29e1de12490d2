"""The semantic model of EN 16931-1:2017 as far as an energy invoice needs it, and its arithmetic.

Names in brackets are the standard's: BT are terms, BG groups, BR rules. Amounts are in the currency of the document; a
credit note holds positive amounts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.money import round_money

INVOICE, CREDIT_NOTE = "380", "381"  # UNTDID 1001
STANDARD, ZERO, EXEMPT, REVERSE_CHARGE, INTRA_COMMUNITY, EXPORT, OUTSIDE_SCOPE = "S", "Z", "E", "AE", "K", "G", "O"
CUSTOMIZATION = "urn:cen.eu:en16931:2017"  # BT-24
TRANSFER = "30"  # UNTDID 4461: a credit transfer [BT-81]
DECIMALS = 2  # BR-DEC: of every amount, whatever the currency has


@dataclass(frozen=True, slots=True)
class Party:
    """Seller [BG-4] or buyer [BG-7]; `country` is a code of ISO 3166-1, `legal_id` the registration [BT-30, BT-47]."""

    name: str
    country: str
    address: str | None = None
    vat_number: str | None = None
    legal_id: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """[BG-25] `unit` is a code of UN/ECE recommendation 20; a line that takes back has a quantity below zero.

    `item_id` is the seller's name for what is sold [BT-155].
    """

    id: str
    name: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net_amount: Decimal
    category: str
    rate_percent: Decimal
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """[BG-21] A levy on the whole document."""

    reason: str
    amount: Decimal
    category: str
    rate_percent: Decimal


@dataclass(frozen=True, slots=True)
class VatGroup:
    """[BG-23] What is taxed alike, and the VAT on it."""

    category: str
    rate_percent: Decimal
    taxable_amount: Decimal
    vat_amount: Decimal
    exemption_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice or a credit note. `preceding` is the number and the day of the invoice that it corrects [BG-3]."""

    type_code: str
    number: str
    issued_on: date
    due_on: date | None
    currency: str
    seller: Party
    buyer: Party
    first_day: date
    last_day: date
    lines: tuple[Line, ...]
    charges: tuple[Charge, ...]
    vat: tuple[VatGroup, ...]
    lines_total: Decimal  # [BT-106]
    charges_total: Decimal  # [BT-108]
    total_without_vat: Decimal  # [BT-109]
    vat_total: Decimal  # [BT-110]
    total_with_vat: Decimal  # [BT-112]
    payable: Decimal  # [BT-115]
    preceding: tuple[str, date] | None = None
    payment_terms: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a document by the standard's own arithmetic."""

    vat: tuple[VatGroup, ...]
    lines_total: Decimal
    charges_total: Decimal
    total_without_vat: Decimal
    vat_total: Decimal
    total_with_vat: Decimal


def sum_up(lines: Sequence[Line], charges: Sequence[Charge], reasons: Callable[[str], str | None]) -> Totals:
    """The VAT groups and totals of lines and charges [BR-CO-10 to BR-CO-17]; `reasons` says why a category is free."""
    bases: dict[tuple[str, Decimal], Decimal] = {}
    for line in lines:
        group = (line.category, line.rate_percent)
        bases[group] = bases.get(group, Decimal(0)) + line.net_amount
    for charge in charges:
        group = (charge.category, charge.rate_percent)
        bases[group] = bases.get(group, Decimal(0)) + charge.amount
    vat = tuple(
        VatGroup(category, rate, base, round_money(base * rate / 100, DECIMALS), reasons(category))
        for (category, rate), base in sorted(bases.items())
    )
    lines_total = sum((line.net_amount for line in lines), Decimal(0))
    charges_total = sum((charge.amount for charge in charges), Decimal(0))
    vat_total = sum((group.vat_amount for group in vat), Decimal(0))
    without_vat = lines_total + charges_total
    return Totals(vat, lines_total, charges_total, without_vat, vat_total, without_vat + vat_total)
