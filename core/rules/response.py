"""Response time: whether each incident was answered, and repaired, as soon as the clause asks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Self

from core.errors import ClauseError
from core.payloads import MaintenancePayload, read_as
from core.periods import CalendarPeriod
from core.rules.conclusion import conclude
from core.rules.damages import NOTHING_USED, CapWindow, DamagesTerms
from core.rules.explanation import Json, Verdict

_HOUR = timedelta(hours=1) // timedelta.resolution


@dataclass(frozen=True, slots=True)
class Incident:
    """A fault that somebody had to answer; None: not yet. Instants are aware."""

    name: str
    reported_at: datetime
    answered_at: datetime | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class ResponseTerms:
    """The hours, of the clock and by day and night, that may pass; None: not agreed."""

    clause: str
    response_hours: Decimal | None
    resolution_hours: Decimal | None

    @classmethod
    def from_payload(cls, payload: Mapping[str, object], *, clause: str) -> Self:
        """Read a MAINTENANCE clause. Raises `ClauseError` where it agrees on no time."""
        agreed = read_as(MaintenancePayload, payload, clause=clause)
        if agreed.response_time_hours is None and agreed.resolution_time_hours is None:
            missing = "is missing, and resolution_time_hours too: nothing can be judged"
            raise ClauseError(clause, "response_time_hours", missing)
        return cls(clause, agreed.response_time_hours, agreed.resolution_time_hours)

    def breaches(self, incident: Incident, now: datetime) -> list[str]:
        """What came too late, or has not come although its time is over."""
        limits = (
            ("answered", self.response_hours, incident.answered_at),
            ("resolved", self.resolution_hours, incident.resolved_at),
        )
        return [
            f"{incident.name}: not {deed} within {hours} hours"
            for deed, hours, done_at in limits
            if hours is not None
            and Fraction(((done_at or now) - incident.reported_at) // timedelta.resolution, _HOUR) > Fraction(hours)
        ]


def judge_response(
    terms: ResponseTerms,
    damages: DamagesTerms | None,
    incidents: Iterable[Incident],
    period: CalendarPeriod,
    now: datetime,
    *,
    used: Mapping[CapWindow, Decimal] = NOTHING_USED,
    index_value: Decimal | None = None,
) -> Verdict:
    """Whether every incident of the period was answered in time. The share is that of incidents without a breach.

    Without an incident the clause is kept. Damages count breaches: one incident may have two.
    """
    found = sorted(incidents, key=lambda one: (one.reported_at, one.name))
    late = [terms.breaches(one, now) for one in found]
    breaches: list[Json] = [breach for each in late for breach in each]
    kept = Fraction(sum(not each for each in late), len(found)) if found else Fraction(1)
    step: Json = {
        "step": "count breaches",
        "formula": "done - reported > hours, for each incident and each time that is agreed",
        "response_hours": None if terms.response_hours is None else str(terms.response_hours),
        "resolution_hours": None if terms.resolution_hours is None else str(terms.resolution_hours),
        "incidents": len(found),
        "breaches": breaches,
    }
    return conclude(
        clause=terms.clause,
        subject="answers in time",
        period=period,
        steps=[step],
        measured=kept,
        guaranteed=Fraction(1),
        nothing_measured="",
        damages=damages,
        quantity=Fraction(len(breaches)),
        unit="breaches",
        used=used,
        index_value=index_value,
    )
