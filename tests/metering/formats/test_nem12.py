"""NEM12 files: every value becomes an exact reading of its half hour, or a named problem."""

import csv
import io
import random
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.errors import BadFile, MappingError
from metering.formats.canonical import SCHEMA
from metering.formats.channels import Channels
from metering.formats.mdff import parse_nem12
from tests.benchmarks import bench_nem12
from tests.soak import rounds

HEADER = "100,NEM12,202401010000,MDP1,Retailer1"
ENERGY = "200,6001000000,E1Q1,1,E1,N1,METSER1,kWh,30,"
REACTIVE = "200,6001000000,E1Q1,2,Q1,,METSER1,kVArh,30,"
EXPORT = "200,6001000000,E1B1,2,B1,N2,METSER1,kWh,30,"
NET = Channels(channels=("B1", "-E1"))


def day(
    values: Iterable[object] = ("1",) * 48,
    written: str = "20240101",
    quality: str = "A",
    updated: str = "",
    reason: str = ",",
) -> str:
    """A 300 record."""
    return f"300,{written},{','.join(map(str, values))},{quality},{reason},{updated},"


def whole(*lines: str) -> str:
    """A file with header and end around the records."""
    return "\r\n".join([HEADER, *lines, "900"]) + "\r\n"


def read(text: str | bytes, mapping: Channels | None = None, block_readings: int = 2**15) -> tuple[pl.DataFrame, int]:
    """All readings of a file, and how many lines only repeat others."""
    stream = io.BytesIO(text if isinstance(text, bytes) else text.encode())
    blocks = list(parse_nem12(stream, mapping or Channels(), "meter.csv", block_readings=block_readings))
    assert all(block.readings.schema == SCHEMA for block in blocks)
    return pl.concat([SCHEMA.to_frame(), *(block.readings for block in blocks)]), sum(
        block.repeated for block in blocks
    )


def problems(text: str | bytes, mapping: Channels | None = None) -> list[tuple[int, str | None, str, str]]:
    """Line, column, value and cause of everything that is wrong with a file."""
    with pytest.raises(BadFile) as refusal:
        read(text, mapping)
    return [(each.line, each.column, each.value, each.cause) for each in refusal.value.problems]


def the_problem(*lines: str) -> tuple[int, str | None, str, str]:
    """The only thing that is wrong with these records, whose first stands in line 2."""
    [problem] = problems(whole(*lines))
    return problem


# --- readings -----------------------------------------------------------------------------------------------


def test_a_value_becomes_the_energy_of_its_half_hour_of_market_time() -> None:
    readings, repeated = read(whole(ENERGY, day(range(48), updated="20240102030405")))
    assert readings.height == 48
    assert readings.row(1, named=True) == {
        "line": 3,
        "reading_timestamp": datetime(2023, 12, 31, 14, 30, tzinfo=UTC),
        "seconds": 1800,
        "energy_wh": Decimal(1000),
        "power_w": None,
        "register_wh": None,
        "irradiance_wm2": None,
        "temperature_c": None,
        "external_device_id": "6001000000",
        "quality": "measured",
        "reported_at": datetime(2024, 1, 1, 17, 4, 5, tzinfo=UTC),
        "other_metrics": '{"channel":"E1"}',
    }
    assert readings["energy_wh"].sum() == sum(range(48)) * 1000
    assert repeated == 0


def test_market_time_has_no_daylight_saving() -> None:
    """In Sydney the clocks went forward on 6 October 2024 and back on 7 April 2024; here every day has 24 hours."""
    readings, _ = read(whole(ENERGY, *(day(written=written) for written in ("20240406", "20240407", "20241006"))))
    starts = readings["reading_timestamp"].to_list()
    assert starts[48] == datetime(2024, 4, 6, 14, tzinfo=UTC)
    assert starts[96] == datetime(2024, 10, 5, 14, tzinfo=UTC)
    assert readings["seconds"].unique().to_list() == [1800]


