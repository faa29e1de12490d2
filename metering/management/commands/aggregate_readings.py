"""`aggregate_readings`: hours, days and months made anew from readings."""

import json
from argparse import ArgumentParser
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from database.management import FrontierCommand
from metering.aggregation import roll_up_all
from metering.partitions import EARLIEST


class Command(FrontierCommand):
    """Makes aggregates anew."""

    help = (
        "Makes the hourly, daily and monthly aggregates of all meters anew from their readings. Loading a file does"
        " this for what it touches; run it after readings were changed by hand. A second run writes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="first_day", type=date.fromisoformat, metavar="DAY", help="first day, UTC")
        parser.add_argument("--to", dest="last_day", type=date.fromisoformat, metavar="DAY", help="last day, inclusive")
        parser.add_argument("--json", action="store_true", help="print the number of rows as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        first = datetime.combine(options["first_day"] or EARLIEST.date(), time(), UTC)
        last = datetime.combine(options["last_day"] or datetime.now(UTC).date(), time(), UTC) + timedelta(days=1)
        written = roll_up_all(first, last)
        if options["json"]:
            self.stdout.write(json.dumps({"written": written}))
        else:
            self.stdout.write(f"{written:,} aggregates written." if written else "All aggregates are up to date.")
