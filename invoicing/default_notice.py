"""Notice of a default, whose time to cure leaves out the holidays of the calendar that the clause names."""

from datetime import datetime, timedelta

from core.contracts import local_zone
from core.cure import cure_deadline
from core.curing import cure_terms, give_notice
from core.errors import CureError
from core.models import CureStep, DefaultEvent
from core.payloads.words import CureCalendar
from invoicing.contract_tariffs import holiday_calendars


def give_notice_by_calendar(default_id: int, *, at: datetime, method: str, by: str) -> CureStep:
    """Records that notice was given; see `core.curing.give_notice`.

    Raises `CureError` where the default or the calendar does not exist, or the calendar ends before the time to cure.
    """
    defaults = DefaultEvent.objects.select_related("clause__clause_category", "contract__project")
    default = defaults.filter(pk=default_id).first()
    if default is None:
        raise CureError(f"there is no default {default_id}")
    terms = cure_terms(default)
    if terms.holiday_calendar is None or terms.calendar is not CureCalendar.BUSINESS_DAYS:
        return give_notice(default, at=at, method=method, by=by)
    calendar = holiday_calendars([terms.holiday_calendar]).get(terms.holiday_calendar)
    if calendar is None:
        raise CureError(f"there is no calendar of holidays {terms.holiday_calendar}: add it, or mend the clause")
    zone = local_zone(default.contract)
    first = at.astimezone(zone).date()
    # Twice the time and a month hold more business days than any calendar takes away.
    days = (first + timedelta(days=n) for n in range(2 * terms.days + 31))
    holidays = frozenset(day for day in days if calendar.is_holiday(day))
    deadline = cure_deadline(at, terms.days, terms.calendar, zone, holidays)
    last = (deadline - timedelta.resolution).astimezone(zone).date()
    if calendar.known_to is not None and last > calendar.known_to:
        raise CureError(
            f"the time to cure ends on {last}, and the holidays of {calendar.name} are known to {calendar.known_to}:"
            " add those after it"
        )
    return give_notice(default, at=at, method=method, by=by, holidays=holidays)
