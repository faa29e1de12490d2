"""Verdicts written down: default event, rule output, notice and evidence, in one transaction and only once."""

import json
from calendar import isleap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from django.contrib.postgres.functions import TransactionNow
from django.db import connection, transaction
from django.db.models import Model, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from core.contracts import local_zone
from core.errors import CoreError
from core.models import (
    Clause,
    Contract,
    Currency,
    DefaultEvent,
    DefaultEventType,
    Event,
    Notification,
    NotificationType,
    RuleOutput,
    RuleOutputType,
)
from core.models.vocabulary import Status as EventStatus
from core.money import round_money
from core.periods import CalendarPeriod, Period, start_of_day
from core.rules import CapWindow, Json, Status, Verdict, content_hash

Vocabulary = TypeVar("Vocabulary", bound=Model)


class Outcome(StrEnum):
    """What writing a verdict down changed."""

    CREATED = "created"
    UPDATED = "updated"
    SUPERSEDED = "superseded"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Excuse:
    """A verified event that excuses, within the judged period."""

    event_id: int
    code: str
    period: Period


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on, kept with it so that the readings may later go."""

    meters: Sequence[int]
    readings: int
    data_hash: str
    sample_readings: Sequence[Mapping[str, object]]


def excuses(project_id: int, codes: frozenset[str], period: Period) -> list[Excuse]:
    """The events of these types that overlap the period and count: closed, and verified by somebody.

    An event without an end excuses nothing: how long it lasted is not verified yet.
    """
    events = (
        Event.objects.filter(
            project=project_id,
            event_type__code__in=codes,
            status=EventStatus.CLOSED,
            raw_data__verified=True,
            time_start__lt=period.end,
            time_end__gt=period.start,
        )
        .select_related("event_type")
        .order_by("time_start", "pk")
    )
    return [
        Excuse(
            event.pk,
            event.event_type.code,
            Period(max(event.time_start, period.start), min(event.time_end or period.end, period.end)),
        )
        for event in events
    ]


def damages_used(clause: Clause, period: CalendarPeriod) -> dict[CapWindow, Decimal]:
    """What the verdicts on earlier periods took from the caps that span several periods.

    A period belongs to the contract year in which it starts, the one in which the contract takes effect to the first.
    """
    contract = clause.contract
    local = local_zone(contract)
    first_day = max(period.first_day, contract.effective_date or period.first_day)
    year_start = contract_year_start(contract, first_day)
    began = start_of_day(year_start, local)
    in_year = Q(period_end__gt=began) if year_start == contract.effective_date else Q(period_start__gte=began)
    earlier = RuleOutput.objects.filter(
        clause=clause, superseded_at__isnull=True, period_end__lte=start_of_day(period.first_day, local)
    )
    used = earlier.aggregate(
        lifetime=Coalesce(Sum("ld_amount"), Decimal(0)), annual=Coalesce(Sum("ld_amount", filter=in_year), Decimal(0))
    )
    return {CapWindow.ANNUAL: used["annual"], CapWindow.CUMULATIVE: used["lifetime"]}


def contract_year_start(contract: Contract, day: date) -> date:
    """The first day of the contract year that holds the day; of its calendar year where the contract has no date.

    A contract of 29 February has its anniversary on 1 March in years that lack that day.
    """
    anchor = contract.effective_date or date(day.year, 1, 1)
    year = day.year if (day.month, day.day) >= (anchor.month, anchor.day) else day.year - 1
    if (anchor.month, anchor.day) == (2, 29) and not isleap(year):
        return date(year, 3, 1)
    return anchor.replace(year=year)


def assess(
    clause: Clause, verdict: Verdict, period: Period, evidence: Evidence, excused: Sequence[Excuse]
) -> tuple[RuleOutput, Outcome]:
    """Writes the verdict on a clause for a period, with what follows from it, in one transaction.

    There is one current verdict for each clause and period. The same verdict on the same evidence writes nothing, but
    that it was computed again where readings had changed. What it rests on is measured in the caller's transaction.
    Another one is written in its place, unless a person has acted on the default or on the verdict: then both stay
    as they are, marked as superseded, beside the new ones.
    """
    explanation = _explanation(verdict, evidence, excused)
    fingerprint = content_hash(explanation)
    with transaction.atomic():
        # Two evaluations of one clause take turns.
        clause = Clause.objects.select_for_update(of=("self",)).select_related("contract__project").get(pk=clause.pk)
        current = (
            RuleOutput.objects.select_for_update()
            .filter(clause=clause, period_start=period.start, period_end=period.end, superseded_at__isnull=True)
            .first()
        )
        if current and current.content_hash == fingerprint:
            if _is_stale(current):
                _confirm(current)
            return current, Outcome.UNCHANGED

        default = None
        if current and current.default_event_id:
            # What a person is doing to it at this moment is waited for.
            default = DefaultEvent.objects.select_for_update().get(pk=current.default_event_id)
        outcome = Outcome.UPDATED if current else Outcome.CREATED
        if current and (_acted_on(current) or (default and _acted_on(default))):
            _supersede(current, default)
            current, default, outcome = None, None, Outcome.SUPERSEDED

        if verdict.status is Status.BREACH:
            default = _write_default(clause, verdict, period, evidence, default)
        elif default:
            _supersede(None, default)
            default = None
        written = _write_verdict(clause, verdict, period, explanation, fingerprint, current, default, excused)
        if default:
            _write_notice(default, written)
        return written, outcome


def _explanation(verdict: Verdict, evidence: Evidence, excused: Sequence[Excuse]) -> dict[str, Json]:
    """The verdict's own tree, and what it rests on."""
    return {
        **verdict.explanation,
        "verdict": verdict.status.value,
        "reason": verdict.reason,
        "excuses": [
            {
                "event": excuse.event_id,
                "type": excuse.code,
                "start": excuse.period.start.isoformat(),
                "end": excuse.period.end.isoformat(),
            }
            for excuse in excused
        ],
        "meters": [*evidence.meters],
        "readings": evidence.readings,
        "data_hash": evidence.data_hash,
    }


