"""What all tables have in common: further columns, quality, rows left out, and the same readings from each format."""

import hashlib
import io
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from metering.errors import MappingError, MeteringError
from metering.formats import KNOWN_FORMATS, delimited, json_rows, parquet, parse, read_mapping, workbook
from metering.formats.canonical import INTERVAL_SECONDS, SCHEMA
from metering.formats.mapping import ColumnMapping
from tests.metering.formats import files
from tests.metering.formats.files import QUARTERS, csv, problems, read, rejected
from tests.soak import rounds

TABLES = ("csv", "json", "ndjson", "parquet", "xlsx")


# --- one table in every format ------------------------------------------------------------------------------

DECLARED = {
    "register": ["shown", "kWh"],
    "device_column": "device",
    "quality_column": "state",
    "qualities": {"A": "measured", "E": "estimated", "N": "missing"},
    "reported_column": "said",
    "others": ["volts", "note"],
    "energy": None,
    "label": "end",
}
COLUMNS = ("time", "shown", "device", "state", "said", "volts", "note")


def table(rows: int) -> list[tuple[str, ...]]:
    """Registers of two devices with gaps, resets, estimates, repeats and a shuffled order."""
    chance = random.Random(7)
    shown = {"A": 0, "B": 10**6}
    found: list[tuple[str, ...]] = []
    for number in range(rows):
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * number)
        for device in shown:
            shown[device] += chance.randrange(4000)
            if chance.random() < 0.02:
                shown[device] = 0
            if chance.random() < 0.1:
                continue
            state = chance.choice("AAAAEN")
            energy = f"{Decimal(shown[device]).scaleb(-3)}"
            volts = chance.choice(["", "230.5", "0"])
            found.append((f"{at:%Y-%m-%d %H:%M}Z", energy, device, state, f"{at:%Y-%m-%dT%H:%M:00Z}", volts, 'a "b"'))
            if chance.random() < 0.05:
                found.append(found[-1])
    chance.shuffle(found)
    return found


