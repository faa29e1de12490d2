"""The catalog of a database as comparable objects, and the differences between two.

Reads the schema `public` alone and needs no Django. A catalog knows every object by kind and identity (`column`,
`clause.name`) and tells its definition as PostgreSQL writes it, so that two databases with the same catalog are the
same to every program.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

QUERY = Path(__file__).with_suffix(".sql")

Key = tuple[str, str]
Catalog = Mapping[Key, str]

# `x IN ('a', 'b')` on a varchar is written in one way at first, and in another once it was dumped and restored.
VARCHAR_LIST = re.compile(r"\(ARRAY\[((?:'(?:[^']|'')*'::character varying(?:, )?)+)\]\)::text\[\]")
VARCHAR = re.compile(r"'(?:[^']|'')*'::character varying")


@dataclass(frozen=True, order=True)
class Difference:
    """One object in which two catalogs differ; None stands for its absence."""

    kind: str
    identity: str
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        name = f"{self.kind} {self.identity}"
        if self.found is None:
            return f"{name} is missing: {self.expected}"
        if self.expected is None:
            return f"{name} should not be there: {self.found}"
        if "\n" not in self.expected + self.found:
            return f"{name} is {self.found}, expected {self.expected}"
        lines = difflib.unified_diff(
            self.expected.splitlines(), self.found.splitlines(), "expected", "found", n=1, lineterm=""
        )
        return "\n".join([f"{name} differs:", *lines])


@dataclass(frozen=True, order=True)
class Partition:
    """One partition, which a catalog counts as a part of its parent."""

    name: str
    parent: str
    bounds: str


def read_catalog(connection: psycopg.Connection) -> Catalog:
    """Every object of the schema `public` by kind and identity; partitions count as parts of their parents.

    Changes nothing, neither in the database nor in the session, and sees what an open transaction did.
    """
    with plain_spelling(connection):
        rows = connection.execute(QUERY.read_bytes()).fetchall()
    return {(kind, identity): normalise(kind, definition) for kind, identity, definition in sorted(rows)}


@contextmanager
def plain_spelling(connection: psycopg.Connection) -> Iterator[None]:
    """Has PostgreSQL spell names with their schema and instants in UTC, whatever the session is set to."""
    with connection.transaction(force_rollback=True):
        for setting in (
            "search_path = pg_catalog",
            "TimeZone = 'UTC'",
            "DateStyle = ISO",
            "quote_all_identifiers = off",
        ):
            connection.execute(f"SET LOCAL {setting}".encode())
        yield


def normalise(kind: str, definition: str) -> str:
    """The definition in one of the spellings that PostgreSQL has for it."""
    if kind == "column":
        definition = definition.replace("DEFAULT CURRENT_TIMESTAMP", "DEFAULT now()")
    if kind in ("check", "index", "policy"):
        definition = VARCHAR_LIST.sub(
            lambda found: "ARRAY[" + VARCHAR.sub(r"(\g<0>)::text", found[1]) + "]", definition
        )
    return definition


def compare(expected: Catalog, found: Catalog) -> list[Difference]:
    """What is missing, too much or otherwise in `found`, in the order of kind and identity."""
    return [
        Difference(*key, expected.get(key), found.get(key))
        for key in sorted(expected.keys() | found.keys())
        if expected.get(key) != found.get(key)
    ]


def without_chosen_names(catalog: Catalog) -> Catalog:
    """The catalog with keys, and the indexes of foreign keys, under their columns instead of their names.

    Django chooses these names by itself and finds the objects by their columns. Names in a model's Meta stay.
    """
    within = re.compile(r"FOREIGN KEY (\(.+?\)) REFERENCES public\.")
    foreign = {
        (identity.partition(".")[0], found[1])
        for (kind, identity), definition in catalog.items()
        if kind == "foreign key" and (found := within.match(definition))
    }
    renamed: dict[Key, list[str]] = {}
    for (kind, identity), definition in catalog.items():
        table = identity.partition(".")[0]
        columns = re.search(r"\(.+?\)", definition)
        plain_index = f"CREATE INDEX ON public.{table} USING btree {columns[0]}" if columns else None
        if columns and (
            kind in ("primary key", "foreign key")
            or (kind == "index" and definition == plain_index and (table, columns[0]) in foreign)
        ):
            identity = f"{table} {columns[0]}"
        renamed.setdefault((kind, identity), []).append(definition)
    return {key: "; ".join(sorted(definitions)) for key, definitions in renamed.items()}


def read_partitions(connection: psycopg.Connection) -> list[Partition]:
    """All partitions in the schema `public`, their bounds in UTC."""
    with plain_spelling(connection):
        rows = connection.execute(
            "SELECT child.relname, parent.relname, pg_get_expr(child.relpartbound, child.oid)"
            " FROM pg_class AS child JOIN pg_inherits ON inhrelid = child.oid"
            " JOIN pg_class AS parent ON parent.oid = inhparent"
            " WHERE child.relispartition AND child.relkind IN ('r', 'p')"
            " AND child.relnamespace = 'public'::regnamespace"
        ).fetchall()
    return sorted(Partition(*row) for row in rows)
