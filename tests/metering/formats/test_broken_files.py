"""Broken files of every tabular format: each is refused whole, with the place and the cause."""

import io
import random
import zipfile
from datetime import UTC, datetime

import polars as pl
import pytest

from metering.errors import BadFile
from tests.metering.formats.files import (
    QUARTERS,
    Serial,
    Xml,
    blocks,
    csv,
    gzipped,
    ndjson,
    parquet,
    problems,
    workbook,
    zipped,
)
from tests.soak import rounds

AT = "2024-01-01T00:00Z"
GOOD_CSV = csv("time,energy", f"{AT},1")
TIMES = pl.Series([datetime(2024, 1, 1, tzinfo=UTC)], dtype=pl.Datetime("us", "UTC"))
GOOD_PARQUET = parquet(time=TIMES, energy=pl.Series([1]))
GOOD_WORKBOOK = workbook(("time", "energy"), (AT, 1))
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def without(part: str) -> bytes:
    """A good workbook that lacks a part."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD_WORKBOOK)) as whole, zipfile.ZipFile(content, "w") as archive:
        for name in whole.namelist():
            if name != part:
                archive.writestr(name, whole.read(name))
    return content.getvalue()


def with_sheet(sheet: str) -> bytes:
    return workbook(parts={"xl/worksheets/sheet1.xml": sheet})


BROKEN: list[tuple[str, str, bytes, int, str | None, str]] = [
    # CSV
    ("no bytes", "csv", b"", 1, None, "the file is empty"),
    ("only a mark", "csv", b"\xef\xbb\xbf", 1, "time", "the column is missing"),
    ("UTF-16", "csv", GOOD_CSV.decode().encode("utf-16"), 1, None, "byte 0xFF at offset 0 is not UTF-8"),
    ("Latin-1", "csv", GOOD_CSV + b",\xe4", 2, None, "byte 0xE4"),
    ("NUL", "csv", GOOD_CSV + b"\0", 2, None, "byte 0x00"),
    (
        "semicolons",
        "csv",
        GOOD_CSV.replace(b",", b";"),
        1,
        "time",
        "the column is missing: the header has 'time;energy'",
    ),
    ("a page of HTML", "csv", b"<!doctype html>\n<html></html>", 1, "time", "the column is missing"),
    ("a cell too many", "csv", GOOD_CSV + b",2", 2, None, "3 cells, the header has 2"),
    ("a cell too few", "csv", csv("time,energy", AT), 2, None, "1 cell, the header has 2"),
    ("a quote that is open", "csv", csv("time,energy", f'{AT},"1'), 2, None, "a quote is not closed"),
    ("text after a quote", "csv", csv("time,energy", f'{AT},"1"2'), 2, None, "cannot be cut into cells"),
    ("an end in a cell", "csv", csv("time,energy", f'{AT},"1', '2"'), 2, None, "a quote is not closed"),
    ("old Macintosh lines", "csv", GOOD_CSV.replace(b"\n", b"\r"), 1, None, "cannot be cut into cells"),
    ("a torn last line", "csv", GOOD_CSV + b"\n2024-01-01T00:1", 3, None, "1 cell, the header has 2"),
    ("two values", "csv", GOOD_CSV + f"\n{AT},2".encode(), 3, "time", "line 2 has other values"),
    ("a formula", "csv", csv("time,energy", f"{AT},=1+1"), 2, "energy", "not a number"),
    ("a unit in the cell", "csv", csv("time,energy", f"{AT},1 kWh"), 2, "energy", "not a number"),
    ("a typeset minus", "csv", csv("time,energy", f"{AT},−1"), 2, "energy", "not a number"),
    # JSON
    ("nothing", "json", b"", 1, None, "the document breaks off"),
    ("a list of lists", "json", f'[["{AT}", 1]]'.encode(), 1, None, "a row must be an object"),
    ("an error body", "json", b'{"error": "quota"}', 1, None, "an object, not a list of rows"),
    ("torn in a row", "json", f'[{{"time": "{AT}", "ener'.encode(), 1, None, "not JSON: Unterminated string"),
    ("torn between rows", "json", f'[{{"time": "{AT}", "energy": 1}},'.encode(), 2, None, "not JSON: Expecting value"),
    ("lines for a document", "json", ndjson({"time": AT, "energy": 1}), 1, None, "an object, not a list of rows"),
    (
        "a document for lines",
        "ndjson",
        f'[{{"time": "{AT}", "energy": 1}}]'.encode(),
        1,
        None,
        "a row must be an object",
    ),
    ("a comment", "ndjson", f'{{"time": "{AT}", "energy": 1}} // ok'.encode(), 1, None, "not JSON: Extra data"),
    ("a trailing comma", "ndjson", f'{{"time": "{AT}", "energy": 1,}}'.encode(), 1, None, "not JSON"),
    ("a line end in a text", "ndjson", f'{{"time": "{AT}", "energy": "1\n"}}'.encode(), 1, None, "not JSON"),
    (
        "a control character",
        "json",
        f'[{{"time": "{AT}", "energy": "1\t"}}]'.encode(),
        1,
        None,
        "not JSON: Invalid control",
    ),
    ("a list without end", "json", b"[" * 100_000, 1, None, "nested more than 32 deep"),
    # Parquet
    ("no magic", "parquet", b"PAR2" + b"\0" * 40, 1, None, "not readable as Parquet"),
    ("nothing", "parquet", b"", 1, None, "not readable as Parquet"),
    ("torn", "parquet", GOOD_PARQUET[: len(GOOD_PARQUET) // 2], 1, None, "not readable as Parquet"),
    ("only a tail", "parquet", GOOD_PARQUET[-30:], 1, None, "not readable as Parquet"),
    ("no rows", "parquet", parquet(time=TIMES.clear(), energy=pl.Series([], dtype=pl.Int64)), 1, None, "no readings"),
    ("no energy", "parquet", parquet(time=TIMES), 1, "energy", "the column is missing: the file has 'time'"),
    ("a list", "parquet", parquet(time=TIMES, energy=pl.Series([[1]])), 1, "energy", "holds no single values"),
    ("bytes", "parquet", parquet(time=TIMES, energy=pl.Series([b"1"])), 1, "energy", "holds no text"),
    ("infinity", "parquet", parquet(time=TIMES, energy=pl.Series([float("inf")])), 1, "energy", "not a finite number"),
    (
        "no time",
        "parquet",
        parquet(time=TIMES.clear().extend_constant(None, 1), energy=pl.Series([1])),
        1,
        "time",
        "no time",
    ),
    ("truth", "parquet", parquet(time=TIMES, energy=pl.Series([True])), 1, "energy", "not a number"),
    # XLSX
    ("no archive", "xlsx", GOOD_CSV, 1, None, "the packed file is damaged: File is not a zip file"),
    ("another archive", "xlsx", zipped(meter=GOOD_CSV), 1, None, "the packed file is damaged: File is not a zip file"),
    ("torn", "xlsx", GOOD_WORKBOOK[:-40], 1, None, "the packed file is damaged"),
    ("no list of sheets", "xlsx", without("xl/workbook.xml"), 1, None, "no workbook: There is no item named"),
    ("no sheet", "xlsx", without("xl/worksheets/sheet1.xml"), 1, None, "no workbook: There is no item named"),
    ("no texts", "xlsx", without("xl/sharedStrings.xml"), 1, "time", "the column is missing"),
    ("two sheets", "xlsx", workbook(sheets=["North", "South"]), 1, None, "declare in sheet which one"),
    ("an empty sheet", "xlsx", workbook(), 1, None, "the sheet is empty"),
    ("only a header", "xlsx", workbook(("time", "energy")), 1, None, "the sheet holds no readings, only a header"),
    (
        "no energy",
        "xlsx",
        workbook((), ("time", "e"), (AT, 1)),
        2,
        "energy",
        "the column is missing: row 2 of the sheet",
    ),
    ("energy twice", "xlsx", workbook(("time", "energy", "energy"), (AT, 1, 2)), 1, "energy", "has this name 2 times"),
    (
        "a date for energy",
        "xlsx",
        workbook(("time", "energy"), (AT, Serial("45413"))),
        2,
        "energy",
        "formatted as a date",
    ),
    (
        "a torn sheet",
        "xlsx",
        with_sheet(f"<worksheet {MAIN}><sheetData><row"),
        1,
        None,
        "no workbook: the sheet, after row 0",
    ),
    ("no XML", "xlsx", with_sheet("time,energy"), 1, None, "no workbook: the sheet, after row 0 is broken"),
    ("a row nowhere", "xlsx", with_sheet(f'<worksheet {MAIN}><row r="x"/></worksheet>'), 1, None, "no workbook"),
    (
        "a cell nowhere",
        "xlsx",
        with_sheet(f'<worksheet {MAIN}><row><c r="9"/></row></worksheet>'),
        1,
        None,
        "no cell can be",
    ),
    (
        "a cell too far out",
        "xlsx",
        workbook(("time", "energy"), (AT, Xml('<c r="AAAAAAAAAAAA2"><v>1</v></c>'))),
        2,
        None,
        "no cell can be at 'AAAAAAAAAAAA2'",
    ),
    (
        "entities that unfold",
        "xlsx",
        with_sheet('<!DOCTYPE a [<!ENTITY b "lol"><!ENTITY c "&b;&b;">]><a>&c;</a>'),
        1,
        None,
        "the sheet declares a document type",
    ),
    (
        "an entity that names a file",
        "xlsx",
        workbook(parts={"xl/styles.xml": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'}),
        1,
        None,
        "xl/styles.xml declares a document type",
    ),
    # packed
    ("a torn gzip", "csv", gzipped(GOOD_CSV)[:-4], 1, None, "the packed file is damaged"),
    ("a torn zip", "csv", zipped(meter=GOOD_CSV)[:-4], 1, None, "the packed file is damaged"),
    ("two files", "csv", zipped(a=GOOD_CSV, b=GOOD_CSV), 1, None, "a zip archive may hold one file, this one holds 2"),
    ("no CSV inside", "csv", gzipped(b"\x89PNG"), 1, None, "byte 0x89 at offset 0 is not UTF-8"),
]


@pytest.mark.parametrize(
    ("name", "content", "line", "column", "why"),
    [pytest.param(*broken[1:], id=f"{broken[1]}, {broken[0]}") for broken in BROKEN],
)
def test_a_broken_file_is_refused_with_its_place_and_cause(
    name: str, content: bytes, line: int, column: str | None, why: str
) -> None:
    first = problems(name, content, **QUARTERS)[0]
    assert first[:2] == (line, column)
    assert why in first[2]


GOOD_JSON = f'[{{"time": "{AT}", "energy": 1}}, {{"time": "{AT}", "energy": 1, "x": [{{}}]}}]'.encode()


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("csv", GOOD_CSV, id="csv"),
        pytest.param("csv", gzipped(GOOD_CSV), id="gzip"),
        pytest.param("csv", zipped(meter=GOOD_CSV), id="zip"),
        pytest.param("json", GOOD_JSON, id="json"),
        pytest.param("ndjson", GOOD_JSON[1:-1].replace(b"}, {", b"}\n{"), id="ndjson"),
        pytest.param("parquet", GOOD_PARQUET, id="parquet"),
        pytest.param("xlsx", GOOD_WORKBOOK, id="xlsx"),
        pytest.param("xlsx", without(""), id="xlsx that is not deflated"),
    ],
)
def test_a_file_with_changed_bytes_is_read_or_refused(name: str, content: bytes) -> None:
    for seed in range(rounds(3000, 40)):
        chance = random.Random(seed)
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(changed) or 1)
            match chance.randrange(3):
                case 0:
                    changed[at : at + 1] = [chance.randrange(256)]
                case 1:
                    del changed[at : at + chance.randint(1, 20)]
                case _:
                    changed[at:at] = changed[at : at + chance.randint(1, 20)]
        try:
            blocks(name, bytes(changed), {})
        except BadFile as refusal:
            assert refusal.total > 0  # noqa: PT017 - either outcome is right
