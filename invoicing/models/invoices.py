"""Invoices: expected, generated and received."""

import pgtrigger
from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.compliance import RuleOutput
from core.models.contracts import Contract
from core.models.organizations import Counterparty, Organization
from core.models.projects import Project
from core.models.vocabulary import BillingPeriod, Currency, Lookup
from database.fields import EnumField
from database.indexes import NamedIndex
from database.triggers import Guard
from invoicing.models.guards import (
    CHANGE_STAYS,
    HEADER_IS_FINAL,
    ISSUED_STAY,
    NUMBER_IS_USED,
    NUMBERING,
    PART_IS_FINAL,
    SERIES_COUNTS_ON,
)
from invoicing.models.tariffs import ClauseTariff
from metering.models.aggregates import MeterAggregate


class InvoiceStatus(models.TextChoices):
    """The life of an invoice."""

    DRAFT = "draft", "draft"
    VERIFIED = "verified", "verified"
    SENT = "sent", "sent"
    DISPUTED = "disputed", "disputed"
    PAID = "paid", "paid"


class DocumentType(models.TextChoices):
    """An invoice, or a credit note that takes back part of one; the amounts of both are positive."""

    INVOICE = "invoice", "invoice"
    CREDIT_NOTE = "credit_note", "credit note"


class VatCategory(models.TextChoices):
    """EN 16931, code list UNCL5305."""

    STANDARD = "S", "standard rate"
    ZERO = "Z", "zero rated"
    EXEMPT = "E", "exempt"
    REVERSE_CHARGE = "AE", "reverse charge"
    INTRA_COMMUNITY = "K", "intra-community supply"
    EXPORT = "G", "export"
    OUTSIDE_SCOPE = "O", "outside the scope of VAT"


class TaxKind(models.TextChoices):
    """What a rule adds to an invoice, or what the payer keeps back of it."""

    VAT = "vat", "value added tax"
    LEVY = "levy", "levy"
    WITHHOLDING = "withholding", "withholding"


class TaxBase(models.TextChoices):
    """What a levy or a withholding is a share of."""

    LINES = "lines", "lines"
    LINES_AND_LEVIES = "lines_and_levies", "lines and levies"


def _stays_when_truncated() -> Guard:
    return Guard(
        name="issued_is_not_truncated",
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        level=pgtrigger.Statement,
        func=ISSUED_STAY,
    )


def _part_is_final() -> Guard:
    return Guard(
        name="issued_is_final",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        func=PART_IS_FINAL,
    )


class InvoiceLineItemType(Lookup):
    """Kinds of invoice line."""

    class Meta(Lookup.Meta):
        db_table = "invoice_line_item_type"
        db_table_comment = "Lookup: kinds of invoice line."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="invoice_line_item_type_code_key"),
        ]


