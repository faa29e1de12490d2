"""The invoice that came against the one that was expected, line by line.

`compare` owns its transaction and may be run twice: it writes only where the comparison differs from the one stored.
A variance is received less expected, each first rounded to the currency's minor unit, so that the number shown, the
status and the sum of the lines agree.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest

from django.db import transaction
from django.db.models import F, Q

from core.contracts import contracts_in_force
from core.models import BillingPeriod, Contract
from core.money import minor_units, round_money, show
from invoicing.billing import Change, Refusal, days_of
from invoicing.errors import ComparisonError, NotFoundError
from invoicing.models import (
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    InvoiceComparison,
    InvoiceComparisonLineItem,
    InvoiceComparisonStatus,
    ReceivedInvoiceHeader,
    ReceivedInvoiceLineItem,
)


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """Two lines of one type, or one that the other side lacks. `variance` is received less expected."""

    type_code: str
    expected: Decimal | None
    received: Decimal | None
    variance: Decimal
    description: str
    expected_line_id: int | None
    received_line_id: int | None


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """The comparison of one contract and period.

    Where an invoice is absent the status is unchecked, `variance` is None and nothing is stored, which `change`
    says by None. `variance_percent` is of the expected amount, to 2 decimals, and None where nothing is expected.
    """

    contract_id: int
    contract: str
    period: str
    currency: str | None
    expected: Decimal | None
    received: Decimal | None
    received_number: str | None
    variance: Decimal | None
    variance_percent: Decimal | None
    status: InvoiceComparisonStatus
    lines: tuple[ComparedLine, ...]
    warnings: tuple[str, ...]
    change: Change | None


@dataclass(frozen=True, slots=True)
class ComparisonRun:
    """The comparisons of a billing period, and the pairs that cannot be compared."""

    period: str
    comparisons: tuple[ComparisonResult, ...]
    refused: tuple[Refusal, ...]

    def __str__(self) -> str:
        """A table, amounts to the right, each contract above its lines."""
        rows: list[tuple[str, ...]] = [("contract", "expected", "received", "variance", "status")]
        for result in self.comparisons:
            amounts = (_amount(number) for number in (result.expected, result.received, result.variance))
            rows.append((result.contract, *amounts, result.status.label))
            rows += [
                (
                    f"  {line.type_code}",
                    _amount(line.expected),
                    _amount(line.received),
                    _amount(line.variance),
                    line.description,
                )
                for line in result.lines
            ]
            rows += [(f"  {warning}", "", "", "", "") for warning in result.warnings]
        widths = [max(len(row[column]) for row in rows if row[1]) for column in range(4)]
        table = [
            f"{name:<{widths[0]}}  {expected:>{widths[1]}}  {received:>{widths[2]}}  {variance:>{widths[3]}}  {said}"
            for name, expected, received, variance, said in rows
        ]
        return "\n".join([*(line.rstrip() for line in table), *map(str, self.refused)])


def compare_all(billing_period: BillingPeriod, contract_id: int | None = None) -> ComparisonRun:
    """Compares every contract that is in force or has an invoice in the period, or the one named.

    Raises `NotFoundError` where the one named does not exist.
    """
    if contract_id is None:
        invoices = (ExpectedInvoiceHeader.objects, ReceivedInvoiceHeader.objects)
        concerned = Q(pk__in=contracts_in_force(days_of(billing_period)).values("pk"))
        for headers in invoices:
            concerned |= Q(pk__in=headers.filter(billing_period=billing_period).values("contract"))
    else:
        concerned = Q(pk=contract_id)
    contracts = list(Contract.objects.filter(concerned).order_by("pk"))
    if contract_id is not None and not contracts:
        raise NotFoundError(f"contract {contract_id} does not exist")
    comparisons: list[ComparisonResult] = []
    refused: list[Refusal] = []
    for contract in contracts:
        try:
            comparisons.append(compare(contract, billing_period))
        except ComparisonError as error:
            refused.append(Refusal(contract.pk, contract.name, error.problems))
    return ComparisonRun(billing_period.name, tuple(comparisons), tuple(refused))


def compare(contract: Contract, billing_period: BillingPeriod) -> ComparisonResult:
    """Sets the expected invoice against the received one, the latest by date and id where several came.

    An expected invoice has one comparison; where anything changed it is replaced. Raises `ComparisonError` where the
    two are in different currencies; then nothing is written.
    """
    with transaction.atomic():
        # Runs at once wait for each other, and for `billing.draft`, which replaces the lines compared here.
        Contract.objects.select_for_update(no_key=True).get(pk=contract.pk)
        expected = (
            ExpectedInvoiceHeader.objects.filter(contract=contract, billing_period=billing_period)
            .select_related("currency")
            .first()
        )
        came = list(
            ReceivedInvoiceHeader.objects.filter(contract=contract, billing_period=billing_period)
            .select_related("currency")
            .order_by(F("invoice_date").desc(nulls_last=True), "-id")
        )
        received = came[0] if came else None
        if expected is None or received is None:
            return _unchecked(contract, billing_period, expected, received)
        if expected.currency != received.currency:
            raise ComparisonError(
                contract.name,
                billing_period.name,
                f"{expected.currency} is expected and {_name(received)} is in {received.currency}:"
                " there are no exchange rates",
            )
        result = _result(contract, billing_period, expected, received, len(came))
        return replace(result, change=_store(result, expected, received))


def _unchecked(
    contract: Contract,
    billing_period: BillingPeriod,
    expected: ExpectedInvoiceHeader | None,
    received: ReceivedInvoiceHeader | None,
) -> ComparisonResult:
    warnings = []
    if expected is None:
        warnings.append("there is no expected invoice: generate_invoices makes it")
    if received is None:
        warnings.append("no invoice was received")
    present = expected or received
    return ComparisonResult(
        contract_id=contract.pk,
        contract=contract.name,
        period=billing_period.name,
        currency=None if present is None else present.currency.code,
        expected=None if expected is None else _total(expected),
        received=None if received is None else _total(received),
        received_number=None if received is None else received.invoice_number,
        variance=None,
        variance_percent=None,
        status=InvoiceComparisonStatus.UNCHECKED,
        lines=(),
        warnings=tuple(warnings),
        change=None,
    )


def _result(
    contract: Contract,
    billing_period: BillingPeriod,
    expected: ExpectedInvoiceHeader,
    received: ReceivedInvoiceHeader,
    came: int,
) -> ComparisonResult:
    currency = expected.currency.code
    digits = minor_units(currency)
    ours = list(expected.lines.select_related("invoice_line_item_type").order_by("id"))
    theirs = list(received.lines.select_related("invoice_line_item_type").order_by("id"))
    lines = tuple(_compared(one, other, digits) for one, other in _pairs(ours, theirs))
    variance = _total(received) - _total(expected)
    status = InvoiceComparisonStatus.MATCHED
    if variance:
        status = InvoiceComparisonStatus.UNDERBILLED if variance < 0 else InvoiceComparisonStatus.OVERBILLED

    warnings = []
    if came > 1:
        warnings.append(f"{came} invoices were received: compared with the latest, {_name(received)}")
    for side, header, its_lines in (("expected", expected, ours), ("received", received, theirs)):
        unexplained = header.total_amount - sum(line.line_total_amount for line in its_lines)
        if unexplained:
            warnings.append(f"the {side} total is {show(unexplained, currency)} off the sum of its lines")
    if not variance and any(line.variance for line in lines):
        warnings.append("the totals agree and the lines do not")
    return ComparisonResult(
        contract_id=contract.pk,
        contract=contract.name,
        period=billing_period.name,
        currency=currency,
        expected=_total(expected),
        received=_total(received),
        received_number=received.invoice_number,
        variance=variance,
        variance_percent=_percent(variance, _total(expected)),
        status=status,
        lines=lines,
        warnings=tuple(warnings),
        change=None,
    )


def _pairs(
    ours: Sequence[ExpectedInvoiceLineItem], theirs: Sequence[ReceivedInvoiceLineItem]
) -> Iterator[tuple[ExpectedInvoiceLineItem | None, ReceivedInvoiceLineItem | None]]:
    """Lines of one type side by side: equal amounts first, then the largest with the largest. The rest stand alone."""
    lines: list[ExpectedInvoiceLineItem | ReceivedInvoiceLineItem] = [*ours, *theirs]
    for type_id in dict.fromkeys(line.invoice_line_item_type_id for line in lines):
        unpaired = []
        candidates = [line for line in theirs if line.invoice_line_item_type_id == type_id]
        for line in (line for line in ours if line.invoice_line_item_type_id == type_id):
            same = (other for other in candidates if other.line_total_amount == line.line_total_amount)
            if (twin := next(same, None)) is None:
                unpaired.append(line)
            else:
                candidates.remove(twin)
                yield line, twin
        unpaired.sort(key=lambda line: -abs(line.line_total_amount))
        candidates.sort(key=lambda line: -abs(line.line_total_amount))
        yield from zip_longest(unpaired, candidates)


def _compared(
    ours: ExpectedInvoiceLineItem | None, theirs: ReceivedInvoiceLineItem | None, digits: int
) -> ComparedLine:
    line = ours or theirs
    assert line is not None  # a pair has a side
    expected = None if ours is None else round_money(ours.line_total_amount, digits)
    received = None if theirs is None else round_money(theirs.line_total_amount, digits)
    variance = (received or Decimal(0)) - (expected or Decimal(0))
    return ComparedLine(
        type_code=line.invoice_line_item_type.code,
        expected=expected,
        received=received,
        variance=variance,
        description=_describe(expected, received, variance),
        expected_line_id=None if ours is None else ours.pk,
        received_line_id=None if theirs is None else theirs.pk,
    )


def _describe(expected: Decimal | None, received: Decimal | None, variance: Decimal) -> str:
    if received is None:
        return "missing in the received invoice"
    if expected is None:
        return "not expected"
    if not variance:
        return "as expected"
    percent = _percent(variance, expected)
    share = "" if percent is None else f" ({percent:+} %)"
    return f"{abs(variance):,} {'less' if variance < 0 else 'more'} than expected{share}"


def _percent(variance: Decimal, expected: Decimal) -> Decimal | None:
    """The variance in percent of the expected amount's size; there is none of nothing."""
    return round_money(Fraction(variance) * 100 / abs(Fraction(expected))) if expected else None


