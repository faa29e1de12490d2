"""One model for each category of clause: its keys, their kinds and units, and what they may not say together.

A key without `None` must be there. Keys are those of the clause vocabulary; what the rules add is named where it is
added.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from core.payloads.values import (
    Clock,
    Count,
    Currency,
    Day,
    Days,
    EventTypes,
    Fraction0To1,
    Hours,
    Irradiance,
    Kwh,
    LineTypes,
    Minutes,
    Money,
    MoneyPerKwh,
    Month,
    Number,
    Percent,
    Points,
    SignedMoneyPerKwh,
    SignedPercent,
    Text,
    TextOrRate,
    TextOrYes,
    Times,
    Word,
    WordsOrNumber,
    Years,
    Yes,
)
from core.payloads.words import (
    AvailabilityForm,
    AvailableEnergyMethod,
    CalculationType,
    CapBase,
    CapType,
    CapYear,
    Comparison,
    CureCalendar,
    DayCount,
    DegradationMethod,
    DueCalendar,
    EscalationIndex,
    ExclusionMode,
    ExcusedEnergy,
    GuaranteeVariant,
    Instrument,
    LdMethod,
    LdRateBase,
    LdSteps,
    MarketPriceMethod,
    PricingStructure,
    ReliefScope,
    ShortfallFormula,
    TerminationCause,
    ThresholdUnit,
    TriggerType,
    UnknownAs,
)
from core.periods import PeriodKind

Problem: TypeAlias = tuple[str, str]  # key and reason

MISSING = "is missing, and no default may stand in for it"


class Keys(BaseModel):
    """Keys with values, none of them unknown; what each row of a list and each object within a payload is, too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {key: value for key, value in values.items() if value is not None or key not in cls.model_fields}

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if problems := tuple(self.contradictions()):
            raise PydanticCustomError("contradictions", "keys contradict each other", {"problems": problems})
        return self

    def contradictions(self) -> Iterator[Problem]:
        """What is wrong with keys taken together, each with the key to change."""
        return iter(())


class MonthlyRatio(Keys):
    month: Month
    target_percent: Percent
    expected_ghi_kwh_per_m2: Annotated[Decimal, Number("kWh/m2")] | None = None


class MonthlyProduction(Keys):
    month: Month
    expected_kwh: Kwh


class MultiplierStep(Keys):
    """From this availability up to that of the next step, payment is `multiplier_percent + slope * (A - from)`.

    "100 % - 2 * (98 % - A) for 70 % <= A < 98 %" begins with 44 at 70, and its slope is 2.
    """

    from_percent: Percent
    multiplier_percent: Percent
    slope: Annotated[Decimal, Number("percent per percentage point", is_signed=True)]


class RateIndex(Keys):
    """The rate is multiplied by the index of the period, `lag_months` earlier, over `base_value`."""

    index: Text
    base_date: Day
    base_value: Annotated[Decimal, Number("index points")]
    lag_months: Annotated[int, Count("months")] | None = None


class ChronicBreach(Keys):
    """A breach in `breaches` of the last `of_periods` periods, or that often below a level of its own."""

    breaches: Annotated[int, Count("breaches", least=1)]
    of_periods: Annotated[int, Count("periods", least=1)]
    below_percent: Percent | None = None

    def contradictions(self) -> Iterator[Problem]:
        if self.breaches > self.of_periods:
            yield "breaches", f"must be at most of_periods ({self.of_periods}), not {self.breaches}"


class Escalation(Keys):
    type: Text
    value: SignedPercent | None = None
    index_name: Text | None = None
    base_date: Day | None = None


class RateStep(Keys):
    period: Annotated[Decimal | str, WordsOrNumber("operating year or month")]
    rate: SignedMoneyPerKwh
    unit: Text | None = None


class FxIndemnity(Keys):
    tariff_currency: Currency | None = None
    payment_currency: Currency | None = None
    agreed_rate: Annotated[Decimal, Number("payment currency per tariff currency")] | None = None
    gain_treatment: Text | None = None
    loss_treatment: Text | None = None
    source: Text | None = None
    reconciliation_frequency: Text | None = None


