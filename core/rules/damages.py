"""Liquidated damages: from a shortfall to an amount, under the caps that earlier periods left.

The order of operations is fixed: shortfall, dead-band, steps, rate (indexed), cap per period, what is left of the
year's cap, what is left of the lifetime cap, round once. Each operation that the clause asks for is a step of the
explanation; amounts are exact fractions until the last one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor
from types import MappingProxyType
from typing import Self

from core.errors import ClauseError
from core.money import minor_units, round_money
from core.payloads import (
    MISSING,
    AvailabilityPayload,
    DamagesKeys,
    LiquidatedDamagesPayload,
    PerformanceGuaranteePayload,
    read_as,
)
from core.payloads.models import MultiplierStep, RateIndex
from core.payloads.words import (
    AvailabilityForm,
    CalculationType,
    CapBase,
    CapType,
    CapYear,
    LdMethod,
    LdRateBase,
    LdSteps,
    ShortfallFormula,
    TriggerType,
)
from core.periods import CalendarPeriod, PeriodKind
from core.rules.explanation import Json, explain_fraction

# What `ld_method` is where a clause names none.
_METHODS = {
    CalculationType.PER_POINT: LdMethod.PER_POINT,
    CalculationType.PER_DAY: LdMethod.DELAY,
    CalculationType.PER_KWH: LdMethod.PER_ENERGY,
    CalculationType.FLAT_FEE: LdMethod.RESPONSE_TIME,
}
# Which structures can price which shortfall. What is counted: points, percent achieved, kWh, days or breaches.
FITTING: Mapping[TriggerType, tuple[LdMethod, ...]] = {
    TriggerType.AVAILABILITY_SHORTFALL: (
        LdMethod.PER_POINT,
        LdMethod.PIECEWISE_MULTIPLIER,
        LdMethod.ENERGY_AVAILABILITY_REVENUE,
        LdMethod.BONUS_MALUS,
    ),
    TriggerType.PERFORMANCE_SHORTFALL: (
        LdMethod.PER_POINT,
        LdMethod.PIECEWISE_MULTIPLIER,
        LdMethod.PER_ENERGY,
        LdMethod.BONUS_MALUS,
    ),
    TriggerType.DELAY: (LdMethod.DELAY, LdMethod.RESPONSE_TIME),
    TriggerType.NON_DELIVERY: (LdMethod.PER_ENERGY,),
}


class CapWindow(StrEnum):
    """Over how long a cap adds up, in the order in which caps apply."""

    PERIOD = "per_period"
    ANNUAL = "annual"
    CUMULATIVE = "cumulative"


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that is owed within a window. An amount of 0 means no damages."""

    window: CapWindow
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Structure:
    """How a quantity becomes an amount. The defaults are those of damages in proportion to the points short.

    The dead-band is free: only what goes beyond it is counted, on either side of the guarantee. A step is a whole
    granularity of the quantity, and the rate is the price of one unit, not of one step. `most` bounds the quantity
    counted, such as the days of a delay; `share` is the part of the rate that is owed.
    """

    method: LdMethod = LdMethod.PER_POINT
    dead_band: Decimal = Decimal(0)
    steps: LdSteps = LdSteps.CONTINUOUS
    granularity: Decimal = Decimal(1)
    most: Decimal | None = None
    share: Decimal = Decimal(1)
    bonus_rate: Decimal | None = None
    bonus_cap: Decimal | None = None
    schedule: tuple[MultiplierStep, ...] = ()

    def multiplier(self, achieved_percent: Fraction) -> Fraction:
        """The share of the payment that this achievement earns, by the highest step that it reaches."""
        reached = [step for step in self.schedule if achieved_percent >= step.from_percent]
        if not reached:
            return Fraction(0)
        step = reached[-1]
        percent = Fraction(step.multiplier_percent) + Fraction(step.slope) * (
            achieved_percent - Fraction(step.from_percent)
        )
        return max(Fraction(0), percent / 100)

    def counted(self, quantity: Fraction) -> Fraction:
        """The quantity beyond the dead-band, in whole steps, at most `most`; below zero it earns a bonus."""
        if quantity < 0 and self.bonus_rate is None:
            return Fraction(0)
        beyond = max(Fraction(0), abs(quantity) - Fraction(self.dead_band))
        if self.steps is not LdSteps.CONTINUOUS:
            whole = ceil if self.steps is LdSteps.CEIL else floor
            beyond = whole(beyond / Fraction(self.granularity)) * Fraction(self.granularity)
        if self.most is not None:
            beyond = min(beyond, Fraction(self.most))
        return beyond if quantity >= 0 else -beyond


