import csv
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.models import BillingPeriod, Contract, Counterparty, InvoiceDirection, Organization
from invoicing.billing import Change
from invoicing.compared import ComparisonResult
from invoicing.comparison import compare, compare_all
from invoicing.drafting import draft_all
from invoicing.errors import ComparisonError
from invoicing.gathering import find_billing_period
from invoicing.models import (
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    InvoiceComparison,
    InvoiceComparisonLineItem,
    InvoiceComparisonStatus,
    ReceivedInvoiceHeader,
    ReceivedInvoiceLineItem,
)
from invoicing.variance import Split
from tests.factories import (
    ClauseCategoryFactory,
    ClauseFactory,
    ComparisonToleranceFactory,
    ContractFactory,
    ContractStatusFactory,
    CurrencyFactory,
    ExchangeRateFactory,
    ExpectedInvoiceHeaderFactory,
    ExpectedInvoiceLineItemFactory,
    InvoiceLineItemTypeFactory,
    ReceivedInvoiceHeaderFactory,
    ReceivedInvoiceLineItemFactory,
    TaxRuleFactory,
)
from tests.invoicing.test_billing import add_tariff, load_scenario, make_contract, november, written

MATCHED, UNDERBILLED, OVERBILLED, UNCHECKED = (
    InvoiceComparisonStatus.MATCHED,
    InvoiceComparisonStatus.UNDERBILLED,
    InvoiceComparisonStatus.OVERBILLED,
    InvoiceComparisonStatus.UNCHECKED,
)


@pytest.fixture
def period(db: None) -> BillingPeriod:
    return november()


@pytest.fixture
def contract(db: None) -> Contract:
    return ContractFactory.create(contract_status=ContractStatusFactory.create(code="ACTIVE"))


def expect(
    contract: Contract, period: BillingPeriod, *lines: tuple[str, str], currency: str = "USD"
) -> ExpectedInvoiceHeader:
    header = ExpectedInvoiceHeaderFactory.create(
        contract=contract,
        billing_period=period,
        currency=CurrencyFactory.create(code=currency),
        total_amount=sum(Decimal(amount) for _, amount in lines),
    )
    for code, amount in lines:
        ExpectedInvoiceLineItemFactory.create(
            expected_invoice_header=header,
            invoice_line_item_type=InvoiceLineItemTypeFactory.create(code=code),
            line_total_amount=Decimal(amount),
        )
    return header


def receive(
    contract: Contract,
    period: BillingPeriod,
    *lines: tuple[str, str],
    total: str | None = None,
    currency: str = "USD",
    number: str = "R-1",
    on: date | None = date(2025, 12, 5),
) -> ReceivedInvoiceHeader:
    header = ReceivedInvoiceHeaderFactory.create(
        contract=contract,
        billing_period=period,
        currency=CurrencyFactory.create(code=currency),
        total_amount=sum(Decimal(amount) for _, amount in lines) if total is None else Decimal(total),
        invoice_number=number,
        invoice_date=on,
    )
    for code, amount in lines:
        ReceivedInvoiceLineItemFactory.create(
            received_invoice_header=header,
            invoice_line_item_type=InvoiceLineItemTypeFactory.create(code=code),
            line_total_amount=Decimal(amount),
        )
    return header


def told(result: ComparisonResult) -> list[tuple[str, str, str]]:
    return [(line.type_code, str(line.variance), line.description) for line in result.lines]


# --- the seeded November


def test_the_invoices_of_november_differ_by_what_the_scenario_says(db: None) -> None:
    load_scenario()
    period = find_billing_period("2025-11")
    draft_all(period)
    run = compare_all(period)
    ppa, o_and_m = sorted(run.comparisons, key=lambda result: result.contract, reverse=True)

    assert (ppa.expected, ppa.received) == (Decimal("227801.28"), Decimal("215400.31"))
    assert (ppa.variance, ppa.variance_percent, ppa.status) == (
        Decimal("-12400.97"),
        Decimal("-5.44"),
        UNDERBILLED,
    )
    assert told(ppa) == [
        ("ENERGY", "-12400.97", "12,400.97 less than expected (-3.90 %)"),
        ("LD_CREDIT", "0.00", "as expected"),
    ]
    assert (o_and_m.expected, o_and_m.received) == (Decimal("46006.88"), Decimal("65000.00"))
    assert (o_and_m.variance, o_and_m.status) == (Decimal("18993.12"), OVERBILLED)
    assert told(o_and_m) == [
        ("FIXED_FEE", "0.00", "as expected"),
        ("LD_CREDIT", "18993.12", "missing in the received invoice"),
    ]
    stored = InvoiceComparison.objects.get(expected_invoice_header__contract_id=ppa.contract_id)
    assert (stored.variance_amount, stored.status) == (Decimal("-12400.97"), UNDERBILLED)
    assert sorted(line.variance_amount for line in stored.lines.all()) == [Decimal("-12400.97"), Decimal(0)]


