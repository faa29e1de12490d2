import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0008_default_event_evidence"),
        ("metering", "0003_meter_aggregate_enhance"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="009_integration_credential.sql",
            sha256="e57f14cd45bfdd43d8945302222cbfb863e2e5f31a7d456f37f4d83705dba3d4",
            state_operations=[
                migrations.CreateModel(
                    name="IntegrationCredential",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "auth_type",
                            models.CharField(choices=[("api_key", "API key"), ("oauth2", "OAuth 2")], max_length=20),
                        ),
                        ("label", models.CharField(blank=True, max_length=255, null=True)),
                        ("encrypted_credentials", models.BinaryField()),
                        ("encryption_method", models.CharField(db_default="fernet", default="fernet", max_length=50)),
                        ("token_expires_at", models.DateTimeField(blank=True, null=True)),
                        ("token_refreshed_at", models.DateTimeField(blank=True, null=True)),
                        ("is_active", models.BooleanField(db_default=True, default=True)),
                        ("last_used_at", models.DateTimeField(blank=True, null=True)),
                        ("last_error", models.TextField(blank=True, null=True)),
                        ("error_count", models.IntegerField(db_default=0, default=0)),
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
                        ("created_by", models.UUIDField(blank=True, null=True)),
                        ("updated_by", models.UUIDField(blank=True, null=True)),
                        (
                            "data_source",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="credentials",
                                to="core.datasource",
                            ),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="credentials",
                                to="core.organization",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "integration_credential",
                        "db_table_comment": "Fact: an encrypted key to a vendor's portal.",
                        "indexes": [
                            database.indexes.NamedIndex(
                                condition=models.Q(("is_active", True)),
                                fields=["is_active"],
                                name="idx_integration_credential_active",
                            ),
                            database.indexes.NamedIndex(
                                fields=["created_by"], name="idx_integration_credential_created_by"
                            ),
                            database.indexes.NamedIndex(
                                fields=["updated_by"], name="idx_integration_credential_updated_by"
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("auth_type__in", ["api_key", "oauth2"])),
                                name="chk_integration_credential_auth",
                            )
                        ],
                    },
                ),
            ],
        ),
    ]
