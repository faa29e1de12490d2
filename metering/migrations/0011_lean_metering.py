import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0010_reading_archive"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="019_lean_metering.sql",
            sha256="914056935080829d8f46d79b3e191c0e8a16adce384d7f2016cad73df1abedbc",
            state_operations=[
                migrations.RemoveIndex(
                    model_name="meteraggregate",
                    name="idx_meter_aggregate_period",
                ),
                migrations.RemoveIndex(
                    model_name="meteraggregate",
                    name="idx_meter_aggregate_type",
                ),
                migrations.AlterField(
                    model_name="meteraggregate",
                    name="billing_period",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="aggregates",
                        to="core.billingperiod",
                    ),
                ),
                migrations.AlterField(
                    model_name="meteraggregate",
                    name="data_source",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="aggregates",
                        to="core.datasource",
                    ),
                ),
                migrations.AlterField(
                    model_name="meteraggregate",
                    name="meter",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="aggregates",
                        to="metering.meter",
                    ),
                ),
                migrations.AlterField(
                    model_name="meteraggregate",
                    name="organization",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="core.organization",
                    ),
                ),
                migrations.AddIndex(
                    model_name="meteraggregate",
                    index=database.indexes.NamedIndex(
                        condition=models.Q(("period_type", "hourly"), _negated=True),
                        fields=["period_type", "period_start", "period_end"],
                        name="idx_meter_aggregate_period",
                    ),
                ),
                migrations.AddIndex(
                    model_name="meteraggregate",
                    index=database.indexes.NamedIndex(
                        condition=models.Q(("billing_period__isnull", False)),
                        fields=["billing_period"],
                        name="idx_meter_aggregate_billing_period_id",
                    ),
                ),
                migrations.AddIndex(
                    model_name="meteraggregate",
                    index=database.indexes.NamedIndex(
                        condition=models.Q(("data_source__isnull", False)),
                        fields=["data_source"],
                        name="idx_meter_aggregate_data_source_id",
                    ),
                ),
                migrations.RemoveIndex(
                    model_name="meterreading",
                    name="idx_meter_reading_source",
                ),
                migrations.RemoveIndex(
                    model_name="meterreading",
                    name="idx_meter_reading_external_site",
                ),
                migrations.RemoveIndex(
                    model_name="meterreading",
                    name="idx_meter_reading_timestamp",
                ),
                migrations.RemoveIndex(
                    model_name="meterreading",
                    name="idx_meter_reading_org_project_ts",
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="ingestion_log_id",
                    field=models.BigIntegerField(
                        blank=True, editable=False, help_text="The file that brought the reading.", null=True
                    ),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="interval_seconds",
                    field=models.IntegerField(
                        db_default=900,
                        default=900,
                        help_text="Length of the interval in seconds; a local day has 82,800 to 90,000.",
                    ),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="register_wh",
                    field=models.DecimalField(
                        blank=True,
                        decimal_places=9,
                        help_text="Cumulative register at the end of the interval, in Wh; empty: the source has none.",
                        max_digits=24,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="reported_at",
                    field=models.DateTimeField(
                        blank=True, help_text="When the source stated the value; empty: it did not say.", null=True
                    ),
                ),
                migrations.AlterField(
                    model_name="meterreading",
                    name="meter",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="readings",
                        to="metering.meter",
                    ),
                ),
                migrations.AlterField(
                    model_name="meterreading",
                    name="organization",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="core.organization",
                    ),
                ),
                migrations.AlterField(
                    model_name="meterreading",
                    name="project",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="core.project",
                    ),
                ),
                migrations.AddIndex(
                    model_name="meterreading",
                    index=django.contrib.postgres.indexes.BrinIndex(
                        fields=["reading_timestamp"], name="idx_meter_reading_time"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="meterreading",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("interval_seconds", 900), ("reading_interval", "15min")),
                            models.Q(("interval_seconds", 300), ("reading_interval", "5min")),
                            models.Q(("interval_seconds", 1800), ("reading_interval", "30min")),
                            models.Q(("interval_seconds", 3600), ("reading_interval", "hourly")),
                            models.Q(
                                ("interval_seconds__gte", 82800),
                                ("interval_seconds__lte", 90000),
                                ("reading_interval", "daily"),
                            ),
                            models.Q(("interval_seconds", 60), ("reading_interval", "min")),
                            models.Q(("interval_seconds", 1), ("reading_interval", "sec")),
                            models.Q(("interval_seconds", 1), ("reading_interval", "millisec")),
                            _connector="OR",
                        ),
                        name="chk_meter_reading_interval",
                    ),
                ),
            ],
        ),
    ]
