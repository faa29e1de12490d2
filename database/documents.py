"""What a schema file changes, measured: the catalog before and after it in a scratch database.

Every statement is also read with PostgreSQL's grammar; where the statements and the catalog disagree, that is an
error. What no grammar can see, because a DO block or a function does it, is taken from the catalog and marked.
"""

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from database.catalog import Difference, Key, Partition, compare, read_catalog, read_partitions
from database.errors import HistoryError, SchemaError
from database.history import ROOT, SchemaFile, read_history
from database.reports import heading
from database.scratch import Database, apply_with_psql, scratch_database

if TYPE_CHECKING:
    from database.prediction import Statement

# PostgreSQL's table locks, weakest first.
LOCK_MODES = (
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
FOREIGN_KEY = re.compile(r"FOREIGN KEY \((?P<own>.+?)\) REFERENCES (?P<table>\S+?)\((?P<target>.+?)\)")
SHORT_TYPES = {"character varying": "varchar", "timestamp with time zone": "timestamptz"}
# Kinds whose identity begins with their table.
OF_TABLE = frozenset(
    [
        "table",
        "row security",
        "column",
        "primary key",
        "foreign key",
        "unique",
        "check",
        "exclusion",
        "index",
        "trigger",
        "policy",
    ]
)


class ParserMissingError(SchemaError):
    """The parser of SQL, a development dependency, is not installed."""


class DisagreementError(SchemaError):
    """The statements of a file say one thing and the catalog another."""


class Action(StrEnum):
    """What became of an object."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"

    @classmethod
    def of(cls, before: str | None, after: str | None) -> "Action":
        if before is None:
            return cls.ADDED
        return cls.REMOVED if after is None else cls.CHANGED


@dataclass(frozen=True)
class Change:
    """One object that is not as it was; the definition is the new one, or the last one where it is gone.

    `lines` are those of the opaque statements that made the change; empty where it stands in plain sight.
    """

    kind: str
    identity: str
    action: Action
    definition: str
    lines: tuple[int, ...] = ()

    @property
    def table(self) -> str:
        """The table that the object is or belongs to; empty where it belongs to none."""
        return self.identity.partition(".")[0] if self.kind in OF_TABLE else ""

    @property
    def name(self) -> str:
        """The name without its table."""
        return self.identity.rpartition(".")[2]


@dataclass(frozen=True)
class TableLock:
    """The strongest lock that the file held on a table that was there before; `rewritten` when its file was new."""

    table: str
    mode: str
    rewritten: bool


@dataclass(frozen=True)
class DataChange:
    """Rows that the file writes; `hidden` where code does it that begins, or is set off, at the line."""

    table: str
    verb: str
    line: int
    hidden: bool = False


@dataclass(frozen=True)
class Document:
    """What one schema file changes.

    `locks` is None where the file runs outside a transaction: nothing holds its locks until they could be read.
    `duration_ms` is that of the file alone, in a database without rows.
    """

    file: str
    changes: tuple[Change, ...]
    rebuilt: tuple[str, ...]
    partitions: tuple[Partition, ...]
    data: tuple[DataChange, ...]
    locks: tuple[TableLock, ...] | None
    duration_ms: int
    server_version: str

    def of(self, *kinds: str) -> list[Change]:
        return [change for change in self.changes if change.kind in kinds]

    @property
    def modified_tables(self) -> list[str]:
        """Tables from before that are still there and are not as they were."""
        made = {change.identity for change in self.of("table") if change.action != Action.CHANGED}
        return sorted({change.table for change in self.changes if change.table} - made | set(self.rebuilt))


def locate(name: str, root: Path = ROOT) -> tuple[SchemaFile, list[SchemaFile]]:
    """The file that a number, a file name or a path means, and the files that come before it.

    A file outside the history comes after all of it. HistoryError where there is no such file.
    """
    history = read_history(root)
    path = Path(name)
    for file in history:
        if (name.isdigit() and int(name) == file.number) or name == file.name or path.resolve() == file.path.resolve():
            return file, list(history[: file.number])
    if not path.is_file():
        raise HistoryError(
            f"{name} is neither a file nor the number of one in database/migrations (000 to {history[-1].number:03d})."
        )
    return SchemaFile(len(history), path), list(history)


def document(server: Database, file: SchemaFile, earlier: Iterable[SchemaFile]) -> Document:
    """What the file changes after the earlier ones, measured in a scratch database on the server."""
    parse(file)  # what cannot be read needs no database
    with scratch_database(server) as scratch:
        apply_with_psql(scratch, earlier)
        with scratch.connect() as session:
            return measure(session, file)


def parse(file: SchemaFile) -> "list[Statement]":
    """The statements of a file; HistoryError where it is not SQL, ParserMissingError where nothing can read it."""
    try:
        from database.prediction import read_statements
    except ImportError as error:
        raise ParserMissingError(
            "document_migration reads SQL with pglast, PostgreSQL's own parser, which is a development dependency and"
            " not installed. Install it with: pip install pglast"
        ) from error
    return read_statements(file.sql, file.name)


def measure(session: psycopg.Connection, file: SchemaFile) -> Document:
    """Applies the file and tells what it changed; the session is in autocommit and alone in its database.

    HistoryError where the server refuses a statement, DisagreementError where the statements and the catalog
    disagree; nothing of the file remains then, unless it is one that runs outside a transaction.
    """
    statements = parse(file)
    from database.prediction import Forecast

    def execute(statement: "Statement") -> float:
        started = time.monotonic()
        try:
            session.execute(statement.text.encode())
        except psycopg.Error as error:
            raise HistoryError(f"{file.name}, line {statement.line}: {str(error).strip()}") from error
        return time.monotonic() - started

    plain: set[Key] = set()
    hidden: defaultdict[Key, list[int]] = defaultdict(list)
    data: set[DataChange] = set()
    disagreements: list[str] = []
    locks: list[_Held] = []
    written: set[str] = set()
    seconds = 0.0
    with session.transaction() if file.transactional else nullcontext():
        session.execute(f"SET {'LOCAL' if file.transactional else 'SESSION'} search_path = public".encode())
        before, partitions, tables = read_catalog(session), read_partitions(session), _read_tables(session)
        known = before
        # What stands in plain sight is foretold by the grammar and runs in one go; what does not runs by itself.
        for _, group in groupby(enumerate(statements), key=lambda pair: pair[0] if pair[1].alone else None):
            block = [statement for _, statement in group]
            forecast = Forecast(known)
            for statement in block:
                forecast.read(statement)
                seconds += execute(statement)
            now = read_catalog(session)
            changed = [(difference.kind, difference.identity) for difference in compare(known, now)]
            if block[0].opaque:
                for key in changed:
                    hidden[key].append(block[0].line)
            else:
                plain.update(changed)
                disagreements += forecast.disagreements(now)
                data |= {DataChange(write.table, write.verb, write.line) for write in forecast.writes}
            known = now
            if file.transactional:
                locks = _read_locks(session, tables)
                writing = {lock.table for lock in locks if lock.writing}
                # The body of a new function is checked under the locks that it will need; it writes nothing yet.
                if block[0].opaque or forecast.writes:
                    unseen = writing - written - {change.table for change in data}
                    data |= {DataChange(table, "writes", block[0].line, hidden=True) for table in unseen}
                written |= writing
        for change in data:
            if file.transactional and change.verb != "TRUNCATE" and change.table not in written:
                disagreements.append(f"line {change.line} says {change.verb} {change.table}; no row lock was taken")
        if disagreements:
            raise DisagreementError(
                f"{file.name}: what its statements say is not what the catalog shows. Nothing was documented.\n"
                + "\n".join(f"  {disagreement}" for disagreement in disagreements)
            )
        rows, places = _read_tables(session), read_places(session)
        names = {table.name: oid for oid, table in tables.items()}
        made = tuple(sorted(set(read_partitions(session)) - set(partitions)))
        version = session.info.parameter_status("server_version") or ""

    return Document(
        file=file.name,
        changes=tuple(
            Change(
                kind=difference.kind,
                identity=difference.identity,
                action=Action.of(difference.expected, difference.found),
                definition=difference.found or difference.expected or "",
                lines=tuple(hidden[key]) if (key := (difference.kind, difference.identity)) not in plain else (),
            )
            for difference in sorted(compare(before, known), key=lambda difference: _place(difference, places))
        ),
        rebuilt=tuple(sorted(t.name for oid, t in rows.items() if names.get(t.name, oid) != oid and t.name == t.root)),
        partitions=made,
        data=tuple(sorted(data, key=lambda change: (change.line, change.table))),
        locks=tuple(_strongest(locks, tables, rows)) if file.transactional else None,
        duration_ms=round(seconds * 1000),
        server_version=version.partition(" ")[0],
    )


class _Table(NamedTuple):
    """A table: its name, the name of the partitioned table it is a part of, and the file that holds its rows."""

    name: str
    root: str
    file: int | None


class _Held(NamedTuple):
    """A lock that the open transaction holds on a table; partitions count as their parent."""

    oid: int
    table: str
    mode: str

    @property
    def writing(self) -> bool:
        """Whether it is the lock under which rows are written; no statement that changes the schema takes it."""
        return self.mode == "ROW EXCLUSIVE"


# Tables of the schema public are named without it.
TABLES = b"""
    WITH named AS (
        SELECT *, CASE relnamespace WHEN 'public'::regnamespace THEN '' ELSE relnamespace::regnamespace || '.' END
            || relname AS name
        FROM pg_class
        WHERE relkind IN ('r', 'p', 'm') AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
    )
    SELECT named.oid, named.name, coalesce(root.name, named.name), pg_relation_filenode(named.oid)
    FROM named LEFT JOIN named AS root ON root.oid = pg_partition_root(named.oid)
"""


def _read_tables(session: psycopg.Connection) -> dict[int, _Table]:
    rows = session.execute(TABLES).fetchall()
    return {oid: _Table(name, root, file) for oid, name, root, file in rows}


def read_places(session: psycopg.Connection) -> dict[str, int]:
    """For each column, by the identity that a catalog gives it, where it stands in its table."""
    rows = session.execute(
        "SELECT format('%I.%I', relname, attname), attnum FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND attnum > 0"
    ).fetchall()
    return {identity: int(place) for identity, place in rows}


def _place(difference: Difference, places: dict[str, int]) -> tuple[str, str, int, str]:
    """By kind, and the columns of a table as they stand in it."""
    table = difference.identity.partition(".")[0] if difference.kind == "column" else ""
    return difference.kind, table, places.get(difference.identity, 0), difference.identity


def _read_locks(session: psycopg.Connection, tables: dict[int, _Table]) -> list[_Held]:
    """The table locks of the open transaction, those on tables that it dropped too."""
    now = _read_tables(session)
    rows = session.execute(
        "SELECT relation, mode FROM pg_locks WHERE locktype = 'relation' AND granted AND pid = pg_backend_pid()"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchall()
    return [
        _Held(oid, table.root, re.sub(r"(?<!^)([A-Z])", r" \1", mode.removesuffix("Lock")).upper())
        for oid, mode in rows
        if (table := now.get(oid) or tables.get(oid))
    ]


def _strongest(locks: Iterable[_Held], before: dict[int, _Table], after: dict[int, _Table]) -> Iterator[TableLock]:
    """The strongest lock on each table from before, and whether its rows were written anew."""
    modes: defaultdict[str, set[str]] = defaultdict(set)
    for lock in locks:
        if lock.oid in before:
            modes[lock.table].add(lock.mode)
    rewritten = {table.root for oid, table in before.items() if oid in after and after[oid].file != table.file}
    for table, held in sorted(modes.items()):
        yield TableLock(table, max(held, key=LOCK_MODES.index), table in rewritten)


# Sign, title, kinds of object and what became of them; the first four are told also where there is nothing to tell.
SECTIONS: tuple[tuple[str, str, tuple[str, ...], tuple[Action, ...]], ...] = (
    ("📦", "New Tables", ("table",), (Action.ADDED,)),
    ("✏️ ", "Modified Tables", (), ()),
    ("➕", "New Columns", ("column",), (Action.ADDED,)),
    ("🔗", "New Relationships", ("foreign key",), (Action.ADDED,)),
    ("🗑️ ", "Removed Tables", ("table",), (Action.REMOVED,)),
    ("♻️ ", "Changed and Removed Columns", ("column",), (Action.CHANGED, Action.REMOVED)),
    ("✂️ ", "Changed and Removed Relationships", ("foreign key",), (Action.CHANGED, Action.REMOVED)),
    ("🏷️ ", "Enums", ("enum", "domain"), tuple(Action)),
    ("⚖️ ", "Constraints", ("primary key", "unique", "check", "exclusion"), tuple(Action)),
    ("⚡", "Indexes", ("index", "statistics"), tuple(Action)),
    ("🧮", "Functions", ("function", "procedure"), tuple(Action)),
    ("🔔", "Triggers", ("trigger",), tuple(Action)),
    ("🛡️ ", "Row Security", ("row security", "policy"), tuple(Action)),
    ("🔭", "Views", ("view", "materialized view"), tuple(Action)),
    ("🔢", "Sequences", ("sequence",), tuple(Action)),
    ("🔑", "Grants", ("schema", "grant"), tuple(Action)),
    ("💬", "Comments", ("comment",), tuple(Action)),
)
ALWAYS = 4


def sections(document: Document) -> list[dict[str, Any]]:
    """What people read, in the guide's order: sign, title and lines of each section."""
    told: list[dict[str, Any]] = []
    for place, (sign, title, kinds, actions) in enumerate(SECTIONS):
        lines = [
            _line(change, document)
            for kind in kinds
            for change in document.of(kind)
            if change.action in actions and not _goes_without_saying(change, document)
        ]
        if title == "Modified Tables":
            lines = [table + " (rebuilt)" * (table in document.rebuilt) for table in document.modified_tables]
        if lines or place < ALWAYS:
            told.append({"sign": sign, "title": title, "lines": lines})
    further = {
        ("🗂️ ", "Partitions"): [f"{part.name} of {part.parent} {part.bounds}" for part in document.partitions],
        ("💾", "Data Changes"): [
            f"{change.verb} {change.table} (line {change.line})" + " *" * change.hidden for change in document.data
        ],
        ("🔒", "Locks on Tables From Before (strongest, measured)"): [
            f"{lock.table}: {lock.mode}" + ", rewritten" * lock.rewritten for lock in document.locks or ()
        ]
        if document.locks is not None
        else ["not measured: the file runs outside a transaction"],
    }
    told += [{"sign": sign, "title": title, "lines": lines} for (sign, title), lines in further.items() if lines]
    return told


def _goes_without_saying(change: Change, document: Document) -> bool:
    """Whether it comes or goes with an object that is told already: its sequence, comment, default grant."""
    if change.kind == "row security":
        return change.action != Action.CHANGED and change.definition == "DISABLED"
    if change.kind == "sequence":
        return change.action != Action.CHANGED and " OWNED BY " in change.definition
    if change.kind in ("comment", "grant"):
        owner = change.identity.rpartition(" to ")[0] if change.kind == "grant" else change.identity
        return any(owner == f"{other.kind} {other.identity}" for other in document.changes)
    return False


def _line(change: Change, document: Document) -> str:
    """One change as people write it."""
    definition = _plain(change.definition)
    text = change.identity
    if change.kind == "column":
        several = len({other.table for other in document.of("column")}) > 1
        text = f"{change.identity if several else change.name} {_column_type(change.definition)}"
    elif change.kind == "foreign key" and (found := FOREIGN_KEY.match(definition)):
        text = f"{found['table']}({found['target']}) → {change.table}.{found['own']}"
    elif change.kind == "index":
        unique = "UNIQUE " * definition.startswith("CREATE UNIQUE")
        text = f"{change.name} {unique}ON {definition.partition(' ON ')[2].replace(' USING btree', '')}"
    elif change.kind in ("primary key", "unique", "check", "exclusion"):
        text = f"{change.name} ON {change.table}: {definition}"
    elif change.kind == "policy":
        scope = re.split(r" (?:USING|WITH CHECK) \(", definition.partition(" ")[2])[0]
        text = f"{change.name} ON {change.table} {scope}"
    elif change.kind == "trigger":
        text = f"{change.name} ON {change.table}"
    elif change.kind in ("enum", "row security"):
        text = f"{change.identity}: {definition}"
    prefix = "" if change.action == Action.ADDED else f"{change.action}: "
    return prefix + text + " *" * bool(change.lines)


def _plain(definition: str) -> str:
    """The definition as a person would have written it: no schema that goes without saying, no cast back and forth."""
    definition = re.sub(r"\bpublic\.", "", definition)
    definition = re.sub(r"\(('(?:[^']|'')*')::character varying\)::text", r"\1", definition)
    definition = re.sub(r"\((\w+)\)::text", r"\1", definition)
    return re.sub(r"= ANY \(ARRAY\[(.*?)\]\)", r"IN (\1)", definition)


def _column_type(definition: str) -> str:
    """The column as the guide writes it: the type in capitals, unless it is one of ours."""
    found = re.match(r"(?P<type>.+?)(?P<rest> (?:COLLATE|NOT NULL|GENERATED|DEFAULT).*)?$", definition, re.DOTALL)
    if found is None:
        return definition
    kind, rest = found["type"], re.sub(r"(?<=')::[\w. ]+", "", found["rest"] or "")
    for long, short in SHORT_TYPES.items():
        kind = kind.replace(long, short)
    return (kind.removeprefix("public.") if kind.startswith("public.") else kind.upper()) + rest


def report(document: Document) -> dict[str, Any]:
    """What a machine reads and the text is drawn from: plain values."""
    new = [change for change in document.changes if change.action == Action.ADDED]
    lines = {line for change in document.changes for line in change.lines}
    lines |= {change.line for change in document.data if change.hidden}
    return {
        **heading("document_migration"),
        "file": document.file,
        "server_version": document.server_version,
        "duration_ms": document.duration_ms,
        "items": [asdict(change) | {"lines": list(change.lines)} for change in document.changes],
        "partitions": [asdict(partition) for partition in document.partitions],
        "data_changes": [asdict(change) for change in document.data],
        "locks": None if document.locks is None else [asdict(lock) for lock in document.locks],
        "sections": sections(document),
        "code_at_lines": sorted(lines),
        "findings": [],
        "summary": f"{len(document.changes)} objects differ: {len(new)} added, "
        + ", ".join(
            f"{sum(change.action == action for change in document.changes)} {action}"
            for action in (Action.CHANGED, Action.REMOVED)
        ),
    }


def as_text(told: Mapping[str, Any]) -> str:
    """The report in the guide's layout."""
    lines = [f"📋 Migration Summary: {told['file']}", "=" * 32]
    for section in told["sections"]:
        lines += ["", f"{section['sign']} {section['title']}:"]
        lines += [f"  - {line}" for line in section["lines"]] or ["  (none)"]
    return "\n".join([*lines, "", *_closing(told)])


def as_markdown(told: Mapping[str, Any]) -> str:
    """The report for a merge request or a wiki."""
    lines = [f"# Migration Summary: {told['file']}"]
    for section in told["sections"]:
        lines += ["", f"## {section['title']}", ""]
        lines += [f"- {_code(line)}" for line in section["lines"]] or ["(none)"]
    return "\n".join([*lines, "", *(line + "  " for line in _closing(told))]).rstrip()


def _code(line: str) -> str:
    """The line in back quotes, more of them than it holds."""
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    return f"{fence}{line}{fence}"


def _closing(told: Mapping[str, Any]) -> Iterator[str]:
    if at := told["code_at_lines"]:
        yield f"* done by code that no parser can follow, at line {', '.join(map(str, at))}; taken from the catalog"
    yield (
        f"⏱️  {told['duration_ms']} ms in a database without rows, PostgreSQL {told['server_version']};"
        f" {told['summary']}"
    )
    if any(item["kind"] in ("table", "column", "foreign key") for item in told["items"]):
        yield "🎨 Update draw.io diagram with these changes: run schema_diagram"
