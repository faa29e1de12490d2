import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0015_invoice_issuing"),
        ("invoicing", "0006_invoice_issuing"),
        ("metering", "0014_ingestion_pipeline"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="026_comparison_lines.sql",
            sha256="37bc1dd1d1465cbacb92042cdd9a529c7d94acc0aacae46224fefd608004b291",
            state_operations=[
                migrations.CreateModel(
                    name="ComparisonTolerance",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("quantity", "quantity"),
                                    ("price", "price"),
                                    ("time_of_use", "time of use"),
                                    ("tax", "tax"),
                                    ("exchange_rate", "exchange rate"),
                                    ("rounding", "rounding"),
                                    ("missing", "missing"),
                                    ("extra", "extra"),
                                ],
                                max_length=20,
                            ),
                        ),
                        (
                            "absolute_amount",
                            models.DecimalField(blank=True, decimal_places=4, max_digits=20, null=True),
                        ),
                        (
                            "relative_percent",
                            models.DecimalField(
                                blank=True,
                                decimal_places=6,
                                help_text="Of what the line is expected to be.",
                                max_digits=9,
                                null=True,
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "comparison_tolerance",
                        "db_table_comment": "Fact: how far a cause may move a line of a received invoice before it matters.",
                    },
                ),
                migrations.AddField(
                    model_name="expectedinvoicelineitem",
                    name="line_unit_price",
                    field=models.DecimalField(blank=True, decimal_places=10, max_digits=20, null=True),
                ),
                migrations.AddField(
                    model_name="expectedinvoicelineitem",
                    name="price_bucket",
                    field=models.CharField(
                        blank=True,
                        help_text="Time-of-use period or tier, as the tariff calls it; empty: it has none.",
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="expectedinvoicelineitem",
                    name="quantity",
                    field=models.DecimalField(blank=True, decimal_places=12, max_digits=24, null=True),
                ),
                migrations.AddField(
                    model_name="expectedinvoicelineitem",
                    name="tax_amount",
                    field=models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        help_text="Comes on top of the line total.",
                        max_digits=20,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="expectedinvoicelineitem",
                    name="unit",
                    field=models.CharField(
                        blank=True, help_text="What is counted: kWh, MWh, month; empty: not said.", null=True
                    ),
                ),
                migrations.AddField(
                    model_name="invoicecomparison",
                    name="exchange_rate",
                    field=models.DecimalField(
                        blank=True,
                        decimal_places=10,
                        help_text="As agreed: how much of the invoice's currency one unit of the expected one is; empty: they are one.",
                        max_digits=20,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="invoicecomparisonlineitem",
                    name="exchange_rate_amount",
                    field=models.DecimalField(
                        db_default=0, decimal_places=4, default=0, help_text="The exchange rate differs.", max_digits=20
                    ),
                ),
                migrations.AddField(
                    model_name="invoicecomparisonlineitem",
                    name="extra_amount",
                    field=models.DecimalField(
                        db_default=0,
                        decimal_places=4,
                        default=0,
                        help_text="A line was received that nobody expected.",
                        max_digits=20,
                    ),
                ),
                migrations.AddField(
                    model_name="invoicecomparisonlineitem",
                    name="missing_amount",
                    field=models.DecimalField(
                        db_default=0,
                        decimal_places=4,
                        default=0,
                        help_text="An expected line was not received.",
                        max_digits=20,
                    ),
                ),
                migrations.AddField(
                    model_name="invoicecomparisonlineitem",
                    name="price_amount",
                    field=models.DecimalField(
                        db_default=0, decimal_places=4, default=0, help_text="The unit price differs.", max_digits=20
                    ),
                ),
                migrations.AddField(
                    model_name="invoicecomparisonlineitem",
                    name="quantity_amount",
                    field=models.DecimalField(
                        db_default=0, decimal_places=4, default=0, help_text="More or less was billed.", max_digits=20
                    ),
                ),
                migrations.AddField(
                    model_name="invoicecomparisonlineitem",
                    name="reason",
                    field=models.TextField(blank=True, help_text="The variance explained in numbers.", null=True),
                ),
                migrations.AddField(
                    model_name="invoicecomparisonlineitem",
                    name="rounding_amount",
                    field=models.DecimalField(
                        db_default=0,
                        decimal_places=4,
                        default=0,
                        help_text="What the other parts leave: amounts that are not quantity times price.",
                        max_digits=20,
                    ),
                ),
                migrations.AddField(
                    model_name="invoicecomparisonlineitem",
                    name="tax_amount",
                    field=models.DecimalField(
                        db_default=0, decimal_places=4, default=0, help_text="The tax differs.", max_digits=20
                    ),
                ),
                migrations.AddField(
                    model_name="invoicecomparisonlineitem",
                    name="time_of_use_amount",
                    field=models.DecimalField(
                        db_default=0,
                        decimal_places=4,
                        default=0,
                        help_text="The same quantity was billed in other time-of-use periods or tiers.",
                        max_digits=20,
                    ),
                ),
                migrations.AddField(
                    model_name="receivedinvoiceheader",
                    name="corrects_number",
                    field=models.CharField(
                        blank=True, help_text="Of a credit note: the invoice it corrects.", null=True
                    ),
                ),
                migrations.AddField(
                    model_name="receivedinvoiceheader",
                    name="document_type",
                    field=models.CharField(
                        choices=[("invoice", "invoice"), ("credit_note", "credit note")],
                        db_default="invoice",
                        default="invoice",
                        max_length=20,
                    ),
                ),
                migrations.AddField(
                    model_name="receivedinvoiceheader",
                    name="exchange_rate",
                    field=models.DecimalField(
                        blank=True,
                        decimal_places=10,
                        help_text="Of the document: how much of its currency one unit of the contract's is; empty: it says none.",
                        max_digits=20,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="receivedinvoicelineitem",
                    name="first_day",
                    field=models.DateField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="receivedinvoicelineitem",
                    name="last_day",
                    field=models.DateField(blank=True, help_text="Inclusive.", null=True),
                ),
                migrations.AddField(
                    model_name="receivedinvoicelineitem",
                    name="line_unit_price",
                    field=models.DecimalField(blank=True, decimal_places=10, max_digits=20, null=True),
                ),
                migrations.AddField(
                    model_name="receivedinvoicelineitem",
                    name="price_bucket",
                    field=models.CharField(
                        blank=True,
                        help_text="Time-of-use period or tier, as the tariff calls it; empty: it has none.",
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="receivedinvoicelineitem",
                    name="quantity",
                    field=models.DecimalField(blank=True, decimal_places=12, max_digits=24, null=True),
                ),
                migrations.AddField(
                    model_name="receivedinvoicelineitem",
                    name="tax_amount",
                    field=models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        help_text="Comes on top of the line total.",
                        max_digits=20,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="receivedinvoicelineitem",
                    name="tax_category",
                    field=models.CharField(
                        blank=True,
                        help_text="Category of UNTDID 5305, such as S, Z, E, AE or O.",
                        max_length=2,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="receivedinvoicelineitem",
                    name="tax_rate",
                    field=models.DecimalField(
                        blank=True, decimal_places=6, help_text="As a share: 0.19 is 19 %.", max_digits=9, null=True
                    ),
                ),
                migrations.AddField(
                    model_name="receivedinvoicelineitem",
                    name="unit",
                    field=models.CharField(
                        blank=True, help_text="What is counted: kWh, MWh, month; empty: not said.", null=True
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoicecomparison",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("exchange_rate__gt", 0)), name="chk_invoice_comparison_exchange_rate"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoicecomparisonlineitem",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            (
                                "variance_amount",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    django.db.models.expressions.CombinedExpression(
                                                        django.db.models.expressions.CombinedExpression(
                                                            models.F("quantity_amount"), "+", models.F("price_amount")
                                                        ),
                                                        "+",
                                                        models.F("time_of_use_amount"),
                                                    ),
                                                    "+",
                                                    models.F("tax_amount"),
                                                ),
                                                "+",
                                                models.F("exchange_rate_amount"),
                                            ),
                                            "+",
                                            models.F("rounding_amount"),
                                        ),
                                        "+",
                                        models.F("missing_amount"),
                                    ),
                                    "+",
                                    models.F("extra_amount"),
                                ),
                            )
                        ),
                        name="chk_invoice_comparison_line_item_parts",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="receivedinvoiceheader",
                    constraint=models.UniqueConstraint(
                        fields=("counterparty", "invoice_number"), name="uq_received_invoice_header_number"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="receivedinvoiceheader",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("document_type__in", ["invoice", "credit_note"])),
                        name="chk_received_invoice_header_document_type",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="receivedinvoiceheader",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("exchange_rate__gt", 0)), name="chk_received_invoice_header_exchange_rate"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="receivedinvoicelineitem",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("tax_category__regex", "^[A-Z]{1,2}$")),
                        name="chk_received_invoice_line_item_tax_category",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="receivedinvoicelineitem",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("tax_rate__gte", 0)), name="chk_received_invoice_line_item_tax_rate"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="receivedinvoicelineitem",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("last_day__gte", models.F("first_day"))),
                        name="chk_received_invoice_line_item_days",
                    ),
                ),
                migrations.AddField(
                    model_name="comparisontolerance",
                    name="contract",
                    field=models.ForeignKey(
                        blank=True,
                        help_text="Empty: every contract of the organization that agrees nothing else.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comparison_tolerances",
                        to="core.contract",
                    ),
                ),
                migrations.AddField(
                    model_name="comparisontolerance",
                    name="currency",
                    field=models.ForeignKey(
                        blank=True,
                        help_text="Of the absolute limit; empty: a share in any currency.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comparison_tolerances",
                        to="core.currency",
                    ),
                ),
                migrations.AddField(
                    model_name="comparisontolerance",
                    name="organization",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comparison_tolerances",
                        to="core.organization",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="comparisontolerance",
                    constraint=models.UniqueConstraint(
                        fields=("organization", "contract", "currency", "kind"),
                        name="uq_comparison_tolerance_kind",
                        nulls_distinct=False,
                    ),
                ),
                migrations.AddConstraint(
                    model_name="comparisontolerance",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "quantity",
                                    "price",
                                    "time_of_use",
                                    "tax",
                                    "exchange_rate",
                                    "rounding",
                                    "missing",
                                    "extra",
                                ],
                            )
                        ),
                        name="chk_comparison_tolerance_kind",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="comparisontolerance",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("absolute_amount__gte", 0), ("currency__isnull", False)),
                            models.Q(
                                ("absolute_amount__isnull", True),
                                ("currency__isnull", True),
                                ("relative_percent__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="chk_comparison_tolerance_absolute",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="comparisontolerance",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("relative_percent__gte", 0)), name="chk_comparison_tolerance_relative"
                    ),
                ),
            ],
        ),
    ]
