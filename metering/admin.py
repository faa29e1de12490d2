"""The screens of measurement."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from core.errors import SealingError
from core.screens import Account, EndlessScreen, Screen, ScreenForm, register_rest
from core.sealing import METHOD, reseal, seal
from metering.models import (
    IngestionLog,
    IntegrationCredential,
    Meter,
    MeterAggregate,
    MeterReading,
    ReadingArchive,
    ReadingArchiveFile,
    ReadingChange,
    RejectedReading,
)
from metering.partitions import EARLIEST, LEAD, ensure_months


@admin.register(MeterReading)
class MeterReadingScreen(EndlessScreen):
    list_display = ("reading_timestamp", "meter", "project", "energy_wh", "power_w", "irradiance_wm2", "quality")
    list_filter = ("reading_timestamp", "quality", "source_system", "reading_interval")
    # What leads to meters: readings are found by nothing else. The list of one meter is opened from the meter.
    search_fields = ("meter__asset__serial_code__exact",)
    search_help_text = "The whole serial code of the equipment that the meter measures."
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("organization", "project", "meter")}),
        ("Interval", {"fields": (("reading_timestamp", "reading_interval", "interval_seconds"), "quality")}),
        (
            "Values",
            {"fields": ("energy_wh", "power_w", "register_wh", "irradiance_wm2", "temperature_c", "other_metrics")},
        ),
        ("Origin", {"fields": ("source_system", "external_site_id", "external_device_id", "reported_at")}),
    )

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """The newest first: of one meter by time, of all by number, as there is an index for each."""
        return ("-reading_timestamp",) if "meter__id__exact" in request.GET else self.ordering

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


class Unseen(forms.CharField):
    """A secret: typed, sent once, and never sent back, not even when the form has to be shown again."""

    def __init__(self, **options: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"})
        super().__init__(required=False, strip=False, widget=widget, **options)


class CredentialForm(ScreenForm):
    """The form of a credential; secrets typed into it replace all that were sealed before."""

    api_key = Unseen(label="API key")
    client_id = Unseen(label="Client id")
    client_secret = Unseen(label="Client secret")
    access_token = Unseen(label="Access token")
    refresh_token = Unseen(label="Refresh token")
    account = Unseen(label="Account")
    password = Unseen(label="Password")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        typed = {name: cleaned[name] for name in SECRETS if cleaned.get(name)}
        # Kept until the row is written; sealed here, where the reason against it can still be told on the form.
        self.sealed: bytes | None = None
        if typed:
            try:
                self.sealed = seal(typed)
            except SealingError as error:
                self.add_error(None, str(error))
        return cleaned


SECRETS = tuple(CredentialForm.declared_fields)


@admin.register(IntegrationCredential)
class IntegrationCredentialScreen(Screen):
    form = CredentialForm
    actions = ("seal_anew",)
    list_display = (
        "__str__",
        "organization",
        "data_source",
        "auth_type",
        "is_active",
        "token_expires_at",
        "error_count",
    )
    fieldsets = (
        (None, {"fields": ("organization", "data_source", "label", "auth_type", "is_active")}),
        (
            "Secrets",
            {
                "fields": SECRETS,
                "description": "What the portal asks for; the rest stays empty. It is sealed when saved and never shown"
                " again. Typing anything here replaces all secrets of this credential; typing nothing keeps them.",
            },
        ),
        (
            "State",
            {
                "fields": (
                    ("token_expires_at", "token_refreshed_at"),
                    ("last_used_at", "error_count"),
                    "last_error",
                    ("encryption_method", "created_by", "updated_by"),
                ),
                "classes": ("collapse",),
            },
        ),
    )

    @admin.action(description="Seal the secrets with the newest key", permissions=["change"])
    def seal_anew(self, request: HttpRequest, chosen: models.QuerySet[IntegrationCredential]) -> None:
        """So that an older key can be taken out of FRONTIER_CREDENTIAL_KEYS."""
        done = 0
        for credential in chosen:
            sealed = bytes(credential.encrypted_credentials)
            try:
                renewed = reseal(sealed)
            except SealingError as error:
                self.message_user(request, f"{credential}: {error}", messages.ERROR)
                continue
            # A worker that stored a new token meanwhile has sealed it with the newest key itself.
            mine = chosen.model._default_manager.filter(pk=credential.pk, encrypted_credentials=sealed)
            done += mine.update(encrypted_credentials=renewed)
        self.message_user(request, f"{done} credentials are sealed with the newest key.")

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        sections = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return sections
        return [section for section in sections if section[0] != "Secrets"]

    def save_model(self, request: HttpRequest, obj: IntegrationCredential, form: Any, change: bool) -> None:
        if form.sealed is not None:
            obj.encrypted_credentials, obj.encryption_method = form.sealed, METHOD
            # A token that was known is gone with the secrets before; when the new one ends is asked of the portal.
            if not {"token_expires_at", "token_refreshed_at"} & set(form.changed_data):
                obj.token_expires_at = obj.token_refreshed_at = None
        super().save_model(request, obj, form, change)


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


@admin.register(ReadingChange)
class ReadingChangeScreen(Account, EndlessScreen):
    list_display = ("changed_at", "meter", "period_start", "period_end", "rows_new", "rows_replaced", "aggregated_at")
    list_filter = (("aggregated_at", admin.EmptyFieldListFilter),)
    search_fields = ("meter__project__name",)
    ordering = ("-pk",)


@admin.register(RejectedReading)
class RejectedReadingScreen(Account, EndlessScreen):
    list_display = ("ingestion_log", "line", "column_name", "value", "cause")
    list_filter = ()
    search_fields = ()
    ordering = ("-pk",)


admin.site.register([ReadingArchive, ReadingArchiveFile], Account)

register_rest("metering")
