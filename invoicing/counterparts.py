"""What is to be compared: the expected and the received documents of contracts, gathered in a few queries for many."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import F, Q, QuerySet

from core.models import BillingPeriod, Clause, Contract
from core.money import minor_units, round_money
from invoicing.errors import TariffError
from invoicing.models import (
    ComparisonTolerance,
    DocumentType,
    ExchangeRate,
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    ReceivedInvoiceHeader,
    ReceivedInvoiceLineItem,
)
from invoicing.tariffs import exchange
from invoicing.variance import InvoiceLine, Kind, Tolerance

_RATE_DECIMALS = 10  # of invoice_comparison.exchange_rate
_RATE_AGE = timedelta(days=7)
_NOTHING = Decimal(0)
_ITEM = (
    *("id", "invoice_line_item_type__code", "description", "quantity", "unit", "line_unit_price", "price_bucket"),
    *("line_total_amount", "tax_amount"),
)


class Item(NamedTuple):
    """A stored line, in the currency of its document; `net_amount` is before tax."""

    id: int
    type_code: str
    description: str | None
    quantity: Decimal | None
    unit: str | None
    unit_price: Decimal | None
    price_bucket: str | None
    net_amount: Decimal
    tax_amount: Decimal | None

    @property
    def gross_amount(self) -> Decimal:
        return self.net_amount + (self.tax_amount or _NOTHING)


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of the received invoice's currency one unit of the expected one's is, and who says so."""

    rate: Decimal
    source: str


@dataclass(frozen=True)
class Counterparts:
    """Both documents of a contract in a billing period with their lines in order of id.

    `received` is the latest of `invoices` that came, `credited_by` are the credit notes that correct it and
    `other_notes` the rest. `rate` is None within one currency, and where there is none.
    """

    contract: Contract
    expected: ExpectedInvoiceHeader
    received: ReceivedInvoiceHeader
    invoices: int
    credited_by: Sequence[ReceivedInvoiceHeader]
    other_notes: Sequence[ReceivedInvoiceHeader]
    expected_items: Sequence[Item]
    received_items: Sequence[Item]
    credited_items: Sequence[Item]
    rate: Rate | None
    tolerances: Mapping[Kind, Tolerance]

    @cached_property
    def digits(self) -> int:
        """Decimals of the currency of the expected invoice, in which both are compared."""
        return minor_units(self.expected.currency.code)

    @cached_property
    def is_foreign(self) -> bool:
        """Whether the two are in different currencies."""
        return self.expected.currency_id != self.received.currency_id

    @cached_property
    def is_taxed(self) -> bool:
        """Whether tax is compared: only where both invoices state it."""
        return all(
            any(item.tax_amount is not None for item in items) for items in (self.expected_items, self.received_items)
        )

    @cached_property
    def tax_due(self) -> Decimal:
        """Of the expected lines."""
        return sum((item.tax_amount or _NOTHING for item in self.expected_items), _NOTHING)

    @cached_property
    def tax_billed(self) -> Decimal:
        """Less what is credited, in the currency of the received invoice."""
        billed = sum((item.tax_amount or _NOTHING for item in self.received_items), _NOTHING)
        return billed - sum((item.tax_amount or _NOTHING for item in self.credited_items), _NOTHING)

    @property
    def due(self) -> Decimal:
        """The expected total; with tax if compared."""
        total = self.expected.total_amount
        return round_money(total if self.is_taxed else total - self.tax_due, self.digits)

    @property
    def billed(self) -> Decimal:
        """The received total less what is credited, in the currency of the expected invoice; with tax if compared."""
        total = self.received.total_amount - sum((note.total_amount for note in self.credited_by), _NOTHING)
        return self._converted(total if self.is_taxed else total - self.tax_billed)

    @property
    def expected_lines(self) -> Iterable[InvoiceLine]:
        return (
            InvoiceLine(
                id=item.id,
                type_code=item.type_code,
                net_amount=item.net_amount,
                description=item.description or "",
                quantity=item.quantity,
                unit=item.unit,
                unit_price=None if item.unit_price is None else Fraction(item.unit_price),
                price_bucket=item.price_bucket,
                tax_amount=item.tax_amount if self.is_taxed else None,
            )
            for item in self.expected_items
        )

    @property
    def received_lines(self) -> Iterable[InvoiceLine]:
        """In the currency of the expected invoice; a credit note takes back its quantity at its price.

        A price is converted at the rate that the invoice says, and what lies between that and the rate that holds is
        the line's exchange rate.
        """
        holds = Fraction(1) if self.rate is None else Fraction(self.rate.rate)
        said = holds if self.rate is None else Fraction(self.received.exchange_rate or self.rate.rate)
        for sign, items in ((1, self.received_items), (-1, self.credited_items)):
            for item in items:
                tax = item.tax_amount if self.is_taxed else None
                yield InvoiceLine(
                    id=item.id,
                    type_code=item.type_code,
                    net_amount=sign * (item.net_amount if self.rate is None else self._converted(item.net_amount)),
                    description=item.description or "",
                    quantity=None if item.quantity is None else sign * item.quantity,
                    unit=item.unit,
                    unit_price=None if item.unit_price is None else Fraction(item.unit_price) / said,
                    exchange_rate=Fraction(1) if self.rate is None else said / holds,
                    price_bucket=item.price_bucket,
                    tax_amount=None if tax is None else sign * self._converted(tax),
                )

    def _converted(self, amount: Decimal) -> Decimal:
        rate = Fraction(1) if self.rate is None else Fraction(self.rate.rate)
        return round_money(Fraction(amount) / rate, self.digits)


