import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0004_integration_credential"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="010_integration_site.sql",
            sha256="9b7421797f010057cddf16307dd8c0a0da74345d6ff78e18f0a47d48da977304",
            state_operations=[
                migrations.CreateModel(
                    name="IntegrationSite",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("external_site_id", models.CharField(max_length=255)),
                        ("external_site_name", models.CharField(blank=True, max_length=255, null=True)),
                        ("external_metadata", models.JSONField(blank=True, null=True)),
                        ("is_active", models.BooleanField(db_default=True, default=True)),
                        ("sync_enabled", models.BooleanField(db_default=True, default=True)),
                        ("sync_interval_minutes", models.IntegerField(db_default=60, default=60)),
                        ("last_sync_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "last_sync_status",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("success", "success"),
                                    ("error", "error"),
                                    ("pending", "pending"),
                                    ("partial", "partial"),
                                ],
                                max_length=50,
                                null=True,
                            ),
                        ),
                        ("last_sync_error", models.TextField(blank=True, null=True)),
                        ("last_sync_records_count", models.IntegerField(blank=True, null=True)),
                        ("consecutive_failures", models.IntegerField(db_default=0, default=0)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "updated_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "data_source",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="sites", to="core.datasource"
                            ),
                        ),
                        (
                            "integration_credential",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="sites",
                                to="metering.integrationcredential",
                            ),
                        ),
                        (
                            "meter",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="sites",
                                to="metering.meter",
                            ),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="sites",
                                to="core.organization",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="sites",
                                to="core.project",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "integration_site",
                        "db_table_comment": "Fact: a site in a vendor's portal and the project and meter it feeds.",
                        "indexes": [
                            database.indexes.NamedIndex(
                                fields=["external_site_id"], name="idx_integration_site_external"
                            ),
                            database.indexes.NamedIndex(
                                condition=models.Q(("is_active", True), ("sync_enabled", True)),
                                fields=["is_active", "sync_enabled"],
                                name="idx_integration_site_active",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("integration_credential", "external_site_id"),
                                name="uq_integration_site_credential_external",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("last_sync_status__in", ["success", "error", "pending", "partial"])
                                ),
                                name="chk_integration_site_sync_status",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("sync_interval_minutes__gt", 0)),
                                name="chk_integration_site_sync_interval",
                            ),
                        ],
                    },
                ),
            ],
        ),
    ]
