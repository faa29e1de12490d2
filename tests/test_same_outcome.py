"""One month, however its readings came: in any order, repeated, late and cut otherwise, it comes to the same.

Readings, aggregates, verdicts, bills and the closed month are hashed, without what tells when and in which turn a row
was written.
"""

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection, transaction

from core.models import BillingPeriod, ClauseCategory, RuleOutput
from core.models.vocabulary import Status
from database import seeds
from invoicing.closing import close_month
from invoicing.models import CloseStatus, MonthClose
from metering.errors import AlreadyLoaded
from metering.ingestion import ingest
from metering.models import Meter
from tests.factories import ClauseFactory, ClauseTariffFactory, ContractFactory, EventFactory, MeterFactory
from tests.metering.readings import rows
from tests.soak import rounds

pytestmark = pytest.mark.django_db

FIRST = datetime(2025, 11, 1, 7, tzinfo=UTC)  # midnight at UTC-7
HOURS = 30 * 24
HEADER = "time,kwh,sun,stated\n"
MAPPING: dict[str, object] = {
    "time_column": "time",
    "energy": ["kwh", "kWh"],
    "irradiance": ["sun", "W/m2"],
    "reported_column": "stated",
    "interval": "hourly",
    "label": "start",
}
DAYS_OF_STATEMENT = ("2025-12-01", "2025-12-05")
File = tuple[Meter, list[str]]

# What each step wrote; `ORDER BY` stands on what names a row to people.
PARTS = {
    "readings": """
        SELECT meter_id, reading_timestamp, interval_seconds, trim_scale(energy_wh), trim_scale(irradiance_wm2),
               quality, reported_at
        FROM meter_reading ORDER BY 1, 2""",
    "aggregates": """
        SELECT meter_id, period_type, period_start, period_end, billing_period_id, trim_scale(energy_wh),
               trim_scale(energy_kwh), trim_scale(total_production), trim_scale(total_consumption), unit,
               trim_scale(hours_available), trim_scale(hours_expected), availability_percent, reading_count,
               data_completeness_percent, source_system, seconds_available, seconds_expected, seconds_unknown
        FROM meter_aggregate ORDER BY 1, 2, 3""",
    "verdicts": """
        SELECT clause_id, period_start, period_end, breach, ld_amount, invoice_adjustment, content_hash
        FROM rule_output WHERE superseded_at IS NULL ORDER BY 1, 2""",
    "bills": """
        SELECT h.contract_id, h.billing_period_id, h.total_amount, l.description, trim_scale(l.quantity),
               trim_scale(l.line_unit_price), l.line_total_amount
        FROM expected_invoice_header h JOIN expected_invoice_line_item l ON l.expected_invoice_header_id = h.id
        UNION ALL
        SELECT h.contract_id, h.billing_period_id, h.total_amount, l.description, trim_scale(l.quantity),
               trim_scale(l.line_unit_price), l.line_total_amount
        FROM invoice_header h JOIN invoice_line_item l ON l.invoice_header_id = h.id
        ORDER BY 1, 2, 4, 5, 7""",
    "month": """
        SELECT contract_id, billing_period_id, status, problems, notes, accepted_gaps, content_hash
        FROM month_close ORDER BY 1, 2""",
}


@pytest.fixture
def meters() -> tuple[Meter, Meter]:
    """The meters of two plants with a guarantee, a tariff and an outage of the grid each."""
    seeds.load(connection, seeds.select([seeds.Kind.REFERENCE]), print)
    return plant("One"), plant("Two")


def plant(name: str) -> Meter:
    contract = ContractFactory.create(
        name=name, project__time_zone="Etc/GMT+7", contract_type__code="PPA", contract_status__code="ACTIVE"
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
        contract=contract, tariff_type__code="FLAT", currency__code="USD", base_rate=Decimal("0.0537"), unit="kWh"
    )
    EventFactory.create(
        project=contract.project,
        event_type__code="GRID_OUTAGE",
        status=Status.CLOSED,
        raw_data={"verified": True},
        time_start=FIRST + timedelta(hours=14 * 24 + 9),
        time_end=FIRST + timedelta(hours=14 * 24 + 15),
    )
    return MeterFactory.create(project=contract.project, meter_type__code="REVENUE")


def statements(unknown: Sequence[int] = ()) -> tuple[list[str], list[str]]:
    """What was first said of each hour, and what was said anew of some; three days stood still."""
    chance = random.Random(1)
    first, anew = ([line(hour, day, chance, unknown) for hour in range(HOURS)] for day in DAYS_OF_STATEMENT)
    return first, chance.sample(anew, 90)


