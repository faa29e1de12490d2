"""The life of an invoice: verified, issued under a number, disputed, paid; `crediting` takes it back.

Each deed owns its transaction, may be run twice and says who acts; the database keeps who, when and why for every step
and refuses any other. A number is taken in the transaction that issues: one that fails leaves no gap.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from django.db import transaction

from core.models import Clause, Contract
from core.money import minor_units
from core.payloads.words import DueCalendar
from invoicing.contract_tariffs import holidays_of
from invoicing.deeds import Deed, Step, acting, deed_of, expect, take_number, withheld_of
from invoicing.errors import IssuingError, TariffError, TaxError
from invoicing.models import (
    DocumentType,
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceStatus,
    InvoiceStatusChange,
    InvoiceTax,
)
from invoicing.notices import withdraw
from invoicing.payment import PaymentTerms, due_on, late_interest
from invoicing.tariffs.calendar import HolidayCalendar
from invoicing.tax_rules import rules_on
from invoicing.taxes import Assessment, Taxable, assess


def verify(invoice_id: int, *, by: str, on: date) -> Deed:
    """Fixes the content of a draft: adds levies and VAT by the rules of the day, and the total with them.

    Raises `IssuingError` where the draft is empty or its lines cannot be taxed.
    """
    with acting(invoice_id, by) as invoice:
        if invoice.status == InvoiceStatus.VERIFIED:
            return deed_of(invoice, Step.UNCHANGED)
        expect(invoice, InvoiceStatus.DRAFT)
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
        withdraw(invoice)
        return deed_of(invoice, Step.VERIFIED)


def reopen(invoice_id: int, *, by: str, reason: str) -> Deed:
    """Makes what was verified a draft again, without taxes, so that it may be drawn up anew."""
    with acting(invoice_id, by, reason=reason) as invoice:
        if invoice.status == InvoiceStatus.DRAFT:
            return deed_of(invoice, Step.UNCHANGED)
        expect(invoice, InvoiceStatus.VERIFIED)
        invoice.status = InvoiceStatus.DRAFT
        invoice.save(update_fields=["status"])
        invoice.taxes.all().delete()
        invoice.total_amount = sum((line.line_total_amount for line in invoice.lines.all()), Decimal(0))
        invoice.save(update_fields=["total_amount"])
        return deed_of(invoice, Step.REOPENED)


def issue(invoice_id: int, *, by: str, on: date, due: date | None = None, dry_run: bool = False) -> Deed:
    """Sends a verified invoice under the next number of its series; `due` is by the clause of payment terms or given.

    Raises `IssuingError` where it is not verified, or no due date follows from the contract.
    """
    with acting(invoice_id, by, dry_run=dry_run) as invoice:
        if invoice.invoice_series_id is not None:
            return deed_of(invoice, Step.UNCHANGED, dry_run=dry_run)
        expect(invoice, InvoiceStatus.VERIFIED)
        take_number(invoice, on, due or _due_on(invoice, on))
        return deed_of(invoice, Step.ISSUED, dry_run=dry_run)


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
    with acting(invoice_id, by, effective_on=on) as invoice:
        if invoice.status == InvoiceStatus.PAID:
            return deed_of(invoice, Step.UNCHANGED)
        expect(invoice, InvoiceStatus.SENT, InvoiceStatus.DISPUTED)
        invoice.status = InvoiceStatus.PAID
        invoice.save(update_fields=["status"])
        withdraw(invoice)
        return deed_of(invoice, Step.PAID)


def interest_due(invoice_id: int, on: date) -> Decimal:
    """Late interest on what is payable of an invoice, until it was paid or until `on`.

    Raises `ClauseError` where the clause names no rate, `TariffError` where holidays are not known that far.
    """
    invoice = InvoiceHeader.objects.select_related("contract", "currency").get(pk=invoice_id)
    if invoice.due_date is None:
        raise IssuingError(str(invoice), "it has no due date")
    clause, terms = _terms(invoice.contract)
    paid = InvoiceStatusChange.objects.filter(invoice_header=invoice, to_status=InvoiceStatus.PAID).first()
    until = paid.effective_on if paid else on
    payable = invoice.total_amount - withheld_of(invoice)
    digits, holidays = minor_units(invoice.currency.code), _holidays(invoice.contract, terms)
    return late_interest(payable, terms, invoice.due_date, until, digits, clause.name, holidays)


# --- steps


def _move(invoice_id: int, by: str, before: InvoiceStatus, after: InvoiceStatus, step: Step, *, reason: str) -> Deed:
    with acting(invoice_id, by, reason=reason) as invoice:
        if invoice.status == after:
            return deed_of(invoice, Step.UNCHANGED)
        expect(invoice, before)
        invoice.status = after
        invoice.save(update_fields=["status"])
        return deed_of(invoice, step)


def _assess(invoice: InvoiceHeader, lines: Sequence[InvoiceLineItem], on: date) -> Assessment:
    organization = invoice.contract.organization_id
    rules = rules_on(on, [organization])[organization]
    taxable = [Taxable(line.invoice_line_item_type.code, line.line_total_amount) for line in lines]
    try:
        return assess(taxable, rules, minor_units(invoice.currency.code))
    except TaxError as error:
        raise IssuingError(str(invoice), *error.problems) from error


def _terms(contract: Contract) -> tuple[Clause, PaymentTerms]:
    clauses = list(Clause.objects.filter(contract=contract, clause_category__code="PAYMENT_TERMS").order_by("id")[:2])
    if len(clauses) != 1:
        found = "two clauses" if clauses else "no clause"
        raise IssuingError(contract.name, f"it has {found} of PAYMENT_TERMS: give the due date, or mend the contract")
    clause = clauses[0]
    return clause, PaymentTerms.from_payload(clause.normalized_payload or {}, clause.name)


def _due_on(invoice: InvoiceHeader, on: date) -> date | None:
    """By the clause of payment terms; its business days leave out the holidays of the contract's calendar."""
    if invoice.document_type == DocumentType.CREDIT_NOTE:
        return None
    _, terms = _terms(invoice.contract)
    try:
        return due_on(on, terms, _holidays(invoice.contract, terms))
    except TariffError as error:
        raise IssuingError(str(invoice), f"{error}, or give the due date") from error


def _holidays(contract: Contract, terms: PaymentTerms) -> HolidayCalendar | tuple[()]:
    """The holidays of the contract's calendar, where the clause counts business days."""
    found = holidays_of(contract) if terms.calendar is DueCalendar.BUSINESS else None
    return () if found is None else found
