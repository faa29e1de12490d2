"""Invoices: expected, generated and received."""

import pgtrigger
from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.compliance import RuleOutput
from core.models.contracts import Contract
from core.models.organizations import Counterparty
from core.models.projects import Project
from core.models.vocabulary import BillingPeriod, Currency, Lookup
from database.fields import EnumField
from invoicing.models.tariffs import ClauseTariff
from metering.models.aggregates import MeterAggregate

# Bodies of the triggers that guard issued invoices. What changes is the status alone, and never back to draft;
# everything else of an issued invoice is corrected by another document.
ISSUED_HEADER_IS_FINAL = """
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'invoice ' || OLD.id || ' is issued and may not be deleted',
            HINT = 'Correct it by another document.';
    END IF;
    IF NEW.status = 'draft' OR to_jsonb(NEW) - 'status' <> to_jsonb(OLD) - 'status' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'invoice ' || OLD.id || ' is issued and may not be changed, its status apart',
            HINT = 'Correct it by another document.';
    END IF;
    RETURN NEW;
"""
ISSUED_LINES_ARE_FINAL = """
    IF EXISTS (
        SELECT FROM public.invoice_header
        WHERE status <> 'draft'
            AND id IN (
                CASE WHEN TG_OP <> 'INSERT' THEN OLD.invoice_header_id END,
                CASE WHEN TG_OP <> 'DELETE' THEN NEW.invoice_header_id END
            )
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'the lines of an issued invoice may not be added to, changed or deleted',
            HINT = 'Correct the invoice by another document.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
"""


class InvoiceStatus(models.TextChoices):
    """The life of an invoice."""

    DRAFT = "draft", "draft"
    VERIFIED = "verified", "verified"
    SENT = "sent", "sent"
    DISPUTED = "disputed", "disputed"
    PAID = "paid", "paid"


class InvoiceLineItemType(Lookup):
    """Kinds of invoice line."""

    class Meta(Lookup.Meta):
        db_table = "invoice_line_item_type"
        db_table_comment = "Lookup: kinds of invoice line."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="invoice_line_item_type_code_key"),
        ]


class ExpectedInvoiceHeader(models.Model):
    """What an invoice should say according to contract and readings."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="expected_invoices", null=True, blank=True)
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="expected_invoices")
    billing_period = models.ForeignKey(BillingPeriod, models.PROTECT, related_name="expected_invoices")
    counterparty = models.ForeignKey(Counterparty, models.PROTECT, related_name="expected_invoices")
    currency = models.ForeignKey(Currency, models.PROTECT, related_name="expected_invoices")
    total_amount = models.DecimalField(max_digits=20, decimal_places=4)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    computed_at = models.DateTimeField(
        db_default=TransactionNow(), editable=False, help_text="When it was last computed, whether or not it changed."
    )

    class Meta:
        db_table = "expected_invoice_header"
        db_table_comment = "Derived: what an invoice should say according to contract and readings."
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "billing_period"], name="uq_expected_invoice_header_contract_period"
            ),
        ]

    def __str__(self) -> str:
        return f"expected invoice {self.pk}"


class ExpectedInvoiceLineItem(models.Model):
    """One line of an expected invoice."""

    expected_invoice_header = models.ForeignKey(ExpectedInvoiceHeader, models.PROTECT, related_name="lines")
    invoice_line_item_type = models.ForeignKey(
        InvoiceLineItemType, models.PROTECT, related_name="expected_invoice_line_items"
    )
    description = models.CharField(null=True, blank=True)
    line_total_amount = models.DecimalField(max_digits=20, decimal_places=4)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "expected_invoice_line_item"
        db_table_comment = "Derived: one line of an expected invoice."

    def __str__(self) -> str:
        return self.description or f"line {self.pk}"


class InvoiceHeader(models.Model):
    """An invoice of the organization."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="invoices", null=True, blank=True)
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="invoices")
    billing_period = models.ForeignKey(BillingPeriod, models.PROTECT, related_name="invoices")
    counterparty = models.ForeignKey(Counterparty, models.PROTECT, related_name="invoices")
    currency = models.ForeignKey(Currency, models.PROTECT, related_name="invoices")
    invoice_number = models.CharField(null=True, blank=True)
    invoice_date = models.DateField(null=True, blank=True)
    due_date = models.DateField(null=True, blank=True)
    total_amount = models.DecimalField(max_digits=20, decimal_places=4)
    status = EnumField(
        enum="invoice_status", choices=InvoiceStatus, default=InvoiceStatus.DRAFT, db_default=InvoiceStatus.DRAFT
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    computed_at = models.DateTimeField(
        db_default=TransactionNow(), editable=False, help_text="When it was last computed, whether or not it changed."
    )

    class Meta:
        db_table = "invoice_header"
        db_table_comment = "Derived while a draft, a fact once issued: an invoice of the organization."
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "billing_period"],
                condition=models.Q(status=InvoiceStatus.DRAFT),
                name="uq_invoice_header_draft",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="issued_is_final",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Condition("OLD.status <> 'draft'"),
                func=ISSUED_HEADER_IS_FINAL,
            ),
        ]

    def __str__(self) -> str:
        return self.invoice_number or f"invoice {self.pk}, {self.status}"


