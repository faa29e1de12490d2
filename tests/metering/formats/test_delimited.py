"""Delimited meter files: every cell becomes an exact reading or a named problem."""

import io
import random
import string
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from metering.errors import BadFile, FormatError, MappingError
from metering.formats import parse
from metering.formats.canonical import INTERVAL_SECONDS, SCHEMA
from metering.formats.delimited import parse as parse_delimited
from metering.formats.mapping import ColumnMapping
from tests.soak import rounds

QUARTERS = ColumnMapping(time_column="time", interval="15min", label="start", energy=("energy", "kWh"))


def mapping(**changes: object) -> ColumnMapping:
    """`QUARTERS` with changes."""
    return ColumnMapping.from_json(QUARTERS.to_json() | changes)


def read(text: str | bytes, mapping: ColumnMapping = QUARTERS, block_bytes: int = 2**20) -> tuple[pl.DataFrame, int]:
    """All readings of a file, and how many lines only repeated others."""
    stream = io.BytesIO(text if isinstance(text, bytes) else text.encode())
    blocks = list(parse_delimited(stream, mapping, "meter.csv", block_bytes=block_bytes))
    assert all(block.readings.schema == SCHEMA for block in blocks)
    return pl.concat([SCHEMA.to_frame(), *(block.readings for block in blocks)]), sum(
        block.repeated for block in blocks
    )


def energies(text: str, mapping: ColumnMapping = QUARTERS) -> list[Decimal | None]:
    return read(text, mapping)[0]["energy_wh"].to_list()


def starts(times: Sequence[str], mapping: ColumnMapping) -> list[str]:
    """The UTC starts of readings at these times."""
    readings, _ = read("time,energy\n" + "".join(f"{written},1\n" for written in times), mapping)
    return readings["reading_timestamp"].dt.to_string("%Y-%m-%d %H:%MZ").to_list()


def problems(text: str | bytes, mapping: ColumnMapping = QUARTERS) -> list[tuple[int, str | None, str]]:
    """Line, column and cause of everything that is wrong with a file."""
    with pytest.raises(BadFile) as refusal:
        read(text, mapping)
    return [(problem.line, problem.column, problem.cause) for problem in refusal.value.problems]


def cause(cell: str, mapping: ColumnMapping = QUARTERS) -> str:
    """Why this cell is no energy."""
    [(line, column, why)] = problems(f'time,energy\n2024-01-01 00:00Z,"{cell}"\n', mapping)
    assert (line, column) == (2, "energy")
    return why


def cause_of_time(written: str, mapping: ColumnMapping = QUARTERS) -> str:
    [(line, column, why)] = problems(f"time,energy\n{written},1\n", mapping)
    assert (line, column) == (2, "time")
    return why


# --- readings -----------------------------------------------------------------------------------------------


def test_a_line_becomes_a_reading_in_stored_units() -> None:
    everything = mapping(
        energy=["energy", "kWh"],
        power=["power", "MW"],
        irradiance=["sun", "kW/m2"],
        temperature=["air", "°C"],
        device_column="inverter",
    )
    readings, repeated = read(
        "inverter,time,energy,power,sun,air,remark\nINV-1,2024-01-01T00:15:00+01:00,1.5,0.25,0.8125,-3.5,dull\n",
        everything,
    )
    assert readings.rows() == [
        (
            2,
            datetime(2023, 12, 31, 23, 15, tzinfo=UTC),
            900,
            Decimal(1500),
            Decimal(250000),
            None,
            Decimal("812.5"),
            Decimal("-3.5"),
            "INV-1",
            "measured",
            None,
            None,
        )
    ]
    assert repeated == 0


def test_a_missing_cell_is_not_zero() -> None:
    readings, _ = read("time,energy\n2024-01-01 00:00Z,\n2024-01-01 00:15Z,0\n")
    assert readings.select("energy_wh", "quality").rows() == [(None, "missing"), (Decimal(0), "measured")]


def test_power_alone_is_measured() -> None:
    readings, _ = read("time,energy,power\n2024-01-01 00:00Z,,7\n2024-01-01 00:15Z,,\n", mapping(power=["power", "W"]))
    assert readings.select("energy_wh", "power_w", "quality").rows() == [
        (None, Decimal(7), "measured"),
        (None, None, "missing"),
    ]


