import json
from datetime import date
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.models import BillingPeriod, Contract
from invoicing.billing import Change, draft_all, find_billing_period
from invoicing.comparison import ComparisonResult, compare, compare_all
from invoicing.errors import ComparisonError
from invoicing.models import (
    ExpectedInvoiceHeader,
    InvoiceComparison,
    InvoiceComparisonLineItem,
    InvoiceComparisonStatus,
    ReceivedInvoiceHeader,
    ReceivedInvoiceLineItem,
)
from tests.factories import (
    ContractFactory,
    ContractStatusFactory,
    CurrencyFactory,
    ExpectedInvoiceHeaderFactory,
    ExpectedInvoiceLineItemFactory,
    InvoiceLineItemTypeFactory,
    ReceivedInvoiceHeaderFactory,
    ReceivedInvoiceLineItemFactory,
)
from tests.invoicing.test_billing import load_scenario, november, written

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
    assert refused.value.problems == ("USD is expected and R-1 of 2025-12-05 is in EUR: there are no exchange rates",)
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
    assert counts == [13, 9, 13, 9]  # two of each are the test's own savepoint


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
