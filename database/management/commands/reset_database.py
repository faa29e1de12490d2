"""The face of `database.reset`."""

import json
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from database import reset
from database.backups import EXITS, RefusedError
from database.errors import SchemaError
from database.management import Exit, FrontierCommand
from database.production import refuse_in_production


class Command(FrontierCommand):
    help = "Empties the database, so that migrate begins anew; refused in production, whatever the flags."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes-i-mean", metavar="NAME", help="the name of the database; asked for on a terminal")
        parser.add_argument("--json", action="store_true", help="what was lost, as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            name = options["yes_i_mean"] or self.ask()
            loss = reset.reset(connection, name, show=self.show, tell=self.stderr.write)
        except reset.OtherDatabaseError as error:
            raise CommandError(str(error), returncode=Exit.WRONG_USAGE) from error
        except SchemaError as error:
            raise CommandError(str(error), returncode=EXITS.get(type(error), Exit.NEEDS_A_PERSON)) from error
        told = reset.report(loss)
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else str(told["summary"]))

    def ask(self) -> str:
        """The name that somebody types at a terminal, who was shown what it means."""
        refuse_in_production(connection, "reset_database")
        if not sys.stdin.isatty():
            raise RefusedError("Say which database you mean: --yes-i-mean NAME. Nothing was changed.")
        self.show(reset.read_loss(connection))
        self.stderr.write("Type the name of the database to destroy all this: ", ending="")
        return input()

    def show(self, loss: reset.Loss) -> None:
        """Writes what will be lost, and who is connected."""
        self.stderr.write("\n".join(reset.describe(loss)))
