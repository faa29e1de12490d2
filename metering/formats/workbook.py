"""Workbooks (XLSX): one sheet to canonical readings, a block of rows at a time.

A workbook is a zip archive of XML parts. The sheet is read as a stream, so that its size does not matter; only the
texts that cells share are held. A number is read as its shortest decimal form: a spreadsheet writes 0.1 as
0.10000000000000001. Times are texts, or days since the beginning of 1900 or 1904 in cells that are formatted as dates.
"""

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from typing import BinaryIO, Final
from xml.parsers import expat

import polars as pl

from metering.errors import BadFile, Problem
from metering.formats.canonical import Block, ProblemList, shortened
from metering.formats.mapping import ColumnMapping
from metering.formats.packed import member_content, opened
from metering.formats.tabular import Rows, read_rows

_BLOCK_ROWS: Final = 2**15
_CHUNK: Final = 2**18
_LARGEST_SMALL_PART: Final = 16 * 2**20
_NAMES_SHOWN: Final = 20
_COLUMNS: Final = 16_384  # that a sheet can have
# Formats of dates and times that every workbook has.
_DATE_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
# What is no date in a number format: quoted text, colours and conditions in brackets, escaped characters, padding.
_NO_DATE: Final = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.|General|E[+-]', re.IGNORECASE)
# The day of serial 0, by whether the workbook begins in 1904. One that begins in 1900 counts a 29 February that year
# did not have, so that its days are certain from 1 March on.
_DAY_ZERO: Final = {False: date(1899, 12, 30), True: date(1904, 1, 1)}
_FIRST_CERTAIN_DAY: Final = {False: 61, True: 0}
_DAYS_END: Final = 2_957_003  # from 1904 into December 9999
_EXACT_DIGITS: Final = 15
_MILLISECONDS_OF_A_DAY: Final = 86_400_000

_Attributes = dict[str, str]
# What is written, its type, its style, and whether there is a formula.
_Cell = tuple[str, str, str, bool]


def parse(
    stream: BinaryIO,
    mapping: ColumnMapping,
    file_name: str,
    *,
    reject_rows: bool = False,
    block_rows: int = _BLOCK_ROWS,
    chunk_bytes: int = _CHUNK,
) -> Iterator[Block]:
    """The readings of one sheet with a header in its first row that holds anything; rows have the sheet's numbers.

    The sheet is the one that `mapping` names, or the only one. Blocks and problems as in `delimited.parse`.
    """
    problems = ProblemList(file_name, reject_rows=reject_rows)
    return read_rows(_rows(stream, mapping, problems, block_rows, chunk_bytes), mapping, problems)


def _rows(
    stream: BinaryIO, mapping: ColumnMapping, problems: ProblemList, block_rows: int, chunk_bytes: int
) -> Iterator[Rows]:
    with opened(stream, problems.file_name) as archive:
        try:
            book = _Book(archive, problems.file_name)
            sheet = member_content(archive, book.sheet(mapping.sheet), problems.file_name)
        except KeyError as error:
            raise _refusal(problems.file_name, f"no workbook: {error.args[0]}") from error
        with sheet:
            yield from _SheetReader(book, mapping, problems).rows(sheet, block_rows, chunk_bytes)


# --- the workbook -------------------------------------------------------------------------------------------


