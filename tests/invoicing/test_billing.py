import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core.models import BillingPeriod, Contract, InvoiceDirection, Project, RuleOutput
from core.periods import start_of_day, zone
from invoicing.billing import Change
from invoicing.corrections import proposed_corrections
from invoicing.crediting import credit
from invoicing.drafting import draft, draft_all
from invoicing.errors import BillingError, NotFoundError
from invoicing.gathering import find_billing_period
from invoicing.models import (
    ClauseTariff,
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    InvoiceComparison,
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceLineItemType,
    InvoiceStatus,
    TariffStatus,
)
from metering.models import Meter, MeterAggregate, PeriodType
from tests.factories import (
    BillingPeriodFactory,
    ClauseCategoryFactory,
    ClauseFactory,
    ClauseTariffFactory,
    ContractFactory,
    ContractStatusFactory,
    CurrencyFactory,
    ExchangeRateFactory,
    InvoiceComparisonFactory,
    InvoiceComparisonLineItemFactory,
    InvoiceLineItemTypeFactory,
    MeterAggregateFactory,
    MeterFactory,
    MeterTypeFactory,
    ReadingChangeFactory,
    RuleOutputFactory,
    RuleOutputTypeFactory,
    TariffTypeFactory,
    as_issued,
)

DENVER = "America/Denver"  # its clocks go back on 2 November 2025
SEED = Path(settings.BASE_DIR) / "database" / "seed"
DAILY_FROM_READINGS = """
INSERT INTO meter_aggregate (
    organization_id, meter_id, period_type, period_start, period_end, energy_kwh, data_completeness_percent
)
SELECT
    project.organization_id, meter.id, 'daily', day::timestamp AT TIME ZONE project.time_zone,
    (day + 1)::timestamp AT TIME ZONE project.time_zone, sum(reading.energy_wh) / 1000, 100
FROM meter_reading AS reading
    JOIN meter ON meter.id = reading.meter_id
    JOIN project ON project.id = meter.project_id
    CROSS JOIN LATERAL (SELECT (reading.reading_timestamp AT TIME ZONE project.time_zone)::date) AS local (day)
GROUP BY project.id, meter.id, day
"""


def load_scenario() -> None:
    """The seeded plant with November 2025, and its days, which the seed leaves to the program."""
    files = ["reference/00_reference_data.sql"]
    files += sorted(f"fixtures/{path.name}" for path in (SEED / "fixtures").glob("0[123]_*.sql"))
    with connection.cursor() as cursor:
        for name in files:
            cursor.execute((SEED / name).read_text())
        cursor.execute(DAILY_FROM_READINGS)


def make_contract(time_zone: str = "UTC", direction: InvoiceDirection = InvoiceDirection.RECEIVABLE) -> Contract:
    for code in ("ENERGY", "FIXED_FEE", "LD_CREDIT"):
        InvoiceLineItemTypeFactory.create(code=code)
    return ContractFactory.create(
        project__time_zone=time_zone,
        contract_status=ContractStatusFactory.create(code="ACTIVE"),
        invoice_direction=direction,
    )


def november() -> BillingPeriod:
    return BillingPeriodFactory.create(name="2025-11", start_date=date(2025, 11, 1), end_date=date(2025, 11, 30))


def add_tariff(
    contract: Contract,
    rate: str | None = "0.10",
    unit: str = "kWh",
    currency: str = "USD",
    type_code: str = "FLAT",
    valid_from: date = date(2025, 1, 1),
    valid_to: date | None = None,
    status: TariffStatus = TariffStatus.PUBLISHED,
) -> ClauseTariff:
    return ClauseTariffFactory.create(
        contract=contract,
        tariff_type=TariffTypeFactory.create(code=type_code),
        currency=CurrencyFactory.create(code=currency),
        base_rate=None if rate is None else Decimal(rate),
        unit=unit,
        valid_from=valid_from,
        valid_to=valid_to,
        status=status,
    )


def add_meter(project: Project | None, type_code: str = "REVENUE") -> Meter:
    return MeterFactory.create(project=project, meter_type=MeterTypeFactory.create(code=type_code))


