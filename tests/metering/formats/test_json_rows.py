"""JSON rows: exact numbers, and whole documents only."""

import io
import json
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.errors import BadFile
from metering.formats.json_rows import parse_document, parse_lines
from metering.formats.mapping import ColumnMapping
from tests.metering.formats.files import QUARTERS, ndjson, problems, read, rejected

FIRST, SECOND = "2024-01-01T00:00Z", "2024-01-01T00:15Z"


def test_numbers_keep_the_digits_that_were_written() -> None:
    content = ndjson(
        f'{{"time": "{FIRST}", "energy": 0.1234567890123}}',
        f'{{"time": "{SECOND}", "energy": 12345678901.234567891}}',
    )
    assert read("ndjson", content)["energy_wh"].to_list() == [
        Decimal("123.456789012"),
        Decimal("12345678901234.567891000"),
    ]


def test_a_number_in_quotes_is_that_number() -> None:
    assert read("ndjson", ndjson({"time": FIRST, "energy": "1.50"}))["energy_wh"].to_list() == [Decimal(1500)]


def test_null_empty_and_absent_are_missing_and_zero_is_not() -> None:
    content = ndjson(
        {"time": FIRST, "energy": None},
        {"time": SECOND, "energy": ""},
        {"time": "2024-01-01T00:30Z"},
        {"time": "2024-01-01T00:45Z", "energy": 0},
    )
    readings = read("ndjson", content)
    assert readings["quality"].to_list() == ["missing", "missing", "missing", "measured"]
    assert readings["energy_wh"].to_list() == [None, None, None, Decimal(0)]


def test_rows_may_have_their_keys_in_any_order_and_others_beside() -> None:
    content = ndjson(
        {"time": FIRST, "energy": 1, "site": {"name": "north"}},
        {"energy": 2, "time": SECOND, "tags": ["a"]},
        {"energy": 3, "note": 'a "quoted" {text}, with [brackets]', "time": "2024-01-01T00:30Z"},
    )
    assert read("ndjson", content)["energy_wh"].to_list() == [Decimal(1000), Decimal(2000), Decimal(3000)]


def test_escaped_text_is_read() -> None:
    content = ndjson('{"time": "2024-01-01T00:00Z", "energy": 1, "device": "Süd \\u2013 \\"A\\"\\\\1"}')
    assert read("ndjson", content, device_column="device")["external_device_id"].to_list() == ['Süd – "A"\\1']


def test_lines_have_their_physical_number_and_rows_of_a_document_count_from_one() -> None:
    rows = [{"time": FIRST, "energy": 1}, {"time": SECOND, "energy": 2}]
    assert read("ndjson", b"\n" + ndjson(rows[0], "", rows[1]))["line"].to_list() == [2, 4]
    assert read("json", json.dumps(rows, indent=4).encode())["line"].to_list() == [1, 2]


def test_rows_lead_to_the_list_in_a_document() -> None:
    document = {
        "meta": {"count": 1, "of": [[], {}, [1, "]"], None, True, -1.5e3, "\u00e9"]},
        "data": {"unit": "kWh", "values": [{"time": FIRST, "energy": 1}], "after": {}},
        "last": "}",
    }
    assert read("json", json.dumps(document).encode(), rows=["data", "values"]).height == 1


def test_epochs_are_read_where_they_are_declared() -> None:
    content = ndjson({"time": 1704067200, "energy": 1}, {"time": "1704068100.000", "energy": 2})
    seconds = read("ndjson", content, time_format="epoch")["reading_timestamp"]
    assert seconds.dt.to_string("%Y-%m-%d %H:%MZ").to_list() == ["2024-01-01 00:00Z", "2024-01-01 00:15Z"]
    content = ndjson({"time": 1704067200000, "energy": 1})
    assert read("ndjson", content, time_format="epoch_ms")["reading_timestamp"].to_list() == [seconds[0]]


