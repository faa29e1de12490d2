"""The semantic model of EN 16931-1:2017 as far as an energy invoice needs it, and the rules that it must keep.

Names in brackets are the standard's: BT are terms, BG groups, BR rules. Amounts are in the currency of the document; a
credit note holds positive amounts.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.money import round_money
from invoicing.errors import DocumentError

INVOICE, CREDIT_NOTE = "380", "381"  # UNTDID 1001
STANDARD, ZERO, EXEMPT, REVERSE_CHARGE, INTRA_COMMUNITY, EXPORT, OUTSIDE_SCOPE = "S", "Z", "E", "AE", "K", "G", "O"
# The letters by which the rules of a category are named.
_RULES_OF = {STANDARD: "S", ZERO: "Z", EXEMPT: "E", REVERSE_CHARGE: "AE", INTRA_COMMUNITY: "IC", EXPORT: "G"}
_RULES_OF |= {OUTSIDE_SCOPE: "O"}
_DECIMALS = 2  # BR-DEC: of every amount, whatever the currency has
_COUNTRY = re.compile(r"[A-Z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")


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
    """[BG-25] `unit` is a code of UN/ECE recommendation 20; a line that takes back has a quantity below zero."""

    id: str
    name: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net_amount: Decimal
    category: str
    rate_percent: Decimal


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
        VatGroup(category, rate, base, round_money(base * rate / 100, _DECIMALS), reasons(category))
        for (category, rate), base in sorted(bases.items())
    )
    lines_total = sum((line.net_amount for line in lines), Decimal(0))
    charges_total = sum((charge.amount for charge in charges), Decimal(0))
    vat_total = sum((group.vat_amount for group in vat), Decimal(0))
    without_vat = lines_total + charges_total
    return Totals(vat, lines_total, charges_total, without_vat, vat_total, without_vat + vat_total)


def check(document: Document) -> None:
    """Raises `DocumentError` with every rule that the document breaks."""
    if broken := tuple(broken_rules(document)):
        raise DocumentError(document.number or "a document without a number", *broken)


def broken_rules(document: Document) -> Iterator[str]:
    """A sentence for each rule that is broken, led by its name."""
    yield from _heads(document)
    yield from _sums(document)
    for category in sorted({group.category for group in document.vat} | {line.category for line in document.lines}):
        yield from _category(document, category)


def _heads(document: Document) -> Iterator[str]:
    seller, buyer = document.seller, document.buyer
    for rule, holds, said in (
        ("BR-02", document.number, "a document has a number"),
        ("BR-04", document.type_code in (INVOICE, CREDIT_NOTE), "its type is 380 or 381"),
        ("BR-05", _CURRENCY.fullmatch(document.currency), "the currency is a code of ISO 4217"),
        ("BR-06", seller.name.strip(), "the seller has a name"),
        ("BR-07", buyer.name.strip(), "the buyer has a name"),
        ("BR-09", _COUNTRY.fullmatch(seller.country), "the seller's country is a code of two letters"),
        ("BR-11", _COUNTRY.fullmatch(buyer.country), "the buyer's country is a code of two letters"),
        ("BR-16", document.lines, "a document has lines"),
        ("BR-29", document.first_day <= document.last_day, "a period ends after it starts"),
        ("BR-55", document.preceding is None or document.preceding[0], "the invoice that is corrected has a number"),
        ("BR-CO-18", document.vat, "a document has a VAT breakdown"),
        ("BR-CO-25", document.payable <= 0 or document.due_on or document.payment_terms, "it says when to pay"),
        ("BR-CO-26", seller.vat_number or seller.legal_id, "the seller is identified by a VAT or registration number"),
    ):
        if not holds:
            yield f"{rule}: {said}"
    for line in document.lines:
        if not line.name.strip():
            yield f"BR-25: line {line.id} has a name"
        if line.unit_price < 0:
            yield f"BR-27: the price of line {line.id} is not below zero"
    amounts = [document.lines_total, document.charges_total, document.total_without_vat, document.vat_total]
    amounts += [document.total_with_vat, document.payable, *(charge.amount for charge in document.charges)]
    amounts += [line.net_amount for line in document.lines]
    amounts += [amount for group in document.vat for amount in (group.taxable_amount, group.vat_amount)]
    if any(amount != round_money(amount, _DECIMALS) for amount in amounts):
        yield "BR-DEC: an amount has at most two decimals"


def _sums(document: Document) -> Iterator[str]:
    lines = sum((line.net_amount for line in document.lines), Decimal(0))
    charges = sum((charge.amount for charge in document.charges), Decimal(0))
    vat = sum((group.vat_amount for group in document.vat), Decimal(0))
    for rule, what, said, right in (
        ("BR-CO-10", "the total of lines", document.lines_total, lines),
        ("BR-CO-12", "the total of charges", document.charges_total, charges),
        (
            "BR-CO-13",
            "the total without VAT",
            document.total_without_vat,
            document.lines_total + document.charges_total,
        ),
        ("BR-CO-14", "the total of VAT", document.vat_total, vat),
        ("BR-CO-15", "the total with VAT", document.total_with_vat, document.total_without_vat + document.vat_total),
        ("BR-CO-16", "what is payable", document.payable, document.total_with_vat),
    ):
        if said != right:
            yield f"{rule}: {what} is {right}, not {said}"
    # A credit note for a part shares out the VAT of its invoice by cents: the published validation allows one unit.
    allowed = Decimal(1) if document.type_code == CREDIT_NOTE else Decimal(0)
    for group in document.vat:
        right = round_money(group.taxable_amount * group.rate_percent / 100, _DECIMALS)
        if abs(group.vat_amount - right) > allowed:
            yield f"BR-CO-17: {group.rate_percent} % of {group.taxable_amount} is {right}, not {group.vat_amount}"


def _category(document: Document, category: str) -> Iterator[str]:
    """The rules that each category has under the same number."""
    letters = _RULES_OF.get(category)
    if letters is None:
        yield f"BR-CL-17: {category} is no category of VAT"
        return
    groups = [group for group in document.vat if group.category == category]
    seller, buyer = document.seller, document.buyer
    if not groups:
        yield f"BR-{letters}-01: category {category} has a breakdown"
    if category == OUTSIDE_SCOPE:
        if seller.vat_number or buyer.vat_number:
            yield "BR-O-02: outside the scope of VAT neither party is named by a VAT number"
        if any(group.category != OUTSIDE_SCOPE for group in document.vat):
            yield "BR-O-11: what is outside the scope of VAT has a document of its own"
    elif not seller.vat_number:
        yield f"BR-{letters}-02: the seller has a VAT number"
    if category in (REVERSE_CHARGE, INTRA_COMMUNITY) and not (buyer.vat_number or buyer.legal_id):
        yield f"BR-{letters}-02: the buyer has a VAT number"
    items = [(line.category, line.rate_percent) for line in document.lines]
    items += [(charge.category, charge.rate_percent) for charge in document.charges]
    for rate in sorted({rate for its_category, rate in items if its_category == category}):
        if (rate > 0) != (category == STANDARD):
            yield f"BR-{letters}-05: {rate} % is no rate of category {category}"
    for group in groups:
        base = sum(
            (
                *(
                    line.net_amount
                    for line in document.lines
                    if (line.category, line.rate_percent) == (category, group.rate_percent)
                ),
                *(
                    charge.amount
                    for charge in document.charges
                    if (charge.category, charge.rate_percent) == (category, group.rate_percent)
                ),
            ),
            Decimal(0),
        )
        if base != group.taxable_amount:
            yield f"BR-{letters}-08: {base} are taxed at {group.rate_percent} %, not {group.taxable_amount}"
        if category != STANDARD and group.vat_amount:
            yield f"BR-{letters}-09: category {category} has no VAT"
        if bool(group.exemption_reason) == (category in (STANDARD, ZERO)):
            needed = "has no reason" if group.exemption_reason else "says why no VAT is charged"
            yield f"BR-{letters}-10: category {category} {needed}"
