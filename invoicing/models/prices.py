"""Published prices, fees, indices, exchange rates, and holidays."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.vocabulary import Currency, Lookup, UpdatedFrequency
from database.fields import EnumField
from invoicing.tariffs.calendar import Observed

# The days that invoicing.tariffs.calendar.Holiday reads, as PostgreSQL's regular expressions write them.
FALLS_ON = (
    r"^(\d{4}-\d{2}-\d{2}|\d{2}-\d{2}|(first|second|third|fourth|last)"
    r" (monday|tuesday|wednesday|thursday|friday|saturday|sunday) of \d{2}|easter([+-]\d{1,3})?)$"
)


class MarketPriceType(Lookup):
    """Kinds of market price."""

    updated_frequency = EnumField(
        enum="updated_frequency",
        choices=UpdatedFrequency,
        default=UpdatedFrequency.DAILY,
        db_default=UpdatedFrequency.DAILY,
    )

    class Meta(Lookup.Meta):
        db_table = "market_price_type"
        db_table_comment = "Lookup: kinds of market price."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="market_price_type_code_key"),
        ]


class MarketPrice(models.Model):
    """A published price of a market."""

    market_price_type = models.ForeignKey(MarketPriceType, models.PROTECT, related_name="market_prices")
    country = models.CharField(null=True, blank=True)
    region = models.CharField(null=True, blank=True)
    source = models.CharField(null=True, blank=True)
    unit = models.CharField()
    unit_value = models.DecimalField(max_digits=20, decimal_places=10)
    reading_timestamp = models.DateTimeField()
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "market_price"
        db_table_comment = "Fact: a published price of a market."

    def __str__(self) -> str:
        return f"market price {self.pk}"


class RegulatoryFeeType(Lookup):
    """Kinds of regulatory fee."""

    updated_frequency = EnumField(
        enum="updated_frequency",
        choices=UpdatedFrequency,
        default=UpdatedFrequency.DAILY,
        db_default=UpdatedFrequency.DAILY,
    )

    class Meta(Lookup.Meta):
        db_table = "regulatory_fee_type"
        db_table_comment = "Lookup: kinds of regulatory fee."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="regulatory_fee_type_code_key"),
        ]


class RegulatoryFee(models.Model):
    """A published fee of a regulator."""

    regulatory_fee_type = models.ForeignKey(RegulatoryFeeType, models.PROTECT, related_name="regulatory_fees")
    country = models.CharField(null=True, blank=True)
    region = models.CharField(null=True, blank=True)
    source = models.CharField(null=True, blank=True)
    unit = models.CharField()
    unit_value = models.DecimalField(max_digits=20, decimal_places=10)
    reading_timestamp = models.DateTimeField()
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "regulatory_fee"
        db_table_comment = "Fact: a published fee of a regulator."

    def __str__(self) -> str:
        return f"regulatory fee {self.pk}"


class PriceIndex(models.Model):
    """A published series by which prices move."""

    name = models.CharField(max_length=255)
    source = models.CharField(max_length=255, null=True, blank=True)
    unit = models.CharField(
        max_length=50, null=True, blank=True, help_text="Of a reference price, like USD/kWh; an index has none."
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "price_index"
        db_table_comment = (
            "Fact: a published series by which prices move, an index without a unit or a reference price with one."
        )
        constraints = [models.UniqueConstraint(fields=["name"], name="price_index_name_key")]

    def __str__(self) -> str:
        return self.name


class PriceIndexValue(models.Model):
    """The value of a series for a month as it was published on a day; a revision is another row."""

    price_index = models.ForeignKey(PriceIndex, models.PROTECT, related_name="values", db_index=False)
    month = models.DateField(help_text="First day of the month.")
    published_on = models.DateField()
    value = models.DecimalField(max_digits=20, decimal_places=10)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "price_index_value"
        db_table_comment = (
            "Fact: the value of a series for a month as it was published on a day; a revision is another row."
        )
        constraints = [
            models.UniqueConstraint(
                fields=["price_index", "month", "published_on"], name="price_index_value_vintage_key"
            ),
            models.CheckConstraint(condition=models.Q(month__day=1), name="price_index_value_month_check"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}, published {self.published_on}"


class HolidayCalendar(models.Model):
    """The holidays of a place."""

    name = models.CharField(max_length=255)
    observed = models.CharField(
        max_length=20,
        choices=[(each.value, each.value.replace("_", " ")) for each in Observed],
        help_text="The working day on which a holiday is kept as well that falls on a weekend.",
    )
    known_to = models.DateField(
        null=True, blank=True, help_text="Last day for which holidays are listed; empty: all recur by rule."
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "holiday_calendar"
        db_table_comment = "Fact: the holidays of a place, how they move from weekends, and up to when they are known."
        constraints = [
            models.UniqueConstraint(fields=["name"], name="holiday_calendar_name_key"),
            models.CheckConstraint(
                condition=models.Q(observed__in=[each.value for each in Observed]),
                name="holiday_calendar_observed_check",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Holiday(models.Model):
    """A holiday and the day it falls on, once or every year."""

    holiday_calendar = models.ForeignKey(HolidayCalendar, models.PROTECT, related_name="holidays", db_index=False)
    name = models.CharField(max_length=255)
    falls_on = models.CharField(
        max_length=50, help_text="2027-04-26, 12-25, third monday of 01, last monday of 05, or easter+1."
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "holiday"
        db_table_comment = "Fact: a holiday and the day it falls on, once or every year."
        constraints = [
            models.UniqueConstraint(fields=["holiday_calendar", "falls_on"], name="holiday_day_key"),
            models.CheckConstraint(condition=models.Q(falls_on__regex=FALLS_ON), name="holiday_falls_on_check"),
        ]

    def __str__(self) -> str:
        return self.name


class ExchangeRate(models.Model):
    """What one unit of the base currency costs in the quote currency on a day."""

    base_currency = models.ForeignKey(Currency, models.PROTECT, related_name="rates_as_base", db_index=False)
    quote_currency = models.ForeignKey(Currency, models.PROTECT, related_name="rates_as_quote")
    rate_date = models.DateField()
    rate = models.DecimalField(max_digits=20, decimal_places=10)
    source = models.CharField(max_length=255, null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "exchange_rate"
        db_table_comment = "Fact: what one unit of the base currency costs in the quote currency on a day."
        constraints = [
            models.UniqueConstraint(
                fields=["base_currency", "quote_currency", "rate_date"], name="exchange_rate_day_key"
            ),
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="exchange_rate_rate_check"),
            models.CheckConstraint(
                condition=~models.Q(base_currency=models.F("quote_currency")), name="exchange_rate_currencies_check"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rate_date}: {self.rate}"
