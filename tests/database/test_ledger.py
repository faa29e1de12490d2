"""The ledger: what it keeps of a file, who may write it, and ledgers from before."""

import zlib
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from database import ledger
from database.history import SchemaFile, read_history
from database.ledger import Entry, Match, applied_sql, entries, lay_foundation
from database.scratch import Database, django_connection

OLD_LEDGER = """
    ALTER TABLE frontier_ops.schema_ledger
        DROP COLUMN token_sha256, DROP COLUMN sql_zlib, DROP COLUMN server_version, DROP COLUMN kind,
        DROP COLUMN snapshot;
    DROP TABLE frontier_ops.schema_progress;
"""


def read(database: Database, blocker: DjangoDbBlocker) -> dict[str, Entry]:
    with blocker.unblock(), django_connection(database) as connection:
        return entries(connection)


def test_it_keeps_each_file_whole_and_how_it_came(migrated: Database, django_db_blocker: DjangoDbBlocker) -> None:
    with migrated.connect() as session:
        row = session.execute("SHOW server_version").fetchone()
        assert row is not None
    with django_db_blocker.unblock(), django_connection(migrated) as connection:
        found = entries(connection)
        for file in read_history():
            entry = found[file.name]
            assert applied_sql(connection, file.name) == file.content
            assert (entry.sha256, entry.token_sha256) == (file.sha256, file.fingerprint)
            assert (entry.kind, entry.snapshot, entry.server_version) == ("applied", None, row[0])
            assert entry.applied_by == migrated.libpq["user"]


@pytest.mark.parametrize(
    "edit, expected",
    [
        (lambda sql: sql, Match.SAME),
        (lambda sql: sql.replace(b"\n", b"\r\n"), Match.COSMETIC),
        (lambda sql: b"\xef\xbb\xbf" + sql, Match.COSMETIC),
        (lambda sql: sql + b"-- more\n", Match.COSMETIC),
        (lambda sql: sql.replace(b"ALTER TABLE", b"alter  table"), Match.COSMETIC),
        (lambda sql: sql.replace(b"'UTC'", b"'utc'"), Match.OTHER),
        (lambda sql: sql + b"SELECT 1;\n", Match.OTHER),
    ],
    ids=["as it was", "other line ends", "a byte order mark", "a comment", "other case", "a literal", "a statement"],
)
def test_it_tells_an_edit_of_looks_from_one_of_content(
    edit: Callable[[bytes], bytes],
    expected: Match,
    migrated: Database,
    django_db_blocker: DjangoDbBlocker,
    tmp_path: Path,
) -> None:
    file = read_history()[12]
    copy = SchemaFile(12, tmp_path / file.name)
    copy.path.write_bytes(edit(file.content))
    assert read(migrated, django_db_blocker)[file.name].match(copy) is expected


def test_a_ledger_from_before_is_read_and_then_brought_up(
    migrated_copy: Database, django_db_blocker: DjangoDbBlocker
) -> None:
    with migrated_copy.connect() as session:
        session.execute(OLD_LEDGER.encode())
    with django_db_blocker.unblock(), django_connection(migrated_copy) as connection:
        before = entries(connection)
        assert {(entry.token_sha256, entry.kind) for entry in before.values()} == {(None, None)}
        assert applied_sql(connection, read_history()[0].name) is None
        assert ledger.progress(connection) == {}
        lay_foundation(connection)
        lay_foundation(connection)
        after = entries(connection)
        assert {(entry.token_sha256, entry.server_version, entry.kind) for entry in after.values()} == {
            (None, None, "applied")
        }
        assert [entry.sha256 for entry in after.values()] == [entry.sha256 for entry in before.values()]
        assert ledger.progress(connection) == {}


def test_without_a_token_checksum_every_edit_counts(
    migrated_copy: Database, django_db_blocker: DjangoDbBlocker, tmp_path: Path
) -> None:
    with migrated_copy.connect() as session:
        session.execute(OLD_LEDGER.encode())
    file = read_history()[12]
    copy = SchemaFile(12, tmp_path / file.name)
    copy.path.write_bytes(file.content + b"-- more\n")
    assert read(migrated_copy, django_db_blocker)[file.name].match(copy) is Match.OTHER


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
@pytest.mark.parametrize("table", ["schema_ledger", "schema_progress"])
def test_ordinary_roles_can_neither_read_nor_write_it(role: str, table: str, migrated: Database) -> None:
    with migrated.connect() as session, session.transaction(force_rollback=True):
        session.execute("GRANT USAGE ON SCHEMA frontier_ops TO PUBLIC")
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"):
            row = session.execute("SELECT has_table_privilege(%s, %s, %s)", [role, f"frontier_ops.{table}", right])
            assert row.fetchone() == (False,), right


def test_it_refuses_a_checksum_that_is_none_and_a_kind_it_does_not_know(migrated: Database) -> None:
    row = (99, "099_try.sql", "0" * 64, "core.0099_try", 1, "0" * 64, zlib.compress(b""), "applied")
    insert = (
        "INSERT INTO frontier_ops.schema_ledger"
        " (number, name, sha256, django_migration, duration_ms, token_sha256, sql_zlib, kind)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
    )
    for place, wrong in ((2, "abc"), (5, "abc"), (7, "dreamt")):
        with (
            migrated.connect() as session,
            session.transaction(force_rollback=True),
            pytest.raises(psycopg.errors.CheckViolation),
        ):
            session.execute(insert, [*row[:place], wrong, *row[place + 1 :]])
