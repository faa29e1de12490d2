"""What a comparison found, as a table for people and as rows for a spreadsheet."""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from core.money import round_money
from database.queries import csv_text
from invoicing.billing import Change, Refusal
from invoicing.models import InvoiceComparisonStatus
from invoicing.variance import Kind, Split


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """Two lines of one type, or one that the other side lacks. `variance` is received less expected, with tax.

    `split` sums to it. `is_tolerated` says that each of its parts is within the tolerance of its kind.
    """

    type_code: str
    expected: Decimal | None
    received: Decimal | None
    variance: Decimal
    split: Split
    is_tolerated: bool
    description: str
    reason: str
    expected_line_id: int | None
    received_line_id: int | None


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """The comparison of one contract and period.

    Where an invoice is absent the status is unchecked, `variance` is None and nothing is stored, which `change`
    says by None. Amounts are with tax where both invoices state it, and else before tax. `split` is the sum
    of those of the lines. `exchange_rate` is that by which a received invoice in another currency was converted, None
    where there was no need.
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
    split: Split = field(default_factory=Split)
    exchange_rate: Decimal | None = None


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


def to_csv(run: ComparisonRun) -> str:
    """A row for each line compared, with its variance by cause; a text that a spreadsheet would calculate is led by
    an apostrophe."""
    columns = ("contract", "received_number", "type", "expected", "received", "variance")
    return csv_text(
        (*columns, *Kind, "description", "reason"),
        (
            (
                *(result.contract, result.received_number, line.type_code, line.expected, line.received, line.variance),
                *line.split.amounts,
                *(line.description, line.reason),
            )
            for result in run.comparisons
            for line in result.lines
        ),
    )


def describe(expected: Decimal | None, received: Decimal | None, variance: Decimal) -> str:
    """How the two amounts of a line differ; None is a side that lacks it."""
    if received is None:
        return "missing in the received invoice"
    if expected is None:
        return "not expected"
    if not variance:
        return "as expected"
    percent = percent_of(variance, expected)
    share = "" if percent is None else f" ({percent:+} %)"
    return f"{abs(variance):,} {'less' if variance < 0 else 'more'} than expected{share}"


def percent_of(variance: Decimal, expected: Decimal) -> Decimal | None:
    """The variance in percent of the expected amount's size, to 2 decimals; there is none of nothing."""
    return round_money(Fraction(variance) * 100 / abs(Fraction(expected))) if expected else None


def _amount(number: Decimal | None) -> str:
    return "-" if number is None else f"{number:,}"
