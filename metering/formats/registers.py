"""Energy from cumulative registers: the difference between the two ends of an interval, in any order of rows."""

from decimal import Decimal
from typing import Final

import polars as pl

from metering.formats.canonical import SCHEMA, noted

_ENERGY: Final = SCHEMA["register_wh"]
_TIME: Final = SCHEMA["reading_timestamp"]
_MEASURED: Final = ("energy_wh", "power_w")
# A fall that would go through more than this share of the register's range is no rollover.
_ROLLOVER_SHARE: Final = Decimal("0.5")
_ESTIMATE: Final = ',"register_quality":"estimated"'


def difference_wh(earlier: pl.Expr, later: pl.Expr, wraps_at_wh: Decimal | None) -> pl.Expr:
    """The watt-hours between two states of a register; null where it was reset.

    A register that falls went through `wraps_at_wh`, if it has one and less than half of its range lies between the
    two states; otherwise it was reset, and what it counted in between is unknown.
    """
    straight = (later - earlier).cast(_ENERGY)
    if wraps_at_wh is None:
        return pl.when(straight >= 0).then(straight)
    through = straight + pl.lit(wraps_at_wh, _ENERGY)
    plausible = through < pl.lit(wraps_at_wh * _ROLLOVER_SHARE, _ENERGY)
    return pl.when(straight >= 0).then(straight).when(plausible).then(through.cast(_ENERGY))


class Registers:
    """Turns the registers of a file into energy, a block at a time.

    A reading's energy is its register less that of the reading which ends where it begins. A reading whose
    predecessor did not come yet waits, and so does the end of each run of readings: a file in the order of time, up
    or down, keeps one of them per device and gap, a shuffled one keeps what has no neighbour yet.

    Where there is no such predecessor in the file, the energy is unknown and `other_metrics` says why: `register` is
    `first` (nothing came before), `reset` (the register fell), or `gap`, with `gap_since`, the instant of the
    register before, and `gap_wh`, the energy between the two: it is not spread over the hours that are missing.
    `rollover` notes a difference that went through the register's end.
    """

    def __init__(self, wraps_at_wh: Decimal | None) -> None:
        self._wraps_at_wh = wraps_at_wh
        self._waiting = SCHEMA.to_frame()
        self._ends = pl.DataFrame(
            schema={"external_device_id": pl.String(), "ended_at": _TIME, "register_before": _ENERGY}
        )

    def energies(self, readings: pl.DataFrame) -> pl.DataFrame:
        """Those of the readings so far whose energy is now known, or will never be; in the order of lines."""
        without = readings.filter(pl.col("register_wh").is_null())
        shown = readings.filter(pl.col("register_wh").is_not_null())
        ends = pl.concat(
            [self._ends, shown.select("external_device_id", ended_at=_ended_at(), register_before="register_wh")]
        )
        candidates = pl.concat([self._waiting, shown])
        joined = candidates.join(
            ends,
            left_on=["external_device_id", "reading_timestamp"],
            right_on=["external_device_id", "ended_at"],
            how="left",
            nulls_equal=True,
        )
        found = joined.filter(pl.col("register_before").is_not_null())
        self._waiting = joined.filter(pl.col("register_before").is_null()).select(SCHEMA.names())
        self._ends = ends.join(
            found,
            left_on=["external_device_id", "ended_at"],
            right_on=["external_device_id", "reading_timestamp"],
            how="anti",
            nulls_equal=True,
        )
        return pl.concat([self._differenced(found), _judged(without)]).sort("line")

    def rest(self) -> pl.DataFrame:
        """The readings that still wait, each with the reason why its energy is unknown; in the order of lines."""
        devices = pl.col("external_device_id").fill_null("").alias("device")
        before = self._ends.with_columns(devices).drop("external_device_id").sort("ended_at")
        waiting = self._waiting.with_columns(devices).sort("reading_timestamp")
        gaps = waiting.join_asof(
            before,
            left_on="reading_timestamp",
            right_on="ended_at",
            by="device",
            strategy="backward",
            check_sortedness=False,
        ).with_columns(between=difference_wh(pl.col("register_before"), pl.col("register_wh"), self._wraps_at_wh))
        since = pl.col("ended_at").dt.to_string("%Y-%m-%dT%H:%M:%SZ")
        gap = pl.format('"register":"gap","gap_since":"{}","gap_wh":"{}"', since, pl.col("between").cast(pl.String))
        entry = (
            pl.when(pl.col("register_before").is_null())
            .then(pl.lit('"register":"first"'))
            .when(pl.col("between").is_null())
            .then(pl.lit('"register":"reset"'))
            .otherwise(gap)
        )
        entry = pl.when(_is_estimate()).then(pl.concat_str(entry, pl.lit(_ESTIMATE))).otherwise(entry)
        self._waiting = self._waiting.clear()
        return _judged(gaps.with_columns(noted(entry)).select(SCHEMA.names())).sort("line")

    def _differenced(self, found: pl.DataFrame) -> pl.DataFrame:
        energy = difference_wh(pl.col("register_before"), pl.col("register_wh"), self._wraps_at_wh)
        fell = pl.col("register_wh") < pl.col("register_before")
        entry = (
            pl.when(pl.col("energy_wh").is_null() & _is_estimate())
            .then(pl.lit('"register":"reset"' + _ESTIMATE))
            .when(pl.col("energy_wh").is_null())
            .then(pl.lit('"register":"reset"'))
            .when(fell)
            .then(pl.lit('"register":"rollover"'))
        )
        energies = found.with_columns(energy_wh=energy)
        if energies.select(fell.any()).item():
            energies = energies.with_columns(noted(entry))
        return _judged(energies.select(SCHEMA.names()))


def _ended_at() -> pl.Expr:
    return (pl.col("reading_timestamp") + pl.duration(seconds=pl.col("seconds"))).cast(_TIME)


def _is_estimate() -> pl.Expr:
    return pl.col("quality") == "estimated"


def _judged(readings: pl.DataFrame) -> pl.DataFrame:
    """The readings, missing where neither energy nor power is known."""
    nothing = pl.all_horizontal(pl.col(name).is_null() for name in _MEASURED)
    return readings.with_columns(quality=pl.when(nothing).then(pl.lit("missing")).otherwise("quality"))