# --- totals


@pytest.mark.parametrize(
    "received, variance, status",
    [
        ("100.0000", "0.00", MATCHED),
        ("99.9950", "0.00", MATCHED),  # rounds to 100.00
        ("100.0049", "0.00", MATCHED),
        ("99.9949", "-0.01", UNDERBILLED),
        ("100.0050", "0.01", OVERBILLED),
    ],
)
def test_totals_match_where_they_round_to_the_same_cent(
    contract: Contract,
    period: BillingPeriod,
    received: str,
    variance: str,
    status: InvoiceComparisonStatus,
) -> None:
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", received))
    result = compare(contract, period)
    assert (str(result.variance), result.status) == (variance, status)


def test_a_currency_without_cents_matches_to_the_unit(contract: Contract, period: BillingPeriod) -> None:
    expect(contract, period, ("ENERGY", "100"), currency="JPY")
    receive(contract, period, ("ENERGY", "100.4"), currency="JPY")
    assert compare(contract, period).status is MATCHED


def test_a_variance_of_nothing_expected_has_no_percentage(contract: Contract, period: BillingPeriod) -> None:
    expect(contract, period, ("ENERGY", "0"))
    receive(contract, period, ("ENERGY", "5"))
    result = compare(contract, period)
    assert (result.variance_percent, result.status) == (None, OVERBILLED)
    assert told(result) == [("ENERGY", "5.00", "5.00 more than expected")]


def test_the_percentage_of_a_credit_has_the_sign_of_its_variance(contract: Contract, period: BillingPeriod) -> None:
    expect(contract, period, ("LD_CREDIT", "-100"))
    receive(contract, period, ("LD_CREDIT", "-110"))
    result = compare(contract, period)
    assert result.variance_percent == Decimal("-10.00")
    assert told(result) == [("LD_CREDIT", "-10.00", "10.00 less than expected (-10.00 %)")]


def test_a_received_total_that_its_lines_do_not_explain_is_said(contract: Contract, period: BillingPeriod) -> None:
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", "100"), total="107.50")
    result = compare(contract, period)
    assert (result.variance, result.status) == (Decimal("7.50"), OVERBILLED)
    assert result.warnings == ("the received total is USD 7.50 off the sum of its lines",)


def test_lines_that_differ_under_equal_totals_are_said(contract: Contract, period: BillingPeriod) -> None:
    expect(contract, period, ("ENERGY", "100"), ("FIXED_FEE", "50"))
    receive(contract, period, ("ENERGY", "110"), ("FIXED_FEE", "40"))
    result = compare(contract, period)
    assert (result.status, result.warnings) == (MATCHED, ("the totals agree and the lines do not",))


# --- lines


def test_lines_of_one_type_pair_by_equal_amount_and_then_by_size(contract: Contract, period: BillingPeriod) -> None:
    expect(contract, period, ("ENERGY", "10"), ("ENERGY", "90"), ("ENERGY", "60"), ("ENERGY", "-70"))
    receive(contract, period, ("ENERGY", "55"), ("ENERGY", "10"), ("ENERGY", "-75"))
    result = compare(contract, period)
    assert [(line.expected, line.received) for line in result.lines] == [
        (Decimal(10), Decimal(10)),
        (Decimal(90), Decimal(-75)),
        (Decimal(-70), Decimal(55)),
        (Decimal(60), None),
    ]
    assert sum(line.variance for line in result.lines) == result.variance == Decimal(-100)


