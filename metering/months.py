"""What maintenance of `meter_reading` has to do, from the time, the months that exist and a policy, and nothing else.

A month is a month of UTC and one partition. It is made before readings need it, and leaves when all of it is old:

    attached -> archived -> detached -> dropped -> restored
                                 └─────────────────────┘

No clock and no database is asked here, so that years of maintenance can be tried in seconds.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from metering.errors import MeteringError

PREFIX = "meter_reading_"
# Somewhere on Earth a month lasts this much longer than in UTC: no place is further west than UTC-14 would be.
LAST_ZONE = timedelta(hours=14)

_LABEL = re.compile(r"(?P<year>[0-9]{4})-(?P<number>0[1-9]|1[0-2])")


class MonthError(MeteringError):
    """What was given is no month."""


class MonthArchived(MeteringError):  # noqa: N818 -- what it says is the month's state
    """Readings of a month that left the database can be neither added nor changed nor judged until it is restored."""

    def __init__(self, months: Iterable["Month"]) -> None:
        self.months = tuple(sorted(months))
        names = " ".join(map(str, self.months))
        super().__init__(
            f"the readings of {names} left the database and lie in the archive: nothing new is stored or decided"
            f" without them. Run `manage.py partitions restore {names}` and try again. Nothing was changed."
        )


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of UTC.

    >>> str(Month(2025, 12).plus(1)), Month(2025, 12).partition
    ('2026-01', 'meter_reading_2025_12')
    """

    year: int
    number: int

    @classmethod
    def of(cls, instant: datetime) -> Self:
        """The month in which an instant lies, whatever zone it is written in."""
        at = instant.astimezone(UTC)
        return cls(at.year, at.month)

    @classmethod
    def span(cls, first: datetime, last: datetime) -> list["Month"]:
        """The months from the one of `first` to the one of `last`, both included."""
        months: list[Month] = [cls.of(first)]
        while months[-1] < cls.of(last):
            months.append(months[-1].plus(1))
        return months

    @classmethod
    def parse(cls, label: str) -> Self:
        """The month written as 2026-01; MonthError for anything else."""
        found = _LABEL.fullmatch(label.strip())
        if found is None or int(found["year"]) == 0:
            raise MonthError(f"{label!r} is not a month: write it as 2026-01")
        return cls(int(found["year"]), int(found["number"]))

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def partition(self) -> str:
        """The name of its partition."""
        return f"{PREFIX}{self.year:04}_{self.number:02}"

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return self.plus(1).start

    def plus(self, months: int) -> "Month":
        count = self.year * 12 + self.number - 1 + months
        return Month(count // 12, count % 12 + 1)


class ArchiveState(StrEnum):
    """How far a month has come on its way out, and back."""

    ARCHIVED = "archived"  # its files are whole; it is still attached, or about to be detached
    DETACHED = "detached"  # out of sight of readers, kept for the grace
    DROPPED = "dropped"  # only its files are left
    RESTORED = "restored"  # brought back


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is of a month: its partition, a table apart, its archive. Tables are named with their schema.

    `is_pending`: its detachment was interrupted, and its rows are out of sight until somebody ends it.
    """

    month: Month
    is_attached: bool = False
    is_pending: bool = False
    partition: str = ""
    table_apart: str = ""
    state: ArchiveState | None = None
    detached_at: datetime | None = None
    restored_at: datetime | None = None

    @property
    def has_left(self) -> bool:
        """Whether its readings, or some of them, lie where the table does not show them."""
        return self.state in (ArchiveState.DETACHED, ArchiveState.DROPPED) or (
            not self.is_attached and (self.is_pending or bool(self.table_apart) or self.state is ArchiveState.ARCHIVED)
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """How far months are made ahead and how long readings stay.

    `grace` is how long a month must have lain unchanged before it leaves, and how long its table is kept afterwards.
    """

    ahead: int = 3
    retention: timedelta = timedelta(days=90)
    grace: timedelta = timedelta(days=7)


class Deed(StrEnum):
    """What is to be done with a month."""

    MAKE = "make"
    FINISH = "finish"  # an interrupted detachment or restoration
    RETIRE = "retire"  # archive and detach
    DROP = "drop"
    REPAIR = "repair"  # by a person


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One deed on one month, and why."""

    month: Month
    deed: Deed
    reason: str


def plan(now: datetime, standings: Iterable[Standing], policy: Policy = Policy()) -> list[Step]:
    """The steps that are due, those that make months first: a month is made before another one goes."""
    found = {standing.month: standing for standing in standings}
    this = Month.of(now)
    steps = [
        Step(month, Deed.MAKE, "this month" if month == this else f"{ahead} ahead")
        for ahead in range(policy.ahead + 1)
        if (month := this.plus(ahead)) not in found
        or not (found[month].is_attached or found[month].is_pending or found[month].table_apart or found[month].state)
    ]
    leaving = (_leaving(now, standing, policy) for standing in found.values())
    return steps + sorted(step for step in leaving if step is not None)


def is_old(now: datetime, month: Month, retention: timedelta) -> bool:
    """Whether the month has been over for the whole retention everywhere on Earth."""
    return month.end + LAST_ZONE <= now - retention


def _leaving(now: datetime, standing: Standing, policy: Policy) -> Step | None:
    month = standing.month
    if standing.is_pending:
        return Step(month, Deed.FINISH, "its detachment was interrupted")
    if standing.is_attached:
        if standing.table_apart:
            return Step(month, Deed.REPAIR, f"it is attached, and {standing.table_apart} bears its name")
        if standing.state in (ArchiveState.DETACHED, ArchiveState.DROPPED):
            return Step(month, Deed.REPAIR, f"it was archived, and a partition was made anew: restore {month}")
        if not is_old(now, month, policy.retention):
            return None
        # Somebody wanted it back: it stays as long as if it were new.
        if standing.restored_at is not None and standing.restored_at > now - policy.retention:
            return None
        return Step(month, Deed.RETIRE, f"over for {policy.retention.days} days in every zone")
    if standing.table_apart:
        if standing.state is ArchiveState.ARCHIVED:
            return Step(month, Deed.FINISH, "it was detached, and not yet compared with its archive")
        if standing.state is not ArchiveState.DETACHED or standing.detached_at is None:
            return Step(month, Deed.REPAIR, f"{standing.table_apart} bears its name and is no partition")
        if standing.detached_at <= now - policy.grace:
            return Step(month, Deed.DROP, f"detached for {policy.grace.days} days")
    return None
