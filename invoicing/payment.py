"""When an invoice is due, and what a late payment costs."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from core.errors import ClauseError
from core.money import round_money
from core.payloads.models import PaymentTermsPayload
from core.payloads.reading import read_as
from core.payloads.words import DayCount, DueCalendar

_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class PaymentTerms:
    """A clause of payment: days to pay, and interest in percent a year where the clause names both parts of it."""

    due_days: int
    calendar: DueCalendar
    interest_percent: Decimal | None
    day_count: DayCount | None
    grace_days: int

    @classmethod
    def from_payload(cls, payload: Mapping[str, object], clause: str) -> "PaymentTerms":
        """Reads a PAYMENT_TERMS clause; where it names no calendar, every day counts. Raises `ClauseError`."""
        read = read_as(PaymentTermsPayload, payload, clause=clause)
        rate = read.late_interest_rate
        return cls(
            due_days=read.payment_due_days,
            calendar=read.payment_due_calendar or DueCalendar.CALENDAR,
            interest_percent=None if rate is None else _percent(rate, clause),
            day_count=read.late_interest_day_count,
            grace_days=read.grace_days or 0,
        )


def due_on(invoiced_on: date, terms: PaymentTerms, holidays: Container[date] = ()) -> date:
    """The last day to pay; the day of the invoice does not count. Saturdays, Sundays and holidays are no business."""
    return _last_day(invoiced_on, terms.due_days, terms.calendar, holidays)


def days_late(due: date, paid: date, terms: PaymentTerms, holidays: Container[date] = ()) -> int:
    """Days after the due date, none within the days of grace; once these are over, they count as well.

    Grace is counted by the calendar of the clause; what is late is late on every day.
    """
    return (paid - due).days if paid > _last_day(due, terms.grace_days, terms.calendar, holidays) else 0


def late_interest(
    amount: Decimal,
    terms: PaymentTerms,
    due: date,
    paid: date,
    minor_units: int,
    clause: str,
    holidays: Container[date] = (),
) -> Decimal:
    """Simple interest: amount × rate × days late ÷ days of the year, rounded once to the minor unit.

    Raises `ClauseError` where the clause names no rate or no day count: the two conventions differ by 1.4 %.
    """
    if terms.interest_percent is None:
        raise ClauseError(clause, "late_interest_rate", "is missing: without a rate no interest is due")
    if terms.day_count is None:
        raise ClauseError(clause, "late_interest_day_count", f"is missing: write {' or '.join(DayCount)}")
    days = days_late(due, paid, terms, holidays)
    share = Fraction(terms.interest_percent) / 100 * days / terms.day_count.days_in_year
    return round_money(Fraction(amount) * share, minor_units)


def _last_day(after: date, days: int, calendar: DueCalendar, holidays: Container[date]) -> date:
    if calendar is DueCalendar.CALENDAR:
        return after + days * _DAY
    day, left = after, days
    while left:
        day += _DAY
        left -= day.weekday() < _SATURDAY and day not in holidays
    return day


def _percent(value: object, clause: str) -> Decimal:
    try:
        percent = Decimal(str(value).removesuffix("%").strip())
    except InvalidOperation:
        percent = Decimal("NaN")
    if percent.is_finite() and percent >= 0:
        return percent
    raise ClauseError(clause, "late_interest_rate", f"is {value!r}: write percent a year, like 8.5")