@pytest.mark.parametrize("minutes,count", [(5, 288), (15, 96), (30, 48)])
def test_intervals_have_5_15_or_30_minutes(minutes: int, count: int) -> None:
    readings, _ = read(whole(ENERGY.replace(",30,", f",{minutes},"), day([1] * count)))
    assert readings.height == count
    assert readings["seconds"].unique().to_list() == [minutes * 60]
    assert readings["reading_timestamp"].max() == datetime(2024, 1, 1, 14, tzinfo=UTC) - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "unit,wh", [("Wh", "1.5"), ("KWH", "1500"), ("kwh", "1500"), ("MWH", "1500000"), ("mwh", "1500000")]
)
def test_units_may_be_written_in_any_case(unit: str, wh: str) -> None:
    readings, _ = read(whole(ENERGY.replace("kWh", unit), day(["1.5"] * 48)))
    assert readings["energy_wh"].unique().to_list() == [Decimal(wh)]


def test_energy_is_exact() -> None:
    """0.1 and 0.7 have no exact float: 48 times their sum is 38.4 kWh to the last digit here."""
    readings, _ = read(whole(ENERGY, day(["0.1", "0.7"] * 24), day(["0.000000000001"] * 48, "20240102")))
    assert readings["energy_wh"][:48].sum() == Decimal(19200)
    assert readings["energy_wh"][48] == Decimal("1e-9")


def test_a_channel_that_is_no_energy_is_kept_as_it_was_written() -> None:
    readings, _ = read(whole(ENERGY, day(), REACTIVE, day(["0.1230"] * 48)))
    assert readings.height == 48
    assert readings["other_metrics"].unique().to_list() == ['{"channel":"E1","Q1_kvarh":"0.1230"}']


def test_each_nmi_is_a_device() -> None:
    readings, _ = read(whole(ENERGY, day(), ENERGY.replace("6001", "6002"), day([2] * 48)))
    assert readings.group_by("external_device_id", maintain_order=True).agg(pl.col("energy_wh").sum()).rows() == [
        ("6001000000", Decimal(48_000)),
        ("6002000000", Decimal(96_000)),
    ]


def test_quotes_blank_lines_spaces_and_cells_of_a_table_program_are_understood() -> None:
    text = f"\ufeff\r\n{HEADER},,,,\r\n\r\n 200 , 6001000000,E1,1, e1 ,N1,M1,kWh, 30 ,\r\n,,,,\r\n"
    text += day([" 1 "] * 48, reason='79,"Meter, replaced"') + ",,,\r\n900,,,,,\r\n\r\n"
    readings, _ = read(text)
    assert readings["energy_wh"].sum() == 48_000
    assert readings["other_metrics"][0] == '{"channel":"E1","E1_reason_code":"79","E1_reason":"Meter, replaced"}'
    assert readings["line"][0] == 6


# --- quality ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method,quality",
    [("A", "measured"), ("E52", "estimated"), ("F14", "estimated"), ("S", "estimated"), ("N", "missing")],
)
def test_a_flag_of_quality_says_what_a_value_is(method: str, quality: str) -> None:
    readings, _ = read(whole(ENERGY, day(quality=method)))
    assert readings["quality"].unique().to_list() == [quality]
    assert readings["energy_wh"].null_count() == (48 if method == "N" else 0)
    noted = "" if method == "A" else f',"E1_quality_method":"{method}"'
    assert readings["other_metrics"][0] == f'{{"channel":"E1"{noted}}}'


def test_an_empty_value_is_missing_and_zero_is_not() -> None:
    readings, _ = read(whole(ENERGY, day(["", "0", *["1"] * 46])))
    assert readings.select("energy_wh", "quality").rows()[:2] == [(None, "missing"), (Decimal(0), "measured")]


def test_events_in_any_order_say_the_quality_of_parts_of_a_day() -> None:
    events = ["400,31,48,S14,32,Fault", "400,30,30,N,,", "400,1,29,A,,"]
    for _ in range(6):
        random.shuffle(events)
        readings, _ = read(whole(ENERGY, day(quality="V"), *events))
        assert readings["quality"].to_list() == ["measured"] * 29 + ["missing"] + ["estimated"] * 18
        assert readings["other_metrics"][40] == (
            '{"channel":"E1","E1_quality_method":"S14","E1_reason_code":"32","E1_reason":"Fault"}'
        )
        assert readings["other_metrics"][0] == '{"channel":"E1"}'


