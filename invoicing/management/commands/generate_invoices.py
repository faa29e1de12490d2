"""The face of `invoicing.drafting`."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from core.errors import CoreError
from database.management import Exit, FrontierCommand
from invoicing.drafting import draft_all
from invoicing.errors import InvoicingError
from invoicing.gathering import find_billing_period


class Command(FrontierCommand):
    help = "Computes the expected invoice of every contract in force, and the draft of what the organization is paid."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--period", required=True, help="a billing period, like 2026-01")
        parser.add_argument("--contract", type=int, metavar="ID", help="this contract only")
        parser.add_argument("--dry-run", action="store_true", help="compute and compare, write nothing")
        parser.add_argument("--json", action="store_true", help="the same as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            period = find_billing_period(options["period"])
            run = draft_all(period, options["contract"], dry_run=options["dry_run"])
        except (CoreError, InvoicingError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(run), cls=DjangoJSONEncoder, indent=2) if options["json"] else str(run))
        if run.refused:
            raise CommandError(f"{len(run.refused)} refused, see above.", returncode=Exit.NEEDS_A_PERSON)
