"""The face of `invoicing.issuing.verify` and `issue`."""

import json
from dataclasses import asdict
from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from core.errors import CoreError
from database.management import FrontierCommand
from invoicing.errors import InvoicingError
from invoicing.issuing import verify_and_issue


class Command(FrontierCommand):
    help = "Verifies a draft and issues it under the next number of its series."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("invoice", type=int, help="the id of the invoice")
        parser.add_argument("--by", required=True, metavar="NAME", help="who issues it")
        parser.add_argument("--on", type=date.fromisoformat, required=True, help="the date of the invoice")
        parser.add_argument("--due-on", type=date.fromisoformat, help="instead of the date by the payment terms")
        parser.add_argument("--dry-run", action="store_true", help="show what would be issued, write nothing")
        parser.add_argument("--json", action="store_true", help="the same as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        asked = {name: options[name] for name in ("by", "on", "dry_run")}
        try:
            deed = verify_and_issue(options["invoice"], due=options["due_on"], **asked)
        except (CoreError, InvoicingError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(deed), cls=DjangoJSONEncoder, indent=2) if options["json"] else str(deed))
