import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.fields
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_baseline"),
        ("metering", "0001_baseline"),
    ]

    operations = [
        database.operations.SQLFileState(
            file_name="v1.0_baseline.sql",
            state_operations=[
                migrations.CreateModel(
                    name="ClauseTariff",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("valid_from", models.DateField(help_text="First day.")),
                        (
                            "valid_to",
                            models.DateField(
                                blank=True, help_text="Last day, inclusive; empty: until further notice.", null=True
                            ),
                        ),
                        (
                            "base_rate",
                            models.DecimalField(
                                blank=True,
                                decimal_places=10,
                                help_text="Price of one unit, at full precision.",
                                max_digits=20,
                                null=True,
                            ),
                        ),
                        (
                            "unit",
                            models.CharField(
                                blank=True, help_text="What the rate is for: kWh, MWh or month.", null=True
                            ),
                        ),
                        ("logic_parameters", models.JSONField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "contract",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="tariffs", to="core.contract"
                            ),
                        ),
                        (
                            "currency",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="tariffs", to="core.currency"
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="tariffs",
                                to="core.project",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "clause_tariff",
                        "db_table_comment": "Fact: a price of a contract and the days it is valid, both inclusive.",
                    },
                ),
                migrations.CreateModel(
                    name="ExpectedInvoiceHeader",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("total_amount", models.DecimalField(decimal_places=4, max_digits=20)),
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
                                related_name="expected_invoices",
                                to="core.billingperiod",
                            ),
                        ),
                        (
                            "contract",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="expected_invoices",
                                to="core.contract",
                            ),
                        ),
                        (
                            "counterparty",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="expected_invoices",
                                to="core.counterparty",
                            ),
                        ),
                        (
                            "currency",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="expected_invoices",
                                to="core.currency",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="expected_invoices",
                                to="core.project",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "expected_invoice_header",
                        "db_table_comment": "Derived: what an invoice should say according to contract and readings.",
                    },
                ),
                migrations.CreateModel(
                    name="InvoiceHeader",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("invoice_number", models.CharField(blank=True, null=True)),
                        ("invoice_date", models.DateField(blank=True, null=True)),
                        ("due_date", models.DateField(blank=True, null=True)),
                        ("total_amount", models.DecimalField(decimal_places=4, max_digits=20)),
                        (
                            "status",
                            database.fields.EnumField(
                                choices=[
                                    ("draft", "draft"),
                                    ("verified", "verified"),
                                    ("sent", "sent"),
                                    ("disputed", "disputed"),
                                    ("paid", "paid"),
                                ],
                                db_default="draft",
                                default="draft",
                                enum="invoice_status",
                            ),
                        ),
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
                                related_name="invoices",
                                to="core.billingperiod",
                            ),
                        ),
                        (
                            "contract",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="invoices", to="core.contract"
                            ),
                        ),
                        (
                            "counterparty",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="invoices",
                                to="core.counterparty",
                            ),
                        ),
                        (
                            "currency",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="invoices", to="core.currency"
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="invoices",
                                to="core.project",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "invoice_header",
                        "db_table_comment": "Derived while a draft, a fact once issued: an invoice of the organization.",
                    },
                ),
                migrations.CreateModel(
                    name="InvoiceLineItemType",
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
                        "db_table": "invoice_line_item_type",
                        "db_table_comment": "Lookup: kinds of invoice line.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [
                            models.UniqueConstraint(fields=("code",), name="invoice_line_item_type_code_key")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="InvoiceLineItem",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("description", models.CharField(blank=True, null=True)),
                        ("quantity", models.DecimalField(blank=True, decimal_places=12, max_digits=24, null=True)),
                        (
                            "line_unit_price",
                            models.DecimalField(blank=True, decimal_places=10, max_digits=20, null=True),
                        ),
                        ("line_total_amount", models.DecimalField(decimal_places=4, max_digits=20)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "clause_tariff",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="invoice_line_items",
                                to="invoicing.clausetariff",
                            ),
                        ),
                        (
                            "invoice_header",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="lines",
                                to="invoicing.invoiceheader",
                            ),
                        ),
                        (
                            "meter_aggregate",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="invoice_line_items",
                                to="metering.meteraggregate",
                            ),
                        ),
                        (
                            "rule_output",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="invoice_line_items",
                                to="core.ruleoutput",
                            ),
                        ),
                        (
                            "invoice_line_item_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="invoice_line_items",
                                to="invoicing.invoicelineitemtype",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "invoice_line_item",
                        "db_table_comment": "Derived while a draft, a fact once issued: one line of an invoice.",
                    },
                ),
                migrations.CreateModel(
                    name="ExpectedInvoiceLineItem",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("description", models.CharField(blank=True, null=True)),
                        ("line_total_amount", models.DecimalField(decimal_places=4, max_digits=20)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "expected_invoice_header",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="lines",
                                to="invoicing.expectedinvoiceheader",
                            ),
                        ),
                        (
                            "invoice_line_item_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="expected_invoice_line_items",
                                to="invoicing.invoicelineitemtype",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "expected_invoice_line_item",
                        "db_table_comment": "Derived: one line of an expected invoice.",
                    },
                ),
                migrations.CreateModel(
                    name="MarketPriceType",
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
                        "db_table": "market_price_type",
                        "db_table_comment": "Lookup: kinds of market price.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="market_price_type_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="MarketPrice",
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
                            "market_price_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="market_prices",
                                to="invoicing.marketpricetype",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "market_price",
                        "db_table_comment": "Fact: a published price of a market.",
                    },
                ),
                migrations.CreateModel(
                    name="ReceivedInvoiceHeader",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("invoice_number", models.CharField(blank=True, null=True)),
                        ("invoice_date", models.DateField(blank=True, null=True)),
                        ("due_date", models.DateField(blank=True, null=True)),
                        ("total_amount", models.DecimalField(decimal_places=4, max_digits=20)),
                        (
                            "status",
                            database.fields.EnumField(
                                choices=[
                                    ("draft", "draft"),
                                    ("verified", "verified"),
                                    ("sent", "sent"),
                                    ("disputed", "disputed"),
                                    ("paid", "paid"),
                                ],
                                db_default="draft",
                                default="draft",
                                enum="invoice_status",
                            ),
                        ),
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
                                related_name="received_invoices",
                                to="core.billingperiod",
                            ),
                        ),
                        (
                            "contract",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="received_invoices",
                                to="core.contract",
                            ),
                        ),
                        (
                            "counterparty",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="received_invoices",
                                to="core.counterparty",
                            ),
                        ),
                        (
                            "currency",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="received_invoices",
                                to="core.currency",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="received_invoices",
                                to="core.project",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "received_invoice_header",
                        "db_table_comment": "Fact: an invoice or statement that came from the counterparty.",
                    },
                ),
                migrations.CreateModel(
                    name="InvoiceComparison",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("variance_amount", models.DecimalField(decimal_places=4, max_digits=20)),
                        (
                            "status",
                            database.fields.EnumField(
                                choices=[
                                    ("unchecked", "unchecked"),
                                    ("matched", "matched"),
                                    ("underbilled", "underbilled"),
                                    ("overbilled", "overbilled"),
                                ],
                                db_default="unchecked",
                                default="unchecked",
                                enum="invoice_comparison_status",
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "expected_invoice_header",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="comparisons",
                                to="invoicing.expectedinvoiceheader",
                            ),
                        ),
                        (
                            "received_invoice_header",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="comparisons",
                                to="invoicing.receivedinvoiceheader",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "invoice_comparison",
                        "db_table_comment": "Derived: an expected invoice set against the received one.",
                    },
                ),
                migrations.CreateModel(
                    name="ReceivedInvoiceLineItem",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("description", models.CharField(blank=True, null=True)),
                        ("line_total_amount", models.DecimalField(decimal_places=4, max_digits=20)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "invoice_line_item_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="received_invoice_line_items",
                                to="invoicing.invoicelineitemtype",
                            ),
                        ),
                        (
                            "received_invoice_header",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="lines",
                                to="invoicing.receivedinvoiceheader",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "received_invoice_line_item",
                        "db_table_comment": "Fact: one line of a received invoice.",
                    },
                ),
                migrations.CreateModel(
                    name="InvoiceComparisonLineItem",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("variance_amount", models.DecimalField(decimal_places=4, max_digits=20)),
                        ("description", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "expected_invoice_line_item",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="invoice_comparison_line_items",
                                to="invoicing.expectedinvoicelineitem",
                            ),
                        ),
                        (
                            "invoice_comparison",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="lines",
                                to="invoicing.invoicecomparison",
                            ),
                        ),
                        (
                            "received_invoice_line_item",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="invoice_comparison_line_items",
                                to="invoicing.receivedinvoicelineitem",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "invoice_comparison_line_item",
                        "db_table_comment": "Derived: one pair of lines of a comparison.",
                    },
                ),
                migrations.CreateModel(
                    name="RegulatoryFeeType",
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
                        "db_table": "regulatory_fee_type",
                        "db_table_comment": "Lookup: kinds of regulatory fee.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="regulatory_fee_type_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="RegulatoryFee",
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
                            "regulatory_fee_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="regulatory_fees",
                                to="invoicing.regulatoryfeetype",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "regulatory_fee",
                        "db_table_comment": "Fact: a published fee of a regulator.",
                    },
                ),
                migrations.CreateModel(
                    name="TariffType",
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
                        "db_table": "tariff_type",
                        "db_table_comment": "Lookup: how a tariff makes a price.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="tariff_type_code_key")],
                    },
                ),
                migrations.AddField(
                    model_name="clausetariff",
                    name="tariff_type",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tariffs", to="invoicing.tarifftype"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoicecomparison",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("expected_invoice_header__isnull", False),
                            ("received_invoice_header__isnull", False),
                            _connector="OR",
                        ),
                        name="invoice_comparison_sides_check",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoicecomparisonlineitem",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("expected_invoice_line_item__isnull", False),
                            ("received_invoice_line_item__isnull", False),
                            _connector="OR",
                        ),
                        name="invoice_comparison_line_item_sides_check",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="clausetariff",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("valid_to__gte", models.F("valid_from"))), name="clause_tariff_dates_check"
                    ),
                ),
            ],
        ),
    ]
