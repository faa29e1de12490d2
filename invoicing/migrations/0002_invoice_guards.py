import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0011_invoice_guards"),
        ("invoicing", "0001_baseline"),
    ]

    operations = [
        database.operations.SQLFileState(
            file_name="016_invoice_guards.sql",
            state_operations=[
                migrations.AddConstraint(
                    model_name="expectedinvoiceheader",
                    constraint=models.UniqueConstraint(
                        fields=("contract", "billing_period"), name="uq_expected_invoice_header_contract_period"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoicecomparison",
                    constraint=models.UniqueConstraint(
                        fields=("expected_invoice_header", "received_invoice_header"), name="uq_invoice_comparison_pair"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="invoiceheader",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("status", "draft")),
                        fields=("contract", "billing_period"),
                        name="uq_invoice_header_draft",
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoiceheader",
                    trigger=pgtrigger.compiler.Trigger(
                        name="issued_is_final",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.status <> 'draft')",
                            func="\n    IF TG_OP = 'DELETE' THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = 'invoice ' || OLD.id || ' is issued and may not be deleted',\n            HINT = 'Correct it by another document.';\n    END IF;\n    IF NEW.status = 'draft' OR to_jsonb(NEW) - 'status' <> to_jsonb(OLD) - 'status' THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = 'invoice ' || OLD.id || ' is issued and may not be changed, its status apart',\n            HINT = 'Correct it by another document.';\n    END IF;\n    RETURN NEW;\n",
                            hash="d5904b34ec6720d85d5d79816dbf08954ae1f3b6",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_issued_is_final_ba802",
                            table="invoice_header",
                            when="BEFORE",
                        ),
                    ),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name="invoicelineitem",
                    trigger=pgtrigger.compiler.Trigger(
                        name="issued_is_final",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="\n    IF EXISTS (\n        SELECT FROM public.invoice_header\n        WHERE status <> 'draft'\n            AND id IN (\n                CASE WHEN TG_OP <> 'INSERT' THEN OLD.invoice_header_id END,\n                CASE WHEN TG_OP <> 'DELETE' THEN NEW.invoice_header_id END\n            )\n    ) THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'restrict_violation',\n            MESSAGE = 'the lines of an issued invoice may not be added to, changed or deleted',\n            HINT = 'Correct the invoice by another document.';\n    END IF;\n    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;\n",
                            hash="90c47ef3d4acdb811d7deb1c63302cdc03eb62ce",
                            operation="INSERT OR UPDATE OR DELETE",
                            pgid="pgtrigger_issued_is_final_e98dc",
                            table="invoice_line_item",
                            when="BEFORE",
                        ),
                    ),
                ),
            ],
        ),
    ]
