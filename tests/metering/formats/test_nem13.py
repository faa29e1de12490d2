"""NEM13 files: a register read stays what it is, and its energy is spread over nothing."""

import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from metering.errors import BadFile
from metering.formats.canonical import SCHEMA
from metering.formats.channels import Channels
from metering.formats.mdff import parse_nem13

HEADER = "100,NEM13,202401010000,MDP1,Retailer1"
FIELDS = {
    "RecordIndicator": "250",
    "NMI": "6001000000",
    "NMIConfiguration": "E1",
    "RegisterID": "1",
    "NMISuffix": "E1",
    "MDMDataStreamIdentifier": "",
    "MeterSerialNumber": "METSER1",
    "DirectionIndicator": "E",
    "PreviousRegisterRead": "1000.5",
    "PreviousRegisterReadDateTime": "20231001093000",
    "PreviousQualityMethod": "A",
    "PreviousReasonCode": "",
    "PreviousReasonDescription": "",
    "CurrentRegisterRead": "1412.5",
    "CurrentRegisterReadDateTime": "20240103114500",
    "CurrentQualityMethod": "A",
    "CurrentReasonCode": "",
    "CurrentReasonDescription": "",
    "Quantity": "412.0",
    "UOM": "kWh",
    "NextScheduledReadDate": "20240401",
    "UpdateDateTime": "20240104000000",
    "MSATSLoadDateTime": "",
}


def register(**changes: str) -> str:
    """A 250 record."""
    return ",".join((FIELDS | changes).values())


def whole(*lines: str) -> str:
    """A file with header and end around the records."""
    return "\r\n".join([HEADER, *lines, "900"]) + "\r\n"


def read(text: str, mapping: Channels | None = None, block_readings: int = 2**15) -> tuple[pl.DataFrame, int]:
    """All readings of a file, and how many lines only repeat others."""
    stream = io.BytesIO(text.encode())
    blocks = list(parse_nem13(stream, mapping or Channels(), "meter.csv", block_readings=block_readings))
    return pl.concat([SCHEMA.to_frame(), *(block.readings for block in blocks)]), sum(
        block.repeated for block in blocks
    )


def problems(text: str, mapping: Channels | None = None) -> list[tuple[int, str | None, str, str]]:
    """Line, column, value and cause of everything that is wrong with a file."""
    with pytest.raises(BadFile) as refusal:
        read(text, mapping)
    return [(each.line, each.column, each.value, each.cause) for each in refusal.value.problems]


def test_a_read_becomes_a_register_at_its_second_and_no_energy() -> None:
    readings, _ = read(whole(register()))
    [row] = readings.rows(named=True)
    metrics = json.loads(row.pop("other_metrics"))
    assert row == {
        "line": 2,
        "reading_timestamp": datetime(2024, 1, 3, 1, 44, 59, tzinfo=UTC),
        "seconds": 1,
        "energy_wh": None,
        "power_w": None,
        "register_wh": Decimal(1_412_500),
        "irradiance_wm2": None,
        "temperature_c": None,
        "external_device_id": "6001000000",
        "quality": "missing",
        "reported_at": datetime(2024, 1, 3, 14, tzinfo=UTC),
    }
    assert metrics == {
        "channel": "E1",
        "E1_quantity_kwh": "412.0",
        "E1_quantity_since": "2023-09-30T23:30:00Z",
        "E1_register_read": "1412.5",
        "E1_previous_register_read": "1000.5",
        "E1_direction": "E",
        "E1_previous_quality_method": "A",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"Quantity": "16480.0"},  # a turn of the meter is worth forty units
        {"CurrentRegisterRead": "12.5", "Quantity": "99012.0"},  # it rolled over
        {"PreviousRegisterRead": ""},
        {"CurrentRegisterRead": ""},
        {"CurrentQualityMethod": "N"},
    ],
)
def test_a_register_that_does_not_count_in_its_unit_is_not_taken_for_watt_hours(changes: dict[str, str]) -> None:
    readings, _ = read(whole(register(**changes)))
    assert readings["register_wh"].to_list() == [None]
    assert json.loads(readings["other_metrics"][0])["E1_quantity_kwh"] == changes.get("Quantity", "412.0")


def test_quality_reasons_and_details_are_kept() -> None:
    record = register(
        CurrentQualityMethod="S61", CurrentReasonCode="4", CurrentReasonDescription="Dog, big".replace(",", "")
    )
    readings, _ = read(whole(record, "550,N,,A,RSO7"))
    metrics = json.loads(readings["other_metrics"][0])
    assert {name: metrics[f"E1_{name}"] for name in ("quality_method", "reason_code", "reason")} == {
        "quality_method": "S61",
        "reason_code": "4",
        "reason": "Dog big",
    }
    assert metrics["E1_current_ret_service_order"] == "RSO7"
    assert readings["quality"].to_list() == ["missing"]


