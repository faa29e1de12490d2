"""`logic_parameters` of a tariff, one model for each type, and the terms that they make.

Nothing that decides a price has a default. `base_rate` stays the first price of an escalating or indexed tariff; in
tiers, time of use and market prices it has no part.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.periods import anniversary, contract_year
from invoicing.errors import TariffError
from invoicing.rating import TariffUnit
from invoicing.tariffs.calendar import EVERY_DAY, HolidayCalendar
from invoicing.tariffs.clock import Clock, ClockKind
from invoicing.tariffs.escalation import (
    Bounds,
    Growth,
    Indexation,
    Rate,
    by_amount,
    by_index,
    by_percent,
    months_before,
)
from invoicing.tariffs.market import MarketTerms, market_rate
from invoicing.tariffs.pricing import Split, Tariff
from invoicing.tariffs.proof import Term
from invoicing.tariffs.schedule import ALL_DAY, EVERY_MONTH, Rule, Schedule, Window
from invoicing.tariffs.tiers import Tier, TierMode, TierReset, TierScope, TierTable

FLAT_TYPES = frozenset({"FLAT", "STEPPED"})
_DAY = timedelta(days=1)


class _Parameters(BaseModel):
    """What every type may say beside its price."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    billing_frequency: str | None = None
    minimum_charge: Decimal | None = None  # money for a billing period, prorated by time where part of it is billed


class _Tier(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    up_to: Decimal | None = None  # units of the tariff, the bound included
    rate: Decimal


class _Tiers(_Parameters):
    """How tiers fill; the first two must be said where there are tiers."""

    tier_mode: TierMode | None = None
    tier_reset: TierReset | None = None
    tier_scope: TierScope | None = None
    tier_standard_days: int | None = None


class TieredParameters(_Tiers):
    """TIERED: one table of tiers at all times."""

    tiers: list[_Tier]


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    bucket: str
    months: list[int] | None = None
    days: list[str] | None = None
    windows: list[tuple[str, str]] | None = None


class TimeOfUseParameters(_Tiers):
    """TIME_OF_USE: ordered rules, the first that fits wins; `prices` by bucket are a rate or tiers."""

    clock: ClockKind
    utc_offset_minutes: int | None = None
    time_zone: str | None = None
    holiday_calendar: str | None = None
    rules: list[_Rule]
    fallback: str
    prices: dict[str, Decimal | list[_Tier]]
    split: Split = Split.PRO_RATA_TIME


class _Bounded(_Parameters):
    floor_rate: Decimal | None = None
    ceiling_rate: Decimal | None = None
    rate_decimals: int = 10

    def bounds(self) -> Bounds:
        return Bounds(self.floor_rate, self.ceiling_rate, self.rate_decimals)


class EscalatingParameters(_Bounded):
    """ESCALATING: by an amount or by percent each contract year, counted from `oy_start_date`."""

    escalation_type: Literal["amount", "percent"]
    escalation_value: Decimal
    growth: Growth | None = None
    oy_start_date: date


class IndexedParameters(_Bounded):
    """INDEXED: `base_rate·(a + b·I/I0)`, adjusted each contract year or each month."""

    price_index: str
    index_base_value: Decimal
    index_lag_months: int
    adjusted: Literal["yearly", "monthly"]
    oy_start_date: date | None = None
    fixed_share: Decimal = Decimal(0)
    index_share: Decimal = Decimal(1)
    floor_percent: Decimal | None = None
    cap_percent: Decimal | None = None


class MarketParameters(_Bounded):
    """MARKET: a fraction less than the month's reference price, within bounds."""

    price_index: str
    discount_pct: Decimal = Field(description="fraction from 0 to 1")


_MODELS: dict[str, type[_Parameters]] = {
    "TIERED": TieredParameters,
    "TIME_OF_USE": TimeOfUseParameters,
    "ESCALATING": EscalatingParameters,
    "INDEXED": IndexedParameters,
    "MARKET": MarketParameters,
}
PRICED_TYPES = FLAT_TYPES | _MODELS.keys()


@dataclass(frozen=True, slots=True)
class Published:
    """What others publish: holiday calendars and, by month, the newest values of indices; by name."""

    holidays: Mapping[str, HolidayCalendar] = field(default_factory=dict)
    indices: Mapping[str, Mapping[date, Decimal]] = field(default_factory=dict)

    def calendar(self, name: str) -> HolidayCalendar:
        if name not in self.holidays:
            raise TariffError("holiday_calendar", f"there is no calendar {name!r}: add it")
        return self.holidays[name]

    def index(self, name: str) -> Mapping[date, Decimal]:
        if name not in self.indices:
            raise TariffError("price_index", f"there is no index {name!r}: add it")
        return self.indices[name]


@dataclass(frozen=True, slots=True)
class Written:
    """A tariff as it is written down. `valid_from` and `valid_to` are both included, None is without end."""

    name: str
    type_code: str
    base_rate: Decimal | None
    unit: str
    currency: str
    valid_from: date
    valid_to: date | None
    parameters: object
    time_zone: str


def read_parameters(type_code: str, parameters: object) -> _Parameters:
    """The parameters of a type, checked. Raises `TariffError` that names every key that is wrong, and why."""
    try:
        return _MODELS[type_code].model_validate(parameters if parameters is not None else {})
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, each['loc'])) or type_code}: {each['msg'].lower()}" for each in error.errors()]
        raise TariffError(f"logic_parameters of {type_code}", "; ".join(problems)) from error


