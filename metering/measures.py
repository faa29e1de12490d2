"""What clauses are judged on, read for many of them at once: sums of aggregates, yields, losses, incidents, indices."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.db import connection

from core.compliance import Evidence, Excuse
from core.models import Event
from core.periods import Period
from core.rules.performance import Yields
from core.rules.response import Incident
from core.timeline import Category, Slot, State, Tally
from metering.models import Meter
from metering.models.aggregates import PeriodType
from metering.sql import statement

Each = TypeVar("Each")
# Events that somebody has to answer: the equipment failed.
INCIDENTS = ("FORCED_OUTAGE", "EMERGENCY_SHUTDOWN", "DERATING")


@dataclass(frozen=True, slots=True)
class Measured:
    """The meters of one plant over a time, and what is excused in it."""

    meters: Sequence[Meter]
    period: Period
    local: ZoneInfo
    excused: Sequence[Excuse] = ()

    @property
    def grain(self) -> PeriodType:
        """Months where the time consists of whole ones, else days."""
        edges = [edge.astimezone(self.local) for edge in (self.period.start, self.period.end)]
        is_whole = all((edge.day, edge.hour, edge.minute) == (1, 0, 0) for edge in edges)
        return PeriodType.MONTHLY if is_whole else PeriodType.DAILY


@dataclass(frozen=True, slots=True)
class MeterSums:
    """What the aggregates of a meter say. Seconds without a known energy, and without an aggregate, are unknown."""

    meter: int
    seconds_available: int
    seconds_expected: int
    seconds_unknown: int
    energy_wh: Decimal | None
    aggregates: int
    canonical: str
    has_readings: bool

    @property
    def tally(self) -> Tally:
        return {
            Slot(State.RUNNING, Category.IN_SERVICE): self.seconds_available,
            Slot(State.STANDING, Category.FORCED_OUTAGE): self.seconds_expected - self.seconds_available,
            Slot(State.SILENT, Category.NO_INFORMATION): self.seconds_unknown,
        }


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of all meters of a plant, and of what kind the aggregates were."""

    grain: PeriodType
    meters: tuple[MeterSums, ...]

    @property
    def has_readings(self) -> bool:
        return any(one.has_readings for one in self.meters)

    @property
    def has_aggregates(self) -> bool:
        return any(one.aggregates for one in self.meters)

    @property
    def energy_wh(self) -> Decimal | None:
        """The energy that is known of; None where nothing is."""
        known = [one.energy_wh for one in self.meters if one.energy_wh is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def seconds_unknown(self) -> int:
        return sum(one.seconds_unknown for one in self.meters)

    @property
    def evidence(self) -> Evidence:
        canonical = "\n".join(one.canonical for one in self.meters if one.aggregates)
        return Evidence(
            [one.meter for one in self.meters],
            sum(one.aggregates for one in self.meters),
            hashlib.sha256(canonical.encode()).hexdigest(),
            [],
            source=f"{self.grain} aggregates",
        )


def read_sums(measured: Sequence[Measured]) -> list[Sums]:
    """For each, what the aggregates say."""
    if not measured:
        return []
    grains = [one.grain for one in measured]
    with connection.cursor() as cursor:
        cursor.execute(
            statement("period_sums"),
            {**_units(measured), "grains": [grain.value for grain in _each_meter(measured, grains)]},
        )
        found: dict[int, list[MeterSums]] = defaultdict(list)
        for number, *rest in cursor.fetchall():
            found[number].append(MeterSums(*rest))
    return [Sums(grain, tuple(found[number])) for number, grain in enumerate(grains)]


@dataclass(frozen=True, slots=True)
class PlantYields:
    """Energy beside its irradiance; `excused_wh` is None where the time excused has no interval that tells."""

    yields: Yields
    excused_wh: Fraction | None
    evidence: Evidence


def read_yields(measured: Sequence[Measured], with_temperature: Sequence[bool]) -> list[PlantYields | None]:
    """For each, what its readings give for the light that there was; None where there are none.

    With temperature only intervals count whose module temperature is known.
    """
    if not measured:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            statement("period_yields"),
            {
                **_units(measured),
                **_excuses(measured),
                "with_temperature": _each_meter(measured, with_temperature),
            },
        )
        rows = {number: rest for number, *rest in cursor.fetchall()}
    found: list[PlantYields | None] = []
    for number, one in enumerate(measured):
        if number not in rows:
            found.append(None)
            continue
        energy, light, heat, intervals, excused, given_light, readings, data_hash = rows[number]
        is_known = excused is not None and given_light is not None
        excused_wh = Fraction(excused) / Fraction(given_light) if is_known else None
        sums = Yields(energy or Decimal(0), light or Decimal(0), heat or Decimal(0), intervals or 0)
        evidence = Evidence([meter.pk for meter in one.meters], readings, data_hash, [])
        found.append(PlantYields(sums, excused_wh, evidence))
    return found


