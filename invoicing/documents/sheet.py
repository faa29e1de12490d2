"""An invoice of the database as a sheet for people, at any time of its life: every number as it is printed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.models import Counterparty, Organization
from invoicing.documents.en16931 import OUTSIDE_SCOPE
from invoicing.documents.explanations import Step, money, number, rate, tariff_step, verdict_steps
from invoicing.documents.sources import find_invoice, is_partial_credit, lines_of, percent, taxes_of, unit_of
from invoicing.models import (
    ClauseTariff,
    DocumentType,
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceStatus,
    InvoiceTax,
    TaxKind,
)

# Of a rate whose index is not published; the line names the index and the month.
_PROVISIONAL = "Provisional: once the rate is final, the difference is credited or charged."


@dataclass(frozen=True, slots=True)
class Item:
    """A line as it is printed; `explanation` tells how its amount came about."""

    number: int
    description: str
    quantity: str
    unit: str
    price: str
    amount: str
    explanation: tuple[Step, ...]
    source: str | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the PDF shows; `stamp` is what a document says that nobody may pay by."""

    title: str
    number: str | None
    stamp: str | None
    dated_on: date | None
    facts: tuple[tuple[str, str], ...]
    seller: tuple[str, ...]
    buyer: tuple[str, ...]
    currency: str
    items: tuple[Item, ...]
    sums: tuple[tuple[str, str], ...]
    total: tuple[str, str]
    after: tuple[tuple[str, str], ...]
    payment: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def sheet_of(invoice_id: int) -> Sheet:
    """An invoice as it is printed; what is not issued says so. Raises `NotFoundError`."""
    invoice = find_invoice(invoice_id)
    code = invoice.currency.code
    local = ZoneInfo(invoice.contract.project.time_zone if invoice.contract.project else "UTC")
    lines, taxes = lines_of(invoice), taxes_of(invoice)
    # Outside the scope of VAT there is no rate to show: the note says why.
    is_outside = any(tax.vat_category == OUTSIDE_SCOPE for tax in taxes)
    added = [tax for tax in taxes if tax.kind != TaxKind.WITHHOLDING and tax.vat_category != OUTSIDE_SCOPE]
    withheld = [tax for tax in taxes if tax.kind == TaxKind.WITHHOLDING]
    net = sum((line.line_total_amount for line in lines), Decimal(0))
    payable = invoice.total_amount - sum((tax.tax_total_amount for tax in withheld), Decimal(0))
    organization, counterparty = invoice.contract.organization, invoice.counterparty
    first_by: dict[int | None, int] = {}
    for place, line in enumerate(lines, 1):
        first_by.setdefault(line.clause_tariff_id, place)
    items = tuple(
        _item(place, line, code, local, first_by[line.clause_tariff_id]) for place, line in enumerate(lines, 1)
    )
    is_credit = invoice.document_type == DocumentType.CREDIT_NOTE
    return Sheet(
        title="Credit note" if is_credit else "Invoice",
        number=invoice.invoice_number,
        stamp=None if invoice.invoice_number else f"{InvoiceStatus(invoice.status).label}, not issued",
        dated_on=invoice.invoice_date,
        facts=_facts(invoice),
        seller=_party(organization, is_outside=is_outside),
        buyer=_party(counterparty, is_outside=is_outside),
        currency=code,
        items=items,
        sums=(
            ("Net amount", _amount(net, code)),
            *((_tax_label(tax, code), _amount(tax.tax_total_amount, code)) for tax in added),
        )
        if added
        else (),
        total=("Total credited" if is_credit else "Total", money(invoice.total_amount, code)),
        after=(
            *((_tax_label(tax, code), _amount(-tax.tax_total_amount, code)) for tax in withheld),
            ("Amount payable", money(payable, code)),
        )
        if withheld
        else (),
        payment=()
        if is_credit
        else _given_pairs(
            ("Account", organization.bank_account),
            ("Reference", invoice.invoice_number),
            ("Due", _day(invoice.due_date)),
        ),
        notes=(
            *((_PROVISIONAL,) if any(line.is_provisional for line in lines) else ()),
            *((f"Reason: {reason}.",) if (reason := _reason(invoice)) else ()),
            *sorted({tax.tax_rule.exemption_reason for tax in taxes if tax.tax_rule.exemption_reason}),
        ),
    )


def _reason(invoice: InvoiceHeader) -> str | None:
    """Why a credit note was issued."""
    if invoice.corrects is None:
        return None
    sent = invoice.status_changes.filter(to_status=InvoiceStatus.SENT).order_by("id").first()
    return sent.reason.rstrip(".") if sent and sent.reason else None


def _party(party: Organization | Counterparty, *, is_outside: bool) -> tuple[str, ...]:
    registered = f"{'Registration' if is_outside else 'VAT'} no. {party.vat_number}" if party.vat_number else None
    return _given(party.name, party.address, party.country, registered)


def _facts(invoice: InvoiceHeader) -> tuple[tuple[str, str], ...]:
    period = invoice.billing_period
    return _given_pairs(
        ("Date", _day(invoice.invoice_date)),
        ("Delivery period", _days(period.start_date, period.end_date)),
        ("Contract", invoice.contract.name),
        ("Site", invoice.contract.project.name if invoice.contract.project else None),
        ("Credits invoice", invoice.corrects.invoice_number if invoice.corrects else None),
        ("Due date", _day(invoice.due_date)),
    )


