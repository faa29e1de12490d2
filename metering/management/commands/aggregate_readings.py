"""`aggregate_readings`: aggregates made anew from readings, or compared with those that the archive gives."""

import json
from argparse import ArgumentParser
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from database.management import Exit, FrontierCommand
from metering.aggregation import MOMENT, roll_up_all, roll_up_pending
from metering.engines import ENGINES, Comparison, compare, engine, read_source, write_csv
from metering.errors import MeteringError
from metering.partitions import EARLIEST
from metering.storage import Lake


class Command(FrontierCommand):
    """Makes aggregates anew, or compares them."""

    help = (
        "Makes the hourly, daily, monthly and billing-period aggregates of all meters anew from their readings, and"
        " removes those whose readings are gone, except where they were archived. Loading a file does this for what it"
        " touches; run it after readings were changed by hand or a billing period was added. A second run writes"
        " nothing. With --engine duckdb or spark the archive in the lake is read instead and nothing is written: the"
        " aggregates go to a CSV file, or are compared with those that are stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="first_day", type=date.fromisoformat, metavar="DAY", help="first day, UTC")
        parser.add_argument("--to", dest="last_day", type=date.fromisoformat, metavar="DAY", help="last day, inclusive")
        parser.add_argument("--pending", action="store_true", help="only what changed since its aggregates were made")
        parser.add_argument("--jobs", type=int, default=1, metavar="N", help="connections to PostgreSQL at once")
        parser.add_argument("--engine", choices=["postgres", *ENGINES], default="postgres")
        parser.add_argument("--output", metavar="FILE", help="CSV file for what the archive gives")
        parser.add_argument("--compare", action="store_true", help="list what is stored otherwise; ends with 2")
        parser.add_argument("--json", action="store_true", help="print the numbers as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        first = datetime.combine(options["first_day"] or EARLIEST.date(), time(), UTC)
        after = datetime.combine(options["last_day"] or datetime.now(UTC).date(), time(), UTC) + timedelta(days=1)
        if options["engine"] != "postgres":
            self._from_archive(first, after, options)
            return
        if options["compare"] or options["output"]:
            raise CommandError("--compare and --output are for --engine duckdb or spark", returncode=Exit.WRONG_USAGE)
        written = roll_up_pending() if options["pending"] else roll_up_all(first, after - MOMENT, options["jobs"])
        if options["json"]:
            self.stdout.write(json.dumps({"written": written}))
        else:
            self.stdout.write(f"{written:,} aggregates written." if written else "All aggregates are up to date.")

    def _from_archive(self, first: datetime, after: datetime, options: dict[str, Any]) -> None:
        if options["compare"] == bool(options["output"]):
            raise CommandError("Say what to do with them: --compare or --output FILE.", returncode=Exit.WRONG_USAGE)
        try:
            aggregates = engine(options["engine"])
            source = read_source(Lake.from_url(settings.LAKE), first, after)
            if options["output"]:
                rows = write_csv(aggregates(source), options["output"])
                self.stdout.write(
                    json.dumps({"rows": rows}) if options["json"] else f"{rows:,} aggregates in {options['output']}."
                )
            else:
                self._show(compare(aggregates(source), source), options["json"])
        except MeteringError as error:
            raise CommandError(str(error)) from error

    def _show(self, found: Comparison, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(vars(found)))
        else:
            for difference in found.differences:
                self.stdout.write(difference)
            self.stdout.write(f"{found.compared:,} aggregates compared, {found.differing:,} differ.")
        if found.differing:
            raise SystemExit(Exit.PENDING)