def add_days(meter: Meter, kwh: str = "10", without: tuple[int, ...] = ()) -> None:
    """Ten kWh for each local day of November, apart from those named."""
    local = zone(meter.project.time_zone)
    for number in range(1, 31):
        if number not in without:
            day = date(2025, 11, number)
            MeterAggregateFactory.create(
                meter=meter,
                period_type=PeriodType.DAILY,
                period_start=start_of_day(day, local),
                period_end=start_of_day(day + timedelta(days=1), local),
                energy_kwh=Decimal(kwh),
                data_completeness_percent=Decimal(100),
            )


def add_verdict(contract: Contract, amount: str, currency: str | None = "USD", months: int = 1) -> RuleOutput:
    """Damages for a period that ends with November."""
    return RuleOutputFactory.create(
        clause=ClauseFactory.create(contract=contract, name="Availability"),
        description="Availability: 93.2 % measured, 95 % guaranteed",
        ld_amount=Decimal(amount),
        invoice_adjustment=-Decimal(amount),
        currency=CurrencyFactory.create(code=currency) if currency else None,
        period_start=datetime(2025, 12 - months, 1, tzinfo=UTC),
        period_end=datetime(2025, 12, 1, tzinfo=UTC),
    )


@pytest.fixture
def period(db: None) -> BillingPeriod:
    return november()


@pytest.fixture
def contract(db: None) -> Contract:
    """Receivable, in UTC, USD 0.10 per kWh, one revenue meter with 10 kWh a day."""
    contract = make_contract()
    add_tariff(contract)
    add_days(add_meter(contract.project))
    return contract


@contextmanager
def written() -> Iterator[list[str]]:
    """The statements of the block that write."""
    writes: list[str] = []
    with CaptureQueriesContext(connection) as queries:
        yield writes
    writes += [query["sql"] for query in queries if query["sql"].split()[0] in {"INSERT", "UPDATE", "DELETE"}]


def refusal(contract: Contract, period: BillingPeriod) -> tuple[str, ...]:
    with pytest.raises(BillingError) as refused, written() as writes:
        draft(contract, period)
    assert not writes
    assert not ExpectedInvoiceHeader.objects.filter(contract=contract).exists()
    return refused.value.problems


# --- the seeded November


def test_the_power_purchase_agreement_of_november_is_billed_to_the_cent(db: None) -> None:
    load_scenario()
    contract = Contract.objects.get(name="Sonora Solar Park PPA")
    result = draft(contract, find_billing_period("2025-11"))
    assert (result.total, result.currency, result.warnings) == (Decimal("227801.28"), "USD", ())
    energy, damages = result.lines
    assert (energy.type_code, energy.amount) == ("ENERGY", Decimal("317732.43"))
    assert (energy.quantity, energy.unit_price) == (Decimal("6689103.838"), Decimal("0.0475"))
    assert energy.description == "Energy delivered in 2025-11"
    assert energy.meter_aggregate_id == MeterAggregate.objects.get(period_type=PeriodType.MONTHLY).pk
    assert (damages.type_code, damages.amount) == ("LD_CREDIT", Decimal("-89931.15"))
    assert damages.rule_output_id == RuleOutput.objects.get(clause__contract=contract).pk
    for named in ("Availability guarantee", "93.2014 %", "95 %"):
        assert named in damages.description

    header = InvoiceHeader.objects.get(contract=contract)
    assert (header.status, header.total_amount) == (InvoiceStatus.DRAFT, Decimal("227801.28"))
    assert [line.line_total_amount for line in header.lines.order_by("id")] == [energy.amount, damages.amount]
    expected = ExpectedInvoiceHeader.objects.get(contract=contract)
    assert [line.line_total_amount for line in expected.lines.order_by("id")] == [energy.amount, damages.amount]


def test_the_operation_agreement_of_november_is_expected_and_not_invoiced(db: None) -> None:
    load_scenario()
    contract = Contract.objects.get(name="Sonora Solar Park O&M Agreement")
    result = draft(contract, find_billing_period("2025-11"))
    assert result.total == Decimal("46006.88")
    assert [(line.type_code, line.amount) for line in result.lines] == [
        ("FIXED_FEE", Decimal("65000.00")),
        ("LD_CREDIT", Decimal("-18993.12")),
    ]
    assert result.invoice is None
    assert not InvoiceHeader.objects.filter(contract=contract).exists()


