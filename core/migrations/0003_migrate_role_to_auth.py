import django.contrib.postgres.functions
from django.db import migrations, models

import database.indexes
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_baseline"),
        ("invoicing", "0001_baseline"),
        ("metering", "0001_baseline"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="001_migrate_role_to_auth.sql",
            sha256="57d486d26796058983a3fd9b4af280eba94bd772e75017f1ed54df76d75957d5",
            state_operations=[
                migrations.AddField(
                    model_name="role",
                    name="is_active",
                    field=models.BooleanField(db_default=True, default=True),
                ),
                migrations.AddField(
                    model_name="role",
                    name="role_type",
                    field=models.CharField(choices=[("admin", "admin"), ("staff", "staff")]),
                ),
                migrations.AddField(
                    model_name="role",
                    name="updated_at",
                    field=models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                    ),
                ),
                migrations.AddField(
                    model_name="role",
                    name="user_id",
                    field=models.UUIDField(help_text="The user of Supabase Auth; equals the id of the login here."),
                ),
                migrations.AddIndex(
                    model_name="role",
                    index=database.indexes.NamedIndex(fields=["user_id"], name="idx_role_user_id"),
                ),
                migrations.AddConstraint(
                    model_name="role",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("role_type__in", ["admin", "staff"])), name="role_role_type_check"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="role",
                    constraint=models.UniqueConstraint(fields=("user_id",), name="role_user_id_key"),
                ),
            ],
        ),
    ]