def test_a_line_that_nobody_expected_stands_alone(contract: Contract, period: BillingPeriod) -> None:
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("TAX", "19"), ("ENERGY", "100"))
    result = compare(contract, period)
    assert told(result) == [("ENERGY", "0.00", "as expected"), ("TAX", "19.00", "not expected")]
    alone = InvoiceComparisonLineItem.objects.get(expected_invoice_line_item=None)
    assert (alone.variance_amount, alone.description) == (Decimal(19), "not expected")


# --- causes, tolerances, currencies


def expect_energy(contract: Contract, period: BillingPeriod) -> ExpectedInvoiceHeader:
    """1,000 kWh at 0.10 are due."""
    header = expect(contract, period, ("ENERGY", "100"))
    header.lines.update(quantity=1000, unit="kWh", line_unit_price=Decimal("0.1"), description="Energy in 2025-11")
    return header


def receive_energy(contract: Contract, period: BillingPeriod, amount: str, **said: Any) -> ReceivedInvoiceHeader:
    currency = said.pop("currency", "USD")
    header = receive(contract, period, ("ENERGY", amount), currency=currency)
    header.lines.update(**{"quantity": Decimal("1.1"), "unit": "MWh", "line_unit_price": Decimal(120), **said})
    return header


def test_the_stored_variance_is_split_by_cause_with_its_reason(contract: Contract, period: BillingPeriod) -> None:
    expect_energy(contract, period)
    receive_energy(contract, period, "132.01")
    result = compare(contract, period)
    assert result.split == Split(quantity=Decimal("11.00"), price=Decimal("21.00"), rounding=Decimal("0.01"))
    stored = InvoiceComparisonLineItem.objects.get()
    assert (stored.quantity_amount, stored.price_amount, stored.rounding_amount) == (
        Decimal(11),
        Decimal(21),
        Decimal("0.01"),
    )
    assert stored.reason == (
        "quantity +11.00: 1,100 kWh billed, 1,000 kWh due\n"
        "price +21.00: 0.12 per kWh billed, 0.1 per kWh agreed\n"
        "rounding +0.01: the amounts are not quantity times price to the last digit"
    )
    assert compare(contract, period).change is Change.UNCHANGED


def test_the_database_refuses_parts_that_do_not_sum_to_the_variance(contract: Contract, period: BillingPeriod) -> None:
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", "90"))
    compare(contract, period)
    with pytest.raises(IntegrityError, match="chk_invoice_comparison_line_item_parts"):
        InvoiceComparisonLineItem.objects.update(tax_amount=1)


def test_what_the_contract_tolerates_goes_before_what_the_organization_does(
    contract: Contract, period: BillingPeriod
) -> None:
    expect_energy(contract, period)
    receive_energy(contract, period, "102.00", quantity=1020, unit="kWh", line_unit_price=Decimal("0.1"))
    tolerate = ComparisonToleranceFactory.create
    assert compare(contract, period).status is OVERBILLED

    tolerate(organization=contract.organization, kind="price", relative_percent=50)
    assert compare(contract, period).status is OVERBILLED  # another kind
    tolerate(organization=contract.organization, kind="quantity", relative_percent=2)
    result = compare(contract, period)
    assert (result.status, result.variance, result.change) == (MATCHED, Decimal("2.00"), Change.REPLACED)
    assert told(result) == [("ENERGY", "2.00", "2.00 more than expected (+2.00 %), within the tolerance")]

    agreed = {"organization": contract.organization, "contract": contract, "kind": "quantity", "relative_percent": None}
    tolerate(**agreed, absolute_amount=100, currency=CurrencyFactory.create(code="EUR"))
    assert compare(contract, period).status is MATCHED  # euros say nothing of dollars
    tolerate(**agreed, absolute_amount=Decimal("1.99"), currency=CurrencyFactory.create(code="USD"))
    assert compare(contract, period).status is OVERBILLED