class DecliningStep(Keys):
    year: Annotated[int, Count("years", least=1)]
    amount: Money | None = None
    rate_per_wp: Annotated[Decimal, Number("money per Wp")] | None = None
    cause: Word[TerminationCause] | None = None

    def contradictions(self) -> Iterator[Problem]:
        if (self.amount is None) == (self.rate_per_wp is None):
            yield "amount", "either amount or rate_per_wp must be given, and not both"


class Milestones(Keys):
    anticipated_cod: Day | None = None
    longstop: Day | None = None
    interconnection: Day | None = None
    transfer: Day | None = None
    early_start: Day | None = None


class Payload(Keys):
    """The payload of a clause of one category."""

    category: ClassVar[str]


class CureKeys(Keys):
    """How a breach is cured. Beyond the vocabulary of extraction; the compliance rules read them.

    `cure_period_days` run from the notice by `cure_calendar`, business days by the `cure_holiday_calendar` that is
    named; `ld_accrues_during_cure` says whether damages go on.
    """

    cure_period_days: Days | None = None
    extended_cure_period_days: Days | None = None
    cure_calendar: Word[CureCalendar] | None = None
    cure_holiday_calendar: Text | None = None
    ld_accrues_during_cure: Yes | None = None
    chronic_breach: ChronicBreach | None = None


class DamagesKeys(CureKeys):
    """How damages are counted. Beyond the vocabulary of extraction; the damages rules read them.

    `ld_steps` rounds the shortfall to `ld_granularity_points`; `ld_dead_band_points` around the guarantee cost and
    earn nothing; `ld_multiplier_schedule` belongs to piecewise_multiplier, `ld_bonus_rate` and `ld_bonus_cap` to
    bonus_malus, `ld_grace_days` and `ld_max_days` to delay. `ld_rate_base` and `cap_base` say of what a rate and a cap
    are a percentage, `ld_rate_base_amount` and `cap_base_amount` how much that is; `cap_year` which year an annual cap
    counts.
    """

    ld_currency: Currency | None = None
    ld_method: Word[LdMethod] | None = None
    ld_steps: Word[LdSteps] | None = None
    ld_granularity_points: Points | None = None
    ld_dead_band_points: Points | None = None
    ld_multiplier_schedule: list[MultiplierStep] | None = None
    ld_bonus_rate: Annotated[Decimal, Number("money per percentage point")] | None = None
    ld_bonus_cap: Money | None = None
    ld_grace_days: Days | None = None
    ld_max_days: Days | None = None
    ld_rate_base: Word[LdRateBase] | None = None
    ld_rate_base_amount: Money | None = None
    ld_rate_index: RateIndex | None = None
    cap_type: Word[CapType] | None = None
    cap_base: Word[CapBase] | None = None
    cap_base_amount: Money | None = None
    cap_year: Word[CapYear] | None = None

    def contradictions(self) -> Iterator[Problem]:
        yield from super().contradictions()
        if self.ld_steps in {LdSteps.CEIL, LdSteps.FLOOR} and not self.ld_granularity_points:
            yield "ld_granularity_points", f"must be above zero while ld_steps is {self.ld_steps}"
        if self.ld_method is LdMethod.PIECEWISE_MULTIPLIER and not self.ld_multiplier_schedule:
            yield "ld_multiplier_schedule", f"is missing while ld_method is {self.ld_method}"
        if self.ld_method is LdMethod.BONUS_MALUS and self.ld_bonus_rate is None:
            yield "ld_bonus_rate", f"is missing while ld_method is {self.ld_method}"
        if self.ld_rate_base not in {None, LdRateBase.MONEY} and self.ld_rate_base_amount is None:
            yield "ld_rate_base_amount", f"is missing while ld_rate_base is {self.ld_rate_base}"
        if self.cap_base not in {None, CapBase.MONEY} and self.cap_base_amount is None:
            yield "cap_base_amount", f"is missing while cap_base is {self.cap_base}"
        starts = [step.from_percent for step in self.ld_multiplier_schedule or ()]
        if starts and (starts[0] != 0 or starts != sorted(set(starts))):
            yield "ld_multiplier_schedule", "must begin at from_percent 0 and go up, step by step"