def test_an_event_of_a_day_of_one_quality_is_about_its_intervals_alone() -> None:
    readings, _ = read(whole(ENERGY, day(quality="A"), "400,3,4,E52,,"))
    assert readings["quality"].to_list() == ["measured"] * 2 + ["estimated"] * 2 + ["measured"] * 44


@pytest.mark.parametrize(
    "events,line,cause",
    [
        (["400,1,47,A,,"], 3, "covers intervals 48 to 48"),
        (["400,2,48,A,,"], 3, "covers intervals 1 to 1"),
        (["400,1,20,A,,", "400,30,48,A,,"], 3, "covers intervals 21 to 29"),
        ([], 3, "covers intervals 1 to 48"),
        (["400,1,20,A,,", "400,20,48,A,,"], 5, "interval 20 has its quality from another 400 record already"),
        (["400,1,49,A,,"], 4, "not the number of an interval, 1 to 48"),
        (["400,0,48,A,,"], 4, "not the number of an interval, 1 to 48"),
        (["400,9,3,A,,"], 4, "before StartInterval 9"),
        (["400,1,48,V,,"], 4, "V is said of whole days"),
        (["400,1,48"], 4, "is missing"),
    ],
)
def test_events_must_cover_each_interval_of_a_varying_day_once(events: list[str], line: int, cause: str) -> None:
    found_line, _, _, found = the_problem(ENERGY, day(quality="V"), *events)
    assert (found_line, cause in found) == (line, True), found


def test_the_details_of_a_read_are_kept_beside_the_first_interval() -> None:
    readings, _ = read(whole(ENERGY, day(), "500,O,RSO1,20240101120000,1234.5"))
    assert readings["other_metrics"][:2].to_list() == [
        '{"channel":"E1","E1_trans_code":"O","E1_ret_service_order":"RSO1",'
        '"E1_read_at":"20240101120000","E1_index_read":"1234.5"}',
        '{"channel":"E1"}',
    ]


# --- channels -----------------------------------------------------------------------------------------------


def test_several_channels_of_energy_are_refused_unless_declared() -> None:
    text = whole(ENERGY, day([3] * 48), EXPORT, day([5] * 48))
    [(line, column, value, cause)] = problems(text)
    assert (line, column, value) == (4, "NMISuffix", "B1")
    assert cause == (
        "device 6001000000 has several channels of energy, E1, B1: declare which make up its energy, "
        'like {"channels": ["E1", "-B1"]}, or which are ignored'
    )
    readings, _ = read(text, NET)
    assert readings["energy_wh"].unique().to_list() == [Decimal(2000)]
    assert readings["other_metrics"][0] == '{"channel":"B1-E1","E1_wh":"3000","B1_wh":"5000"}'


def test_a_channel_that_is_not_declared_is_kept_beside_the_energy_and_an_ignored_one_is_left_out() -> None:
    text = whole(ENERGY, day([3] * 48), EXPORT, day([5] * 48))
    assert read(text, Channels(channels=("B1",)))[0]["other_metrics"][0] == '{"channel":"B1","E1_wh":"3000"}'
    assert read(text, Channels(ignored=("E1",)))[0]["other_metrics"][0] == '{"channel":"B1"}'


def test_an_ignored_channel_is_checked_all_the_same() -> None:
    text = whole(ENERGY, day(), EXPORT, day(["x", *[5] * 47]))
    assert problems(text, Channels(ignored=("B1",))) == [(5, "IntervalValue1", "x", "not a number")]


def test_a_sum_of_which_a_term_is_missing_is_missing() -> None:
    text = whole(ENERGY, day([3] * 48), EXPORT, day(["", *[5] * 47]), day(written="20240102"))
    readings, _ = read(text, NET)
    assert readings.height == 96
    assert readings.row(0, named=True)["energy_wh"] is None
    assert readings["quality"].to_list() == ["missing"] + ["measured"] * 47 + ["missing"] * 48
    assert readings["other_metrics"][0] == '{"channel":"B1-E1","E1_wh":"3000"}'
    assert readings["other_metrics"][48] == '{"channel":"B1-E1","B1_wh":"1000"}'


