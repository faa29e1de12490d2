"""`demo`: the whole chain on the fixtures, with its numbers."""

from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import CommandError
from rich.console import Console

from core.errors import CoreError
from database.errors import SchemaError
from database.management import FrontierCommand
from frontier import demo
from invoicing.errors import InvoicingError
from metering.errors import MeteringError


class Command(FrontierCommand):
    """Shows the system at work."""

    help = (
        "Takes an empty database to an issued invoice: schema, seeds, a meter file, a month closed with verdicts,"
        " damages and drafts, the comparison with what was received, the invoice under its number and its PDF. Run"
        " again it changes nothing and says so."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--address", default="http://127.0.0.1:8000/admin/", help="where the admin is served")
        folder = settings.BASE_DIR / "var" / "demo"
        parser.add_argument("--folder", type=Path, default=folder, help="where the PDF of the invoice goes")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            seeded = demo.prepare(self.stdout.write)
            result = demo.walk(self.stdout.write, options["folder"])
        except (SchemaError, CoreError, MeteringError, InvoicingError) as error:
            raise CommandError(str(error)) from error
        console = Console(file=cast(IO[str], self.stdout), width=None if self.stdout.isatty() else 120)
        for table in demo.tables(result):
            console.print()
            console.print(table)
        name, password = demo.login()
        self.stdout.write("" if seeded or result.changed else "\nNothing was changed: all of this was there already.")
        self.stdout.write(f"The admin: `make run`, then {options['address']} as {name} with password {password}")
