"""How a default is cured: notice, a time to cure, and one of three ends.

observed --notice--> noticed --cure--> cured | --waiver--> waived | --escalation--> escalated, an event of default.
An observed default may be cured or waived without notice; an extension keeps it noticed; an event of default can
only be waived.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from core.errors import CureError
from core.payloads.words import CureCalendar
from core.periods import start_of_day


class CureState(StrEnum):
    """How far the cure of a default has come."""

    OBSERVED = "observed"
    NOTICED = "noticed"
    CURED = "cured"
    WAIVED = "waived"
    ESCALATED = "escalated"


class CureStepKind(StrEnum):
    """What a party did about a default."""

    NOTICE = "notice"
    EXTENSION = "extension"
    CURE = "cure"
    WAIVER = "waiver"
    ESCALATION = "escalation"


TRANSITIONS: Mapping[tuple[CureState, CureStepKind], CureState] = {
    (CureState.OBSERVED, CureStepKind.NOTICE): CureState.NOTICED,
    (CureState.OBSERVED, CureStepKind.CURE): CureState.CURED,
    (CureState.OBSERVED, CureStepKind.WAIVER): CureState.WAIVED,
    (CureState.NOTICED, CureStepKind.EXTENSION): CureState.NOTICED,
    (CureState.NOTICED, CureStepKind.CURE): CureState.CURED,
    (CureState.NOTICED, CureStepKind.WAIVER): CureState.WAIVED,
    (CureState.NOTICED, CureStepKind.ESCALATION): CureState.ESCALATED,
    (CureState.ESCALATED, CureStepKind.WAIVER): CureState.WAIVED,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a default stands. `deadline` is the first instant at which it is too late to cure."""

    state: CureState = CureState.OBSERVED
    notice_at: datetime | None = None
    deadline: datetime | None = None


def take_step(standing: Standing, step: CureStepKind, at: datetime, deadline: datetime | None = None) -> Standing:
    """Where the default stands after the step. Raises `CureError` for a step that it does not allow."""
    following = TRANSITIONS.get((standing.state, step))
    if following is None:
        allowed = [kind for state, kind in TRANSITIONS if state is standing.state]
        raise CureError(
            f"a default that is {standing.state} allows no {step}: it allows {' or '.join(allowed) or 'nothing more'}"
        )
    if standing.notice_at is not None and at < standing.notice_at:
        raise CureError(f"{step} of {at.isoformat()} is before the notice of {standing.notice_at.isoformat()}")
    match step:
        case CureStepKind.NOTICE:
            if deadline is None or deadline <= at:
                raise CureError("a notice needs a deadline after it")
            return Standing(following, at, deadline)
        case CureStepKind.EXTENSION:
            if deadline is None or standing.deadline is None or deadline <= standing.deadline:
                raise CureError(f"an extension needs a deadline after the one that stands, {standing.deadline}")
            return replace(standing, deadline=deadline)
        case CureStepKind.CURE if standing.deadline is not None and at >= standing.deadline:
            raise CureError(f"the time to cure ended at {standing.deadline.isoformat()}: extend it, waive or escalate")
        case CureStepKind.ESCALATION if standing.deadline is not None and at < standing.deadline:
            raise CureError(f"the time to cure runs until {standing.deadline.isoformat()}: escalate after it")
    return replace(standing, state=following)


def cure_deadline(
    notice_at: datetime,
    days: int,
    calendar: CureCalendar,
    zone: ZoneInfo,
    holidays: Collection[date] = (),
) -> datetime:
    """The end of the last day to cure, in the contract's zone; the day of the notice does not count.

    Days are counted as Regulation (EEC, Euratom) 1182/71, article 3(1) and (2)(b), counts them. Its article 3(4), by
    which a period that ends on a weekend or holiday ends with the next working day, is not applied: a clause that wants
    that counts business days. These are Monday to Friday without holidays.
    """
    if days < 1:
        raise CureError(f"a time to cure has one day at least, not {days}")
    day, left = notice_at.astimezone(zone).date(), days
    while left:
        day += timedelta(days=1)
        left -= calendar is CureCalendar.CALENDAR_DAYS or (day.weekday() < 5 and day not in holidays)
    return start_of_day(day + timedelta(days=1), zone)


def are_damages_owed(standing: Standing, now: datetime, *, accrues_during_cure: bool) -> bool:
    """Whether the damages of a default are charged: not once waived, nor, where the clause says so, while it can be
    cured or after it was.
    """
    if standing.state is CureState.WAIVED:
        return False
    if accrues_during_cure:
        return True
    curable = standing.state is CureState.NOTICED and (standing.deadline is None or now < standing.deadline)
    return standing.state is not CureState.CURED and not curable
