"""Clauses judged on what the meters say: readings become numbers, numbers a verdict, the verdict is written down."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import prefetch_related_objects
from django.utils import timezone

from core.compliance import Excuse, Judged, Outcome, assess_all, excuses_of
from core.contracts import local_zone, span_in_force
from core.damages_ledger import CapUse, damages_used
from core.errors import ClauseError, CoreError
from core.models import Clause, Contract, RuleOutput
from core.periods import CalendarPeriod, Period, zone
from core.rules import AvailabilityTerms, CapWindow, DamagesTerms, Verdict
from core.rules.chronic import EarlierVerdict, with_chronic_breach
from core.rules.offtake import OfftakeTerms, contract_price
from core.rules.performance import PerformanceTerms
from core.rules.response import ResponseTerms
from core.timeline import Stretch
from metering.errors import MeteringError
from metering.judging import (
    JUDGED,
    TRIGGERS,
    Case,
    Terms,
    deemed_wh_per_second,
    excusing,
    index_month,
    is_over,
    measured_over,
    needs_yields,
    read_terms,
    suffices_by_aggregates,
    verdict_on,
)
from metering.ledger import Observed, stretches, tallies
from metering.measures import Measured, read_incidents, read_indices, read_losses, read_sums, read_yields
from metering.models import Meter
from metering.months import Month, MonthArchived
from metering.standings import keep_months

# Which meters stand for a plant, best first: what is settled on, else what is measured at the units.
SETTLING = ("REVENUE", "PRODUCTION")
# Contracts whose verdicts are written in one transaction.
BATCH = 250


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
    for meter in found.prefetch_related("meter_type", "project").order_by("pk"):
        meters[meter.project_id].append(meter)
    for project_id, of_project in meters.items():
        best = min((SETTLING.index(meter.meter_type.code) for meter in of_project), default=0)
        meters[project_id] = [meter for meter in of_project if meter.meter_type.code == SETTLING[best]]
    return meters


def evaluate(contract: Contract, period: CalendarPeriod) -> list[Assessment]:
    """Judges the clauses of one contract: see `evaluate_all`."""
    return evaluate_all([contract], period)[contract.pk]


def evaluate_all(contracts: Sequence[Contract], period: CalendarPeriod) -> dict[int, list[Assessment]]:
    """Judges each clause of the contracts that is measured over periods of this kind; what became of them, by contract.

    The verdicts of a batch of contracts are written in one transaction, with as many statements however many they
    are; a second run over the same readings and events writes nothing. A clause that cannot be judged as it is
    written, or whose readings left for the archive, is reported with the reason and does not stop the others; its
    verdict stays as it was.
    """
    found: dict[int, list[Assessment]] = {contract.pk: [] for contract in contracts}
    in_order = sorted(contracts, key=lambda contract: contract.pk)
    for first in range(0, len(in_order), BATCH):
        for assessment in _evaluate_batch(in_order[first : first + BATCH], period):
            found[assessment.clause.contract_id].append(assessment)
    return found


@dataclass(frozen=True)
class TimeLedger:
    """What the ledger of time says of a unit, as an availability clause looks at it."""

    clause: Clause
    meter: Meter
    local: ZoneInfo
    stretches: Sequence[Stretch]


@transaction.atomic
def time_ledgers(contract: Contract, period: CalendarPeriod) -> list[TimeLedger]:
    """The time of each unit of the contract, from readings, for each availability clause; writes nothing.

    Raises `CoreError` or `MeteringError` where a clause cannot be judged as it is written, or readings left for the
    archive: what is left of them would tell another story.
    """
    batch = _gathered([contract], period)
    batch.keep_months()
    for problem in batch.problems.values():
        raise MeteringError(problem.problem)
    return [
        TimeLedger(case.clause, meter, case.measured.local, found[meter.pk])
        for case in batch.timed
        for found in [stretches(_observed(case))]
        for meter in case.measured.meters
    ]


@transaction.atomic
def _evaluate_batch(contracts: Sequence[Contract], period: CalendarPeriod) -> list[Assessment]:
    batch = _gathered(contracts, period)
    batch.measure()
    return batch.judge()


def _gathered(contracts: Sequence[Contract], period: CalendarPeriod) -> "_Batch":
    """What the clauses of the contracts agree on; within the caller's transaction, as their rows are locked."""
    prefetch_related_objects(contracts, "project", "organization")
    by_key = {contract.pk: contract for contract in contracts}
    # Taking turns begins here: what an evaluation beside this one takes from a cap must be seen.
    clauses: dict[int, list[Clause]] = defaultdict(list)
    for clause in (
        Clause.objects.select_for_update(of=("self",), no_key=True)
        .filter(contract__in=by_key, clause_category__code__in=[*JUDGED, "LIQUIDATED_DAMAGES", "PRICING"])
        .prefetch_related("clause_category")  # one object of each, not one of each clause
        .order_by("pk")
    ):
        clause.contract = by_key[clause.contract_id]
        clauses[clause.contract_id].append(clause)
    batch = _Batch(period)
    batch.gather(clauses)
    return batch


