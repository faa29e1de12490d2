"""What all chapters share: lookups, currencies, billing periods, data sources."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from database.fields import EnumField


class Status(models.TextChoices):
    """Whether something still goes on."""

    OPEN = "open", "open"
    CLOSED = "closed", "closed"


class UpdatedFrequency(models.TextChoices):
    """How often a value comes, and how long a reading lasts."""

    DAILY = "daily", "daily"
    HOURLY = "hourly", "hourly"
    HALF_HOUR = "30min", "half an hour"
    QUARTER_HOUR = "15min", "quarter of an hour"
    FIVE_MINUTES = "5min", "five minutes"
    MINUTE = "min", "minute"
    SECOND = "sec", "second"
    MILLISECOND = "millisec", "millisecond"


class Lookup(models.Model):
    """A row of a vocabulary that people extend: a code for the program, a name for people."""

    name = models.CharField()
    code = models.CharField()
    description = models.CharField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        abstract = True
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Currency(models.Model):
    """ISO 4217 currencies."""

    name = models.CharField()
    code = models.CharField()

    class Meta:
        db_table = "currency"
        db_table_comment = "Lookup: ISO 4217 currencies."
        verbose_name_plural = "currencies"
        constraints = [
            models.UniqueConstraint(fields=["code"], name="currency_code_key"),
        ]

    def __str__(self) -> str:
        return self.code


class BillingPeriod(models.Model):
    """The periods that invoices are drawn up for, first to last day, both inclusive."""

    name = models.CharField()
    start_date = models.DateField(help_text="First day.")
    end_date = models.DateField(help_text="Last day, inclusive.")
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "billing_period"
        db_table_comment = "Lookup: the periods that invoices are drawn up for, first to last day, both inclusive."
        constraints = [
            models.UniqueConstraint(fields=["name"], name="billing_period_name_key"),
            models.UniqueConstraint(fields=["start_date", "end_date"], name="billing_period_start_date_end_date_key"),
            models.CheckConstraint(
                condition=models.Q(end_date__gte=models.F("start_date")), name="billing_period_dates_check"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DataSource(models.Model):
    """Where readings, events and faults come from."""

    name = models.CharField()
    description = models.CharField(null=True, blank=True)
    updated_frequency = EnumField(
        enum="updated_frequency",
        choices=UpdatedFrequency,
        default=UpdatedFrequency.DAILY,
        db_default=UpdatedFrequency.DAILY,
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "data_source"
        db_table_comment = "Lookup: where readings, events and faults come from."
        constraints = [
            models.UniqueConstraint(fields=["name"], name="data_source_name_key"),
        ]

    def __str__(self) -> str:
        return self.name