def test_a_register_of_another_unit_is_kept_beside_the_energy() -> None:
    other = register(NMISuffix="Q1", UOM="kVArh", PreviousRegisterRead="5", CurrentRegisterRead="7", Quantity="2")
    readings, _ = read(whole(register(), other))
    assert readings.height == 1
    metrics = json.loads(readings["other_metrics"][0])
    assert (metrics["channel"], metrics["E1_quantity_kwh"], metrics["Q1_quantity_kvarh"]) == ("E1", "412.0", "2")


def test_several_registers_of_energy_are_refused_unless_declared() -> None:
    other = register(NMISuffix="B1", PreviousRegisterRead="5", CurrentRegisterRead="7", Quantity="2")
    [(line, column, value, cause)] = problems(whole(register(), other))
    assert (line, column, value) == (3, "NMISuffix", "B1")
    assert "several channels of energy, E1, B1" in cause
    readings, _ = read(whole(register(), other), Channels(channels=("B1", "-E1")))
    assert readings["register_wh"].to_list() == [Decimal(7_000 - 1_412_500)]


def test_of_two_statements_of_a_read_the_one_updated_later_holds() -> None:
    corrected = register(CurrentRegisterRead="1413.5", Quantity="413.0", UpdateDateTime="20240105000000")
    for records in ([register(), corrected], [corrected, register()]):
        readings, repeated = read(whole(*records))
        assert (readings["register_wh"].to_list(), repeated) == ([Decimal(1_413_500)], 0)
    assert read(whole(register(), register()))[1] == 1
    contradicting = register(CurrentRegisterRead="1413.5", Quantity="413.0")
    [(line, column, _, cause)] = problems(whole(register(), contradicting))
    assert (line, column) == (3, "CurrentRegisterReadDateTime")
    assert cause == "line 2 says otherwise for the same channel and time, and nothing says which is later"


def test_the_size_of_blocks_changes_no_reading() -> None:
    records = [register(NMI=f"60010000{number:02}", Quantity="412") for number in range(40)]
    expected, _ = read(whole(*records))
    assert expected.height == 40
    assert read(whole(*records), block_readings=3)[0].equals(expected)


@pytest.mark.parametrize(
    "changes,column",
    [
        ({"NMI": ""}, "NMI"),
        ({"NMISuffix": "?"}, "NMISuffix"),
        ({"UOM": "GJ"}, "UOM"),
        ({"Quantity": ""}, "Quantity"),
        ({"Quantity": "4l2"}, "Quantity"),
        ({"Quantity": "-412"}, "Quantity"),
        ({"Quantity": "Infinity"}, "Quantity"),
        ({"PreviousRegisterRead": "x"}, "PreviousRegisterRead"),
        ({"CurrentRegisterRead": "x"}, "CurrentRegisterRead"),
        ({"CurrentRegisterRead": "1" + "0" * 20}, "CurrentRegisterRead"),
        ({"Quantity": "1e999999999"}, "Quantity"),
        ({"PreviousRegisterReadDateTime": ""}, "PreviousRegisterReadDateTime"),
        ({"PreviousRegisterReadDateTime": "20240103114500"}, "PreviousRegisterReadDateTime"),
        ({"CurrentRegisterReadDateTime": "20240103"}, "CurrentRegisterReadDateTime"),
        ({"CurrentQualityMethod": ""}, "CurrentQualityMethod"),
        ({"PreviousQualityMethod": "X"}, "PreviousQualityMethod"),
        ({"NextScheduledReadDate": "soon"}, "NextScheduledReadDate"),
        ({"UpdateDateTime": "20240199000000"}, "UpdateDateTime"),
        ({"MSATSLoadDateTime": "20240199000000"}, "MSATSLoadDateTime"),
    ],
)
def test_a_read_that_is_wrong_is_named(changes: dict[str, str], column: str) -> None:
    assert [(line, found) for line, found, *_ in problems(whole(register(**changes)))] == [(2, column)]


@pytest.mark.parametrize(
    "text,expected",
    [
        ("", (1, None, "", "the file is empty")),
        (whole(), (1, None, "", "the file holds no readings")),
        (
            f"{register()}\n900\n",
            (1, "RecordIndicator", "250", "the header record (100) is missing before the first record"),
        ),
        (
            whole(register())[:-5],
            (
                2,
                "RecordIndicator",
                "",
                "the end of data record (900) is missing after this line: the file may be cut off",
            ),
        ),
        (
            whole("550,N,,A,"),
            (2, "RecordIndicator", "550", "the details of a read before the 250 record that they are about"),
        ),
        (whole(register(), "300,20240101"), (3, "RecordIndicator", "300", "a record of NEM12 in a NEM13 file")),
        (whole(register(), "25"), (3, "RecordIndicator", "25", "no record of NEM13 begins like this")),
        (
            whole("250,6001000000,E1"),
            (2, "UpdateDateTime", "", "3 cells: the line ends before UpdateDateTime, its cell 22"),
        ),
    ],
)
def test_a_file_that_is_not_whole_is_refused(text: str, expected: tuple[int, str | None, str, str]) -> None:
    assert problems(text)[0] == expected
