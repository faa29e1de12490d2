"""Names that other vocabularies give to keys and values: accepted at import, and nowhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from core.payloads.values import Number


@dataclass(frozen=True, slots=True)
class Alias:
    """The key that another vocabulary calls otherwise.

    `convert` brings its value to the unit of the key. What the other name says besides is written in `implies`.
    """

    key: str
    convert: Callable[[object], object] | None = None
    unit: str = ""
    implies: Mapping[str, str] = field(default_factory=dict)


def _percent(fraction: object) -> str:
    """A fraction from 0 to 1 in percent."""
    number = Number("fraction from 0 to 1", most=1).read(fraction) * 100
    return f"{number.normalize():f}"


_IN_PERCENT = {"threshold_unit": "percent"}

ALIASES: Mapping[str, Mapping[str, Alias]] = MappingProxyType(
    {
        "AVAILABILITY": {
            "threshold_percent": Alias("threshold", implies=_IN_PERCENT),
            "guaranteed_availability_percent": Alias("threshold", implies=_IN_PERCENT),
            "minimum_availability_percent": Alias("threshold", implies=_IN_PERCENT),
            "evaluation_period": Alias("measurement_period"),
            "ld_per_point": Alias("ld_rate"),
            "ld_cap_annual": Alias("ld_cap", implies={"cap_type": "annual"}),
            "ld_cap_period": Alias("ld_cap", implies={"cap_type": "per_event"}),
        },
        "PERFORMANCE_GUARANTEE": {
            "guarantee_type": Alias("variant"),
            "required_energy_output_percent": Alias("threshold"),
            "degradation_pct": Alias("degradation_rate_percent_per_year", _percent, "a fraction, now percent"),
            "expected_energy_output_kwh": Alias("guaranteed_annual_production_kwh"),
            "pr_schedule": Alias("performance_ratio_schedule"),
        },
        "PAYMENT_TERMS": {"late_payment_interest_rate": Alias("late_interest_rate")},
        "LIQUIDATED_DAMAGES": {
            "ld_per_point": Alias("rate", implies={"calculation_type": "per_point"}),
            "ld_cap_annual": Alias("cap_amount", implies={"cap_type": "annual"}),
            "ld_cap_cumulative": Alias("cumulative_cap"),
        },
        "FORCE_MAJEURE": {
            "defined_events": Alias("events"),
            # The clause vocabulary says that the number is not converted.
            "notification_period_hours": Alias("notice_period_days", unit="the number is taken as days"),
            "payment_obligations_during_fm": Alias("relief_scope"),
        },
    }
)
# Words that other vocabularies use for a value.
SYNONYMS: Mapping[tuple[str, str], str] = MappingProxyType({("cap_type", "per_period"): "per_event"})
