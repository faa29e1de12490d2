"""Tiers, interval pricing, and the proof of completeness."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoicing.errors import RatingError, TariffError
from invoicing.rating import TariffUnit
from invoicing.tariffs.calendar import Holiday, HolidayCalendar
from invoicing.tariffs.clock import Clock, ClockKind, instant
from invoicing.tariffs.pricing import EnergyInterval, EnergyLine, Split, Tariff, Version, price_intervals
from invoicing.tariffs.proof import Term, prove_complete
from invoicing.tariffs.schedule import Rule, Schedule, Window
from invoicing.tariffs.tiers import Tier, TierMode, TierReset, TierScope, TierTable, graduated, reached
from tests.benchmarks.bench_tariffs import loop, month, ours, version
from tests.invoicing.test_tariff_clocks import ZONES

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
UTC_CLOCK = Clock(ClockKind.LOCAL_WALL, "UTC")
PEAK = Rule("peak", windows=(Window.of("15:00", "19:00"),))


def intervals(*energies: str, start: datetime = START, length: timedelta = HOUR) -> list[EnergyInterval]:
    return [
        EnergyInterval(start + n * length, start + (n + 1) * length, Decimal(kwh)) for n, kwh in enumerate(energies)
    ]


def table(*tiers: tuple[str | None, str]) -> TierTable:
    return TierTable(tuple(Tier(Decimal(limit) if limit else None, Decimal(rate)) for limit, rate in tiers))


def tiered(*tiers: tuple[str | None, str], **options: Any) -> Tariff:
    return Tariff(Schedule(UTC_CLOCK, "all"), {"all": table(*tiers)}, "USD", **options)


def time_of_use(clock: Clock = UTC_CLOCK, **options: Any) -> Tariff:
    tables = {"peak": table((None, "0.30")), "base": table((None, "0.10"))}
    return Tariff(Schedule(clock, "base", (PEAK,)), tables, "USD", **options)


def priced(tariff: Tariff, energies: list[EnergyInterval], days: int = 31, **options: Any) -> list[EnergyLine]:
    end = START + days * DAY
    return list(price_intervals([Version(1, START - 400 * DAY, end, tariff)], energies, START, end, **options))


def shown(lines: list[EnergyLine]) -> list[tuple[object, ...]]:
    return [(line.bucket, line.tier, line.quantity, line.amount) for line in lines]


# --- tiers

STAIRS = (("100", "0.10"), ("300", "0.20"), (None, "0.30"))


@pytest.mark.parametrize(
    ("fonts", "volume_amount", "graduated_amount"),
    [("1", "7", "7"), ("5", "35", "35"), ("6", "39", "41.50"), ("20", "120", "127.50"), ("25", "150", "157.50")],
)
def test_both_kinds_of_tier_come_to_the_published_example(
    fonts: str, volume_amount: str, graduated_amount: str
) -> None:
    """docs.stripe.com, "Set up tiered pricing": 1 to 5 fonts at 7 dollars, 6 to 10 at 6.50, more at 6."""
    tiers = (("5", "7"), ("10", "6.5"), (None, "6"))
    for mode, amount in ((TierMode.VOLUME, volume_amount), (TierMode.GRADUATED, graduated_amount)):
        lines = priced(tiered(*tiers, mode=mode), intervals(fonts))
        assert sum(line.amount for line in lines) == Decimal(amount)


@pytest.mark.parametrize(
    ("kwh", "graduated_amount", "volume_amount"),
    [
        ("100", "10.00", "10.00"),  # the bound belongs to the tier below
        ("100.000001", "10.00", "20.00"),
        ("300", "50.00", "60.00"),
        ("350", "65.00", "105.00"),
    ],
)
def test_slices_have_their_own_price_and_volumes_the_price_of_the_tier_reached(
    kwh: str, graduated_amount: str, volume_amount: str
) -> None:
    lines = priced(tiered(*STAIRS), intervals(kwh))
    assert sum(line.amount for line in lines) == Decimal(graduated_amount)
    (line,) = priced(tiered(*STAIRS, mode=TierMode.VOLUME), intervals(kwh))
    assert line.amount == Decimal(volume_amount)


def test_an_interval_that_crosses_a_tier_is_split_at_the_bound() -> None:
    assert shown(priced(tiered(*STAIRS), intervals("90", "20", "250"))) == [
        ("all", 1, 100, Decimal("10.00")),
        ("all", 2, 200, Decimal("40.00")),
        ("all", 3, 60, Decimal("18.00")),
    ]


def test_energy_taken_back_leaves_the_tiers_it_had_filled() -> None:
    assert shown(priced(tiered(*STAIRS), intervals("110", "-30"))) == [("all", 1, 80, Decimal("8.00"))]
    assert shown(priced(tiered(*STAIRS), intervals("-5"))) == [("all", 1, -5, Decimal("-0.50"))]


def test_tiers_fill_by_bucket_or_with_all_energy() -> None:
    tables = {"peak": table(("10", "0.3"), (None, "0.4")), "base": table(("10", "0.1"), (None, "0.2"))}
    energies = intervals("8", "8", start=START + 14 * HOUR)  # 14:00 to 16:00: base, then peak
    for scope, expected in (
        (TierScope.PER_BUCKET, [("peak", 1, 8), ("base", 1, 8)]),
        (TierScope.ALL, [("peak", 1, 2), ("peak", 2, 6), ("base", 1, 8)]),
    ):
        tariff = Tariff(Schedule(UTC_CLOCK, "base", (PEAK,)), tables, "USD", scope=scope)
        assert [each[:3] for each in shown(priced(tariff, energies))] == expected


def test_limits_are_scaled_by_the_days_of_the_period() -> None:
    first, second = priced(tiered(("100", "0.1"), (None, "0.2"), standard_days=30), intervals("200"))
    assert (first.quantity, second.quantity) == (Fraction(310, 3), Fraction(290, 3))


def test_tiers_begin_anew_each_calendar_month() -> None:
    tariff = tiered(("100", "0.1"), (None, "0.2"), reset=TierReset.CALENDAR_MONTH)
    energies = intervals("150") + intervals("150", start=START + 31 * DAY)
    assert [line.quantity for line in priced(tariff, energies, days=59)] == [200, 100]


def test_tiers_of_a_contract_year_know_what_was_used_before_and_begin_anew_on_its_day() -> None:
    tariff = tiered(("100", "0.1"), (None, "0.2"), reset=TierReset.CONTRACT_YEAR)
    energies = intervals("90", start=START - 10 * DAY) + intervals("30") + intervals("30", start=START + 20 * DAY)
    lines = priced(tariff, energies, year_begins=date(2020, 1, 16), filled_from=START - 30 * DAY)
    assert [each[1:3] for each in shown(lines)] == [(1, 40), (2, 20)]


def test_a_contract_year_without_an_anchor_is_refused() -> None:
    tariff = tiered(("100", "0.1"), (None, "0.2"), reset=TierReset.CONTRACT_YEAR)
    with pytest.raises(TariffError, match="does not say when it begins"):
        priced(tariff, intervals("1"))


@pytest.mark.parametrize(
    "tiers",
    [[("100", "0.1")], [("100", "0.1"), ("100", "0.2"), (None, "0.3")], [("0", "0.1"), (None, "0.2")], []],
)
def test_tiers_with_a_gap_are_refused(tiers: list[tuple[str | None, str]]) -> None:
    with pytest.raises(TariffError, match="tiers"):
        table(*tiers)


@given(st.lists(st.integers(-50, 100), max_size=30), st.lists(st.integers(1, 500), unique=True, max_size=4))
def test_splitting_and_order_never_change_what_lies_in_a_tier(parts: list[int], bounds: list[int]) -> None:
    limits, at, sums = sorted(bounds), 0, [0] * (len(bounds) + 1)
    for part in parts:
        for tier, slice_ in enumerate(graduated(at, at + part, limits)):
            sums[tier] += slice_
        at += part
    assert sums == graduated(0, sum(parts), limits)
    assert sum(sums) == sum(parts)
    assert sums[reached(at, limits) + 1 :] == [0] * (len(limits) - reached(at, limits))


# --- intervals


@pytest.mark.parametrize(("split", "peak"), [(Split.PRO_RATA_TIME, "1"), (Split.BY_START, "0"), (Split.BY_END, "3")])
def test_an_interval_over_the_edge_of_a_window_is_split_as_agreed(split: Split, peak: str) -> None:
    straddling = intervals("3", start=START + 14 * HOUR + HOUR / 3 * 2, length=HOUR / 2)  # 14:40 to 15:10
    lines = priced(time_of_use(split=split), straddling)
    assert sum(line.quantity for line in lines) == 3
    assert sum(line.quantity for line in lines if line.bucket == "peak") == Fraction(peak)


def test_a_change_inside_the_period_splits_the_line_and_not_the_rate() -> None:
    change, end = START + 10 * DAY, START + 30 * DAY
    versions = [
        Version(2, change, end, Tariff.flat(UTC_CLOCK, Decimal("0.20"), "USD")),
        Version(1, START, change, Tariff.flat(UTC_CLOCK, Decimal("0.10"), "USD"), "last year's rate"),
    ]
    first, second = price_intervals(versions, intervals(*["10"] * 30, length=DAY), START, end)
    assert (first.version, first.end, second.version, second.start) == (1, change, 2, change)
    assert shown([first, second]) == [("all", 1, 100, Decimal("10.00")), ("all", 1, 200, Decimal("40.00"))]
    assert (first.note, second.note) == ("last year's rate", "")


def test_energy_is_billed_per_mwh_exactly() -> None:
    tariff = Tariff.flat(UTC_CLOCK, Decimal("55.5"), "USD", TariffUnit.MWH)
    (line,) = priced(tariff, intervals("1234.567890123456"))
    assert (line.quantity, line.amount) == (Fraction("1.234567890123456"), Decimal("68.52"))


def test_one_tariff_of_market_time_prices_the_hours_of_market_time() -> None:
    """The same hour of the wall clock is peak in winter and base in summer where the tariff leaves summer time out."""
    clock = Clock(ClockKind.LOCAL_STANDARD, "America/Denver")
    summer = datetime(2026, 7, 1, 21, 30, tzinfo=UTC)  # 15:30 on the wall, 14:30 standard
    lines = price_intervals(
        [Version(1, summer - DAY, summer + DAY, time_of_use(clock))],
        intervals("1", start=summer, length=HOUR / 4),
        summer - DAY,
        summer + DAY,
    )
    assert [line.bucket for line in lines] == ["base"]


def test_gaps_overlaps_and_unknown_energy_are_told_at_once() -> None:
    flat = Tariff.flat(UTC_CLOCK, Decimal(1), "USD")
    versions = [Version(1, START, START + 2 * DAY, flat), Version(2, START + DAY, START + 3 * DAY, flat)]
    energies = [*intervals("NaN", "1"), *intervals("1", start=START + HOUR / 2), *intervals("1", start=START - HOUR)]
    with pytest.raises(RatingError) as refused:
        price_intervals(versions, energies, START, START + 4 * DAY)
    assert refused.value.problems == (
        "tariff 2 overlaps the one before it from 2026-01-02 00:00:00+00:00 to 2026-01-03 00:00:00+00:00",
        "no tariff from 2026-01-04 00:00:00+00:00 to 2026-01-05 00:00:00+00:00",
        "1 intervals have no energy, the first at 2026-01-01 00:00:00+00:00",
        "2 intervals overlap the one before, the first at 2026-01-01 00:30:00+00:00",
        "energy is given from 2025-12-31 23:00:00+00:00 to 2026-01-01 02:00:00+00:00, outside what is priced",
    )


def test_the_benchmark_and_its_peer_come_to_the_same() -> None:
    assert ours(version(), month()) == loop(version(), month())


@pytest.mark.parametrize("place", ZONES)
def test_totals_are_kept_over_every_change_of_the_clock_from_2015_to_2035(place: str) -> None:
    clock = Clock(ClockKind.LOCAL_WALL, place)
    spans = list(clock.spans(0, 2**31))
    changes = [
        instant(start)
        for (_, _, before), (start, _, after) in pairwise(spans)
        if before != after and 2015 <= instant(start).year <= 2035
    ]
    tariff = Tariff(
        Schedule(clock, "base", (PEAK, Rule("night", windows=(Window.of("23:10", "04:50"),)))),
        {
            "peak": table(("3", "0.3"), (None, "0.4")),
            "night": table(("5", "0.05"), (None, "0.06")),
            "base": table((None, "0.1")),
        },
        "USD",
        scope=TierScope.ALL,
    )
    for change in changes or [START]:
        start = change.replace(minute=0, second=0) - 36 * HOUR
        energies = intervals(*(f"{n * 37 % 101}.{n:03}" for n in range(144)), start=start, length=HOUR / 2)
        lines = price_intervals([Version(1, start, start + 72 * HOUR, tariff)], energies, start, start + 72 * HOUR)
        assert sum(line.quantity for line in lines) == sum(Fraction(each.energy_kwh) for each in energies)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.lists(st.decimals(-10, 1000, places=9), min_size=1, max_size=60),
    st.sampled_from(list(Split)),
    st.sampled_from(list(TierMode)),
    st.sampled_from(list(TierScope)),
    st.integers(1, 7200),
    st.randoms(use_true_random=False),
)
def test_quantities_sum_to_the_input_in_any_order(
    place: str, kwh: list[Decimal], split: Split, mode: TierMode, scope: TierScope, length: int, random: Any
) -> None:
    tariff = Tariff(
        Schedule(Clock(ClockKind.LOCAL_WALL, place), "base", (PEAK,)),
        {"peak": table(("7", "1"), (None, "2")), "base": table(("500.5", "1"), (None, "3"))},
        "USD",
        mode=mode,
        scope=scope,
        split=split,
        standard_days=30,
    )
    energies = [
        EnergyInterval(START + n * timedelta(seconds=length), START + (n + 1) * timedelta(seconds=length), each)
        for n, each in enumerate(kwh)
    ]
    lines = priced(tariff, energies)
    assert sum(line.quantity for line in lines) == sum(map(Fraction, kwh))
    random.shuffle(energies)
    assert priced(tariff, energies) == lines


# --- the proof


def test_ten_years_of_a_tariff_with_rules_are_proven() -> None:
    tariff = time_of_use(Clock(ClockKind.LOCAL_WALL, "Australia/Lord_Howe"))
    proof = prove_complete([Term("2026", tariff, date(2026, 1, 1), None)], date(2026, 1, 1), date(2035, 12, 31))
    assert proof.is_complete
    assert proof.pieces == 2 * 3652 + 1
    assert proof.clock_changes == 20


def test_a_gap_an_overlap_and_a_rule_never_reached_stand_against_it() -> None:
    shadowed = Rule("peak", windows=(Window.of("16:00", "17:00"),))
    tariff = Tariff(
        Schedule(UTC_CLOCK, "base", (PEAK, shadowed)),
        {"peak": table((None, "0.30")), "base": table((None, "0.10"))},
        "USD",
    )
    terms = [
        Term("one", tariff, date(2026, 1, 1), date(2026, 6, 30)),
        Term("two", tariff, date(2026, 6, 30), date(2026, 9, 30)),
        Term("three", tariff, date(2026, 10, 2), date(2026, 12, 30)),
    ]
    assert set(prove_complete(terms, date(2026, 1, 1), date(2026, 12, 31)).problems) == {
        "two begins on 2026-06-30, before the price before it ends",
        "no price from 2026-10-01 to 2026-10-01",
        "no price from 2026-12-31 to 2026-12-31",
        *(f"{name}: rule 2, peak, is never the first that fits" for name in ("one", "two", "three")),
    }


def test_holidays_must_be_known_as_far_as_the_proof_goes() -> None:
    holidays = HolidayCalendar("Ghana", (Holiday("Eid", "2026-03-20"),), known_to=date(2026, 12, 31))
    schedule = Schedule(UTC_CLOCK, "base", (Rule("rest", days=frozenset({"holiday"})),), holidays)
    tariff = Tariff(schedule, {"rest": table((None, "1")), "base": table((None, "2"))}, "USD")
    proof = prove_complete([Term("one", tariff, date(2026, 1, 1), None)], date(2026, 1, 1), date(2035, 12, 31))
    assert proof.problems == ("one: holidays of Ghana are known to 2026-12-31 only: add those up to 2035-12-31",)


def test_every_bucket_has_a_price_and_every_price_a_bucket() -> None:
    with pytest.raises(TariffError, match="peak has no price"):
        Tariff(Schedule(UTC_CLOCK, "base", (PEAK,)), {"base": table((None, "1"))}, "USD")
    with pytest.raises(TariffError, match="no rule or fallback names it"):
        Tariff(Schedule(UTC_CLOCK, "base"), {"base": table((None, "1")), "pique": table((None, "1"))}, "USD")
