"""The face of `core.clauses.import_payloads`."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from core.clauses import import_payloads
from core.errors import CoreError
from database.management import Exit, FrontierCommand


class Command(FrontierCommand):
    help = (
        'Writes payloads of clauses from a JSON file such as {"12": {"threshold_percent": 95}}, by the ids of the'
        " clauses. Names of other vocabularies become ours. All are written, or none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: str, **options: Any) -> None:
        try:
            payloads = {int(number): raw for number, raw in json.loads(options["file"].read_bytes()).items()}
        except (OSError, ValueError, AttributeError) as error:
            raise CommandError(f"{options['file']} holds no payloads: {error}", returncode=Exit.WRONG_USAGE) from error
        try:
            written = import_payloads(payloads)
        except CoreError as error:
            raise CommandError(f"Nothing was written.\n{error}", returncode=Exit.NEEDS_A_PERSON) from error
        for number, notes in written.items():
            self.stdout.write(f"clause {number}: {'; '.join(notes) or 'as it was named'}")
