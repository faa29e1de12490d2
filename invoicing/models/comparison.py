"""Expected against received."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from database.fields import EnumField
from invoicing.models.invoices import (
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    ReceivedInvoiceHeader,
    ReceivedInvoiceLineItem,
)


class InvoiceComparisonStatus(models.TextChoices):
    """What a comparison found: received equal to, below or above expected."""

    UNCHECKED = "unchecked", "unchecked"
    MATCHED = "matched", "matched"
    UNDERBILLED = "underbilled", "underbilled"
    OVERBILLED = "overbilled", "overbilled"


class InvoiceComparison(models.Model):
    """An expected invoice set against the received one."""

    expected_invoice_header = models.ForeignKey(
        ExpectedInvoiceHeader, models.PROTECT, related_name="comparisons", null=True, blank=True
    )
    received_invoice_header = models.ForeignKey(
        ReceivedInvoiceHeader, models.PROTECT, related_name="comparisons", null=True, blank=True
    )
    variance_amount = models.DecimalField(max_digits=20, decimal_places=4)
    status = EnumField(
        enum="invoice_comparison_status",
        choices=InvoiceComparisonStatus,
        default=InvoiceComparisonStatus.UNCHECKED,
        db_default=InvoiceComparisonStatus.UNCHECKED,
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "invoice_comparison"
        db_table_comment = "Derived: an expected invoice set against the received one."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(expected_invoice_header__isnull=False)
                | models.Q(received_invoice_header__isnull=False),
                name="invoice_comparison_sides_check",
            ),
            models.UniqueConstraint(
                fields=["expected_invoice_header", "received_invoice_header"], name="uq_invoice_comparison_pair"
            ),
        ]

    def __str__(self) -> str:
        return f"comparison {self.pk}, {self.status}"


class InvoiceComparisonLineItem(models.Model):
    """One pair of lines of a comparison."""

    invoice_comparison = models.ForeignKey(InvoiceComparison, models.PROTECT, related_name="lines")
    expected_invoice_line_item = models.ForeignKey(
        ExpectedInvoiceLineItem, models.PROTECT, related_name="invoice_comparison_line_items", null=True, blank=True
    )
    received_invoice_line_item = models.ForeignKey(
        ReceivedInvoiceLineItem, models.PROTECT, related_name="invoice_comparison_line_items", null=True, blank=True
    )
    variance_amount = models.DecimalField(max_digits=20, decimal_places=4)
    description = models.CharField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "invoice_comparison_line_item"
        db_table_comment = "Derived: one pair of lines of a comparison."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(expected_invoice_line_item__isnull=False)
                | models.Q(received_invoice_line_item__isnull=False),
                name="invoice_comparison_line_item_sides_check",
            ),
        ]

    def __str__(self) -> str:
        return self.description or f"line {self.pk}"
