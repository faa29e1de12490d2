import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0003_migrate_role_to_auth"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="002_add_contract_pii_mapping.sql",
            sha256="65cb0c99d20a20e89a85f043b990ce1e32e12814e5f64dd9cad14db0d9c50d2e",
            state_operations=[
                migrations.CreateModel(
                    name="ContractPiiMapping",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("encrypted_mapping", models.BinaryField()),
                        ("pii_entities_count", models.IntegerField(db_default=0, default=0)),
                        (
                            "encryption_method",
                            models.CharField(db_default="aes-256-gcm", default="aes-256-gcm", max_length=50),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        ("created_by", models.UUIDField(blank=True, null=True)),
                        ("accessed_at", models.DateTimeField(blank=True, null=True)),
                        ("accessed_by", models.UUIDField(blank=True, null=True)),
                        ("access_count", models.IntegerField(db_default=0, default=0)),
                        (
                            "contract",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="pii_mappings",
                                to="core.contract",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "masked names of a contract",
                        "verbose_name_plural": "masked names",
                        "db_table": "contract_pii_mapping",
                        "db_table_comment": "Fact: the encrypted names and numbers that were masked in the text of a contract.",
                        "indexes": [
                            database.indexes.NamedIndex(
                                fields=["created_at"], name="idx_contract_pii_mapping_created_at"
                            ),
                            database.indexes.NamedIndex(
                                fields=["accessed_at"], name="idx_contract_pii_mapping_accessed_at"
                            ),
                            database.indexes.NamedIndex(
                                fields=["created_by"], name="idx_contract_pii_mapping_created_by"
                            ),
                            database.indexes.NamedIndex(
                                fields=["accessed_by"], name="idx_contract_pii_mapping_accessed_by"
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("access_count__gte", 0)), name="access_count_non_negative"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("pii_entities_count__gte", 0)), name="pii_entities_count_positive"
                            ),
                        ],
                    },
                ),
            ],
        ),
    ]
