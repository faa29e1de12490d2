"""The one lock under which the schema of a database changes."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

from database.errors import StateError

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


@contextmanager
def schema_lock(connection: BaseDatabaseWrapper, tell: Callable[[str], object]) -> Iterator[None]:
    """Holds the schema lock on this connection; waits for another holder, whom it names once through `tell`.

    The lock is polled, never waited for inside PostgreSQL: a waiting session holds a snapshot, and an index that is
    built concurrently under the lock would wait for that snapshot for ever.
    """
    told = False
    with connection.cursor() as cursor:
        while not _try(cursor, "pg_try_advisory_lock"):
            if not told:
                cursor.execute(HOLDER, LOCK_KEY)
                for pid, name, age in cursor.fetchall():
                    tell(f"Waiting for another run that changes the schema: process {pid} ({name}), since {age}.")
                told = True
            time.sleep(0.05 + random.random() * 0.1)  # noqa: S311 -- jitter, not a secret
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            if cursor.fetchone() != backend or not _try(cursor, "pg_advisory_unlock"):
                raise StateError(
                    "The connection that held the schema lock was lost on the way. See `schema_status` for what was"
                    " applied, and run the command again."
                )


def _try(cursor: object, function: str) -> bool:
    cursor.execute(f"SELECT {function}(%s, %s)", LOCK_KEY)  # type: ignore[attr-defined]
    return bool(cursor.fetchone()[0])  # type: ignore[attr-defined]
