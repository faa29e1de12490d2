from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0015_invoice_issuing"),
        ("invoicing", "0007_comparison_lines"),
        ("metering", "0014_ingestion_pipeline"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="027_provisional_lines.sql",
            sha256="5c2ee212bdba1d3a1b9db7872f50883dd964e2bdbaa61674bbff3bdabf6ada2f",
            state_operations=[
                migrations.AddField(
                    model_name="expectedinvoicelineitem",
                    name="is_provisional",
                    field=models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="At a price that rests on an index that is not published yet.",
                    ),
                ),
                migrations.AddField(
                    model_name="invoicelineitem",
                    name="is_provisional",
                    field=models.BooleanField(
                        db_default=False,
                        default=False,
                        editable=False,
                        help_text="At a price that rests on an index that is not published yet.",
                    ),
                ),
                migrations.AddIndex(
                    model_name="invoicelineitem",
                    index=database.indexes.NamedIndex(
                        condition=models.Q(("is_provisional", True)),
                        fields=["invoice_header"],
                        name="idx_invoice_line_item_provisional",
                    ),
                ),
            ],
        ),
    ]
