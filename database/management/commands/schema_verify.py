"""The face of `database.verification`."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from database.errors import HistoryError, SchemaError
from database.management import Exit, FrontierCommand
from database.verification import verify


class Command(FrontierCommand):
    help = "Rebuilds the schema from its files in a scratch database and compares the live one, object by object."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="the same for machines")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            found = verify(connection)
        except HistoryError as error:
            raise CommandError(str(error), returncode=Exit.WRONG_CONFIGURATION) from error
        except SchemaError as error:
            raise CommandError(str(error), returncode=Exit.NEEDS_A_PERSON) from error
        if options["json"]:
            self.stdout.write(json.dumps(found.report(connection), indent=2))
        else:
            for finding in found.findings:
                self.stdout.write(f"{finding}\n    {finding.fix}")
            self.stdout.write(found.summary)
        if found.code:
            raise SystemExit(found.code)
