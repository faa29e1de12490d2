"""Rows of JSON, one per line or in one document: bytes in, canonical readings out, a block of rows at a time.

Numbers keep the digits that were written: they are never read as floats. A key that a row does not have is a value
that is missing, but a declared key that no row has is a mistake. Keys may not come twice.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NoReturn

import polars as pl

from metering.formats.canonical import Block, ProblemList, shortened
from metering.formats.lines import BLOCK_BYTES, LONGEST_LINE, numbered_lines
from metering.formats.mapping import ColumnMapping
from metering.formats.tabular import Rows, read_rows

_DEEPEST: Final = 32
_NAMES_SHOWN: Final = 20
# Rows whose keys come in one of this many orders are read by column, the others one by one.
_SHAPES: Final = 4
_SPACE: Final = r"[ \t\r\n]*"
_TEXT: Final = r'"[^"\\\x00-\x1f]*"'
_SCALAR: Final = rf"{_TEXT}|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|null|true|false"
_MEMBER: Final = rf'{_SPACE}"(?:[^"\\]|\\.)*"{_SPACE}:{_SPACE}(?:"(?:[^"\\]|\\.)*"|[^\s"{{}}\[\],:]+){_SPACE}'
_FLAT: Final = rf"^\{{{_MEMBER}(?:,{_MEMBER})*\}}$"
_BETWEEN_ROWS: Final = re.compile(r"\}[ \t\r\n]*,[ \t\r\n]*\{")
_WHITESPACE: Final = re.compile(_SPACE)
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_LITERAL: Final = re.compile(r"[^\s\[\]{},:\"]+")
_BYTE_ORDER_MARK: Final = "\ufeff"


class _UnreadError(ValueError):
    """What keeps a text from being read."""


def parse_lines(
    stream: BinaryIO,
    mapping: ColumnMapping,
    file_name: str,
    *,
    reject_rows: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Block]:
    """The readings of a file with one JSON object per line. Blocks and problems as in `delimited.parse`."""
    problems = ProblemList(file_name, reject_rows=reject_rows)
    lines = numbered_lines(stream, block_bytes, problems)
    rows = (lines.filter(pl.col("text").str.strip_chars() != "") for lines in lines)
    return read_rows(_cut(rows, mapping, problems), mapping, problems)


def parse_document(
    stream: BinaryIO,
    mapping: ColumnMapping,
    file_name: str,
    *,
    reject_rows: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Block]:
    """The readings of a JSON document: a list of objects, where `mapping.rows` leads to one, or the whole of it.

    Rows are numbered from 1 in the order of the list. A document that breaks off is refused, and so is one whose
    keys on the way to the rows come twice. Blocks and problems as in `delimited.parse`.
    """
    problems = ProblemList(file_name, reject_rows=reject_rows)
    return read_rows(_cut(_elements(stream, mapping, problems, block_bytes), mapping, problems), mapping, problems)


# --- rows to cells ------------------------------------------------------------------------------------------


def _cut(tables: Iterator[pl.DataFrame], mapping: ColumnMapping, problems: ProblemList) -> Iterator[Rows]:
    """The declared cells of rows, which come as `line` and `text`."""
    never, names = set(mapping.columns), dict[str, None]()
    holds_rows = False
    for rows in tables:
        if rows.is_empty():
            continue
        holds_rows = True
        yield _cells(rows, mapping, problems, never, names)
    if not (holds_rows or problems):
        problems.add_whole(1, None, "", "the file holds no readings")
    if names:
        shown = ", ".join(repr(shortened(name)) for name in names)
        for column in mapping.columns:
            if column in never:
                problems.add_whole(1, column, "", f"no row has this key: rows have {shown}")


def _cells(
    rows: pl.DataFrame, mapping: ColumnMapping, problems: ProblemList, never: set[str], names: dict[str, None]
) -> Rows:
    """The declared cells of one block; takes the keys that it has off `never` and notes the first in `names`."""
    columns = mapping.columns
    places = [str(place) for place in range(len(columns))]
    schema = pl.Schema({"line": pl.Int64(), **dict.fromkeys(places, pl.String())})
    read: list[pl.DataFrame] = []
    left = rows
    for _ in range(_SHAPES):
        if left.is_empty():
            break
        keys = _shape(left["text"][0])
        if keys is None:
            break
        found = left.with_columns(pl.col("text").str.extract_groups(_pattern(keys, columns)).alias("found"))
        fits = found.select(pl.col("found").struct.field("1").is_not_null()).to_series()
        if not fits.any():
            break
        found = found.filter(fits).select("line", pl.col("found").struct.unnest())
        held = [column for column in keys if column in columns]
        values = [_unquoted(str(number)).alias(places[columns.index(key)]) for number, key in enumerate(held, 2)]
        empty = [pl.lit("").alias(place) for place, key in zip(places, columns, strict=True) if key not in held]
        read.append(found.select("line", *values, *empty).select(schema.names()))
        never.difference_update(held)
        _remember(names, keys)
        left = left.filter(~fits)
    one_by_one = []
    for line, text in left.iter_rows():
        try:
            row = _object(text)
            one_by_one.append((line, *(_cell(row.get(column)) for column in columns)))
        except _UnreadError as error:
            problems.add(line, None, text, str(error))
            continue
        never.difference_update(row)
        _remember(names, row)
    cells = pl.concat([*read, pl.DataFrame(one_by_one, schema, orient="row")]).sort("line")
    renamed = dict(zip(places, columns, strict=True))
    return Rows(cells["line"], cells.select(places).rename(renamed), rows)


def _remember(names: dict[str, None], keys: Iterator[str] | list[str] | dict[str, object]) -> None:
    for key in keys:
        if len(names) >= _NAMES_SHOWN:
            return
        names.setdefault(key)


def _shape(text: str) -> list[str] | None:
    """The keys of a row that has only plain values, in their order; None for any other text."""
    try:
        row = _object(text)
    except _UnreadError:
        return None
    plain = all(not isinstance(value, list | dict) for value in row.values())
    written_plainly = all(re.fullmatch(_TEXT, json.dumps(key, ensure_ascii=False)) for key in row)
    return list(row) if row and plain and written_plainly else None


def _pattern(keys: list[str], columns: list[str]) -> str:
    """What a row with exactly these keys in this order looks like, as JSON writes it; one group per declared one.

    The first group is the row as a whole.
    """
    members = []
    for key in keys:
        group = "" if key in columns else "?:"
        members.append(f'{_SPACE}"{re.escape(key)}"{_SPACE}:{_SPACE}({group}{_SCALAR}){_SPACE}')
    return rf"^({_SPACE}\{{{','.join(members)}\}}{_SPACE})$"


def _unquoted(group: str) -> pl.Expr:
    """The text of a plain value."""
    value = pl.col(group)
    quoted = value.str.starts_with('"')
    return pl.when(quoted).then(value.str.strip_chars('"')).when(value == "null").then(pl.lit("")).otherwise(value)


def _object(text: str) -> dict[str, object]:
    """The row that a text holds, numbers and other plain values as they are written. Raises `_UnreadError`."""
    _refuse_depth(text)
    try:
        row = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _UnreadError(f"not JSON: {error.msg} at character {error.pos + 1} of the row") from error
    if not isinstance(row, dict):
        raise _UnreadError("a row must be an object with a key for each column")
    return row


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise _UnreadError("a declared key holds a list or an object, not one value")
    if "\0" in value:
        raise _UnreadError("\\u0000 belongs in no text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _UnreadError("half of a surrogate pair is no character") from error
    return value


def _refuse_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= _DEEPEST:
        return
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > _DEEPEST:
            raise _UnreadError(f"nested more than {_DEEPEST} deep")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    row = dict(pairs)
    if len(row) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _UnreadError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} comes twice")
    return row


def _no_number(written: str) -> NoReturn:
    raise _UnreadError(f"{written} is no JSON: write null where nothing was measured")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_float=str, parse_int=str, parse_constant=_no_number)


# Tells where a value ends; what stands in it is looked at later.
_EXTENT: Final = json.JSONDecoder(parse_float=str, parse_int=str)


# --- a document to rows -------------------------------------------------------------------------------------


def _elements(
    stream: BinaryIO, mapping: ColumnMapping, problems: ProblemList, block_bytes: int
) -> Iterator[pl.DataFrame]:
    """The rows of a document as `line`, counted from 1, and `text`. What is no JSON is a problem of the whole file."""
    document = _Document(stream, block_bytes)
    row = 0
    try:
        for texts in _rows_at(document, mapping.rows):
            yield pl.select(pl.int_range(row + 1, row + 1 + len(texts), dtype=pl.Int64).alias("line"), text=texts)
            row += len(texts)
        if document.peek():
            raise _UnreadError("something follows the end of the document")
    except _UnreadError as error:
        problems.add_whole(row + 1, None, "", str(error))


def _rows_at(document: "_Document", path: tuple[str, ...]) -> Iterator[pl.Series]:
    """The rows of the list at the path; everything beside it is stepped over."""
    if not path:
        yield from _rows(document)
        return
    if document.peek() != "{":
        raise _UnreadError(f"no object with the key {path[0]!r}, on the way to the rows")
    keys = []
    for key in document.members():
        keys.append(key)
        if key == path[0]:
            yield from _rows_at(document, path[1:])
        else:
            document.skip()
    if path[0] not in keys:
        shown = ", ".join(repr(shortened(key)) for key in keys[:_NAMES_SHOWN])
        raise _UnreadError(f"no key {path[0]!r}, on the way to the rows: here are {shown or 'none'}")


def _rows(document: "_Document") -> Iterator[pl.Series]:
    """The rows of a list."""
    if document.peek() == "{":
        raise _UnreadError("an object, not a list of rows: declare in rows the keys that lead to the list")
    document.take("[")
    if document.peek() == "]":
        document.at += 1
        return
    while True:
        flat = _flat_rows(document)
        # Here begins a row that holds objects or lists, or the last one that was read in full or in part.
        rows: list[str] = []
        broken, refills, ended = None, document.refills, False
        while document.refills == refills and not ended:
            try:
                rows.append(document.row())
                ended = document.peek() != ","
                document.take("]" if ended else ",")
            except _UnreadError as error:
                broken = error
                break
        yield pl.concat([flat, pl.Series(rows, dtype=pl.String)])
        if broken:
            raise broken
        if ended:
            return
        document.peek()


def _flat_rows(document: "_Document") -> pl.Series:
    """The rows from here on that hold only plain values, up to the last separator that was read; steps over them.

    A file writes all its separators alike: rows behind another one are found one by one.
    """
    none = pl.Series([], dtype=pl.String)
    between = _BETWEEN_ROWS.search(document.text, document.at)
    if between is None or document.text[document.at] != "{":
        return none
    pieces = pl.Series([document.text[document.at + 1 :]]).str.split(between.group()).explode().head(-1)
    rows = pl.select(pl.concat_str(pl.lit("{"), pieces, pl.lit("}"))).to_series()
    # A separator inside a text or a list is none, and leaves a piece that is no row.
    flat = rows.str.contains(_FLAT)
    whole = len(rows) if flat.all() else int((~flat).arg_true()[0])
    document.at += int(pieces.head(whole).str.len_chars().sum()) + whole * len(between.group())
    return rows.head(whole)


class _Document:
    """The text of a document, of which only the part around `at` is in memory."""

    def __init__(self, stream: BinaryIO, block_bytes: int) -> None:
        self._stream, self._block_bytes = stream, block_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._offset = 0
        self._ended = False
        self._dropped = 0
        self.text, self.at = "", 0
        self.refills = 0

    def more(self) -> bool:
        """Forgets what was read and reads on; False where nothing is left. Raises `_UnreadError`."""
        if self._ended:
            return False
        pending = len(self._decoder.getstate()[0])
        chunk = self._stream.read(self._block_bytes)
        try:
            text = self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            byte, at = error.object[error.start], self._offset - pending + error.start
            raise _UnreadError(f"byte 0x{byte:02X} at offset {at} is not UTF-8: save the file as UTF-8") from error
        if self._offset == 0:
            text = text.removeprefix(_BYTE_ORDER_MARK)
        self._offset += len(chunk)
        self._ended = not chunk
        self._dropped += self.at
        self.text, self.at = self.text[self.at :] + text, 0
        self.refills += 1
        return True

    def peek(self) -> str:
        """The next character that is not white space, which `at` then points at; "" at the end."""
        while True:
            space = _WHITESPACE.match(self.text, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take(self, mark: str) -> None:
        """Steps over the mark that must come next."""
        found = self.peek()
        if found != mark:
            raise _UnreadError(self._expected(repr(mark)))
        self.at += 1

    def string(self) -> str:
        """Steps over a text and gives it."""
        self.peek()
        return str(json.loads(self._token(_STRING, "a text in quotes")))

    def row(self) -> str:
        """Steps over one value and gives it as it is written."""
        self.peek()
        while True:
            try:
                _, end = _EXTENT.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                cause = f"not JSON: {error.msg} at character {self._dropped + error.pos + 1} of the document"
            except RecursionError as error:
                raise _UnreadError(f"nested more than {_DEEPEST} deep") from error
            else:
                # A number at the end of what was read may go on.
                if end < len(self.text) or not self.more():
                    row, self.at = self.text[self.at : end], end
                    return row
                continue
            if len(self.text) - self.at > LONGEST_LINE or not self.more():
                raise _UnreadError(cause)

    def skip(self, depth: int = 0) -> None:
        """Steps over any value, whose parts are read but not kept."""
        if depth > _DEEPEST:
            raise _UnreadError(f"nested more than {_DEEPEST} deep")
        mark = self.peek()
        if mark == "{":
            for _ in self.members():
                self.skip(depth + 1)
        elif mark == "[":
            self.at += 1
            if self.peek() == "]":
                self.at += 1
                return
            self.skip(depth + 1)
            while self.peek() == ",":
                self.at += 1
                self.skip(depth + 1)
            self.take("]")
        elif mark == '"':
            self._token(_STRING, "a text in quotes")
        elif not re.fullmatch(_SCALAR, self._token(_LITERAL, "a value")):
            raise _UnreadError(self._expected("a value"))

    def members(self) -> Iterator[str]:
        """The keys of an object, one after the other: whoever asks for the next has stepped over its value."""
        self.take("{")
        seen: set[str] = set()
        if self.peek() == "}":
            self.at += 1
            return
        while True:
            key = self.string()
            if key in seen:
                raise _UnreadError(f"the key {shortened(key)!r} comes twice")
            seen.add(key)
            self.take(":")
            yield key
            if self.peek() != ",":
                self.take("}")
                return
            self.at += 1

    def _token(self, pattern: re.Pattern[str], name: str) -> str:
        while True:
            found = pattern.match(self.text, self.at)
            if found and found.end() < len(self.text):
                break
            if len(self.text) - self.at > LONGEST_LINE:
                raise _UnreadError(f"a value is longer than {LONGEST_LINE} characters")
            if not self.more():
                if not found:
                    raise _UnreadError(self._expected(name))
                break
        self.at = found.end()
        return found.group()

    def _expected(self, what: str) -> str:
        rest = self.text[self.at : self.at + 10]
        if not rest:
            return f"the document breaks off where {what} should be"
        return f"not JSON: {what} expected, not {rest!r} at character {self._dropped + self.at + 1} of the document"
