"""Named queries in files: which there are, what they ask for, and running them without changing anything.

A file of database/sql runs in psql as it stands, and here with its values bound as parameters:

    -- What the file is about.

    -- param period: month of the invoices; without it, the last one
    \\if :{?period} \\else \\set period '' \\endif

    -- name: open_invoices
    -- What the rows are.
    -- Cure: what to do about them.
    \\C open_invoices
    SELECT ... WHERE period.name = :'period';

A query of the folder `validation` returns no row when all is well, else `object` and `finding` of each fault.

QueryError
├── QueryFileError     a file is not written like that
├── UnknownNameError   there is no query or parameter of the name
├── ValueRefusedError  a value does not fit its parameter
└── QueryFailedError   PostgreSQL stopped the query: it took too long, or may not be run by this role
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from time import perf_counter

import psycopg
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from database import history
from database.errors import SchemaError
from database.reports import heading
from database.tokens import blank

ROOT = history.ROOT / "sql"
VALIDATION, ADMIN = "validation", "admin"
TIMEOUT_SECONDS = 30

PARAMETER = re.compile(r"^-- param (?P<name>[a-z_]+): (?P<about>.+)\n(?P<default>\\if .*)$", re.MULTILINE)
DEFAULT = r"\\if :\{{\?{name}\}} \\else \\set {name} '(?P<default>[^']*)' \\endif"
NAMED = re.compile(r"^-- name: (?P<name>.*)$", re.MULTILINE)
COMMENT = r"(?:--.*\n)+"
HEAD = re.compile(rf"\n(?P<about>{COMMENT})\\C (?P<title>.+)\n")
USE = re.compile(r":'(?P<name>[a-z_]+)'")
SPREADSHEET_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class QueryError(SchemaError):
    """Base of what can be wrong with a query; nothing was changed."""


class QueryFileError(QueryError):
    """A file is not written as queries are."""


class UnknownNameError(QueryError):
    """There is no query, or no parameter, of this name."""


class ValueRefusedError(QueryError):
    """A value does not fit its parameter."""


class QueryFailedError(QueryError):
    """PostgreSQL stopped the query."""


@dataclass(frozen=True)
class Parameter:
    """A value that a file asks for, and the one it takes without."""

    name: str
    default: str
    about: str


@dataclass(frozen=True)
class Query:
    """One query; `sql` names its values as psql does, `:'period'`. `cure` is what to do about its rows, or empty."""

    name: str
    about: str
    cure: str
    sql: str


@dataclass(frozen=True)
class QueryFile:
    """The queries of one file, in order; `folder` says what they are for."""

    folder: str
    name: str
    about: str
    parameters: tuple[Parameter, ...]
    queries: tuple[Query, ...]

    @property
    def is_validation(self) -> bool:
        return self.folder == VALIDATION


@dataclass(frozen=True)
class Result:
    """What a query returned, in PostgreSQL's types; `milliseconds` as the caller waited."""

    query: Query
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    milliseconds: int


# --- which queries


def read_queries(root: Path = ROOT) -> tuple[QueryFile, ...]:
    """Every query file, by folder and name; QueryFileError where one is written wrongly or a name is used twice."""
    files = tuple(_read(path) for path in sorted(root.glob("*/*.sql")))
    names: set[str] = set()
    for file in files:
        for name in {file.name, *(query.name for query in file.queries)}:
            if name in names:
                raise QueryFileError(f"{name} is the name of two queries or files; each is used once.")
            names.add(name)
    return files


def find(name: str, root: Path = ROOT) -> QueryFile:
    """The file of this name, or the one that holds the query of this name with that query alone."""
    files = read_queries(root)
    for file in files:
        if file.name == name:
            return file
        if found := tuple(query for query in file.queries if query.name == name):
            return QueryFile(file.folder, name, found[0].about, file.parameters, found)
    raise UnknownNameError(f"There is no query {name}. There are: {', '.join(file.name for file in files)}.")


