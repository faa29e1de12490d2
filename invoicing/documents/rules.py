"""The business rules of EN 16931-1:2017, each under its name; XML is written of documents alone that keep them all."""

import re
from collections.abc import Iterator
from decimal import Decimal

from core.money import CURRENCY_CODES, round_money
from invoicing.documents.en16931 import (
    CREDIT_NOTE,
    DECIMALS,
    EXEMPT,
    EXPORT,
    INTRA_COMMUNITY,
    INVOICE,
    OUTSIDE_SCOPE,
    REVERSE_CHARGE,
    STANDARD,
    ZERO,
    Document,
)
from invoicing.errors import DocumentError

# The letters by which the rules of a category are named.
_RULES_OF = {STANDARD: "S", ZERO: "Z", EXEMPT: "E", REVERSE_CHARGE: "AE", INTRA_COMMUNITY: "IC", EXPORT: "G"}
_RULES_OF |= {OUTSIDE_SCOPE: "O"}
_COUNTRY = re.compile(r"[A-Z]{2}")
_VAT_NUMBER = re.compile(r"[A-Z]{2}[0-9A-Z+*. -]+")  # of Greece EL


def check(document: Document) -> None:
    """Raises `DocumentError` with every rule that the document breaks."""
    if broken := tuple(broken_rules(document)):
        raise DocumentError(document.number or "a document without a number", *broken)


def broken_rules(document: Document) -> Iterator[str]:
    """A sentence for each rule that is broken, led by its name."""
    yield from _heads(document)
    yield from _sums(document)
    named = {group.category for group in document.vat} | {line.category for line in document.lines}
    for category in sorted(named | {charge.category for charge in document.charges}):
        yield from _category(document, category)


def _heads(document: Document) -> Iterator[str]:
    seller, buyer = document.seller, document.buyer
    for rule, holds, said in (
        ("BR-02", document.number.strip(), "a document has a number"),
        ("BR-04", document.type_code in (INVOICE, CREDIT_NOTE), "its type is 380 or 381"),
        ("BR-05", document.currency.strip(), "a document has a currency"),
        ("BR-CL-04", document.currency in CURRENCY_CODES, "the currency is a code of ISO 4217"),
        ("BR-06", seller.name.strip(), "the seller has a name"),
        ("BR-07", buyer.name.strip(), "the buyer has a name"),
        ("BR-09", _COUNTRY.fullmatch(seller.country), "the seller's country is a code of two letters"),
        ("BR-11", _COUNTRY.fullmatch(buyer.country), "the buyer's country is a code of two letters"),
        ("BR-16", document.lines, "a document has lines"),
        ("BR-29", document.first_day <= document.last_day, "a period ends after it starts"),
        ("BR-50", document.account is None or document.account.strip(), "an account that is paid to has a number"),
        ("BR-55", document.preceding is None or document.preceding[0], "the invoice that is corrected has a number"),
        ("BR-CO-18", document.vat, "a document has a VAT breakdown"),
        ("BR-CO-25", document.payable <= 0 or document.due_on or document.payment_terms, "it says when to pay"),
        ("BR-CO-26", seller.vat_number or seller.legal_id, "the seller is identified by a VAT or registration number"),
    ):
        if not holds:
            yield f"{rule}: {said}"
    for named, party in (("seller", seller), ("buyer", buyer)):
        if party.vat_number and not _VAT_NUMBER.fullmatch(party.vat_number):
            yield f"BR-CO-09: the {named}'s VAT number starts with the code of a country: {party.vat_number} does not"
    for line in document.lines:
        for rule, holds, said in (
            ("BR-21", line.id, "has an identifier"),
            ("BR-23", line.unit, "has a unit"),
            ("BR-25", line.name.strip(), "has a name"),
            ("BR-27", line.unit_price >= 0, "has a price that is not below zero"),
            ("BR-CO-04", line.category, "has a category of VAT"),
        ):
            if not holds:
                yield f"{rule}: line {line.id or 'without identifier'} {said}"
    for place, charge in enumerate(document.charges, 1):
        if not charge.category:
            yield f"BR-37: charge {place} has a category of VAT"
        if not charge.reason.strip():
            yield f"BR-38: charge {place} has a reason"
    for group in document.vat:
        if not group.category:
            yield f"BR-47: the VAT on {group.taxable_amount} has a category"
    yield from _decimals(document)


