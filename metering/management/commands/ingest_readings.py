"""`ingest_readings`: meter files become readings and aggregates."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from database.management import Exit, FrontierCommand
from metering.errors import AlreadyLoaded, BadFile, FormatError, MeteringError
from metering.formats import KNOWN_FORMATS
from metering.formats.canonical import INTERVAL_SECONDS
from metering.ingestion import ingest
from metering.selection import find_meter

EXITS: dict[type[MeteringError], Exit] = {
    BadFile: Exit.WRONG_CONFIGURATION,
    FormatError: Exit.WRONG_CONFIGURATION,
    AlreadyLoaded: Exit.REFUSED,
}
MEASURED = {"energy": "kWh", "power": "kW", "irradiance": "W/m2", "temperature": "C"}


class Command(FrontierCommand):
    """Loads meter files."""

    help = (
        "Loads files of readings of one meter, each whole or not at all, and brings its hours, days and months up to"
        " date. What the columns of a file hold is declared, never guessed: by flags, or by --mapping with a JSON file"
        " of the same names."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--organization", help="id or name; needed only where the rest is not unique")
        parser.add_argument("--project", help="id or name")
        parser.add_argument("--meter", help="id, or serial code of its asset")
        parser.add_argument("--format", default="csv", choices=KNOWN_FORMATS)
        parser.add_argument("--mapping", type=Path, metavar="JSON", help="file that declares the columns; flags win")
        parser.add_argument("--time-column", metavar="NAME")
        for name, unit in MEASURED.items():
            parser.add_argument(f"--{name}-column", metavar="NAME")
            parser.add_argument(f"--{name}-unit", metavar="UNIT", help=f"for example {unit}")
        parser.add_argument("--device-column", metavar="NAME", help="id of the device that a row belongs to")
        parser.add_argument("--interval", choices=INTERVAL_SECONDS, help="length of a reading")
        parser.add_argument("--label", choices=["start", "end"], help="end of the interval that its time names")
        parser.add_argument(
            "--timezone",
            metavar="ZONE",
            help="zone of times without offset: an IANA name, or an offset written --timezone=-07:00",
        )
        parser.add_argument("--time-format", metavar="FORMAT", help="strftime pattern, where times are not ISO 8601")
        parser.add_argument("--delimiter", metavar="CHARACTER", help="a comma unless given")
        parser.add_argument("--json", action="store_true", help="print what was loaded as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        results = []
        try:
            meter = find_meter(options["organization"], options["project"], options["meter"])
            declared = declared_mapping(options)
            for path in options["files"]:
                results.append(ingest(path, meter, declared, options["format"]))
                if not options["json"]:
                    self.stdout.write(str(results[-1]))
        except MeteringError as error:
            raise CommandError(str(error), returncode=EXITS.get(type(error), Exit.ERROR)) from error
        finally:
            # Files before one that was refused are loaded all the same.
            if options["json"]:
                self.stdout.write(json.dumps([asdict(result) for result in results], default=str, indent=2))


def declared_mapping(options: dict[str, Any]) -> dict[str, object]:
    """The mapping that the flags declare, over that of the JSON file if one is named."""
    declared: dict[str, object] = {}
    if options["mapping"]:
        try:
            declared = dict(json.loads(options["mapping"].read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise CommandError(
                f"--mapping {options['mapping']} is not a JSON object that can be read: {error}",
                returncode=Exit.WRONG_CONFIGURATION,
            ) from error
    flags = {
        "time_column": options["time_column"],
        "device_column": options["device_column"],
        "interval": options["interval"],
        "label": options["label"],
        "time_zone": options["timezone"],
        "time_format": options["time_format"],
        "delimiter": options["delimiter"],
    }
    for name in MEASURED:
        column, unit = options[f"{name}_column"], options[f"{name}_unit"]
        if (column is None) != (unit is None):
            raise CommandError(
                f"--{name}-column and --{name}-unit go together: a column without unit means nothing",
                returncode=Exit.WRONG_USAGE,
            )
        flags[name] = [column, unit] if column is not None else None
    return declared | {name: value for name, value in flags.items() if value is not None}