@dataclass(frozen=True, slots=True)
class Losses:
    """Energy that came, and that was lost while units stood; `unpriced` intervals lost nobody knows how much."""

    actual_wh: Decimal
    lost_wh: Decimal
    unpriced: int
    seconds_unknown: int
    evidence: Evidence


def read_losses(
    measured: Sequence[Measured], thresholds_wm2: Sequence[Decimal], deemed_wh_per_second: Sequence[Decimal | None]
) -> list[Losses | None]:
    """For each, what its readings say was lost; None where there are none."""
    if not measured:
        return []
    found: list[Losses | None] = [None for _ in measured]
    with connection.cursor() as cursor:
        cursor.execute(
            statement("unit_losses"),
            {
                **_units(measured),
                **_excuses(measured),
                "thresholds": _each_meter(measured, thresholds_wm2),
                "deemed_wh_per_second": _each_meter(measured, deemed_wh_per_second),
            },
        )
        for number, actual, lost, unpriced, unknown, readings, data_hash in cursor.fetchall():
            evidence = Evidence([meter.pk for meter in measured[number].meters], readings, data_hash, [])
            found[number] = Losses(actual, lost, unpriced, unknown, evidence)
    return found


def read_incidents(projects: Collection[int], period: Period) -> dict[int, list[Incident]]:
    """Failures of equipment that began in the period, by project, with when they were answered and repaired."""
    found: dict[int, list[Incident]] = defaultdict(list)
    events = Event.objects.filter(
        project__in=projects,
        event_type__code__in=INCIDENTS,
        time_start__gte=period.start,
        time_start__lt=period.end,
    ).order_by("time_start", "pk")
    for project, key, start, answered, fixed, end in events.values_list(
        "project_id", "pk", "time_start", "time_acknowledged", "time_fixed", "time_end"
    ):
        found[project].append(Incident(f"event {key}", start, answered, fixed or end))
    return found


def read_indices(asked: Collection[tuple[str, date]]) -> dict[tuple[str, date], Decimal]:
    """The value of each index for a month, where one was published."""
    if not asked:
        return {}
    names, months = zip(*sorted(asked), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(statement("index_values"), {"names": list(names), "months": list(months)})
        return {(name, month): value for name, month, value in cursor.fetchall()}


def _each_meter(measured: Sequence[Measured], values: Sequence[Each]) -> list[Each]:
    """The value of each plant, once for each of its meters."""
    return [value for one, value in zip(measured, values, strict=True) for _ in one.meters]


def _units(measured: Sequence[Measured]) -> dict[str, list[int] | list[datetime] | datetime]:
    """Each meter within the time of its plant."""
    units = [(number, one.period, meter.pk) for number, one in enumerate(measured) for meter in one.meters]
    return {
        "first": min(one.period.start for one in measured),
        "last": max(one.period.end for one in measured),
        "numbers": [number for number, _, _ in units],
        "meters": [meter for _, _, meter in units],
        "starts": [period.start for _, period, _ in units],
        "ends": [period.end for _, period, _ in units],
    }


def _excuses(measured: Sequence[Measured]) -> Mapping[str, list[int] | list[datetime]]:
    excuses = [(number, excuse.period) for number, one in enumerate(measured) for excuse in one.excused]
    return {
        "excuse_numbers": [number for number, _ in excuses],
        "excuse_starts": [span.start for _, span in excuses],
        "excuse_ends": [span.end for _, span in excuses],
    }
