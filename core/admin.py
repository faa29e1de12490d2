"""The screens of the agreements."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from core.curing import cure, escalate, give_notice, waive
from core.errors import ClauseError, CoreError
from core.models import Clause, Contract, CureStep, DefaultEvent, NotificationMail, RuleOutput, User
from core.payloads import PAYLOADS, read_payload
from core.screens import Account, Lines, Refusing, Screen, ScreenForm, register_rest


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


class CureStepLines(Lines):
    model = CureStep
    read_only = True
    fields = ("step", "happened_at", "cure_deadline", "method", "note", "recorded_by")


@admin.register(DefaultEvent)
class DefaultEventScreen(Screen):
    actions = ("give_notice", "cure", "waive", "escalate")
    inlines = (CureStepLines,)
    list_display = (
        "__str__",
        "contract",
        "clause",
        "default_event_type",
        "period_start",
        "period_end",
        "cure_state",
        "cure_deadline",
        "superseded_at",
    )

    @admin.action(description="Notice was given now: the time to cure begins", permissions=["change"])
    def give_notice(self, request: HttpRequest, chosen: QuerySet[DefaultEvent]) -> None:
        self._record(request, chosen, partial(give_notice, method="recorded in the admin"))

    @admin.action(description="It is cured", permissions=["change"])
    def cure(self, request: HttpRequest, chosen: QuerySet[DefaultEvent]) -> None:
        self._record(request, chosen, cure)

    @admin.action(description="Waive it: no damages are charged", permissions=["change"])
    def waive(self, request: HttpRequest, chosen: QuerySet[DefaultEvent]) -> None:
        self._record(request, chosen, waive)

    @admin.action(description="Escalate it to an event of default", permissions=["change"])
    def escalate(self, request: HttpRequest, chosen: QuerySet[DefaultEvent]) -> None:
        self._record(request, chosen, escalate)

    def _record(self, request: HttpRequest, chosen: QuerySet[DefaultEvent], deed: Callable[..., CureStep]) -> None:
        """Each default on its own: one that does not allow the step is named, and does not stop the others."""
        done = 0
        for default in chosen.select_related("clause", "contract__project"):
            try:
                deed(default, at=timezone.now(), by=request.user.get_username())
                done += 1
            except CoreError as error:
                self.message_user(request, f"{default}: {error}", messages.ERROR)
        if done:
            self.message_user(request, f"Recorded for {done} default{'s' if done > 1 else ''}.")


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


@admin.register(NotificationMail)
class NotificationMailScreen(Account):
    list_display = ("notification", "recipients", "attempts", "claimed_at", "sent_at", "problem")
    list_filter = (("sent_at", admin.EmptyFieldListFilter), ("problem", admin.EmptyFieldListFilter))
    ordering = ("-claimed_at",)


register_rest("core")
