"""The clock of a tariff: which time of day and which date an instant has for it.

Inside the package an instant is a whole number of seconds since 1970 UTC, and a wall time the same number on the
tariff's clock: between two changes of the clock they differ by a constant, so that every instant has one wall time.
A wall time that the clock skips has no instant, one that it repeats has two, and no rule is needed for either.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from core.errors import PeriodError
from core.periods import zone
from invoicing.errors import TariffError

DAY_SECONDS = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.date().toordinal()
_SECOND = timedelta(seconds=1)
_STEP = 6 * 3600  # no zone changes its clock twice within six hours
_FURTHEST = timedelta(hours=26)  # no clock is further from UTC
# Their winter is the exception by law and their summer the standard. Builds of the time zone database disagree on
# which of the two they call daylight saving time, so that it does not decide what their standard time is.
_AMBIGUOUS_STANDARD = frozenset({"Africa/Casablanca", "Africa/El_Aaiun", "Africa/Windhoek", "Eire", "Europe/Dublin"})


class ClockKind(StrEnum):
    """What the hours of a tariff are."""

    LOCAL_WALL = "local_wall"  # what the clocks of the place show
    LOCAL_STANDARD = "local_standard"  # the same without daylight saving time
    FIXED_OFFSET = "fixed_offset"  # always as far from UTC, like NEM time at UTC+10


@dataclass(frozen=True, slots=True)
class Clock:
    """Turns instants into wall times. `place` is an IANA zone, `offset` minutes east of UTC; the kind says which."""

    kind: ClockKind
    place: str | None = None
    offset_minutes: int | None = None

    def __post_init__(self) -> None:
        if self.kind is ClockKind.FIXED_OFFSET:
            if self.offset_minutes is None or self.place is not None:
                raise TariffError("clock", "fixed_offset takes utc_offset_minutes and no time_zone")
            if abs(self.offset_minutes) > 14 * 60:
                raise TariffError("utc_offset_minutes", f"{self.offset_minutes} is further than any clock from UTC")
            return
        if self.place is None or self.offset_minutes is not None:
            raise TariffError("clock", f"{self.kind} takes a time_zone and no utc_offset_minutes")
        try:
            zone(self.place)
        except PeriodError as problem:
            raise TariffError("time_zone", str(problem)) from problem
        if self.kind is ClockKind.LOCAL_STANDARD and self.place in _AMBIGUOUS_STANDARD:
            raise TariffError(
                "clock",
                f"what is standard time in {self.place} depends on the build of the time zone database:"
                " write fixed_offset and utc_offset_minutes",
            )

    def spans(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The seconds from `start` to `end` in runs of one offset: first second, end, seconds east of UTC."""
        if self.offset_minutes is not None:
            if start < end:
                yield start, end, self.offset_minutes * 60
            return
        assert self.place is not None  # checked on the way in
        while start < end:
            year = (_EPOCH + start * _SECOND).year
            changes = _changes(self.place, self.kind is ClockKind.LOCAL_STANDARD, year)
            until = next((at for at, _ in changes if at > start), None)
            offset = [offset for at, offset in changes if at <= start][-1]
            stop = min(end, until if until is not None else _seconds_of_year(year + 1))
            yield start, stop, offset
            start = stop

    def wall(self, at: int) -> int:
        """The wall time of an instant."""
        ((_, _, offset),) = self.spans(at, at + 1)
        return at + offset

    def day_of(self, at: int) -> date:
        """The date that the clock shows at an instant."""
        return day_of_wall(self.wall(at))

    def start_of_day(self, day: date) -> int:
        """The first instant at which the clock shows `day`, or a later date where the clock skips it."""
        midnight = wall_of_day(day)
        reach = _FURTHEST // _SECOND
        for start, stop, offset in self.spans(midnight - reach, midnight + reach):
            if stop + offset > midnight:
                return max(start, midnight - offset)
        raise AssertionError(f"no clock is further from UTC than {_FURTHEST}")


def seconds(instant: datetime) -> int:
    """Whole seconds since 1970 UTC. Raises `TariffError` for a naive instant and for a fraction of a second."""
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise TariffError("interval", f"{instant.isoformat()} has no time zone: give an aware datetime")
    whole, rest = divmod(instant - _EPOCH, _SECOND)
    if rest:
        raise TariffError("interval", f"{instant.isoformat()} is no whole second: prices change on whole seconds")
    return whole


def instant(at: int) -> datetime:
    return _EPOCH + at * _SECOND


def day_of_wall(wall: int) -> date:
    return date.fromordinal(_EPOCH_DAY + wall // DAY_SECONDS)


def wall_of_day(day: date) -> int:
    return (day.toordinal() - _EPOCH_DAY) * DAY_SECONDS


def _seconds_of_year(year: int) -> int:
    return (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // _SECOND


@lru_cache(maxsize=4096)
def _changes(place: str, standard: bool, year: int) -> tuple[tuple[int, int], ...]:
    """The offsets of a UTC year, each with the first second of it, the first with that of the year."""
    local = ZoneInfo(place)

    def offset(at: int) -> int:
        shown = (_EPOCH + at * _SECOND).astimezone(local)
        ahead = shown.utcoffset()
        assert ahead is not None  # of an aware instant
        return (ahead - (shown.dst() or timedelta()) if standard else ahead) // _SECOND

    def differs(before: int, at: int) -> bool:
        return offset(at) != before

    first, end = _seconds_of_year(year), _seconds_of_year(year + 1)
    found = [(first, offset(first))]
    for step in range(first, end, _STEP):
        within = range(step, min(step + _STEP, end - 1) + 1)
        before, after = found[-1][1], offset(within[-1])
        if after != before:
            found.append((within[bisect_left(within, True, key=partial(differs, before))], after))
    return tuple(found)
