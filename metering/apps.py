"""The app of this chapter."""

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    """Measurement."""

    name = "metering"
    verbose_name = "Measurement"