class InvoiceSeries(models.Model):
    """A series of numbers without gap: one document, one number, taken in the transaction that issues."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="invoice_series")
    document_type = models.CharField(max_length=20, choices=DocumentType)
    year = models.IntegerField(help_text="Of the invoice date.")
    pattern = models.CharField(max_length=100, help_text="With {year} and {number}, like INV-{year}-{number}.")
    digits = models.IntegerField(default=5, db_default=5, help_text="Shorter numbers are filled up with zeros.")
    last_number = models.BigIntegerField(default=0, db_default=0, help_text="Of the newest document.")
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "invoice_series"
        db_table_comment = "Fact: a series of document numbers without gap, and the last one taken."
        verbose_name_plural = "invoice series"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(document_type__in=DocumentType.values), name="chk_invoice_series_document_type"
            ),
            models.CheckConstraint(
                condition=models.Q(pattern__contains="{number}") & models.Q(pattern__contains="{year}"),
                name="chk_invoice_series_pattern",
            ),
            models.CheckConstraint(
                condition=models.Q(digits__gte=1) & models.Q(digits__lte=18) & models.Q(last_number__gte=0),
                name="chk_invoice_series_numbers",
            ),
            models.UniqueConstraint(
                fields=["organization", "year", "document_type"], name="uq_invoice_series_organization_year_type"
            ),
            models.UniqueConstraint(
                fields=["organization", "year", "pattern"], name="uq_invoice_series_organization_year_pattern"
            ),
        ]
        triggers = [
            Guard(
                name="counts_on",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=SERIES_COUNTS_ON,
            ),
            Guard(
                name="number_is_used",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                timing=pgtrigger.Deferred,
                condition=pgtrigger.Condition("OLD.last_number <> NEW.last_number"),
                func=NUMBER_IS_USED,
            ),
            _stays_when_truncated(),
        ]

    def __str__(self) -> str:
        return f"{self.pattern}, {self.year}"


class TaxRule(models.Model):
    """A tax, levy or withholding of an organization at one rate, and the days it is valid, both inclusive."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="tax_rules")
    invoice_line_item_type = models.ForeignKey(
        InvoiceLineItemType,
        models.PROTECT,
        related_name="tax_rules",
        null=True,
        blank=True,
        help_text="The lines it is for; empty: lines of every type that no other rule of its kind names.",
    )
    tax_code = models.CharField(max_length=50)
    name = models.CharField(help_text="As it stands on the document.")
    kind = models.CharField(max_length=20, choices=TaxKind)
    rate = models.DecimalField(max_digits=9, decimal_places=6, help_text="A share: 0.19 is 19 %.")
    base = models.CharField(
        max_length=20, choices=TaxBase, null=True, blank=True, help_text="Of a levy or a withholding."
    )
    vat_category = models.CharField(
        max_length=2, choices=VatCategory, null=True, blank=True, help_text="Of VAT; of a levy, the VAT charged on it."
    )
    exemption_reason = models.CharField(null=True, blank=True, help_text="Required where no VAT is charged.")
    valid_from = models.DateField(help_text="First day.")
    valid_to = models.DateField(null=True, blank=True, help_text="Last day, inclusive; empty: until further notice.")
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "tax_rule"
        db_table_comment = "Fact: a tax, levy or withholding at one rate, and the days it is valid, both inclusive."
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=TaxKind.values), name="chk_tax_rule_kind"),
            models.CheckConstraint(condition=models.Q(base__in=TaxBase.values), name="chk_tax_rule_base"),
            models.CheckConstraint(
                condition=models.Q(vat_category__in=VatCategory.values), name="chk_tax_rule_vat_category"
            ),
            models.CheckConstraint(condition=models.Q(rate__gte=0) & models.Q(rate__lt=1), name="chk_tax_rule_rate"),
            models.CheckConstraint(
                condition=models.Q(kind="vat", base__isnull=True, vat_category__isnull=False)
                | models.Q(kind="levy", base__isnull=False, vat_category__isnull=False)
                | models.Q(kind="withholding", base__isnull=False, vat_category__isnull=True),
                name="chk_tax_rule_is_of_its_kind",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="vat")
                | models.Q(vat_category="S", rate__gt=0)
                | models.Q(vat_category="Z", rate=0)
                | models.Q(rate=0, exemption_reason__isnull=False),
                name="chk_tax_rule_vat",
            ),
            models.CheckConstraint(condition=models.Q(valid_to__gte=models.F("valid_from")), name="chk_tax_rule_dates"),
        ]

    def __str__(self) -> str:
        return f"{self.tax_code} {self.rate.normalize():f}" if self.rate is not None else self.tax_code


class PricedLineItem(models.Model):
    """How the amount of a line came about, as far as its document says: what a variance is split by."""

    quantity = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
    unit = models.CharField(null=True, blank=True, help_text="What is counted: kWh, MWh, month; empty: not said.")
    line_unit_price = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    price_bucket = models.CharField(
        null=True, blank=True, help_text="Time-of-use period or tier, as the tariff calls it; empty: it has none."
    )
    tax_amount = models.DecimalField(
        max_digits=20, decimal_places=4, null=True, blank=True, help_text="Comes on top of the line total."
    )

    class Meta:
        abstract = True


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


