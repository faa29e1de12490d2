"""What a variance is made of, said in sentences, and the note that disputes an invoice."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from core.money import minor_units, round_money, show
from invoicing.variance import TAX_TYPES, InvoiceLine, Kind, LineVariance, Measured, Split, common_unit

_DECIMALS_SHOWN = 10  # of prices and quantities that follow from others


@dataclass(frozen=True, slots=True)
class DisputedLine:
    """A line that differs: what it is called, by how much, by which causes and why in words."""

    name: str
    variance: Decimal
    split: Split
    reason: str


@dataclass(frozen=True, slots=True)
class DisputedInvoice:
    """An invoice set against what the contract says. `expected` and `received` are in `currency`.

    They are with tax, or before it where `is_before_tax`: one of the two says nothing of tax.
    `is_payable` says that the organization pays. `beyond_lines` is the part of the variance that no line shows: a
    total that is not the sum of its lines.
    """

    organization: str
    counterparty: str
    is_payable: bool
    contract: str
    period: str
    number: str
    invoice_date: date | None
    currency: str
    is_before_tax: bool
    expected: Decimal
    received: Decimal
    beyond_lines: Decimal
    lines: tuple[DisputedLine, ...]

    @property
    def variance(self) -> Decimal:
        return self.received - self.expected


def reason(line: LineVariance) -> str:
    """A line for each part of the variance, with the numbers it comes from; "" where there is none."""
    return "\n".join(f"{kind.label} {part:+,}: {_why(kind, line)}" for kind, part in line.split.parts())


def dispute_note(invoice: DisputedInvoice) -> str:
    """A letter that says what differs, why and what is asked for. The lines that agree are not in it."""
    named = f"{invoice.number} of {invoice.invoice_date:%d %B %Y}" if invoice.invoice_date else invoice.number
    total, due = show(invoice.received, invoice.currency), show(invoice.expected, invoice.currency)
    if invoice.is_before_tax:
        total += " before tax"
    lines = [
        f"From: {invoice.organization}",
        f"To: {invoice.counterparty}",
        f"Subject: Dispute of {named}, {invoice.contract}, {invoice.period}",
        "",
        f"{named} comes to {total}. By the contract and the metered data {due} is due for {invoice.period}.",
        f"The document is {_more_or_less(invoice.variance, invoice.currency)} than that.",
        "",
        "Lines that differ:",
    ]
    for place, line in enumerate((line for line in invoice.lines if line.variance), start=1):
        lines.append(f"{place}. {line.name}: {_more_or_less(line.variance, invoice.currency)} than due.")
        lines += [f"   - {part}" for part in line.reason.splitlines()]
    if invoice.beyond_lines:
        off = show(invoice.beyond_lines, invoice.currency)
        lines.append(f"The total is {off} off the sum of the lines, and no line says why.")
    lines += ["", "The difference by cause:", *_by_cause(invoice), "", _request(invoice)]
    return "\n".join(lines)


def _by_cause(invoice: DisputedInvoice) -> Iterator[str]:
    causes = [(kind.label, part) for kind, part in sum((line.split for line in invoice.lines), Split()).parts()]
    if invoice.beyond_lines:
        causes.append(("not in any line", invoice.beyond_lines))
    digits = minor_units(invoice.currency)
    rows = [(label, f"{round_money(part, digits):+,f}") for label, part in (*causes, ("total", invoice.variance))]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return (f"  {label:<{widths[0]}}  {amount:>{widths[1]}} {invoice.currency}" for label, amount in rows)


def _request(invoice: DisputedInvoice) -> str:
    amount = show(abs(invoice.variance), invoice.currency)
    corrected = "a corrected document in place of it"
    if not invoice.variance:
        return f"The total agrees and the lines do not. Please send {corrected}."
    if not invoice.is_payable:
        return f"Please send {corrected}" + (f" and pay the missing {amount}." if invoice.variance < 0 else ".")
    if invoice.variance > 0:
        return f"Please send a credit note over {amount}, or {corrected}. What is due will be paid in time."
    return f"Please send a supplementary invoice over {amount}, or {corrected}."


def _more_or_less(variance: Decimal, currency: str) -> str:
    if not variance:
        return "neither more nor less"
    return f"{show(abs(variance), currency)} {'more' if variance > 0 else 'less'}"


def _why(kind: Kind, line: LineVariance) -> str:
    ours, theirs, sides = line.expected_line, line.received_line, line.sides
    if ours is None or theirs is None or sides is None:
        return f"{line.expected:,} due and not billed" if theirs is None else f"{line.received:,} billed and not due"
    due, billed = sides
    unit = ours.unit or theirs.unit
    match kind:
        case Kind.QUANTITY:
            return f"{_quantity(billed, unit)} billed, {_quantity(due, unit)} due"
        case Kind.TIME_OF_USE:
            return f"{_quantity(billed, unit)} billed, {_quantity(due, unit)} due: moved between price buckets"
        case Kind.PRICE if due.unit is None:
            return f"{_number(billed.price)} billed, {_number(due.price)} due for the line as a whole"
        case Kind.PRICE:
            return f"{_price(billed, unit)} billed, {_price(due, unit)} agreed"
        case Kind.TAX if ours.type_code in TAX_TYPES:
            return f"{line.received:,} billed, {line.expected:,} due"
        case Kind.TAX:
            return f"{_tax(theirs)} billed, {_tax(ours)} due"
        case Kind.EXCHANGE_RATE:
            return f"the rate used is {_number(theirs.exchange_rate / ours.exchange_rate)} times the agreed one"
        case _:
            return "the amounts are not quantity times price to the last digit"


def _quantity(side: Measured, unit: str | None) -> str:
    return f"{_number(side.quantity / common_unit(unit)[0])} {unit or ''}".rstrip()


def _price(side: Measured, unit: str | None) -> str:
    return f"{_number(side.price * common_unit(unit)[0])} per {unit or 'unit'}"


def _tax(line: InvoiceLine) -> str:
    return f"{line.tax_amount or Decimal(0):,}" if line.tax_amount else "no tax"


def _number(number: Fraction) -> str:
    """To ten decimals, without the zeros at the end."""
    text = f"{round_money(number, _DECIMALS_SHOWN):,f}"
    return text.rstrip("0").rstrip(".")