def as_csv(rows: list[tuple[str, ...]]) -> bytes:
    cells = ([f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in [COLUMNS, *rows])
    return csv(*map(",".join, cells))


def as_dicts(rows: list[tuple[str, ...]]) -> list[dict[str, str]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


WRITTEN: dict[str, Callable[[list[tuple[str, ...]]], bytes]] = {
    "csv": as_csv,
    "json": lambda rows: json.dumps(as_dicts(rows), indent=1).encode(),
    "ndjson": lambda rows: files.ndjson(*as_dicts(rows)),
    "parquet": lambda rows: files.parquet(**pl.DataFrame(rows, COLUMNS, orient="row").to_dict()),
    "xlsx": lambda rows: files.workbook(COLUMNS, *rows),
}


def comparable(readings: pl.DataFrame) -> pl.DataFrame:
    return readings.drop("line").sort("external_device_id", "reading_timestamp")


@pytest.mark.parametrize("name", TABLES)
def test_every_format_gives_the_same_readings_in_any_order(name: str) -> None:
    rows = table(150)
    expected = comparable(read("csv", as_csv(sorted(rows)), **DECLARED))
    assert expected.height == len(set(rows))
    assert set(expected["quality"]) == {"measured", "estimated", "missing"}
    assert comparable(read(name, WRITTEN[name](rows), **DECLARED)).equals(expected)


@pytest.mark.parametrize("name", TABLES)
def test_the_size_of_blocks_changes_nothing(name: str) -> None:
    rows = table(60)
    content, mapping = WRITTEN[name](rows), ColumnMapping.from_json({**QUARTERS, **DECLARED})
    expected = read(name, content, **DECLARED).sort("line")
    stream = io.BytesIO(content)
    cut = {
        "csv": delimited.parse(stream, mapping, "f", block_bytes=300),
        "json": json_rows.parse_document(stream, mapping, "f", block_bytes=300),
        "ndjson": json_rows.parse_lines(stream, mapping, "f", block_bytes=300),
        "parquet": parquet.parse(stream, mapping, "f", batch_rows=3),
        "xlsx": workbook.parse(stream, mapping, "f", block_rows=1, chunk_bytes=300),
    }[name]
    found = list(cut)
    assert len(found) > 10
    assert pl.concat(block.readings for block in found).sort("line").equals(expected)


# --- further columns ----------------------------------------------------------------------------------------


def test_other_columns_are_kept_by_name_as_they_are_written() -> None:
    content = csv('time,energy,"Q1, kvarh",Süd', '2024-01-01 00:00Z,1,0.1230,"5 ""A"""', "2024-01-01 00:15Z,1,, ")
    [first, second] = read("csv", content, others=["Q1, kvarh", "Süd"])["other_metrics"]
    assert json.loads(first) == {"Q1, kvarh": "0.1230", "Süd": '5 "A"'}
    assert second is None


def test_a_declared_quality_is_kept() -> None:
    content = csv("time,energy,state", "2024-01-01 00:00Z,1,ok", "2024-01-01 00:15Z,2,est", "2024-01-01 00:30Z,,est")
    qualities = {"quality_column": "state", "qualities": {"ok": "measured", "est": "estimated"}}
    assert read("csv", content, **qualities)["quality"].to_list() == ["measured", "estimated", "missing"]


def test_a_value_that_its_source_calls_missing_is_only_noted() -> None:
    content = csv("time,energy,state", "2024-01-01 00:00Z,0,bad")
    [row] = read("csv", content, quality_column="state", qualities={"bad": "missing"}).rows(named=True)
    assert (row["energy_wh"], row["quality"]) == (None, "missing")
    assert json.loads(row["other_metrics"]) == {"energy_wh": "0.000000000"}


def test_a_quality_that_is_not_declared_is_refused() -> None:
    content = csv("time,energy,state", "2024-01-01 00:00Z,0,?", "2024-01-01 00:15Z,0,")
    why = "quality not declared: declared are 'ok'"
    found = problems("csv", content, quality_column="state", qualities={"ok": "measured"})
    assert found == [(2, "state", why), (3, "state", why)]


def test_when_a_reading_was_reported_is_any_instant() -> None:
    content = csv("time,energy,said", "2024-01-01 00:00,1,2024-01-02 03:04:05", "2024-01-01 00:15,1,")
    said = read("csv", content, reported_column="said", time_zone="-07:00")["reported_at"]
    assert said.to_list() == [datetime(2024, 1, 2, 10, 4, 5, tzinfo=UTC), None]
    content = csv("time,energy,said", "2024-01-01 00:00Z,1,yesterday")
    [(line, column, why)] = problems("csv", content, reported_column="said")
    assert (line, column) == (2, "said")
    assert why.startswith("not an ISO 8601 time")


def test_a_column_may_be_named_like_one_of_ours() -> None:
    content = csv("line,energy_wh,quality", "2024-01-01 00:00Z,1,x")
    declared = {"time_column": "line", "energy": ["energy_wh", "Wh"], "others": ["quality"]}
    for name in TABLES:
        rows = [("2024-01-01 00:00Z", "1", "x")]
        written = {
            "csv": content,
            "json": b'[{"line": "2024-01-01 00:00Z", "energy_wh": 1, "quality": "x"}]',
            "ndjson": b'{"line": "2024-01-01 00:00Z", "energy_wh": 1, "quality": "x"}',
            "parquet": files.parquet(**pl.DataFrame(rows, ("line", "energy_wh", "quality"), orient="row").to_dict()),
            "xlsx": files.workbook(("line", "energy_wh", "quality"), *rows),
        }[name]
        assert read(name, written, **declared).select("energy_wh", "other_metrics").rows() == [
            (Decimal(1), '{"quality":"x"}')
        ]


# --- intervals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("interval", "seconds"), INTERVAL_SECONDS.items())
def test_a_reading_is_as_long_as_its_interval(interval: str, seconds: int) -> None:
    content = csv("time,energy", "2024-03-01T00:00Z,1")
    assert read("csv", content, interval=interval)["seconds"].to_list() == [seconds]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/Denver", "2024-03-10", 23),
        ("America/Denver", "2024-11-03", 25),
        ("America/Denver", "2024-07-01", 24),
        ("America/Sao_Paulo", "2018-11-04", 23),
        ("America/Sao_Paulo", "2018-11-03", 24),
        ("America/Havana", "2024-11-03", 25),
        ("+05:30", "2024-03-10", 24),
    ],
)
def test_a_local_day_lasts_until_the_next(zone: str, day: str, hours: int) -> None:
    readings = read("csv", csv("time,energy", f"{day},1"), interval="daily", time_zone=zone)
    assert readings["seconds"].to_list() == [hours * 3600]


