"""A month is closed contract by contract: what keeps one open is said, and never stops another."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.errors import PeriodError
from core.models import BillingPeriod, Clause, Contract, InvoiceDirection, Notification, RuleOutput
from core.periods import parse_period, periods_ending_with
from database.scratch import Database
from invoicing.closing import CloseRun, close_month
from invoicing.issuing import verify_and_issue
from invoicing.models import (
    ClauseTariff,
    CloseStatus,
    ExpectedInvoiceHeader,
    InvoiceComparison,
    InvoiceHeader,
    InvoiceNotice,
    MonthClose,
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
    InvoiceLineItemTypeFactory,
    MeterAggregateFactory,
    MeterFactory,
    MeterTypeFactory,
    ReceivedInvoiceHeaderFactory,
    ReceivedInvoiceLineItemFactory,
    TariffTypeFactory,
)
from tests.soak import rounds

pytestmark = [pytest.mark.django_db, pytest.mark.any_server]

REFERENCE = Path(settings.BASE_DIR) / "database" / "seed" / "reference" / "00_reference_data.sql"
KILLED = Path(__file__).parents[1] / "database" / "killed.py"
START, END = datetime(2025, 11, 1, tzinfo=UTC), datetime(2025, 12, 1, tzinfo=UTC)
MONTH_SECONDS = 30 * 24 * 3600
GUARANTEE = {
    "threshold": 95,
    "threshold_unit": "percent",
    "measurement_period": "monthly",
    "ld_rate": 1000,
    "ld_currency": "USD",
}


@pytest.fixture
def november(db: None) -> BillingPeriod:
    with connection.cursor() as cursor:
        cursor.execute(REFERENCE.read_text())
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")  # as in a transaction that loaded nothing
    return november_of()


def agreed(
    name: str,
    *,
    hours_down: int = 0,
    kwh: str | None = "1000",
    direction: InvoiceDirection = InvoiceDirection.RECEIVABLE,
) -> Contract:
    """A contract of USD 0.10 per kWh and 95 % availability, whose November is known by the month."""
    contract = ContractFactory.create(
        name=name,
        contract_status=ContractStatusFactory.create(code="ACTIVE"),
        invoice_direction=direction,
        project__time_zone="UTC",
    )
    ClauseTariffFactory.create(
        contract=contract,
        tariff_type=TariffTypeFactory.create(code="FLAT"),
        currency=CurrencyFactory.create(code="USD"),
        base_rate=Decimal("0.10"),
        unit="kWh",
        valid_from=date(2025, 1, 1),
        valid_to=None,
        status=TariffStatus.PUBLISHED,
    )
    category = ClauseCategoryFactory.create(code="AVAILABILITY")
    ClauseFactory.create(
        contract=contract, clause_category=category, name=f"Availability of {name}", normalized_payload=GUARANTEE
    )
    meter = MeterFactory.create(project=contract.project, meter_type=MeterTypeFactory.create(code="REVENUE"))
    if kwh is not None:
        measured(meter, kwh, hours_down)
    return contract


def measured(meter: Meter, kwh: str, hours_down: int = 0, completeness: str = "100") -> MeterAggregate:
    """November of a meter, known by the month."""
    found: MeterAggregate = MeterAggregateFactory.create(
        meter=meter,
        period_type=PeriodType.MONTHLY,
        period_start=START,
        period_end=END,
        energy_kwh=Decimal(kwh),
        seconds_available=MONTH_SECONDS - 3600 * hours_down,
        seconds_expected=MONTH_SECONDS,
        seconds_unknown=0,
        data_completeness_percent=Decimal(completeness),
    )
    return found


def invoiced_to_us(contract: Contract, november: BillingPeriod, amount: str) -> None:
    invoice = ReceivedInvoiceHeaderFactory.create(
        contract=contract,
        billing_period=november,
        currency=CurrencyFactory.create(code="USD"),
        total_amount=Decimal(amount),
    )
    ReceivedInvoiceLineItemFactory.create(
        received_invoice_header=invoice,
        invoice_line_item_type=InvoiceLineItemTypeFactory.create(code="ENERGY"),
        line_total_amount=Decimal(amount),
    )


def changed_rows() -> int:
    """Rows written, changed or removed in this transaction, in any table of ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_user_tables"
            " WHERE schemaname = 'public'"
        )
        (rows,) = cursor.fetchone()
    return int(rows)


