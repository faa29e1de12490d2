import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.fields
import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0001_user"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="v1.0_baseline.sql",
            sha256="878f32f1734c64106c3374e7fa2cf7b4149961fbb91f54bf86e061a905bffecc",
            state_operations=[
                migrations.CreateModel(
                    name="ClauseResponsibleParty",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("address", models.CharField(blank=True, null=True)),
                        ("country", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "responsible party",
                        "verbose_name_plural": "responsible parties",
                        "db_table": "clause_responsibleparty",
                        "db_table_comment": "Lookup: parties that clauses make responsible.",
                    },
                ),
                migrations.CreateModel(
                    name="BillingPeriod",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("start_date", models.DateField(help_text="First day.")),
                        ("end_date", models.DateField(help_text="Last day, inclusive.")),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "billing_period",
                        "db_table_comment": "Lookup: the periods that invoices are drawn up for, first to last day, both inclusive.",
                        "constraints": [
                            models.UniqueConstraint(fields=("name",), name="billing_period_name_key"),
                            models.UniqueConstraint(
                                fields=("start_date", "end_date"), name="billing_period_start_date_end_date_key"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("end_date__gte", models.F("start_date"))),
                                name="billing_period_dates_check",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ClauseCategory",
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
                        "verbose_name_plural": "clause categories",
                        "db_table": "clause_category",
                        "db_table_comment": "Lookup: what a clause regulates; decides the keys of its payload.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="clause_category_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="ClauseType",
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
                        "db_table": "clause_type",
                        "db_table_comment": "Lookup: the nature of a clause, such as operational or financial.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="clause_type_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="ContractStatus",
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
                        "verbose_name_plural": "contract statuses",
                        "db_table": "contract_status",
                        "db_table_comment": "Lookup: the life of a contract, from draft to terminated.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="contract_status_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="ContractType",
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
                        "db_table": "contract_type",
                        "db_table_comment": "Lookup: kinds of contract, such as power purchase or O&M agreement.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="contract_type_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="CounterpartyType",
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
                        "db_table": "counterparty_type",
                        "db_table_comment": "Lookup: kinds of counterparty, such as offtaker or contractor.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="counterparty_type_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="Counterparty",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("email", models.CharField(blank=True, null=True)),
                        ("address", models.CharField(blank=True, null=True)),
                        ("country", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "counterparty_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="counterparties",
                                to="core.counterpartytype",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "counterparties",
                        "db_table": "counterparty",
                        "db_table_comment": "Fact: the other side of a contract.",
                    },
                ),
                migrations.CreateModel(
                    name="Currency",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("code", models.CharField()),
                    ],
                    options={
                        "verbose_name_plural": "currencies",
                        "db_table": "currency",
                        "db_table_comment": "Lookup: ISO 4217 currencies.",
                        "constraints": [models.UniqueConstraint(fields=("code",), name="currency_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="DataSource",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("description", models.CharField(blank=True, null=True)),
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
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "data_source",
                        "db_table_comment": "Lookup: where readings, events and faults come from.",
                        "constraints": [models.UniqueConstraint(fields=("name",), name="data_source_name_key")],
                    },
                ),
                migrations.CreateModel(
                    name="DefaultEventType",
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
                        "db_table": "default_event_type",
                        "db_table_comment": "Lookup: kinds of default under a contract.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="default_event_type_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="EventType",
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
                        "db_table": "event_type",
                        "db_table_comment": "Lookup: kinds of event; clauses name them by code as excuses.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="event_type_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="NotificationType",
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
                        "db_table": "notification_type",
                        "db_table_comment": "Lookup: kinds of notice.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="notification_type_code_key")],
                    },
                ),
                migrations.CreateModel(
                    name="Organization",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("address", models.CharField(blank=True, null=True)),
                        ("country", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "organization",
                        "db_table_comment": "Fact: a tenant, the company whose contracts, meters and invoices are kept.",
                        "constraints": [models.UniqueConstraint(fields=("name",), name="organization_name_key")],
                    },
                ),
                migrations.CreateModel(
                    name="Contract",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("description", models.CharField(blank=True, null=True)),
                        ("effective_date", models.DateField(blank=True, null=True)),
                        ("end_date", models.DateField(blank=True, null=True)),
                        ("file_location", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "updated_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        ("updated_by", models.CharField(blank=True, null=True)),
                        ("version", models.IntegerField(db_default=1, default=1)),
                        (
                            "contract_status",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="contracts",
                                to="core.contractstatus",
                            ),
                        ),
                        (
                            "contract_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="contracts",
                                to="core.contracttype",
                            ),
                        ),
                        (
                            "counterparty",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="contracts",
                                to="core.counterparty",
                            ),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="contracts",
                                to="core.organization",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "contract",
                        "db_table_comment": "Fact: an agreement between an organization and a counterparty about a project.",
                    },
                ),
                migrations.CreateModel(
                    name="Project",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="projects",
                                to="core.organization",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "project",
                        "db_table_comment": "Fact: a power plant, or several under the same contracts.",
                    },
                ),
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("description", models.CharField(blank=True, null=True)),
                        ("raw_data", models.JSONField(blank=True, null=True)),
                        ("metric_outcome", models.JSONField(blank=True, null=True)),
                        ("time_start", models.DateTimeField()),
                        ("time_acknowledged", models.DateTimeField(blank=True, null=True)),
                        ("time_fixed", models.DateTimeField(blank=True, null=True)),
                        ("time_end", models.DateTimeField(blank=True, null=True)),
                        (
                            "status",
                            database.fields.EnumField(
                                choices=[("open", "open"), ("closed", "closed")],
                                db_default="open",
                                default="open",
                                enum="status",
                                help_text="An event counts as an excuse once it is closed and verified.",
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        ("updated_at", models.DateTimeField(blank=True, editable=False, null=True)),
                        ("created_by", models.CharField(blank=True, null=True)),
                        ("updated_by", models.CharField(blank=True, null=True)),
                        (
                            "data_source",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="events",
                                to="core.datasource",
                            ),
                        ),
                        (
                            "event_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="events", to="core.eventtype"
                            ),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="events",
                                to="core.organization",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="events", to="core.project"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "event",
                        "db_table_comment": "Fact: something that happened at a project and may excuse it.",
                    },
                ),
                migrations.CreateModel(
                    name="DefaultEvent",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("description", models.CharField(blank=True, null=True)),
                        ("metadata_detail", models.JSONField(blank=True, null=True)),
                        ("cure_deadline", models.DateTimeField(blank=True, null=True)),
                        ("time_start", models.DateTimeField()),
                        ("time_acknowledged", models.DateTimeField(blank=True, null=True)),
                        ("time_cured", models.DateTimeField(blank=True, null=True)),
                        (
                            "status",
                            database.fields.EnumField(
                                choices=[("open", "open"), ("closed", "closed")],
                                db_default="open",
                                default="open",
                                enum="status",
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        ("updated_at", models.DateTimeField(blank=True, editable=False, null=True)),
                        ("created_by", models.CharField(blank=True, null=True)),
                        ("updated_by", models.CharField(blank=True, null=True)),
                        (
                            "contract",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="default_events",
                                to="core.contract",
                            ),
                        ),
                        (
                            "default_event_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="default_events",
                                to="core.defaulteventtype",
                            ),
                        ),
                        (
                            "event",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="default_events",
                                to="core.event",
                            ),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="default_events",
                                to="core.organization",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="default_events",
                                to="core.project",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "default_event",
                        "db_table_comment": "Derived until a person acts on it: a clause that was not kept in a period.",
                    },
                ),
                migrations.CreateModel(
                    name="ContractorReport",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("raw_text", models.CharField(blank=True, null=True)),
                        ("metadata_detail", models.JSONField(blank=True, null=True)),
                        ("file_location", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "counterparty",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reports",
                                to="core.counterparty",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="reports", to="core.project"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "contractor_report",
                        "db_table_comment": "Fact: a report received from a contractor, as it came.",
                    },
                ),
                migrations.AddField(
                    model_name="contract",
                    name="project",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contracts",
                        to="core.project",
                    ),
                ),
                migrations.CreateModel(
                    name="Clause",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("section_ref", models.CharField(blank=True, null=True)),
                        ("raw_text", models.CharField(blank=True, null=True)),
                        (
                            "normalized_payload",
                            models.JSONField(
                                blank=True,
                                help_text="What the clause promises, in the keys of its category.",
                                null=True,
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "updated_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        ("updated_by", models.CharField(blank=True, null=True)),
                        ("version", models.IntegerField(db_default=1, default=1)),
                        (
                            "clause_category",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="clauses",
                                to="core.clausecategory",
                            ),
                        ),
                        (
                            "clause_responsibleparty",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="clauses",
                                to="core.clauseresponsibleparty",
                            ),
                        ),
                        (
                            "clause_type",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="clauses",
                                to="core.clausetype",
                            ),
                        ),
                        (
                            "contract",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="clauses", to="core.contract"
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="clauses",
                                to="core.project",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "clause",
                        "db_table_comment": "Fact: one clause of a contract, as text and as the payload that is judged.",
                    },
                ),
                migrations.CreateModel(
                    name="Role",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField()),
                        ("email", models.CharField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="roles",
                                to="core.organization",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "role",
                        "db_table_comment": "Fact: what a signed-in person may do for an organization.",
                    },
                ),
                migrations.CreateModel(
                    name="RuleOutput",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("description", models.CharField(blank=True, null=True)),
                        ("metadata_detail", models.JSONField(blank=True, null=True)),
                        ("ld_amount", models.DecimalField(blank=True, decimal_places=4, max_digits=20, null=True)),
                        (
                            "invoice_adjustment",
                            models.DecimalField(blank=True, decimal_places=4, max_digits=20, null=True),
                        ),
                        ("breach", models.BooleanField(db_default=True, default=True)),
                        ("excuse", models.BooleanField(db_default=False, default=False)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        ("updated_at", models.DateTimeField(blank=True, editable=False, null=True)),
                        ("created_by", models.CharField(blank=True, null=True)),
                        ("updated_by", models.CharField(blank=True, null=True)),
                        (
                            "clause",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="rule_outputs",
                                to="core.clause",
                            ),
                        ),
                        (
                            "currency",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="rule_outputs",
                                to="core.currency",
                            ),
                        ),
                        (
                            "default_event",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="rule_outputs",
                                to="core.defaultevent",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="rule_outputs",
                                to="core.project",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "rule_output",
                        "db_table_comment": "Derived: the verdict on a clause for a period, with its explanation.",
                    },
                ),
                migrations.CreateModel(
                    name="Notification",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("description", models.CharField(blank=True, null=True)),
                        ("metadata_detail", models.JSONField(blank=True, null=True)),
                        ("time_notified", models.DateTimeField(blank=True, null=True)),
                        ("time_due", models.DateTimeField(blank=True, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                        (
                            "default_event",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="notifications",
                                to="core.defaultevent",
                            ),
                        ),
                        (
                            "notification_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="notifications",
                                to="core.notificationtype",
                            ),
                        ),
                        (
                            "organization",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="notifications",
                                to="core.organization",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="notifications",
                                to="core.project",
                            ),
                        ),
                        (
                            "rule_output",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="notifications",
                                to="core.ruleoutput",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "notification",
                        "db_table_comment": "Derived until it is sent: a notice that a default calls for.",
                    },
                ),
                migrations.CreateModel(
                    name="RuleOutputType",
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
                        "db_table": "rule_output_type",
                        "db_table_comment": "Lookup: kinds of verdict.",
                        "ordering": ["code"],
                        "abstract": False,
                        "constraints": [models.UniqueConstraint(fields=("code",), name="rule_output_type_code_key")],
                    },
                ),
                migrations.AddField(
                    model_name="ruleoutput",
                    name="rule_output_type",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rule_outputs",
                        to="core.ruleoutputtype",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="project",
                    constraint=models.UniqueConstraint(
                        fields=("organization", "name"), name="project_organization_id_name_key"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="event",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("time_end__gte", models.F("time_start"))), name="event_times_check"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="contract",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("end_date__gte", models.F("effective_date"))), name="contract_dates_check"
                    ),
                ),
            ],
        ),
    ]
