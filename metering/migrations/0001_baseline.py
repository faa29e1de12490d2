import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.fields
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_baseline"),
    ]

    operations = [
        database.operations.SQLFileState(
            file_name="v1.0_baseline.sql",
            state_operations=[
                migrations.CreateModel(
                    name="AssetType",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("code", models.CharField()),
                        ("description", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "asset_type",
                        "db_table_comment": "Lookup: kinds of equipment.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="asset_type_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="Asset",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("description", models.CharField(blank=True, null=True)),
                        ("model", models.CharField(blank=True, null=True)),
                        ("serial_code", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="assets", to="core.project"
                            ),
                        ),
                        (
                            "asset_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="assets",
                                to="metering.assettype",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "asset",
                        "db_table_comment": "Fact: a piece of equipment of a project.",
                    },
                ),
                migrations.CreateModel(
                    name="FaultType",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("code", models.CharField()),
                        ("description", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "fault_type",
                        "db_table_comment": "Lookup: kinds of equipment fault.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="fault_type_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="GridEventType",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("code", models.CharField()),
                        ("description", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "grid_event_type",
                        "db_table_comment": "Lookup: kinds of grid event.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="grid_event_type_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="GridOperator",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("address", models.CharField(blank=True, null=True)),
                        ("country", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "grid_operator",
                        "db_table_comment": "Lookup: operators of the grids that projects feed.",
                        "constraints": [models.UniqueConstraint(fields=("name",), name="grid_operator_name_key")],
                    },
                ),
                migrations.CreateModel(
                    name="Meter",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("model", models.CharField(blank=True, null=True)),
                        ("unit", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "asset",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="meters",
                                to="metering.asset",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="meters", to="core.project"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "meter",
                        "db_table_comment": "Fact: a meter of a project.",
                    },
                ),
                migrations.CreateModel(
                    name="MeterAggregate",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "total_production",
                            models.DecimalField(blank=True, decimal_places=12, max_digits=24, null=True),
                        ),
                        (
                            "total_consumption",
                            models.DecimalField(blank=True, decimal_places=12, max_digits=24, null=True),
                        ),
                        ("peak", models.DecimalField(blank=True, decimal_places=12, max_digits=24, null=True)),
                        ("off_peak", models.DecimalField(blank=True, decimal_places=12, max_digits=24, null=True)),
                        ("unit", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "billing_period",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="aggregates",
                                to="core.billingperiod",
                            ),
                        ),
                        (
                            "data_source",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="aggregates",
                                to="core.datasource",
                            ),
                        ),
                        (
                            "meter",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="aggregates",
                                to="metering.meter",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "meter_aggregate",
                        "db_table_comment": "Derived: energy and availability of a meter over an hour, a day or a month.",
                    },
                ),
                migrations.CreateModel(
                    name="MeterReading",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("reading_timestamp", models.DateTimeField(help_text="Start of the interval.")),
                        ("value", models.DecimalField(blank=True, decimal_places=12, max_digits=24, null=True)),
                        ("unit", models.CharField()),
                        (
                            "reading_interval",
                            database.fields.EnumField(
                                choices=[
                                    ("daily", "daily"),
                                    ("hourly", "hourly"),
                                    ("15min", "quarter of an hour"),
                                    ("min", "minute"),
                                    ("sec", "second"),
                                    ("millisec", "millisecond"),
                                ],
                                db_default="15min",
                                default="15min",
                                enum="updated_frequency",
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "meter",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="readings",
                                to="metering.meter",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="readings",
                                to="core.project",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "meter_reading",
                        "db_table_comment": "Fact: one measured value of one meter.",
                    },
                ),
                migrations.CreateModel(
                    name="MeterType",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("code", models.CharField()),
                        ("description", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "meter_type",
                        "db_table_comment": "Lookup: what a meter measures.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="meter_type_code_key")],
                    },
                ),
                migrations.AddField(
                    model_name="meter",
                    name="meter_type",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="meters", to="metering.metertype"
                    ),
                ),
                migrations.CreateModel(
                    name="Vendor",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("address", models.CharField(blank=True, null=True)),
                        ("country", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "vendor",
                        "db_table_comment": "Lookup: makers of equipment.",
                        "constraints": [models.UniqueConstraint(fields=("name",), name="vendor_name_key")],
                    },
                ),
                migrations.AddField(
                    model_name="meter",
                    name="vendor",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="meters",
                        to="metering.vendor",
                    ),
                ),
                migrations.AddField(
                    model_name="asset",
                    name="vendor",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="assets",
                        to="metering.vendor",
                    ),
                ),
                migrations.CreateModel(
                    name="WeatherDataType",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("code", models.CharField()),
                        ("description", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "updated_frequency",
                            database.fields.EnumField(
                                choices=[
                                    ("daily", "daily"),
                                    ("hourly", "hourly"),
                                    ("15min", "quarter of an hour"),
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
                    options={
                        "db_table": "weather_data_type",
                        "db_table_comment": "Lookup: kinds of weather observation.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="weather_data_type_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="WeatherData",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("country", models.CharField(blank=True, null=True)),
                        ("region", models.CharField(blank=True, null=True)),
                        ("source", models.CharField(blank=True, null=True)),
                        ("unit", models.CharField()),
                        ("unit_value", models.DecimalField(decimal_places=10, max_digits=20)),
                        ("reading_timestamp", models.DateTimeField()),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "weather_data_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="weather_data",
                                to="metering.weatherdatatype",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "weather observation",
                        "verbose_name_plural": "weather data",
                        "db_table": "weather_data",
                        "db_table_comment": "Fact: a weather observation of a region.",
                    },
                ),
                migrations.CreateModel(
                    name="Fault",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("description", models.CharField(blank=True, null=True)),
                        (
                            "severity",
                            database.fields.EnumField(
                                choices=[("high", "high"), ("medium", "medium"), ("low", "low")],
                                db_default="high",
                                default="high",
                                enum="severity",
                            ),
                        ),
                        ("time_start", models.DateTimeField()),
                        ("time_end", models.DateTimeField(blank=True, null=True)),
                        ("metadata_detail", models.JSONField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "asset",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="faults",
                                to="metering.asset",
                            ),
                        ),
                        (
                            "data_source",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="faults",
                                to="core.datasource",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="faults", to="core.project"
                            ),
                        ),
                        (
                            "fault_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="faults",
                                to="metering.faulttype",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "fault",
                        "db_table_comment": "Fact: a fault of a piece of equipment.",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("time_end__gte", models.F("time_start"))), name="fault_times_check"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="GridEvent",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("country", models.CharField(blank=True, null=True)),
                        ("region", models.CharField(blank=True, null=True)),
                        ("source", models.CharField(blank=True, null=True)),
                        ("metadata_detail", models.JSONField(blank=True, null=True)),
                        ("time_start", models.DateTimeField()),
                        ("time_end", models.DateTimeField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "grid_event_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="grid_events",
                                to="metering.grideventtype",
                            ),
                        ),
                        (
                            "grid_operator",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="grid_events",
                                to="metering.gridoperator",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "grid_event",
                        "db_table_comment": "Fact: something that happened on a grid.",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("time_end__gte", models.F("time_start"))),
                                name="grid_event_times_check",
                            )
                        ],
                    },
                ),
            ],
        ),
    ]