def _read(path: Path) -> QueryFile:
    head, *blocks = NAMED.split(path.read_text())
    about = re.match(COMMENT, head)
    if about is None or not blocks:
        raise QueryFileError(f"{path.name} does not begin with a comment on what it holds, or has no `-- name:` line.")
    parameters = tuple(_parameters(path, head))
    queries = tuple(_query(path, *block) for block in zip(blocks[::2], blocks[1::2], strict=True))
    declared = {parameter.name for parameter in parameters}
    used = {name for query in queries for _, _, name in _uses(query.sql)}
    if declared != used:
        raise QueryFileError(
            f"{path.name}: parameter {', '.join(sorted(declared ^ used))} is declared and not used, or the other way."
        )
    return QueryFile(path.parent.name, path.stem, _plain(about[0]), parameters, queries)


def _parameters(path: Path, head: str) -> Iterator[Parameter]:
    for found in PARAMETER.finditer(head):
        name = found["name"]
        line = re.fullmatch(DEFAULT.format(name=name), found["default"])
        if line is None:
            raise QueryFileError(
                f"{path.name}: below parameter {name} stands its default:"
                f" \\if :{{?{name}}} \\else \\set {name} '...' \\endif"
            )
        yield Parameter(name, line["default"], found["about"])


def _query(path: Path, name: str, block: str) -> Query:
    head = HEAD.match(block)
    if head is None or head["title"] != name:
        raise QueryFileError(f"{path.name}: below `-- name: {name}` stand what it returns and the line `\\C {name}`.")
    body = block[head.end() :]
    visible = blank(body)
    end = visible.find(";")
    if end < 0 or visible[end + 1 :].strip():
        raise QueryFileError(f"{path.name}: {name} is not one statement that ends with a semicolon.")
    about, _, cure = _plain(head["about"]).partition("Cure: ")
    return Query(name, about.strip(), cure, body[:end].strip())


def _plain(comment: str) -> str:
    return " ".join(line.removeprefix("--").strip() for line in comment.splitlines()).strip()


def _uses(sql: str) -> Iterator[tuple[int, int, str]]:
    """Begin, end and name of each value that the text asks for; in a comment or a string nothing is asked for."""
    visible = blank(sql)
    return ((use.start(), use.end(), use["name"]) for use in USE.finditer(sql) if visible[use.start()] == ":")


# --- running


def run(
    connection: BaseDatabaseWrapper,
    file: QueryFile,
    values: Mapping[str, str] | None = None,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
    explain: bool = False,
) -> list[Result]:
    """The answers of every query of the file, or its plans as executed; nothing is changed, whatever the file says.

    Each query is stopped when it takes longer than the timeout. Raises UnknownNameError for a value that the file does
    not ask for, ValueRefusedError for one that does not fit, and QueryFailedError.
    """
    known = {parameter.name: parameter.default for parameter in file.parameters}
    if unknown := sorted((values or {}).keys() - known.keys()):
        asked = f"It has {', '.join(known)}" if known else "It has none"
        raise UnknownNameError(f"{file.name} has no parameter {', '.join(unknown)}. {asked}.")
    known |= values or {}
    with transaction.atomic(using=connection.alias), connection.cursor() as settings:
        settings.execute("SET TRANSACTION READ ONLY")
        settings.execute("SET LOCAL search_path = public")
        settings.execute("SET LOCAL TimeZone = 'UTC'")
        settings.execute("SELECT set_config('statement_timeout', %s, true)", [f"{timeout_seconds * 1000:.0f}"])
        if file.folder in (VALIDATION, ADMIN):
            # An error rather than an answer from which row security has taken rows: it would say that all is well.
            settings.execute("SET LOCAL row_security = off")
        # Django's own cursor writes values into the text; this one sends them beside it.
        with psycopg.Cursor(connection.connection) as cursor:
            results = [_run(cursor, query, known, timeout_seconds, explain) for query in file.queries]
        transaction.set_rollback(True, using=connection.alias)
    return results


