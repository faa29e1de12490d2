"""Bills become documents: the expected invoice, and the draft of the organization's own where it is paid.

Only what differs from what is stored is written, for many bills at once. What has left the house, an invoice that is
no longer a draft, is never touched.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

from django.db import connection

from core.models import InvoiceDirection
from core.money import show
from invoicing.billing import Bill, Change
from invoicing.errors import NotFoundError
from invoicing.models import (
    DocumentType,
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    InvoiceComparison,
    InvoiceComparisonLineItem,
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceLineItemType,
    InvoiceStatus,
)

_Header = TypeVar("_Header", ExpectedInvoiceHeader, InvoiceHeader)
_LineItem = TypeVar("_LineItem", ExpectedInvoiceLineItem, InvoiceLineItem)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of the documents of one bill; `invoice` is None where the organization pays.

    `correction` says that something else was invoiced than is due now.
    """

    expected: Change
    invoice: Change | None = None
    correction: str = ""


@dataclass(frozen=True, slots=True)
class _Document(Generic[_Header, _LineItem]):
    """A header and its lines. `columns` of a line come from the named attributes of the bill's line."""

    header: type[_Header]
    line: type[_LineItem]
    columns: Mapping[str, str]

    @property
    def parent(self) -> str:
        return f"{self.header._meta.db_table}_id"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of a line, as `_rows` has them."""
        return "invoice_line_item_type_id", *self.columns


_EXPECTED = _Document(
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    {
        "description": "description",
        "quantity": "quantity",
        "unit": "unit",
        "line_unit_price": "unit_price",
        "price_bucket": "price_bucket",
        "line_total_amount": "amount",
        "tax_amount": "tax_amount",
        "is_provisional": "is_provisional",
    },
)
_DRAFT = _Document(
    InvoiceHeader,
    InvoiceLineItem,
    {
        "description": "description",
        "quantity": "quantity",
        "line_unit_price": "unit_price",
        "line_total_amount": "amount",
        "clause_tariff_id": "clause_tariff_id",
        "meter_aggregate_id": "meter_aggregate_id",
        "rule_output_id": "rule_output_id",
        "is_provisional": "is_provisional",
    },
)


def store(bills: Sequence[Bill], *, dry_run: bool) -> list[Stored]:
    """Stores the documents of the bills, of one billing period and each of another contract; what became of each.

    Runs in the transaction that locked the contracts. A comparison with an expected invoice that is replaced is taken
    back. Raises `NotFoundError` where the vocabulary of lines is not loaded.
    """
    if not bills:
        return []
    types = _type_ids(bills)
    contracts = [bill.contract.pk for bill in bills]
    expected_headers = ExpectedInvoiceHeader.objects.filter(
        contract__in=contracts, billing_period=bills[0].billing_period
    )
    expected = _store(
        _EXPECTED, bills, {header.contract_id: header for header in expected_headers}, types, dry_run=dry_run
    )

    receivable = [bill for bill in bills if bill.contract.invoice_direction == InvoiceDirection.RECEIVABLE]
    issued: dict[int, list[InvoiceHeader]] = defaultdict(list)
    drafts: dict[int, InvoiceHeader] = {}
    for invoice in _invoices(receivable):
        if invoice.status != InvoiceStatus.DRAFT:
            issued[invoice.contract_id].append(invoice)
        elif invoice.document_type == DocumentType.INVOICE:
            drafts[invoice.contract_id] = invoice
    open_bills = [bill for bill in receivable if bill.contract.pk not in issued]
    own = _store(_DRAFT, open_bills, drafts, types, dry_run=dry_run)
    invoiced = _invoiced_nets(invoice for of_contract in issued.values() for invoice in of_contract)

    def stored(bill: Bill) -> Stored:
        contract = bill.contract.pk
        if contract not in issued:
            return Stored(expected[contract], own.get(contract))
        before = sum((invoiced[invoice.pk] for invoice in issued[contract]), Decimal(0))
        correction = ""
        if before != bill.total:
            said, due = show(before, bill.currency.code), show(bill.total, bill.currency.code)
            correction = f"{said} is invoiced and {due} is due: a correction is needed"
        return Stored(expected[contract], Change.ISSUED, correction)

    return [stored(bill) for bill in bills]


def invoiced_net(documents: Iterable[InvoiceHeader]) -> Decimal:
    """The lines of invoices less those of credit notes: what was invoiced, before levies and VAT."""
    return sum(_invoiced_nets(documents).values(), Decimal(0))


def _invoiced_nets(documents: Iterable[InvoiceHeader]) -> dict[int, Decimal]:
    """The sum of the lines of each document by its id, that of a credit note below zero."""
    sign = {document.pk: -1 if document.document_type == DocumentType.CREDIT_NOTE else 1 for document in documents}
    nets = dict.fromkeys(sign, Decimal(0))
    if sign:
        lines = InvoiceLineItem.objects.filter(invoice_header__in=sign)
        for header_id, amount in lines.values_list("invoice_header_id", "line_total_amount"):
            nets[header_id] += sign[header_id] * amount
    return nets


def _type_ids(bills: Iterable[Bill]) -> dict[str, int]:
    """Ids of the kinds of line, by code."""
    codes = {line.type_code for bill in bills for line in bill.lines}
    found = dict(InvoiceLineItemType.objects.filter(code__in=codes).values_list("code", "id"))
    if absent := sorted(codes - found.keys()):
        raise NotFoundError(f"invoice line types {', '.join(absent)} are not loaded: run load_reference_data")
    return found


def _invoices(bills: Sequence[Bill]) -> Iterator[InvoiceHeader]:
    """The invoices of the bills' contracts and period, locked: a draft that is being verified is verified first."""
    if bills:
        yield from (
            InvoiceHeader.objects.select_for_update(no_key=True)
            .filter(contract__in=[bill.contract.pk for bill in bills], billing_period=bills[0].billing_period)
            .order_by("pk")
        )


