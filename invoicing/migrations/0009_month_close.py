import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0016_time_ledger"),
        ("core", "0017_month_close"),
        ("invoicing", "0008_provisional_lines"),
    ]

    operations = [
        database.operations.SQLFileState(
            file_name="029_month_close.sql",
            state_operations=[
                migrations.CreateModel(
                    name="InvoiceNotice",
                    fields=[
                        (
                            "notification",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                primary_key=True,
                                related_name="invoice_notice",
                                serialize=False,
                                to="core.notification",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("ready", "ready to be verified"),
                                    ("due", "due soon"),
                                    ("overdue", "overdue"),
                                ],
                                max_length=20,
                            ),
                        ),
                        (
                            "invoice_header",
                            models.ForeignKey(
                                blank=True,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="notices",
                                to="invoicing.invoiceheader",
                            ),
                        ),
                        (
                            "received_invoice_header",
                            models.ForeignKey(
                                blank=True,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="notices",
                                to="invoicing.receivedinvoiceheader",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "invoice_notice",
                        "db_table_comment": "Fact: the invoice that a notice is about, and why it was written.",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["ready", "due", "overdue"])),
                                name="chk_invoice_notice_kind",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("invoice_header", None), ("received_invoice_header__isnull", False)),
                                    models.Q(("invoice_header__isnull", False), ("received_invoice_header", None)),
                                    _connector="OR",
                                ),
                                name="chk_invoice_notice_invoice",
                            ),
                            models.UniqueConstraint(
                                fields=("invoice_header", "kind"), name="uq_invoice_notice_invoice"
                            ),
                            models.UniqueConstraint(
                                fields=("received_invoice_header", "kind"), name="uq_invoice_notice_received"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="MonthClose",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "status",
                            models.CharField(choices=[("closed", "closed"), ("parked", "parked")], max_length=20),
                        ),
                        (
                            "problems",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(),
                                blank=True,
                                help_text="What keeps the month open, and what cures it.",
                                size=None,
                            ),
                        ),
                        (
                            "notes",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(),
                                blank=True,
                                help_text="What is worth knowing and keeps nothing open.",
                                size=None,
                            ),
                        ),
                        (
                            "accepted_gaps",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(),
                                blank=True,
                                db_default=[],
                                default=list,
                                help_text="Energy that is not known and keeps nothing open, because a person said so.",
                                size=None,
                            ),
                        ),
                        ("accepted_by", models.CharField(blank=True, null=True)),
                        (
                            "content_hash",
                            models.CharField(help_text="Of the verdicts, the bill and the comparison.", max_length=64),
                        ),
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
                        (
                            "billing_period",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="month_closes",
                                to="core.billingperiod",
                            ),
                        ),
                        (
                            "contract",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="month_closes",
                                to="core.contract",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "month_close",
                        "db_table_comment": "Derived: whether a contract is closed for a billing period, and what keeps it open.",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("status__in", ["closed", "parked"])), name="chk_month_close_status"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("problems", []), ("status", "closed")),
                                    models.Q(models.Q(("problems", []), _negated=True), ("status", "parked")),
                                    _connector="OR",
                                ),
                                name="chk_month_close_parked_for_a_reason",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("accepted_by__isnull", False), ("accepted_gaps", []), _connector="OR"
                                ),
                                name="chk_month_close_accepted_by",
                            ),
                            models.UniqueConstraint(
                                fields=("contract", "billing_period"), name="uq_month_close_contract_period"
                            ),
                        ],
                    },
                ),
            ],
        ),
    ]
