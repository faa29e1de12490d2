"""A document as an Invoice or CreditNote of UBL 2.1 (OASIS), by the syntax binding CEN/TS 16931-3-2, and back."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree as ET

from defusedxml.ElementTree import fromstring

from invoicing.documents.en16931 import (
    CREDIT_NOTE,
    CUSTOMIZATION,
    INTRA_COMMUNITY,
    OUTSIDE_SCOPE,
    TRANSFER,
    Charge,
    Document,
    Line,
    Party,
    VatGroup,
)
from invoicing.documents.rules import check
from invoicing.errors import DocumentError

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_CAC, _CBC = f"{_UBL}CommonAggregateComponents-2", f"{_UBL}CommonBasicComponents-2"
_PREFIXES = {"cac": _CAC, "cbc": _CBC}


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


def read(xml: bytes) -> Document:
    """What `write` wrote. Raises `DocumentError` where a part of it is missing; entities are refused."""
    try:
        root = fromstring(xml)
    except (ET.ParseError, ValueError) as error:
        raise DocumentError("the file", f"it is no XML that may be read: {error}") from error
    kind = root.tag.rpartition("}")[2]
    reference = root.find("cac:BillingReference/cac:InvoiceDocumentReference", _PREFIXES)
    due = root.findtext("cbc:DueDate", None, _PREFIXES)
    return Document(
        type_code=_need(root, f"cbc:{kind}TypeCode"),
        number=_need(root, "cbc:ID"),
        issued_on=date.fromisoformat(_need(root, "cbc:IssueDate")),
        due_on=date.fromisoformat(due) if due else None,
        currency=_need(root, "cbc:DocumentCurrencyCode"),
        seller=_read_party(root, "cac:AccountingSupplierParty/cac:Party"),
        buyer=_read_party(root, "cac:AccountingCustomerParty/cac:Party"),
        first_day=date.fromisoformat(_need(root, "cac:InvoicePeriod/cbc:StartDate")),
        last_day=date.fromisoformat(_need(root, "cac:InvoicePeriod/cbc:EndDate")),
        lines=tuple(_read_line(line, kind) for line in root.iterfind(f"cac:{kind}Line", _PREFIXES)),
        charges=tuple(
            Charge(
                reason=_need(charge, "cbc:AllowanceChargeReason"),
                amount=Decimal(_need(charge, "cbc:Amount")),
                category=_need(charge, "cac:TaxCategory/cbc:ID"),
                rate_percent=_rate(charge, "cac:TaxCategory"),
            )
            for charge in root.iterfind("cac:AllowanceCharge", _PREFIXES)
        ),
        vat=tuple(
            VatGroup(
                category=_need(group, "cac:TaxCategory/cbc:ID"),
                rate_percent=_rate(group, "cac:TaxCategory"),
                taxable_amount=Decimal(_need(group, "cbc:TaxableAmount")),
                vat_amount=Decimal(_need(group, "cbc:TaxAmount")),
                exemption_reason=group.findtext("cac:TaxCategory/cbc:TaxExemptionReason", None, _PREFIXES),
            )
            for group in root.iterfind("cac:TaxTotal/cac:TaxSubtotal", _PREFIXES)
        ),
        lines_total=_total(root, "LineExtensionAmount"),
        charges_total=_total(root, "ChargeTotalAmount"),
        total_without_vat=_total(root, "TaxExclusiveAmount"),
        vat_total=Decimal(_need(root, "cac:TaxTotal/cbc:TaxAmount")),
        total_with_vat=_total(root, "TaxInclusiveAmount"),
        payable=_total(root, "PayableAmount"),
        preceding=None
        if reference is None
        else (_need(reference, "cbc:ID"), date.fromisoformat(_need(reference, "cbc:IssueDate"))),
        payment_terms=root.findtext("cac:PaymentTerms/cbc:Note", None, _PREFIXES),
        account=root.findtext("cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID", None, _PREFIXES),
    )


# --- writing


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


# --- reading


def _need(element: ET.Element, path: str) -> str:
    found = element.findtext(path, None, _PREFIXES)
    if not found:
        raise DocumentError("the file", f"it has no {path} in {element.tag.rpartition('}')[2]}")
    return found


def _total(root: ET.Element, name: str) -> Decimal:
    return Decimal(_need(root, f"cac:LegalMonetaryTotal/cbc:{name}"))


def _rate(element: ET.Element, path: str) -> Decimal:
    return Decimal(element.findtext(f"{path}/cbc:Percent", "0", _PREFIXES))


def _read_party(root: ET.Element, path: str) -> Party:
    entry = root.find(path, _PREFIXES)
    if entry is None:
        raise DocumentError("the file", f"it has no {path}")

    def maybe(name: str) -> str | None:
        return entry.findtext(name, None, _PREFIXES)

    return Party(
        name=_need(entry, "cac:PartyLegalEntity/cbc:RegistrationName"),
        country=_need(entry, "cac:PostalAddress/cac:Country/cbc:IdentificationCode"),
        address=maybe("cac:PostalAddress/cbc:StreetName"),
        vat_number=maybe("cac:PartyTaxScheme/cbc:CompanyID"),
        legal_id=maybe("cac:PartyLegalEntity/cbc:CompanyID"),
        email=maybe("cac:Contact/cbc:ElectronicMail"),
    )


def _read_line(entry: ET.Element, kind: str) -> Line:
    name = "CreditedQuantity" if kind == "CreditNote" else "InvoicedQuantity"
    quantity = entry.find(f"cbc:{name}", _PREFIXES)
    units: Iterable[str] = [] if quantity is None else [quantity.get("unitCode", "")]
    return Line(
        id=_need(entry, "cbc:ID"),
        name=_need(entry, "cac:Item/cbc:Name"),
        quantity=Decimal(_need(entry, f"cbc:{name}")),
        unit=next(iter(units), ""),
        unit_price=Decimal(_need(entry, "cac:Price/cbc:PriceAmount")),
        net_amount=Decimal(_need(entry, "cbc:LineExtensionAmount")),
        category=_need(entry, "cac:Item/cac:ClassifiedTaxCategory/cbc:ID"),
        rate_percent=_rate(entry, "cac:Item/cac:ClassifiedTaxCategory"),
        item_id=entry.findtext("cac:Item/cac:SellersItemIdentification/cbc:ID", None, _PREFIXES),
    )
