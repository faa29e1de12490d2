"""An issued invoice of the database as a document by EN 16931."""

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
from invoicing.models import DocumentType, InvoiceHeader, InvoiceLineItem, InvoiceTax, TaxKind

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
    lines, taxes = lines_of(invoice), taxes_of(invoice)
    if any(line.vat_category is None for line in lines):
        raise DocumentError(invoice.invoice_number, "BR-CO-04: a line has no category of VAT: no tax rule was in force")
    rates = {tax.vat_category: percent(tax.rate) for tax in taxes if tax.kind == TaxKind.VAT}
    charges = tuple(
        Charge(tax.tax_rule.name, plain(tax.tax_total_amount), tax.vat_category or "", rates[tax.vat_category])
        for tax in taxes
        if tax.kind == TaxKind.LEVY
    )
    vat = tuple(
        VatGroup(
            category=tax.vat_category or "",
            rate_percent=percent(tax.rate),
            taxable_amount=plain(tax.base_total_amount),
            vat_amount=plain(tax.tax_total_amount),
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
        lines_total=plain(lines_total),
        charges_total=plain(charges_total),
        total_without_vat=plain(lines_total + charges_total),
        vat_total=plain(vat_total),
        total_with_vat=plain(invoice.total_amount),
        payable=plain(invoice.total_amount),
        preceding=(corrected.invoice_number, corrected.invoice_date)
        if corrected and corrected.invoice_number and corrected.invoice_date
        else None,
        payment_terms=f"Credited against {corrected.invoice_number}"
        if corrected
        else _withholding_note(taxes, invoice),
        account=organization.bank_account,
    )


# --- parts


def lines_of(invoice: InvoiceHeader) -> list[InvoiceLineItem]:
    """The lines in their order, with what they rest on."""
    related = (
        "clause_tariff__tariff_type",
        "clause_tariff__currency",
        "invoice_line_item_type",
        "meter_aggregate__meter",
        "rule_output__clause",
        "rule_output__currency",
        "corrects",
    )
    return list(invoice.lines.select_related(*related).order_by("id"))


def taxes_of(invoice: InvoiceHeader) -> list[InvoiceTax]:
    """Levies, VAT and withholdings in the order in which they were assessed."""
    return list(invoice.taxes.select_related("tax_rule").order_by("id"))


def is_partial_credit(line: InvoiceLineItem) -> bool:
    """Whether a line of a credit note takes back a part of the amount alone, and no quantity."""
    return line.corrects is not None and line.corrects.line_total_amount != line.line_total_amount


def unit_of(line: InvoiceLineItem) -> str | None:
    """The unit of its tariff, which the price is for."""
    return line.clause_tariff.unit if line.clause_tariff and not is_partial_credit(line) else None


def _line(number: int, line: InvoiceLineItem) -> Line:
    quantity, price = line.quantity or Decimal(1), line.line_unit_price or Decimal(0)
    sign = -1 if price < 0 else 1  # a price is never below zero [BR-27]; the quantity of what is taken back is
    return Line(
        id=str(number),
        name=line.description or line.invoice_line_item_type.name,
        quantity=plain(sign * quantity),
        unit=_UNIT_CODES.get(unit_of(line) or "", _PIECE),
        unit_price=plain(sign * price),
        net_amount=plain(line.line_total_amount),
        category=line.vat_category or "",
        rate_percent=percent(line.vat_rate or Decimal(0)),
        item_id=line.invoice_line_item_type.code,
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


def percent(share: Decimal) -> Decimal:
    """0.19 as 19."""
    return plain(share * 100)


def plain(value: Decimal) -> Decimal:
    """The same number without zeros behind its last digit."""
    plain = value.normalize()
    exponent = plain.as_tuple().exponent
    assert isinstance(exponent, int)  # amounts are finite
    return plain.quantize(Decimal(1)) if exponent > 0 else plain
