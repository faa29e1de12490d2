"""What bills rest on, for many contracts at once, by as many queries as for one."""

from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import TypeVar

from django.db.models import Q

from core.cure import CureState
from core.models import BillingPeriod, Clause, Contract, RuleOutput
from core.periods import Period, PeriodKind, parse_period
from invoicing.agreement import Agreement
from invoicing.billing import Grounds
from invoicing.contract_tariffs import exchange_rates
from invoicing.errors import NotFoundError
from invoicing.models import ClauseTariff
from invoicing.tariffs.exchange import ExchangeRate
from metering.assessment import settling_meters_of
from metering.energy import aggregated_energies, interval_energies

_LONGEST_YEAR = timedelta(days=366)
_Row = TypeVar("_Row")


def find_billing_period(label: str) -> BillingPeriod:
    """The billing period with the days of `2026-01`. Raises `NotFoundError`, or `PeriodError` for another text."""
    period = parse_period(label)
    found = BillingPeriod.objects.filter(start_date=period.first_day, end_date=period.last_day).first()
    if found is None:
        raise NotFoundError(
            f"there is no billing period from {period.first_day} to {period.last_day}:"
            " load_reference_data brings the months, longer ones are added by hand"
        )
    return found


def written_tariffs(contracts: Sequence[Contract], billing_period: BillingPeriod) -> dict[int, list[ClauseTariff]]:
    """The tariffs of each contract up to the period's end, as far back as a contract year may reach, drafts too."""
    contract_of = {contract.pk: contract for contract in contracts}
    written = (
        ClauseTariff.objects.filter(Q(valid_to=None) | Q(valid_to__gt=billing_period.start_date - _LONGEST_YEAR))
        .filter(contract__in=contract_of, valid_from__lte=billing_period.end_date)
        .prefetch_related("currency", "tariff_type")
        .order_by("valid_from", "id")
    )
    found: dict[int, list[ClauseTariff]] = {contract_id: [] for contract_id in contract_of}
    for tariff in written:
        tariff.contract = contract_of[tariff.contract_id]
        found[tariff.contract_id].append(tariff)
    return found


def gather(agreements: Sequence[Agreement]) -> Generator[Grounds, None, None]:
    """What the bill of each agreement rests on, in their order; intervals are held for one at a time.

    Needs a transaction; who stops early closes the iterator.
    """
    if not agreements:
        return
    meters = _meters(agreements)
    aggregates = _by(
        "meter_id",
        aggregated_energies(
            {meter for each in agreements for meter in meters[each.contract.pk]},
            _around([each.span for each in agreements]),
        ),
    )
    verdicts = _verdicts(agreements)
    guarantees = _by("contract_id", _guarantees(agreements))
    rates = _rates(agreements, verdicts)
    asked = [(meters[each.contract.pk], each.filled) if each.filled else ((), each.span) for each in agreements]
    with closing(interval_energies(asked)) as answers:
        for agreement, intervals in zip(agreements, answers, strict=True):
            contract_id = agreement.contract.pk
            yield Grounds(
                meters=meters[contract_id],
                aggregates=[row for meter in meters[contract_id] for row in aggregates[meter]],
                intervals=intervals,
                verdicts=verdicts[contract_id],
                guarantees=guarantees[contract_id],
                rates=rates,
            )


def _meters(agreements: Sequence[Agreement]) -> dict[int, list[int]]:
    """The settling meters for each contract, none where no energy is priced."""
    of_project = settling_meters_of({each.project.pk for each in agreements if each.metered})
    return {
        each.contract.pk: [meter.pk for meter in of_project[each.project.pk]] if each.metered else []
        for each in agreements
    }


def _verdicts(agreements: Sequence[Agreement]) -> dict[int, list[RuleOutput]]:
    """Verdicts in force on periods that end in the billing period of each contract."""
    around = _around([each.whole for each in agreements])
    rows = list(
        RuleOutput.objects.filter(
            clause__contract__in=[each.contract.pk for each in agreements],
            superseded_at=None,
            period_end__gt=around.start,
            period_end__lte=around.end,
        )
        .select_related("clause", "currency", "rule_output_type", "default_event")
        # Explanations are long.
        .defer("metadata_detail", "clause__raw_text", "clause__normalized_payload", "clause__summary")
        .order_by("clause_id", "period_start")
    )
    # Once a cure has begun, the explanation says whether damages rest meanwhile.
    begun = [row for row in rows if row.default_event and row.default_event.cure_state != CureState.OBSERVED]
    if begun:
        details = RuleOutput.objects.in_bulk([row.pk for row in begun])
        for row in begun:
            row.metadata_detail = details[row.pk].metadata_detail
    found: dict[int, list[RuleOutput]] = defaultdict(list)
    for row in rows:
        found[row.clause.contract_id].append(row)
    return {
        each.contract.pk: [
            row
            for row in found[each.contract.pk]
            if row.period_end is not None and each.whole.start < row.period_end <= each.whole.end
        ]
        for each in agreements
    }


def _guarantees(agreements: Sequence[Agreement]) -> list[Clause]:
    """The availability clauses that are judged each month."""
    return list(
        Clause.objects.filter(
            contract__in=[each.contract.pk for each in agreements],
            clause_category__code="AVAILABILITY",
            normalized_payload__measurement_period=PeriodKind.MONTHLY,
        )
        .only("contract_id", "name")
        .order_by("id")
    )


def _rates(agreements: Sequence[Agreement], verdicts: dict[int, list[RuleOutput]]) -> list[ExchangeRate]:
    """The rates from the currencies of damages to those of tariffs, where they differ."""
    currencies: set[str] = set()
    days = []
    for each in agreements:
        for verdict in verdicts[each.contract.pk]:
            if verdict.currency is not None and verdict.currency != each.currency:
                currencies |= {verdict.currency.code, each.currency.code}
                days.append(each.days.last_day)
    return exchange_rates(currencies, min(days), max(days)) if days else []


def _around(spans: Sequence[Period]) -> Period:
    """The time from the first start to the last end."""
    return Period(min(span.start for span in spans), max(span.end for span in spans))


def _by(name: str, rows: Sequence[_Row]) -> defaultdict[int, list[_Row]]:
    found: defaultdict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        found[getattr(row, name)].append(row)
    return found