def parked(run: CloseRun) -> dict[str, tuple[str, ...]]:
    return {each.contract: each.problems for each in run.parked}


def test_what_can_be_closed_is_closed_and_the_rest_is_parked_with_its_reasons(november: BillingPeriod) -> None:
    agreed("good")
    breach = agreed("breach", hours_down=72)
    agreed("unmetered", kwh=None)
    ClauseTariff.objects.filter(contract=agreed("unpriced")).delete()
    missing = agreed("misread")
    Clause.objects.filter(contract=missing).update(normalized_payload={**GUARANTEE, "threshold": 95.5})
    MeterAggregate.objects.filter(meter__project=missing.project).update(data_completeness_percent=97)
    run = close_month(november)
    assert [each.contract for each in run.contracts] == ["good", "breach", "unmetered", "unpriced", "misread"]
    reasons = parked(run)
    assert set(reasons) == {"unmetered", "unpriced", "misread"}
    assert "no day has measured energy" in " ".join(reasons["unmetered"])
    assert reasons["unpriced"] == ("no tariff is valid from 2025-11-01 to 2025-11-30",)
    assert "lacks part of its readings" in " ".join(reasons["misread"])
    assert run.contracts[1].total == Decimal("-4900.00")  # 100 for energy, and 5 points short
    assert RuleOutput.objects.get(clause__contract=breach).ld_amount == Decimal(5000)
    stored = {row.contract.name: (row.status, tuple(row.problems)) for row in MonthClose.objects.all()}
    assert stored == {each.contract: (each.status, each.problems) for each in run.contracts}


def test_a_second_run_writes_nothing(november: BillingPeriod) -> None:
    agreed("good")
    agreed("breach", hours_down=72)
    agreed("unmetered", kwh=None)
    payable = agreed("payable", direction=InvoiceDirection.PAYABLE)
    invoiced_to_us(payable, november, "101")
    first = close_month(november)
    before = changed_rows()
    second = close_month(november)
    assert changed_rows() == before
    assert [each.is_changed for each in first.contracts] == [True] * 4
    assert [each.is_changed for each in second.contracts] == [False] * 4
    assert parked(second) == parked(first)


def test_what_changed_is_seen_by_the_next_run(november: BillingPeriod) -> None:
    contract = agreed("good")
    agreed("other")
    close_month(november)
    hashes = dict(MonthClose.objects.values_list("contract", "content_hash"))
    MeterAggregate.objects.filter(meter__project=contract.project).update(energy_kwh=2000)
    run = close_month(november)
    assert [(each.contract, each.total, each.is_changed) for each in run.contracts] == [
        ("good", Decimal("200.00"), True),
        ("other", Decimal("100.00"), False),
    ]
    assert {key for key, now in MonthClose.objects.values_list("contract", "content_hash") if hashes[key] != now} == {
        contract.pk
    }


def test_a_dry_run_says_the_same_and_writes_nothing(november: BillingPeriod) -> None:
    agreed("good")
    agreed("unmetered", kwh=None)
    dry = close_month(november, dry_run=True)
    for model in (MonthClose, InvoiceHeader, ExpectedInvoiceHeader, RuleOutput, Notification):
        assert not model._default_manager.exists()
    assert close_month(november).contracts == dry.contracts
    assert str(dry).startswith("Dry run: nothing was written.")


def test_energy_that_is_not_known_is_accepted_by_name_and_for_good(november: BillingPeriod) -> None:
    contract = agreed("gap")
    gap = MeterAggregate.objects.filter(meter__project=contract.project)
    gap.update(data_completeness_percent=97)
    assert close_month(november).parked
    accepted = close_month(november, accept_gaps_by="Ada")
    assert not accepted.parked
    assert accepted.contracts[0].notes[-1].endswith(", as Ada accepted")
    assert not close_month(november).parked
    row = MonthClose.objects.get()
    assert (row.status, row.accepted_by) == (CloseStatus.CLOSED, "Ada")
    # Another gap is another question.
    gap.update(data_completeness_percent=90)
    assert close_month(november).parked