class _Book:
    """What the cells of any sheet refer to: shared texts, formats of numbers, the first day."""

    def __init__(self, archive: zipfile.ZipFile, file_name: str) -> None:
        self._archive, self._file_name = archive, file_name
        self.begins_in_1904 = False
        self._sheets: dict[str, str] = {}  # name to id of its relation
        self._read("xl/workbook.xml", self._in_workbook)
        self._targets: dict[str, str] = {}
        self._read("xl/_rels/workbook.xml.rels", self._in_relations)
        self._formats: dict[int, str] = {}
        self._in_cells = False
        self._styles = 0
        self.dates: set[str] = set()  # styles of cells whose number names a day or a time
        if "xl/styles.xml" in archive.namelist():
            self._read("xl/styles.xml", self._in_styles)
        self._texts = self._shared_texts()

    def sheet(self, name: str | None) -> str:
        """The part of the archive with the sheet of that name, or the only one. Raises `BadFile`."""
        names = ", ".join(repr(shortened(each)) for each in [*self._sheets][:_NAMES_SHOWN]) or "none"
        if name is None and len(self._sheets) != 1:
            raise _refusal(self._file_name, f"declare in sheet which one holds the readings: the workbook has {names}")
        if name is not None and name not in self._sheets:
            raise _refusal(self._file_name, f"there is no sheet {name!r}: the workbook has {names}")
        relation = self._sheets[name] if name is not None else next(iter(self._sheets.values()))
        target = self._targets.get(relation, "")
        return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"

    def text(self, number: str) -> str:
        """The shared text of that number. Raises `_UnreadCellError`."""
        if not (number.isdecimal() and int(number) < len(self._texts)):
            raise _UnreadCellError(number, "the cell refers to a text that the workbook does not have")
        return str(self._texts[int(number)])

    def _read(self, part: str, start: Callable[[str, _Attributes], None]) -> None:
        with member_content(self._archive, part, self._file_name) as stream:
            content = stream.read(_LARGEST_SMALL_PART + 1)
        if len(content) > _LARGEST_SMALL_PART:
            raise _refusal(self._file_name, f"{part} is larger than {_LARGEST_SMALL_PART} bytes")
        parser = _parser(self._file_name, part)
        parser.StartElementHandler = lambda name, attributes: start(_local(name), attributes)
        _feed(parser, content, self._file_name, part, final=True)

    def _in_workbook(self, name: str, attributes: _Attributes) -> None:
        if name == "workbookPr":
            self.begins_in_1904 = attributes.get("date1904") in ("1", "true")
        elif name == "sheet":
            relation = next((value for key, value in attributes.items() if key.endswith(" id")), "")
            self._sheets[attributes.get("name", "")] = relation

    def _in_relations(self, name: str, attributes: _Attributes) -> None:
        if name == "Relationship":
            self._targets[attributes.get("Id", "")] = attributes.get("Target", "")

    def _in_styles(self, name: str, attributes: _Attributes) -> None:
        if name == "numFmt":
            self._formats[int(attributes.get("numFmtId", "0"))] = attributes.get("formatCode", "")
        elif name in ("cellXfs", "cellStyleXfs"):
            self._in_cells = name == "cellXfs"
        elif name == "xf" and self._in_cells:
            number = int(attributes.get("numFmtId", "0"))
            code = self._formats.get(number)
            written = code is not None and re.search("[ymdhs]", _NO_DATE.sub("", code), re.IGNORECASE) is not None
            if written if code is not None else number in _DATE_FORMATS:
                self.dates.add(str(self._styles))
            self._styles += 1

    def _shared_texts(self) -> pl.Series:
        part = "xl/sharedStrings.xml"
        if part not in self._archive.namelist():
            return pl.Series([], dtype=pl.String)
        # Held by polars, which needs a fifth of the memory of Python's own texts.
        blocks: list[pl.Series] = []
        texts: list[str] = []
        pieces: list[str] = []
        wanted = False
        phonetic = 0

        def start(name: str, _: _Attributes) -> None:
            nonlocal wanted, phonetic
            local = _local(name)
            phonetic += local == "rPh"
            wanted = local == "t" and not phonetic
            if local == "si":
                pieces.clear()

        def end(name: str) -> None:
            nonlocal wanted, phonetic
            local = _local(name)
            phonetic -= local == "rPh"
            wanted = False
            if local == "si":
                texts.append("".join(pieces))

        def characters(text: str) -> None:
            if wanted:
                pieces.append(text)

        parser = _parser(self._file_name, part)
        parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, characters
        with member_content(self._archive, part, self._file_name) as stream:
            while chunk := stream.read(_CHUNK):
                _feed(parser, chunk, self._file_name, part)
                blocks.append(pl.Series(texts, dtype=pl.String))
                texts.clear()
        _feed(parser, b"", self._file_name, part, final=True)
        return pl.concat(blocks) if blocks else pl.Series([], dtype=pl.String)


# --- the sheet ----------------------------------------------------------------------------------------------


