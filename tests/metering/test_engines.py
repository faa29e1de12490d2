"""The archive gives the numbers that PostgreSQL has, to the last digit, whichever engine reads it."""

import json
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from core.models.vocabulary import UpdatedFrequency
from core.periods import day_in_zone, zone
from metering.aggregation import roll_up_all
from metering.engines import EngineError, compare, engine, read_source
from metering.models import Meter, MeterAggregate, MeterReading, SourceSystem
from metering.partitions import ensure_months
from metering.storage import Lake
from tests.conftest import absent
from tests.factories import BillingPeriodFactory
from tests.metering.readings import LENGTHS, plant, put

pytestmark = pytest.mark.django_db

FIRST = datetime(2025, 9, 1, tzinfo=UTC)
AFTER = datetime(2025, 12, 1, tzinfo=UTC)
MONTHS = ["2025-09", "2025-10", "2025-11"]
DAY = timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path, settings: Any) -> Lake:
    settings.LAKE = str(tmp_path)
    return Lake.from_url(tmp_path)


@pytest.fixture(params=["duckdb", "spark"])
def named(request: pytest.FixtureRequest) -> str:
    """The name of an engine that is installed."""
    name: str = request.param
    try:
        engine(name)
    except EngineError as error:
        if name == "spark":
            pytest.skip(str(error))
        absent(str(error))
    return name


