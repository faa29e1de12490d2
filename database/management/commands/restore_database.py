"""The face of `database.backups` for bringing one back."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from database import backups
from database.errors import SchemaError
from database.management import Exit, FrontierCommand


class Command(FrontierCommand):
    help = "Makes a new database from a backup, compared with its manifest before and after; refused in production."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="a file that backup_database wrote")
        parser.add_argument("--into", required=True, metavar="NAME", help="the database to make")
        parser.add_argument("--json", action="store_true", help="the manifest of what was restored, as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            restored = backups.restore(connection, options["file"], options["into"], tell=self.stderr.write)
        except SchemaError as error:
            code = backups.EXITS.get(type(error), Exit.NEEDS_A_PERSON)
            raise CommandError(str(error), returncode=code) from error
        told = backups.report("restore_database", restored.backup, str(restored)) | {"database": restored.database}
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else str(told["summary"]))
