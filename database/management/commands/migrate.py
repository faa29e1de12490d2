"""`migrate`, as Django's own, over schema files: one run at a time, on a prepared database."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate as django_migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from database import adoption, ledger
from database.errors import LockedError, SchemaError
from database.executor import WholeExecutor
from database.locks import WAIT_SECONDS, schema_lock
from database.management import Exit
from database.management.checked import CheckedCommand

# Django's command names the class in its module and lets nobody choose another.
django_migrate.MigrationExecutor = WholeExecutor  # type: ignore[attr-defined]


class Command(CheckedCommand, django_migrate.Command):
    """Django's migrate under the schema lock; lays the foundation before the first file."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--baseline",
            metavar="NNN",
            help="the last schema file that a database without a ledger has; it is adopted after a comparison",
        )
        parser.add_argument(
            "--wait", type=float, default=WAIT_SECONDS, metavar="SECONDS", help="for another run, at most"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["fake"] or options["fake_initial"]:
            raise CommandError(
                "--fake would tell Django and the ledger of files that never ran. A database that has the schema"
                " already is adopted instead, after a comparison: --baseline NNN.",
                returncode=Exit.REFUSED,
            )
        try:
            self.change(connections[options["database"]], *args, **options)
        except LockedError as error:
            raise CommandError(str(error), returncode=Exit.LOCKED) from error
        except SchemaError as error:
            raise CommandError(str(error), returncode=Exit.NEEDS_A_PERSON) from error

    def change(self, connection: BaseDatabaseWrapper, *args: Any, **options: Any) -> None:
        """Applies what is missing; with --plan or --check only asks, without the lock."""
        files = adoption.files_up_to(options["baseline"]) if options["baseline"] else ()
        if options["plan"] or options["check_unapplied"]:
            if files:
                adoption.refuse_difference(connection, files)
            super().handle(*args, **options)
            return
        with schema_lock(connection, self.stderr.write, options["wait"]):
            if files:
                adoption.adopt(connection, files)
                self.stderr.write(f"Adopted {len(files)} files, up to {files[-1].name}.")
            ledger.refuse_unknown_database(connection)
            ledger.lay_foundation(connection)
            super().handle(*args, **options)
