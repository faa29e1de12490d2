"""Verdicts written down: default event, rule output, notice and evidence, in one transaction and only once."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from django.contrib.postgres.functions import TransactionNow
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from core.bulk import insert_all
from core.damages_ledger import Settlement, settle_damages
from core.errors import CoreError
from core.models import (
    Clause,
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
from core.periods import Period
from core.rules import Json, Status, Verdict, content_hash

Vocabulary = TypeVar("Vocabulary", Currency, DefaultEventType, NotificationType, RuleOutputType)
Row = TypeVar("Row", bound=Model)


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
    seconds_by_category: Mapping[str, int] = field(default_factory=dict)  # of all units, day and night
    source: str = "readings"


def excuses(project_id: int, codes: frozenset[str], period: Period) -> list[Excuse]:
    """The events of these types that overlap the period and count: closed, and verified by somebody.

    An event without an end excuses nothing: how long it lasted is not verified yet.
    """
    return [one for one in excuses_of([project_id], codes, period).get(project_id, ()) if one.code in codes]


def excuses_of(projects: Collection[int], codes: Collection[str], period: Period) -> dict[int, list[Excuse]]:
    """The same for several projects, by project; each clause then takes those that it names, clipped to its time."""
    found: dict[int, list[Excuse]] = defaultdict(list)
    events = (
        Event.objects.filter(
            project__in=projects,
            event_type__code__in=codes,
            status=EventStatus.CLOSED,
            raw_data__verified=True,
            time_start__lt=period.end,
            time_end__gt=period.start,
        )
        .order_by("time_start", "pk")
        .values_list("project_id", "pk", "event_type__code", "time_start", "time_end")
    )
    for project, event, code, start, end in events:
        found[project].append(Excuse(event, code, Period(max(start, period.start), min(end or period.end, period.end))))
    return found


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict on a clause for a period, what it rests on, and the clause whose caps bound it."""

    clause: Clause
    verdict: Verdict
    period: Period
    evidence: Evidence
    excused: Sequence[Excuse]
    capped_by: Clause


def assess(
    clause: Clause,
    verdict: Verdict,
    period: Period,
    evidence: Evidence,
    excused: Sequence[Excuse],
    capped_by: Clause | None = None,
) -> tuple[RuleOutput, Outcome]:
    """Writes one verdict on a clause for a period: see `assess_all`."""
    (written,) = assess_all([Judged(clause, verdict, period, evidence, excused, capped_by or clause)])
    return written


@dataclass(slots=True)
class _Writing:
    """One verdict on its way into the database."""

    judged: Judged
    explanation: dict[str, Json]
    fingerprint: str
    current: RuleOutput | None
    default: DefaultEvent | None = None
    dropped: DefaultEvent | None = None
    outcome: Outcome = Outcome.CREATED


def assess_all(judged: Sequence[Judged]) -> list[tuple[RuleOutput, Outcome]]:
    """Writes verdicts, with what follows from them, in one transaction and as many statements however many they are.

    There is one current verdict for each clause and period. The same verdict on the same evidence writes nothing, but
    that it was computed again where readings had changed. What it rests on is measured in the caller's transaction.
    Another one is written in its place, unless a person has acted on the default or on the verdict: then both stay
    as they are, marked as superseded, beside the new ones. What it takes from caps goes into the ledger of damages,
    under the clause that has the caps.
    """
    with transaction.atomic():
        # Two evaluations of one clause take turns, in one order, so that none waits for a third.
        list(_locked(Clause, {one.clause.pk for one in judged}).values_list("pk"))
        writings = _compared(judged)
        changed = [one for one in writings if one.outcome is not Outcome.UNCHANGED]
        if changed:
            _set_aside(changed)
            _write_defaults([one for one in changed if one.judged.verdict.status is Status.BREACH])
            _write_verdicts(changed)
            settle_damages(Settlement(_output(one), one.judged.capped_by) for one in changed)
            _write_notices([one for one in changed if one.default is not None])
        return [(_output(one), one.outcome) for one in writings]


def _output(writing: _Writing) -> RuleOutput:
    assert writing.current is not None  # every writing has its verdict by now
    return writing.current


def _locked(model: type[Row], keys: Collection[int]) -> QuerySet[Row]:
    return model._default_manager.select_for_update(of=("self",), no_key=True).filter(pk__in=keys).order_by("pk")


def _compared(judged: Sequence[Judged]) -> list[_Writing]:
    """Each verdict beside the one in force; those that say the same are confirmed where readings had changed."""
    in_force = {
        (output.clause_id, output.period_start, output.period_end): output
        for output in RuleOutput.objects.select_for_update(of=("self",))
        .filter(
            clause__in={one.clause.pk for one in judged},
            period_start__in={one.period.start for one in judged},
            superseded_at__isnull=True,
        )
        .defer("metadata_detail")  # long, and compared by its hash
        .order_by("pk")
    }
    writings = []
    for one in judged:
        explanation = _explanation(one.verdict, one.evidence, one.excused)
        current = in_force.get((one.clause.pk, one.period.start, one.period.end))
        writing = _Writing(one, explanation, content_hash(explanation), current)
        if current is not None:
            same = current.content_hash == writing.fingerprint
            writing.outcome = Outcome.UNCHANGED if same else Outcome.UPDATED
        writings.append(writing)
    confirm_verdicts([_output(one).pk for one in writings if one.outcome is Outcome.UNCHANGED])
    return writings