class _Batch:
    """The clauses of some contracts on their way to their verdicts; a problem takes a clause out, and only that one."""

    def __init__(self, period: CalendarPeriod) -> None:
        self.period = period
        self.cases: dict[int, Case] = {}  # by clause, in the order of their ids
        self.problems: dict[int, Assessment] = {}

    def gather(self, clauses: dict[int, list[Clause]]) -> None:
        """Reads what each clause agrees on, and of which meters and in which time."""
        terms: dict[int, tuple[Clause, Terms]] = {}
        for of_contract in clauses.values():
            for clause in of_contract:
                with self._reported(clause):
                    found = _terms(clause)
                    if found is None or measured_over(found) is not self.period.kind:
                        continue
                    if not is_over(found, clause, self.period):
                        terms[clause.pk] = clause, found
        projects = {clause.contract.project_id for clause, _ in terms.values() if clause.contract.project_id}
        meters = settling_meters_of(projects) if projects else {}
        excuses = self._excuses(projects, [found for _, found in terms.values()])
        for clause, found in (terms[key] for key in sorted(terms)):
            with self._reported(clause):
                self.cases[clause.pk] = _case(clause, found, self.period, meters, excuses, clauses[clause.contract_id])

    def _excuses(self, projects: Collection[int], terms: Sequence[Terms]) -> dict[int, list[Excuse]]:
        codes = frozenset[str]().union(*(excusing(one) for one in terms))
        if not codes:
            return {}
        # As much more on each side as any time zone needs; each clause clips them to its own time.
        whole, day = self.period.in_zone(zone("UTC")), timedelta(days=1)
        around = Period(whole.start - day, whole.end + day)
        return excuses_of(projects, codes, around)

    def measure(self) -> None:
        """Brings what the clauses are judged on, each kind of measure in one statement for all of them."""
        self.keep_months()
        self._read_sums()
        by_readings = []
        for case in self.timed:
            if suffices_by_aggregates(case):
                assert case.sums is not None  # it has them
                case.units = {one.meter: one.tally for one in case.sums.meters}
                case.evidence = case.sums.evidence
            else:
                by_readings.append(case)
        told = tallies([_observed(case) for case in by_readings])
        for case, (units, evidence) in zip(by_readings, told, strict=True):
            case.units, case.evidence = units, evidence
        self._read_yields()
        self._read_losses()
        self._read_incidents()
        self._read_indices()

    @property
    def timed(self) -> list[Case]:
        """Those that are about time, not energy."""
        return [
            case
            for case in self.cases.values()
            if isinstance(case.terms, AvailabilityTerms) and case.terms.available_energy is None
        ]

    def keep_months(self) -> None:
        """What is left of readings of which some are in the archive would be another verdict, and take its place."""
        months: dict[tuple[Month, ...], list[Case]] = defaultdict(list)
        for case in self.cases.values():
            if not isinstance(case.terms, ResponseTerms | OfftakeTerms):
                span = case.measured.period
                months[tuple(Month.span(span.start, span.end - timedelta.resolution))].append(case)
        for needed, cases in months.items():
            try:
                keep_months(needed)
            except MonthArchived as error:
                for case in cases:
                    self._report(case.clause, error)

    def _read_sums(self) -> None:
        cases = [case for case in self.cases.values() if not isinstance(case.terms, ResponseTerms)]
        for case, sums in zip(cases, read_sums([case.measured for case in cases]), strict=True):
            case.sums = sums

    def _read_yields(self) -> None:
        cases = [case for case in self.cases.values() if needs_yields(case.terms, case.excused)]
        with_temperature = [
            isinstance(case.terms, PerformanceTerms) and case.terms.temperature_coefficient_per_c is not None
            for case in cases
        ]
        for case, found in zip(cases, read_yields([case.measured for case in cases], with_temperature), strict=True):
            case.yields = found

    def _read_losses(self) -> None:
        pairs = [
            (case, case.terms)
            for case in self.cases.values()
            if isinstance(case.terms, AvailabilityTerms) and case.terms.available_energy is not None
        ]
        found = read_losses(
            [case.measured for case, _ in pairs],
            [terms.irradiance_threshold_wm2 for _, terms in pairs],
            [deemed_wh_per_second(terms) for _, terms in pairs],
        )
        for (case, _), losses in zip(pairs, found, strict=True):
            case.losses = losses

    def _read_incidents(self) -> None:
        cases = [case for case in self.cases.values() if isinstance(case.terms, ResponseTerms)]
        if not cases:
            return
        whole = Period(
            min(case.measured.period.start for case in cases), max(case.measured.period.end for case in cases)
        )
        found = read_incidents({case.clause.contract.project_id or 0 for case in cases}, whole)
        for case in cases:
            own = found.get(case.clause.contract.project_id or 0, ())
            case.incidents = tuple(one for one in own if case.measured.period.contains(one.reported_at))

    def _read_indices(self) -> None:
        asked = {}
        for case in [*self.cases.values()]:
            with self._reported(case.clause):
                if (agreed := case.agreed) is not None and agreed.index is not None:
                    asked[case.clause.pk] = index_month(agreed, self.period)
        values = read_indices({*asked.values()})
        for key, month in asked.items():
            if key in self.cases:
                self.cases[key].index_value = values.get(month)

    def judge(self) -> list[Assessment]:
        """Judges in the order of ids, in which clauses take from the caps that they share, and writes what came out."""
        now = timezone.now()
        used = self._used()
        earlier = _earlier([*self.cases.values()])
        taken: dict[int, Decimal] = defaultdict(Decimal)
        judged: dict[int, Judged] = {}
        for key, case in [*self.cases.items()]:
            with self._reported(case.clause):
                capped_by = case.capped_by or case.clause
                room = {window: amount + taken[capped_by.pk] for window, amount in used.get(key, {}).items()}
                verdict, evidence = verdict_on(case, room, now)
                chronic = getattr(case.terms, "chronic_breach", None)
                if chronic is not None:
                    verdict = with_chronic_breach(verdict, chronic, earlier.get(key, ()))
                taken[capped_by.pk] += max(Decimal(0), verdict.ld_amount or Decimal(0))
                local = self.period.in_zone(case.measured.local)
                judged[key] = Judged(case.clause, verdict, local, evidence, case.excused, capped_by)
        found = {one.clause.pk: one for one in self._write([*judged.values()])} | self.problems
        return [found[key] for key in sorted(found)]

    def _write(self, judged: Sequence[Judged]) -> list[Assessment]:
        """Writes all verdicts at once; where that is refused, each alone, so that the others are written."""
        try:
            written = assess_all(judged) if judged else []
        except CoreError as error:
            if len(judged) == 1:
                self._report(judged[0].clause, error)
                return []
            return [assessment for one in judged for assessment in self._write([one])]
        return [
            Assessment(one.clause, one.verdict, output, outcome)
            for one, (output, outcome) in zip(judged, written, strict=True)
        ]

    def _used(self) -> dict[int, dict[CapWindow, Decimal]]:
        uses = []
        for case in self.cases.values():
            agreed = case.agreed
            if agreed is not None and any(cap.window is not CapWindow.PERIOD for cap in agreed.caps):
                uses.append(CapUse(case.clause, case.capped_by or case.clause, self.period, agreed.cap_year))
        return dict(zip((use.clause.pk for use in uses), damages_used(uses), strict=True))

    def _reported(self, clause: Clause) -> "_Reported":
        return _Reported(clause, self._report)

    def _report(self, clause: Clause, error: Exception) -> None:
        self.cases.pop(clause.pk, None)
        self.problems[clause.pk] = Assessment(clause, problem=str(error))


