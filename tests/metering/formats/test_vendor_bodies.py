"""Bodies of SolarEdge, Enphase, SMA and GoodWe: bytes in, canonical readings out."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from core.periods import day_in_zone
from metering.errors import BadFile, MappingError
from metering.formats import enphase, goodwe, sma, solaredge
from metering.formats.bodies import BodyMapping, NoReadings
from metering.formats.canonical import SCHEMA, Block

Parse = Callable[..., Iterator[Block]]
BERLIN = "Europe/Berlin"
# Every parser with the least mapping that it takes and a body with one reading.
LEAST: dict[str, tuple[Parse, dict[str, object], dict[str, object]]] = {
    "solaredge": (
        solaredge.parse_v2,
        {"device": "4711"},
        {
            "unit": "WH",
            "resolution": "QUARTER_HOUR",
            "values": [{"timestamp": "2026-09-01T10:15:00+02:00", "value": 812.0}],
        },
    ),
    "solaredge_v1": (
        solaredge.parse_v1,
        {"device": "4711", "time_zone": BERLIN},
        {
            "energy": {
                "timeUnit": "QUARTER_OF_AN_HOUR",
                "unit": "Wh",
                "values": [{"date": "2024-06-01 00:15:00", "value": 12.0}],
            }
        },
    ),
    "enphase": (
        enphase.parse,
        {"device": "66"},
        {
            "system_id": 66,
            "total_devices": 2,
            "intervals": [{"end_at": 1384122600, "wh_del": 50, "devices_reporting": 2}],
            "meter_intervals": [],
        },
    ),
    "sma": (
        sma.parse,
        {"time_zone": BERLIN, "label": "end", "unit": "W"},
        {
            "plant": {"plantId": "25057", "timezone": BERLIN},
            "resolution": "FifteenMinutes",
            "set": [{"time": "2023-01-22T10:15:00", "pvGeneration": 11.0}],
        },
    ),
    "goodwe": (
        goodwe.parse,
        {"device": "plant", "time_zone": BERLIN, "date": "2026-09-01"},
        {
            "code": 0,
            "hasError": False,
            "data": {"lines": [{"key": "PCurve_Power_PV", "unit": "W", "xy": [{"x": "10:15", "y": 1200}]}]},
        },
    ),
}


def blocks(
    parse: Parse, body: object, mapping: dict[str, object] | None = None, *, reject_rows: bool = False
) -> list[Block]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    stream: BinaryIO = BytesIO(content)
    return [*parse(stream, BodyMapping.from_json(mapping or {}), "body.json", reject_rows=reject_rows)]


def read(parse: Parse, body: object, mapping: dict[str, object] | None = None) -> pl.DataFrame:
    [block] = blocks(parse, body, mapping)
    assert block.readings.schema == SCHEMA
    return block.readings


def problems(parse: Parse, body: object, mapping: dict[str, object] | None = None) -> list[tuple[str | None, str]]:
    """Path and cause of everything that is wrong with a body."""
    with pytest.raises(BadFile) as refusal:
        blocks(parse, body, mapping)
    return [(problem.column, problem.cause) for problem in refusal.value.problems]


def starts(readings: pl.DataFrame) -> list[str]:
    return readings["reading_timestamp"].dt.to_string("%Y-%m-%d %H:%MZ").to_list()


def energies(readings: pl.DataFrame) -> list[Decimal | None]:
    return readings["energy_wh"].to_list()


def notes(readings: pl.DataFrame) -> list[dict[str, str] | None]:
    return [None if text is None else json.loads(text) for text in readings["other_metrics"]]


# --- what all have in common ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LEAST)
@pytest.mark.parametrize(
    "content, cause",
    [
        (b"", "the file is empty"),
        (b"  \n", "the file is empty"),
        (b'{"values": [', "no JSON: Expecting value"),
        (b"[1]", "an object is expected, not a list"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": 1, "a": 2}', "an object has 'a' twice"),
        (b'{"a": "\xff"}', "byte 0xFF at offset 7 is not UTF-8"),
        (b"[" * 100_000, "no usable JSON"),
        (b"{}", "expected here, not nothing"),
    ],
)
def test_a_body_that_is_none_is_refused_with_a_reason(name: str, content: bytes, cause: str) -> None:
    parse, mapping, _ = LEAST[name]
    [(_, why)] = problems(parse, content, mapping | ({"interval": "15min"} if name in ("sma", "enphase") else {}))
    assert cause in why


@pytest.mark.parametrize("name", LEAST)
def test_the_reading_that_a_body_holds_has_every_canonical_column(name: str) -> None:
    parse, mapping, body = LEAST[name]
    readings = read(parse, body, mapping | {"fetched_at": "2026-09-10T12:00:00+00:00"})
    assert readings.height == 1
    assert readings["quality"].to_list() == ["measured"]
    assert readings["reported_at"].to_list() == [datetime(2026, 9, 10, 12, tzinfo=UTC)]
    assert readings["external_device_id"].null_count() == 0


@pytest.mark.parametrize("name", LEAST)
def test_an_interval_that_had_not_ended_when_the_body_was_fetched_is_left_out(name: str) -> None:
    parse, mapping, body = LEAST[name]
    reading = read(parse, body, mapping).row(0, named=True)
    ended = reading["reading_timestamp"] + timedelta(seconds=reading["seconds"])
    assert read(parse, body, mapping | {"fetched_at": ended.isoformat()}).height == 1
    with pytest.raises(NoReadings, match="no interval that had ended"):
        blocks(parse, body, mapping | {"fetched_at": (ended - timedelta(seconds=1)).isoformat()})


@pytest.mark.parametrize("name", LEAST)
def test_a_byte_order_mark_changes_nothing(name: str) -> None:
    parse, mapping, body = LEAST[name]
    assert read(parse, b"\xef\xbb\xbf" + json.dumps(body).encode(), mapping).equals(read(parse, body, mapping))


@pytest.mark.parametrize(
    "saved, cause",
    [
        ({"zone": "UTC"}, "'zone' is unknown: known are channels, date, device"),
        ({"device": 4711}, "device must be text, not 4711"),
        ({"channels": "A"}, "channels must be a list of texts"),
        ({"time_zone": "Berlin"}, "'Berlin' is not a time zone"),
        ({"date": "1.9.2026"}, "date must be like 2024-01-31"),
        ({"fetched_at": "2026-09-01T10:00:00"}, "fetched_at must be an instant with offset"),
        ({"interval": "10min"}, "interval '10min' is unknown"),
        ({"label": "middle"}, "label 'middle' is unknown"),
        ({"tolerance": "2"}, "tolerance must be a share from 0 to 1"),
        ({"tolerance": "much"}, "tolerance must be a share from 0 to 1"),
        ({"channels": ["A", "-A"]}, "channels: 'A' is declared 2 times"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(saved: dict[str, object], cause: str) -> None:
    with pytest.raises(MappingError, match=cause):
        BodyMapping.from_json(saved)


def test_a_mapping_survives_json() -> None:
    saved = {"device": "1", "time_zone": BERLIN, "channels": ["A", "-B"], "tolerance": "0.2"}
    assert BodyMapping.from_json(json.loads(json.dumps(BodyMapping.from_json(saved).to_json()))).to_json() == saved


@pytest.mark.parametrize(
    "name, missing",
    [
        ("solaredge_v1", "time_zone"),
        ("sma", "time_zone"),
        ("sma", "label"),
        ("sma", "unit"),
        ("goodwe", "time_zone"),
        ("goodwe", "date"),
        ("goodwe", "device"),
    ],
)
def test_what_a_body_does_not_say_must_be_declared(name: str, missing: str) -> None:
    parse, mapping, body = LEAST[name]
    with pytest.raises(MappingError, match=f"{missing} is missing"):
        blocks(parse, body, {key: value for key, value in mapping.items() if key != missing})


# --- SolarEdge, version 2 ---------------------------------------------------------------------------------------


def quarters(*values: tuple[str, object], **changes: object) -> dict[str, object]:
    listed = [{"timestamp": at, "value": value} for at, value in values]
    return {"unit": "WH", "resolution": "QUARTER_HOUR", "values": listed} | changes


def test_solaredge_times_name_the_start_and_their_offset_is_always_read() -> None:
    body = quarters(("2026-10-25T02:45:00+02:00", 1), ("2026-10-25T02:45:00+01:00", 2), ("2026-10-25T00:00:00Z", 3))
    readings = read(solaredge.parse_v2, body, {"device": "4711"})
    assert starts(readings) == ["2026-10-25 00:45Z", "2026-10-25 01:45Z", "2026-10-25 00:00Z"]
    assert readings["seconds"].to_list() == [900] * 3
    assert readings["line"].to_list() == [1, 2, 3]


def test_a_null_is_missing_and_a_zero_is_measured() -> None:
    readings = read(solaredge.parse_v2, quarters(("2026-09-01T10:00:00Z", None), ("2026-09-01T10:15:00Z", 0)))
    assert energies(readings) == [None, Decimal(0)]
    assert readings["quality"].to_list() == ["missing", "measured"]


def test_numbers_are_exact_to_nine_places_and_never_floats() -> None:
    text = b'{"unit":"KWH","resolution":"HOUR","values":[{"timestamp":"2026-09-01T10:00:00Z","value":0.1000000000005}]}'
    assert energies(read(solaredge.parse_v2, text)) == [Decimal("100.0000000005").quantize(Decimal("1E-9"))]


def test_what_stands_beyond_the_ninth_place_is_rounded_half_to_even() -> None:
    body = b'{"unit":"WH","resolution":"HOUR","values":[%s]}' % b",".join(
        b'{"timestamp":"2026-09-01T%02d:00:00Z","value":%s}' % (hour, value)
        for hour, value in enumerate([b"0.0000000005", b"0.0000000015", b"-0.00000000051"])
    )
    nano = Decimal("1E-9")
    assert energies(read(solaredge.parse_v2, body)) == [0 * nano, 2 * nano, -1 * nano]


def test_power_of_solaredge_is_integrated_over_its_quarter() -> None:
    readings = read(solaredge.parse_v2, quarters(("2026-09-01T10:00:00Z", 1000), unit="W"))
    assert readings.select("power_w", "energy_wh").row(0) == (Decimal(1000), Decimal(250))


@pytest.mark.parametrize(
    "at, value, cause",
    [
        ("2026-09-01T10:00:00", 1, "no offset is written"),
        ("yesterday", 1, "not an ISO 8601 time with offset"),
        (None, 1, "not an ISO 8601 time with offset"),
        ("2026-09-01T10:07:00+02:00", 1, "not on the local grid of 900 s"),
        ("2026-09-01T10:00:00Z", "1", "a number is expected here, not text"),
        ("2026-09-01T10:00:00Z", True, "a number is expected here, not true or false"),
        ("2026-09-01T10:00:00Z", 1e30, "too many digits"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named_by_its_path(at: object, value: object, cause: str) -> None:
    values = [{"timestamp": "2026-09-01T09:45:00Z", "value": 1}, {"timestamp": at, "value": value}]
    body = quarters() | {"values": values}
    [(path, why)] = problems(solaredge.parse_v2, body)
    assert cause in why
    assert str(path).startswith("values[1].")


def test_rejected_entries_leave_the_good_ones_and_are_kept_as_they_were() -> None:
    body = quarters(("2026-09-01T09:45:00Z", 1), ("2026-09-01T10:07:00Z", 2), ("2026-09-01T10:15:00Z", 3))
    [block] = blocks(solaredge.parse_v2, body, reject_rows=True)
    assert energies(block.readings) == [Decimal(1), Decimal(3)]
    [rejected] = block.rejected
    assert (rejected.problem.line, rejected.problem.column) == (2, "values[1].timestamp")
    assert "2026-09-01T10:07:00Z" in rejected.raw


def test_an_entry_that_repeats_another_counts_once_and_one_that_contradicts_is_refused() -> None:
    same = quarters(("2026-09-01T10:00:00Z", 5), ("2026-09-01T12:00:00+02:00", 5.0))
    [block] = blocks(solaredge.parse_v2, same)
    assert (block.readings.height, block.repeated) == (1, 1)
    [(_, cause)] = problems(solaredge.parse_v2, quarters(("2026-09-01T10:00:00Z", 5), ("2026-09-01T10:00:00Z", 6)))
    assert cause == "entry 1 has other values for the same device and time"


@pytest.mark.parametrize(
    "changes, cause",
    [
        ({"unit": "mWh"}, "unit 'mWh' is ambiguous"),
        ({"unit": "HORSEPOWER"}, "unit 'HORSEPOWER' is unknown"),
        ({"resolution": "MONTH"}, "no interval of readings: known are QUARTER_HOUR, HOUR, DAY"),
        ({"values": None}, "a list is expected here, not nothing"),
        ({"unit": None}, "a text is expected here, not nothing"),
    ],
)
def test_a_series_whose_kind_is_unknown_is_refused(changes: dict[str, object], cause: str) -> None:
    [(_, why)] = problems(solaredge.parse_v2, quarters(("2026-09-01T10:00:00Z", 5), **changes))
    assert cause in why


def test_days_of_solaredge_have_as_many_seconds_as_the_sites_calendar() -> None:
    days = quarters(
        ("2026-03-29T00:00:00+01:00", 1), ("2026-10-25T00:00:00+02:00", 2), ("2026-10-26T00:00:00+01:00", 3)
    )
    readings = read(solaredge.parse_v2, days | {"resolution": "DAY"}, {"time_zone": BERLIN})
    assert readings["seconds"].to_list() == [82_800, 90_000, 86_400]
    [(_, cause)] = problems(solaredge.parse_v2, days | {"resolution": "DAY"}, {"time_zone": "Asia/Tokyo"})[:1]
    assert cause == "no day begins then in Asia/Tokyo"
    with pytest.raises(MappingError, match="time_zone is missing"):
        blocks(solaredge.parse_v2, days | {"resolution": "DAY"})


def test_telemetry_gives_energy_and_power_of_every_inverter() -> None:
    def series(unit: str, value: int) -> dict[str, object]:
        return {"unit": unit, "values": [{"timestamp": "2026-09-01T10:00:00+02:00", "value": value}]}

    inverters = {
        "7E-1": {"energy": series("WH", 300), "power": series("W", 1210), "acVoltage": series("V", 230)},
        "7E-2": {"energy": series("WH", 200)},
    }
    readings = read(solaredge.parse_v2, {"resolution": "QUARTER_HOUR", "inverters": inverters})
    assert readings.select("external_device_id", "energy_wh", "power_w").rows() == [
        ("7E-1", Decimal(300), Decimal(1210)),
        ("7E-2", Decimal(200), None),
    ]


def test_a_meter_that_counts_both_ways_needs_a_declaration() -> None:
    values = [{"timestamp": "2026-09-01T10:00:00+02:00", "value": 70}]
    more = [{"timestamp": "2026-09-01T10:00:00+02:00", "value": 20}]
    body = {
        "resolution": "QUARTER_HOUR",
        "unit": "WH",
        "meters": {"M1": {"exportEnergy": {"values": values}, "importEnergy": {"values": more}}},
    }
    [(path, cause)] = problems(solaredge.parse_v2, body)
    assert path == "meters.M1"
    assert "several channels of energy, exportEnergy, importEnergy: declare which" in cause
    readings = read(solaredge.parse_v2, body, {"channels": ["exportEnergy", "-importEnergy"]})
    assert energies(readings) == [Decimal(50)]
    assert notes(readings) == [
        {"channel": "exportEnergy-importEnergy", "exportEnergy_wh": "70", "importEnergy_wh": "20"}
    ]
    [(_, cause)] = problems(solaredge.parse_v2, body, {"channels": ["energy"]})
    assert "device M1 has no channel energy, only exportEnergy, importEnergy" in cause


# --- SolarEdge, version 1 ---------------------------------------------------------------------------------------


def archived(*values: tuple[str, object], unit: str = "QUARTER_OF_AN_HOUR") -> dict[str, object]:
    listed = [{"date": at, "value": value} for at, value in values]
    return {"energy": {"timeUnit": unit, "unit": "Wh", "measuredBy": "INVERTER", "values": listed}}


LOCAL: dict[str, object] = {"device": "4711", "time_zone": BERLIN}


def test_archived_times_are_local_and_the_repeated_hour_is_told_by_its_order() -> None:
    body = archived(
        ("2024-10-27 01:45:00", 1), ("2024-10-27 02:00:00", 2), ("2024-10-27 02:00:00", 3), ("2024-10-27 03:00:00", 4)
    )
    assert starts(read(solaredge.parse_v1, body, LOCAL)) == [
        "2024-10-26 23:45Z",
        "2024-10-27 00:00Z",
        "2024-10-27 01:00Z",
        "2024-10-27 02:00Z",
    ]


def test_a_time_of_the_repeated_hour_that_is_there_once_is_missing_twice_and_noted() -> None:
    readings = read(solaredge.parse_v1, archived(("2024-10-27 02:15:00", 7)), LOCAL)
    assert starts(readings) == ["2024-10-27 00:15Z", "2024-10-27 01:15Z"]
    assert readings["quality"].to_list() == ["missing", "missing"]
    assert notes(readings) == [{"ambiguous_time": "2024-10-27 02:15", "energy": "7"}] * 2


def test_a_time_that_never_happened_is_refused_unless_it_holds_nothing() -> None:
    [(path, cause)] = problems(solaredge.parse_v1, archived(("2024-03-31 02:15:00", 7)), LOCAL)
    assert path == "energy.values[0].date"
    assert cause == "never happens in Europe/Berlin: the clocks skip it"
    body = archived(("2024-03-31 01:45:00", 1), ("2024-03-31 02:15:00", 0), ("2024-03-31 02:30:00", None))
    assert energies(read(solaredge.parse_v1, body, LOCAL)) == [Decimal(1)]


def test_an_offset_where_local_time_is_expected_is_refused() -> None:
    [(_, cause)] = problems(solaredge.parse_v1, archived(("2024-06-01T00:15:00Z", 7)), LOCAL)
    assert cause == "an offset is written where local time is expected"


def test_details_of_several_kinds_need_a_declaration_and_keep_the_others() -> None:
    def meter(kind: str, value: object) -> dict[str, object]:
        return {"type": kind, "values": [{"date": "2024-06-01 10:00:00", "value": value}]}

    body = {
        "energyDetails": {"timeUnit": "HOUR", "unit": "kWh", "meters": [meter("Production", 3), meter("FeedIn", 2)]}
    }
    [(_, cause)] = problems(solaredge.parse_v1, body, LOCAL)
    assert "several channels of energy, Production, FeedIn" in cause
    readings = read(solaredge.parse_v1, body, LOCAL | {"channels": ["Production"]})
    assert energies(readings) == [Decimal(3_000)]
    assert readings["seconds"].to_list() == [3_600]
    assert notes(readings) == [{"channel": "Production", "FeedIn_wh": "2000"}]


def test_registers_of_archived_meters_are_differenced_and_a_reset_is_no_energy() -> None:
    values = [
        {"date": f"2024-06-01 {at}:00", "value": value}
        for at, value in (("10:00", 1000), ("10:15", 1040), ("10:30", 5), ("10:45", 25))
    ]
    meter = {"meterSerialNumber": "6063", "meterType": "Production", "values": values}
    body = {"meterEnergyDetails": {"timeUnit": "QUARTER_OF_AN_HOUR", "unit": "Wh", "meters": [meter]}}
    readings = read(solaredge.parse_v1, body, {"time_zone": BERLIN}).sort("reading_timestamp")
    assert starts(readings) == ["2024-06-01 07:45Z", "2024-06-01 08:00Z", "2024-06-01 08:15Z", "2024-06-01 08:30Z"]
    assert energies(readings) == [None, Decimal(40), None, Decimal(20)]
    assert readings["register_wh"].to_list() == [1000, 1040, 5, 25]
    assert readings["external_device_id"].unique().to_list() == ["6063"]
    told = [None if note is None else note.get("register") for note in notes(readings)]
    assert told == ["first", None, "reset", None]


# --- Enphase ----------------------------------------------------------------------------------------------------

NOON = 1_788_264_000  # 2026-09-01 12:00 UTC


def rgm(*intervals: dict[str, object], meters: list[object] | None = None) -> dict[str, object]:
    return {"system_id": 66, "total_devices": 2, "intervals": [*intervals], "meter_intervals": meters or []}


def test_times_of_enphase_name_the_end_of_a_quarter() -> None:
    readings = read(enphase.parse, rgm({"end_at": NOON, "wh_del": 50, "devices_reporting": 2}))
    assert starts(readings) == ["2026-09-01 11:45Z"]
    assert readings.select("seconds", "energy_wh", "external_device_id").row(0) == (900, Decimal(50), "66")
    assert notes(readings) == [{"devices_reporting": "2", "total_devices": "2"}]


def test_an_interval_in_which_nobody_reported_is_missing_and_not_zero() -> None:
    readings = read(
        enphase.parse,
        rgm(
            {"end_at": NOON, "wh_del": 0, "devices_reporting": 0},
            {"end_at": NOON + 900, "wh_del": 0, "devices_reporting": 1},
            {"end_at": NOON + 1800, "wh_del": None, "devices_reporting": 1},
            {"end_at": NOON + 2700, "devices_reporting": 1},
        ),
    )
    assert readings["quality"].to_list() == ["missing", "measured", "missing", "missing"]


def test_revenue_grade_meters_are_read_one_by_one_unless_the_site_is_the_device() -> None:
    def meter(serial: str, energy: int, power: int) -> dict[str, object]:
        interval = {"channel": 1, "end_at": NOON, "wh_del": energy, "curr_w": power}
        return {"meter_serial_number": serial, "envoy_serial_number": "E", "intervals": [interval]}

    meters: list[object] = [meter("A1", 30, 120), meter("B2", 20, 80)]
    body = rgm({"end_at": NOON, "wh_del": 50, "devices_reporting": 2}, meters=meters)
    by_meter = read(enphase.parse, body)
    assert by_meter.select("external_device_id", "energy_wh", "power_w").rows() == [
        ("A1", Decimal(30), Decimal(120)),
        ("B2", Decimal(20), Decimal(80)),
    ]
    total = read(enphase.parse, body, {"device": "site"})
    assert total.select("external_device_id", "energy_wh").rows() == [("site", Decimal(50))]


def test_a_meter_with_two_channels_needs_a_declaration() -> None:
    intervals = [{"channel": number, "end_at": NOON, "wh_del": 10 * number} for number in (1, 2)]
    body = rgm(meters=[{"meter_serial_number": "A1", "intervals": intervals}])
    [(_, cause)] = problems(enphase.parse, body)
    assert "device A1 has several channels of energy, 1, 2" in cause
    assert energies(read(enphase.parse, body, {"channels": ["1", "2"]})) == [Decimal(30)]


@pytest.mark.parametrize("name", ["wh_del", "enwh"])
def test_telemetry_has_either_name_for_energy_and_a_declared_interval(name: str) -> None:
    body = {
        "system_id": 66,
        "total_devices": 3,
        "granularity": "day",
        "intervals": [{"end_at": NOON, "devices_reporting": 3, "powr": 120, name: 10}],
    }
    readings = read(enphase.parse, body, {"interval": "5min"})
    assert starts(readings) == ["2026-09-01 11:55Z"]
    assert readings.select("energy_wh", "power_w").row(0) == (Decimal(10), Decimal(120))
    with pytest.raises(MappingError, match="interval is missing: telemetry does not say"):
        blocks(enphase.parse, body)


def test_two_energies_that_differ_are_refused() -> None:
    [(path, cause)] = problems(enphase.parse, rgm({"end_at": NOON, "wh_del": 5, "enwh": 6}))
    assert (path, cause) == ("intervals[0]", "wh_del and enwh differ")


@pytest.mark.parametrize(
    "end_at, cause",
    [
        (NOON + 7, "not on the local grid"),
        (str(NOON), "not whole seconds since 1970"),
        (NOON + 0.5, "not whole seconds since 1970"),
        (-900, "not whole seconds since 1970"),
        (None, "not whole seconds since 1970"),
    ],
)
def test_a_time_of_enphase_that_is_none_is_refused(end_at: object, cause: str) -> None:
    [(path, why)] = problems(enphase.parse, rgm({"end_at": end_at, "wh_del": 5}))
    assert path == "intervals[0].end_at"
    assert cause in why


def test_zeros_at_the_end_of_a_lifetime_are_not_reported_and_those_inside_are() -> None:
    body = {"system_id": 66, "start_date": "2026-10-24", "production": [909, 0, 4970, 0, 0], "meta": {}}
    readings = read(enphase.parse, body, {"time_zone": BERLIN})
    assert energies(readings) == [909, 0, 4970, None, None]
    assert readings["seconds"].to_list() == [86_400, 90_000, 86_400, 86_400, 86_400]
    assert readings["quality"].to_list()[-2:] == ["missing", "missing"]
    assert notes(readings)[-1] == {"trailing_zero": "not reported"}
    with pytest.raises(MappingError, match="time_zone is missing"):
        blocks(enphase.parse, body)


def test_a_lifetime_with_both_series_needs_a_declaration() -> None:
    body = {"system_id": 66, "start_date": "2026-09-01", "micro_production": [5, 6], "meter_production": [4, 7]}
    [(_, cause)] = problems(enphase.parse, body, {"time_zone": BERLIN})
    assert "several channels of energy, micro_production, meter_production" in cause
    readings = read(enphase.parse, body, {"time_zone": BERLIN, "channels": ["meter_production"]})
    assert energies(readings) == [4, 7]
    assert notes(readings)[0] == {"channel": "meter_production", "micro_production_wh": "5"}


def test_registers_at_one_instant_are_no_readings() -> None:
    meters = [
        {"serial_number": "A1", "value": 9e6, "read_at": NOON},
        {"serial_number": "old", "value": 1, "read_at": 9},
    ]
    [(path, cause)] = problems(enphase.parse, {"system_id": 66, "meter_readings": meters})
    assert path == "meter_readings"
    assert "retired meters repeat an old one" in cause


# --- SMA --------------------------------------------------------------------------------------------------------


def plant(*entries: dict[str, object], **changes: object) -> dict[str, object]:
    named = {"plantId": "25057", "name": "Test Plant", "timezone": BERLIN}
    body: dict[str, object] = {"plant": named, "setType": "EnergyBalance", "resolution": "FiveMinutes"}
    return body | {"set": [*entries]} | changes


SMA: dict[str, object] = {"time_zone": BERLIN, "label": "end", "unit": "W"}


def test_power_of_sma_is_labelled_as_declared_and_integrated() -> None:
    body = plant({"time": "2020-03-23T12:40:00", "pvGeneration": 3110.263, "gridFeedIn": 396.455, "note": "x"})
    readings = read(sma.parse, body, SMA)
    assert starts(readings) == ["2020-03-23 11:35Z"]
    assert readings.select("external_device_id", "seconds").row(0) == ("25057", 300)
    assert readings.select("power_w", "energy_wh").row(0) == (Decimal("3110.263"), Decimal("259.188583333"))
    assert notes(readings) == [{"gridFeedIn": "396.455"}]
    assert starts(read(sma.parse, body, SMA | {"label": "start"})) == ["2020-03-23 11:40Z"]


def test_a_value_that_sma_leaves_out_is_missing() -> None:
    body = plant({"time": "2020-03-23T12:40:00"}, {"time": "2020-03-23T12:45:00", "pvGeneration": 0})
    assert read(sma.parse, body, SMA)["quality"].to_list() == ["missing", "measured"]


def test_days_of_sma_are_local_days_of_energy() -> None:
    body = plant({"time": "2026-10-25T00:00:00", "pvGeneration": 23000}, resolution="OneDay")
    readings = read(sma.parse, body, SMA | {"unit": "Wh"})
    assert starts(readings) == ["2026-10-24 22:00Z"]
    assert readings.select("seconds", "energy_wh", "power_w").row(0) == (90_000, Decimal(23_000), None)


def test_ends_of_intervals_around_the_repeated_hour_are_told_by_their_order() -> None:
    faces = ["01:55", "02:00", "02:00", "03:00", "03:05"]
    body = plant(*({"time": f"2026-10-25T{face}:00", "pvGeneration": 12} for face in faces))
    assert starts(read(sma.parse, body, SMA)) == [
        "2026-10-24 23:50Z",
        "2026-10-24 23:55Z",
        "2026-10-25 00:55Z",
        "2026-10-25 01:55Z",
        "2026-10-25 02:00Z",
    ]


@pytest.mark.parametrize(
    "body, cause",
    [
        (plant(plant={"plantId": "1", "timezone": "Asia/Tokyo"}), "the body's time zone is not the declared one"),
        (plant(resolution="OneMonth"), "no interval of readings: known are FiveMinutes"),
        (plant({"time": "2020-03-23T12:41:00", "pvGeneration": 1}), "not on the local grid of 300 s"),
        (plant({"time": "2020-03-23T12:40:00Z", "pvGeneration": 1}), "an offset is written"),
        (plant({"time": "2020-03-23T12:40:00", "pvGeneration": "1"}), "a number is expected here"),
    ],
)
def test_a_body_of_sma_that_does_not_fit_is_refused(body: object, cause: str) -> None:
    [(_, why)] = problems(sma.parse, body, SMA)
    assert cause in why


# --- GoodWe -----------------------------------------------------------------------------------------------------


def chart(
    samples: Sequence[tuple[str, object]],
    total: object = None,
    unit: str = "W",
    **lines: Sequence[tuple[str, object]],
) -> dict[str, object]:
    curves = [{"key": "PCurve_Power_PV", "unit": unit, "xy": [{"x": x, "y": y, "z": None} for x, y in samples]}]
    curves += [{"key": key, "unit": "W", "xy": [{"x": x, "y": y} for x, y in line]} for key, line in lines.items()]
    generated = [] if total is None else [{"key": "Generation", "value": total, "unit": "kWh"}]
    return {"code": 0, "hasError": False, "msg": "Success", "data": {"lines": curves, "generateData": generated}}


def day_samples(day: str, value: object = 120) -> list[tuple[str, object]]:
    """A sample every five minutes of a local day, as the clock on the wall of the plant shows it."""
    zone = ZoneInfo(BERLIN)
    period = day_in_zone(datetime.fromisoformat(day).date(), zone)
    return [
        (f"{(period.start + timedelta(seconds=300 * number)).astimezone(zone):%H:%M}", value)
        for number in range(period.seconds // 300)
    ]


GOODWE: dict[str, object] = {"device": "plant", "time_zone": BERLIN, "date": "2026-09-01"}


def test_power_of_goodwe_holds_for_five_minutes_and_an_empty_text_is_missing() -> None:
    readings = read(goodwe.parse, chart([("10:00", 1200), ("10:05", ""), ("10:10", 0)]), GOODWE)
    assert starts(readings) == ["2026-09-01 08:00Z", "2026-09-01 08:05Z", "2026-09-01 08:10Z"]
    assert energies(readings) == [Decimal(100), None, Decimal(0)]
    assert readings["power_w"].to_list() == [Decimal(1200), None, Decimal(0)]
    assert readings["seconds"].to_list() == [300] * 3


def test_the_other_curves_are_kept_beside_and_the_declared_one_is_the_power() -> None:
    body = chart([("10:00", 1.2)], unit="kW", PCurve_Power_Meter=[("10:00", -300)], PCurve_SOC=[])
    readings = read(goodwe.parse, body, GOODWE)
    assert readings["power_w"].to_list() == [Decimal(1200)]
    assert notes(readings) == [{"PCurve_Power_Meter": "-300"}]
    assert read(goodwe.parse, body, GOODWE | {"value": "PCurve_Power_Meter"})["power_w"].to_list() == [Decimal(-300)]


def test_both_passes_of_the_repeated_hour_are_told_by_their_order() -> None:
    readings = read(goodwe.parse, chart(day_samples("2026-10-25")), GOODWE | {"date": "2026-10-25"})
    assert readings.height == 300
    assert readings["reading_timestamp"].diff().drop_nulls().unique().to_list() == [timedelta(seconds=300)]
    assert readings["seconds"].sum() == 90_000


def test_a_portal_that_shows_the_repeated_hour_once_leaves_it_unknown() -> None:
    once = list(dict(day_samples("2026-10-25")).items())
    readings = read(goodwe.parse, chart(once), GOODWE | {"date": "2026-10-25"})
    assert readings.height == 300
    missing = readings.filter(pl.col("quality") == "missing")
    assert missing.height == 24
    assert notes(missing)[0] == {"ambiguous_time": "2026-10-25 02:00", "PCurve_Power_PV": "120"}


def test_a_spring_day_has_23_hours_and_the_skipped_one_may_stand_there_empty() -> None:
    whole = [(f"{hour:02}:{minute:02}", "" if hour == 2 else 120) for hour in range(24) for minute in range(0, 60, 5)]
    readings = read(goodwe.parse, chart(whole), GOODWE | {"date": "2026-03-29"})
    assert readings["seconds"].sum() == 82_800


def test_the_sum_of_a_day_is_noted_beside_the_portals_own() -> None:
    readings = read(goodwe.parse, chart(day_samples("2026-09-01"), total=2.8), GOODWE)
    assert notes(readings)[-1] == {"day_wh": "2800", "day_sum_wh": "2880"}
    assert notes(readings)[:-1] == [None] * 287


def test_the_sum_of_a_day_that_still_runs_is_not_noted() -> None:
    body = chart(day_samples("2026-09-01"), total=2.8)
    readings = read(goodwe.parse, body, GOODWE | {"fetched_at": "2026-09-01T10:00:00+00:00"})
    assert readings.height == 144
    assert notes(readings) == [None] * 144


@pytest.mark.parametrize("total", [2.5, 3.4, "3.4", 0])
def test_a_day_that_differs_by_more_than_the_tolerance_is_refused(total: object) -> None:
    [(path, cause)] = problems(goodwe.parse, chart(day_samples("2026-09-01"), total=total), GOODWE)
    assert path == "data.generateData"
    assert cause == "the power of the day sums up to 2880 Wh, which differs by more than the share 0.1"


def test_the_tolerance_may_be_declared() -> None:
    body = chart(day_samples("2026-09-01"), total=2.5)
    assert read(goodwe.parse, body, GOODWE | {"tolerance": "0.2"}).height == 288


def test_gaps_explain_a_sum_that_is_too_small_and_none_that_is_too_large() -> None:
    samples = day_samples("2026-09-01")
    samples[100:150] = [(x, "") for x, _ in samples[100:150]]
    readings = read(goodwe.parse, chart(samples, total=2.88), GOODWE)
    assert notes(readings)[-1] == {"day_wh": "2880", "day_sum_wh": "2380"}
    assert "sums up to 2380 Wh" in problems(goodwe.parse, chart(samples, total=1), GOODWE)[0][1]


@pytest.mark.parametrize(
    "body, cause",
    [
        ({"code": 100001, "msg": "The authorization has expired."}, "an error: The authorization has expired."),
        ({"code": 0, "hasError": True, "msg": "oops"}, "the portal answered with an error: oops"),
        (chart([]) | {"data": {"lines": [{"key": "PCurve_Power_Load", "unit": "W", "xy": []}]}}, "has no curve"),
        (chart([("10:03", 1)]), "not a time of day like 13:45"),
        (chart([("25:00", 1)]), "not a time of day like 13:45"),
        (chart([("10:00", "much")]), "a number is expected here, not text"),
        (chart([("10:00", 1)], unit="KWh"), "has no curve PCurve_Power_PV, only none"),
    ],
)
def test_a_body_of_goodwe_that_cannot_be_read_is_refused(body: object, cause: str) -> None:
    [(_, why)] = problems(goodwe.parse, body, GOODWE)
    assert cause in why


# --- bodies that nobody here wrote ------------------------------------------------------------------------------


def test_a_real_list_of_goodwe_plants_holds_no_interval_and_says_so(shared_data: Path) -> None:
    body = (shared_data / "vendors" / "sems_query_power_station_monitor.json").read_bytes()
    [(path, cause)] = problems(goodwe.parse, body, GOODWE)
    assert (path, cause) == ("data", "no power chart: a list of plants with energies up to now has no intervals")


def test_real_values_of_an_sma_inverter_hold_no_time_and_say_so(shared_data: Path) -> None:
    body = (shared_data / "vendors" / "webconnect_getvalues_sb15.json").read_bytes()
    [(path, cause)] = problems(sma.parse, body, SMA)
    assert (path, cause) == ("result", "what an inverter shows now, without a time, is no reading of an interval")
