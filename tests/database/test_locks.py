"""The schema lock and the patience with which a file waits for the locks of others."""

import time
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from pytest_django import DjangoDbBlocker

from database.errors import LockedError
from database.locks import LOCK_KEY, PATIENCE, Patience, insist, schema_lock
from database.scratch import Database, django_connection
from tests.database.conftest import run

SHORT = Patience(wait=0.2, first_pause=0.01, longest_pause=0.05, total=0.6)


@pytest.fixture
def connection(migrated_copy: Database, django_db_blocker: DjangoDbBlocker) -> Iterator[BaseDatabaseWrapper]:
    """A Django connection to a database of its own."""
    with django_db_blocker.unblock(), django_connection(migrated_copy) as opened:
        yield opened


def alter(cursor: CursorWrapper) -> None:
    cursor.execute("ALTER TABLE public.clause ADD COLUMN trial int")


def has_column(database: Database) -> bool:
    with database.connect() as session:
        row = session.execute("SELECT FROM pg_attribute WHERE attname = 'trial' AND attrelid = 'clause'::regclass")
        return row.rowcount == 1


def setting(connection: BaseDatabaseWrapper, name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return str(cursor.fetchone()[0])


def test_patience_is_two_seconds_a_try_and_a_minute_in_all() -> None:
    assert Patience(wait=2.0, first_pause=0.1, longest_pause=2.0, total=60.0) == PATIENCE


@pytest.mark.parametrize("within", [True, False], ids=["in a transaction", "outside of one"])
def test_a_session_that_does_not_let_go_is_named(
    within: bool, connection: BaseDatabaseWrapper, migrated_copy: Database
) -> None:
    with migrated_copy.connect() as reader:
        reader.execute("SET application_name = 'a long report'")
        with reader.transaction():
            reader.execute("SELECT count(*) FROM clause")
            started = time.monotonic()
            surrounding = transaction.atomic(using=connection.alias) if within else nullcontext()
            with pytest.raises(LockedError) as refused, surrounding:
                insist(connection, alter, "099_try.sql", SHORT)
            assert time.monotonic() - started < 5
        said = str(refused.value)
        assert said.startswith("099_try.sql did not get its locks within 0.6 s: blocked by process ")
        assert f"process {reader.info.backend_pid} (a long report), idle in transaction, its query begun at 20" in said
    assert not has_column(migrated_copy)
    assert setting(connection, "lock_timeout") == "0"


def test_it_tries_again_until_the_others_let_go(connection: BaseDatabaseWrapper, migrated_copy: Database) -> None:
    """The first attempts fail; between them nothing is held that others would wait for."""
    attempts = 0
    with migrated_copy.connect() as reader, transaction.atomic(using=connection.alias):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM clause")

        def work(cursor: CursorWrapper) -> None:
            nonlocal attempts
            attempts += 1
            if attempts == 3:
                reader.execute("COMMIT")
            cursor.execute("ALTER TABLE public.project ADD COLUMN first_step int")
            alter(cursor)

        insist(connection, work, "099_try.sql", Patience(wait=0.1, first_pause=0.01, total=10))
        assert setting(connection, "lock_timeout") == "0"
    assert attempts == 3
    assert has_column(migrated_copy)


def test_a_deadlock_is_tried_again(connection: BaseDatabaseWrapper, migrated_copy: Database) -> None:
    attempts = 0

    def work(cursor: CursorWrapper) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            cursor.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'; END $$")
        alter(cursor)

    with transaction.atomic(using=connection.alias):
        insist(connection, work, "099_try.sql", SHORT)
    assert (attempts, has_column(migrated_copy)) == (2, True)


def test_another_run_that_does_not_end_is_named(connection: BaseDatabaseWrapper, migrated_copy: Database) -> None:
    told: list[str] = []
    with migrated_copy.connect() as holder:
        holder.execute("SET application_name = 'the other run'")
        holder.execute("SELECT pg_advisory_lock(%s, %s)", LOCK_KEY)
        with (
            pytest.raises(LockedError, match=rf"process {holder.info.backend_pid} \(the other run\), since"),
            schema_lock(connection, told.append, wait_seconds=0.2),
        ):
            pytest.fail("the lock was taken twice")
    assert len(told) == 1


def test_migrate_ends_with_six_when_another_run_does_not_end(migrated_copy: Database) -> None:
    with migrated_copy.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(%s, %s)", LOCK_KEY)
        done = run(migrated_copy, "migrate", "--wait", "0.2")
    assert done.returncode == 6
    assert "Another run changes the schema: process" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_lock_is_gone_after_a_failure(connection: BaseDatabaseWrapper, migrated_copy: Database) -> None:
    with pytest.raises(ZeroDivisionError), schema_lock(connection, print):
        raise ZeroDivisionError
    with migrated_copy.connect() as other:
        assert other.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK_KEY).fetchone() == (True,)
