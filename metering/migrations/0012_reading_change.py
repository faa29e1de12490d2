import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0011_lean_metering"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="020_reading_change.sql",
            sha256="b9fa76e510cef827f2f78b0c9cda4d74aad7a67164b41836c309ff28ef7b6505",
            state_operations=[
                migrations.CreateModel(
                    name="ReadingChange",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("period_start", models.DateTimeField()),
                        ("period_end", models.DateTimeField()),
                        ("rows_new", models.IntegerField(db_default=0, default=0)),
                        ("rows_replaced", models.IntegerField(db_default=0, default=0)),
                        (
                            "changed_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "aggregated_at",
                            models.DateTimeField(
                                blank=True,
                                editable=False,
                                help_text="Empty: aggregates of the span do not know of it yet.",
                                null=True,
                            ),
                        ),
                        (
                            "ingestion_log",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reading_changes",
                                to="metering.ingestionlog",
                            ),
                        ),
                        (
                            "meter",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reading_changes",
                                to="metering.meter",
                            ),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reading_changes",
                                to="core.organization",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reading_changes",
                                to="core.project",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "reading_change",
                        "db_table_comment": "Fact: a span in which readings of a meter were added or replaced, and when aggregates followed.",
                        "indexes": [
                            database.indexes.NamedIndex(
                                fields=["project", "period_end"], name="idx_reading_change_project"
                            ),
                            database.indexes.NamedIndex(
                                condition=models.Q(("aggregated_at__isnull", True)),
                                fields=["meter", "period_start"],
                                name="idx_reading_change_pending",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("period_end__gt", models.F("period_start"))),
                                name="reading_change_period_check",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("rows_new__gte", 0), ("rows_replaced__gte", 0)),
                                name="reading_change_rows_check",
                            ),
                        ],
                    },
                ),
            ],
        ),
    ]
