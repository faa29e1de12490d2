"""The screens of measurement."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from core.screens import EndlessScreen, Screen, register_rest
from metering.models import IngestionLog, Meter, MeterAggregate, MeterReading
from metering.partitions import EARLIEST, LEAD, ensure_months


@admin.register(MeterReading)
class MeterReadingScreen(EndlessScreen):
    list_display = ("reading_timestamp", "meter", "project", "energy_wh", "power_w", "irradiance_wm2", "quality")
    list_filter = ("reading_timestamp", "quality", "source_system", "reading_interval")
    # The columns with an index; the list of one meter is opened from the meter.
    search_fields = ("external_site_id__exact",)
    search_help_text = "The whole external site id."
    ordering = ("-reading_timestamp", "-pk")
    fieldsets = (
        (None, {"fields": ("organization", "project", "meter")}),
        ("Interval", {"fields": (("reading_timestamp", "reading_interval"), "quality")}),
        ("Values", {"fields": ("energy_wh", "power_w", "irradiance_wm2", "temperature_c", "other_metrics")}),
        ("Origin", {"fields": ("source_system", "external_site_id", "external_device_id")}),
    )

    def save_model(self, request: HttpRequest, obj: MeterReading, form: Any, change: bool) -> None:
        # Outside these bounds it is a typing error, and the database says that there is no such month.
        if EARLIEST <= obj.reading_timestamp <= timezone.now() + LEAD:
            ensure_months(obj.reading_timestamp, obj.reading_timestamp)
        super().save_model(request, obj, form, change)


@admin.register(MeterAggregate)
class MeterAggregateScreen(EndlessScreen):
    list_display = (
        "period_start",
        "period_type",
        "meter",
        "energy_kwh",
        "availability_percent",
        "data_completeness_percent",
        "reading_count",
        "aggregated_at",
    )
    list_filter = ("period_type", "period_start")
    search_fields = ("meter__project__name",)


@admin.register(Meter)
class MeterScreen(Screen):
    list_display = ("__str__", "project", "asset", "meter_type", "vendor", "model", "unit")


@admin.register(IngestionLog)
class IngestionLogScreen(Screen):
    list_display = (
        "file_path",
        "organization",
        "data_source",
        "ingestion_status",
        "ingestion_stage",
        "rows_in_file",
        "rows_loaded",
        "rows_failed",
        "processing_started_at",
    )
    date_hierarchy = "created_at"
    ordering = ("-created_at",)


register_rest("metering")
