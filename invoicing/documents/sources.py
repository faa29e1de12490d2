"""An invoice of the database as a document: by EN 16931 for programs, as a sheet for people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.models import Counterparty, Organization
from core.money import show
from invoicing.documents.en16931 import (
    CREDIT_NOTE,
    INVOICE,
    OUTSIDE_SCOPE,
    Charge,
    Document,
    Line,
    Party,
    VatGroup,
)
from invoicing.errors import DocumentError, NotFoundError
from invoicing.models import DocumentType, InvoiceHeader, InvoiceLineItem, InvoiceStatus, InvoiceTax, TaxKind

# Units of tariffs as UN/ECE recommendation 20 codes them; what has none of these is counted: C62, one.
_UNIT_CODES = {"kWh": "KWH", "MWh": "MWH", "month": "MON"}
_PIECE = "C62"


def find_invoice(invoice_id: int) -> InvoiceHeader:
    """The invoice with both parties. Raises `NotFoundError`."""
    found = (
        InvoiceHeader.objects.select_related(
            "contract__organization", "contract__project", "counterparty", "currency", "billing_period", "corrects"
        )
        .filter(pk=invoice_id)
        .first()
    )
    if found is None:
        raise NotFoundError(f"there is no invoice {invoice_id}")
    return found


def document_of(invoice_id: int) -> Document:
    """An issued invoice by EN 16931. Raises `DocumentError` where it has no number, or lines without VAT category."""
    invoice = find_invoice(invoice_id)
    if invoice.invoice_number is None or invoice.invoice_date is None:
        raise DocumentError(str(invoice), "BR-02: it is not issued and has no number")
    lines, taxes = _lines(invoice), _taxes(invoice)
    if any(line.vat_category is None for line in lines):
        raise DocumentError(invoice.invoice_number, "BR-CO-04: a line has no category of VAT: no tax rule was in force")
    rates = {tax.vat_category: _percent(tax.rate) for tax in taxes if tax.kind == TaxKind.VAT}
    charges = tuple(
        Charge(tax.tax_rule.name, _plain(tax.tax_total_amount), tax.vat_category or "", rates[tax.vat_category])
        for tax in taxes
        if tax.kind == TaxKind.LEVY
    )
    vat = tuple(
        VatGroup(
            category=tax.vat_category or "",
            rate_percent=_percent(tax.rate),
            taxable_amount=_plain(tax.base_total_amount),
            vat_amount=_plain(tax.tax_total_amount),
            exemption_reason=tax.tax_rule.exemption_reason,
        )
        for tax in taxes
        if tax.kind == TaxKind.VAT
    )
    lines_total = sum((line.line_total_amount for line in lines), Decimal(0))
    charges_total = sum((charge.amount for charge in charges), Decimal(0))
    vat_total = sum((group.vat_amount for group in vat), Decimal(0))
    organization, counterparty = invoice.contract.organization, invoice.counterparty
    is_outside = any(group.category == OUTSIDE_SCOPE for group in vat)
    corrected = invoice.corrects
    return Document(
        type_code=CREDIT_NOTE if invoice.document_type == DocumentType.CREDIT_NOTE else INVOICE,
        number=invoice.invoice_number,
        issued_on=invoice.invoice_date,
        due_on=invoice.due_date,
        currency=invoice.currency.code,
        seller=_party(organization, None, is_outside=is_outside),
        buyer=_party(counterparty, counterparty.email, is_outside=is_outside),
        first_day=invoice.billing_period.start_date,
        last_day=invoice.billing_period.end_date,
        lines=tuple(_line(number, line) for number, line in enumerate(lines, 1)),
        charges=charges,
        vat=vat,
        lines_total=_plain(lines_total),
        charges_total=_plain(charges_total),
        total_without_vat=_plain(lines_total + charges_total),
        vat_total=_plain(vat_total),
        total_with_vat=_plain(invoice.total_amount),
        payable=_plain(invoice.total_amount),
        preceding=(corrected.invoice_number, corrected.invoice_date)
        if corrected and corrected.invoice_number and corrected.invoice_date
        else None,
        payment_terms=f"Credited against {corrected.invoice_number}"
        if corrected
        else _withholding_note(taxes, invoice),
        account=organization.bank_account,
    )


# --- the sheet


@dataclass(frozen=True, slots=True)
class Item:
    """A line as it is printed; `explanation` tells step by step how the amount came about."""

    number: int
    description: str
    quantity: str
    unit: str
    price: str
    amount: str
    explanation: tuple[tuple[str, str], ...]
    source: str | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the PDF shows, every number as it is printed."""

    title: str
    number: str | None
    stamp: str | None
    facts: tuple[tuple[str, str], ...]
    seller: tuple[str, ...]
    buyer: tuple[str, ...]
    currency: str
    items: tuple[Item, ...]
    sums: tuple[tuple[str, str], ...]
    total: tuple[str, str]
    after: tuple[tuple[str, str], ...]
    payment: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def sheet_of(invoice_id: int) -> Sheet:
    """An invoice as it is printed, at any time of its life; what is not issued says so."""
    invoice = find_invoice(invoice_id)
    code = invoice.currency.code
    lines, taxes = _lines(invoice), _taxes(invoice)
    added = [tax for tax in taxes if tax.kind != TaxKind.WITHHOLDING]
    withheld = [tax for tax in taxes if tax.kind == TaxKind.WITHHOLDING]
    net = sum((line.line_total_amount for line in lines), Decimal(0))
    payable = invoice.total_amount - sum((tax.tax_total_amount for tax in withheld), Decimal(0))
    organization, counterparty = invoice.contract.organization, invoice.counterparty
    is_credit = invoice.document_type == DocumentType.CREDIT_NOTE
    period = invoice.billing_period
    facts = [
        ("Date", _day(invoice.invoice_date)),
        ("Delivery period", _days(period.start_date, period.end_date)),
        ("Contract", invoice.contract.name),
        ("Site", invoice.contract.project.name if invoice.contract.project else None),
        ("Credits invoice", invoice.corrects.invoice_number if invoice.corrects else None),
        ("Due date", _day(invoice.due_date)),
    ]
    payment = [
        ("Account", organization.bank_account),
        ("Reference", invoice.invoice_number),
        ("Due", _day(invoice.due_date)),
    ]
    return Sheet(
        title="Credit note" if is_credit else "Invoice",
        number=invoice.invoice_number,
        stamp=None if invoice.invoice_number else f"{InvoiceStatus(invoice.status).label}, not issued",
        facts=_given(facts),
        seller=_given_lines(organization.name, organization.address, organization.country, organization.vat_number),
        buyer=_given_lines(counterparty.name, counterparty.address, counterparty.country, counterparty.vat_number),
        currency=code,
        items=tuple(_item(number, line, code) for number, line in enumerate(lines, 1)),
        sums=(
            ("Net amount", _money(net, code)),
            *((_tax_label(tax, code), _money(tax.tax_total_amount, code)) for tax in added),
        )
        if added
        else (),
        total=("Total credited" if is_credit else "Total", show(invoice.total_amount, code)),
        after=(
            *((_tax_label(tax, code), _money(-tax.tax_total_amount, code)) for tax in withheld),
            ("Amount payable", show(payable, code)),
        )
        if withheld
        else (),
        payment=() if is_credit else _given(payment),
        notes=tuple(sorted({tax.tax_rule.exemption_reason for tax in taxes if tax.tax_rule.exemption_reason})),
    )


