"""The face of `invoicing.comparison`."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from core.errors import CoreError
from database.management import Exit, FrontierCommand
from invoicing.compared import to_csv
from invoicing.comparison import compare_all
from invoicing.dispute_notes import disputes_of
from invoicing.errors import InvoicingError
from invoicing.gathering import find_billing_period


class Command(FrontierCommand):
    help = "Sets the received invoices against the expected ones, line by line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--period", required=True, help="a billing period, like 2026-01")
        parser.add_argument("--contract", type=int, metavar="ID", help="this contract only")
        output = parser.add_mutually_exclusive_group()
        output.add_argument("--json", action="store_true", help="the same as JSON")
        output.add_argument("--csv", action="store_true", help="the lines with their variance by cause, as CSV")
        output.add_argument("--dispute-note", action="store_true", help="the letters that dispute what differs")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            contracts = None if options["contract"] is None else [options["contract"]]
            run = compare_all(find_billing_period(options["period"]), contracts)
        except (CoreError, InvoicingError) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(run), cls=DjangoJSONEncoder, indent=2))
        elif options["csv"]:
            self.stdout.write(to_csv(run), ending="")
        else:
            self.stdout.write(disputes_of(run) if options["dispute_note"] else str(run))
        if run.refused:
            raise CommandError(f"{len(run.refused)} refused, see above.", returncode=Exit.NEEDS_A_PERSON)
