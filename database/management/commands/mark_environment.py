"""The face of `database.production`."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from database.management import Exit, FrontierCommand
from database.production import ENVIRONMENTS, ProductionError, mark, read_marker
from database.reports import heading


class Command(FrontierCommand):
    help = "Shows or writes what this database is used for; destructive commands refuse where it is production."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("environment", nargs="?", choices=ENVIRONMENTS, help="without it the marker is shown")
        parser.add_argument("--json", action="store_true", help="the marker as JSON")

    def handle(self, *args: str, **options: Any) -> str:
        wanted, name = options["environment"], connection.settings_dict["NAME"]
        try:
            marker = read_marker(connection)
            if wanted and (marker is None or marker.environment != wanted):
                is_guarded = marker is not None and marker.environment == "production"
                marker = mark(connection, wanted, self.ask(name) if is_guarded else "")
        except ProductionError as error:
            raise CommandError(str(error), returncode=Exit.REFUSED) from error
        if options["json"]:
            told = asdict(marker) | {"marked_at": marker.marked_at.isoformat(timespec="seconds")} if marker else None
            return json.dumps({**heading("mark_environment"), "database": name, "marker": told}, indent=2)
        if marker is None:
            return f"{name}: nobody has said what it is used for."
        return f"{name}: {marker.environment}, marked on {marker.marked_at:%Y-%m-%d} by {marker.marked_by}."

    def ask(self, name: str) -> str:
        """The name that somebody types at a terminal; empty without one."""
        if not sys.stdin.isatty():
            return ""
        self.stderr.write(f"{name} is a production database. Type its name to unmark it: ", ending="")
        return input()