# --- rows left out ------------------------------------------------------------------------------------------


def test_rows_that_are_wrong_are_left_out_and_kept_as_they_were_written() -> None:
    content = (
        b"time,energy\n2024-01-01 00:00Z,1\n2024-01-01 00:07Z,x\n2024-01-01 00:15Z\n2024-01-01 00:30Z,3\n"
        b"2024-01-01 00:45Z,\xff\n2024-01-01 00:00Z,9\n2024-01-01 01:00Z,4\n"
    )
    readings, left_out = rejected("csv", content)
    assert readings["line"].to_list() == [2, 5, 8]
    assert [(each.problem.line, each.problem.column, each.raw) for each in left_out] == [
        (6, None, "2024-01-01 00:45Z,�"),
        (4, None, "2024-01-01 00:15Z"),
        (3, "time", "2024-01-01 00:07Z,x"),
        (3, "energy", "2024-01-01 00:07Z,x"),
        (7, "time", "2024-01-01 00:00Z,9"),
    ]


def test_all_rows_that_are_left_out_are_listed_not_only_the_first_hundred() -> None:
    lines = [f"2024-01-01 00:00Z,no {number}" for number in range(500)]
    readings, left_out = rejected("csv", csv("time,energy", *lines))
    assert readings.is_empty()
    assert [each.raw for each in left_out] == lines


def test_rows_at_the_end_that_are_no_text_are_left_out_too() -> None:
    content = b"time,energy\n2024-01-01 00:00Z,1\n2024-01-01 00:15Z,\xff\n"
    mapping = ColumnMapping.from_json(QUARTERS)
    found = list(delimited.parse(io.BytesIO(content), mapping, "f", reject_rows=True, block_bytes=16))
    assert [each.problem.line for block in found for each in block.rejected] == [3]


def test_a_file_that_is_wrong_as_a_whole_is_refused_even_then() -> None:
    with pytest.raises(MeteringError, match="the column is missing"):
        rejected("csv", csv("time,energie", "2024-01-01 00:00Z,1"))


# --- mappings -----------------------------------------------------------------------------------------------


