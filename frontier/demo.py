"""The walk from an empty database to an issued invoice, on the fixtures' December."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet
from rich.table import Table

from core.contracts import contracts_in_force
from core.money import show
from core.periods import parse_period
from core.rules import show_percent
from database import seeds
from invoicing.billing import Change
from invoicing.closing import CloseRun, close_month
from invoicing.compared import ComparisonRun
from invoicing.comparison import compare_all
from invoicing.deeds import Deed, Step
from invoicing.documents import factur_x
from invoicing.documents.sheet import sheet_of
from invoicing.documents.sources import document_of
from invoicing.drafting import DraftRun, draft_all
from invoicing.gathering import find_billing_period
from invoicing.issuing import verify_and_issue
from invoicing.models import DocumentType, InvoiceHeader
from metering.assessment import Assessment, evaluate
from metering.errors import AlreadyLoaded
from metering.ingestion import ingest
from metering.selection import find_meter

PERIOD = "2025-12"
INVOICED_ON = date(2026, 1, 6)
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
class Issued:
    """An invoice under its number, and where its PDF lies."""

    contract: str
    deed: Deed
    path: Path


@dataclass(frozen=True)
class Walk:
    """What the steps gave; `changed` says whether any of them wrote anything."""

    changed: bool
    verdicts: list[Assessment]
    drafts: DraftRun
    comparisons: ComparisonRun
    closing: CloseRun
    issued: list[Issued]


def walk(tell: Callable[[str], object], folder: Path) -> Walk:
    """Takes every step once, telling its numbers; what an earlier walk did is found done. PDFs go to `folder`.

    Readings are loaded once; verdicts, drafts and comparisons that would come out the same are left alone.
    """
    changed, sentence = load_readings()
    tell(f"Readings     {sentence}")

    period = find_billing_period(PERIOD)
    closing = close_month(period)
    changed |= any(each.is_changed for each in closing.contracts)
    if closing.parked:
        for each in closing.parked:
            tell(f"Parked       {each.contract}: {'; '.join(each.problems)}")
        closing = close_month(period, accept_gaps_by=LOGIN)
        changed |= any(each.is_changed for each in closing.contracts)
    for each in closing.contracts:
        reasons = "; ".join([*each.problems, *each.notes]) or "nothing to say"
        tell(f"{each.status.label.capitalize():<13}{each.contract}: {reasons}")

    # What the organization pays was compared when its month was closed; what it is paid has a counterpart here too.
    comparisons = compare_all(period)
    changed |= any(result.change in {Change.CREATED, Change.REPLACED} for result in comparisons.comparisons)

    issued = []
    for invoice in _invoices(closing):
        deed = verify_and_issue(invoice.pk, by=LOGIN, on=INVOICED_ON)
        path = folder / f"{deed.number}.pdf"
        content = factur_x.write(sheet_of(invoice.pk), document_of(invoice.pk))
        is_printed = path.is_file() and path.read_bytes() == content
        if not is_printed:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        changed |= deed.step is not Step.UNCHANGED or not is_printed
        issued.append(Issued(str(invoice.contract), deed, path))
        tell(f"Issued       {invoice.contract}: {deed}")
        tell(f"Printed      {path}, with the same invoice for machines inside (Factur-X)")

    # Computed once more and found as they are stored: what the tables show.
    contracts = contracts_in_force(parse_period(PERIOD))
    verdicts = [one for contract in contracts for one in evaluate(contract, parse_period(PERIOD))]
    return Walk(changed, verdicts, draft_all(period), comparisons, closing, issued)


def _invoices(closing: CloseRun) -> QuerySet[InvoiceHeader]:
    """The organization's own invoices of the months that are closed."""
    closed = {each.contract_id for each in closing.contracts} - {each.contract_id for each in closing.parked}
    found = InvoiceHeader.objects.filter(
        contract__in=closed, billing_period__name=closing.period, document_type=DocumentType.INVOICE
    )
    return found.select_related("contract").order_by("pk")


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
    """What the walk came to: guarantees, lines of invoices, comparisons, months, invoices issued."""
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
    for draft in result.drafts.drafts:
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

    months = Table(title=f"Months closed for {PERIOD}", title_justify="left")
    for heading in ("Contract", "Status", "Accepted or worth knowing"):
        months.add_column(heading)
    for each in result.closing.contracts:
        months.add_row(each.contract, each.status.label, "\n".join([*each.problems, *each.notes]))
    yield months

    issued = Table(title="Invoices issued", title_justify="left")
    for heading in ("Contract", "Number", "Due on", "Payable", "PDF"):
        issued.add_column(heading, justify="right" if heading == "Payable" else "left", overflow="fold")
    for made in result.issued:
        payable = show(made.deed.payable, made.deed.currency)
        issued.add_row(made.contract, made.deed.number, str(made.deed.due_on), payable, str(made.path))
    yield issued