def test_a_sum_is_estimated_when_a_term_is() -> None:
    readings, _ = read(whole(ENERGY, day(quality="S14"), EXPORT, day()), NET)
    assert readings["quality"].unique().to_list() == ["estimated"]


def test_channels_may_be_declared_by_device() -> None:
    text = whole(ENERGY, day([3] * 48), EXPORT, day([5] * 48), EXPORT.replace("6001", "6002"), day([7] * 48))
    readings, _ = read(text, Channels(channels=("B1", "-E1"), devices={"6002000000": ("B1",)}))
    assert readings["energy_wh"].unique(maintain_order=True).to_list() == [Decimal(2000), Decimal(7000)]


def test_a_declared_channel_must_be_there() -> None:
    [(line, column, value, cause)] = problems(whole(ENERGY, day()), NET)
    assert (line, column, value) == (2, "NMISuffix", "E1")
    assert cause == "device 6001000000 has no energy channel 'B1', which the mapping declares: it has E1"


def test_a_meter_without_energy_is_refused() -> None:
    [(line, _, _, cause)] = problems(whole(REACTIVE, day()))
    assert (line, cause) == (2, "device 6001000000 has no channel of energy or power, only Q1")


def test_channels_of_one_meter_must_have_intervals_of_one_length() -> None:
    other = REACTIVE.replace(",30,", ",15,")
    [(line, column, value, cause)] = problems(whole(ENERGY, day(), other, day([1] * 96)))
    assert (line, column, value) == (5, "IntervalDate", "2023-12-31 14:00:00Z")
    assert cause == "channels of one device have intervals of different lengths"


def test_a_sum_too_large_to_be_kept_is_refused() -> None:
    big = "999999999999"
    text = whole(ENERGY, day([big, *["0"] * 47]), EXPORT, day([big, *["0"] * 47]))
    [(line, _, _, cause)] = problems(text, Channels(channels=("B1", "E1")))
    assert (line, cause) == (3, "the channels add up to more digits than can be kept")


@pytest.mark.parametrize(
    "saved,problem",
    [
        ({"channels": "B1"}, "channels must be a list of channels, not 'B1'"),
        ({"channels": ["B1", "-B1"]}, "channels: 'B1' is declared 2 times"),
        ({"channels": ["-"]}, "channels: a channel has no name"),
        ({"devices": ["B1"]}, "devices must be an object of lists of channels by device, not ['B1']"),
        ({"devices": {"6001": []}}, "devices: 6001 has no channels"),
        ({"channels": ["B1"], "ignored": ["B1"]}, "'B1' is both declared and ignored"),
        ({"energy": ["B1", "kWh"]}, "'energy' is unknown: known are channels, devices, ignored"),
    ],
)
def test_a_declaration_that_cannot_be_used_is_refused(saved: dict[str, object], problem: str) -> None:
    with pytest.raises(MappingError) as refusal:
        Channels.from_json(saved)
    assert refusal.value.problems == (problem,)


def test_a_declaration_survives_being_saved() -> None:
    declared = Channels(channels=("B1", "-E1"), devices={"6001": ("B1",)}, ignored=("K1",))
    assert Channels.from_json(declared.to_json()) == declared
    assert Channels.from_json({}) == Channels()


# --- the same day twice -------------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_statements_of_a_day_the_one_updated_later_holds(reverse: bool) -> None:
    first, second = day([1] * 48, updated="20240102000000"), day([2] * 48, updated="20240103000000")
    days = [second, first] if reverse else [first, second]
    readings, repeated = read(whole(ENERGY, *days))
    assert readings["energy_wh"].unique().to_list() == [Decimal(2000)]
    assert readings["reported_at"].unique().to_list() == [datetime(2024, 1, 2, 14, tzinfo=UTC)]
    assert repeated == 0


