"""What a contract should cost in a billing period: the expected invoice and, where the organization is paid, its draft.

`draft` owns its transaction and may be run twice: it writes only where the lines differ from those stored. Both
documents are derived. What has left the house, an invoice that is no longer a draft, is never touched.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from zoneinfo import ZoneInfo

from django.contrib.postgres.functions import TransactionNow
from django.db import connection, transaction
from django.db.models import Model, Q

from core.contracts import contracts_in_force
from core.errors import PeriodError
from core.models import BillingPeriod, Clause, Contract, Currency, InvoiceDirection, Project, RuleOutput
from core.money import allocate, minor_units, round_money, show
from core.periods import CalendarPeriod, Period, PeriodKind, parse_period, start_of_day, zone
from invoicing.contract_tariffs import fills_from, in_currency, minimum_for, versions_of
from invoicing.errors import BillingError, InvoicingError, NotFoundError, RatingError, TariffError
from invoicing.models import (
    ClauseTariff,
    DocumentType,
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    InvoiceComparison,
    InvoiceComparisonLineItem,
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceLineItemType,
    InvoiceStatus,
    TariffStatus,
)
from invoicing.rating import FlatTariff, PricedLine, TariffUnit, price
from invoicing.tariffs.minimum import top_up
from invoicing.tariffs.parameters import FLAT_TYPES
from invoicing.tariffs.pricing import EnergyInterval, EnergyLine, price_intervals
from metering.assessment import settling_meters
from metering.energy import interval_energies
from metering.models import MeterAggregate, PeriodType

ENERGY, FIXED_FEE, LD_CREDIT = "ENERGY", "FIXED_FEE", "LD_CREDIT"
# The kinds of tariff whose base rate is the whole price. The base rate of any other would be a wrong price.
_FLAT_TARIFF_TYPES = FLAT_TYPES | {FIXED_FEE}
_QUANTITY_DECIMALS = 12  # of invoice_line_item.quantity
_DAY = timedelta(days=1)


class Change(StrEnum):
    """What a run did to a stored document."""

    CREATED = "created"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    ISSUED = "issued"  # before this run, and left alone


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill; `amount` is rounded to the currency's minor unit, a credit is negative."""

    type_code: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    clause_tariff_id: int | None = None
    meter_aggregate_id: int | None = None
    rule_output_id: int | None = None
    # Of the expected invoice alone, where the received one is set against them.
    unit: str | None = field(default=None, compare=False)
    price_bucket: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class DraftResult:
    """The bill of one contract and period, and what it changed; `invoice` is None where the organization pays."""

    contract_id: int
    contract: str
    period: str
    currency: str
    total: Decimal
    lines: tuple[Line, ...]
    warnings: tuple[str, ...]
    expected: Change
    invoice: Change | None

    def __str__(self) -> str:
        parts = [f"expected invoice {self.expected}"]
        if self.invoice is Change.ISSUED:
            parts.append("the issued invoice left alone")
        elif self.invoice is not None:
            parts.append(f"draft {self.invoice}")
        return f"{self.contract}: {show(self.total, self.currency)} for {self.period}, {', '.join(parts)}."


@dataclass(frozen=True, slots=True)
class Refusal:
    """A contract for which nothing was written, and why."""

    contract_id: int
    contract: str
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.contract}: refused: {'; '.join(self.problems)}."


@dataclass(frozen=True, slots=True)
class DraftRun:
    """The drafts of a billing period. `skipped` counts contracts that are not active or not in term."""

    period: str
    drafts: tuple[DraftResult, ...]
    refused: tuple[Refusal, ...]
    skipped: int
    dry_run: bool

    def __str__(self) -> str:
        sentences = ["Dry run: nothing was written."] if self.dry_run else []
        for result in self.drafts:
            sentences += [str(result), *(f"  warning: {warning}" for warning in result.warnings)]
        sentences += map(str, self.refused)
        sentences.append(
            f"{self.period}: {len(self.drafts)} billed, {len(self.refused)} refused,"
            f" {self.skipped} skipped (not active, or not in term)."
        )
        return "\n".join(sentences)


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