def confirm_verdicts(outputs: Collection[int]) -> None:
    """Notes of verdicts whose readings changed after they were computed that they are those of now."""
    if outputs:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rule_output_id FROM stale_verdict WHERE rule_output_id = ANY (%s)", [list(outputs)])
            stale = [output for (output,) in cursor.fetchall()]
        if stale:
            # Of the start of the transaction, before anything was measured.
            RuleOutput.objects.filter(pk__in=stale).update(computed_at=TransactionNow())


def _set_aside(changed: Sequence[_Writing]) -> None:
    """What a person acted on stays as it is, out of force; a default that is none any more goes out of force too."""
    keys = {one.current.default_event_id for one in changed if one.current and one.current.default_event_id}
    # What a person is doing to it at this moment is waited for.
    defaults = {default.pk: default for default in _locked(DefaultEvent, keys)} if keys else {}
    outputs: list[RuleOutput] = []
    dropped: list[DefaultEvent] = []
    for one in changed:
        current = one.current
        if current is None:
            continue
        one.default = defaults.get(current.default_event_id or 0)
        if _acted_on(current) or (one.default and _acted_on(one.default)):
            outputs.append(current)
            dropped += [one.default] if one.default else []
            one.current, one.default, one.outcome = None, None, Outcome.SUPERSEDED
        elif one.default and one.judged.verdict.status is not Status.BREACH:
            dropped.append(one.default)
            one.default = None
    now = timezone.now()
    if outputs:
        RuleOutput.objects.filter(pk__in=[output.pk for output in outputs]).update(superseded_at=now)
        settle_damages(Settlement(output, None) for output in outputs)
    if dropped:
        DefaultEvent.objects.filter(pk__in=[default.pk for default in dropped]).update(superseded_at=now)
        # A notice that nobody has sent yet is not sent any more.
        Notification.objects.filter(default_event__in=dropped, time_notified__isnull=True, mail=None).delete()


def _explanation(verdict: Verdict, evidence: Evidence, excused: Sequence[Excuse]) -> dict[str, Json]:
    """The verdict's own tree, and what it rests on."""
    return {
        **verdict.explanation,
        **({} if verdict.accrues_during_cure else {"ld_accrues_during_cure": False}),
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
        "source": evidence.source,
        "meters": [*evidence.meters],
        "readings": evidence.readings,
        "data_hash": evidence.data_hash,
        "seconds_by_category": dict(sorted(evidence.seconds_by_category.items())),
    }


def _acted_on(row: DefaultEvent | RuleOutput) -> bool:
    """Whether a person has done anything with it."""
    if row.updated_by is not None:
        return True
    return isinstance(row, DefaultEvent) and (
        row.time_acknowledged is not None or row.time_cured is not None or row.status == EventStatus.CLOSED
    )


# What kind of default it is not to keep a clause of a category.
_DEFAULT_KINDS = {
    "AVAILABILITY": "AVAILABILITY_SHORTFALL",
    "PERFORMANCE_GUARANTEE": "PERFORMANCE_SHORTFALL",
    "MAINTENANCE": "RESPONSE_TIME_BREACH",
    "PAYMENT_TERMS": "OFFTAKE_SHORTFALL",
}


def _default_kind(clause: Clause) -> str:
    assert clause.clause_category is not None  # a clause without one is not judged
    return _DEFAULT_KINDS[clause.clause_category.code]


