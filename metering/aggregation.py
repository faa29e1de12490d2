"""Hours, days and months of meters, made from readings. All of it can be deleted and made again."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

from django.db import connection, transaction
from django.db.models import Max, Min

from core.periods import Period, start_of_day, zone
from metering.models import Meter, MeterReading, PeriodType
from metering.sql import statement


def roll_up(meter_ids: Sequence[int], first: datetime, last: datetime) -> int:
    """Makes the hours, days and months of these meters that hold a reading from `first` to `last`, both included.

    Returns how many rows it wrote; a second run over the same readings writes none. Roll-ups of one meter take
    turns, so that each sees the readings of those before it.
    """
    with transaction.atomic():
        locked = Meter.objects.filter(pk__in=meter_ids).order_by("pk").select_for_update(of=("self",), no_key=True)
        zones = {meter.project.time_zone for meter in locked.select_related("project")}
        days = [(name, day) for name in zones for day in _spans(name, first, last, _days)]
        months = [(name, month) for name in zones for month in _spans(name, first, last, _months)]
        return (
            _sum_up(meter_ids, None, PeriodType.HOURLY, days)
            + _sum_up(meter_ids, PeriodType.HOURLY, PeriodType.DAILY, days)
            + _sum_up(meter_ids, PeriodType.DAILY, PeriodType.MONTHLY, months)
        )


def roll_up_all(first: datetime, last: datetime) -> int:
    """As `roll_up`, for every meter."""
    found = MeterReading.objects.filter(reading_timestamp__range=(first, last)).aggregate(
        first=Min("reading_timestamp"), last=Max("reading_timestamp")
    )
    if found["first"] is None:
        return 0
    return roll_up(list(Meter.objects.values_list("pk", flat=True)), found["first"], found["last"])


def _days(first: date, last: date) -> Iterable[date]:
    """Every day from `first` to the one after `last`."""
    return (first + timedelta(days=n) for n in range((last - first).days + 2))


def _months(first: date, last: date) -> Iterable[date]:
    """The first day of every month from that of `first` to the one after that of `last`."""
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month + 1)
    return (date(n // 12, n % 12 + 1, 1) for n in months)


def _spans(
    zone_name: str, first: datetime, last: datetime, cuts: Callable[[date, date], Iterable[date]]
) -> list[Period]:
    """The local days or months of a zone, from the one that holds `first` to the one that holds `last`."""
    local = zone(zone_name)
    starts = [start_of_day(day, local) for day in cuts(first.astimezone(local).date(), last.astimezone(local).date())]
    return [Period(start, end) for start, end in pairwise(starts) if start < end]


def _sum_up(
    meter_ids: Sequence[int], from_type: PeriodType | None, to_type: PeriodType, spans: Sequence[tuple[str, Period]]
) -> int:
    """Makes the rows of one length from those of the next shorter one; returns how many it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(
            statement("roll_up"),
            {
                "meters": [*meter_ids],
                "zones": [name for name, _ in spans],
                "starts": [span.start for _, span in spans],
                "ends": [span.end for _, span in spans],
                "from_type": from_type,
                "to_type": to_type,
            },
        )
        return int(cursor.fetchone()[0])
