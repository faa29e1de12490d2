"""A month of every contract, brought to its end: judged, billed, compared, and closed or parked with the reasons.

Contracts go through in chunks, each step of a chunk in a transaction of its own that may be run twice. A process that
dies leaves what its steps had committed; the next run finds that done and goes on. Chunks may be worked at by several
processes: each step locks its contracts in order of their ids.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from core.contracts import contracts_in_force
from core.errors import PeriodError
from core.models import BillingPeriod, Contract, InvoiceDirection
from core.money import show
from core.periods import periods_ending_with
from core.rules import Json, Status, content_hash
from database.processes import share_out
from database.scratch import Database
from invoicing.agreement import days_of
from invoicing.billing import Refusal
from invoicing.compared import ComparisonResult
from invoicing.comparison import compare_all
from invoicing.drafting import DraftResult, draft_many
from invoicing.models import (
    CloseStatus,
    DocumentType,
    InvoiceComparisonStatus,
    InvoiceHeader,
    InvoiceStatus,
    MonthClose,
)
from invoicing.notices import announce_drafts
from metering.aggregation import roll_up_pending
from metering.assessment import Assessment, evaluate_all

CHUNK: Final = 250


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of one contract: closed where nothing is a problem. `total` is what it should cost, before taxes."""

    contract_id: int
    contract: str
    status: CloseStatus
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    currency: str | None
    total: Decimal | None
    is_changed: bool

    def __str__(self) -> str:
        total = "" if self.total is None or self.currency is None else f", {show(self.total, self.currency)}"
        return f"{self.contract}: {self.status.label}{total}" + "".join(f"\n  {reason}" for reason in self.problems)


@dataclass(frozen=True, slots=True)
class CloseRun:
    """The contracts in force in a billing period, in order of their ids."""

    period: str
    contracts: tuple[Closed, ...]
    dry_run: bool

    @property
    def parked(self) -> tuple[Closed, ...]:
        return tuple(each for each in self.contracts if each.status is CloseStatus.PARKED)

    def __str__(self) -> str:
        changed = sum(each.is_changed for each in self.contracts)
        closed = len(self.contracts) - len(self.parked)
        sentences = ["Dry run: nothing was written."] if self.dry_run else []
        sentences += map(str, self.parked)
        sentences.append(f"{self.period}: {closed} closed, {len(self.parked)} parked, {changed} of them changed.")
        return "\n".join(sentences)


@dataclass(slots=True)
class _Findings:
    """What the steps found of one contract."""

    verdicts: list[Assessment]
    draft: DraftResult | None
    comparison: ComparisonResult | None
    refused: list[str]

    @property
    def problems(self) -> Iterator[str]:
        for each in self.verdicts:
            if each.verdict is None:
                yield each.problem
            elif each.verdict.status is Status.UNDETERMINED:
                yield f"{each.clause} is undetermined: {each.verdict.reason}"
        yield from self.refused
        if self.draft is not None and self.draft.correction:
            yield self.draft.correction

    @property
    def notes(self) -> Iterator[str]:
        if self.draft is not None:
            said = {*self.draft.gaps, self.draft.correction}
            yield from (warning for warning in self.draft.warnings if warning not in said)
        if self.comparison is not None:
            yield from self.comparison.warnings
            variance, currency = self.comparison.variance, self.comparison.currency
            if self.comparison.status is InvoiceComparisonStatus.UNCHECKED:
                yield "no invoice was received yet"
            elif variance and currency:
                yield f"the invoice received is {self.comparison.status.label} by {show(abs(variance), currency)}"

    @property
    def content(self) -> dict[str, Json]:
        """What the month came to, whoever computed it and in which order."""
        draft, comparison = self.draft, self.comparison
        return {
            "verdicts": [*sorted(str(each.output.content_hash) for each in self.verdicts if each.output is not None)],
            "lines": [
                [line.type_code, line.description, f"{line.quantity:f}", f"{line.unit_price:f}", f"{line.amount:f}"]
                for line in (draft.lines if draft else ())
            ],
            "compared": [str(comparison.status), str(comparison.variance)] if comparison else [],
        }


def close_month(
    billing_period: BillingPeriod,
    contract_id: int | None = None,
    *,
    jobs: int = 1,
    chunk: int = CHUNK,
    dry_run: bool = False,
    accept_gaps_by: str | None = None,
    tell: Callable[[int, int], object] = lambda done, of_all: None,
) -> CloseRun:
    """Closes the month of every contract in force, or of the one named; `tell` hears how many are done, of how many.

    With `jobs` above one, as many processes share the chunks, where there are several: a process takes longer to begin
    than a chunk to close. Energy that is not known keeps a contract open, unless somebody accepts that; what was
    accepted once stays accepted. Raises `CoreError` where the contract named does not exist or is not in force,
    `NotFoundError` where a vocabulary is not loaded, `PeriodError` where the month has not ended.
    """
    if billing_period.end_date >= timezone.localdate():
        raise PeriodError(
            f"{billing_period.name} has not ended: it can be closed from {billing_period.end_date + timedelta(1)} on"
        )
    due = contracts_in_force(days_of(billing_period), contract_id)
    numbers = list(due.order_by("pk").values_list("pk", flat=True))
    if not dry_run:
        roll_up_pending()
    tasks = [
        _Task(billing_period.pk, tuple(numbers[first : first + chunk]), dry_run, accept_gaps_by)
        for first in range(0, len(numbers), chunk)
    ]
    many = min(jobs, len(tasks))
    works = share_out(_close, tasks, many, Database.of(connection).url) if many > 1 else map(_close, tasks)
    done: list[Closed] = []
    for closed in works:
        done += closed
        tell(len(done), len(numbers))
    return CloseRun(billing_period.name, tuple(sorted(done, key=lambda each: each.contract_id)), dry_run)


