"""Delimited text, such as CSV: bytes in, canonical readings out, a block of lines at a time.

A record is one physical line, which keeps line numbers exact: a quoted cell may hold delimiters, not line
ends.
"""

import csv
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

import polars as pl

from core.units import factor
from metering.formats.canonical import LONGEST_DEVICE_ID, MEASURES, SCHEMA, Block, ProblemList, shortened
from metering.formats.decimals import read_decimals
from metering.formats.mapping import ColumnMapping
from metering.formats.repeats import Seen
from metering.formats.timestamps import read_times

_BLOCK_BYTES: Final = 4 * 2**20
_LONGEST_LINE: Final = 2**20
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_NAMES_SHOWN: Final = 20


def parse(
    stream: BinaryIO, mapping: ColumnMapping, file_name: str, *, block_bytes: int = _BLOCK_BYTES
) -> Iterator[Block]:
    """The readings of a delimited file with a header on line 1, as `mapping` declares them.

    The whole file is read even when something is wrong with it: no block follows the first problem, and
    `BadFile` ends the iteration with every kind of problem found. So nothing may be kept until the iteration
    has ended. Memory does not grow with the file.
    """
    problems = ProblemList(file_name)
    header: list[str] | None = None
    holds_readings = False
    with Seen([MEASURES[quantity][0] for quantity in mapping.measured]) as seen:
        for lines in _numbered_lines(stream, block_bytes, problems):
            records = lines
            if header is None:
                header = _read_header(lines["text"][0], mapping, problems)
                records = lines.slice(1)
            records = records.filter(pl.col("text").str.strip_chars(f"{mapping.delimiter} \t") != "")
            if records.is_empty():
                continue
            holds_readings = True
            readings = _readings(_cells(records, header, mapping, problems), mapping, problems)
            if readings.is_empty():
                continue
            block = _without_repeats(readings, seen, mapping, problems)
            if not problems:
                yield block
    if not (holds_readings or problems):
        what = "the file is empty" if header is None else "the file holds no readings, only a header"
        problems.add(1, None, "", what)
    problems.refuse_if_any()


# --- bytes to lines -----------------------------------------------------------------------------------------


def _numbered_lines(stream: BinaryIO, block_bytes: int, problems: ProblemList) -> Iterator[pl.DataFrame]:
    """Blocks of `line` and `text`, without line ends. A line that is no text is recorded and left empty."""
    line, offset = 1, 0
    for block in _whole_lines(stream, block_bytes, problems):
        mark = len(_BYTE_ORDER_MARK) if offset == 0 and block.startswith(_BYTE_ORDER_MARK) else 0
        text = _decoded(block[mark:], line, offset + mark, problems).removesuffix("\n")
        texts = pl.Series("text", [text]).str.split("\n").explode()
        if "\r" in text:
            texts = texts.str.strip_suffix("\r")
        yield pl.select(pl.int_range(line, line + len(texts), dtype=pl.Int64).alias("line"), texts)
        line += len(texts)
        offset += len(block)


def _whole_lines(stream: BinaryIO, block_bytes: int, problems: ProblemList) -> Iterator[bytes]:
    """Blocks of bytes that end where a line ends; the last line may lack its end."""
    rest, line = b"", 1
    while chunk := stream.read(block_bytes):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            block = rest + chunk[:cut]
            yield block
            rest, line = chunk[cut:], line + block.count(b"\n")
        else:
            rest += chunk
        if len(rest) > max(_LONGEST_LINE, block_bytes):
            problems.add(line, None, "", f"the line is longer than {_LONGEST_LINE} bytes")
            return
    if rest:
        yield rest


def _decoded(block: bytes, line: int, offset: int, problems: ProblemList) -> str:
    """The text of the lines from `line` on; `offset` is where in the file they start."""
    if (cause := _not_text(block, offset)) is None:
        return block.decode()
    kept = []
    for number, raw in enumerate(block.split(b"\n"), line):
        if cause := _not_text(raw, offset):
            problems.add(number, None, raw[:100].decode(errors="replace"), cause)
        kept.append("" if cause else raw.decode())
        offset += len(raw) + 1
    return "\n".join(kept)


