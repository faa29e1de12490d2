"""Drafting of bills, in batches: contracts are locked, what they rest on is gathered, what is owed is stored.

Each batch is one transaction and may be run twice: it writes only where the lines differ from those stored. Both
documents are derived.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

from django.db import transaction

from core.contracts import contracts_in_force
from core.models import BillingPeriod, Contract, InvoiceDirection
from core.money import show
from invoicing.agreement import Agreement, agree, days_of
from invoicing.billing import Bill, Change, Line, Refusal, bill, with_vat
from invoicing.contract_tariffs import published_for
from invoicing.errors import BillingError
from invoicing.gathering import gather, written_tariffs
from invoicing.storing import Stored, store
from invoicing.tax_rules import rules_on

# Large enough that the statements of a batch cost little for each contract, small enough to hold no lock for long.
BATCH = 250


@dataclass(frozen=True, slots=True)
class DraftResult:
    """The bill of one contract and period, and what it changed; `invoice` is None where the organization pays.

    `gaps` and `correction` are warnings of their own kind: energy that is not known, and an issued invoice that comes
    to something else than is due now.
    """

    contract_id: int
    contract: str
    period: str
    currency: str
    total: Decimal
    lines: tuple[Line, ...]
    warnings: tuple[str, ...]
    expected: Change
    invoice: Change | None
    gaps: tuple[str, ...] = ()
    correction: str = ""

    def __str__(self) -> str:
        parts = [f"expected invoice {self.expected}"]
        if self.invoice is Change.ISSUED:
            parts.append("the issued invoice left alone")
        elif self.invoice is not None:
            parts.append(f"draft {self.invoice}")
        return f"{self.contract}: {show(self.total, self.currency)} for {self.period}, {', '.join(parts)}."


@dataclass(frozen=True, slots=True)
class DraftRun:
    """The drafts of a billing period. `skipped` counts contracts that are not active or not in term."""

    period: str
    drafts: tuple[DraftResult, ...]
    refused: tuple[Refusal, ...]
    skipped: int
    dry_run: bool

    def __str__(self) -> str:
        sentences = ["Dry run: nothing was written."] if self.dry_run else []
        for result in self.drafts:
            sentences += [str(result), *(f"  warning: {warning}" for warning in result.warnings)]
        sentences += map(str, self.refused)
        sentences.append(
            f"{self.period}: {len(self.drafts)} billed, {len(self.refused)} refused,"
            f" {self.skipped} skipped (not active, or not in term)."
        )
        return "\n".join(sentences)


def draft_all(billing_period: BillingPeriod, contract_id: int | None = None, *, dry_run: bool = False) -> DraftRun:
    """Bills every contract in force, or the one named. A contract that is refused does not stop the others.

    Raises `CoreError` where the one named does not exist or is not in force.
    """
    in_force = contracts_in_force(days_of(billing_period), contract_id)
    due = list(in_force.select_related(None).only("pk", "name"))
    results = [
        result
        for first in range(0, len(due), BATCH)
        for result in draft_many(due[first : first + BATCH], billing_period, dry_run=dry_run)
    ]
    return DraftRun(
        period=billing_period.name,
        drafts=tuple(result for result in results if isinstance(result, DraftResult)),
        refused=tuple(result for result in results if isinstance(result, Refusal)),
        skipped=0 if contract_id else Contract.objects.count() - len(due),
        dry_run=dry_run,
    )


def draft(contract: Contract, billing_period: BillingPeriod, *, dry_run: bool = False) -> DraftResult:
    """`draft_many` of one contract. Raises `BillingError` with the reasons against it; then nothing is written."""
    (result,) = draft_many([contract], billing_period, dry_run=dry_run)
    if isinstance(result, Refusal):
        raise BillingError(result.contract, billing_period.name, *result.problems)
    return result


def draft_many(
    contracts: Sequence[Contract], billing_period: BillingPeriod, *, dry_run: bool = False
) -> list[DraftResult | Refusal]:
    """Bills each contract: stores the expected invoice, and the draft of the organization's own where it is paid.

    One transaction and a constant number of queries; the results are in the order of the contracts. Of a contract
    that is refused nothing is written. Runs at once wait for each other and the later finds nothing to do. A
    comparison with an expected invoice that is replaced is taken back.
    """
    with transaction.atomic():
        billed = _billed(contracts, billing_period)
        bills = [each for each in billed.values() if isinstance(each, Bill)]
        stored = dict(zip((each.contract.pk for each in bills), store(bills, dry_run=dry_run), strict=True))
    results: list[DraftResult | Refusal] = []
    for contract in contracts:
        outcome = billed[contract.pk]
        results.append(_result(outcome, stored[contract.pk]) if isinstance(outcome, Bill) else outcome)
    return results


def _billed(contracts: Sequence[Contract], billing_period: BillingPeriod) -> dict[int, Bill | Refusal]:
    """What each contract owes, by its id; they are locked in order of their ids, so that runs cannot block each other.

    NO KEY UPDATE: rows that refer to the contract may still be inserted by others.
    """
    rows = Contract.objects.select_for_update(of=("self",), no_key=True).select_related("project").order_by("pk")
    locked = list(rows.filter(pk__in=[contract.pk for contract in contracts]))
    written = written_tariffs(locked, billing_period)
    published = published_for(chain.from_iterable(written.values()))
    billed: dict[int, Bill | Refusal] = {
        contract.pk: Refusal(contract.pk, contract.name, ("it was deleted",)) for contract in contracts
    }
    agreements: list[Agreement] = []
    for contract in locked:
        try:
            agreements.append(agree(contract, billing_period, written[contract.pk], published))
        except BillingError as error:
            billed[contract.pk] = Refusal(contract.pk, contract.name, error.problems)
    paying = {contract.organization_id for contract in locked if contract.invoice_direction == InvoiceDirection.PAYABLE}
    rules = rules_on(billing_period.end_date, paying)
    with closing(gather(agreements)) as gathered:
        for agreement, grounds in zip(agreements, gathered, strict=True):
            contract = agreement.contract
            try:
                due = bill(agreement, grounds)
            except BillingError as error:
                billed[contract.pk] = Refusal(contract.pk, contract.name, error.problems)
                continue
            # An invoice of our own is taxed on the day it is verified; one that comes is expected with its tax.
            is_payable = contract.invoice_direction == InvoiceDirection.PAYABLE
            billed[contract.pk] = with_vat(due, rules[contract.organization_id]) if is_payable else due
    return billed


def _result(billed: Bill, stored: Stored) -> DraftResult:
    return DraftResult(
        contract_id=billed.contract.pk,
        contract=billed.contract.name,
        period=billed.billing_period.name,
        currency=billed.currency.code,
        total=billed.total,
        lines=billed.lines,
        warnings=(*billed.warnings, *filter(None, [stored.correction])),
        expected=stored.expected,
        invoice=stored.invoice,
        gaps=billed.gaps,
        correction=stored.correction,
    )
