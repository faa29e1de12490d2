from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0008_default_event_evidence"),
        ("metering", "0006_ingestion_log"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="012_project_time_zone.sql",
            sha256="31a3bebb90d289b9fc4a65f2da130550a1e85b6e34110a6cc2804d14326bcf41",
            state_operations=[
                migrations.AddField(
                    model_name="project",
                    name="time_zone",
                    field=models.CharField(
                        db_default="UTC",
                        default="UTC",
                        help_text="IANA name, such as America/Phoenix; days and months are cut in it.",
                    ),
                ),
            ],
        ),
    ]
