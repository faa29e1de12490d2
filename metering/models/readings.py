"""Readings."""

from django.contrib.postgres.functions import TransactionNow
from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from core.models.organizations import Organization
from core.models.projects import Project
from core.models.vocabulary import UpdatedFrequency
from database.fields import EnumField
from database.indexes import NamedIndex
from metering.models.integrations import IngestionLog
from metering.models.meters import Meter


class Quality(models.TextChoices):
    """How a reading came to be."""

    MEASURED = "measured", "measured"
    ESTIMATED = "estimated", "estimated"
    MISSING = "missing", "missing"


class SourceSystem(models.TextChoices):
    """The system a reading was taken from; equals the name of its data source."""

    SOLAREDGE = "solaredge", "SolarEdge"
    ENPHASE = "enphase", "Enphase"
    SMA = "sma", "SMA"
    GOODWE = "goodwe", "GoodWe"
    SNOWFLAKE = "snowflake", "Snowflake"
    MANUAL = "manual", "loaded by hand"


class MeterReading(models.Model):
    """One measured interval of one meter; reading_timestamp is its start."""

    # Triggers of the table check these for each statement and guard what they refer to. Who deletes a project or an
    # organization meets its meters; no index would find its readings.
    organization = models.ForeignKey(
        Organization, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    project = models.ForeignKey(Project, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    meter = models.ForeignKey(Meter, models.PROTECT, related_name="readings", db_constraint=False, db_index=False)
    source_system = models.CharField(max_length=50, choices=SourceSystem)
    external_site_id = models.CharField(max_length=255, null=True, blank=True)
    external_device_id = models.CharField(max_length=255, null=True, blank=True)
    reading_timestamp = models.DateTimeField(help_text="Start of the interval.")
    reading_interval = EnumField(
        enum="updated_frequency",
        choices=UpdatedFrequency,
        default=UpdatedFrequency.QUARTER_HOUR,
        db_default=UpdatedFrequency.QUARTER_HOUR,
    )
    energy_wh = models.DecimalField(
        max_digits=24,
        decimal_places=9,
        null=True,
        blank=True,
        help_text="Energy of the interval in Wh; empty: not known.",
    )
    power_w = models.DecimalField(
        max_digits=24, decimal_places=9, null=True, blank=True, help_text="Mean power of the interval in W."
    )
    irradiance_wm2 = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, blank=True, help_text="Mean irradiance of the interval in W/m²."
    )
    temperature_c = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, blank=True, help_text="Module temperature in °C."
    )
    other_metrics = models.JSONField(null=True, blank=True)
    quality = models.CharField(max_length=20, choices=Quality, default=Quality.MEASURED, db_default=Quality.MEASURED)
    ingested_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    interval_seconds = models.IntegerField(
        default=900, db_default=900, help_text="Length of the interval in seconds; a local day has 82,800 to 90,000."
    )
    register_wh = models.DecimalField(
        max_digits=24,
        decimal_places=9,
        null=True,
        blank=True,
        help_text="Cumulative register at the end of the interval, in Wh; empty: the source has none.",
    )
    reported_at = models.DateTimeField(
        null=True, blank=True, help_text="When the source stated the value; empty: it did not say."
    )
    # The account of a file may go before its readings.
    ingestion_log_id = models.BigIntegerField(
        null=True, blank=True, editable=False, help_text="The file that brought the reading."
    )

    class Meta:
        db_table = "meter_reading"
        db_table_comment = "Fact: one measured interval of one meter; reading_timestamp is its start."
        constraints = [
            models.UniqueConstraint(
                fields=["meter", "reading_timestamp"], name="meter_reading_meter_id_reading_timestamp_key"
            ),
            models.CheckConstraint(condition=models.Q(quality__in=Quality.values), name="chk_meter_reading_quality"),
            models.CheckConstraint(
                condition=models.Q(source_system__in=SourceSystem.values), name="chk_meter_reading_source"
            ),
            models.CheckConstraint(
                condition=models.Q(reading_interval=UpdatedFrequency.QUARTER_HOUR, interval_seconds=900)
                | models.Q(reading_interval=UpdatedFrequency.FIVE_MINUTES, interval_seconds=300)
                | models.Q(reading_interval=UpdatedFrequency.HALF_HOUR, interval_seconds=1800)
                | models.Q(reading_interval=UpdatedFrequency.HOURLY, interval_seconds=3600)
                | models.Q(
                    reading_interval=UpdatedFrequency.DAILY, interval_seconds__gte=82800, interval_seconds__lte=90000
                )
                | models.Q(reading_interval=UpdatedFrequency.MINUTE, interval_seconds=60)
                | models.Q(reading_interval=UpdatedFrequency.SECOND, interval_seconds=1)
                | models.Q(reading_interval=UpdatedFrequency.MILLISECOND, interval_seconds=1),
                name="chk_meter_reading_interval",
            ),
        ]
        indexes = [
            BrinIndex(fields=["reading_timestamp"], name="idx_meter_reading_time"),
        ]

    def __str__(self) -> str:
        return f"reading of {self.reading_timestamp:%Y-%m-%d %H:%M}"


class ReadingChange(models.Model):
    """A span in which readings of a meter were added or replaced, and when aggregates followed."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="reading_changes")
    project = models.ForeignKey(Project, models.PROTECT, related_name="reading_changes", db_index=False)
    meter = models.ForeignKey(Meter, models.PROTECT, related_name="reading_changes")
    ingestion_log = models.ForeignKey(
        IngestionLog, models.PROTECT, related_name="reading_changes", null=True, blank=True
    )
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    rows_new = models.IntegerField(default=0, db_default=0)
    rows_replaced = models.IntegerField(default=0, db_default=0)
    changed_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    aggregated_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Empty: aggregates of the span do not know of it yet."
    )

    class Meta:
        db_table = "reading_change"
        db_table_comment = (
            "Fact: a span in which readings of a meter were added or replaced, and when aggregates followed."
        )
        constraints = [
            models.CheckConstraint(
                condition=models.Q(period_end__gt=models.F("period_start")), name="reading_change_period_check"
            ),
            models.CheckConstraint(
                condition=models.Q(rows_new__gte=0, rows_replaced__gte=0), name="reading_change_rows_check"
            ),
        ]
        indexes = [
            NamedIndex(fields=["project", "period_end"], name="idx_reading_change_project"),
            NamedIndex(
                fields=["meter", "period_start"],
                name="idx_reading_change_pending",
                condition=models.Q(aggregated_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"readings from {self.period_start:%Y-%m-%d %H:%M} to {self.period_end:%Y-%m-%d %H:%M}"