def test_blank_lines_are_skipped_and_line_numbers_stay_physical() -> None:
    readings, _ = read("time,energy\r\n\r\n2024-01-01 00:00Z,1\r\n,\r\n  \r\n2024-01-01 00:15Z,2\r\n\r\n\r\n")
    assert readings["line"].to_list() == [3, 6]


def test_the_last_line_may_lack_its_end_and_the_first_may_have_a_byte_order_mark() -> None:
    assert energies("\ufefftime,energy\n2024-01-01 00:00Z,1") == [Decimal(1000)]


def test_no_device_and_a_named_device_are_two_meters() -> None:
    readings, _ = read(
        "time,energy,device\n2024-01-01 00:00Z,1,A\n2024-01-01 00:00Z,2,B\n2024-01-01 00:00Z,3,\n",
        mapping(device_column="device"),
    )
    assert readings["external_device_id"].to_list() == ["A", "B", None]


def test_quoted_cells_may_hold_delimiters_and_quotes() -> None:
    readings, _ = read(
        '"device","time","energy"\n"a","2024-01-01 00:00Z","1"\n"b, south","2024-01-01 00:00Z",2\n'
        '"c ""new""",2024-01-01 00:00Z,"3"\n"d","2024-01-01 00:00Z","4"\n',
        mapping(device_column="device"),
    )
    assert readings.select("line", "external_device_id", "energy_wh").rows() == [
        (2, "a", Decimal(1000)),
        (3, "b, south", Decimal(2000)),
        (4, 'c "new"', Decimal(3000)),
        (5, "d", Decimal(4000)),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_delimiter_cuts_cells(delimiter: str) -> None:
    text = f"time{delimiter}energy\n2024-01-01 00:00Z{delimiter}1\n"
    assert energies(text, mapping(delimiter=delimiter)) == [Decimal(1000)]


def test_a_column_may_have_an_empty_name() -> None:
    assert energies(",energy\n2024-01-01 00:00Z,1\n", mapping(time_column="")) == [Decimal(1000)]


# --- numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "watt_hours"),
    [
        ("1", "1000"),
        ("+1", "1000"),
        ("-0.001", "-1"),
        (".5", "500"),
        ("5.", "5000"),
        ("5e-05", "0.05"),
        ("1.2E3", "1200000"),
        (" 7 ", "7000"),
        ("0.1000000000000000000000000000000000000000000000", "100"),
        ("000000000000000000000000000012.5", "12500"),
        ("0.000000000001", "0.000000001"),
        ("-999999999999.999999999999", "-999999999999999.999999999"),
    ],
)
def test_a_number_is_read_exactly(written: str, watt_hours: str) -> None:
    assert energies(f"time,energy\n2024-01-01 00:00Z,{written}\n") == [Decimal(watt_hours)]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("n/a", "not a number"),
        ("0x10", "not a number"),
        ("1_000", "not a number"),
        ("٣", "not a number"),
        ("--1", "not a number"),
        ("NaN", "not a finite number"),
        ("-inf", "not a finite number"),
        ("1,5", "decimal comma:"),
        ("1,234", "decimal comma or thousands separator"),
        ("1,234.5", "thousands separator"),
        ("1.234,5", "thousands separator"),
        ("12 345", "thousands separator"),
        ("12'345.6", "thousands separator"),
        ("1000000000000", "too many digits: at most 12 before the decimal point"),
        ("999999999999.9999999999999", "too many digits"),
        ("1e400", "too many digits"),
        ("1e9999999999999999999999", "too many digits"),
    ],
)
def test_a_cell_that_is_no_exact_number_is_refused_with_its_cause(written: str, why: str) -> None:
    assert cause(written).startswith(why)


def test_decimals_that_a_binary_program_wrote_are_rounded_to_those_that_are_kept() -> None:
    sunny = mapping(irradiance=["sun", "W/m2"])
    readings, _ = read("time,energy,sun\n2024-01-01 00:00Z,1,812.123456\n", sunny)
    assert readings["irradiance_wm2"].to_list() == [Decimal("812.123456")]
    readings, _ = read("time,energy,sun\n2024-01-01 00:00Z,1e-400,842.5299999999999\n", sunny)
    assert readings["irradiance_wm2"].to_list() == [Decimal("842.53")]
    assert readings["energy_wh"].to_list() == [Decimal(0)]


