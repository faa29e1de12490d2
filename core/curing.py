"""What parties do about a default, recorded: each deed owns its transaction and writes one step, or refuses."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from core.contracts import local_zone
from core.cure import CureState, CureStepKind, Standing, are_damages_owed, cure_deadline, take_step
from core.damages_ledger import Settlement, settle_damages
from core.errors import ClauseError, CureError
from core.models import Clause, CureStep, DefaultEvent, Notification, RuleOutput
from core.models.vocabulary import Status as EventStatus
from core.payloads import CureKeys, read_payload
from core.payloads.words import CureCalendar


@dataclass(frozen=True, slots=True)
class CureTerms:
    """How long a default may be cured after notice; business days leave out the holidays of the calendar."""

    days: int
    calendar: CureCalendar
    holiday_calendar: str | None
    extended_days: int | None = None  # from the notice, at most


def cure_terms(default: DefaultEvent) -> CureTerms:
    """The time to cure of the clause that was not kept, or else of the contract's DEFAULT clause.

    Raises `ClauseError` where neither names one.
    """
    candidates = [default.clause] if default.clause else []
    candidates += Clause.objects.filter(contract=default.contract_id, clause_category__code="DEFAULT").order_by("pk")
    for clause in candidates:
        if clause.normalized_payload is None or clause.clause_category is None:
            continue
        agreed = read_payload(clause.clause_category.code, clause.normalized_payload, clause=str(clause))
        if isinstance(agreed, CureKeys) and agreed.cure_period_days is not None:
            if not 1 <= agreed.cure_period_days <= 3660:
                problem = f"must be 1 to 3660 days, not {agreed.cure_period_days}"
                raise ClauseError(str(clause), "cure_period_days", problem)
            calendar = agreed.cure_calendar or CureCalendar.CALENDAR_DAYS
            return CureTerms(
                agreed.cure_period_days, calendar, agreed.cure_holiday_calendar, agreed.extended_cure_period_days
            )
    raise ClauseError(
        str(default.clause or default.contract), "cure_period_days", "is missing here and in every DEFAULT clause"
    )


def give_notice(
    default: DefaultEvent, *, at: datetime, method: str, by: str, holidays: Collection[date] | None = None
) -> CureStep:
    """Records that notice was given; the time to cure begins. The notice waiting to be sent counts as sent.

    Raises `CureError` where the clause names a calendar of holidays and `holidays` are not given.
    """
    terms = cure_terms(default)
    if terms.holiday_calendar is not None and holidays is None and terms.calendar is CureCalendar.BUSINESS_DAYS:
        raise CureError(
            f"the time to cure leaves out the holidays of {terms.holiday_calendar}:"
            " give notice by `manage.py give_notice`, which knows them"
        )
    deadline = cure_deadline(at, terms.days, terms.calendar, local_zone(default.contract), holidays or ())
    with transaction.atomic():
        step = _take(default, CureStepKind.NOTICE, at, by, deadline=deadline, method=method)
        Notification.objects.filter(default_event=default, time_notified__isnull=True).update(
            time_notified=at, time_due=deadline
        )
    return step


def extend_cure(default: DefaultEvent, *, at: datetime, deadline: datetime, by: str, note: str = "") -> CureStep:
    """Records a later deadline, within the days that the clause allows for an extended cure where it names them.

    Where it names a calendar of holidays the parties count the days themselves.
    """
    if default.notice_given_at is not None:
        terms = cure_terms(default)
        if terms.extended_days is not None and terms.holiday_calendar is None:
            latest = cure_deadline(
                default.notice_given_at, terms.extended_days, terms.calendar, local_zone(default.contract)
            )
            if deadline > latest:
                raise CureError(f"the clause allows an extended cure until {latest.isoformat()}, not {deadline}")
    return _take(default, CureStepKind.EXTENSION, at, by, deadline=deadline, note=note)


def cure(default: DefaultEvent, *, at: datetime, by: str, note: str = "") -> CureStep:
    """Records that the default was cured in time."""
    return _take(default, CureStepKind.CURE, at, by, note=note)


def waive(default: DefaultEvent, *, at: datetime, by: str, note: str = "") -> CureStep:
    """Records that the default is not pursued: its damages are not charged, and the caps have their room back."""
    with transaction.atomic():
        step = _take(default, CureStepKind.WAIVER, at, by, note=note)
        for output in RuleOutput.objects.filter(default_event=default, superseded_at__isnull=True):
            settle_damages([Settlement(output, None)])
    return step


def escalate(default: DefaultEvent, *, at: datetime, by: str, note: str = "") -> CureStep:
    """Records that the time to cure ended in vain: an event of default."""
    return _take(default, CureStepKind.ESCALATION, at, by, note=note)


def _take(
    default: DefaultEvent,
    kind: CureStepKind,
    at: datetime,
    by: str,
    *,
    deadline: datetime | None = None,
    method: str = "",
    note: str = "",
) -> CureStep:
    """Moves the default on and records the step, in one transaction. Raises `CureError` for a step not allowed."""
    with transaction.atomic():
        # Two people who act at one moment take turns; the second one meets what the first did.
        row = DefaultEvent.objects.select_for_update().get(pk=default.pk)
        if row.superseded_at is not None:
            raise CureError(f"default {row.pk} was superseded by a later evaluation: act on the one in force")
        after = take_step(standing(row), kind, at, deadline)
        row.cure_state = after.state
        row.notice_given_at, row.cure_deadline = after.notice_at, after.deadline
        if after.state is CureState.CURED:
            row.time_cured = at
        if after.state in (CureState.CURED, CureState.WAIVED):
            row.status = EventStatus.CLOSED
        row.updated_by, row.updated_at = by, timezone.now()
        row.save()
        return CureStep.objects.create(
            organization_id=row.organization_id,
            default_event=row,
            step=kind,
            happened_at=at,
            cure_deadline=after.deadline,
            method=method or None,
            note=note or None,
            recorded_by=by,
        )


def standing(default: DefaultEvent) -> Standing:
    """Where the default stands, as the pure rules see it."""
    state = CureState(default.cure_state)
    # A deadline that was written down without a notice binds nobody yet.
    deadline = default.cure_deadline if default.notice_given_at else None
    return Standing(state, default.notice_given_at, deadline)


def is_charged(output: RuleOutput) -> bool:
    """Whether the damages of a verdict are charged now: not once waived, nor where they rest while a cure runs."""
    if output.default_event is None:
        return True
    found = standing(output.default_event)
    accrues = found.state is CureState.OBSERVED or (output.metadata_detail or {}).get("ld_accrues_during_cure", True)
    return are_damages_owed(found, timezone.now(), accrues_during_cure=accrues)
