"""Notice of a default by the calendar that its clause names."""

from datetime import UTC, date, datetime

import pytest
from django.core.management import CommandError, call_command

from core.cure import CureState
from core.curing import give_notice
from core.errors import CureError
from core.models import CureStep, DefaultEvent
from invoicing.default_notice import give_notice_by_calendar
from tests.factories import (
    ClauseCategoryFactory,
    ClauseFactory,
    DefaultEventFactory,
    HolidayCalendarFactory,
    HolidayFactory,
)

pytestmark = pytest.mark.django_db

NOTICE = datetime(2025, 12, 22, 9, tzinfo=UTC)  # a Monday


@pytest.fixture
def default() -> DefaultEvent:
    """A default that may be cured within 5 business days of England."""
    clause = ClauseFactory.create(
        clause_category=ClauseCategoryFactory.create(code="AVAILABILITY"),
        normalized_payload={
            "threshold": 95,
            "threshold_unit": "percent",
            "measurement_period": "monthly",
            "cure_period_days": 5,
            "cure_calendar": "business_days",
            "cure_holiday_calendar": "England",
        },
    )
    return DefaultEventFactory.create(clause=clause, contract=clause.contract)


def england(known_to: date | None = None) -> None:
    calendar = HolidayCalendarFactory.create(name="England", known_to=known_to)
    for day in ("12-25", "12-26"):
        HolidayFactory.create(holiday_calendar=calendar, falls_on=day)


def test_holidays_of_the_calendar_prolong_the_time_to_cure(default: DefaultEvent) -> None:
    """From Tuesday 23 December: 23, 24, 29, 30, 31, without Christmas, Boxing Day and the weekend."""
    england()
    step = give_notice_by_calendar(default.pk, at=NOTICE, method="letter", by="pat")
    assert step.cure_deadline == datetime(2026, 1, 1, tzinfo=UTC)
    default.refresh_from_db()
    assert default.cure_state == CureState.NOTICED


def test_a_calendar_that_ends_before_the_time_to_cure_is_refused(default: DefaultEvent) -> None:
    england(known_to=date(2025, 12, 30))
    with pytest.raises(CureError, match="known to 2025-12-30"):
        give_notice_by_calendar(default.pk, at=NOTICE, method="letter", by="pat")
    assert not CureStep.objects.exists()


def test_a_calendar_that_is_named_is_asked(default: DefaultEvent) -> None:
    with pytest.raises(CureError, match="no calendar of holidays England"):
        give_notice_by_calendar(default.pk, at=NOTICE, method="letter", by="pat")
    with pytest.raises(CureError, match=r"manage\.py give_notice"):
        give_notice(default, at=NOTICE, method="letter", by="pat")


def test_the_command_says_until_when(default: DefaultEvent, capsys: pytest.CaptureFixture[str]) -> None:
    england()
    asked = {"at": NOTICE, "method": "letter", "by": "pat"}
    call_command("give_notice", default.pk, **asked)
    assert "until 2026-01-01T00:00:00+00:00" in capsys.readouterr().out
    with pytest.raises(CommandError, match="allows no notice"):
        call_command("give_notice", default.pk, **asked)
    with pytest.raises(CommandError, match="no offset"):
        call_command("give_notice", default.pk, **{**asked, "at": NOTICE.replace(tzinfo=None)})
