"""Published prices and fees."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.vocabulary import Lookup, UpdatedFrequency
from database.fields import EnumField


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
