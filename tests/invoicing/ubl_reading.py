"""UBL read back into the document that it was written from."""

from datetime import date
from decimal import Decimal
from xml.etree import ElementTree as ET

from invoicing.documents.en16931 import Charge, Document, Line, Party, VatGroup

_COMPONENTS = "urn:oasis:names:specification:ubl:schema:xsd:Common"
_PREFIXES = {"cac": f"{_COMPONENTS}AggregateComponents-2", "cbc": f"{_COMPONENTS}BasicComponents-2"}


def read(xml: bytes) -> Document:
    """The document that an Invoice or CreditNote states."""
    root = ET.fromstring(xml)
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


def _need(element: ET.Element, path: str) -> str:
    found = element.findtext(path, None, _PREFIXES)
    assert found, path
    return found


def _total(root: ET.Element, name: str) -> Decimal:
    return Decimal(_need(root, f"cac:LegalMonetaryTotal/cbc:{name}"))


def _rate(element: ET.Element, path: str) -> Decimal:
    return Decimal(element.findtext(f"{path}/cbc:Percent", "0", _PREFIXES))


def _read_party(root: ET.Element, path: str) -> Party:
    entry = root.find(path, _PREFIXES)
    assert entry is not None, path

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
    assert quantity is not None
    return Line(
        id=_need(entry, "cbc:ID"),
        name=_need(entry, "cac:Item/cbc:Name"),
        quantity=Decimal(_need(entry, f"cbc:{name}")),
        unit=quantity.get("unitCode", ""),
        unit_price=Decimal(_need(entry, "cac:Price/cbc:PriceAmount")),
        net_amount=Decimal(_need(entry, "cbc:LineExtensionAmount")),
        category=_need(entry, "cac:Item/cac:ClassifiedTaxCategory/cbc:ID"),
        rate_percent=_rate(entry, "cac:Item/cac:ClassifiedTaxCategory"),
        item_id=entry.findtext("cac:Item/cac:SellersItemIdentification/cbc:ID", None, _PREFIXES),
    )
