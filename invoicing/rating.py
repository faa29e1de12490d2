"""What a period costs under flat tariffs: one line per tariff, each rounded once."""

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from core.errors import MoneyError
from core.money import minor_units, round_money
from core.periods import CalendarPeriod
from invoicing.errors import RatingError

# Wide enough for any sum of readings; what would be rounded raises instead.
_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])
_MONTH_DECIMALS = 12  # of a prorated number of months


class TariffUnit(StrEnum):
    """What one rate buys."""

    KWH = "kWh"
    MWH = "MWh"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class FlatTariff:
    """One price of one contract line, from `valid_from` to `valid_to`, both days included; None is open.

    `rate` is money per unit, None where none was agreed or approved.
    """

    id: int
    rate: Decimal | None
    unit: str
    currency: str
    valid_from: date | None
    valid_to: date | None

    def covers(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One tariff over the days it covers, `first_day` and `last_day` included.

    `quantity` is exact for energy, and a number of months to 12 decimals for a fee. `amount` is the exact
    product, rounded once to the currency's minor unit.
    """

    tariff_id: int
    first_day: date
    last_day: date
    quantity: Decimal
    unit: TariffUnit
    unit_price: Decimal
    amount: Decimal
    currency: str


def price(
    energy_kwh: Mapping[date, Decimal] | Decimal, tariffs: Sequence[FlatTariff], period: CalendarPeriod
) -> tuple[PricedLine, ...]:
    """The lines of one contract line for the period, in order of days.

    `energy_kwh` holds the energy of each local day of the period, or is that of the whole; a fee per month needs
    none. A tariff that changes inside the period gives a line on each side, for which the energy of days must be
    known. A fee over part of a month is prorated by days.

    Raises `RatingError` with every problem at once: a day without a tariff or with two, a missing rate, an
    unknown unit or currency, several currencies; then a day of unknown energy, energy outside the period.
    """
    covering = {day: [tariff for tariff in tariffs if tariff.covers(day)] for day in period.days()}
    problems = [*_window_problems(covering)]
    used = [tariff for tariff in tariffs if any(tariff in found for found in covering.values())]
    problems += _tariff_problems(used)
    if not problems:
        problems += _energy_problems(energy_kwh, covering)
    if problems:
        raise RatingError(period.label, tuple(problems))
    lines = (
        _line(tariff, [day for day, found in covering.items() if found == [tariff]], energy_kwh) for tariff in used
    )
    return tuple(sorted(lines, key=lambda line: line.first_day))


def _line(tariff: FlatTariff, days: Sequence[date], energy_kwh: Mapping[date, Decimal] | Decimal) -> PricedLine:
    assert tariff.rate is not None  # refused before
    unit = TariffUnit(tariff.unit)
    if unit is TariffUnit.MONTH:
        exact = sum((Fraction(1, monthrange(day.year, day.month)[1]) for day in days), Fraction(0))
        quantity = round_money(exact, _MONTH_DECIMALS)
    else:
        with localcontext(_EXACT):
            if isinstance(energy_kwh, Decimal):
                total_kwh = energy_kwh
            else:
                total_kwh = sum((energy_kwh[day] for day in days), Decimal(0))
            quantity = total_kwh.scaleb(-3) if unit is TariffUnit.MWH else total_kwh
        exact = Fraction(quantity)
    return PricedLine(
        tariff_id=tariff.id,
        first_day=days[0],
        last_day=days[-1],
        quantity=quantity,
        unit=unit,
        unit_price=tariff.rate,
        amount=round_money(exact * Fraction(tariff.rate), minor_units(tariff.currency)),
        currency=tariff.currency,
    )


def _window_problems(covering: Mapping[date, Sequence[FlatTariff]]) -> Iterable[str]:
    gap = [day for day, found in covering.items() if not found]
    if gap:
        yield f"no tariff on {_show_days(gap)}"
    overlaps: dict[tuple[int, ...], list[date]] = {}
    for day, found in covering.items():
        if len(found) > 1:
            overlaps.setdefault(tuple(tariff.id for tariff in found), []).append(day)
    for ids, days in overlaps.items():
        yield f"tariffs {' and '.join(map(str, ids))} overlap on {_show_days(days)}"


def _tariff_problems(tariffs: Iterable[FlatTariff]) -> Iterable[str]:
    currencies = sorted({tariff.currency for tariff in tariffs})
    if len(currencies) > 1:
        yield f"tariffs name several currencies: {', '.join(currencies)}"
    for currency in currencies:
        try:
            minor_units(currency)
        except MoneyError as problem:
            yield str(problem)
    for tariff in tariffs:
        if tariff.rate is None or not tariff.rate.is_finite():
            yield f"tariff {tariff.id} has no rate"
        if tariff.unit not in set(TariffUnit):
            yield f"tariff {tariff.id} is per {tariff.unit!r}: known are {', '.join(TariffUnit)}"


def _energy_problems(
    energy_kwh: Mapping[date, Decimal] | Decimal, covering: Mapping[date, Sequence[FlatTariff]]
) -> Iterable[str]:
    metered = [day for day, (tariff,) in covering.items() if tariff.unit != TariffUnit.MONTH]
    if isinstance(energy_kwh, Decimal):
        changes = [day for one, day in pairwise(metered) if covering[one] != covering[day]]
        if changes:
            yield (
                f"the tariff changes on {_show_days(changes)}, and energy is known for the whole period alone:"
                " load the readings of its days, then run aggregate_readings"
            )
        if not energy_kwh.is_finite():
            yield "energy is unknown"
        return
    unknown = [day for day in metered if day not in energy_kwh or not energy_kwh[day].is_finite()]
    if unknown:
        yield f"energy is unknown on {_show_days(unknown)}"
    outside = sorted(energy_kwh.keys() - covering.keys())
    if outside:
        yield f"energy is given for days outside the period: {_show_days(outside)}"


def _show_days(days: Sequence[date]) -> str:
    """Ordered days as runs: `2025-11-01 to 2025-11-03, 2025-11-09`."""
    breaks = [n for n, (one, next_one) in enumerate(pairwise(days), 1) if next_one - one > timedelta(days=1)]
    runs = (days[start:end] for start, end in pairwise([0, *breaks, len(days)]))
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
