"""The front door: a meter file becomes a verdict, damages, an invoice and a comparison, in numbers one can check.

A November of 30 days with 10 useful hours each: 300 hours, in 30 of which the plant stood still, 6 of those while the
grid was down. Availability is 270 / (300 - 6) = 91.84 %, 3.1633 points below 95 %.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from core.models import BillingPeriod, ClauseCategory, Contract, DefaultEvent, Notification, RuleOutput
from core.models.vocabulary import Status
from database import seeds
from invoicing.models import ExpectedInvoiceHeader, InvoiceComparison, InvoiceHeader
from metering.models import IngestionLog, Meter, MeterAggregate, MeterReading
from tests.factories import (
    ClauseFactory,
    ClauseTariffFactory,
    ContractFactory,
    EventFactory,
    MeterFactory,
    ReceivedInvoiceHeaderFactory,
    ReceivedInvoiceLineItemFactory,
)

pytestmark = pytest.mark.django_db

FIRST = datetime(2025, 11, 1, 7, tzinfo=UTC)  # midnight at UTC-7
DOWN = range(14 * 24, 17 * 24)  # the three days from the 15th stood still
FLAGS = [
    *("--time-column", "time", "--energy-column", "energy", "--energy-unit", "kWh"),
    *("--irradiance-column", "sun", "--irradiance-unit", "W/m2", "--interval", "hourly", "--label", "start"),
]


def november() -> Iterator[str]:
    """The meter file: 1,000 kWh in each useful hour in which the plant ran."""
    yield "time,energy,sun"
    for hour in range(30 * 24):
        useful = 7 <= hour % 24 < 17
        energy = 1000 if useful and hour not in DOWN else 0
        yield f"{FIRST + timedelta(hours=hour):%Y-%m-%dT%H:%MZ},{energy},{600 if useful else 0}"


@pytest.fixture
def contract() -> Contract:
    """A power purchase agreement with one guarantee, one tariff and one verified outage of the grid."""
    seeds.load(connection, seeds.select([seeds.Kind.REFERENCE]), print)
    contract = ContractFactory.create(
        project__time_zone="Etc/GMT+7", contract_type__code="PPA", contract_status__code="ACTIVE"
    )
    ClauseFactory.create(
        contract=contract,
        name="Availability",
        clause_category=ClauseCategory.objects.get(code="AVAILABILITY"),
        normalized_payload={
            "threshold": 95,
            "threshold_unit": "percent",
            "measurement_period": "monthly",
            "excused_events": ["GRID_OUTAGE"],
            "ld_rate": 1000,
            "ld_cap": 3000,
            "ld_currency": "USD",
        },
    )
    ClauseTariffFactory.create(
        contract=contract, tariff_type__code="FLAT", currency__code="USD", base_rate=Decimal("0.05"), unit="kWh"
    )
    outage = FIRST + timedelta(hours=14 * 24 + 9)
    EventFactory.create(
        project=contract.project,
        event_type__code="GRID_OUTAGE",
        status=Status.CLOSED,
        raw_data={"verified": True},
        time_start=outage,
        time_end=outage + timedelta(hours=6),
    )
    return contract


@pytest.fixture
def meter(contract: Contract) -> Meter:
    return MeterFactory.create(project=contract.project, meter_type__code="REVENUE")


@pytest.fixture
def meter_file(tmp_path: Path) -> Path:
    path = tmp_path / "november.csv"
    path.write_text("\n".join(november()) + "\n")
    return path


def run(*command: object) -> str:
    """What the command prints."""
    out = StringIO()
    call_command(*map(str, command), stdout=out)
    return out.getvalue()


def chain() -> str:
    """The steps after the file was loaded."""
    steps = ("evaluate_compliance", "generate_invoices", "compare_invoices")
    return "".join(run(step, "--period", "2025-11") for step in steps)


def test_a_meter_file_becomes_a_verdict_an_invoice_and_a_comparison(
    contract: Contract, meter: Meter, meter_file: Path
) -> None:
    received = ReceivedInvoiceHeaderFactory.create(
        contract=contract,
        billing_period=BillingPeriod.objects.get(name="2025-11"),
        currency__code="USD",
        total_amount=Decimal(10_400),
    )
    ReceivedInvoiceLineItemFactory.create(
        received_invoice_header=received, invoice_line_item_type__code="ENERGY", line_total_amount=Decimal(13_400)
    )
    ReceivedInvoiceLineItemFactory.create(
        received_invoice_header=received, invoice_line_item_type__code="LD_CREDIT", line_total_amount=Decimal(-3_000)
    )

    assert "720 readings" in run("ingest_readings", meter_file, "--meter", meter.pk, *FLAGS)
    assert MeterReading.objects.filter(meter=meter).count() == 720
    month = MeterAggregate.objects.get(meter=meter, period_type="monthly")
    assert month.energy_kwh == 270_000
    assert (month.seconds_available, month.seconds_expected, month.seconds_unknown) == (270 * 3600, 300 * 3600, 0)

    text = chain()
    assert "availability of 91.84 % is below the guarantee of 95.00 %; damages USD 3,000.00, capped (created)" in text
    verdict = RuleOutput.objects.get(clause__contract=contract)
    assert verdict.breach
    assert verdict.ld_amount == 3000
    assert verdict.metadata_detail is not None
    assert [excuse["type"] for excuse in verdict.metadata_detail["excuses"]] == ["GRID_OUTAGE"]
    default = DefaultEvent.objects.get(contract=contract)
    assert default.evidence is not None
    assert default.evidence["meters"] == [meter.pk]
    assert str(default.evidence["values"]["actual"]) == "91.83673469"
    assert Notification.objects.get(default_event=default).rule_output == verdict

    lines = {
        line.invoice_line_item_type.code: line.line_total_amount
        for line in InvoiceHeader.objects.get(contract=contract).lines.select_related("invoice_line_item_type")
    }
    assert lines == {"ENERGY": Decimal(13_500), "LD_CREDIT": Decimal(-3000)}
    assert ExpectedInvoiceHeader.objects.get(contract=contract).total_amount == 10_500
    comparison = InvoiceComparison.objects.get(received_invoice_header=received)
    assert (comparison.variance_amount, comparison.status) == (Decimal(-100), "underbilled")


# Within one transaction everything would begin before the readings came, and be computed again.
@pytest.mark.django_db(transaction=True)
def test_the_chain_run_twice_writes_nothing_the_second_time(contract: Contract, meter: Meter, meter_file: Path) -> None:
    run("ingest_readings", meter_file, "--meter", meter.pk, *FLAGS)
    chain()
    before = written_rows()

    with pytest.raises(CommandError, match="already loaded"):
        run("ingest_readings", meter_file, "--meter", meter.pk, *FLAGS)
    assert "up to date" in run("aggregate_readings", "--from", "2025-10-01", "--to", "2025-12-31")
    again = chain()

    assert "unchanged" in again
    assert "created" not in again
    assert written_rows() == before


def written_rows() -> dict[str, list[tuple[object, ...]]]:
    """Every row of the chain's tables with the transaction that wrote it last."""
    tables = (
        "meter_reading",
        "meter_aggregate",
        "default_event",
        "rule_output",
        "notification",
        "expected_invoice_header",
        "expected_invoice_line_item",
        "invoice_header",
        "invoice_line_item",
        "invoice_comparison",
    )
    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT ctid, xmin FROM {table} ORDER BY 1")
            found[table] = cursor.fetchall()
    return found


def test_without_readings_there_is_neither_a_breach_nor_an_invoice(contract: Contract, meter: Meter) -> None:
    assert "undetermined" in run("evaluate_compliance", "--period", "2025-11")
    with pytest.raises(CommandError) as refused:
        run("generate_invoices", "--period", "2025-11")

    assert refused.value.returncode == 3
    assert not DefaultEvent.objects.exists()
    assert not RuleOutput.objects.get(clause__contract=contract).breach
    assert not InvoiceHeader.objects.exists()
    assert not ExpectedInvoiceHeader.objects.exists()


def test_a_refused_file_leaves_its_reason_and_nothing_else(contract: Contract, meter: Meter, meter_file: Path) -> None:
    meter_file.write_text(meter_file.read_text().replace("2025-11-02T09:00Z,0", "1970-11-02T09:00Z,none"))

    with pytest.raises(CommandError) as refused:
        run("ingest_readings", meter_file, "--meter", meter.pk, *FLAGS)

    assert "november.csv line 28, column 'energy', 'none': not a number" in str(refused.value)
    assert not MeterReading.objects.exists()
    log = IngestionLog.objects.get()
    assert (log.ingestion_status, log.rows_failed, log.rows_loaded) == ("quarantined", 1, 0)
