"""Received invoices from files: delimited text by a declared mapping, or e-invoices.

`receive` owns its transaction and may be run twice: a document is known by its supplier and number. A file is taken
whole or not at all.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from django.db import transaction

from core.models import BillingPeriod, Contract, Counterparty, Currency
from core.money import show
from invoicing.billing import Change
from invoicing.errors import NotFoundError, Problem, ReceivingError
from invoicing.incoming.delimited import read_delimited
from invoicing.incoming.document import IncomingInvoice, IncomingLine
from invoicing.incoming.einvoice import read_einvoice
from invoicing.incoming.mapping import InvoiceMapping, read_mapping
from invoicing.models import DocumentType, InvoiceLineItemType, ReceivedInvoiceHeader, ReceivedInvoiceLineItem

_LARGEST_FILE = 32 * 2**20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ReceivedDocument:
    """A document of the file: created, or unchanged where it was there and says the same."""

    number: str
    document_type: DocumentType
    currency: str
    total: Decimal
    lines: int
    change: Change

    def __str__(self) -> str:
        what = f"{self.document_type.label} {self.number}: {show(self.total, self.currency)}"
        return f"{what} in {self.lines} line{'s' if self.lines != 1 else ''}, {self.change}."


@dataclass(frozen=True, slots=True)
class ReceivingRun:
    """The documents of one file, for one contract and billing period."""

    file_name: str
    contract: str
    period: str
    documents: tuple[ReceivedDocument, ...]
    warnings: tuple[str, ...]
    dry_run: bool

    def __str__(self) -> str:
        sentences = ["Dry run: nothing was written."] if self.dry_run else []
        sentences += [*map(str, self.documents), *(f"  warning: {warning}" for warning in self.warnings)]
        return "\n".join(sentences)


def find_contract(contract_id: int) -> Contract:
    """The contract of this id. Raises `NotFoundError`."""
    contract = Contract.objects.filter(pk=contract_id).first()
    if contract is None:
        raise NotFoundError(f"contract {contract_id} does not exist")
    return contract


def load_mapping(path: Path | None) -> InvoiceMapping:
    """The mapping that a JSON file declares, or an empty one without a file. Raises `ReceivingError`."""
    if path is None:
        return InvoiceMapping()
    try:
        declared = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(declared, dict):
            raise ValueError("it is not a JSON object")
        return read_mapping(declared)
    except OSError as error:
        raise ReceivingError(path.name, Problem(None, "", f"it cannot be read: {error.strerror}")) from error
    except ValueError as error:
        raise ReceivingError(path.name, Problem(None, "", str(error))) from error


def receive(
    path: Path, contract: Contract, billing_period: BillingPeriod, mapping: InvoiceMapping, *, dry_run: bool = False
) -> ReceivingRun:
    """Takes the invoices of a file as received under a contract for a period.

    A file that begins with `<` is read as e-invoice, any other as delimited text. Raises `ReceivingError` with every
    problem: what cannot be read, a type of line or a currency that is not known, a number under which the supplier's
    document says something else. Then nothing is written.
    """
    incoming = _read(path, mapping)
    with transaction.atomic():
        # Two files of one supplier wait for each other, so that a number is taken once.
        supplier = Counterparty.objects.select_for_update(no_key=True).get(pk=contract.counterparty_id)
        problems = list(_unknown(incoming))
        known = _known(supplier, incoming)
        documents = []
        for invoice in incoming:
            stored = known.get(invoice.number)
            if stored is not None:
                problems += _differences(invoice, stored, contract, billing_period)
            documents.append(_document(invoice, Change.CREATED if stored is None else Change.UNCHANGED))
        if problems:
            raise ReceivingError(path.name, *problems)
        if not dry_run:
            _write([invoice for invoice in incoming if invoice.number not in known], contract, billing_period)
    return ReceivingRun(
        file_name=path.name,
        contract=contract.name,
        period=billing_period.name,
        documents=tuple(documents),
        warnings=tuple(
            f"{invoice.number} names {invoice.supplier!r} and the contract is with {supplier.name!r}"
            for invoice in incoming
            if invoice.supplier is not None and invoice.supplier.casefold() != supplier.name.casefold()
        ),
        dry_run=dry_run,
    )


def _read(path: Path, mapping: InvoiceMapping) -> tuple[IncomingInvoice, ...]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ReceivingError(path.name, Problem(None, "", f"it is larger than {_LARGEST_FILE >> 20} MiB"))
        content = path.read_bytes()
    except OSError as error:
        raise ReceivingError(path.name, Problem(None, "", f"it cannot be read: {error.strerror}")) from error
    if content.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"<"):
        return (read_einvoice(content, mapping, path.name),)
    return read_delimited(content, mapping, path.name)


def _unknown(incoming: Sequence[IncomingInvoice]) -> list[Problem]:
    """What the database has no row for."""
    types = set(InvoiceLineItemType.objects.values_list("code", flat=True))
    currencies = set(Currency.objects.values_list("code", flat=True))
    problems = [
        Problem(invoice.place, invoice.number, f"currency {invoice.currency!r} is not known")
        for invoice in incoming
        if invoice.currency not in currencies
    ]
    problems += [
        Problem(
            line.place,
            invoice.number,
            f"line type {line.type_code!r} is not known: declare in the mapping what it stands for,"
            f" one of {', '.join(sorted(types))}",
        )
        for invoice in incoming
        for line in invoice.lines
        if line.type_code not in types
    ]
    return problems


def _known(supplier: Counterparty, incoming: Sequence[IncomingInvoice]) -> dict[str, ReceivedInvoiceHeader]:
    stored = (
        ReceivedInvoiceHeader.objects.filter(
            counterparty=supplier, invoice_number__in=[invoice.number for invoice in incoming]
        )
        .select_related("currency", "contract", "billing_period")
        .prefetch_related("lines__invoice_line_item_type")
    )
    return {header.invoice_number or "": header for header in stored}


def _differences(
    invoice: IncomingInvoice, stored: ReceivedInvoiceHeader, contract: Contract, billing_period: BillingPeriod
) -> list[Problem]:
    """What speaks against the document being the one that is there."""
    said: dict[str, tuple[object, object]] = {
        "contract": (contract, stored.contract),
        "billing period": (billing_period, stored.billing_period),
        "document type": (_document_type(invoice), stored.document_type),
        "corrected number": (invoice.corrects_number, stored.corrects_number),
        "date": (invoice.invoice_date, stored.invoice_date),
        "due date": (invoice.due_date, stored.due_date),
        "currency": (invoice.currency, stored.currency.code),
        "exchange rate": (invoice.exchange_rate, stored.exchange_rate),
        "total": (invoice.total_amount, stored.total_amount),
    }
    causes = [f"its {what} is {now} here and {then} there" for what, (now, then) in said.items() if now != then]
    items = sorted(stored.lines.all(), key=lambda item: item.pk)
    if [_line_of(item) for item in items] != [_without_place(line) for line in invoice.lines]:
        causes.append("its lines differ")
    place = f"{invoice.number} was received before"
    return [Problem(invoice.place, place, cause) for cause in causes]


def _write(invoices: Sequence[IncomingInvoice], contract: Contract, billing_period: BillingPeriod) -> None:
    types = dict(InvoiceLineItemType.objects.values_list("code", "id"))
    currencies = dict(Currency.objects.values_list("code", "id"))
    headers = ReceivedInvoiceHeader.objects.bulk_create(
        ReceivedInvoiceHeader(
            project_id=contract.project_id,
            contract=contract,
            billing_period=billing_period,
            counterparty_id=contract.counterparty_id,
            currency_id=currencies[invoice.currency],
            invoice_number=invoice.number,
            invoice_date=invoice.invoice_date,
            due_date=invoice.due_date,
            total_amount=invoice.total_amount,
            document_type=_document_type(invoice),
            corrects_number=invoice.corrects_number,
            exchange_rate=invoice.exchange_rate,
        )
        for invoice in invoices
    )
    ReceivedInvoiceLineItem.objects.bulk_create(
        ReceivedInvoiceLineItem(
            received_invoice_header=header,
            invoice_line_item_type_id=types[line.type_code],
            description=line.description,
            quantity=line.quantity,
            unit=line.unit,
            line_unit_price=line.unit_price,
            price_bucket=line.price_bucket,
            tax_category=line.tax_category,
            tax_rate=line.tax_rate,
            tax_amount=line.tax_amount,
            first_day=line.first_day,
            last_day=line.last_day,
            line_total_amount=line.net_amount,
        )
        for header, invoice in zip(headers, invoices, strict=True)
        for line in invoice.lines
    )


def _document(invoice: IncomingInvoice, change: Change) -> ReceivedDocument:
    return ReceivedDocument(
        number=invoice.number,
        document_type=_document_type(invoice),
        currency=invoice.currency,
        total=invoice.total_amount,
        lines=len(invoice.lines),
        change=change,
    )


def _document_type(invoice: IncomingInvoice) -> DocumentType:
    return DocumentType.CREDIT_NOTE if invoice.is_credit_note else DocumentType.INVOICE


def _line_of(item: ReceivedInvoiceLineItem) -> IncomingLine:
    return IncomingLine(
        place=None,
        type_code=item.invoice_line_item_type.code,
        net_amount=item.line_total_amount,
        description=item.description,
        quantity=item.quantity,
        unit=item.unit,
        unit_price=item.line_unit_price,
        price_bucket=item.price_bucket,
        tax_category=item.tax_category,
        tax_rate=item.tax_rate,
        tax_amount=item.tax_amount,
        first_day=item.first_day,
        last_day=item.last_day,
    )


def _without_place(line: IncomingLine) -> IncomingLine:
    return replace(line, place=None)
