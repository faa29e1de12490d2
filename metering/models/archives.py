"""Months of readings that left the database."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.organizations import Organization


class ArchiveState(models.TextChoices):
    """What became of the partition of an archived month."""

    ARCHIVED = "archived", "archived"
    DETACHED = "detached", "detached"
    DROPPED = "dropped", "dropped"
    RESTORED = "restored", "restored"


class ReadingArchive(models.Model):
    """A month of readings that was archived, what it held, and what became of its partition."""

    month = models.DateField(help_text="Its first day.")
    partition_name = models.CharField(max_length=63)
    state = models.CharField(
        max_length=20, choices=ArchiveState, default=ArchiveState.ARCHIVED, db_default=ArchiveState.ARCHIVED
    )
    row_count = models.BigIntegerField()
    content_sha256 = models.CharField(max_length=64, help_text="Of the rows, however the files hold them.")
    first_reading_at = models.DateTimeField(null=True, blank=True)
    last_reading_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    detached_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)
    restored_at = models.DateTimeField(null=True, blank=True)
    proof = models.JSONField(null=True, blank=True)

    class Meta:
        db_table = "reading_archive"
        db_table_comment = (
            "Fact: a month of readings that was archived, what it held, and what became of its partition."
        )
        constraints = [
            models.UniqueConstraint(fields=["month"], name="uq_reading_archive_month"),
            models.CheckConstraint(condition=models.Q(month__day=1), name="chk_reading_archive_month"),
            models.CheckConstraint(condition=models.Q(row_count__gte=0), name="chk_reading_archive_rows"),
            models.CheckConstraint(condition=models.Q(state__in=ArchiveState.values), name="chk_reading_archive_state"),
        ]

    def __str__(self) -> str:
        return f"readings of {self.month:%Y-%m}"


class ReadingArchiveFile(models.Model):
    """The file that holds one organization's readings of an archived month."""

    reading_archive = models.ForeignKey(ReadingArchive, models.PROTECT, related_name="files", db_index=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="reading_archive_files")
    uri = models.CharField(max_length=1024)
    row_count = models.BigIntegerField()
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, help_text="Of the file.")
    content_sha256 = models.CharField(max_length=64, help_text="Of the rows, however the file holds them.")

    class Meta:
        db_table = "reading_archive_file"
        db_table_comment = "Fact: the file that holds one organization's readings of an archived month."
        constraints = [
            models.UniqueConstraint(fields=["reading_archive", "uri"], name="uq_reading_archive_file_uri"),
            models.CheckConstraint(
                condition=models.Q(row_count__gte=0, bytes__gte=0), name="chk_reading_archive_file_rows"
            ),
        ]

    def __str__(self) -> str:
        return self.uri
