import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0007_update_clause_categories"),
        ("metering", "0001_baseline"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="006_meter_reading_v2.sql",
            sha256="b13326f63d985e977aa300bd92d1699f079f70d1f54585364c853ba548d201f9",
            state_operations=[
                migrations.AlterModelTableComment(
                    name="meterreading",
                    table_comment="Fact: one measured interval of one meter; reading_timestamp is its start.",
                ),
                migrations.RemoveField(
                    model_name="meterreading",
                    name="unit",
                ),
                migrations.RemoveField(
                    model_name="meterreading",
                    name="value",
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="energy_wh",
                    field=models.DecimalField(
                        blank=True,
                        decimal_places=9,
                        help_text="Energy of the interval in Wh; empty: not known.",
                        max_digits=24,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="external_device_id",
                    field=models.CharField(blank=True, max_length=255, null=True),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="external_site_id",
                    field=models.CharField(blank=True, max_length=255, null=True),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="ingested_at",
                    field=models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                    ),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="irradiance_wm2",
                    field=models.DecimalField(
                        blank=True,
                        decimal_places=6,
                        help_text="Mean irradiance of the interval in W/m².",
                        max_digits=12,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="organization",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="readings", to="core.organization"
                    ),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="other_metrics",
                    field=models.JSONField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="power_w",
                    field=models.DecimalField(
                        blank=True,
                        decimal_places=9,
                        help_text="Mean power of the interval in W.",
                        max_digits=24,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="quality",
                    field=models.CharField(
                        choices=[("measured", "measured"), ("estimated", "estimated"), ("missing", "missing")],
                        db_default="measured",
                        default="measured",
                        max_length=20,
                    ),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="source_system",
                    field=models.CharField(
                        choices=[
                            ("solaredge", "SolarEdge"),
                            ("enphase", "Enphase"),
                            ("sma", "SMA"),
                            ("goodwe", "GoodWe"),
                            ("snowflake", "Snowflake"),
                            ("manual", "loaded by hand"),
                        ],
                        max_length=50,
                    ),
                ),
                migrations.AddField(
                    model_name="meterreading",
                    name="temperature_c",
                    field=models.DecimalField(
                        blank=True, decimal_places=6, help_text="Module temperature in °C.", max_digits=12, null=True
                    ),
                ),
                migrations.AlterField(
                    model_name="meterreading",
                    name="project",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="readings", to="core.project"
                    ),
                ),
                migrations.AddIndex(
                    model_name="meterreading",
                    index=database.indexes.NamedIndex(fields=["source_system"], name="idx_meter_reading_source"),
                ),
                migrations.AddIndex(
                    model_name="meterreading",
                    index=database.indexes.NamedIndex(
                        fields=["external_site_id"], name="idx_meter_reading_external_site"
                    ),
                ),
                migrations.AddIndex(
                    model_name="meterreading",
                    index=database.indexes.NamedIndex(fields=["reading_timestamp"], name="idx_meter_reading_timestamp"),
                ),
                migrations.AddIndex(
                    model_name="meterreading",
                    index=database.indexes.NamedIndex(
                        fields=["organization", "project", "reading_timestamp"], name="idx_meter_reading_org_project_ts"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="meterreading",
                    constraint=models.UniqueConstraint(
                        fields=("meter", "reading_timestamp"), name="meter_reading_meter_id_reading_timestamp_key"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="meterreading",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("quality__in", ["measured", "estimated", "missing"])),
                        name="chk_meter_reading_quality",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="meterreading",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("source_system__in", ["solaredge", "enphase", "sma", "goodwe", "snowflake", "manual"])
                        ),
                        name="chk_meter_reading_source",
                    ),
                ),
            ],
        ),
    ]
