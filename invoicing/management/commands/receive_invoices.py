"""The face of `invoicing.receiving`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from core.errors import CoreError
from database.management import Exit, FrontierCommand
from invoicing.errors import InvoicingError
from invoicing.gathering import find_billing_period
from invoicing.receiving import find_contract, load_mapping, receive


class Command(FrontierCommand):
    help = "Takes received invoices, CSV by a declared mapping or an e-invoice (UBL, CII): the whole file or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--contract", type=int, required=True, metavar="ID", help="the contract it is received for")
        parser.add_argument("--period", required=True, help="the billing period it is for, like 2026-01")
        parser.add_argument("--mapping", type=Path, metavar="JSON", help="what the columns hold, line types stand for")
        parser.add_argument("--dry-run", action="store_true", help="read and check, write nothing")
        parser.add_argument("--json", action="store_true", help="the same as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            contract, period = find_contract(options["contract"]), find_billing_period(options["period"])
            mapping = load_mapping(options["mapping"])
            run = receive(options["file"], contract, period, mapping, dry_run=options["dry_run"])
        except (CoreError, InvoicingError) as error:
            raise CommandError(str(error), returncode=Exit.NEEDS_A_PERSON) from error
        self.stdout.write(json.dumps(asdict(run), cls=DjangoJSONEncoder, indent=2) if options["json"] else str(run))