@pytest.mark.parametrize(
    ("row", "column", "why"),
    [
        ("{", None, "not JSON: Expecting property name enclosed in double quotes at character 2 of the row"),
        ("[]", None, "a row must be an object with a key for each column"),
        ("7", None, "a row must be an object with a key for each column"),
        ('{"time": "2024-01-01T00:00Z", "energy": 1, "energy": 1}', None, "the key 'energy' comes twice"),
        ('{"time": "2024-01-01T00:00Z", "energy": 1, "x": {"a": 1, "a": 2}}', None, "the key 'a' comes twice"),
        ('{"time": "2024-01-01T00:00Z", "energy": [1]}', None, "a declared key holds a list or an object"),
        ('{"time": "2024-01-01T00:00Z", "energy": NaN}', None, "NaN is no JSON"),
        ('{"time": "2024-01-01T00:00Z", "energy": "NaN"}', "energy", "not a finite number"),
        ('{"time": "2024-01-01T00:00Z", "energy": 01}', None, "not JSON: Expecting ',' delimiter"),
        ('{"time": "2024-01-01T00:00Z", "energy": true}', "energy", "not a number"),
        ('{"time": "2024-01-01T00:00Z", "energy": "1,5"}', "energy", "decimal comma"),
        ('{"time": null, "energy": 1}', "time", "no time"),
        ('{"energy": 1}', "time", "no time"),
        ('{"time": "2024-01-01T00:00Z", "energy": "\\u0000"}', None, "\\u0000 belongs in no text"),
        ('{"time": "2024-01-01T00:00Z", "energy": "\\ud800"}', None, "half of a surrogate pair is no character"),
        ('{"time": "2024-01-01T00:00Z", "energy": ' + "[" * 40 + "]" * 40 + "}", None, "nested more than 32 deep"),
        ('{"time": "2024-01-01T00:00Z", "energy": ' + "[" * 5000, None, "nested more than 32 deep"),
        ('{"time": "2024-01-01T00:00Z", "energy": 1} {}', None, "not JSON: Extra data"),
        ("{'time': 1}", None, "not JSON"),
    ],
)
def test_a_row_that_is_no_reading_is_refused_with_its_cause(row: str, column: str | None, why: str) -> None:
    good = {"time": SECOND, "energy": 1}
    [(line, where, cause)] = problems("ndjson", ndjson(good, row))
    assert (line, where) == (2, column)
    assert cause.startswith(why)
    readings, left_out = rejected("ndjson", ndjson(row, good))
    assert readings["line"].to_list() == [2]
    assert [(each.problem.line, each.raw) for each in left_out] == [(1, row)]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("", "the document breaks off where '[' should be"),
        ("[]", "the file holds no readings"),
        ("[{", "not JSON: Expecting property name enclosed in double quotes at character 3 of the document"),
        ('[{"time":"2024-01-01T00:00Z","energy":1}', "the document breaks off where ']' should be"),
        ('[{"time":"2024-01-01T00:00Z","energy":1},', "not JSON: Expecting value at character 42 of the document"),
        ('[{"time":"2024-01-01T00:00Z","energy":1},]', "not JSON: Expecting value at character 42 of the document"),
        ('[{"time":"2024-01-01T00:00Z","energy":1}] x', "something follows the end of the document"),
        ('[{"time":"2024-01-01T00:00Z","energy":1} {}]', "not JSON: ']' expected, not '{}]' at character 42"),
        ('{"time":"2024-01-01T00:00Z","energy":1}', "an object, not a list of rows: declare in rows"),
        ("7", "not JSON: '[' expected, not '7' at character 1 of the document"),
        ("[" * 5000, "nested more than 32 deep"),
        (
            '[{"time":"2024-01-01T00:00Z","energy":1}]\xff',
            "byte 0xFF at offset 41 is not UTF-8: save the file as UTF-8",
        ),
    ],
)
def test_a_document_that_is_not_whole_is_refused(document: str, why: str) -> None:
    for reject_rows in (False, True):
        with pytest.raises(BadFile) as refusal:
            list(
                parse_document(
                    io.BytesIO(document.encode("latin-1")),
                    ColumnMapping.from_json(QUARTERS),
                    "meter.json",
                    reject_rows=reject_rows,
                )
            )
        assert refusal.value.problems[-1].cause.startswith(why)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ('{"a": []}', "no key 'data', on the way to the rows: here are 'a'"),
        ("[]", "no object with the key 'data', on the way to the rows"),
        ('{"data": [], "data": []}', "the key 'data' comes twice"),
        ('{"x": 1, "x": 2, "data": []}', "the key 'x' comes twice"),
        ('{"x": {"y": 1, "y": 2}, "data": []}', "the key 'y' comes twice"),
        ('{"x": nul, "data": []}', "not JSON: a value expected"),
        ('{"x" 1}', "not JSON: ':' expected, not '1}'"),
        ('{"x": ' + "[" * 40 + "]" * 40 + ', "data": []}', "nested more than 32 deep"),
        ('{"data": {"values": []}}', "an object, not a list of rows"),
        ('{"x": "open', "not JSON: a text in quotes expected"),
        (
            '{"data": [{"time":"2024-01-01T00:00Z","energy":1}], "tail": ',
            "the document breaks off where a value should",
        ),
    ],
)
def test_what_stands_beside_the_rows_must_be_json_too(document: str, why: str) -> None:
    [*_, (_, _, cause)] = problems("json", document.encode(), rows=["data"])
    assert cause.startswith(why)


