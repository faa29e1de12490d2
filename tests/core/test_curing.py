"""What is done about a default is recorded once, and what verdicts take from caps stands in their ledger."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.contrib.admin import site
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import RequestFactory

from core.compliance import Evidence, Outcome, assess
from core.cure import CureState, CureStepKind, cure_deadline
from core.curing import cure, cure_terms, escalate, extend_cure, give_notice, is_charged, waive
from core.damages_ledger import CapUse, damages_used
from core.errors import ClauseError, CureError
from core.models import Clause, CureStep, DamagesEntry, DefaultEvent, Notification, RuleOutput, User
from core.models.vocabulary import Status as EventStatus
from core.payloads.words import CureCalendar
from core.periods import CalendarPeriod, parse_period, zone
from core.rules import AvailabilityMeasurement, AvailabilityTerms, CapWindow, CapYear, DamagesTerms, judge
from database.history import find_file
from tests.factories import (
    ClauseCategoryFactory,
    ClauseFactory,
    ContractFactory,
    CurrencyFactory,
    DefaultEventTypeFactory,
    NotificationTypeFactory,
    RuleOutputTypeFactory,
)

pytestmark = pytest.mark.django_db

NOTICE = datetime(2025, 12, 3, 16, tzinfo=UTC)
NOVEMBER, DECEMBER, JANUARY = (parse_period(label) for label in ("2025-11", "2025-12", "2026-01"))
GUARANTEE: dict[str, object] = {
    "threshold": 95,
    "threshold_unit": "percent",
    "measurement_period": "monthly",
    "ld_rate": 1000,
    "ld_currency": "USD",
}
CAPS: dict[str, object] = {
    "trigger_type": "availability_shortfall",
    "calculation_type": "per_point",
    "rate": 1000,
    "ld_currency": "USD",
    "cap_type": "annual",
    "cap_amount": 8000,
}


@pytest.fixture
def clause() -> Clause:
    """A guarantee whose defaults may be cured within 10 business days, and the reference rows that verdicts need."""
    for code in ("LIQUIDATED_DAMAGES", "BREACH", "COMPLIANT", "UNDETERMINED"):
        RuleOutputTypeFactory.create(code=code)
    DefaultEventTypeFactory.create(code="AVAILABILITY_SHORTFALL")
    NotificationTypeFactory.create(code="BREACH_NOTICE")
    CurrencyFactory.create(code="USD")
    contract = ContractFactory.create(effective_date=date(2025, 1, 1))
    return ClauseFactory.create(
        contract=contract,
        name="Availability",
        clause_category=ClauseCategoryFactory.create(code="AVAILABILITY"),
        normalized_payload={**GUARANTEE, "cure_period_days": 10, "cure_calendar": "business_days"},
    )


def used_up(
    clause: Clause, period: CalendarPeriod, capped_by: Clause | None = None, cap_year: CapYear = CapYear.CONTRACT
) -> dict[CapWindow, Decimal]:
    """What was taken from the caps before a verdict on this period takes from them."""
    (used,) = damages_used([CapUse(clause, capped_by or clause, period, cap_year)])
    return used


def write(
    clause: Clause,
    percent: int,
    period: CalendarPeriod = NOVEMBER,
    capped_by: Clause | None = None,
    year: CapYear = CapYear.CONTRACT,
    **caps: object,
) -> tuple[RuleOutput, Outcome]:
    """Judges an availability of so many percent and writes the verdict down."""
    terms = AvailabilityTerms.from_payload(GUARANTEE, clause=clause.name)
    damages = DamagesTerms.from_payload(CAPS | caps, clause="damages")
    measurement = AvailabilityMeasurement(percent, 100 - percent, 0, 0, 0)
    verdict = judge(terms, damages, measurement, period, used_up(clause, period, capped_by, year))
    assert clause.contract.project is not None
    local = period.in_zone(zone(clause.contract.project.time_zone))
    return assess(clause, verdict, local, Evidence([7], 1, str(percent).rjust(64, "0"), []), [], capped_by)


def default_of(clause: Clause) -> DefaultEvent:
    write(clause, 90)
    return DefaultEvent.objects.get()


def amounts(**which: object) -> list[Decimal]:
    return list(DamagesEntry.objects.filter(**which).order_by("pk").values_list("amount", flat=True))


# --- the ledger of damages


def test_a_verdict_that_is_computed_anew_first_takes_back_its_entry(clause: Clause) -> None:
    write(clause, 90)
    write(clause, 92)
    write(clause, 92)
    assert amounts() == [Decimal(5000), Decimal(-5000), Decimal(3000)]
    write(clause, 96)
    assert sum(amounts()) == 0


def test_earlier_periods_leave_less_of_the_cap(clause: Clause) -> None:
    assert write(clause, 90)[0].ld_amount == Decimal(5000)
    assert write(clause, 90, DECEMBER)[0].ld_amount == Decimal(3000)
    assert write(clause, 90, JANUARY)[0].ld_amount == Decimal(5000)  # a new contract year
    assert write(clause, 94)[0].ld_amount == Decimal(1000)
    assert write(clause, 90, DECEMBER)[0].ld_amount == Decimal(5000)
    used = used_up(clause, parse_period("2026-02"))
    assert used == {CapWindow.ANNUAL: Decimal(5000), CapWindow.CUMULATIVE: Decimal(11000)}


def test_a_cap_may_count_calendar_years(clause: Clause) -> None:
    clause.contract.effective_date = date(2025, 12, 1)
    clause.contract.save()
    write(clause, 90, DECEMBER)
    assert write(clause, 90, JANUARY)[0].ld_amount == Decimal(3000)
    assert write(clause, 90, JANUARY, year=CapYear.CALENDAR, cap_year="calendar")[0].ld_amount == Decimal(5000)


def test_clauses_that_share_a_cap_share_what_is_left_of_it(clause: Clause) -> None:
    other, capped_by = (
        ClauseFactory.create(contract=clause.contract, clause_category=clause.clause_category, name=name)
        for name in ("Second", "Damages")
    )
    for _ in range(2):  # a second run finds the same room
        assert write(clause, 90, capped_by=capped_by)[0].ld_amount == Decimal(5000)
        assert write(other, 90, capped_by=capped_by)[0].ld_amount == Decimal(3000)
    assert amounts(clause=capped_by) == [Decimal(5000), Decimal(3000)]


def test_a_superseded_verdict_gives_back_what_it_took(clause: Clause) -> None:
    default = default_of(clause)
    give_notice(default, at=NOTICE, method="letter", by="pat")
    _, outcome = write(clause, 92)
    assert outcome is Outcome.SUPERSEDED
    assert amounts() == [Decimal(5000), Decimal(-5000), Decimal(3000)]


def test_verdicts_of_before_the_ledger_stand_in_it_however_often_its_file_runs(clause: Clause) -> None:
    write(clause, 90)
    write(clause, 97, DECEMBER)
    DamagesEntry.objects.all().delete()
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks still to come cannot be altered
            cursor.execute(find_file("028_time_ledger.sql").path.read_text())
    assert amounts() == [Decimal(5000)]
    assert used_up(clause, DECEMBER)[CapWindow.ANNUAL] == Decimal(5000)


def test_an_entry_of_nothing_is_refused(clause: Clause) -> None:
    write(clause, 90)
    entry = DamagesEntry.objects.get()
    entry.pk, entry.amount = None, Decimal(0)
    with pytest.raises(IntegrityError, match="damages_ledger_amount_check"), transaction.atomic():
        entry.save()


# --- curing


def test_notice_begins_the_time_to_cure_and_is_recorded(clause: Clause) -> None:
    default = default_of(clause)
    step = give_notice(default, at=NOTICE, method="registered letter", by="pat")
    default.refresh_from_db()
    # Ten business days after Wednesday 3 December end with Wednesday the 17th.
    assert default.cure_deadline == datetime(2025, 12, 18, tzinfo=UTC)
    assert (default.cure_state, default.notice_given_at, default.updated_by) == (CureState.NOTICED, NOTICE, "pat")
    assert (step.step, step.method, step.recorded_by) == (CureStepKind.NOTICE, "registered letter", "pat")
    notice = Notification.objects.get()
    assert (notice.time_notified, notice.time_due) == (NOTICE, default.cure_deadline)


def test_every_step_of_a_cure_is_kept(clause: Clause) -> None:
    default = default_of(clause)
    give_notice(default, at=NOTICE, method="letter", by="pat")
    later = datetime(2026, 1, 10, tzinfo=UTC)
    extend_cure(default, at=NOTICE + timedelta(days=1), deadline=later, by="pat", note="spare part is late")
    cure(default, at=later - timedelta(days=1), by="sam")
    default.refresh_from_db()
    assert (default.cure_state, default.status) == (CureState.CURED, EventStatus.CLOSED)
    assert default.time_cured == later - timedelta(days=1)
    kept = [(step.step, step.cure_deadline) for step in CureStep.objects.order_by("pk")]
    assert [name for name, _ in kept] == ["notice", "extension", "cure"]
    assert kept[1][1] == kept[2][1] == later


def test_a_step_that_is_not_allowed_writes_nothing(clause: Clause) -> None:
    default = default_of(clause)
    give_notice(default, at=NOTICE, method="letter", by="pat")
    with pytest.raises(CureError, match="allows no notice"):
        give_notice(default, at=NOTICE, method="letter", by="pat")
    with pytest.raises(CureError, match="escalate after it"):
        escalate(default, at=NOTICE + timedelta(days=2), by="pat")
    assert CureStep.objects.count() == 1


def test_what_was_superseded_cannot_be_acted_on(clause: Clause) -> None:
    default = default_of(clause)
    DefaultEvent.objects.update(superseded_at=NOTICE)
    with pytest.raises(CureError, match="was superseded"):
        cure(default, at=NOTICE, by="pat")


def test_a_waived_default_is_not_charged_and_its_cap_has_its_room_back(clause: Clause) -> None:
    default = default_of(clause)
    assert is_charged(RuleOutput.objects.get())
    waive(default, at=NOTICE, by="pat", note="settled otherwise")
    assert not is_charged(RuleOutput.objects.get())
    assert sum(amounts()) == 0
    assert write(clause, 90)[1] is Outcome.UNCHANGED


def test_where_the_clause_says_so_damages_rest_until_the_cure_has_failed(clause: Clause) -> None:
    write(clause, 90, ld_accrues_during_cure=False)
    default = DefaultEvent.objects.get()
    assert is_charged(RuleOutput.objects.get())
    cure(default, at=NOTICE, by="pat")
    assert not is_charged(RuleOutput.objects.get())


def test_the_time_to_cure_is_the_clauses_or_else_that_of_the_default_clause(clause: Clause) -> None:
    default = default_of(clause)
    assert cure_terms(default).calendar is CureCalendar.BUSINESS_DAYS
    Clause.objects.update(normalized_payload=GUARANTEE)
    default = DefaultEvent.objects.get()
    with pytest.raises(ClauseError, match="clause Availability: cure_period_days: is missing"):
        cure_terms(default)
    ClauseFactory.create(
        contract=clause.contract,
        clause_category=ClauseCategoryFactory.create(code="DEFAULT"),
        normalized_payload={"events": ["shortfall"], "cure_period_days": 30},
    )
    assert (cure_terms(default).days, cure_terms(default).calendar) == (30, CureCalendar.CALENDAR_DAYS)


def test_an_extended_cure_ends_where_the_clause_says(clause: Clause) -> None:
    assert isinstance(clause.normalized_payload, dict)
    clause.normalized_payload |= {"cure_calendar": "calendar_days", "extended_cure_period_days": 20}
    clause.save()
    default = default_of(clause)
    give_notice(default, at=NOTICE, method="letter", by="pat")
    default.refresh_from_db()
    latest = cure_deadline(NOTICE, 20, CureCalendar.CALENDAR_DAYS, zone("UTC"))
    with pytest.raises(CureError, match="allows an extended cure until"):
        extend_cure(default, at=NOTICE, deadline=latest + timedelta(seconds=1), by="pat")
    assert extend_cure(default, at=NOTICE, deadline=latest, by="pat").cure_deadline == latest


@pytest.mark.parametrize("state", ["", "forgotten"])
def test_the_database_knows_the_states_of_a_cure(clause: Clause, state: str) -> None:
    default_of(clause)
    with (
        pytest.raises(IntegrityError, match="default_event_cure_state_check"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE default_event SET cure_state = %s", [state])


# --- the screen


def act(action: str, defaults: Iterable[DefaultEvent]) -> list[str]:
    """What the screen says to a person who chose the action for these defaults."""
    request = RequestFactory().post("/")
    request.user = User(username="pat")
    request.session = {}  # type: ignore[assignment]
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    chosen = DefaultEvent.objects.filter(pk__in=[default.pk for default in defaults])
    getattr(site.get_model_admin(DefaultEvent), action)(request, chosen)
    return [str(message) for message in get_messages(request)]


def test_the_screen_records_what_is_allowed_and_says_what_is_not(clause: Clause) -> None:
    default = default_of(clause)
    assert act("give_notice", [default]) == ["Recorded for 1 default."]
    assert "escalate after it" in act("escalate", [default])[0]
    assert act("cure", [default]) == ["Recorded for 1 default."]
    assert "a default that is cured allows no waiver" in act("waive", [default])[0]
    assert [step.recorded_by for step in CureStep.objects.all()] == ["pat", "pat"]


def test_an_extension_is_recorded_by_a_command(clause: Clause) -> None:
    default = default_of(clause)
    give_notice(default, at=NOTICE, method="letter", by="pat")
    asked = {"at": NOTICE + timedelta(days=1), "deadline": datetime(2026, 1, 10, tzinfo=UTC), "by": "pat"}
    out = StringIO()
    call_command("extend_cure", default.pk, **asked, stdout=out)
    assert out.getvalue() == "The time to cure runs until 2026-01-10T00:00:00+00:00.\n"
    assert DefaultEvent.objects.get(pk=default.pk).cure_deadline == asked["deadline"]
    for wrong, said in [
        ({"deadline": NOTICE}, "a deadline after the one that stands"),
        ({"at": NOTICE.replace(tzinfo=None)}, "no offset from UTC"),
    ]:
        with pytest.raises(CommandError, match=said):
            call_command("extend_cure", default.pk, **{**asked, **wrong})
    with pytest.raises(CommandError, match="there is no default 0"):
        call_command("extend_cure", 0, **asked)
