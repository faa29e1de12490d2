"""The ledger of schema files in a database, and what a database needs before the first file."""

import zlib
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from database.errors import StateError
from database.history import ROOT, SchemaFile

# Runs before the history: what plain PostgreSQL lacks of Supabase, the ledger itself, and what the commands keep.
FOUNDATION = (
    "functions/supabase_compat.sql",
    "functions/schema_ledger.sql",
    "functions/environment.sql",
    "functions/validation_run.sql",
    "functions/partition_run.sql",
)


class Kind(StrEnum):
    """How a file came into the ledger."""

    APPLIED = "applied"  # it ran here, by itself or as a part of a snapshot
    ADOPTED = "adopted"  # its work was here already, as a comparison of the whole schema showed


class Match(StrEnum):
    """How a file on disk compares with what was applied."""

    SAME = "same"
    COSMETIC = "cosmetic"  # other comments, blanks or line ends; the same to PostgreSQL
    OTHER = "other"


@dataclass(frozen=True)
class Entry:
    """One applied file; what an older ledger did not keep is None."""

    number: int
    name: str
    sha256: str
    django_migration: str
    applied_at: datetime
    applied_by: str
    duration_ms: int
    token_sha256: str | None
    server_version: str | None
    kind: str | None
    snapshot: str | None

    def match(self, file: SchemaFile) -> Match:
        """How the file compares with what was applied; without a token checksum every edit counts."""
        if file.sha256 == self.sha256:
            return Match.SAME
        return Match.COSMETIC if file.fingerprint == self.token_sha256 else Match.OTHER


def lay_foundation(connection: BaseDatabaseWrapper) -> None:
    """Makes the schemas, roles and the ledger that the history stands on; changes nothing a second time."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS django")
        for name in FOUNDATION:
            cursor.execute((ROOT / name).read_text())


def is_unknown(connection: BaseDatabaseWrapper) -> bool:
    """Whether tables of the history stand here without a ledger: nobody knows which files made them."""
    if exists(connection):
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.organization') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def refuse_unknown_database(connection: BaseDatabaseWrapper) -> None:
    """StateError where tables of the history stand without a ledger."""
    if is_unknown(connection):
        raise StateError(
            "This database has Frontier's tables but no ledger of the files that made them. Nothing was changed."
            " If you know the last file it has, `migrate --baseline NNN` compares the schema and adopts it."
            " Otherwise start with an empty database, or restore one with its ledger."
        )


def exists(connection: BaseDatabaseWrapper) -> bool:
    """Whether this database has a ledger."""
    return bool(_columns(connection, "schema_ledger"))


def entries(connection: BaseDatabaseWrapper) -> dict[str, Entry]:
    """The applied files by name, in order; empty where there is no ledger."""
    kept = _columns(connection, "schema_ledger")
    if not kept:
        return {}
    columns = ", ".join(
        name if name in kept else f"NULL::text AS {name}" for name in (column.name for column in fields(Entry))
    )
    query = f"SELECT {columns} FROM frontier_ops.schema_ledger ORDER BY number"  # noqa: S608 -- names of columns, all ours
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {row[1]: Entry(*row) for row in cursor.fetchall()}


def applied_sql(connection: BaseDatabaseWrapper, name: str) -> bytes | None:
    """The file as it was applied, byte for byte; None where the ledger did not keep it."""
    if "sql_zlib" not in _columns(connection, "schema_ledger"):
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql_zlib FROM frontier_ops.schema_ledger WHERE name = %s", [name])
        row = cursor.fetchone()
    return zlib.decompress(row[0]) if row and row[0] is not None else None


def record(
    connection: BaseDatabaseWrapper,
    file: SchemaFile,
    django_migration: str,
    duration_ms: int,
    kind: Kind = Kind.APPLIED,
    snapshot: str | None = None,
) -> None:
    """Adds a file to the ledger, in the transaction that applied it, and ends the account of its progress."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO frontier_ops.schema_ledger"
            " (number, name, sha256, django_migration, duration_ms, token_sha256, sql_zlib, kind, snapshot)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                *(file.number, file.name, file.sha256, django_migration, duration_ms),
                *(file.fingerprint, zlib.compress(file.content, 9), kind, snapshot),
            ],
        )
        cursor.execute("DELETE FROM frontier_ops.schema_progress WHERE name = %s", [file.name])


def progress(connection: BaseDatabaseWrapper) -> dict[str, dict[int, str]]:
    """For each unfinished file the statements that are done, by number, with the checksum of their text."""
    if not _columns(connection, "schema_progress"):
        return {}
    found: dict[str, dict[int, str]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, statement, sha256 FROM frontier_ops.schema_progress ORDER BY name, statement")
        for name, statement, sha256 in cursor.fetchall():
            found.setdefault(name, {})[statement] = sha256
    return found


def record_progress(connection: BaseDatabaseWrapper, name: str, statement: int, sha256: str) -> None:
    """Notes that a statement of an unfinished file is done."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO frontier_ops.schema_progress (name, statement, sha256) VALUES (%s, %s, %s)",
            [name, statement, sha256],
        )


def _columns(connection: BaseDatabaseWrapper, table: str) -> set[str]:
    """The columns of a table of the ledger's schema; empty where it does not stand."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute"
            " WHERE attrelid = to_regclass('frontier_ops.' || %s) AND attnum > 0 AND NOT attisdropped",
            [table],
        )
        return {name for (name,) in cursor.fetchall()}
