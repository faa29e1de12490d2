"""`partitions`: the months of readings, made ahead, and let go with proof."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.core.management.base import CommandError

from database.management import Exit, FrontierCommand
from database.reports import heading
from metering.archive import query, restore
from metering.errors import MeteringError
from metering.maintenance import maintain, read_status
from metering.month_reports import (
    Report,
    report_answer,
    report_maintenance,
    report_plan,
    report_restored,
    report_status,
)
from metering.months import Month, Policy, plan
from metering.retention import foresee
from metering.standings import read_standings


class Command(FrontierCommand):
    """Keeps the months of readings."""

    help = (
        "Makes the months of readings ahead, lets old ones leave with proof, and brings them back. Have any cron run"
        " `partitions apply` daily where neither pg_cron nor the worker does it; `status` says who does."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True, metavar="|".join(DEEDS))
        for name, told in (
            ("status", "which months there are and who makes them; ends with 2 below two months ahead"),
            ("plan", "what is due, and what keeps a month from leaving; changes nothing"),
            ("apply", "makes what is due; with --drop old months are archived, detached and dropped too"),
            ("restore", "brings archived months back into the table"),
            ("query", "asks archived months where they lie"),
        ):
            deed = deeds.add_parser(name, help=told)
            deed.add_argument("--json", action="store_true", help="print it as JSON")
            if name in ("plan", "apply"):
                deed.add_argument("--retention-days", type=int, default=90, metavar="DAYS", help="how old they get")
                kept = "how long a month must lie unchanged before it leaves, and is kept apart afterwards"
                deed.add_argument("--grace", type=int, default=7, metavar="DAYS", help=kept)
            if name == "apply":
                deed.add_argument("--drop", action="store_true", help="without it, what would leave is only listed")
            if name == "restore":
                deed.add_argument("months", nargs="+", metavar="MONTH", help="such as 2026-01")
            if name == "query":
                deed.add_argument("sql", help="a SELECT from meter_reading")
                deed.add_argument("--month", action="append", default=[], dest="months", help="of these months alone")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = DEEDS[options["deed"]](options)
        except MeteringError as error:
            raise CommandError(str(error), returncode=Exit.REFUSED) from error
        if options["json"]:
            envelope = {**heading(f"partitions {options['deed']}"), **report.facts}
            self.stdout.write(json.dumps(envelope, default=str, indent=2))
        else:
            self.stdout.write("\n".join(report.lines))
        if report.code:
            raise SystemExit(report.code)


def _status(options: Mapping[str, Any]) -> Report:
    now = datetime.now(UTC)
    return report_status(read_status(now), now)


def _plan(options: Mapping[str, Any]) -> Report:
    now, policy = datetime.now(UTC), _policy(options)
    return report_plan(foresee(plan(now, read_standings().values(), policy), policy, now))


def _apply(options: Mapping[str, Any]) -> Report:
    return report_maintenance(maintain(drop=options["drop"], policy=_policy(options)))


def _restore(options: Mapping[str, Any]) -> Report:
    return report_restored([restore(month) for month in _months(options)])


def _query(options: Mapping[str, Any]) -> Report:
    return report_answer(query(options["sql"], _months(options)))


DEEDS: Final[Mapping[str, Callable[[Mapping[str, Any]], Report]]] = {
    "status": _status,
    "plan": _plan,
    "apply": _apply,
    "restore": _restore,
    "query": _query,
}


def _months(options: Mapping[str, Any]) -> list[Month]:
    return [Month.parse(label) for label in options["months"]]


def _policy(options: Mapping[str, Any]) -> Policy:
    for name, least in (("retention_days", 1), ("grace", 0)):
        if options[name] < least:
            raise CommandError(f"{name} is {options[name]}: give at least {least}", returncode=Exit.WRONG_USAGE)
    return Policy(retention=timedelta(days=options["retention_days"]), grace=timedelta(days=options["grace"]))