PROPORTIONAL = Structure()


@dataclass(frozen=True, slots=True)
class DamagesTerms:
    """Liquidated damages: `rate` of money for each unit that the structure counts.

    Without `caps` they are not capped. For piecewise multipliers the rate is the payment of the period.
    """

    clause: str
    rate: Decimal
    currency: str
    caps: tuple[Cap, ...]
    reference_percent: Decimal | None = None  # the level that the clause names, if it names one
    structure: Structure = PROPORTIONAL
    index: RateIndex | None = None
    cap_year: CapYear = CapYear.CONTRACT
    accrues_during_cure: bool = True

    @classmethod
    def from_payload(
        cls,
        payload: Mapping[str, object],
        *,
        clause: str,
        trigger: TriggerType = TriggerType.AVAILABILITY_SHORTFALL,
    ) -> Self:
        """Read a LIQUIDATED_DAMAGES clause. Raises `ClauseError` for what cannot price this shortfall."""
        agreed = read_as(LiquidatedDamagesPayload, payload, clause=clause)
        if agreed.trigger_type is not trigger:
            raise ClauseError(clause, "trigger_type", f"must be {trigger}, not {agreed.trigger_type.value!r}")
        key = "calculation_type" if agreed.ld_method is None else "ld_method"
        method = agreed.ld_method or _METHODS.get(agreed.calculation_type)
        if method is None or method not in FITTING[trigger]:
            fitting: list[str] = [*FITTING[trigger]]
            if agreed.ld_method is None:
                fitting = [count for count, counted_by in _METHODS.items() if counted_by in FITTING[trigger]]
            said = agreed.ld_method or agreed.calculation_type
            raise ClauseError(clause, key, f"must be {' or '.join(fitting)}, not {said.value!r}")
        caps = []
        if agreed.cap_amount is not None:
            caps.append(_cap(clause, agreed, agreed.cap_amount))
        if agreed.cumulative_cap is not None:
            caps.append(Cap(CapWindow.CUMULATIVE, agreed.cumulative_cap))
        return cls._of(clause, agreed, method, agreed.rate, caps, reference_percent=agreed.threshold_percent)

    @classmethod
    def of_availability(cls, clause: str, agreed: AvailabilityPayload) -> Self | None:
        """The damages that an AVAILABILITY clause brings itself, or None if it brings none."""
        if agreed.ld_rate is None:
            return None
        method = agreed.ld_method or LdMethod.PER_POINT
        if method not in FITTING[TriggerType.AVAILABILITY_SHORTFALL]:
            fitting = " or ".join(FITTING[TriggerType.AVAILABILITY_SHORTFALL])
            raise ClauseError(clause, "ld_method", f"must be {fitting}, not {method.value!r}")
        if method is LdMethod.ENERGY_AVAILABILITY_REVENUE and (
            agreed.availability_form is not AvailabilityForm.ENERGY_BASED
        ):
            raise ClauseError(clause, "ld_method", f"is {method}, which only an energy_based availability can price")
        caps = [] if agreed.ld_cap is None else [_cap(clause, agreed, agreed.ld_cap)]
        return cls._of(clause, agreed, method, agreed.ld_rate, caps)

    @classmethod
    def of_performance(cls, clause: str, agreed: PerformanceGuaranteePayload) -> Self | None:
        """The payment per kWh short that a PERFORMANCE_GUARANTEE clause brings itself, or None if it brings none."""
        match agreed.shortfall_formula_type:
            case None | ShortfallFormula.NONE:
                return None
            case ShortfallFormula.PRICE_DIFFERENTIAL:
                alternate = _required(clause, "p_alternate", agreed.p_alternate)
                # What replacement energy costs more than the contract's, and nothing where it costs less.
                rate = max(Decimal(0), alternate - _required(clause, "p_solar", agreed.p_solar))
                method = LdMethod.PRICE_DIFFERENTIAL
            case ShortfallFormula.FIXED_RATE_PER_KWH:
                rate = _required(clause, "shortfall_rate_per_kwh", agreed.shortfall_rate_per_kwh)
                method = LdMethod.PER_ENERGY
            case ShortfallFormula.CAPACITY_ADJUSTED as formula:
                raise ClauseError(
                    clause, "shortfall_formula_type", f"is {formula.value}: the vocabulary has no formula for it"
                )
        if agreed.ld_method not in {None, method}:
            raise ClauseError(clause, "ld_method", f"must be {method} with {agreed.shortfall_formula_type}")
        caps = []
        if agreed.shortfall_cap_usd is not None:
            if agreed.ld_currency != "USD":
                raise ClauseError(clause, "shortfall_cap_usd", f"is in USD, and ld_currency is {agreed.ld_currency}")
            caps.append(_cap(clause, agreed, agreed.shortfall_cap_usd))
        return cls._of(clause, agreed, method, rate, caps)

    @classmethod
    def _of(
        cls,
        clause: str,
        agreed: DamagesKeys,
        method: LdMethod,
        rate: Decimal,
        caps: list[Cap],
        *,
        reference_percent: Decimal | None = None,
    ) -> Self:
        if agreed.ld_currency is None:
            raise ClauseError(clause, "ld_currency", MISSING)
        if agreed.ld_rate_base not in {None, LdRateBase.MONEY}:
            assert agreed.ld_rate_base_amount is not None  # the payload has both
            rate = rate * agreed.ld_rate_base_amount / 100
        return cls(
            clause=clause,
            rate=rate,
            currency=agreed.ld_currency,
            caps=tuple(caps),
            reference_percent=reference_percent,
            structure=_structure(clause, agreed, method),
            index=agreed.ld_rate_index,
            cap_year=agreed.cap_year or CapYear.CONTRACT,
            accrues_during_cure=agreed.ld_accrues_during_cure is not False,
        )


