"""Canonical readings as rows of `meter_reading`: whose they are, whether they can be, and what follows from them.

Nothing here asks the database: it runs ahead of the load, in a thread of its own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import polars as pl

from core.periods import start_of_day, zone
from metering.copying import JSONB_VERSION
from metering.errors import Problem
from metering.formats.canonical import INTERVAL_SECONDS, Block, ProblemList, Rejected, shortened

# Columns of the rows, in the order in which they are copied.
COLUMNS: Final = (
    "meter_id",
    "external_device_id",
    "reading_timestamp",
    "reading_interval",
    "interval_seconds",
    "energy_wh",
    "power_w",
    "register_wh",
    "irradiance_wm2",
    "temperature_c",
    "other_metrics",
    "quality",
    "reported_at",
)
SHORTEST_DAY: Final = 82_800

_NAMES: Final = {seconds: name for name, seconds in INTERVAL_SECONDS.items()}
_HOUR: Final = 3_600
_WRITTEN: Final = "%Y-%m-%d %H:%M:%SZ"


@dataclass(frozen=True)
class Target:
    """Whose readings a file holds.

    `meters` are the meters by the device that a file names; where `only` is given, every device is that meter.
    `disputed` are devices that several meters have. Instants outside `earliest` and `latest` are typing errors.
    """

    organization_id: int
    project_id: int
    time_zone: str
    earliest: datetime
    latest: datetime
    only: int | None = None
    meters: Mapping[str, int] = field(default_factory=dict)
    disputed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows with `line` and `COLUMNS`, by meter and time, and what was left out of a block."""

    rows: pl.DataFrame
    repeated: int
    rejected: tuple[Rejected, ...]