def days_of(billing_period: BillingPeriod) -> CalendarPeriod:
    """The days of a billing period. What to show is its own name: the label is right for months alone."""
    return CalendarPeriod(billing_period.start_date, billing_period.end_date + _DAY, PeriodKind.MONTHLY)


def draft_all(billing_period: BillingPeriod, contract_id: int | None = None, *, dry_run: bool = False) -> DraftRun:
    """Bills every contract in force, or the one named. A contract that is refused does not stop the others.

    Raises `CoreError` where the one named does not exist or is not in force.
    """
    due = list(contracts_in_force(days_of(billing_period), contract_id))
    drafts: list[DraftResult] = []
    refused: list[Refusal] = []
    for contract in due:
        try:
            drafts.append(draft(contract, billing_period, dry_run=dry_run))
        except BillingError as error:
            refused.append(Refusal(contract.pk, contract.name, error.problems))
    skipped = 0 if contract_id else Contract.objects.count() - len(due)
    return DraftRun(billing_period.name, tuple(drafts), tuple(refused), skipped, dry_run)


def draft(contract: Contract, billing_period: BillingPeriod, *, dry_run: bool = False) -> DraftResult:
    """Bills one contract: stores the expected invoice, and the draft of the organization's own where it is paid.

    Runs at once wait for each other and the later finds nothing to do. A comparison with an expected invoice that
    is replaced is taken back. Raises `BillingError` with the reasons; then nothing is written.
    """
    with transaction.atomic():
        # NO KEY UPDATE: rows that refer to the contract may still be inserted by others.
        locked = Contract.objects.select_for_update(of=("self",), no_key=True).select_related("project")
        bill = _bill(locked.get(pk=contract.pk), billing_period)
        expected = _store_expected(bill, dry_run=dry_run)
        invoice, warnings = None, bill.warnings
        if bill.contract.invoice_direction == InvoiceDirection.RECEIVABLE:
            invoice, issued_warnings = _store_draft(bill, dry_run=dry_run)
            warnings += issued_warnings
    return DraftResult(
        contract_id=bill.contract.pk,
        contract=bill.contract.name,
        period=billing_period.name,
        currency=bill.currency.code,
        total=bill.total,
        lines=bill.lines,
        warnings=warnings,
        expected=expected,
        invoice=invoice,
    )


# --- what is owed


@dataclass(frozen=True, slots=True)
class _Bill:
    contract: Contract
    billing_period: BillingPeriod
    currency: Currency
    lines: tuple[Line, ...]
    type_ids: Mapping[str, int]
    warnings: tuple[str, ...]

    @property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def head(self) -> dict[str, object]:
        """What the headers of both documents say, beside the contract and the period that they are for."""
        return {
            "project_id": self.contract.project_id,
            "counterparty_id": self.contract.counterparty_id,
            "currency_id": self.currency.pk,
            "total_amount": self.total,
        }


@dataclass(frozen=True, slots=True)
class _Energy:
    """Energy of every day to bill; on `whole_days` every meter was read. `monthly_id` is a row of the same sum."""

    meters: tuple[int, ...]
    kwh_by_day: Mapping[date, Decimal]
    whole_days: frozenset[date]
    monthly_id: int | None
    warnings: tuple[str, ...]


_NOTHING_METERED = _Energy((), {}, frozenset(), None, ())