def _store(result: ComparisonResult, expected: ExpectedInvoiceHeader, received: ReceivedInvoiceHeader) -> Change:
    stored = InvoiceComparison.objects.filter(expected_invoice_header=expected)
    lines = InvoiceComparisonLineItem.objects.filter(invoice_comparison__in=stored).order_by("id")
    assert result.variance is not None  # both invoices are there
    before = list(stored.values_list("received_invoice_header", "variance_amount", "status"))
    lines_before = lines.values_list(
        "expected_invoice_line_item", "received_invoice_line_item", "variance_amount", "description"
    )
    if before == [(received.pk, result.variance, result.status)] and list(lines_before) == [
        (line.expected_line_id, line.received_line_id, line.variance, line.description) for line in result.lines
    ]:
        return Change.UNCHANGED
    comparison = stored.order_by("id").first() or InvoiceComparison(expected_invoice_header=expected)
    lines.delete()
    stored.exclude(pk=comparison.pk).delete()
    comparison.received_invoice_header = received
    comparison.variance_amount = result.variance
    comparison.status = result.status
    comparison.save()
    InvoiceComparisonLineItem.objects.bulk_create(
        InvoiceComparisonLineItem(
            invoice_comparison=comparison,
            expected_invoice_line_item_id=line.expected_line_id,
            received_invoice_line_item_id=line.received_line_id,
            variance_amount=line.variance,
            description=line.description,
        )
        for line in result.lines
    )
    return Change.REPLACED if before else Change.CREATED


def _total(header: ExpectedInvoiceHeader | ReceivedInvoiceHeader) -> Decimal:
    return round_money(header.total_amount, minor_units(header.currency.code))


def _name(received: ReceivedInvoiceHeader) -> str:
    number = received.invoice_number or f"received invoice {received.pk}"
    return f"{number} of {received.invoice_date}" if received.invoice_date else number


def _amount(number: Decimal | None) -> str:
    return "-" if number is None else f"{number:,}"
