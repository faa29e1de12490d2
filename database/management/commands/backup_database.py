"""The face of `database.backups` for taking one."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from database import backups
from database.errors import SchemaError
from database.management import Exit, FrontierCommand


class Command(FrontierCommand):
    help = "Writes schema and data to a plain SQL file with a manifest, and restores it once to prove it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", type=Path, default=backups.FOLDER, metavar="DIR", help="default: %(default)s")
        parser.add_argument("--no-drill", action="store_true", help="do not restore the backup into a scratch database")
        parser.add_argument("--keep", type=backups.amount, metavar="N", help="remove older backups of this database")
        parser.add_argument("--encrypt", action="store_true", help=f"with the key in {backups.KEY_VARIABLE}")
        parser.add_argument("--json", action="store_true", help="the manifest and where the backup lies, as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            backup = backups.take(
                connection,
                options["output"],
                tell=self.stderr.write,
                drill=not options["no_drill"],
                keep=options["keep"],
                encrypt=options["encrypt"],
            )
        except SchemaError as error:
            code = backups.EXITS.get(type(error), Exit.NEEDS_A_PERSON)
            raise CommandError(str(error), returncode=code) from error
        told = backups.report("backup_database", backup, str(backup))
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else str(told["summary"]))
