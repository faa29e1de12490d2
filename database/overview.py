"""The state of the schema on one page of the admin, read-only: each finding stands beside the command that cures it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from database import backups, snapshots, status, validations
from database.catalog import Partition, read_partitions
from database.schedulers import CURE, MONTHS_AHEAD, months_ahead, read_schedulers, warning


@dataclass(frozen=True)
class Months:
    """The partitions of meter_reading, newest first, and one sentence for each scheduler that makes them."""

    partitions: list[Partition]
    ahead: int
    schedulers: list[str]
    warning: str

    @property
    def cure(self) -> str:
        """What to run where too few months are ready; empty where enough are."""
        return CURE if self.ahead < MONTHS_AHEAD else ""


def read_months(session: psycopg.Connection) -> Months:
    """The months that exist, how many follow this one without a gap, and who makes them."""
    found = [partition for partition in read_partitions(session) if partition.parent == "meter_reading"]
    now, schedulers = datetime.now(UTC), read_schedulers(session)
    ahead = months_ahead({lower_bound(partition) for partition in found}, now)
    return Months(
        sorted(found, key=lambda partition: partition.bounds, reverse=True),
        ahead,
        [scheduler.describe(now) for scheduler in schedulers],
        warning(ahead, schedulers, now),
    )


def lower_bound(partition: Partition) -> str:
    """The first day of a partition, as in its bounds: FOR VALUES FROM ('2026-05-01 00:00:00+00') TO ..."""
    return partition.bounds.partition("FROM ('")[2][:10]


def schema_overview(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Files, snapshots, backups, partitions and the last validation run, from the objects that the commands print."""
    if not (request.user.is_authenticated and request.user.is_superuser):
        raise PermissionDenied
    connection.ensure_connection()
    return TemplateResponse(
        request,
        "admin/schema_overview.html",
        {
            **context,
            "title": "Schema",
            "files": status.report(connection, status.read_status(connection)),
            "snapshots": snapshots.report(snapshots.inspect()),
            "backups": list(reversed(backups.list_backups())),
            "months": read_months(connection.connection),
            "validation": validations.last_run(connection),
        },
    )
