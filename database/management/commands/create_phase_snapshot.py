"""The face of `database.snapshots`."""

import json
from argparse import ArgumentTypeError
from typing import Any

import psycopg
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from database.errors import HistoryError, LockedError, SchemaError
from database.management import Exit, FrontierCommand
from database.scratch import ClientError, Database
from database.snapshots import (
    SLUG,
    HeaderError,
    Made,
    RefusedError,
    UnknownFileError,
    Version,
    create_snapshot,
    inspect,
    report,
    verdict,
)

EXITS: dict[type[SchemaError], Exit] = {
    HistoryError: Exit.WRONG_CONFIGURATION,
    HeaderError: Exit.WRONG_CONFIGURATION,
    ClientError: Exit.NOT_REACHABLE,
    LockedError: Exit.LOCKED,
    RefusedError: Exit.REFUSED,
    UnknownFileError: Exit.WRONG_USAGE,
}


class Command(FrontierCommand):
    help = "Writes the schema of a version into one file, proves it, and tells in SCHEMA_CHANGES.md what changed."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", nargs="?", type=version, help="v3.1 within a phase, v4.0 for the next one")
        parser.add_argument("description", nargs="?", help='such as "Phase 4 - Payments"')
        parser.add_argument("--name", type=slug, help="words of the file's name, phase4_payments")
        parser.add_argument("--through", type=int, metavar="NNN", help="the last file to include")
        parser.add_argument(
            "--check", action="store_true", help="end with 2 when files are in no snapshot, 3 when one was edited"
        )
        parser.add_argument("--json", action="store_true", help="the same for machines")

    def handle(self, *args: str, **options: Any) -> None:
        if not options["check"] and not (options["version"] and options["description"]):
            raise CommandError("Give a version and a description, or --check.", returncode=Exit.WRONG_USAGE)
        try:
            made = None if options["check"] else self.create(options)
            found = inspect()
            told = report(found, made)
        except SchemaError as error:
            raise CommandError(str(error), returncode=EXITS.get(type(error), Exit.NEEDS_A_PERSON)) from error
        except psycopg.Error as error:
            raise CommandError(f"The server refused: {error}".strip(), returncode=Exit.ERROR) from error
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else "\n".join(sentences(told)))
        if options["check"] and (code := verdict(found)):
            raise SystemExit(code)

    def create(self, options: dict[str, Any]) -> Made | None:
        connection.ensure_connection()
        if not options["json"]:
            self.stdout.write(f"Creating schema snapshot: {options['version']}")
        return create_snapshot(
            Database.of(connection),
            options["version"],
            options["description"],
            name=options["name"],
            through=options["through"],
            tell=self.stderr.write,
        )


def sentences(told: dict[str, Any]) -> list[str]:
    """The report for people: what was written and what comes next, or how the snapshots stand."""
    if made := told["made"]:
        return [
            f"✅ Snapshot saved to database/versions/{made['name']}",
            "✅ Changelog updated in database/SCHEMA_CHANGES.md",
            "",
            "Next steps:",
            f"  1. Update database/diagrams/entity_diagram_{made['version']}.drawio: schema_diagram draws it",
            "  2. Commit changes",
        ]
    return [*(f"{finding['object']}: {finding['fix']}" for finding in told["findings"]), told["summary"]]


def version(text: str) -> Version:
    try:
        return Version.of(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def slug(text: str) -> str:
    if not SLUG.fullmatch(text):
        raise ArgumentTypeError(f"{text} is no name for a file: write lower-case words and numbers joined by _.")
    return text
