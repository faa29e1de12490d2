"""What meters measured, interval by interval and in aggregates, for many projects at once."""

from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from django.db import connection

from core.periods import Period
from metering.models import MeterAggregate, PeriodType
from metering.sql import statement

_ROWS_AT_ONCE = 5000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MeteredInterval(NamedTuple):
    """Energy of one meter from `start` to `end`."""

    meter_id: int
    start: datetime
    end: datetime
    energy_kwh: Decimal


class AggregatedEnergy(NamedTuple):
    """Energy of one meter over a day or a month, None where it is unknown, and the share of it that was read."""

    id: int
    meter_id: int
    period_type: str
    period_start: datetime
    period_end: datetime
    energy_kwh: Decimal | None
    completeness_percent: Decimal | None


def interval_energies(asked: Sequence[tuple[Sequence[int], Period]]) -> Generator[list[MeteredInterval], None, None]:
    """For each question, meters and a span, the intervals that start in it; those without known energy are left out.

    Hours whose readings left the database come from the hourly aggregates. One query answers all and needs a
    transaction; one answer is held at a time. Who stops early closes the iterator.
    """
    each = [(number, meter, span) for number, (meters, span) in enumerate(asked) for meter in meters]
    if not each:
        yield from ([] for _ in asked)
        return
    numbers, meters, spans = zip(*each, strict=True)
    with closing(connection.chunked_cursor()) as cursor:
        cursor.execute(
            statement("interval_energy"),
            {
                "numbers": list(numbers),
                "meters": list(meters),
                "starts": [span.start for span in spans],
                "ends": [span.end for span in spans],
                "first": min(span.start for span in spans),
                "last": max(span.end for span in spans),
            },
        )
        rows = (row for block in iter(lambda: cursor.fetchmany(_ROWS_AT_ONCE), []) for row in block)
        number = 0
        for found, of_question in groupby(rows, itemgetter(0)):
            yield from ([] for _ in range(number, found))
            yield [
                MeteredInterval(meter, _instant(start), _instant(end), energy_kwh)
                for _, meter, start, end, energy_kwh in of_question
            ]
            number = found + 1
        yield from ([] for _ in range(number, len(asked)))


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def aggregated_energies(meters: Collection[int], span: Period) -> list[AggregatedEnergy]:
    """The days and months of the meters that begin in the span."""
    rows = MeterAggregate.objects.filter(
        meter_id__in=meters,
        period_type__in=(PeriodType.DAILY, PeriodType.MONTHLY),
        period_start__gte=span.start,
        period_start__lt=span.end,
    )
    columns = ("id", "meter_id", "period_type", "period_start", "period_end", "energy_kwh", "data_completeness_percent")
    return [AggregatedEnergy(*row) for row in rows.values_list(*columns)]
