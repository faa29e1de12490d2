"""The face of `database.seeds` for the rows that every database needs."""

import json
from dataclasses import asdict
from itertools import groupby
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from database import seeds
from database.errors import SchemaError
from database.management import Exit, FrontierCommand

EXITS: dict[type[SchemaError], Exit] = {
    seeds.PendingSchemaError: Exit.PENDING,
    seeds.RefusedError: Exit.REFUSED,
    seeds.SeedFileError: Exit.WRONG_CONFIGURATION,
    seeds.SeedLoadError: Exit.ERROR,
}


class Command(FrontierCommand):
    help = "Loads the lookup rows that the program needs; safe in production, and safe to run again."
    kinds: tuple[seeds.Kind, ...] = (seeds.Kind.REFERENCE,)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", metavar="FILE", help="names of seed files; without any, all of them")
        parser.add_argument("--json", action="store_true", help="what was written, by file and table, as JSON")

    def handle(self, *args: str, **options: Any) -> str | None:
        written: dict[str, list[dict[str, object]]] = {}
        try:
            for kind, files in groupby(seeds.select(self.kinds, options["files"]), key=lambda file: file.kind):
                if not options["json"]:
                    self.stdout.write("\n" * bool(written) + f"Loading {kind.label}...")
                loaded = seeds.load(connection, tuple(files), self.stderr.write)
                written[kind] = [{"rows": step.rows, **asdict(step)} for step in loaded]
                if not options["json"]:
                    self.stdout.write("\n".join([f"  {step}" for step in loaded]))
                    self.stdout.write(f"✅ {kind.label.capitalize()} loaded")
        except SchemaError as error:
            raise CommandError(str(error), returncode=EXITS.get(type(error), Exit.NEEDS_A_PERSON)) from error
        return json.dumps(written, indent=2) if options["json"] else None
