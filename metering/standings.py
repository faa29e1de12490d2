"""What the database says of the months of `meter_reading`, and the locks by which loads and retention give way."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from metering.months import ArchiveState, Month, MonthArchived, Standing
from metering.sql import statement

# "mont" in ASCII: the first half of an advisory lock's key; the second is the month, 0 for retention as a whole.
LOCK_CLASS = 0x6D6F6E74


def read_standings() -> dict[Month, Standing]:
    """Every month that has a partition, a table apart or an archive."""
    with connection.cursor() as cursor:
        cursor.execute(statement("reading_months"))
        return {
            (month := Month.parse(label)): Standing(
                month, attached, pending, partition, apart, state and ArchiveState(state), detached_at, restored_at
            )
            for label, attached, pending, partition, apart, state, detached_at, restored_at in cursor.fetchall()
        }


def read_standing(month: Month) -> Standing:
    """What there is of one month."""
    return read_standings().get(month, Standing(month))


def keep_months(months: Sequence[Month]) -> dict[Month, Standing]:
    """Keeps these months from leaving until the transaction ends; returns what there is of every month then.

    Raises `MonthArchived` for those whose readings left already, or are leaving at this moment.
    """
    with connection.cursor() as cursor:
        gone = {month for month in months if not _try(cursor, "pg_try_advisory_xact_lock_shared", _key(month))}
    standings = read_standings()
    gone.update(month for month in months if month in standings and standings[month].has_left)
    if gone:
        raise MonthArchived(gone)
    return standings


@contextmanager
def everything_visible() -> Iterator[None]:
    """A transaction in which a row that a policy hides is an error: what is not seen must not pass for absent."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL row_security = off")
        yield


@contextmanager
def taking(month: Month | None) -> Iterator[bool]:
    """Whether this session alone has to do with the month, until the block ends; None: with retention as a whole.

    Nobody waits for this lock. Who does not get it comes again.
    """
    with connection.cursor() as cursor:
        taken = _try(cursor, "pg_try_advisory_lock", _key(month))
    try:
        yield taken
    finally:
        if taken and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                _try(cursor, "pg_advisory_unlock", _key(month))


def record_run(
    scheduler: str,
    ahead: int,
    made: Iterable[Month] = (),
    dropped: Iterable[Month] = (),
    error: str = "",
    now: datetime | None = None,
) -> None:
    """Notes what a run did, where this login may."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(has_schema_privilege('frontier_ops', 'USAGE')"
            " AND has_table_privilege(to_regclass('frontier_ops.partition_run'), 'INSERT'), false)"
            " FROM pg_namespace WHERE nspname = 'frontier_ops'"
        )
        if cursor.fetchone() != (True,):
            return
        cursor.execute(
            "INSERT INTO frontier_ops.partition_run"
            " (scheduler, ran_at, months_made, months_dropped, months_ahead, error)"
            " VALUES (%s, coalesce(%s, clock_timestamp()), %s, %s, %s, %s)",
            [scheduler, now, [*map(str, made)], [*map(str, dropped)], ahead, error or None],
        )


def _key(month: Month | None) -> int:
    return month.year * 12 + month.number if month else 0


def _try(cursor: CursorWrapper, function: str, key: int) -> bool:
    cursor.execute(f"SELECT {function}(%s, %s)", [LOCK_CLASS, key])
    return bool(cursor.fetchone()[0])
