"""The screens of money."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from core.errors import CoreError
from core.screens import Account, Lines, Screen, register_rest
from invoicing.dispute_notes import dispute_of
from invoicing.errors import InvoicingError
from invoicing.models import (
    ClauseTariff,
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    Holiday,
    HolidayCalendar,
    InvoiceComparison,
    InvoiceComparisonLineItem,
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceNotice,
    InvoiceStatus,
    InvoiceStatusChange,
    MonthClose,
    PriceIndex,
    PriceIndexValue,
    ReceivedInvoiceHeader,
    ReceivedInvoiceLineItem,
    TariffStatus,
)
from invoicing.publishing import publish
from invoicing.step_pages import TakesSteps

PROVEN = "This tariff is published: its price may not be changed. End it and add another, or make it a draft again."
VERIFIED = "This invoice is verified: its content is fixed. Make it a draft again to change it."
ISSUED = "This invoice has left the house: its next steps are above, and the database refuses every other change."


def fixed_by(invoice: InvoiceHeader) -> str | None:
    """Why an invoice and its lines may not be changed; None while they may."""
    return {InvoiceStatus.DRAFT: None, InvoiceStatus.VERIFIED: VERIFIED}.get(InvoiceStatus(invoice.status), ISSUED)


PRICED = ("description", "price_bucket", "quantity", "unit", "line_unit_price")


class InvoiceLines(Lines):
    model = InvoiceLineItem
    fields = (
        "invoice_line_item_type",
        "description",
        "quantity",
        "line_unit_price",
        "line_total_amount",
        "rule_output",
        "clause_tariff",
        "meter_aggregate",
    )


class ExpectedInvoiceLines(Lines):
    model = ExpectedInvoiceLineItem
    fields = ("invoice_line_item_type", *PRICED, "line_total_amount")


class ReceivedInvoiceLines(Lines):
    model = ReceivedInvoiceLineItem
    fields = ("invoice_line_item_type", *PRICED, "line_total_amount", "tax_category", "tax_rate", "tax_amount")


class ComparisonLines(Lines):
    model = InvoiceComparisonLineItem
    fields = ("expected_invoice_line_item", "received_invoice_line_item", "variance_amount", "reason")
    read_only = True


PARTIES = ("contract", "project", "counterparty", "billing_period")


@admin.register(InvoiceHeader)
class InvoiceScreen(TakesSteps):
    list_display = (
        "__str__",
        "invoice_number",
        "contract",
        "billing_period",
        "invoice_date",
        "total_amount",
        "currency",
        "status",
    )
    date_hierarchy = "invoice_date"
    fieldsets = (
        (None, {"fields": ("status", "invoice_number", ("invoice_date", "due_date"), ("total_amount", "currency"))}),
        ("Between", {"fields": PARTIES}),
    )
    inlines = (InvoiceLines,)
    # Changed by the steps, which say who acts and what the step needs.
    readonly_fields = ("status",)

    def fixed(self, row: InvoiceHeader) -> str | None:
        return fixed_by(row)


@admin.register(InvoiceStatusChange)
class InvoiceStatusChangeScreen(Account):
    list_display = ("invoice_header", "from_status", "to_status", "changed_by", "effective_on", "reason")


@admin.register(InvoiceLineItem)
class InvoiceLineScreen(Screen):
    list_display = (
        "__str__",
        "invoice_header",
        "invoice_line_item_type",
        "description",
        "quantity",
        "line_unit_price",
        "line_total_amount",
    )

    def fixed(self, row: InvoiceLineItem) -> str | None:
        return fixed_by(row.invoice_header)


@admin.register(ReceivedInvoiceHeader)
class ReceivedInvoiceScreen(Screen):
    list_display = InvoiceScreen.list_display
    date_hierarchy = "invoice_date"
    fieldsets = (
        (None, {"fields": ("status", "invoice_number", ("invoice_date", "due_date"), ("total_amount", "currency"))}),
        ("Kind of document", {"fields": (("document_type", "corrects_number"), "exchange_rate")}),
        ("Between", {"fields": PARTIES}),
    )
    inlines = (ReceivedInvoiceLines,)


@admin.register(ExpectedInvoiceHeader)
class ExpectedInvoiceScreen(Screen):
    list_display = ("__str__", "contract", "counterparty", "billing_period", "total_amount", "currency")
    fieldsets = ((None, {"fields": (("total_amount", "currency"),)}), ("Between", {"fields": PARTIES}))
    inlines = (ExpectedInvoiceLines,)


@admin.register(InvoiceComparison)
class InvoiceComparisonScreen(Screen):
    inlines = (ComparisonLines,)
    readonly_fields = ("dispute_note",)

    @admin.display(description="Dispute note")
    def dispute_note(self, comparison: InvoiceComparison) -> str:
        """The letter that disputes the received invoice, ready to be copied."""
        if comparison.pk is None:
            return "Nothing is compared yet."
        try:
            note = dispute_of(comparison)
        except CoreError as problem:
            return str(problem)
        return format_html('<pre class="letter">{}</pre>', note) if note else "Nothing is to be disputed."


class HolidayLines(Lines):
    model = Holiday
    fields = ("name", "falls_on")


class PriceIndexValueLines(Lines):
    model = PriceIndexValue
    fields = ("month", "published_on", "value")


@admin.register(HolidayCalendar)
class HolidayCalendarScreen(Screen):
    inlines = (HolidayLines,)


@admin.register(PriceIndex)
class PriceIndexScreen(Screen):
    inlines = (PriceIndexValueLines,)


@admin.register(ClauseTariff)
class TariffScreen(Screen):
    list_display = (
        *("name", "contract", "tariff_type", "base_rate", "currency", "unit", "valid_from", "valid_to", "status"),
    )
    fieldsets = (
        (None, {"fields": ("contract", "project", "name", "tariff_type", "status")}),
        ("Price", {"fields": (("base_rate", "currency", "unit"), "logic_parameters")}),
        ("Days", {"fields": (("valid_from", "valid_to"), ("published_at", "proven_until"))}),
    )
    # Published by the action, which proves it first.
    readonly_fields = ("status", "published_at", "proven_until")
    actions = ("publish_chosen", "withdraw_chosen")
    unfixed = ("name", "valid_to")

    def fixed(self, row: ClauseTariff) -> str | None:
        return PROVEN if row.proven_until is not None else None

    @admin.action(description="Prove that every instant has one price, and publish", permissions=["change"])
    def publish_chosen(self, request: HttpRequest, chosen: QuerySet[ClauseTariff]) -> None:
        for tariff in chosen:
            try:
                self.message_user(request, str(publish(tariff.pk)))
            except InvoicingError as error:
                self.message_user(request, str(error), messages.ERROR)

    @admin.action(description="Make a draft again, which is not billed", permissions=["change"])
    def withdraw_chosen(self, request: HttpRequest, chosen: QuerySet[ClauseTariff]) -> None:
        self.message_user(request, f"{chosen.update(status=TariffStatus.DRAFT)} tariffs are drafts.")


@admin.register(MonthClose)
class MonthCloseScreen(Account):
    list_display = ("contract", "billing_period", "status", "problems", "notes")
    list_filter = ("status", ("billing_period", admin.RelatedOnlyFieldListFilter))
    ordering = ("-billing_period__start_date", "contract")


admin.site.register(InvoiceNotice, Account)

register_rest("invoicing")
