"""Months of readings leave the database, each with proof that nothing is lost.

A month leaves when all of it is old, aggregates and evidence stand for it, and its archive was read back and found
equal. It is detached without holding up a reader, compared once more, kept apart for the grace, and dropped. A month
that changed on the way is attached again. Whatever interrupts this, the next run goes on from what it finds.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from database.errors import LockedError
from database.locks import Patience, insist
from metering.archive import (
    ArchiveError,
    ArchiveFile,
    Column,
    Content,
    archived_names,
    check_files,
    file_columns,
    file_name,
    hold_references,
    read_back,
    read_columns,
    read_content,
    the_lake,
    write,
)
from metering.errors import MeteringError
from metering.months import ArchiveState, Deed, Month, Policy, Standing, Step, is_old
from metering.sql import statement
from metering.standings import everything_visible, read_standing, taking
from metering.storage import Lake

# Detached tables wait here for the end of the grace: out of reach of clients and of the proofs of the schema.
APART = "frontier_ops"
# Transactions that hold the table for longer than this are waited for before a detachment begins, not during it.
BRIEF = timedelta(seconds=1)

# Gives way before a deadlock is looked for (after one second), so that it is never a reader who is ended for one.
DETACHING = Patience(wait=0.5)

_HOLDERS = """
    SELECT format('process %%s (%%s), %%s, its transaction begun at %%s', activity.pid,
        coalesce(nullif(application_name, ''), 'unnamed'), coalesce(activity.state, 'state unknown'),
        to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC')
    FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
    WHERE held.relation = 'public.meter_reading'::regclass AND held.granted
        AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND activity.pid <> pg_backend_pid() AND xact_start < clock_timestamp() - make_interval(secs => %s)
"""


@dataclass(frozen=True)
class Condition:
    """One thing that must hold before a month leaves; `missing` says what speaks against it, empty where it holds."""

    name: str
    missing: str = ""
    cure: str = ""

    @property
    def is_met(self) -> bool:
        return not self.missing

    def __str__(self) -> str:
        return f"{self.name}: {self.missing or 'holds'}" + (f"; {self.cure}" if self.cure and self.missing else "")


@dataclass(frozen=True)
class Outcome:
    """What became of one month: what was done, or each condition that was missing."""

    month: Month
    did: str
    conditions: Sequence[Condition] = ()
    is_done: bool = True
    is_dropped: bool = False

    def __str__(self) -> str:
        unmet = [f"  {condition}" for condition in self.conditions if not condition.is_met]
        return "\n".join([f"{self.month}: {self.did}", *unmet])


def missing(conditions: Sequence[Condition]) -> dict[str, str]:
    """What is not met, by the name of the condition."""
    return {condition.name: condition.missing for condition in conditions if condition.missing}


def prove(standing: Standing, policy: Policy, now: datetime) -> list[Condition]:
    """Every condition for a month to leave, met or not; the archive is compared later, when it was written."""
    month = standing.month
    table = standing.partition or standing.table_apart
    with everything_visible(), connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT max(reading_timestamp + make_interval(secs => interval_seconds)), max(ingested_at) FROM {}"
            ).format(sql.Identifier(*table.split(".")))
        )
        ended_at, written_at = cursor.fetchone()
        span = {"start": month.start, "end": month.end}
        cursor.execute(statement("unproven_aggregates"), span)
        aggregates = "; ".join(found for (found,) in cursor.fetchall())
        cursor.execute(statement("unproven_verdicts"), span)
        verdicts = "; ".join(found for (found,) in cursor.fetchall())
    cut = now - policy.retention
    age = settled = ""
    if not is_old(now, month, policy.retention):
        age = f"it ended less than {policy.retention.days} days ago somewhere on Earth"
    elif ended_at is not None and ended_at > cut:
        age = f"a reading ends at {ended_at:%Y-%m-%d %H:%M} UTC, later than {cut:%Y-%m-%d %H:%M}"
    if written_at is not None and written_at > now - policy.grace:
        settled = f"readings were written on {written_at:%Y-%m-%d %H:%M} UTC, less than {policy.grace.days} days ago"
    return [
        Condition("age", age, "wait"),
        Condition("settled", settled, "wait, or run with --grace 0"),
        Condition("aggregates", aggregates, "run `manage.py aggregate_readings`"),
        Condition("evidence", verdicts, "run `manage.py evaluate_compliance` for its contracts"),
    ]


def retire(
    step: Step, now: datetime, policy: Policy, patience: Patience | None = None, lake: Lake | None = None
) -> Outcome:
    """Does one step of a month's way out; `Outcome.is_done` is false where a condition is missing.

    Runs outside of any transaction, because a detachment that holds up nobody must. LockedError where other sessions
    do not let go of the table in time.
    """
    if connection.in_atomic_block:
        raise MeteringError("months leave outside of transactions only: call this where none is open")
    with taking(None) as alone:
        if not alone:
            return Outcome(step.month, "another run of retention is at work", is_done=False)
        try:
            if step.deed is Deed.DROP:
                return _drop(step.month, now, policy, lake or the_lake(), patience)
            if step.deed is Deed.RETIRE:
                return _archive_and_detach(step.month, now, policy, lake or the_lake(), patience)
        except MeteringError as error:
            return Outcome(step.month, "stays", [Condition("archive", str(error))], is_done=False)
    return Outcome(step.month, f"needs a person: {step.reason}", is_done=False)


def finish(month: Month, now: datetime, patience: Patience | None = None, lake: Lake | None = None) -> Outcome:
    """Ends a detachment that was interrupted: a table that equals its archive is put apart, another attached again."""
    with taking(month) as alone:
        if not alone:
            return Outcome(month, "another run has to do with it", is_done=False)
        return _finish(month, now, lake or the_lake(), patience)


def _archive_and_detach(month: Month, now: datetime, policy: Policy, lake: Lake, patience: Patience | None) -> Outcome:
    standing = read_standing(month)
    if not standing.is_attached:
        return Outcome(month, "another run took it away")
    conditions = prove(standing, policy, now)
    if not all(condition.is_met for condition in conditions):
        return Outcome(month, "stays", conditions, is_done=False)

    columns = read_columns()
    content = read_content(standing.partition, columns)
    if standing.state is not ArchiveState.ARCHIVED or not _is_archived(month, content, columns, lake):
        _write_archive(month, standing.partition, columns, content, conditions, now, lake)
    with taking(month) as alone:
        if not alone:
            return Outcome(month, "stays", [Condition("unchanged", "a load holds it at this moment")], is_done=False)
        # Loads that came before this lock are committed, those that come after it are refused.
        if (found := read_content(standing.partition, columns)) != content:
            what = f"readings changed while they were archived: {found.differences(content)}"
            return Outcome(month, "stays", [Condition("unchanged", what, "the next run begins anew")], is_done=False)
        _detach(standing.partition, month, patience)
        return _finish(month, now, lake, patience)


def _is_archived(month: Month, content: Content, columns: Sequence[Column], lake: Lake) -> bool:
    """Whether the files hold just this already, as a run that was interrupted left them."""
    try:
        names = archived_names(month)
        return check_files(lake, month) == content and all(file_columns(lake, name) == [*columns] for name in names)
    except MeteringError:
        return False


def _write_archive(
    month: Month,
    table: str,
    columns: Sequence[Column],
    content: Content,
    conditions: Sequence[Condition],
    now: datetime,
    lake: Lake,
) -> None:
    """Writes the files, reads them back, and notes them only where they hold what the table held."""
    names = write(lake, month, table, columns)
    written, files = read_back(lake, names)
    if written != content:
        raise ArchiveError(f"the files of {month} are not what the table holds: {written.differences(content)}")
    with transaction.atomic():
        outdated = _note_archive(month, table, columns, content, files, conditions, now)
    for name in outdated:
        lake.remove(name)


def _note_archive(
    month: Month,
    table: str,
    columns: Sequence[Column],
    content: Content,
    files: Sequence[ArchiveFile],
    conditions: Sequence[Condition],
    now: datetime,
) -> list[str]:
    """Notes an archive in place of an earlier one; returns the names of that one's files that it does not have."""
    proof = {
        "conditions": {condition.name: condition.missing or "holds" for condition in conditions},
        "columns": [asdict(column) for column in columns],
    }
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT min(reading_timestamp), max(reading_timestamp) FROM {}").format(
                sql.Identifier(*table.split("."))
            )
        )
        first, last = cursor.fetchone()
        cursor.execute(
            """
            INSERT INTO reading_archive (month, partition_name, state, row_count, content_sha256, first_reading_at,
                last_reading_at, archived_at, proof)
            VALUES (%s, %s, 'archived', %s, %s, %s, %s, %s, %s)
            ON CONFLICT (month) DO UPDATE SET partition_name = excluded.partition_name, state = excluded.state,
                row_count = excluded.row_count, content_sha256 = excluded.content_sha256,
                first_reading_at = excluded.first_reading_at, last_reading_at = excluded.last_reading_at,
                archived_at = excluded.archived_at, proof = excluded.proof,
                detached_at = NULL, dropped_at = NULL, restored_at = NULL
            RETURNING id
            """,
            [
                month.start.date(),
                table.rpartition(".")[2],
                content.rows,
                content.sha256,
                first,
                last,
                now,
                json.dumps(proof),
            ],
        )
        (archive,) = cursor.fetchone()
        cursor.execute(
            "DELETE FROM reading_archive_file WHERE reading_archive_id = %s RETURNING organization_id", [archive]
        )
        before = {file_name(month, organization) for (organization,) in cursor.fetchall()}
        cursor.executemany(
            "INSERT INTO reading_archive_file (reading_archive_id, organization_id, uri, row_count, bytes, sha256,"
            " content_sha256) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                (archive, file.organization_id, file.uri, file.rows, file.size, file.sha256, file.content_sha256)
                for file in files
            ],
        )
    return sorted(before - {file.name for file in files})