def _run(
    cursor: psycopg.Cursor, query: Query, values: Mapping[str, str], timeout_seconds: float, explain: bool
) -> Result:
    text, bound = _bind(query.sql, values)
    begun = perf_counter()
    try:
        cursor.execute(f"{'EXPLAIN (ANALYZE, BUFFERS) ' if explain else ''}{text}".encode(), bound, prepare=False)
        rows = tuple(cursor.fetchall())
    except psycopg.errors.QueryCanceled as error:
        raise QueryFailedError(f"{query.name} took longer than {timeout_seconds:g} s and was stopped.") from error
    except psycopg.DataError as error:
        raise ValueRefusedError(f"{query.name}: {error.diag.message_primary}.") from error
    except psycopg.Error as error:
        raise QueryFailedError(f"{query.name}: {error.diag.message_primary or error}.") from error
    columns = tuple(column.name for column in cursor.description or ())
    return Result(query, columns, rows, round((perf_counter() - begun) * 1000))


def _bind(sql: str, values: Mapping[str, str]) -> tuple[str, list[str]]:
    """The text with a placeholder wherever it asks for a value, and the values in that order."""
    pieces, bound, done = [], [], 0
    for begin, end, name in _uses(sql):
        pieces += [sql[done:begin].replace("%", "%%"), "%s"]
        bound.append(values[name])
        done = end
    return "".join([*pieces, sql[done:].replace("%", "%%")]), bound


# --- telling


def report(
    connection: BaseDatabaseWrapper, file: QueryFile, values: Mapping[str, str], results: Sequence[Result]
) -> dict[str, object]:
    """What a machine reads; numbers that need not be whole are text, JSON's would lose digits."""
    return {
        **heading("run_query"),
        "database": connection.settings_dict["NAME"],
        "query": file.name,
        "parameters": {parameter.name: parameter.default for parameter in file.parameters} | dict(values),
        "items": [
            {
                "query": result.query.name,
                "about": result.query.about,
                "milliseconds": result.milliseconds,
                "columns": list(result.columns),
                "rows": [
                    [cell if cell is None or isinstance(cell, bool | int) else show(cell) for cell in row]
                    for row in result.rows
                ],
            }
            for result in results
        ],
        "findings": [
            {"code": result.query.name, "object": row[0], "detail": row[1], "fix": result.query.cure}
            for result in results
            for row in result.rows
            if file.is_validation
        ],
        "summary": summary(file, results),
    }


def summary(file: QueryFile, results: Sequence[Result]) -> str:
    """One sentence: what a validation found, or how many rows there are."""
    if not file.is_validation:
        return ", ".join(f"{result.query.name}: {_count(len(result.rows), 'row')}" for result in results)
    failed = [result.query.name for result in results if result.rows]
    checks = _count(len(results), "check")
    if not failed:
        return f"{checks}, nothing found"
    rows = sum(len(result.rows) for result in results)
    return f"{checks}, {_count(rows, 'finding')} in {', '.join(failed)}"


def to_csv(results: Iterable[Result]) -> str:
    """The rows as CSV under one heading; queries of one file come together, named in a first column.

    A text that a spreadsheet would take for a formula is led by an apostrophe; a number stays a number. Raises
    UnknownNameError where the queries have different columns: one must be chosen.
    """
    results = list(results)
    headings = {result.columns for result in results}
    if len(headings) > 1:
        names = ", ".join(result.query.name for result in results)
        raise UnknownNameError(f"These queries have different columns, as CSV name one of them: {names}.")
    several = len(results) > 1
    columns = next(iter(headings), ())
    rows = ((result.query.name, *row) if several else row for result in results for row in result.rows)
    return csv_text(("query", *columns) if several else columns, rows)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows under one heading as CSV, each text that a spreadsheet would take for a formula led by an apostrophe."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if columns:
        writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def _harmless(cell: object) -> str:
    text = show(cell)
    return f"'{text}" if text.startswith(SPREADSHEET_FORMULA) and not is_number(cell) else text


def is_number(cell: object) -> bool:
    return isinstance(cell, int | float | Decimal) and not isinstance(cell, bool)


def show(cell: object) -> str:
    """A value as people read it: nothing for null, instants in UTC, numbers with all their digits."""
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case Decimal():
            return f"{cell:f}"
        case datetime():
            return f"{cell.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if cell.tzinfo else cell.isoformat(" ", "seconds")
        case date():
            return cell.isoformat()
        case list() | dict():
            return json.dumps(cell, ensure_ascii=False, default=show)
    return str(cell)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
