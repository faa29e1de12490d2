"""The face of `database.installation`."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from database.errors import HistoryError, LockedError, SchemaError
from database.installation import install, make_plan
from database.management import Exit
from database.management.checked import CheckedCommand


class Command(CheckedCommand):
    help = "Brings the schema into the database: the newest snapshot where it is empty, the later files, a comparison."
    requires_system_checks = ["schema"]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from-zero", action="store_true", help="the baseline and every file, no snapshot")
        parser.add_argument("--plan", action="store_true", help="say what would run; needs only the right to read")
        parser.add_argument("--json", action="store_true", help="the same for machines")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            plan = make_plan(connection, options["from_zero"])
            found = None if options["plan"] else install(connection, self.stderr.write, options["from_zero"])
        except LockedError as error:
            raise CommandError(str(error), returncode=Exit.LOCKED) from error
        except HistoryError as error:
            raise CommandError(str(error), returncode=Exit.WRONG_CONFIGURATION) from error
        except SchemaError as error:
            raise CommandError(str(error), returncode=Exit.NEEDS_A_PERSON) from error
        told = plan.report(connection) | ({"verification": found.report(connection)} if found else {})
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2))
        else:
            for step in plan.steps:
                self.stdout.write(f"{step.name}: {len(step.brings)} files" if len(step.brings) > 1 else step.name)
            self.stdout.write(plan.summary)
            for finding in found.findings if found else ():
                self.stdout.write(f"{finding}\n    {finding.fix}")
            if found:
                self.stdout.write(found.summary)
        if found and found.code:
            raise SystemExit(found.code)
