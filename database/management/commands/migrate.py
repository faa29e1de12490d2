"""`migrate`, as Django's own, over schema files: one run at a time, on a prepared database."""

from typing import Any

from django.core.management.base import CommandError, SystemCheckError
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import connections

from database import ledger
from database.checks import check_history
from database.errors import SchemaError
from database.locks import schema_lock
from database.management import Exit, FrontierCommand


class Command(FrontierCommand, DjangoMigrate):
    """Django's migrate under the schema lock; lays the foundation before the first file."""

    def check(self, *args: Any, **options: Any) -> None:
        try:
            super().check(*args, **options)
        except SystemCheckError as error:
            error.returncode = Exit.NEEDS_A_PERSON if check_history(None) else Exit.WRONG_CONFIGURATION
            raise

    def handle(self, *args: Any, **options: Any) -> None:
        if options["fake"] or options["fake_initial"]:
            raise CommandError(
                "--fake would tell Django and the ledger of files that never ran. A database that has the schema"
                " already is adopted instead, after a comparison.",
                returncode=Exit.REFUSED,
            )
        connection = connections[options["database"]]
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        try:
            with schema_lock(connection, self.stderr.write):
                ledger.refuse_unknown_database(connection)
                ledger.lay_foundation(connection)
                super().handle(*args, **options)
        except SchemaError as error:
            raise CommandError(str(error), returncode=Exit.NEEDS_A_PERSON) from error
