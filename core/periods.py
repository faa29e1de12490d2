"""Half-open periods of time, and calendar months cut by the zone of a contract.

Every instant inside a `Period` is UTC: subtracting two datetimes that share a zone ignores its clock changes.
"""

import difflib
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from core.errors import PeriodError

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """The instants from `start`, included, to `end`, excluded. Aware on the way in, UTC from then on."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            instant: datetime = getattr(self, name)
            if instant.utcoffset() is None:
                raise PeriodError(f"{name} {instant.isoformat()} has no time zone: give an aware datetime")
            object.__setattr__(self, name, instant.astimezone(UTC))
        if self.end < self.start:
            raise PeriodError(f"a period cannot end ({self.end}) before it starts ({self.start})")

    def __bool__(self) -> bool:
        """Whether any time lies in it: the calendar day that Samoa skipped in 2011 has none."""
        return self.start < self.end

    @property
    def seconds(self) -> int:
        """Whole seconds; a second that is not complete does not count."""
        return (self.end - self.start) // _SECOND

    def contains(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def overlap(self, other: "Period") -> "Period | None":
        """The time both share, or None. Periods that only touch share nothing."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Period(start, end) if start < end else None


def union(periods: Iterable[Period]) -> tuple[Period, ...]:
    """The same time in order, each instant once: overlapping and touching periods become one."""
    merged: list[Period] = []
    for period in sorted(filter(None, periods)):
        if merged and period.start <= merged[-1].end:
            merged[-1] = Period(merged[-1].start, max(merged[-1].end, period.end))
        else:
            merged.append(period)
    return tuple(merged)


def clip(periods: Iterable[Period], within: Period) -> tuple[Period, ...]:
    """The parts of the periods that lie inside `within`, in the order given."""
    parts = (period.overlap(within) for period in periods)
    return tuple(part for part in parts if part is not None)


def measure(periods: Iterable[Period]) -> int:
    """Whole seconds covered by at least one of the periods: what overlaps counts once."""
    return sum((period.end - period.start for period in union(periods)), timedelta()) // _SECOND


