"""A document as an Invoice or CreditNote of UBL 2.1 (OASIS), by the syntax binding CEN/TS 16931-3-2."""

from decimal import Decimal
from xml.etree import ElementTree as ET

from invoicing.documents.en16931 import (
    CREDIT_NOTE,
    CUSTOMIZATION,
    INTRA_COMMUNITY,
    OUTSIDE_SCOPE,
    TRANSFER,
    Document,
    Line,
    Party,
)
from invoicing.documents.rules import check

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_CAC, _CBC = f"{_UBL}CommonAggregateComponents-2", f"{_UBL}CommonBasicComponents-2"


def write(document: Document) -> bytes:
    """The XML of a document that keeps the rules of EN 16931; raises `DocumentError` for another."""
    check(document)
    return xml_of(document)


def xml_of(document: Document) -> bytes:
    """The XML of any document, also of one that breaks a rule."""
    kind = "CreditNote" if document.type_code == CREDIT_NOTE else "Invoice"
    root = ET.Element(kind, {"xmlns": f"{_UBL}{kind}-2", "xmlns:cac": _CAC, "xmlns:cbc": _CBC})
    for name, text in (
        ("CustomizationID", CUSTOMIZATION),
        ("ID", document.number),
        ("IssueDate", document.issued_on.isoformat()),
        ("DueDate", document.due_on.isoformat() if document.due_on and kind == "Invoice" else None),
        (f"{kind}TypeCode", document.type_code),
        ("DocumentCurrencyCode", document.currency),
    ):
        _text(root, name, text)
    period = _group(root, "InvoicePeriod")
    _text(period, "StartDate", document.first_day.isoformat())
    _text(period, "EndDate", document.last_day.isoformat())
    if document.preceding:
        reference = _group(root, "BillingReference", "InvoiceDocumentReference")
        _text(reference, "ID", document.preceding[0])
        _text(reference, "IssueDate", document.preceding[1].isoformat())
    _party(_group(root, "AccountingSupplierParty", "Party"), document.seller)
    _party(_group(root, "AccountingCustomerParty", "Party"), document.buyer)
    if any(group.category == INTRA_COMMUNITY for group in document.vat):
        country = _group(root, "Delivery", "DeliveryLocation", "Address", "Country")
        _text(country, "IdentificationCode", document.buyer.country)
    if document.account:
        means = _group(root, "PaymentMeans")
        _text(means, "PaymentMeansCode", TRANSFER)
        _text(_group(means, "PayeeFinancialAccount"), "ID", document.account)
    if document.payment_terms:
        _text(_group(root, "PaymentTerms"), "Note", document.payment_terms)
    for charge in document.charges:
        entry = _group(root, "AllowanceCharge")
        _text(entry, "ChargeIndicator", "true")
        _text(entry, "AllowanceChargeReason", charge.reason)
        _amount(entry, "Amount", charge.amount, document.currency)
        _tax_category(entry, "TaxCategory", charge.category, charge.rate_percent)
    tax_total = _group(root, "TaxTotal")
    _amount(tax_total, "TaxAmount", document.vat_total, document.currency)
    for group in document.vat:
        subtotal = _group(tax_total, "TaxSubtotal")
        _amount(subtotal, "TaxableAmount", group.taxable_amount, document.currency)
        _amount(subtotal, "TaxAmount", group.vat_amount, document.currency)
        _tax_category(subtotal, "TaxCategory", group.category, group.rate_percent, group.exemption_reason)
    total = _group(root, "LegalMonetaryTotal")
    for name, amount in (
        ("LineExtensionAmount", document.lines_total),
        ("TaxExclusiveAmount", document.total_without_vat),
        ("TaxInclusiveAmount", document.total_with_vat),
        ("ChargeTotalAmount", document.charges_total),
        ("PayableAmount", document.payable),
    ):
        _amount(total, name, amount, document.currency)
    for line in document.lines:
        _line(root, kind, line, document.currency)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _group(parent: ET.Element, *names: str) -> ET.Element:
    for name in names:
        parent = ET.SubElement(parent, f"cac:{name}")
    return parent


def _text(parent: ET.Element, name: str, text: str | None) -> None:
    if text is not None:
        ET.SubElement(parent, f"cbc:{name}").text = text


def _amount(parent: ET.Element, name: str, amount: Decimal, currency: str) -> None:
    ET.SubElement(parent, f"cbc:{name}", {"currencyID": currency}).text = f"{amount:f}"


def _tax_category(
    parent: ET.Element, name: str, category: str, rate_percent: Decimal, reason: str | None = None
) -> None:
    entry = _group(parent, name)
    _text(entry, "ID", category)
    # Outside the scope of VAT there is no rate, not even one of zero [BR-O-05].
    _text(entry, "Percent", None if category == OUTSIDE_SCOPE else f"{rate_percent:f}")
    _text(entry, "TaxExemptionReason", reason)
    _text(_group(entry, "TaxScheme"), "ID", "VAT")


def _party(entry: ET.Element, party: Party) -> None:
    address = _group(entry, "PostalAddress")
    _text(address, "StreetName", party.address)
    _text(_group(address, "Country"), "IdentificationCode", party.country)
    if party.vat_number:
        scheme = _group(entry, "PartyTaxScheme")
        _text(scheme, "CompanyID", party.vat_number)
        _text(_group(scheme, "TaxScheme"), "ID", "VAT")
    legal = _group(entry, "PartyLegalEntity")
    _text(legal, "RegistrationName", party.name)
    _text(legal, "CompanyID", party.legal_id)
    if party.email:
        _text(_group(entry, "Contact"), "ElectronicMail", party.email)


def _line(root: ET.Element, kind: str, line: Line, currency: str) -> None:
    entry = _group(root, f"{kind}Line")
    _text(entry, "ID", line.id)
    name = "CreditedQuantity" if kind == "CreditNote" else "InvoicedQuantity"
    ET.SubElement(entry, f"cbc:{name}", {"unitCode": line.unit}).text = f"{line.quantity:f}"
    _amount(entry, "LineExtensionAmount", line.net_amount, currency)
    item = _group(entry, "Item")
    _text(item, "Name", line.name)
    if line.item_id:
        _text(_group(item, "SellersItemIdentification"), "ID", line.item_id)
    _tax_category(item, "ClassifiedTaxCategory", line.category, line.rate_percent)
    _amount(_group(entry, "Price"), "PriceAmount", line.unit_price, currency)
