"""Whether an availability guarantee was kept, what is owed if it was not, and every number behind the answer.

The order of operations is fixed: classify time, apply exclusions, set the guarantee, bound what is unknown,
decide, shortfall, rate, cap per period, what is left of the annual cap, what is left of the lifetime cap,
round once. Shares and points are exact fractions until that last step.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Self, TypeAlias

from core.errors import ClauseError, MeasurementError
from core.money import minor_units, round_money
from core.payloads import MISSING, AvailabilityPayload, DamagesKeys, LiquidatedDamagesPayload, read_as
from core.payloads.words import (
    AvailabilityForm,
    CapBase,
    CapType,
    CapYear,
    LdMethod,
    LdRateBase,
    LdSteps,
)
from core.payloads.words import CalculationType as CalculationType
from core.payloads.words import Comparison as Comparison
from core.payloads.words import ExclusionMode as ExclusionMode
from core.payloads.words import ThresholdUnit as ThresholdUnit
from core.payloads.words import TriggerType as TriggerType
from core.periods import CalendarPeriod, PeriodKind

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | None"


class CapWindow(StrEnum):
    """Over how long a cap adds up, in the order in which caps apply."""

    PERIOD = "per_period"
    ANNUAL = "annual"
    CUMULATIVE = "cumulative"


class Status(StrEnum):
    """The answer to: was the guarantee kept?"""

    COMPLIANT = "compliant"
    BREACH = "breach"
    UNDETERMINED = "undetermined"


# --- what was measured


@dataclass(frozen=True, slots=True)
class AvailabilityMeasurement:
    """Unit-seconds of a period: seconds summed over the units, each second in exactly one of the five.

    The first four are useful time. Of `unknown` there is no information, not even whether it was useful.
    """

    up: int
    down: int
    excused_up: int
    excused_down: int
    unknown: int

    def __post_init__(self) -> None:
        for name in self.__slots__:
            seconds = getattr(self, name)
            if type(seconds) is not int or seconds < 0:
                raise MeasurementError(f"{name} must be whole seconds, zero or more, not {seconds!r}")

    def __add__(self, other: "AvailabilityMeasurement") -> "AvailabilityMeasurement":
        """The measurement of both together: seconds add up where percentages do not."""
        return AvailabilityMeasurement(
            self.up + other.up,
            self.down + other.down,
            self.excused_up + other.excused_up,
            self.excused_down + other.excused_down,
            self.unknown + other.unknown,
        )

    @property
    def excused(self) -> int:
        return self.excused_up + self.excused_down

    def available(self, mode: ExclusionMode) -> int:
        """The numerator."""
        return self.up + self.excused if mode is ExclusionMode.CREDIT_AS_UP else self.up

    def counted(self, mode: ExclusionMode) -> int:
        """The denominator: available time, and time down without an excuse."""
        return self.available(mode) + self.down

    def share(self, mode: ExclusionMode) -> Fraction | None:
        """Availability from 0 to 1 over the time that is known, or None where none is."""
        counted = self.counted(mode)
        return Fraction(self.available(mode), counted) if counted else None

    def bounds(self, mode: ExclusionMode) -> tuple[Fraction, Fraction]:
        """The lowest and the highest share the unknown time allows: all of it down, all of it up.

        Unknown time that turns out excused or useless moves the share no further than either.
        """
        available, most = self.available(mode), self.counted(mode) + self.unknown
        if not most:
            return Fraction(0), Fraction(1)
        return Fraction(available, most), Fraction(available + self.unknown, most)


# --- what was agreed


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that is owed within a window. An amount of 0 means no damages."""

    window: CapWindow
    amount: Decimal


