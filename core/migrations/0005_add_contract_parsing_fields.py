from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_add_contract_pii_mapping"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="003_add_contract_parsing_fields.sql",
            sha256="56fa329313b631f6b261c39210002fff3bcc4adc99cc770d248a2578f412af5e",
            state_operations=[
                migrations.AddField(
                    model_name="contract",
                    name="clauses_extracted_count",
                    field=models.IntegerField(db_default=0, default=0),
                ),
                migrations.AddField(
                    model_name="contract",
                    name="parsing_completed_at",
                    field=models.DateTimeField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="contract",
                    name="parsing_error",
                    field=models.TextField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="contract",
                    name="parsing_started_at",
                    field=models.DateTimeField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="contract",
                    name="parsing_status",
                    field=models.CharField(
                        blank=True,
                        choices=[
                            ("pending", "pending"),
                            ("processing", "processing"),
                            ("completed", "completed"),
                            ("failed", "failed"),
                        ],
                        max_length=50,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="contract",
                    name="pii_detected_count",
                    field=models.IntegerField(db_default=0, default=0),
                ),
                migrations.AddField(
                    model_name="contract",
                    name="processing_time_seconds",
                    field=models.DecimalField(blank=True, decimal_places=2, max_digits=10, null=True),
                ),
                migrations.AddIndex(
                    model_name="contract",
                    index=database.indexes.NamedIndex(
                        condition=models.Q(("parsing_status__isnull", False)),
                        fields=["parsing_status"],
                        name="idx_contract_parsing_status",
                    ),
                ),
                migrations.AddIndex(
                    model_name="contract",
                    index=database.indexes.NamedIndex(
                        condition=models.Q(("parsing_completed_at__isnull", False)),
                        fields=["parsing_completed_at"],
                        name="idx_contract_parsing_completed_at",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="contract",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("parsing_status__in", ["pending", "processing", "completed", "failed"])),
                        name="contract_parsing_status_check",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="contract",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("pii_detected_count__gte", 0)), name="contract_pii_detected_count_check"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="contract",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("clauses_extracted_count__gte", 0)),
                        name="contract_clauses_extracted_count_check",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="contract",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("processing_time_seconds__gte", 0)), name="contract_processing_time_check"
                    ),
                ),
            ],
        ),
    ]
