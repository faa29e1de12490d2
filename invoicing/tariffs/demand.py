"""Demand: the highest mean power over windows of 15, 30 or 60 minutes on the tariff's clock, and its ratchet."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from invoicing.errors import TariffError
from invoicing.tariffs.clock import Clock, instant, seconds
from invoicing.tariffs.pricing import EnergyInterval

WINDOW_MINUTES = (15, 30, 60)


@dataclass(frozen=True, slots=True)
class Demand:
    """Peak of a span in kW and the start of the first window that reached it.

    None where no window was measured whole; `windows` counts those that were, `partial` those of which part was.
    """

    peak_kw: Fraction | None
    at: datetime | None
    windows: int
    partial: int


def measure_demand(intervals: Iterable[EnergyInterval], clock: Clock, window_minutes: int) -> Demand:
    """The peak over windows that begin at full multiples of their length on the tariff's clock.

    Energy of an interval longer than a window is spread evenly over it, which shows a lower peak than there may have
    been; a window of which part was not measured is not compared.
    """
    if window_minutes not in WINDOW_MINUTES:
        raise TariffError("demand_window_minutes", f"{window_minutes} is none of {WINDOW_MINUTES}")
    length = window_minutes * 60
    energy: dict[int, Fraction] = {}
    measured: dict[int, int] = {}
    for interval in intervals:
        start, end = seconds(interval.start), seconds(interval.end)
        per_second = Fraction(interval.energy_kwh) / (end - start)
        for first, stop, offset in clock.spans(start, end):
            at = first
            while at < stop:
                begins = (at + offset) // length * length - offset
                until = min(begins + length, stop)
                energy[begins] = energy.get(begins, Fraction(0)) + per_second * (until - at)
                measured[begins] = measured.get(begins, 0) + until - at
                at = until
    whole = {at: kwh * 3600 / length for at, kwh in energy.items() if measured[at] == length}
    if not whole:
        return Demand(None, None, 0, len(energy))
    peak = max(whole.values())
    return Demand(
        peak, instant(min(at for at, kw in whole.items() if kw == peak)), len(whole), len(energy) - len(whole)
    )


@dataclass(frozen=True, slots=True)
class BilledDemand:
    """What is paid for, and which of the three it came from: `measured`, `ratchet` or `minimum`."""

    kw: Fraction
    because: str


def billed_demand(
    current_kw: Fraction,
    earlier_kw: Mapping[str, Fraction],
    ratchet_percent: Fraction,
    minimum_kw: Fraction = Fraction(0),
) -> BilledDemand:
    """The greater of this month's peak, a percentage of the highest in the months looked back on, and a minimum.

    `earlier_kw` holds the measured peaks of those months by label, not what was billed: a ratchet does not feed itself.
    """
    if not 0 <= ratchet_percent <= 100:
        raise TariffError("ratchet_percent", f"{ratchet_percent} is not between 0 and 100")
    ratchet = max(earlier_kw.values(), default=Fraction(0)) * ratchet_percent / 100
    kw = max(current_kw, ratchet, minimum_kw)
    if kw == current_kw:
        return BilledDemand(kw, "measured")
    return BilledDemand(kw, "ratchet" if kw == ratchet else "minimum")
