"""The proof that a tariff gives every instant of a span exactly one price.

Nothing about a price changes between two edges: midnights and ends of windows on the tariff's clock, changes of that
clock, and the days on which versions begin. So it is enough to cut the span at all of them, and to see that the pieces
meet, that one version and one rule, or the fallback, hold in each, and that its prices are there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from core.errors import MoneyError
from core.money import minor_units
from invoicing.tariffs.calendar import label
from invoicing.tariffs.clock import instant
from invoicing.tariffs.pricing import Tariff


@dataclass(frozen=True, slots=True)
class Term:
    """A tariff of one price over the days from `first` to `last`, both included, None without end.

    `note` says how a rate came about; provisional: it is not final yet.
    """

    name: str
    tariff: Tariff
    first: date
    last: date | None
    note: str = ""
    is_provisional: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found for the days from `first` to `last`: how many pieces, and what stands against publishing."""

    first: date
    last: date
    pieces: int
    clock_changes: int
    problems: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        return not self.problems


def prove_complete(terms: Sequence[Term], first: date, last: date) -> Proof:
    """Whether the terms of one contract line give every instant of the days exactly one price."""
    problems: list[str] = list(_coverage(sorted(terms, key=lambda term: term.first), first, last))
    pieces = changes = 0
    for term in terms:
        begins, ends = max(term.first, first), min(term.last or last, last)
        if begins > ends:
            continue
        clock = term.tariff.schedule.clock
        start, end = clock.start_of_day(begins), clock.start_of_day(ends + timedelta(days=1))
        segments = term.tariff.schedule.segments(start, end)
        pieces += len(segments)
        offsets = [offset for _, _, offset in clock.spans(start, end)]
        changes += sum(one != other for one, other in pairwise(offsets))
        problems += (f"{term.name}: {problem}" for problem in _problems(term.tariff, begins, ends))
        edges = [start, *(at for segment in segments for at in (segment.start, segment.end)), end]
        for closes, opens in zip(edges[::2], edges[1::2], strict=True):
            if closes != opens:
                problems.append(f"{term.name}: no single price from {instant(closes)} to {instant(opens)}")
    return Proof(first, last, pieces, changes, tuple(problems))


def _coverage(terms: Sequence[Term], first: date, last: date) -> Iterator[str]:
    """Days without a term or with two."""
    day = first
    for term in terms:
        if (term.last is not None and term.last < first) or term.first > last:
            continue
        if term.first > day:
            yield f"no price from {day} to {term.first - timedelta(days=1)}"
        elif term.first < day and day > first:
            yield f"{term.name} begins on {term.first}, before the price before it ends"
        day = max(day, (term.last or last) + timedelta(days=1))
    if day <= last:
        yield f"no price from {day} to {last}"


def _problems(tariff: Tariff, first: date, last: date) -> Iterator[str]:
    schedule = tariff.schedule
    try:
        minor_units(tariff.currency)
    except MoneyError as problem:
        yield str(problem)
    kinds = {
        (day.month, label(day, schedule.holidays))
        for day in (first + timedelta(days=n) for n in range((last - first).days + 1))
    }
    for position in schedule.unreached(kinds):
        yield f"rule {position}, {schedule.rules[position - 1].bucket}, is never the first that fits"
    holidays = schedule.holidays
    if holidays is not None and holidays.known_to is not None and holidays.known_to < last:
        yield f"holidays of {holidays.name} are known to {holidays.known_to} only: add those up to {last}"