def _store(
    document: _Document[_Header, _LineItem],
    bills: Sequence[Bill],
    headers: Mapping[int, _Header],
    types: Mapping[str, int],
    *,
    dry_run: bool,
) -> dict[int, Change]:
    """Stores one document of each bill and says by contract what became of it; `headers` are those stored."""
    if not bills:
        return {}
    stored = _stored_lines(document, headers.values())
    lines = {bill.contract.pk: _rows(bill, document.columns.values(), types) for bill in bills}
    changes = {}
    for bill in bills:
        header = headers.get(bill.contract.pk)
        if header is None:
            change = Change.CREATED
        else:
            same_head = all(getattr(header, name) == value for name, value in _head(bill).items())
            is_same = same_head and stored[header.pk] == lines[bill.contract.pk]
            change = Change.UNCHANGED if is_same else Change.REPLACED
        changes[bill.contract.pk] = change
    if dry_run:
        return changes

    unchanged = [headers[contract].pk for contract, change in changes.items() if change is Change.UNCHANGED]
    _confirm(document, unchanged)
    if len(unchanged) == len(bills):
        return changes
    # The start of the transaction, before any energy was read.
    now = _transaction_start()
    _remove_lines(document, [headers[contract].pk for contract, change in changes.items() if change is Change.REPLACED])
    written = _write_headers(document, bills, headers, changes, now)
    document.line._default_manager.bulk_create(
        document.line(**dict(zip(document.names, row, strict=True)), **{document.parent: header.pk}, created_at=now)
        for header in written
        for row in lines[header.contract_id]
    )
    return changes


def _head(bill: Bill) -> dict[str, object]:
    """What the headers of both documents say, beside the contract and the period that they are for."""
    return {
        "project_id": bill.contract.project_id,
        "counterparty_id": bill.contract.counterparty_id,
        "currency_id": bill.currency.pk,
        "total_amount": bill.total,
    }


def _rows(bill: Bill, attributes: Collection[str], types: Mapping[str, int]) -> list[tuple[object, ...]]:
    return [(types[line.type_code], *(getattr(line, attribute) for attribute in attributes)) for line in bill.lines]


def _stored_lines(
    document: _Document[_Header, _LineItem], headers: Iterable[_Header]
) -> defaultdict[int, list[tuple[object, ...]]]:
    """The lines of each header as `_rows` has them."""
    found: defaultdict[int, list[tuple[object, ...]]] = defaultdict(list)
    ids = [header.pk for header in headers]
    if ids:
        lines = document.line._default_manager.filter(**{f"{document.parent}__in": ids}).order_by("id")
        for header_id, *row in lines.values_list(document.parent, *document.names):
            found[header_id].append(tuple(row))
    return found


def _write_headers(
    document: _Document[_Header, _LineItem],
    bills: Sequence[Bill],
    headers: Mapping[int, _Header],
    changes: Mapping[int, Change],
    now: datetime,
) -> list[_Header]:
    """Writes the headers that are new or changed, and returns them."""
    created, replaced = [], []
    for bill in bills:
        contract = bill.contract.pk
        if changes[contract] is Change.CREATED:
            created.append(
                document.header(
                    contract_id=contract,
                    billing_period_id=bill.billing_period.pk,
                    created_at=now,
                    computed_at=now,
                    **_head(bill),
                )
            )
        elif changes[contract] is Change.REPLACED:
            header = headers[contract]
            for name, value in {**_head(bill), "computed_at": now}.items():
                setattr(header, name, value)
            replaced.append(header)
    manager = document.header._default_manager
    manager.bulk_create(created)
    manager.bulk_update(replaced, ["project_id", "counterparty_id", "currency_id", "total_amount", "computed_at"])
    return created + replaced


def _remove_lines(document: _Document[_Header, _LineItem], headers: Sequence[int]) -> None:
    if not headers:
        return
    if document is _EXPECTED:
        # A comparison points at the lines that go. It is derived, and the next run makes it again.
        comparisons = InvoiceComparison.objects.filter(expected_invoice_header__in=headers)
        InvoiceComparisonLineItem.objects.filter(invoice_comparison__in=comparisons).delete()
        comparisons.delete()
    document.line._default_manager.filter(**{f"{document.parent}__in": headers}).delete()


def _confirm(document: _Document[_Header, _LineItem], headers: Sequence[int]) -> None:
    """Notes that documents came out as they were, where readings of their period had changed since."""
    if not headers:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT header_id FROM stale_invoice_draft WHERE document = %s AND header_id = ANY (%s)",
            [document.header._meta.db_table, list(headers)],
        )
        stale = [header_id for (header_id,) in cursor.fetchall()]
    if stale:
        document.header._default_manager.filter(pk__in=stale).update(computed_at=_transaction_start())


def _transaction_start() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT transaction_timestamp()")
        (now,) = cursor.fetchone()
    assert isinstance(now, datetime)
    return now
