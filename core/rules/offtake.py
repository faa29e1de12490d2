"""Minimum offtake and take-or-pay: what a buyer owes for energy it agreed to take and did not."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Self

from core.errors import ClauseError
from core.payloads import MISSING, PaymentTermsPayload, PricingPayload, read_as
from core.payloads.words import LdMethod, PricingStructure
from core.periods import CalendarPeriod, PeriodKind
from core.rules.conclusion import conclude
from core.rules.damages import DamagesTerms, Structure
from core.rules.explanation import Verdict, explain_fraction


@dataclass(frozen=True, slots=True)
class OfftakeTerms:
    """The share of the expected energy that must be taken, and the share of the price owed for what is not."""

    clause: str
    measurement_period: PeriodKind
    expected_kwh: Decimal  # of each measured period
    minimum_percent: Decimal
    shortfall_price_share: Decimal

    @classmethod
    def from_payload(cls, payload: Mapping[str, object], *, clause: str) -> Self:
        """Read a PAYMENT_TERMS clause with take-or-pay. Raises `ClauseError` for what is missing or wrong."""
        agreed = read_as(PaymentTermsPayload, payload, clause=clause)
        keys = ("minimum_purchase_percent", "take_or_pay_shortfall_rate", "measurement_period", "expected_energy_kwh")
        missing = [(key, MISSING) for key in keys if getattr(agreed, key) is None]
        if missing:
            raise ClauseError(clause, *missing[0], others=missing[1:])
        percent, share = agreed.minimum_purchase_percent, agreed.take_or_pay_shortfall_rate
        assert percent is not None
        assert share is not None
        assert agreed.measurement_period is not None
        assert agreed.expected_energy_kwh is not None
        if not 1 < percent <= 100:
            problem = f"must be above 1 and at most 100 percent, not {percent}"
            raise ClauseError(clause, "minimum_purchase_percent", problem)
        return cls(clause, agreed.measurement_period, agreed.expected_energy_kwh, percent, share)


def contract_price(payload: Mapping[str, object], *, clause: str) -> tuple[Decimal, str]:
    """Price per kWh, and its currency, of a PRICING clause whose price never changes.

    Raises `ClauseError` for every other: what take-or-pay is priced by would be a price of another time.
    """
    agreed = read_as(PricingPayload, payload, clause=clause)
    if agreed.pricing_structure not in {None, PricingStructure.FIXED} or agreed.escalation_rate:
        raise ClauseError(clause, "pricing_structure", "must be fixed, without escalation, to price take-or-pay")
    if agreed.billing_currency is None:
        raise ClauseError(clause, "billing_currency", MISSING)
    if (agreed.base_rate_unit or "").replace(" ", "").lower() not in {"", f"{agreed.billing_currency}/kwh".lower()}:
        unit = f"{agreed.billing_currency}/kWh"
        raise ClauseError(clause, "base_rate_unit", f"must be {unit} to price take-or-pay, not {agreed.base_rate_unit}")
    return agreed.base_rate_per_kwh, agreed.billing_currency


def judge_offtake(
    terms: OfftakeTerms,
    period: CalendarPeriod,
    *,
    taken_kwh: Decimal | None,
    deemed_kwh: Decimal,
    price_per_kwh: Decimal,
    currency: str,
    open_because: str = "",
) -> Verdict:
    """max(0, minimum - (taken + deemed)) * price: what was available and not taken counts as taken.

    `deemed_kwh` is energy that the seller could have delivered and the buyer did not take: it is paid elsewhere.
    """
    minimum = Fraction(terms.expected_kwh) * Fraction(terms.minimum_percent) / 100
    counted = None if taken_kwh is None else Fraction(taken_kwh) + Fraction(deemed_kwh)
    short = Fraction(0) if counted is None else max(Fraction(0), minimum - counted)
    expected = Fraction(terms.expected_kwh)
    damages = DamagesTerms(
        clause=terms.clause,
        rate=price_per_kwh,
        currency=currency,
        caps=(),
        structure=Structure(LdMethod.PER_ENERGY, share=terms.shortfall_price_share),
    )
    return conclude(
        clause=terms.clause,
        subject="energy taken",
        period=period,
        steps=[
            {
                "step": "adjust guarantee",
                "formula": "expected * minimum / 100, against taken + deemed",
                "expected_kwh": str(terms.expected_kwh),
                "minimum_percent": str(terms.minimum_percent),
                "minimum_kwh": explain_fraction(minimum),
                "taken_kwh": None if taken_kwh is None else str(taken_kwh),
                "deemed_kwh": str(deemed_kwh),
            }
        ],
        measured=None if counted is None else counted / expected if expected else Fraction(1),
        guaranteed=Fraction(terms.minimum_percent) / 100 if expected else Fraction(0),
        nothing_measured="the energy taken in the period is not known",
        damages=damages,
        quantity=short,
        unit="kwh",
        open_because=open_because,
        is_owed_by_buyer=True,
    )