@pytest.mark.parametrize(
    "wrong",
    [
        {"relative_percent": None},
        {"relative_percent": -1},
        {"absolute_amount": 1},  # of no currency
        {"kind": "weather"},
    ],
)
def test_a_tolerance_without_a_meaning_is_refused(db: None, wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        ComparisonToleranceFactory.create(**wrong)


def test_another_currency_is_converted_at_the_agreed_rate(contract: Contract, period: BillingPeriod) -> None:
    """USD 100 are due; KES 13,200 came at 132 for a dollar where 130 are agreed: USD 101.54."""
    ClauseFactory.create(
        contract=contract,
        clause_category=ClauseCategoryFactory.create(code="PRICING"),
        normalized_payload={
            "base_rate_per_kwh": 0.1,
            "fx_indemnity": {"tariff_currency": "USD", "payment_currency": "KES", "agreed_rate": 130},
        },
    )
    expect_energy(contract, period)
    header = receive_energy(
        contract, period, "13200", currency="KES", quantity=1000, unit="kWh", line_unit_price=Decimal("13.2")
    )
    ReceivedInvoiceHeader.objects.filter(pk=header.pk).update(exchange_rate=132)
    result = compare(contract, period)
    assert (result.received, result.variance, result.exchange_rate) == (
        Decimal("101.54"),
        Decimal("1.54"),
        Decimal(130),
    )
    assert result.split == Split(exchange_rate=Decimal("1.54"))
    assert result.lines[0].reason == "exchange rate +1.54: the rate used is 1.0153846154 times the agreed one"
    assert result.warnings == ("KES is converted at the agreed 130 for one USD; the invoice says 132",)
    assert compare(contract, period).change is Change.UNCHANGED

    # An invoice that says no rate was priced in its own currency.
    ReceivedInvoiceHeader.objects.update(exchange_rate=None)
    assert compare(contract, period).split == Split(price=Decimal("1.54"))


def test_where_none_is_agreed_the_rate_of_the_invoice_day_converts(contract: Contract, period: BillingPeriod) -> None:
    """The newest of the week before: EUR 1.25 for a dollar stands as USD 0.80 for a euro."""
    usd, eur = (CurrencyFactory.create(code=code) for code in ("USD", "EUR"))
    rate = ExchangeRateFactory.create
    rate(base_currency=usd, quote_currency=eur, rate_date=date(2025, 12, 3), rate=Decimal("9.9"))
    rate(base_currency=eur, quote_currency=usd, rate_date=date(2025, 12, 4), rate=Decimal("0.8"))
    rate(base_currency=usd, quote_currency=eur, rate_date=date(2025, 12, 6), rate=Decimal("9.9"))  # the day after
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", "125"), currency="EUR")
    result = compare(contract, period)
    assert (result.received, result.status, result.exchange_rate) == (Decimal("100.00"), MATCHED, Decimal("1.25"))
    assert result.warnings == ("EUR is converted at the rate of 2025-12-04, 1.25 for one USD; the invoice says none",)


def test_tax_is_compared_with_tax_and_only_where_some_is_expected(contract: Contract, period: BillingPeriod) -> None:
    expected = expect(contract, period, ("ENERGY", "100"))
    received = receive(contract, period, ("ENERGY", "100"), total="119")
    received.lines.update(tax_amount=19)
    untaxed = compare(contract, period)
    assert (untaxed.received, untaxed.variance, untaxed.status) == (Decimal("100.00"), Decimal("0.00"), MATCHED)
    assert untaxed.warnings == ("USD 19.00 of tax is billed and the expected invoice states none: compared before tax",)

    expected.lines.update(tax_amount=7)
    ExpectedInvoiceHeader.objects.update(total_amount=107)
    taxed = compare(contract, period)
    assert (taxed.received, taxed.variance, taxed.warnings) == (Decimal("119.00"), Decimal("12.00"), ())
    assert taxed.split == Split(tax=Decimal("12.00"))


def test_what_is_payable_is_expected_with_the_vat_of_its_period_and_billed_tax_is_split_from_price(
    period: BillingPeriod, capsys: pytest.CaptureFixture[str]
) -> None:
    """19 % of 500.00 are 95.00; 7 % held until the month before, and a levy is the sender's own line."""
    contract = make_contract(direction=InvoiceDirection.PAYABLE)
    sold = make_contract()
    Contract.objects.filter(pk=sold.pk).update(organization=contract.organization)
    for each in (contract, sold):
        add_tariff(each, "500", "month", type_code="FIXED_FEE")
    kept = {"organization": contract.organization}
    TaxRuleFactory.create(**kept, tax_code="VAT", valid_from=date(2025, 11, 30))
    TaxRuleFactory.create(**kept, tax_code="VAT", rate=Decimal("0.07"), valid_to=date(2025, 11, 29))
    TaxRuleFactory.create(**kept, kind="levy", base="lines", rate=Decimal("0.05"))
    TaxRuleFactory.create(tax_code="VAT", rate=Decimal("0.25"))  # of somebody else
    assert {result.expected for result in draft_all(period).drafts} == {Change.CREATED}
    assert {result.expected for result in draft_all(period).drafts} == {Change.UNCHANGED}
    totals = dict(ExpectedInvoiceHeader.objects.values_list("contract", "total_amount"))
    assert totals == {contract.pk: Decimal(595), sold.pk: Decimal(500)}

    received = receive(contract, period, ("FIXED_FEE", "510"), total="637.50")
    received.lines.update(tax_amount=Decimal("127.50"))
    result = compare(contract, period)
    assert (result.expected, result.received, result.warnings) == (Decimal("595.00"), Decimal("637.50"), ())
    assert result.split == Split(price=Decimal("10.00"), tax=Decimal("32.50"))

    # Where the other side states no tax at all, nothing is said of it.
    received.lines.update(tax_amount=None)
    ReceivedInvoiceHeader.objects.update(total_amount=510)
    result = compare(contract, period)
    assert (result.expected, result.received, result.split) == (
        Decimal(500),
        Decimal(510),
        Split(price=Decimal("10.00")),
    )
    assert result.warnings == ("USD 95.00 of tax is expected and R-1 of 2025-12-05 states none: compared before tax",)
    call_command("compare_invoices", "--period", "2025-11", "--dispute-note")
    assert "comes to USD 510.00 before tax. By" in capsys.readouterr().out


def test_that_own_sales_are_free_of_vat_says_nothing_of_what_others_bill(period: BillingPeriod) -> None:
    contract = make_contract(direction=InvoiceDirection.PAYABLE)
    add_tariff(contract, "500", "month", type_code="FIXED_FEE")
    TaxRuleFactory.create(
        organization=contract.organization, rate=0, vat_category="O", exemption_reason="Sold for resale."
    )
    (result,) = draft_all(period).drafts
    assert (result.total, result.warnings) == (Decimal(500), ())
    assert not ExpectedInvoiceLineItem.objects.exclude(tax_amount=None).exists()


def test_a_line_that_no_rule_of_vat_names_leaves_the_expected_invoice_without_tax(period: BillingPeriod) -> None:
    contract = make_contract(direction=InvoiceDirection.PAYABLE)
    add_tariff(contract, "500", "month", type_code="FIXED_FEE")
    TaxRuleFactory.create(
        organization=contract.organization, invoice_line_item_type=InvoiceLineItemTypeFactory.create(code="ENERGY")
    )
    (result,) = draft_all(period).drafts
    assert (result.total, result.warnings) == (
        Decimal(500),
        ("no tax is expected: no rule of VAT is in force for lines of type FIXED_FEE",),
    )


def test_a_note_about_an_invoice_with_tax_that_nobody_expected_says_so(
    contract: Contract, period: BillingPeriod, capsys: pytest.CaptureFixture[str]
) -> None:
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", "90"), total="107.10").lines.update(tax_amount=Decimal("17.10"))
    call_command("compare_invoices", "--period", "2025-11", "--dispute-note")
    assert "R-1 of 05 December 2025 comes to USD 90.00 before tax. By" in capsys.readouterr().out


def test_a_bill_keeps_the_quantity_and_price_of_its_expected_lines(db: None) -> None:
    load_scenario()
    draft_all(find_billing_period("2025-11"))
    energy = ExpectedInvoiceLineItem.objects.get(invoice_line_item_type__code="ENERGY")
    assert energy.quantity is not None
    assert energy.line_unit_price is not None
    assert energy.unit == "kWh"
    assert round(energy.quantity * energy.line_unit_price, 2) == energy.line_total_amount


# --- the dispute note


def test_the_dispute_note_says_what_differs_why_and_what_is_asked_for(
    contract: Contract, period: BillingPeriod, capsys: pytest.CaptureFixture[str]
) -> None:
    Contract.objects.filter(pk=contract.pk).update(name="Service", invoice_direction="payable")
    Organization.objects.filter(pk=contract.organization_id).update(name="Helios")
    Counterparty.objects.filter(pk=contract.counterparty_id).update(name="Ridge")
    expect_energy(contract, period)
    header = receive_energy(contract, period, "132")
    ReceivedInvoiceLineItemFactory.create(
        received_invoice_header=header,
        invoice_line_item_type=InvoiceLineItemTypeFactory.create(code="VARIABLE_FEE"),
        description="Fuel",
        line_total_amount=Decimal("7.50"),
    )
    ReceivedInvoiceHeader.objects.update(total_amount=Decimal("140.50"))
    call_command("compare_invoices", "--period", "2025-11", "--dispute-note")
    note = capsys.readouterr().out
    assert note == (
        "From: Helios\n"
        "To: Ridge\n"
        f"Subject: Dispute of R-1 of 05 December 2025, Service, {period.name}\n"
        "\n"
        f"R-1 of 05 December 2025 comes to USD 140.50. By the contract and the metered data USD 100.00 is due for"
        f" {period.name}.\n"
        "The document is USD 40.50 more than that.\n"
        "\n"
        "Lines that differ:\n"
        "1. Energy in 2025-11: USD 32.00 more than due.\n"
        "   - quantity +11.00: 1,100 kWh billed, 1,000 kWh due\n"
        "   - price +21.00: 0.12 per kWh billed, 0.1 per kWh agreed\n"
        "2. Fuel: USD 7.50 more than due.\n"
        "   - extra +7.50: 7.50 billed and not due\n"
        "The total is USD 1.00 off the sum of the lines, and no line says why.\n"
        "\n"
        "The difference by cause:\n"
        "  quantity         +11.00 USD\n"
        "  price            +21.00 USD\n"
        "  extra             +7.50 USD\n"
        "  not in any line   +1.00 USD\n"
        "  total            +40.50 USD\n"
        "\n"
        "Please send a credit note over USD 40.50, or a corrected document in place of it."
        " What is due will be paid in time.\n"
    )


def test_there_is_no_note_where_nothing_is_to_be_disputed(
    contract: Contract, period: BillingPeriod, capsys: pytest.CaptureFixture[str]
) -> None:
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", "100"))
    call_command("compare_invoices", "--period", "2025-11", "--dispute-note")
    assert capsys.readouterr().out == f"There is nothing to dispute in {period.name}.\n"


def test_the_page_of_a_comparison_shows_the_note(
    contract: Contract, period: BillingPeriod, admin_client: Client
) -> None:
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", "90"))
    compare(contract, period)
    page = admin_client.get(
        reverse("admin:invoicing_invoicecomparison_change", args=[InvoiceComparison.objects.get().pk])
    )
    assert "and pay the missing USD 10.00." in page.content.decode()


def test_a_description_that_a_spreadsheet_would_calculate_is_harmless_in_csv(
    contract: Contract, period: BillingPeriod, capsys: pytest.CaptureFixture[str]
) -> None:
    Contract.objects.filter(pk=contract.pk).update(name="=HYPERLINK(1)")
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", "90"))
    call_command("compare_invoices", "--period", "2025-11", "--csv")
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines(True))
    assert (row["contract"], row["variance"], row["price"]) == ("'=HYPERLINK(1)", "-10.00", "-10.00")