class ExpectedInvoiceLineItem(PricedLineItem):
    """One line of an expected invoice."""

    expected_invoice_header = models.ForeignKey(ExpectedInvoiceHeader, models.PROTECT, related_name="lines")
    invoice_line_item_type = models.ForeignKey(
        InvoiceLineItemType, models.PROTECT, related_name="expected_invoice_line_items"
    )
    description = models.CharField(null=True, blank=True)
    line_total_amount = models.DecimalField(max_digits=20, decimal_places=4)
    is_provisional = models.BooleanField(
        default=False, db_default=False, help_text="At a price that rests on an index that is not published yet."
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "expected_invoice_line_item"
        db_table_comment = "Derived: one line of an expected invoice."

    def __str__(self) -> str:
        return self.description or f"line {self.pk}"


class InvoiceHeader(models.Model):
    """An invoice of the organization."""

    document_type = models.CharField(
        max_length=20, choices=DocumentType, default=DocumentType.INVOICE, db_default=DocumentType.INVOICE
    )
    corrects = models.ForeignKey(
        "self",
        models.PROTECT,
        related_name="credit_notes",
        null=True,
        blank=True,
        help_text="The invoice of which a credit note takes back a part.",
    )
    project = models.ForeignKey(Project, models.PROTECT, related_name="invoices", null=True, blank=True)
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="invoices")
    billing_period = models.ForeignKey(BillingPeriod, models.PROTECT, related_name="invoices")
    counterparty = models.ForeignKey(Counterparty, models.PROTECT, related_name="invoices")
    currency = models.ForeignKey(Currency, models.PROTECT, related_name="invoices")
    invoice_number = models.CharField(null=True, blank=True)
    invoice_date = models.DateField(null=True, blank=True)
    due_date = models.DateField(null=True, blank=True)
    total_amount = models.DecimalField(
        max_digits=20, decimal_places=4, help_text="Lines, and once verified levies and VAT; gross of withholding."
    )
    invoice_series = models.ForeignKey(
        InvoiceSeries, models.PROTECT, related_name="invoices", null=True, blank=True, editable=False
    )
    series_number = models.BigIntegerField(null=True, blank=True, editable=False)
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
                condition=models.Q(status=InvoiceStatus.DRAFT, document_type=DocumentType.INVOICE),
                name="uq_invoice_header_draft",
            ),
            models.UniqueConstraint(fields=["invoice_series", "series_number"], name="uq_invoice_header_series_number"),
            models.CheckConstraint(
                condition=models.Q(document_type__in=DocumentType.values), name="chk_invoice_header_document_type"
            ),
            models.CheckConstraint(
                condition=models.Q(document_type=DocumentType.INVOICE, corrects__isnull=True)
                | models.Q(document_type=DocumentType.CREDIT_NOTE, corrects__isnull=False),
                name="chk_invoice_header_corrects",
            ),
            models.CheckConstraint(
                condition=models.Q(invoice_series__isnull=True, series_number__isnull=True)
                | models.Q(
                    invoice_series__isnull=False,
                    series_number__isnull=False,
                    invoice_number__isnull=False,
                    invoice_date__isnull=False,
                ),
                name="chk_invoice_header_number",
            ),
        ]
        triggers = [
            Guard(
                name="issued_is_final",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                declare=[NUMBERING],
                func=HEADER_IS_FINAL,
            ),
            _stays_when_truncated(),
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
    vat_category = models.CharField(max_length=2, choices=VatCategory, null=True, blank=True, editable=False)
    vat_rate = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True, editable=False)
    corrects = models.ForeignKey(
        "self",
        models.PROTECT,
        related_name="credits",
        null=True,
        blank=True,
        editable=False,
        help_text="The line of which a credit note takes back a part.",
    )
    is_provisional = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="At a price that rests on an index that is not published yet.",
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "invoice_line_item"
        db_table_comment = "Derived while a draft, a fact once issued: one line of an invoice."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(vat_category__in=VatCategory.values), name="chk_invoice_line_item_vat_category"
            ),
        ]
        indexes = [
            NamedIndex(
                fields=["invoice_header"],
                name="idx_invoice_line_item_provisional",
                condition=models.Q(is_provisional=True),
            ),
        ]
        triggers = [_part_is_final(), _stays_when_truncated()]

    def __str__(self) -> str:
        return self.description or f"line {self.pk}"


class InvoiceTax(models.Model):
    """A tax, levy or withholding of an invoice, computed when it is verified."""

    invoice_header = models.ForeignKey(InvoiceHeader, models.PROTECT, related_name="taxes")
    tax_rule = models.ForeignKey(TaxRule, models.PROTECT, related_name="invoice_taxes")
    kind = models.CharField(max_length=20, choices=TaxKind)
    vat_category = models.CharField(max_length=2, choices=VatCategory, null=True, blank=True)
    rate = models.DecimalField(max_digits=9, decimal_places=6)
    base_total_amount = models.DecimalField(max_digits=20, decimal_places=4)
    tax_total_amount = models.DecimalField(max_digits=20, decimal_places=4)
    corrects = models.ForeignKey("self", models.PROTECT, related_name="credits", null=True, blank=True)

    class Meta:
        db_table = "invoice_tax"
        db_table_comment = "Fact: a tax, levy or withholding of an invoice, computed when it was verified."
        verbose_name_plural = "invoice taxes"
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=TaxKind.values), name="chk_invoice_tax_kind"),
            models.CheckConstraint(
                condition=models.Q(vat_category__in=VatCategory.values), name="chk_invoice_tax_vat_category"
            ),
        ]
        triggers = [_part_is_final(), _stays_when_truncated()]

    def __str__(self) -> str:
        return f"{self.kind} {self.tax_total_amount}"