def _detach(partition: str, month: Month, patience: Patience | None) -> None:
    """Detaches a partition; an attempt that is cut short leaves a detachment that `_finish` ends.

    Readers and writers of the table are waited for, and never wait. Those that take long are waited for before the
    month goes out of sight.
    """
    patience = patience or DETACHING
    _wait_for_brief_transactions(month, patience)
    statement_ = sql.SQL("ALTER TABLE public.meter_reading DETACH PARTITION {} CONCURRENTLY").format(
        sql.Identifier(*partition.split("."))
    )

    def work(cursor: CursorWrapper) -> None:
        # An earlier attempt may have come as far as to mark it.
        if read_standing(month).is_attached:
            cursor.execute(statement_)

    insist(connection, work, f"DETACH PARTITION {partition}", patience)


def _finish(month: Month, now: datetime, lake: Lake, patience: Patience | None) -> Outcome:
    standing = read_standing(month)
    if standing.is_pending:
        finalize = sql.SQL("ALTER TABLE public.meter_reading DETACH PARTITION {} FINALIZE").format(
            sql.Identifier(*standing.partition.split("."))
        )

        def work(cursor: CursorWrapper) -> None:
            if read_standing(month).is_pending:
                cursor.execute(finalize)

        insist(connection, work, f"DETACH PARTITION {standing.partition} FINALIZE", patience or DETACHING)
        standing = Standing(month, table_apart=standing.partition, state=standing.state)
    if not standing.table_apart or standing.is_attached:
        return Outcome(month, "another run was faster")
    if standing.state is not ArchiveState.ARCHIVED:
        _attach(standing.table_apart, month, patience)
        return Outcome(month, "was half detached without an archive, and is attached again")

    what = ""
    try:
        archived, columns = _archived(month, lake)
        if (found := read_content(standing.table_apart, columns)) != archived:
            what = f"readings changed after they were archived: {found.differences(archived)}"
    except MeteringError as error:
        what = str(error)
    if what:
        _attach(standing.table_apart, month, patience)
        again = Condition("unchanged", what, "the next run begins anew")
        return Outcome(month, "is attached again", [again], is_done=False)
    with transaction.atomic():
        insist(connection, lambda cursor: _put_apart(cursor, standing.table_apart), standing.table_apart, patience)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE reading_archive SET state = 'detached', detached_at = %s WHERE month = %s",
                [now, month.start.date()],
            )
    return Outcome(month, f"archived and detached, {archived.rows:,} readings")


