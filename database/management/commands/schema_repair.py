"""The face of `database.repair`."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from database.errors import HistoryError, LockedError, SchemaError
from database.locks import schema_lock
from database.management import Exit, FrontierCommand
from database.repair import NotAChoiceError, Repair, cases, code, repair, report


class Command(FrontierCommand):
    help = "Shows what can be done where files, migrations and ledger disagree; does the one thing that is named."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        ways = parser.add_mutually_exclusive_group()
        for way in Repair:
            ways.add_argument(f"--{way}", type=int, metavar="NNN", help=way.effect)
        parser.add_argument("--json", action="store_true", help="the choices for machines")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            for way in Repair:
                if options[way] is not None:
                    with schema_lock(connection, self.stderr.write):
                        self.stdout.write(repair(connection, way, options[way]))
                    return
            found = cases(connection)
        except LockedError as error:
            raise CommandError(str(error), returncode=Exit.LOCKED) from error
        except NotAChoiceError as error:
            raise CommandError(str(error), returncode=Exit.REFUSED) from error
        except HistoryError as error:
            raise CommandError(str(error), returncode=Exit.WRONG_CONFIGURATION) from error
        except SchemaError as error:
            raise CommandError(str(error), returncode=Exit.NEEDS_A_PERSON) from error
        told = report(connection, found)
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2))
        else:
            for case in found:
                self.stdout.write(f"{case.name} is {case.state}. {case.otherwise}")
                for way in case.repairs:
                    self.stdout.write(f"  --{way} {case.number:03d}  {way.effect}")
            self.stdout.write(str(told["summary"]))
        if found:
            raise SystemExit(code(found))