# --- which invoices


def test_the_latest_received_invoice_counts_and_it_says_so(contract: Contract, period: BillingPeriod) -> None:
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", "3"), number="R-3", on=date(2025, 12, 6))
    receive(contract, period, ("ENERGY", "4"), number="R-4", on=date(2025, 12, 6))
    receive(contract, period, ("ENERGY", "1"), number="R-1", on=date(2025, 12, 5))
    receive(contract, period, ("ENERGY", "2"), number="R-2", on=None)
    result = compare(contract, period)
    assert (result.received, result.received_number) == (Decimal(4), "R-4")
    assert result.warnings == ("4 invoices were received: compared with the latest, R-4 of 2025-12-06",)


def test_an_invoice_that_is_absent_is_named_and_nothing_is_stored(contract: Contract, period: BillingPeriod) -> None:
    nothing = compare(contract, period)
    assert nothing.warnings == ("there is no expected invoice: generate_invoices makes it", "no invoice was received")
    expect(contract, period, ("ENERGY", "100"))
    result = compare(contract, period)
    assert (result.expected, result.received, result.variance) == (Decimal("100.00"), None, None)
    assert (result.status, result.change, result.warnings) == (UNCHECKED, None, ("no invoice was received",))
    assert not InvoiceComparison.objects.exists()


