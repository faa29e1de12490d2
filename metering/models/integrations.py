"""Where readings come from: portals, sites, files."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.organizations import Organization
from core.models.projects import Project
from core.models.vocabulary import DataSource
from database.fields import EnumField
from database.indexes import NamedIndex
from metering.models.meters import Meter


class IngestionStatus(models.TextChoices):
    """What became of a file."""

    PROCESSING = "processing", "processing"
    SUCCESS = "success", "success"
    QUARANTINED = "quarantined", "quarantined"
    SKIPPED = "skipped", "skipped"
    ERROR = "error", "error"


class IngestionStage(models.TextChoices):
    """How far a file has come."""

    VALIDATING = "validating", "validating"
    TRANSFORMING = "transforming", "transforming"
    LOADING = "loading", "loading"
    MOVING = "moving", "moving"
    COMPLETE = "complete", "complete"


class AuthType(models.TextChoices):
    """How a vendor's portal wants to be asked."""

    API_KEY = "api_key", "API key"
    OAUTH2 = "oauth2", "OAuth 2"


class SyncStatus(models.TextChoices):
    """What became of the last sync of a site."""

    SUCCESS = "success", "success"
    ERROR = "error", "error"
    PENDING = "pending", "pending"
    PARTIAL = "partial", "partial"


class FileFormat(models.TextChoices):
    """Formats of the files that readings come in."""

    JSON = "json", "JSON"
    CSV = "csv", "CSV"
    PARQUET = "parquet", "Parquet"
    XLSX = "xlsx", "XLSX"
    NDJSON = "ndjson", "NDJSON"
    NEM12 = "nem12", "NEM12"
    NEM13 = "nem13", "NEM13"
    ESPI = "espi", "Green Button"
    SOLAREDGE = "solaredge", "SolarEdge V2"
    SOLAREDGE_V1 = "solaredge_v1", "SolarEdge V1"
    ENPHASE = "enphase", "Enphase"
    SMA = "sma", "SMA"
    GOODWE = "goodwe", "GoodWe"


class IntegrationCredential(models.Model):
    """An encrypted key to a vendor's portal."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="credentials")
    data_source = models.ForeignKey(DataSource, models.PROTECT, related_name="credentials")
    auth_type = models.CharField(max_length=20, choices=AuthType)
    label = models.CharField(max_length=255, null=True, blank=True)
    encrypted_credentials = models.BinaryField()
    encryption_method = models.CharField(max_length=50, default="fernet", db_default="fernet")
    token_expires_at = models.DateTimeField(null=True, blank=True)
    token_refreshed_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True, db_default=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(null=True, blank=True)
    error_count = models.IntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    created_by = models.UUIDField(null=True, blank=True)
    updated_by = models.UUIDField(null=True, blank=True)

    class Meta:
        db_table = "integration_credential"
        db_table_comment = "Fact: an encrypted key to a vendor's portal."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(auth_type__in=AuthType.values), name="chk_integration_credential_auth"
            ),
        ]
        indexes = [
            NamedIndex(
                fields=["is_active"], name="idx_integration_credential_active", condition=models.Q(is_active=True)
            ),
            NamedIndex(fields=["created_by"], name="idx_integration_credential_created_by"),
            NamedIndex(fields=["updated_by"], name="idx_integration_credential_updated_by"),
        ]

    def __str__(self) -> str:
        return self.label or f"credential {self.pk}"


class IntegrationSite(models.Model):
    """A site in a vendor's portal and the project and meter it feeds."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="sites")
    integration_credential = models.ForeignKey(IntegrationCredential, models.CASCADE, related_name="sites")
    project = models.ForeignKey(Project, models.SET_NULL, related_name="sites", null=True, blank=True)
    meter = models.ForeignKey(Meter, models.SET_NULL, related_name="sites", null=True, blank=True)
    data_source = models.ForeignKey(DataSource, models.PROTECT, related_name="sites")
    external_site_id = models.CharField(max_length=255)
    external_site_name = models.CharField(max_length=255, null=True, blank=True)
    external_metadata = models.JSONField(null=True, blank=True)
    is_active = models.BooleanField(default=True, db_default=True)
    sync_enabled = models.BooleanField(default=True, db_default=True)
    sync_interval_minutes = models.IntegerField(default=60, db_default=60)
    last_sync_at = models.DateTimeField(null=True, blank=True)
    last_sync_status = models.CharField(max_length=50, choices=SyncStatus, null=True, blank=True)
    last_sync_error = models.TextField(null=True, blank=True)
    last_sync_records_count = models.IntegerField(null=True, blank=True)
    consecutive_failures = models.IntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    synced_until = models.DateTimeField(
        null=True, blank=True, help_text="End of the last window of readings that was read with success."
    )

    class Meta:
        db_table = "integration_site"
        db_table_comment = "Fact: a site in a vendor's portal and the project and meter it feeds."
        constraints = [
            models.UniqueConstraint(
                fields=["integration_credential", "external_site_id"], name="uq_integration_site_credential_external"
            ),
            models.CheckConstraint(
                condition=models.Q(last_sync_status__in=SyncStatus.values), name="chk_integration_site_sync_status"
            ),
            models.CheckConstraint(
                condition=models.Q(sync_interval_minutes__gt=0), name="chk_integration_site_sync_interval"
            ),
        ]
        indexes = [
            NamedIndex(fields=["external_site_id"], name="idx_integration_site_external"),
            NamedIndex(
                fields=["is_active", "sync_enabled"],
                name="idx_integration_site_active",
                condition=models.Q(is_active=True, sync_enabled=True),
            ),
        ]

    def __str__(self) -> str:
        return self.external_site_name or self.external_site_id