def _acted_on(row: DefaultEvent | RuleOutput) -> bool:
    """Whether a person has done anything with it."""
    if row.updated_by is not None:
        return True
    return isinstance(row, DefaultEvent) and (
        row.time_acknowledged is not None or row.time_cured is not None or row.status == EventStatus.CLOSED
    )


def _supersede(output: RuleOutput | None, default: DefaultEvent | None) -> None:
    """Keeps both as they are, out of force; a notice that nobody has sent yet is not sent any more."""
    now = timezone.now()
    if output:
        RuleOutput.objects.filter(pk=output.pk).update(superseded_at=now)
    if default:
        DefaultEvent.objects.filter(pk=default.pk).update(superseded_at=now)
        Notification.objects.filter(default_event=default, time_notified__isnull=True).delete()


def _write_default(
    clause: Clause, verdict: Verdict, period: Period, evidence: Evidence, default: DefaultEvent | None
) -> DefaultEvent:
    contract = clause.contract
    default = default or DefaultEvent(
        project=contract.project,
        organization_id=contract.organization_id,
        contract=contract,
        clause=clause,
        default_event_type=_known(DefaultEventType, "AVAILABILITY_SHORTFALL"),
        time_start=period.start,
        period_start=period.start,
        period_end=period.end,
    )
    default.description = f"{clause.name}: {verdict.reason}"
    default.save()
    assert verdict.measured_share is not None
    assert verdict.shortfall_points is not None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT preserve_default_event_evidence(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                default.pk,
                period.start,
                period.end,
                list(evidence.meters),
                _percent(verdict.guaranteed_share),
                _percent(verdict.measured_share),
                _percent(verdict.shortfall_points / 100),
                _percent(verdict.measured_share),
                json.dumps(evidence.sample_readings),
                evidence.data_hash,
            ],
        )
    return default


def _write_verdict(
    clause: Clause,
    verdict: Verdict,
    period: Period,
    explanation: dict[str, Json],
    fingerprint: str,
    current: RuleOutput | None,
    default: DefaultEvent | None,
    excused: Sequence[Excuse],
) -> RuleOutput:
    kinds = {
        Status.BREACH: "LIQUIDATED_DAMAGES" if verdict.ld_amount else "BREACH",
        Status.COMPLIANT: "COMPLIANT",
        Status.UNDETERMINED: "UNDETERMINED",
    }
    output = current or RuleOutput(
        project=clause.contract.project, clause=clause, period_start=period.start, period_end=period.end
    )
    output.default_event = default
    output.rule_output_type = _known(RuleOutputType, kinds[verdict.status])
    output.currency = None if verdict.ld_currency is None else _known(Currency, verdict.ld_currency)
    output.description = f"{clause.name}: {verdict.reason}"
    output.metadata_detail = explanation
    output.content_hash = fingerprint
    output.breach = verdict.status is Status.BREACH
    output.excuse = bool(excused)
    output.ld_amount = verdict.ld_amount
    output.invoice_adjustment = None
    if verdict.ld_amount is not None:
        # Damages lower the invoice they belong to, whichever side writes it.
        output.invoice_adjustment = -verdict.ld_amount
    if current:
        output.updated_at = timezone.now()
    output.save()
    if current:
        _confirm(output)
    return output


def _is_stale(output: RuleOutput) -> bool:
    """Whether readings of the period changed after the verdict was computed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM stale_verdict WHERE rule_output_id = %s)", [output.pk])
        return bool(cursor.fetchone()[0])


def _confirm(output: RuleOutput) -> None:
    """Notes that the verdict is the one of now: of the start of the transaction, before anything was measured."""
    RuleOutput.objects.filter(pk=output.pk).update(computed_at=TransactionNow())


def _known(vocabulary: type[Vocabulary], code: str) -> Vocabulary:
    """The row of a vocabulary that the program counts on."""
    row = vocabulary._default_manager.filter(code=code).first()
    if row is None:
        raise CoreError(
            f"{vocabulary._meta.verbose_name} {code} is missing: run `manage.py load_reference_data`, then judge again."
            " Nothing was written."
        )
    return row


def _write_notice(default: DefaultEvent, output: RuleOutput) -> None:
    """One notice for each default; one that was sent stays as it was sent."""
    notice = Notification.objects.filter(default_event=default).first() or Notification(
        organization_id=default.organization_id,
        project=default.project,
        default_event=default,
        notification_type=_known(NotificationType, "BREACH_NOTICE"),
    )
    if notice.time_notified is None:
        notice.rule_output = output
        notice.description = output.description
        notice.save()


def _percent(share: Fraction) -> Decimal:
    """A share in percent with eight decimals, for the columns that people read; the exact number is explained."""
    return round_money(share * 100, 8)
