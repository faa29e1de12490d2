import django.contrib.postgres.fields
import django.db.models.functions.text
from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0006_enhance_clause_table"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="005_update_clause_categories.sql",
            sha256="37d8e7b6299b90c7f5e023621e3a301c455bc3d099b2f5726499def790daae27",
            state_operations=[
                migrations.AddField(
                    model_name="clausecategory",
                    name="key_terms",
                    field=django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, null=True, size=None
                    ),
                ),
                migrations.AddConstraint(
                    model_name="clausecategory",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("code", django.db.models.functions.text.Upper("code"))),
                        name="clause_category_code_check",
                    ),
                ),
            ],
        ),
    ]
