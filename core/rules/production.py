"""Guaranteed energy of an operating year: with degradation, for part of a year, and net of what is excused."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Self

from core.errors import ClauseError
from core.payloads import MISSING, PerformanceGuaranteePayload, read_as
from core.payloads.models import ChronicBreach
from core.payloads.words import DegradationMethod, ExcusedEnergy, UnknownAs
from core.periods import CalendarPeriod, PeriodKind
from core.rules.conclusion import conclude
from core.rules.damages import NOTHING_USED, CapWindow, DamagesTerms
from core.rules.explanation import Verdict, explain_fraction
from core.rules.performance import degradation_method, degraded, energy_unknown_as


@dataclass(frozen=True, slots=True)
class ProductionTerms:
    """A guaranteed energy per operating year; `threshold_percent` of it must come."""

    clause: str
    first_year_kwh: Decimal
    threshold_percent: Decimal
    measurement_period: PeriodKind
    degradation_percent_per_year: Decimal
    degradation: DegradationMethod
    excused_energy: ExcusedEnergy
    excused_events: frozenset[str]
    monthly_production: Mapping[int, Decimal]  # expected kWh of each month, or nothing
    unknown_as: UnknownAs | None
    damages: DamagesTerms | None
    years: Decimal | None  # for how many operating years the guarantee is given
    chronic_breach: ChronicBreach | None = None

    @classmethod
    def from_payload(cls, payload: Mapping[str, object], *, clause: str) -> Self:
        """Read a PERFORMANCE_GUARANTEE clause about energy. Raises `ClauseError` for what is missing or wrong."""
        agreed = read_as(PerformanceGuaranteePayload, payload, clause=clause)
        if agreed.threshold > 100:
            raise ClauseError(clause, "threshold", f"must be at most 100 percent, not {agreed.threshold}")
        if agreed.guaranteed_annual_production_kwh is None:
            raise ClauseError(clause, "guaranteed_annual_production_kwh", MISSING)
        return cls(
            clause=clause,
            first_year_kwh=agreed.guaranteed_annual_production_kwh,
            threshold_percent=agreed.threshold,
            measurement_period=agreed.measurement_period,
            degradation_percent_per_year=agreed.degradation_rate_percent_per_year or Decimal(0),
            degradation=degradation_method(clause, agreed),
            excused_energy=agreed.excused_energy or ExcusedEnergy.REDUCES_GUARANTEE,
            excused_events=agreed.shortfall_excused_events or frozenset(),
            monthly_production=_profile(clause, agreed),
            unknown_as=energy_unknown_as(clause, agreed),
            damages=DamagesTerms.of_performance(clause, agreed),
            years=agreed.guarantee_period_years,
            chronic_breach=agreed.chronic_breach,
        )

    def degraded(self, operating_year: int) -> Fraction:
        """The guarantee of an operating year, 1 for the first, in kWh."""
        left = degraded(self.degradation, self.degradation_percent_per_year, operating_year)
        return Fraction(self.first_year_kwh) * left

    def part_of_year(self, months: Mapping[int, Fraction]) -> Fraction:
        """The share of a year's energy that is expected in these months, each with the share of it that counts.

        By the expected monthly profile, not by days: January does not give what July gives.
        """
        key = "monthly_production_profile"
        if not self.monthly_production:
            raise ClauseError(self.clause, key, "is missing: part of a year cannot be judged without")
        if any(month not in self.monthly_production or not 0 <= share <= 1 for month, share in months.items()):
            raise ClauseError(self.clause, key, f"months must be 1 to 12, shares 0 to 1: {months}")
        profile = {month: Fraction(energy) for month, energy in self.monthly_production.items()}
        counted = sum((profile[month] * share for month, share in months.items()), Fraction(0))
        return counted / sum(profile.values())


def _profile(clause: str, agreed: PerformanceGuaranteePayload) -> Mapping[int, Decimal]:
    found = {row.month: row.expected_kwh for row in agreed.monthly_production_profile or ()}
    if found and (len(found) < 12 or not any(found.values())):
        raise ClauseError(clause, "monthly_production_profile", "must have all 12 months, and energy in one at least")
    return found


def judge_production(
    terms: ProductionTerms,
    damages: DamagesTerms | None,
    actual_kwh: Decimal | None,
    period: CalendarPeriod,
    *,
    operating_year: int,
    months: Mapping[int, Fraction] | None = None,
    excused_kwh: Fraction = Fraction(0),
    used: Mapping[CapWindow, Decimal] = NOTHING_USED,
    index_value: Decimal | None = None,
    open_because: str = "",
) -> Verdict:
    """Whether the energy of an operating year, or of the months of it that count, reached the guarantee.

    `excused_kwh` is the sum over excused intervals of max(0, potential - actual energy). Damages per energy count the
    kWh that lack from the guaranteed level.
    """
    part = Fraction(1) if months is None else terms.part_of_year(months)
    full = terms.degraded(operating_year) * part
    actual = None if actual_kwh is None else Fraction(actual_kwh)
    level = Fraction(terms.threshold_percent) / 100
    if terms.excused_energy is ExcusedEnergy.REDUCES_GUARANTEE:
        required, counted = max(Fraction(0), full * level - excused_kwh), actual
    else:
        required, counted = full * level, None if actual is None else actual + excused_kwh
    steps = [
        {
            "step": "adjust guarantee",
            "formula": "first year * degradation * part of the year * threshold / 100"
            + (" - excused" if terms.excused_energy is ExcusedEnergy.REDUCES_GUARANTEE else ""),
            "first_year_kwh": str(terms.first_year_kwh),
            "degradation": terms.degradation.value,
            "degradation_percent_per_year": str(terms.degradation_percent_per_year),
            "operating_year": operating_year,
            "part_of_year": explain_fraction(part),
            "threshold_percent": str(terms.threshold_percent),
            "excused_energy": terms.excused_energy.value,
            "excused_kwh": explain_fraction(excused_kwh),
            "required_kwh": explain_fraction(required),
            "counted_kwh": explain_fraction(counted),
        }
    ]
    short = Fraction(0) if counted is None else max(Fraction(0), required - counted)
    measured = None if counted is None else counted / full if full else Fraction(1)
    return conclude(
        clause=terms.clause,
        subject="energy",
        period=period,
        steps=[*steps],
        measured=measured,
        guaranteed=required / full if full else Fraction(0),
        nothing_measured="the energy of the period is not known",
        damages=damages or terms.damages,
        quantity=short,
        unit="kwh",
        used=used,
        index_value=index_value,
        open_because=open_because,
    )
