"""Meters and readings as tests of metering need them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from core.models.vocabulary import UpdatedFrequency
from core.periods import day_in_zone, zone
from metering.models import Meter, MeterReading, Quality, SourceSystem
from metering.partitions import ensure_months
from tests.factories import DataSourceFactory, MeterFactory, ProjectFactory

QUARTER = timedelta(minutes=15)
LENGTHS = {
    UpdatedFrequency.HOURLY: timedelta(hours=1),
    UpdatedFrequency.HALF_HOUR: timedelta(minutes=30),
    UpdatedFrequency.QUARTER_HOUR: QUARTER,
    UpdatedFrequency.FIVE_MINUTES: timedelta(minutes=5),
    UpdatedFrequency.MINUTE: timedelta(minutes=1),
}
Number = Decimal | int | None
Rows = list[tuple[Any, ...]]


def plant(time_zone: str = "UTC", kind: str = "REVENUE") -> Meter:
    """A meter of a project in this zone, and the data source of files."""
    DataSourceFactory.create(name=SourceSystem.MANUAL)
    return MeterFactory.create(project=ProjectFactory.create(time_zone=time_zone), meter_type__code=kind)


def store(
    meter: Meter,
    first: datetime,
    values: Iterable[tuple[Number, Number]],
    interval: UpdatedFrequency = UpdatedFrequency.QUARTER_HOUR,
) -> None:
    """Stores readings one after the other, each a pair of energy in Wh and irradiance in W/m²."""
    put(meter, [(first + n * LENGTHS[interval], *pair) for n, pair in enumerate(values)], interval)


def put(
    meter: Meter,
    values: Iterable[tuple[datetime, Number, Number]],
    interval: UpdatedFrequency = UpdatedFrequency.QUARTER_HOUR,
) -> None:
    """Stores readings, each a start, energy in Wh and irradiance in W/m²."""
    readings = [
        MeterReading(
            organization_id=meter.project.organization_id,
            project_id=meter.project_id,
            meter=meter,
            source_system=SourceSystem.MANUAL,
            reading_timestamp=start,
            reading_interval=interval,
            interval_seconds=seconds(meter, start, interval),
            energy_wh=energy,
            irradiance_wm2=irradiance,
            quality=Quality.MISSING if energy is None else Quality.MEASURED,
        )
        for start, energy, irradiance in values
    ]
    if readings:
        starts = [reading.reading_timestamp for reading in readings]
        ensure_months(min(starts), max(starts))
        MeterReading.objects.bulk_create(readings)


def seconds(meter: Meter, start: datetime, interval: UpdatedFrequency) -> int:
    """The length of a reading; a day is as long as the one of the project that begins then."""
    if interval is not UpdatedFrequency.DAILY:
        return LENGTHS[interval] // timedelta(seconds=1)
    local = zone(meter.project.time_zone)
    return day_in_zone(start.astimezone(local).date(), local).seconds


def rows(query: str, *values: Any) -> Rows:
    """What the query gives."""
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        found: Rows = cursor.fetchall()
        return found


def versions(*tables: str) -> Rows:
    """Where each row of the tables stands: the place of a row changes whenever it is written."""
    union = " UNION ALL ".join(f"SELECT tableoid::regclass::text, id, ctid::text, xmin::text FROM {t}" for t in tables)
    return rows(f"{union} ORDER BY 1, 2")
