"""Time of use: ordered rules, of which the first that fits names the bucket of an instant, and a fallback for the rest.

A window from 22:00 to 06:00 is the two windows on either side of midnight. Months and days are those of the instant
itself: at 05:00 on a Saturday it is Saturday, also in a window that began on Friday evening.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from invoicing.errors import TariffError
from invoicing.tariffs.calendar import EVERY_DAY, GROUPS, HOLIDAY, HolidayCalendar, label
from invoicing.tariffs.clock import DAY_SECONDS, Clock, day_of_wall

EVERY_MONTH = frozenset(range(1, 13))


@dataclass(frozen=True, slots=True)
class Window:
    """Wall time from `start` to `end`, seconds since midnight; one that ends before it starts runs over midnight."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not (0 <= self.start < DAY_SECONDS and 0 < self.end <= DAY_SECONDS) or self.start == self.end:
            raise TariffError("windows", f"{self} is no window: from 00:00 to 24:00, and not empty")

    @classmethod
    def of(cls, start: str, end: str) -> "Window":
        """`Window.of("22:00", "06:00")`; the end of a day is 24:00 or 00:00."""
        return cls(_clock_time(start), _clock_time(end) or DAY_SECONDS)

    def __contains__(self, second: int) -> bool:
        if self.start < self.end:
            return self.start <= second < self.end
        return second >= self.start or second < self.end

    def __str__(self) -> str:
        return "-".join(f"{at // 3600:02}:{at // 60 % 60:02}" for at in (self.start, self.end))


ALL_DAY = Window(0, DAY_SECONDS)


@dataclass(frozen=True, slots=True)
class Rule:
    """Names `bucket` in these months, on these days (`weekday`, `weekend`, `holiday`, `mon` ... `sun`), in windows."""

    bucket: str
    months: frozenset[int] = EVERY_MONTH
    days: frozenset[str] = EVERY_DAY
    windows: tuple[Window, ...] = (ALL_DAY,)

    def __post_init__(self) -> None:
        if unknown := self.days - GROUPS.keys():
            raise TariffError("days", f"a rule of {self.bucket} names {_listed(unknown)}: known are {_listed(GROUPS)}")
        if unknown_months := self.months - EVERY_MONTH:
            raise TariffError("months", f"a rule of {self.bucket} names {_listed(unknown_months)}: known are 1 to 12")
        if not (self.days and self.months):
            raise TariffError("rules", f"a rule of {self.bucket} names no day or no month: leave the key out for all")
        if not self.windows:
            raise TariffError("windows", f"a rule of {self.bucket} has none: leave the key out for the whole day")
        object.__setattr__(self, "days", frozenset[str]().union(*(GROUPS[day] for day in self.days)))

    def fits(self, month: int, day: str, second: int) -> bool:
        return month in self.months and day in self.days and any(second in window for window in self.windows)


class Segment(NamedTuple):
    """Seconds from `start` to `end` that lie in one bucket."""

    start: int
    end: int
    bucket: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which bucket every instant lies in. The fallback takes what no rule names and must be said."""

    clock: Clock
    fallback: str
    rules: tuple[Rule, ...] = ()
    holidays: HolidayCalendar | None = None

    def __post_init__(self) -> None:
        if self.holidays is None and any(rule.days & {HOLIDAY} and rule.days != EVERY_DAY for rule in self.rules):
            raise TariffError("holiday_calendar", "a rule names holidays, and no calendar says which days they are")

    @property
    def buckets(self) -> tuple[str, ...]:
        """In the order of the rules, the fallback last."""
        return tuple(dict.fromkeys([*(rule.bucket for rule in self.rules), self.fallback]))

    def bucket_at(self, at: int) -> str:
        """The bucket of one instant, by asking the rules; `segments` gives the same for a whole span."""
        wall = self.clock.wall(at)
        day = day_of_wall(wall)
        return self._bucket(day.month, label(day, self.holidays), wall % DAY_SECONDS)

    def segments(self, start: int, end: int) -> list[Segment]:
        """The seconds from `start` to `end` cut where the bucket changes: in order, without gap or overlap."""
        found: list[Segment] = []
        for first, stop, bucket in self._pieces(start, end):
            if found and found[-1].bucket == bucket:
                found[-1] = found[-1]._replace(end=stop)
            else:
                found.append(Segment(first, stop, bucket))
        return found

    def _pieces(self, start: int, end: int) -> Iterator[Segment]:
        patterns: dict[tuple[int, str], tuple[tuple[int, int, str], ...]] = {}
        for first, stop, offset in self.clock.spans(start, end):
            wall, wall_end = first + offset, stop + offset
            for midnight in range(wall - wall % DAY_SECONDS, wall_end, DAY_SECONDS):
                day = day_of_wall(midnight)
                key = day.month, label(day, self.holidays)
                if key not in patterns:
                    patterns[key] = self._pattern(*key)
                for opens, closes, bucket in patterns[key]:
                    since, until = max(midnight + opens, wall), min(midnight + closes, wall_end)
                    if since < until:
                        yield Segment(since - offset, until - offset, bucket)

    def _pattern(self, month: int, day: str) -> tuple[tuple[int, int, str], ...]:
        """A day of this month and kind: from second, to second, bucket."""
        edges = self.edges()
        return tuple((opens, closes, self._bucket(month, day, opens)) for opens, closes in pairwise(edges))

    def edges(self) -> list[int]:
        """Seconds since midnight at which a window of any rule begins or ends, with both ends of the day."""
        windows = (window for rule in self.rules for window in rule.windows)
        return sorted({0, DAY_SECONDS, *(at for window in windows for at in (window.start, window.end))})

    def _bucket(self, month: int, day: str, second: int) -> str:
        first = self._first(month, day, second)
        return self.fallback if first is None else self.rules[first].bucket

    def _first(self, month: int, day: str, second: int) -> int | None:
        return next((n for n, rule in enumerate(self.rules) if rule.fits(month, day, second)), None)

    def unreached(self, days: Iterable[tuple[int, str]]) -> list[int]:
        """Positions, from 1, of rules that are never the first to fit on any of the (month, kind) days."""
        reached = {self._first(*key, second) for key in days for second in self.edges()[:-1]}
        return [n for n, _ in enumerate(self.rules, 1) if n - 1 not in reached]


def _clock_time(text: str) -> int:
    hours, _, minutes = text.partition(":")
    if not (len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal()):
        raise TariffError("windows", f"{text!r} is no time of day: write 07:00")
    at = int(hours) * 3600 + int(minutes) * 60
    if int(minutes) > 59 or at > DAY_SECONDS:
        raise TariffError("windows", f"{text!r} is no time of day: write 07:00")
    return at


def _listed(names: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, names)))
