"""The notes that dispute stored comparisons."""

from decimal import Decimal

from django.db.models import prefetch_related_objects

from core.models import InvoiceDirection
from core.money import minor_units, round_money
from invoicing.compared import ComparisonRun
from invoicing.disputes import DisputedInvoice, DisputedLine, dispute_note
from invoicing.models import InvoiceComparison, InvoiceComparisonLineItem, InvoiceComparisonStatus
from invoicing.variance import Kind, Split

_LINES = (
    "lines__expected_invoice_line_item__invoice_line_item_type",
    "lines__received_invoice_line_item__invoice_line_item_type",
)


def dispute_of(comparison: InvoiceComparison) -> str:
    """The note that disputes the received invoice of a stored comparison; "" where the two match, or one is absent."""
    expected, received = comparison.expected_invoice_header, comparison.received_invoice_header
    if expected is None or received is None or comparison.status == InvoiceComparisonStatus.MATCHED:
        return ""
    prefetch_related_objects([comparison], *_LINES)
    rows = sorted(comparison.lines.all(), key=lambda line: line.pk)
    disputed = tuple(map(_disputed, rows))
    contract, currency = expected.contract, expected.currency.code
    total = round_money(expected.total_amount, minor_units(currency))
    ours = [row.expected_invoice_line_item for row in rows]
    theirs = [row.received_invoice_line_item for row in rows]
    taxes_due, taxes_billed = (
        [side.tax_amount for side in sides if side and side.tax_amount is not None] for sides in (ours, theirs)
    )
    is_before_tax = bool(taxes_due) != bool(taxes_billed)
    if is_before_tax:
        total -= sum(taxes_due, Decimal(0))
    return dispute_note(
        DisputedInvoice(
            organization=contract.organization.name,
            counterparty=contract.counterparty.name,
            is_payable=contract.invoice_direction == InvoiceDirection.PAYABLE,
            contract=contract.name,
            period=expected.billing_period.name,
            number=received.invoice_number or f"Received invoice {received.pk}",
            invoice_date=received.invoice_date,
            currency=currency,
            is_before_tax=is_before_tax,
            expected=total,
            received=total + comparison.variance_amount,
            beyond_lines=comparison.variance_amount - sum((line.variance for line in disputed), Decimal(0)),
            lines=disputed,
        )
    )


def disputes_of(run: ComparisonRun) -> str:
    """The notes that dispute what a run found under- or overbilled, a line of dashes between them."""
    stored = (
        InvoiceComparison.objects.filter(
            expected_invoice_header__contract__in=[result.contract_id for result in run.comparisons],
            expected_invoice_header__billing_period__name=run.period,
        )
        .exclude(status=InvoiceComparisonStatus.MATCHED)
        .select_related(
            "expected_invoice_header__contract__organization",
            "expected_invoice_header__contract__counterparty",
            "expected_invoice_header__billing_period",
            "expected_invoice_header__currency",
            "received_invoice_header",
        )
        .prefetch_related(*_LINES)
        .order_by("expected_invoice_header__contract")
    )
    notes = filter(None, map(dispute_of, stored))
    return f"\n\n{'-' * 72}\n\n".join(notes) or f"There is nothing to dispute in {run.period}."


def _disputed(line: InvoiceComparisonLineItem) -> DisputedLine:
    side = line.expected_invoice_line_item or line.received_invoice_line_item
    assert side is not None  # the database has no line without a side
    split = Split(**{kind.value: getattr(line, f"{kind.value}_amount") for kind in Kind})
    name = side.description or side.invoice_line_item_type.name
    return DisputedLine(name, line.variance_amount, split, line.reason or "")
