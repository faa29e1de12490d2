"""Hours, days, months and billing periods of meters, made from readings. All of it can be deleted and made again.

Hours are sums of readings, days of hours, months and billing periods of days. Roll-ups of one meter take turns: each
locks the meter until its transaction ends, so that it sees the readings of those before it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models.expressions import RawSQL

from core.models import BillingPeriod
from core.periods import Period, start_of_day, union, zone
from metering.models import Meter, PeriodType, ReadingChange
from metering.sql import statement
from metering.standings import read_standings

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
# How many meters one statement sums: of each it keeps the hours of a month in memory.
METERS_AT_ONCE = 250
# What one statement may keep in memory before it writes to disk. Each runs too short for just-in-time compilation.
MEMORY = "64MB"
# How many times that a hash table may take: the hours of a month of METERS_AT_ONCE meters take 2 times, and the planner
# expects twice as many.
HASH_TIMES = "4"


class Span(NamedTuple):
    """A stretch of a zone's calendar, in the local month that is made at once."""

    month: tuple[int, int]
    period: Period
    billing_period_id: int | None = None


def roll_up(meter_ids: Sequence[int], first: datetime, last: datetime) -> int:
    """Makes the aggregates of these meters that hold a reading from `first` to `last`, both included.

    Returns how many rows it wrote or removed; a second run over the same readings writes none. All of it is one
    transaction.
    """
    return _roll_up_parts(meter_ids, [Period(first, last + MOMENT)])


def roll_up_pending(meter_ids: Iterable[int] | None = None) -> int:
    """Makes the aggregates that rest on readings which changed since; returns how many rows it wrote or removed.

    Some meters at a time. `aggregated_at` of the changes is set when their aggregates are committed: a process that
    dies before leaves them pending, and they are made once more. Any number of processes may run this together: a
    meter that another one is at is left to it. Of meters that are named it waits for each.
    """
    pending = ReadingChange.objects.filter(aggregated_at=None)
    if meter_ids is not None:
        pending = pending.filter(meter__in=list(meter_ids))
    written = 0
    waiting = sorted(pending.values_list("meter", flat=True).distinct())
    for some in _batches(waiting, METERS_AT_ONCE):
        with transaction.atomic():
            locked = _lock(some, skip=meter_ids is None)
            changes = list(
                ReadingChange.objects.filter(aggregated_at=None, meter__in=list(locked)).values_list(
                    "pk", "meter", "period_start", "period_end"
                )
            )
            touched = defaultdict(list)
            for _, meter_id, start, end in changes:
                touched[meter_id].append(Period(start, end))
            written += _roll_up(touched, locked)
        # By a clock that is read when everybody sees the aggregates: a draft from before rests on the old ones.
        made = ReadingChange.objects.filter(pk__in=[change_id for change_id, *_ in changes])
        made.update(aggregated_at=RawSQL("clock_timestamp()", []))
    return written


