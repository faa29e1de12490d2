import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.fields
import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0005_integration_site"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="011_ingestion_log.sql",
            sha256="3a4383cdaca8af60003cbecffba89aae6fa3178f6868d88f0139f8ca54e1707f",
            state_operations=[
                migrations.CreateModel(
                    name="IngestionLog",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("file_path", models.CharField(max_length=1024)),
                        ("file_name", models.CharField(blank=True, max_length=255, null=True)),
                        ("file_size_bytes", models.BigIntegerField(blank=True, null=True)),
                        (
                            "file_format",
                            models.CharField(
                                blank=True,
                                choices=[("json", "JSON"), ("csv", "CSV"), ("parquet", "Parquet"), ("xlsx", "XLSX")],
                                max_length=50,
                                null=True,
                            ),
                        ),
                        ("file_hash", models.CharField(blank=True, max_length=64, null=True)),
                        (
                            "ingestion_status",
                            database.fields.EnumField(
                                choices=[
                                    ("processing", "processing"),
                                    ("success", "success"),
                                    ("quarantined", "quarantined"),
                                    ("skipped", "skipped"),
                                    ("error", "error"),
                                ],
                                db_default="processing",
                                default="processing",
                                enum="ingestion_status",
                            ),
                        ),
                        (
                            "ingestion_stage",
                            database.fields.EnumField(
                                blank=True,
                                choices=[
                                    ("validating", "validating"),
                                    ("transforming", "transforming"),
                                    ("loading", "loading"),
                                    ("moving", "moving"),
                                    ("complete", "complete"),
                                ],
                                enum="ingestion_stage",
                                null=True,
                            ),
                        ),
                        ("rows_in_file", models.IntegerField(blank=True, null=True)),
                        ("rows_valid", models.IntegerField(blank=True, null=True)),
                        ("rows_loaded", models.IntegerField(blank=True, null=True)),
                        ("rows_skipped", models.IntegerField(blank=True, null=True)),
                        ("rows_failed", models.IntegerField(blank=True, null=True)),
                        ("data_start_timestamp", models.DateTimeField(blank=True, null=True)),
                        ("data_end_timestamp", models.DateTimeField(blank=True, null=True)),
                        ("validation_errors", models.JSONField(blank=True, null=True)),
                        ("error_message", models.TextField(blank=True, null=True)),
                        (
                            "processing_started_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        ("processing_completed_at", models.DateTimeField(blank=True, null=True)),
                        ("processing_time_ms", models.IntegerField(blank=True, null=True)),
                        ("destination_path", models.CharField(blank=True, max_length=1024, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "data_source",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="ingestion_logs",
                                to="core.datasource",
                            ),
                        ),
                        (
                            "integration_site",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="ingestion_logs",
                                to="metering.integrationsite",
                            ),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="ingestion_logs",
                                to="core.organization",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "ingestion_log",
                        "db_table_comment": "Fact: one file that was offered, and what became of it.",
                        "indexes": [
                            database.indexes.NamedIndex(fields=["ingestion_status"], name="idx_ingestion_log_status"),
                            database.indexes.NamedIndex(fields=["file_hash"], name="idx_ingestion_log_file_hash"),
                            database.indexes.NamedIndex(fields=["created_at"], name="idx_ingestion_log_created"),
                            database.indexes.NamedIndex(
                                fields=["organization", "-created_at"], name="idx_ingestion_log_org_date"
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("file_format__in", ["json", "csv", "parquet", "xlsx"])),
                                name="chk_ingestion_log_format",
                            )
                        ],
                    },
                ),
            ],
        ),
    ]
