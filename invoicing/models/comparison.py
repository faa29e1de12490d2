"""Expected against received."""

from decimal import Decimal

from django.contrib.postgres.functions import TransactionNow
from django.core.exceptions import ValidationError
from django.db import models

from core.models.contracts import Contract
from core.models.organizations import Organization
from core.models.vocabulary import Currency
from database.fields import EnumField
from invoicing.models.invoices import (
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    ReceivedInvoiceHeader,
    ReceivedInvoiceLineItem,
)
from invoicing.variance import Kind


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
    exchange_rate = models.DecimalField(
        max_digits=20,
        decimal_places=10,
        null=True,
        blank=True,
        help_text="As agreed: how much of the invoice's currency one unit of the expected one is; empty: they are one.",
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
            models.CheckConstraint(
                condition=models.Q(exchange_rate__gt=0), name="chk_invoice_comparison_exchange_rate"
            ),
        ]

    def __str__(self) -> str:
        return f"comparison {self.pk}, {self.status}"


def _part(cause: str) -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(max_digits=20, decimal_places=4, default=0, db_default=0, help_text=cause)


class InvoiceComparisonLineItem(models.Model):
    """One pair of lines of a comparison, and its variance by cause."""

    invoice_comparison = models.ForeignKey(InvoiceComparison, models.PROTECT, related_name="lines")
    expected_invoice_line_item = models.ForeignKey(
        ExpectedInvoiceLineItem, models.PROTECT, related_name="invoice_comparison_line_items", null=True, blank=True
    )
    received_invoice_line_item = models.ForeignKey(
        ReceivedInvoiceLineItem, models.PROTECT, related_name="invoice_comparison_line_items", null=True, blank=True
    )
    variance_amount = models.DecimalField(max_digits=20, decimal_places=4)
    quantity_amount = _part("More or less was billed.")
    price_amount = _part("The unit price differs.")
    time_of_use_amount = _part("The same quantity was billed in other time-of-use periods or tiers.")
    tax_amount = _part("The tax differs.")
    exchange_rate_amount = _part("The exchange rate differs.")
    rounding_amount = _part("What the other parts leave: amounts that are not quantity times price.")
    missing_amount = _part("An expected line was not received.")
    extra_amount = _part("A line was received that nobody expected.")
    description = models.CharField(null=True, blank=True)
    reason = models.TextField(null=True, blank=True, help_text="The variance explained in numbers.")
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
            models.CheckConstraint(
                condition=models.Q(
                    variance_amount=models.F("quantity_amount")
                    + models.F("price_amount")
                    + models.F("time_of_use_amount")
                    + models.F("tax_amount")
                    + models.F("exchange_rate_amount")
                    + models.F("rounding_amount")
                    + models.F("missing_amount")
                    + models.F("extra_amount")
                ),
                name="chk_invoice_comparison_line_item_parts",
            ),
        ]

    def __str__(self) -> str:
        return self.description or f"line {self.pk}"


class ComparisonTolerance(models.Model):
    """How far one cause may move a line before it matters: agreed in a contract, or what an organization lets pass.

    Of several that fit, the contract's goes before the organization's, and the one in the currency before the one in
    none. Each limit that is given must hold; where no row fits, nothing is let pass.
    """

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="comparison_tolerances")
    contract = models.ForeignKey(
        Contract,
        models.PROTECT,
        related_name="comparison_tolerances",
        null=True,
        blank=True,
        help_text="Empty: every contract of the organization that agrees nothing else.",
    )
    currency = models.ForeignKey(
        Currency,
        models.PROTECT,
        related_name="comparison_tolerances",
        null=True,
        blank=True,
        help_text="Of the absolute limit; empty: a share in any currency.",
    )
    kind = models.CharField(max_length=20, choices=[(kind.value, kind.label) for kind in Kind])
    absolute_amount = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    relative_percent = models.DecimalField(
        max_digits=9, decimal_places=6, null=True, blank=True, help_text="Of what the line is expected to be."
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "comparison_tolerance"
        db_table_comment = "Fact: how far a cause may move a line of a received invoice before it matters."
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "contract", "currency", "kind"],
                nulls_distinct=False,
                name="uq_comparison_tolerance_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in Kind]), name="chk_comparison_tolerance_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(absolute_amount__gte=0, currency__isnull=False)
                | models.Q(absolute_amount__isnull=True, currency__isnull=True, relative_percent__isnull=False),
                name="chk_comparison_tolerance_absolute",
            ),
            models.CheckConstraint(
                condition=models.Q(relative_percent__gte=0), name="chk_comparison_tolerance_relative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.contract or self.organization}"

    def clean(self) -> None:
        if self.contract is not None and self.contract.organization_id != self.organization_id:
            raise ValidationError({"contract": "it is of another organization: choose one of this organization's"})