class _SheetReader:
    """Turns the XML of a sheet into rows of declared cells. Its handlers run for every cell: they do the least."""

    def __init__(self, book: _Book, mapping: ColumnMapping, problems: ProblemList) -> None:
        self._book, self._mapping, self._problems = book, mapping, problems
        self._columns = mapping.columns
        self._places: dict[int, int] | None = None  # column of the sheet to place among the declared ones
        self._holds_rows = False
        self._numbers: list[int] = []
        self._cells: list[list[str]] = [[] for _ in self._columns]
        self._left_out: list[tuple[int, str]] = []
        self._row, self._column = 0, -1
        self._found: dict[int, _Cell] = {}
        self._type, self._style, self._formula = "n", "0", False
        self._wanted = False
        self._phonetic = 0
        self._pieces: list[str] = []
        # What was worked out once: elements without namespace, columns by their letters, days and texts.
        self._locals: dict[str, str] = {}
        self._letters: dict[str, int] = {}
        self._days: dict[int, str] = {}
        self._texts: dict[str, str] = {}

    def rows(self, sheet: BinaryIO, block_rows: int, chunk_bytes: int) -> Iterator[Rows]:
        """The declared cells as text. Raises `BadFile`."""
        parser = _parser(self._problems.file_name, "the sheet")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        while chunk := sheet.read(chunk_bytes):
            _feed(parser, chunk, self._problems.file_name, f"the sheet, after row {self._row}")
            if len(self._numbers) + len(self._left_out) >= block_rows:
                yield self._taken()
        _feed(parser, b"", self._problems.file_name, f"the sheet, after row {self._row}", final=True)
        if self._numbers or self._left_out:
            yield self._taken()
        if not (self._holds_rows or self._problems):
            what = "the sheet is empty" if self._places is None else "the sheet holds no readings, only a header"
            self._problems.add_whole(1, None, "", what)

    def _taken(self) -> Rows:
        texts = [pl.Series(name, cells, pl.String) for name, cells in zip(self._columns, self._cells, strict=True)]
        left_out = pl.DataFrame(self._left_out, {"line": pl.Int64(), "text": pl.String()}, orient="row")
        rows = Rows(pl.Series(self._numbers, dtype=pl.Int64), pl.DataFrame(texts), left_out)
        self._numbers, self._cells, self._left_out = [], [[] for _ in self._columns], []
        self._texts.clear()
        return rows

    def _start(self, name: str, attributes: _Attributes) -> None:
        local = self._locals.get(name) or self._locals.setdefault(name, _local(name))
        if local == "c":
            self._column = self._place(attributes.get("r"))
            self._type, self._style = attributes.get("t", "n"), attributes.get("s", "0")
            self._formula = False
            self._pieces = []
        elif local in ("v", "t"):
            self._wanted = not self._phonetic
        elif local == "f":
            self._formula = True
        elif local == "row":
            written = attributes.get("r")
            self._row = int(written) if written is not None else self._row + 1
            self._column, self._found = -1, {}
        elif local == "rPh":
            self._phonetic += 1

    def _end(self, name: str) -> None:
        local = self._locals[name]
        if local == "c":
            if self._pieces or self._formula:
                self._found[self._column] = ("".join(self._pieces), self._type, self._style, self._formula)
        elif local == "row":
            self._end_row()
        elif local == "rPh":
            self._phonetic -= 1
        else:
            self._wanted = False

    def _characters(self, text: str) -> None:
        if self._wanted:
            self._pieces.append(text)

    def _place(self, reference: str | None) -> int:
        """The column of a cell, from 0; the next one where the cell does not say."""
        if reference is None:
            return self._column + 1
        letters = reference.rstrip("0123456789")
        place = self._letters.get(letters)
        if place is None:
            place = 0
            for letter in letters:
                place = place * 26 + ord(letter) - 64
            self._letters[letters] = place
            if not 0 < place <= _COLUMNS:
                raise _refusal(self._problems.file_name, f"no cell can be at {reference!r}", self._row)
        return place - 1

    def _end_row(self) -> None:
        if not self._found:
            return
        if self._places is None:
            self._read_header()
            return
        texts = [""] * len(self._columns)
        good = True
        for column, place in self._places.items():
            if (cell := self._found.get(column)) is not None:
                try:
                    texts[place] = self._text(self._columns[place], cell)
                except _UnreadCellError as error:
                    good = False
                    self._problems.add(self._row, self._columns[place], error.value, error.cause)
        if not good:
            self._holds_rows = True
            self._left_out.append((self._row, self._as_written()))
        elif any(map(str.strip, texts)):
            self._holds_rows = True
            self._numbers.append(self._row)
            for cells, text in zip(self._cells, texts, strict=True):
                cells.append(text)

    def _as_written(self) -> str:
        """The declared cells of a row that has one that cannot be read, as JSON."""
        row = {}
        for column, place in (self._places or {}).items():
            if (cell := self._found.get(column)) is not None:
                try:
                    row[self._columns[place]] = self._text(self._columns[place], cell)
                except _UnreadCellError as error:
                    row[self._columns[place]] = error.value
        return json.dumps(row, ensure_ascii=False)

    def _read_header(self) -> None:
        names = {}
        for column, cell in self._found.items():
            # A cell that cannot be read names nothing, and is missed where it is declared.
            with suppress(_UnreadCellError):
                names[column] = self._text(None, cell).strip()
        shown = ", ".join(repr(shortened(name)) for name in [*names.values()][:_NAMES_SHOWN])
        self._places = {}
        for place, declared in enumerate(self._columns):
            found = [column for column, name in names.items() if name == declared]
            if not found:
                cause = f"the column is missing: row {self._row} of the sheet has {shown}"
                self._problems.add_whole(self._row, declared, "", cause)
            elif len(found) > 1:
                self._problems.add_whole(self._row, declared, "", f"the header has this name {len(found)} times")
            else:
                self._places[found[0]] = place
        self._problems.refuse_if_any()

    def _text(self, name: str | None, cell: _Cell) -> str:
        """What a cell of the column says, or one of the header. Raises `_UnreadCellError`."""
        written, kind, style, formula = cell
        if kind == "s":
            text = self._texts.get(written)
            return text if text is not None else self._texts.setdefault(written, self._book.text(written))
        if kind == "b":
            return "TRUE" if written == "1" else "FALSE"
        if kind != "n":
            return written
        if not written:
            if formula:
                raise _UnreadCellError(
                    "", "a formula without a stored result: open the workbook, save it and try again"
                )
            return written
        if style in self._book.dates:
            return self._date(name, written)
        digits = _shortest(written)
        if name == self._mapping.time_column and self._mapping.time_format is None:
            raise _UnreadCellError(digits, "a number that is not formatted as a date")
        if name == self._mapping.device_column and name is not None and len(digits.strip("-0.")) > _EXACT_DIGITS:
            raise _UnreadCellError(digits, f"a workbook keeps {_EXACT_DIGITS} digits of a number: format ids as text")
        return digits

    def _date(self, name: str | None, written: str) -> str:
        """What a clock shows at the serial, to the millisecond, which is what it was rounded from."""
        mapping = self._mapping
        if name is not None and name not in (mapping.time_column, mapping.reported_column, *mapping.others):
            raise _UnreadCellError(written, "the cell is formatted as a date: a number was taken for one")
        if mapping.time_format is not None:
            raise _UnreadCellError(written, "the cell is formatted as a date, but time_format declares text")
        try:
            day, rest = divmod(round(float(written) * _MILLISECONDS_OF_A_DAY), _MILLISECONDS_OF_A_DAY)
        except (ValueError, OverflowError) as error:
            raise _UnreadCellError(written, "not a number of days") from error
        text = self._days.get(day)
        if text is None:
            if not _FIRST_CERTAIN_DAY[self._book.begins_in_1904] <= day < _DAYS_END:
                raise _UnreadCellError(written, "no date between March 1900 and 9999")
            text = (_DAY_ZERO[self._book.begins_in_1904] + timedelta(days=day)).isoformat()
            self._days[day] = text
        seconds, milliseconds = divmod(rest, 1000)
        minutes, second = divmod(seconds, 60)
        clock = f"{text} {minutes // 60:02}:{minutes % 60:02}:{second:02}"
        return f"{clock}.{milliseconds:03}" if milliseconds else clock


