"""The face of `invoicing.comparison`."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from core.errors import CoreError
from database.management import Exit, FrontierCommand
from invoicing.billing import find_billing_period
from invoicing.comparison import compare_all
from invoicing.errors import InvoicingError


class Command(FrontierCommand):
    help = "Sets the received invoices against the expected ones, line by line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--period", required=True, help="a billing period, like 2026-01")
        parser.add_argument("--contract", type=int, metavar="ID", help="this contract only")
        parser.add_argument("--json", action="store_true", help="the same as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            run = compare_all(find_billing_period(options["period"]), options["contract"])
        except (CoreError, InvoicingError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(run), cls=DjangoJSONEncoder, indent=2) if options["json"] else str(run))
        if run.refused:
            raise CommandError(f"{len(run.refused)} refused, see above.", returncode=Exit.NEEDS_A_PERSON)
