"""How long a contract-month takes to price: 2,976 intervals, 6 time-of-use periods, 4 tiers in each.

    python -m tests.benchmarks.bench_tariffs [repetitions]

The peer is the loop one would write first: for each interval the local time, the first rule that fits, and the tiers
one after the other, in Decimal. Both must come to the same quantities.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from zoneinfo import ZoneInfo

from invoicing.tariffs.clock import Clock, ClockKind
from invoicing.tariffs.pricing import EnergyInterval, Tariff, Version, price_intervals
from invoicing.tariffs.schedule import Rule, Schedule, Window
from invoicing.tariffs.tiers import Tier, TierTable

PLACE = "America/Denver"
START = datetime(2026, 1, 1, 7, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
LIMITS = (Decimal(1000), Decimal(2500), Decimal(6000), None)
WEEKDAY = frozenset({"weekday"})
RULES = (
    Rule("night", windows=(Window.of("22:00", "06:00"),)),
    Rule("morning", days=WEEKDAY, windows=(Window.of("06:00", "10:00"),)),
    Rule("midday", days=WEEKDAY, windows=(Window.of("10:00", "16:00"),)),
    Rule("peak", days=WEEKDAY, windows=(Window.of("16:00", "21:00"),)),
    Rule("evening", days=WEEKDAY, windows=(Window.of("21:00", "22:00"),)),
)


def month() -> list[EnergyInterval]:
    return [
        EnergyInterval(START + n * QUARTER, START + (n + 1) * QUARTER, Decimal(n * 7919 % 12007) / 1000)
        for n in range(2976)
    ]


def version() -> Version:
    schedule = Schedule(Clock(ClockKind.LOCAL_WALL, PLACE), "weekend", RULES)
    tables = {
        bucket: TierTable(tuple(Tier(limit, Decimal(10 + n + m) / 100) for m, limit in enumerate(LIMITS)))
        for n, bucket in enumerate(schedule.buckets)
    }
    return Version(1, START, START + 2976 * QUARTER, Tariff(schedule, tables, "USD"))


def ours(tariff: Version, intervals: list[EnergyInterval]) -> dict[tuple[str, int], Decimal]:
    lines = price_intervals([tariff], intervals, tariff.start, tariff.end)
    return {(line.bucket, line.tier): Decimal(line.quantity.numerator) / line.quantity.denominator for line in lines}


def loop(tariff: Version, intervals: list[EnergyInterval]) -> dict[tuple[str, int], Decimal]:
    local = ZoneInfo(PLACE)
    filled: dict[str, Decimal] = defaultdict(Decimal)
    found: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for interval in intervals:
        wall = interval.start.astimezone(local)
        second = wall.hour * 3600 + wall.minute * 60
        day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[wall.weekday()]
        bucket = next((rule.bucket for rule in RULES if rule.fits(wall.month, day, second)), "weekend")
        rest = interval.energy_kwh
        for tier, limit in enumerate(LIMITS, 1):
            room = rest if limit is None else max(min(rest, limit - filled[bucket]), Decimal(0))
            if room:
                found[bucket, tier] += room
                filled[bucket] += room
                rest -= room
    return dict(found)


def milliseconds(price: Callable[[Version, list[EnergyInterval]], object], times: int) -> float:
    tariff, intervals = version(), month()
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        price(tariff, intervals)
        taken.append(time.perf_counter() - begun)
    return median(taken) * 1000


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    tariff, intervals = version(), month()
    if ours(tariff, intervals) != loop(tariff, intervals):
        sys.exit("the two do not come to the same quantities")
    print(f"ours {milliseconds(ours, times):.1f} ms, loop {milliseconds(loop, times):.1f} ms, median of {times}")  # noqa: T201 -- a benchmark's result


if __name__ == "__main__":
    main()