def test_a_key_that_no_row_has_is_a_mistake_of_the_mapping() -> None:
    [(line, column, why)] = problems("ndjson", ndjson({"time": FIRST, "energie": 1}))
    assert (line, column, why) == (1, "energy", "no row has this key: rows have 'time', 'energie'")


values = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.floats(allow_nan=False, allow_infinity=False)
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(10**6), 10**6).map(lambda number: number / 1000),
            st.dictionaries(st.text(max_size=3).filter(lambda key: key not in ("time", "energy")), values, max_size=2),
            st.none() | st.lists(st.dictionaries(st.sampled_from("ab"), values), max_size=2),
            st.booleans(),
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([None, 0, 2]),
    st.integers(1, 200),
    st.booleans(),
)
def test_the_size_of_blocks_changes_nothing(
    drawn: list[tuple[float | None, dict[str, object], list[object] | None, bool]],
    indent: int | None,
    block_bytes: int,
    ascii_only: bool,
) -> None:
    rows = []
    for number, (energy, beside, nested, before) in enumerate(drawn):
        own: dict[str, object] = {"time": f"2024-01-01T{number // 4:02}:{number % 4 * 15:02}Z", "energy": energy}
        rows.append((beside | own if before else own | beside) | ({} if nested is None else {"nested": nested}))
    expected = [None if energy is None else Decimal(str(energy)) * 1000 for energy, *_ in drawn]
    mapping = ColumnMapping.from_json(QUARTERS)
    document = json.dumps(rows, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    lines = "\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows).encode("utf-8", "surrogatepass")
    for parse, content in ((parse_document, document), (parse_lines, lines)):
        found = list(parse(io.BytesIO(content), mapping, "meter.json", block_bytes=block_bytes))
        readings = pl.concat([block.readings for block in found])
        assert readings["energy_wh"].to_list() == expected
        assert readings["line"].to_list() == list(range(1, len(rows) + 1))


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet='{}[]",:\\ \n0123abtruefalsnE.-+é', max_size=60), st.integers(1, 9), st.booleans())
def test_a_garbled_document_is_read_as_python_reads_it_or_refused(text: str, block_bytes: int, framed: bool) -> None:
    document = f'[{{"time": "{FIRST}", "energy": 1, "x": {text}}}]' if framed else text
    try:
        list(
            parse_document(
                io.BytesIO(document.encode()), ColumnMapping.from_json(QUARTERS), "f", block_bytes=block_bytes
            )
        )
    except BadFile as refusal:
        assert refusal.total > 0  # noqa: PT017 - either outcome is right
    else:
        assert isinstance(json.loads(document), list)