def _write_defaults(breaches: Sequence[_Writing]) -> None:
    """Default events, new ones and those that stand, each with its evidence."""
    if not breaches:
        return
    kinds = _known(DefaultEventType, {_default_kind(one.judged.clause) for one in breaches})
    new: list[DefaultEvent] = []
    standing: list[DefaultEvent] = []
    for one in breaches:
        clause, period = one.judged.clause, one.judged.period
        contract = clause.contract
        default = one.default or DefaultEvent(
            project=contract.project,
            organization_id=contract.organization_id,
            contract=contract,
            clause=clause,
            default_event_type=kinds[_default_kind(clause)],
            time_start=period.start,
            period_start=period.start,
            period_end=period.end,
        )
        (standing if one.default else new).append(default)
        default.description = f"{clause.name}: {one.judged.verdict.reason}"
        one.default = default
    insert_all(new)
    DefaultEvent.objects.bulk_update(standing, ["description"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT preserve_default_event_evidence(id, starts, ends, ARRAY(SELECT jsonb_array_elements_text(meters)"
            "::bigint), expected, actual, shortfall, actual, sample, data_hash) FROM unnest(%s::bigint[],"
            " %s::timestamptz[], %s::timestamptz[], %s::jsonb[], %s::numeric[], %s::numeric[], %s::numeric[],"
            " %s::jsonb[], %s::varchar[])"
            " AS breach (id, starts, ends, meters, expected, actual, shortfall, sample, data_hash)",
            [list(column) for column in zip(*map(_evidence, breaches), strict=True)],
        )


def _evidence(breach: _Writing) -> tuple[object, ...]:
    verdict, evidence, period = breach.judged.verdict, breach.judged.evidence, breach.judged.period
    assert breach.default is not None
    assert verdict.measured_share is not None
    assert verdict.shortfall_points is not None
    return (
        breach.default.pk,
        period.start,
        period.end,
        json.dumps([*evidence.meters]),
        _percent(verdict.guaranteed_share),
        _percent(verdict.measured_share),
        _percent(verdict.shortfall_points / 100),
        json.dumps([*evidence.sample_readings]),
        evidence.data_hash,
    )


def _write_verdicts(changed: Sequence[_Writing]) -> None:
    kinds = _known(RuleOutputType, {_kind(one.judged.verdict) for one in changed})
    currencies = _known(
        Currency, {one.judged.verdict.ld_currency for one in changed if one.judged.verdict.ld_currency is not None}
    )
    new: list[RuleOutput] = []
    standing: list[RuleOutput] = []
    for one in changed:
        clause, verdict, period = one.judged.clause, one.judged.verdict, one.judged.period
        output = one.current or RuleOutput(
            project=clause.contract.project, clause=clause, period_start=period.start, period_end=period.end
        )
        output.default_event = one.default
        output.rule_output_type = kinds[_kind(verdict)]
        output.currency = None if verdict.ld_currency is None else currencies[verdict.ld_currency]
        output.description = f"{clause.name}: {verdict.reason}"
        output.metadata_detail = one.explanation
        output.content_hash = one.fingerprint
        output.breach = verdict.status is Status.BREACH
        output.excuse = bool(one.judged.excused)
        output.ld_amount = verdict.ld_amount
        output.invoice_adjustment = None
        if verdict.ld_amount is not None:
            # Damages lower the invoice they belong to, whichever side writes it; what a buyer owes raises it.
            output.invoice_adjustment = verdict.ld_amount if verdict.is_owed_by_buyer else -verdict.ld_amount
        if one.current:
            output.updated_at = timezone.now()
        (standing if one.current else new).append(output)
        one.current = output
    insert_all(new)
    if standing:
        RuleOutput.objects.bulk_update(standing, _WRITTEN)
        RuleOutput.objects.filter(pk__in=[output.pk for output in standing]).update(computed_at=TransactionNow())


_WRITTEN = (
    *("default_event", "rule_output_type", "currency", "description", "metadata_detail", "content_hash"),
    *("breach", "excuse", "ld_amount", "invoice_adjustment", "updated_at"),
)


def _kind(verdict: Verdict) -> str:
    match verdict.status:
        case Status.UNDETERMINED:
            return "UNDETERMINED"
        case Status.BREACH:
            return "LIQUIDATED_DAMAGES" if verdict.ld_amount else "BREACH"
        case Status.COMPLIANT:
            return "BONUS" if verdict.ld_amount is not None and verdict.ld_amount < 0 else "COMPLIANT"


def _known(vocabulary: type[Vocabulary], codes: Collection[str]) -> dict[str, Vocabulary]:
    """The rows of a vocabulary that the program counts on, by code."""
    found = {row.code: row for row in vocabulary._default_manager.filter(code__in=codes)} if codes else {}
    for code in sorted(codes):
        if code not in found:
            raise CoreError(
                f"{vocabulary._meta.verbose_name} {code} is missing: run `manage.py load_reference_data`, then judge"
                " again. Nothing was written."
            )
    return found


def _write_notices(breaches: Sequence[_Writing]) -> None:
    """One notice for each default; one that was sent stays as it was sent."""
    if not breaches:
        return
    kinds = _known(NotificationType, {"BREACH_NOTICE"})
    standing = {
        notice.default_event_id: notice
        for notice in Notification.objects.filter(
            default_event__in=[one.default for one in breaches], notification_type=kinds["BREACH_NOTICE"]
        )
    }
    new, changed = [], []
    for one in breaches:
        assert one.default is not None
        output = _output(one)
        notice = standing.get(one.default.pk)
        if notice is None:
            new.append(
                Notification(
                    organization_id=one.default.organization_id,
                    project_id=one.default.project_id,
                    default_event=one.default,
                    notification_type=kinds["BREACH_NOTICE"],
                    rule_output=output,
                    description=output.description,
                )
            )
        elif notice.time_notified is None:
            notice.rule_output, notice.description = output, output.description
            changed.append(notice)
    insert_all(new)
    Notification.objects.bulk_update(changed, ["rule_output", "description"])


def _percent(share: Fraction) -> Decimal:
    """A share in percent with eight decimals, for the columns that people read; the exact number is explained."""
    return round_money(share * 100, 8)
