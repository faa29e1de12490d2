"""Clauses judged on what the meters say: readings become numbers, numbers a verdict, the verdict is written down."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction

from core.compliance import Evidence, Excuse, Outcome, assess, damages_used, excuses
from core.contracts import span_in_force
from core.errors import ClauseError, CoreError
from core.models import Clause, Contract, RuleOutput
from core.periods import CalendarPeriod, Period, zone
from core.rules import AvailabilityMeasurement, AvailabilityTerms, DamagesTerms, TriggerType, Verdict, judge
from metering.errors import MeteringError
from metering.models import Meter
from metering.months import Month
from metering.sql import statement
from metering.standings import keep_months

# Which meters stand for a plant, best first: what is settled on, else what is measured at the units.
SETTLING = ("REVENUE", "PRODUCTION")


@dataclass(frozen=True)
class Assessment:
    """What became of one clause: a verdict that was written down, or why there is none."""

    clause: Clause
    verdict: Verdict | None = None
    output: RuleOutput | None = None
    outcome: Outcome | None = None
    problem: str = ""


def settling_meters(project_id: int) -> list[Meter]:
    """The meters by which a project is judged and billed: its revenue meters, or without any its production meters."""
    return settling_meters_of([project_id])[project_id]


def settling_meters_of(project_ids: Collection[int]) -> dict[int, list[Meter]]:
    """`settling_meters` of each of the projects, by one query."""
    found = Meter.objects.filter(project__in=project_ids, meter_type__code__in=SETTLING)
    meters: dict[int, list[Meter]] = {project_id: [] for project_id in project_ids}
    for meter in found.select_related("meter_type").order_by("pk"):
        meters[meter.project_id].append(meter)
    for project_id, of_project in meters.items():
        best = min((SETTLING.index(meter.meter_type.code) for meter in of_project), default=0)
        meters[project_id] = [meter for meter in of_project if meter.meter_type.code == SETTLING[best]]
    return meters


def evaluate(contract: Contract, period: CalendarPeriod) -> list[Assessment]:
    """Judges each availability clause of the contract that is measured over periods of this kind.

    Each verdict is written in its own transaction; a second run over the same readings and events writes nothing.
    A clause that cannot be judged as it is written, or whose readings left for the archive, is reported with the
    reason and does not stop the others; its verdict stays as it was.
    """
    clauses = list(
        contract.clauses.filter(clause_category__code__in=["AVAILABILITY", "LIQUIDATED_DAMAGES"])
        .select_related("clause_category", "contract__project", "contract__organization")
        .order_by("pk")
    )
    found = []
    for clause in clauses:
        if clause.clause_category is None or clause.clause_category.code != "AVAILABILITY":
            continue
        try:
            terms = AvailabilityTerms.from_payload(_payload(clause), clause=str(clause))
            if terms.measurement_period is period.kind:
                found.append(_judge(clause, terms, clauses, period))
        except (CoreError, MeteringError) as error:
            found.append(Assessment(clause, problem=str(error)))
    return found


def measure_availability(
    meters: Sequence[Meter], period: Period, terms: AvailabilityTerms, excused: Sequence[Excuse]
) -> tuple[AvailabilityMeasurement, Evidence]:
    """Unit-seconds of the period by what happened in them, summed over the meters, and what they rest on.

    Both come from one statement, so that no reading can change between the measurement and its evidence.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            statement("measure_availability"),
            {
                "meters": [meter.pk for meter in meters],
                "start": period.start,
                "end": period.end,
                "irradiance_threshold": terms.irradiance_threshold_wm2,
                "excuse_starts": [excuse.period.start for excuse in excused],
                "excuse_ends": [excuse.period.end for excuse in excused],
            },
        )
        *seconds, readings, data_hash, sample = cursor.fetchone()
    # Django hands jsonb out as text.
    evidence = Evidence([meter.pk for meter in meters], readings, data_hash, json.loads(sample))
    return AvailabilityMeasurement(*seconds), evidence


def _judge(clause: Clause, terms: AvailabilityTerms, clauses: Sequence[Clause], period: CalendarPeriod) -> Assessment:
    project = clause.contract.project
    if project is None:
        raise MeteringError(f"contract {clause.contract} names no project: choose one, its meters are what is judged")
    meters = settling_meters(project.pk)
    if not meters:
        raise MeteringError(f"project {project} has no revenue or production meter: add one")
    local = period.in_zone(zone(project.time_zone))
    in_force = span_in_force(clause.contract, period)
    if in_force is None:
        raise MeteringError(f"contract {clause.contract} is not in force in {period}")
    with transaction.atomic():
        # What is left of readings of which some are in the archive would be another verdict, and take its place.
        keep_months(Month.span(in_force.start, in_force.end - timedelta.resolution))
        # Taking turns begins here: what an evaluation beside this one takes from a cap must be seen.
        Clause.objects.select_for_update().get(pk=clause.pk)
        excused = excuses(project.pk, terms.excused_events, in_force)
        measurement, evidence = measure_availability(meters, in_force, terms, excused)
        verdict = judge(terms, _damages(clause, clauses), measurement, period, damages_used(clause, period))
        output, outcome = assess(clause, verdict, local, evidence, excused)
    return Assessment(clause, verdict, output, outcome)


def _payload(clause: Clause) -> dict[str, object]:
    payload = clause.normalized_payload or {}
    if not isinstance(payload, dict):
        raise ClauseError(str(clause), "normalized_payload", "must hold keys and values")
    return payload


def _damages(clause: Clause, clauses: Sequence[Clause]) -> DamagesTerms | None:
    """The damages that another clause of the contract sets for an availability shortfall."""
    found = [
        DamagesTerms.from_payload(_payload(other), clause=str(other))
        for other in clauses
        if other.clause_category is not None
        and other.clause_category.code == "LIQUIDATED_DAMAGES"
        and _payload(other).get("trigger_type") == TriggerType.AVAILABILITY_SHORTFALL
    ]
    if len(found) > 1:
        names = " and ".join(terms.clause for terms in found)
        raise ClauseError(str(clause), "trigger_type", f"{names} both set damages for an availability shortfall")
    return found[0] if found else None