def _bill(contract: Contract, billing_period: BillingPeriod) -> _Bill:
    def refusal(*problems: str) -> BillingError:
        return BillingError(contract.name, billing_period.name, *problems)

    if contract.project is None:
        raise refusal("it has no project, and so neither meters nor a time zone")
    days = _days_in_term(contract, billing_period)
    if not len(days):
        raise refusal(f"its term, {contract.effective_date} to {contract.end_date}, does not reach into the period")
    try:
        local = zone(contract.project.time_zone)
    except PeriodError as error:
        raise refusal(f"project {contract.project}: {error}") from error

    written = _tariffs(contract, days)
    tariffs = [tariff for tariff in written if tariff.status == TariffStatus.PUBLISHED]
    drafts = [f"tariff {tariff.pk} is a draft and is not billed" for tariff in written if tariff not in tariffs]
    if not tariffs:
        raise refusal(f"no tariff is valid from {days.first_day} to {days.last_day}", *drafts)
    energy = _NOTHING_METERED
    if any(tariff.unit != TariffUnit.MONTH for tariff in tariffs):
        try:
            energy = _energy(contract.project, days, local)
        except _NoEnergyError as error:
            raise refusal(str(error)) from error
    lines, problems, provisional = _priced(contract, tariffs, energy, days, billing_period, local)

    currency = tariffs[0].currency
    verdicts = _verdicts(contract, days_of(billing_period).in_zone(local))
    for verdict in verdicts:
        if verdict.ld_amount is not None and verdict.ld_amount > 0:
            try:
                lines.append(_credit(verdict, currency, days.last_day))
            except TariffError as problem:
                problems.append(
                    f"damages under {verdict.clause} are in {verdict.currency or 'no currency'} and the tariff is in"
                    f" {currency}: {problem}"
                )
    if problems:
        raise refusal(*problems, *drafts)
    warnings = (*drafts, *energy.warnings, *provisional, *_open_clauses(contract, verdicts))
    return _Bill(contract, billing_period, currency, tuple(lines), _type_ids(lines), warnings)


def _days_in_term(contract: Contract, billing_period: BillingPeriod) -> CalendarPeriod:
    """The days of the period in which the contract runs, maybe none."""
    days = days_of(billing_period)
    first = max(days.first_day, contract.effective_date or days.first_day)
    last = min(days.last_day, contract.end_date or days.last_day)
    return CalendarPeriod(first, max(first, last + _DAY), days.kind)


def _tariffs(contract: Contract, days: CalendarPeriod) -> list[ClauseTariff]:
    return list(
        ClauseTariff.objects.filter(Q(valid_to=None) | Q(valid_to__gte=days.first_day))
        .filter(contract=contract, valid_from__lte=days.last_day)
        .select_related("currency", "tariff_type", "contract__project")
        .order_by("valid_from", "id")
    )


def _priced(
    contract: Contract,
    tariffs: Sequence[ClauseTariff],
    energy: _Energy,
    days: CalendarPeriod,
    billing_period: BillingPeriod,
    local: ZoneInfo,
) -> tuple[list[Line], list[str], list[str]]:
    """The lines of the energy price and of the fee, each a contract line of its own, and what stands against them.

    The last are warnings: what is not final. Flat prices take the energy of days, all others that of intervals.
    """
    lines: list[Line] = []
    problems: list[str] = []
    warnings: list[str] = []
    currencies = sorted({tariff.currency.code for tariff in tariffs})
    if len(currencies) > 1:
        problems.append(f"tariffs name several currencies: {', '.join(currencies)}")
    metered = [tariff for tariff in tariffs if tariff.unit != TariffUnit.MONTH]
    fees = [tariff for tariff in tariffs if tariff.unit == TariffUnit.MONTH]
    problems += [
        f"tariff {tariff.pk} is {tariff.tariff_type.code}: a fee is {', '.join(sorted(_FLAT_TARIFF_TYPES))}"
        for tariff in fees
        if tariff.tariff_type.code not in _FLAT_TARIFF_TYPES
    ]
    if any(tariff.tariff_type.code not in _FLAT_TARIFF_TYPES for tariff in metered):
        try:
            by_interval, minimum = _priced_by_interval(contract, metered, energy, days, billing_period, local)
        except RatingError as error:
            problems += error.problems
        else:
            lines += _energy_lines(by_interval, energy, days, billing_period, local)
            lines += _minimum_line(by_interval, minimum, metered[0].currency)
            warnings += dict.fromkeys(f"provisional price: {line.note}" for line in by_interval if line.is_provisional)
        metered = []
    for group, kwh_by_day in ((metered, energy.kwh_by_day), (fees, {})):
        if not group:
            continue
        try:
            priced = price(kwh_by_day, [_flat(tariff) for tariff in group], days)
        except RatingError as error:
            problems += [problem for problem in error.problems if problem not in problems]
        else:
            lines += [_line(line, energy, billing_period) for line in priced]
    return lines, problems, warnings