class AvailabilityPayload(Payload, DamagesKeys):
    """A guaranteed availability. `exclusion_mode`, `unknown_as` and `availability_form` are what the rules add."""

    category = "AVAILABILITY"

    threshold: Annotated[Decimal, Number("threshold_unit")]
    threshold_unit: Word[ThresholdUnit]
    measurement_period: Word[PeriodKind]
    calculation_method: Text | None = None
    excused_events: EventTypes | None = None
    ld_rate: Annotated[Decimal, Number("money per percentage point")] | None = None
    ld_cap: Money | None = None
    scheduled_outage_max_hours_per_year: Hours | None = None
    scheduled_outage_notice_days: Days | None = None
    available_energy_method: Word[AvailableEnergyMethod] | None = None
    irradiance_threshold_wm2: Irradiance = Decimal(100)
    interval_minutes: Minutes = 15
    monthly_production_formula: Text | None = None
    available_energy_formula: Text | None = None
    reference_irradiance_wm2: Irradiance | None = None
    reference_monthly_energy_kwh: Kwh | None = None
    deemed_kwh_per_interval: Kwh | None = None
    comparison_operator: Word[Comparison] | None = None
    exclusion_mode: Word[ExclusionMode] | None = None
    unknown_as: Word[UnknownAs] | None = None
    availability_form: Word[AvailabilityForm] | None = None

    def contradictions(self) -> Iterator[Problem]:
        yield from super().contradictions()
        most = 100 if self.threshold_unit is ThresholdUnit.PERCENT else 365
        if not 1 < self.threshold <= most:
            # 0.95 is a share that was meant as 95, and 355 percent are days.
            yield "threshold", f"must be above 1 and at most {most} {self.threshold_unit}, not {self.threshold}"
        if self.threshold_unit is ThresholdUnit.DAYS and self.measurement_period is not PeriodKind.ANNUAL:
            yield (
                "threshold_unit",
                f"days are days per year, and measurement_period is {self.measurement_period}",
            )
        if self.ld_cap is not None and self.ld_rate is None:
            yield "ld_rate", "is missing while ld_cap is given"
        if self.ld_rate is not None and self.ld_currency is None:
            yield "ld_currency", MISSING


class PerformanceGuaranteePayload(Payload, DamagesKeys):
    """A guaranteed performance.

    What the rules add: `degradation_method`; `monthly_production_profile`, by which a partial year is prorated;
    `excused_energy`; `peak_power_kwp`, the nameplate of a performance ratio; and `temperature_coefficient_per_c`, the
    gamma of one that is corrected for temperature.
    """

    category = "PERFORMANCE_GUARANTEE"

    variant: Word[GuaranteeVariant] | None = None
    threshold: Percent
    measurement_period: Word[PeriodKind]
    degradation_rate_percent_per_year: Annotated[Decimal, Number("percent per year", most=100)] | None = None
    degradation_method: Word[DegradationMethod] | None = None
    guarantee_period_years: Years | None = None
    weather_adjustment_method: Text | None = None
    temperature_coefficient_per_c: Annotated[Decimal, Number("1/°C", is_signed=True)] | None = None
    guaranteed_annual_production_kwh: Kwh | None = None
    monthly_production_profile: list[MonthlyProduction] | None = None
    performance_ratio_schedule: list[MonthlyRatio] | None = None
    shortfall_formula_type: Word[ShortfallFormula] | None = None
    shortfall_excused_events: EventTypes | None = None
    excused_energy: Word[ExcusedEnergy] | None = None
    p_alternate: MoneyPerKwh | None = None
    p_solar: MoneyPerKwh | None = None
    shortfall_rate_per_kwh: MoneyPerKwh | None = None
    shortfall_cap_usd: Money | None = None
    nameplate_capacity_mw: Annotated[Decimal, Number("MW")] | None = None
    peak_power_kwp: Annotated[Decimal, Number("kWp")] | None = None
    efficiency_factor: Annotated[Decimal, Number("ratio")] = Decimal("0.95")
    reference_annex: Text | None = None
    exclusion_mode: Word[ExclusionMode] | None = None
    unknown_as: Word[UnknownAs] | None = None

    def contradictions(self) -> Iterator[Problem]:
        yield from super().contradictions()
        if self.threshold <= 1:
            yield "threshold", f"must be above 1 percent, not {self.threshold}: a share is written in percent"
        if self.measurement_period is PeriodKind.QUARTERLY:
            yield "measurement_period", "must be monthly or annual, not 'quarterly'"
        for key, rows in (
            ("monthly_production_profile", self.monthly_production_profile),
            ("performance_ratio_schedule", self.performance_ratio_schedule),
        ):
            months = [row.month for row in rows or ()]
            if len(months) != len(set(months)):
                yield key, "names a month twice"


