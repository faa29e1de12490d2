"""Readings."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.organizations import Organization
from core.models.projects import Project
from core.models.vocabulary import UpdatedFrequency
from database.fields import EnumField
from database.indexes import NamedIndex
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

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="readings")
    project = models.ForeignKey(Project, models.PROTECT, related_name="readings")
    meter = models.ForeignKey(Meter, models.PROTECT, related_name="readings")
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
        ]
        indexes = [
            NamedIndex(fields=["source_system"], name="idx_meter_reading_source"),
            NamedIndex(fields=["external_site_id"], name="idx_meter_reading_external_site"),
            NamedIndex(fields=["reading_timestamp"], name="idx_meter_reading_timestamp"),
            NamedIndex(
                fields=["organization", "project", "reading_timestamp"], name="idx_meter_reading_org_project_ts"
            ),
        ]

    def __str__(self) -> str:
        return f"reading of {self.reading_timestamp:%Y-%m-%d %H:%M}"