@settings(deadline=None)
@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14, places=9)
    | st.decimals(allow_nan=False, allow_infinity=False, places=30),
    st.sampled_from(["Wh", "kWh", "MWh", "GWh"]),
)
def test_an_accepted_number_is_its_text_times_the_unit_to_the_nano_watt_hour(number: Decimal, unit: str) -> None:
    exact = number.scaleb({"Wh": 0, "kWh": 3, "MWh": 6, "GWh": 9}[unit])
    text = f"time,energy\n2024-01-01 00:00Z,{number:f}\n"
    if abs(exact) < 10**15 - 1:
        assert energies(text, mapping(energy=["energy", unit])) == [exact.quantize(Decimal("1e-9"))]
    else:
        [(_, _, why)] = problems(text, mapping(energy=["energy", unit]))
        assert why.startswith("too many digits")


# --- times --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "2024-01-01 01:15Z",
        "2024-01-01T01:15:00Z",
        "2024-01-01T02:15:00+01:00",
        "2024-01-01T02:15:00+0100",
        "2024-01-01 02:15+01",
        "2023-12-31 18:15:00.000 -07:00",
        "2023-12-31 18:15:00.0000000-07:00",
        "2024-01-01 06:45:00+05:30",
    ],
)
def test_each_way_to_write_an_offset_names_the_same_instant(written: str) -> None:
    assert starts([written], QUARTERS) == ["2024-01-01 01:15Z"]


def test_one_file_may_mix_ways_and_offsets() -> None:
    berlin = mapping(time_zone="Europe/Berlin")
    assert starts(["2024-10-27T02:45:00+02:00", "2024-10-27 02:00+01", "2024-10-27 03:00", "2024-10-27"], berlin) == [
        "2024-10-27 00:45Z",
        "2024-10-27 01:00Z",
        "2024-10-27 02:00Z",
        "2024-10-26 22:00Z",
    ]


@settings(deadline=None)
@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 28)),  # noqa: DTZ001 - a face of a clock
    st.integers(-14 * 60, 14 * 60),
)
def test_a_time_with_offset_is_the_instant_that_python_reads(wall: datetime, minutes: int) -> None:
    written = wall.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    readings, _ = read(f"time,energy\n{written.isoformat()},1\n", mapping(interval="sec"))
    assert readings["reading_timestamp"].to_list() == [written]


@settings(deadline=None)
@given(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2035, 1, 1)),  # noqa: DTZ001 - a face of a clock
    st.sampled_from(["America/Denver", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
@example(datetime(2024, 3, 10, 2, 30), "America/Denver")  # noqa: DTZ001 - a face of a clock
@example(datetime(2024, 11, 3, 1, 30), "America/Denver")  # noqa: DTZ001 - a face of a clock
@example(datetime(2024, 4, 7, 1, 45), "Australia/Lord_Howe")  # noqa: DTZ001 - a face of a clock
def test_a_local_time_is_read_only_where_it_happens_once(wall: datetime, zone: str) -> None:
    face = wall.replace(microsecond=0)
    first, second = (face.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    text = f"time,energy\n{face},1\n"
    local = mapping(interval="sec", time_zone=zone)
    if first == second:
        assert read(text, local)[0]["reading_timestamp"].to_list() == [first]
    elif first < second:
        assert cause_of_time(str(face), local).startswith(f"happens twice in {zone}")
    else:
        assert cause_of_time(str(face), local).startswith(f"never happens in {zone}")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "no time"),
        ("yesterday", "not an ISO 8601 time"),
        ("2024-02-30 00:00Z", "not an ISO 8601 time"),
        ("2024-01-01 24:00Z", "not an ISO 8601 time"),
        ("2024-01-01 00:60Z", "not an ISO 8601 time"),
        ("2024-01-01 00:00:60Z", "not an ISO 8601 time"),
        ("2024-1-1 00:00Z", "not an ISO 8601 time"),
        ("01/02/2024 00:00Z", "not an ISO 8601 time"),
        ("2024-01-01 00:00+15:00", "not an ISO 8601 time"),
        ("2024-01-01 00:00+01:75", "not an ISO 8601 time"),
        ("0000-01-01 00:00Z", "not an ISO 8601 time"),
        ("2024-01-01 00:00", "no offset is written and no time_zone is declared"),
        ("2024-01-01 00:07Z", "not on the local 15min grid"),
        ("2024-01-01 00:15:01Z", "not on the local 15min grid"),
        ("2024-01-01 00:15:00.000001Z", "not on the local 15min grid"),
    ],
)
def test_a_cell_that_is_no_time_is_refused_with_its_cause(written: str, why: str) -> None:
    assert cause_of_time(written).startswith(why)


