"""The account of every file that is offered, in `ingestion_log`: how far it has come, and what became of it.

An account is written on a connection of its own, so that others see a load while it runs. Whoever works on a file
holds an advisory lock that ends with the session: an account that is open and not held belongs to a process that died.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from core.models import DataSource
from metering.errors import MeteringError, Problem, StorageError
from metering.models import IngestionStage, IngestionStatus, SourceSystem
from metering.storage import Lake

INTERRUPTED = "interrupted: the process that loaded the file ended before it was done. The file may be tried again."

_OPEN = """
    SELECT id, pg_try_advisory_lock(hashtextextended('ingestion_log', id))
    FROM start_ingestion_log(%s, %s, %s, %s, %s, %s, %s) AS id
"""
_CLOSE = """
    UPDATE ingestion_log
    SET ingestion_status = %s, error_message = %s, rows_loaded = 0, destination_path = %s,
        processing_completed_at = clock_timestamp(),
        processing_time_ms = (extract(epoch FROM clock_timestamp() - processing_started_at) * 1000)::integer
    WHERE id = %s AND ingestion_status = 'processing'
"""
# Open accounts, and those of files that were loaded or refused but not yet put where they belong; the lock of each is
# taken, or another session has it and works on it.
_UNFINISHED = """
    WITH unfinished AS MATERIALIZED (
        SELECT id, ingestion_status::text AS status, file_path, destination_path FROM ingestion_log
        WHERE ingestion_status = 'processing'
            OR ingestion_stage = 'moving' AND ingestion_status IN ('success', 'quarantined')
    )
    SELECT * FROM unfinished WHERE pg_try_advisory_lock(hashtextextended('ingestion_log', id)) ORDER BY id
"""
_RELEASE = "SELECT pg_advisory_unlock(hashtextextended('ingestion_log', %s))"


@dataclass(frozen=True)
class Offer:
    """A file as it is offered: whose it is, what it is called by them and in the lake, and what is in it."""

    organization_id: int
    source: SourceSystem
    name: str
    raw_name: str
    size: int
    file_format: str
    sha256: str
    site_id: int | None = None


@dataclass(frozen=True)
class Account:
    """The open account of one file. `log_id` is its number in `ingestion_log`."""

    log_id: int
    database: BaseDatabaseWrapper

    def reach(self, stage: IngestionStage) -> None:
        """Notes how far the file has come."""
        self._write("UPDATE ingestion_log SET ingestion_stage = %s WHERE id = %s", stage.value, self.log_id)

    def close(self, status: IngestionStatus, message: str, place: str | None = None) -> None:
        """Notes why nothing of the file was loaded where its content is not to blame, and where it lies.

        An account that was closed before stays as it is.
        """
        self._write(_CLOSE, status.value, _plain(message), place, self.log_id)

    def quarantine(self, message: str, problems: Sequence[Problem], total: int, place: str) -> None:
        """Notes what is wrong with the file, and that it is on its way to `place`."""
        # Sent as one, so that nobody finds the one without the other.
        self._write(
            "SELECT complete_ingestion_log_quarantine(%s, %s, %s, %s);"
            " UPDATE ingestion_log SET rows_failed = %s, ingestion_stage = 'moving' WHERE id = %s",
            self.log_id,
            json.dumps(as_dicts(problems)),
            _plain(message),
            place,
            total,
            self.log_id,
        )

    def _write(self, statement: str, *values: str | int | None) -> None:
        with self.database.cursor() as cursor:
            cursor.execute(statement, values)


@contextmanager
def open_account(offer: Offer) -> Iterator[Account]:
    """An account that others see at once; within a transaction of the caller's it is part of that and seen when it
    ends. Raises `MeteringError` where the data source was never loaded."""
    source = DataSource.objects.filter(name=offer.source.value).first()
    if source is None:
        raise MeteringError(
            f"the data source {offer.source.value!r} is missing: run `manage.py load_reference_data` first"
        )
    shared = connection.in_atomic_block
    database = connection if shared else connection.copy()
    try:
        with database.cursor() as cursor:
            cursor.execute(
                _OPEN,
                [
                    offer.organization_id,
                    source.pk,
                    offer.raw_name,
                    offer.size,
                    offer.file_format,
                    offer.sha256,
                    offer.site_id,
                ],
            )
            (log_id, _) = cursor.fetchone()
            cursor.execute("UPDATE ingestion_log SET file_name = %s WHERE id = %s", [_plain(offer.name)[:255], log_id])
        try:
            yield Account(log_id, database)
        finally:
            if shared and not connection.needs_rollback:
                with database.cursor() as cursor:
                    cursor.execute(_RELEASE, [log_id])
    finally:
        if not shared:
            database.close()


def close_interrupted(lake: Lake) -> int:
    """Closes the accounts of processes that died; returns how many there were.

    An account that was open is an error, and its file may be tried again; where the readings were committed, or the
    file was refused, only the file itself is put where it belongs.
    """
    with connection.cursor() as cursor:
        cursor.execute(_UNFINISHED)
        found = cursor.fetchall()
        for log_id, status, raw, place in found:
            account = Account(log_id, connection)
            try:
                if status == IngestionStatus.PROCESSING.value:
                    account.close(IngestionStatus.ERROR, INTERRUPTED)
                else:
                    lake.move(raw, place)
                    account.reach(IngestionStage.COMPLETE)
            except StorageError:
                # The file is where it was, and so is its account: another run tries again.
                continue
            finally:
                cursor.execute(_RELEASE, [log_id])
    return len(found)


def as_dicts(problems: Sequence[Problem]) -> list[dict[str, object]]:
    """Problems as `ingestion_log.validation_errors` keeps them."""
    return [
        {
            "line": problem.line,
            "column": problem.column and _plain(problem.column),
            "value": _plain(problem.value),
            "cause": _plain(problem.cause),
        }
        for problem in problems
    ]


def _plain(text: str) -> str:
    """PostgreSQL keeps no NUL in text, and a broken file may well hold one."""
    return text.replace("\0", "�")