class InvoiceLineItem(models.Model):
    """One line of an invoice."""

    invoice_header = models.ForeignKey(InvoiceHeader, models.PROTECT, related_name="lines")
    rule_output = models.ForeignKey(
        RuleOutput, models.PROTECT, related_name="invoice_line_items", null=True, blank=True
    )
    clause_tariff = models.ForeignKey(
        ClauseTariff, models.PROTECT, related_name="invoice_line_items", null=True, blank=True
    )
    meter_aggregate = models.ForeignKey(
        MeterAggregate, models.PROTECT, related_name="invoice_line_items", null=True, blank=True
    )
    invoice_line_item_type = models.ForeignKey(InvoiceLineItemType, models.PROTECT, related_name="invoice_line_items")
    description = models.CharField(null=True, blank=True)
    quantity = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
    line_unit_price = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    line_total_amount = models.DecimalField(max_digits=20, decimal_places=4)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "invoice_line_item"
        db_table_comment = "Derived while a draft, a fact once issued: one line of an invoice."
        triggers = [
            pgtrigger.Trigger(
                name="issued_is_final",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func=ISSUED_LINES_ARE_FINAL,
            ),
        ]

    def __str__(self) -> str:
        return self.description or f"line {self.pk}"


class ReceivedInvoiceHeader(models.Model):
    """An invoice or statement that came from the counterparty."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="received_invoices", null=True, blank=True)
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="received_invoices")
    billing_period = models.ForeignKey(BillingPeriod, models.PROTECT, related_name="received_invoices")
    counterparty = models.ForeignKey(Counterparty, models.PROTECT, related_name="received_invoices")
    currency = models.ForeignKey(Currency, models.PROTECT, related_name="received_invoices")
    invoice_number = models.CharField(null=True, blank=True)
    invoice_date = models.DateField(null=True, blank=True)
    due_date = models.DateField(null=True, blank=True)
    total_amount = models.DecimalField(max_digits=20, decimal_places=4)
    status = EnumField(
        enum="invoice_status", choices=InvoiceStatus, default=InvoiceStatus.DRAFT, db_default=InvoiceStatus.DRAFT
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "received_invoice_header"
        db_table_comment = "Fact: an invoice or statement that came from the counterparty."

    def __str__(self) -> str:
        return self.invoice_number or f"received invoice {self.pk}"


class ReceivedInvoiceLineItem(models.Model):
    """One line of a received invoice."""

    received_invoice_header = models.ForeignKey(ReceivedInvoiceHeader, models.PROTECT, related_name="lines")
    invoice_line_item_type = models.ForeignKey(
        InvoiceLineItemType, models.PROTECT, related_name="received_invoice_line_items"
    )
    description = models.CharField(null=True, blank=True)
    line_total_amount = models.DecimalField(max_digits=20, decimal_places=4)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "received_invoice_line_item"
        db_table_comment = "Fact: one line of a received invoice."

    def __str__(self) -> str:
        return self.description or f"line {self.pk}"