def _required(clause: str, key: str, value: Decimal | None) -> Decimal:
    if value is None:
        raise ClauseError(clause, key, MISSING)
    return value


def _structure(clause: str, agreed: DamagesKeys, method: LdMethod) -> Structure:
    for key, belongs_to in _BELONGING.items():
        if getattr(agreed, key) is not None and method is not belongs_to:
            raise ClauseError(clause, key, f"belongs to {belongs_to}, and the damages are counted by {method}")
    free = agreed.ld_grace_days if method is LdMethod.DELAY else agreed.ld_dead_band_points
    return Structure(
        method=method,
        dead_band=Decimal(free or 0),
        steps=agreed.ld_steps or LdSteps.CONTINUOUS,
        granularity=agreed.ld_granularity_points or Decimal(1),
        most=None if agreed.ld_max_days is None else Decimal(agreed.ld_max_days),
        bonus_rate=agreed.ld_bonus_rate,
        bonus_cap=agreed.ld_bonus_cap,
        schedule=tuple(agreed.ld_multiplier_schedule or ()),
    )


# Keys that would change nothing under another structure: what is not read must not be taken for agreed.
_BELONGING = {
    "ld_multiplier_schedule": LdMethod.PIECEWISE_MULTIPLIER,
    "ld_bonus_rate": LdMethod.BONUS_MALUS,
    "ld_bonus_cap": LdMethod.BONUS_MALUS,
    "ld_grace_days": LdMethod.DELAY,
    "ld_max_days": LdMethod.DELAY,
}


def _cap(clause: str, agreed: DamagesKeys, amount: Decimal) -> Cap:
    """A cap and its window; each measured period where the clause names none, as its shortfall is one event."""
    if agreed.cap_base not in {None, CapBase.MONEY}:
        assert agreed.cap_base_amount is not None  # the payload has both
        amount = amount * agreed.cap_base_amount / 100
    match agreed.cap_type:
        case None | CapType.PER_EVENT:
            return Cap(CapWindow.PERIOD, amount)
        case CapType.ANNUAL:
            return Cap(CapWindow.ANNUAL, amount)
        case CapType.CUMULATIVE:
            return Cap(CapWindow.CUMULATIVE, amount)
        case CapType.PERCENTAGE_OF_CONTRACT:
            if agreed.cap_base is not CapBase.CONTRACT_PRICE:
                raise ClauseError(
                    clause, "cap_base", f"must be {CapBase.CONTRACT_PRICE} while cap_type is {agreed.cap_type}"
                )
            return Cap(CapWindow.CUMULATIVE, amount)


# --- from a quantity to an amount

NOTHING_USED: Mapping[CapWindow, Decimal] = MappingProxyType({})
Room = tuple[tuple[Cap, Decimal], ...]