def _decimals(document: Document) -> Iterator[str]:
    """Each amount by the rule that names it [BR-DEC]."""
    named = [
        ("12", "the total of lines", document.lines_total),
        ("11", "the total of charges", document.charges_total),
        ("09", "the total without VAT", document.total_without_vat),
        ("13", "the total of VAT", document.vat_total),
        ("14", "the total with VAT", document.total_with_vat),
        ("18", "what is payable", document.payable),
        *(("05", f"charge {charge.reason}", charge.amount) for charge in document.charges),
        *(("23", f"line {line.id}", line.net_amount) for line in document.lines),
        *(("19", "a taxable amount", group.taxable_amount) for group in document.vat),
        *(("20", "an amount of VAT", group.vat_amount) for group in document.vat),
    ]
    for rule, what, amount in named:
        if amount != round_money(amount, DECIMALS):
            yield f"BR-DEC-{rule}: {what} is {amount} and may have {DECIMALS} decimals"


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
        right = round_money(group.taxable_amount * group.rate_percent / 100, DECIMALS)
        if abs(group.vat_amount - right) > allowed:
            yield f"BR-CO-17: {group.rate_percent} % of {group.taxable_amount} is {right}, not {group.vat_amount}"


def _category(document: Document, category: str) -> Iterator[str]:
    """The rules that each category has under the same numbers."""
    if category not in _RULES_OF:
        if category:
            yield f"BR-CL-17: {category} is no category of VAT"
        return
    rule = f"BR-{_RULES_OF[category]}"
    lines = [line for line in document.lines if line.category == category]
    charges = [charge for charge in document.charges if charge.category == category]
    groups = [group for group in document.vat if group.category == category]
    rates = [group.rate_percent for group in groups]
    if not groups or len(set(rates)) != len(rates):
        yield f"{rule}-01: category {category} has one breakdown for each rate"
    if (lines or charges) and (missing := _missing_number(document, category)):
        for number in (["02"] if lines else []) + (["04"] if charges else []):
            yield f"{rule}-{number}: in category {category} {missing}"
    for number, items in (("05", lines), ("07", charges)):
        for rate in sorted({item.rate_percent for item in items}):
            if (rate > 0) != (category == STANDARD):
                yield f"{rule}-{number}: {rate} % is no rate of category {category}"
    for group in groups:
        base = sum((line.net_amount for line in lines if line.rate_percent == group.rate_percent), Decimal(0))
        base += sum((charge.amount for charge in charges if charge.rate_percent == group.rate_percent), Decimal(0))
        if base != group.taxable_amount:
            yield f"{rule}-08: {base} are taxed at {group.rate_percent} %, not {group.taxable_amount}"
        if category != STANDARD and group.vat_amount:
            yield f"{rule}-09: category {category} has no VAT"
        if bool(group.exemption_reason) == (category in (STANDARD, ZERO)):
            needed = "has no reason" if group.exemption_reason else "says why no VAT is charged"
            yield f"{rule}-10: category {category} {needed}"
    if category == OUTSIDE_SCOPE:
        for number, others in (("11", document.vat), ("12", document.lines), ("14", document.charges)):
            if any(other.category != OUTSIDE_SCOPE for other in others):
                yield f"{rule}-{number}: what is outside the scope of VAT has a document of its own"


def _missing_number(document: Document, category: str) -> str | None:
    """What stands against the numbers of the parties in this category."""
    seller, buyer = document.seller, document.buyer
    if category == OUTSIDE_SCOPE:
        return "neither party is named by a VAT number" if seller.vat_number or buyer.vat_number else None
    if not seller.vat_number:
        return "the seller has a VAT number"
    if category == INTRA_COMMUNITY and not buyer.vat_number:
        return "the buyer has a VAT number"
    if category == REVERSE_CHARGE and not (buyer.vat_number or buyer.legal_id):
        return "the buyer has a VAT or registration number"
    return None
