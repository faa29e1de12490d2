"""The face of `database.status`."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection
from rich.console import Console
from rich.table import Table

from database.errors import HistoryError
from database.management import Exit, FrontierCommand
from database.status import read_status, report, verdict

LEDGER = {"same": "same", "cosmetic": "other looks", "other": "OTHER CONTENT", "none": "-"}


class Command(FrontierCommand):
    help = "Shows what the disk, Django, the ledger and the live schema say of each schema file."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="end with 2 when files wait, 3 when a person is needed"
        )
        parser.add_argument("--json", action="store_true", help="the same for machines")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            found = read_status(connection)
        except HistoryError as error:
            raise CommandError(str(error), returncode=Exit.WRONG_CONFIGURATION) from error
        told = report(connection, found)
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2))
        else:
            # A pipe has no width, and a row broken in two is no use to the program behind it.
            console = Console(width=None if self.stdout.isatty() else 250)
            with console.capture() as table:
                console.print(draw(told))
            self.stdout.write(table.get(), ending="")
        if options["check"] and (code := verdict(found)):
            raise SystemExit(code)


def draw(told: dict[str, Any]) -> Table:
    """The report as a table, one row for each file; what is to be done stands below it."""
    fixes: dict[str, list[str]] = {}
    for finding in told["findings"]:
        fixes.setdefault(finding["fix"], []).append(finding["object"])
    below = [f"{names[0] if len(names) == 1 else f'{len(names)} files'}: {fix}" for fix, names in fixes.items()]
    table = Table(
        *("number", "file", "Django", "ledger", "live", "state", "applied at (UTC)", "by", "ms"),
        box=None,
        pad_edge=False,
        header_style="bold",
        caption="\n".join([told["summary"], *below]),
        caption_justify="left",
        caption_style="",
    )
    for row in told["items"]:
        migration = row["migration"] if row["migrated"] else f"({row['migration'] or 'none'})"
        live = f"{row['live']}/{row['objects']}"
        applied = (row["applied_at"] or "")[:19].replace("T", " ")
        duration = "" if row["duration_ms"] is None else str(row["duration_ms"])
        cells = (f"{row['number']:03d}", row["name"], migration, LEDGER[row["ledger"]], live, row["state"])
        table.add_row(*cells, applied, row["applied_by"], duration)
    return table