def test_an_unreadable_offset_does_not_fall_back_to_the_declared_zone() -> None:
    why = cause_of_time("2024-01-01 00:00+99:00", mapping(time_zone="UTC"))
    assert why.startswith("not an ISO 8601 time")


@pytest.mark.parametrize(("interval", "seconds"), [*INTERVAL_SECONDS.items()][1:])
def test_an_end_label_is_shifted_to_the_start(interval: str, seconds: int) -> None:
    ends = mapping(interval=interval, label="end")
    readings, _ = read("time,energy\n2024-03-01T00:00:00Z,1\n", ends)
    assert readings["reading_timestamp"].to_list() == [datetime(2024, 3, 1, tzinfo=UTC) - timedelta(seconds=seconds)]


def test_an_end_label_crosses_a_clock_change_in_real_time() -> None:
    denver = mapping(interval="hourly", label="end", time_zone="America/Denver")
    assert starts(["2024-03-10 03:00", "2024-11-03 02:00"], denver) == ["2024-03-10 08:00Z", "2024-11-03 08:00Z"]


def test_hours_of_a_half_hour_zone_lie_on_its_own_grid() -> None:
    assert starts(["2024-01-01 06:00"], mapping(interval="hourly", time_zone="+05:30")) == ["2024-01-01 00:30Z"]
    india = mapping(interval="hourly", time_zone="Asia/Kolkata")
    assert starts(["2024-01-01T00:30Z"], india) == ["2024-01-01 00:30Z"]
    assert cause_of_time("2024-01-01T01:00Z", india) == "not on the local hourly grid"


@pytest.mark.parametrize("label", ["start", "end"])
def test_a_day_starts_at_local_midnight_even_when_it_has_no_24_hours(label: str) -> None:
    days = ["2024-03-10", "2024-03-11"] if label == "start" else ["2024-03-11", "2024-03-12"]
    denver = mapping(interval="daily", label=label, time_zone="America/Denver")
    assert starts(days, denver) == ["2024-03-10 07:00Z", "2024-03-11 06:00Z"]


def test_a_day_whose_midnight_is_skipped_starts_when_the_clocks_show_one() -> None:
    sao_paulo = mapping(interval="daily", time_zone="America/Sao_Paulo")
    assert starts(["2018-11-04", "2018-11-05T00:00-02:00"], sao_paulo) == ["2018-11-04 03:00Z", "2018-11-05 02:00Z"]


def test_a_day_whose_midnight_is_repeated_starts_at_the_first() -> None:
    assert starts(["2024-11-03"], mapping(interval="daily", time_zone="America/Havana")) == ["2024-11-03 04:00Z"]


@pytest.mark.parametrize("written", ["2024-01-01 01:00", "2024-01-01T00:00Z"])
def test_a_day_that_does_not_start_at_local_midnight_is_refused(written: str) -> None:
    denver = mapping(interval="daily", time_zone="America/Denver")
    assert cause_of_time(written, denver) == "not on the local daily grid"


@pytest.mark.parametrize(
    ("time_format", "written"),
    [
        ("%d/%m/%Y %H:%M", "31/12/2023 18:15"),
        ("%m/%d/%y %I:%M %p", "12/31/23 06:15 PM"),
        ("%d-%b-%Y %H:%M:%S", "31-Dec-2023 18:15:00"),
        ("%Y%m%d%H%M", "202312311815"),
        ("%d.%m.%Y %H:%M:%S.%f %z", "01.01.2024 02:15:00.000 +0100"),
    ],
)
def test_a_declared_time_format_is_read(time_format: str, written: str) -> None:
    odd = mapping(time_format=time_format, time_zone="America/Denver")
    assert starts([written], odd) == ["2024-01-01 01:15Z"]


def test_a_time_in_another_format_than_declared_is_refused() -> None:
    why = cause_of_time("2023-12-31 18:15Z", mapping(time_format="%d/%m/%Y %H:%M %z"))
    assert why == "not a time written as %d/%m/%Y %H:%M %z"


