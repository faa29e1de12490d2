"""From a measured share and a guaranteed one to a verdict, for every guarantee whose measurement leaves no doubt."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from core.payloads.words import LdMethod
from core.periods import CalendarPeriod
from core.rules.damages import NOTHING_USED, CapWindow, DamagesTerms, charge, room_under_caps
from core.rules.explanation import Json, Status, Verdict, explain_fraction, explain_period, show_percent

# What the structure of the damages counts, where it is not the energy or the breaches that the rule gives.
_BY_POINTS = (LdMethod.PER_POINT, LdMethod.BONUS_MALUS)


def conclude(
    *,
    clause: str,
    subject: str,
    period: CalendarPeriod,
    steps: list[Json],
    measured: Fraction | None,
    guaranteed: Fraction,
    nothing_measured: str,
    damages: DamagesTerms | None = None,
    quantity: Fraction | None = None,
    unit: str = "points",
    used: Mapping[CapWindow, Decimal] = NOTHING_USED,
    index_value: Decimal | None = None,
    open_because: str = "",
    is_owed_by_buyer: bool = False,
) -> Verdict:
    """The verdict on a guarantee that is kept from its level up; undetermined where nothing was measured.

    `open_because` says why less than the guarantee leaves it undetermined too: there is more, and it is not known.

    `quantity` is what is short in the rule's own unit, for structures that count neither points nor achievement.
    """
    room = room_under_caps(damages, period, used)
    if measured is None:
        status, reason = Status.UNDETERMINED, nothing_measured
    else:
        status = Status.COMPLIANT if measured >= guaranteed else Status.BREACH
        relation = "is above" if measured > guaranteed else "is below" if measured < guaranteed else "equals"
        reason = (
            f"{subject} of {show_percent(measured, guaranteed)} {relation} "
            f"the guarantee of {show_percent(guaranteed, measured)}"
        )
        if open_because and status is Status.BREACH:
            status, reason = Status.UNDETERMINED, f"{reason}, but {open_because}"
    steps = [
        *steps,
        {
            "step": "decide",
            "formula": "measured >= guaranteed",
            "measured": explain_fraction(measured),
            "guaranteed": explain_fraction(guaranteed),
            "status": status.value,
            "reason": reason,
        },
    ]
    points = charged = None
    if measured is not None and status is not Status.UNDETERMINED:
        short = (guaranteed - measured) * 100
        points = max(Fraction(0), short)
        shortfall: dict[str, Json] = {
            "step": "shortfall",
            "formula": "(guaranteed - measured) * 100, at least 0",
            "points": explain_fraction(points),
        }
        if quantity is not None:
            shortfall[unit] = explain_fraction(quantity)
        steps.append(shortfall)
        if damages is not None:
            counted, counted_in = short, "points"
            if damages.structure.method is LdMethod.PIECEWISE_MULTIPLIER:
                counted = measured * 100
            elif damages.structure.method not in _BY_POINTS and quantity is not None:
                counted, counted_in = quantity, unit
            charged = charge(damages, counted, room, unit=counted_in, index_value=index_value)
            steps += charged.steps
    return Verdict(
        status=status,
        reason=reason,
        measured_share=measured,
        guaranteed_share=guaranteed,
        lowest_share=Fraction(0) if measured is None else measured,
        highest_share=Fraction(1) if measured is None else measured,
        shortfall_points=points,
        ld_currency=None if damages is None else damages.currency,
        ld_uncapped=None if charged is None else charged.uncapped,
        ld_amount=None if charged is None else charged.amount,
        cap_applied=charged is not None and charged.cap_applied,
        accrues_during_cure=damages is None or damages.accrues_during_cure,
        is_owed_by_buyer=is_owed_by_buyer,
        explanation={"clause": clause, "period": explain_period(period), "steps": steps},
    )
