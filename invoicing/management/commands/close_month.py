"""The face of `invoicing.closing`."""

import json
import os
from argparse import ArgumentTypeError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from core.errors import CoreError
from database.management import Exit, FrontierCommand
from invoicing.closing import close_month
from invoicing.errors import InvoicingError
from invoicing.gathering import find_billing_period


def jobs(text: str) -> int:
    """A number of processes."""
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise ArgumentTypeError(f"{text!r} is no number of processes from 1 to 64")
    return int(text)


class Command(FrontierCommand):
    help = (
        "Closes a month: aggregates, verdicts, invoices and comparisons of every contract in force. A contract that"
        " cannot be closed is parked with its reasons and does not stop the others. A second run writes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("period", help="a billing period, like 2026-01")
        parser.add_argument("--contract", type=int, metavar="ID", help="this contract only")
        parser.add_argument("--jobs", type=jobs, default=os.cpu_count(), metavar="N", help="processes, one per core")
        parser.add_argument("--accept-gaps", metavar="NAME", help="who accepts that energy is not known; kept")
        parser.add_argument("--dry-run", action="store_true", help="compute and compare, write nothing")
        parser.add_argument("--json", action="store_true", help="every contract as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        def tell(done: int, of_all: int) -> None:
            if not options["json"] and of_all > done:
                self.stderr.write(f"{done:,} of {of_all:,} contracts")

        try:
            run = close_month(
                find_billing_period(options["period"]),
                options["contract"],
                jobs=options["jobs"],
                dry_run=options["dry_run"],
                accept_gaps_by=options["accept_gaps"],
                tell=tell,
            )
        except BrokenProcessPool as error:
            raise CommandError("A process died. What was done stays: run this again, it goes on from there.") from error
        except (CoreError, InvoicingError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(run), cls=DjangoJSONEncoder, indent=2) if options["json"] else str(run))
        if run.parked:
            raise CommandError(f"{len(run.parked)} parked, see above.", returncode=Exit.NEEDS_A_PERSON)
