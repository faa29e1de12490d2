"""The app of this chapter."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Agreements."""

    name = "core"
    verbose_name = "Agreements"
