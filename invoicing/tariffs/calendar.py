"""Days as a tariff sees them: the seven of the week and, instead of any of them, the holidays of a calendar."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from invoicing.errors import TariffError

_DAY = timedelta(days=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
EVERY_DAY = frozenset({*WEEKDAYS, HOLIDAY})
# Groups that a rule may name; a holiday belongs to neither of the first two.
GROUPS = {
    "weekday": frozenset(WEEKDAYS[:5]),
    "weekend": frozenset(WEEKDAYS[5:]),
    HOLIDAY: frozenset({HOLIDAY}),
    **{name: frozenset({name}) for name in WEEKDAYS},
}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_FULL = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_RULE = re.compile(
    r"(?P<once>\d{4}-\d{2}-\d{2})"
    r"|(?P<month>\d{2})-(?P<day>\d{2})"
    rf"|(?P<ordinal>{'|'.join(_ORDINALS)}) (?P<weekday>{'|'.join(_FULL)}) of (?P<of>\d{{2}})"
    r"|easter(?P<offset>[+-]\d{1,3})?"
)


class Observed(StrEnum):
    """The working day on which a holiday is kept as well that falls on a weekend."""

    SAME_DAY = "same_day"  # none
    NEAREST_WEEKDAY = "nearest_weekday"  # Saturday: Friday, Sunday: Monday; as the federal law of the United States
    NEXT_WEEKDAY = "next_weekday"  # the next that is no holiday itself; as the bank holidays of the United Kingdom
    SUNDAY_TO_MONDAY = "sunday_to_monday"  # Saturday: none; Sunday: the next working day


@dataclass(frozen=True, slots=True)
class Holiday:
    """A holiday and the day it falls on: `2027-04-26`, `12-25`, `third monday of 01`, `last monday of 05`, `easter+1`.

    Raises `TariffError` for any other text and for a day that no year has.
    """

    name: str
    falls_on: str

    def __post_init__(self) -> None:
        if not _RULE.fullmatch(self.falls_on):
            raise TariffError(
                "falls_on",
                f"{self.falls_on!r} of {self.name} is no day: write 2027-04-26, 12-25, third monday of 01 or easter+1",
            )
        try:
            self.date_in(2024)  # a leap year has every day there is
        except ValueError as problem:
            raise TariffError("falls_on", f"{self.falls_on!r} of {self.name} is no day: {problem}") from problem

    @property
    def is_yearly(self) -> bool:
        return not re.match(r"\d{4}-", self.falls_on)

    def date_in(self, year: int) -> date | None:
        """The day in a year, None in a year without it."""
        found = _RULE.fullmatch(self.falls_on)
        assert found is not None  # checked on the way in
        if found["once"]:
            day = date.fromisoformat(found["once"])
            return day if day.year == year else None
        if found["month"]:
            month, number = int(found["month"]), int(found["day"])
            if (month, number) == (2, 29) and not _is_leap(year):
                return None
            return date(year, month, number)
        if found["ordinal"]:
            return _nth_weekday(year, int(found["of"]), _FULL.index(found["weekday"]), _ORDINALS[found["ordinal"]])
        return easter(year) + int(found["offset"] or 0) * _DAY


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """The holidays of a place. `known_to` is the last day for which they are listed, None where all recur by rule."""

    name: str
    holidays: tuple[Holiday, ...]
    observed: Observed = Observed.SAME_DAY
    known_to: date | None = None
    _by_year: dict[int, frozenset[date]] = field(default_factory=dict, compare=False, repr=False)

    def __contains__(self, day: object) -> bool:
        """Whether a day is a holiday. Raises `TariffError` for one after the last that is listed."""
        assert isinstance(day, date)
        if self.known_to is not None and day > self.known_to:
            raise TariffError(
                "holiday_calendar", f"holidays of {self.name} are known to {self.known_to} only: add those of {day}"
            )
        return self.is_holiday(day)

    def is_holiday(self, day: date) -> bool:
        # A holiday of the new year may be kept on the last days of the old one.
        return any(day in self._kept(year) for year in ((day.year, day.year + 1) if day.month == 12 else (day.year,)))

    def _kept(self, year: int) -> frozenset[date]:
        """The holidays of a year and the days on which they are kept instead."""
        if year not in self._by_year:
            days = sorted({day for holiday in self.holidays if (day := holiday.date_in(year)) is not None})
            self._by_year[year] = frozenset(_with_observed(days, self.observed))
        return self._by_year[year]


def label(day: date, calendar: HolidayCalendar | None) -> str:
    """`holiday`, or the day of the week."""
    return HOLIDAY if calendar is not None and calendar.is_holiday(day) else WEEKDAYS[day.weekday()]


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, by the algorithm of Meeus, Jones and Butcher (Meeus 1991, chapter 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, day = divmod(h + weekday - 7 * m + 114, 31)
    return date(year, month, day + 1)


def _with_observed(days: Iterable[date], observed: Observed) -> set[date]:
    kept = set(days)
    for day in sorted(kept):
        saturday, sunday = day.weekday() == 5, day.weekday() == 6
        if observed is Observed.NEAREST_WEEKDAY and (saturday or sunday):
            kept.add(day - _DAY if saturday else day + _DAY)
        elif (observed is Observed.NEXT_WEEKDAY and (saturday or sunday)) or (
            observed is Observed.SUNDAY_TO_MONDAY and sunday
        ):
            while day.weekday() >= 5 or day in kept:
                day += _DAY
            kept.add(day)
    return kept


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    if nth > 0:
        first = date(year, month, 1)
        return first + ((weekday - first.weekday()) % 7 + 7 * (nth - 1)) * _DAY
    last = date(year + month // 12, month % 12 + 1, 1) - _DAY
    return last - (last.weekday() - weekday) % 7 * _DAY


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
