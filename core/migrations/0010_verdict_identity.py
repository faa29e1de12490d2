import django.db.models.deletion
from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0009_project_time_zone"),
        ("metering", "0007_meter_aggregate_seconds"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="014_verdict_identity.sql",
            sha256="54f29691eb0cefb9ee5aa57f0ec319167dc3a773fd63d2c855d96efd8728f100",
            state_operations=[
                migrations.AddField(
                    model_name="defaultevent",
                    name="clause",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="default_events",
                        to="core.clause",
                    ),
                ),
                migrations.AddField(
                    model_name="defaultevent",
                    name="period_end",
                    field=models.DateTimeField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="defaultevent",
                    name="period_start",
                    field=models.DateTimeField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="defaultevent",
                    name="superseded_at",
                    field=models.DateTimeField(
                        blank=True,
                        help_text="Set when a later evaluation replaced a default that a person had acted on.",
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="ruleoutput",
                    name="content_hash",
                    field=models.CharField(blank=True, max_length=64, null=True),
                ),
                migrations.AddField(
                    model_name="ruleoutput",
                    name="period_end",
                    field=models.DateTimeField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="ruleoutput",
                    name="period_start",
                    field=models.DateTimeField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="ruleoutput",
                    name="superseded_at",
                    field=models.DateTimeField(blank=True, null=True),
                ),
                migrations.AddConstraint(
                    model_name="defaultevent",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("period_end__gt", models.F("period_start"))),
                        name="default_event_period_check",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="defaultevent",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("superseded_at__isnull", True)),
                        fields=("clause", "period_start", "period_end"),
                        name="uq_default_event_current",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="ruleoutput",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("period_end__gt", models.F("period_start"))),
                        name="rule_output_period_check",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="ruleoutput",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("superseded_at__isnull", True)),
                        fields=("clause", "period_start", "period_end"),
                        name="uq_rule_output_current",
                    ),
                ),
            ],
        ),
    ]
