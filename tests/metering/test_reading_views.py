"""The views over readings: what is older than its readings, and the energy of projects and organizations."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from core.models import RuleOutput
from invoicing.models import ExpectedInvoiceHeader, InvoiceHeader
from metering.models import Meter, PeriodType, ReadingChange
from tests.factories import (
    BillingPeriodFactory,
    ContractFactory,
    CurrencyFactory,
    ExpectedInvoiceHeaderFactory,
    InvoiceHeaderFactory,
    MeterAggregateFactory,
    MeterFactory,
    OrganizationFactory,
    ProjectFactory,
    ReadingChangeFactory,
    RuleOutputFactory,
    as_issued,
)
from tests.metering.readings import rows

pytestmark = pytest.mark.django_db

NOVEMBER = (datetime(2025, 11, 1, 7, tzinfo=UTC), datetime(2025, 12, 1, 7, tzinfo=UTC))  # in Phoenix
COMPUTED_AT = datetime(2025, 12, 2, tzinfo=UTC)
BEFORE, AFTER = COMPUTED_AT - timedelta(seconds=1), COMPUTED_AT + timedelta(seconds=1)


@pytest.fixture
def meter() -> Meter:
    return MeterFactory.create(project__time_zone="America/Phoenix")


def verdict(meter: Meter, **columns: Any) -> RuleOutput:
    """A verdict on November, computed on 2 December."""
    period = {"period_start": NOVEMBER[0], "period_end": NOVEMBER[1]}
    output = RuleOutputFactory.create(clause__contract__project=meter.project, **period, **columns)
    RuleOutput.objects.filter(pk=output.pk).update(computed_at=COMPUTED_AT)
    return output


def change(
    meter: Meter,
    start: datetime = NOVEMBER[0],
    end: datetime = NOVEMBER[1],
    aggregated_at: datetime | None = AFTER,
    rows_new: int = 0,
    rows_replaced: int = 0,
) -> ReadingChange:
    """Readings that were stored before the verdict was computed; what counts is when aggregates followed."""
    made = ReadingChangeFactory.create(
        meter=meter, period_start=start, period_end=end, rows_new=rows_new, rows_replaced=rows_replaced
    )
    ReadingChange.objects.filter(pk=made.pk).update(changed_at=BEFORE, aggregated_at=aggregated_at)
    return made


def stale_verdicts() -> list[int]:
    return [number for (number,) in rows("SELECT rule_output_id FROM stale_verdict ORDER BY 1")]


# --- verdicts


@pytest.mark.parametrize("aggregated_at, is_stale", [(BEFORE, False), (COMPUTED_AT, True), (AFTER, True), (None, True)])
def test_a_verdict_is_stale_unless_aggregates_knew_of_the_change_before_it(
    meter: Meter, aggregated_at: datetime | None, is_stale: bool
) -> None:
    output = verdict(meter)
    change(meter, aggregated_at=aggregated_at)
    assert stale_verdicts() == [output.pk] * is_stale


@pytest.mark.parametrize(
    "start, end, is_stale",
    [
        (NOVEMBER[0] - timedelta(days=1), NOVEMBER[0], False),
        (NOVEMBER[0] - timedelta(days=1), NOVEMBER[0] + timedelta(seconds=1), True),
        (NOVEMBER[1] - timedelta(seconds=1), NOVEMBER[1] + timedelta(days=1), True),
        (NOVEMBER[1], NOVEMBER[1] + timedelta(days=1), False),
    ],
)
def test_a_change_that_only_touches_the_period_leaves_the_verdict_alone(
    meter: Meter, start: datetime, end: datetime, is_stale: bool
) -> None:
    verdict(meter)
    change(meter, start, end)
    assert bool(stale_verdicts()) is is_stale


def test_changes_of_another_project_and_superseded_verdicts_are_left_out(meter: Meter) -> None:
    verdict(meter, superseded_at=AFTER)
    verdict(MeterFactory.create())
    change(meter)
    assert stale_verdicts() == []


def test_a_stale_verdict_tells_how_much_changed(meter: Meter) -> None:
    output = verdict(meter)
    change(meter, rows_new=96)
    change(meter, rows_new=1, rows_replaced=4)
    change(meter, rows_new=1000, aggregated_at=BEFORE)
    contract = output.clause.contract
    assert rows(
        "SELECT organization_id, project_id, contract_id, clause_id, rows_new, rows_replaced, last_changed_at"
        " FROM stale_verdict"
    ) == [(contract.organization_id, meter.project_id, contract.pk, output.clause_id, 97, 4, BEFORE)]


# --- drafts


def drafts(meter: Meter) -> dict[str, int]:
    """The numbers of a draft and an expected invoice of November, computed on 2 December."""
    contract = ContractFactory.create(project=meter.project)
    period = BillingPeriodFactory.create(start_date=NOVEMBER[0].date(), end_date=NOVEMBER[1].date() - timedelta(days=1))
    made = {
        factory._meta.model._meta.db_table: factory.create(
            contract=contract, billing_period=period, currency=CurrencyFactory.create(code="USD")
        ).pk
        for factory in (InvoiceHeaderFactory, ExpectedInvoiceHeaderFactory)
    }
    for model in (InvoiceHeader, ExpectedInvoiceHeader):
        model._default_manager.update(computed_at=COMPUTED_AT)
    return made


def stale_drafts() -> dict[str, int]:
    return dict(rows("SELECT document, header_id FROM stale_invoice_draft"))


@pytest.mark.parametrize(
    "start, end, is_stale",
    [
        (NOVEMBER[0] - timedelta(days=1), NOVEMBER[0], False),
        (*NOVEMBER, True),
        (NOVEMBER[1], NOVEMBER[1] + timedelta(days=1), False),
    ],
)
def test_drafts_and_expected_invoices_are_stale_by_the_days_of_their_project(
    meter: Meter, start: datetime, end: datetime, is_stale: bool
) -> None:
    made = drafts(meter)
    change(meter, start, end)
    assert stale_drafts() == (made if is_stale else {})


def test_a_draft_is_not_stale_when_aggregates_knew_of_the_change_before_it(meter: Meter) -> None:
    drafts(meter)
    change(meter, aggregated_at=BEFORE)
    assert stale_drafts() == {}


def test_an_issued_invoice_is_no_draft(meter: Meter) -> None:
    made = drafts(meter)
    for invoice in InvoiceHeader.objects.all():
        as_issued(invoice)
    change(meter)
    assert stale_drafts() == {"expected_invoice_header": made["expected_invoice_header"]}


# --- energy


def aggregate(meter: Meter, kwh: str | None, available: int, expected: int, **columns: Any) -> None:
    """November of a meter."""
    MeterAggregateFactory.create(
        meter=meter,
        period_start=NOVEMBER[0],
        period_end=NOVEMBER[1],
        energy_kwh=kwh and Decimal(kwh),
        seconds_available=available,
        seconds_expected=expected,
        seconds_unknown=10,
        data_completeness_percent=Decimal(0 if kwh is None else 100),
        **columns,
    )


ENERGY = "meters, meters_with_energy, energy_kwh, seconds_available, seconds_expected, seconds_unknown"


def test_the_energy_of_a_project_is_summed_first_and_divided_once(meter: Meter) -> None:
    beside = MeterFactory.create(project=meter.project)
    # The mean of 100 % and 50 % would be 75.
    aggregate(meter, "1.000000000001", 300, 300)
    aggregate(beside, "2", 50, 100)
    aggregate(MeterFactory.create(), "4", 0, 100)
    assert rows(
        f"SELECT {ENERGY}, availability_percent, data_completeness_percent FROM project_energy WHERE project_id = %s",
        meter.project_id,
    ) == [(2, 2, Decimal("3.000000000001"), 350, 400, 20, Decimal("87.50"), Decimal("100.00"))]


def test_a_meter_without_known_energy_is_counted_and_adds_nothing(meter: Meter) -> None:
    beside = MeterFactory.create(project=meter.project)
    aggregate(meter, None, 0, 0)
    energy = "SELECT meters, meters_with_energy, energy_kwh, availability_percent FROM project_energy"
    assert rows(energy) == [(1, 0, None, None)]
    aggregate(beside, "2", 50, 100)
    assert rows(energy) == [(2, 1, Decimal(2), Decimal("50.00"))]
    assert rows("SELECT data_completeness_percent FROM project_energy") == [(Decimal("50.00"),)]


def test_the_energy_of_an_organization_is_that_of_its_projects() -> None:
    ours = OrganizationFactory.create()
    for kwh in ("1", "2"):
        aggregate(MeterFactory.create(project=ProjectFactory.create(organization=ours)), kwh, 50, 100)
    aggregate(MeterFactory.create(), "4", 0, 100)
    assert rows(
        f"SELECT projects, {ENERGY}, availability_percent FROM organization_energy WHERE organization_id = %s", ours.pk
    ) == [(2, 2, 2, Decimal(3), 100, 200, 20, Decimal("50.00"))]


def test_periods_of_different_kinds_are_not_added_up(meter: Meter) -> None:
    aggregate(meter, "1", 0, 0)
    aggregate(meter, "1", 0, 0, period_type=PeriodType.BILLING)
    assert rows("SELECT period_type, energy_kwh FROM project_energy ORDER BY 1") == [
        ("billing", Decimal(1)),
        ("monthly", Decimal(1)),
    ]


def test_a_view_shows_nobody_what_row_security_hides(meter: Meter) -> None:
    verdict(meter)
    change(meter)
    with connection.cursor() as cursor:
        cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO authenticated")
        cursor.execute("GRANT USAGE ON SCHEMA public, auth TO authenticated; SET LOCAL ROLE authenticated")
    assert rows("SELECT count(*) FROM public.rule_output") == [(1,)]
    assert rows("SELECT count(*) FROM public.stale_verdict") == [(0,)]
