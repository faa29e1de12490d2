"""The face of `database.drafting`."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from database.drafting import DraftError, DraftRefusedError, draft
from database.errors import SchemaError
from database.management import Exit, FrontierCommand
from database.scratch import ClientError

EXITS: dict[type[SchemaError], Exit] = {
    DraftRefusedError: Exit.REFUSED,
    DraftError: Exit.ERROR,
    ClientError: Exit.NOT_REACHABLE,
}


class Command(FrontierCommand):
    help = "Drafts the next schema file, and the Django migrations beside it, from what the models have and it has not."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("text", help="what changes, in a few words: 'add meter colour'")
        parser.add_argument("--dry-run", action="store_true", help="show the draft and write nothing")
        parser.add_argument("--allow-drop", action="store_true", help="let the draft drop what the models lack")
        parser.add_argument("--json", action="store_true", help="the same for machines")

    def handle(self, *args: str, **options: Any) -> str:
        try:
            found = draft(options["text"], allow_drop=options["allow_drop"])
            if found and not options["dry_run"]:
                found.write()
        except SchemaError as error:
            raise CommandError(str(error), returncode=EXITS.get(type(error), Exit.NEEDS_A_PERSON)) from error
        for warning in found.warnings if found else ():
            self.stderr.write(f"{warning} {warning.hint}")
        if options["json"]:
            return json.dumps(found.report() if found else None, indent=2)
        if found is None:
            return "Nothing to draft: the models and the schema files say the same."
        listed = "\n".join(f"  {path}" for path in found.files)
        if options["dry_run"]:
            return f"{found.sql}\nWould write:\n{listed}" if found.sql else f"Would write:\n{listed}"
        return f"Wrote:\n{listed}\nThis is a draft. Read it, then run migrate."