@dataclass(frozen=True, slots=True)
class DamagesTerms:
    """Liquidated damages of an availability shortfall: `rate` of money for each percentage point.

    Without `caps` they are not capped.
    """

    clause: str
    rate: Decimal
    currency: str
    caps: tuple[Cap, ...]
    reference_percent: Decimal | None  # the level that the clause names, if it names one

    @classmethod
    def from_payload(cls, payload: Mapping[str, object], *, clause: str) -> Self:
        """Read a LIQUIDATED_DAMAGES clause. Raises `ClauseError` for what is not priced here."""
        agreed = read_as(LiquidatedDamagesPayload, payload, clause=clause)
        _only(clause, "trigger_type", agreed.trigger_type, TriggerType.AVAILABILITY_SHORTFALL)
        _only(clause, "calculation_type", agreed.calculation_type, CalculationType.PER_POINT)
        _only_what_is_priced(clause, agreed)
        if agreed.ld_currency is None:
            raise ClauseError(clause, "ld_currency", MISSING)
        caps = []
        if agreed.cap_amount is not None:
            caps.append(Cap(_cap_window(clause, agreed.cap_type), agreed.cap_amount))
        if agreed.cumulative_cap is not None:
            caps.append(Cap(CapWindow.CUMULATIVE, agreed.cumulative_cap))
        return cls(
            clause=clause,
            rate=agreed.rate,
            currency=agreed.ld_currency,
            caps=tuple(caps),
            reference_percent=agreed.threshold_percent,
        )

    @classmethod
    def _from_availability(cls, clause: str, agreed: AvailabilityPayload) -> Self | None:
        """The damages an AVAILABILITY clause brings itself, or None if it brings none."""
        if agreed.ld_rate is None or agreed.ld_currency is None:  # the payload has both or no rate
            return None
        _only_what_is_priced(clause, agreed)
        cap = None if agreed.ld_cap is None else Cap(_cap_window(clause, agreed.cap_type), agreed.ld_cap)
        return cls(
            clause=clause,
            rate=agreed.ld_rate,
            currency=agreed.ld_currency,
            caps=() if cap is None else (cap,),
            reference_percent=None,
        )


# What this module prices of the keys that say how damages are counted; every other value changes the amount.
_PRICED: Mapping[str, object] = {
    "ld_method": LdMethod.PER_POINT,
    "ld_steps": LdSteps.CONTINUOUS,
    "ld_granularity_points": None,
    "ld_dead_band_points": None,
    "ld_multiplier_schedule": None,
    "ld_bonus_rate": None,
    "ld_bonus_cap": None,
    "ld_grace_days": None,
    "ld_max_days": None,
    "ld_rate_base": LdRateBase.MONEY,
    "ld_rate_index": None,
    "ld_accrues_during_cure": True,
    "cap_base": CapBase.MONEY,
    "cap_year": CapYear.CONTRACT,
}


def _only_what_is_priced(clause: str, agreed: DamagesKeys) -> None:
    for key, priced in _PRICED.items():
        _only(clause, key, getattr(agreed, key), priced)


def _only(clause: str, key: str, value: object, judged: object) -> None:
    """Refuses what would change the answer and is not judged here: silence is no such thing."""
    if value is not None and value != judged:
        reason = "is not judged" if judged is None else f"must be {judged}, not {value}".lower()
        raise ClauseError(clause, key, reason)


def _cap_window(clause: str, cap_type: CapType | None) -> CapWindow:
    """The window of a cap; each measured period where the clause names none."""
    match cap_type:
        case None | CapType.PER_EVENT:
            return CapWindow.PERIOD  # the shortfall of one period is one event
        case CapType.ANNUAL:
            return CapWindow.ANNUAL
        case CapType.CUMULATIVE:
            return CapWindow.CUMULATIVE
    raise ClauseError(clause, "cap_type", f"must be {' or '.join(CapWindow)}, not {cap_type.value!r}")


