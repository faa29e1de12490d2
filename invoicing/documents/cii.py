"""A document as a Cross Industry Invoice of UN/CEFACT, by the syntax binding CEN/TS 16931-3-3.

It is what Factur-X carries in its profile EN 16931; the order of elements is that of the schema.
"""

import re
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree as ET

from invoicing.documents.en16931 import (
    CUSTOMIZATION,
    INTRA_COMMUNITY,
    OUTSIDE_SCOPE,
    TRANSFER,
    Document,
    Line,
    Party,
    VatGroup,
)
from invoicing.documents.rules import check

_STANDARD = "urn:un:unece:uncefact:data:standard"
_NAMESPACES = {
    "rsm": f"{_STANDARD}:CrossIndustryInvoice:100",
    "ram": f"{_STANDARD}:ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{_STANDARD}:UnqualifiedDataType:100",
    "qdt": f"{_STANDARD}:QualifiedDataType:100",
}
_DAY = "102"  # UNTDID 2379: CCYYMMDD
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")


def write(document: Document) -> bytes:
    """The XML of a document that keeps the rules of EN 16931; raises `DocumentError` for another."""
    check(document)
    return xml_of(document)


def xml_of(document: Document) -> bytes:
    """The XML of any document, also of one that breaks a rule."""
    root = ET.Element("rsm:CrossIndustryInvoice", {f"xmlns:{prefix}": name for prefix, name in _NAMESPACES.items()})
    context = _group(root, "rsm:ExchangedDocumentContext", "ram:GuidelineSpecifiedDocumentContextParameter")
    _text(context, "ram:ID", CUSTOMIZATION)
    head = _group(root, "rsm:ExchangedDocument")
    _text(head, "ram:ID", document.number)
    _text(head, "ram:TypeCode", document.type_code)
    _day(head, "ram:IssueDateTime", document.issued_on)
    transaction = _group(root, "rsm:SupplyChainTradeTransaction")
    for line in document.lines:
        _line(transaction, line)
    agreement = _group(transaction, "ram:ApplicableHeaderTradeAgreement")
    _party(_group(agreement, "ram:SellerTradeParty"), document.seller)
    _party(_group(agreement, "ram:BuyerTradeParty"), document.buyer)
    delivery = _group(transaction, "ram:ApplicableHeaderTradeDelivery")
    if any(group.category == INTRA_COMMUNITY for group in document.vat):
        address = _group(delivery, "ram:ShipToTradeParty", "ram:PostalTradeAddress")
        _text(address, "ram:CountryID", document.buyer.country)
    _settlement(_group(transaction, "ram:ApplicableHeaderTradeSettlement"), document)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _settlement(entry: ET.Element, document: Document) -> None:
    _text(entry, "ram:InvoiceCurrencyCode", document.currency)
    if document.account:
        means = _group(entry, "ram:SpecifiedTradeSettlementPaymentMeans")
        _text(means, "ram:TypeCode", TRANSFER)
        plain = document.account.replace(" ", "")
        kind, account = ("IBANID", plain) if _IBAN.fullmatch(plain) else ("ProprietaryID", document.account)
        _text(_group(means, "ram:PayeePartyCreditorFinancialAccount"), f"ram:{kind}", account)
    for group in document.vat:
        _vat(_group(entry, "ram:ApplicableTradeTax"), group)
    period = _group(entry, "ram:BillingSpecifiedPeriod")
    _day(period, "ram:StartDateTime", document.first_day)
    _day(period, "ram:EndDateTime", document.last_day)
    for charge in document.charges:
        levy = _group(entry, "ram:SpecifiedTradeAllowanceCharge")
        _text(_group(levy, "ram:ChargeIndicator"), "udt:Indicator", "true")
        _text(levy, "ram:ActualAmount", f"{charge.amount:f}")
        _text(levy, "ram:Reason", charge.reason)
        _category(_group(levy, "ram:CategoryTradeTax"), charge.category, charge.rate_percent)
    if document.payment_terms or document.due_on:
        terms = _group(entry, "ram:SpecifiedTradePaymentTerms")
        _text(terms, "ram:Description", document.payment_terms)
        if document.due_on:
            _day(terms, "ram:DueDateDateTime", document.due_on)
    total = _group(entry, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    _text(total, "ram:LineTotalAmount", f"{document.lines_total:f}")
    _text(total, "ram:ChargeTotalAmount", f"{document.charges_total:f}")
    _text(total, "ram:TaxBasisTotalAmount", f"{document.total_without_vat:f}")
    tax = ET.SubElement(total, "ram:TaxTotalAmount", {"currencyID": document.currency})
    tax.text = f"{document.vat_total:f}"
    _text(total, "ram:GrandTotalAmount", f"{document.total_with_vat:f}")
    _text(total, "ram:DuePayableAmount", f"{document.payable:f}")
    if document.preceding:
        number, day = document.preceding
        reference = _group(entry, "ram:InvoiceReferencedDocument")
        _text(reference, "ram:IssuerAssignedID", number)
        _day(reference, "ram:FormattedIssueDateTime", day, prefix="qdt")


def _line(transaction: ET.Element, line: Line) -> None:
    entry = _group(transaction, "ram:IncludedSupplyChainTradeLineItem")
    _text(_group(entry, "ram:AssociatedDocumentLineDocument"), "ram:LineID", line.id)
    product = _group(entry, "ram:SpecifiedTradeProduct")
    _text(product, "ram:SellerAssignedID", line.item_id)
    _text(product, "ram:Name", line.name)
    price = _group(entry, "ram:SpecifiedLineTradeAgreement", "ram:NetPriceProductTradePrice")
    _text(price, "ram:ChargeAmount", f"{line.unit_price:f}")
    delivery = _group(entry, "ram:SpecifiedLineTradeDelivery")
    ET.SubElement(delivery, "ram:BilledQuantity", {"unitCode": line.unit}).text = f"{line.quantity:f}"
    settlement = _group(entry, "ram:SpecifiedLineTradeSettlement")
    _category(_group(settlement, "ram:ApplicableTradeTax"), line.category, line.rate_percent)
    total = _group(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation")
    _text(total, "ram:LineTotalAmount", f"{line.net_amount:f}")


def _party(entry: ET.Element, party: Party) -> None:
    _text(entry, "ram:Name", party.name)
    if party.legal_id:
        _text(_group(entry, "ram:SpecifiedLegalOrganization"), "ram:ID", party.legal_id)
    if party.email:
        contact = _group(entry, "ram:DefinedTradeContact", "ram:EmailURIUniversalCommunication")
        _text(contact, "ram:URIID", party.email)
    address = _group(entry, "ram:PostalTradeAddress")
    _text(address, "ram:LineOne", party.address)
    _text(address, "ram:CountryID", party.country)
    if party.vat_number:
        registration = _group(entry, "ram:SpecifiedTaxRegistration")
        ET.SubElement(registration, "ram:ID", {"schemeID": "VA"}).text = party.vat_number


def _vat(entry: ET.Element, group: VatGroup) -> None:
    _text(entry, "ram:CalculatedAmount", f"{group.vat_amount:f}")
    _text(entry, "ram:TypeCode", "VAT")
    _text(entry, "ram:ExemptionReason", group.exemption_reason)
    _text(entry, "ram:BasisAmount", f"{group.taxable_amount:f}")
    _rate(entry, group.category, group.rate_percent)


def _category(entry: ET.Element, category: str, rate_percent: Decimal) -> None:
    _text(entry, "ram:TypeCode", "VAT")
    _rate(entry, category, rate_percent)


def _rate(entry: ET.Element, category: str, rate_percent: Decimal) -> None:
    _text(entry, "ram:CategoryCode", category)
    # Outside the scope of VAT there is no rate, not even one of zero [BR-O-05].
    _text(entry, "ram:RateApplicablePercent", None if category == OUTSIDE_SCOPE else f"{rate_percent:f}")


def _group(parent: ET.Element, *names: str) -> ET.Element:
    for name in names:
        parent = ET.SubElement(parent, name)
    return parent


def _text(parent: ET.Element, name: str, text: str | None) -> None:
    if text is not None:
        ET.SubElement(parent, name).text = text


def _day(parent: ET.Element, name: str, day: date, *, prefix: str = "udt") -> None:
    ET.SubElement(_group(parent, name), f"{prefix}:DateTimeString", {"format": _DAY}).text = f"{day:%Y%m%d}"
