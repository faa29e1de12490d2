from django.db import migrations

import database.fields
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0011_invoice_guards"),
        ("core", "0012_reading_interval_labels"),
        ("invoicing", "0002_invoice_guards"),
        ("metering", "0008_ingestion_once"),
    ]

    operations = [
        database.operations.SQLFileState(
            file_name="017_reading_interval_labels.sql",
            state_operations=[
                migrations.AlterField(
                    model_name="meterreading",
                    name="reading_interval",
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
                        db_default="15min",
                        default="15min",
                        enum="updated_frequency",
                    ),
                ),
                migrations.AlterField(
                    model_name="weatherdatatype",
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
