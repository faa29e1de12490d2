import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0012_reading_interval_labels"),
        ("invoicing", "0003_reading_interval_labels"),
        ("metering", "0009_reading_interval_labels"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="018_reading_archive.sql",
            sha256="43048a5282c896ba21d3c2ca09156ba40748685837911deff27bf19d3335db88",
            state_operations=[
                migrations.CreateModel(
                    name="ReadingArchive",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("month", models.DateField(help_text="Its first day.")),
                        ("partition_name", models.CharField(max_length=63)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("archived", "archived"),
                                    ("detached", "detached"),
                                    ("dropped", "dropped"),
                                    ("restored", "restored"),
                                ],
                                db_default="archived",
                                default="archived",
                                max_length=20,
                            ),
                        ),
                        ("row_count", models.BigIntegerField()),
                        (
                            "content_sha256",
                            models.CharField(help_text="Of the rows, however the files hold them.", max_length=64),
                        ),
                        ("first_reading_at", models.DateTimeField(blank=True, null=True)),
                        ("last_reading_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "archived_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        ("detached_at", models.DateTimeField(blank=True, null=True)),
                        ("dropped_at", models.DateTimeField(blank=True, null=True)),
                        ("restored_at", models.DateTimeField(blank=True, null=True)),
                        ("proof", models.JSONField(blank=True, null=True)),
                    ],
                    options={
                        "db_table": "reading_archive",
                        "db_table_comment": "Fact: a month of readings that was archived, what it held, and what became of its partition.",
                        "constraints": [
                            models.UniqueConstraint(fields=("month",), name="uq_reading_archive_month"),
                            models.CheckConstraint(
                                condition=models.Q(("month__day", 1)), name="chk_reading_archive_month"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("row_count__gte", 0)), name="chk_reading_archive_rows"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["archived", "detached", "dropped", "restored"])),
                                name="chk_reading_archive_state",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ReadingArchiveFile",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("uri", models.CharField(max_length=1024)),
                        ("row_count", models.BigIntegerField()),
                        ("bytes", models.BigIntegerField()),
                        ("sha256", models.CharField(help_text="Of the file.", max_length=64)),
                        (
                            "content_sha256",
                            models.CharField(help_text="Of the rows, however the file holds them.", max_length=64),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reading_archive_files",
                                to="core.organization",
                            ),
                        ),
                        (
                            "reading_archive",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="files",
                                to="metering.readingarchive",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "reading_archive_file",
                        "db_table_comment": "Fact: the file that holds one organization's readings of an archived month.",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("reading_archive", "uri"), name="uq_reading_archive_file_uri"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("bytes__gte", 0), ("row_count__gte", 0)),
                                name="chk_reading_archive_file_rows",
                            ),
                        ],
                    },
                ),
            ],
        ),
    ]
