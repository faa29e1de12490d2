"""The face of `database.documents`."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import psycopg
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from database.documents import (
    DisagreementError,
    ParserMissingError,
    as_markdown,
    as_text,
    document,
    locate,
    report,
)
from database.errors import HistoryError, SchemaError
from database.management import Exit, FrontierCommand
from database.scratch import ClientError, Database

FORMATS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "json": partial(json.dumps, indent=2),
}
EXITS: dict[type[SchemaError], Exit] = {
    ParserMissingError: Exit.NOT_REACHABLE,
    ClientError: Exit.NOT_REACHABLE,
    DisagreementError: Exit.NEEDS_A_PERSON,
    HistoryError: Exit.WRONG_CONFIGURATION,
}


class Command(FrontierCommand):
    help = "Tells what a schema file changes, measured in a scratch database and checked against its statements."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="path, name or number of a schema file")
        parser.add_argument("--format", choices=FORMATS, default="text", help="text, the guide's layout, by default")
        parser.add_argument("--json", dest="format", action="store_const", const="json", help="short for --format json")

    def handle(self, *args: str, **options: Any) -> str:
        try:
            file, earlier = locate(options["file"])
            told = report(document(Database.of(connection), file, earlier))
        except SchemaError as error:
            raise CommandError(str(error), returncode=EXITS.get(type(error), Exit.ERROR)) from error
        except psycopg.OperationalError as error:
            raise CommandError(f"The server cannot be reached: {error}", returncode=Exit.NOT_REACHABLE) from error
        return FORMATS[options["format"]](told)