def roll_up_all(first: datetime, last: datetime, jobs: int = 1) -> int:
    """As `roll_up` for every meter, and removes aggregates of that time whose readings are not there any more.

    Those of months that were archived stay. Meters are shared out to `jobs` connections, some at a time in a
    transaction of their own; within a transaction of the caller there is one of each.
    """
    parts = _parts(Period(first, last + MOMENT))
    meters = list(Meter.objects.order_by("pk").values_list("pk", flat=True))
    if jobs == 1 or connection.in_atomic_block:
        return sum(_roll_up_parts(some, parts) for some in _batches(meters, METERS_AT_ONCE))
    size = max(1, min(METERS_AT_ONCE, -(-len(meters) // jobs)))
    with ThreadPoolExecutor(jobs) as pool:
        return sum(pool.map(lambda some: _on_own_connection(some, parts), _batches(meters, size)))


def _roll_up_parts(meter_ids: Sequence[int], parts: Sequence[Period]) -> int:
    """Makes what these parts of the meters touch, in one transaction."""
    written = 0
    with transaction.atomic():
        for some in _batches(sorted(set(meter_ids)), METERS_AT_ONCE):
            locked = _lock(some)
            written += _roll_up(dict.fromkeys(locked, parts), locked)
    return written


def _on_own_connection(meter_ids: Sequence[int], parts: Sequence[Period]) -> int:
    try:
        return _roll_up_parts(meter_ids, parts)
    finally:
        connection.close()


def _parts(whole: Period) -> tuple[Period, ...]:
    """The parts of the span in which there is anything to make or to remove."""
    attached = [month for month, standing in read_standings().items() if standing.is_attached]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT starts, ends FROM unnest(%s::timestamptz[], %s::timestamptz[]) AS month (starts, ends)
            WHERE EXISTS (SELECT FROM meter_reading WHERE reading_timestamp >= starts AND reading_timestamp < ends)
            UNION ALL
            SELECT DISTINCT period_start, period_end FROM meter_aggregate WHERE period_type = %s
            """,
            [[month.start for month in attached], [month.end for month in attached], PeriodType.MONTHLY],
        )
        found = [Period(start, end).overlap(whole) for start, end in cursor.fetchall()]
    return union(part for part in found if part is not None)


def _batches(meter_ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (meter_ids[first : first + size] for first in range(0, len(meter_ids), size))


def _lock(meter_ids: Sequence[int], skip: bool = False) -> dict[int, str]:
    """Locks the meters until the transaction ends, or those of them that nobody holds; gives their time zones."""
    locked = Meter.objects.filter(pk__in=meter_ids).order_by("pk")
    held = list(locked.select_for_update(of=("self",), no_key=True, skip_locked=skip).select_related("project"))
    return {meter.pk: meter.project.time_zone for meter in held}


def _roll_up(touched: Mapping[int, Sequence[Period]], zones: Mapping[int, str]) -> int:
    """Makes the spans that the touched parts of each meter lie in; month by month, so that memory stays bounded."""
    # Less than two hours from each other two parts may lie in the same hour, which is made once.
    parts = {meter_id: _merged(periods, 2 * HOUR) for meter_id, periods in touched.items() if periods}
    if not parts:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('work_mem', %s, true), set_config('hash_mem_multiplier', %s, true),"
            " set_config('jit', 'off', true)",
            [MEMORY, HASH_TIMES],
        )
    whole = Period(
        min(periods[0].start for periods in parts.values()), max(periods[-1].end for periods in parts.values())
    )
    names = sorted({zones[meter_id] for meter_id in parts})
    days = {name: list(_days(name, whole)) for name in names}
    months = sorted({day.month for name in names for day in days[name]})

    def of_meters(spans: Mapping[str, Sequence[Span]]) -> dict[int, Sequence[Span]]:
        return {meter_id: spans[zones[meter_id]] for meter_id in parts}

    written = 0
    for month in months:
        in_month = {name: [day for day in days[name] if day.month == month] for name in names}
        stretches = {name: list(_even_stretches(in_month[name])) for name in names}
        written += _sum_up(PeriodType.HOURLY, parts, of_meters(stretches))
        written += _sum_up(PeriodType.DAILY, parts, of_meters(in_month))
        written += _sum_up(PeriodType.MONTHLY, parts, of_meters({name: [_month(month, name)] for name in names}))
    return written + _sum_up(PeriodType.BILLING, parts, of_meters(_billing_periods(names, whole)))


def _merged(periods: Iterable[Period], gap: timedelta) -> tuple[Period, ...]:
    """The periods in order, those less than `gap` apart as one."""
    return tuple(
        Period(period.start, period.end - gap)
        for period in union(Period(period.start, period.end + gap) for period in periods)
    )


def _days(zone_name: str, whole: Period) -> Iterator[Span]:
    """The local days of a zone that hold a part of `whole`, which is not empty."""
    local = zone(zone_name)
    first, last = whole.start.astimezone(local).date(), whole.end.astimezone(local).date()
    dates = [first + n * DAY for n in range(-1, (last - first).days + 2)]
    for day, (start, end) in zip(dates, pairwise(start_of_day(day, local) for day in dates), strict=False):
        if start < whole.end and end > max(start, whole.start):
            yield Span((day.year, day.month), Period(start, end))


def _even_stretches(days: Iterable[Span]) -> Iterator[Span]:
    """The days as one span, or as several where the minute of the hour at which days begin changes."""
    for _, even in groupby(days, key=lambda day: day.period.start.minute):
        together = list(even)
        yield together[0]._replace(period=Period(together[0].period.start, together[-1].period.end))


def _month(month: tuple[int, int], zone_name: str) -> Span:
    year, number = month
    local = zone(zone_name)
    start, end = date(year, number, 1), date(year + number // 12, number % 12 + 1, 1)
    return Span(month, Period(start_of_day(start, local), start_of_day(end, local)))


def _billing_periods(zone_names: Iterable[str], whole: Period) -> dict[str, list[Span]]:
    """The billing periods that may hold a part of `whole`, as each zone cuts them."""
    near = list(
        BillingPeriod.objects.filter(
            start_date__lte=whole.end.date() + DAY, end_date__gte=whole.start.date() - DAY
        ).order_by("start_date", "pk")
    )
    return {name: [_billing_period(period, zone(name)) for period in near] for name in zone_names}


def _billing_period(period: BillingPeriod, local: ZoneInfo) -> Span:
    cut = Period(start_of_day(period.start_date, local), start_of_day(period.end_date + DAY, local))
    return Span((period.start_date.year, period.start_date.month), cut, period.pk)


def _sum_up(
    to_type: PeriodType, touched: Mapping[int, Sequence[Period]], calendar: Mapping[int, Sequence[Span]]
) -> int:
    """Makes the rows of one length from those of the next shorter one; returns how many it wrote or removed.

    `calendar` holds the spans of each meter's zone, in order. Those that a part of the meter was touched in are made;
    where hours are made, the hours of a span.
    """
    spans = [
        (meter_id, period, span.billing_period_id)
        for meter_id, parts in touched.items()
        for span, period in _touched(parts, calendar[meter_id], to_type is PeriodType.HOURLY)
    ]
    if not spans:
        return 0
    meters, periods, billing_period_ids = zip(*spans, strict=True)
    starts, ends = [period.start for period in periods], [period.end for period in periods]
    with connection.cursor() as cursor:
        cursor.execute(
            statement("nothing_stands"),
            {"to_type": to_type, "meters": [*meters], "starts": starts, "ends": ends},
        )
        (is_new,) = cursor.fetchone()
        cursor.execute(
            statement("roll_up"),
            {
                "to_type": to_type,
                "numbers": list(range(len(spans))),
                "meters": [*meters],
                "starts": starts,
                "ends": ends,
                "periods": [*billing_period_ids],
                "first": min(starts),
                "last": max(ends),
                "is_new": is_new,
            },
        )
        return int(cursor.fetchone()[0])


def _touched(parts: Sequence[Period], spans: Iterable[Span], by_hour: bool) -> Iterator[tuple[Span, Period]]:
    """The spans that a part lies in, each once, or the hours of them, counted from where they start."""
    for span in spans:
        inside = [part for part in (part.overlap(span.period) for part in parts) if part]
        if by_hour:
            start, end = span.period.start, span.period.end
            for part in inside:
                hours = -((start - part.end) // HOUR)
                yield span, Period(start + (part.start - start) // HOUR * HOUR, min(end, start + hours * HOUR))
        elif inside:
            yield span, span.period
