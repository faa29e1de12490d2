"""The upkeep of the months of `meter_reading`: those to come are made, old ones leave, and who sees to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from django.db import DatabaseError, connection

from database.errors import LockedError
from database.locks import Patience, insist
from database.schedulers import Scheduler, read_schedulers, warning
from metering.errors import MeteringError
from metering.months import Deed, Month, Policy, Standing, Step, plan
from metering.partitions import ahead_of, make_month
from metering.retention import Outcome, finish, retire
from metering.standings import read_standings, record_run


@dataclass(frozen=True)
class Maintenance:
    """What a run did, and what it left: `blocked` names the conditions that keep a month from leaving."""

    scheduler: str
    made: Sequence[Month]
    outcomes: Sequence[Outcome]
    due: Sequence[Step]
    ahead: int
    warning: str
    problems: Sequence[str]
    is_locked: bool = False

    @property
    def blocked(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.is_done]


@dataclass(frozen=True)
class Status:
    """The months there are, how many are ready ahead, and who makes them."""

    standings: Mapping[Month, Standing]
    ahead: int
    schedulers: Sequence[Scheduler]
    warning: str


def maintain(
    scheduler: str = "command",
    *,
    drop: bool = False,
    policy: Policy = Policy(),  # noqa: B008 -- frozen
    now: datetime | None = None,
    patience: Patience | None = None,
) -> Maintenance:
    """Makes the months that are due, ends what was interrupted and, where `drop` says so, lets old months leave.

    May be run at any time, twice, and by several at once. Each month is a work of its own: one that fails does not
    stop the others, and is in `problems`. Every run is noted in `frontier_ops.partition_run`.
    """
    moment = now or datetime.now(UTC)
    made: list[Month] = []
    outcomes: list[Outcome] = []
    due: list[Step] = []
    problems: list[str] = []
    is_locked = False
    for step in plan(moment, read_standings().values(), policy):
        try:
            if step.deed is Deed.MAKE:
                insist(connection, partial(make_month, month=step.month), step.month.partition, patience)
                made.append(step.month)
            elif step.deed is Deed.FINISH:
                outcomes.append(finish(step.month, moment, patience))
            elif drop:
                outcomes.append(retire(step, moment, policy, patience))
            else:
                due.append(step)
        except LockedError as error:
            is_locked = True
            problems.append(str(error))
        except (DatabaseError, MeteringError) as error:
            problems.append(f"{step.month}: {error}")
    standings = read_standings()
    ahead = ahead_of(standings, moment)
    record_run(
        scheduler, ahead, made, [each.month for each in outcomes if each.is_dropped], "; ".join(problems), now=now
    )
    warned = warning(ahead, read_schedulers(connection.connection), moment)
    return Maintenance(scheduler, made, outcomes, due, ahead, warned, problems, is_locked)


def read_status(now: datetime | None = None) -> Status:
    """The months, and who makes them; changes nothing."""
    moment = now or datetime.now(UTC)
    connection.ensure_connection()
    standings, schedulers = read_standings(), read_schedulers(connection.connection)
    ahead = ahead_of(standings, moment)
    return Status(standings, ahead, schedulers, warning(ahead, schedulers, moment))
