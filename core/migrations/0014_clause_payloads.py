from django.db import migrations

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0013_reading_change"),
        ("metering", "0014_ingestion_pipeline"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="023_clause_payloads.sql",
            sha256="5b2d1071b5a1077ff185203f390f14f8046d21e384c9931faebc67f585a4beca",
        ),
    ]
