"""The face of `invoicing.issuing.credit`."""

import json
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from core.errors import CoreError
from database.management import FrontierCommand
from invoicing.crediting import credit
from invoicing.errors import InvoicingError


class Command(FrontierCommand):
    help = "Takes back an issued invoice, or an amount of it, by a credit note."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("invoice", type=int, help="the id of the invoice")
        parser.add_argument("--by", required=True, metavar="NAME", help="who credits it")
        parser.add_argument("--on", type=date.fromisoformat, required=True, help="the date of the credit note")
        parser.add_argument("--reason", required=True, help="the same amount for the same reason is credited once")
        parser.add_argument("--amount", type=Decimal, help="with tax; all that is left where it is not given")
        parser.add_argument("--dry-run", action="store_true", help="show what would be credited, write nothing")
        parser.add_argument("--json", action="store_true", help="the same as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        asked = {name: options[name] for name in ("by", "on", "reason", "amount", "dry_run")}
        try:
            deed = credit(options["invoice"], **asked)
        except (CoreError, InvoicingError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(deed), cls=DjangoJSONEncoder, indent=2) if options["json"] else str(deed))
