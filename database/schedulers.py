"""Who makes the months of meter_reading, whether they do, and how many are ready.

The same plan may be run by pg_cron, a worker, any cron that calls a command, or the loading of a file. A log that says
"succeeded" proves little: what counts is how many months are ahead.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg

# Below this many months ahead somebody should be told: readings of a month without a partition are refused.
MONTHS_AHEAD = 2
JOB = "meter-reading-partition-maintenance"
CURE = "manage.py partitions apply"
# pg_cron's job runs once a month; who did not run for longer has stopped.
LIVE = timedelta(days=32)

_RUNS = """
    SELECT scheduler, max(ran_at), max(ran_at) FILTER (WHERE error IS NULL),
        max(ran_at) FILTER (WHERE cardinality(months_made) > 0 OR cardinality(months_dropped) > 0),
        (array_agg(coalesce(error, '') ORDER BY id DESC))[1]
    FROM frontier_ops.partition_run GROUP BY scheduler ORDER BY scheduler
"""
_CRON = """
    SELECT bool_or(active), max(start_time), max(end_time) FILTER (WHERE status = 'succeeded'),
        (array_agg(CASE WHEN status = 'failed' THEN coalesce(return_message, status) ELSE '' END
                   ORDER BY start_time DESC NULLS LAST))[1]
    FROM cron.job LEFT JOIN cron.job_run_details USING (jobid)
    WHERE jobname = %s AND job.database = current_database()
    HAVING count(*) > 0
"""


@dataclass(frozen=True)
class Scheduler:
    """One of those who run the plan: `is_scheduled` where it is known to come again by itself."""

    name: str
    is_scheduled: bool
    last_ran_at: datetime | None
    last_success_at: datetime | None
    last_achieved_at: datetime | None
    last_error: str

    def is_live(self, now: datetime) -> bool:
        """Whether its last run was no failure and not too long ago."""
        return not self.last_error and self.last_success_at is not None and self.last_success_at > now - LIVE

    def describe(self, now: datetime) -> str:
        """One sentence: whether it is live, when it ran and when it last achieved something."""
        if self.last_ran_at is None:
            return f"{self.name} is scheduled and never ran"
        said = [
            f"{self.name} is {'live' if self.is_live(now) else 'not live'}",
            f"last ran on {_written(self.last_ran_at)}",
            f"last achieved something on {_written(self.last_achieved_at)}"
            if self.last_achieved_at
            else "made or dropped no month yet",
        ]
        return ", ".join(said) + (f"; it failed: {self.last_error}" if self.last_error else "")


def read_schedulers(session: psycopg.Connection) -> list[Scheduler]:
    """Everybody who ran the plan or is scheduled to, pg_cron first; nobody where this login may not look."""
    found = []
    if _may_read(session, "cron", ("job", "job_run_details")):
        for active, ran_at, success_at, error in session.execute(_CRON, [JOB]).fetchall():
            found.append(Scheduler("pg_cron", active, ran_at, success_at, success_at, error or ""))
    if _may_read(session, "frontier_ops", ("partition_run",)):
        found += [
            Scheduler(name, False, *moments)
            for name, *moments in session.execute(_RUNS).fetchall()
            if name not in {scheduler.name for scheduler in found}
        ]
    return found


def in_charge(schedulers: Sequence[Scheduler]) -> Scheduler | None:
    """Who is meant to make months: pg_cron where its job stands, else the worker or the command that ran last.

    Loading files makes the months that these need, and is nobody's schedule.
    """
    scheduled = [scheduler for scheduler in schedulers if scheduler.is_scheduled]
    regular = [scheduler for scheduler in schedulers if scheduler.name in ("worker", "command")]
    return next(
        iter(scheduled or sorted(regular, key=lambda each: each.last_ran_at or datetime.min.replace(tzinfo=UTC))[::-1]),
        None,
    )


def months_ahead(first_days: Collection[str], now: datetime) -> int:
    """How many months follow this one without a gap, of those whose first days are given as 2026-01-01.

    -1 where this month itself is missing. A month begins when UTC says so.
    """
    at = now.astimezone(UTC)
    count = at.year * 12 + at.month - 1
    ahead = -1
    while f"{(count + ahead + 1) // 12:04}-{(count + ahead + 1) % 12 + 1:02}-01" in first_days:
        ahead += 1
    return ahead


def warning(ahead: int, schedulers: Sequence[Scheduler], now: datetime) -> str:
    """What is wrong where too few months are ready, who was meant to act and the cure; empty where enough are."""
    if ahead >= MONTHS_AHEAD:
        return ""
    state = f"Only {ahead} months are ready ahead" if ahead >= 0 else "This month has no partition"
    keeper = in_charge(schedulers)
    if keeper is None:
        meant = "nobody is scheduled to make them: have cron run the cure daily, or start the worker"
    else:
        meant = f"{keeper.name} was meant to make them: {keeper.describe(now)}"
    return f"{state}, {MONTHS_AHEAD} are wanted; {meant}. Run `{CURE}`."


def _may_read(session: psycopg.Connection, schema: str, tables: Sequence[str]) -> bool:
    """Whether the tables exist and this login may read them."""
    row = session.execute(
        "SELECT coalesce(has_schema_privilege(pg_namespace.oid, 'USAGE') AND count(*) = cardinality(%(tables)s::text[])"
        " AND bool_and(has_table_privilege(pg_class.oid, 'SELECT')), false)"
        " FROM pg_namespace JOIN pg_class ON relnamespace = pg_namespace.oid"
        " WHERE nspname = %(schema)s AND relname = ANY (%(tables)s) GROUP BY pg_namespace.oid",
        {"schema": schema, "tables": list(tables)},
    ).fetchone()
    return bool(row and row[0])


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