def test_the_invoice_that_came_is_compared_and_one_that_did_not_keeps_nothing_open(november: BillingPeriod) -> None:
    waiting = agreed("waiting", direction=InvoiceDirection.PAYABLE)
    overbilled = agreed("overbilled", direction=InvoiceDirection.PAYABLE)
    invoiced_to_us(overbilled, november, "105.50")
    run = close_month(november)
    assert [(each.contract, each.status) for each in run.contracts] == [
        ("waiting", CloseStatus.CLOSED),
        ("overbilled", CloseStatus.CLOSED),
    ]
    assert "no invoice was received yet" in run.contracts[0].notes
    assert "the invoice received is overbilled by USD 5.50" in run.contracts[1].notes
    assert InvoiceComparison.objects.get().variance_amount == Decimal("5.5")
    assert not InvoiceHeader.objects.filter(contract__in=[waiting, overbilled]).exists()


def test_drafts_of_what_is_closed_are_announced_once(november: BillingPeriod) -> None:
    closed, open_still = agreed("closed"), agreed("open")
    MeterAggregate.objects.filter(meter__project=open_still.project).update(data_completeness_percent=97)
    close_month(november)
    close_month(november)
    assert [notice.invoice_header and notice.invoice_header.contract for notice in InvoiceNotice.objects.all()] == [
        closed
    ]
    close_month(november, accept_gaps_by="Ada")
    assert InvoiceNotice.objects.count() == 2


def test_an_issued_invoice_that_comes_to_something_else_keeps_the_month_open(november: BillingPeriod) -> None:
    contract = agreed("issued")
    close_month(november)
    verify_and_issue(InvoiceHeader.objects.get().pk, by="Ada", on=date(2025, 12, 5), due=date(2025, 12, 31))
    assert not close_month(november).parked
    MeterAggregate.objects.filter(meter__project=contract.project).update(energy_kwh=2000)
    assert "a correction is needed" in " ".join(parked(close_month(november))["issued"])


def test_what_the_database_refuses_parks_one_contract_alone(november: BillingPeriod) -> None:
    agreed("before")
    refused = agreed("refused")
    agreed("after")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'not this one'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER forbid BEFORE INSERT ON expected_invoice_header FOR EACH ROW"
            f" WHEN (NEW.contract_id = {refused.pk}) EXECUTE FUNCTION forbid()"
        )
    run = close_month(november)
    assert parked(run) == {"refused": ("the database refused: not this one",)}
    assert [each.contract for each in run.contracts] == ["before", "refused", "after"]
    assert set(ExpectedInvoiceHeader.objects.values_list("contract__name", flat=True)) == {"before", "after"}


def test_one_contract_alone_is_closed_where_it_is_named(november: BillingPeriod) -> None:
    agreed("other")
    contract = agreed("named")
    assert [each.contract for each in close_month(november, contract.pk).contracts] == ["named"]
    assert MonthClose.objects.count() == 1


