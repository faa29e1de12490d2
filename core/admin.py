"""The screens of the agreements."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from core.models import Clause, Contract, DefaultEvent, RuleOutput, User
from core.screens import Lines, Refusing, Screen, register_rest


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


@admin.register(Clause)
class ClauseScreen(Screen):
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
