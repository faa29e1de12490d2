"""Contracts and what was received under them."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.organizations import Counterparty, Organization
from core.models.projects import Project
from core.models.vocabulary import Lookup
from database.indexes import NamedIndex


class ParsingStatus(models.TextChoices):
    """How far the parsing of a contract has come; null means never parsed."""

    PENDING = "pending", "pending"
    PROCESSING = "processing", "processing"
    COMPLETED = "completed", "completed"
    FAILED = "failed", "failed"


class InvoiceDirection(models.TextChoices):
    """Who is paid under a contract: the organization, or its counterparty."""

    RECEIVABLE = "receivable", "receivable"
    PAYABLE = "payable", "payable"


class ContractType(Lookup):
    """Kinds of contract, such as power purchase or O&M agreement."""

    class Meta(Lookup.Meta):
        db_table = "contract_type"
        db_table_comment = "Lookup: kinds of contract, such as power purchase or O&M agreement."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="contract_type_code_key"),
        ]


class ContractStatus(Lookup):
    """The life of a contract, from draft to terminated."""

    class Meta(Lookup.Meta):
        db_table = "contract_status"
        db_table_comment = "Lookup: the life of a contract, from draft to terminated."
        verbose_name_plural = "contract statuses"
        constraints = [
            models.UniqueConstraint(fields=["code"], name="contract_status_code_key"),
        ]


class Contract(models.Model):
    """An agreement between an organization and a counterparty about a project."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="contracts", null=True, blank=True)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="contracts")
    counterparty = models.ForeignKey(Counterparty, models.PROTECT, related_name="contracts")
    contract_type = models.ForeignKey(ContractType, models.PROTECT, related_name="contracts")
    contract_status = models.ForeignKey(ContractStatus, models.PROTECT, related_name="contracts")
    name = models.CharField()
    description = models.CharField(null=True, blank=True)
    effective_date = models.DateField(null=True, blank=True)
    end_date = models.DateField(null=True, blank=True)
    file_location = models.CharField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_by = models.CharField(null=True, blank=True)
    version = models.IntegerField(default=1, db_default=1)
    parsing_status = models.CharField(max_length=50, choices=ParsingStatus, null=True, blank=True)
    parsing_started_at = models.DateTimeField(null=True, blank=True)
    parsing_completed_at = models.DateTimeField(null=True, blank=True)
    parsing_error = models.TextField(null=True, blank=True)
    pii_detected_count = models.IntegerField(default=0, db_default=0)
    clauses_extracted_count = models.IntegerField(default=0, db_default=0)
    processing_time_seconds = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    invoice_direction = models.CharField(
        max_length=20,
        choices=InvoiceDirection,
        default=InvoiceDirection.RECEIVABLE,
        db_default=InvoiceDirection.RECEIVABLE,
        help_text="Receivable: the organization is paid; payable: it pays.",
    )

    class Meta:
        db_table = "contract"
        db_table_comment = "Fact: an agreement between an organization and a counterparty about a project."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end_date__gte=models.F("effective_date")), name="contract_dates_check"
            ),
            models.CheckConstraint(
                condition=models.Q(parsing_status__in=ParsingStatus.values), name="contract_parsing_status_check"
            ),
            models.CheckConstraint(
                condition=models.Q(pii_detected_count__gte=0), name="contract_pii_detected_count_check"
            ),
            models.CheckConstraint(
                condition=models.Q(clauses_extracted_count__gte=0), name="contract_clauses_extracted_count_check"
            ),
            models.CheckConstraint(
                condition=models.Q(processing_time_seconds__gte=0), name="contract_processing_time_check"
            ),
            models.CheckConstraint(
                condition=models.Q(invoice_direction__in=InvoiceDirection.values),
                name="contract_invoice_direction_check",
            ),
        ]
        indexes = [
            NamedIndex(
                fields=["parsing_status"],
                name="idx_contract_parsing_status",
                condition=models.Q(parsing_status__isnull=False),
            ),
            NamedIndex(
                fields=["parsing_completed_at"],
                name="idx_contract_parsing_completed_at",
                condition=models.Q(parsing_completed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ContractPiiMapping(models.Model):
    """The encrypted names and numbers that were masked in the text of a contract."""

    contract = models.ForeignKey(Contract, models.CASCADE, related_name="pii_mappings")
    encrypted_mapping = models.BinaryField()
    pii_entities_count = models.IntegerField(default=0, db_default=0)
    encryption_method = models.CharField(max_length=50, default="aes-256-gcm", db_default="aes-256-gcm")
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    created_by = models.UUIDField(null=True, blank=True)
    accessed_at = models.DateTimeField(null=True, blank=True)
    accessed_by = models.UUIDField(null=True, blank=True)
    access_count = models.IntegerField(default=0, db_default=0)

    class Meta:
        db_table = "contract_pii_mapping"
        db_table_comment = "Fact: the encrypted names and numbers that were masked in the text of a contract."
        verbose_name = "masked names of a contract"
        verbose_name_plural = "masked names"
        constraints = [
            models.CheckConstraint(condition=models.Q(access_count__gte=0), name="access_count_non_negative"),
            models.CheckConstraint(condition=models.Q(pii_entities_count__gte=0), name="pii_entities_count_positive"),
        ]
        indexes = [
            NamedIndex(fields=["created_at"], name="idx_contract_pii_mapping_created_at"),
            NamedIndex(fields=["accessed_at"], name="idx_contract_pii_mapping_accessed_at"),
            NamedIndex(fields=["created_by"], name="idx_contract_pii_mapping_created_by"),
            NamedIndex(fields=["accessed_by"], name="idx_contract_pii_mapping_accessed_by"),
        ]

    def __str__(self) -> str:
        return f"masked names {self.pk}"


class ContractorReport(models.Model):
    """A report received from a contractor, as it came."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="reports")
    counterparty = models.ForeignKey(Counterparty, models.PROTECT, related_name="reports", null=True, blank=True)
    raw_text = models.CharField(null=True, blank=True)
    metadata_detail = models.JSONField(null=True, blank=True)
    file_location = models.CharField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "contractor_report"
        db_table_comment = "Fact: a report received from a contractor, as it came."

    def __str__(self) -> str:
        return f"contractor report {self.pk}"