class InvoiceStatusChange(models.Model):
    """A step in the life of an invoice: who, when, from which day, and why. The database writes it."""

    invoice_header = models.ForeignKey(InvoiceHeader, models.PROTECT, related_name="status_changes")
    from_status = EnumField(enum="invoice_status", choices=InvoiceStatus)
    to_status = EnumField(enum="invoice_status", choices=InvoiceStatus)
    changed_by = models.CharField()
    changed_at = models.DateTimeField(db_default=TransactionNow())
    effective_on = models.DateField(help_text="Of a payment, the day it came.")
    reason = models.CharField(null=True, blank=True)

    class Meta:
        db_table = "invoice_status_change"
        db_table_comment = "Fact: a step in the life of an invoice: who took it, when, from which day, and why."
        triggers = [
            Guard(
                name="change_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=CHANGE_STAYS,
            ),
            _stays_when_truncated(),
        ]

    def __str__(self) -> str:
        return f"{self.from_status} to {self.to_status} by {self.changed_by}"


class ReceivedInvoiceHeader(models.Model):
    """An invoice, credit note or statement that came from the counterparty."""

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
    document_type = models.CharField(
        max_length=20, choices=DocumentType, default=DocumentType.INVOICE, db_default=DocumentType.INVOICE
    )
    corrects_number = models.CharField(null=True, blank=True, help_text="Of a credit note: the invoice it corrects.")
    exchange_rate = models.DecimalField(
        max_digits=20,
        decimal_places=10,
        null=True,
        blank=True,
        help_text="Of the document: how much of its currency one unit of the contract's is; empty: it says none.",
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "received_invoice_header"
        db_table_comment = "Fact: an invoice or statement that came from the counterparty."
        constraints = [
            models.UniqueConstraint(
                fields=["counterparty", "invoice_number"], name="uq_received_invoice_header_number"
            ),
            models.CheckConstraint(
                condition=models.Q(document_type__in=DocumentType.values),
                name="chk_received_invoice_header_document_type",
            ),
            models.CheckConstraint(
                condition=models.Q(exchange_rate__gt=0), name="chk_received_invoice_header_exchange_rate"
            ),
        ]

    def __str__(self) -> str:
        return self.invoice_number or f"received invoice {self.pk}"


class ReceivedInvoiceLineItem(PricedLineItem):
    """One line of a received invoice."""

    received_invoice_header = models.ForeignKey(ReceivedInvoiceHeader, models.PROTECT, related_name="lines")
    invoice_line_item_type = models.ForeignKey(
        InvoiceLineItemType, models.PROTECT, related_name="received_invoice_line_items"
    )
    description = models.CharField(null=True, blank=True)
    line_total_amount = models.DecimalField(max_digits=20, decimal_places=4)
    tax_category = models.CharField(
        max_length=2, null=True, blank=True, help_text="Category of UNTDID 5305, such as S, Z, E, AE or O."
    )
    tax_rate = models.DecimalField(
        max_digits=9, decimal_places=6, null=True, blank=True, help_text="As a share: 0.19 is 19 %."
    )
    first_day = models.DateField(null=True, blank=True)
    last_day = models.DateField(null=True, blank=True, help_text="Inclusive.")
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "received_invoice_line_item"
        db_table_comment = "Fact: one line of a received invoice."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(tax_category__regex="^[A-Z]{1,2}$"),
                name="chk_received_invoice_line_item_tax_category",
            ),
            models.CheckConstraint(condition=models.Q(tax_rate__gte=0), name="chk_received_invoice_line_item_tax_rate"),
            models.CheckConstraint(
                condition=models.Q(last_day__gte=models.F("first_day")), name="chk_received_invoice_line_item_days"
            ),
        ]

    def __str__(self) -> str:
        return self.description or f"line {self.pk}"
