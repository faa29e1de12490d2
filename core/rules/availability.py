"""Whether an availability guarantee was kept, what is owed if it was not, and every number behind the answer.

The order of operations is fixed: classify time, apply exclusions, set the guarantee, bound what is unknown, decide,
shortfall, then what `core.rules.damages` does. Shares and points are exact fractions until that rounds once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Self

from core.errors import ClauseError, MeasurementError
from core.payloads import AvailabilityPayload, read_as
from core.payloads.models import ChronicBreach
from core.payloads.words import (
    AvailabilityForm,
    AvailableEnergyMethod,
    Comparison,
    ExclusionMode,
    LdMethod,
    ThresholdUnit,
    UnknownAs,
)
from core.periods import CalendarPeriod, PeriodKind
from core.rules.damages import NOTHING_USED, CapWindow, Charge, DamagesTerms, Room, charge, room_under_caps
from core.rules.explanation import Json, Status, Verdict, explain_fraction, explain_period, show_percent

NANO_WH_PER_KWH = 10**12


@dataclass(frozen=True, slots=True)
class AvailabilityMeasurement:
    """Unit-seconds of a period: seconds summed over the units, each second in exactly one of the five.

    Weighted by rated power, or energy in nWh, where the clause is about those.

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

    def times(self, weight: int) -> "AvailabilityMeasurement":
        """Each second counted so many times."""
        return AvailabilityMeasurement(*(getattr(self, name) * weight for name in self.__slots__))

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


@dataclass(frozen=True, slots=True)
class AvailableEnergy:
    """What a unit that stands could have given: by irradiance, or `deemed_kwh` in each `interval_minutes`."""

    method: AvailableEnergyMethod
    deemed_kwh: Decimal | None
    interval_minutes: int


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
    unknown_as: UnknownAs | None = None
    form: AvailabilityForm = AvailabilityForm.CONTRACTUAL
    available_energy: AvailableEnergy | None = None
    chronic_breach: ChronicBreach | None = None

    @classmethod
    def from_payload(cls, payload: Mapping[str, object], *, clause: str) -> Self:
        """Read an AVAILABILITY clause. Raises `ClauseError` with every key that is missing or wrong.

        Where the clause is silent: 100 W/m2, excused time is removed, the guaranteed level itself is enough.
        """
        agreed = read_as(AvailabilityPayload, payload, clause=clause)
        form = agreed.availability_form or AvailabilityForm.CONTRACTUAL
        if form is AvailabilityForm.ENERGY_BASED and agreed.unknown_as not in {None, UnknownAs.EXCLUDED}:
            raise ClauseError(clause, "unknown_as", f"must be excluded, or not given, for {form} availability")
        return cls(
            clause=clause,
            threshold=agreed.threshold,
            threshold_unit=agreed.threshold_unit,
            measurement_period=agreed.measurement_period,
            excused_events=agreed.excused_events or frozenset(),
            irradiance_threshold_wm2=agreed.irradiance_threshold_wm2,
            exclusion_mode=agreed.exclusion_mode or ExclusionMode.REMOVE_FROM_PERIOD,
            comparison=agreed.comparison_operator or Comparison.AT_LEAST,
            damages=DamagesTerms.of_availability(clause, agreed),
            unknown_as=agreed.unknown_as,
            form=form,
            available_energy=_available_energy(clause, agreed) if form is AvailabilityForm.ENERGY_BASED else None,
            chronic_breach=agreed.chronic_breach,
        )

    def guaranteed_share(self, period: CalendarPeriod) -> Fraction:
        """The guaranteed availability from 0 to 1. Days count against the 365 or 366 of this year."""
        whole = 100 if self.threshold_unit is ThresholdUnit.PERCENT else len(period)
        return Fraction(self.threshold) / whole

    def kept_by(self, share: Fraction, guaranteed: Fraction) -> bool:
        return share > guaranteed if self.comparison is Comparison.ABOVE else share >= guaranteed


