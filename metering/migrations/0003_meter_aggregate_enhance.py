import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0002_meter_reading_v2"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="007_meter_aggregate_enhance.sql",
            sha256="8e6a8261850d1021416569c3c07a9bd810076bcf7e2b99ecaf0ff2486583292b",
            state_operations=[
                migrations.AddField(
                    model_name="meteraggregate",
                    name="aggregated_at",
                    field=models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                    ),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="availability_percent",
                    field=models.DecimalField(blank=True, decimal_places=2, max_digits=5, null=True),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="data_completeness_percent",
                    field=models.DecimalField(blank=True, decimal_places=2, max_digits=5, null=True),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="energy_kwh",
                    field=models.DecimalField(blank=True, decimal_places=12, max_digits=24, null=True),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="energy_wh",
                    field=models.DecimalField(blank=True, decimal_places=9, max_digits=24, null=True),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="hours_available",
                    field=models.DecimalField(blank=True, decimal_places=6, max_digits=14, null=True),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="hours_expected",
                    field=models.DecimalField(blank=True, decimal_places=6, max_digits=14, null=True),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="organization",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="aggregates", to="core.organization"
                    ),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="period_end",
                    field=models.DateTimeField(),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="period_start",
                    field=models.DateTimeField(),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="period_type",
                    field=models.CharField(
                        choices=[("hourly", "hourly"), ("daily", "daily"), ("monthly", "monthly")],
                        db_default="monthly",
                        default="monthly",
                        max_length=20,
                    ),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="reading_count",
                    field=models.IntegerField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="meteraggregate",
                    name="source_system",
                    field=models.CharField(blank=True, max_length=50, null=True),
                ),
                migrations.AlterField(
                    model_name="meteraggregate",
                    name="billing_period",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="aggregates",
                        to="core.billingperiod",
                    ),
                ),
                migrations.AddIndex(
                    model_name="meteraggregate",
                    index=database.indexes.NamedIndex(
                        fields=["period_start", "period_end"], name="idx_meter_aggregate_period"
                    ),
                ),
                migrations.AddIndex(
                    model_name="meteraggregate",
                    index=database.indexes.NamedIndex(fields=["period_type"], name="idx_meter_aggregate_type"),
                ),
                migrations.AddConstraint(
                    model_name="meteraggregate",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("period_type__in", ["hourly", "daily", "monthly"])),
                        name="chk_meter_aggregate_period_type",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="meteraggregate",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("period_end__gt", models.F("period_start"))),
                        name="chk_meter_aggregate_period",
                    ),
                ),
            ],
        ),
    ]
