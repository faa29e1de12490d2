"""The invoices that came against those that were expected, line by line.

`compare_all` may be run twice: it writes only where a comparison differs from the one stored. A variance is received
less expected, each first rounded to the currency's minor unit, so that the number shown, the status and the sum of the
lines agree. `invoicing.variance` says which lines belong together and splits their variance.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from core.contracts import contracts_in_force
from core.models import BillingPeriod, Contract
from core.money import minor_units, round_money, show
from invoicing.agreement import days_of
from invoicing.billing import Change, Refusal
from invoicing.compared import ComparedLine, ComparisonResult, ComparisonRun, describe, percent_of
from invoicing.counterparts import Counterparts, Item, Unpaired, gather
from invoicing.disputes import reason
from invoicing.errors import ComparisonError, NotFoundError
from invoicing.models import (
    ExpectedInvoiceHeader,
    InvoiceComparison,
    InvoiceComparisonLineItem,
    InvoiceComparisonStatus,
    ReceivedInvoiceHeader,
)
from invoicing.variance import Kind, LineVariance, Split, Tolerance, compare_lines, tolerated

_CHUNK = 500  # contracts compared, and locked, in one transaction
_HEAD = ("received_invoice_header", "variance_amount", "status", "exchange_rate")
_PARTS = tuple(f"{kind.value}_amount" for kind in Kind)
_CELLS = (
    *("expected_invoice_line_item", "received_invoice_line_item", "variance_amount", "description", "reason"),
    *_PARTS,
)


def compare_all(billing_period: BillingPeriod, contract_ids: Sequence[int] | None = None) -> ComparisonRun:
    """Compares every contract that is in force or has an invoice in the period, or those named, in order of id.

    Each chunk of contracts is a transaction of its own. Raises `NotFoundError` where one that is named does not exist.
    """
    ids = _concerned(billing_period) if contract_ids is None else _existing(contract_ids)
    outcomes = [
        outcome
        for start in range(0, len(ids), _CHUNK)
        for outcome in _compare_chunk(ids[start : start + _CHUNK], billing_period)
    ]
    return ComparisonRun(
        billing_period.name,
        tuple(outcome for outcome in outcomes if isinstance(outcome, ComparisonResult)),
        tuple(outcome for outcome in outcomes if isinstance(outcome, Refusal)),
    )


def compare(contract: Contract, billing_period: BillingPeriod) -> ComparisonResult:
    """Sets the expected invoice against the received one, the latest by date and id where several came.

    Credit notes that correct it are taken off. An expected invoice has one comparison; where anything changed it is
    replaced. Raises `ComparisonError` where the two are in different currencies and no rate is agreed or published;
    then nothing is written.
    """
    (outcome,) = _compare_chunk([contract.pk], billing_period)
    if isinstance(outcome, Refusal):
        raise ComparisonError(outcome.contract, billing_period.name, *outcome.problems)
    return outcome


def _concerned(billing_period: BillingPeriod) -> list[int]:
    concerned = Q(pk__in=contracts_in_force(days_of(billing_period)).values("pk"))
    for headers in (ExpectedInvoiceHeader.objects, ReceivedInvoiceHeader.objects):
        concerned |= Q(pk__in=headers.filter(billing_period=billing_period).values("contract"))
    return list(Contract.objects.filter(concerned).order_by("pk").values_list("pk", flat=True))


def _existing(contract_ids: Sequence[int]) -> list[int]:
    found = list(Contract.objects.filter(pk__in=contract_ids).order_by("pk").values_list("pk", flat=True))
    if absent := sorted(set(contract_ids) - set(found)):
        raise NotFoundError(f"contract {', '.join(map(str, absent))} does not exist")
    return found


def _compare_chunk(contract_ids: Sequence[int], billing_period: BillingPeriod) -> list[ComparisonResult | Refusal]:
    with transaction.atomic():
        # Runs at once wait for each other, and for drafting, which replaces the lines compared here.
        contracts = list(
            Contract.objects.select_for_update(no_key=True)
            .filter(pk__in=contract_ids)
            .only("name", "organization_id")
            .order_by("pk")
        )
        found = gather(contracts, billing_period)
        outcomes = [_outcome(of_contract, billing_period) for of_contract in found]
        changes = _store(
            [
                (of_contract, outcome)
                for of_contract, outcome in zip(found, outcomes, strict=True)
                if isinstance(of_contract, Counterparts) and isinstance(outcome, ComparisonResult)
            ]
        )
    return [
        replace(outcome, change=changes.get(outcome.contract_id)) if isinstance(outcome, ComparisonResult) else outcome
        for outcome in outcomes
    ]


# --- what a comparison says


def _outcome(found: Counterparts | Unpaired, billing_period: BillingPeriod) -> ComparisonResult | Refusal:
    if isinstance(found, Unpaired):
        return _unchecked(found, billing_period)
    if found.is_foreign and found.rate is None:
        cause = (
            f"{found.expected.currency} is expected and {_name(found.received)} is in {found.received.currency}:"
            " no exchange rate is agreed, and none published for that day or the week before"
        )
        return Refusal(found.contract.pk, found.contract.name, (cause,))
    return _result(found, billing_period)


def _unchecked(found: Unpaired, billing_period: BillingPeriod) -> ComparisonResult:
    warnings = []
    if found.expected is None:
        warnings.append("there is no expected invoice: generate_invoices makes it")
    if found.received is None:
        warnings.append("no invoice was received")
    present = found.expected or found.received
    return ComparisonResult(
        contract_id=found.contract.pk,
        contract=found.contract.name,
        period=billing_period.name,
        currency=None if present is None else present.currency.code,
        expected=None if found.expected is None else _total(found.expected),
        received=None if found.received is None else _total(found.received),
        received_number=None if found.received is None else found.received.invoice_number,
        variance=None,
        variance_percent=None,
        status=InvoiceComparisonStatus.UNCHECKED,
        lines=(),
        warnings=tuple(warnings),
        change=None,
    )


def _result(found: Counterparts, billing_period: BillingPeriod) -> ComparisonResult:
    lines = tuple(
        _compared(line, found.tolerances)
        for line in compare_lines(found.expected_lines, found.received_lines, found.digits)
    )
    due, billed = found.due, found.billed
    variance = billed - due
    beyond_lines = variance - sum((line.variance for line in lines), Decimal(0))
    is_tolerated = all(line.is_tolerated for line in lines) and (
        found.tolerances.get(Kind.ROUNDING, Tolerance()).allows(beyond_lines, due)
    )
    status = InvoiceComparisonStatus.MATCHED
    if variance and not is_tolerated:
        status = InvoiceComparisonStatus.UNDERBILLED if variance < 0 else InvoiceComparisonStatus.OVERBILLED
    return ComparisonResult(
        contract_id=found.contract.pk,
        contract=found.contract.name,
        period=billing_period.name,
        currency=found.expected.currency.code,
        expected=due,
        received=billed,
        received_number=found.received.invoice_number,
        variance=variance,
        variance_percent=percent_of(variance, due),
        status=status,
        lines=lines,
        warnings=tuple(_warnings(found, lines, variance)),
        change=None,
        split=sum((line.split for line in lines if line.split), Split()),
        exchange_rate=None if found.rate is None else found.rate.rate,
    )


def _compared(line: LineVariance, tolerances: Mapping[Kind, Tolerance]) -> ComparedLine:
    is_tolerated = tolerated(line, tolerances)
    description = describe(line.expected, line.received, line.variance)
    if line.variance and is_tolerated:
        description += ", within the tolerance"
    return ComparedLine(
        type_code=line.line.type_code,
        expected=line.expected,
        received=line.received,
        variance=line.variance,
        split=line.split,
        is_tolerated=is_tolerated,
        description=description,
        reason=reason(line),
        expected_line_id=None if line.expected_line is None else line.expected_line.id,
        received_line_id=None if line.received_line is None else line.received_line.id,
    )


def _warnings(found: Counterparts, lines: Sequence[ComparedLine], variance: Decimal) -> Iterator[str]:
    expected, received = found.expected, found.received
    if found.invoices > 1:
        yield f"{found.invoices} invoices were received: compared with the latest, {_name(received)}"
    for note in found.credited_by:
        yield f"{_name(note)} credits {show(note.total_amount, note.currency.code)}, which is taken off"
    for note in found.other_notes:
        yield f"{_name(note)} corrects {note.corrects_number or 'no invoice that it names'} and is not compared"
    if found.rate is not None:
        says = "says none" if received.exchange_rate is None else f"says {received.exchange_rate.normalize():f}"
        yield f"{received.currency} is converted at {found.rate.source} for one {expected.currency}; the invoice {says}"
    if found.tax_billed and not found.is_taxed:
        tax = show(found.tax_billed, received.currency.code)
        yield f"{tax} of tax is billed and the expected invoice states none: compared before tax"
    if found.tax_due and not found.is_taxed:
        tax = show(found.tax_due, expected.currency.code)
        yield f"{tax} of tax is expected and {_name(received)} states none: compared before tax"
    sides: tuple[tuple[str, ExpectedInvoiceHeader | ReceivedInvoiceHeader, Sequence[Item]], ...]
    sides = (("expected", expected, found.expected_items), ("received", received, found.received_items))
    for side, header, items in sides:
        if unexplained := header.total_amount - sum((item.gross_amount for item in items), Decimal(0)):
            yield f"the {side} total is {show(unexplained, header.currency.code)} off the sum of its lines"
    if not variance and any(line.variance for line in lines):
        yield "the totals agree and the lines do not"


def _total(header: ExpectedInvoiceHeader | ReceivedInvoiceHeader) -> Decimal:
    return round_money(header.total_amount, minor_units(header.currency.code))


def _name(received: ReceivedInvoiceHeader) -> str:
    number = received.invoice_number or f"received invoice {received.pk}"
    return f"{number} of {received.invoice_date}" if received.invoice_date else number


# --- what is stored


def _store(compared: Sequence[tuple[Counterparts, ComparisonResult]]) -> dict[int, Change]:
    """By contract, what was done; only comparisons that differ from those stored are written."""
    # A default of the database would be sent for each row by itself; values travel as one array for each column.
    now = timezone.now()
    heads, parts = _stored([found.expected.pk for found, _ in compared])
    changes: dict[int, Change] = {}
    kept: list[InvoiceComparison] = []
    new: list[InvoiceComparison] = []
    lines: list[tuple[InvoiceComparison, ComparedLine]] = []
    surplus: list[int] = []
    for found, result in compared:
        assert result.variance is not None  # both documents are there
        before = heads.get(found.expected.pk, {})
        first = next(iter(before), None)
        head = (found.received.pk, result.variance, result.status, result.exchange_rate)
        if list(before.values()) == [head] and parts[first] == [_cells(line) for line in result.lines]:
            changes[result.contract_id] = Change.UNCHANGED
            continue
        changes[result.contract_id] = Change.CREATED if first is None else Change.REPLACED
        row = InvoiceComparison(
            pk=first,
            expected_invoice_header=found.expected,
            received_invoice_header=found.received,
            variance_amount=result.variance,
            status=result.status,
            exchange_rate=result.exchange_rate,
            created_at=now,
        )
        (new if first is None else kept).append(row)
        lines += [(row, line) for line in result.lines]
        surplus += [each for each in before if each != first]
    if kept:
        outdated = [*(row.pk for row in kept), *surplus]
        InvoiceComparisonLineItem.objects.filter(invoice_comparison__in=outdated).delete()
        InvoiceComparison.objects.filter(pk__in=surplus).delete()
        InvoiceComparison.objects.bulk_create(kept, update_conflicts=True, unique_fields=["id"], update_fields=_HEAD)
    InvoiceComparison.objects.bulk_create(new)
    InvoiceComparisonLineItem.objects.bulk_create(
        InvoiceComparisonLineItem(
            invoice_comparison=row,
            expected_invoice_line_item_id=line.expected_line_id,
            received_invoice_line_item_id=line.received_line_id,
            variance_amount=line.variance,
            description=line.description,
            reason=line.reason,
            created_at=now,
            **dict(zip(_PARTS, line.split.amounts, strict=True)),
        )
        for row, line in lines
    )
    return changes


def _stored(
    expected_ids: Sequence[int],
) -> tuple[dict[int, dict[int, tuple[object, ...]]], dict[int | None, list[tuple[object, ...]]]]:
    """The stored comparisons of expected invoices by their ids, in order, and the lines of each."""
    heads: dict[int, dict[int, tuple[object, ...]]] = defaultdict(dict)
    rows = InvoiceComparison.objects.filter(expected_invoice_header__in=expected_ids)
    for expected_id, comparison_id, *head in rows.order_by("id").values_list("expected_invoice_header", "id", *_HEAD):
        heads[expected_id][comparison_id] = tuple(head)
    lines: dict[int | None, list[tuple[object, ...]]] = defaultdict(list)
    comparison_ids = [comparison_id for of_invoice in heads.values() for comparison_id in of_invoice]
    items = InvoiceComparisonLineItem.objects.filter(invoice_comparison__in=comparison_ids)
    for comparison_id, *cells in items.order_by("id").values_list("invoice_comparison", *_CELLS):
        lines[comparison_id].append(tuple(cells))
    return heads, lines


def _cells(line: ComparedLine) -> tuple[object, ...]:
    """What is stored of a line, in the order of `_CELLS`."""
    return (
        *(line.expected_line_id, line.received_line_id, line.variance, line.description, line.reason),
        *line.split.amounts,
    )
