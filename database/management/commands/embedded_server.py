"""The face of `database.embedded`."""

import json
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from database.backend.base import configured_server
from database.embedded import EmbeddedServerError, Status
from database.management import Exit, FrontierCommand


class Command(FrontierCommand):
    help = "Starts, stops or describes the PostgreSQL server that is used while DATABASE_URL is not set."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=("start", "stop", "status", "url"))
        parser.add_argument("--json", action="store_true", help="the state as JSON; `url` is always plain")

    def handle(self, *args: str, **options: Any) -> str:
        if settings.DATABASES["default"]["ENGINE"] != "database.backend":
            raise CommandError(
                "DATABASE_URL names the server in use, so there is no embedded one. Unset it to use one.",
                returncode=Exit.WRONG_CONFIGURATION,
            )
        server = configured_server()
        try:
            match options["action"]:
                case "url":
                    return server.url()
                case "start":
                    server.ensure_running()
                case "stop":
                    server.stop()
            status = server.status()
        except EmbeddedServerError as error:
            raise CommandError(str(error), returncode=Exit.NOT_REACHABLE) from error
        return json.dumps(asdict(status), indent=2) if options["json"] else describe(status)


def describe(status: Status) -> str:
    """One sentence about the server, without its password."""
    if status.running:
        return f"running: PostgreSQL {status.version} on {status.host}:{status.port}, data in {status.folder}"
    if status.version:
        return f"stopped: data of PostgreSQL {status.version} in {status.folder}"
    return f"stopped: nothing in {status.folder} yet"