@dataclass(frozen=True, slots=True)
class Unpaired:
    """A contract that lacks one of the documents, or both."""

    contract: Contract
    expected: ExpectedInvoiceHeader | None
    received: ReceivedInvoiceHeader | None


def gather(contracts: Sequence[Contract], billing_period: BillingPeriod) -> list[Counterparts | Unpaired]:
    """What each contract has in the period, in their order; the number of queries does not grow with theirs."""
    of_period = Q(billing_period=billing_period, contract__in=[contract.pk for contract in contracts])
    expected = {
        header.contract_id: header
        for header in ExpectedInvoiceHeader.objects.filter(of_period).select_related("currency")
    }
    invoices: dict[int, list[ReceivedInvoiceHeader]] = defaultdict(list)
    notes: dict[int, list[ReceivedInvoiceHeader]] = defaultdict(list)
    for document in (
        ReceivedInvoiceHeader.objects.filter(of_period)
        .select_related("currency")
        .order_by(F("invoice_date").desc(nulls_last=True), "-id")
    ):
        alike = notes if document.document_type == DocumentType.CREDIT_NOTE else invoices
        alike[document.contract_id].append(document)

    paired = [contract for contract in contracts if contract.pk in expected and contract.pk in invoices]
    latest = {contract.pk: invoices[contract.pk][0] for contract in paired}
    credited = {key: [note for note in notes[key] if _corrects(note, latest[key])] for key in latest}
    ours = _items(
        ExpectedInvoiceLineItem.objects.filter(expected_invoice_header__in=[expected[key].pk for key in latest]),
        "expected_invoice_header",
    )
    theirs = _items(
        ReceivedInvoiceLineItem.objects.filter(
            received_invoice_header__in=[document.pk for key in latest for document in (latest[key], *credited[key])]
        ),
        "received_invoice_header",
    )
    rates = _rates([(contract, expected[contract.pk], latest[contract.pk]) for contract in paired], billing_period)
    tolerances = _tolerances(paired)
    return [
        Counterparts(
            contract=contract,
            expected=expected[contract.pk],
            received=latest[contract.pk],
            invoices=len(invoices[contract.pk]),
            credited_by=credited[contract.pk],
            other_notes=[note for note in notes[contract.pk] if note not in credited[contract.pk]],
            expected_items=ours[expected[contract.pk].pk],
            received_items=theirs[latest[contract.pk].pk],
            credited_items=[item for note in credited[contract.pk] for item in theirs[note.pk]],
            rate=rates.get(contract.pk),
            tolerances=_applicable(tolerances, contract, expected[contract.pk].currency_id),
        )
        if contract.pk in latest
        else Unpaired(contract, expected.get(contract.pk), next(iter(invoices[contract.pk]), None))
        for contract in contracts
    ]


