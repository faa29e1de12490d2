"""Interval energies become priced lines.

Everything between the first reading and the last rounding is a whole number of one unit of energy that is fine enough
for every reading, every split and every limit of the run: sums are exact, and order cannot matter.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import NamedTuple

from core.money import minor_units, round_money
from invoicing.errors import RatingError, TariffError
from invoicing.rating import TariffUnit
from invoicing.tariffs.clock import DAY_SECONDS, Clock, instant, seconds
from invoicing.tariffs.schedule import Schedule
from invoicing.tariffs.tiers import TierMode, TierReset, TierScope, TierTable, graduated, reached

_KWH_PER = {TariffUnit.KWH: 1, TariffUnit.MWH: 1000}


class EnergyInterval(NamedTuple):
    """Energy of a meter from `start` to `end`, both aware; negative where more was taken than given."""

    start: datetime
    end: datetime
    energy_kwh: Decimal
    meter: int = 0


class Split(StrEnum):
    """Where the energy of an interval belongs that straddles a change of price."""

    PRO_RATA_TIME = "pro_rata_time"  # to each side by its time
    BY_START = "by_start"  # to the side on which the interval starts
    BY_END = "by_end"  # to the side on which it ends


@dataclass(frozen=True, slots=True)
class Tariff:
    """The prices of each bucket of a schedule, in money of `currency` per `unit`; a minimum is for a billing period.

    Limits of tiers count in `unit`. With `standard_days` they are for that many days, and scaled by the days of the
    window in which the tiers fill: 100 kWh per 30 days are 103 1/3 kWh in a window of 31.
    """

    schedule: Schedule
    tables: Mapping[str, TierTable]
    currency: str
    unit: TariffUnit = TariffUnit.KWH
    mode: TierMode = TierMode.GRADUATED
    scope: TierScope = TierScope.PER_BUCKET
    reset: TierReset = TierReset.BILLING_PERIOD
    standard_days: int | None = None
    split: Split = Split.PRO_RATA_TIME
    minimum_charge: Decimal | None = None

    def __post_init__(self) -> None:
        if self.minimum_charge is not None and self.minimum_charge < 0:
            raise TariffError("minimum_charge", f"{self.minimum_charge} is below zero")
        if self.unit not in _KWH_PER:
            raise TariffError("unit", f"energy is priced per kWh or MWh, not per {self.unit}")
        if without := [bucket for bucket in self.schedule.buckets if bucket not in self.tables]:
            raise TariffError("prices", f"{', '.join(without)} has no price")
        if unknown := sorted(self.tables.keys() - set(self.schedule.buckets)):
            raise TariffError("prices", f"{', '.join(unknown)} has a price, and no rule or fallback names it")
        if self.standard_days is not None and self.standard_days <= 0:
            raise TariffError("tier_standard_days", f"{self.standard_days} days are none")
        if self.reset is TierReset.CONTRACT_YEAR and (self.mode is TierMode.VOLUME or self.standard_days):
            raise TariffError(
                "tier_reset",
                "tiers of a contract year are graduated and not scaled by days: what a volume tier reaches at the end"
                " of the year would change invoices already sent",
            )

    @classmethod
    def flat(cls, clock: Clock, rate: Decimal, currency: str, unit: TariffUnit = TariffUnit.KWH) -> "Tariff":
        """One price at all times."""
        return cls(Schedule(clock, "all"), {"all": TierTable.flat(rate)}, currency, unit)


@dataclass(frozen=True, slots=True)
class Version:
    """A tariff from `start` to `end`. `note` says how its rate came about; provisional: a rate is not final yet."""

    id: int
    start: datetime
    end: datetime
    tariff: Tariff
    note: str = ""
    is_provisional: bool = False


@dataclass(frozen=True, slots=True)
class EnergyLine:
    """Energy at one price. `quantity` in `unit` is exact, `amount` the exact product rounded once.

    `start` and `end` are those of the version within what is billed; `tier` counts from 1, `tiers` says how many.
    """

    version: int
    bucket: str
    tier: int
    tiers: int
    start: datetime
    end: datetime
    quantity: Fraction
    unit: TariffUnit
    unit_price: Decimal
    amount: Decimal
    currency: str
    note: str
    is_provisional: bool


@dataclass(slots=True)
class _Segment:
    """Time of one version, bucket and tier window, and the energy in it."""

    start: int
    end: int
    version: Version
    bucket: str
    window: tuple[int, int]
    is_billed: bool
    energy: int = field(default=0)


def price_intervals(
    versions: Sequence[Version],
    intervals: Iterable[EnergyInterval],
    start: datetime,
    end: datetime,
    *,
    year_begins: date | None = None,
    filled_from: datetime | None = None,
) -> tuple[EnergyLine, ...]:
    """The lines of the time from `start` to `end`, by version, bucket and tier; their quantities sum to the input.

    Tiers fill over the billed time, over calendar months of it, or over contract years that begin on the day and month
    of `year_begins`; energy between `filled_from` and `start` fills tiers and is not billed. A version that ends inside
    splits the line; tiers go on filling where it does.

    Raises `RatingError` with every problem at once: time without a version or with two, intervals of a meter that
    overlap, intervals outside, energy that is no number. Raises `TariffError` for instants that are naive or no whole
    second.
    """
    first, since, until = seconds(filled_from or start), seconds(start), seconds(end)
    if not first <= since < until:
        raise TariffError("period", f"{start} to {end} is none, or does not follow {filled_from}")
    ordered = sorted(versions, key=lambda version: version.start)
    problems = list(_version_problems(ordered, first, until))
    spans = sorted((seconds(start), seconds(end), meter, kwh) for start, end, kwh, meter in intervals)
    problems += _interval_problems(spans, first, until)
    if problems:
        raise RatingError(f"{instant(since)} to {instant(until)}", tuple(problems))

    segments = _segments(ordered, first, since, until, year_begins)
    per_kwh = _fill(segments, spans)
    return tuple(_lines(segments, per_kwh))


def _version_problems(versions: Sequence[Version], first: int, until: int) -> Iterable[str]:
    at = first
    for version in versions:
        opens, closes = seconds(version.start), seconds(version.end)
        if closes <= first or opens >= until:
            continue
        if opens > at:
            yield f"no tariff from {instant(at)} to {instant(opens)}"
        if opens < at and at > first:
            both = f"from {instant(max(opens, first))} to {instant(min(at, closes))}"
            yield f"tariff {version.id} overlaps the one before it {both}"
        at = max(at, closes)
    if at < until:
        yield f"no tariff from {instant(at)} to {instant(until)}"
    currencies = sorted({version.tariff.currency for version in versions})
    if len(currencies) > 1:
        yield f"tariffs name several currencies: {', '.join(currencies)}"


def _interval_problems(spans: Sequence[tuple[int, int, int, Decimal]], first: int, until: int) -> Iterable[str]:
    if empty := [opens for opens, closes, _, _ in spans if closes <= opens]:
        yield f"{len(empty)} intervals do not end after they start, the first at {instant(empty[0])}"
    if unknown := [opens for opens, _, _, energy in spans if not energy.is_finite()]:
        yield f"{len(unknown)} intervals have no energy, the first at {instant(unknown[0])}"
    until_of: dict[int, int] = {}
    twice = []
    for opens, closes, meter, _ in spans:
        if opens < until_of.get(meter, opens):
            twice.append(opens)
        until_of[meter] = max(closes, until_of.get(meter, closes))
    if twice:
        yield f"{len(twice)} intervals overlap the one before, the first at {instant(twice[0])}"
    if spans and (spans[0][0] < first or max(until_of.values()) > until):
        last = instant(max(until_of.values()))
        yield f"energy is given from {instant(spans[0][0])} to {last}, outside what is priced"


def _segments(
    versions: Sequence[Version], first: int, since: int, until: int, year_begins: date | None
) -> list[_Segment]:
    """The time from `first` to `until` cut by version, bucket and tier window, and where billing begins."""
    found = []
    for version in versions:
        opens, closes = max(seconds(version.start), first), min(seconds(version.end), until)
        if opens >= closes:
            continue
        tariff = version.tariff
        edges = _window_edges(tariff, since if tariff.reset is TierReset.BILLING_PERIOD else first, until, year_begins)
        for piece in tariff.schedule.segments(opens, closes):
            # Cut where a window or billing begins inside.
            cuts = [edge for edge in {*edges, since} if piece.start < edge < piece.end]
            for start, end in pairwise([piece.start, *sorted(cuts), piece.end]):
                position = bisect_right(edges, start)
                window = (edges[max(position - 1, 0)], edges[min(position, len(edges) - 1)])
                found.append(_Segment(start, end, version, piece.bucket, window, is_billed=start >= since))
    return found


def _window_edges(tariff: Tariff, first: int, until: int, year_begins: date | None) -> list[int]:
    """Where tiers begin anew, with both ends."""
    clock = tariff.schedule.clock
    if tariff.reset is TierReset.BILLING_PERIOD:
        return [first, until]
    if tariff.reset is TierReset.CONTRACT_YEAR and year_begins is None:
        raise TariffError("tier_reset", "tiers fill over a contract year, and the contract does not say when it begins")
    edges = {first, until}
    day, last = clock.day_of(first), clock.day_of(until - 1)
    for year in range(day.year, last.year + 1):
        if tariff.reset is TierReset.CALENDAR_MONTH:
            starts = [date(year, month, 1) for month in range(1, 13)]
        else:
            assert year_begins is not None  # refused above
            # A year that began on 29 February begins on 1 March where there is none.
            is_leap_day = (year_begins.month, year_begins.day) == (2, 29)
            starts = [date(year, 3, 1) if is_leap_day and year % 4 else year_begins.replace(year=year)]
        edges.update(at for at in map(clock.start_of_day, starts) if first < at < until)
    return sorted(edges)


def _fill(segments: Sequence[_Segment], spans: Sequence[tuple[int, int, int, Decimal]]) -> int:
    """Adds the energy of each interval to the segments it lies in; returns how many units of it are a kWh."""
    ratios = [energy.as_integer_ratio() for _, _, _, energy in spans]
    starts = [segment.start for segment in segments]
    ends = [segment.end for segment in segments]
    position = 0
    straddling = []
    whole: list[tuple[int, int]] = []  # number of the interval, position of its segment
    for number, (opens, closes, _, _) in enumerate(spans):
        while ends[position] <= opens:
            position += 1
        if closes <= ends[position]:
            whole.append((number, position))
            continue
        split = segments[position].version.tariff.split
        last = bisect_right(starts, closes - 1) - 1
        if split is Split.BY_START:
            whole.append((number, position))
        elif split is Split.BY_END:
            whole.append((number, last))
        else:
            straddling.append((number, range(position, last + 1)))

    # Limits of tiers are whole numbers of the unit too.
    limits = {limit.denominator for segment in segments for limit in _limits_kwh(segment)}
    lengths = {spans[number][1] - spans[number][0] for number, _ in straddling}
    per_kwh = lcm(*{denominator for _, denominator in ratios}) * lcm(*lengths) * lcm(*limits)
    for number, position in whole:
        numerator, denominator = ratios[number]
        segments[position].energy += numerator * (per_kwh // denominator)
    for number, positions in straddling:
        opens, closes, _, _ = spans[number]
        numerator, denominator = ratios[number]
        per_second = numerator * (per_kwh // denominator) // (closes - opens)
        for position in positions:
            segment = segments[position]
            segment.energy += per_second * (min(segment.end, closes) - max(segment.start, opens))
    return per_kwh


def _limits_kwh(segment: _Segment) -> list[Fraction]:
    """The bounds of the segment's tiers in kWh, for the days of the window in which they fill."""
    tariff = segment.version.tariff
    scale = Fraction(_KWH_PER[tariff.unit])
    if tariff.standard_days is not None:
        clock = tariff.schedule.clock
        opens, closes = segment.window
        scale *= Fraction(clock.wall(closes) - clock.wall(opens), DAY_SECONDS * tariff.standard_days)
    return tariff.tables[segment.bucket].limits(scale)


