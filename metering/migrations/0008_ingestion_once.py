from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0010_verdict_identity"),
        ("metering", "0007_meter_aggregate_seconds"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="015_ingestion_once.sql",
            sha256="459303e18f896029aa2d4c8044ae2486f6c539f9fb7fe6474c75ac9108fb565e",
            state_operations=[
                migrations.AddConstraint(
                    model_name="ingestionlog",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("ingestion_status", "success")),
                        fields=("organization", "file_hash"),
                        name="uq_ingestion_log_loaded_file",
                    ),
                ),
            ],
        ),
    ]
