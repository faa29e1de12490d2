"""The app of this chapter."""

from django.apps import AppConfig


class InvoicingConfig(AppConfig):
    """Money."""

    name = "invoicing"
    verbose_name = "Money"