def _drop(month: Month, now: datetime, policy: Policy, lake: Lake, patience: Patience | None) -> Outcome:
    """Drops the detached table after everything was compared and asked once more."""
    with taking(month) as alone:
        standing = read_standing(month)
        if not alone or standing.state is not ArchiveState.DETACHED or not standing.table_apart:
            return Outcome(month, "another run has to do with it", is_done=False)
        # What was written long ago is settled, what changes now is found by comparing.
        conditions = [each for each in prove(standing, policy, now) if each.name in ("age", "evidence")]
        if not all(condition.is_met for condition in conditions):
            return Outcome(month, "stays apart", conditions, is_done=False)
        archived, columns = _archived(month, lake)
        table = standing.table_apart
        found = read_content(table, columns)
        if found != archived:
            what = f"{table} is not what was archived: {found.differences(archived)}"
            return Outcome(month, "stays apart", [Condition("unchanged", what, f"look at {table}")], is_done=False)
        drop = sql.SQL("DROP TABLE {}").format(sql.Identifier(*table.split(".")))
        with transaction.atomic():
            insist(connection, lambda cursor: cursor.execute(drop), f"DROP TABLE {table}", patience)
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE reading_archive SET state = 'dropped', dropped_at = %s WHERE month = %s",
                    [now, month.start.date()],
                )
    return Outcome(month, f"dropped, {archived.rows:,} readings are in the archive", is_dropped=True)


