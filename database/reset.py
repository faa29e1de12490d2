"""Emptying a database, for those who mean it: everything of ours goes, and `migrate` may begin anew."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from database.backups import RefusedError, refuse_hidden_rows
from database.errors import SchemaError
from database.locks import schema_lock
from database.production import refuse_in_production
from database.reports import heading

EMPTY_PUBLIC = Path(__file__).with_name("empty_public.sql")
# `auth` stays: on Supabase it is not ours, and elsewhere it is a part of what the first file stands on.
DROPPED = ("frontier_ops", "django")

TABLES = """
    SELECT format('%%I.%%I', nspname, relname), nspname, relname,
        (SELECT sum(pg_total_relation_size(coalesce(part.relid, pg_class.oid)))::bigint
         FROM (SELECT 1) AS one LEFT JOIN pg_partition_tree(pg_class.oid) AS part ON true)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname = ANY (%s)
    ORDER BY nspname <> 'public', nspname, relname
"""
SESSIONS = """
    SELECT pid, coalesce(nullif(application_name, ''), 'unnamed'), coalesce(usename, '?'), coalesce(state, '?')
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    ORDER BY pid
"""


class OtherDatabaseError(SchemaError):
    """The name that was given is not the database's; nothing was changed."""


@dataclass(frozen=True)
class Table:
    """What goes with one table; partitions count with their parent, indexes with their table."""

    name: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class Session:
    """Somebody else who is connected."""

    pid: int
    application: str
    role: str
    state: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.application}, as {self.role}, {self.state})"


@dataclass(frozen=True)
class Loss:
    """What a reset destroys, and who would notice."""

    database: str
    tables: tuple[Table, ...]
    sessions: tuple[Session, ...]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def bytes(self) -> int:
        return sum(table.bytes for table in self.tables)

    def __str__(self) -> str:
        size = f"{self.bytes / 2**20:,.1f} MiB"
        return f"{len(self.tables)} tables with {self.rows:,} rows ({size}) of database {self.database}"


def read_loss(connection: BaseDatabaseWrapper) -> Loss:
    """What a reset would destroy now; RefusedError for a role that may not see every row."""
    refuse_hidden_rows(connection)
    with connection.cursor() as cursor:
        cursor.execute(TABLES, [["public", *DROPPED]])
        found = cursor.fetchall()
        tables = []
        for name, schema, table, size in found:
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table)))
            tables.append(Table(name, cursor.fetchone()[0], size))
        cursor.execute(SESSIONS)
        sessions = [Session(*row) for row in cursor.fetchall()]
    return Loss(connection.settings_dict["NAME"], tuple(tables), tuple(sessions))


def reset(
    connection: BaseDatabaseWrapper, name: str, *, show: Callable[[Loss], object], tell: Callable[[str], object]
) -> Loss:
    """Drops all that is in `public`, and the schemas of the ledger and of Django; returns what was lost.

    All of it or nothing. Refused in production, to who gives another name than the database's, and while others are
    connected. `show` sees what will be lost before it is.
    """
    refuse_in_production(connection, "reset_database")
    if name != connection.settings_dict["NAME"]:
        raise OtherDatabaseError(
            f"This database is {connection.settings_dict['NAME']}, and {name} was meant. Nothing was changed."
        )
    with schema_lock(connection, tell):
        loss = read_loss(connection)
        show(loss)
        if loss.sessions:
            raise RefusedError(
                f"Others are connected to {name}: {', '.join(map(str, loss.sessions))}. End them first."
                " Nothing was changed."
            )
        try:
            _empty(connection)
        except DatabaseError as error:
            said = str(error).partition("\n")[0]
            raise RefusedError(f"PostgreSQL refused: {said}. Nothing was changed.") from error
    return loss


def _empty(connection: BaseDatabaseWrapper) -> None:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        # Whoever connects now holds this up for a moment, then loses it the reset.
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute("SET LOCAL search_path = pg_catalog")
        # Asked again: the marker may have been set since, and is locked from here on.
        cursor.execute("SELECT to_regclass('frontier_ops.environment') IS NOT NULL")
        if cursor.fetchone()[0]:
            cursor.execute("LOCK TABLE frontier_ops.environment IN ACCESS EXCLUSIVE MODE")
        refuse_in_production(connection, "reset_database")
        cursor.execute(EMPTY_PUBLIC.read_text())
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)
        for schema in DROPPED:
            cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
        cursor.execute("CREATE SCHEMA IF NOT EXISTS public")


def describe(loss: Loss) -> list[str]:
    """Lines for people: what will be lost, table by table, and who is connected."""
    lines = [f"This destroys {loss}:"]
    filled = [table for table in loss.tables if table.rows]
    lines += [f"  {table.name}: {table.rows:,} rows, {table.bytes / 1024:,.0f} KiB" for table in filled]
    if empty := len(loss.tables) - len(filled):
        lines.append(f"  and {empty} empty tables")
    return lines + [f"Connected: {session}" for session in loss.sessions]


def report(loss: Loss) -> dict[str, object]:
    """What a machine reads about a reset that was done."""
    return {
        **heading("reset_database"),
        "database": loss.database,
        "items": [asdict(table) for table in loss.tables],
        "findings": [],
        "summary": f"Destroyed {loss}. It is empty now: run `apply_schema` or `migrate`.",
    }
