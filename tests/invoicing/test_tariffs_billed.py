"""Tariffs in the database: billed by interval, published with proof, kept from overlapping."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from core.models import BillingPeriod, Contract
from invoicing.billing import Change
from invoicing.corrections import proposed_corrections
from invoicing.crediting import credit
from invoicing.drafting import draft
from invoicing.errors import BillingError, NotFoundError, PublishingError
from invoicing.models import ClauseTariff, ExpectedInvoiceLineItem, InvoiceHeader, TariffStatus
from invoicing.publishing import publish
from metering.models import Meter, MeterAggregate, MeterReading, PeriodType
from tests.factories import (
    HolidayCalendarFactory,
    HolidayFactory,
    MeterAggregateFactory,
    PriceIndexFactory,
    PriceIndexValueFactory,
    as_issued,
)
from tests.invoicing.test_billing import add_days, add_meter, add_tariff, make_contract, november

DENVER = "America/Denver"
PEAK: dict[str, Any] = {
    "clock": "local_wall",
    "rules": [{"bucket": "peak", "days": ["weekday"], "windows": [["15:00", "19:00"]]}],
    "fallback": "base",
    "prices": {"peak": 0.3, "base": 0.1},
}
READINGS = """
INSERT INTO meter_reading (
    organization_id, project_id, meter_id, source_system, reading_timestamp, reading_interval, interval_seconds,
    energy_wh)
SELECT organization_id, project.id, meter.id, 'manual', at, '15min', 900, %(wh)s
FROM meter JOIN project ON project.id = meter.project_id, generate_series(
    '2025-11-01'::timestamp AT TIME ZONE time_zone,
    '2025-12-01'::timestamp AT TIME ZONE time_zone - interval '15 minutes', '15 minutes') AS at