def terms(written: Written, first: date, last: date, published: Published) -> list[Term]:
    """The tariff as terms of one price each, over those of the days from `first` to `last` on which it is valid.

    Raises `TariffError` where it is not written as its type wants it.
    """
    first, last = max(first, written.valid_from), min(last, written.valid_to or last)
    if first > last:
        return []
    if written.type_code in FLAT_TYPES:
        return [Term(written.name, _flat(written, _base_rate(written)), first, last)]
    if written.type_code not in _MODELS:
        raise TariffError(
            "tariff_type", f"{written.type_code} does not price energy: known are {', '.join(sorted(PRICED_TYPES))}"
        )
    said = read_parameters(written.type_code, written.parameters)
    return [
        replace(term, tariff=replace(term.tariff, minimum_charge=said.minimum_charge))
        for term in _terms(written, said, first, last, published)
    ]


def _terms(written: Written, said: _Parameters, first: date, last: date, published: Published) -> list[Term]:
    match said:
        case TieredParameters() as tiered:
            schedule = Schedule(_wall(written), "all")
            return [Term(written.name, _tiered(written, tiered, schedule, {"all": _table(tiered.tiers)}), first, last)]
        case TimeOfUseParameters() as by_time:
            return [Term(written.name, _time_of_use(written, by_time, published), first, last)]
        case EscalatingParameters() as escalating:
            steps = _years(escalating.oy_start_date, first, last)
            return [
                _term(written, _escalated(written, escalating, contract_year(begins, escalating.oy_start_date)), span)
                for begins, span in steps
            ]
        case IndexedParameters() as indexed:
            return list(_indexed(written, indexed, published, first, last))
        case MarketParameters() as market:
            return list(_market(written, market, published, first, last))
        case other:
            raise AssertionError(f"{type(other).__name__} makes no terms")


def _base_rate(written: Written) -> Decimal:
    if written.base_rate is None:
        raise TariffError("base_rate", "there is none: a missing rate is neither zero nor another")
    return written.base_rate


def _wall(written: Written) -> Clock:
    return Clock(ClockKind.LOCAL_WALL, written.time_zone)


def _unit(written: Written) -> TariffUnit:
    if written.unit not in (TariffUnit.KWH, TariffUnit.MWH):
        raise TariffError("unit", f"energy is priced per kWh or MWh, not per {written.unit or 'nothing'}")
    return TariffUnit(written.unit)


def _flat(written: Written, rate: Decimal) -> Tariff:
    return Tariff.flat(_wall(written), rate, written.currency, _unit(written))


def _term(written: Written, rate: Rate, days: tuple[date, date]) -> Term:
    return Term(written.name, _flat(written, rate.value), *days, note=rate.note, is_provisional=rate.is_provisional)


def _table(tiers: list[_Tier]) -> TierTable:
    return TierTable(tuple(Tier(tier.up_to, tier.rate) for tier in tiers))


