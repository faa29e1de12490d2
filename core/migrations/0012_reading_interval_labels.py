from django.db import migrations

import database.fields
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0011_invoice_guards"),
        ("invoicing", "0002_invoice_guards"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="017_reading_interval_labels.sql",
            sha256="a256381c4e716ea39a0107499f9b570a1db9d16b77a4d8e6dc3e1ba52e784bd3",
            state_operations=[
                migrations.AlterField(
                    model_name="datasource",
                    name="updated_frequency",
                    field=database.fields.EnumField(
                        choices=[
                            ("daily", "daily"),
                            ("hourly", "hourly"),
                            ("30min", "half an hour"),
                            ("15min", "quarter of an hour"),
                            ("5min", "five minutes"),
                            ("min", "minute"),
                            ("sec", "second"),
                            ("millisec", "millisecond"),
                        ],
                        db_default="daily",
                        default="daily",
                        enum="updated_frequency",
                    ),
                ),
            ],
        ),
    ]
