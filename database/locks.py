"""The one lock under which the schema of a database changes, and the patience for locks of other sessions."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import psycopg
from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from database.errors import LockedError, StateError
from database.scratch import Database

# "frontier" and "schema" as ASCII: the two halves of an advisory lock's key.
LOCK_KEY = (0x66726F6E, 0x73636865)
HOLDER = """
    SELECT activity.pid, coalesce(nullif(activity.application_name, ''), 'unnamed'),
        date_trunc('second', now() - activity.backend_start)
    FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
    WHERE held.locktype = 'advisory' AND held.granted
        AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND held.classid = %s AND held.objid = %s AND held.objsubid = 2
"""
# How long a run waits for another run: longer than any file should take.
WAIT_SECONDS = 600.0

BLOCKERS = """
    SELECT format('process %%s (%%s), %%s, its query begun at %%s', pid,
        coalesce(nullif(application_name, ''), 'unnamed'), coalesce(state, 'state unknown'),
        coalesce(to_char(query_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC', 'a time unknown'))
    FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids(%s)) ORDER BY pid
"""
GAVE_WAY = frozenset({"55P03", "40P01"})  # lock not available, deadlock detected


@dataclass(frozen=True)
class Patience:
    """How long a file waits for the locks it needs, all in seconds.

    While it waits, whoever comes after it waits too: so each wait is short, and pauses let the others pass.
    """

    wait: float = 2.0
    first_pause: float = 0.1
    longest_pause: float = 2.0
    total: float = 60.0


PATIENCE = Patience()


@contextmanager
def schema_lock(
    connection: BaseDatabaseWrapper, tell: Callable[[str], object], wait_seconds: float = WAIT_SECONDS
) -> Iterator[None]:
    """Holds the schema lock on this connection; waits for another holder, whom it names once through `tell`.

    LockedError when the other does not end in time. The lock is polled, never waited for inside PostgreSQL: a waiting
    session holds a snapshot, and an index that is built concurrently under the lock would wait for it for ever.
    """
    _refuse_replica(connection)
    deadline = time.monotonic() + wait_seconds
    told = False
    with connection.cursor() as cursor:
        while not _try(cursor, "pg_try_advisory_lock"):
            if not told or time.monotonic() > deadline:
                cursor.execute(HOLDER, LOCK_KEY)
                holders = [f"process {pid} ({name}), since {age}" for pid, name, age in cursor.fetchall()]
                if time.monotonic() > deadline:
                    raise LockedError(
                        f"Another run changes the schema: {', '.join(holders)}. Nothing was changed. Wait for it, or"
                        " end it with pg_terminate_backend if it hangs, and run the command again."
                    )
                for holder in holders:
                    tell(f"Waiting for another run that changes the schema: {holder}.")
                told = True
            time.sleep(0.05 + random.random() * 0.1)  # noqa: S311 -- jitter, not a secret
        backend = _backend(cursor)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            if _backend(cursor) != backend or not _try(cursor, "pg_advisory_unlock"):
                raise StateError(
                    "The connection that held the schema lock was lost on the way. See `schema_status` for what was"
                    " applied, and run the command again."
                )


def insist(
    connection: BaseDatabaseWrapper, work: Callable[[CursorWrapper], None], name: str, patience: Patience | None = None
) -> None:
    """Runs `work` with a short wait for each lock, again after a pause when it gets none; each time it begins anew.

    LockedError, which names the blocking sessions, when patience ends. In a transaction nothing remains of a failed
    attempt, its locks included; outside of one `work` must bear being repeated.
    """
    patience = patience or PATIENCE
    deadline = time.monotonic() + patience.total
    pause = patience.first_pause
    while True:
        blockers: list[str] = []
        with connection.cursor() as cursor, _watch(cursor, blockers, after=patience.wait / 2):
            try:
                with (
                    transaction.atomic(using=connection.alias) if connection.in_atomic_block else nullcontext(),
                    _lock_timeout(cursor, f"{round(patience.wait * 1000)}ms"),
                ):
                    work(cursor)
                return
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) not in GAVE_WAY:
                    raise
                refused = error
        if time.monotonic() + pause > deadline:
            by = "; ".join(blockers) or "a session that is gone by now"
            raise LockedError(
                f"{name} did not get its locks within {patience.total:g} s: blocked by {by}. Let that session end,"
                " or end it with pg_terminate_backend, and run the command again."
            ) from refused
        time.sleep(pause)
        pause = min(2 * pause, patience.longest_pause)


@contextmanager
def _lock_timeout(cursor: CursorWrapper, timeout: str) -> Iterator[None]:
    """Sets lock_timeout; where the work fails in a transaction, the rollback sets it back."""
    within = cursor.db.in_atomic_block
    cursor.execute("SELECT current_setting('lock_timeout')")
    before = cursor.fetchone()[0]
    cursor.execute("SELECT set_config('lock_timeout', %s, %s)", [timeout, within])
    try:
        yield
    finally:
        if not (within and cursor.db.connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR):
            cursor.execute("SELECT set_config('lock_timeout', %s, %s)", [before, within])


@contextmanager
def _watch(cursor: CursorWrapper, blockers: list[str], after: float) -> Iterator[None]:
    """Keeps in `blockers` whom this session waits for; asks in a session of its own, once `after` seconds passed."""
    waiting, done = _backend(cursor), threading.Event()
    reached = Database.of(cursor.db)

    def look() -> None:
        if done.wait(after):
            return
        try:
            with reached.connect() as session:
                while not done.is_set():
                    if found := session.execute(BLOCKERS, [waiting]).fetchall():
                        blockers[:] = [text for (text,) in found]
                    done.wait(after / 4)
        except psycopg.OperationalError:
            return  # no session to spare: the message will do without names

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _refuse_replica(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        if cursor.fetchone()[0]:
            raise StateError("This server is a replica and cannot be changed. Name the primary in DATABASE_URL.")


def _backend(cursor: CursorWrapper) -> int:
    cursor.execute("SELECT pg_backend_pid()")
    return int(cursor.fetchone()[0])


def _try(cursor: CursorWrapper, function: str) -> bool:
    cursor.execute(f"SELECT {function}(%s, %s)", LOCK_KEY)
    return bool(cursor.fetchone()[0])
