"""The ledger of time of plants, built set-based from readings, verified events, faults and grid events."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from django.db import connection

from core.compliance import Evidence, Excuse
from core.daylight import daylight, useful_elevation
from core.models import Project
from core.periods import Period
from core.timeline import PRIORITY, Category, Slot, State, Stretch, Tally
from metering.models import Meter
from metering.sql import statement

Value: TypeAlias = datetime | list[Decimal] | list[datetime] | list[int] | list[str] | list[bool]


@dataclass(frozen=True, slots=True)
class Observed:
    """The meters of one plant over a time, and what a clause says of useful and of excused time."""

    meters: Sequence[Meter]
    period: Period
    irradiance_threshold_wm2: Decimal
    excused: Sequence[Excuse] = ()


def stretches(one: Observed) -> dict[int, list[Stretch]]:
    """For each meter, by its id, the period cut into stretches: in order, without gap or overlap."""
    found: dict[int, list[Stretch]] = {meter.pk: [] for meter in one.meters}
    with connection.cursor() as cursor:
        cursor.execute(statement("time_ledger") + statement("time_ledger_stretches"), _values([one]))
        for meter, start, end, state, category, is_excused in cursor.fetchall():
            found[meter].append(Stretch(Period(start, end), State(state), Category(category), is_excused))
    return found


def tallies(observed: Sequence[Observed]) -> list[tuple[dict[int, Tally], Evidence]]:
    """For each, whole seconds of each meter, by its id, by what the ledger says of them, and what they rest on.

    All come from one statement, so that no reading can change between the measurement and its evidence.
    """
    if not observed:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement("time_ledger") + statement("time_ledger_tallies"), _values(observed))
        rows = {number: rest for number, *rest in cursor.fetchall()}
    return [_tallies(one, *rows[number]) for number, one in enumerate(observed)]


def _tallies(
    one: Observed, slots: str, readings: int, data_hash: str, sample: str
) -> tuple[dict[int, Tally], Evidence]:
    found: dict[int, dict[Slot, int]] = {meter.pk: {} for meter in one.meters}
    by_category: Counter[str] = Counter()
    # Django hands jsonb out as text.
    for meter, state, category, is_excused, seconds in json.loads(slots):
        found[meter][Slot(State(state), Category(category), is_excused)] = seconds
        by_category[category] += seconds
    evidence = Evidence([meter.pk for meter in one.meters], readings, data_hash, json.loads(sample), by_category)
    return dict(found), evidence


def useful_daylight(project: Project, period: Period, irradiance_threshold_wm2: Decimal) -> tuple[Period, ...] | None:
    """When a clear sky gives the plant the irradiance that useful time needs, or None where its place is not known."""
    if project.latitude is None or project.longitude is None:
        return None
    elevation = useful_elevation(float(irradiance_threshold_wm2))
    return daylight(period, float(project.latitude), float(project.longitude), elevation)


def _values(observed: Sequence[Observed]) -> Mapping[str, Value]:
    """What the statements need. The meters of each are those of one plant, which has one sun."""
    units = [(number, one, meter) for number, one in enumerate(observed) for meter in one.meters]
    light = [useful_daylight(one.meters[0].project, one.period, one.irradiance_threshold_wm2) for one in observed]
    lit = [(number, span) for number, spans in enumerate(light) for span in spans or ()]
    excuses = [(number, excuse.period) for number, one in enumerate(observed) for excuse in one.excused]
    states, places, categories, lasts = zip(*_priorities(), strict=True)
    return {
        "first": min(one.period.start for one in observed),
        "last": max(one.period.end for one in observed),
        "numbers": [number for number, _, _ in units],
        "meters": [meter.pk for _, _, meter in units],
        "starts": [one.period.start for _, one, _ in units],
        "ends": [one.period.end for _, one, _ in units],
        "irradiance_thresholds": [one.irradiance_threshold_wm2 for _, one, _ in units],
        "light_known": [light[number] is not None for number, _, _ in units],
        "light_numbers": [number for number, _ in lit],
        "light_starts": [span.start for _, span in lit],
        "light_ends": [span.end for _, span in lit],
        "excuse_numbers": [number for number, _ in excuses],
        "excuse_starts": [span.start for _, span in excuses],
        "excuse_ends": [span.end for _, span in excuses],
        "states": list(states),
        "places": list(places),
        "categories": list(categories),
        "lasts": list(lasts),
    }


def _priorities() -> Iterator[tuple[str, int, str, bool]]:
    for state, ranked in PRIORITY.items():
        for place, category in enumerate(ranked):
            yield state.value, place, category.value, category is ranked[-1]