def test_queries_do_not_grow_with_the_contracts(
    november: BillingPeriod, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(2):
        agreed(f"contract {number}", hours_down=72)
    with django_assert_max_num_queries(200) as few:
        close_month(november, dry_run=True)
    for number in range(6):
        agreed(f"more {number}", hours_down=72)
    with django_assert_max_num_queries(len(few)):
        close_month(november, dry_run=True)


@pytest.mark.parametrize(
    "month, judged",
    [
        ("2025-11", ["2025-11"]),
        ("2025-09", ["2025-09", "2025-Q3"]),
        ("2025-12", ["2025-12", "2025-Q4", "2025"]),
    ],
)
def test_quarters_and_years_are_judged_with_their_last_month(month: str, judged: list[str]) -> None:
    assert [period.label for period in periods_ending_with(parse_period(month))] == judged


def test_the_command_says_what_is_parked_and_ends_with_its_code(
    november: BillingPeriod, capsys: pytest.CaptureFixture[str]
) -> None:
    contract = agreed("gap")
    MeterAggregate.objects.filter(meter__project=contract.project).update(data_completeness_percent=97)
    with pytest.raises(CommandError, match="1 parked") as ended:
        call_command("close_month", "2025-11", "--jobs", "1")
    assert ended.value.returncode == 3
    said = capsys.readouterr().out
    assert "gap: parked, USD 100.00\n  meter" in said
    assert said.endswith(f"{november.name}: 0 closed, 1 parked, 1 of them changed.\n")
    call_command("close_month", "2025-11", "--jobs", "1", "--accept-gaps", "Ada", "--json")
    [row] = json.loads(capsys.readouterr().out)["contracts"]
    assert (row["contract"], row["status"], row["total"]) == ("gap", "closed", "100.00")
    with pytest.raises(CommandError, match="there is no billing period"):
        call_command("close_month", "1999-01")


# --- several processes, and processes that die


@pytest.fixture
def fleet(transactional_db: None) -> BillingPeriod:
    with connection.cursor() as cursor:
        cursor.execute(REFERENCE.read_text())
    for number in range(7):
        direction = InvoiceDirection.PAYABLE if number % 3 == 2 else InvoiceDirection.RECEIVABLE
        contract = agreed(f"contract {number}", hours_down=number * 12, direction=direction)
        if number == 2:
            invoiced_to_us(contract, november_of(), "99")
    agreed("unmetered", kwh=None)
    return november_of()


def november_of() -> BillingPeriod:
    return BillingPeriod.objects.get(start_date=date(2025, 11, 1), end_date=date(2025, 11, 30))


def outcome() -> dict[str, list[object]]:
    """What the month came to, without the numbers and times that every run gives anew."""
    alerts = Notification.objects.exclude(rule_output=None)
    return {
        "verdicts": [*RuleOutput.objects.order_by("clause").values_list("clause", "content_hash", "ld_amount")],
        "expected": [*ExpectedInvoiceHeader.objects.order_by("contract").values_list("contract", "total_amount")],
        "drafts": [*InvoiceHeader.objects.order_by("contract").values_list("contract", "total_amount")],
        "comparisons": [*InvoiceComparison.objects.values_list("variance_amount", "status")],
        "closes": [*MonthClose.objects.order_by("contract").values_list("contract", "status", "content_hash")],
        "notices": [*InvoiceNotice.objects.order_by("invoice_header__contract").values_list("kind")],
        "alerts": [*alerts.order_by("rule_output__clause").values_list("rule_output__clause", "description")],
    }


def forget() -> None:
    """Removes what closing made."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM invoice_notice; DELETE FROM invoice_comparison_line_item; DELETE FROM invoice_comparison;"
            " DELETE FROM expected_invoice_line_item; DELETE FROM expected_invoice_header;"
            " DELETE FROM invoice_line_item; DELETE FROM invoice_header; DELETE FROM notification;"
            " DELETE FROM damages_ledger; DELETE FROM rule_output; DELETE FROM default_event; DELETE FROM month_close"
        )


@pytest.mark.django_db(transaction=True)
def test_several_processes_come_to_what_one_comes_to(fleet: BillingPeriod) -> None:
    alone = close_month(fleet)
    expected = outcome()
    forget()
    shared = close_month(fleet, jobs=2, chunk=4)
    assert shared == alone
    assert outcome() == expected


@pytest.mark.soak
@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_killed_is_finished_by_the_next_as_if_nothing_had_happened(
    fleet: BillingPeriod, tmp_path: Path
) -> None:
    environment = os.environ | {"DATABASE_URL": Database.of(connection).url, "COUNT": str(tmp_path / "count")}

    def run(at: str) -> int:
        command = [sys.executable, str(KILLED), at, "close_month", fleet.name, "--jobs", "1"]
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode

    assert run("0") == 3  # one is parked
    expected = outcome()
    statements = int((tmp_path / "count").read_text())
    points = [n / 2 for n in range(2, 2 * statements + 1)]
    many = rounds(200, 4)
    for number in range(many):
        forget()
        assert run(str(points[number * len(points) // many])) == -signal.SIGKILL
        close_month(fleet)
        assert outcome() == expected
        close_month(fleet)
        assert outcome() == expected


def test_a_month_that_has_not_ended_is_not_closed() -> None:
    today = timezone.localdate()
    running = BillingPeriodFactory.create(name="running", start_date=today.replace(day=1), end_date=today)
    with pytest.raises(PeriodError, match=f"running has not ended: it can be closed from {today + timedelta(1)} on"):
        close_month(running)