def line(hour: int, day: str, chance: random.Random, unknown: Sequence[int]) -> str:
    useful = 7 <= hour % 24 < 17
    ran = useful and not 14 * 24 <= hour < 17 * 24
    energy = "" if hour in unknown else f"{chance.randrange(9 * 10**8, 10**9)}e-6" if ran else "0"
    return f"{FIRST + timedelta(hours=hour):%Y-%m-%dT%H:%MZ},{energy},{600 if useful else 0},{day}T00:00Z\n"


def months(meters: tuple[Meter, Meter]) -> list[File]:
    """The statements of both plants, in order; of the second one energy stays unknown for two hours."""
    whole, with_gap = meters
    return [
        *((whole, lines) for lines in statements()),
        *((with_gap, lines) for lines in statements(unknown=(5 * 24 + 11, 6 * 24 + 11))),
    ]


def outcome(files: Sequence[File], folder: Path, *, closed_after: Sequence[int] = ()) -> Mapping[str, str]:
    """The hash of each part once these files came and the month was closed, which is then taken back.

    `closed_after` are numbers of files after which the month was closed already.
    """
    period = BillingPeriod.objects.get(name="2025-11")
    with taken_back():
        for number, file in enumerate(files):
            take(file, folder)
            if number in closed_after:
                close_month(period, jobs=1)
        close_month(period, jobs=1)
        return hashes()


def take(file: File, folder: Path) -> None:
    meter, lines = file
    path = folder / "meter.csv"
    path.write_text(HEADER + "".join(lines))
    ingest(path, meter, MAPPING)


@contextmanager
def taken_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def hashes() -> dict[str, str]:
    return {part: hashlib.sha256(repr(rows(query)).encode()).hexdigest() for part, query in PARTS.items()}


def pieces(files: Sequence[File], chance: random.Random) -> list[File]:
    """The same lines in any order and any number of files, some of them said twice in one file or in two."""
    cut: list[File] = []
    for meter, lines in files:
        mixed = chance.sample(lines, len(lines))
        while mixed:
            count = chance.randrange(100, 500)
            piece, mixed = mixed[:count], mixed[count:]
            # Another repetition makes it another file: the same content is refused.
            cut.append((meter, [*piece, *chance.sample(piece, min(len(piece), chance.randrange(9)))]))
            if chance.random() < 0.2:
                cut.append((meter, [*chance.sample(piece, len(piece)), piece[0]]))
    chance.shuffle(cut)
    return cut


def test_the_month_to_compare_with_has_damages_and_a_reason_to_stay_open(
    meters: tuple[Meter, Meter], tmp_path: Path
) -> None:
    for file in months(meters):
        take(file, tmp_path)
    close_month(BillingPeriod.objects.get(name="2025-11"), jobs=1)
    assert {*RuleOutput.objects.values_list("breach", "ld_amount")} == {(True, Decimal(3000))}
    assert [*MonthClose.objects.order_by("contract").values_list("status", flat=True)] == [
        CloseStatus.CLOSED,
        CloseStatus.PARKED,
    ]
    assert all(rows(query) for query in PARTS.values())


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(rounds(full=100, sample=2)))
def test_readings_in_any_order_repeated_late_and_cut_otherwise_close_the_month_alike(
    meters: tuple[Meter, Meter], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    files = pieces(months(meters), chance)
    early = chance.sample(range(len(files) - 1), 2)
    assert outcome(files, tmp_path, closed_after=early) == outcome(months(meters), tmp_path)


def test_a_month_that_is_offered_and_closed_again_stays_as_it_was(meters: tuple[Meter, Meter], tmp_path: Path) -> None:
    period = BillingPeriod.objects.get(name="2025-11")
    for file in months(meters):
        take(file, tmp_path)
    close_month(period, jobs=1)
    before = hashes()
    for file in months(meters):
        with pytest.raises(AlreadyLoaded):
            take(file, tmp_path)
    again = close_month(period, jobs=1)
    assert hashes() == before
    assert not any(each.is_changed for each in again.contracts)


def test_one_digit_of_one_reading_changes_every_hash(meters: tuple[Meter, Meter], tmp_path: Path) -> None:
    files = months(meters)
    meter, lines = files[1]
    number, one = next((number, one) for number, one in enumerate(lines) if "e-6" in one)
    at, energy, rest = one.split(",", 2)
    changed = [*lines[:number], f"{at},{int(energy.removesuffix('e-6')) + 10**6}e-6,{rest}", *lines[number + 1 :]]
    before = outcome(files, tmp_path)
    after = outcome([files[0], (meter, changed), *files[2:]], tmp_path)
    assert all(before[part] != after[part] for part in PARTS)