def _priced_by_interval(
    contract: Contract,
    tariffs: Sequence[ClauseTariff],
    energy: _Energy,
    days: CalendarPeriod,
    billing_period: BillingPeriod,
    local: ZoneInfo,
) -> tuple[tuple[EnergyLine, ...], Fraction]:
    """The lines, and what they must come to at least.

    Raises `RatingError` with every tariff that cannot be read, or with what stands against the lines.
    """
    versions, problems = versions_of(tariffs, days.first_day, days.last_day, local)
    filled_from = fills_from(versions, contract, days)
    if not problems and filled_from < days.first_day:
        earlier = CalendarPeriod(filled_from, days.next_day, days.kind)
        valid = [
            tariff
            for tariff in _tariffs(contract, earlier)
            if tariff.status == TariffStatus.PUBLISHED and tariff.unit != TariffUnit.MONTH
        ]
        versions, problems = versions_of(valid, filled_from, days.last_day, local)
    if problems:
        raise RatingError(days.label, problems)
    span = days.in_zone(local)
    filled = Period(start_of_day(filled_from, local), span.end)
    intervals = [
        # What begins in the period is of the period, as in the aggregates.
        EnergyInterval(each.start, min(each.end, span.end), each.energy_kwh, each.meter_id)
        for each in interval_energies(energy.meters, filled)
    ]
    by_interval = sum((each.energy_kwh for each in intervals if each.start >= span.start), Decimal(0))
    by_day = sum(energy.kwh_by_day.values(), Decimal(0))
    if by_interval != by_day:
        sums = f"intervals come to {by_interval.normalize():,f} kWh and days to {by_day.normalize():,f} kWh"
        raise RatingError(days.label, (f"{sums}: load what is missing, then run aggregate_readings",))
    try:
        lines = price_intervals(
            versions,
            intervals,
            span.start,
            span.end,
            year_begins=contract.effective_date,
            filled_from=filled.start,
        )
    except TariffError as problem:
        raise RatingError(days.label, (str(problem),)) from problem
    return lines, minimum_for(versions, span, days_of(billing_period).in_zone(local))


def _minimum_line(priced: Sequence[EnergyLine], minimum: Fraction, currency: Currency) -> Iterator[Line]:
    """What the energy is short of the minimum charge, if anything."""
    decimals = minor_units(currency.code)
    charged = sum((line.amount for line in priced), Decimal(0))
    missing = top_up(charged, round_money(minimum, decimals), decimals=decimals)
    if missing:
        said = f"Minimum charge of {show(charged + missing, currency.code)}, of which {show(charged, currency.code)}"
        yield Line(FIXED_FEE, f"{said} is charged for energy", Decimal(1), missing, missing)


def _energy_lines(
    priced: Sequence[EnergyLine],
    energy: _Energy,
    days: CalendarPeriod,
    billing_period: BillingPeriod,
    local: ZoneInfo,
) -> Iterator[Line]:
    """The lines with what a reader needs: days, bucket, tier, how the rate came about, and how much was measured."""
    for line, quantity in zip(priced, _shown_quantities(priced), strict=True):
        first, last = (at.astimezone(local).date() for at in (line.start, line.end - timedelta.resolution))
        is_whole = (first, last) == (billing_period.start_date, billing_period.end_date)
        said = [
            f"Energy delivered in {billing_period.name}" if is_whole else f"Energy delivered from {first} to {last}"
        ]
        bucket = [line.bucket] if line.bucket != "all" else []
        if line.tiers > 1:
            bucket.append(f"tier {line.tier} of {line.tiers}")
        said += bucket
        measured = sum(first <= day <= last for day in energy.whole_days)
        if measured != (last - first).days + 1:
            said.append(f"{measured} of {(last - first).days + 1} days fully measured")
        if line.note:
            said.append(f"rate {line.note}")
        yield Line(
            type_code=ENERGY,
            description=", ".join(said),
            quantity=quantity,
            unit_price=line.unit_price,
            amount=line.amount,
            clause_tariff_id=line.version,
            unit=line.unit.value,
            price_bucket=", ".join(bucket) or None,
        )


def _shown_quantities(priced: Sequence[EnergyLine]) -> list[Decimal]:
    """Quantities with the digits of an invoice line, which still add up to what was measured where that has no more."""
    exact = [line.quantity for line in priced]
    total = round_money(sum(exact, Fraction(0)), _QUANTITY_DECIMALS)
    if len({line.unit for line in priced}) == 1 and Fraction(total) == sum(exact) and min(exact) > 0:
        return list(allocate(total, exact, _QUANTITY_DECIMALS))
    return [round_money(quantity, _QUANTITY_DECIMALS) for quantity in exact]


