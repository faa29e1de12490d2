import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0015_invoice_issuing"),
        ("invoicing", "0008_provisional_lines"),
        ("metering", "0014_ingestion_pipeline"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="028_time_ledger.sql",
            sha256="6a640d42c4fb6c375d1c0f2d1b6ef1b5d3dbbba407293719ece663a9d7b7282f",
            state_operations=[
                migrations.CreateModel(
                    name="CureStep",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "step",
                            models.CharField(
                                choices=[
                                    ("notice", "notice"),
                                    ("extension", "extension"),
                                    ("cure", "cure"),
                                    ("waiver", "waiver"),
                                    ("escalation", "escalation"),
                                ],
                                max_length=20,
                            ),
                        ),
                        ("happened_at", models.DateTimeField()),
                        (
                            "cure_deadline",
                            models.DateTimeField(
                                blank=True,
                                help_text="The instant by which it must be cured, as the step left it.",
                                null=True,
                            ),
                        ),
                        ("method", models.CharField(blank=True, help_text="How notice was given.", null=True)),
                        ("note", models.CharField(blank=True, null=True)),
                        ("recorded_by", models.CharField()),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "cure_step",
                        "db_table_comment": "Fact: a step in the cure of a default, from its notice to its end.",
                    },
                ),
                migrations.CreateModel(
                    name="DamagesEntry",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("period_start", models.DateTimeField()),
                        ("period_end", models.DateTimeField()),
                        ("amount", models.DecimalField(decimal_places=4, max_digits=20)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "entry of the damages ledger",
                        "verbose_name_plural": "damages ledger",
                        "db_table": "damages_ledger",
                        "db_table_comment": "Derived: what verdicts took from the caps of a clause, and what they took back when they were computed anew.",
                    },
                ),
                migrations.AddField(
                    model_name="defaultevent",
                    name="cure_state",
                    field=models.CharField(
                        choices=[
                            ("observed", "observed"),
                            ("noticed", "noticed"),
                            ("cured", "cured"),
                            ("waived", "waived"),
                            ("escalated", "escalated"),
                        ],
                        db_default="observed",
                        default="observed",
                        editable=False,
                        max_length=20,
                    ),
                ),
                migrations.AddField(
                    model_name="defaultevent",
                    name="notice_given_at",
                    field=models.DateTimeField(blank=True, editable=False, null=True),
                ),
                migrations.AddField(
                    model_name="project",
                    name="country",
                    field=models.CharField(
                        blank=True, help_text="As grid events name it; empty: none concern it.", null=True
                    ),
                ),
                migrations.AddField(
                    model_name="project",
                    name="grid_region",
                    field=models.CharField(blank=True, help_text="As grid events name it.", null=True),
                ),
                migrations.AddField(
                    model_name="project",
                    name="latitude",
                    field=models.DecimalField(
                        blank=True, decimal_places=6, help_text="Degrees, north positive.", max_digits=9, null=True
                    ),
                ),
                migrations.AddField(
                    model_name="project",
                    name="longitude",
                    field=models.DecimalField(
                        blank=True, decimal_places=6, help_text="Degrees, east positive.", max_digits=9, null=True
                    ),
                ),
                migrations.AddConstraint(
                    model_name="defaultevent",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("cure_state__in", ["observed", "noticed", "cured", "waived", "escalated"])),
                        name="default_event_cure_state_check",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="project",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("latitude__range", (-90, 90))), name="project_latitude_check"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="project",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("longitude__range", (-180, 180))), name="project_longitude_check"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="project",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("latitude__isnull", True), ("longitude__isnull", True)),
                            models.Q(("latitude__isnull", False), ("longitude__isnull", False)),
                            _connector="OR",
                        ),
                        name="project_place_check",
                    ),
                ),
                migrations.AddField(
                    model_name="curestep",
                    name="default_event",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="cure_steps", to="core.defaultevent"
                    ),
                ),
                migrations.AddField(
                    model_name="curestep",
                    name="organization",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="cure_steps", to="core.organization"
                    ),
                ),
                migrations.AddField(
                    model_name="damagesentry",
                    name="clause",
                    field=models.ForeignKey(
                        db_index=False,
                        help_text="The one that has the caps.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="damages_entries",
                        to="core.clause",
                    ),
                ),
                migrations.AddField(
                    model_name="damagesentry",
                    name="contract",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="damages_entries", to="core.contract"
                    ),
                ),
                migrations.AddField(
                    model_name="damagesentry",
                    name="currency",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="damages_entries", to="core.currency"
                    ),
                ),
                migrations.AddField(
                    model_name="damagesentry",
                    name="organization",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="damages_entries",
                        to="core.organization",
                    ),
                ),
                migrations.AddField(
                    model_name="damagesentry",
                    name="rule_output",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="damages_entries",
                        to="core.ruleoutput",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="curestep",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("step__in", ["notice", "extension", "cure", "waiver", "escalation"])),
                        name="cure_step_step_check",
                    ),
                ),
                migrations.AddIndex(
                    model_name="damagesentry",
                    index=database.indexes.NamedIndex(
                        fields=["clause", "period_start"], name="idx_damages_ledger_clause"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="damagesentry",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("period_end__gt", models.F("period_start"))),
                        name="damages_ledger_period_check",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="damagesentry",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("amount", 0), _negated=True), name="damages_ledger_amount_check"
                    ),
                ),
            ],
        ),
    ]
