"""Runs schema files: whole, in one transaction, or statement by statement where that cannot be.

Whoever runs a file holds the schema lock; what is written into the ledger, and when, is the caller's affair.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from database import ledger
from database.errors import HistoryError, StateError
from database.history import SchemaFile
from database.locks import insist
from database.tokens import Statement

SEARCH_PATH = "public"  # files speak of tables without a schema, as psql reads them; Django's are out of their sight


def run_whole(connection: BaseDatabaseWrapper, file: SchemaFile) -> int:
    """Runs a file in the transaction that is open; returns the milliseconds it took.

    StateError where the server refuses it, HistoryError where it changes search_path, LockedError where others do not
    let go of a table: nothing of the file remains then.
    """
    duration_ms = 0

    def work(cursor: CursorWrapper) -> None:
        nonlocal duration_ms
        cursor.execute("SELECT current_setting('search_path')")
        search_path = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('search_path', %s, true)", [SEARCH_PATH])
        started = time.monotonic()
        cursor.execute(file.sql)
        duration_ms = _milliseconds_since(started)
        cursor.execute("SELECT current_setting('search_path')")
        if cursor.fetchone()[0] != SEARCH_PATH:
            raise HistoryError(f"{file.name} changes search_path. Write schema-qualified names instead.")
        # The setting would last until the commit, and Django writes its own row before that.
        cursor.execute("SELECT set_config('search_path', %s, true)", [search_path])

    try:
        insist(connection, work, file.name)
    except DatabaseError as error:
        raise StateError(f"{explain(error, file)} Nothing of the file remains.") from error
    return duration_ms


def run_stepwise(connection: BaseDatabaseWrapper, file: SchemaFile) -> int:
    """Runs the statements of a file one by one, each by itself, from where an interrupted run stopped.

    Returns the milliseconds that this run took. What is done stays done when a later statement fails; the ledger's
    schema says how far the file came. StateError where a statement was edited after it ran.
    """
    done = ledger.progress(connection).get(file.name, {})
    started = time.monotonic()
    with _session_search_path(connection):
        for number, statement in enumerate(file.statements, 1):
            text = source(file, statement)
            sha256 = hashlib.sha256(text.encode()).hexdigest()
            if number in done:
                if done[number] != sha256:
                    raise StateError(
                        f"{file.name}, line {statement.line}: statement {number} was edited after it ran here."
                        " Restore it; only what follows the last statement that ran may still change."
                    )
                continue
            try:
                _run_step(connection, file, statement, text)
            except DatabaseError as error:
                raise StateError(
                    f"{explain(error, file, statement)} The {number - 1} statements before it are done and stay;"
                    " migrate goes on from here."
                ) from error
            ledger.record_progress(connection, file.name, number, sha256)
    return _milliseconds_since(started)


def source(file: SchemaFile, statement: Statement) -> str:
    """The statement as it stands in the file."""
    return file.sql[statement.tokens[0].start : statement.tokens[-1].end]


def explain(error: DatabaseError, file: SchemaFile, statement: Statement | None = None) -> str:
    """What the server refused in a file, with the line it points at and its hint."""
    if not isinstance(error.__cause__, psycopg.Error):
        return f"{file.name}: {error}."
    said = error.__cause__.diag
    place = file.name
    if said.statement_position:
        at = int(said.statement_position) + (statement.tokens[0].start if statement else 0)
        place += f", line {file.sql[:at].count(chr(10)) + 1}"
    elif statement:
        place += f", line {statement.line}"
    return " ".join(filter(None, [f"{place}: {said.message_primary}.", said.message_detail, said.message_hint]))


def _run_step(connection: BaseDatabaseWrapper, file: SchemaFile, statement: Statement, text: str) -> None:
    """Runs one statement by itself, after removing what an interrupted attempt left of it."""
    words = [token.folded for token in statement.tokens]
    concurrently = "concurrently" in words

    def work(cursor: CursorWrapper) -> None:
        if words[0] == "create" and concurrently:
            _drop_invalid_index(cursor, statement.tokens[words.index("exists") + 1].text)
        cursor.execute(text)

    if concurrently:
        # It waits for the end of transactions that it holds up in nothing; a short wait would only fail it.
        with connection.cursor() as cursor:
            work(cursor)
    else:
        insist(connection, work, file.name)


def _drop_invalid_index(cursor: CursorWrapper, name: str) -> None:
    """Removes an index whose building was interrupted: `IF NOT EXISTS` would take it for a finished one."""
    cursor.execute("SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid)", [name])
    if cursor.fetchone()[0]:
        cursor.execute(f"DROP INDEX CONCURRENTLY {name}")


@contextmanager
def _session_search_path(connection: BaseDatabaseWrapper) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('search_path')")
        before = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('search_path', %s, false)", [SEARCH_PATH])
        try:
            yield
        finally:
            cursor.execute("SELECT set_config('search_path', %s, false)", [before])


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
