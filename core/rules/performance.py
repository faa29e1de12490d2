"""Performance ratio, with or without correction for temperature, and capacity factor.

Sums are divided last, and only intervals that are valid in every series count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Self

from core.errors import ClauseError, MeasurementError
from core.payloads import MISSING, PerformanceGuaranteePayload, read_as
from core.payloads.models import ChronicBreach
from core.payloads.words import DegradationMethod, ExclusionMode, GuaranteeVariant, UnknownAs
from core.periods import CalendarPeriod, PeriodKind
from core.rules.conclusion import conclude
from core.rules.damages import NOTHING_USED, CapWindow, DamagesTerms
from core.rules.explanation import Json, Verdict, explain_fraction

REFERENCE_IRRADIANCE_WM2 = 1000
REFERENCE_TEMPERATURE_C = 25


@dataclass(frozen=True, slots=True)
class Yields:
    """Sums over the intervals that are valid in all series: of energy in Wh, of irradiance * seconds, and of that
    * module temperature in degrees Celsius, where the clause corrects for it.
    """

    energy_wh: Decimal
    irradiance_seconds: Decimal
    heat: Decimal = Decimal(0)
    intervals: int = 0

    def __add__(self, other: "Yields") -> "Yields":
        return Yields(
            self.energy_wh + other.energy_wh,
            self.irradiance_seconds + other.irradiance_seconds,
            self.heat + other.heat,
            self.intervals + other.intervals,
        )

    def reference_kwh(self, peak_power_kwp: Decimal, temperature_coefficient_per_c: Decimal | None) -> Fraction:
        """What the irradiance was worth: sum(C * P0 * G * hours / 1000), C = 1 + coefficient * (temperature - 25).

        Without a coefficient C is 1. That of silicon is below 0: a hot module is expected to give less.
        """
        if peak_power_kwp <= 0:
            raise MeasurementError(f"peak power must be above 0 kWp, not {peak_power_kwp}")
        light = Fraction(self.irradiance_seconds)
        if temperature_coefficient_per_c is not None:
            warmer = Fraction(self.heat) - REFERENCE_TEMPERATURE_C * light
            light += Fraction(temperature_coefficient_per_c) * warmer
        return Fraction(peak_power_kwp) * light / (3600 * REFERENCE_IRRADIANCE_WM2)

    def ratio(self, peak_power_kwp: Decimal, temperature_coefficient_per_c: Decimal | None = None) -> Fraction | None:
        """The performance ratio PR = E / reference, a ratio of sums; None where no light was measured."""
        reference = self.reference_kwh(peak_power_kwp, temperature_coefficient_per_c)
        return Fraction(self.energy_wh) / 1000 / reference if reference > 0 else None


NO_YIELDS = Yields(Decimal(0), Decimal(0))


def yields(intervals: Iterable[tuple[int, Decimal | None, Decimal | None, Decimal | None]]) -> Yields:
    """Sums of intervals: seconds, energy of the plant in Wh, irradiance in W/m2, module temperature in Celsius.

    An interval of which energy or irradiance is not known does not count.
    """
    found = NO_YIELDS
    for seconds, energy_wh, irradiance_wm2, temperature_c in intervals:
        if energy_wh is not None and irradiance_wm2 is not None:
            light = irradiance_wm2 * seconds
            found += Yields(energy_wh, light, light * (temperature_c or 0), 1)
    return found


def capacity_factor(energy_kwh: Decimal, ac_power_kw: Decimal, seconds: int) -> Fraction:
    """CF = E / (P_AC * T), on the base of the rated AC power."""
    if ac_power_kw <= 0 or seconds <= 0:
        raise MeasurementError(f"rated power and time must be above 0, not {ac_power_kw} kW and {seconds} s")
    return Fraction(energy_kwh) / (Fraction(ac_power_kw) * Fraction(seconds, 3600))


@dataclass(frozen=True, slots=True)
class PerformanceTerms:
    """A guaranteed share: of performance ratio or of capacity factor, by month where the clause has a schedule."""

    clause: str
    variant: GuaranteeVariant
    threshold_percent: Decimal
    measurement_period: PeriodKind
    degradation_percent_per_year: Decimal
    degradation: DegradationMethod
    targets_percent: Mapping[int, Decimal]  # by month of the year
    excused_events: frozenset[str]
    power_kw: Decimal  # peak DC power of a performance ratio, rated AC power of a capacity factor
    temperature_coefficient_per_c: Decimal | None
    unknown_as: UnknownAs | None
    damages: DamagesTerms | None
    years: Decimal | None  # for how many operating years the guarantee is given
    chronic_breach: ChronicBreach | None = None

    @classmethod
    def from_payload(cls, payload: Mapping[str, object], *, clause: str) -> Self:
        """Read a PERFORMANCE_GUARANTEE clause. Raises `ClauseError` for each key that is missing or wrong."""
        agreed = read_as(PerformanceGuaranteePayload, payload, clause=clause)
        if agreed.threshold > 100:
            raise ClauseError(clause, "threshold", f"must be at most 100 percent, not {agreed.threshold}")
        match agreed.variant:
            case GuaranteeVariant.PERFORMANCE_RATIO:
                power = _given(clause, "peak_power_kwp", agreed.peak_power_kwp)
            case GuaranteeVariant.CAPACITY_FACTOR:
                power = _given(clause, "nameplate_capacity_mw", agreed.nameplate_capacity_mw) * 1000
                if agreed.shortfall_excused_events:
                    raise ClauseError(clause, "shortfall_excused_events", "are not judged for a capacity factor")
            case _:
                raise ClauseError(clause, "variant", "must be performance_ratio or capacity_factor")
        return cls(
            clause=clause,
            variant=agreed.variant,
            threshold_percent=agreed.threshold,
            measurement_period=agreed.measurement_period,
            degradation_percent_per_year=agreed.degradation_rate_percent_per_year or Decimal(0),
            degradation=degradation_method(clause, agreed),
            targets_percent={row.month: row.target_percent for row in agreed.performance_ratio_schedule or ()},
            excused_events=agreed.shortfall_excused_events or frozenset(),
            power_kw=power,
            temperature_coefficient_per_c=agreed.temperature_coefficient_per_c,
            unknown_as=energy_unknown_as(clause, agreed),
            damages=DamagesTerms.of_performance(clause, agreed),
            years=agreed.guarantee_period_years,
            chronic_breach=agreed.chronic_breach,
        )

    def guaranteed_share(self, period: CalendarPeriod, operating_year: int) -> Fraction:
        """The level of the period, lower with each operating year after the first."""
        percent = self.threshold_percent
        if period.kind is PeriodKind.MONTHLY:
            percent = self.targets_percent.get(period.first_day.month, percent)
        left = degraded(self.degradation, self.degradation_percent_per_year, operating_year)
        return Fraction(percent) / 100 * left


def _given(clause: str, key: str, value: Decimal | None) -> Decimal:
    if not value:
        raise ClauseError(clause, key, MISSING if value is None else "must be above 0")
    return value


def degradation_method(clause: str, agreed: PerformanceGuaranteePayload) -> DegradationMethod:
    """How the guarantee falls. A rate without a method says two things: it is refused."""
    if agreed.degradation_rate_percent_per_year and agreed.degradation_method is None:
        raise ClauseError(clause, "degradation_method", MISSING)
    return agreed.degradation_method or DegradationMethod.LINEAR


def degraded(method: DegradationMethod, percent_per_year: Decimal, operating_year: int) -> Fraction:
    """What is left of a guarantee in an operating year, 1 for the first; never below 0."""
    if operating_year < 1:
        raise MeasurementError(f"operating years count from 1, not {operating_year}")
    rate, years = Fraction(percent_per_year) / 100, operating_year - 1
    return max(Fraction(0), 1 - rate * years if method is DegradationMethod.LINEAR else (1 - rate) ** years)


def energy_unknown_as(clause: str, agreed: PerformanceGuaranteePayload) -> UnknownAs | None:
    """What becomes of time whose energy is not known: nothing came, it is left out, or the answer stays open."""
    if agreed.unknown_as in {UnknownAs.UP, UnknownAs.ESTIMATED}:
        raise ClauseError(clause, "unknown_as", f"must be excluded or down for energy, not {agreed.unknown_as}")
    if agreed.exclusion_mode is ExclusionMode.CREDIT_AS_UP:
        raise ClauseError(clause, "exclusion_mode", "credits time, not energy: excused_energy says what becomes of it")
    return agreed.unknown_as


def judge_performance(
    terms: PerformanceTerms,
    damages: DamagesTerms | None,
    measured: Fraction | None,
    period: CalendarPeriod,
    *,
    operating_year: int = 1,
    short_kwh_per_share: Fraction | None = None,
    steps: Sequence[Json] = (),
    used: Mapping[CapWindow, Decimal] = NOTHING_USED,
    index_value: Decimal | None = None,
    open_because: str = "",
) -> Verdict:
    """Whether performance ratio or capacity factor reached the guarantee; `steps` explain how it was measured.

    `short_kwh_per_share` is the energy that the whole of it is worth, for damages by the kWh. Raises `ClauseError`
    where the period is of another kind than the clause measures.
    """
    if period.kind is not terms.measurement_period:
        raise ClauseError(
            terms.clause, "measurement_period", f"is {terms.measurement_period}: {period} ({period.kind}) does not fit"
        )
    name = terms.variant.replace("_", " ")
    guaranteed = terms.guaranteed_share(period, operating_year)
    adjusted: Json = {
        "step": "adjust guarantee",
        "formula": "percent of the period / 100 * what degradation left by the operating year",
        "degradation": terms.degradation.value,
        "degradation_percent_per_year": str(terms.degradation_percent_per_year),
        "operating_year": operating_year,
        "guaranteed": explain_fraction(guaranteed),
    }
    short = None
    if measured is not None and short_kwh_per_share is not None:
        short = max(Fraction(0), guaranteed - measured) * short_kwh_per_share
    return conclude(
        clause=terms.clause,
        subject=name,
        period=period,
        steps=[*steps, adjusted],
        measured=measured,
        guaranteed=guaranteed,
        nothing_measured=f"no interval of the period has all that {name} needs",
        damages=damages or terms.damages,
        quantity=short,
        unit="kwh",
        used=used,
        index_value=index_value,
        open_because=open_because,
    )