class _Reported:
    """Within it, what cannot be judged is reported with its clause instead of stopping the batch."""

    def __init__(self, clause: Clause, report: Callable[[Clause, Exception], None]) -> None:
        self.clause, self.report = clause, report

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if isinstance(error, CoreError | MeteringError):
            self.report(self.clause, error)
            return True
        return False


def _terms(clause: Clause) -> Terms | None:
    assert clause.clause_category is not None  # chosen by its category
    if clause.clause_category.code not in JUDGED:
        return None
    return read_terms(clause.clause_category.code, _payload(clause), clause=str(clause))


def _observed(case: Case) -> Observed:
    assert isinstance(case.terms, AvailabilityTerms)  # only those are measured by time
    return Observed(case.measured.meters, case.measured.period, case.terms.irradiance_threshold_wm2, case.excused)


def _case(
    clause: Clause,
    terms: Terms,
    period: CalendarPeriod,
    meters: dict[int, list[Meter]],
    excuses: dict[int, list[Excuse]],
    siblings: Sequence[Clause],
) -> Case:
    """What the clause is judged on. Raises `CoreError` or `MeteringError` where something of it is missing."""
    contract = clause.contract
    if contract.project is None:
        raise MeteringError(f"contract {contract} names no project: choose one, its meters are what is judged")
    found = meters.get(contract.project.pk, [])
    if not found:
        raise MeteringError(f"project {contract.project} has no revenue or production meter: add one")
    in_force = span_in_force(contract, period)
    if in_force is None:
        raise MeteringError(f"contract {contract} is not in force in {period}")
    excused = [
        Excuse(one.event_id, one.code, part)
        for one in excuses.get(contract.project.pk, ())
        if one.code in excusing(terms) and (part := one.period.overlap(in_force))
    ]
    case = Case(clause, terms, period, Measured(found, in_force, local_zone(contract), excused))
    case.damages, case.capped_by = _damages(clause, terms, siblings)
    if isinstance(terms, OfftakeTerms):
        case.price = _price(clause, siblings)
    return case