def _item(number: int, line: InvoiceLineItem, code: str) -> Item:
    quantity, price = line.quantity or Decimal(0), line.line_unit_price or Decimal(0)
    unit = (line.clause_tariff.unit if line.clause_tariff else None) or ""
    verdict = line.rule_output
    source: str | None
    if verdict is not None:
        steps = (
            *_verdict_steps(verdict.metadata_detail or {}, code),
            ("Credited, rounded once", show(-line.line_total_amount, code)),
        )
        source = " · ".join(filter(None, [verdict.clause.name, verdict.description]))
    else:
        exact = quantity * price
        steps = (
            ("Quantity", f"{_number(quantity)} {unit}".strip()),
            ("Rate", f"{code} {_number(price)}{f' per {unit}' if unit else ''}"),
            ("Quantity × rate", f"{code} {_number(exact)}"),
            ("Amount, rounded once", show(line.line_total_amount, code)),
        )
        source = line.clause_tariff.name if line.clause_tariff else None
    is_plain = verdict is not None
    return Item(
        number=number,
        description=line.description or line.invoice_line_item_type.name,
        quantity="" if is_plain else _number(quantity),
        unit="" if is_plain else unit,
        price="" if is_plain else _number(price),
        amount=_money(line.line_total_amount, code),
        explanation=steps,
        source=source,
    )


