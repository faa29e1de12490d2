"""What was agreed against what was measured: pure rules, each with the steps that lead to its verdict."""

from core.payloads.words import (
    AvailabilityForm,
    CalculationType,
    CapYear,
    Comparison,
    ExclusionMode,
    LdMethod,
    LdSteps,
    ThresholdUnit,
    TriggerType,
    UnknownAs,
)
from core.rules.availability import AvailabilityMeasurement, AvailabilityTerms, agreed_damages, judge
from core.rules.damages import (
    NOTHING_USED,
    Cap,
    CapWindow,
    Charge,
    DamagesTerms,
    Structure,
    charge,
    room_under_caps,
)
from core.rules.explanation import Json, Status, Verdict, content_hash, show_percent

__all__ = [
    "NOTHING_USED",
    "AvailabilityForm",
    "AvailabilityMeasurement",
    "AvailabilityTerms",
    "CalculationType",
    "Cap",
    "CapWindow",
    "CapYear",
    "Charge",
    "Comparison",
    "DamagesTerms",
    "ExclusionMode",
    "Json",
    "LdMethod",
    "LdSteps",
    "Status",
    "Structure",
    "ThresholdUnit",
    "TriggerType",
    "UnknownAs",
    "Verdict",
    "agreed_damages",
    "charge",
    "content_hash",
    "judge",
    "room_under_caps",
    "show_percent",
]
