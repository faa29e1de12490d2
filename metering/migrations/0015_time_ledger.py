from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0016_time_ledger"),
        ("metering", "0014_ingestion_pipeline"),
    ]

    operations = [
        database.operations.SQLFileState(
            file_name="028_time_ledger.sql",
            state_operations=[
                migrations.AddField(
                    model_name="meter",
                    name="rated_power_kw",
                    field=models.DecimalField(
                        blank=True,
                        decimal_places=9,
                        help_text="Of the unit that it measures, in kW.",
                        max_digits=24,
                        null=True,
                    ),
                ),
                migrations.AddConstraint(
                    model_name="meter",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("rated_power_kw__gt", 0)), name="meter_rated_power_check"
                    ),
                ),
            ],
        ),
    ]
