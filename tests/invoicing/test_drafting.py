"""Bills drafted in batches: as each contract alone, by as many queries as for one, whoever runs beside."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from core.models import BillingPeriod, Contract, InvoiceDirection
from invoicing import drafting
from invoicing.billing import Change, Refusal
from invoicing.drafting import DraftResult, draft, draft_all, draft_many
from invoicing.issuing import verify
from invoicing.models import (
    ClauseTariff,
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceStatus,
)
from metering.models import Meter, MeterAggregate, MeterReading, PeriodType
from tests.factories import (
    ClauseCategoryFactory,
    ClauseFactory,
    CurrencyFactory,
    ExchangeRateFactory,
    MeterAggregateFactory,
    as_issued,
)
from tests.invoicing.test_billing import (
    DENVER,
    add_days,
    add_meter,
    add_tariff,
    add_verdict,
    make_contract,
    november,
    sessions_waiting,
    wait_for,
    written,
)
from tests.invoicing.test_tariffs_billed import PEAK, add_readings, price

WRITTEN = (ExpectedInvoiceHeader, ExpectedInvoiceLineItem, InvoiceHeader, InvoiceLineItem)


@pytest.fixture
def period(db: None) -> BillingPeriod:
    return november()


def flat(rate: str = "0.10", **rest: Any) -> Contract:
    """10 kWh a day, at one price."""
    contract = make_contract(**rest)
    add_tariff(contract, rate)
    add_days(add_meter(contract.project))
    return contract


def by_time_of_use(times: int = 1) -> Contract:
    """Quarters of 0.1 kWh, or so many times as much."""
    contract = make_contract(DENVER)
    meter = add_meter(contract.project)
    add_readings(meter, 100 * times)
    MeterAggregate.objects.filter(meter=meter).update(energy_kwh=F("energy_kwh") * times)
    price(contract, "TIME_OF_USE", PEAK)
    return contract


def by_the_month(kwh: str | None = "300", contract: Contract | None = None, **rest: Any) -> Contract:
    """A contract of which the energy of the whole month is known and that of no day."""
    contract = contract or make_contract()
    MeterAggregateFactory.create(
        **{
            "meter": add_meter(contract.project),
            "period_type": PeriodType.MONTHLY,
            "period_start": datetime(2025, 11, 1, tzinfo=UTC),
            "period_end": datetime(2025, 12, 1, tzinfo=UTC),
            "energy_kwh": None if kwh is None else Decimal(kwh),
            "data_completeness_percent": Decimal(100),
            **rest,
        }
    )
    return contract


def of_every_kind() -> list[Contract]:
    """Contracts that need each of the things that are gathered, and some that are refused."""
    cut = flat("0.30")
    Contract.objects.filter(pk=cut.pk).update(effective_date=date(2025, 11, 21))
    fee = make_contract(direction=InvoiceDirection.PAYABLE)
    add_tariff(fee, "500", "month", type_code="FIXED_FEE")
    damaged, abroad = flat("0.20"), flat("0.40")
    add_verdict(damaged, "7")
    add_verdict(abroad, "7", "EUR")
    euro, dollar = (CurrencyFactory.create(code=code) for code in ("EUR", "USD"))
    ExchangeRateFactory.create(
        base_currency=euro, quote_currency=dollar, rate_date=date(2025, 11, 28), rate=Decimal("1.1573")
    )
    unjudged = flat("0.50", time_zone="Asia/Kathmandu")
    ClauseFactory.create(
        contract=unjudged,
        clause_category=ClauseCategoryFactory.create(code="AVAILABILITY"),
        normalized_payload={"threshold": 95, "threshold_unit": "percent", "measurement_period": "monthly"},
    )
    whole = by_the_month()
    add_tariff(whole)
    no_energy = make_contract()
    add_tariff(no_energy)
    add_meter(no_energy.project)
    readings_missing = by_time_of_use()
    MeterReading.objects.filter(project=readings_missing.project).delete()
    kinds = [cut, by_time_of_use(), fee, make_contract(), damaged, by_time_of_use(2), abroad, unjudged, whole]
    return [*kinds, no_energy, readings_missing]


def outcome(contract: Contract, period: BillingPeriod) -> DraftResult | Refusal:
    (result,) = draft_many([contract], period, dry_run=True)
    return result


def stored() -> list[tuple[object, ...]]:
    """What the documents say, without their ids."""
    found: list[tuple[object, ...]] = []
    for model, parent in ((ExpectedInvoiceLineItem, "expected_invoice_header"), (InvoiceLineItem, "invoice_header")):
        columns = [f"{parent}__contract_id", f"{parent}__total_amount", "description", "line_total_amount"]
        found += model._default_manager.order_by(f"{parent}__contract_id", "id").values_list(*columns)
    return found


def versions() -> list[object]:
    """Which transaction wrote each row."""
    with connection.cursor() as cursor:
        rows: list[object] = []
        for model in WRITTEN:
            cursor.execute(f"SELECT id, xmin, ctid FROM {model._meta.db_table} ORDER BY id")
            rows.append(cursor.fetchall())
        return rows


# --- a batch


def test_a_batch_says_of_each_contract_what_it_says_of_it_alone(period: BillingPeriod) -> None:
    contracts = of_every_kind()
    alone = [outcome(contract, period) for contract in contracts]
    together = draft_many(contracts, period)
    assert together == alone
    assert [type(result) for result in together].count(Refusal) == 3
    assert {result.total for result in together if isinstance(result, DraftResult)} == {
        Decimal("30.00"),  # ten days at 0.30, and the whole month at 0.10
        Decimal("35.24"),
        Decimal("500.00"),
        Decimal("53.00"),
        Decimal("70.48"),
        Decimal("111.90"),
        Decimal("150.00"),
    }


def test_of_refused_contracts_nothing_is_written_and_the_others_are_billed(period: BillingPeriod) -> None:
    contracts = of_every_kind()
    results = draft_many(contracts, period)
    billed = {result.contract_id for result in results if isinstance(result, DraftResult)}
    assert set(ExpectedInvoiceHeader.objects.values_list("contract_id", flat=True)) == billed
    payable = next(contract.pk for contract in contracts if contract.invoice_direction == InvoiceDirection.PAYABLE)
    assert set(InvoiceHeader.objects.values_list("contract_id", flat=True)) == billed - {payable}


def test_a_second_run_over_a_batch_writes_nothing(period: BillingPeriod) -> None:
    contracts = of_every_kind()
    draft_many(contracts, period)
    before = versions()
    with written() as writes:
        again = draft_many(contracts, period)
    assert not writes
    assert versions() == before
    changes = {(one.expected, one.invoice) for one in again if isinstance(one, DraftResult)}
    assert changes == {(Change.UNCHANGED, Change.UNCHANGED), (Change.UNCHANGED, None)}


def test_what_changed_is_replaced_and_the_rest_of_the_batch_left_alone(period: BillingPeriod) -> None:
    _, second, third = contracts = [flat(), flat(), flat()]
    draft_many(contracts, period)
    headers = list(InvoiceHeader.objects.order_by("contract_id").values_list("pk", flat=True))
    ClauseTariff.objects.filter(contract=second).update(base_rate=Decimal("0.20"))
    as_issued(InvoiceHeader.objects.get(contract=third))
    add_verdict(third, "5")
    changed = draft_many(contracts, period)
    assert [(one.expected, one.invoice, one.total) for one in changed if isinstance(one, DraftResult)] == [
        (Change.UNCHANGED, Change.UNCHANGED, Decimal(30)),
        (Change.REPLACED, Change.REPLACED, Decimal(60)),
        (Change.REPLACED, Change.ISSUED, Decimal(25)),
    ]
    invoices = InvoiceHeader.objects.order_by("contract_id")
    assert [invoice.pk for invoice in invoices] == headers
    assert [invoice.total_amount for invoice in invoices] == [30, 60, 30]
    assert [one.total_amount for one in ExpectedInvoiceHeader.objects.order_by("contract_id")] == [30, 60, 25]


def test_neither_order_nor_size_of_batches_matters(period: BillingPeriod, monkeypatch: pytest.MonkeyPatch) -> None:
    contracts = of_every_kind()
    backwards = draft_many(contracts[::-1], period)
    assert [result.contract_id for result in backwards] == [contract.pk for contract in contracts[::-1]]
    documents = stored()
    for model in (InvoiceLineItem, InvoiceHeader, ExpectedInvoiceLineItem, ExpectedInvoiceHeader):
        model._default_manager.all().delete()
    monkeypatch.setattr(drafting, "BATCH", 2)
    run = draft_all(period)
    assert stored() == documents
    ids = sorted(contract.pk for contract in contracts)
    billed, refused = ({one.contract_id for one in of_kind} for of_kind in (run.drafts, run.refused))
    assert sorted(billed | refused) == ids
    assert [one.contract_id for one in run.drafts] == sorted(one.contract_id for one in run.drafts)


def test_the_number_of_queries_does_not_grow_with_the_contracts(period: BillingPeriod) -> None:
    def queries(contracts: Sequence[Contract]) -> list[int]:
        counts = []
        for _ in range(2):  # written, then compared
            with CaptureQueriesContext(connection) as captured:
                assert all(isinstance(result, DraftResult) for result in draft_many(contracts, period))
            counts.append(len(captured))
        return counts

    def pair() -> list[Contract]:
        damaged = flat("0.20")
        add_verdict(damaged, "7")
        return [damaged, by_time_of_use()]

    assert queries(pair()) == queries([contract for _ in range(4) for contract in pair()])


def test_a_contract_that_was_deleted_meanwhile_is_refused(period: BillingPeriod) -> None:
    gone, kept = make_contract(), flat()
    Contract.objects.filter(pk=gone.pk).delete()
    refused, billed = draft_many([gone, kept], period)
    assert refused == Refusal(gone.pk, gone.name, ("it was deleted",))
    assert isinstance(billed, DraftResult)


def test_no_contracts_are_no_bills(period: BillingPeriod) -> None:
    assert draft_many([], period) == []


# --- beside others


@pytest.mark.django_db(transaction=True)
def test_batches_at_once_in_opposite_orders_write_each_document_once() -> None:
    period, contracts = november(), [flat(), flat(), flat()]
    changes: list[list[Change]] = []

    def run(mine: Sequence[Contract]) -> Callable[[], None]:
        def work() -> None:
            try:
                results = draft_many(mine, period)
                changes.append([one.expected for one in results if isinstance(one, DraftResult)])
            finally:
                connection.close()

        return work

    runs = [Thread(target=run(mine)) for mine in (contracts, contracts[::-1])]
    with transaction.atomic():
        Contract.objects.select_for_update().get(pk=contracts[1].pk)
        for each in runs:
            each.start()
        wait_for(lambda: sessions_waiting() == 2)
    for each in runs:
        each.join(timeout=30)
    assert sorted(changes) == [[Change.CREATED] * 3, [Change.UNCHANGED] * 3]
    assert [model._default_manager.count() for model in WRITTEN] == [3, 3, 3, 3]


@pytest.mark.django_db(transaction=True)
def test_a_draft_that_is_being_verified_is_left_alone_and_the_batch_goes_on(emptied: None) -> None:
    period, contracts = november(), [flat(), flat()]
    draft_many(contracts, period)
    ClauseTariff.objects.update(base_rate=Decimal("0.20"))
    results: list[DraftResult | Refusal] = []

    def run() -> None:
        try:
            results.extend(draft_many(contracts, period))
        finally:
            connection.close()

    beside = Thread(target=run)
    with transaction.atomic():
        verify(InvoiceHeader.objects.get(contract=contracts[0]).pk, by="Ana", on=date(2025, 12, 1))
        beside.start()
        wait_for(lambda: sessions_waiting() == 1)
    beside.join(timeout=30)
    assert [one.invoice for one in results if isinstance(one, DraftResult)] == [Change.ISSUED, Change.REPLACED]
    assert InvoiceHeader.objects.get(contract=contracts[0]).status == InvoiceStatus.VERIFIED


# --- energy known by the month alone


def test_a_month_without_days_is_billed_from_its_aggregate_and_says_so(period: BillingPeriod) -> None:
    contract = by_the_month()
    tariff = add_tariff(contract)
    result = draft(contract, period)
    (line,) = result.lines
    assert (line.quantity, line.amount, line.clause_tariff_id) == (Decimal(300), Decimal("30.00"), tariff.pk)
    assert line.description == "Energy delivered in 2025-11, metered as one sum, no days known"
    assert line.meter_aggregate_id == Meter.objects.get().aggregates.get().pk
    assert result.warnings == ()
    assert draft(contract, period).invoice is Change.UNCHANGED


def test_meters_without_days_are_summed_and_what_they_lack_is_told(period: BillingPeriod) -> None:
    contract = by_the_month()
    add_tariff(contract)
    by_the_month("200", contract, data_completeness_percent=Decimal("97.5"))
    second = Meter.objects.latest("pk")
    result = draft(contract, period)
    assert (result.total, result.lines[0].meter_aggregate_id) == (Decimal("50.00"), None)
    assert result.warnings == (f"meter {second.pk} lacks part of its readings: 97.50 % are there",)


def test_a_meter_without_a_month_beside_one_that_has_it_is_refused(period: BillingPeriod) -> None:
    contract = by_the_month()
    add_tariff(contract)
    by_the_month(None, contract)
    add_meter(contract.project)
    second, third = Meter.objects.order_by("pk")[1:]
    assert outcome(contract, period) == Refusal(
        contract.pk,
        contract.name,
        (
            f"meter {second.pk} and meter {third.pk} without days or a month of measured energy:"
            " load the readings, then run aggregate_readings",
        ),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"effective_date": date(2025, 11, 2)},
        {"end_date": date(2025, 11, 29)},
    ],
)
def test_a_month_of_which_the_contract_runs_a_part_is_refused(period: BillingPeriod, change: dict[str, date]) -> None:
    contract = by_the_month()
    add_tariff(contract)
    Contract.objects.filter(pk=contract.pk).update(**change)
    refused = outcome(contract, period)
    assert isinstance(refused, Refusal)
    assert refused.problems == ("no day has measured energy: load the readings, then run aggregate_readings",)


def test_a_tariff_that_changes_within_a_month_without_days_is_refused(period: BillingPeriod) -> None:
    contract = by_the_month()
    add_tariff(contract, valid_to=date(2025, 11, 10))
    add_tariff(contract, "0.20", valid_from=date(2025, 11, 11))
    refused = outcome(contract, period)
    assert isinstance(refused, Refusal)
    (problem,) = refused.problems
    assert problem.startswith("the tariff changes on 2025-11-11, and energy is known for the whole period alone")


def test_an_escalated_price_that_holds_all_month_bills_it_without_days(period: BillingPeriod) -> None:
    contract = by_the_month()
    said = {"escalation_type": "percent", "escalation_value": 2, "growth": "compound", "oy_start_date": "2024-11-01"}
    tariff = price(contract, "ESCALATING", said, "0.10")
    (line,) = draft(contract, period).lines
    assert (line.quantity, line.unit_price, line.amount) == (Decimal(300), Decimal("0.102"), Decimal("30.60"))
    assert line.description.startswith("Energy delivered in 2025-11, metered as one sum, no days known, rate 0.102: ")
    ClauseTariff.objects.filter(pk=tariff.pk).update(logic_parameters=said | {"oy_start_date": "2024-11-11"})
    assert_price_varies(outcome(contract, period))


def test_a_price_by_time_of_use_or_tier_is_not_guessed_for_a_month_without_days(period: BillingPeriod) -> None:
    contract = by_the_month()
    tariff = price(contract, "TIME_OF_USE", PEAK)
    assert_price_varies(outcome(contract, period))
    ClauseTariff.objects.filter(pk=tariff.pk).delete()
    tiers = {
        "tiers": [{"up_to": 100, "rate": 0.1}, {"rate": 0.2}],
        "tier_mode": "graduated",
        "tier_reset": "billing_period",
    }
    price(contract, "TIERED", tiers)
    assert_price_varies(outcome(contract, period))


def assert_price_varies(refused: DraftResult | Refusal) -> None:
    assert isinstance(refused, Refusal)
    (problem,) = refused.problems
    assert problem.startswith("the price is not one and the same in the whole period")


def test_days_are_billed_where_they_are_known_beside_the_month(period: BillingPeriod) -> None:
    contract = by_the_month("999")
    add_tariff(contract)
    add_days(Meter.objects.get(), without=(4,))
    result = draft(contract, period)
    assert (result.total, result.lines[0].meter_aggregate_id) == (Decimal("29.00"), None)


def test_a_month_cut_in_another_zone_is_not_billed(period: BillingPeriod) -> None:
    contract = by_the_month(period_end=datetime(2025, 12, 1, tzinfo=UTC) + timedelta(hours=7))
    add_tariff(contract)
    assert isinstance(outcome(contract, period), Refusal)