def test_invoices_in_different_currencies_are_refused(contract: Contract, period: BillingPeriod) -> None:
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", "100"), currency="EUR")
    with pytest.raises(ComparisonError) as refused:
        compare(contract, period)
    assert refused.value.problems == (
        "USD is expected and R-1 of 2025-12-05 is in EUR:"
        " no exchange rate is agreed, and none published for that day or the week before",
    )
    assert not InvoiceComparison.objects.exists()


def test_contracts_with_an_invoice_are_compared_though_no_longer_in_force(
    contract: Contract, period: BillingPeriod
) -> None:
    ended = ContractFactory.create(contract_status=ContractStatusFactory.create(code="TERMINATED"))
    ContractFactory.create(contract_status=ContractStatusFactory.create(code="TERMINATED"))
    receive(ended, period, ("ENERGY", "1"))
    run = compare_all(period)
    assert [result.contract_id for result in run.comparisons] == [contract.pk, ended.pk]


# --- running twice


def test_a_second_run_changes_nothing(contract: Contract, period: BillingPeriod) -> None:
    expect(contract, period, ("ENERGY", "100"), ("LD_CREDIT", "-10"))
    receive(contract, period, ("ENERGY", "90"))
    first = compare(contract, period)
    with written() as writes:
        second = compare(contract, period)
    assert (first.change, second.change) == (Change.CREATED, Change.UNCHANGED)
    assert not writes
    assert (first.lines, first.variance) == (second.lines, second.variance)


