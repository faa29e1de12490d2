"""`ingest_readings`: meter files become readings and aggregates."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from database.management import Exit, FrontierCommand
from metering.errors import AlreadyLoaded, BadFile, FormatError, MappingError, MeteringError
from metering.formats import KNOWN_FORMATS
from metering.formats.canonical import INTERVAL_SECONDS
from metering.ingestion import ingest
from metering.mappings import save_mapping, saved_mapping
from metering.models import Meter, SourceSystem
from metering.selection import find_target

EXITS: dict[type[MeteringError], Exit] = {
    BadFile: Exit.WRONG_CONFIGURATION,
    MappingError: Exit.WRONG_CONFIGURATION,
    FormatError: Exit.WRONG_CONFIGURATION,
    AlreadyLoaded: Exit.REFUSED,
}
MEASURED = {"energy": "kWh", "power": "kW", "irradiance": "W/m2", "temperature": "C"}


class Command(FrontierCommand):
    """Loads meter files."""

    help = (
        "Loads files of readings of one meter, or of the meters of a project, each whole or not at all, and brings"
        " their hours, days and months up to date. What the columns of a file hold is declared, never guessed: by"
        " flags, by --mapping with a JSON file of the same names, or once and saved under a name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--organization", help="id or name; needed only where the rest is not unique")
        parser.add_argument(
            "--project", help="id or name; alone, for files whose devices are the serial codes of its meters' assets"
        )
        parser.add_argument("--meter", help="id, or serial code of its asset")
        parser.add_argument("--format", choices=KNOWN_FORMATS, help="csv unless given or saved")
        parser.add_argument("--mapping", type=Path, metavar="JSON", help="file that declares the columns; flags win")
        parser.add_argument("--mapping-name", metavar="NAME", help="mapping that was saved; --mapping and flags win")
        parser.add_argument("--save-mapping", metavar="NAME", help="save what is declared under this name")
        parser.add_argument(
            "--reject",
            choices=["file", "rows"],
            default="file",
            help="what a bad row keeps out: the whole file, or itself, kept with its cause in rejected_reading",
        )
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
            target = find_target(options["organization"], options["project"], options["meter"])
            owner = target.project if isinstance(target, Meter) else target
            file_format, declared = options["format"], declared_mapping(options)
            if options["mapping_name"]:
                saved_format, saved = saved_mapping(owner.organization_id, options["mapping_name"])
                file_format, declared = file_format or saved_format, saved | declared
            file_format = file_format or "csv"
            if options["save_mapping"]:
                save_mapping(owner.organization_id, options["save_mapping"], SourceSystem.MANUAL, file_format, declared)
            for path in options["files"]:
                results.append(ingest(path, target, declared, file_format, reject=options["reject"]))
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