class PricingPayload(Payload):
    category = "PRICING"

    base_rate_per_kwh: Annotated[Decimal, Number("money per base_rate_unit")]
    base_rate_unit: Text | None = None
    billing_currency: Currency | None = None
    pricing_structure: Word[PricingStructure] | None = None
    escalation_rate: (
        Annotated[
            Annotated[SignedPercent, Tag("(number)")] | Annotated[Escalation, Tag("(object)")],
            Discriminator(lambda value: "(object)" if isinstance(value, Mapping) else "(number)"),
        ]
        | None
    ) = None
    escalation_index: Word[EscalationIndex] | None = None
    rate_schedule: list[RateStep] | None = None
    billing_components: LineTypes | None = None
    fx_indemnity: FxIndemnity | None = None
    deemed_energy_method: Text | None = None
    includes_environmental_attributes: Yes | None = None
    discount_pct: Fraction0To1 | None = None
    floor_rate: SignedMoneyPerKwh | None = None
    ceiling_rate: SignedMoneyPerKwh | None = None
    mrp_method: Word[MarketPriceMethod] | None = None
    mrp_included_components: list[Text] | None = None
    mrp_excluded_components: list[Text] | None = None
    mrp_time_window_start: Clock | None = None
    mrp_time_window_end: Clock | None = None
    mrp_calculation_due_days: Days | None = None
    mrp_verification_deadline_days: Days | None = None
    pricing_formula_text: Text | None = None
    recalculation_frequency: Text | None = None

    def contradictions(self) -> Iterator[Problem]:
        yield from super().contradictions()
        if self.floor_rate is not None and self.ceiling_rate is not None and self.floor_rate > self.ceiling_rate:
            yield "floor_rate", f"must be at most ceiling_rate ({self.ceiling_rate}), not {self.floor_rate}"


class PaymentTermsPayload(Payload):
    """When and how is paid. `measurement_period` and `expected_energy_kwh` are what take-or-pay is measured on."""

    category = "PAYMENT_TERMS"

    invoice_frequency: Text
    payment_due_days: Days
    payment_due_calendar: Word[DueCalendar] | None = None
    invoice_timing: Text | None = None
    late_interest_rate: TextOrRate | None = None
    late_interest_day_count: Word[DayCount] | None = None
    currency: Currency | None = None
    billing_components: LineTypes | None = None
    minimum_purchase_percent: Percent | None = None
    take_or_pay_shortfall_rate: Annotated[Decimal, Number("fraction of the contract price")] | None = None
    default_rate: TextOrRate | None = None
    grace_days: Days | None = None
    benchmark: TextOrRate | None = None
    measurement_period: Word[PeriodKind] | None = None
    expected_energy_kwh: Kwh | None = None


class LiquidatedDamagesPayload(Payload, DamagesKeys):
    category = "LIQUIDATED_DAMAGES"

    trigger_type: Word[TriggerType]
    calculation_type: Word[CalculationType]
    rate: Annotated[Decimal, Number("rate_unit")]
    rate_unit: Text | None = None
    cap_amount: Money | None = None
    cumulative_cap: Money | None = None
    threshold_percent: Percent | None = None
    payment_due_days: Days | None = None

    def contradictions(self) -> Iterator[Problem]:
        yield from super().contradictions()
        if self.cap_type is not None and self.cap_amount is None and self.cumulative_cap is None:
            yield "cap_amount", "is missing while cap_type is given"


