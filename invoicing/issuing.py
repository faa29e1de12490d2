"""The life of an invoice: verified, issued under a number, disputed, paid, taken back by credit notes.

Each deed owns its transaction, may be run twice and says who acts; the database keeps who, when and why for every step
and refuses any other. A number is taken in the transaction that issues: one that fails leaves no gap.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, Sum

from core.models import Clause, Contract
from core.money import allocate, minor_units, round_money, show
from invoicing.errors import IssuingError, NotFoundError, TaxError
from invoicing.models import (
    DocumentType,
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceSeries,
    InvoiceStatus,
    InvoiceStatusChange,
    InvoiceTax,
    TaxKind,
    TaxRule,
)
from invoicing.payment import PaymentTerms, due_on, late_interest
from invoicing.taxes import Assessment, Taxable, TaxTerms, assess

# The first pattern of an organization; a later year takes over the pattern of the year before.
_FIRST_PATTERNS = {DocumentType.INVOICE: "INV-{year}-{number}", DocumentType.CREDIT_NOTE: "CN-{year}-{number}"}
_MINOR_DECIMALS = 4  # of an amount in the database


class Step(StrEnum):
    """What a deed did; `UNCHANGED` where it had been done before."""

    VERIFIED = "verified"
    REOPENED = "a draft again"
    ISSUED = "issued"
    DISPUTED = "disputed"
    SETTLED = "settled"
    PAID = "paid"
    CREDITED = "credited"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Deed:
    """One document after a step. `total` is gross of withholding, `payable` what is left after it."""

    invoice_id: int
    document: str
    step: Step
    number: str | None
    invoiced_on: date | None
    due_on: date | None
    currency: str
    total: Decimal
    withheld: Decimal
    dry_run: bool = False

    @property
    def payable(self) -> Decimal:
        return self.total - self.withheld

    def __str__(self) -> str:
        parts = [f"{self.document} {self.number or self.invoice_id}: {self.step}, {show(self.total, self.currency)}"]
        if self.withheld:
            parts.append(f"{show(self.payable, self.currency)} after withholding")
        if self.due_on:
            parts.append(f"due on {self.due_on}")
        return f"{', '.join(parts)}.{' Dry run: nothing was written.' if self.dry_run else ''}"


def verify(invoice_id: int, *, by: str, on: date) -> Deed:
    """Fixes the content of a draft: adds levies and VAT by the rules of the day, and the total with them.

    Raises `IssuingError` where the draft is empty or its lines cannot be taxed.
    """
    with _acting(invoice_id, by) as invoice:
        if invoice.status == InvoiceStatus.VERIFIED:
            return _deed(invoice, Step.UNCHANGED)
        _expect(invoice, InvoiceStatus.DRAFT)
        lines = list(invoice.lines.select_related("invoice_line_item_type").order_by("id"))
        if not lines:
            raise IssuingError(str(invoice), "it has no lines")
        net = sum((line.line_total_amount for line in lines), Decimal(0))
        assessment = _assess(invoice, lines, on)
        for line, vat in zip(lines, assessment.vat_of, strict=True):
            line.vat_category, line.vat_rate = (vat.category, vat.rate) if vat else (None, None)
        InvoiceLineItem.objects.bulk_update(lines, ["vat_category", "vat_rate"])
        invoice.taxes.all().delete()
        InvoiceTax.objects.bulk_create(
            InvoiceTax(
                invoice_header=invoice,
                tax_rule_id=tax.terms.id,
                kind=tax.terms.kind,
                vat_category=tax.terms.category,
                rate=tax.terms.rate,
                base_total_amount=tax.base_amount,
                tax_total_amount=tax.amount,
            )
            for tax in assessment.taxes
        )
        invoice.total_amount = net + assessment.added
        invoice.status = InvoiceStatus.VERIFIED
        invoice.save(update_fields=["total_amount", "status"])
        return _deed(invoice, Step.VERIFIED)


def reopen(invoice_id: int, *, by: str, reason: str) -> Deed:
    """Makes what was verified a draft again, without taxes, so that it may be drawn up anew."""
    with _acting(invoice_id, by, reason=reason) as invoice:
        if invoice.status == InvoiceStatus.DRAFT:
            return _deed(invoice, Step.UNCHANGED)
        _expect(invoice, InvoiceStatus.VERIFIED)
        invoice.status = InvoiceStatus.DRAFT
        invoice.save(update_fields=["status"])
        invoice.taxes.all().delete()
        invoice.total_amount = sum((line.line_total_amount for line in invoice.lines.all()), Decimal(0))
        invoice.save(update_fields=["total_amount"])
        return _deed(invoice, Step.REOPENED)


def issue(invoice_id: int, *, by: str, on: date, due: date | None = None, dry_run: bool = False) -> Deed:
    """Sends a verified invoice under the next number of its series; `due` is by the clause of payment terms or given.

    Raises `IssuingError` where it is not verified, or no due date follows from the contract.
    """
    with _acting(invoice_id, by, dry_run=dry_run) as invoice:
        if invoice.invoice_series_id is not None:
            return _deed(invoice, Step.UNCHANGED, dry_run=dry_run)
        _expect(invoice, InvoiceStatus.VERIFIED)
        _number(invoice, on, due or _due_on(invoice, on))
        return _deed(invoice, Step.ISSUED, dry_run=dry_run)


def verify_and_issue(invoice_id: int, *, by: str, on: date, due: date | None = None, dry_run: bool = False) -> Deed:
    """Both steps as one: a draft that cannot be issued stays a draft."""
    with transaction.atomic():
        if InvoiceHeader.objects.filter(pk=invoice_id, status=InvoiceStatus.DRAFT).exists():
            verify(invoice_id, by=by, on=on)
        deed = issue(invoice_id, by=by, on=on, due=due)
        if dry_run:
            transaction.set_rollback(True)
    return replace(deed, dry_run=dry_run)


def dispute(invoice_id: int, *, by: str, reason: str) -> Deed:
    """Notes that the counterparty disputes an issued invoice."""
    return _move(invoice_id, by, InvoiceStatus.SENT, InvoiceStatus.DISPUTED, Step.DISPUTED, reason=reason)


def settle(invoice_id: int, *, by: str, reason: str) -> Deed:
    """Ends a dispute; the invoice stands as it was sent, less what credit notes take back."""
    return _move(invoice_id, by, InvoiceStatus.DISPUTED, InvoiceStatus.SENT, Step.SETTLED, reason=reason)


def pay(invoice_id: int, *, by: str, on: date) -> Deed:
    """Notes the day on which an invoice, disputed or not, was paid."""
    with _acting(invoice_id, by, effective_on=on) as invoice:
        if invoice.status == InvoiceStatus.PAID:
            return _deed(invoice, Step.UNCHANGED)
        _expect(invoice, InvoiceStatus.SENT, InvoiceStatus.DISPUTED)
        invoice.status = InvoiceStatus.PAID
        invoice.save(update_fields=["status"])
        return _deed(invoice, Step.PAID)


def credit(
    invoice_id: int, *, by: str, on: date, reason: str, amount: Decimal | None = None, dry_run: bool = False
) -> Deed:
    """Takes back `amount` of an issued invoice, or all that is left of it, by a credit note issued at once.

    The amount is shared out by largest remainder over what is not yet credited of lines, levies and taxes: any
    sequence of credit notes that takes back all adds up to the invoice in each of them. The same amount for the same
    reason is credited once. Raises `IssuingError` where less is left than that.
    """
    with _acting(invoice_id, by, reason=reason, dry_run=dry_run) as invoice:
        _expect(invoice, InvoiceStatus.SENT, InvoiceStatus.DISPUTED, InvoiceStatus.PAID)
        if invoice.document_type != DocumentType.INVOICE:
            raise IssuingError(str(invoice), "it is a credit note, and only invoices are credited")
        before = _credited_before(invoice, amount, reason)
        if before is not None:
            return _deed(before, Step.UNCHANGED, dry_run=dry_run)
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
        _number(note, on, None)
        return _deed(note, Step.CREDITED, dry_run=dry_run)


def interest_due(invoice_id: int, on: date) -> Decimal:
    """Late interest on what is payable of an invoice, until it was paid or until `on`. Raises `ClauseError`."""
    invoice = InvoiceHeader.objects.select_related("contract", "currency").get(pk=invoice_id)
    if invoice.due_date is None:
        raise IssuingError(str(invoice), "it has no due date")
    clause, terms = _terms(invoice.contract)
    paid = InvoiceStatusChange.objects.filter(invoice_header=invoice, to_status=InvoiceStatus.PAID).first()
    until = paid.effective_on if paid else on
    payable = invoice.total_amount - _withheld(invoice)
    return late_interest(payable, terms, invoice.due_date, until, minor_units(invoice.currency.code), clause.name)


# --- steps


@contextmanager
def _acting(
    invoice_id: int, by: str, *, reason: str = "", effective_on: date | None = None, dry_run: bool = False
) -> Iterator[InvoiceHeader]:
    """The invoice, locked in a transaction that knows who acts; what the database refuses is an `IssuingError`."""
    if not by.strip():
        raise IssuingError(f"invoice {invoice_id}", "who acts must be said")
    try:
        with transaction.atomic():
            locked = InvoiceHeader.objects.select_for_update(of=("self",), no_key=True)
            invoice = locked.select_related("contract", "currency").filter(pk=invoice_id).first()
            if invoice is None:
                raise NotFoundError(f"there is no invoice {invoice_id}")
            with connection.cursor() as cursor:
                for name, value in (
                    ("actor", by),
                    ("reason", reason),
                    ("effective_on", str(effective_on or "")),
                ):
                    cursor.execute("SELECT set_config(%s, %s, true)", [f"frontier.{name}", value])
            yield invoice
            if dry_run:
                transaction.set_rollback(True)
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) not in {"23001", "23514"}:
            raise
        raise IssuingError(f"invoice {invoice_id}", str(error).partition("\n")[0]) from error


def _expect(invoice: InvoiceHeader, *statuses: InvoiceStatus) -> None:
    if invoice.status not in statuses:
        raise IssuingError(str(invoice), f"it is {invoice.status}, and must be {' or '.join(statuses)}")


def _move(invoice_id: int, by: str, before: InvoiceStatus, after: InvoiceStatus, step: Step, *, reason: str) -> Deed:
    with _acting(invoice_id, by, reason=reason) as invoice:
        if invoice.status == after:
            return _deed(invoice, Step.UNCHANGED)
        _expect(invoice, before)
        invoice.status = after
        invoice.save(update_fields=["status"])
        return _deed(invoice, step)


def _deed(invoice: InvoiceHeader, step: Step, *, dry_run: bool = False) -> Deed:
    return Deed(
        invoice_id=invoice.pk,
        document=DocumentType(invoice.document_type).label,
        step=step,
        number=invoice.invoice_number,
        invoiced_on=invoice.invoice_date,
        due_on=invoice.due_date,
        currency=invoice.currency.code,
        total=invoice.total_amount,
        withheld=_withheld(invoice),
        dry_run=dry_run,
    )


def _withheld(invoice: InvoiceHeader) -> Decimal:
    found = invoice.taxes.filter(kind=TaxKind.WITHHOLDING).aggregate(total=Sum("tax_total_amount"))
    return found["total"] or Decimal(0)


def _assess(invoice: InvoiceHeader, lines: Sequence[InvoiceLineItem], on: date) -> Assessment:
    in_force = (
        TaxRule.objects.filter(organization_id=invoice.contract.organization_id, valid_from__lte=on)
        .filter(Q(valid_to=None) | Q(valid_to__gte=on))
        .order_by("tax_code", "id")
        .annotate(line_type=F("invoice_line_item_type__code"))
    )
    rules = [
        TaxTerms(rule.pk, rule.tax_code, rule.name, rule.kind, rule.rate, rule.base, rule.vat_category, rule.line_type)
        for rule in in_force
    ]
    taxable = [Taxable(line.invoice_line_item_type.code, line.line_total_amount) for line in lines]
    try:
        return assess(taxable, rules, minor_units(invoice.currency.code))
    except TaxError as error:
        raise IssuingError(str(invoice), *error.problems) from error


def _number(invoice: InvoiceHeader, on: date, due: date | None) -> None:
    """Takes the next number and writes it on the document. Issues of one series wait here for each other."""
    series = _series(invoice.contract, DocumentType(invoice.document_type), on.year)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE invoice_series SET last_number = last_number + 1 WHERE id = %s"
            " RETURNING last_number, show_invoice_number(pattern, digits, year, last_number)",
            [series.pk],
        )
        invoice.series_number, invoice.invoice_number = cursor.fetchone()
    invoice.invoice_series = series
    invoice.invoice_date, invoice.due_date = on, due
    invoice.status = InvoiceStatus.SENT
    invoice.save(
        update_fields=["invoice_series", "series_number", "invoice_number", "invoice_date", "due_date", "status"]
    )


def _series(contract: Contract, document_type: DocumentType, year: int) -> InvoiceSeries:
    known = InvoiceSeries.objects.filter(organization_id=contract.organization_id, document_type=document_type)
    last = known.filter(year__lte=year).order_by("-year").first()
    if last is None or last.year < year:
        series = InvoiceSeries(organization_id=contract.organization_id, document_type=document_type, year=year)
        series.pattern = last.pattern if last else _FIRST_PATTERNS[document_type]
        series.digits = last.digits if last else series.digits
        # Of two that begin the year at once one finds it begun.
        InvoiceSeries.objects.bulk_create([series], ignore_conflicts=True)
        return known.get(year=year)
    return last


def _terms(contract: Contract) -> tuple[Clause, PaymentTerms]:
    clauses = list(Clause.objects.filter(contract=contract, clause_category__code="PAYMENT_TERMS").order_by("id")[:2])
    if len(clauses) != 1:
        found = "two clauses" if clauses else "no clause"
        raise IssuingError(contract.name, f"it has {found} of PAYMENT_TERMS: give the due date, or mend the contract")
    clause = clauses[0]
    return clause, PaymentTerms.from_payload(clause.normalized_payload or {}, clause.name)


def _due_on(invoice: InvoiceHeader, on: date) -> date | None:
    if invoice.document_type == DocumentType.CREDIT_NOTE:
        return None
    return due_on(on, _terms(invoice.contract)[1])


# --- credit notes


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