def _lines(segments: Sequence[_Segment], per_kwh: int) -> Iterable[EnergyLine]:
    totals: dict[tuple[str | None, tuple[int, int]], int] = {}
    for segment in segments:
        key = _scope(segment)
        totals[key] = totals.get(key, 0) + segment.energy

    filled = dict.fromkeys(totals, 0)
    limits_of: dict[tuple[int, str, tuple[int, int]], list[int]] = {}
    energy: dict[tuple[int, str, int], int] = {}
    for segment in segments:
        tariff, key = segment.version.tariff, _scope(segment)
        place = (id(segment.version), segment.bucket, segment.window)
        if place not in limits_of:
            limits_of[place] = [int(limit * per_kwh) for limit in _limits_kwh(segment)]
        limits = limits_of[place]
        opening = filled[key]
        filled[key] = closing = opening + segment.energy
        if not segment.is_billed:
            continue
        if tariff.mode is TierMode.VOLUME:
            parts = {reached(totals[key], limits): segment.energy}
        else:
            parts = dict(enumerate(graduated(opening, closing, limits)))
        for tier, part in parts.items():
            if part:
                line = (id(segment.version), segment.bucket, tier)
                energy[line] = energy.get(line, 0) + part

    billed = [segment for segment in segments if segment.is_billed]
    for version in {id(segment.version): segment.version for segment in billed}.values():
        own = [segment for segment in billed if segment.version is version]
        for bucket in version.tariff.schedule.buckets:
            for tier in range(len(version.tariff.tables[bucket].tiers)):
                if quantity := energy.get((id(version), bucket, tier)):
                    yield _line(version, bucket, tier, Fraction(quantity, per_kwh), own[0].start, own[-1].end)


def _scope(segment: _Segment) -> tuple[str | None, tuple[int, int]]:
    """What fills together: a bucket, or everything, within one window."""
    is_per_bucket = segment.version.tariff.scope is TierScope.PER_BUCKET
    return (segment.bucket if is_per_bucket else None, segment.window)


def _line(version: Version, bucket: str, tier: int, kwh: Fraction, start: int, end: int) -> EnergyLine:
    tariff = version.tariff
    table = tariff.tables[bucket]
    quantity, rate = kwh / _KWH_PER[tariff.unit], table.tiers[tier].rate
    return EnergyLine(
        version=version.id,
        bucket=bucket,
        tier=tier + 1,
        tiers=len(table.tiers),
        start=instant(start),
        end=instant(end),
        quantity=quantity,
        unit=tariff.unit,
        unit_price=rate,
        amount=round_money(quantity * Fraction(rate), minor_units(tariff.currency)),
        currency=tariff.currency,
        note=version.note,
        is_provisional=version.is_provisional,
    )