def archive(lake: Lake, months: Iterable[str] = MONTHS) -> None:
    """Writes the readings of these months as retention does: a file for each organization and month."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT organization_id, meter_id, to_char(reading_timestamp AT TIME ZONE 'UTC', 'YYYY-MM'),"
            " reading_timestamp, reading_interval::text, interval_seconds, energy_wh, irradiance_wm2, register_wh,"
            " source_system FROM meter_reading ORDER BY meter_id, reading_timestamp"
        )
        found = cursor.fetchall()
    frame = pl.DataFrame(
        found,
        {
            "organization_id": pl.Int64,
            "meter_id": pl.Int64,
            "month": pl.String,
            "reading_timestamp": pl.Datetime("us", "UTC"),
            "reading_interval": pl.String,
            "interval_seconds": pl.Int32,
            "energy_wh": pl.Decimal(24, 9),
            "irradiance_wm2": pl.Decimal(12, 6),
            "register_wh": pl.Decimal(24, 9),
            "source_system": pl.String,
        },
        orient="row",
    )
    for (organization, month), part in frame.group_by("organization_id", "month"):
        if month in set(months):
            with lake.writing(f"archive/organization={organization}/month={month}/part-0.parquet") as stream:
                part.drop("month").write_parquet(stream)


def fill(meter: Meter, seed: int, interval: UpdatedFrequency, days: int) -> None:
    """Readings with gaps, missing values, both signs, nine digits, registers that turn over and two sources."""
    chance = Random(seed)
    step = LENGTHS[interval]
    first = datetime(2025, 9, 28, tzinfo=UTC) + chance.randrange(8) * DAY
    register = Decimal(chance.randrange(10**6))
    readings = []
    for n in range(days * DAY // step):
        if chance.random() < 0.1:
            continue
        energy = None if chance.random() < 0.1 else Decimal(chance.randrange(-(10**9), 10**13)).scaleb(-9)
        register = (register + (energy or 0)) % 10**6
        readings.append(
            MeterReading(
                organization_id=meter.project.organization_id,
                project_id=meter.project_id,
                meter=meter,
                source_system=chance.choice([SourceSystem.SMA] * 9 + [SourceSystem.MANUAL]),
                reading_timestamp=first + n * step,
                reading_interval=interval,
                interval_seconds=step.seconds,
                energy_wh=energy,
                irradiance_wm2=chance.choice([None, 0, 100, Decimal("99.999999"), 800]),
                register_wh=chance.choice([None, register]),
            )
        )
    ensure_months(readings[0].reading_timestamp, readings[-1].reading_timestamp)
    MeterReading.objects.bulk_create(readings)


@pytest.fixture
def fleet() -> list[Meter]:
    """Meters of every length of reading, in zones whose clocks change in these months, by half an hour too."""
    meters = []
    for seed, (time_zone, interval) in enumerate(
        [
            ("UTC", UpdatedFrequency.QUARTER_HOUR),
            ("Australia/Lord_Howe", UpdatedFrequency.FIVE_MINUTES),
            ("Asia/Kolkata", UpdatedFrequency.HOURLY),
            ("America/Havana", UpdatedFrequency.HALF_HOUR),
            ("Asia/Kathmandu", UpdatedFrequency.QUARTER_HOUR),
        ]
    ):
        meter = plant(time_zone)
        fill(meter, seed, interval, 2 if interval is UpdatedFrequency.FIVE_MINUTES else 10)
        meters.append(meter)
    daily = plant("America/New_York")
    starts = [day_in_zone(date(2025, 10, 20) + n * DAY, zone("America/New_York")).start for n in range(20)]
    put(daily, [(start, Decimal(n), 300) for n, start in enumerate(starts)], UpdatedFrequency.DAILY)
    BillingPeriodFactory.create(start_date=date(2025, 10, 3), end_date=date(2025, 10, 29))
    BillingPeriodFactory.create(start_date=date(2025, 10, 3), end_date=date(2025, 11, 15))
    return [*meters, daily]


def test_the_archive_gives_what_postgresql_has(named: str, lake: Lake, fleet: list[Meter]) -> None:
    archive(lake)
    roll_up_all(FIRST, AFTER)
    source = read_source(lake, FIRST, AFTER)
    found = compare(engine(named)(source), source)
    assert found.differences == ()
    assert found.compared > 800
    kinds = MeterAggregate.objects.values_list("period_type", flat=True).distinct()
    assert set(kinds) == {"hourly", "daily", "monthly", "billing"}
    assert MeterAggregate.objects.exclude(opening_register_wh=None).exists()


def test_every_difference_is_listed_with_both_values(lake: Lake, fleet: list[Meter]) -> None:
    archive(lake)
    roll_up_all(FIRST, AFTER)
    day = MeterAggregate.objects.filter(period_type="daily", meter=fleet[5]).order_by("period_start")[3]
    MeterAggregate.objects.filter(pk=day.pk).update(energy_wh=(day.energy_wh or 0) + Decimal("1E-9"))
    gone = MeterAggregate.objects.filter(period_type="hourly", meter=fleet[0]).order_by("period_start")[5]
    gone.delete()
    source = read_source(lake, FIRST, AFTER)
    found = compare(engine("duckdb")(source), source)
    assert found.differing == 2
    missing, changed = found.differences
    assert missing == f"meter {fleet[0].pk}, hourly from {gone.period_start:%Y-%m-%d %H:%M} UTC: not stored"
    assert changed == (
        f"meter {fleet[5].pk}, daily from {day.period_start:%Y-%m-%d %H:%M} UTC:"
        " energy_wh 3.000000001, archive 3.000000000"
    )


def test_only_spans_that_the_archive_holds_whole_are_given(lake: Lake) -> None:
    meter = plant("America/New_York")
    put(meter, [(datetime(2025, 10, 31, tzinfo=UTC) + n * timedelta(hours=1), 1, 500) for n in range(48)],
        UpdatedFrequency.HOURLY)  # fmt: skip
    archive(lake, ["2025-10"])
    rows = [row for batch in engine("duckdb")(read_source(lake, FIRST, AFTER)) for row in batch.to_pylist()]
    # The 31st of October in New York ends at 04:00 UTC on the 1st of November, which is not in the archive.
    assert {row["period_type"] for row in rows} == {"hourly", "daily"}
    assert sum(row["period_type"] == "hourly" for row in rows) == 24
    assert [row["energy_wh"] for row in rows if row["period_type"] == "daily"] == [4]


def test_a_lake_that_is_no_folder_is_read_too(fleet: list[Meter]) -> None:
    lake = Lake.from_url("memory://frontier-engines")
    archive(lake)
    roll_up_all(FIRST, AFTER)
    source = read_source(lake, FIRST, AFTER)
    assert compare(engine("duckdb")(source), source).differing == 0


def run(*arguments: str) -> str:
    written = StringIO()
    call_command("aggregate_readings", *arguments, stdout=written)
    return written.getvalue()


def test_the_command_compares_and_ends_with_2_where_something_differs(lake: Lake, fleet: list[Meter]) -> None:
    archive(lake)
    roll_up_all(FIRST, AFTER)
    assert "0 differ" in run("--engine", "duckdb", "--compare")
    MeterAggregate.objects.filter(period_type="billing").delete()
    with pytest.raises(SystemExit) as ended:
        run("--engine", "duckdb", "--compare")
    assert ended.value.code == 2


def test_the_command_writes_csv(lake: Lake, fleet: list[Meter], tmp_path: Path) -> None:
    archive(lake)
    said = json.loads(run("--engine", "duckdb", "--output", str(tmp_path / "made.csv"), "--json"))
    made = pl.read_csv(tmp_path / "made.csv")
    assert made.height == said["rows"] > 800
    assert made["period_start"][0].endswith("Z")


def test_an_empty_archive_is_told(lake: Lake) -> None:
    with pytest.raises(CommandError, match="holds no whole month"):
        run("--engine", "duckdb", "--compare")


def test_an_engine_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch, lake: Lake) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.delitem(sys.modules, "metering.engines.duckdb_engine", raising=False)
    with pytest.raises(CommandError, match="needs duckdb"):
        run("--engine", "duckdb", "--compare")


def test_what_to_do_with_the_archive_must_be_said(lake: Lake) -> None:
    with pytest.raises(CommandError, match="--compare or --output"):
        run("--engine", "duckdb")
    with pytest.raises(CommandError, match="are for --engine"):
        run("--compare")
