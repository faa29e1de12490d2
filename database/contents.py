"""What a database holds, so that it can be compared with another: rows, sequences and schema.

Rows are compared by a checksum that PostgreSQL computes table by table and that does not depend on their order: the
sum of the first eight bytes of each row's SHA-256, the row taken as text.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from database.catalog import read_catalog

TABLES = Path(__file__).with_suffix(".sql")
# Ours, in the order in which they are named to people.
SCHEMAS = ("public", "frontier_ops", "django", "auth")
# On Supabase `auth.users` is a table of its own; these are the columns that the schema stands on.
FOREIGN_USERS = ("id", "email", "created_at")

CHECKSUM = sql.SQL("""
    SELECT count(*), coalesce(sum(
        ('x' || encode(substr(sha256(convert_to(whole_row::text, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint), 0)::text
    FROM {rows} AS whole_row
""")
# The settings on which the text of a value depends.
SPELLING = {
    "search_path": "pg_catalog",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    # A row that a policy hides is an error, not a smaller count.
    "row_security": "off",
    "statement_timeout": "0",
}


@dataclass(frozen=True)
class Rows:
    """How many rows a table has, and their checksum."""

    count: int
    checksum: str


@dataclass(frozen=True)
class Contents:
    """All that a backup has to bring back; tables and sequences by `schema.name`."""

    tables: dict[str, Rows]
    sequences: dict[str, int]  # the last value given, 0 for none
    objects: dict[str, str]  # of the schema `public`: the beginning of each definition's SHA-256

    @property
    def rows(self) -> int:
        return sum(table.count for table in self.tables.values())


def owned_schemas(session: psycopg.Connection) -> list[str]:
    """Those of our schemas that this database has; `auth` only where it is not Supabase's."""
    rows = session.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname = ANY (%s) AND (nspname <> 'auth' OR NOT EXISTS ("
        " SELECT FROM pg_class AS other WHERE relnamespace = pg_namespace.oid AND relkind IN ('r', 'p', 'v', 'm', 'f')"
        " AND relname <> 'users'))",
        [list(SCHEMAS)],
    ).fetchall()
    found = {name for (name,) in rows}
    return [name for name in SCHEMAS if name in found]


def has_foreign_users(session: psycopg.Connection) -> bool:
    """Whether people are kept in an `auth.users` that is not ours."""
    row = session.execute(
        "SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE nspname = 'auth' AND relname = 'users'"
    ).fetchone()
    return row is not None and "auth" not in owned_schemas(session)


def read_contents(session: psycopg.Connection) -> Contents:
    """What the database holds, as the open transaction sees it; changes nothing, and no setting beyond it."""
    with session.transaction(force_rollback=True):
        for setting, value in SPELLING.items():
            session.execute("SELECT set_config(%s, %s, true)", [setting, value])
        schemas = owned_schemas(session)
        # First, because sequences move on at once for everyone: what a dump finds later is never behind this.
        sequences = session.execute(
            "SELECT format('%%I.%%I', schemaname, sequencename), coalesce(last_value, 0) FROM pg_sequences"
            " WHERE schemaname = ANY (%s) ORDER BY 1",
            [schemas],
        ).fetchall()
        names = session.execute(TABLES.read_bytes(), {"schemas": schemas}).fetchall()
        tables = {
            written: _rows(session, sql.SQL("ONLY {}").format(sql.Identifier(schema, table)))
            for written, schema, table in names
        }
        if has_foreign_users(session):
            columns = sql.SQL(", ").join(map(sql.Identifier, FOREIGN_USERS))
            tables["auth.users"] = _rows(session, sql.SQL("(SELECT {} FROM auth.users)").format(columns))
        objects = {
            f"{kind} {identity}": hashlib.sha256(definition.encode()).hexdigest()[:16]
            for (kind, identity), definition in sorted(read_catalog(session).items())
        }
    return Contents(tables, dict(sequences), objects)


def _rows(session: psycopg.Connection, rows: sql.Composable) -> Rows:
    counted = session.execute(CHECKSUM.format(rows=rows)).fetchone()
    assert counted is not None
    return Rows(*counted)


def differences(expected: Contents, found: Contents, *, with_schema: bool = True) -> list[str]:
    """A sentence for each table, sequence and object of the schema in which `found` is not what was expected.

    A sequence may be ahead: numbers are given out while a backup is taken. Two major versions of PostgreSQL write the
    same schema in two ways; `with_schema` is for servers of the same one.
    """
    told = []
    for name in sorted(expected.tables.keys() | found.tables.keys()):
        before, after = expected.tables.get(name), found.tables.get(name)
        if after is None:
            told.append(f"table {name} is missing")
        elif before is None:
            told.append(f"table {name} should not be there")
        elif before.count != after.count:
            told.append(f"table {name} has {after.count:,} rows instead of {before.count:,}")
        elif before.checksum != after.checksum:
            told.append(f"table {name} has the {before.count:,} rows, but not with the same content")
    for name in sorted(expected.sequences):
        if name not in found.sequences:
            told.append(f"sequence {name} is missing")
        elif found.sequences[name] < expected.sequences[name]:
            told.append(f"sequence {name} stands at {found.sequences[name]}, before {expected.sequences[name]}")
    for name in sorted(expected.objects.keys() | found.objects.keys()) if with_schema else ():
        if name not in found.objects:
            told.append(f"{name} is missing")
        elif name not in expected.objects:
            told.append(f"{name} should not be there")
        elif expected.objects[name] != found.objects[name]:
            told.append(f"{name} is defined in another way")
    return told
