from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0014_clause_payloads"),
        ("invoicing", "0005_tariffs"),
        ("metering", "0014_ingestion_pipeline"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="025_invoice_issuing.sql",
            sha256="142707c451f33f7b998a845382bf5e7f1b77c6f7cf268563f9887522582f77a9",
            state_operations=[
                migrations.AddField(
                    model_name="counterparty",
                    name="vat_number",
                    field=models.CharField(
                        blank=True, help_text="With the code of the country, like DE123456789.", null=True
                    ),
                ),
                migrations.AddField(
                    model_name="organization",
                    name="bank_account",
                    field=models.CharField(
                        blank=True, help_text="To which invoices are paid, like an IBAN.", null=True
                    ),
                ),
                migrations.AddField(
                    model_name="organization",
                    name="vat_number",
                    field=models.CharField(
                        blank=True, help_text="With the code of the country, like DE123456789.", null=True
                    ),
                ),
            ],
        ),
    ]