class ForceMajeurePayload(Payload):
    category = "FORCE_MAJEURE"

    events: list[Text]
    notice_period_days: Days | None = None
    relief_scope: Word[ReliefScope] | None = None
    max_duration_days: Days | None = None
    documentation_required: TextOrYes | None = None
    term_extension_on_fm: Yes | None = None


class DefaultPayload(Payload, CureKeys):
    category = "DEFAULT"

    variant: Text | None = None
    events: list[Text]
    owner_default_events: list[Text] | None = None
    buyer_default_events: list[Text] | None = None
    cure_period_days: Days
    remedy: Text | None = None
    cure_notice_method: Text | None = None
    cross_default_applies: Yes | None = None
    payment_overdue_trigger_days: Days | None = None
    security_draw_on_default: TextOrYes | None = None
    interest_on_overdue: TextOrRate | None = None
    consequences: list[Text] | None = None


class TerminationPayload(Payload):
    category = "TERMINATION"

    variant: Text | None = None
    initial_term_years: Years | None = None
    extension_term_years: Years | None = None
    extension_count: Times | None = None
    termination_notice_days: Days | None = None
    early_termination_by_owner: TextOrYes | None = None
    early_termination_by_buyer: TextOrYes | None = None
    termination_fee_formula: Text | None = None
    declining_schedule: list[DecliningStep] | None = None
    purchase_option_exists: Yes | None = None
    purchase_price_basis: Text | None = None


class ConditionsPrecedentPayload(Payload):
    category = "CONDITIONS_PRECEDENT"

    conditions: list[Text]
    longstop_date: Day | None = None
    milestone_dates: Milestones | None = None
    responsible_party_by_condition: dict[str, Text] | None = None
    satisfaction_deadline_days: Days | None = None
    waiver_rights: TextOrYes | None = None
    failure_consequences: Text | None = None


class MaintenancePayload(Payload):
    category = "MAINTENANCE"

    maintenance_responsible_party: Text
    maintenance_standard: Text | None = None
    sla_targets: dict[str, TextOrRate] | None = None
    response_time_hours: Hours | None = None
    resolution_time_hours: Hours | None = None
    spare_parts_obligation: Text | None = None
    scheduled_outage_notice_days: Days | None = None
    scheduled_outage_max_hours_per_year: Hours | None = None
    cleaning_frequency: Text | None = None
    emergency_notice_hours: Hours | None = None
    warranty_years: Years | None = None


class SecurityPackagePayload(Payload):
    category = "SECURITY_PACKAGE"

    instrument_type: Word[Instrument]
    amount: Money
    security_currency: Currency | None = None
    security_amount_formula: Text | None = None
    issuer_requirements: Text | None = None
    release_conditions: list[Text] | None = None
    draw_conditions: list[Text] | None = None
    replenishment_days: Days | None = None


class CompliancePayload(Payload):
    category = "COMPLIANCE"

    standards: list[Text] | None = None
    reporting_frequency: Text | None = None
    audit_rights: TextOrYes | None = None
    compliance_responsible_party: Text | None = None
    change_in_law_provisions: TextOrYes | None = None


class GeneralPayload(Payload):
    category = "GENERAL"

    governing_law: Text | None = None
    dispute_resolution_method: Text | None = None
    dispute_venue: Text | None = None
    notice_method: Text | None = None
    assignment_restrictions: TextOrYes | None = None
    confidentiality_period_years: Years | None = None


PAYLOADS: Mapping[str, type[Payload]] = MappingProxyType(
    {
        model.category: model
        for model in (
            AvailabilityPayload,
            PerformanceGuaranteePayload,
            PricingPayload,
            PaymentTermsPayload,
            LiquidatedDamagesPayload,
            ForceMajeurePayload,
            DefaultPayload,
            TerminationPayload,
            ConditionsPrecedentPayload,
            MaintenancePayload,
            SecurityPackagePayload,
            CompliancePayload,
            GeneralPayload,
        )
    }
)