def _corrects(note: ReceivedInvoiceHeader, invoice: ReceivedInvoiceHeader) -> bool:
    number = note.corrects_number
    return number is not None and (number, note.currency_id) == (invoice.invoice_number, invoice.currency_id)


def _items(lines: QuerySet[Any], header: str) -> dict[int, list[Item]]:
    found: dict[int, list[Item]] = defaultdict(list)
    for header_id, *cells in lines.order_by("id").values_list(header, *_ITEM):
        found[header_id].append(Item(*cells))
    return found


def _rates(
    pairs: Iterable[tuple[Contract, ExpectedInvoiceHeader, ReceivedInvoiceHeader]], billing_period: BillingPeriod
) -> dict[int, Rate]:
    """By contract: what its newest pricing clause agrees, or else the rate published for the day of the invoice."""
    wanted = {
        contract.pk: (ours.currency.code, theirs.currency.code, theirs.invoice_date or billing_period.end_date)
        for contract, ours, theirs in pairs
        if ours.currency_id != theirs.currency_id
    }
    if not wanted:
        return {}
    agreed: dict[tuple[int, str, str], Decimal] = {}
    for contract_id, terms in (
        Clause.objects.filter(
            contract__in=wanted,
            clause_category__code="PRICING",
            normalized_payload__fx_indemnity__has_key="agreed_rate",
        )
        .order_by("id")
        .values_list("contract", "normalized_payload__fx_indemnity")
    ):
        rate = round_money(Decimal(str(terms["agreed_rate"])), _RATE_DECIMALS)
        agreed[contract_id, terms["tariff_currency"], terms["payment_currency"]] = rate
    published = _published(wanted.values())
    found = {}
    for contract_id, (base, quote, day) in wanted.items():
        if (contract_id, base, quote) in agreed:
            rate = agreed[contract_id, base, quote]
            found[contract_id] = Rate(rate, f"the agreed {rate.normalize():f}")
            continue
        try:
            converted = exchange.convert(Decimal(1), base, quote, day, published, _RATE_AGE.days)
        except TariffError:
            continue
        rate = round_money(converted.factor, _RATE_DECIMALS)
        found[contract_id] = Rate(rate, f"the rate of {converted.rate_of}, {rate.normalize():f}")
    return found


def _published(wanted: Iterable[tuple[str, str, date]]) -> list[exchange.ExchangeRate]:
    codes = {code for base, quote, _ in wanted for code in (base, quote)}
    days = [day for *_, day in wanted]
    rows = ExchangeRate.objects.filter(
        base_currency__code__in=codes,
        quote_currency__code__in=codes,
        rate_date__range=(min(days) - _RATE_AGE, max(days)),
    )
    return [
        exchange.ExchangeRate(*row)
        for row in rows.values_list("base_currency__code", "quote_currency__code", "rate_date", "rate")
    ]


_Scope = tuple[int, int | None, int | None]  # organization, contract, currency


def _tolerances(contracts: Sequence[Contract]) -> dict[_Scope, dict[Kind, Tolerance]]:
    found: dict[_Scope, dict[Kind, Tolerance]] = defaultdict(dict)
    rows = ComparisonTolerance.objects.filter(
        Q(contract=None) | Q(contract__in=[contract.pk for contract in contracts]),
        organization__in={contract.organization_id for contract in contracts},
    )
    for organization, contract, currency, kind, absolute, percent in rows.values_list(
        "organization", "contract", "currency", "kind", "absolute_amount", "relative_percent"
    ):
        found[organization, contract, currency][Kind(kind)] = Tolerance(absolute, percent)
    return found


def _applicable(
    tolerances: Mapping[_Scope, Mapping[Kind, Tolerance]], contract: Contract, currency_id: int
) -> dict[Kind, Tolerance]:
    """What may differ: the contract's own goes before the organization's, one in the currency before one in none."""
    applicable: dict[Kind, Tolerance] = {}
    for scope in (None, contract.pk):
        for currency in (None, currency_id):
            applicable.update(tolerances.get((contract.organization_id, scope, currency), {}))
    return applicable