def _tiered(written: Written, said: _Tiers, schedule: Schedule, tables: Mapping[str, TierTable]) -> Tariff:
    has_tiers = any(len(table.tiers) > 1 for table in tables.values())
    if has_tiers and (said.tier_mode is None or said.tier_reset is None):
        raise TariffError(
            "tier_mode, tier_reset", "tiers are graduated or volume, and begin anew at some time: say how"
        )
    if has_tiers and len(tables) > 1 and said.tier_scope is None:
        raise TariffError(
            "tier_scope", "tiers of several buckets fill per_period_bucket or with all_periods: say which"
        )
    return Tariff(
        schedule,
        tables,
        written.currency,
        _unit(written),
        said.tier_mode or TierMode.GRADUATED,
        said.tier_scope or TierScope.PER_BUCKET,
        said.tier_reset or TierReset.BILLING_PERIOD,
        said.tier_standard_days,
        said.split if isinstance(said, TimeOfUseParameters) else Split.PRO_RATA_TIME,
    )


def _time_of_use(written: Written, said: TimeOfUseParameters, published: Published) -> Tariff:
    place = None if said.clock is ClockKind.FIXED_OFFSET else said.time_zone or written.time_zone
    rules = tuple(
        Rule(
            rule.bucket,
            EVERY_MONTH if rule.months is None else frozenset(rule.months),
            EVERY_DAY if rule.days is None else frozenset(rule.days),
            (ALL_DAY,) if rule.windows is None else tuple(Window.of(*window) for window in rule.windows),
        )
        for rule in said.rules
    )
    holidays = published.calendar(said.holiday_calendar) if said.holiday_calendar else None
    tables = {
        bucket: _table(price) if isinstance(price, list) else TierTable.flat(price)
        for bucket, price in said.prices.items()
    }
    clock = Clock(said.clock, place, said.utc_offset_minutes)
    return _tiered(written, said, Schedule(clock, said.fallback, rules, holidays), tables)


def _escalated(written: Written, said: EscalatingParameters, year: int) -> Rate:
    base, bounds = _base_rate(written), said.bounds()
    if said.escalation_type == "amount":
        return by_amount(base, said.escalation_value, year, bounds)
    if said.growth is None:
        raise TariffError("growth", "a percentage is simple or compound: say which")
    return by_percent(base, said.escalation_value, year, said.growth, bounds)


def _indexed(
    written: Written, said: IndexedParameters, published: Published, first: date, last: date
) -> Iterator[Term]:
    indexation = Indexation(
        said.price_index,
        said.index_base_value,
        said.index_lag_months,
        said.fixed_share,
        said.index_share,
        said.floor_percent,
        said.cap_percent,
    )
    values, base, bounds = published.index(said.price_index), _base_rate(written), said.bounds()
    if said.adjusted == "monthly":
        steps = _months(first, last)
    elif said.oy_start_date is None:
        raise TariffError("oy_start_date", "a yearly adjustment needs the day on which the years begin")
    else:
        steps = _years(said.oy_start_date, first, last)
    for begins, span in steps:
        if said.oy_start_date is not None and contract_year(begins, said.oy_start_date) == 1:
            yield _term(written, _unmoved(base, bounds), span)
        else:
            yield _term(written, by_index(base, indexation, begins, values, bounds), span)


def _unmoved(base: Decimal, bounds: Bounds) -> Rate:
    """The rate of the first contract year, which no index moves yet."""
    return by_amount(base, Decimal(0), 1, bounds)


def _market(written: Written, said: MarketParameters, published: Published, first: date, last: date) -> Iterator[Term]:
    values, market = published.index(said.price_index), MarketTerms(said.discount_pct, said.bounds())
    for begins, span in _months(first, last):
        known = [month for month in values if month <= begins]
        if not known:
            raise TariffError("price_index", f"{said.price_index} has no value of {begins:%Y-%m} or before: add it")
        of = max(known)
        is_provisional = of != begins
        source = f"{said.price_index} of {of:%Y-%m}" + (
            f", provisional until that of {begins:%Y-%m} is published" if is_provisional else ""
        )
        rate = market_rate(values[of], market, source=source, is_provisional=is_provisional)
        yield _term(written, rate, span)


def _years(begins: date, first: date, last: date) -> Iterator[tuple[date, tuple[date, date]]]:
    """The first day of each contract year that the days touch, and those of the days that lie in it."""
    year = contract_year(first, begins)
    while first <= last:
        until = min(anniversary(begins, year) - _DAY, last)
        yield anniversary(begins, year - 1), (first, until)
        first, year = until + _DAY, year + 1


def _months(first: date, last: date) -> Iterator[tuple[date, tuple[date, date]]]:
    """The first day of each calendar month that the days touch, and those of the days that lie in it."""
    while first <= last:
        until = min(months_before(first, -1) - _DAY, last)
        yield first.replace(day=1), (first, until)
        first = until + _DAY