def test_a_changed_invoice_replaces_its_comparison(contract: Contract, period: BillingPeriod) -> None:
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", "90"))
    compare(contract, period)
    before = InvoiceComparison.objects.get().pk
    ReceivedInvoiceHeader.objects.update(total_amount=100)
    ReceivedInvoiceLineItem.objects.update(line_total_amount=100)
    assert compare(contract, period).change is Change.REPLACED
    comparison = InvoiceComparison.objects.get()
    assert (comparison.pk, comparison.status, comparison.lines.get().variance_amount) == (before, MATCHED, Decimal(0))

    later = receive(contract, period, ("ENERGY", "80"), number="R-2", on=date(2025, 12, 9))
    compare(contract, period)
    comparison = InvoiceComparison.objects.get()
    assert (comparison.pk, comparison.received_invoice_header) == (before, later)
    assert comparison.lines.get().variance_amount == -20


def test_the_number_of_queries_does_not_grow_with_the_lines(period: BillingPeriod) -> None:
    counts = []
    for size in (1, 5):
        contract = ContractFactory.create()
        expect(contract, period, *[("ENERGY", "100"), ("TAX", "1")] * size)
        receive(contract, period, *[("ENERGY", "90"), ("FIXED_FEE", "5")] * size)
        for _ in range(2):  # written, then compared
            with CaptureQueriesContext(connection) as queries:
                compare(contract, period)
            counts.append(len(queries))
    assert counts == [11, 10, 11, 10]  # two of each are the test's own savepoint


def test_the_number_of_queries_does_not_grow_with_the_contracts(period: BillingPeriod) -> None:
    counts = []
    for size in (2, 5):
        contracts = [ContractFactory.create() for _ in range(size)]
        for contract in contracts:
            expect(contract, period, ("ENERGY", "100"), ("FIXED_FEE", "5"))
            receive(contract, period, ("ENERGY", "90"), ("TAX", "19"))
        amounts = ("90", "80", "80")  # written, replaced, compared
        for amount in amounts:
            ReceivedInvoiceHeader.objects.filter(contract__in=contracts).update(total_amount=Decimal(amount))
            with CaptureQueriesContext(connection) as queries:
                compare_all(period, [contract.pk for contract in contracts])
            counts.append(len(queries))
    assert counts == [12, 14, 11] * 2


def test_an_invoice_beyond_all_measure_does_not_stop_the_others(period: BillingPeriod) -> None:
    """The database keeps sixteen whole digits of each part."""
    absurd, good = (ContractFactory.create() for _ in range(2))
    for contract in (absurd, good):
        expect_energy(contract, period)
    quantity = Decimal(999999999999)
    receive_energy(absurd, period, "1", quantity=quantity, unit="GWh", line_unit_price=Decimal(9999999999))
    receive_energy(good, period, "132")
    assert [result.variance for result in compare_all(period).comparisons] == [Decimal("-99.00"), Decimal("32.00")]


