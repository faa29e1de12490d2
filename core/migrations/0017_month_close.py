import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0016_time_ledger"),
        ("invoicing", "0008_provisional_lines"),
        ("metering", "0015_time_ledger"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="029_month_close.sql",
            sha256="3a91788c0651211900700a860a617703775aaa7668a40bc07040c38e28bc2c93",
            state_operations=[
                migrations.CreateModel(
                    name="NotificationMail",
                    fields=[
                        (
                            "notification",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                primary_key=True,
                                related_name="mail",
                                serialize=False,
                                to="core.notification",
                            ),
                        ),
                        (
                            "recipients",
                            django.contrib.postgres.fields.ArrayField(base_field=models.CharField(), size=None),
                        ),
                        ("attempts", models.IntegerField()),
                        (
                            "claimed_at",
                            models.DateTimeField(
                                help_text="When sending began; without an end it is not known whether it came."
                            ),
                        ),
                        ("sent_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "problem",
                            models.CharField(blank=True, help_text="Why the mail server did not take it.", null=True),
                        ),
                    ],
                    options={
                        "db_table": "notification_mail",
                        "db_table_comment": "Fact: the mail of a notice: begun, and then sent, refused with a problem, or of unknown end.",
                        "indexes": [
                            database.indexes.NamedIndex(
                                condition=models.Q(("sent_at__isnull", True)),
                                fields=["notification"],
                                name="idx_notification_mail_unsent",
                            )
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("attempts__gte", 1)), name="chk_notification_mail_attempts"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("recipients", []), _negated=True),
                                name="chk_notification_mail_recipients",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("sent_at__isnull", True), ("problem__isnull", True), _connector="OR"
                                ),
                                name="chk_notification_mail_sent",
                            ),
                        ],
                    },
                ),
            ],
        ),
    ]