WHERE meter.id = %(meter)s
"""


def add_readings(meter: Meter, wh: int = 100) -> None:
    """A reading for each quarter of an hour of a local November, of which the second day has 25 hours."""
    add_days(meter, "9.6")
    MeterAggregate.objects.filter(meter=meter, period_start=datetime(2025, 11, 2, 6, tzinfo=UTC)).update(energy_kwh=10)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT create_meter_reading_partition('2025-11-01'), create_meter_reading_partition('2025-12-01')"
        )
        cursor.execute(READINGS, {"meter": meter.pk, "wh": wh})


def price(contract: Contract, type_code: str, parameters: object, rate: str | None = None, **rest: Any) -> ClauseTariff:
    tariff = add_tariff(contract, rate, type_code=type_code, **rest)
    ClauseTariff.objects.filter(pk=tariff.pk).update(logic_parameters=parameters)
    return ClauseTariff.objects.get(pk=tariff.pk)


@pytest.fixture
def period(db: None) -> BillingPeriod:
    return november()


@pytest.fixture
def contract(db: None) -> Contract:
    """Denver, whose clocks go back on 2 November 2025: 2,884 quarters of 0.1 kWh."""
    contract = make_contract(DENVER)
    meter = add_meter(contract.project)
    add_readings(meter)
    return contract


def test_a_month_by_time_of_use_is_billed_from_its_readings(contract: Contract, period: BillingPeriod) -> None:
    tariff = price(contract, "TIME_OF_USE", PEAK)
    result = draft(contract, period)
    peak, base = result.lines
    assert (peak.quantity, peak.amount) == (Decimal("32.0"), Decimal("9.60"))  # 20 weekdays of 16 quarters
    assert (base.quantity, base.amount) == (Decimal("256.4"), Decimal("25.64"))
    assert peak.description == "Energy delivered in 2025-11, peak"
    assert peak.clause_tariff_id == tariff.pk
    again = draft(contract, period)
    assert (again.expected, again.invoice) == (Change.UNCHANGED, Change.UNCHANGED)


def test_a_holiday_of_the_calendar_has_its_own_price(contract: Contract, period: BillingPeriod) -> None:
    calendar = HolidayCalendarFactory.create(name="United States")
    HolidayFactory.create(holiday_calendar=calendar, falls_on="fourth thursday of 11")
    price(contract, "TIME_OF_USE", PEAK | {"holiday_calendar": "United States"})
    assert draft(contract, period).lines[0].quantity == Decimal("30.4")


def test_hours_whose_readings_left_come_from_their_aggregates(contract: Contract, period: BillingPeriod) -> None:
    price(contract, "TIME_OF_USE", PEAK)
    hour = datetime(2025, 11, 3, 22, tzinfo=UTC)  # 15:00 on a Monday in Denver
    MeterReading.objects.filter(reading_timestamp__gte=hour, reading_timestamp__lt=hour + timedelta(hours=1)).delete()
    with pytest.raises(BillingError, match=r"intervals come to 288 kWh and days to 288\.4 kWh"):
        draft(contract, period)
    MeterAggregateFactory.create(
        meter=Meter.objects.get(project=contract.project),
        period_type=PeriodType.HOURLY,
        period_start=hour,
        period_end=hour + timedelta(hours=1),
        energy_kwh=Decimal("0.4"),
    )
    assert draft(contract, period).lines[0].quantity == Decimal("32.0")


def test_a_minimum_charge_is_added_for_the_days_it_holds(contract: Contract, period: BillingPeriod) -> None:
    price(contract, "TIME_OF_USE", PEAK | {"minimum_charge": 100})
    *energy, minimum = draft(contract, period).lines
    assert (minimum.type_code, minimum.amount) == ("FIXED_FEE", Decimal("64.76"))
    assert minimum.description == "Minimum charge of USD 100.00, of which USD 35.24 is charged for energy"
    Contract.objects.filter(pk=contract.pk).update(end_date=date(2025, 11, 6))
    *energy, minimum = draft(contract, period).lines
    assert sum(line.amount for line in energy) + minimum.amount == Decimal("20.11")  # 145 of 721 hours


def test_meters_are_summed_before_tiers_fill(contract: Contract, period: BillingPeriod) -> None:
    second = add_meter(contract.project)
    add_readings(second)
    said = {
        "tiers": [{"up_to": 300, "rate": 0.1}, {"rate": 0.2}],
        "tier_mode": "graduated",
        "tier_reset": "billing_period",
    }
    price(contract, "TIERED", said)
    assert [line.quantity for line in draft(contract, period).lines] == [Decimal(300), Decimal("276.8")]


def test_tiers_of_a_contract_year_count_the_months_before(contract: Contract, period: BillingPeriod) -> None:
    Contract.objects.filter(pk=contract.pk).update(effective_date=date(2024, 10, 1))
    MeterAggregateFactory.create(
        meter=Meter.objects.get(project=contract.project),
        period_type=PeriodType.HOURLY,
        period_start=datetime(2025, 10, 20, tzinfo=UTC),
        period_end=datetime(2025, 10, 20, 1, tzinfo=UTC),
        energy_kwh=Decimal(200),
    )
    said = {
        "tiers": [{"up_to": 300, "rate": 0.1}, {"rate": 0.2}],
        "tier_mode": "graduated",
        "tier_reset": "contract_year",
    }
    price(contract, "TIERED", said)
    assert [line.quantity for line in draft(contract, period).lines] == [Decimal(100), Decimal("188.4")]


def test_a_contract_year_that_begins_inside_splits_the_line(contract: Contract, period: BillingPeriod) -> None:
    said = {"escalation_type": "percent", "escalation_value": 2, "growth": "compound", "oy_start_date": "2024-11-11"}
    price(contract, "ESCALATING", said, "0.10")
    first, second = draft(contract, period).lines
    assert (first.unit_price, second.unit_price) == (Decimal("0.1"), Decimal("0.102"))
    assert first.description.startswith("Energy delivered from 2025-11-01 to 2025-11-10, rate 0.1: ")
    assert first.quantity + second.quantity == Decimal("288.4")


def test_an_index_that_is_missing_makes_a_provisional_price_and_its_publication_the_final_one(
    contract: Contract, period: BillingPeriod
) -> None:
    index = PriceIndexFactory.create(name="CPI")
    said = {"price_index": "CPI", "index_base_value": 100, "index_lag_months": 1, "adjusted": "monthly"}
    price(contract, "INDEXED", said, "0.10")
    provisional = draft(contract, period)
    assert provisional.lines[0].unit_price == Decimal("0.1")
    assert any("provisional until that of 2025-10 is published" in warning for warning in provisional.warnings)
    PriceIndexValueFactory.create(price_index=index, month=date(2025, 10, 1), value=Decimal(110))
    final = draft(contract, period)
    assert (final.lines[0].unit_price, final.invoice, final.warnings) == (Decimal("0.11"), Change.REPLACED, ())


def test_what_was_issued_at_a_provisional_price_is_trued_up_when_the_index_is_published(
    contract: Contract, period: BillingPeriod
) -> None:
    index = PriceIndexFactory.create(name="CPI")
    said = {"price_index": "CPI", "index_base_value": 100, "index_lag_months": 1, "adjusted": "monthly"}
    price(contract, "INDEXED", said, "0.10")
    draft(contract, period)
    assert ExpectedInvoiceLineItem.objects.get().is_provisional
    invoice = as_issued(InvoiceHeader.objects.get())
    assert invoice.lines.get().is_provisional
    assert proposed_corrections() == []  # it would come out the same

    PriceIndexValueFactory.create(price_index=index, month=date(2025, 10, 1), value=Decimal(90))
    (proposal,) = proposed_corrections(contract.pk)
    assert (proposal.changed_at, proposal.invoiced, proposal.due) == (None, Decimal("28.84"), Decimal("25.96"))
    assert str(proposal).endswith("credit: USD 2.88 net of tax, its price was provisional.")
    assert not ExpectedInvoiceLineItem.objects.filter(is_provisional=False).exists()  # nothing was written
    draft(contract, period)
    assert not ExpectedInvoiceLineItem.objects.get().is_provisional

    credit(invoice.pk, by="Ana", on=date(2026, 2, 3), reason="CPI of October", amount=Decimal("2.88"))
    assert proposed_corrections() == []


def test_a_tariff_that_cannot_be_read_is_named_with_its_key(contract: Contract, period: BillingPeriod) -> None:
    tariff = price(contract, "TIME_OF_USE", PEAK | {"prices": {"peak": 0.3}})
    with pytest.raises(BillingError) as refused:
        draft(contract, period)
    assert refused.value.problems == (f"tariff {tariff.pk} cannot be read: prices: base has no price",)


# --- publishing


def test_publishing_proves_ten_years_and_a_second_run_writes_nothing(contract: Contract) -> None:
    tariff = price(contract, "TIME_OF_USE", PEAK, status=TariffStatus.DRAFT)
    assert publish(tariff.pk, dry_run=True).is_new
    assert ClauseTariff.objects.get(pk=tariff.pk).status == TariffStatus.DRAFT
    first = publish(tariff.pk)
    stored = ClauseTariff.objects.get(pk=tariff.pk)
    assert (stored.status, stored.proven_until) == (TariffStatus.PUBLISHED, date(2034, 12, 31))
    assert str(first) == f"{tariff.name}: published, one price at every instant from 2025-01-01 to 2034-12-31."
    assert not publish(tariff.pk).is_new
    assert ClauseTariff.objects.get(pk=tariff.pk).published_at == stored.published_at


def test_what_stands_against_publishing_is_told(contract: Contract) -> None:
    known = HolidayCalendarFactory.create(name="Ghana", known_to=date(2026, 12, 31))
    HolidayFactory.create(holiday_calendar=known, falls_on="2026-03-20")
    tariff = price(contract, "TIME_OF_USE", PEAK | {"holiday_calendar": "Ghana"}, status=TariffStatus.DRAFT)
    with pytest.raises(PublishingError, match="known to 2026-12-31 only"):
        publish(tariff.pk)
    with pytest.raises(NotFoundError):
        publish(0)


def test_a_fee_is_published_without_hours(contract: Contract) -> None:
    fee = add_tariff(contract, "500", "month", type_code="FIXED_FEE", status=TariffStatus.DRAFT)
    assert publish(fee.pk).proof is None


def test_a_price_beside_another_is_not_published(contract: Contract) -> None:
    add_tariff(contract)
    other = price(contract, "TIME_OF_USE", PEAK, status=TariffStatus.DRAFT)
    with pytest.raises(PublishingError, match="another price of the contract holds"):
        publish(other.pk)
    assert ClauseTariff.objects.get(pk=other.pk).status == TariffStatus.DRAFT


def test_the_command_publishes_and_refuses_with_reasons(contract: Contract) -> None:
    good = price(contract, "TIME_OF_USE", PEAK, status=TariffStatus.DRAFT)
    bad = price(contract, "TIERED", None, status=TariffStatus.DRAFT)
    out = StringIO()
    call_command("publish_tariff", good.pk, json=True, stdout=out)
    assert json.loads(out.getvalue())["proof"]["problems"] == []
    with pytest.raises(CommandError, match="tiers: field required"):
        call_command("publish_tariff", bad.pk)


def test_the_screen_publishes_with_proof_and_withdraws(contract: Contract, admin_client: Client) -> None:
    good = price(contract, "TIME_OF_USE", PEAK, status=TariffStatus.DRAFT)
    bad = price(contract, "TIERED", None, status=TariffStatus.DRAFT)
    chosen = {"_selected_action": [good.pk, bad.pk]}
    url = reverse("admin:invoicing_clausetariff_changelist")
    answer = admin_client.post(url, chosen | {"action": "publish_chosen"}, follow=True)
    said = [str(message) for message in answer.context["messages"]]
    assert f"{good.name}: published, one price at every instant from 2025-01-01 to 2034-12-31." in said
    assert any(f"{bad.name} cannot be published" in each for each in said)
    assert ClauseTariff.objects.filter(status=TariffStatus.PUBLISHED).get() == good
    page = admin_client.get(reverse("admin:invoicing_clausetariff_change", args=[good.pk]))
    assert b"its price may not be changed" in page.content
    admin_client.post(url, chosen | {"action": "withdraw_chosen"})
    assert not ClauseTariff.objects.filter(status=TariffStatus.PUBLISHED).exists()


# --- what the database refuses


def test_the_database_refuses_a_second_price_on_the_same_day(db: None) -> None:
    contract = make_contract()
    add_tariff(contract, valid_to=date(2025, 6, 30))
    add_tariff(contract, valid_from=date(2025, 7, 1))
    add_tariff(contract, "500", "month", type_code="FIXED_FEE")
    add_tariff(contract, status=TariffStatus.DRAFT)
    add_tariff(make_contract())
    with pytest.raises(IntegrityError, match="clause_tariff_one_energy_price"), transaction.atomic():
        add_tariff(contract, unit="MWh", valid_from=date(2025, 6, 30), valid_to=date(2025, 6, 30))
    with pytest.raises(IntegrityError, match="clause_tariff_one_fee"), transaction.atomic():
        add_tariff(contract, "1", "month", type_code="FIXED_FEE", valid_from=date(2030, 1, 1))


@pytest.mark.parametrize("change", [{"base_rate": 1}, {"logic_parameters": {}}, {"valid_from": date(2024, 1, 1)}])
def test_the_price_of_a_proven_tariff_stays(contract: Contract, change: dict[str, Any]) -> None:
    tariff = price(contract, "TIME_OF_USE", PEAK, status=TariffStatus.DRAFT)
    publish(tariff.pk)
    found = ClauseTariff.objects.filter(pk=tariff.pk)
    with pytest.raises(DatabaseError, match="its price may not be changed"), transaction.atomic():
        found.update(**change)
    found.update(valid_to=date(2025, 12, 31), name="until December")
    found.update(status=TariffStatus.DRAFT, **change)
    assert found.get().proven_until is None


@pytest.mark.parametrize("falls_on", ["soon", "2025-1-1", "fifth monday of 01", "easter1", ""])
def test_the_database_refuses_a_day_that_the_program_cannot_read(db: None, falls_on: str) -> None:
    with pytest.raises(IntegrityError, match="holiday_falls_on_check"), transaction.atomic():
        HolidayFactory.create(falls_on=falls_on)
    for day in ("2025-01-01", "12-25", "last monday of 05", "easter", "easter-2"):
        HolidayFactory.create(falls_on=day)
