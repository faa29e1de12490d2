"""What a contract owes for a billing period, from what is agreed and what was gathered: pure, it asks nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from core.curing import is_charged
from core.models import BillingPeriod, Clause, Contract, Currency, RuleOutput
from core.money import allocate, minor_units, round_money, show
from core.periods import CalendarPeriod, Period, PeriodKind, start_of_day
from invoicing.agreement import FIXED_FEE, FLAT_TARIFF_TYPES, Agreement, Versions, days_of
from invoicing.contract_tariffs import minimum_for
from invoicing.delivered import NOTHING_METERED, Delivered, delivered
from invoicing.errors import BillingError, DeliveryError, RatingError, TariffError, TaxError
from invoicing.models import ClauseTariff
from invoicing.rating import FlatTariff, PricedLine, TariffUnit, price
from invoicing.tariffs.exchange import ExchangeRate, convert
from invoicing.tariffs.minimum import top_up
from invoicing.tariffs.pricing import EnergyInterval, EnergyLine, Version, price_intervals
from invoicing.taxes import Taxable, TaxTerms, vat_by_line
from metering.energy import AggregatedEnergy, MeteredInterval

ENERGY, LD_CREDIT, BONUS, TAKE_OR_PAY = "ENERGY", "LD_CREDIT", "BONUS", "TAKE_OR_PAY"
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
    """One line of the bill; `amount` is rounded to the currency's minor unit, a credit is negative.

    Provisional: its price rests on an index that is not published yet, and is trued up when it is.
    """

    type_code: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    clause_tariff_id: int | None = None
    meter_aggregate_id: int | None = None
    rule_output_id: int | None = None
    is_provisional: bool = False
    # Of the expected invoice alone, where the received one is set against them.
    unit: str | None = field(default=None, compare=False)
    price_bucket: str | None = field(default=None, compare=False)
    tax_amount: Decimal | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A contract for which nothing was written, and why."""

    contract_id: int
    contract: str
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.contract}: refused: {'; '.join(self.problems)}."


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a bill rests on beside the agreement.

    `intervals` are those since tiers began to fill, none where days will do. `verdicts` are in force and end in the
    billing period: one on a quarter falls to the quarter's last month. `guarantees` are the clauses that want one.
    """

    meters: Sequence[int]
    aggregates: Sequence[AggregatedEnergy]
    intervals: Sequence[MeteredInterval]
    verdicts: Sequence[RuleOutput]
    guarantees: Sequence[Clause]
    rates: Sequence[ExchangeRate]


@dataclass(frozen=True, slots=True)
class Bill:
    """What a contract owes; `warnings` say what is not final or not known, `gaps` are those of the energy."""

    contract: Contract
    billing_period: BillingPeriod
    currency: Currency
    lines: tuple[Line, ...]
    warnings: tuple[str, ...]
    gaps: tuple[str, ...]

    @property
    def total(self) -> Decimal:
        """With tax, where the lines state it."""
        return sum((line.amount + (line.tax_amount or Decimal(0)) for line in self.lines), Decimal(0))


def bill(agreement: Agreement, grounds: Grounds) -> Bill:
    """What is owed: energy and fees less damages. Raises `BillingError` with every reason against it."""
    contract, currency = agreement.contract, agreement.currency
    energy = NOTHING_METERED
    if agreement.metered:
        try:
            energy = delivered(
                agreement.project.name, grounds.meters, grounds.aggregates, agreement.days, agreement.local
            )
        except DeliveryError as error:
            raise BillingError(contract.name, agreement.billing_period.name, str(error)) from error
    lines, problems, provisional = _priced(agreement, energy, grounds.intervals)
    for verdict in grounds.verdicts:
        if verdict.invoice_adjustment and is_charged(verdict):
            try:
                lines.append(_adjustment(verdict, verdict.invoice_adjustment, agreement, grounds.rates))
            except TariffError as problem:
                problems.append(
                    f"damages under {verdict.clause} are in {verdict.currency or 'no currency'} and the tariff is in"
                    f" {currency}: {problem}"
                )
    if problems:
        raise BillingError(contract.name, agreement.billing_period.name, *problems, *agreement.warnings)
    warnings = (*agreement.warnings, *energy.warnings, *provisional, *_open_clauses(grounds))
    return Bill(contract, agreement.billing_period, currency, tuple(lines), warnings, energy.warnings)


def with_vat(billed: Bill, rules: Sequence[TaxTerms]) -> Bill:
    """The bill as its sender should write it: each line with its VAT, where there are rules of VAT.

    Levies and withholdings are not expected: a sender names them in lines of their own, or the payer keeps them back.
    Rules by which nothing is charged say why the organization's own sales are free of VAT, not what others sell to it.
    """
    if not any(rule.kind == "vat" for rule in rules):
        return billed
    lines = [Taxable(line.type_code, line.amount) for line in billed.lines]
    try:
        taxes = vat_by_line(lines, rules, minor_units(billed.currency.code))
    except TaxError as error:
        return replace(billed, warnings=(*billed.warnings, f"no tax is expected: {'; '.join(error.problems)}"))
    if not any(taxes):
        return billed
    taxed = (replace(line, tax_amount=tax) for line, tax in zip(billed.lines, taxes, strict=True))
    return replace(billed, lines=tuple(taxed))


# --- energy and fees


def _priced(
    agreement: Agreement, energy: Delivered, intervals: Sequence[MeteredInterval]
) -> tuple[list[Line], list[str], list[str]]:
    """The lines of the energy price and of the fee, each a contract line of its own, and what stands against them.

    The last are warnings: what is not final. Flat prices take the energy of days, all others that of intervals.
    """
    lines: list[Line] = []
    problems: list[str] = []
    warnings: list[str] = []
    currencies = sorted({tariff.currency.code for tariff in agreement.tariffs})
    if len(currencies) > 1:
        problems.append(f"tariffs name several currencies: {', '.join(currencies)}")
    metered, fees = agreement.metered, agreement.fees
    problems += [
        f"tariff {tariff.pk} is {tariff.tariff_type.code}: a fee is {', '.join(sorted(FLAT_TARIFF_TYPES))}"
        for tariff in fees
        if tariff.tariff_type.code not in FLAT_TARIFF_TYPES
    ]
    if agreement.versions is not None:
        try:
            by_interval, minimum = _priced_by_interval(agreement, agreement.versions, energy, intervals)
        except RatingError as error:
            problems += error.problems
        else:
            lines += _energy_lines(by_interval, energy, agreement)
            lines += _minimum_line(by_interval, minimum, agreement.currency)
            warnings += dict.fromkeys(f"provisional price: {line.note}" for line in by_interval if line.is_provisional)
        metered = []
    for group, energy_kwh in ((metered, energy.energy_kwh), (fees, {})):
        if not group:
            continue
        try:
            priced = price(energy_kwh, [_flat(tariff) for tariff in group], agreement.days)
        except RatingError as error:
            problems += [problem for problem in error.problems if problem not in problems]
        else:
            lines += [_line(line, energy, agreement.billing_period) for line in priced]
    return lines, problems, warnings


def _priced_by_interval(
    agreement: Agreement, versions: Versions, energy: Delivered, intervals: Sequence[MeteredInterval]
) -> tuple[tuple[EnergyLine, ...], Fraction]:
    """The lines, and what they must come to at least.

    Raises `RatingError` with every tariff that cannot be read, or with what stands against the lines.
    """
    days, span = agreement.days, agreement.span
    if versions.problems:
        raise RatingError(days.label, versions.problems)
    if isinstance(energy.energy_kwh, Decimal):
        if not _is_flat(versions.found, span):
            raise RatingError(
                days.label,
                (
                    "the price is not one and the same in the whole period, and energy is known for the whole period"
                    " alone: load the readings, then run aggregate_readings",
                ),
            )
        known = [EnergyInterval(span.start, span.end, energy.energy_kwh)]
    else:
        # What begins in the period is of the period, as in the aggregates.
        known = [
            EnergyInterval(each.start, min(each.end, span.end), each.energy_kwh, each.meter_id) for each in intervals
        ]
    by_interval = sum((each.energy_kwh for each in known if each.start >= span.start), Decimal(0))
    if by_interval != energy.total_kwh:
        by_day = energy.total_kwh.normalize()
        sums = f"intervals come to {by_interval.normalize():,f} kWh and days to {by_day:,f} kWh"
        raise RatingError(days.label, (f"{sums}: load what is missing, then run aggregate_readings",))
    try:
        lines = price_intervals(
            versions.found,
            known,
            span.start,
            span.end,
            year_begins=agreement.contract.effective_date,
            filled_from=start_of_day(versions.filled_from, agreement.local),
        )
    except TariffError as problem:
        raise RatingError(days.label, (str(problem),)) from problem
    return lines, minimum_for(versions.found, span, agreement.whole)


def _is_flat(versions: Sequence[Version], span: Period) -> bool:
    """Whether one price holds all the time, so that it does not matter when energy was delivered."""
    holding = [version for version in versions if Period(version.start, version.end).overlap(span)]
    return len(holding) == 1 and [len(table.tiers) for table in holding[0].tariff.tables.values()] == [1]


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
    energy: Delivered,
    agreement: Agreement,
) -> Iterator[Line]:
    """The lines with what a reader needs: days, bucket, tier, how the rate came about, and how much was measured."""
    billing_period, local = agreement.billing_period, agreement.local
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
        if gap := energy.gap(first, last):
            said.append(gap)
        if line.note:
            said.append(f"rate {line.note}")
        yield Line(
            type_code=ENERGY,
            description=", ".join(said),
            quantity=quantity,
            unit_price=line.unit_price,
            amount=line.amount,
            clause_tariff_id=line.version,
            is_provisional=line.is_provisional,
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


def _line(line: PricedLine, energy: Delivered, billing_period: BillingPeriod) -> Line:
    days = CalendarPeriod(line.first_day, line.last_day + _DAY, PeriodKind.MONTHLY)
    is_whole = days == days_of(billing_period)
    when = f"in {billing_period.name}" if is_whole else f"from {line.first_day} to {line.last_day}"
    if line.unit is TariffUnit.MONTH:
        type_code, description, aggregate_id = FIXED_FEE, f"Fixed fee {when}", None
    else:
        said = [f"Energy delivered {when}", energy.gap(line.first_day, line.last_day)]
        type_code, description = ENERGY, ", ".join(filter(None, said))
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


# --- damages


def _open_clauses(grounds: Grounds) -> Iterator[str]:
    """A sentence for each availability clause of which it is not known whether damages are due."""
    for verdict in grounds.verdicts:
        if verdict.rule_output_type.code == "UNDETERMINED":
            yield f"no damages are credited where nothing could be decided: {verdict.description or verdict.clause}"
    judged = {verdict.clause_id for verdict in grounds.verdicts}
    for clause in grounds.guarantees:
        if clause.pk not in judged:
            yield f"no verdict on {clause}, so no damages are credited: run evaluate_compliance, then this again"


def _adjustment(verdict: RuleOutput, due: Decimal, agreement: Agreement, rates: Sequence[ExchangeRate]) -> Line:
    """What a verdict adds to the bill or takes from it, in the currency of the tariff, at the rate of the last day.

    Damages are taken from it; a bonus, and what a buyer took less than agreed, are added. Raises `TariffError` without
    a rate.
    """
    if due < 0:
        type_code, name = LD_CREDIT, "Liquidated damages"
    elif verdict.ld_amount is not None and verdict.ld_amount > 0:
        type_code, name = TAKE_OR_PAY, "Take or pay"
    else:
        type_code, name = BONUS, "Bonus"
    said = f"{name}, {verdict.description or verdict.clause}"
    currency = agreement.currency
    if verdict.currency != currency:
        if verdict.currency is None:
            raise TariffError("currency", "the verdict names none")
        converted = convert(due, verdict.currency.code, currency.code, agreement.days.last_day, rates)
        said += f", {show(abs(due), verdict.currency.code)} at the rate of {converted.rate_of}"
        due = converted.amount
    amount = round_money(due, minor_units(currency.code))
    return Line(
        type_code=type_code,
        description=said,
        quantity=Decimal(1),
        unit_price=amount,
        amount=amount,
        rule_output_id=verdict.pk,
    )
