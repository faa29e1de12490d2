"""Delimited text, such as CSV: bytes in, canonical readings out, a block of lines at a time.

A record is one physical line, which keeps line numbers exact: a quoted cell may hold delimiters, not line
ends.
"""

import csv
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

import polars as pl

from metering.formats.canonical import Block, ProblemList, shortened
from metering.formats.lines import numbered_lines
from metering.formats.mapping import ColumnMapping
from metering.formats.tabular import Rows, read_rows

# Columns of a block are some hundred times as large while they are read, and several blocks are on their way at once.
_BLOCK_BYTES: Final = 2**20
_NAMES_SHOWN: Final = 20


def parse(
    stream: BinaryIO,
    mapping: ColumnMapping,
    file_name: str,
    *,
    reject_rows: bool = False,
    block_bytes: int = _BLOCK_BYTES,
) -> Iterator[Block]:
    """The readings of a delimited file with a header on line 1, as `mapping` declares them.

    The whole file is read even when something is wrong with it: no block follows the first problem, and
    `BadFile` ends the iteration with every kind of problem found. So nothing may be kept until the iteration
    has ended. Memory does not grow with the file.
    """
    problems = ProblemList(file_name, reject_rows=reject_rows)
    return read_rows(_rows(stream, mapping, problems, block_bytes), mapping, problems)


def _rows(stream: BinaryIO, mapping: ColumnMapping, problems: ProblemList, block_bytes: int) -> Iterator[Rows]:
    header: list[str] | None = None
    holds_rows = False
    for lines in numbered_lines(stream, block_bytes, problems):
        records = lines
        if header is None:
            header = _read_header(lines["text"][0], mapping, problems)
            records = lines.slice(1)
        records = records.filter(pl.col("text").str.strip_chars(f"{mapping.delimiter} \t") != "")
        if not records.is_empty():
            holds_rows = True
            yield _cells(records, header, mapping, problems)
    if not (holds_rows or problems):
        what = "the file is empty" if header is None else "the file holds no readings, only a header"
        problems.add_whole(1, None, "", what)


# --- lines to cells -----------------------------------------------------------------------------------------


def _read_header(text: str, mapping: ColumnMapping, problems: ProblemList) -> list[str]:
    """The names of the columns. Raises `BadFile` where a declared one is not there exactly once."""
    try:
        cells = _split(text, mapping.delimiter)
    except csv.Error as error:
        problems.add_whole(1, None, "", _uncut(error))
        problems.refuse_if_any()
        raise
    names = [name.strip() for name in cells]
    shown = ", ".join(repr(shortened(name)) for name in names[:_NAMES_SHOWN]) or "no names"
    unusable = [column for column in mapping.columns if names.count(column) != 1]
    for column in unusable:
        if column in names:
            problems.add_whole(1, column, "", f"the header has this name {names.count(column)} times")
        else:
            problems.add_whole(1, column, "", f"the column is missing: the header has {shown}")
    if unusable:
        problems.refuse_if_any()
    return names


def _split(text: str, delimiter: str) -> list[str]:
    """The cells of one line whose quotes need care. Raises `csv.Error` where they do not fit."""
    return next(csv.reader([text], delimiter=delimiter, strict=True), [])


def _uncut(error: csv.Error) -> str:
    unclosed = "unexpected end" in str(error)
    return "a quote is not closed on its line" if unclosed else f"cannot be cut into cells: {error}"


def _cells(lines: pl.DataFrame, header: list[str], mapping: ColumnMapping, problems: ProblemList) -> Rows:
    """The declared columns as text, of the lines that have as many cells as the header."""
    delimiter, width, written = mapping.delimiter, len(header), lines
    careful: list[tuple[int, list[str]]] = []
    if lines["text"].str.contains('"', literal=True).any():
        # Quotes that only wrap cells without a delimiter or quote inside can be dropped by column.
        cell = f'(?:"[^"{delimiter}]*"|[^"{delimiter}]*)'
        wrapping = lines["text"].str.contains(f"^{cell}(?:{re.escape(delimiter)}{cell})*$")
        for line, text in lines.filter(~wrapping).iter_rows():
            try:
                found = _split(text, delimiter)
            except csv.Error as error:
                problems.add(line, None, text, _uncut(error))
                continue
            if len(found) == width:
                careful.append((line, found))
            else:
                problems.add(line, None, text, _wrong_width(len(found), width))
        lines = lines.filter(wrapping).with_columns(pl.col("text").str.replace_all('"', "", literal=True))

    split = lines.with_columns(pl.col("text").str.split_exact(delimiter, width).struct.unnest())
    fits = split[f"field_{width - 1}"].is_not_null() & split[f"field_{width}"].is_null()
    if not fits.all():
        for line, text in lines.filter(~fits).iter_rows():
            problems.add(line, None, text, _wrong_width(text.count(delimiter) + 1, width))
        split = split.filter(fits)
    places = [header.index(column) for column in mapping.columns]
    cells = split.select("line", *(f"field_{place}" for place in places))
    if careful:
        by_hand = pl.DataFrame(
            [(line, *(found[place] for place in places)) for line, found in careful], cells.schema, orient="row"
        )
        cells = pl.concat([cells, by_hand]).sort("line")
    names = dict(zip(cells.columns[1:], mapping.columns, strict=True))
    return Rows(cells["line"], cells.drop("line").rename(names), written)


def _wrong_width(found: int, expected: int) -> str:
    return f"{found} cell{'s' if found > 1 else ''}, the header has {expected}"