def room_under_caps(
    damages: DamagesTerms | None, period: CalendarPeriod, used: Mapping[CapWindow, Decimal] = NOTHING_USED
) -> Room:
    """Each cap in the order of application, with what earlier periods left of it.

    Raises `ClauseError` where `used` lacks a window that spans several periods.
    """
    if damages is None:
        return ()
    room = []
    for cap in (cap for window in CapWindow for cap in damages.caps if cap.window is window):
        whole = cap.window is CapWindow.PERIOD or (cap.window is CapWindow.ANNUAL and period.kind is PeriodKind.ANNUAL)
        if not whole and cap.window not in used:
            raise ClauseError(damages.clause, "cap_type", f"is {cap.window}: what earlier periods used must be given")
        room.append((cap, max(Decimal(0), cap.amount - used.get(cap.window, Decimal(0)))))
    return tuple(room)


@dataclass(frozen=True, slots=True)
class Charge:
    """What is owed, below zero for a bonus: `uncapped` exact, `amount` with the decimals of the currency."""

    uncapped: Fraction
    amount: Decimal
    cap_applied: bool
    steps: list[Json]


def charge(
    damages: DamagesTerms,
    quantity: Fraction,
    room: Room = (),
    *,
    unit: str = "points",
    index_value: Decimal | None = None,
) -> Charge:
    """The damages for a quantity of what the structure counts, and the steps that lead there.

    Raises `ClauseError` where the rate follows an index whose value is not given: no base rate stands in for it.
    """
    owed, formula, steps = _owed(damages.structure, quantity, unit)
    rate = damages.rate
    if owed < 0 and damages.structure.bonus_rate is not None:
        rate, formula = damages.structure.bonus_rate, f"{unit} * bonus_rate"
    uncapped = owed * Fraction(rate)
    rated: dict[str, Json] = {
        "step": "rate",
        "formula": formula,
        "clause": damages.clause,
        "rate": str(rate),
        "currency": damages.currency,
    }
    if damages.index is not None:
        index = damages.index
        if index_value is None:
            raise ClauseError(damages.clause, "ld_rate_index", f"{index.index} has no value for the period")
        if not index.base_value:
            raise ClauseError(damages.clause, "ld_rate_index", "base_value must be above 0")
        factor = Fraction(index_value) / Fraction(index.base_value)
        uncapped *= factor
        rated |= {
            "index": index.index,
            "index_value": str(index_value),
            "base_value": str(index.base_value),
            "factor": explain_fraction(factor),
        }
    steps.append({**rated, "uncapped": explain_fraction(uncapped)})
    capped = min([uncapped, *(Fraction(left) for _, left in room)])
    steps += [
        {
            "step": f"cap {cap.window}",
            "formula": "at most cap - used by earlier periods, at least 0",
            "cap": str(cap.amount),
            "left": str(left),
        }
        for cap, left in room
    ]
    if capped < 0 and damages.structure.bonus_cap is not None:
        capped = max(capped, -Fraction(damages.structure.bonus_cap))
        steps.append({"step": "cap of the bonus", "cap": str(damages.structure.bonus_cap)})
    decimals = minor_units(damages.currency)
    amount = round_money(capped, decimals)
    steps.append(
        {
            "step": "round once",
            "formula": f"half away from zero, to {decimals} decimals",
            "amount": str(amount),
        }
    )
    return Charge(uncapped, amount, capped != uncapped, steps)


def _owed(shape: Structure, quantity: Fraction, unit: str) -> tuple[Fraction, str, list[Json]]:
    """The units that are owed for, how they are priced, and the steps that counted them."""
    if shape.method is LdMethod.PIECEWISE_MULTIPLIER:
        multiplier = shape.multiplier(quantity)
        step: Json = {
            "step": "steps",
            "formula": "multiplier_percent + slope * (achieved - from_percent) of the highest step that was reached",
            "schedule": [
                f"from {one.from_percent}: {one.multiplier_percent} + {one.slope} * (achieved - {one.from_percent})"
                for one in shape.schedule
            ],
            "multiplier": explain_fraction(multiplier),
        }
        return 1 - multiplier, "(1 - multiplier) * payment", [step]
    steps: list[Json] = []
    owed, formula = shape.counted(quantity), f"{unit} * rate"
    if shape.dead_band:
        steps.append(
            {"step": "dead-band", "formula": f"{unit} beyond the dead-band", "dead_band": str(shape.dead_band)}
        )
    if shape.steps is not LdSteps.CONTINUOUS or shape.most is not None:
        steps.append(
            {
                "step": "steps",
                "formula": f"{shape.steps} to whole steps of {shape.granularity} {unit}",
                "at_most": None if shape.most is None else str(shape.most),
                "counted": explain_fraction(owed),
            }
        )
    if shape.share != 1:
        owed, formula = owed * Fraction(shape.share), f"{unit} * {shape.share} * rate"
    return owed, formula, steps