def _flat(tariff: ClauseTariff) -> FlatTariff:
    return FlatTariff(
        id=tariff.pk,
        rate=tariff.base_rate,
        unit=tariff.unit or "",
        currency=tariff.currency.code,
        valid_from=tariff.valid_from,
        valid_to=tariff.valid_to,
    )


def _line(line: PricedLine, energy: _Energy, billing_period: BillingPeriod) -> Line:
    days = CalendarPeriod(line.first_day, line.last_day + _DAY, PeriodKind.MONTHLY)
    is_whole = days == days_of(billing_period)
    when = f"in {billing_period.name}" if is_whole else f"from {line.first_day} to {line.last_day}"
    if line.unit is TariffUnit.MONTH:
        type_code, description, aggregate_id = FIXED_FEE, f"Fixed fee {when}", None
    else:
        measured = sum(day in energy.whole_days for day in days.days())
        gap = "" if measured == len(days) else f", {measured} of {len(days)} days fully measured"
        type_code, description = ENERGY, f"Energy delivered {when}{gap}"
        aggregate_id = energy.monthly_id if is_whole else None
    return Line(
        type_code=type_code,
        description=description,
        quantity=round_money(line.quantity, _QUANTITY_DECIMALS),
        unit_price=line.unit_price,
        amount=line.amount,
        clause_tariff_id=line.tariff_id,
        meter_aggregate_id=aggregate_id,
        unit=line.unit.value,
    )


def _verdicts(contract: Contract, span: Period) -> list[RuleOutput]:
    """Current verdicts on periods that end in the span: one on a quarter falls to the quarter's last month."""
    return list(
        RuleOutput.objects.filter(
            clause__contract=contract,
            superseded_at=None,
            period_end__gt=span.start,
            period_end__lte=span.end,
        )
        .select_related("clause", "currency", "rule_output_type")
        .order_by("clause_id", "period_start")
    )


def _open_clauses(contract: Contract, verdicts: Sequence[RuleOutput]) -> Iterator[str]:
    """A sentence for each availability clause of which it is not known whether damages are due."""
    for verdict in verdicts:
        if verdict.rule_output_type.code == "UNDETERMINED":
            yield f"no damages are credited where nothing could be decided: {verdict.description or verdict.clause}"
    unjudged = Clause.objects.filter(
        contract=contract,
        clause_category__code="AVAILABILITY",
        normalized_payload__measurement_period=PeriodKind.MONTHLY,
    ).exclude(pk__in=[verdict.clause_id for verdict in verdicts])
    for clause in unjudged.order_by("id"):
        yield f"no verdict on {clause}, so no damages are credited: run evaluate_compliance, then this again"


def _credit(verdict: RuleOutput, currency: Currency, day: date) -> Line:
    """Damages in the currency of the tariff, at the rate of the last day. Raises `TariffError` without a rate."""
    assert verdict.ld_amount is not None  # only verdicts with damages are credited
    said = f"Liquidated damages, {verdict.description or verdict.clause}"
    damages = verdict.ld_amount
    if verdict.currency != currency:
        if verdict.currency is None:
            raise TariffError("currency", "the verdict names none")
        converted = in_currency(damages, verdict.currency.code, currency.code, day)
        said += f", {show(damages, verdict.currency.code)} at the rate of {converted.rate_of}"
        damages = converted.amount
    credit = -round_money(damages, minor_units(currency.code))
    return Line(
        type_code=LD_CREDIT,
        description=said,
        quantity=Decimal(1),
        unit_price=credit,
        amount=credit,
        rule_output_id=verdict.pk,
    )


def _type_ids(lines: Iterable[Line]) -> dict[str, int]:
    """Ids of the kinds of line, by code. Raises `NotFoundError` where the vocabulary is not loaded."""
    codes = {line.type_code for line in lines}
    found = dict(InvoiceLineItemType.objects.filter(code__in=codes).values_list("code", "id"))
    if absent := sorted(codes - found.keys()):
        raise NotFoundError(f"invoice line types {', '.join(absent)} are not loaded: run load_reference_data")
    return found


