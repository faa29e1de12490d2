import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0013_aggregate_registers"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="022_ingestion_pipeline.sql",
            sha256="0636e7d88fc370b726cd20a3cadc2ac83b0a7eefb2a0e7b7fceab095124c03b5",
            state_operations=[
                migrations.CreateModel(
                    name="FileMapping",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=255)),
                        (
                            "file_format",
                            models.CharField(
                                choices=[
                                    ("json", "JSON"),
                                    ("csv", "CSV"),
                                    ("parquet", "Parquet"),
                                    ("xlsx", "XLSX"),
                                    ("ndjson", "NDJSON"),
                                    ("nem12", "NEM12"),
                                    ("nem13", "NEM13"),
                                    ("espi", "Green Button"),
                                    ("solaredge", "SolarEdge V2"),
                                    ("solaredge_v1", "SolarEdge V1"),
                                    ("enphase", "Enphase"),
                                    ("sma", "SMA"),
                                    ("goodwe", "GoodWe"),
                                ],
                                max_length=50,
                            ),
                        ),
                        ("mapping", models.JSONField()),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "updated_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "file_mapping",
                        "db_table_comment": "Fact: how the files of a source are to be read.",
                    },
                ),
                migrations.CreateModel(
                    name="RejectedReading",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("line", models.BigIntegerField(help_text="Of the file, counted from 1.")),
                        ("column_name", models.CharField(blank=True, max_length=255, null=True)),
                        ("value", models.TextField(blank=True, null=True)),
                        ("cause", models.TextField()),
                        ("raw", models.TextField(blank=True, help_text="The row as it stands in the file.", null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "rejected_reading",
                        "db_table_comment": "Fact: a row of a file that was not loaded while the others were, and why.",
                    },
                ),
                migrations.RemoveConstraint(
                    model_name="ingestionlog",
                    name="chk_ingestion_log_format",
                ),
                migrations.AddField(
                    model_name="ingestionlog",
                    name="rows_replaced",
                    field=models.IntegerField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="integrationsite",
                    name="synced_until",
                    field=models.DateTimeField(
                        blank=True,
                        help_text="End of the last window of readings that was read with success.",
                        null=True,
                    ),
                ),
                migrations.AlterField(
                    model_name="ingestionlog",
                    name="file_format",
                    field=models.CharField(
                        blank=True,
                        choices=[
                            ("json", "JSON"),
                            ("csv", "CSV"),
                            ("parquet", "Parquet"),
                            ("xlsx", "XLSX"),
                            ("ndjson", "NDJSON"),
                            ("nem12", "NEM12"),
                            ("nem13", "NEM13"),
                            ("espi", "Green Button"),
                            ("solaredge", "SolarEdge V2"),
                            ("solaredge_v1", "SolarEdge V1"),
                            ("enphase", "Enphase"),
                            ("sma", "SMA"),
                            ("goodwe", "GoodWe"),
                        ],
                        max_length=50,
                        null=True,
                    ),
                ),
                migrations.AddConstraint(
                    model_name="ingestionlog",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            (
                                "file_format__in",
                                [
                                    "json",
                                    "csv",
                                    "parquet",
                                    "xlsx",
                                    "ndjson",
                                    "nem12",
                                    "nem13",
                                    "espi",
                                    "solaredge",
                                    "solaredge_v1",
                                    "enphase",
                                    "sma",
                                    "goodwe",
                                ],
                            )
                        ),
                        name="chk_ingestion_log_format",
                    ),
                ),
                migrations.AddField(
                    model_name="filemapping",
                    name="data_source",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="file_mappings", to="core.datasource"
                    ),
                ),
                migrations.AddField(
                    model_name="filemapping",
                    name="organization",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="file_mappings",
                        to="core.organization",
                    ),
                ),
                migrations.AddField(
                    model_name="rejectedreading",
                    name="ingestion_log",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rejected_readings",
                        to="metering.ingestionlog",
                    ),
                ),
                migrations.AddField(
                    model_name="rejectedreading",
                    name="organization",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rejected_readings",
                        to="core.organization",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="filemapping",
                    constraint=models.UniqueConstraint(
                        fields=("organization", "name"), name="uq_file_mapping_organization_name"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="filemapping",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            (
                                "file_format__in",
                                [
                                    "json",
                                    "csv",
                                    "parquet",
                                    "xlsx",
                                    "ndjson",
                                    "nem12",
                                    "nem13",
                                    "espi",
                                    "solaredge",
                                    "solaredge_v1",
                                    "enphase",
                                    "sma",
                                    "goodwe",
                                ],
                            )
                        ),
                        name="chk_file_mapping_format",
                    ),
                ),
                migrations.AddIndex(
                    model_name="rejectedreading",
                    index=database.indexes.NamedIndex(
                        fields=["ingestion_log", "line"], name="idx_rejected_reading_log"
                    ),
                ),
            ],
        ),
    ]
