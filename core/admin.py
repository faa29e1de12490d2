"""The screens of the agreements."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from core.errors import ClauseError
from core.models import Clause, Contract, DefaultEvent, RuleOutput, User
from core.payloads import PAYLOADS, read_payload
from core.screens import Lines, Refusing, Screen, ScreenForm, register_rest


class ClauseLines(Lines):
    model = Clause
    read_only = True
    fields = ("name", "section_ref", "clause_category", "clause_responsibleparty", "confidence_score", "version")


@admin.register(Contract)
class ContractScreen(Screen):
    list_display = ("name", "project", "counterparty", "contract_status", "effective_date", "end_date")
    list_filter = ("contract_type", "contract_status", "invoice_direction", "parsing_status")
    fieldsets = (
        (None, {"fields": ("name", "contract_type", "contract_status", "description")}),
        ("Parties", {"fields": ("organization", "project", "counterparty", "invoice_direction")}),
        ("Term", {"fields": (("effective_date", "end_date"), "version", "updated_by")}),
        (
            "Document and its parsing",
            {
                "fields": (
                    "file_location",
                    "parsing_status",
                    ("parsing_started_at", "parsing_completed_at"),
                    "processing_time_seconds",
                    ("clauses_extracted_count", "pii_detected_count"),
                    "parsing_error",
                ),
                "classes": ("collapse",),
            },
        ),
    )
    inlines = (ClauseLines,)


class ClauseForm(ScreenForm):
    """A clause whose payload, where it is written, has the keys of its category."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        payload, category = cleaned.get("normalized_payload"), cleaned.get("clause_category")
        is_written = not {"normalized_payload", "clause_category"}.isdisjoint(self.changed_data)
        if is_written and payload is not None and category is not None and category.code in PAYLOADS:
            try:
                read_payload(category.code, payload, clause=str(cleaned.get("name")))
            except ClauseError as error:
                for key, problem in error.problems:
                    self.add_error("normalized_payload", f"{key}: {problem}")
        return cleaned


@admin.register(Clause)
class ClauseScreen(Screen):
    form = ClauseForm
    list_display = ("name", "contract", "section_ref", "clause_category", "clause_type", "version")
    fieldsets = (
        (None, {"fields": ("contract", "project", "name", "section_ref", "version", "updated_by")}),
        ("Kind", {"fields": ("clause_category", "clause_type", "clause_responsibleparty", "beneficiary_party")}),
        ("What it says", {"fields": ("summary", "raw_text", "confidence_score")}),
        ("What is judged", {"fields": ("normalized_payload",)}),
    )


@admin.register(DefaultEvent)
class DefaultEventScreen(Screen):
    list_display = (
        "__str__",
        "contract",
        "clause",
        "default_event_type",
        "period_start",
        "period_end",
        "status",
        "superseded_at",
    )


@admin.register(RuleOutput)
class RuleOutputScreen(Screen):
    list_display = (
        "__str__",
        "clause",
        "rule_output_type",
        "period_start",
        "breach",
        "excuse",
        "ld_amount",
        "currency",
    )


@admin.register(User)
class UserScreen(Refusing, UserAdmin):  # type: ignore[type-arg]
    fieldsets = (*(UserAdmin.fieldsets or ()), ("Supabase", {"fields": ("auth_user_id",)}))
    readonly_fields = ("last_login", "date_joined")
    search_fields = (*UserAdmin.search_fields, "auth_user_id__exact")


register_rest("core")
