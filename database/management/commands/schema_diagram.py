"""The face of `database.diagrams`."""

import json
from typing import Any

import psycopg
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from database.diagram_image import BrowserMissingError
from database.diagrams import DiagramError, UnknownVersionError, build_schema, files_of, newest_version, report, update
from database.errors import HistoryError, SchemaError
from database.management import Exit, FrontierCommand
from database.scratch import ClientError, Database
from database.snapshots import HeaderError, Version

EXITS: dict[type[SchemaError], Exit] = {
    HistoryError: Exit.WRONG_CONFIGURATION,
    HeaderError: Exit.WRONG_CONFIGURATION,
    DiagramError: Exit.WRONG_CONFIGURATION,
    ClientError: Exit.NOT_REACHABLE,
    BrowserMissingError: Exit.NOT_REACHABLE,
    UnknownVersionError: Exit.WRONG_USAGE,
}


class Command(FrontierCommand):
    help = "Draws the schema of a version as a draw.io file and an image; what was moved by hand stays."
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Django's own --version, which tells Django's, gives way.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--version", dest="drawn_version", metavar="vX.Y", help="the newest one by default")
        parser.add_argument("--check", action="store_true", help="write nothing; end with 2 when a file is stale")
        parser.add_argument("--json", action="store_true", help="the same for machines")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            version = Version.of(options["drawn_version"]) if options["drawn_version"] else newest_version()
            schema = build_schema(Database.of(connection), files_of(version))
            told = report([update(schema, str(version), check=options["check"])])
        except ValueError as error:
            raise CommandError(str(error), returncode=Exit.WRONG_USAGE) from error
        except SchemaError as error:
            raise CommandError(str(error), returncode=EXITS.get(type(error), Exit.ERROR)) from error
        except psycopg.OperationalError as error:
            raise CommandError(f"The server cannot be reached: {error}", returncode=Exit.NOT_REACHABLE) from error
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2))
        else:
            for item in told["items"]:
                self.stdout.write(f"🎨 database/diagrams/{item['file']}: {item['state']}, {item['tables']} tables")
        if told["findings"]:
            raise SystemExit(Exit.PENDING)