# --- what was measured


class _NoEnergyError(InvoicingError):
    """Nothing can be billed by energy; the text says why."""


def _energy(project: Project, days: CalendarPeriod, local: ZoneInfo) -> _Energy:
    """What the meters measured by which the project is billed.

    A day without a measurement adds nothing and is named in a warning; where no day has one, nothing is billed.
    """
    meters = [meter.pk for meter in settling_meters(project.pk)]
    if not meters:
        raise _NoEnergyError(f"project {project} has neither a revenue nor a production meter")

    span = days.in_zone(local)
    aggregates = list(
        MeterAggregate.objects.filter(
            meter_id__in=meters,
            period_type__in=(PeriodType.DAILY, PeriodType.MONTHLY),
            period_start__gte=span.start,
            period_start__lt=span.end,
        )
    )
    day_at = {start_of_day(day, local): day for day in days.days()}
    daily = [row for row in aggregates if row.period_type == PeriodType.DAILY]
    if any(row.period_start not in day_at for row in daily):
        raise _NoEnergyError(f"daily aggregates are not cut at midnight in {local}: run aggregate_readings again")
    kwh = {(row.meter_id, day_at[row.period_start]): row.energy_kwh for row in daily if row.energy_kwh is not None}
    if not kwh:
        raise _NoEnergyError("no day has measured energy: load the readings, then run aggregate_readings")

    kwh_by_day = dict.fromkeys(days.days(), Decimal(0))
    for (_, day), day_kwh in kwh.items():
        kwh_by_day[day] += day_kwh
    missing = [(meter, day) for meter in meters for day in days.days() if (meter, day) not in kwh]
    partial = [
        (row.meter_id, day_at[row.period_start])
        for row in daily
        if row.data_completeness_percent is not None and row.data_completeness_percent < 100
    ]
    same_in_one_row = (
        row.pk
        for row in aggregates
        if len(meters) == 1
        and row.period_type == PeriodType.MONTHLY
        and Period(row.period_start, row.period_end) == span
        and row.energy_kwh == sum(kwh_by_day.values())
    )
    return _Energy(
        meters=tuple(meters),
        kwh_by_day=kwh_by_day,
        whole_days=frozenset(kwh_by_day) - {day for _, day in (*missing, *partial)},
        monthly_id=next(same_in_one_row, None),
        warnings=(
            *_warnings("has no measured energy, and none is billed,", missing, days),
            *_warnings("lacks part of its readings", [found for found in partial if found not in missing], days),
        ),
    )


def _warnings(problem: str, found: Sequence[tuple[int, date]], days: CalendarPeriod) -> Iterator[str]:
    """A sentence for each meter."""
    for meter in sorted({meter for meter, _ in found}):
        its_days = sorted(day for its_meter, day in found if its_meter == meter)
        yield f"meter {meter} {problem} on {len(its_days)} of {len(days)} days, the first {its_days[0]}"


# --- what is stored


def _change(
    header: Model | None, head: Mapping[str, object], stored: Iterable[object], lines: Iterable[object]
) -> Change:
    if header is None:
        return Change.CREATED
    same_head = all(getattr(header, name) == value for name, value in head.items())
    return Change.UNCHANGED if same_head and list(stored) == list(lines) else Change.REPLACED


def _save(header: ExpectedInvoiceHeader | InvoiceHeader, head: Mapping[str, object]) -> None:
    for name, value in head.items():
        setattr(header, name, value)
    # The start of the transaction, before any energy was read.
    header.computed_at = TransactionNow()
    header.save()


def _confirm(header: ExpectedInvoiceHeader | InvoiceHeader | None) -> None:
    """Notes that a document came out as it was, where readings of its period had changed since it was computed."""
    if header is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM stale_invoice_draft WHERE document = %s AND header_id = %s)",
            [header._meta.db_table, header.pk],
        )
        is_stale = cursor.fetchone()[0]
    if is_stale:
        type(header)._default_manager.filter(pk=header.pk).update(computed_at=TransactionNow())


