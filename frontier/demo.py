"""The walk from an empty database to a comparison, on the fixtures' December."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from rich.table import Table

from core.compliance import Outcome
from core.contracts import contracts_in_force
from core.money import show
from core.periods import parse_period
from core.rules import show_percent
from database import seeds
from invoicing.compared import ComparisonRun
from invoicing.comparison import compare_all
from invoicing.drafting import DraftRun, draft_all
from invoicing.gathering import find_billing_period
from metering.assessment import Assessment, evaluate
from metering.errors import AlreadyLoaded
from metering.ingestion import ingest
from metering.selection import find_meter

PERIOD = "2025-12"
METER_FILE = seeds.ROOT / "fixtures" / "december_readings.csv"
MAPPING = {
    "time_column": "timestamp",
    "energy": ["energy_kwh", "kWh"],
    "irradiance": ["irradiance_wm2", "W/m2"],
    "temperature": ["temperature_c", "C"],
    "interval": "15min",
    "label": "start",
}
PROJECT = "Sonora Solar Park"
LOGIN = "admin"


@dataclass(frozen=True)
class Walk:
    """What the steps gave; `changed` says whether any of them wrote anything."""

    changed: bool
    verdicts: list[Assessment]
    invoices: DraftRun
    comparisons: ComparisonRun


def walk(tell: Callable[[str], object]) -> Walk:
    """Takes every step once, telling its numbers; what an earlier walk did is found done.

    Readings are loaded once, verdicts and invoices that would come out the same are left alone.
    """
    contracts = list(contracts_in_force(parse_period(PERIOD)))
    changed, sentence = load_readings()
    tell(f"Readings     {sentence}")

    verdicts = [one for contract in contracts for one in evaluate(contract, parse_period(PERIOD))]
    for one in verdicts:
        tell(
            f"Verdict      {one.clause.contract}: {one.verdict.reason if one.verdict else one.problem} ({one.outcome})"
        )

    period = find_billing_period(PERIOD)
    invoices = draft_all(period)
    for draft in invoices.drafts:
        tell(f"Invoice      {draft}")

    comparisons = compare_all(period)
    for result in comparisons.comparisons:
        variance = "nothing to compare" if result.variance is None else f"variance {result.variance:,.2f}"
        tell(f"Comparison   {result.contract}: {result.status.label}, {variance} ({result.change})")

    outcomes = [str(one.outcome) for one in verdicts]
    outcomes += [str(change) for draft in invoices.drafts for change in (draft.expected, draft.invoice) if change]
    outcomes += [str(result.change) for result in comparisons.comparisons if result.change]
    changed = changed or any(outcome not in {Outcome.UNCHANGED, "issued"} for outcome in outcomes)
    return Walk(changed, verdicts, invoices, comparisons)


def load_readings() -> tuple[bool, str]:
    """Whether the meter file was loaded now, and the sentence about it."""
    try:
        return True, str(ingest(METER_FILE, find_meter(None, PROJECT, None), MAPPING))
    except AlreadyLoaded as error:
        return False, str(error)


def prepare(tell: Callable[[str], object]) -> bool:
    """Applies the schema files and loads the seeds; whether anything was written."""
    call_command("migrate", verbosity=0)
    tell("Schema       all schema files are applied")
    written = sum(loaded.rows for loaded in seeds.load(connection, seeds.select(list(seeds.Kind)), tell))
    tell(f"Seeds        {written:,} rows written" if written else "Seeds        nothing to do")
    return bool(written)


def login() -> tuple[str, str]:
    """Name and password of the demonstration's superuser; made once, the password kept beside the database."""
    kept: Path = settings.EMBEDDED_ROOT / "demo-login"
    user, is_new = get_user_model().objects.get_or_create(
        username=LOGIN, defaults={"is_staff": True, "is_superuser": True, "email": "admin@example.com"}
    )
    if is_new or not kept.is_file():
        kept.parent.mkdir(exist_ok=True)
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(12))
        user.set_password(kept.read_text())
        user.save()
    return LOGIN, kept.read_text()


def tables(result: Walk) -> Iterator[Table]:
    """What the walk came to: clauses, invoices, comparisons."""
    clauses = Table(title=f"Guarantees in {PERIOD}", title_justify="left")
    for heading in ("Contract", "Clause", "Guaranteed", "Measured", "Damages"):
        clauses.add_column(heading, justify="left" if heading in {"Contract", "Clause"} else "right")
    for one in result.verdicts:
        if one.verdict and one.verdict.measured_share is not None:
            guaranteed, measured = one.verdict.guaranteed_share, one.verdict.measured_share
            clauses.add_row(
                str(one.clause.contract),
                str(one.clause),
                show_percent(guaranteed, measured),
                show_percent(measured, guaranteed),
                show(one.verdict.ld_amount, one.verdict.ld_currency)
                if one.verdict.ld_amount is not None and one.verdict.ld_currency
                else "none",
            )
    yield clauses

    invoices = Table(title=f"Invoices for {PERIOD}", title_justify="left")
    for heading in ("Contract", "Line", "Quantity", "Price", "Amount"):
        invoices.add_column(heading, justify="left" if heading in {"Contract", "Line"} else "right")
    for draft in result.invoices.drafts:
        for line in draft.lines:
            invoices.add_row(
                draft.contract,
                line.type_code,
                f"{line.quantity.normalize():,f}",
                f"{line.unit_price.normalize():,f}",
                show(line.amount, draft.currency),
            )
        invoices.add_row(draft.contract, "total", "", "", show(draft.total, draft.currency), end_section=True)
    yield invoices

    compared = Table(title=f"Expected against received in {PERIOD}", title_justify="left")
    for heading in ("Contract", "Expected", "Received", "Variance", "Status"):
        compared.add_column(heading, justify="left" if heading in {"Contract", "Status"} else "right")
    for result_row in result.comparisons.comparisons:
        currency = result_row.currency or ""
        compared.add_row(
            result_row.contract,
            *(
                "none" if amount is None else show(amount, currency)
                for amount in (result_row.expected, result_row.received, result_row.variance)
            ),
            result_row.status.label,
        )
    yield compared
