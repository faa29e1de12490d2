"""A ledger of time: each instant of a unit's period in exactly one category, and availability in each of its forms.

What a unit did comes first, why comes second. Readings tell its state; verified events, faults and grid events are
the causes. `PRIORITY` says for each state which causes can explain it, the first one that is there winning. The
categories follow clause 5 of IEC TS 63019:2019 (in service, partial capability, requested shutdown, out of electrical
specification, scheduled maintenance, forced outage, force majeure, information unavailable) under the names that
contracts use. By its scope it does not say how availability is calculated: which categories count is the clause's.

Availability is an exact fraction of whole seconds. It is None where no second counts: no time is not 0 %.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import gcd, lcm

from core.errors import MeasurementError
from core.payloads.words import AvailabilityForm, UnknownAs
from core.periods import Period
from core.rules.availability import AvailabilityMeasurement


class Category(StrEnum):
    """What becomes of an instant in the ledger."""

    FORCE_MAJEURE = "force_majeure"
    GRID = "grid"
    CURTAILMENT = "curtailment"
    SCHEDULED_MAINTENANCE = "scheduled_maintenance"
    FORCED_OUTAGE = "forced_outage"
    DEGRADED = "degraded"
    IN_SERVICE = "in_service"
    NO_INFORMATION = "no_information"


class State(StrEnum):
    """What readings say of an instant."""

    RUNNING = "running"  # useful time, and energy comes
    STANDING = "standing"  # useful time, and none comes
    RESTING = "resting"  # too dark to be expected to run
    RAN_UNSEEN = "ran_unseen"  # the register advanced over a gap of which it is not known when it was light
    SILENT = "silent"  # not known whether it ran, or not whether it was light


_OUTSIDE = (Category.FORCE_MAJEURE, Category.GRID, Category.CURTAILMENT, Category.SCHEDULED_MAINTENANCE)
# The causes that can explain a state, first one first; the last is what the instant is without any of them.
PRIORITY: Mapping[State, tuple[Category, ...]] = {
    State.RUNNING: (Category.CURTAILMENT, Category.DEGRADED, Category.IN_SERVICE),
    State.STANDING: (*_OUTSIDE, Category.FORCED_OUTAGE),
    State.RESTING: (*_OUTSIDE, Category.FORCED_OUTAGE, Category.DEGRADED, Category.IN_SERVICE),
    State.RAN_UNSEEN: (Category.CURTAILMENT, Category.DEGRADED, Category.IN_SERVICE),
    State.SILENT: (*_OUTSIDE, Category.FORCED_OUTAGE, Category.NO_INFORMATION),
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring instants of which the ledger says the same."""

    period: Period
    state: State
    category: Category
    excused: bool = False


# --- counted


@dataclass(frozen=True, slots=True)
class Slot:
    """What the ledger says of a second."""

    state: State
    category: Category
    excused: bool = False


Tally = Mapping[Slot, int]  # whole seconds of one unit


def measurement(unit: Tally, unknown_as: UnknownAs | None = None) -> AvailabilityMeasurement:
    """A unit's seconds as an availability clause counts them; without a policy unknown time stays unknown.

    A gap over which the register advanced is not an outage: it never counts as down. Estimated time takes the share
    of the unit's own known time, to the second below.
    """
    seconds: Counter[tuple[State, bool]] = Counter()
    for slot, count in unit.items():
        seconds[slot.state, slot.excused] += count
    counted, excused = (
        (seconds[State.RUNNING, is_excused], seconds[State.STANDING, is_excused]) for is_excused in (False, True)
    )
    unknown = seconds[State.RAN_UNSEEN, False], seconds[State.SILENT, False]
    return _with_unknown(*counted, excused, unknown, unknown_as)


def _with_unknown(
    up: int, down: int, excused: tuple[int, int], unknown: tuple[int, int], unknown_as: UnknownAs | None
) -> AvailabilityMeasurement:
    """`unknown` are the seconds of gaps in which the register advanced, and of silence."""
    ran, silent = unknown
    match unknown_as:
        case UnknownAs.EXCLUDED:
            ran = silent = 0
        case UnknownAs.UP:
            up, ran, silent = up + ran + silent, 0, 0
        case UnknownAs.DOWN:
            down, ran, silent = down + silent, 0, 0
        case UnknownAs.ESTIMATED if up + down:
            estimated = (ran + silent) * up // (up + down)
            up, down = up + estimated, down + ran + silent - estimated
            ran = silent = 0
    return AvailabilityMeasurement(up, down, *excused, ran + silent)


# --- the forms of availability

_UP = frozenset({Category.IN_SERVICE, Category.DEGRADED, Category.CURTAILMENT})


def of_form(unit: Tally, form: AvailabilityForm, unknown_as: UnknownAs | None = None) -> AvailabilityMeasurement:
    """A unit's seconds as this form of availability counts them.

    Raw: T_up / T_total, by day and by night. Technical: (T_useful - T_down) / T_useful, whatever excuses. Otherwise
    excused seconds stay apart: the clause says what becomes of them.
    """
    match form:
        case AvailabilityForm.RAW:
            up = sum(seconds for slot, seconds in unit.items() if slot.category in _UP)
            silent = sum(seconds for slot, seconds in unit.items() if slot.category is Category.NO_INFORMATION)
            down = sum(unit.values()) - up - silent
            return _with_unknown(up, down, (0, 0), (0, silent), unknown_as)
        case AvailabilityForm.TECHNICAL:
            unit = _without_excuses(unit)
    return measurement(unit, unknown_as)


def _without_excuses(unit: Tally) -> Tally:
    seconds: Counter[Slot] = Counter()
    for slot, count in unit.items():
        seconds[replace(slot, excused=False)] += count
    return seconds


def capacity_weighted(
    units: Sequence[AvailabilityMeasurement], rated_power_kw: Sequence[Decimal]
) -> AvailabilityMeasurement:
    """The seconds of all units, each weighted by its rated power: by the smallest whole numbers in that proportion."""
    if len(units) != len(rated_power_kw) or any(power <= 0 for power in rated_power_kw):
        raise MeasurementError("each unit needs its rated power, above 0 kW")
    exact = [Fraction(power) for power in rated_power_kw]
    whole = lcm(*(power.denominator for power in exact))
    shared = gcd(*(int(power * whole) for power in exact))
    weights = [int(power * whole) // (shared or 1) for power in exact]
    return sum(
        (unit.times(weight) for unit, weight in zip(units, weights, strict=True)),
        AvailabilityMeasurement(0, 0, 0, 0, 0),
    )


def energy_based(actual_wh: Decimal, lost_wh: Decimal) -> AvailabilityMeasurement:
    """A_e = 1 - E_lost / (E_actual + E_lost), in nWh: energy that came is up, energy that was lost is down.

    E_lost = sum of max(0, potential - actual) of the time in which a unit stood without an excuse.
    """
    if actual_wh < 0:
        raise MeasurementError(f"actual energy must be zero or more, not {actual_wh} Wh")
    return AvailabilityMeasurement(int(actual_wh * 10**9), int(lost_wh * 10**9), 0, 0, 0)
