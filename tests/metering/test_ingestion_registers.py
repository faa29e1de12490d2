"""Cumulative registers whose readings come in several files: the energy is that of one file with all of them."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from metering.ingestion import Ingested, ingest
from metering.models import Meter, MeterAggregate, MeterReading, ReadingChange
from tests.metering.readings import plant, rows
from tests.metering.test_ingestion_pipeline import content_hash
from tests.soak import rounds

pytestmark = pytest.mark.django_db

MAPPING: dict[str, object] = {
    "time_column": "time",
    "register": ["shown", "kWh"],
    "interval": "hourly",
    "label": "start",
}
# The last two hours of January and the first two of February.
BEGIN = datetime(2009, 1, 31, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)

Shown = dict[int, object]
Load = Callable[..., Ingested]


@pytest.fixture
def meter() -> Meter:
    return plant("Etc/GMT+7")


@pytest.fixture
def load(meter: Meter, tmp_path: Path) -> Load:
    """Loads registers by the hour in which they stand at its end."""

    files = count()

    def loaded(shown: Shown, further: str = "", **declared: object) -> Ingested:
        path = tmp_path / "meter.csv"
        lines = (f"{BEGIN + at * HOUR:%Y-%m-%dT%H:%M:%SZ},{kwh}\n" for at, kwh in shown.items())
        # Empty lines make each file another one.
        path.write_text(f"time,shown{further}\n" + "".join(lines) + "\n" * next(files))
        return ingest(path, meter, MAPPING | declared)

    return loaded


def energies() -> list[tuple[object, ...]]:
    """Energy in Wh, quality and what is noted of the register."""
    return rows("SELECT energy_wh, quality, other_metrics ->> 'register' FROM meter_reading ORDER BY reading_timestamp")


def forget() -> None:
    MeterReading.objects.all().delete()
    ReadingChange.objects.all().delete()


JANUARY: Shown = {0: 100, 1: 101}
FEBRUARY: Shown = {2: 103, 3: 106}
WHOLE = [
    (None, "missing", "first"),
    (Decimal(1000), "measured", None),
    (Decimal(2000), "measured", None),
    (Decimal(3000), "measured", None),
]


@pytest.mark.parametrize("files", [[JANUARY | FEBRUARY], [JANUARY, FEBRUARY], [FEBRUARY, JANUARY]])
def test_months_in_any_order_or_in_one_file_give_the_same_energy(load: Load, files: list[Shown]) -> None:
    load(JANUARY | FEBRUARY)
    expected = content_hash()
    forget()
    for file in files:
        load(file)
    assert energies() == WHOLE
    assert content_hash() == expected


def test_a_later_month_begins_with_the_register_that_stands(load: Load) -> None:
    load(JANUARY)
    result = load(FEBRUARY)
    assert (result.rows_loaded, result.rows_replaced, result.rows_corrected) == (2, 0, 0)
    assert rows("SELECT count(*) FROM meter_reading WHERE other_metrics ? 'replaced'") == [(0,)]


def test_an_earlier_month_corrects_what_stands_and_keeps_what_it_replaces(load: Load) -> None:
    first = load(FEBRUARY)
    at = MeterReading.objects.earliest("reading_timestamp").ingested_at
    second = load(JANUARY)
    assert (second.rows_loaded, second.rows_replaced, second.rows_corrected) == (2, 0, 1)
    assert (second.rows_unchanged, "1 of earlier loads corrected" in str(second)) == (0, True)
    corrected = MeterReading.objects.get(reading_timestamp=BEGIN + 2 * HOUR)
    assert corrected.other_metrics is not None
    (replaced,) = corrected.other_metrics["replaced"]
    assert (replaced["energy_wh"], replaced["quality"]) == (None, "missing")
    assert (replaced["other_metrics"], replaced["ingestion_log_id"]) == ({"register": "first"}, first.log_id)
    # The source said nothing anew: what it states later than it did then is still the newer statement.
    assert (corrected.ingestion_log_id, corrected.ingested_at) == (second.log_id, at)
    changes = ReadingChange.objects.filter(ingestion_log_id=second.log_id).order_by("period_start")
    assert list(changes.values_list("rows_new", "rows_replaced")) == [(2, 0), (0, 1)]
    assert {total.energy_wh for total in MeterAggregate.objects.filter(period_type="monthly")} == {6000}


def test_a_month_that_comes_again_changes_nothing(load: Load) -> None:
    load(FEBRUARY)
    load(JANUARY)
    before = content_hash()
    for again in (FEBRUARY, JANUARY, JANUARY | FEBRUARY):
        result = load(again)
        assert (result.rows_loaded, result.rows_replaced, result.rows_corrected) == (0, 0, 0)
        assert result.rows_unchanged == len(again)
    assert content_hash() == before


def test_energy_that_is_known_stays_when_the_register_before_has_left(load: Load) -> None:
    load(JANUARY | FEBRUARY)
    MeterReading.objects.filter(reading_timestamp__lt=BEGIN + 2 * HOUR).delete()
    assert load(FEBRUARY).rows_replaced == 0
    assert energies() == WHOLE[2:]


@pytest.mark.parametrize("files", [[JANUARY, {2: 7, 3: 9}], [{2: 7, 3: 9}, JANUARY]])
def test_a_register_that_fell_between_two_files_was_reset(load: Load, files: list[Shown]) -> None:
    for file in files:
        load(file)
    assert energies()[2:] == [(None, "missing", "reset"), (Decimal(2000), "measured", None)]


@pytest.mark.parametrize("files", [[{0: 999, 1: 999.5}, {2: 0.25}], [{2: 0.25}, {0: 999, 1: 999.5}]])
def test_a_register_may_pass_its_declared_end_between_two_files(load: Load, files: list[Shown]) -> None:
    for file in files:
        load(file, register_wraps_at="1000")
    assert energies()[2:] == [(Decimal(750), "measured", "rollover")]


@pytest.mark.parametrize("files", [[JANUARY, {3: 106}], [{3: 106}, JANUARY]])
def test_a_gap_between_two_files_is_noted_until_it_is_filled(load: Load, files: list[Shown]) -> None:
    for file in files:
        load(file)
    assert energies()[2:] == [(None, "missing", "gap")]
    gap = MeterReading.objects.latest("reading_timestamp").other_metrics
    assert gap is not None
    assert (gap["gap_since"], gap["gap_wh"]) == ("2009-02-01T00:00:00Z", "5000.000000000")
    assert load({2: 103}).rows_corrected == 1
    assert energies() == WHOLE


def test_a_corrected_register_corrects_the_energy_that_follows(load: Load) -> None:
    load(JANUARY | FEBRUARY)
    result = load({2: 102.5})
    assert (result.rows_replaced, result.rows_corrected) == (1, 1)
    assert [energy for energy, *_ in energies()] == [None, Decimal(1000), Decimal(1500), Decimal(3500)]


def test_declared_energy_beside_a_register_is_left_alone(load: Load) -> None:
    declared = {"energy": ["kwh", "kWh"]}
    load({0: "100,7", 1: "101,8"}, ",kwh", **declared)
    assert load({2: "103,9"}, ",kwh", **declared).rows_corrected == 0
    load({1: "101.5,8"}, ",kwh", **declared)
    assert [energy for energy, *_ in energies()] == [Decimal(7000), Decimal(8000), Decimal(9000)]


def test_an_estimated_register_gives_estimated_energy_in_whatever_file_it_comes(load: Load) -> None:
    declared = {"quality_column": "sure", "qualities": {"A": "measured", "E": "estimated"}}
    load({2: "103,E"}, ",sure", **declared)
    load({1: "101,A"}, ",sure", **declared)
    assert energies() == [(None, "missing", "first"), (Decimal(2000), "estimated", None)]


@pytest.mark.parametrize("seed", range(rounds(full=60, sample=2)))
def test_registers_in_any_number_of_files_give_the_readings_of_one(load: Load, seed: int) -> None:
    chance = random.Random(seed)
    shown: Shown = {}
    register = 0
    for at in chance.sample(range(120), 90):
        shown[at] = None
    for at in sorted(shown):
        register = 0 if chance.random() < 0.05 else (register + chance.randrange(300)) % 1000
        shown[at] = "" if chance.random() < 0.05 else register
    load(shown, register_wraps_at="1000")
    expected = content_hash()
    forget()
    order = chance.sample(sorted(shown), len(shown))
    while order:
        size = chance.randrange(1, 40)
        load({at: shown[at] for at in order[:size]}, register_wraps_at="1000")
        order = order[size:]
    assert content_hash() == expected
