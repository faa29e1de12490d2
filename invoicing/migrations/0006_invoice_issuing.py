import django.contrib.postgres.functions
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

import database.fields
import database.operations
import database.triggers


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0015_invoice_issuing"),
        ("invoicing", "0005_tariffs"),
        ("metering", "0014_ingestion_pipeline"),
    ]

    operations = [
        database.operations.SQLFileState(
            file_name="025_invoice_issuing.sql",
            state_operations=[
                migrations.CreateModel(
                    name="InvoiceSeries",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "document_type",
                            models.CharField(
                                choices=[("invoice", "invoice"), ("credit_note", "credit note")], max_length=20
                            ),
                        ),
                        ("year", models.IntegerField(help_text="Of the invoice date.")),
                        (
                            "pattern",
                            models.CharField(
                                help_text="With {year} and {number}, like INV-{year}-{number}.", max_length=100
                            ),
                        ),
                        (
                            "digits",
                            models.IntegerField(
                                db_default=5, default=5, help_text="Shorter numbers are filled up with zeros."
                            ),
                        ),
                        (
                            "last_number",
                            models.BigIntegerField(db_default=0, default=0, help_text="Of the newest document."),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "invoice series",
                        "db_table": "invoice_series",
                        "db_table_comment": "Fact: a series of document numbers without gap, and the last one taken.",
                    },
                ),
                migrations.CreateModel(
                    name="InvoiceStatusChange",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "from_status",
                            database.fields.EnumField(
                                choices=[
                                    ("draft", "draft"),
                                    ("verified", "verified"),
                                    ("sent", "sent"),
                                    ("disputed", "disputed"),
                                    ("paid", "paid"),
                                ],
                                enum="invoice_status",
                            ),
                        ),
                        (
                            "to_status",
                            database.fields.EnumField(
                                choices=[
                                    ("draft", "draft"),
                                    ("verified", "verified"),
                                    ("sent", "sent"),
                                    ("disputed", "disputed"),
                                    ("paid", "paid"),
                                ],
                                enum="invoice_status",
                            ),
                        ),
                        ("changed_by", models.CharField()),
                        (
                            "changed_at",
                            models.DateTimeField(db_default=django.contrib.postgres.functions.TransactionNow()),
                        ),
                        ("effective_on", models.DateField(help_text="Of a payment, the day it came.")),
                        ("reason", models.CharField(blank=True, null=True)),
                    ],
                    options={
                        "db_table": "invoice_status_change",
                        "db_table_comment": "Fact: a step in the life of an invoice: who took it, when, from which day, and why.",
                    },
                ),
                migrations.CreateModel(
                    name="InvoiceTax",
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
                                choices=[("vat", "value added tax"), ("levy", "levy"), ("withholding", "withholding")],
                                max_length=20,
                            ),
                        ),
                        (
                            "vat_category",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("S", "standard rate"),
                                    ("Z", "zero rated"),
                                    ("E", "exempt"),
                                    ("AE", "reverse charge"),
                                    ("K", "intra-community supply"),
                                    ("G", "export"),
                                    ("O", "outside the scope of VAT"),
                                ],
                                max_length=2,
                                null=True,
                            ),
                        ),
                        ("rate", models.DecimalField(decimal_places=6, max_digits=9)),
                        ("base_total_amount", models.DecimalField(decimal_places=4, max_digits=20)),
                        ("tax_total_amount", models.DecimalField(decimal_places=4, max_digits=20)),
                    ],
                    options={
                        "verbose_name_plural": "invoice taxes",
                        "db_table": "invoice_tax",
                        "db_table_comment": "Fact: a tax, levy or withholding of an invoice, computed when it was verified.",
                    },
                ),
                migrations.CreateModel(
                    name="TaxRule",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("tax_code", models.CharField(max_length=50)),
                        ("name", models.CharField(help_text="As it stands on the document.")),
                        (
                            "kind",
                            models.CharField(
                                choices=[("vat", "value added tax"), ("levy", "levy"), ("withholding", "withholding")],
                                max_length=20,
                            ),
                        ),
                        (
                            "rate",
                            models.DecimalField(decimal_places=6, help_text="A share: 0.19 is 19 %.", max_digits=9),
                        ),
                        (
                            "base",
                            models.CharField(
                                blank=True,
                                choices=[("lines", "lines"), ("lines_and_levies", "lines and levies")],
                                help_text="Of a levy or a withholding.",
                                max_length=20,
                                null=True,
                            ),
                        ),
                        (
                            "vat_category",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("S", "standard rate"),
                                    ("Z", "zero rated"),
                                    ("E", "exempt"),
                                    ("AE", "reverse charge"),
                                    ("K", "intra-community supply"),
                                    ("G", "export"),
                                    ("O", "outside the scope of VAT"),
                                ],
                                help_text="Of VAT; of a levy, the VAT charged on it.",
                                max_length=2,
                                null=True,
                            ),
                        ),
                        (
                            "exemption_reason",
                            models.CharField(blank=True, help_text="Required where no VAT is charged.", null=True),
                        ),
                        ("valid_from", models.DateField(help_text="First day.")),
                        (
                            "valid_to",
                            models.DateField(
                                blank=True, help_text="Last day, inclusive; empty: until further notice.", null=True
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
                        "db_table": "tax_rule",
                        "db_table_comment": "Fact: a tax, levy or withholding at one rate, and the days it is valid, both inclusive.",
                    },
                ),
                pgtrigger.migrations.RemoveTrigger(
                    model_name="invoiceheader",
                    name="issued_is_final",
                ),
                pgtrigger.migrations.RemoveTrigger(
                    model_name="invoicelineitem",
                    name="issued_is_final",
                ),
                migrations.RemoveConstraint(
                    model_name="invoiceheader",
                    name="uq_invoice_header_draft",
                ),
                migrations.AddField(
                    model_name="invoiceheader",
                    name="corrects",
                    field=models.ForeignKey(
                        blank=True,
                        help_text="The invoice of which a credit note takes back a part.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credit_notes",
                        to="invoicing.invoiceheader",
                    ),
                ),
                migrations.AddField(
                    model_name="invoiceheader",
                    name="document_type",
                    field=models.CharField(
                        choices=[("invoice", "invoice"), ("credit_note", "credit note")],
                        db_default="invoice",
                        default="invoice",
                        max_length=20,
                    ),
                ),
                migrations.AddField(
                    model_name="invoiceheader",
                    name="series_number",
                    field=models.BigIntegerField(blank=True, editable=False, null=True),
                ),
                migrations.AddField(
                    model_name="invoicelineitem",
                    name="corrects",
                    field=models.ForeignKey(
                        blank=True,
                        editable=False,
                        help_text="The line of which a credit note takes back a part.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credits",
                        to="invoicing.invoicelineitem",
                    ),
                ),
                migrations.AddField(
                    model_name="invoicelineitem",
                    name="vat_category",
                    field=models.CharField(
                        blank=True,
                        choices=[
                            ("S", "standard rate"),
                            ("Z", "zero rated"),
                            ("E", "exempt"),
                            ("AE", "reverse charge"),
                            ("K", "intra-community supply"),
                            ("G", "export"),
                            ("O", "outside the scope of VAT"),
                        ],
                        editable=False,
                        max_length=2,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="invoicelineitem",
                    name="vat_rate",
                    field=models.DecimalField(blank=True, decimal_places=6, editable=False, max_digits=9, null=True),
                ),
                migrations.AlterField(
                    model_name="invoiceheader",
                    name="total_amount",
                    field=models.DecimalField(
                        decimal_places=4,
                        help_text="Lines, and once verified levies and VAT; gross of withholding.",
                        max_digits=20,
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoiceheader",
                    trigger=pgtrigger.compiler.Trigger(
                        name="issued_is_final",
                        sql=database.triggers.GuardSql(
                            declare="DECLARE numbering CONSTANT text[] := ARRAY['status', 'invoice_number', 'invoice_date', 'due_date', 'invoice_series_id', 'series_number'];",
                            func="\n    IF TG_OP = 'INSERT' THEN\n        IF NEW.status <> 'draft' THEN\n            RAISE EXCEPTION USING\n                ERRCODE = 'restrict_violation',\n                MESSAGE = 'an invoice begins as a draft, not ' || NEW.status,\n                HINT = 'Insert a draft, then verify and issue it.';\n        END IF;\n        RETURN NEW;\n    END IF;\n    IF TG_OP = 'DELETE' THEN\n        IF OLD.status <> 'draft' THEN\n            RAISE EXCEPTION USING\n                ERRCODE = 'restrict_violation',\n                MESSAGE = 'invoice ' || OLD.id || ' is issued and may not be deleted',\n                HINT = 'Correct it by a credit note.';\n        END IF;\n        RETURN OLD;\n    END IF;\n    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (\n        ('draft', 'verified'), ('verified', 'draft'), ('verified', 'sent'),\n        ('sent', 'disputed'), ('sent', 'paid'), ('disputed', 'sent'), ('disputed', 'paid')\n    ) THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = 'invoice ' || OLD.id || ' is ' || OLD.status || ' and cannot become ' || NEW.status,\n            HINT = 'draft, verified, sent, then paid or disputed; what is verified may become a draft again.';\n    END IF;\n    IF NEW.id <> OLD.id OR NEW.status IN ('draft', 'verified') AND NEW.invoice_series_id IS NOT NULL THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = 'invoice ' || OLD.id || ' keeps its id and takes its number when it is issued';\n    END IF;\n    IF OLD.status = 'draft' AND NEW.status = 'draft' THEN\n        RETURN NEW;\n    END IF;\n    IF OLD.status <> 'draft' AND to_jsonb(NEW) - 'status' <> to_jsonb(OLD) - 'status' AND (\n        (OLD.status, NEW.status) <> ('verified', 'sent') OR to_jsonb(NEW) - numbering <> to_jsonb(OLD) - numbering\n    ) THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = 'invoice ' || OLD.id || ' is issued and may not be changed, its status apart',\n            HINT = 'Correct it by a credit note.';\n    END IF;\n    IF OLD.status = NEW.status THEN\n        RETURN NEW;\n    END IF;\n    IF OLD.status = 'draft' THEN\n        PERFORM public.check_invoice_totals(NEW.id, NEW.total_amount);\n        IF NEW.corrects_id IS NOT NULL THEN\n            PERFORM public.check_credit_note(NEW.id, NEW.total_amount, NEW.corrects_id);\n        END IF;\n    END IF;\n    IF OLD.status = 'verified' AND NEW.status = 'sent' THEN\n        IF NEW.invoice_date IS NULL OR NOT EXISTS (\n            SELECT FROM public.invoice_series AS series JOIN public.contract ON contract.id = NEW.contract_id\n            WHERE series.id = NEW.invoice_series_id\n                AND series.organization_id = contract.organization_id\n                AND series.document_type = NEW.document_type\n                AND series.year = date_part('year', NEW.invoice_date)\n                AND series.last_number = NEW.series_number\n                AND NEW.invoice_number = public.show_invoice_number(\n                    series.pattern, series.digits, series.year, series.last_number)\n        ) THEN\n            RAISE EXCEPTION USING\n                ERRCODE = 'restrict_violation',\n                MESSAGE = 'invoice ' || OLD.id || ' is issued with the number just taken from its series, and a date',\n                HINT = 'Use issue_invoice.';\n        END IF;\n    END IF;\n    INSERT INTO public.invoice_status_change\n        (invoice_header_id, from_status, to_status, changed_by, effective_on, reason)\n    VALUES (\n        NEW.id, OLD.status, NEW.status,\n        coalesce(nullif(current_setting('frontier.actor', true), ''), current_user),\n        coalesce(nullif(current_setting('frontier.effective_on', true), '')::date, current_date),\n        nullif(current_setting('frontier.reason', true), '')\n    );\n    RETURN NEW;\n",
                            hash="fc1911ce5669101fcf9a922a2d1cfbe8806cf16b",
                            operation="INSERT OR UPDATE OR DELETE",
                            pgid="pgtrigger_issued_is_final_ba802",
                            table="invoice_header",
                            when="BEFORE",
                        ),
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoiceheader",
                    trigger=pgtrigger.compiler.Trigger(
                        name="issued_is_not_truncated",
                        sql=database.triggers.GuardSql(
                            func="\n    IF EXISTS (SELECT FROM public.invoice_header WHERE status <> 'draft') THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = TG_TABLE_NAME || ' holds issued invoices and may not be truncated';\n    END IF;\n    RETURN NULL;\n",
                            hash="f1ae3dfe1cd24e2b2ef2df8da0bbb783ec9d7066",
                            level="STATEMENT",
                            operation="TRUNCATE",
                            pgid="pgtrigger_issued_is_not_truncated_af8be",
                            table="invoice_header",
                            when="BEFORE",
                        ),
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoicelineitem",
                    trigger=pgtrigger.compiler.Trigger(
                        name="issued_is_final",
                        sql=database.triggers.GuardSql(
                            func="\n    PERFORM FROM public.invoice_header\n    WHERE status <> 'draft'\n        AND id IN (\n            CASE WHEN TG_OP <> 'INSERT' THEN OLD.invoice_header_id END,\n            CASE WHEN TG_OP <> 'DELETE' THEN NEW.invoice_header_id END\n        )\n    FOR SHARE;\n    IF FOUND THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = 'the lines of an issued invoice may not be added to, changed or deleted',\n            HINT = 'Correct the invoice by a credit note.';\n    END IF;\n    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;\n",
                            hash="5ea49a067ccea804fc3d43e97a67d98c4c61bf21",
                            operation="INSERT OR UPDATE OR DELETE",
                            pgid="pgtrigger_issued_is_final_e98dc",
                            table="invoice_line_item",
                            when="BEFORE",
                        ),
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoicelineitem",
                    trigger=pgtrigger.compiler.Trigger(
                        name="issued_is_not_truncated",
                        sql=database.triggers.GuardSql(
                            func="\n    IF EXISTS (SELECT FROM public.invoice_header WHERE status <> 'draft') THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = TG_TABLE_NAME || ' holds issued invoices and may not be truncated';\n    END IF;\n    RETURN NULL;\n",
                            hash="3692537f8ce3a7a33993a5ae08fdaf9f0ffd5445",
                            level="STATEMENT",
                            operation="TRUNCATE",
                            pgid="pgtrigger_issued_is_not_truncated_350b8",
                            table="invoice_line_item",
                            when="BEFORE",
                        ),
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoicelineitem",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("vat_category__in", ["S", "Z", "E", "AE", "K", "G", "O"])),
                        name="chk_invoice_line_item_vat_category",
                    ),
                ),
                migrations.AddField(
                    model_name="invoiceseries",
                    name="organization",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoice_series",
                        to="core.organization",
                    ),
                ),
                migrations.AddField(
                    model_name="invoiceheader",
                    name="invoice_series",
                    field=models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoices",
                        to="invoicing.invoiceseries",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoiceheader",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("document_type", "invoice"), ("status", "draft")),
                        fields=("contract", "billing_period"),
                        name="uq_invoice_header_draft",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoiceheader",
                    constraint=models.UniqueConstraint(
                        fields=("invoice_series", "series_number"), name="uq_invoice_header_series_number"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoiceheader",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("document_type__in", ["invoice", "credit_note"])),
                        name="chk_invoice_header_document_type",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoiceheader",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("corrects__isnull", True), ("document_type", "invoice")),
                            models.Q(("corrects__isnull", False), ("document_type", "credit_note")),
                            _connector="OR",
                        ),
                        name="chk_invoice_header_corrects",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoiceheader",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("invoice_series__isnull", True), ("series_number__isnull", True)),
                            models.Q(
                                ("invoice_date__isnull", False),
                                ("invoice_number__isnull", False),
                                ("invoice_series__isnull", False),
                                ("series_number__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="chk_invoice_header_number",
                    ),
                ),
                migrations.AddField(
                    model_name="invoicestatuschange",
                    name="invoice_header",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="status_changes",
                        to="invoicing.invoiceheader",
                    ),
                ),
                migrations.AddField(
                    model_name="invoicetax",
                    name="corrects",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credits",
                        to="invoicing.invoicetax",
                    ),
                ),
                migrations.AddField(
                    model_name="invoicetax",
                    name="invoice_header",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="taxes", to="invoicing.invoiceheader"
                    ),
                ),
                migrations.AddField(
                    model_name="taxrule",
                    name="invoice_line_item_type",
                    field=models.ForeignKey(
                        blank=True,
                        help_text="The lines it is for; empty: lines of every type that no other rule of its kind names.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tax_rules",
                        to="invoicing.invoicelineitemtype",
                    ),
                ),
                migrations.AddField(
                    model_name="taxrule",
                    name="organization",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tax_rules", to="core.organization"
                    ),
                ),
                migrations.AddField(
                    model_name="invoicetax",
                    name="tax_rule",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoice_taxes",
                        to="invoicing.taxrule",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoiceseries",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("document_type__in", ["invoice", "credit_note"])),
                        name="chk_invoice_series_document_type",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoiceseries",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("pattern__contains", "{number}"), ("pattern__contains", "{year}")),
                        name="chk_invoice_series_pattern",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoiceseries",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("digits__gte", 1), ("digits__lte", 18), ("last_number__gte", 0)),
                        name="chk_invoice_series_numbers",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoiceseries",
                    constraint=models.UniqueConstraint(
                        fields=("organization", "year", "document_type"),
                        name="uq_invoice_series_organization_year_type",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoiceseries",
                    constraint=models.UniqueConstraint(
                        fields=("organization", "year", "pattern"), name="uq_invoice_series_organization_year_pattern"
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoiceseries",
                    trigger=pgtrigger.compiler.Trigger(
                        name="counts_on",
                        sql=database.triggers.GuardSql(
                            func="\n    IF TG_OP = 'DELETE' THEN\n        IF EXISTS (SELECT FROM public.invoice_header WHERE invoice_series_id = OLD.id) THEN\n            RAISE EXCEPTION USING\n                ERRCODE = 'restrict_violation',\n                MESSAGE = 'series ' || OLD.pattern || ' of ' || OLD.year || ' has numbered documents and stays';\n        END IF;\n        RETURN OLD;\n    END IF;\n    IF to_jsonb(NEW) - 'last_number' <> to_jsonb(OLD) - 'last_number'\n            AND EXISTS (SELECT FROM public.invoice_header WHERE invoice_series_id = OLD.id)\n        OR NEW.last_number NOT IN (OLD.last_number, OLD.last_number + 1) THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = 'series ' || OLD.pattern || ' of ' || OLD.year || ' counts on from ' || OLD.last_number\n                || ', one number for each document, and changes in nothing else',\n            HINT = 'Begin another pattern with the next year.';\n    END IF;\n    RETURN NEW;\n",
                            hash="b63fcaf52e454ac7bd888a7f2d8f66b34c0cdd86",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_counts_on_23f83",
                            table="invoice_series",
                            when="BEFORE",
                        ),
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoiceseries",
                    trigger=pgtrigger.compiler.Trigger(
                        name="number_is_used",
                        sql=database.triggers.GuardSql(
                            condition="WHEN (OLD.last_number <> NEW.last_number)",
                            constraint="CONSTRAINT",
                            func="\n    IF NOT EXISTS (\n        SELECT FROM public.invoice_header\n        WHERE invoice_series_id = NEW.id AND series_number = NEW.last_number\n    ) THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = 'number ' || NEW.last_number || ' of series ' || NEW.pattern || ' was taken for no document',\n            HINT = 'Numbers are gapless: take one only in the transaction that issues.';\n    END IF;\n    RETURN NULL;\n",
                            hash="55dcc66a6503f81d94157cb289aeff1ba1833b63",
                            operation="UPDATE",
                            pgid="pgtrigger_number_is_used_c9a27",
                            table="invoice_series",
                            timing="DEFERRABLE INITIALLY DEFERRED",
                            when="AFTER",
                        ),
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoiceseries",
                    trigger=pgtrigger.compiler.Trigger(
                        name="issued_is_not_truncated",
                        sql=database.triggers.GuardSql(
                            func="\n    IF EXISTS (SELECT FROM public.invoice_header WHERE status <> 'draft') THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = TG_TABLE_NAME || ' holds issued invoices and may not be truncated';\n    END IF;\n    RETURN NULL;\n",
                            hash="292f378ed95cf4981b027692512463eb09d74c36",
                            level="STATEMENT",
                            operation="TRUNCATE",
                            pgid="pgtrigger_issued_is_not_truncated_d4350",
                            table="invoice_series",
                            when="BEFORE",
                        ),
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoicestatuschange",
                    trigger=pgtrigger.compiler.Trigger(
                        name="change_stays",
                        sql=database.triggers.GuardSql(
                            func="\n    RAISE EXCEPTION USING\n        ERRCODE = 'restrict_violation',\n        MESSAGE = 'what became of an invoice is recorded once and neither changed nor deleted';\n",
                            hash="409d9dcbd9e8730553ed6a13f1627edf4f2552a9",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_change_stays_ca618",
                            table="invoice_status_change",
                            when="BEFORE",
                        ),
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoicestatuschange",
                    trigger=pgtrigger.compiler.Trigger(
                        name="issued_is_not_truncated",
                        sql=database.triggers.GuardSql(
                            func="\n    IF EXISTS (SELECT FROM public.invoice_header WHERE status <> 'draft') THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = TG_TABLE_NAME || ' holds issued invoices and may not be truncated';\n    END IF;\n    RETURN NULL;\n",
                            hash="42982d517ba31c2d512494b70473109cf11f32ab",
                            level="STATEMENT",
                            operation="TRUNCATE",
                            pgid="pgtrigger_issued_is_not_truncated_93bdf",
                            table="invoice_status_change",
                            when="BEFORE",
                        ),
                    ),
                ),
                migrations.AddConstraint(
                    model_name="taxrule",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("kind__in", ["vat", "levy", "withholding"])), name="chk_tax_rule_kind"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="taxrule",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("base__in", ["lines", "lines_and_levies"])), name="chk_tax_rule_base"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="taxrule",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("vat_category__in", ["S", "Z", "E", "AE", "K", "G", "O"])),
                        name="chk_tax_rule_vat_category",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="taxrule",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("rate__gte", 0), ("rate__lt", 1)), name="chk_tax_rule_rate"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="taxrule",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("base__isnull", True), ("kind", "vat"), ("vat_category__isnull", False)),
                            models.Q(("base__isnull", False), ("kind", "levy"), ("vat_category__isnull", False)),
                            models.Q(("base__isnull", False), ("kind", "withholding"), ("vat_category__isnull", True)),
                            _connector="OR",
                        ),
                        name="chk_tax_rule_is_of_its_kind",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="taxrule",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "vat"), _negated=True),
                            models.Q(("rate__gt", 0), ("vat_category", "S")),
                            models.Q(("rate", 0), ("vat_category", "Z")),
                            models.Q(("exemption_reason__isnull", False), ("rate", 0)),
                            _connector="OR",
                        ),
                        name="chk_tax_rule_vat",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="taxrule",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("valid_to__gte", models.F("valid_from"))), name="chk_tax_rule_dates"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoicetax",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("kind__in", ["vat", "levy", "withholding"])), name="chk_invoice_tax_kind"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoicetax",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("vat_category__in", ["S", "Z", "E", "AE", "K", "G", "O"])),
                        name="chk_invoice_tax_vat_category",
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoicetax",
                    trigger=pgtrigger.compiler.Trigger(
                        name="issued_is_final",
                        sql=database.triggers.GuardSql(
                            func="\n    PERFORM FROM public.invoice_header\n    WHERE status <> 'draft'\n        AND id IN (\n            CASE WHEN TG_OP <> 'INSERT' THEN OLD.invoice_header_id END,\n            CASE WHEN TG_OP <> 'DELETE' THEN NEW.invoice_header_id END\n        )\n    FOR SHARE;\n    IF FOUND THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = 'the lines of an issued invoice may not be added to, changed or deleted',\n            HINT = 'Correct the invoice by a credit note.';\n    END IF;\n    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;\n",
                            hash="679a6726ee19dcbac33afa245196a6eed1bbaf30",
                            operation="INSERT OR UPDATE OR DELETE",
                            pgid="pgtrigger_issued_is_final_65188",
                            table="invoice_tax",
                            when="BEFORE",
                        ),
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoicetax",
                    trigger=pgtrigger.compiler.Trigger(
                        name="issued_is_not_truncated",
                        sql=database.triggers.GuardSql(
                            func="\n    IF EXISTS (SELECT FROM public.invoice_header WHERE status <> 'draft') THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = TG_TABLE_NAME || ' holds issued invoices and may not be truncated';\n    END IF;\n    RETURN NULL;\n",
                            hash="c73ba7d42e6aa66a191c594d20e244887cb13e0c",
                            level="STATEMENT",
                            operation="TRUNCATE",
                            pgid="pgtrigger_issued_is_not_truncated_53501",
                            table="invoice_tax",
                            when="BEFORE",
                        ),
                    ),
                ),
            ],
        ),
    ]
