from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0013_reading_change"),
        ("invoicing", "0004_reading_change"),
        ("metering", "0012_reading_change"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="021_aggregate_registers.sql",
            sha256="1231ed9e7faa2b5af4715145ba9586b9d5c2fc5feaeffe9c95001544eeb79730",
            state_operations=[
                migrations.RemoveConstraint(
                    model_name="meteraggregate",
                    name="chk_meter_aggregate_period_type",
                ),
                migrations.RemoveConstraint(
                    model_name="meteraggregate",
                    name="meter_aggregate_meter_id_period_type_period_start_key",
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="closing_register_wh",
                    field=models.DecimalField(
                        blank=True,
                        decimal_places=9,
                        help_text="Cumulative register at the end, in Wh; empty: the source has none.",
                        max_digits=24,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="opening_register_wh",
                    field=models.DecimalField(
                        blank=True,
                        decimal_places=9,
                        help_text="Cumulative register at the start, in Wh; empty: the source has none.",
                        max_digits=24,
                        null=True,
                    ),
                ),
                migrations.AlterField(
                    model_name="meteraggregate",
                    name="period_type",
                    field=models.CharField(
                        choices=[
                            ("hourly", "hourly"),
                            ("daily", "daily"),
                            ("monthly", "monthly"),
                            ("billing", "billing period"),
                        ],
                        db_default="monthly",
                        default="monthly",
                        max_length=20,
                    ),
                ),
                migrations.AddConstraint(
                    model_name="meteraggregate",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("period_type__in", ["hourly", "daily", "monthly", "billing"])),
                        name="chk_meter_aggregate_period_type",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="meteraggregate",
                    constraint=models.UniqueConstraint(
                        fields=("meter", "period_type", "period_start", "period_end"),
                        name="meter_aggregate_meter_id_period_key",
                    ),
                ),
            ],
        ),
    ]
