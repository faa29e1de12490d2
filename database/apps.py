"""The app of the schema: its commands and checks."""

from django.apps import AppConfig


class DatabaseConfig(AppConfig):
    """Registers the checks that keep files, migrations and models in step."""

    name = "database"
    verbose_name = "Schema"

    def ready(self) -> None:
        from database import checks  # noqa: F401 -- registering is the import's purpose
