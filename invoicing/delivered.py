"""What the meters of a project delivered on the days to bill."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from core.periods import CalendarPeriod, start_of_day
from invoicing.errors import DeliveryError
from metering.energy import AggregatedEnergy
from metering.models import PeriodType


@dataclass(frozen=True, slots=True)
class Delivered:
    """Energy of every day to bill, or of all of them where no day is known.

    On `whole_days` every meter was read. `monthly_id` is an aggregate of the same energy.
    """

    energy_kwh: Mapping[date, Decimal] | Decimal
    whole_days: frozenset[date]
    monthly_id: int | None
    warnings: tuple[str, ...]

    @property
    def total_kwh(self) -> Decimal:
        return self.energy_kwh if isinstance(self.energy_kwh, Decimal) else sum(self.energy_kwh.values(), Decimal(0))

    def gap(self, first: date, last: date) -> str:
        """What the reader of a line must know of how its days were measured, if anything."""
        if isinstance(self.energy_kwh, Decimal):
            return "metered as one sum, no days known"
        measured, days = sum(first <= day <= last for day in self.whole_days), (last - first).days + 1
        return "" if measured == days else f"{measured} of {days} days fully measured"


NOTHING_METERED = Delivered({}, frozenset(), None, ())


def delivered(
    project: str, meters: Sequence[int], aggregates: Sequence[AggregatedEnergy], days: CalendarPeriod, local: ZoneInfo
) -> Delivered:
    """What the meters measured by which the project is billed.

    A day without a measurement adds nothing and is named in a warning. Without any days the monthly aggregates of
    all meters stand for them, where they cover exactly the days to bill. Raises `DeliveryError` where nothing can
    be billed.
    """
    if not meters:
        raise DeliveryError(f"project {project} has neither a revenue nor a production meter")
    span = days.in_zone(local)
    within = [row for row in aggregates if span.contains(row.period_start)]
    daily = [row for row in within if row.period_type == PeriodType.DAILY]
    of_the_span = {
        row.meter_id: row
        for row in within
        if row.period_type == PeriodType.MONTHLY and (row.period_start, row.period_end) == (span.start, span.end)
    }
    if not daily and of_the_span:
        return _as_one_sum(meters, of_the_span)

    day_at = _day_at(days, local)
    if any(row.period_start not in day_at for row in daily):
        raise DeliveryError(f"daily aggregates are not cut at midnight in {local}: run aggregate_readings again")
    kwh = {(row.meter_id, day_at[row.period_start]): row.energy_kwh for row in daily if row.energy_kwh is not None}
    if not kwh:
        raise DeliveryError("no day has measured energy: load the readings, then run aggregate_readings")

    kwh_by_day = dict.fromkeys(days.days(), Decimal(0))
    for (_, day), day_kwh in kwh.items():
        kwh_by_day[day] += day_kwh
    missing = [(meter, day) for meter in meters for day in days.days() if (meter, day) not in kwh]
    partial = [(row.meter_id, day_at[row.period_start]) for row in daily if _is_partial(row)]
    monthly = of_the_span.get(meters[0]) if len(meters) == 1 else None
    return Delivered(
        energy_kwh=kwh_by_day,
        whole_days=frozenset(kwh_by_day) - {day for _, day in (*missing, *partial)},
        monthly_id=monthly.id if monthly is not None and monthly.energy_kwh == sum(kwh_by_day.values()) else None,
        warnings=(
            *_warnings("has no measured energy, and none is billed,", missing, days),
            *_warnings("lacks part of its readings", [found for found in partial if found not in missing], days),
        ),
    )


def _as_one_sum(meters: Sequence[int], monthly: Mapping[int, AggregatedEnergy]) -> Delivered:
    known = {meter: kwh for meter in meters if meter in monthly and (kwh := monthly[meter].energy_kwh) is not None}
    if unknown := [f"meter {meter}" for meter in meters if meter not in known]:
        raise DeliveryError(
            f"{' and '.join(unknown)} without days or a month of measured energy:"
            " load the readings, then run aggregate_readings"
        )
    return Delivered(
        energy_kwh=sum(known.values(), Decimal(0)),
        whole_days=frozenset(),
        monthly_id=monthly[meters[0]].id if len(meters) == 1 else None,
        warnings=tuple(
            f"meter {meter} lacks part of its readings: {monthly[meter].completeness_percent} % are there"
            for meter in meters
            if _is_partial(monthly[meter])
        ),
    )


def _is_partial(row: AggregatedEnergy) -> bool:
    return row.completeness_percent is not None and row.completeness_percent < 100


@lru_cache(maxsize=100)
def _day_at(days: CalendarPeriod, local: ZoneInfo) -> Mapping[datetime, date]:
    """The days by the instant at which they begin."""
    return {start_of_day(day, local): day for day in days.days()}


def _warnings(problem: str, found: Sequence[tuple[int, date]], days: CalendarPeriod) -> Iterator[str]:
    """A sentence for each meter."""
    for meter in sorted({meter for meter, _ in found}):
        its_days = sorted(day for its_meter, day in found if its_meter == meter)
        yield f"meter {meter} {problem} on {len(its_days)} of {len(days)} days, the first {its_days[0]}"
