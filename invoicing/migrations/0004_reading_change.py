import django.contrib.postgres.functions
from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("invoicing", "0003_reading_interval_labels"),
        ("metering", "0011_lean_metering"),
        ("metering", "0012_reading_change"),
    ]

    operations = [
        database.operations.SQLFileState(
            file_name="020_reading_change.sql",
            state_operations=[
                migrations.AddField(
                    model_name="expectedinvoiceheader",
                    name="computed_at",
                    field=models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        editable=False,
                        help_text="When it was last computed, whether or not it changed.",
                    ),
                ),
                migrations.AddField(
                    model_name="invoiceheader",
                    name="computed_at",
                    field=models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        editable=False,
                        help_text="When it was last computed, whether or not it changed.",
                    ),
                ),
            ],
        ),
    ]