def test_a_later_statement_replaces_the_whole_day_also_with_longer_intervals() -> None:
    fine = ENERGY.replace(",30,", ",5,")
    text = whole(fine, day([1] * 288, updated="20240102000000"), ENERGY, day(updated="20240103000000"))
    readings, _ = read(text)
    assert readings["seconds"].to_list() == [1800] * 48


def test_equal_statements_of_a_day_count_as_one() -> None:
    readings, repeated = read(whole(ENERGY, day(["1.50"] * 48), day(["1.5"] * 48)))
    assert (readings.height, repeated) == (48, 1)
    assert readings["line"].unique().to_list() == [3]


@pytest.mark.parametrize("updated", [("", ""), ("20240102000000", ""), ("20240102000000", "20240102000000")])
def test_contradicting_statements_are_refused_where_nothing_says_which_is_later(updated: tuple[str, str]) -> None:
    line, column, value, cause = the_problem(
        ENERGY, day([1] * 48, updated=updated[0]), day([2] * 48, updated=updated[1])
    )
    assert (line, column, value) == (4, "IntervalDate", "2023-12-31 14:00:00Z")
    assert cause == "line 3 says otherwise for the same channel and time, and nothing says which is later"


def test_what_was_replaced_is_checked_all_the_same() -> None:
    wrong = day(["x", *[1] * 47], updated="20240102000000")
    assert the_problem(ENERGY, wrong, day(updated="20240103000000")) == (3, "IntervalValue1", "x", "not a number")


def test_a_day_may_be_completed_far_from_its_other_channels() -> None:
    """Blocks are of a few readings here, so that the channels of a day lie in different ones."""
    dates = [f"{date(2024, 1, 1) + timedelta(days=number):%Y%m%d}" for number in range(60)]
    energy = [day([number] * 48, written) for number, written in enumerate(dates)]
    reactive = [day([number] * 48, written) for number, written in enumerate(dates)]
    readings, _ = read(whole(ENERGY, *energy, REACTIVE, *reversed(reactive)), block_readings=100)
    assert readings.height == 60 * 48
    expected = [f'{{"channel":"E1","Q1_kvarh":"{number}"}}' for number in range(60) for _ in range(48)]
    assert readings.sort("reading_timestamp")["other_metrics"].to_list() == expected


# --- parts --------------------------------------------------------------------------------------------------


def test_whole_files_may_follow_each_other() -> None:
    readings, repeated = read(
        whole(ENERGY, day()) + "\r\n" + whole(ENERGY, day(written="20240102")) + whole(ENERGY, day())
    )
    assert (readings.height, repeated) == (96, 1)


@pytest.mark.parametrize(
    "text,expected",
    [
        ("", (1, None, "", "the file is empty")),
        ("\r\n\r\n", (1, None, "", "the file is empty")),
        (f"{HEADER}\n900\n", (1, None, "", "the file holds no readings")),
        (
            f"{ENERGY}\n{day()}\n900\n",
            (1, "RecordIndicator", "200", "the header record (100) is missing before the first record"),
        ),
        (
            f"{HEADER}\n{ENERGY}\n{day()}\n",
            (
                3,
                "RecordIndicator",
                "",
                "the end of data record (900) is missing after this line: the file may be cut off",
            ),
        ),
        (
            whole(ENERGY, day()) + f"{ENERGY}\n{day(written='20240102')}\n900\n",
            (
                5,
                "RecordIndicator",
                "200",
                "the header record (100) is missing after the end of data (900) of the part before",
            ),
        ),
        (
            whole(ENERGY, day()) + "900\n",
            (
                5,
                "RecordIndicator",
                "900",
                "the header record (100) is missing after the end of data (900) of the part before",
            ),
        ),
        (
            f"{HEADER}\n{ENERGY}\n{day()}\n" + whole(ENERGY, day(written="20240102")),
            (4, "RecordIndicator", "100", "a header before the end of data (900) of the part that began in line 1"),
        ),
        (
            whole(day()),
            (2, "RecordIndicator", "300", "interval data before the 200 record that says whose they are"),
        ),
        (
            whole(ENERGY, "400,1,48,A,,", day()),
            (3, "RecordIndicator", "400", "interval events before the 300 record that they are about"),
        ),
        (
            whole(ENERGY, "500,O,,,", day()),
            (3, "RecordIndicator", "500", "the details of a read before the 300 record that they are about"),
        ),
        (whole(ENERGY, day(), "250,1"), (4, "RecordIndicator", "250", "a record of NEM13 in a NEM12 file")),
        (whole(ENERGY, day(), "301,1"), (4, "RecordIndicator", "301", "no record of NEM12 begins like this")),
        (
            whole(ENERGY, day()).replace("NEM12", "NEM13"),
            (1, "VersionHeader", "NEM13", "not NEM12: load the file in the format it is in"),
        ),
        (
            whole(ENERGY, day()).replace("202401010000", "202413010000"),
            (1, "DateTime", "202413010000", "not a time like 200401312359"),
        ),
    ],
)
def test_a_file_that_is_not_whole_is_refused(text: str, expected: tuple[int, str | None, str, str]) -> None:
    assert problems(text) == [expected]


