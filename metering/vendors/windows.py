"""Cutting the time that is asked for into pieces that one request may cover."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.periods import Period, day_in_zone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def pieces(window: Period, longest: timedelta, interval: timedelta) -> Iterator[Period]:
    """Periods of at most `longest` that follow each other, cut where intervals of this length begin.

    The first begins with the interval in which the window begins, the last ends with the last interval that ended
    in the window: one that still runs is left to the next window.
    """
    start, end = _floor(window.start, interval), _floor(window.end, interval)
    while start < end:
        stop = min(start + longest, end)
        yield Period(start, stop)
        start = stop


def local_days(window: Period, zone: ZoneInfo) -> Iterator[tuple[date, Period]]:
    """Every local day that shares time with the window, and from its first instant what of it the window reaches."""
    day = window.start.astimezone(zone).date()
    while (whole := day_in_zone(day, zone)).start < window.end:
        if reached := Period(whole.start, min(whole.end, window.end)):
            yield day, reached
        day += _DAY


def _floor(at: datetime, interval: timedelta) -> datetime:
    return at - (at - _EPOCH) % interval
