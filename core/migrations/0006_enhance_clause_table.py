from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0005_add_contract_parsing_fields"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="004_enhance_clause_table.sql",
            sha256="cb6ea9ae5c2dc0064e9ebdf408ee80a4b2e05d420b69077476247f90a014f658",
            state_operations=[
                migrations.AddField(
                    model_name="clause",
                    name="beneficiary_party",
                    field=models.CharField(blank=True, max_length=255, null=True),
                ),
                migrations.AddField(
                    model_name="clause",
                    name="confidence_score",
                    field=models.DecimalField(blank=True, decimal_places=3, max_digits=4, null=True),
                ),
                migrations.AddField(
                    model_name="clause",
                    name="summary",
                    field=models.TextField(blank=True, null=True),
                ),
                migrations.AddIndex(
                    model_name="clause",
                    index=database.indexes.NamedIndex(
                        condition=models.Q(("beneficiary_party__isnull", False)),
                        fields=["beneficiary_party"],
                        name="idx_clause_beneficiary_party",
                    ),
                ),
                migrations.AddIndex(
                    model_name="clause",
                    index=database.indexes.NamedIndex(
                        condition=models.Q(("confidence_score__isnull", False)),
                        fields=["confidence_score"],
                        name="idx_clause_confidence_score",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="clause",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("confidence_score__gte", 0), ("confidence_score__lte", 1)),
                        name="clause_confidence_score_check",
                    ),
                ),
            ],
        ),
    ]
