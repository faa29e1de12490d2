"""Files of every format, made as small as they can be, and what is read from them."""

import gzip
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import polars as pl
import pytest

from metering.errors import BadFile
from metering.formats import parse, read_mapping
from metering.formats.canonical import SCHEMA, Block, Rejected

QUARTERS: Mapping[str, object] = {
    "time_column": "time",
    "interval": "15min",
    "label": "start",
    "energy": ["energy", "kWh"],
}
Cell = str | int | float | None


@dataclass(frozen=True)
class Serial:
    """A cell that is formatted as a date."""

    days: str


@dataclass(frozen=True)
class Xml:
    """A cell as it stands in the sheet."""

    text: str


def blocks(name: str, content: bytes, declared: Mapping[str, object], *, reject_rows: bool = False) -> list[Block]:
    """The blocks of a file read with `QUARTERS` and what is declared beyond it."""
    mapping = read_mapping(name, {**QUARTERS, **declared})
    found = list(parse(name, io.BytesIO(content), mapping, f"meter.{name}", reject_rows=reject_rows))
    assert all(block.readings.schema == SCHEMA for block in found)
    return found


def read(name: str, content: bytes, **declared: object) -> pl.DataFrame:
    """All readings of a file."""
    return pl.concat([SCHEMA.to_frame(), *(block.readings for block in blocks(name, content, declared))])


def rejected(name: str, content: bytes, **declared: object) -> tuple[pl.DataFrame, list[Rejected]]:
    """The good readings of a file and what was left out of it."""
    found = blocks(name, content, declared, reject_rows=True)
    readings = pl.concat([SCHEMA.to_frame(), *(block.readings for block in found)])
    return readings, [each for block in found for each in block.rejected]


def problems(name: str, content: bytes, **declared: object) -> list[tuple[int, str | None, str]]:
    """Line, column and cause of everything that is wrong with a file."""
    with pytest.raises(BadFile) as refusal:
        blocks(name, content, declared)
    assert refusal.value.file_name == f"meter.{name}"
    assert refusal.value.total >= len(refusal.value.problems) > 0
    return [(problem.line, problem.column, problem.cause) for problem in refusal.value.problems]


def csv(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def ndjson(*rows: object) -> bytes:
    """Rows as JSON; a row that is text stands as it is."""
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


def parquet(**columns: pl.Series) -> bytes:
    content = io.BytesIO()
    pl.DataFrame(columns).write_parquet(content)
    return content.getvalue()


def zipped(**members: bytes) -> bytes:
    """A zip archive of these members, whose names get the ending .csv."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(f"{name}.csv", member)
    return content.getvalue()


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def workbook(
    *rows: Sequence[Cell | Serial | Xml],
    sheets: Sequence[str] = ("Readings",),
    from_1904: bool = False,
    shared: bool = True,
    parts: Mapping[str, str] | None = None,
) -> bytes:
    """A workbook whose last sheet has these rows; `parts` replaces what stands in it."""
    texts: list[str] = []
    lines = []
    for number, row in enumerate(rows, 1):
        cells = "".join(_cell(cell, f"{chr(65 + at)}{number}", texts, shared=shared) for at, cell in enumerate(row))
        lines.append(f'<row r="{number}">{cells}</row>')
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    named = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets, 1))
    targets = "".join(f'<Relationship Id="r{n}" Target="worksheets/sheet{n}.xml"/>' for n in range(1, len(sheets) + 1))
    content = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relations}"><workbookPr date1904="{int(from_1904)}"/>'
        f"<sheets>{named}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships>{targets}</Relationships>",
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><numFmts><numFmt numFmtId="164" formatCode="0.0\\d"/>'
        '<numFmt numFmtId="165" formatCode="[$-409]dd/mm/yyyy h:mm"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="22"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></styleSheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">'
        + "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
        + "</sst>",
        **{f"xl/worksheets/sheet{n}.xml": f'<worksheet xmlns="{main}"/>' for n in range(1, len(sheets))},
        f"xl/worksheets/sheet{len(sheets)}.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(lines)}</sheetData>'
        "</worksheet>",
        **(parts or {}),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in content.items():
            archive.writestr(name, part)
    return file.getvalue()


def _cell(cell: Cell | Serial | Xml, at: str, texts: list[str], *, shared: bool) -> str:
    match cell:
        case None:
            return ""
        case Xml(text):
            return text
        case Serial(days):
            return f'<c r="{at}" s="1"><v>{days}</v></c>'
        case str() if shared:
            texts.append(cell)
            return f'<c r="{at}" t="s"><v>{len(texts) - 1}</v></c>'
        case str():
            return f'<c r="{at}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
        case _:
            return f'<c r="{at}"><v>{cell}</v></c>'
