import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

import database.operations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0014_clause_payloads"),
        ("invoicing", "0004_reading_change"),
        ("metering", "0014_ingestion_pipeline"),
    ]

    operations = [
        database.operations.RunSQLFile(
            file_name="024_tariffs.sql",
            sha256="c9546bdb7db92d2540c43f641be0e169d5d6951bfb5106bac2c65a70de4335d6",
            state_operations=[
                migrations.CreateModel(
                    name="ExchangeRate",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("rate_date", models.DateField()),
                        ("rate", models.DecimalField(decimal_places=10, max_digits=20)),
                        ("source", models.CharField(blank=True, max_length=255, null=True)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "exchange_rate",
                        "db_table_comment": "Fact: what one unit of the base currency costs in the quote currency on a day.",
                    },
                ),
                migrations.CreateModel(
                    name="Holiday",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=255)),
                        (
                            "falls_on",
                            models.CharField(
                                help_text="2027-04-26, 12-25, third monday of 01, last monday of 05, or easter+1.",
                                max_length=50,
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
                        "db_table": "holiday",
                        "db_table_comment": "Fact: a holiday and the day it falls on, once or every year.",
                    },
                ),
                migrations.CreateModel(
                    name="HolidayCalendar",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=255)),
                        (
                            "observed",
                            models.CharField(
                                choices=[
                                    ("same_day", "same day"),
                                    ("nearest_weekday", "nearest weekday"),
                                    ("next_weekday", "next weekday"),
                                    ("sunday_to_monday", "sunday to monday"),
                                ],
                                help_text="The working day on which a holiday is kept as well that falls on a weekend.",
                                max_length=20,
                            ),
                        ),
                        (
                            "known_to",
                            models.DateField(
                                blank=True,
                                help_text="Last day for which holidays are listed; empty: all recur by rule.",
                                null=True,
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
                        "db_table": "holiday_calendar",
                        "db_table_comment": "Fact: the holidays of a place, how they move from weekends, and up to when they are known.",
                    },
                ),
                migrations.CreateModel(
                    name="PriceIndex",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=255)),
                        ("source", models.CharField(blank=True, max_length=255, null=True)),
                        (
                            "unit",
                            models.CharField(
                                blank=True,
                                help_text="Of a reference price, like USD/kWh; an index has none.",
                                max_length=50,
                                null=True,
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
                        "db_table": "price_index",
                        "db_table_comment": "Fact: a published series by which prices move, an index without a unit or a reference price with one.",
                    },
                ),
                migrations.CreateModel(
                    name="PriceIndexValue",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("month", models.DateField(help_text="First day of the month.")),
                        ("published_on", models.DateField()),
                        ("value", models.DecimalField(decimal_places=10, max_digits=20)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                            ),
                        ),
                    ],
                    options={
                        "db_table": "price_index_value",
                        "db_table_comment": "Fact: the value of a series for a month as it was published on a day; a revision is another row.",
                    },
                ),
                migrations.AddField(
                    model_name="clausetariff",
                    name="proven_until",
                    field=models.DateField(
                        blank=True,
                        editable=False,
                        help_text="Last day for which every instant is proven to have one price.",
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="clausetariff",
                    name="published_at",
                    field=models.DateTimeField(blank=True, editable=False, null=True),
                ),
                migrations.AddField(
                    model_name="clausetariff",
                    name="status",
                    field=models.CharField(
                        choices=[("draft", "draft"), ("published", "published")],
                        db_default="draft",
                        default="draft",
                        editable=False,
                        help_text="Only what is published is billed; publishing proves that every instant has one price.",
                        max_length=20,
                    ),
                ),
                migrations.AddConstraint(
                    model_name="clausetariff",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("status__in", ["draft", "published"])), name="clause_tariff_status_check"
                    ),
                ),
                migrations.AddField(
                    model_name="exchangerate",
                    name="base_currency",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rates_as_base",
                        to="core.currency",
                    ),
                ),
                migrations.AddField(
                    model_name="exchangerate",
                    name="quote_currency",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rates_as_quote", to="core.currency"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="holidaycalendar",
                    constraint=models.UniqueConstraint(fields=("name",), name="holiday_calendar_name_key"),
                ),
                migrations.AddConstraint(
                    model_name="holidaycalendar",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("observed__in", ["same_day", "nearest_weekday", "next_weekday", "sunday_to_monday"])
                        ),
                        name="holiday_calendar_observed_check",
                    ),
                ),
                migrations.AddField(
                    model_name="holiday",
                    name="holiday_calendar",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holidays",
                        to="invoicing.holidaycalendar",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="priceindex",
                    constraint=models.UniqueConstraint(fields=("name",), name="price_index_name_key"),
                ),
                migrations.AddField(
                    model_name="priceindexvalue",
                    name="price_index",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="values",
                        to="invoicing.priceindex",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="exchangerate",
                    constraint=models.UniqueConstraint(
                        fields=("base_currency", "quote_currency", "rate_date"), name="exchange_rate_day_key"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="exchangerate",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("rate__gt", 0)), name="exchange_rate_rate_check"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="exchangerate",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("base_currency", models.F("quote_currency")), _negated=True),
                        name="exchange_rate_currencies_check",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="holiday",
                    constraint=models.UniqueConstraint(fields=("holiday_calendar", "falls_on"), name="holiday_day_key"),
                ),
                migrations.AddConstraint(
                    model_name="holiday",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            (
                                "falls_on__regex",
                                "^(\\d{4}-\\d{2}-\\d{2}|\\d{2}-\\d{2}|(first|second|third|fourth|last) (monday|tuesday|wednesday|thursday|friday|saturday|sunday) of \\d{2}|easter([+-]\\d{1,3})?)$",
                            )
                        ),
                        name="holiday_falls_on_check",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="priceindexvalue",
                    constraint=models.UniqueConstraint(
                        fields=("price_index", "month", "published_on"), name="price_index_value_vintage_key"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="priceindexvalue",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("month__day", 1)), name="price_index_value_month_check"
                    ),
                ),
            ],
        ),
    ]
