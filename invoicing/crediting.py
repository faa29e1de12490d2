"""Credit notes: an issued invoice taken back whole or in parts that add up to it to the minor unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from django.db.models import Sum

from core.money import allocate, minor_units, round_money, show
from invoicing.deeds import Deed, Step, acting, deed_of, expect, take_number
from invoicing.errors import IssuingError
from invoicing.models import DocumentType, InvoiceHeader, InvoiceLineItem, InvoiceStatus, InvoiceTax, TaxKind

_MINOR_DECIMALS = 4  # of an amount in the database


def credit(
    invoice_id: int, *, by: str, on: date, reason: str, amount: Decimal | None = None, dry_run: bool = False
) -> Deed:
    """Takes back `amount` of an issued invoice, or all that is left of it, by a credit note issued at once.

    The amount is shared out by largest remainder over what is not yet credited of lines, levies and taxes: any
    sequence of credit notes that takes back all adds up to the invoice in each of them. The same amount for the same
    reason is credited once. Raises `IssuingError` where less is left than that.
    """
    with acting(invoice_id, by, reason=reason, dry_run=dry_run) as invoice:
        expect(invoice, InvoiceStatus.SENT, InvoiceStatus.DISPUTED, InvoiceStatus.PAID)
        if invoice.document_type != DocumentType.INVOICE:
            raise IssuingError(str(invoice), "it is a credit note, and only invoices are credited")
        before = _credited_before(invoice, amount, reason)
        if before is not None:
            return deed_of(before, Step.UNCHANGED, dry_run=dry_run)
        left = _left(invoice)
        wanted = left.total if amount is None else amount
        if not 0 < wanted <= left.total:
            code = invoice.currency.code
            raise IssuingError(
                str(invoice), f"{show(wanted, code)} cannot be credited: {show(left.total, code)} are left"
            )
        note = _draft_note(invoice, left, wanted)
        note.status = InvoiceStatus.VERIFIED
        note.save(update_fields=["status"])
        take_number(note, on, None)
        return deed_of(note, Step.CREDITED, dry_run=dry_run)


@dataclass(frozen=True, slots=True)
class _Left:
    """What no credit note has taken back yet, by the id of line and tax."""

    lines: Mapping[int, Decimal]
    taxes: Mapping[int, Decimal]
    withheld: Mapping[int, Decimal]

    @property
    def total(self) -> Decimal:
        return sum((*self.lines.values(), *self.taxes.values()), Decimal(0))


def _credited_before(invoice: InvoiceHeader, amount: Decimal | None, reason: str) -> InvoiceHeader | None:
    notes = InvoiceHeader.objects.filter(
        corrects=invoice, status_changes__to_status=InvoiceStatus.SENT, status_changes__reason=reason
    ).select_related("currency")
    return (notes if amount is None else notes.filter(total_amount=amount)).first()


def _left(invoice: InvoiceHeader) -> _Left:
    credited_lines = dict(
        InvoiceLineItem.objects.filter(corrects__invoice_header=invoice)
        .exclude(invoice_header__status=InvoiceStatus.DRAFT)
        .values_list("corrects_id")
        .annotate(Sum("line_total_amount"))
    )
    credited_taxes = dict(
        InvoiceTax.objects.filter(corrects__invoice_header=invoice)
        .exclude(invoice_header__status=InvoiceStatus.DRAFT)
        .values_list("corrects_id")
        .annotate(Sum("tax_total_amount"))
    )
    taxes = list(invoice.taxes.order_by("id"))
    left_of_taxes = {tax.pk: tax.tax_total_amount - credited_taxes.get(tax.pk, 0) for tax in taxes}
    withheld = {tax.pk for tax in taxes if tax.kind == TaxKind.WITHHOLDING}
    return _Left(
        lines={
            line.pk: line.line_total_amount - credited_lines.get(line.pk, 0) for line in invoice.lines.order_by("id")
        },
        taxes={pk: left for pk, left in left_of_taxes.items() if pk not in withheld},
        withheld={pk: left for pk, left in left_of_taxes.items() if pk in withheld},
    )


def share_out(amount: Decimal, left: Sequence[Decimal], minor_units: int) -> tuple[Decimal, ...]:
    """Shares of `amount` in proportion to what is left, each between zero and its rest, all of it where all is taken.

    What is left may be below zero in places (a credit on the invoice), its sum is not. Pure.
    """
    above, below = [max(rest, Decimal(0)) for rest in left], [max(-rest, Decimal(0)) for rest in left]
    taken = Fraction(amount) / Fraction(sum(left, Decimal(0)))
    down = round_money(taken * Fraction(sum(below, Decimal(0))), minor_units)
    ups = allocate(amount + down, above, minor_units)
    downs = allocate(down, below, minor_units) if any(below) else (Decimal(0),) * len(left)
    return tuple(up - less for up, less in zip(ups, downs, strict=True))


def _draft_note(invoice: InvoiceHeader, left: _Left, amount: Decimal) -> InvoiceHeader:
    digits = minor_units(invoice.currency.code)
    amount = round_money(amount, _MINOR_DECIMALS)
    shares = share_out(round_money(amount, digits), [*left.lines.values(), *left.taxes.values()], digits)
    by_line = dict(zip(left.lines, shares, strict=False))
    by_tax = dict(zip(left.taxes, shares[len(left.lines) :], strict=True))
    by_tax |= {
        pk: round_money(Fraction(rest) * Fraction(amount) / Fraction(left.total), digits)
        for pk, rest in left.withheld.items()
    }
    note = InvoiceHeader.objects.create(
        document_type=DocumentType.CREDIT_NOTE,
        corrects=invoice,
        project_id=invoice.project_id,
        contract_id=invoice.contract_id,
        billing_period_id=invoice.billing_period_id,
        counterparty_id=invoice.counterparty_id,
        currency_id=invoice.currency_id,
        total_amount=sum(shares, Decimal(0)),
    )
    note.contract, note.currency = invoice.contract, invoice.currency
    lines = [_credit_line(note, line, by_line[line.pk]) for line in invoice.lines.order_by("id") if by_line[line.pk]]
    InvoiceLineItem.objects.bulk_create(lines)
    InvoiceTax.objects.bulk_create(
        InvoiceTax(
            invoice_header=note,
            tax_rule_id=tax.tax_rule_id,
            kind=tax.kind,
            vat_category=tax.vat_category,
            rate=tax.rate,
            base_total_amount=_credited_base(tax, lines, by_tax, invoice),
            tax_total_amount=by_tax[tax.pk],
            corrects=tax,
        )
        for tax in invoice.taxes.select_related("tax_rule").order_by("id")
    )
    return note


def _credit_line(note: InvoiceHeader, line: InvoiceLineItem, amount: Decimal) -> InvoiceLineItem:
    is_whole = amount == line.line_total_amount
    return InvoiceLineItem(
        invoice_header=note,
        corrects=line,
        invoice_line_item_type_id=line.invoice_line_item_type_id,
        rule_output_id=line.rule_output_id,
        clause_tariff_id=line.clause_tariff_id,
        meter_aggregate_id=line.meter_aggregate_id,
        description=line.description,
        quantity=line.quantity if is_whole else Decimal(1),
        line_unit_price=line.line_unit_price if is_whole else amount,
        line_total_amount=amount,
        vat_category=line.vat_category,
        vat_rate=line.vat_rate,
    )


def _credited_base(
    tax: InvoiceTax, lines: Sequence[InvoiceLineItem], by_tax: Mapping[int, Decimal], invoice: InvoiceHeader
) -> Decimal:
    """Of VAT, the lines and levies of its category in the credit note; of others, in proportion."""
    if tax.kind == TaxKind.VAT:
        levies = invoice.taxes.filter(kind=TaxKind.LEVY, vat_category=tax.vat_category)
        return sum(
            (
                *(
                    line.line_total_amount
                    for line in lines
                    if (line.vat_category, line.vat_rate) == (tax.vat_category, tax.rate)
                ),
                *(by_tax[levy.pk] for levy in levies),
            ),
            Decimal(0),
        )
    if not tax.tax_total_amount:
        return Decimal(0)
    share = Fraction(by_tax[tax.pk]) / Fraction(tax.tax_total_amount)
    return round_money(Fraction(tax.base_total_amount) * share, minor_units(invoice.currency.code))