# --- running twice


def test_a_second_run_writes_nothing(contract: Contract, period: BillingPeriod) -> None:
    add_verdict(contract, "12.345")
    first = draft(contract, period)
    with written() as writes:
        second = draft(contract, period)
    assert (first.expected, first.invoice) == (Change.CREATED, Change.CREATED)
    assert (second.expected, second.invoice) == (Change.UNCHANGED, Change.UNCHANGED)
    assert not writes
    assert (second.lines, second.total) == (first.lines, Decimal("17.65"))  # 30.00 - 12.35


def test_a_draft_that_comes_out_the_same_on_changed_readings_is_current_again(
    contract: Contract, period: BillingPeriod
) -> None:
    draft(contract, period)
    long_ago = datetime(2025, 12, 1, tzinfo=UTC)
    for model in (InvoiceHeader, ExpectedInvoiceHeader):
        model._default_manager.update(computed_at=long_ago)
    ReadingChangeFactory.create(
        meter__project=contract.project,
        period_start=long_ago - timedelta(days=9),
        period_end=long_ago - timedelta(days=8),
        aggregated_at=long_ago + timedelta(hours=1),
    )
    assert stale_drafts() == ["expected_invoice_header", "invoice_header"]
    again = draft(contract, period, dry_run=True)
    assert stale_drafts() == ["expected_invoice_header", "invoice_header"]
    again = draft(contract, period)
    assert (again.expected, again.invoice) == (Change.UNCHANGED, Change.UNCHANGED)
    assert stale_drafts() == []


