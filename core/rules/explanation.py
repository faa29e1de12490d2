"""Verdicts, and how every number behind them is written down: exact, beside a decimal for people."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from core.periods import CalendarPeriod

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | None"


class Status(StrEnum):
    """The answer to: was the guarantee kept?"""

    COMPLIANT = "compliant"
    BREACH = "breach"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one clause and period.

    `lowest_share` and `highest_share` bound the availability by what is unknown. `shortfall_points` are exact
    percentage points; they and the damages are None while the answer is undetermined. The damages are also
    None where none are agreed. `ld_uncapped` is exact, `ld_amount` has the decimals of its currency.
    """

    status: Status
    reason: str
    measured_share: Fraction | None
    guaranteed_share: Fraction
    lowest_share: Fraction
    highest_share: Fraction
    shortfall_points: Fraction | None
    ld_currency: str | None
    ld_uncapped: Fraction | None
    ld_amount: Decimal | None
    cap_applied: bool
    explanation: dict[str, Json]
    accrues_during_cure: bool = True
    is_owed_by_buyer: bool = False  # what is short is then charged beside the energy, not credited


def content_hash(explanation: Mapping[str, Json]) -> str:
    """SHA-256, in hex, of the explanation as canonical JSON: the order of keys does not matter."""
    canonical = json.dumps(explanation, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def explain_fraction(number: Fraction | None) -> Json:
    """The exact fraction, and beside it a decimal for people."""
    if number is None:
        return None
    return {"exact": str(number), "rounded": _rounded(number, 8)}


def _rounded(number: Fraction, digits: int) -> str:
    """The same text as `round_money` gives, by whole numbers alone: there are a dozen in every verdict."""
    scaled, denominator = abs(number.numerator) * 10**digits, number.denominator
    whole, rest = divmod((2 * scaled + denominator) // (2 * denominator), 10**digits)
    sign = "-" if number < 0 and (whole or rest) else ""
    return f"{sign}{whole}.{rest:0{digits}}"


def explain_period(period: CalendarPeriod) -> Json:
    return {
        "label": period.label,
        "kind": period.kind.value,
        "first_day": period.first_day.isoformat(),
        "last_day": period.last_day.isoformat(),
        "days": len(period),
    }


def show_percent(share: Fraction, against: Fraction) -> str:
    """The share in percent, with the decimals it takes to read on the right side of `against`: at least 2.

    Swapping the two shows the other with the same number of decimals.
    """

    share, against, digits = share * 100, against * 100, 2
    while share != against and _rounded(share, digits) == _rounded(against, digits):
        digits += 1
    return f"{_rounded(share, digits)} %"
