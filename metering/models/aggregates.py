"""Aggregates of readings."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.organizations import Organization
from core.models.vocabulary import BillingPeriod, DataSource
from database.indexes import NamedIndex
from metering.models.meters import Meter


class PeriodType(models.TextChoices):
    """The length of an aggregate, cut in the project's time zone."""

    HOURLY = "hourly", "hourly"
    DAILY = "daily", "daily"
    MONTHLY = "monthly", "monthly"
    BILLING = "billing", "billing period"


class MeterAggregate(models.Model):
    """Energy and availability of a meter over an hour, a day, a month or a billing period."""

    billing_period = models.ForeignKey(
        BillingPeriod, models.PROTECT, related_name="aggregates", null=True, blank=True, db_index=False
    )
    # Triggers of the table check meter and organization for each statement and guard what they refer to. Who deletes
    # an organization meets its projects.
    meter = models.ForeignKey(Meter, models.PROTECT, related_name="aggregates", db_constraint=False, db_index=False)
    data_source = models.ForeignKey(
        DataSource, models.PROTECT, related_name="aggregates", null=True, blank=True, db_index=False
    )
    total_production = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
    total_consumption = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
    peak = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
    off_peak = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
    unit = models.CharField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    organization = models.ForeignKey(
        Organization, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    period_type = models.CharField(
        max_length=20, choices=PeriodType, default=PeriodType.MONTHLY, db_default=PeriodType.MONTHLY
    )
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    energy_wh = models.DecimalField(max_digits=24, decimal_places=9, null=True, blank=True)
    energy_kwh = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
    hours_available = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    hours_expected = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    availability_percent = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    reading_count = models.IntegerField(null=True, blank=True)
    data_completeness_percent = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    source_system = models.CharField(max_length=50, null=True, blank=True)
    aggregated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    seconds_available = models.BigIntegerField(
        null=True, blank=True, help_text="Useful seconds in which the meter ran."
    )
    seconds_expected = models.BigIntegerField(
        null=True, blank=True, help_text="Useful seconds of which it is known whether it ran."
    )
    seconds_unknown = models.BigIntegerField(null=True, blank=True, help_text="Seconds without information.")
    opening_register_wh = models.DecimalField(
        max_digits=24,
        decimal_places=9,
        null=True,
        blank=True,
        help_text="Cumulative register at the start, in Wh; empty: the source has none.",
    )
    closing_register_wh = models.DecimalField(
        max_digits=24,
        decimal_places=9,
        null=True,
        blank=True,
        help_text="Cumulative register at the end, in Wh; empty: the source has none.",
    )

    class Meta:
        db_table = "meter_aggregate"
        db_table_comment = "Derived: energy and availability of a meter over an hour, a day or a month."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(period_type__in=PeriodType.values), name="chk_meter_aggregate_period_type"
            ),
            models.CheckConstraint(
                condition=models.Q(period_end__gt=models.F("period_start")), name="chk_meter_aggregate_period"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    seconds_available__gte=0,
                    seconds_available__lte=models.F("seconds_expected"),
                    seconds_unknown__gte=0,
                ),
                name="meter_aggregate_seconds_check",
            ),
            models.UniqueConstraint(
                fields=["meter", "period_type", "period_start", "period_end"],
                name="meter_aggregate_meter_id_period_key",
            ),
        ]
        indexes = [
            NamedIndex(
                fields=["period_type", "period_start", "period_end"],
                name="idx_meter_aggregate_period",
                condition=~models.Q(period_type=PeriodType.HOURLY),
            ),
            NamedIndex(
                fields=["billing_period"],
                name="idx_meter_aggregate_billing_period_id",
                condition=models.Q(billing_period__isnull=False),
            ),
            NamedIndex(
                fields=["data_source"],
                name="idx_meter_aggregate_data_source_id",
                condition=models.Q(data_source__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period_type} from {self.period_start:%Y-%m-%d %H:%M}"
