"""`flush`, as Django's own, refused in production: it empties every table."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.flush import Command as DjangoFlush
from django.db import connections

from database.management import Exit, FrontierCommand
from database.production import ProductionError, refuse_in_production


class Command(FrontierCommand, DjangoFlush):
    """Django's flush behind the guard."""

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            refuse_in_production(connections[options["database"]], "flush")
        except ProductionError as error:
            raise CommandError(str(error), returncode=Exit.REFUSED) from error
        super().handle(*args, **options)