def test_a_channel_does_not_reach_into_the_next_part() -> None:
    [(line, _, _, cause)] = problems(whole(ENERGY, day()) + whole(day(written="20240102")))
    assert (line, cause) == (6, "interval data before the 200 record that says whose they are")


# --- records that are wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record,expected",
    [
        (day([1] * 47), (3, "IntervalValue", "", "47 values: IntervalLength 30 in line 2 asks for 48")),
        (day([1] * 49), (3, "IntervalValue", "", "49 values: IntervalLength 30 in line 2 asks for 48")),
        (day([1] * 96), (3, "IntervalValue", "", "96 values: IntervalLength 30 in line 2 asks for 48")),
        (
            "300,20240101," + ",".join(["1"] * 30),
            (3, "IntervalValue", "", "30 values and no QualityMethod: IntervalLength 30 in line 2 asks for 48"),
        ),
        ("300", (3, "IntervalValue", "", "0 values and no QualityMethod: IntervalLength 30 in line 2 asks for 48")),
        (day()[: -len(",,,,")], (3, "ReasonCode", "", "the line ends before this field")),
        (day()[: -len(",,")], (3, "UpdateDateTime", "", "the line ends before this field")),
        (
            day()[: -len(",A,,,,")],
            (3, "QualityMethod", "", "the line ends before this field"),
        ),
        (day(["1"] * 10 + ["n/a"] + ["1"] * 37), (3, "IntervalValue11", "n/a", "not a number")),
        (
            day(["1"] * 10 + ['"1,5"'] + ["1"] * 37),
            (3, "IntervalValue", "", "a value with a comma in it: write a decimal point"),
        ),
        (
            day(["-1", *["1"] * 47]),
            (3, "IntervalValue1", "-1", "energy is never negative here: the channel says its direction"),
        ),
        (
            day(["nan", *["1"] * 47]),
            (3, "IntervalValue1", "nan", "not a finite number: leave the cell empty where nothing was measured"),
        ),
        (
            day(["1 000", *["1"] * 47]),
            (3, "IntervalValue1", "1 000", "thousands separator: write digits with a decimal point and nothing else"),
        ),
        (day(written="20240230"), (3, "IntervalDate", "20240230", "not a day like 20040131")),
        (day(written="2024-1-1"), (3, "IntervalDate", "2024-1-1", "not a day like 20040131")),
        (day(written=""), (3, "IntervalDate", "", "not a day like 20040131")),
        (day(quality="X"), (3, "QualityMethod", "X", "not a quality method: A, N, V, or E, F, S with two digits")),
        (
            day(quality=""),
            (3, "QualityMethod", "", "not a quality method: A, N, V, or E, F, S with two digits, is missing"),
        ),
        (day(updated="20240102"), (3, "UpdateDateTime", "20240102", "not a time like 20040131235959")),
        (day() + "x", (3, "MSATSLoadDateTime", "x", "not a time like 20040131235959")),
    ],
)
def test_a_day_that_is_wrong_is_named(record: str, expected: tuple[int, str | None, str, str]) -> None:
    assert the_problem(ENERGY, record) == expected