# --- repeated readings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("block_bytes", [16, 60, 2**20])
def test_identical_lines_are_counted_and_loaded_once(block_bytes: int) -> None:
    text = "time,energy\n2024-01-01 00:00Z,1\n2024-01-01T00:15Z,\n2024-01-01 01:00+01:00,1.0\n2024-01-01 00:15Z,\n"
    readings, repeated = read(text, block_bytes=block_bytes)
    assert readings["line"].to_list() == [2, 3]
    assert repeated == 2


@pytest.mark.parametrize("block_bytes", [16, 60, 2**20])
@pytest.mark.parametrize("second", ["2", "", "0"])
def test_two_lines_that_contradict_each_other_are_refused(second: str, block_bytes: int) -> None:
    text = f"time,energy\n2024-01-01 00:00Z,1\n2024-01-01 00:15Z,1\n2024-01-01 00:00Z,{second}\n"
    with pytest.raises(BadFile) as refusal:
        read(text, block_bytes=block_bytes)
    assert str(refusal.value) == (
        "meter.csv: 1 problem\n"
        "meter.csv line 4, column 'time', '2024-01-01 00:00:00Z':"
        " line 2 has other values for the same device and time"
    )


def test_a_missing_reading_contradicts_a_zero() -> None:
    [(line, _, why)] = problems("time,energy\n2024-01-01 00:00Z,\n2024-01-01 00:00Z,0\n")
    assert (line, why) == (3, "line 2 has other values for the same device and time")


# --- files --------------------------------------------------------------------------------------------------


def test_every_problem_of_a_file_is_listed_in_one_pass_by_line() -> None:
    text = (
        b"time,energy,device\n"
        b"2024-01-01 00:07Z,x,A\n"
        b"2024-01-01 00:15Z,1\n"
        b"2024-01-01 00:30Z,\xe9,A\n"
        b'2024-01-01 00:45Z,"1,A\n'
        b"2024-01-01 01:00Z,1,A\n"
        b"2024-01-01 01:00Z,2,A\n"
        b"2024-01-01 01:15Z,1\x00,A\n"
        b"2024-01-01 01:30Z,1," + b"A" * 256 + b"\n"
    )
    found = problems(text, mapping(device_column="device"))
    assert found == [
        (2, "time", "not on the local 15min grid"),
        (2, "energy", "not a number"),
        (3, None, "2 cells, the header has 3"),
        (4, None, "byte 0xE9 at offset 79 is not UTF-8: save the file as UTF-8"),
        (5, None, "a quote is not closed on its line"),
        (7, "time", "line 6 has other values for the same device and time"),
        (8, None, "byte 0x00 at offset 169 belongs in no text file"),
        (9, "device", "a device id has at most 255 characters"),
    ]
    assert text[79:80] == b"\xe9"
    assert text[169:170] == b"\x00"


def test_a_hundred_problems_are_listed_and_all_are_counted() -> None:
    lines = "".join(f"2024-01-01 00:00Z,no {number}\n" for number in range(250))
    with pytest.raises(BadFile) as refusal:
        read("time,energy\n" + lines, block_bytes=1000)
    assert refusal.value.total == 250
    assert [problem.line for problem in refusal.value.problems] == list(range(2, 102))
    text = str(refusal.value).splitlines()
    assert text[0] == "meter.csv: 250 problems"
    assert text[1] == "meter.csv line 2, column 'energy', 'no 0': not a number"
    assert text[-1] == "meter.csv: 150 more, not listed"


def test_a_long_value_is_shortened() -> None:
    with pytest.raises(BadFile) as refusal:
        read(f"time,energy\n2024-01-01 00:00Z,{'x' * 1000}\n")
    assert refusal.value.problems[0].value == "x" * 39 + "…"


def test_no_block_follows_the_first_problem() -> None:
    text = "time,energy\n2024-01-01 00:00Z,1\n2024-01-01 00:15Z,x\n2024-01-01 00:30Z,1\n"
    blocks = parse_delimited(io.BytesIO(text.encode()), QUARTERS, "meter.csv", block_bytes=32)
    assert next(blocks).readings["line"].to_list() == [2]
    with pytest.raises(BadFile):
        next(blocks)


def test_a_missing_column_is_refused_with_what_the_header_has() -> None:
    assert problems("zeit,energy\n") == [(1, "time", "the column is missing: the header has 'zeit', 'energy'")]


