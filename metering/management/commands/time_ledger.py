"""`time_ledger`: what became of each instant of a period that a clause on availability is about."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError

from core.contracts import contracts_in_force
from core.errors import CoreError
from core.periods import parse_period
from database.management import FrontierCommand
from metering.assessment import TimeLedger, time_ledgers
from metering.errors import MeteringError


class Command(FrontierCommand):
    """Shows the ledger of time."""

    help = (
        "Shows for each clause on availability of a contract what became of every instant of the period, meter by"
        " meter: what readings say of it, under which category it counts, and whether it is excused. Writes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("contract", type=int, help="the id of the contract")
        parser.add_argument("--period", required=True, help="2026-01, 2026-Q1 or 2026")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            period = parse_period(options["period"])
            (contract,) = contracts_in_force(period, options["contract"])
            ledgers = time_ledgers(contract, period)
        except (CoreError, MeteringError) as error:
            raise CommandError(str(error)) from error
        for ledger in ledgers:
            for line in lines(ledger):
                self.stdout.write(line)
        if not ledgers:
            self.stdout.write(f"No clause of {contract} is about availability by time over a {period.kind} period.")


def lines(ledger: TimeLedger) -> Iterator[str]:
    """A heading, then a line for each stretch of time, in the plant's own time."""
    yield f"{ledger.clause}, meter {ledger.meter}"
    for one in ledger.stretches:
        start, end = (
            at.astimezone(ledger.local).isoformat(" ", "seconds") for at in (one.period.start, one.period.end)
        )
        excused = ", excused" if one.excused else ""
        yield f"  {start} to {end}  {one.state}: {one.category}{excused}".replace("_", " ")