@pytest.mark.parametrize(
    "record,column,value",
    [
        (ENERGY.replace("6001000000", ""), "NMI", ""),
        (ENERGY.replace("6001000000", "6" * 256), "NMI", "6" * 39 + "…"),
        (ENERGY.replace(",E1,", ",,"), "NMISuffix", ""),
        (ENERGY.replace("kWh", "kWx"), "UOM", "kWx"),
        (ENERGY.replace("kWh", ""), "UOM", ""),
        (ENERGY.replace(",30,", ",60,"), "IntervalLength", "60"),
        (ENERGY.replace(",30,", ",,"), "IntervalLength", ""),
        (ENERGY + "20240231", "NextScheduledReadDate", "20240231"),
        ("200,6001000000,E1", "NMISuffix", ""),
    ],
)
def test_a_channel_that_is_wrong_is_named_once_and_not_for_each_of_its_days(
    record: str, column: str, value: str
) -> None:
    found = problems(whole(record, day(), day(written="20240102", quality="V"), "400,1,48,A,,"))
    assert found[0][:3] == (2, column, value)
    assert {line for line, *_ in found} == {2}


def test_all_problems_of_a_file_are_told_at_once() -> None:
    found = problems(whole(ENERGY, day([1] * 47), day(written="20241301"), day(["x"] * 48, "20240102")))
    assert [line for line, *_ in found] == [3, 4, *[5] * 48]


def test_no_block_follows_a_problem() -> None:
    blocks = parse_nem12(io.BytesIO(whole(ENERGY, day(), day([1] * 47)).encode()), Channels(), "meter.csv")
    with pytest.raises(BadFile):
        next(blocks)


@pytest.mark.parametrize(
    "text,line,cause",
    [
        (
            whole(ENERGY, day()).encode().replace(b"METSER1", b"METS\xff1"),
            2,
            "byte 0xFF in the line's place 33 is not UTF-8",
        ),
        (HEADER.encode() + b"\n" + b"1" * 2**18, 2, "the line is longer than 131072 bytes"),
    ],
)
def test_what_is_no_text_is_refused(text: bytes, line: int, cause: str) -> None:
    assert (line, None, cause) in [(line, column, cause) for line, column, _, cause in problems(text)]


# --- real files ---------------------------------------------------------------------------------------------


def summed(path: Path) -> dict[tuple[str, str], Decimal]:
    """The sum of each channel of a file in its own unit, read without our parser."""
    sums: dict[tuple[str, str], Decimal] = {}
    count, key = 0, ("", "")
    for cells in csv.reader(path.read_text().splitlines()):
        if cells[0] == "200":
            key, count = (cells[1], cells[4]), 1440 // int(cells[8])
        elif cells[0] == "300":
            sums[key] = sums.get(key, Decimal(0)) + sum(map(Decimal, cells[2 : 2 + count]))
    return sums


def test_a_real_file_of_one_meter_has_its_sum(shared_data: Path) -> None:
    path = shared_data / "nem12" / "Example_NEM12_actual_interval.csv"
    readings, _ = read(path.read_bytes())
    sums = summed(path)
    assert readings["energy_wh"].sum() == sums["VABD000163", "E1"] * 1000 == Decimal("53328.000")
    metrics = pl.DataFrame({"text": readings["other_metrics"].str.json_path_match("$.Q1_kvarh")})
    assert sum(map(Decimal, metrics["text"].to_list())) == sums["VABD000163", "Q1"] == Decimal("106.656")
    assert readings["reading_timestamp"].min() == datetime(2004, 1, 31, 14, tzinfo=UTC)


def test_a_real_file_of_several_meters_has_their_sums(shared_data: Path) -> None:
    path = shared_data / "nem12" / "Example_NEM12_multiple_meters.csv"
    with pytest.raises(BadFile, match="device NCDE001111 has several channels of energy, E1, B1, E2"):
        read(path.read_bytes())
    declared = Channels(channels=("E1", "E2", "-B1"), devices={"NDDD001888": ("B1",)})
    readings, _ = read(path.read_bytes(), declared)
    sums = summed(path)
    by_device = dict(readings.group_by("external_device_id").agg(pl.col("energy_wh").sum()).rows())
    first = [sums["NCDE001111", suffix] for suffix in ("E1", "E2", "B1")]
    assert by_device == {"NCDE001111": first[0] + first[1] - first[2], "NDDD001888": sums["NDDD001888", "B1"]}
    assert by_device == {"NCDE001111": Decimal(19_200), "NDDD001888": Decimal(3_840)}


