"""The ledger of schema files in a database, and what a database needs before the first file."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from database.errors import StateError
from database.history import ROOT, SchemaFile

# Runs before the history: what plain PostgreSQL lacks of Supabase, and the ledger itself.
FOUNDATION = ("functions/supabase_compat.sql", "functions/schema_ledger.sql")


@dataclass(frozen=True)
class Entry:
    """One applied file."""

    number: int
    name: str
    sha256: str
    django_migration: str
    applied_at: datetime
    applied_by: str
    duration_ms: int


def lay_foundation(connection: BaseDatabaseWrapper) -> None:
    """Makes the schemas, roles and the ledger that the history stands on; changes nothing a second time."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS django")
        for name in FOUNDATION:
            cursor.execute((ROOT / name).read_text())


def refuse_unknown_database(connection: BaseDatabaseWrapper) -> None:
    """StateError where tables of the history stand without a ledger: nobody knows which files made them."""
    if exists(connection):
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.organization') IS NOT NULL")
        if cursor.fetchone()[0]:
            raise StateError(
                "This database has Frontier's tables but no ledger of the files that made them. Nothing was changed."
                " Start with an empty database, or restore one with its ledger."
            )


def exists(connection: BaseDatabaseWrapper) -> bool:
    """Whether this database has a ledger."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('frontier.schema_ledger') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def entries(connection: BaseDatabaseWrapper) -> dict[str, Entry]:
    """The applied files by name, in order; empty where there is no ledger."""
    if not exists(connection):
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, name, sha256, django_migration, applied_at, applied_by, duration_ms"
            " FROM frontier.schema_ledger ORDER BY number"
        )
        return {row[1]: Entry(*row) for row in cursor.fetchall()}


def record(connection: BaseDatabaseWrapper, file: SchemaFile, django_migration: str, duration_ms: int) -> None:
    """Adds a file to the ledger, in the transaction that applied it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO frontier.schema_ledger (number, name, sha256, django_migration, duration_ms)"
            " VALUES (%s, %s, %s, %s, %s)",
            [file.number, file.name, file.sha256, django_migration, duration_ms],
        )
