"""The face of `invoicing.corrections`."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from database.management import FrontierCommand
from invoicing.corrections import proposed_corrections


class Command(FrontierCommand):
    help = "Lists issued invoices whose readings changed, with what to credit or to invoice in addition."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--contract", type=int, metavar="ID", help="this contract only")
        parser.add_argument("--json", action="store_true", help="the same as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        found = proposed_corrections(options["contract"])
        if options["json"]:
            rows = [asdict(one) | {"difference": one.difference} for one in found]
            self.stdout.write(json.dumps(rows, cls=DjangoJSONEncoder, indent=2))
        else:
            self.stdout.write("\n".join(map(str, found)) or "No issued invoice needs a correction.")
