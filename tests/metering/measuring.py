"""Availability of meters over any time, as the parts of the program measure it together."""

from collections.abc import Sequence
from functools import reduce
from operator import add

from core.compliance import Evidence, Excuse
from core.periods import Period
from core.rules import AvailabilityMeasurement, AvailabilityTerms
from core.timeline import measurement
from metering.ledger import Observed, tallies
from metering.models import Meter


def measure_availability(
    meters: Sequence[Meter], period: Period, terms: AvailabilityTerms, excused: Sequence[Excuse]
) -> tuple[AvailabilityMeasurement, Evidence]:
    """Unit-seconds of the period by what happened in them, summed over the meters, and what they rest on.

    Time without information is placed as the clause says; where it is silent, or nothing is known, it stays unknown.
    """
    ((units, evidence),) = tallies([Observed(meters, period, terms.irradiance_threshold_wm2, excused)])
    measured = (measurement(unit, terms.unknown_as) for unit in units.values())
    return reduce(add, measured, AvailabilityMeasurement(0, 0, 0, 0, 0)), evidence
