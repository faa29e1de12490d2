from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0007_update_clause_categories"),
        ("metering", "0003_meter_aggregate_enhance"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="008_default_event_evidence.sql",
            sha256="9a8065f1ceaa175ba550ad56500fc704d4dc6590883caa496087a923bb5eeda2",
            state_operations=[
                migrations.AddField(
                    model_name="defaultevent",
                    name="evidence",
                    field=models.JSONField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="defaultevent",
                    name="evidence_archived_at",
                    field=models.DateTimeField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="defaultevent",
                    name="evidence_s3_path",
                    field=models.CharField(blank=True, max_length=1024, null=True),
                ),
                migrations.AddIndex(
                    model_name="defaultevent",
                    index=database.indexes.NamedIndex(
                        models.ExpressionWrapper(
                            models.Q(("evidence__isnull", False)), output_field=models.BooleanField()
                        ),
                        name="idx_default_event_has_evidence",
                    ),
                ),
            ],
        ),
    ]