class _UnreadCellError(ValueError):
    """A cell that holds no value that could be read."""

    def __init__(self, value: str, cause: str) -> None:
        super().__init__(cause)
        self.value, self.cause = value, cause


def _shortest(number: str) -> str:
    """The shortest decimal that is the same number to a spreadsheet; what is no number stays as it is."""
    if len(number) <= _EXACT_DIGITS:
        return number
    try:
        return repr(float(number))
    except ValueError:
        return number


# --- XML ----------------------------------------------------------------------------------------------------


def _parser(file_name: str, part: str) -> expat.XMLParserType:
    """A parser that refuses to be told of entities, which could unfold without end or name other files."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise _refusal(file_name, f"{part} declares a document type, which no workbook needs")

    parser.StartDoctypeDeclHandler = refuse
    return parser


def _feed(parser: expat.XMLParserType, content: bytes, file_name: str, part: str, *, final: bool = False) -> None:
    try:
        parser.Parse(content, final)
    except (expat.ExpatError, ValueError) as error:
        raise _refusal(file_name, f"no workbook: {part} is broken: {error}") from error


def _local(name: str) -> str:
    """The name of an element without its namespace, of which there are two."""
    return name.rpartition(" ")[2]


def _refusal(file_name: str, cause: str, row: int = 1) -> BadFile:
    return BadFile(file_name, [Problem(row, None, "", cause)], 1)
