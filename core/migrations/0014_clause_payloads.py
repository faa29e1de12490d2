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
            sha256="9e0ca375a56bfaf37f6f26cc4df776824d1499b67b49ae43a2e1832c33b085a5",
        ),
    ]
