"""Received e-invoices of EN 16931 in both its syntaxes: UBL 2.1 Invoice and CreditNote (OASIS), and UN/CEFACT CII.

BT and BG are the terms and groups of EN 16931-1:2017. Document types, entities and references to the outside are
refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeVar
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from core.errors import MoneyError
from core.money import minor_units, round_money
from invoicing.errors import Problem, ReceivingError
from invoicing.incoming.document import IncomingInvoice, IncomingLine, read_date, read_number, total_of
from invoicing.incoming.mapping import InvoiceMapping

_NAMESPACES: Final = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
_CREDIT_NOTES: Final = frozenset({"81", "83", "381", "396", "532"})  # UNTDID 1001
# UN/ECE recommendation 20, as tariffs call them.
_UNITS: Final = {"WHR": "Wh", "KWH": "kWh", "MWH": "MWh", "GWH": "GWh", "MON": "month", "DAY": "day"}
_PRICE_DECIMALS: Final = 10
_HUNDRED: Final = Decimal(100)
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class _Syntax:
    """Where a syntax keeps each term; several paths are tried in turn."""

    day_pattern: str
    number: str
    type_code: str
    invoice_date: str
    due_date: tuple[str, ...]
    currency: str
    corrects_number: str
    supplier: tuple[str, ...]
    total_amount: str
    tax: str
    tax_amount: str
    tax_category: str
    tax_percent: str
    charge: str
    is_charge: str
    charge_amount: str
    charge_reason: tuple[str, ...]
    charge_tax: str
    line: tuple[str, ...]
    line_id: str
    net_amount: str
    quantity: tuple[str, ...]
    item_ids: tuple[str, ...]
    item_name: str
    property: str
    property_name: str
    property_value: str
    line_tax: str
    unit_price: str
    price_base: str
    first_day: str
    last_day: str


_UBL: Final = _Syntax(
    day_pattern="%Y-%m-%d",
    number="cbc:ID",
    type_code="cbc:InvoiceTypeCode",
    invoice_date="cbc:IssueDate",
    due_date=("cbc:DueDate", "cac:PaymentMeans/cbc:PaymentDueDate"),
    currency="cbc:DocumentCurrencyCode",
    corrects_number="cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID",
    supplier=(
        "cac:AccountingSupplierParty/cac:Party/cac:PartyLegalEntity/cbc:RegistrationName",
        "cac:AccountingSupplierParty/cac:Party/cac:PartyName/cbc:Name",
    ),
    total_amount="cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount",
    tax="cac:TaxTotal/cac:TaxSubtotal",
    tax_amount="cbc:TaxAmount",
    tax_category="cac:TaxCategory/cbc:ID",
    tax_percent="cac:TaxCategory/cbc:Percent",
    charge="cac:AllowanceCharge",
    is_charge="cbc:ChargeIndicator",
    charge_amount="cbc:Amount",
    charge_reason=("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode"),
    charge_tax="cac:TaxCategory",
    line=("cac:InvoiceLine", "cac:CreditNoteLine"),
    line_id="cbc:ID",
    net_amount="cbc:LineExtensionAmount",
    quantity=("cbc:InvoicedQuantity", "cbc:CreditedQuantity"),
    item_ids=("cac:Item/cac:SellersItemIdentification/cbc:ID", "cac:Item/cac:StandardItemIdentification/cbc:ID"),
    item_name="cac:Item/cbc:Name",
    property="cac:Item/cac:AdditionalItemProperty",
    property_name="cbc:Name",
    property_value="cbc:Value",
    line_tax="cac:Item/cac:ClassifiedTaxCategory",
    unit_price="cac:Price/cbc:PriceAmount",
    price_base="cac:Price/cbc:BaseQuantity",
    first_day="cac:InvoicePeriod/cbc:StartDate",
    last_day="cac:InvoicePeriod/cbc:EndDate",
)
_AGREEMENT = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeAgreement"
_SETTLEMENT = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement"
_LINE_SETTLEMENT = "ram:SpecifiedLineTradeSettlement"
_CII: Final = _Syntax(
    day_pattern="%Y%m%d",
    number="rsm:ExchangedDocument/ram:ID",
    type_code="rsm:ExchangedDocument/ram:TypeCode",
    invoice_date="rsm:ExchangedDocument/ram:IssueDateTime/udt:DateTimeString",
    due_date=(f"{_SETTLEMENT}/ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime/udt:DateTimeString",),
    currency=f"{_SETTLEMENT}/ram:InvoiceCurrencyCode",
    corrects_number=f"{_SETTLEMENT}/ram:InvoiceReferencedDocument/ram:IssuerAssignedID",
    supplier=(f"{_AGREEMENT}/ram:SellerTradeParty/ram:Name",),
    total_amount=f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:GrandTotalAmount",
    tax=f"{_SETTLEMENT}/ram:ApplicableTradeTax",
    tax_amount="ram:CalculatedAmount",
    tax_category="ram:CategoryCode",
    tax_percent="ram:RateApplicablePercent",
    charge=f"{_SETTLEMENT}/ram:SpecifiedTradeAllowanceCharge",
    is_charge="ram:ChargeIndicator/udt:Indicator",
    charge_amount="ram:ActualAmount",
    charge_reason=("ram:Reason", "ram:ReasonCode"),
    charge_tax="ram:CategoryTradeTax",
    line=("rsm:SupplyChainTradeTransaction/ram:IncludedSupplyChainTradeLineItem",),
    line_id="ram:AssociatedDocumentLineDocument/ram:LineID",
    net_amount=f"{_LINE_SETTLEMENT}/ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount",
    quantity=("ram:SpecifiedLineTradeDelivery/ram:BilledQuantity",),
    item_ids=("ram:SpecifiedTradeProduct/ram:SellerAssignedID", "ram:SpecifiedTradeProduct/ram:GlobalID"),
    item_name="ram:SpecifiedTradeProduct/ram:Name",
    property="ram:SpecifiedTradeProduct/ram:ApplicableProductCharacteristic",
    property_name="ram:Description",
    property_value="ram:Value",
    line_tax=f"{_LINE_SETTLEMENT}/ram:ApplicableTradeTax",
    unit_price="ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount",
    price_base="ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:BasisQuantity",
    first_day=f"{_LINE_SETTLEMENT}/ram:BillingSpecifiedPeriod/ram:StartDateTime/udt:DateTimeString",
    last_day=f"{_LINE_SETTLEMENT}/ram:BillingSpecifiedPeriod/ram:EndDateTime/udt:DateTimeString",
)
# The tax category of a line or charge is below the element that names its tax.
_TAX_OF: Final = {True: ("cbc:ID", "cbc:Percent"), False: ("ram:CategoryCode", "ram:RateApplicablePercent")}
_ROOTS: Final = {
    "{urn:oasis:names:specification:ubl:schema:xsd:Invoice-2}Invoice": _UBL,
    "{urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2}CreditNote": _UBL,
    f"{{{_NAMESPACES['rsm']}}}CrossIndustryInvoice": _CII,
}


def read_einvoice(content: bytes, mapping: InvoiceMapping, file_name: str) -> IncomingInvoice:
    """The invoice or credit note of a file. Its total [BT-112] is that of lines, charges and tax, or it is refused.

    The type of a line is what the mapping says of the item's id, or else of its name, or a constant; that of an
    allowance or charge on the whole document [BG-20, BG-21], which is a line too, what it says of its reason. The tax
    of each category [BG-23] is shared out to its lines. Raises `ReceivingError` with every problem.
    """
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        cause = f"it is no XML that may be read: {error or type(error).__name__}"
        raise ReceivingError(file_name, Problem(None, "", cause)) from error
    if root.tag not in _ROOTS:
        cause = f"its root is {root.tag!r}: known are UBL 2.1 Invoice and CreditNote, and CrossIndustryInvoice"
        raise ReceivingError(file_name, Problem(None, "", cause))
    reader = _Reader(_ROOTS[root.tag], mapping)
    invoice = reader.invoice(root)
    if reader.problems:
        raise ReceivingError(file_name, *reader.problems)
    return invoice


class _Reader:
    def __init__(self, syntax: _Syntax, mapping: InvoiceMapping) -> None:
        self.syntax, self.mapping = syntax, mapping
        self.problems: list[Problem] = []

    def invoice(self, root: Element) -> IncomingInvoice:
        syntax = self.syntax
        currency = self.need(root, syntax.currency, "the document")
        type_code = self.text(root, syntax.type_code)
        lines = [line for path in syntax.line for line in root.iterfind(path, _NAMESPACES)]
        stated = [self.line(line, number) for number, line in enumerate(lines, start=1)]
        stated += [self.charge(charge) for charge in root.iterfind(syntax.charge, _NAMESPACES)]
        if not stated:
            self.refuse("the document", "it has no lines")
        self.one_currency(root, currency)
        taxed = self.taxed(root, stated, currency)
        total = self.amount(root, syntax.total_amount, "total_amount", "the document")
        if not self.problems and total != total_of(taxed):
            self.refuse("the document", f"its total is {total} and lines, charges and tax come to {total_of(taxed)}")
        return IncomingInvoice(
            place=None,
            number=self.need(root, syntax.number, "the document"),
            currency=currency,
            total_amount=total,
            lines=taxed,
            is_credit_note=root.tag.endswith("}CreditNote") or type_code in _CREDIT_NOTES,
            corrects_number=self.text(root, syntax.corrects_number),
            invoice_date=self.day(root, syntax.invoice_date, "the document"),
            due_date=self.day(root, syntax.due_date, "the document"),
            supplier=self.text(root, *syntax.supplier),
        )

    def line(self, element: Element, number: int) -> IncomingLine:
        syntax = self.syntax
        place = f"line {self.text(element, syntax.line_id) or number}"
        quantity, unit = self.quantity(element, place)
        category, rate = self.tax_of(element.find(syntax.line_tax, _NAMESPACES), place)
        return IncomingLine(
            place=None,
            type_code=self.line_type(element, place),
            net_amount=self.amount(element, syntax.net_amount, "net_amount", place),
            description=self.text(element, syntax.item_name),
            quantity=quantity,
            unit=unit,
            unit_price=self.unit_price(element, place),
            price_bucket=self.said_of(element, "price_bucket"),
            tax_category=category,
            tax_rate=rate,
            first_day=self.day(element, syntax.first_day, place),
            last_day=self.day(element, syntax.last_day, place),
        )

    def charge(self, element: Element) -> IncomingLine:
        """An allowance takes its amount off, a charge adds it."""
        reason = self.text(element, *self.syntax.charge_reason) or "no reason"
        place = f"charge or allowance {reason!r}"
        sign = 1 if self.text(element, self.syntax.is_charge) in ("true", "1") else -1  # xs:boolean
        category, rate = self.tax_of(element.find(self.syntax.charge_tax, _NAMESPACES), place)
        return IncomingLine(
            place=None,
            type_code=self.mapping.said("line_type", reason),
            net_amount=sign * self.amount(element, self.syntax.charge_amount, "net_amount", place),
            description=reason,
            tax_category=category,
            tax_rate=rate,
        )

    def line_type(self, element: Element, place: str) -> str:
        """What the mapping says of the item's id or name; a text for which it says nothing stands for itself."""
        if constant := self.mapping.constants.get("line_type"):
            return constant
        named = self.said_of(element, "line_type")
        texts = [text for path in self.syntax.item_ids if (text := self.text(element, path))]
        name = self.need(element, self.syntax.item_name, place)
        known = self.mapping.values.get("line_type", {})
        return named or next((known[text] for text in (*texts, name) if text in known), next(iter(texts), name))

    def said_of(self, element: Element, name: str) -> str | None:
        """What the property of the item [BG-32] that the mapping declares for the field stands for."""
        for entry in element.iterfind(self.syntax.property, _NAMESPACES):
            value = self.text(entry, self.syntax.property_value)
            if value and self.text(entry, self.syntax.property_name) == self.mapping.columns.get(name):
                return self.mapping.said(name, value)
        return self.mapping.constants.get(name)

    def quantity(self, element: Element, place: str) -> tuple[Decimal | None, str | None]:
        for path in self.syntax.quantity:
            if (found := element.find(path, _NAMESPACES)) is not None:
                code = found.get("unitCode", "")
                return self.read(found.text or "", lambda text: read_number(text, "quantity"), place), (
                    _UNITS.get(code, code) or None
                )
        return None, None

    def unit_price(self, element: Element, place: str) -> Decimal | None:
        """The price [BT-146] of one unit: it may be stated for several [BT-149]."""
        price = self.number(element, self.syntax.unit_price, "unit_price", place)
        base = self.number(element, self.syntax.price_base, "quantity", place)
        if price is None or base in (None, 1):
            return price
        if base == 0:
            self.refuse(place, "its price is stated for a quantity of 0")
            return None
        return round_money(Fraction(price) / Fraction(base), _PRICE_DECIMALS)

    def taxed(self, root: Element, lines: Sequence[IncomingLine], currency: str) -> tuple[IncomingLine, ...]:
        """The lines with the tax of their category; what single roundings leave goes to the largest of them."""
        digits = self.minor_units(currency)
        result = list(lines)
        for subtotal in root.iterfind(self.syntax.tax, _NAMESPACES):
            category = self.text(subtotal, self.syntax.tax_category)
            percent = self.number(subtotal, self.syntax.tax_percent, "tax_percent", "tax") or Decimal(0)
            amount = self.amount(subtotal, self.syntax.tax_amount, "tax_amount", "tax")
            alike = [
                place
                for place, line in enumerate(result)
                if line.tax_category == category and (line.tax_rate or 0) == percent / _HUNDRED
            ]
            if not alike:
                if amount:
                    self.refuse("tax", f"{amount} of category {category} at {percent} % and no line is taxed so")
                continue
            for place in alike:
                share = round_money(Fraction(result[place].net_amount) * Fraction(percent) / 100, digits)
                result[place] = replace(result[place], tax_amount=share)
            largest = max(alike, key=lambda place: (abs(result[place].net_amount), -place))
            rest = amount - sum((result[place].tax_amount or Decimal(0) for place in alike), Decimal(0))
            result[largest] = replace(result[largest], tax_amount=(result[largest].tax_amount or Decimal(0)) + rest)
        return tuple(result)

    def tax_of(self, element: Element | None, place: str) -> tuple[str | None, Decimal | None]:
        if element is None:
            return None, None
        category, percent = _TAX_OF[self.syntax is _UBL]
        found = self.number(element, percent, "tax_percent", place)
        return self.text(element, category), None if found is None else found / _HUNDRED

    def one_currency(self, root: Element, currency: str) -> None:
        """Amounts name the document's currency, but for a total of tax in the currency of accounting [BT-111]."""
        others = {
            other
            for element in root.iter()
            if (other := element.get("currencyID", currency)) != currency
            and element.tag.rpartition("}")[2] not in ("TaxAmount", "TaxTotalAmount")
        }
        if others:
            self.refuse("the document", f"it is in {currency} and has amounts in {', '.join(sorted(others))}")

    def minor_units(self, currency: str) -> int:
        try:
            return minor_units(currency)
        except MoneyError as error:
            self.refuse("the document", str(error))
            return 2

    # --- texts

    def refuse(self, place: str, cause: str) -> None:
        self.problems.append(Problem(None, place, cause))

    def text(self, element: Element, *paths: str) -> str | None:
        for path in paths:
            if said := (element.findtext(path, None, _NAMESPACES) or "").strip():
                return said
        return None

    def need(self, element: Element, path: str, place: str) -> str:
        said = self.text(element, path)
        if said is None:
            self.refuse(place, f"it has no {path.rpartition(':')[2]}")
        return said or ""

    def number(self, element: Element, path: str, kind: str, place: str) -> Decimal | None:
        said = self.text(element, path)
        return None if said is None else self.read(said, lambda text: read_number(text, kind), place)

    def amount(self, element: Element, path: str, kind: str, place: str) -> Decimal:
        """A number that must be there; nought where it was refused."""
        return (
            (self.number(element, path, kind, place) or Decimal(0)) if self.need(element, path, place) else Decimal(0)
        )

    def day(self, element: Element, paths: str | tuple[str, ...], place: str) -> date | None:
        said = self.text(element, *((paths,) if isinstance(paths, str) else paths))
        pattern = self.syntax.day_pattern
        return None if said is None else self.read(said, lambda text: read_date(text, pattern), place)

    def read(self, text: str, read: Callable[[str], _Read], place: str) -> _Read | None:
        try:
            return read(text)
        except ValueError as error:
            self.refuse(place, str(error))
            return None
