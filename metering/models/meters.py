"""Meters."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.projects import Project
from core.models.vocabulary import Lookup
from metering.models.assets import Asset, Vendor


class MeterType(Lookup):
    """What a meter measures."""

    class Meta(Lookup.Meta):
        db_table = "meter_type"
        db_table_comment = "Lookup: what a meter measures."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="meter_type_code_key"),
        ]


class Meter(models.Model):
    """A meter of a project."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="meters")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="meters", null=True, blank=True)
    vendor = models.ForeignKey(Vendor, models.PROTECT, related_name="meters", null=True, blank=True)
    meter_type = models.ForeignKey(MeterType, models.PROTECT, related_name="meters")
    model = models.CharField(null=True, blank=True)
    unit = models.CharField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    rated_power_kw = models.DecimalField(
        max_digits=24, decimal_places=9, null=True, blank=True, help_text="Of the unit that it measures, in kW."
    )

    class Meta:
        db_table = "meter"
        db_table_comment = "Fact: a meter of a project."
        constraints = [
            models.CheckConstraint(condition=models.Q(rated_power_kw__gt=0), name="meter_rated_power_check"),
        ]

    def __str__(self) -> str:
        return f"{self.model or 'meter'} ({self.pk})"
