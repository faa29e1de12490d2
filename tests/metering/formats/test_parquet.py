"""Parquet: decimals and integers as they stand, floats in their shortest decimal form."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from tests.metering.formats.files import parquet, problems, read, rejected

START = datetime(2024, 1, 1, tzinfo=UTC)
TIMES = pl.Series([START + timedelta(minutes=15 * at) for at in range(2)], dtype=pl.Datetime("us", "UTC"))


@pytest.mark.parametrize(
    "energy",
    [
        pl.Series([Decimal("1.5"), Decimal("0.000000000001")], dtype=pl.Decimal(30, 12)),
        pl.Series([1.5, 0.000000000001]),
        pl.Series(["1.5", "1e-12"]),
        pl.Series(["1.5", "1e-12"], dtype=pl.Categorical),
    ],
)
def test_each_kind_of_number_is_exact(energy: pl.Series) -> None:
    readings = read("parquet", parquet(time=TIMES, energy=energy))
    assert readings["energy_wh"].to_list() == [Decimal(1500), Decimal("1e-9")]


def test_integers_are_exact_to_the_last_digit_that_is_kept() -> None:
    energy = pl.Series([999_999_999_999_999, None])
    readings = read("parquet", parquet(time=TIMES, energy=energy), energy=["energy", "Wh"])
    assert readings.select("energy_wh", "quality").rows() == [
        (Decimal(999_999_999_999_999), "measured"),
        (None, "missing"),
    ]


def test_a_single_precision_float_is_the_decimal_it_was_rounded_from() -> None:
    readings = read("parquet", parquet(time=TIMES, energy=pl.Series([0.1, 12.3], dtype=pl.Float32)))
    assert readings["energy_wh"].to_list() == [Decimal(100), Decimal(12300)]


def test_a_float_is_rounded_half_to_even_at_the_last_digit_that_is_kept() -> None:
    watts = {"energy": None, "power": ["power", "W"]}
    readings = read("parquet", parquet(time=TIMES, power=pl.Series([0.0000000025, 0.0000000035])), **watts)
    assert readings["power_w"].to_list() == [Decimal("2e-9"), Decimal("4e-9")]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "America/Denver"])
def test_times_with_a_zone_are_instants(unit: str, zone: str) -> None:
    times = TIMES.dt.convert_time_zone(zone).dt.cast_time_unit(unit)  # type: ignore[arg-type]
    readings = read("parquet", parquet(time=times, energy=pl.Series([1, 2])), time_zone="Europe/Berlin")
    assert readings["reading_timestamp"].to_list() == TIMES.to_list()


def test_times_without_a_zone_are_read_in_the_declared_one() -> None:
    content = parquet(time=TIMES.dt.replace_time_zone(None), energy=pl.Series([1, 2]))
    readings = read("parquet", content, time_zone="America/Denver")
    assert readings["reading_timestamp"][0] == START + timedelta(hours=7)
    why = "no offset is written and no time_zone is declared"
    assert problems("parquet", content) == [(1, "time", why), (2, "time", why)]


def test_dates_are_local_days() -> None:
    content = parquet(time=pl.Series([date(2024, 3, 10)]), energy=pl.Series([1]))
    readings = read("parquet", content, interval="daily", time_zone="America/Denver")
    assert readings.select("reading_timestamp", "seconds").rows() == [(datetime(2024, 3, 10, 7, tzinfo=UTC), 82_800)]


def test_a_nanosecond_off_the_grid_is_not_cut_off() -> None:
    times = pl.Series([1_704_067_200_000_000_001]).cast(pl.Datetime("ns", "UTC"))
    [(line, column, why)] = problems("parquet", parquet(time=times, energy=pl.Series([1])))
    assert (line, column) == (1, "time")
    assert why.startswith("not an ISO 8601 time")


def test_epochs_are_read_where_they_are_declared() -> None:
    content = parquet(time=pl.Series([1_704_067_200]), energy=pl.Series([1]))
    assert read("parquet", content, time_format="epoch")["reading_timestamp"].to_list() == [START]
    assert problems("parquet", content)[0][1] == "time"


def test_a_row_that_is_no_reading_is_left_out_with_what_it_held() -> None:
    content = parquet(time=TIMES, energy=pl.Series([float("nan"), 2.0]))
    readings, left_out = rejected("parquet", content)
    assert readings["line"].to_list() == [2]
    [each] = left_out
    assert (each.problem.line, each.problem.column) == (1, "energy")
    assert each.problem.cause.startswith("not a finite number")
    assert each.raw == '{"time": "2024-01-01 00:00:00+00:00", "energy": "NaN"}'