def _store_expected(bill: _Bill, *, dry_run: bool) -> Change:
    header = ExpectedInvoiceHeader.objects.filter(contract=bill.contract, billing_period=bill.billing_period).first()
    stored = ExpectedInvoiceLineItem.objects.filter(expected_invoice_header=header).order_by("id")
    change = _change(
        header,
        bill.head,
        stored.values_list(
            "invoice_line_item_type__code",
            "description",
            "quantity",
            "unit",
            "line_unit_price",
            "price_bucket",
            "line_total_amount",
        ),
        (
            (
                line.type_code,
                line.description,
                line.quantity,
                line.unit,
                line.unit_price,
                line.price_bucket,
                line.amount,
            )
            for line in bill.lines
        ),
    )
    if dry_run:
        return change
    if change is Change.UNCHANGED:
        _confirm(header)
        return change
    if header is None:
        header = ExpectedInvoiceHeader(contract=bill.contract, billing_period=bill.billing_period)
    else:
        # A comparison points at the lines that go. It is derived, and the next run makes it again.
        comparisons = InvoiceComparison.objects.filter(expected_invoice_header=header)
        InvoiceComparisonLineItem.objects.filter(invoice_comparison__in=comparisons).delete()
        comparisons.delete()
        stored.delete()
    _save(header, bill.head)
    ExpectedInvoiceLineItem.objects.bulk_create(
        ExpectedInvoiceLineItem(
            expected_invoice_header=header,
            invoice_line_item_type_id=bill.type_ids[line.type_code],
            description=line.description,
            quantity=line.quantity,
            unit=line.unit,
            line_unit_price=line.unit_price,
            price_bucket=line.price_bucket,
            line_total_amount=line.amount,
        )
        for line in bill.lines
    )
    return change


def invoiced_net(documents: Sequence[InvoiceHeader]) -> Decimal:
    """The lines of invoices less those of credit notes: what was invoiced, before levies and VAT."""
    credit_notes = {document.pk for document in documents if document.document_type == DocumentType.CREDIT_NOTE}
    lines = InvoiceLineItem.objects.filter(invoice_header__in=documents)
    amounts = lines.values_list("invoice_header_id", "line_total_amount")
    return sum((-amount if header in credit_notes else amount for header, amount in amounts), Decimal(0))


def _store_draft(bill: _Bill, *, dry_run: bool) -> tuple[Change, tuple[str, ...]]:
    invoices = list(InvoiceHeader.objects.filter(contract=bill.contract, billing_period=bill.billing_period))
    issued = [invoice for invoice in invoices if invoice.status != InvoiceStatus.DRAFT]
    if issued:
        invoiced = invoiced_net(issued)
        if invoiced == bill.total:
            return Change.ISSUED, ()
        now, before = show(bill.total, bill.currency.code), show(invoiced, bill.currency.code)
        return Change.ISSUED, (f"{before} is invoiced and {now} is due: a correction is needed",)

    header = next(iter(invoices), None)
    stored = InvoiceLineItem.objects.filter(invoice_header=header).order_by("id")
    change = _change(
        header,
        bill.head,
        (
            Line(
                type_code=item.invoice_line_item_type.code,
                description=item.description or "",
                quantity=item.quantity or Decimal(0),
                unit_price=item.line_unit_price or Decimal(0),
                amount=item.line_total_amount,
                clause_tariff_id=item.clause_tariff_id,
                meter_aggregate_id=item.meter_aggregate_id,
                rule_output_id=item.rule_output_id,
            )
            for item in stored.select_related("invoice_line_item_type")
        ),
        bill.lines,
    )
    if dry_run:
        return change, ()
    if change is Change.UNCHANGED:
        _confirm(header)
        return change, ()
    if header is None:
        header = InvoiceHeader(contract=bill.contract, billing_period=bill.billing_period)
    else:
        stored.delete()
    _save(header, bill.head)
    InvoiceLineItem.objects.bulk_create(
        InvoiceLineItem(
            invoice_header=header,
            invoice_line_item_type_id=bill.type_ids[line.type_code],
            description=line.description,
            quantity=line.quantity,
            line_unit_price=line.unit_price,
            line_total_amount=line.amount,
            clause_tariff_id=line.clause_tariff_id,
            meter_aggregate_id=line.meter_aggregate_id,
            rule_output_id=line.rule_output_id,
        )
        for line in bill.lines
    )
    return change, ()
