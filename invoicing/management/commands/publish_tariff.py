"""The face of `invoicing.publishing`."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from database.management import Exit, FrontierCommand
from invoicing.errors import InvoicingError, PublishingError
from invoicing.publishing import publish


class Command(FrontierCommand):
    help = "Proves that a tariff gives every instant of ten years exactly one price, and publishes it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tariff", type=int, metavar="ID")
        parser.add_argument("--dry-run", action="store_true", help="prove, write nothing")
        parser.add_argument("--json", action="store_true", help="the same as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            done = publish(options["tariff"], dry_run=options["dry_run"])
        except PublishingError as error:
            raise CommandError(str(error), returncode=Exit.NEEDS_A_PERSON) from error
        except InvoicingError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(done), cls=DjangoJSONEncoder, indent=2) if options["json"] else str(done))
