from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0009_project_time_zone"),
        ("metering", "0006_ingestion_log"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="013_meter_aggregate_seconds.sql",
            sha256="3ae5f3ce34dd3e12887c9c057bc520c1688b0d102871bc12643123d2e1315191",
            state_operations=[
                migrations.AddField(
                    model_name="meteraggregate",
                    name="seconds_available",
                    field=models.BigIntegerField(
                        blank=True, help_text="Useful seconds in which the meter ran.", null=True
                    ),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="seconds_expected",
                    field=models.BigIntegerField(
                        blank=True, help_text="Useful seconds of which it is known whether it ran.", null=True
                    ),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="seconds_unknown",
                    field=models.BigIntegerField(blank=True, help_text="Seconds without information.", null=True),
                ),
                migrations.AddConstraint(
                    model_name="meteraggregate",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("seconds_available__gte", 0),
                            ("seconds_available__lte", models.F("seconds_expected")),
                            ("seconds_unknown__gte", 0),
                        ),
                        name="meter_aggregate_seconds_check",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="meteraggregate",
                    constraint=models.UniqueConstraint(
                        fields=("meter", "period_type", "period_start"),
                        name="meter_aggregate_meter_id_period_type_period_start_key",
                    ),
                ),
            ],
        ),
    ]
