"""`evaluate_compliance`: guarantees judged for a period."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from core.contracts import contracts_in_force
from core.errors import CoreError
from core.money import show
from core.periods import parse_period
from database.management import Exit, FrontierCommand
from metering.assessment import Assessment, evaluate_all


class Command(FrontierCommand):
    """Judges clauses."""

    help = (
        "Judges the clauses of all active contracts on availability, performance, response time and minimum offtake for"
        " a month, quarter or year, and writes verdict, default event, damages, notice and evidence."
        " Without enough information there is no breach but a verdict"
        " that says so. A second run over the same readings and events writes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--period", required=True, help="2026-01, 2026-Q1 or 2026")
        parser.add_argument("--contract", type=int, metavar="ID", help="only this contract")
        parser.add_argument("--json", action="store_true", help="print verdicts with their explanations as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            period = parse_period(options["period"])
            judged = evaluate_all([*contracts_in_force(period, options["contract"])], period)
            found = [one for assessments in judged.values() for one in assessments]
        except CoreError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps([as_json(one) for one in found], indent=2))
        else:
            for one in found:
                self.stdout.write(sentence(one))
            if not found:
                self.stdout.write(f"No clause of an active contract is measured over a {period.kind} period.")
        if any(one.problem for one in found):
            raise CommandError(
                "Some clauses could not be judged; the reason stands above.", returncode=Exit.NEEDS_A_PERSON
            )


def sentence(one: Assessment) -> str:
    """One line for people."""
    if one.verdict is None:
        return f"{one.clause.contract}: {one.problem}"
    damages = ""
    if one.verdict.ld_amount is not None and one.verdict.ld_currency is not None:
        capped = ", capped" if one.verdict.cap_applied else ""
        damages = f"; damages {show(one.verdict.ld_amount, one.verdict.ld_currency)}{capped}"
    return f"{one.clause.contract}, {one.clause}: {one.verdict.status}, {one.verdict.reason}{damages} ({one.outcome})"


def as_json(one: Assessment) -> dict[str, object]:
    """The same for machines, with the whole explanation."""
    return {
        "contract": one.clause.contract_id,
        "clause": one.clause.pk,
        "clause_name": one.clause.name,
        "problem": one.problem or None,
        "status": one.verdict.status.value if one.verdict else None,
        "outcome": one.outcome.value if one.outcome else None,
        "rule_output": one.output.pk if one.output else None,
        "ld_amount": str(one.verdict.ld_amount) if one.verdict and one.verdict.ld_amount is not None else None,
        "explanation": one.output.metadata_detail if one.output else None,
    }
