"""How each kind of clause is judged on what was measured: which terms it has, what it needs, and its verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from operator import add
from typing import TypeAlias

from core.compliance import Evidence, Excuse
from core.damages_ledger import operating_year
from core.errors import ClauseError
from core.models import Clause, Contract
from core.payloads.words import AvailabilityForm, AvailableEnergyMethod, GuaranteeVariant, UnknownAs
from core.periods import CalendarPeriod, PeriodKind
from core.rules import (
    AvailabilityMeasurement,
    AvailabilityTerms,
    CapWindow,
    DamagesTerms,
    Json,
    TriggerType,
    Verdict,
    agreed_damages,
    judge,
)
from core.rules.offtake import OfftakeTerms, judge_offtake
from core.rules.performance import PerformanceTerms, capacity_factor, judge_performance
from core.rules.production import ProductionTerms, judge_production
from core.rules.response import Incident, ResponseTerms, judge_response
from core.timeline import Tally, capacity_weighted, energy_based, of_form
from metering.errors import MeteringError
from metering.measures import Losses, Measured, PlantYields, Sums

Terms: TypeAlias = AvailabilityTerms | PerformanceTerms | ProductionTerms | ResponseTerms | OfftakeTerms

JUDGED = ("AVAILABILITY", "PERFORMANCE_GUARANTEE", "MAINTENANCE", "PAYMENT_TERMS")
# The clause of the contract that may set the damages apart, by what they are owed for.
TRIGGERS = {
    AvailabilityTerms: TriggerType.AVAILABILITY_SHORTFALL,
    PerformanceTerms: TriggerType.PERFORMANCE_SHORTFALL,
    ProductionTerms: TriggerType.PERFORMANCE_SHORTFALL,
    ResponseTerms: TriggerType.DELAY,
}
# Of the irradiance by which aggregates count useful time.
AGGREGATES_THRESHOLD_WM2 = 100


def read_terms(category: str, payload: Mapping[str, object], *, clause: str) -> Terms | None:
    """The terms of a clause, or None where it agrees on nothing that is measured. Raises `ClauseError`."""
    match category:
        case "AVAILABILITY":
            return AvailabilityTerms.from_payload(payload, clause=clause)
        case "PERFORMANCE_GUARANTEE":
            if payload.get("variant") == GuaranteeVariant.ENERGY_OUTPUT:
                return ProductionTerms.from_payload(payload, clause=clause)
            return PerformanceTerms.from_payload(payload, clause=clause)
        case "MAINTENANCE" if _has_any(payload, "response_time_hours", "resolution_time_hours"):
            return ResponseTerms.from_payload(payload, clause=clause)
        case "PAYMENT_TERMS" if _has_any(payload, "minimum_purchase_percent", "take_or_pay_shortfall_rate"):
            return OfftakeTerms.from_payload(payload, clause=clause)
    return None


def _has_any(payload: Mapping[str, object], *keys: str) -> bool:
    return any(payload.get(key) is not None for key in keys)


def measured_over(terms: Terms) -> PeriodKind:
    """The kind of period that the clause is measured over; a response time is one of each month's incidents."""
    return PeriodKind.MONTHLY if isinstance(terms, ResponseTerms) else terms.measurement_period


def is_over(terms: Terms, clause: Clause, period: CalendarPeriod) -> bool:
    """Whether the guarantee was given for fewer operating years than have begun."""
    if not isinstance(terms, PerformanceTerms | ProductionTerms) or terms.years is None:
        return False
    return year_of(clause.contract, period) > terms.years


def excusing(terms: Terms) -> frozenset[str]:
    """The codes of the events that excuse."""
    if isinstance(terms, AvailabilityTerms | PerformanceTerms | ProductionTerms):
        return terms.excused_events
    return frozenset()


@dataclass(slots=True)
class Case:
    """A clause to be judged for a period, and what was brought together for it."""

    clause: Clause
    terms: Terms
    period: CalendarPeriod
    measured: Measured
    damages: DamagesTerms | None = None  # those of another clause
    capped_by: Clause | None = None
    price: tuple[Decimal, str] | None = None
    sums: Sums | None = None
    units: Mapping[int, Tally] = field(default_factory=dict)
    evidence: Evidence | None = None
    yields: PlantYields | None = None
    losses: Losses | None = None
    incidents: tuple[Incident, ...] = ()
    index_value: Decimal | None = None

    @property
    def agreed(self) -> DamagesTerms | None:
        """The damages that apply. Raises `ClauseError` where two clauses set them differently."""
        if isinstance(self.terms, AvailabilityTerms):
            return agreed_damages(self.terms, self.damages)
        own = self.terms.damages if isinstance(self.terms, PerformanceTerms | ProductionTerms) else None
        if own is not None and self.damages is not None:
            problem = f"sets damages, and clause {self.damages.clause} too: one of them must go"
            raise ClauseError(str(self.clause), "shortfall_formula_type", problem)
        return self.damages or own

    @property
    def excused(self) -> list[Excuse]:
        return [*self.measured.excused]