@dataclass(frozen=True, slots=True)
class AvailabilityTerms:
    """An availability guarantee: how much of which time, over how long, and what excuses."""

    clause: str
    threshold: Decimal
    threshold_unit: ThresholdUnit
    measurement_period: PeriodKind
    excused_events: frozenset[str]
    irradiance_threshold_wm2: Decimal
    exclusion_mode: ExclusionMode
    comparison: Comparison
    damages: DamagesTerms | None

    @classmethod
    def from_payload(cls, payload: Mapping[str, object], *, clause: str) -> Self:
        """Read an AVAILABILITY clause. Raises `ClauseError` with every key that is missing or wrong.

        Where the clause is silent: 100 W/m2, excused time is removed, the guaranteed level itself is enough.
        """
        agreed = read_as(AvailabilityPayload, payload, clause=clause)
        _only(clause, "unknown_as", agreed.unknown_as, None)
        _only(clause, "availability_form", agreed.availability_form, AvailabilityForm.CONTRACTUAL)
        return cls(
            clause=clause,
            threshold=agreed.threshold,
            threshold_unit=agreed.threshold_unit,
            measurement_period=agreed.measurement_period,
            excused_events=agreed.excused_events or frozenset(),
            irradiance_threshold_wm2=agreed.irradiance_threshold_wm2,
            exclusion_mode=agreed.exclusion_mode or ExclusionMode.REMOVE_FROM_PERIOD,
            comparison=agreed.comparison_operator or Comparison.AT_LEAST,
            damages=DamagesTerms._from_availability(clause, agreed),
        )

    def guaranteed_share(self, period: CalendarPeriod) -> Fraction:
        """The guaranteed availability from 0 to 1. Days count against the 365 or 366 of this year."""
        whole = 100 if self.threshold_unit is ThresholdUnit.PERCENT else len(period)
        return Fraction(self.threshold) / whole

    def kept_by(self, share: Fraction, guaranteed: Fraction) -> bool:
        return share > guaranteed if self.comparison is Comparison.ABOVE else share >= guaranteed