def stale_drafts() -> list[str]:
    """The tables of the documents that are older than their readings."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT document FROM stale_invoice_draft ORDER BY 1")
        return [document for (document,) in cursor.fetchall()]


def test_a_quantity_finer_than_its_column_does_not_look_changed(contract: Contract, period: BillingPeriod) -> None:
    ClauseTariff.objects.filter(contract=contract).update(unit="MWh", base_rate=100)
    MeterAggregate.objects.filter(meter__project=contract.project).update(energy_kwh=Decimal("10.123456789012"))
    draft(contract, period)
    assert draft(contract, period).invoice is Change.UNCHANGED


def test_what_changed_is_replaced_in_the_same_documents(contract: Contract, period: BillingPeriod) -> None:
    draft(contract, period)
    before = InvoiceHeader.objects.get().pk, ExpectedInvoiceHeader.objects.get().pk
    ClauseTariff.objects.filter(contract=contract).update(base_rate=Decimal("0.20"))
    result = draft(contract, period)
    assert (result.expected, result.invoice) == (Change.REPLACED, Change.REPLACED)
    invoice, expected = InvoiceHeader.objects.get(), ExpectedInvoiceHeader.objects.get()
    assert (invoice.pk, expected.pk) == before
    assert invoice.total_amount == expected.total_amount == 60
    assert [line.line_total_amount for line in InvoiceLineItem.objects.all()] == [60]
    assert [line.line_total_amount for line in ExpectedInvoiceLineItem.objects.all()] == [60]


def test_a_comparison_with_replaced_lines_is_taken_back(contract: Contract, period: BillingPeriod) -> None:
    draft(contract, period)
    expected = ExpectedInvoiceHeader.objects.get()
    InvoiceComparisonLineItemFactory.create(
        invoice_comparison=InvoiceComparisonFactory.create(expected_invoice_header=expected),
        expected_invoice_line_item=expected.lines.get(),
    )
    draft(contract, period)
    assert InvoiceComparison.objects.count() == 1
    add_verdict(contract, "1")
    draft(contract, period)
    assert InvoiceComparison.objects.count() == 0


def test_an_issued_invoice_is_left_alone(contract: Contract, period: BillingPeriod) -> None:
    draft(contract, period)
    as_issued(InvoiceHeader.objects.get())
    result = draft(contract, period)
    assert (result.invoice, result.warnings) == (Change.ISSUED, ())
    assert "the issued invoice left alone" in str(result)

    add_verdict(contract, "5")
    result = draft(contract, period)
    assert (result.expected, result.invoice) == (Change.REPLACED, Change.ISSUED)
    assert result.warnings == ("USD 30.00 is invoiced and USD 25.00 is due: a correction is needed",)
    assert InvoiceHeader.objects.get().total_amount == 30


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(contract: Contract, period: BillingPeriod) -> None:
    with written() as writes:
        result = draft(contract, period, dry_run=True)
    assert (result.expected, result.invoice, result.total) == (Change.CREATED, Change.CREATED, Decimal(30))
    assert not writes


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_write_one_invoice() -> None:
    contract, period = make_contract(), november()
    add_tariff(contract)
    add_days(add_meter(contract.project))
    changes: list[Change | None] = []

    def run() -> None:
        try:
            changes.append(draft(contract, period).invoice)
        finally:
            connection.close()

    runs = [Thread(target=run) for _ in range(2)]
    with transaction.atomic():
        Contract.objects.select_for_update().get(pk=contract.pk)
        for each in runs:
            each.start()
        wait_for(lambda: sessions_waiting() == 2)
    for each in runs:
        each.join(timeout=30)
    assert sorted(map(str, changes)) == ["created", "unchanged"]
    assert (InvoiceHeader.objects.count(), InvoiceLineItem.objects.count()) == (1, 1)
    assert (ExpectedInvoiceHeader.objects.count(), ExpectedInvoiceLineItem.objects.count()) == (1, 1)


def sessions_waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE NOT granted AND datname = current_database()"
        )
        (count,) = cursor.fetchone()
    return int(count)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 20
    while not condition():
        assert monotonic() < deadline
        sleep(0.02)


# --- lines


def test_a_tariff_that_changes_inside_the_period_splits_it(period: BillingPeriod) -> None:
    contract = make_contract(DENVER)
    old = add_tariff(contract, "0.10", valid_to=date(2025, 11, 10))
    new = add_tariff(contract, "0.20", valid_from=date(2025, 11, 11))
    add_days(add_meter(contract.project))
    first, second = draft(contract, period).lines
    assert (first.clause_tariff_id, first.quantity, first.amount) == (old.pk, Decimal(100), Decimal("10.00"))
    assert (second.clause_tariff_id, second.quantity, second.amount) == (new.pk, Decimal(200), Decimal("40.00"))
    assert first.description == "Energy delivered from 2025-11-01 to 2025-11-10"


def test_an_energy_price_and_a_fee_stand_side_by_side(contract: Contract, period: BillingPeriod) -> None:
    add_tariff(contract, "500", "month", type_code="FIXED_FEE")
    result = draft(contract, period)
    assert [(line.type_code, str(line.amount)) for line in result.lines] == [
        ("ENERGY", "30.00"),
        ("FIXED_FEE", "500.00"),
    ]
    assert result.total == 530


def test_a_contract_that_starts_inside_the_period_is_billed_from_then(
    contract: Contract, period: BillingPeriod
) -> None:
    add_tariff(contract, "300", "month", type_code="FIXED_FEE")
    Contract.objects.filter(pk=contract.pk).update(effective_date=date(2025, 11, 21), end_date=date(2025, 11, 29))
    energy, fee = draft(contract, period).lines
    assert (energy.quantity, energy.amount) == (Decimal(90), Decimal("9.00"))
    assert fee.amount == Decimal("90.00")
    assert fee.description == "Fixed fee from 2025-11-21 to 2025-11-29"


def test_a_currency_without_cents_is_billed_without_cents(period: BillingPeriod) -> None:
    contract = make_contract()
    add_tariff(contract, "14.485", currency="JPY")
    add_days(add_meter(contract.project), "1")
    add_verdict(contract, "10.5", "JPY")
    assert [str(line.amount) for line in draft(contract, period).lines] == ["435", "-11"]


# --- energy


def test_revenue_meters_bill_and_no_other(contract: Contract, period: BillingPeriod) -> None:
    for type_code in ("REVENUE", "PRODUCTION", "CONSUMPTION", "CHECK"):
        add_days(add_meter(contract.project, type_code), "1")
    (line,) = draft(contract, period).lines
    assert line.quantity == 330


def test_production_meters_bill_where_there_is_no_revenue_meter(period: BillingPeriod) -> None:
    contract = make_contract()
    add_tariff(contract)
    add_days(add_meter(contract.project, "PRODUCTION"), "2")
    add_days(add_meter(contract.project, "CONSUMPTION"), "9")
    (line,) = draft(contract, period).lines
    assert line.quantity == 60


def test_consumption_alone_is_never_billed(period: BillingPeriod) -> None:
    contract = make_contract()
    add_tariff(contract)
    add_days(add_meter(contract.project, "CONSUMPTION"))
    assert refusal(contract, period) == (f"project {contract.project} has neither a revenue nor a production meter",)


def test_energy_without_a_measurement_is_refused_and_not_billed_as_zero(
    contract: Contract, period: BillingPeriod
) -> None:
    problem = "no day has measured energy: load the readings, then run aggregate_readings"
    MeterAggregate.objects.update(energy_kwh=None)
    assert refusal(contract, period) == (problem,)
    MeterAggregate.objects.all().delete()
    assert refusal(contract, period) == (problem,)


def test_a_measured_zero_is_billed(contract: Contract, period: BillingPeriod) -> None:
    MeterAggregate.objects.update(energy_kwh=0)
    result = draft(contract, period)
    assert (result.total, result.warnings) == (Decimal(0), ())


def test_days_without_energy_are_named_in_the_result_and_on_the_line(period: BillingPeriod) -> None:
    contract = make_contract()
    add_tariff(contract)
    one, other = add_meter(contract.project), add_meter(contract.project)
    add_days(one, without=(24, 25))
    add_days(other)
    MeterAggregate.objects.filter(meter=other, period_start__day=3).update(data_completeness_percent=0)
    result = draft(contract, period)
    assert result.total == Decimal("58.00")
    assert result.warnings == (
        f"meter {one.pk} has no measured energy, and none is billed, on 2 of 30 days, the first 2025-11-24",
        f"meter {other.pk} lacks part of its readings on 1 of 30 days, the first 2025-11-03",
    )
    assert result.lines[0].description == "Energy delivered in 2025-11, 27 of 30 days fully measured"


def test_days_are_those_of_the_project(period: BillingPeriod) -> None:
    contract = make_contract(DENVER)
    add_tariff(contract)
    add_days(add_meter(contract.project))
    (line,) = draft(contract, period).lines
    assert line.quantity == 300  # 2 November has 25 hours, 30 November ends on 1 December in UTC

    Project.objects.update(time_zone="UTC")
    with pytest.raises(BillingError, match="not cut at midnight in UTC: run aggregate_readings again"):
        draft(contract, period)


def test_the_monthly_aggregate_is_linked_where_it_says_the_same(contract: Contract, period: BillingPeriod) -> None:
    monthly = MeterAggregateFactory.create(
        meter=Meter.objects.get(),
        period_type=PeriodType.MONTHLY,
        period_start=datetime(2025, 11, 1, tzinfo=UTC),
        period_end=datetime(2025, 12, 1, tzinfo=UTC),
        energy_kwh=Decimal(300),
    )
    assert draft(contract, period).lines[0].meter_aggregate_id == monthly.pk
    MeterAggregate.objects.filter(pk=monthly.pk).update(energy_kwh=299)
    assert draft(contract, period).lines[0].meter_aggregate_id is None
    MeterAggregate.objects.filter(pk=monthly.pk).update(energy_kwh=300)
    add_days(add_meter(contract.project), "0")
    assert draft(contract, period).lines[0].meter_aggregate_id is None


# --- damages


def test_only_current_verdicts_of_the_contract_and_period_are_credited(
    contract: Contract, period: BillingPeriod
) -> None:
    current = add_verdict(contract, "7")
    of_the_quarter = add_verdict(contract, "2", months=3)
    for other, change in (
        (add_verdict(contract, "1"), {"superseded_at": datetime(2025, 12, 5, tzinfo=UTC)}),
        (add_verdict(contract, "1"), {"period_end": datetime(2025, 11, 1, tzinfo=UTC)}),
        (add_verdict(contract, "1"), {"period_end": datetime(2025, 12, 2, tzinfo=UTC)}),
        (add_verdict(contract, "1"), {"ld_amount": None, "invoice_adjustment": None}),
        (add_verdict(ContractFactory.create(), "1"), {}),
    ):
        RuleOutput.objects.filter(pk=other.pk).update(
            **{"period_start": datetime(2025, 10, 1, tzinfo=UTC), **change},
        )
    result = draft(contract, period)
    damages = [(line.rule_output_id, line.amount) for line in result.lines if line.type_code == "LD_CREDIT"]
    assert damages == [(current.pk, Decimal(-7)), (of_the_quarter.pk, Decimal(-2))]
    assert result.lines[1].description == "Liquidated damages, Availability: 93.2 % measured, 95 % guaranteed"


@pytest.mark.parametrize(
    "ld_amount, adjustment, kind, line",
    [("-7", "7", "BONUS", "7"), ("7", "7", "TAKE_OR_PAY", "7"), ("7", "-7", "LD_CREDIT", "-7")],
)
def test_a_bonus_and_energy_not_taken_are_charged_and_damages_credited(
    contract: Contract, period: BillingPeriod, ld_amount: str, adjustment: str, kind: str, line: str
) -> None:
    InvoiceLineItemTypeFactory.create(code=kind)
    RuleOutput.objects.filter(pk=add_verdict(contract, "1").pk).update(
        ld_amount=ld_amount, invoice_adjustment=adjustment
    )
    found = draft(contract, period).lines[-1]
    assert (found.type_code, found.amount) == (kind, Decimal(line))


def test_a_verdict_that_decides_nothing_is_a_warning(contract: Contract, period: BillingPeriod) -> None:
    RuleOutput.objects.filter(pk=add_verdict(contract, "7").pk).update(
        ld_amount=None,
        invoice_adjustment=None,
        rule_output_type=RuleOutputTypeFactory.create(code="UNDETERMINED"),
    )
    result = draft(contract, period)
    assert len(result.lines) == 1
    assert result.warnings == (
        "no damages are credited where nothing could be decided: Availability: 93.2 % measured, 95 % guaranteed",
    )


def test_an_availability_clause_that_was_not_judged_is_a_warning(contract: Contract, period: BillingPeriod) -> None:
    clause = ClauseFactory.create(
        contract=contract,
        clause_category=ClauseCategoryFactory.create(code="AVAILABILITY"),
        normalized_payload={"threshold": 95, "threshold_unit": "percent", "measurement_period": "monthly"},
    )
    result = draft(contract, period)
    assert result.warnings == (
        f"no verdict on {clause}, so no damages are credited: run evaluate_compliance, then this again",
    )
    RuleOutput.objects.filter(pk=add_verdict(contract, "7").pk).update(clause=clause)
    assert draft(contract, period).warnings == ()


@pytest.mark.parametrize(
    "currency, named, reason",
    [
        ("EUR", "EUR", "exchange_rate: none from EUR to USD on 2025-11-30 or 7 days before: add it"),
        (None, "no currency", "currency: the verdict names none"),
    ],
)
def test_damages_in_another_currency_without_a_rate_are_refused(
    contract: Contract, period: BillingPeriod, currency: str | None, named: str, reason: str
) -> None:
    add_verdict(contract, "7", currency)
    assert refusal(contract, period) == (
        f"damages under Availability are in {named} and the tariff is in USD: {reason}",
    )


def test_damages_in_another_currency_are_credited_at_the_rate_of_the_last_day(
    contract: Contract, period: BillingPeriod
) -> None:
    add_verdict(contract, "7", "EUR")
    euro, dollar = (CurrencyFactory.create(code=code) for code in ("EUR", "USD"))
    for day, rate in ((28, "1.1573"), (21, "1.1520")):
        ExchangeRateFactory.create(
            base_currency=euro, quote_currency=dollar, rate_date=date(2025, 11, day), rate=Decimal(rate)
        )
    *_, credit = draft(contract, period).lines
    assert credit.amount == Decimal("-8.10")
    assert credit.description.endswith("EUR 7.00 at the rate of 2025-11-28")


# --- refusals


def test_a_contract_without_a_project_is_refused(contract: Contract, period: BillingPeriod) -> None:
    Contract.objects.filter(pk=contract.pk).update(project=None)
    assert refusal(contract, period) == ("it has no project, and so neither meters nor a time zone",)


def test_a_contract_without_a_tariff_is_refused(period: BillingPeriod) -> None:
    contract = make_contract()
    add_tariff(contract, valid_from=date(2025, 12, 1))
    add_tariff(contract, valid_to=date(2025, 10, 31))
    assert refusal(contract, period) == ("no tariff is valid from 2025-11-01 to 2025-11-30",)


def test_a_gap_between_tariffs_is_refused_with_its_days(period: BillingPeriod) -> None:
    contract = make_contract()
    add_tariff(contract, valid_to=date(2025, 11, 10))
    add_tariff(contract, valid_from=date(2025, 11, 21))
    add_days(add_meter(contract.project))
    assert refusal(contract, period) == ("no tariff on 2025-11-11 to 2025-11-20",)


def test_a_draft_is_not_billed_and_is_named(period: BillingPeriod) -> None:
    contract = make_contract()
    add_tariff(contract, valid_to=date(2025, 11, 10))
    draft_tariff = add_tariff(contract, valid_from=date(2025, 11, 11), status=TariffStatus.DRAFT)
    add_days(add_meter(contract.project))
    assert refusal(contract, period) == (
        "no tariff on 2025-11-11 to 2025-11-30",
        f"tariff {draft_tariff.pk} is a draft and is not billed",
    )


def test_a_tariff_without_a_rate_is_refused(contract: Contract, period: BillingPeriod) -> None:
    ClauseTariff.objects.update(base_rate=None)
    (problem,) = refusal(contract, period)
    assert problem.endswith("has no rate")


def test_a_price_that_is_not_flat_is_refused_and_not_billed_at_its_base_rate(
    contract: Contract, period: BillingPeriod
) -> None:
    ClauseTariff.objects.update(tariff_type=TariffTypeFactory.create(code="INDEXED"))
    (problem,) = refusal(contract, period)
    assert "logic_parameters of INDEXED: price_index: field required" in problem


def test_tariffs_in_several_currencies_are_refused(contract: Contract, period: BillingPeriod) -> None:
    add_tariff(contract, "500", "month", "EUR", "FIXED_FEE")
    assert refusal(contract, period) == ("tariffs name several currencies: EUR, USD",)


def test_a_contract_whose_term_is_over_is_refused(contract: Contract, period: BillingPeriod) -> None:
    Contract.objects.filter(pk=contract.pk).update(end_date=date(2025, 10, 31))
    assert refusal(contract, period) == ("its term, None to 2025-10-31, does not reach into the period",)


def test_a_time_zone_that_cannot_be_used_is_refused(contract: Contract, period: BillingPeriod) -> None:
    Project.objects.update(time_zone="Factory")  # the server knows it, the program does not
    (problem,) = refusal(contract, period)
    assert problem.startswith(f"project {contract.project}: 'Factory' is not a time zone")


# --- queries


def test_the_number_of_queries_does_not_grow_with_the_rows(period: BillingPeriod) -> None:
    counts = []
    for size in (1, 4):
        contract = make_contract()
        for number in range(size):
            last = date(2025, 11, number + 1) if number + 1 < size else None
            add_tariff(contract, valid_from=date(2025, 11, number + 1), valid_to=last)
            add_days(add_meter(contract.project))
            add_verdict(contract, "1")
        for _ in range(2):  # written, then compared
            with CaptureQueriesContext(connection) as queries:
                draft(contract, period)
            counts.append(len(queries))
    assert counts == [21, 19, 21, 19]  # two of each are the test's own savepoint


# --- all contracts


def test_one_refused_contract_does_not_stop_the_others(contract: Contract, period: BillingPeriod) -> None:
    refused = make_contract()
    run = draft_all(period)
    assert [result.contract_id for result in run.drafts] == [contract.pk]
    assert [(one.contract_id, one.problems) for one in run.refused] == [
        (refused.pk, ("no tariff is valid from 2025-11-01 to 2025-11-30",))
    ]


def test_contracts_that_are_not_in_force_are_skipped(contract: Contract, period: BillingPeriod) -> None:
    ContractFactory.create(contract_status=ContractStatusFactory.create(code="DRAFT"))
    for first, last in ((None, date(2025, 10, 31)), (date(2025, 12, 1), None)):
        Contract.objects.filter(pk=make_contract().pk).update(effective_date=first, end_date=last)
    run = draft_all(period)
    assert (len(run.drafts), run.refused, run.skipped) == (1, (), 3)
    assert draft_all(period, contract.pk).skipped == 0


def test_a_missing_billing_period_names_its_cure(period: BillingPeriod) -> None:
    assert find_billing_period("2025-11") == period
    with pytest.raises(NotFoundError, match="from 2025-10-01 to 2025-10-31: load_reference_data"):
        find_billing_period("2025-10")


def test_missing_line_types_name_their_cure(contract: Contract, period: BillingPeriod) -> None:
    InvoiceLineItemType.objects.all().delete()
    with pytest.raises(NotFoundError, match="line types ENERGY are not loaded: run load_reference_data"):
        draft(contract, period)


# --- generate_invoices


def test_generate_invoices_says_a_sentence_for_each_contract(
    contract: Contract, period: BillingPeriod, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("generate_invoices", "--period", "2025-11")
    assert capsys.readouterr().out.splitlines() == [
        f"{contract}: USD 30.00 for 2025-11, expected invoice created, draft created.",
        "2025-11: 1 billed, 0 refused, 0 skipped (not active, or not in term).",
    ]


def test_generate_invoices_ends_with_3_where_a_contract_was_refused(
    contract: Contract, period: BillingPeriod, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = make_contract()
    with pytest.raises(CommandError) as end:
        call_command("generate_invoices", "--period", "2025-11", "--json", "--dry-run")
    assert end.value.returncode == 3
    run = json.loads(capsys.readouterr().out)
    assert (run["period"], run["skipped"], run["dry_run"]) == ("2025-11", 0, True)
    assert (run["drafts"][0]["contract_id"], run["drafts"][0]["total"]) == (contract.pk, "30.00")
    assert run["drafts"][0]["lines"][0]["quantity"] == "300.000000000000"
    assert run["refused"][0]["contract_id"] == refused.pk
    assert not InvoiceHeader.objects.exists()


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (("--period", "2025-13"), "is not a period"),
        (("--period", "2031-01"), "load_reference_data"),
        (("--period", "2025-11", "--contract", "0"), "contract 0 does not exist"),
    ],
)
def test_generate_invoices_says_what_was_not_found(
    period: BillingPeriod, arguments: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(CommandError, match=problem):
        call_command("generate_invoices", *arguments)


def test_late_readings_propose_a_correction_for_what_was_issued(contract: Contract, period: BillingPeriod) -> None:
    draft(contract, period)
    invoice = as_issued(InvoiceHeader.objects.get())
    assert proposed_corrections() == []
    meter = Meter.objects.get()
    span = (start_of_day(period.start_date, zone("UTC")), start_of_day(period.end_date, zone("UTC")))
    ReadingChangeFactory.create(meter=meter, period_start=span[0], period_end=span[1])
    assert proposed_corrections() == []  # it would come out the same

    add_verdict(contract, "5")
    (proposal,) = proposed_corrections(contract.pk)
    assert (proposal.invoice_id, proposal.invoiced, proposal.due) == (invoice.pk, Decimal(30), Decimal(25))
    assert (
        str(proposal)
        == f"{contract.name}, 2025-11, {invoice.invoice_number}: credit: USD 5.00 net of tax, its readings changed."
    )
    credit(invoice.pk, by="Ana", on=date(2026, 2, 3), reason="late readings", amount=Decimal(5))
    assert proposed_corrections() == []
