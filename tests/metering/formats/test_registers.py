"""Cumulative registers: differences, and every reason why there is none."""

import json
import random
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.formats.canonical import SCHEMA
from metering.formats.registers import Registers
from tests.metering.formats.files import csv, problems, read

REGISTER = {"energy": None, "register": ["shown", "kWh"], "label": "end"}
Energies = list[tuple[Decimal | None, str, str | None]]


def differenced(*lines: str, **declared: object) -> Energies:
    """Energy in Wh, quality and notes of the readings, by time; lines are `hour:minute,register`."""
    content = csv("time,shown", *(f"2024-01-01 {line.replace(',', 'Z,')}" for line in lines))
    readings = read("csv", content, **REGISTER, **declared).sort("reading_timestamp")
    return readings.select("energy_wh", "quality", "other_metrics").rows()


def test_the_energy_of_an_interval_is_the_difference_of_its_ends() -> None:
    assert differenced("00:15,100", "00:30,100.25", "00:45,100.25", "01:00,103") == [
        (None, "missing", '{"register":"first"}'),
        (Decimal(250), "measured", None),
        (Decimal(0), "measured", None),
        (Decimal(2750), "measured", None),
    ]


def test_the_register_stands_at_the_end_of_its_interval() -> None:
    readings = read("csv", csv("time,shown", "2024-01-01 00:15Z,100"), **REGISTER)
    assert readings["reading_timestamp"].dt.to_string("%H:%M").to_list() == ["00:00"]
    assert readings["register_wh"].to_list() == [Decimal(100_000)]


def test_a_register_that_falls_was_reset_and_its_energy_is_unknown() -> None:
    assert differenced("00:15,100", "00:30,3", "00:45,4")[1:] == [
        (None, "missing", '{"register":"reset"}'),
        (Decimal(1000), "measured", None),
    ]


def test_a_declared_end_of_the_register_is_passed() -> None:
    assert differenced("00:15,999.5", "00:30,0.25", register_wraps_at="1000")[1:] == [
        (Decimal(750), "measured", '{"register":"rollover"}')
    ]


def test_a_fall_through_more_than_half_of_the_register_is_a_reset() -> None:
    assert differenced("00:15,400", "00:30,0", register_wraps_at="1000")[1:] == [
        (None, "missing", '{"register":"reset"}')
    ]


def test_a_register_beyond_its_declared_end_is_refused() -> None:
    content = csv("time,shown", "2024-01-01 00:15Z,1000", "2024-01-01 00:30Z,-1")
    why = "the register shows 0 to less than 1000, as declared"
    assert problems("csv", content, **REGISTER, register_wraps_at="1000") == [(2, "shown", why), (3, "shown", why)]


def test_energy_over_a_gap_is_noted_and_not_spread() -> None:
    assert differenced("00:15,100", "01:00,106.5", "01:15,107")[1:] == [
        (None, "missing", '{"register":"gap","gap_since":"2024-01-01T00:15:00Z","gap_wh":"6500.000000000"}'),
        (Decimal(500), "measured", None),
    ]


def test_a_register_that_fell_over_a_gap_was_reset() -> None:
    assert differenced("00:15,100", "01:00,7")[1:] == [(None, "missing", '{"register":"reset"}')]


def test_an_empty_register_leaves_a_gap() -> None:
    assert differenced("00:15,100", "00:30,", "00:45,102")[1:] == [
        (None, "missing", None),
        (None, "missing", '{"register":"gap","gap_since":"2024-01-01T00:15:00Z","gap_wh":"2000.000000000"}'),
    ]


def test_each_device_has_its_own_register() -> None:
    content = csv(
        "time,shown,device",
        "2024-01-01 00:15Z,1,A",
        "2024-01-01 00:15Z,50,",
        "2024-01-01 00:30Z,2,A",
        "2024-01-01 00:30Z,50.5,",
    )
    readings = read("csv", content, **REGISTER, device_column="device").sort("line")
    assert readings["energy_wh"].to_list() == [None, None, Decimal(1000), Decimal(500)]


def test_declared_energy_is_not_replaced_by_a_difference() -> None:
    content = csv("time,shown,energy", "2024-01-01 00:15Z,1,7", "2024-01-01 00:30Z,2,")
    readings = read("csv", content, label="end", register=["shown", "kWh"])
    assert readings.select("energy_wh", "register_wh", "quality").rows() == [
        (Decimal(7000), Decimal(1000), "measured"),
        (None, Decimal(2000), "missing"),
    ]


def test_days_of_a_register_end_with_the_local_day() -> None:
    content = csv("day,shown", "2024-03-10,10", "2024-03-11,12", "2024-03-12,15")
    days = {"time_column": "day", "interval": "daily", "label": "start", "time_zone": "America/Denver"}
    readings = read("csv", content, **(REGISTER | days))
    assert readings.sort("line").select("seconds", "energy_wh").rows() == [
        (82_800, None),
        (86_400, Decimal(2000)),
        (86_400, Decimal(3000)),
    ]


def test_notes_join_other_columns() -> None:
    content = csv("time,shown,volts", "2024-01-01 00:15Z,1,230.5")
    [metrics] = read("csv", content, **REGISTER, others=["volts"])["other_metrics"]
    assert json.loads(metrics) == {"volts": "230.5", "register": "first"}


def readings_of(registers: list[int | None]) -> pl.DataFrame:
    """Two devices with these registers at every quarter of an hour; None has no row."""
    content = csv(
        "time,shown,device",
        *(
            f"2024-01-{1 + at // 96:02} {at // 4 % 24:02}:{at % 4 * 15:02}Z,{shown},{device}"
            for at, shown in enumerate(registers)
            if shown is not None
            for device in "AB"
        ),
    )
    declared = {**REGISTER, "energy": ["shown", "kWh"], "register": None, "device_column": "device"}
    energies = read("csv", content, **declared)
    return energies.with_columns(register_wh="energy_wh", energy_wh=pl.lit(None, SCHEMA["energy_wh"]))


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.none() | st.integers(0, 999), min_size=1, max_size=60).filter(any),
    st.randoms(use_true_random=False),
    st.integers(1, 30),
    st.sampled_from([None, Decimal(1_000_000)]),
)
def test_neither_order_nor_blocks_change_the_energies(
    registers: list[int | None], chance: random.Random, size: int, wraps_at_wh: Decimal | None
) -> None:
    rows = readings_of(registers)
    straight = Registers(wraps_at_wh)
    whole = pl.concat([straight.energies(rows), straight.rest()]).sort("line")

    cut = Registers(wraps_at_wh)
    order = list(range(rows.height))
    chance.shuffle(order)
    shuffled = rows[order]
    parts = [cut.energies(shuffled[at : at + size]) for at in range(0, rows.height, size)]
    again = pl.concat([*parts, cut.rest()]).sort("line")
    assert again.equals(whole)
    assert whole.height == rows.height


@pytest.mark.parametrize("descending", [False, True])
def test_a_file_in_the_order_of_time_keeps_one_reading_per_device_waiting(descending: bool) -> None:
    rows = readings_of(list(range(200))).sort("reading_timestamp", descending=descending)
    registers = Registers(None)
    known = [registers.energies(rows[at : at + 50]).height for at in range(0, rows.height, 50)]
    assert known[0] == 48
    assert set(known[1:]) == {50}
    assert registers.rest().height == 2
