"""The marker that makes a database a production database, and the guard that every destructive deed asks.

The marker is a row in the database, so that it travels with a backup and needs no setting to be seen. There is no way
around the guard: whoever means to destroy a production database has to take the marker away first, on a terminal.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from database.errors import SchemaError
from database.history import ROOT

ENVIRONMENTS = ("development", "test", "production")
TABLE = ROOT / "functions" / "environment.sql"


class ProductionError(SchemaError):
    """A guard refused a deed because of production data; nothing was changed."""


@dataclass(frozen=True)
class Marker:
    """What a database says it is used for, and who said so when."""

    environment: str
    marked_at: datetime
    marked_by: str


def read_marker(connection: BaseDatabaseWrapper) -> Marker | None:
    """The marker; None where there is none yet, or no table for one.

    ProductionError where the session may not see it: what cannot be read is not taken for absent.
    """
    with connection.cursor() as cursor:
        # By the catalog, which everyone may read: to_regclass() fails without rights on the schema.
        cursor.execute(
            "SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE nspname = 'frontier_ops' AND relname = 'environment'"
        )
        if cursor.fetchone() is None:
            return None
        try:
            cursor.execute("SELECT name, marked_at, marked_by FROM frontier_ops.environment")
        except DatabaseError as error:
            said = str(error).partition("\n")[0]
            raise ProductionError(
                f"Whether {connection.settings_dict['NAME']} is a production database cannot be read: {said}."
                " Nothing was changed. Connect as the role that owns the database."
            ) from error
        row = cursor.fetchone()
    return Marker(*row) if row else None


def refuse_in_production(connection: BaseDatabaseWrapper, deed: str) -> None:
    """ProductionError where FRONTIER_ENV or the database's own marker says production; `deed` is what was asked."""
    name = connection.settings_dict["NAME"]
    if settings.ENVIRONMENT == "production":
        raise ProductionError(f"FRONTIER_ENV is production: {deed} is refused. Nothing was changed.")
    marker = read_marker(connection)
    if marker and marker.environment == "production":
        raise ProductionError(
            f"{name} was marked as a production database on {marker.marked_at:%Y-%m-%d} by {marker.marked_by}:"
            f" {deed} is refused. Nothing was changed."
        )


def mark(connection: BaseDatabaseWrapper, environment: str, typed_name: str = "") -> Marker:
    """Writes the marker; the table is made where it is missing. Writing the same one again changes nothing.

    A production marker gives way only to somebody who typed the database's name: ProductionError otherwise.
    """
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(TABLE.read_text())
        cursor.execute("LOCK TABLE frontier_ops.environment IN SHARE ROW EXCLUSIVE MODE")
        before = read_marker(connection)
        if before and before.environment == environment:
            return before
        name = connection.settings_dict["NAME"]
        if before and before.environment == "production" and typed_name != name:
            raise ProductionError(
                f"{name} stays a production database: its name was not typed on a terminal. Nothing was changed."
            )
        cursor.execute(
            "INSERT INTO frontier_ops.environment (name) VALUES (%s) ON CONFLICT (is_the_only_row) DO UPDATE"
            " SET name = excluded.name, marked_at = excluded.marked_at, marked_by = excluded.marked_by",
            [environment],
        )
        after = read_marker(connection)
    assert after is not None
    return after
