"""The runs of the validation queries: each report is kept, and the last one can be shown without running them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True)
class ValidationRun:
    """One run; `report` is what `run_query --format json` printed."""

    ran_at: datetime
    ran_by: str
    report: dict[str, Any]


def may_record(connection: BaseDatabaseWrapper) -> bool:
    """Whether this role may keep a report here: a database may be older than the table, a role may only read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(has_schema_privilege('frontier_ops', 'USAGE')"
            " AND has_table_privilege(to_regclass('frontier_ops.validation_run'), 'INSERT'), false)"
            " FROM pg_namespace WHERE nspname = 'frontier_ops'"
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def record(connection: BaseDatabaseWrapper, report: dict[str, Any]) -> None:
    """Keeps the report of a run."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO frontier_ops.validation_run (report) VALUES (%s)", [json.dumps(report)])


def last_run(connection: BaseDatabaseWrapper) -> ValidationRun | None:
    """The latest run that was kept, or None."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('frontier_ops.validation_run') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return None
        cursor.execute("SELECT ran_at, ran_by, report FROM frontier_ops.validation_run ORDER BY id DESC LIMIT 1")
        row = cursor.fetchone()
    # Django hands jsonb out as text.
    return row and ValidationRun(row[0], row[1], json.loads(row[2]))
