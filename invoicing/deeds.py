"""What every deed on an invoice shares: the lock and who acts, the status it expects, the number, the answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from django.db import DatabaseError, connection, transaction
from django.db.models import Sum

from core.models import Contract
from core.money import show
from invoicing.errors import IssuingError, NotFoundError
from invoicing.models import DocumentType, InvoiceHeader, InvoiceSeries, InvoiceStatus, TaxKind

# The first pattern of an organization; a later year takes over the pattern of the year before.
_FIRST_PATTERNS = {DocumentType.INVOICE: "INV-{year}-{number}", DocumentType.CREDIT_NOTE: "CN-{year}-{number}"}


class Step(StrEnum):
    """What a deed did; `UNCHANGED` where it had been done before."""

    VERIFIED = "verified"
    REOPENED = "a draft again"
    ISSUED = "issued"
    DISPUTED = "disputed"
    SETTLED = "settled"
    PAID = "paid"
    CREDITED = "credited"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Deed:
    """One document after a step. `total` is gross of withholding, `payable` what is left after it."""

    invoice_id: int
    document: str
    step: Step
    number: str | None
    invoiced_on: date | None
    due_on: date | None
    currency: str
    total: Decimal
    withheld: Decimal
    dry_run: bool = False

    @property
    def payable(self) -> Decimal:
        return self.total - self.withheld

    def __str__(self) -> str:
        parts = [f"{self.document} {self.number or self.invoice_id}: {self.step}, {show(self.total, self.currency)}"]
        if self.withheld:
            parts.append(f"{show(self.payable, self.currency)} after withholding")
        if self.due_on:
            parts.append(f"due on {self.due_on}")
        return f"{', '.join(parts)}.{' Dry run: nothing was written.' if self.dry_run else ''}"


@contextmanager
def acting(
    invoice_id: int, by: str, *, reason: str = "", effective_on: date | None = None, dry_run: bool = False
) -> Iterator[InvoiceHeader]:
    """The invoice, locked in a transaction that knows who acts; what the database refuses is an `IssuingError`."""
    if not by.strip():
        raise IssuingError(f"invoice {invoice_id}", "who acts must be said")
    try:
        with transaction.atomic():
            locked = InvoiceHeader.objects.select_for_update(of=("self",), no_key=True)
            invoice = locked.select_related("contract", "currency").filter(pk=invoice_id).first()
            if invoice is None:
                raise NotFoundError(f"there is no invoice {invoice_id}")
            with connection.cursor() as cursor:
                for name, value in (
                    ("actor", by),
                    ("reason", reason),
                    ("effective_on", str(effective_on or "")),
                ):
                    cursor.execute("SELECT set_config(%s, %s, true)", [f"frontier.{name}", value])
            yield invoice
            if dry_run:
                transaction.set_rollback(True)
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) not in {"23001", "23514"}:
            raise
        raise IssuingError(f"invoice {invoice_id}", str(error).partition("\n")[0]) from error


def expect(invoice: InvoiceHeader, *statuses: InvoiceStatus) -> None:
    """Raises `IssuingError` where the invoice is in another status."""
    if invoice.status not in statuses:
        raise IssuingError(str(invoice), f"it is {invoice.status}, and must be {' or '.join(statuses)}")


def deed_of(invoice: InvoiceHeader, step: Step, *, dry_run: bool = False) -> Deed:
    """What the invoice is after the step."""
    return Deed(
        invoice_id=invoice.pk,
        document=DocumentType(invoice.document_type).label,
        step=step,
        number=invoice.invoice_number,
        invoiced_on=invoice.invoice_date,
        due_on=invoice.due_date,
        currency=invoice.currency.code,
        total=invoice.total_amount,
        withheld=withheld_of(invoice),
        dry_run=dry_run,
    )


def withheld_of(invoice: InvoiceHeader) -> Decimal:
    """What the buyer keeps back."""
    found = invoice.taxes.filter(kind=TaxKind.WITHHOLDING).aggregate(total=Sum("tax_total_amount"))
    return found["total"] or Decimal(0)


def take_number(invoice: InvoiceHeader, on: date, due: date | None) -> None:
    """Takes the next number and writes it on the document. Issues of one series wait here for each other."""
    series = _series(invoice.contract, DocumentType(invoice.document_type), on.year)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE invoice_series SET last_number = last_number + 1 WHERE id = %s"
            " RETURNING last_number, show_invoice_number(pattern, digits, year, last_number)",
            [series.pk],
        )
        invoice.series_number, invoice.invoice_number = cursor.fetchone()
    invoice.invoice_series = series
    invoice.invoice_date, invoice.due_date = on, due
    invoice.status = InvoiceStatus.SENT
    invoice.save(
        update_fields=["invoice_series", "series_number", "invoice_number", "invoice_date", "due_date", "status"]
    )


def _series(contract: Contract, document_type: DocumentType, year: int) -> InvoiceSeries:
    known = InvoiceSeries.objects.filter(organization_id=contract.organization_id, document_type=document_type)
    last = known.filter(year__lte=year).order_by("-year").first()
    if last is None or last.year < year:
        series = InvoiceSeries(organization_id=contract.organization_id, document_type=document_type, year=year)
        series.pattern = last.pattern if last else _FIRST_PATTERNS[document_type]
        series.digits = last.digits if last else series.digits
        # Of two that begin the year at once one finds it begun.
        InvoiceSeries.objects.bulk_create([series], ignore_conflicts=True)
        return known.get(year=year)
    return last
