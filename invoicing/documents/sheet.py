"""An invoice of the database as a sheet for people, at any time of its life: every number as it is printed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from invoicing.documents.explanations import Step, money, number, rate_steps, verdict_steps
from invoicing.documents.sources import find_invoice, lines_of, percent, taxes_of
from invoicing.models import (
    ClauseTariff,
    DocumentType,
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceStatus,
    InvoiceTax,
    TaxKind,
)


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
    lines, taxes = lines_of(invoice), taxes_of(invoice)
    added = [tax for tax in taxes if tax.kind != TaxKind.WITHHOLDING]
    withheld = [tax for tax in taxes if tax.kind == TaxKind.WITHHOLDING]
    net = sum((line.line_total_amount for line in lines), Decimal(0))
    payable = invoice.total_amount - sum((tax.tax_total_amount for tax in withheld), Decimal(0))
    organization, counterparty = invoice.contract.organization, invoice.counterparty
    is_credit = invoice.document_type == DocumentType.CREDIT_NOTE
    return Sheet(
        title="Credit note" if is_credit else "Invoice",
        number=invoice.invoice_number,
        stamp=None if invoice.invoice_number else f"{InvoiceStatus(invoice.status).label}, not issued",
        dated_on=invoice.invoice_date,
        facts=_facts(invoice),
        seller=_given(organization.name, organization.address, organization.country, organization.vat_number),
        buyer=_given(counterparty.name, counterparty.address, counterparty.country, counterparty.vat_number),
        currency=code,
        items=tuple(_item(place, line, code) for place, line in enumerate(lines, 1)),
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
        notes=tuple(sorted({tax.tax_rule.exemption_reason for tax in taxes if tax.tax_rule.exemption_reason})),
    )


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


def _item(place: int, line: InvoiceLineItem, code: str) -> Item:
    quantity, price = line.quantity or Decimal(0), line.line_unit_price or Decimal(0)
    unit = (line.clause_tariff.unit if line.clause_tariff else None) or ""
    is_counted = line.rule_output is None
    if line.rule_output is not None:
        source: str | None = line.rule_output.description or line.rule_output.clause.name
    else:
        source = _tariff_name(line.clause_tariff) if line.clause_tariff else None
    return Item(
        number=place,
        description=line.description or line.invoice_line_item_type.name,
        quantity=number(quantity) if is_counted else "",
        unit=unit if is_counted else "",
        price=number(price) if is_counted else "",
        amount=_amount(line.line_total_amount, code),
        explanation=tuple(_verdict(line, code) if line.rule_output else _charge(line, code)),
        source=source,
    )


def _verdict(line: InvoiceLineItem, code: str) -> Iterator[Step]:
    """From the measured time to what is credited, in the currency of the verdict and then of the invoice."""
    verdict = line.rule_output
    assert verdict is not None
    own = verdict.currency.code if verdict.currency else code
    yield from verdict_steps(verdict.metadata_detail or {}, own)
    amount = line.line_total_amount
    if own != code and verdict.ld_amount is not None:
        yield Step(
            "Convert", f"{own} to {code} at the rate that the line names", (("Damages", money(verdict.ld_amount, own)),)
        )
    whole = line.quantity and line.line_unit_price and line.quantity * line.line_unit_price
    title = "Credit" if amount <= 0 or whole == amount else "Take back a part"
    yield Step(title, "damages lower the invoice", (("Amount", money(amount, code)),))


def _charge(line: InvoiceLineItem, code: str) -> Iterator[Step]:
    """From the meter and the tariff to the amount, which is rounded in the last step alone."""
    quantity, price = line.quantity or Decimal(0), line.line_unit_price or Decimal(0)
    tariff, measured = line.clause_tariff, line.meter_aggregate
    unit = (tariff.unit if tariff else None) or ""
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
        yield from rate_steps(
            type_name=tariff.tariff_type.name,
            base_rate=tariff.base_rate,
            per_unit=per_unit,
            currency=tariff.currency.code,
            parameters=tariff.logic_parameters,
            note=f"valid {_span(tariff)}",
        )
    yield Step(
        "Multiply",
        "quantity × rate",
        (
            ("Quantity", f"{number(quantity)} {unit}".strip()),
            ("Rate", f"{code} {number(price)}{per_unit}"),
            ("Exact", f"{code} {number(quantity * price)}"),
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
