from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.errors import ClauseError
from core.payloads.words import DayCount, DueCalendar
from invoicing.payment import PaymentTerms, days_late, due_on, late_interest

TERMS: dict[str, Any] = {"invoice_frequency": "monthly", "payment_due_days": 30}


def terms(**payload: Any) -> PaymentTerms:
    return PaymentTerms.from_payload(TERMS | payload, "Payment")


@pytest.mark.parametrize("rate, expected", [("6.5 %", "2.71"), ("6.6 %", "2.75")])
def test_simple_interest_is_that_of_the_prompt_payment_rule(rate: str, expected: str) -> None:
    """5 CFR 1315.17: $1,500 due on 1 April and paid on 11 April at 6.5 % over 360 days is $2.71.

    fiscal.treasury.gov/prompt-payment/interest.html works the same with .066 and comes to $2.75.
    """
    found = terms(late_interest_rate=rate, late_interest_day_count="actual/360")
    interest = late_interest(Decimal(1500), found, date(2026, 4, 1), date(2026, 4, 11), 2, "Payment")
    assert interest == Decimal(expected)


@pytest.mark.parametrize("day_count, interest", [("actual/365", "1.00"), ("actual/360", "1.01")])
def test_the_day_count_decides(day_count: str, interest: str) -> None:
    found = terms(late_interest_rate=3.65, late_interest_day_count=day_count)
    assert late_interest(Decimal(1000), found, date(2026, 1, 1), date(2026, 1, 11), 2, "Payment") == Decimal(interest)


def test_interest_without_a_day_count_or_a_rate_is_refused() -> None:
    for payload, said in (({}, "late_interest_rate: is missing"), ({"late_interest_rate": 8}, "day_count: is missing")):
        with pytest.raises(ClauseError, match=said):
            late_interest(Decimal(1), terms(**payload), date(2026, 1, 1), date(2026, 2, 1), 2, "Payment")


@pytest.mark.parametrize("days, late", [(0, 0), (5, 0), (6, 6), (-3, 0)])
def test_within_the_grace_nothing_is_late_and_after_it_every_day_is(days: int, late: int) -> None:
    due = date(2026, 3, 10)
    assert days_late(due, due + timedelta(days), terms(grace_days=5)) == late


@pytest.mark.parametrize("paid, late", [(date(2026, 12, 29), 0), (date(2026, 12, 30), 7)])
def test_grace_in_business_days_leaves_out_christmas_and_the_weekend(paid: date, late: int) -> None:
    found = terms(grace_days=3, payment_due_calendar="business")
    assert days_late(date(2026, 12, 23), paid, found, {date(2026, 12, 25)}) == late


def test_the_due_date_counts_days_of_the_calendar_over_the_end_of_february() -> None:
    assert due_on(date(2028, 1, 31), terms()) == date(2028, 3, 1)


@pytest.mark.parametrize(
    "days, due",
    [(0, date(2026, 12, 23)), (1, date(2026, 12, 24)), (2, date(2026, 12, 28)), (5, date(2026, 12, 31))],
)
def test_business_days_leave_out_weekends_and_holidays(days: int, due: date) -> None:
    found = terms(payment_due_days=days, payment_due_calendar="business")
    assert due_on(date(2026, 12, 23), found, {date(2026, 12, 25)}) == due


@pytest.mark.parametrize(
    "key, value",
    [
        ("payment_due_days", None),
        ("payment_due_days", True),
        ("payment_due_calendar", "lunar"),
        ("late_interest_rate", "prime + 2"),
        ("late_interest_rate", -1),
        ("late_interest_day_count", "30/360"),
        ("grace_days", 1.5),
    ],
)
def test_a_key_that_cannot_be_read_is_named(key: str, value: object) -> None:
    with pytest.raises(ClauseError, match=f"clause Payment: {key}: "):
        terms(**{key: value})


def test_terms_are_read_as_they_are_written() -> None:
    found = terms(late_interest_rate=8, late_interest_day_count="actual/365", grace_days=3)
    assert found == PaymentTerms(30, DueCalendar.CALENDAR, Decimal(8), DayCount.ACTUAL_365, 3)