def _item(place: int, line: InvoiceLineItem, code: str, local: ZoneInfo, first_place: int) -> Item:
    """`first_place` is the line that explains the tariff for all that have it."""
    quantity, price = line.quantity or Decimal(0), line.line_unit_price or Decimal(0)
    unit = unit_of(line) or ""
    is_counted = line.rule_output is None and not is_partial_credit(line)
    if line.rule_output is not None:
        clause = line.rule_output.clause
        source: str | None = f"{clause.name}, section {clause.section_ref}" if clause.section_ref else clause.name
    else:
        source = _tariff_name(line.clause_tariff) if line.clause_tariff else None
    return Item(
        number=place,
        description=line.description or line.invoice_line_item_type.name,
        quantity=number(quantity) if is_counted else "",
        unit=unit if is_counted else "",
        price=rate(price) if is_counted else "",
        amount=_amount(line.line_total_amount, code),
        explanation=tuple(_explanation(line, code, local, None if place == first_place else first_place)),
        source=source,
    )


def _explanation(line: InvoiceLineItem, code: str, local: ZoneInfo, explained_at: int | None) -> Iterator[Step]:
    if line.corrects is not None:
        yield _credit(line, line.corrects, code)
    elif line.rule_output is not None:
        yield from _verdict(line, code, local)
    else:
        yield from _charge(line, code, explained_at)


def _credit(line: InvoiceLineItem, corrected: InvoiceLineItem, code: str) -> Step:
    """What of an invoiced line is taken back; how that one came about stands on the invoice."""
    is_part = is_partial_credit(line)
    return Step(
        "Take back",
        "the share of the line in what is credited" if is_part else "the whole line",
        (
            ("Invoiced", money(corrected.line_total_amount, code)),
            ("Credited", money(line.line_total_amount, code)),
        ),
    )


def _verdict(line: InvoiceLineItem, code: str, local: ZoneInfo) -> Iterator[Step]:
    """From the measured time to what is credited, in the currency of the verdict and then of the invoice."""
    verdict = line.rule_output
    assert verdict is not None
    own = verdict.currency.code if verdict.currency else code
    yield from verdict_steps(verdict.metadata_detail or {}, own, local)
    if own != code and verdict.ld_amount is not None:
        yield Step(
            "Convert", f"{own} to {code} at the rate that the line names", (("Damages", money(verdict.ld_amount, own)),)
        )
    yield Step("Credit", "damages lower the invoice", (("Amount", money(line.line_total_amount, code)),))


def _charge(line: InvoiceLineItem, code: str, explained_at: int | None) -> Iterator[Step]:
    """From the meter and the tariff to the amount, which is rounded in the last step alone."""
    quantity, price = line.quantity or Decimal(0), line.line_unit_price or Decimal(0)
    tariff, measured = line.clause_tariff, line.meter_aggregate
    unit = unit_of(line) or ""
    per_unit = f" per {unit}" if unit else ""
    if measured is not None:
        yield Step(
            "Measure",
            "corrected readings of the period, added up",
            _given_pairs(
                ("Meter", str(measured.meter)),
                ("Readings", None if measured.reading_count is None else f"{measured.reading_count:,}"),
                ("Energy", None if measured.energy_kwh is None else f"{number(measured.energy_kwh)} kWh"),
                (
                    "Data complete",
                    None
                    if measured.data_completeness_percent is None
                    else f"{number(measured.data_completeness_percent)} %",
                ),
            ),
        )
    if tariff is not None:
        kind, own = tariff.tariff_type.name.lower(), tariff.currency.code
        if explained_at is None:
            yield tariff_step(kind, tariff.base_rate, per_unit, own, tariff.logic_parameters)
        else:
            yield Step("Tariff", kind, (("Explained", f"at line {explained_at}"),))
    yield Step(
        "Multiply",
        "quantity × rate",
        (
            ("Quantity", f"{number(quantity)} {unit}".strip()),
            ("Rate", f"{code} {rate(price)}{per_unit}"),
            ("Exact", f"{code} {rate(quantity * price)}"),
        ),
    )
    yield Step("Round once", "half away from zero", (("Amount", money(line.line_total_amount, code)),))


def _tariff_name(tariff: ClauseTariff) -> str:
    return f"{tariff.name}, valid {_span(tariff)}"


def _span(tariff: ClauseTariff) -> str:
    return f"from {_day(tariff.valid_from)}" + (f" to {_day(tariff.valid_to)}" if tariff.valid_to else "")


def _tax_label(tax: InvoiceTax, code: str) -> str:
    return f"{tax.tax_rule.name} {number(percent(tax.rate))} % of {_amount(tax.base_total_amount, code)}"


def _amount(amount: Decimal, code: str) -> str:
    return money(amount, code).removeprefix(f"{code} ")


def _day(day: date | None) -> str | None:
    return None if day is None else f"{day:%-d %B %Y}"


def _days(first: date, last: date) -> str:
    """`1 – 30 November 2025`: what both days share is said once."""
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {_day(last)}"
    return f"{_day(first)} – {_day(last)}"


def _given_pairs(*pairs: tuple[str, str | None]) -> tuple[tuple[str, str], ...]:
    return tuple((label, value) for label, value in pairs if value)


def _given(*lines: str | None) -> tuple[str, ...]:
    return tuple(line for line in lines if line)
