"""The words that a payload may choose from, one enumeration for each key or two."""

from enum import StrEnum


class ThresholdUnit(StrEnum):
    """What the number of a guarantee counts."""

    PERCENT = "percent"
    DAYS = "days"  # of the year


class ExclusionMode(StrEnum):
    """What becomes of excused time: it leaves the calculation, or it counts as available."""

    REMOVE_FROM_PERIOD = "remove_from_period"
    CREDIT_AS_UP = "credit_as_up"


class UnknownAs(StrEnum):
    """What becomes of time without information; where the clause is silent it is only bounded."""

    EXCLUDED = "excluded"
    UP = "up"
    DOWN = "down"
    ESTIMATED = "estimated"


class AvailabilityForm(StrEnum):
    """Which availability is guaranteed; `contractual` where the clause is silent."""

    RAW = "raw"
    TECHNICAL = "technical"
    CONTRACTUAL = "contractual"
    ENERGY_BASED = "energy_based"
    CAPACITY_WEIGHTED = "capacity_weighted"


class Comparison(StrEnum):
    """How the measured share must stand to the guaranteed one for the guarantee to be kept."""

    AT_LEAST = ">="
    ABOVE = ">"


class AvailableEnergyMethod(StrEnum):
    IRRADIANCE_INTERVAL_ADJUSTED = "irradiance_interval_adjusted"
    MONTHLY_AVERAGE_IRRADIANCE = "monthly_average_irradiance"
    FIXED_DEEMED = "fixed_deemed"
    NONE = "none"


class GuaranteeVariant(StrEnum):
    PERFORMANCE_RATIO = "performance_ratio"
    CAPACITY_FACTOR = "capacity_factor"
    ENERGY_OUTPUT = "energy_output"


class DegradationMethod(StrEnum):
    """Whether each year loses a share of the first year, or of the year before."""

    LINEAR = "linear"
    COMPOUND = "compound"


class ExcusedEnergy(StrEnum):
    """Whether excused energy lowers the guarantee or counts as delivered: one shortfall, two volumes to pay for."""

    REDUCES_GUARANTEE = "reduces_guarantee"
    DEEMED_DELIVERED = "deemed_delivered"


class ShortfallFormula(StrEnum):
    PRICE_DIFFERENTIAL = "price_differential"
    FIXED_RATE_PER_KWH = "fixed_rate_per_kwh"
    CAPACITY_ADJUSTED = "capacity_adjusted"
    NONE = "none"


class PricingStructure(StrEnum):
    FIXED = "fixed"
    ESCALATING = "escalating"
    INDEXED = "indexed"
    TIERED = "tiered"
    TIME_OF_USE = "time_of_use"
    STEP_DOWN = "step_down"


class EscalationIndex(StrEnum):
    FIXED = "fixed"
    CPI = "CPI"
    PPI = "PPI"


class MarketPriceMethod(StrEnum):
    UTILITY_VARIABLE_CHARGES_TOU = "utility_variable_charges_tou"
    UTILITY_TOTAL_CHARGES = "utility_total_charges"


class TriggerType(StrEnum):
    """What damages are owed for."""

    AVAILABILITY_SHORTFALL = "availability_shortfall"
    PERFORMANCE_SHORTFALL = "performance_shortfall"
    DELAY = "delay"
    NON_DELIVERY = "non_delivery"


class CalculationType(StrEnum):
    """What damages are counted by."""

    PER_POINT = "per_point"
    PER_DAY = "per_day"
    PER_KWH = "per_kwh"
    FLAT_FEE = "flat_fee"
    FORMULA = "formula"


class CapType(StrEnum):
    """Over what a cap adds up; in AVAILABILITY the measured period where the clause is silent."""

    ANNUAL = "annual"
    CUMULATIVE = "cumulative"
    PER_EVENT = "per_event"
    PERCENTAGE_OF_CONTRACT = "percentage_of_contract"


class LdMethod(StrEnum):
    """The structures of liquidated damages."""

    PER_POINT = "per_point"
    PIECEWISE_MULTIPLIER = "piecewise_multiplier"
    PER_ENERGY = "per_energy"
    PRICE_DIFFERENTIAL = "price_differential"
    ENERGY_AVAILABILITY_REVENUE = "energy_availability_revenue"
    DELAY = "delay"
    RESPONSE_TIME = "response_time"
    BONUS_MALUS = "bonus_malus"


class LdSteps(StrEnum):
    """Whether a shortfall counts exactly, or a step begun counts whole or not at all."""

    CONTINUOUS = "continuous"
    CEIL = "ceil"
    FLOOR = "floor"


class LdRateBase(StrEnum):
    """What a rate is: an amount, or a percentage of what is paid."""

    MONEY = "money"
    ANNUAL_FEE = "percent_of_annual_fee"
    LUMP_SUM = "percent_of_lump_sum"


class CapBase(StrEnum):
    """What a cap is: an amount, or a percentage of what is paid."""

    MONEY = "money"
    ANNUAL_FEE = "percent_of_annual_fee"
    CONTRACT_PRICE = "percent_of_contract_price"


class CapYear(StrEnum):
    """The year of an annual cap; `contract` where the clause is silent."""

    CONTRACT = "contract"
    CALENDAR = "calendar"


class CureCalendar(StrEnum):
    CALENDAR_DAYS = "calendar_days"
    BUSINESS_DAYS = "business_days"


class DueCalendar(StrEnum):
    """Which days count towards the due date."""

    CALENDAR = "calendar"
    BUSINESS = "business"


class DayCount(StrEnum):
    """Days of a year by which yearly interest is divided; the days late are counted as they are (ISDA 2006, 4.16)."""

    ACTUAL_365 = "actual/365"
    ACTUAL_360 = "actual/360"

    @property
    def days_in_year(self) -> int:
        return 365 if self is DayCount.ACTUAL_365 else 360


class ReliefScope(StrEnum):
    SUSPENDED = "suspended"
    PARTIAL = "partial"
    NONE = "none"


class Instrument(StrEnum):
    LETTER_OF_CREDIT = "letter_of_credit"
    SURETY_BOND = "surety_bond"
    PARENT_GUARANTEE = "parent_guarantee"
    CASH_DEPOSIT = "cash_deposit"


class TerminationCause(StrEnum):
    """On which cause a row of a declining schedule applies; on every one where it says none."""

    BUYER = "buyer"
    SELLER = "seller"
    FORCE_MAJEURE = "force_majeure"
    BEFORE_COD = "before_cod"
