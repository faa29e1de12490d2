"""The face of `core.clauses.refusals`."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from core.clauses import refusals
from database.management import Exit, FrontierCommand


class Command(FrontierCommand):
    help = "Lists the clauses whose payload lacks a key, holds an unknown one or a wrong value, with every reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--contract", type=int, metavar="ID", help="this contract only")
        parser.add_argument("--json", action="store_true", help="the same as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        refused = list(refusals(options["contract"]))
        if options["json"]:
            found = [{"clause": clause.pk, "name": clause.name, "problems": why.problems} for clause, why in refused]
            self.stdout.write(json.dumps(found, indent=2))
        else:
            for clause, why in refused:
                self.stdout.write(f"{clause.contract}, {why}")
            if not refused:
                self.stdout.write("Every payload can be read.")
        if refused:
            raise CommandError(f"{len(refused)} refused, see above.", returncode=Exit.NEEDS_A_PERSON)