def test_a_pair_that_cannot_be_compared_does_not_stop_the_others(period: BillingPeriod) -> None:
    good, foreign, last = (ContractFactory.create() for _ in range(3))
    for contract, currency in ((good, "USD"), (foreign, "EUR"), (last, "USD")):
        expect(contract, period, ("ENERGY", "100"))
        receive(contract, period, ("ENERGY", "90"), currency=currency)
    run = compare_all(period, [last.pk, foreign.pk, good.pk])
    assert [result.contract_id for result in run.comparisons] == [good.pk, last.pk]
    assert [refusal.contract_id for refusal in run.refused] == [foreign.pk]
    assert InvoiceComparison.objects.count() == 2
    again = compare_all(period, [good.pk, last.pk])
    assert {result.change for result in again.comparisons} == {Change.UNCHANGED}


def test_comparisons_that_are_there_twice_become_one(contract: Contract, period: BillingPeriod) -> None:
    expected = expect(contract, period, ("ENERGY", "100"))
    older = receive(contract, period, ("ENERGY", "90"), number="R-1", on=date(2025, 12, 1))
    compare(contract, period)
    kept = InvoiceComparison.objects.get()
    latest = receive(contract, period, ("ENERGY", "95"), number="R-2")
    InvoiceComparison.objects.create(
        expected_invoice_header=expected, received_invoice_header=latest, variance_amount=0, status=MATCHED
    )
    assert kept.received_invoice_header == older
    assert compare(contract, period).change is Change.REPLACED
    assert list(InvoiceComparison.objects.values_list("pk", "received_invoice_header", "variance_amount")) == [
        (kept.pk, latest.pk, Decimal("-5.0000"))
    ]
    assert InvoiceComparisonLineItem.objects.count() == 1


# --- compare_invoices


def test_compare_invoices_prints_a_table(
    contract: Contract, period: BillingPeriod, capsys: pytest.CaptureFixture[str]
) -> None:
    Contract.objects.filter(pk=contract.pk).update(name="PPA")
    ContractFactory.create(name="Operation", contract_status=ContractStatusFactory.create(code="ACTIVE"))
    expect(contract, period, ("ENERGY", "12345.67"), ("LD_CREDIT", "-45.67"))
    receive(contract, period, ("ENERGY", "12345.67"))
    call_command("compare_invoices", "--period", "2025-11")
    assert capsys.readouterr().out.splitlines() == [
        "contract      expected   received  variance  status",
        "PPA          12,300.00  12,345.67     45.67  overbilled",
        "  ENERGY     12,345.67  12,345.67      0.00  as expected",
        "  LD_CREDIT     -45.67          -     45.67  missing in the received invoice",
        "Operation            -          -         -  unchecked",
        "  there is no expected invoice: generate_invoices makes it",
        "  no invoice was received",
    ]


def test_compare_invoices_as_json_says_the_same(
    contract: Contract, period: BillingPeriod, capsys: pytest.CaptureFixture[str]
) -> None:
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", "90"))
    call_command("compare_invoices", "--period", "2025-11", "--contract", str(contract.pk), "--json")
    (result,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert (result["expected"], result["received"], result["variance"]) == ("100.00", "90.00", "-10.00")
    assert (result["status"], result["variance_percent"], result["change"]) == ("underbilled", "-10.00", "created")
    assert result["lines"][0]["description"] == "10.00 less than expected (-10.00 %)"


def test_compare_invoices_ends_with_3_where_a_pair_cannot_be_compared(
    contract: Contract, period: BillingPeriod, capsys: pytest.CaptureFixture[str]
) -> None:
    expect(contract, period, ("ENERGY", "100"))
    receive(contract, period, ("ENERGY", "100"), currency="EUR")
    with pytest.raises(CommandError) as end:
        call_command("compare_invoices", "--period", "2025-11")
    assert end.value.returncode == 3
    assert f"{contract}: refused: USD is expected" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (("--period", "2025-Q5"), "is not a period"),
        (("--period", "2031-01"), "load_reference_data"),
        (("--period", "2025-11", "--contract", "0"), "contract 0 does not exist"),
    ],
)
def test_compare_invoices_says_what_was_not_found(
    period: BillingPeriod, arguments: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(CommandError, match=problem):
        call_command("compare_invoices", *arguments)
