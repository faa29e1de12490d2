"""What a clause promises, as keys and values: one model for each category of clause, with types and units.

A number is taken exactly as it is written, from JSON as from text; a key that holds null is missing; a key that the
category does not know is refused. No default is invented: where a contract is silent, so is its payload, but for the
three that the vocabulary itself states (100 W/m2, 15 minutes, an efficiency of 0.95).

`read_payload` reads what is stored. `import_payload` reads what came from elsewhere, under the names of others.
"""

from core.payloads.importing import Imported, import_payload
from core.payloads.models import (
    MISSING,
    PAYLOADS,
    AvailabilityPayload,
    CompliancePayload,
    ConditionsPrecedentPayload,
    CureKeys,
    DamagesKeys,
    DefaultPayload,
    ForceMajeurePayload,
    GeneralPayload,
    LiquidatedDamagesPayload,
    MaintenancePayload,
    Payload,
    PaymentTermsPayload,
    PerformanceGuaranteePayload,
    PricingPayload,
    SecurityPackagePayload,
    TerminationPayload,
)
from core.payloads.reading import read_as, read_payload

__all__ = [
    "MISSING",
    "PAYLOADS",
    "AvailabilityPayload",
    "CompliancePayload",
    "ConditionsPrecedentPayload",
    "CureKeys",
    "DamagesKeys",
    "DefaultPayload",
    "ForceMajeurePayload",
    "GeneralPayload",
    "Imported",
    "LiquidatedDamagesPayload",
    "MaintenancePayload",
    "Payload",
    "PaymentTermsPayload",
    "PerformanceGuaranteePayload",
    "PricingPayload",
    "SecurityPackagePayload",
    "TerminationPayload",
    "import_payload",
    "read_as",
    "read_payload",
]
