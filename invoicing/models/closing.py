"""Months that are closed, and the notices about invoices."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models import BillingPeriod, Contract, Notification
from invoicing.models.invoices import InvoiceHeader, ReceivedInvoiceHeader


class CloseStatus(models.TextChoices):
    """Whether anything keeps a month open."""

    CLOSED = "closed", "closed"
    PARKED = "parked", "parked"


class MonthClose(models.Model):
    """A contract in a billing period: closed, or parked for the reasons named."""

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="month_closes", db_index=False)
    billing_period = models.ForeignKey(BillingPeriod, models.PROTECT, related_name="month_closes")
    status = models.CharField(max_length=20, choices=CloseStatus)
    problems = ArrayField(models.CharField(), blank=True, help_text="What keeps the month open, and what cures it.")
    notes = ArrayField(models.CharField(), blank=True, help_text="What is worth knowing and keeps nothing open.")
    accepted_gaps = ArrayField(
        models.CharField(),
        blank=True,
        default=list,
        db_default=[],
        help_text="Energy that is not known and keeps nothing open, because a person said so.",
    )
    accepted_by = models.CharField(null=True, blank=True)
    content_hash = models.CharField(max_length=64, help_text="Of the verdicts, the bill and the comparison.")
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "month_close"
        db_table_comment = "Derived: whether a contract is closed for a billing period, and what keeps it open."
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=CloseStatus.values), name="chk_month_close_status"),
            models.CheckConstraint(
                condition=models.Q(status=CloseStatus.CLOSED, problems=[])
                | ~models.Q(problems=[]) & models.Q(status=CloseStatus.PARKED),
                name="chk_month_close_parked_for_a_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_by__isnull=False) | models.Q(accepted_gaps=[]),
                name="chk_month_close_accepted_by",
            ),
            models.UniqueConstraint(fields=["contract", "billing_period"], name="uq_month_close_contract_period"),
        ]

    def __str__(self) -> str:
        return f"{self.contract}, {self.billing_period}: {self.status}"


class NoticeKind(models.TextChoices):
    """Why people are told about an invoice."""

    READY = "ready", "ready to be verified"
    DUE = "due", "due soon"
    OVERDUE = "overdue", "overdue"


class InvoiceNotice(models.Model):
    """The invoice that a notice is about: one of ours, or one that came. One notice of a kind for each."""

    notification = models.OneToOneField(Notification, models.PROTECT, related_name="invoice_notice", primary_key=True)
    kind = models.CharField(max_length=20, choices=NoticeKind)
    invoice_header = models.ForeignKey(
        InvoiceHeader, models.PROTECT, related_name="notices", null=True, blank=True, db_index=False
    )
    received_invoice_header = models.ForeignKey(
        ReceivedInvoiceHeader, models.PROTECT, related_name="notices", null=True, blank=True, db_index=False
    )

    class Meta:
        db_table = "invoice_notice"
        db_table_comment = "Fact: the invoice that a notice is about, and why it was written."
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=NoticeKind.values), name="chk_invoice_notice_kind"),
            models.CheckConstraint(
                condition=models.Q(invoice_header=None, received_invoice_header__isnull=False)
                | models.Q(invoice_header__isnull=False, received_invoice_header=None),
                name="chk_invoice_notice_invoice",
            ),
            models.UniqueConstraint(fields=["invoice_header", "kind"], name="uq_invoice_notice_invoice"),
            models.UniqueConstraint(fields=["received_invoice_header", "kind"], name="uq_invoice_notice_received"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.invoice_header or self.received_invoice_header}"
