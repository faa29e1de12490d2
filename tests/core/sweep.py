"""The ledger of time by a sweep over every start and end: what the one of the database is compared with."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from core.periods import Period
from core.timeline import PRIORITY, Category, Slot, State, Stretch, Tally


@dataclass(frozen=True, slots=True, order=True)
class Observation:
    """What readings say of a time. Where several speak of one instant the first in the order of `State` holds."""

    period: Period
    state: State


@dataclass(frozen=True, slots=True)
class Cause:
    """An event, a fault or a grid event."""

    period: Period
    category: Category


def timeline(
    period: Period, observations: Iterable[Observation], causes: Iterable[Cause] = (), excuses: Iterable[Period] = ()
) -> tuple[Stretch, ...]:
    """The period cut into stretches, in order, without gap or overlap: a sweep over every start and end."""
    edges: list[tuple[datetime, int, State | Cause | None]] = [(period.start, 0, None), (period.end, 0, None)]
    subjects: list[tuple[Period, State | Cause | None]] = [
        *((one.period, one.state) for one in observations),
        *((one.period, one) for one in causes),
        *((one, None) for one in excuses),
    ]
    for whole, subject in subjects:
        if part := whole.overlap(period):
            edges += [(part.start, 1, subject), (part.end, -1, subject)]

    active: Counter[State | Cause | None] = Counter()
    found: list[Stretch] = []
    since = period.start
    for at, changes in groupby(sorted(edges, key=itemgetter(0)), key=itemgetter(0)):
        if since < at:
            stretch = _stretch(Period(since, at), +active)
            if found and _said(found[-1]) == _said(stretch):
                stretch = replace(stretch, period=Period(found.pop().period.start, at))
            found.append(stretch)
        for _, step, subject in changes:
            active[subject] += step
        since = at
    return tuple(found)


def _said(stretch: Stretch) -> tuple[State, Category, bool]:
    return stretch.state, stretch.category, stretch.excused


def _stretch(period: Period, active: Counter[State | Cause | None]) -> Stretch:
    state = next((state for state in State if state in active), State.SILENT)
    category = categorise(state, {one.category for one in active if isinstance(one, Cause)})
    return Stretch(period, state, category, None in active)


def categorise(state: State, causes: Iterable[Category]) -> Category:
    """The one category of an instant in this state, with these causes."""
    *explained, without_cause = PRIORITY[state]
    found = set(causes)
    return next((category for category in explained if category in found), without_cause)


def tally(stretches: Iterable[Stretch]) -> Tally:
    """Whole seconds of a unit by what the ledger says of them."""
    seconds: Counter[Slot] = Counter()
    for one in stretches:
        seconds[Slot(one.state, one.category, one.excused)] += one.period.seconds
    return +seconds
