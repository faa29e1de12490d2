"""The steps of a cure: what follows what, until when, and what is owed meanwhile."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from core.cure import (
    TRANSITIONS,
    CureState,
    CureStepKind,
    Standing,
    are_damages_owed,
    cure_deadline,
    take_step,
)
from core.errors import CureError
from core.payloads.words import CureCalendar
from core.periods import zone

NOTICE = datetime(2025, 12, 1, 9, tzinfo=UTC)  # a Monday
DEADLINE = NOTICE + timedelta(days=30)
NOTICED = take_step(Standing(), CureStepKind.NOTICE, NOTICE, DEADLINE)


def test_a_default_is_cured_in_time() -> None:
    cured = take_step(NOTICED, CureStepKind.CURE, DEADLINE - timedelta.resolution)
    assert cured.state is CureState.CURED
    with pytest.raises(CureError, match="the time to cure ended at"):
        take_step(NOTICED, CureStepKind.CURE, DEADLINE)


def test_a_default_is_escalated_when_its_time_is_over() -> None:
    assert take_step(NOTICED, CureStepKind.ESCALATION, DEADLINE).state is CureState.ESCALATED
    with pytest.raises(CureError, match="the time to cure runs until"):
        take_step(NOTICED, CureStepKind.ESCALATION, DEADLINE - timedelta.resolution)


def test_an_extension_moves_the_deadline_later_only() -> None:
    extended = take_step(NOTICED, CureStepKind.EXTENSION, NOTICE, DEADLINE + timedelta(days=5))
    assert (extended.state, extended.deadline) == (CureState.NOTICED, DEADLINE + timedelta(days=5))
    with pytest.raises(CureError, match="an extension needs a deadline after"):
        take_step(NOTICED, CureStepKind.EXTENSION, NOTICE, DEADLINE)


@pytest.mark.parametrize("deadline", [None, NOTICE])
def test_a_notice_needs_a_deadline_after_it(deadline: datetime | None) -> None:
    with pytest.raises(CureError, match="a notice needs a deadline"):
        take_step(Standing(), CureStepKind.NOTICE, NOTICE, deadline)


def test_a_step_before_the_notice_is_refused() -> None:
    with pytest.raises(CureError, match="is before the notice"):
        take_step(NOTICED, CureStepKind.CURE, NOTICE - timedelta(days=1))


@pytest.mark.parametrize("state, step", [pair for pair in product(CureState, CureStepKind) if pair not in TRANSITIONS])
def test_every_other_step_is_refused(state: CureState, step: CureStepKind) -> None:
    with pytest.raises(CureError, match=f"a default that is {state} allows no {step}"):
        take_step(Standing(state, NOTICE, DEADLINE), step, DEADLINE, DEADLINE + timedelta(days=1))


# --- deadlines


@pytest.mark.parametrize(
    "days, calendar, holidays, last_day",
    [
        (1, CureCalendar.CALENDAR_DAYS, [], date(2025, 12, 2)),
        (30, CureCalendar.CALENDAR_DAYS, [], date(2025, 12, 31)),
        (5, CureCalendar.BUSINESS_DAYS, [], date(2025, 12, 8)),  # over a weekend
        (20, CureCalendar.BUSINESS_DAYS, [date(2025, 12, 25), date(2025, 12, 26)], date(2025, 12, 31)),
    ],
)
def test_the_day_of_the_notice_does_not_count(
    days: int, calendar: CureCalendar, holidays: list[date], last_day: date
) -> None:
    """Regulation (EEC, Euratom) 1182/71, article 3(1) and (2)(b): from the day after, to the end of the last day."""
    phoenix = zone("America/Phoenix")
    deadline = cure_deadline(NOTICE, days, calendar, phoenix, holidays)
    assert (deadline - timedelta.resolution).astimezone(phoenix).date() == last_day
    assert deadline.astimezone(phoenix).date() == last_day + timedelta(days=1)


def test_the_last_day_ends_where_the_contract_is() -> None:
    assert cure_deadline(NOTICE, 30, CureCalendar.CALENDAR_DAYS, zone("America/Phoenix")) == datetime(
        2026, 1, 1, 7, tzinfo=UTC
    )
    with pytest.raises(CureError, match="one day at least"):
        cure_deadline(NOTICE, 0, CureCalendar.CALENDAR_DAYS, zone("UTC"))


# --- what is owed


@pytest.mark.parametrize(
    "standing, accrues, now, owed",
    [
        (Standing(), False, NOTICE, True),
        (NOTICED, False, NOTICE, False),
        (NOTICED, True, NOTICE, True),
        (NOTICED, False, DEADLINE, True),  # the time to cure ended in vain
        (Standing(CureState.CURED, NOTICE, DEADLINE), False, DEADLINE, False),
        (Standing(CureState.CURED, NOTICE, DEADLINE), True, DEADLINE, True),
        (Standing(CureState.ESCALATED, NOTICE, DEADLINE), False, NOTICE, True),
        (Standing(CureState.WAIVED, NOTICE, DEADLINE), True, DEADLINE, False),
    ],
)
def test_the_clause_says_whether_damages_are_owed_during_the_cure(
    standing: Standing, accrues: bool, now: datetime, owed: bool
) -> None:
    assert are_damages_owed(standing, now, accrues_during_cure=accrues) is owed
