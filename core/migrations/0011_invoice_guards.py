from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0010_verdict_identity"),
        ("metering", "0008_ingestion_once"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="016_invoice_guards.sql",
            sha256="ad1d5b789e948f915206d6696f8adbbee6ace0a3580d5f46b6f20520344552d1",
            state_operations=[
                migrations.AddField(
                    model_name="contract",
                    name="invoice_direction",
                    field=models.CharField(
                        choices=[("receivable", "receivable"), ("payable", "payable")],
                        db_default="receivable",
                        default="receivable",
                        help_text="Receivable: the organization is paid; payable: it pays.",
                        max_length=20,
                    ),
                ),
                migrations.AddConstraint(
                    model_name="contract",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("invoice_direction__in", ["receivable", "payable"])),
                        name="contract_invoice_direction_check",
                    ),
                ),
            ],
        ),
    ]