class IngestionLog(models.Model):
    """One file that was offered, and what became of it."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="ingestion_logs", null=True, blank=True)
    integration_site = models.ForeignKey(
        IntegrationSite, models.PROTECT, related_name="ingestion_logs", null=True, blank=True
    )
    data_source = models.ForeignKey(DataSource, models.PROTECT, related_name="ingestion_logs")
    file_path = models.CharField(max_length=1024)
    file_name = models.CharField(max_length=255, null=True, blank=True)
    file_size_bytes = models.BigIntegerField(null=True, blank=True)
    file_format = models.CharField(max_length=50, choices=FileFormat, null=True, blank=True)
    file_hash = models.CharField(max_length=64, null=True, blank=True)
    ingestion_status = EnumField(
        enum="ingestion_status",
        choices=IngestionStatus,
        default=IngestionStatus.PROCESSING,
        db_default=IngestionStatus.PROCESSING,
    )
    ingestion_stage = EnumField(enum="ingestion_stage", choices=IngestionStage, null=True, blank=True)
    rows_in_file = models.IntegerField(null=True, blank=True)
    rows_valid = models.IntegerField(null=True, blank=True)
    rows_loaded = models.IntegerField(null=True, blank=True)
    rows_skipped = models.IntegerField(null=True, blank=True)
    rows_failed = models.IntegerField(null=True, blank=True)
    data_start_timestamp = models.DateTimeField(null=True, blank=True)
    data_end_timestamp = models.DateTimeField(null=True, blank=True)
    validation_errors = models.JSONField(null=True, blank=True)
    error_message = models.TextField(null=True, blank=True)
    processing_started_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    processing_completed_at = models.DateTimeField(null=True, blank=True)
    processing_time_ms = models.IntegerField(null=True, blank=True)
    destination_path = models.CharField(max_length=1024, null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    rows_replaced = models.IntegerField(null=True, blank=True)

    class Meta:
        db_table = "ingestion_log"
        db_table_comment = "Fact: one file that was offered, and what became of it."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(file_format__in=FileFormat.values), name="chk_ingestion_log_format"
            ),
            models.UniqueConstraint(
                fields=["organization", "file_hash"],
                condition=models.Q(ingestion_status=IngestionStatus.SUCCESS),
                name="uq_ingestion_log_loaded_file",
            ),
        ]
        indexes = [
            NamedIndex(fields=["ingestion_status"], name="idx_ingestion_log_status"),
            NamedIndex(fields=["file_hash"], name="idx_ingestion_log_file_hash"),
            NamedIndex(fields=["created_at"], name="idx_ingestion_log_created"),
            NamedIndex(fields=["organization", "-created_at"], name="idx_ingestion_log_org_date"),
        ]

    def __str__(self) -> str:
        return self.file_name or self.file_path


class FileMapping(models.Model):
    """How the files of a source are to be read."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="file_mappings", db_index=False)
    data_source = models.ForeignKey(DataSource, models.PROTECT, related_name="file_mappings")
    name = models.CharField(max_length=255)
    file_format = models.CharField(max_length=50, choices=FileFormat)
    mapping = models.JSONField()
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "file_mapping"
        db_table_comment = "Fact: how the files of a source are to be read."
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="uq_file_mapping_organization_name"),
            models.CheckConstraint(
                condition=models.Q(file_format__in=FileFormat.values), name="chk_file_mapping_format"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RejectedReading(models.Model):
    """A row of a file that was not loaded while the others were, and why."""

    ingestion_log = models.ForeignKey(IngestionLog, models.CASCADE, related_name="rejected_readings", db_index=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="rejected_readings")
    line = models.BigIntegerField(help_text="Of the file, counted from 1.")
    column_name = models.CharField(max_length=255, null=True, blank=True)
    value = models.TextField(null=True, blank=True)
    cause = models.TextField()
    raw = models.TextField(null=True, blank=True, help_text="The row as it stands in the file.")
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "rejected_reading"
        db_table_comment = "Fact: a row of a file that was not loaded while the others were, and why."
        indexes = [
            NamedIndex(fields=["ingestion_log", "line"], name="idx_rejected_reading_log"),
        ]

    def __str__(self) -> str:
        return f"line {self.line}: {self.cause}"