@pytest.mark.parametrize(
    "name,expected",
    [
        (
            "Example_NEM12_15min_200_30min_300.csv",
            (3, "IntervalValue", "", "48 values: IntervalLength 15 in line 2 asks for 96"),
        ),
        (
            "Example_NEM12_missing_header.csv",
            (2, "RecordIndicator", "200", "the header record (100) is missing before the first record"),
        ),
    ],
)
def test_a_real_broken_file_is_refused(shared_data: Path, name: str, expected: tuple[int, str, str, str]) -> None:
    assert problems((shared_data / "nem12" / "broken" / name).read_bytes()) == [expected]


# --- properties ---------------------------------------------------------------------------------------------


@st.composite
def stated_days(draw: st.DrawFn) -> list[tuple[str, str, str]]:
    """Channel records and days, each day of a channel once."""
    kept = st.sampled_from(["A", "S14", "N"])
    days = draw(
        st.lists(
            st.tuples(st.sampled_from([ENERGY, EXPORT, REACTIVE]), st.integers(0, 40), st.integers(0, 99_999), kept),
            min_size=1,
            max_size=12,
            unique_by=lambda each: each[:2],
        )
    )
    stated = [
        (channel, f"{date(2024, 1, 20) + timedelta(days=number):%Y%m%d}", value, quality)
        for channel, number, value, quality in [(ENERGY, 0, 1, "A"), (EXPORT, 0, 2, "A"), *days]
    ]
    unique = {(channel, written): (channel, written, value, quality) for channel, written, value, quality in stated}
    return [
        (channel, day([Decimal(value) / 1000] * 48, written, quality), written)
        for channel, written, value, quality in unique.values()
    ]


@settings(max_examples=25, deadline=None)
@given(stated_days(), st.randoms(use_true_random=False), st.sampled_from([1, 50, 2**15]))
def test_neither_the_order_of_days_nor_the_size_of_blocks_changes_a_reading(
    stated: list[tuple[str, str, str]], chance: random.Random, block_readings: int
) -> None:
    def sorted_readings(days: list[tuple[str, str, str]], size: int) -> pl.DataFrame:
        lines = [line for channel, record, _ in days for line in (channel, record)]
        readings, repeated = read(whole(*lines), NET, size)
        assert repeated == 0
        return readings.drop("line", "other_metrics").sort("reading_timestamp")

    shuffled = list(stated)
    chance.shuffle(shuffled)
    expected = sorted_readings(stated, 2**15)
    assert expected.height == 48 * len({written for *_, written in stated})
    assert sorted_readings(shuffled, block_readings).equals(expected)
    assert sorted_readings(stated, block_readings).equals(expected)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    good = whole(ENERGY, day(quality="V"), "400,1,40,A,,", "400,41,48,S14,,", REACTIVE, day(range(48))).encode()
    at = data.draw(st.integers(0, len(good)))
    size = data.draw(st.integers(0, 8))
    damaged = good[:at] + data.draw(st.binary(max_size=4)) + good[at + size :]
    with suppress(BadFile):
        read(damaged)


# --- memory -------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_a_file_four_times_as_long_takes_no_more_memory(tmp_path: Path) -> None:
    """Peaks of whole processes, in MB. The longer file has 360,000 readings of some 150 bytes more."""
    peaks = []
    for days in rounds(50_000, 5_000), rounds(200_000, 20_000):
        bench_nem12.make_file(tmp_path / "made.csv", days)
        peaks.append(bench_nem12.measured("ours", tmp_path / "made.csv", tmp_path / "made.csv").peak_mb)
    assert peaks[1] - peaks[0] < 20
