"""What is said of the months of readings: in lines for people, as facts for machines, with the code to end with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from database.management import Exit
from database.queries import csv_text
from metering.archive import Restored
from metering.maintenance import Maintenance, Status
from metering.months import Standing
from metering.retention import Forecast, missing


@dataclass(frozen=True)
class Report:
    """One answer, told twice."""

    lines: Sequence[str]
    facts: Mapping[str, object] = field(default_factory=dict)
    code: Exit = Exit.DONE


def report_status(found: Status, now: datetime) -> Report:
    """Which months there are, how many lie ahead and who makes them; pending below the wanted number."""
    states = {str(month): _state(standing) for month, standing in sorted(found.standings.items())}
    schedulers = [scheduler.describe(now) for scheduler in found.schedulers] or ["nobody made a month yet"]
    facts = {
        "months": [{"month": month, "state": state} for month, state in states.items()],
        "months_ahead": found.ahead,
        "schedulers": [{**vars(scheduler), "is_live": scheduler.is_live(now)} for scheduler in found.schedulers],
        "warning": found.warning,
    }
    lines = [*(f"{month} {state}" for month, state in states.items()), *schedulers, _ahead(found)]
    return Report(lines, facts, Exit.PENDING if found.warning else Exit.DONE)


def report_plan(forecasts: Sequence[Forecast]) -> Report:
    """What is due, what would go, and what keeps it."""
    steps = [
        {
            "month": str(each.step.month),
            "deed": each.step.deed,
            "reason": each.step.reason,
            "table": each.table,
            "bytes": each.size,
            "missing": missing(each.conditions),
        }
        for each in forecasts
    ]
    return Report([*map(str, forecasts)] or ["Nothing is due."], {"steps": steps})


def report_maintenance(done: Maintenance) -> Report:
    """What a run did and what it left; a problem weighs more than a month that may not leave, and that than a lack."""
    lines = [
        *(f"{month}: made" for month in done.made),
        *map(str, done.outcomes),
        *(f"{step.month}: would {step.deed} with --drop, {step.reason}" for step in done.due),
        *done.problems,
        _ahead(done),
    ]
    facts = {
        "made": [*map(str, done.made)],
        "outcomes": [
            {"month": str(each.month), "did": each.did, "is_done": each.is_done, "missing": missing(each.conditions)}
            for each in done.outcomes
        ],
        "due": [{"month": str(step.month), "deed": step.deed, "reason": step.reason} for step in done.due],
        "months_ahead": done.ahead,
        "problems": [*done.problems],
    }
    code = Exit.PENDING if done.warning else Exit.DONE
    if done.problems:
        code = Exit.LOCKED if done.is_locked else Exit.ERROR
    elif done.blocked:
        code = Exit.NEEDS_A_PERSON
    return Report(lines, facts, code)


def report_restored(restored: Sequence[Restored]) -> Report:
    """What came back."""
    facts = [{"month": str(each.month), "rows": each.rows, "superseded": each.superseded} for each in restored]
    return Report([*map(str, restored)], {"restored": facts})


def report_answer(rows: pl.DataFrame) -> Report:
    """The rows of an answer, for people as CSV that a spreadsheet may open."""
    return Report(csv_text(rows.columns, rows.iter_rows()).splitlines(), {"rows": rows.to_dicts()})


def _state(standing: Standing) -> str:
    if standing.is_pending:
        return "half detached"
    return "attached" if standing.is_attached else str(standing.state or f"apart as {standing.table_apart}")


def _ahead(found: Status | Maintenance) -> str:
    return found.warning or f"{found.ahead} months are ready ahead."