def index_month(damages: DamagesTerms, period: CalendarPeriod) -> tuple[str, date]:
    """The index that a rate follows, and the month of which it counts: so many before the period begins."""
    assert damages.index is not None  # asked for those that follow one
    months = period.first_day.year * 12 + period.first_day.month - 1 - (damages.index.lag_months or 0)
    return damages.index.index, date(months // 12, months % 12 + 1, 1)


def suffices_by_aggregates(case: Case) -> bool:
    """Whether an availability can be judged on aggregates alone, exactly as its clause says.

    There are no readings to ask, and neither another irradiance, nor the night, nor the time of an excuse matters.
    """
    terms, sums = case.terms, case.sums
    if not isinstance(terms, AvailabilityTerms) or sums is None or sums.has_readings or not sums.has_aggregates:
        return False
    by_seconds = terms.form is AvailabilityForm.TECHNICAL or (
        terms.form in {AvailabilityForm.CONTRACTUAL, AvailabilityForm.CAPACITY_WEIGHTED} and not case.excused
    )
    return by_seconds and terms.irradiance_threshold_wm2 == AGGREGATES_THRESHOLD_WM2


def needs_yields(terms: Terms, excused: list[Excuse]) -> bool:
    if isinstance(terms, PerformanceTerms):
        return terms.variant is GuaranteeVariant.PERFORMANCE_RATIO
    return isinstance(terms, ProductionTerms) and bool(excused)


def deemed_wh_per_second(terms: AvailabilityTerms) -> Decimal | None:
    """The energy deemed for a second of standing, where the clause deems it."""
    energy = terms.available_energy
    if energy is None or energy.method is not AvailableEnergyMethod.FIXED_DEEMED or energy.deemed_kwh is None:
        return None
    return energy.deemed_kwh * 1000 / (energy.interval_minutes * 60)


def verdict_on(case: Case, used: Mapping[CapWindow, Decimal], now: datetime) -> tuple[Verdict, Evidence]:
    """The verdict and what it rests on. Raises `CoreError` or `MeteringError` where there can be none."""
    match case.terms:
        case AvailabilityTerms():
            return _availability(case, case.terms, used)
        case PerformanceTerms():
            return _performance(case, case.terms, used)
        case ProductionTerms():
            return _production(case, case.terms, used)
        case ResponseTerms():
            evidence = Evidence([], len(case.incidents), "", [], source="events")
            found = judge_response(
                case.terms, case.agreed, case.incidents, case.period, now, used=used, index_value=case.index_value
            )
            return found, evidence
        case OfftakeTerms():
            return _offtake(case, case.terms)


def _availability(case: Case, terms: AvailabilityTerms, used: Mapping[CapWindow, Decimal]) -> tuple[Verdict, Evidence]:
    open_because = ""
    if terms.form is AvailabilityForm.ENERGY_BASED:
        found, evidence, open_because = _by_energy(case, terms)
    else:
        assert case.evidence is not None  # measured before
        evidence = case.evidence
        form = AvailabilityForm.CONTRACTUAL if terms.form is AvailabilityForm.CAPACITY_WEIGHTED else terms.form
        each = {meter: of_form(unit, form, terms.unknown_as) for meter, unit in case.units.items()}
        if terms.form is AvailabilityForm.CAPACITY_WEIGHTED:
            found = capacity_weighted([*each.values()], _rated_power(case))
        else:
            found = reduce(add, each.values(), AvailabilityMeasurement(0, 0, 0, 0, 0))
    verdict = judge(
        terms,
        case.damages,
        found,
        case.period,
        used,
        index_value=case.index_value,
        open_because=open_because,
    )
    return verdict, evidence


def _rated_power(case: Case) -> list[Decimal]:
    powers = [meter.rated_power_kw for meter in case.measured.meters]
    for meter, power in zip(case.measured.meters, powers, strict=True):
        if power is None:
            raise MeteringError(f"meter {meter} has no rated_power_kw: {case.clause} weighs units by it, so enter it")
    return [power for power in powers if power is not None]


def _by_energy(case: Case, terms: AvailabilityTerms) -> tuple[AvailabilityMeasurement, Evidence, str]:
    losses = case.losses
    if losses is None:
        raise MeteringError(f"there are no readings in {case.period}: what was lost cannot be told from aggregates")
    open_because = ""
    if losses.unpriced:
        open_because = f"{losses.unpriced} intervals lost energy, and the month before tells not how much"
    elif losses.seconds_unknown > 0 and terms.unknown_as is not UnknownAs.EXCLUDED:
        open_because = f"what {losses.seconds_unknown} unit-seconds without information lost is not known"
    return energy_based(losses.actual_wh, losses.lost_wh), losses.evidence, open_because


def _performance(case: Case, terms: PerformanceTerms, used: Mapping[CapWindow, Decimal]) -> tuple[Verdict, Evidence]:
    steps: list[Json]
    worth: Fraction | None
    open_because = ""
    if terms.variant is GuaranteeVariant.PERFORMANCE_RATIO:
        if case.yields is None:
            raise MeteringError(
                f"there are no readings in {case.period}: a performance ratio needs those of irradiance"
            )
        found, evidence = case.yields.yields, case.yields.evidence
        measured = found.ratio(terms.power_kw, terms.temperature_coefficient_per_c)
        worth = found.reference_kwh(terms.power_kw, terms.temperature_coefficient_per_c)
        corrected = terms.temperature_coefficient_per_c
        steps = [
            {
                "step": "measure",
                "formula": "sum(E) / sum(C * P0 * G * hours / 1000)"
                + ("" if corrected is None else ", C = 1 + coefficient * (module temperature - 25)"),
                "intervals": found.intervals,
                "energy_wh": _plain(found.energy_wh),
                "irradiance_seconds": _plain(found.irradiance_seconds),
                "peak_power_kwp": str(terms.power_kw),
                "temperature_coefficient_per_c": None if corrected is None else str(corrected),
            }
        ]
    else:
        energy_kwh, evidence, open_because = _energy(case, terms.unknown_as)
        measured = worth = None
        seconds = case.measured.period.seconds
        if energy_kwh is not None:
            measured = capacity_factor(energy_kwh, terms.power_kw, seconds)
            worth = Fraction(terms.power_kw) * seconds / 3600
        steps = [
            {
                "step": "measure",
                "formula": "E / (P_AC * T)",
                "energy_kwh": None if energy_kwh is None else _plain(energy_kwh),
                "rated_power_kw": str(terms.power_kw),
                "seconds": seconds,
            }
        ]
    verdict = judge_performance(
        terms,
        case.agreed,
        measured,
        case.period,
        operating_year=year_of(case.clause.contract, case.period),
        short_kwh_per_share=worth,
        steps=steps,
        used=used,
        index_value=case.index_value,
        open_because=open_because,
    )
    return verdict, evidence


def _production(case: Case, terms: ProductionTerms, used: Mapping[CapWindow, Decimal]) -> tuple[Verdict, Evidence]:
    energy_kwh, evidence, open_because = _energy(case, terms.unknown_as)
    excused_kwh = Fraction(0)
    if case.excused:
        if case.yields is None or case.yields.excused_wh is None:
            raise MeteringError(
                f"readings do not tell what the plant could have given while it was excused in {case.period}:"
                " irradiance is missing there"
            )
        excused_kwh = case.yields.excused_wh / 1000
    verdict = judge_production(
        terms,
        case.agreed,
        energy_kwh,
        case.period,
        operating_year=year_of(case.clause.contract, case.period),
        months=_months(case),
        excused_kwh=excused_kwh,
        used=used,
        index_value=case.index_value,
        open_because=open_because,
    )
    return verdict, evidence


def _offtake(case: Case, terms: OfftakeTerms) -> tuple[Verdict, Evidence]:
    if case.price is None:
        raise ClauseError(
            str(case.clause), "take_or_pay_shortfall_rate", "is of a price, and no PRICING clause has one"
        )
    if case.measured.period != case.period.in_zone(case.measured.local):
        raise ClauseError(
            str(case.clause),
            "expected_energy_kwh",
            f"is of a whole period, and the contract is in force in part of {case.period}",
        )
    energy_kwh, evidence, open_because = _energy(case, None)
    price, currency = case.price
    verdict = judge_offtake(
        terms,
        case.period,
        taken_kwh=energy_kwh,
        deemed_kwh=Decimal(0),
        price_per_kwh=price,
        currency=currency,
        open_because=open_because,
    )
    return verdict, evidence


def _energy(case: Case, unknown_as: UnknownAs | None) -> tuple[Decimal | None, Evidence, str]:
    """The energy of the time in kWh, from aggregates; where more may have come, why nobody knows."""
    sums = case.sums
    assert sums is not None  # read before
    energy = sums.energy_wh
    open_because = ""
    if sums.seconds_unknown and unknown_as is None:
        open_because = f"the energy of {sums.seconds_unknown} unit-seconds is not known"
    return None if energy is None else energy / 1000, sums.evidence, open_because


def year_of(contract: Contract, period: CalendarPeriod) -> int:
    """The operating year in which the period begins, or the contract within it."""
    return operating_year(contract, max(period.first_day, contract.effective_date or period.first_day))


def _months(case: Case) -> dict[int, Fraction] | None:
    """The share of each month on which the contract is in force; None for all of a year."""
    period, span = case.period, case.measured.period
    local = case.measured.local
    first = span.start.astimezone(local).date()
    last = (span.end.astimezone(local) - timedelta.resolution).date()
    if period.kind is PeriodKind.ANNUAL and first == period.first_day and last == period.last_day:
        return None
    days: dict[int, list[bool]] = {}
    for day in period.days():
        days.setdefault(day.month, []).append(first <= day <= last)
    return {month: Fraction(sum(inside), len(inside)) for month, inside in days.items()}


def _plain(number: Decimal) -> str:
    """The number without the zeros that a column or a sum adds at its end."""
    return f"{number.normalize():f}"
