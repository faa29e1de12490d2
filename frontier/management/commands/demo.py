"""`demo`: the whole chain on the fixtures, with its numbers."""

from argparse import ArgumentParser
from typing import IO, Any, cast

from django.core.management.base import CommandError
from rich.console import Console

from core.errors import CoreError
from database.errors import SchemaError
from database.management import FrontierCommand
from frontier import demo
from metering.errors import MeteringError


class Command(FrontierCommand):
    """Shows the system at work."""

    help = (
        "Takes an empty database to a verdict and an invoice: schema, seeds, a meter file, aggregates, verdicts,"
        " damages, invoices and their comparison with what was received. Run again it changes nothing and says so."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--address", default="http://127.0.0.1:8000/admin/", help="where the admin is served")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            seeded = demo.prepare(self.stdout.write)
            result = demo.walk(self.stdout.write)
        except (SchemaError, CoreError, MeteringError) as error:
            raise CommandError(str(error)) from error
        console = Console(file=cast(IO[str], self.stdout), width=None if self.stdout.isatty() else 120)
        for table in demo.tables(result):
            console.print()
            console.print(table)
        name, password = demo.login()
        self.stdout.write("" if seeded or result.changed else "\nNothing was changed: all of this was there already.")
        self.stdout.write(f"The admin: `make run`, then {options['address']} as {name} with password {password}")