class Preparation:
    """Turns the blocks of one file into rows; `problems` holds what is wrong with the file as a whole."""

    def __init__(self, target: Target, problems: ProblemList, *, reject_rows: bool) -> None:
        self._target = target
        self._problems = problems
        self._reject_rows = reject_rows
        self._devices: dict[int, str] = {}
        self._meters: dict[str, int] = {}
        self._strangers: dict[str, str] = {}
        self._days: dict[datetime, int | None] = {}

    def prepare(self, block: Block) -> Prepared:
        """The rows of a block; those that cannot be are left out and are rejected, or problems of the file."""
        readings, rejected = block.readings, list(block.rejected)
        for check in (self._outside, self._of_strangers, self._of_no_day):
            if not readings.is_empty():
                readings = self._without(readings, check(readings), rejected)
        return Prepared(self._rows(readings), block.repeated, tuple(rejected))

    # --- what cannot be

    def _outside(self, readings: pl.DataFrame) -> pl.DataFrame | None:
        """The readings of a time that cannot be, with `value` and `cause`."""
        target = self._target
        outside = ~pl.col("reading_timestamp").is_between(target.earliest, target.latest)
        if not readings.select(outside.any()).item():
            return None
        cause = (
            f"the time is before {target.earliest:%Y} or after tomorrow: a clock that was not set, or a typing error"
        )
        return readings.filter(outside).with_columns(_time().alias("value"), pl.lit(cause).alias("cause"))

    def _of_strangers(self, readings: pl.DataFrame) -> pl.DataFrame | None:
        """The readings of devices that are no meter's, with `value` and `cause`."""
        names = readings["external_device_id"].fill_null("").unique(maintain_order=True).to_list()
        for name in names:
            self._identify(name)
        strangers = [name for name in names if name in self._strangers]
        if not strangers:
            return None
        device = pl.col("external_device_id").fill_null("")
        found = readings.filter(device.is_in(strangers)).with_columns(
            value=pl.when(device == "").then(pl.lit("no device")).otherwise(device),
            cause=device.replace_strict(self._strangers, default=None, return_dtype=pl.String),
        )
        # Where the whole file is refused, its first line is enough to find a device.
        return found if self._reject_rows else found.unique("value", keep="first", maintain_order=True)

    def _identify(self, device: str) -> None:
        """Remembers the meter of a device, or why it is nobody's."""
        target = self._target
        if device in self._meters or device in self._strangers:
            return
        meter_id = target.only if target.only is not None else target.meters.get(device)
        if target.only is None and not device:
            self._strangers[device] = "no device is named: which meter of the project this is cannot be told"
        elif device in target.disputed:
            self._strangers[device] = "several meters of the project have this device: name one with --meter"
        elif meter_id is None:
            self._strangers[device] = (
                "no meter of the project has this device: its id is the serial code of a meter's asset, or the id of a"
                " site in a portal"
            )
        elif self._devices.setdefault(meter_id, device) != device:
            self._strangers[device] = (
                "a second device begins here: load one meter's readings at a time"
                if target.only is not None
                else f"a second device of the meter of {self._devices[meter_id]!r} begins here"
            )
        else:
            self._meters[device] = meter_id

    def _of_no_day(self, readings: pl.DataFrame) -> pl.DataFrame | None:
        """The readings of a whole day that is no day of the project, with `value` and `cause`."""
        days = readings.filter(pl.col("seconds") >= SHORTEST_DAY)
        if days.is_empty():
            return None
        local = zone(self._target.time_zone)
        for start in days["reading_timestamp"].unique():
            if start not in self._days:
                day = start.astimezone(local).date()
                begin, end = start_of_day(day, local), start_of_day(day + timedelta(days=1), local)
                self._days[start] = int((end - begin).total_seconds()) if begin == start else None
        length = pl.col("reading_timestamp").replace_strict(self._days, default=None, return_dtype=pl.Int32)
        cause = f"no day begins then in {self._target.time_zone}, the time zone of the project: days cannot be cut anew"
        return days.filter(length.is_null() | (length != pl.col("seconds"))).with_columns(
            _time().alias("value"), pl.lit(cause).alias("cause")
        )

    def _without(self, readings: pl.DataFrame, wrong: pl.DataFrame | None, rejected: list[Rejected]) -> pl.DataFrame:
        if wrong is None or wrong.is_empty():
            return readings
        if not self._reject_rows:
            self._problems.add_all(wrong["line"], None, wrong["value"], wrong["cause"])
            return readings
        for row in wrong.iter_rows(named=True):
            value, cause = shortened(row.pop("value")), row.pop("cause")
            raw = json.dumps({name: cell for name, cell in row.items() if cell is not None}, default=str)
            rejected.append(Rejected(Problem(row["line"], None, value, cause), raw))
        return readings.join(wrong, on="line", how="anti", maintain_order="left")

    # --- what they become

    def _rows(self, readings: pl.DataFrame) -> pl.DataFrame:
        lengths = readings["seconds"].unique().to_list()
        names = {seconds: "daily" if seconds >= SHORTEST_DAY else _NAMES[seconds] for seconds in lengths}
        device = pl.col("external_device_id").fill_null("")
        meter_id = (
            pl.lit(self._target.only, pl.Int64)
            if self._target.only is not None
            else device.replace_strict(self._meters, default=None, return_dtype=pl.Int64)
        )
        rows = readings.with_columns(
            meter_id=meter_id,
            interval_seconds=pl.col("seconds"),
            reading_interval=pl.col("seconds").replace_strict(names, default=None, return_dtype=pl.String),
            energy_wh=_energy() if _is_integrated(readings) else pl.col("energy_wh"),
            other_metrics=pl.lit(JSONB_VERSION) + pl.col("other_metrics"),
        )
        # Neighbours in the index are written one after the other.
        return rows.select("line", *COLUMNS).sort("meter_id", "reading_timestamp")


def _time() -> pl.Expr:
    return pl.col("reading_timestamp").dt.to_string(_WRITTEN)


def _is_integrated(readings: pl.DataFrame) -> bool:
    return bool(readings.select((pl.col("energy_wh").is_null() & pl.col("power_w").is_not_null()).any()).item())


def _energy() -> pl.Expr:
    """Energy in Wh; where it is not known, mean power in W times hours, rounded half away from zero. Not every local
    day has as many hours: mean power of a day stays power."""
    billionths = pl.col("power_w").to_physical().cast(pl.Int128)
    seconds = pl.col("seconds").cast(pl.Int128)
    rounded = (billionths.abs() * seconds * 2 + _HOUR) // (2 * _HOUR) * billionths.sign()
    energy = (rounded.cast(pl.Decimal(38, 0)) * pl.lit(Decimal("1E-9"))).cast(pl.Decimal(24, 9))
    integrated = pl.when(pl.col("seconds") < SHORTEST_DAY).then(energy)
    return pl.coalesce("energy_wh", integrated)