def test_a_declared_column_may_not_stand_twice_in_the_header() -> None:
    assert problems("time,energy,energy\n2024-01-01 00:00Z,1,2\n") == [
        (1, "energy", "the header has this name 2 times")
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the file is empty"),
        ("time,energy", "the file holds no readings, only a header"),
        ("time,energy\n\n,\n", "the file holds no readings, only a header"),
        ('time,"energy\n', "a quote is not closed on its line"),
    ],
)
def test_a_file_without_readings_is_refused(text: str, why: str) -> None:
    assert problems(text) == [(1, None, why)]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    assert problems(b"x" * (2**20 + 20)) == [(1, None, "the line is longer than 1048576 bytes")]
    assert problems(b"time,energy\n" + b"x" * (2**20 + 20))[-1] == (2, None, "the line is longer than 1048576 bytes")


def test_an_unknown_format_is_refused_at_once() -> None:
    with pytest.raises(FormatError, match="'xls' is unknown: known are csv, "):
        parse("xls", io.BytesIO(), QUARTERS, "meter.xls")


# --- mappings -----------------------------------------------------------------------------------------------


def test_a_mapping_survives_json() -> None:
    whole = mapping(
        power=["p", "kW"],
        irradiance=["sun", "W/m2"],
        temperature=["air", "C"],
        device_column="device",
        time_zone="America/Denver",
        time_format="%d/%m/%Y %H:%M",
        delimiter=";",
    )
    assert ColumnMapping.from_json(whole.to_json()) == whole


def test_a_bad_mapping_lists_every_problem() -> None:
    with pytest.raises(MappingError) as refusal:
        mapping(
            energy=["energy", "kW"],
            power=["energy", "horse power"],
            interval="7min",
            label="middle",
            time_zone="Denver",
            time_format="%H:%Q",
            delimiter=".",
        )
    for part in (
        "energy: unit 'kW' measures power",
        "power: unit 'horse power' is unknown",
        "column 'energy' is declared 2 times",
        "interval '7min' is unknown: known are daily, hourly, 30min, 15min, 5min, min, sec",
        "label 'middle' is unknown",
        "time_zone: 'Denver' is not a time zone: did you mean America/Denver?",
        "time_format '%H:%Q': %Q cannot be read",
        "time_format '%H:%Q' needs year, month and day",
        "delimiter '.' is not one of",
    ):
        assert part in str(refusal.value)
    assert len(refusal.value.problems) == 9


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"energy": None}, "declare a column of energy, of power or of a register"),
        ({"interval": "daily", "label": "end"}, "daily readings labelled by their end need time_zone"),
        ({"interval": None}, "interval is missing"),
        ({"energie": ["energy", "kWh"]}, "'energie' is unknown"),
        ({"energy": "energy"}, "energy must be a list of column and unit"),
        ({"energy": ["energy", 1]}, "energy must be a list of column and unit"),
        ({"time_zone": 1}, "time_zone must be text"),
        ({"time_zone": "localtime"}, "time_zone"),
        ({"time_zone": "+15:00"}, "time_zone"),
        ({"time_format": "%z %d/%m/%Y"}, "%z must come last"),
        ({"time_format": "%d/%m/%Y %I:%M"}, "%I and %p need each other"),
        ({"time_format": "%d/%m/%Y %d"}, "names something twice"),
        ({"time_format": "%d/%m/%Y %H:%M:%S,%f"}, "%f must follow a point"),
    ],
)
def test_a_mapping_that_leaves_something_open_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(MappingError) as refusal:
        mapping(**changes)
    assert why in str(refusal.value)


# --- properties ---------------------------------------------------------------------------------------------