def _not_text(raw: bytes, offset: int) -> str | None:
    """Why the bytes, which start at `offset`, are no text; None where they are."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        at = error.start
        return f"byte 0x{raw[at]:02X} at offset {offset + at} is not UTF-8: save the file as UTF-8"
    at = raw.find(b"\0")
    return None if at < 0 else f"byte 0x00 at offset {offset + at} belongs in no text file"


# --- lines to cells -----------------------------------------------------------------------------------------


def _read_header(text: str, mapping: ColumnMapping, problems: ProblemList) -> list[str]:
    """The names of the columns. Raises `BadFile` where a declared one is not there exactly once."""
    cells = _split(text, 1, mapping.delimiter, problems)
    if cells is None:
        problems.refuse_if_any()
    names = [name.strip() for name in cells or ()]
    shown = ", ".join(repr(shortened(name)) for name in names[:_NAMES_SHOWN]) or "no names"
    unusable = [column for column in mapping.columns if names.count(column) != 1]
    for column in unusable:
        if column in names:
            problems.add(1, column, "", f"the header has this name {names.count(column)} times")
        else:
            problems.add(1, column, "", f"the column is missing: the header has {shown}")
    if unusable:
        problems.refuse_if_any()
    return names


def _split(text: str, line: int, delimiter: str, problems: ProblemList) -> list[str] | None:
    """The cells of one line whose quotes need care; None, and a problem, where they do not fit."""
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        unclosed = "unexpected end" in str(error)
        cause = "a quote is not closed on its line" if unclosed else f"cannot be cut into cells: {error}"
        problems.add(line, None, text, cause)
        return None


def _cells(lines: pl.DataFrame, header: list[str], mapping: ColumnMapping, problems: ProblemList) -> pl.DataFrame:
    """`line` and the declared columns as text, of the lines that have as many cells as the header."""
    delimiter, width = mapping.delimiter, len(header)
    careful: list[tuple[int, list[str]]] = []
    if lines["text"].str.contains('"', literal=True).any():
        # Quotes that only wrap cells without a delimiter or quote inside can be dropped by column.
        cell = f'(?:"[^"{delimiter}]*"|[^"{delimiter}]*)'
        wrapping = lines["text"].str.contains(f"^{cell}(?:{re.escape(delimiter)}{cell})*$")
        for line, text in lines.filter(~wrapping).iter_rows():
            found = _split(text, line, delimiter, problems)
            if found is not None and len(found) == width:
                careful.append((line, found))
            elif found is not None:
                problems.add(line, None, text, _wrong_width(len(found), width))
        lines = lines.filter(wrapping).with_columns(pl.col("text").str.replace_all('"', "", literal=True))

    split = lines.with_columns(pl.col("text").str.split_exact(delimiter, width).struct.unnest())
    fits = split[f"field_{width - 1}"].is_not_null() & split[f"field_{width}"].is_null()
    if not fits.all():
        for line, text in lines.filter(~fits).iter_rows():
            problems.add(line, None, text, _wrong_width(text.count(delimiter) + 1, width))
        split = split.filter(fits)
    places = [header.index(column) for column in mapping.columns]
    cells = split.select("line", *(pl.col(f"field_{place}").alias(header[place]) for place in places))
    if not careful:
        return cells
    by_hand = pl.DataFrame(
        [(line, *(found[place] for place in places)) for line, found in careful], cells.schema, orient="row"
    )
    return pl.concat([cells, by_hand]).sort("line")


def _wrong_width(found: int, expected: int) -> str:
    return f"{found} cell{'s' if found > 1 else ''}, the header has {expected}"


# --- cells to readings --------------------------------------------------------------------------------------


def _readings(cells: pl.DataFrame, mapping: ColumnMapping, problems: ProblemList) -> pl.DataFrame:
    """The readings of the lines without problem, with `SCHEMA`."""
    lines, times = cells["line"], cells[mapping.time_column]
    starts, causes = read_times(times, mapping.clock)
    problems.add_all(lines, mapping.time_column, times, causes)
    good = causes.is_null()
    columns = {"line": lines, "reading_timestamp": starts}
    for quantity, (name, unit) in mapping.measured.items():
        column, kind = MEASURES[quantity]
        columns[column], causes = read_decimals(cells[name], factor(unit, quantity), kind)
        problems.add_all(lines, name, cells[name], causes)
        good &= causes.is_null()
    if mapping.device_column is not None:
        devices = cells[mapping.device_column].str.strip_chars()
        columns["external_device_id"] = devices.set(devices == "", None)
        causes = _too_long(devices)
        problems.add_all(lines, mapping.device_column, devices, causes)
        good &= causes.is_null()
    absent = [pl.lit(None, kind).alias(name) for name, kind in SCHEMA.items() if name not in columns]
    missing = pl.col("energy_wh").is_null() & pl.col("power_w").is_null()
    readings = (
        pl.DataFrame(columns)
        .with_columns(absent)
        .with_columns(quality=pl.when(missing).then(pl.lit("missing")).otherwise(pl.lit("measured")))
        .select(SCHEMA.names())
    )
    return readings if good.all() else readings.filter(good)


def _too_long(devices: pl.Series) -> pl.Series:
    cause = pl.lit(f"a device id has at most {LONGEST_DEVICE_ID} characters")
    return pl.select(pl.when(devices.str.len_chars() > LONGEST_DEVICE_ID).then(cause)).to_series()


def _without_repeats(readings: pl.DataFrame, seen: Seen, mapping: ColumnMapping, problems: ProblemList) -> Block:
    """The readings that no earlier line gives; one that contradicts an earlier line is a problem."""
    again = seen.again(readings)
    if again.is_empty():
        return Block(readings, repeated=0)
    other = again.filter(~pl.col("same")).sort("line")
    cause = pl.format("line {} has other values for the same device and time", "first_line")
    problems.add_all(
        other["line"],
        mapping.time_column,
        other["reading_timestamp"].dt.to_string("%Y-%m-%d %H:%M:%SZ"),
        other.select(cause).to_series(),
    )
    return Block(readings.filter(~pl.col("line").is_in(again["line"].implode())), repeated=again.height)