def _verdict_steps(detail: Mapping[str, object], code: str) -> Iterator[tuple[str, str]]:
    """The numbers of a verdict in the order in which one follows from the other."""
    for key, label, suffix in (
        ("useful_seconds", "Useful time of the period", "h"),
        ("excused_seconds", "– excused by the contract", "h"),
        ("unknown_seconds", "– without information", "h"),
        ("up_seconds", "Available", "h"),
        ("down_seconds", "Not available", "h"),
        ("availability_percent", "Availability: available ÷ (available + not available)", "%"),
        ("threshold_percent", "Guaranteed", "%"),
        ("shortfall_points", "Shortfall", "percentage points"),
        ("ld_rate", "Damages for each percentage point", code),
        ("ld_cap", "At most", code),
    ):
        value = detail.get(key)
        if isinstance(value, int | float | str) and value != "":
            yield label, _with_unit(Decimal(str(value)), suffix, code)


def _with_unit(value: Decimal, unit: str, code: str) -> str:
    if unit == "h":
        return f"{_number((value / 3600).quantize(Decimal('0.01')))} h"
    return show(value, code) if unit == code else f"{_number(value)} {unit}"


# --- parts


def _lines(invoice: InvoiceHeader) -> list[InvoiceLineItem]:
    related = ("clause_tariff", "invoice_line_item_type", "rule_output__clause")
    return list(invoice.lines.select_related(*related).order_by("id"))


def _taxes(invoice: InvoiceHeader) -> list[InvoiceTax]:
    return list(invoice.taxes.select_related("tax_rule").order_by("id"))


def _line(number: int, line: InvoiceLineItem) -> Line:
    quantity, price = line.quantity or Decimal(1), line.line_unit_price or Decimal(0)
    sign = -1 if price < 0 else 1  # a price is never below zero [BR-27]; the quantity of what is taken back is
    unit = line.clause_tariff.unit if line.clause_tariff else None
    return Line(
        id=str(number),
        name=line.description or line.invoice_line_item_type.name,
        quantity=_plain(sign * quantity),
        unit=_UNIT_CODES.get(unit or "", _PIECE),
        unit_price=_plain(sign * price),
        net_amount=_plain(line.line_total_amount),
        category=line.vat_category or "",
        rate_percent=_percent(line.vat_rate or Decimal(0)),
    )


def _party(party: Organization | Counterparty, email: str | None, *, is_outside: bool) -> Party:
    # Outside the scope of VAT the number stands as a registration [BR-O-02].
    return Party(
        name=party.name,
        country=party.country or "",
        address=party.address,
        vat_number=None if is_outside else party.vat_number,
        legal_id=party.vat_number if is_outside else None,
        email=email,
    )


def _withholding_note(taxes: list[InvoiceTax], invoice: InvoiceHeader) -> str | None:
    parts = [
        f"{tax.tax_rule.name}: {show(tax.tax_total_amount, invoice.currency.code)} is withheld by the buyer"
        for tax in taxes
        if tax.kind == TaxKind.WITHHOLDING
    ]
    return "; ".join(parts) or None


def _tax_label(tax: InvoiceTax, code: str) -> str:
    return f"{tax.tax_rule.name} {_percent(tax.rate):f} % of {_money(tax.base_total_amount, code)}"


def _percent(share: Decimal) -> Decimal:
    return _plain(share * 100)


def _plain(value: Decimal) -> Decimal:
    """The same number without zeros behind its last digit."""
    plain = value.normalize()
    exponent = plain.as_tuple().exponent
    assert isinstance(exponent, int)  # amounts are finite
    return plain.quantize(Decimal(1)) if exponent > 0 else plain


def _money(amount: Decimal, code: str) -> str:
    return show(amount, code).removeprefix(f"{code} ").replace("-", "−")


def _number(value: Decimal) -> str:
    return f"{_plain(value):,f}".replace("-", "−")


def _day(day: date | None) -> str | None:
    return None if day is None else f"{day:%-d %B %Y}"


def _days(first: date, last: date) -> str:
    """`1 – 30 November 2025`: what both days share is said once."""
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {_day(last)}"
    return f"{_day(first)} – {_day(last)}"


def _given(pairs: list[tuple[str, str | None]]) -> tuple[tuple[str, str], ...]:
    return tuple((label, value) for label, value in pairs if value)


def _given_lines(*lines: str | None) -> tuple[str, ...]:
    return tuple(line for line in lines if line)