def test_a_whole_mapping_survives_json() -> None:
    whole = {
        **QUARTERS,
        **{name: value for name, value in DECLARED.items() if value is not None},
        "register_wraps_at": "1000000",
        "rows": ["data", "values"],
        "sheet": "Data",
        "delimiter": ";",
    }
    assert ColumnMapping.from_json(whole).to_json() == whole
    assert ColumnMapping.from_json(json.loads(json.dumps(whole))) == ColumnMapping.from_json(whole)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"energy": None}, "declare a column of energy, of power or of a register"),
        ({"register": ["shown", "kW"]}, "register: unit 'kW' measures power"),
        ({"register": "shown"}, "register must be a list of column and unit"),
        ({"register_wraps_at": "1000"}, "register_wraps_at needs a register"),
        ({"register": ["s", "kWh"], "register_wraps_at": "all nines"}, "register_wraps_at must be a number above 0"),
        ({"register": ["s", "kWh"], "register_wraps_at": "NaN"}, "register_wraps_at must be a number above 0"),
        ({"register": ["s", "kWh"], "register_wraps_at": "-1"}, "register_wraps_at must be a number above 0"),
        ({"register": ["s", "kWh"], "register_wraps_at": 1000}, "register_wraps_at must be text"),
        ({"quality_column": "state"}, "quality_column and qualities need each other"),
        ({"qualities": {"A": "measured"}}, "quality_column and qualities need each other"),
        ({"quality_column": "q", "qualities": {"A": "good"}}, "'A' is 'good', which is not one of measured, estimated"),
        ({"quality_column": "q", "qualities": ["A"]}, "qualities must be an object of texts"),
        ({"others": "volts"}, "others must be a list of texts"),
        ({"others": [1]}, "others must be a list of texts"),
        ({"others": ["energy"]}, "column 'energy' is declared 2 times"),
        ({"others": ["replaced"]}, "others may not hold 'replaced'"),
        ({"rows": "data"}, "rows must be a list of texts"),
        ({"sheet": 1}, "sheet must be text"),
        ({"interval": "10min"}, "known are daily, hourly, 30min, 15min, 5min, min, sec"),
    ],
)
def test_a_mapping_that_leaves_something_open_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(MappingError) as refusal:
        ColumnMapping.from_json({**QUARTERS, **changes})
    assert why in str(refusal.value)


@pytest.mark.parametrize("name", TABLES)
def test_each_format_says_what_its_mapping_is(name: str) -> None:
    assert isinstance(read_mapping(name, QUARTERS), ColumnMapping)
    assert name in KNOWN_FORMATS


def test_a_mapping_of_another_format_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="csv is read with ColumnMapping, not dict"):
        parse("csv", io.BytesIO(), {}, "meter.csv")  # type: ignore[arg-type]


def test_readings_have_the_columns_that_are_stored() -> None:
    assert read("csv", csv("time,energy", "2024-01-01 00:00Z,1")).schema == SCHEMA


# --- shuffled, repeated, split ------------------------------------------------------------------------------

MEASURED = {**DECLARED, "register": None, "energy": ["shown", "kWh"]}


def digest(readings: pl.DataFrame) -> str:
    """The same for the same readings, in whatever order and from whatever lines they came."""
    ordered = readings.drop("line").sort("external_device_id", "reading_timestamp", nulls_last=True)
    return hashlib.sha256(ordered.write_csv().encode()).hexdigest()


@pytest.mark.soak
@pytest.mark.parametrize("name", TABLES)
def test_shuffled_repeated_and_split_rows_have_the_same_digest(name: str) -> None:
    """A register is differenced within a file, so that only what is measured by row may be split."""
    for seed in range(rounds(40, 3)):
        chance = random.Random(f"{name} {seed}")
        rows = sorted({*table(60)})
        expected = digest(read("csv", as_csv(rows), **MEASURED))
        twice = rows + chance.sample(rows, chance.randrange(len(rows)))
        chance.shuffle(twice)
        found = files.blocks(name, WRITTEN[name](twice), MEASURED)
        assert digest(pl.concat(block.readings for block in found)) == expected
        assert sum(block.repeated for block in found) == len(twice) - len(rows)
        cuts = sorted(chance.sample(range(1, len(rows)), 3))
        chance.shuffle(rows)
        parts = [rows[start:end] for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
        assert digest(pl.concat(read(name, WRITTEN[name](part), **MEASURED) for part in parts)) == expected


@pytest.mark.parametrize("name", TABLES)
def test_one_changed_digit_changes_the_digest(name: str) -> None:
    rows = sorted({*table(20)})
    at = next(number for number, row in enumerate(rows) if row[3] == "A")
    other = [*rows[:at], (rows[at][0], f"{rows[at][1]}000001", *rows[at][2:]), *rows[at + 1 :]]
    assert digest(read(name, WRITTEN[name](rows), **MEASURED)) != digest(read(name, WRITTEN[name](other), **MEASURED))
