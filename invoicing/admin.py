"""The screens of money."""

from django.contrib import admin

from core.screens import Lines, Screen, register_rest
from invoicing.models import (
    ClauseTariff,
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    InvoiceComparison,
    InvoiceComparisonLineItem,
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceStatus,
    ReceivedInvoiceHeader,
    ReceivedInvoiceLineItem,
)

ISSUED = "This invoice has left the house: nothing but its status may change, and the database refuses the rest."


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
    fields = ("invoice_line_item_type", "description", "line_total_amount")


class ReceivedInvoiceLines(Lines):
    model = ReceivedInvoiceLineItem
    fields = ("invoice_line_item_type", "description", "line_total_amount")


class ComparisonLines(Lines):
    model = InvoiceComparisonLineItem
    fields = ("expected_invoice_line_item", "received_invoice_line_item", "variance_amount", "description")


PARTIES = ("contract", "project", "counterparty", "billing_period")


@admin.register(InvoiceHeader)
class InvoiceScreen(Screen):
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
    unfixed = ("status",)

    def fixed(self, row: InvoiceHeader) -> str | None:
        return None if row.status == InvoiceStatus.DRAFT else ISSUED


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
        return None if row.invoice_header.status == InvoiceStatus.DRAFT else ISSUED


@admin.register(ReceivedInvoiceHeader)
class ReceivedInvoiceScreen(Screen):
    list_display = InvoiceScreen.list_display
    date_hierarchy = "invoice_date"
    fieldsets = InvoiceScreen.fieldsets
    inlines = (ReceivedInvoiceLines,)


@admin.register(ExpectedInvoiceHeader)
class ExpectedInvoiceScreen(Screen):
    list_display = ("__str__", "contract", "counterparty", "billing_period", "total_amount", "currency")
    fieldsets = ((None, {"fields": (("total_amount", "currency"),)}), ("Between", {"fields": PARTIES}))
    inlines = (ExpectedInvoiceLines,)


@admin.register(InvoiceComparison)
class InvoiceComparisonScreen(Screen):
    inlines = (ComparisonLines,)


@admin.register(ClauseTariff)
class TariffScreen(Screen):
    list_display = ("name", "contract", "tariff_type", "base_rate", "currency", "unit", "valid_from", "valid_to")
    fieldsets = (
        (None, {"fields": ("contract", "project", "name", "tariff_type")}),
        ("Price", {"fields": (("base_rate", "currency", "unit"), "logic_parameters")}),
        ("Days", {"fields": (("valid_from", "valid_to"),)}),
    )


register_rest("invoicing")