def _payload(clause: Clause) -> dict[str, object]:
    payload = clause.normalized_payload or {}
    if not isinstance(payload, dict):
        raise ClauseError(str(clause), "normalized_payload", "must hold keys and values")
    return payload


def _of_category(siblings: Sequence[Clause], category: str) -> Iterator[Clause]:
    for other in siblings:
        if other.clause_category is not None and other.clause_category.code == category:
            yield other


def _damages(clause: Clause, terms: Terms, siblings: Sequence[Clause]) -> tuple[DamagesTerms | None, Clause]:
    """The damages that another clause of the contract sets for this shortfall, and whose caps bound them."""
    trigger = TRIGGERS.get(type(terms))
    found = [
        (DamagesTerms.from_payload(_payload(other), clause=str(other), trigger=trigger), other)
        for other in _of_category(siblings, "LIQUIDATED_DAMAGES")
        if trigger is not None and _payload(other).get("trigger_type") == trigger
    ]
    if len(found) > 1:
        names = " and ".join(one.clause for one, _ in found)
        said = f"{names} both set damages for {str(trigger).replace('_', ' ')}"
        raise ClauseError(str(clause), "trigger_type", said)
    return found[0] if found else (None, clause)


def _price(clause: Clause, siblings: Sequence[Clause]) -> tuple[Decimal, str] | None:
    """The price of the contract, from its one PRICING clause."""
    pricing = [*_of_category(siblings, "PRICING")]
    if len(pricing) > 1:
        raise ClauseError(
            str(clause), "take_or_pay_shortfall_rate", f"is of a price, and {len(pricing)} clauses set one"
        )
    return contract_price(_payload(pricing[0]), clause=str(pricing[0])) if pricing else None


def _earlier(cases: Sequence[Case]) -> dict[int, list[EarlierVerdict]]:
    """What became of the last periods before this one, latest first, of those clauses that count them."""
    counting = [case for case in cases if getattr(case.terms, "chronic_breach", None) is not None]
    found: dict[int, list[EarlierVerdict]] = defaultdict(list)
    if not counting:
        return found
    local = {case.clause.pk: case.measured.local for case in counting}
    starts = {case.clause.pk: case.period.in_zone(case.measured.local).start for case in counting}
    rows = (
        RuleOutput.objects.filter(clause__in=starts, superseded_at__isnull=True, period_end__lte=max(starts.values()))
        .order_by("-period_start")
        .values_list("clause_id", "period_start", "breach", "default_event__evidence__values__actual")
    )
    for clause, period_start, breach, actual in rows:
        assert period_start is not None  # it ended before this one
        if period_start < starts[clause]:
            percent = None if actual is None else Decimal(str(actual))
            day = period_start.astimezone(local[clause]).date()
            found[clause].append(EarlierVerdict(day, breach, percent))
    return found