@dataclass(frozen=True, slots=True)
class _Task:
    """A chunk of contracts, as another process can be told of it."""

    billing_period_id: int
    contracts: tuple[int, ...]
    dry_run: bool
    accept_gaps_by: str | None


def _close(task: _Task) -> list[Closed]:
    """Closes a chunk; where the database refuses it, contract by contract, so that one refused parks itself alone."""
    billing_period = BillingPeriod.objects.get(pk=task.billing_period_id)
    try:
        with _maybe_taken_back(dry_run=task.dry_run):
            return _take_steps(task.contracts, billing_period, task.accept_gaps_by)
    except DatabaseError as error:
        if isinstance(error, OperationalError | InterfaceError):
            raise
        if len(task.contracts) > 1:
            return [closed for number in task.contracts for closed in _close(replace(task, contracts=(number,)))]
        refused = f"the database refused: {str(error).partition(chr(10))[0]}"
    findings = {number: _Findings([], None, None, [refused]) for number in task.contracts}
    with _maybe_taken_back(dry_run=task.dry_run):
        return _store(findings, billing_period, task.accept_gaps_by)


@contextmanager
def _maybe_taken_back(*, dry_run: bool) -> Iterator[None]:
    """A dry run takes every step, in a transaction that is taken back."""
    if not dry_run:
        yield
        return
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _take_steps(numbers: Sequence[int], billing_period: BillingPeriod, accept_gaps_by: str | None) -> list[Closed]:
    contracts = list(
        Contract.objects.filter(pk__in=numbers).select_related("project", "organization", "counterparty").order_by("pk")
    )
    findings = {contract.pk: _Findings([], None, None, []) for contract in contracts}
    for period in periods_ending_with(days_of(billing_period)):
        for number, assessments in evaluate_all(contracts, period).items():
            findings[number].verdicts += assessments
    for outcome in draft_many(contracts, billing_period):
        if isinstance(outcome, Refusal):
            findings[outcome.contract_id].refused += outcome.problems
        else:
            findings[outcome.contract_id].draft = outcome
    payable = [contract.pk for contract in contracts if contract.invoice_direction == InvoiceDirection.PAYABLE]
    if payable:
        compared = compare_all(billing_period, payable)
        for result in compared.comparisons:
            findings[result.contract_id].comparison = result
        for refusal in compared.refused:
            findings[refusal.contract_id].refused += refusal.problems
    return _store(findings, billing_period, accept_gaps_by)


def _store(
    findings: Mapping[int, _Findings], billing_period: BillingPeriod, accept_gaps_by: str | None
) -> list[Closed]:
    """Writes what differs from what is stored, and announces the drafts of what is closed."""
    with transaction.atomic():
        locked = Contract.objects.select_for_update(no_key=True).filter(pk__in=findings).order_by("pk")
        names = dict(locked.values_list("pk", "name"))
        stored = {
            row.contract_id: row
            for row in MonthClose.objects.filter(contract__in=findings, billing_period=billing_period)
        }
        rows, closed = [], []
        for number, found in findings.items():
            row, is_changed = _row(found, stored.get(number) or MonthClose(contract_id=number), accept_gaps_by)
            row.billing_period = billing_period
            if is_changed:
                rows.append(row)
            closed.append(_closed(names[number], row, found, is_changed=is_changed))
        MonthClose.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["contract", "billing_period"], update_fields=_WRITTEN
        )
        drafts = InvoiceHeader.objects.filter(
            contract__in=[each.contract_id for each in closed if each.status is CloseStatus.CLOSED],
            billing_period=billing_period,
            status=InvoiceStatus.DRAFT,
            document_type=DocumentType.INVOICE,
        )
        announce_drafts(drafts.select_related("contract", "billing_period", "currency").order_by("pk"))
    return closed


_WRITTEN = ["status", "problems", "notes", "accepted_gaps", "accepted_by", "content_hash", "updated_at"]


def _row(found: _Findings, row: MonthClose, accept_gaps_by: str | None) -> tuple[MonthClose, bool]:
    """The row as it should be, and whether it is another than it was."""
    before = [getattr(row, name) for name in _WRITTEN]
    gaps = found.draft.gaps if found.draft else ()
    if gaps and accept_gaps_by and not set(gaps) <= set(row.accepted_gaps):
        row.accepted_gaps, row.accepted_by = [*gaps], accept_gaps_by
    accepted = [gap for gap in gaps if gap in row.accepted_gaps]
    row.problems = [*found.problems, *(gap for gap in gaps if gap not in accepted)]
    row.notes = [*found.notes, *(f"{gap}, as {row.accepted_by} accepted" for gap in accepted)]
    row.status = CloseStatus.PARKED if row.problems else CloseStatus.CLOSED
    row.content_hash = content_hash({**found.content, "problems": [*row.problems], "notes": [*row.notes]})
    is_changed = before != [getattr(row, name) for name in _WRITTEN]
    if is_changed:
        row.updated_at = timezone.now()
    return row, is_changed


def _closed(name: str, row: MonthClose, found: _Findings, *, is_changed: bool) -> Closed:
    return Closed(
        contract_id=row.contract_id,
        contract=name,
        status=CloseStatus(row.status),
        problems=tuple(row.problems),
        notes=tuple(row.notes),
        currency=found.draft.currency if found.draft else None,
        total=found.draft.total if found.draft else None,
        is_changed=is_changed,
    )