def generated(seed: int, lines: int) -> str:
    """A good file with devices, quotes, gaps, blank lines, repeats and both line ends."""
    chance = random.Random(seed)
    written = ["device,time,energy,note"]
    readings = [
        (device, f"{datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * number)}")
        for number in range(lines // 3)
        for device in ("A", '"B, south"', "")
    ]
    for device, at in readings:
        written.append(f"{device},{at},{chance.choice(['', '0', '1.25', '-3', '7e-3'])},{chance.choice('xyzäß')}")
        if chance.random() < 0.1:  # a repeat or a blank line
            written.append(written[-1] if chance.random() < 0.5 else "")
    written.append(written[1])
    return chance.choice(["\n", "\r\n"]).join(written)


@settings(max_examples=rounds(25, 10), deadline=None)
@given(st.integers(0, 5), st.integers(20, 3000))
@example(0, 1)
def test_the_size_of_blocks_changes_nothing(seed: int, block_bytes: int) -> None:
    devices = mapping(device_column="device")
    whole, repeated = read(generated(seed, 60), devices)
    assert repeated > 0
    cut, repeated_when_cut = read(generated(seed, 60), devices, block_bytes)
    assert cut.equals(whole)
    assert repeated_when_cut == repeated


def test_lines_in_any_order_give_the_same_readings() -> None:
    header, *lines = generated(1, 3000).splitlines()
    random.Random(1).shuffle(lines)
    devices = mapping(device_column="device")
    key = ["external_device_id", "reading_timestamp"]
    straight, repeated = read(generated(1, 3000), devices, 4000)
    shuffled, repeated_when_shuffled = read("\n".join([header, *lines]), devices, 4000)
    assert shuffled.drop("line").sort(key).equals(straight.drop("line").sort(key))
    assert repeated_when_shuffled == repeated


garbled_cells = st.text(alphabet=string.digits + "\"'+-.,:;TZe \r\t\0é", max_size=12) | st.sampled_from(
    ["2024-01-01 00:00Z", "2024-03-10 02:15", "2024-01-01T00:15:00+01:00", "1.5", "", "nan", "1e5", "99999999999999999"]
)


@settings(deadline=None)
@given(st.binary(max_size=300), st.booleans(), st.integers(1, 50))
def test_random_bytes_parse_or_are_refused(garbage: bytes, with_header: bool, block_bytes: int) -> None:
    try:
        read((b"time,energy\n" if with_header else b"") + garbage, QUARTERS, block_bytes)
    except BadFile as refusal:
        assert refusal.total >= len(refusal.problems) > 0  # noqa: PT017 - either outcome is right


@settings(deadline=None)
@given(
    st.lists(st.lists(garbled_cells, min_size=1, max_size=3).map(",".join), max_size=8),
    st.sampled_from(
        [
            mapping(time_zone="America/Denver"),
            mapping(interval="daily", label="end", time_zone="America/Sao_Paulo"),
            mapping(time_format="%Y-%m-%d %H:%M %z", time_zone="-07:00"),
            mapping(interval="sec"),
        ]
    ),
)
def test_garbled_lines_parse_or_are_refused(lines: list[str], declared: ColumnMapping) -> None:
    try:
        readings, _ = read("\n".join(["time,energy", *lines]), declared)
    except BadFile as refusal:
        assert refusal.total >= len(refusal.problems) > 0  # noqa: PT017 - either outcome is right
    else:
        assert readings.height > 0


# --- real files ---------------------------------------------------------------------------------------------


def test_a_month_of_a_real_plant_adds_up_exactly(shared_data: Path) -> None:
    source = ColumnMapping(time_column="measured_on", interval="15min", label="start", power=("ac_power", "W"))
    with (shared_data / "pv" / "serf_east_15min_ac_power.csv").open("rb") as file:
        readings = pl.concat([block.readings for block in parse("csv", file, source, "east.csv")])
    assert readings.height == 10_000
    assert readings["line"][-1] == 10_001
    july = readings.filter(
        pl.col("reading_timestamp").dt.convert_time_zone("Etc/GMT+7").dt.month() == 7,
    )
    watts = sum(july["power_w"].to_list(), Decimal(0))
    assert watts * 900 / 3600 / 1000 == Decimal("857.9220735475")


def test_a_real_file_off_the_grid_is_refused(shared_data: Path) -> None:
    source = ColumnMapping(
        time_column="",
        interval="15min",
        label="start",
        power=("ac_power__773", "W"),
        irradiance=("poa_irradiance__771", "W/m2"),
        time_zone="America/Denver",
    )
    with (
        (shared_data / "pv" / "serf_west_15min.csv").open("rb") as file,
        pytest.raises(BadFile) as refusal,
    ):
        list(parse("csv", file, source, "west.csv"))
    first = refusal.value.problems[0]
    assert (first.line, first.value, first.cause) == (2, "2022-01-02 00:01:00", "not on the local 15min grid")
    assert refusal.value.total == 480