# --- the verdict


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one clause and period.

    `lowest_share` and `highest_share` bound the availability by what is unknown. `shortfall_points` are exact
    percentage points; they and the damages are None while the answer is undetermined. The damages are also
    None where none are agreed. `ld_uncapped` is exact, `ld_amount` has the decimals of its currency.
    """

    status: Status
    reason: str
    measured_share: Fraction | None
    guaranteed_share: Fraction
    lowest_share: Fraction
    highest_share: Fraction
    shortfall_points: Fraction | None
    ld_currency: str | None
    ld_uncapped: Fraction | None
    ld_amount: Decimal | None
    cap_applied: bool
    explanation: dict[str, Json]


NOTHING_USED: Mapping[CapWindow, Decimal] = MappingProxyType({})


def judge(
    terms: AvailabilityTerms,
    damages: DamagesTerms | None,
    measurement: AvailabilityMeasurement,
    period: CalendarPeriod,
    used: Mapping[CapWindow, Decimal] = NOTHING_USED,
) -> Verdict:
    """Whether the guarantee was kept in the period, and the damages if not.

    `damages` come from a separate clause; None leaves those that the availability clause brings itself.
    `used` is what earlier periods took from each cap that spans several periods; what this very period took
    in an earlier run does not belong in it. Where unknown time could turn the answer, the answer is
    undetermined. Damages are counted on known time alone.

    Raises `ClauseError` where the clauses do not fit the period or each other, or `used` lacks a window.
    """
    if period.kind is not terms.measurement_period:
        raise ClauseError(
            terms.clause,
            "measurement_period",
            f"is {terms.measurement_period}, so that {period} ({period.kind}) cannot be judged",
        )
    damages = _agreed_damages(terms, damages)
    room = _room_under_caps(damages, period, used)

    guaranteed = terms.guaranteed_share(period)
    measured = measurement.share(terms.exclusion_mode)
    lowest, highest = measurement.bounds(terms.exclusion_mode)
    status, reason = _decide(terms, measurement, guaranteed)

    points = ld_uncapped = ld_amount = None
    cap_applied = False
    if status is not Status.UNDETERMINED and measured is not None:
        points = max(Fraction(0), (guaranteed - measured) * 100)
        if damages is not None:
            ld_uncapped = points * Fraction(damages.rate)
            ld_capped = min([ld_uncapped, *(Fraction(left) for _, left in room)])
            cap_applied = ld_capped < ld_uncapped
            ld_amount = round_money(ld_capped, minor_units(damages.currency))

    explanation: dict[str, Json] = {
        "clause": terms.clause,
        "period": {
            "label": period.label,
            "kind": period.kind.value,
            "first_day": period.first_day.isoformat(),
            "last_day": period.last_day.isoformat(),
            "days": len(period),
        },
        "steps": [
            _explain_time(measurement),
            _explain_share(terms, measurement),
            _explain_guarantee(terms, guaranteed, period),
            {
                "step": "bound what is unknown",
                "formula": "unknown time counted all down, then all up",
                "lowest": _explain_fraction(lowest),
                "highest": _explain_fraction(highest),
            },
            {
                "step": "decide",
                "formula": f"measured {terms.comparison} guaranteed, the same at both bounds",
                "status": status.value,
                "reason": reason,
            },
            *_explain_damages(points, damages, room, ld_uncapped, ld_amount),
        ],
    }
    return Verdict(
        status=status,
        reason=reason,
        measured_share=measured,
        guaranteed_share=guaranteed,
        lowest_share=lowest,
        highest_share=highest,
        shortfall_points=points,
        ld_currency=None if damages is None else damages.currency,
        ld_uncapped=ld_uncapped,
        ld_amount=ld_amount,
        cap_applied=cap_applied,
        explanation=explanation,
    )


def _agreed_damages(terms: AvailabilityTerms, separate: DamagesTerms | None) -> DamagesTerms | None:
    """The one set of damages that applies; refuses two that differ."""
    own = terms.damages
    if separate is None:
        return own
    if own is not None and (own.rate, own.currency) != (separate.rate, separate.currency):
        raise ClauseError(terms.clause, "ld_rate", f"differs from the damages of clause {separate.clause}")
    if own is not None and own.caps and own.caps != separate.caps:
        raise ClauseError(terms.clause, "ld_cap", f"differs from the cap of clause {separate.clause}")
    reference = separate.reference_percent
    if reference is not None and (terms.threshold_unit is not ThresholdUnit.PERCENT or reference != terms.threshold):
        raise ClauseError(
            separate.clause,
            "threshold_percent",
            f"is {reference} percent, while clause {terms.clause} guarantees {terms.threshold} {terms.threshold_unit}",
        )
    return separate


def _room_under_caps(
    damages: DamagesTerms | None, period: CalendarPeriod, used: Mapping[CapWindow, Decimal]
) -> tuple[tuple[Cap, Decimal], ...]:
    """Each cap in the order of application, with what earlier periods left of it."""
    if damages is None:
        return ()
    room = []
    for cap in (cap for window in CapWindow for cap in damages.caps if cap.window is window):
        whole = cap.window is CapWindow.PERIOD or (cap.window is CapWindow.ANNUAL and period.kind is PeriodKind.ANNUAL)
        if not whole and cap.window not in used:
            raise ClauseError(damages.clause, "cap_type", f"is {cap.window}: what earlier periods used must be given")
        room.append((cap, max(Decimal(0), cap.amount - used.get(cap.window, Decimal(0)))))
    return tuple(room)


def _decide(terms: AvailabilityTerms, measurement: AvailabilityMeasurement, guaranteed: Fraction) -> tuple[Status, str]:
    measured = measurement.share(terms.exclusion_mode)
    if measured is None:
        if measurement.unknown:
            return Status.UNDETERMINED, "there is no information about any useful time of the period"
        if measurement.excused:
            return Status.UNDETERMINED, "all useful time of the period is excused"
        return Status.UNDETERMINED, "the period has no useful time"

    lowest, highest = measurement.bounds(terms.exclusion_mode)
    if terms.kept_by(lowest, guaranteed) != terms.kept_by(highest, guaranteed):
        return Status.UNDETERMINED, (
            f"availability is between {show_percent(lowest, guaranteed)} and "
            f"{show_percent(highest, guaranteed)}, depending on {measurement.unknown} unit-seconds without "
            f"information, and the guarantee of {show_percent(guaranteed, measured)} lies between"
        )
    kept = terms.kept_by(measured, guaranteed)
    relation = "is above" if measured > guaranteed else "is below" if measured < guaranteed else "equals"
    return Status.COMPLIANT if kept else Status.BREACH, (
        f"availability of {show_percent(measured, guaranteed)} {relation} "
        f"the guarantee of {show_percent(guaranteed, measured)}"
    )


def show_percent(share: Fraction, against: Fraction) -> str:
    """The share in percent, with the decimals it takes to read on the right side of `against`: at least 2.

    Swapping the two shows the other with the same number of decimals.
    """

    def rounded(number: Fraction) -> Decimal:
        return round_money(number * 100, digits)

    digits = 2
    while share != against and rounded(share) == rounded(against):
        digits += 1
    return f"{rounded(share)} %"


# --- the explanation


def content_hash(explanation: Mapping[str, Json]) -> str:
    """SHA-256, in hex, of the explanation as canonical JSON: the order of keys does not matter."""
    canonical = json.dumps(explanation, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _explain_fraction(number: Fraction | None) -> Json:
    """The exact fraction, and beside it a decimal for people."""
    if number is None:
        return None
    return {"exact": str(number), "rounded": str(round_money(number, 8))}


def _explain_time(measurement: AvailabilityMeasurement) -> Json:
    return {
        "step": "classify time",
        "formula": "unit-seconds of useful time, and of time without information",
        "up": measurement.up,
        "down": measurement.down,
        "excused_up": measurement.excused_up,
        "excused_down": measurement.excused_down,
        "unknown": measurement.unknown,
    }


def _explain_share(terms: AvailabilityTerms, measurement: AvailabilityMeasurement) -> Json:
    formulas = {
        ExclusionMode.REMOVE_FROM_PERIOD: "up / (up + down)",
        ExclusionMode.CREDIT_AS_UP: "(up + excused) / (up + excused + down)",
    }
    return {
        "step": "apply exclusions",
        "formula": formulas[terms.exclusion_mode],
        "exclusion_mode": terms.exclusion_mode.value,
        "excused_events": [*sorted(terms.excused_events)],
        "irradiance_threshold_wm2": str(terms.irradiance_threshold_wm2),
        "available": measurement.available(terms.exclusion_mode),
        "counted": measurement.counted(terms.exclusion_mode),
        "measured": _explain_fraction(measurement.share(terms.exclusion_mode)),
    }


def _explain_guarantee(terms: AvailabilityTerms, guaranteed: Fraction, period: CalendarPeriod) -> Json:
    in_percent = terms.threshold_unit is ThresholdUnit.PERCENT
    return {
        "step": "set the guarantee",
        "formula": "threshold / 100" if in_percent else f"threshold / {len(period)} days of the year",
        "threshold": str(terms.threshold),
        "threshold_unit": terms.threshold_unit.value,
        "guaranteed": _explain_fraction(guaranteed),
    }


def _explain_damages(
    points: Fraction | None,
    damages: DamagesTerms | None,
    room: tuple[tuple[Cap, Decimal], ...],
    ld_uncapped: Fraction | None,
    ld_amount: Decimal | None,
) -> list[Json]:
    if points is None:
        return []
    steps: list[Json] = [
        {
            "step": "shortfall",
            "formula": "(guaranteed - measured) * 100, at least 0",
            "points": _explain_fraction(points),
        }
    ]
    if damages is None:
        return steps
    steps.append(
        {
            "step": "rate",
            "formula": "points * rate",
            "clause": damages.clause,
            "rate": str(damages.rate),
            "currency": damages.currency,
            "uncapped": _explain_fraction(ld_uncapped),
        }
    )
    steps += [
        {
            "step": f"cap {cap.window}",
            "formula": "at most cap - used by earlier periods, at least 0",
            "cap": str(cap.amount),
            "left": str(left),
        }
        for cap, left in room
    ]
    steps.append(
        {
            "step": "round once",
            "formula": f"half away from zero, to {minor_units(damages.currency)} decimals",
            "amount": None if ld_amount is None else str(ld_amount),
        }
    )
    return steps