def judge(
    terms: AvailabilityTerms,
    damages: DamagesTerms | None,
    measurement: AvailabilityMeasurement,
    period: CalendarPeriod,
    used: Mapping[CapWindow, Decimal] = NOTHING_USED,
    *,
    index_value: Decimal | None = None,
    open_because: str = "",
) -> Verdict:
    """Whether the guarantee was kept in the period, and the damages if not.

    `damages` come from a separate clause; None leaves those that the availability clause brings itself.
    `used` is what earlier periods took from each cap that spans several periods; what this very period took
    in an earlier run does not belong in it. Where unknown time could turn the answer, the answer is
    undetermined. Damages are counted on known time alone.

    `open_because` says why the answer is undetermined although something was measured, where it is.

    Raises `ClauseError` where the clauses do not fit the period or each other, or `used` lacks a window.
    """
    if period.kind is not terms.measurement_period:
        raise ClauseError(
            terms.clause,
            "measurement_period",
            f"is {terms.measurement_period}, so that {period} ({period.kind}) cannot be judged",
        )
    damages = agreed_damages(terms, damages)
    room = room_under_caps(damages, period, used)

    guaranteed = terms.guaranteed_share(period)
    measured = measurement.share(terms.exclusion_mode)
    lowest, highest = measurement.bounds(terms.exclusion_mode)
    status, reason = _decide(terms, measurement, guaranteed)
    if open_because:
        status, reason = Status.UNDETERMINED, open_because

    points = charged = None
    if status is not Status.UNDETERMINED and measured is not None:
        short = (guaranteed - measured) * 100
        points = max(Fraction(0), short)
        if damages is not None:
            charged = _charge(terms, damages, measurement, short, index_value, room)

    explanation: dict[str, Json] = {
        "clause": terms.clause,
        "period": explain_period(period),
        "steps": [
            _explain_time(terms, measurement),
            *_explain_unknown(terms),
            _explain_share(terms, measurement),
            _explain_guarantee(terms, guaranteed, period),
            {
                "step": "bound what is unknown",
                "formula": "unknown time counted all down, then all up",
                "lowest": explain_fraction(lowest),
                "highest": explain_fraction(highest),
            },
            {
                "step": "decide",
                "formula": f"measured {terms.comparison} guaranteed, the same at both bounds",
                "status": status.value,
                "reason": reason,
            },
            *_explain_points(points),
            *(charged.steps if charged else ()),
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
        ld_uncapped=None if charged is None else charged.uncapped,
        ld_amount=None if charged is None else charged.amount,
        cap_applied=charged is not None and charged.cap_applied,
        accrues_during_cure=damages is None or damages.accrues_during_cure,
        explanation=explanation,
    )


def _charge(
    terms: AvailabilityTerms,
    damages: DamagesTerms,
    measurement: AvailabilityMeasurement,
    short: Fraction,
    index_value: Decimal | None,
    room: Room,
) -> Charge:
    """The damages for points short, below zero where the guarantee was exceeded, in what their structure counts."""
    match damages.structure.method:
        case LdMethod.PIECEWISE_MULTIPLIER:
            measured = measurement.share(terms.exclusion_mode)
            assert measured is not None  # something is short of it
            return charge(damages, measured * 100, room, unit="percent", index_value=index_value)
        case LdMethod.ENERGY_AVAILABILITY_REVENUE:
            # (A_g - A_e) * (E_actual + E_lost): what is counted are nWh.
            kwh = short / 100 * measurement.counted(terms.exclusion_mode) / NANO_WH_PER_KWH
            return charge(damages, kwh, room, unit="kwh", index_value=index_value)
    return charge(damages, short, room, index_value=index_value)


def agreed_damages(terms: AvailabilityTerms, separate: DamagesTerms | None) -> DamagesTerms | None:
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


def _available_energy(clause: str, agreed: AvailabilityPayload) -> AvailableEnergy:
    method, deemed = agreed.available_energy_method, agreed.deemed_kwh_per_interval
    if method not in {AvailableEnergyMethod.IRRADIANCE_INTERVAL_ADJUSTED, AvailableEnergyMethod.FIXED_DEEMED}:
        judged = "must be irradiance_interval_adjusted or fixed_deemed for energy_based availability"
        raise ClauseError(clause, "available_energy_method", f"{judged}, not {method}")
    if method is AvailableEnergyMethod.FIXED_DEEMED and deemed is None:
        raise ClauseError(clause, "deemed_kwh_per_interval", f"is missing while available_energy_method is {method}")
    return AvailableEnergy(method, deemed, agreed.interval_minutes)


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


_COUNTED = {
    AvailabilityForm.RAW: "unit-seconds by day and night",
    AvailabilityForm.TECHNICAL: "unit-seconds of useful time, whatever excuses, and of time without information",
    AvailabilityForm.CONTRACTUAL: "unit-seconds of useful time, and of time without information",
    AvailabilityForm.CAPACITY_WEIGHTED: "unit-seconds of useful time, each unit by its share of the rated power",
    AvailabilityForm.ENERGY_BASED: "energy that came (up) and that units which stood could have given (down), in nWh",
}


def _explain_time(terms: AvailabilityTerms, measurement: AvailabilityMeasurement) -> Json:
    return {
        "step": "classify time",
        "form": terms.form.value,
        "formula": _COUNTED[terms.form],
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
        "measured": explain_fraction(measurement.share(terms.exclusion_mode)),
    }


def _explain_guarantee(terms: AvailabilityTerms, guaranteed: Fraction, period: CalendarPeriod) -> Json:
    in_percent = terms.threshold_unit is ThresholdUnit.PERCENT
    return {
        "step": "set the guarantee",
        "formula": "threshold / 100" if in_percent else f"threshold / {len(period)} days of the year",
        "threshold": str(terms.threshold),
        "threshold_unit": terms.threshold_unit.value,
        "guaranteed": explain_fraction(guaranteed),
    }


def _explain_unknown(terms: AvailabilityTerms) -> list[Json]:
    if terms.unknown_as is None:
        return []
    return [
        {
            "step": "place what is unknown",
            "formula": "time without information is counted as the clause says, before the seconds above",
            "unknown_as": terms.unknown_as.value,
        }
    ]


def _explain_points(points: Fraction | None) -> list[Json]:
    if points is None:
        return []
    return [
        {
            "step": "shortfall",
            "formula": "(guaranteed - measured) * 100, at least 0",
            "points": explain_fraction(points),
        }
    ]