def _archived(month: Month, lake: Lake) -> tuple[Content, Sequence[Column]]:
    """What the files of a month hold, read anew, and in which columns."""
    names = archived_names(month)
    return check_files(lake, month), file_columns(lake, names[0]) if names else read_columns()


def _wait_for_brief_transactions(month: Month, patience: Patience) -> None:
    deadline = time.monotonic() + patience.total
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_HOLDERS, [BRIEF.total_seconds()])
            holders = [holder for (holder,) in cursor.fetchall()]
            if not holders:
                return
            if time.monotonic() > deadline:
                raise LockedError(
                    f"{month.partition} is not detached: {'; '.join(holders)} holds meter_reading for longer than"
                    f" {patience.total:g} s. Nothing was changed. Let it end, and run the command again."
                )
            time.sleep(min(patience.first_pause, patience.longest_pause))


def _put_apart(cursor: CursorWrapper, table: str) -> None:
    if not table.startswith(f"{APART}."):
        cursor.execute(
            sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(sql.Identifier(*table.split(".")), sql.Identifier(APART))
        )


def _attach(table: str, month: Month, patience: Patience | None) -> None:
    """Makes a table the partition of its month again, as it was; ArchiveError where its meters are not any more."""
    name = table.rpartition(".")[2]
    partition = sql.Identifier("public", name)
    bounds = sql.SQL("FOR VALUES FROM ({}) TO ({})").format(
        *(sql.Literal(f"{at:%Y-%m-%d %H:%M:%S}+00") for at in (month.start, month.end))
    )

    def work(cursor: CursorWrapper) -> None:
        hold_references(table, month)
        if not table.startswith("public."):
            cursor.execute(sql.SQL("ALTER TABLE {} SET SCHEMA public").format(sql.Identifier(*table.split("."))))
        cursor.execute(sql.SQL("ALTER TABLE public.meter_reading ATTACH PARTITION {} {}").format(partition, bounds))
        # Detaching left a check of the bounds, which its parent does not have.
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(%s) AND contype = 'c' AND coninhcount = 0",
            [f"public.{name}"],
        )
        for (constraint,) in cursor.fetchall():
            cursor.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(partition, sql.Identifier(constraint)))

    with transaction.atomic():
        insist(connection, work, f"ATTACH PARTITION {name}", patience)


@dataclass(frozen=True)
class Forecast:
    """What a step would take away and whether it may: nothing is locked and nothing changed by asking."""

    step: Step
    table: str
    size: int
    conditions: Sequence[Condition]

    def __str__(self) -> str:
        said = f"{self.step.deed} {self.step.month}: {self.step.reason}"
        if self.table:
            said += f" ({self.table}, {self.size / 2**20:,.1f} MiB)"
        return "\n".join([said, *(f"  {condition}" for condition in self.conditions)])


def foresee(steps: Sequence[Step], policy: Policy, now: datetime) -> list[Forecast]:
    """What is due, with the size of what would go and each condition as it stands."""
    forecasts = []
    for step in steps:
        standing = read_standing(step.month)
        table = standing.partition or standing.table_apart
        conditions = prove(standing, policy, now) if step.deed is Deed.RETIRE else []
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_total_relation_size(to_regclass(%s))", [table or None])
            forecasts.append(Forecast(step, table, cursor.fetchone()[0] or 0, conditions))
    return forecasts
