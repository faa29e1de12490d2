"""Notices about invoices: one is ready to be verified, due soon, or overdue.

Each is written once, and taken back where what it asks for was done before it was mailed.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, TypeAlias

from django.db import transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from core.models import Notification, NotificationType
from core.money import show
from invoicing.errors import NotFoundError
from invoicing.models import InvoiceHeader, InvoiceNotice, InvoiceStatus, NoticeKind, ReceivedInvoiceHeader

Invoice: TypeAlias = InvoiceHeader | ReceivedInvoiceHeader

# What a notice about an invoice is called.
TYPES: Final = {
    NoticeKind.READY: "INVOICE_READY",
    NoticeKind.DUE: "PAYMENT_REMINDER",
    NoticeKind.OVERDUE: "PAYMENT_REMINDER",
}
OUTSTANDING: Final = (InvoiceStatus.SENT, InvoiceStatus.DISPUTED)
ISSUED: Final = (*OUTSTANDING, InvoiceStatus.PAID)


def announce_drafts(invoices: Iterable[InvoiceHeader]) -> int:
    """Writes for each draft, unless it has one, the notice that it waits to be verified; returns how many."""
    said: dict[Invoice, str] = {
        invoice: f"The invoice of {invoice.contract} for {invoice.billing_period} is drafted,"
        f" {show(invoice.total_amount, invoice.currency.code)} before taxes: verify and issue it."
        for invoice in invoices
    }
    return _write(NoticeKind.READY, said)


def remind_of_payments(today: date, days_ahead: int) -> int:
    """Writes the notices of outstanding invoices that are due within so many days or overdue; returns how many.

    Both directions: what counterparties owe, and what came from them and is not paid.
    """
    relations = ("contract__organization", "currency", "contract__counterparty")
    last = today + timedelta(days=days_ahead)
    taken_back = Coalesce(Sum("credit_notes__total_amount", filter=Q(credit_notes__status__in=ISSUED)), Decimal(0))
    ours = (
        InvoiceHeader.objects.filter(status__in=OUTSTANDING, due_date__lte=last)
        .alias(left=F("total_amount") - taken_back)
        .filter(left__gt=0)
    )
    theirs = ReceivedInvoiceHeader.objects.filter(~Q(status=InvoiceStatus.PAID), due_date__lte=last)
    written = 0
    for invoices, subject in ((ours, "Our invoice"), (theirs, "The invoice of {party}")):
        found = invoices.select_related(*relations).order_by("pk")
        for kind, of_kind in (
            (NoticeKind.DUE, found.filter(due_date__gte=today)),
            (NoticeKind.OVERDUE, found.filter(due_date__lt=today)),
        ):
            said: dict[Invoice, str] = {
                invoice: f"{subject.format(party=invoice.contract.counterparty)} {invoice.invoice_number or invoice.pk}"
                f" under {invoice.contract}, {show(invoice.total_amount, invoice.currency.code)},"
                f" {'was' if kind is NoticeKind.OVERDUE else 'is'} due on {invoice.due_date}."
                for invoice in of_kind
            }
            written += _write(kind, said)
    return written


def withdraw(invoice: InvoiceHeader) -> int:
    """Takes back the notices of an invoice that were not mailed yet; returns how many."""
    with transaction.atomic():
        # Whoever mails one of them meanwhile is waited for, and has then left a row that keeps it.
        notices = Notification.objects.filter(invoice_notice__invoice_header=invoice)
        numbers = list(notices.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
        unsent = list(Notification.objects.filter(pk__in=numbers, mail=None).values_list("pk", flat=True))
        InvoiceNotice.objects.filter(pk__in=unsent).delete()
        Notification.objects.filter(pk__in=unsent).delete()
    return len(unsent)


def _write(kind: NoticeKind, said: Mapping[Invoice, str]) -> int:
    """One notice for each invoice that has none of the kind; of two processes at once one writes it."""
    if not said:
        return 0
    model = type(next(iter(said)))
    column = "invoice_header" if model is InvoiceHeader else "received_invoice_header"
    with transaction.atomic():
        # Others wait here until what is written is committed, and see it then.
        numbers = [invoice.pk for invoice in said]
        list(model._default_manager.select_for_update(no_key=True).filter(pk__in=numbers).order_by("pk").values("pk"))
        known = set(
            InvoiceNotice.objects.filter(**{f"{column}__in": numbers}, kind=kind).values_list(column, flat=True)
        )
        new = [invoice for invoice in said if invoice.pk not in known]
        type_of_notice = _type(TYPES[kind]) if new else None
        notices = Notification.objects.bulk_create(
            Notification(
                organization_id=invoice.contract.organization_id,
                project_id=invoice.project_id,
                notification_type=type_of_notice,
                description=said[invoice],
                time_due=invoice.due_date and datetime.combine(invoice.due_date, time(), UTC),
            )
            for invoice in new
        )
        InvoiceNotice.objects.bulk_create(
            InvoiceNotice(notification=notice, kind=kind, **{column: invoice})
            for notice, invoice in zip(notices, new, strict=True)
        )
    return len(new)


def _type(code: str) -> NotificationType:
    found = NotificationType.objects.filter(code=code).first()
    if found is None:
        raise NotFoundError(f"notification type {code} is not loaded: run load_reference_data")
    return found
