"""The ledger of damages: what verdicts took from the caps of a clause, and what is left for a later one."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import F, Sum

from core.bulk import insert_all
from core.contracts import local_zone
from core.models import Clause, Contract, DamagesEntry, RuleOutput
from core.periods import CalendarPeriod, anniversary, contract_year, start_of_day, whole_years
from core.rules import CapWindow, CapYear


@dataclass(frozen=True, slots=True)
class CapUse:
    """A verdict that is about to take from the caps of `capped_by`, which may be the judged clause itself."""

    clause: Clause
    capped_by: Clause
    period: CalendarPeriod
    cap_year: CapYear

    @property
    def starts(self) -> datetime:
        return start_of_day(self.period.first_day, local_zone(self.clause.contract))

    def is_in_year(self, period_start: datetime, period_end: datetime) -> bool:
        """Whether a period counts to the same year of the cap: by where it starts, in the first year by its end.

        The period in which a contract takes effect belongs to its first year, whatever day that is.
        """
        contract, year_start = self.clause.contract, self.year_start
        began = start_of_day(year_start, local_zone(contract))
        is_first = self.cap_year is CapYear.CONTRACT and year_start == contract.effective_date
        return period_end > began if is_first else period_start >= began

    @property
    def year_start(self) -> date:
        if self.cap_year is CapYear.CALENDAR:
            return date(self.period.first_day.year, 1, 1)
        contract = self.clause.contract
        return contract_year_start(contract, max(self.period.first_day, contract.effective_date or date.min))


Used = dict[CapWindow, Decimal]


def damages_used(uses: Sequence[CapUse]) -> list[Used]:
    """For each use, what verdicts on earlier periods took from the caps that span several periods.

    Clauses that share caps take from them in the order of their ids within a period. What those took of which `uses`
    speaks as well is left out: they are about to be judged anew.
    """
    entries: dict[int, list[tuple[int, datetime, datetime, Decimal]]] = defaultdict(list)
    if uses:
        rows = (
            DamagesEntry.objects.filter(
                clause__in={use.capped_by.pk for use in uses}, period_start__lte=max(use.starts for use in uses)
            )
            .values_list("clause_id", "rule_output__clause_id", "period_start", "period_end")
            .annotate(taken=Sum("amount"))
            .exclude(taken=0)
        )
        for capped_by, *entry in rows.iterator():
            entries[capped_by].append((entry[0], entry[1], entry[2], entry[3]))
    judged = {use.clause.pk for use in uses}
    found = []
    for use in uses:
        starts, used = use.starts, {CapWindow.ANNUAL: Decimal(0), CapWindow.CUMULATIVE: Decimal(0)}
        for clause, period_start, period_end, taken in entries[use.capped_by.pk]:
            is_beside = period_start == starts and clause < use.clause.pk and clause not in judged
            if period_end <= starts or is_beside:
                used[CapWindow.CUMULATIVE] += taken
                if use.is_in_year(period_start, period_end):
                    used[CapWindow.ANNUAL] += taken
        found.append(used)
    return found


def contract_year_start(contract: Contract, day: date) -> date:
    """The first day of the contract year that holds the day; of its calendar year where the contract has no date."""
    anchor = contract.effective_date or date(day.year, 1, 1)
    return anniversary(anchor, whole_years(anchor, day))


def operating_year(contract: Contract, day: date) -> int:
    """Which contract year the day lies in, 1 for the first; None of them lies before it."""
    return contract_year(day, contract.effective_date or day)


@dataclass(frozen=True, slots=True)
class Settlement:
    """A verdict and the clause whose caps bound its damages; None: it takes nothing any more."""

    output: RuleOutput
    capped_by: Clause | None

    @property
    def entry(self) -> DamagesEntry | None:
        """What stands in the ledger for it, if anything does."""
        output, clause = self.output, self.capped_by
        if clause is None or output.ld_amount is None or output.ld_amount <= 0:
            return None
        assert output.currency_id is not None  # an amount has a currency
        assert output.period_start is not None
        assert output.period_end is not None
        return DamagesEntry(
            rule_output=output,
            organization_id=clause.contract.organization_id,
            contract_id=clause.contract_id,
            clause=clause,
            currency_id=output.currency_id,
            period_start=output.period_start,
            period_end=output.period_end,
            amount=output.ld_amount,
        )


_SAID = ("organization_id", "contract_id", "clause_id", "currency_id", "period_start", "period_end", "amount")


def settle_damages(settlements: Iterable[Settlement]) -> None:
    """Writes into the ledger what each verdict takes from caps, within the caller's transaction.

    What an earlier run of the same verdict took is taken back first; where nothing changed nothing is written.
    """
    settlements = list(settlements)
    standing: dict[int, list[DamagesEntry]] = defaultdict(list)
    rows = (
        DamagesEntry.objects.filter(rule_output__in=[one.output.pk for one in settlements])
        .values("rule_output_id", *_SAID[:-1])
        .annotate(taken=Sum("amount"))
        .exclude(taken=0)
        .order_by("rule_output_id", F("clause_id"))
    )
    for row in rows:
        taken = row.pop("taken")
        standing[row["rule_output_id"]].append(DamagesEntry(**row, amount=taken))
    written = []
    for one in settlements:
        wanted = [] if one.entry is None else [one.entry]
        stands = standing[one.output.pk]
        if [_said(entry) for entry in stands] != [_said(entry) for entry in wanted]:
            for entry in stands:
                entry.amount = -entry.amount
            written += [*stands, *wanted]
    insert_all(written)


def _said(entry: DamagesEntry) -> tuple[object, ...]:
    return tuple(getattr(entry, name) for name in _SAID)
