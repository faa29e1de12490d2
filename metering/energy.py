"""What meters measured, interval by interval."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from core.periods import Period
from metering.sql import statement


class MeteredInterval(NamedTuple):
    """Energy of one meter from `start` to `end`."""

    meter_id: int
    start: datetime
    end: datetime
    energy_kwh: Decimal


def interval_energies(meters: Sequence[int], span: Period) -> list[MeteredInterval]:
    """The intervals of the meters that start in the span, by one query; those without known energy are left out.

    Hours whose readings left the database come from the hourly aggregates.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement("interval_energy"), {"meters": list(meters), "start": span.start, "end": span.end})
        return [MeteredInterval(*row) for row in cursor.fetchall()]
