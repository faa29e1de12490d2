"""Chronic breach: whether a guarantee was missed in too many of its last periods."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from core.payloads.models import ChronicBreach
from core.rules.explanation import Json, Status, Verdict


@dataclass(frozen=True, slots=True)
class EarlierVerdict:
    """What became of an earlier period; `measured_percent` is known of breaches."""

    first_day: date
    is_breach: bool
    measured_percent: Decimal | None

    def counts(self, agreed: ChronicBreach) -> bool:
        if agreed.below_percent is None:
            return self.is_breach
        return self.measured_percent is not None and self.measured_percent < agreed.below_percent


def with_chronic_breach(verdict: Verdict, agreed: ChronicBreach, earlier: Sequence[EarlierVerdict]) -> Verdict:
    """The verdict that says, too, whether the breach is chronic. `earlier` are the last periods, latest first."""
    counted = [one.first_day.isoformat() for one in earlier[: agreed.of_periods - 1] if one.counts(agreed)]
    is_counted = verdict.status is Status.BREACH and (
        agreed.below_percent is None
        or (verdict.measured_share is not None and verdict.measured_share * 100 < Fraction(agreed.below_percent))
    )
    found = len(counted) + is_counted
    is_chronic = is_counted and found >= agreed.breaches
    step: Json = {
        "step": "chronic breach",
        "formula": "breaches of the last periods and of this one, against how many make a chronic one",
        "breaches": agreed.breaches,
        "of_periods": agreed.of_periods,
        "below_percent": None if agreed.below_percent is None else str(agreed.below_percent),
        "earlier": [*sorted(counted)],
        "found": found,
        "is_chronic": "yes" if is_chronic else "no",
    }
    steps = verdict.explanation["steps"]
    assert isinstance(steps, list)  # every rule explains itself in steps
    reason = verdict.reason
    if is_chronic:
        reason += f"; a chronic breach, {found} of {agreed.of_periods} periods"
    return replace(verdict, reason=reason, explanation={**verdict.explanation, "steps": [*steps, step]})