class PeriodKind(StrEnum):
    """How long a calendar period is; the values are those of a clause's `measurement_period`."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    ANNUAL = "annual"


@dataclass(frozen=True, slots=True, order=True)
class CalendarPeriod:
    """A month, quarter or year of the calendar, from `first_day` to the day before `next_day`."""

    first_day: date
    next_day: date
    kind: PeriodKind

    @property
    def last_day(self) -> date:
        return self.next_day - _DAY

    @property
    def label(self) -> str:
        """`2025-11`, `2025-Q4` or `2025`: what `parse_period` reads back."""
        match self.kind:
            case PeriodKind.MONTHLY:
                return f"{self.first_day:%Y-%m}"
            case PeriodKind.QUARTERLY:
                return f"{self.first_day:%Y}-Q{(self.first_day.month + 2) // 3}"
            case PeriodKind.ANNUAL:
                return f"{self.first_day:%Y}"

    def __str__(self) -> str:
        return self.label

    def __len__(self) -> int:
        """How many days it has."""
        return (self.next_day - self.first_day).days

    def days(self) -> Iterator[date]:
        return (self.first_day + n * _DAY for n in range(len(self)))

    def in_zone(self, zone: ZoneInfo) -> Period:
        """The instants whose local date lies in the period."""
        return Period(start_of_day(self.first_day, zone), start_of_day(self.next_day, zone))


_LABEL = re.compile(r"(?P<year>[0-9]{4})(-(?P<month>[0-9]{2})|-Q(?P<quarter>[1-4]))?")


def parse_period(text: str) -> CalendarPeriod:
    """The month `2025-11`, the quarter `2025-Q4` or the year `2025`. Raises `PeriodError` for others."""
    label = _LABEL.fullmatch(text.strip())
    if label is None:
        raise PeriodError(f"{text!r} is not a period: write 2025-11, 2025-Q4 or 2025")
    year = int(label["year"])
    if label["month"]:
        kind, month, length = PeriodKind.MONTHLY, int(label["month"]), 1
    elif label["quarter"]:
        kind, month, length = PeriodKind.QUARTERLY, int(label["quarter"]) * 3 - 2, 3
    else:
        kind, month, length = PeriodKind.ANNUAL, 1, 12
    years, months = divmod(month - 1 + length, 12)
    try:
        return CalendarPeriod(date(year, month, 1), date(year + years, months + 1, 1), kind)
    except ValueError as problem:
        raise PeriodError(f"{text!r} is not a period: {problem}") from problem


def periods_ending_with(month: CalendarPeriod) -> tuple[CalendarPeriod, ...]:
    """The month, and the quarter and the year of the calendar that end with it, if they do."""
    day = month.last_day
    quarter = parse_period(f"{day:%Y}-Q{(day.month + 2) // 3}")
    year = parse_period(f"{day:%Y}")
    return (month, *(period for period in (quarter, year) if period.last_day == day))


def whole_years(begins: date, day: date) -> int:
    """How many years lie between two days, by their anniversaries; below zero before the first."""
    return day.year - begins.year - ((day.month, day.day) < (begins.month, begins.day))


def contract_year(day: date, begins: date) -> int:
    """The operating year of a day, counted from 1; before the anchor it is 1 as well."""
    return max(whole_years(begins, day), 0) + 1


def anniversary(begins: date, years: int) -> date:
    """The day on which a contract year begins; a year from 29 February is 1 March where there is none."""
    try:
        return begins.replace(year=begins.year + years)
    except ValueError:
        return date(begins.year + years, 3, 1)


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, at which the local calendar shows `day` or a later date.

    Where midnight happens twice (Havana, each autumn) it is the first of the two. Where the clock jumps over
    midnight (São Paulo until 2018, Beirut) it is the moment of the jump.
    """
    midnight = datetime.combine(day, time(), zone)
    instant = midnight.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant
    # Midnight does not exist. Read with the offset before the jump it names an instant at or after the jump,
    # read with the offset after the jump one before it.
    before = midnight.replace(fold=1).astimezone(UTC)
    seconds = range((instant - before) // _SECOND + 1)
    jump = bisect_left(seconds, day, key=lambda s: (before + s * _SECOND).astimezone(zone).date())
    return before + jump * _SECOND


def day_in_zone(day: date, zone: ZoneInfo) -> Period:
    """The instants of one local day: 24 hours, less or more where the clock changes."""
    return Period(start_of_day(day, zone), start_of_day(day + _DAY, zone))


_OFFSET = re.compile(r"(UTC|GMT)?(?P<sign>[+-])(?P<hours>[0-9]{1,2})(:?(?P<minutes>[0-9]{2}))?")
# The files that hold these differ from machine to machine, or count leap seconds.
_UNUSABLE = re.compile(r"(right|posix)/.*|localtime|posixrules|Factory")
_ETC_HOURS = {"+": range(13), "-": range(15)}  # Etc/GMT+12 (12 h west) to Etc/GMT-14 (14 h east)


def zone(name: str) -> ZoneInfo:
    """The time zone with this IANA name. Raises `PeriodError` that says what to write instead."""
    try:
        if not _UNUSABLE.fullmatch(name):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass  # an unknown name, a malformed path and the name of a folder have the same cure
    raise PeriodError(f"{name!r} is not a time zone: {_cure(name)}")


def _cure(name: str) -> str:
    if offset := _OFFSET.fullmatch(name.strip()):
        posix_sign = "+" if offset["sign"] == "-" else "-"
        hours, minutes = int(offset["hours"]), int(offset["minutes"] or 0)
        if hours == minutes == 0:
            return "write UTC"
        if minutes == 0 and hours in _ETC_HOURS[posix_sign]:
            return f"write Etc/GMT{posix_sign}{hours}: POSIX signs are reversed"
        return "no zone has only this offset, write the IANA name of the place, like Asia/Kolkata"
    by_lower_name = {known.lower(): known for known in _zone_names()}
    near = difflib.get_close_matches(name.strip().lower(), by_lower_name, n=1)
    if near:
        return f"did you mean {by_lower_name[near[0]]}?"
    return "write an IANA name, like America/Denver"


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if not _UNUSABLE.fullmatch(name))
