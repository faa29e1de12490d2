"""What every file format is turned into: blocks of canonical readings, and the list of what was refused."""

from bisect import insort
from dataclasses import dataclass
from typing import Final

import polars as pl

from core.units import Quantity
from metering.errors import BadFile, Problem

# The digits that the columns of `meter_reading` hold. A decimal column is exact, as quick as integers, and
# travels to COPY without a Python object or a float in between; digits are checked before the cast, which
# would round them.
_ENERGY: Final = pl.Decimal(24, 9)
_WEATHER: Final = pl.Decimal(12, 6)

SCHEMA: Final = pl.Schema(
    {
        "line": pl.Int64(),  # physical line of the file, 1 for the first
        "reading_timestamp": pl.Datetime("us", "UTC"),  # start of the interval
        "seconds": pl.Int32(),  # length of the interval; a local day has 82,800 to 90,000
        "energy_wh": _ENERGY,  # null where only the mean power is known, or nothing
        "power_w": _ENERGY,  # mean over the interval
        "register_wh": _ENERGY,  # what a cumulative register shows at the end of the interval
        "irradiance_wm2": _WEATHER,
        "temperature_c": _WEATHER,
        "external_device_id": pl.String(),  # null where the file names no device
        "quality": pl.String(),  # measured, estimated, or missing: neither energy nor power is known
        "reported_at": pl.Datetime("us", "UTC"),  # when the source stated the values; null where it does not say
        "other_metrics": pl.String(),  # a JSON object of everything else, or null
    }
)

# Where each quantity is kept, and in which digits.
MEASURES: Final[dict[Quantity, tuple[str, pl.Decimal]]] = {
    Quantity.ENERGY: ("energy_wh", _ENERGY),
    Quantity.POWER: ("power_w", _ENERGY),
    Quantity.IRRADIANCE: ("irradiance_wm2", _WEATHER),
    Quantity.TEMPERATURE: ("temperature_c", _WEATHER),
}

# Seconds of each reading interval that a file can declare, by its name in the database. A local day is not
# always 86,400 s long: days are cut by the calendar, not by this number.
INTERVAL_SECONDS: Final = {
    "daily": 86_400,
    "hourly": 3_600,
    "30min": 1_800,
    "15min": 900,
    "5min": 300,
    "min": 60,
    "sec": 1,
}

LONGEST_DEVICE_ID: Final = 255

_PROBLEMS_KEPT: Final = 100
_SHORT: Final = 40


@dataclass(frozen=True, slots=True)
class Rejected:
    """What is wrong with one row that was left out while the others were kept; `raw` is the row as it was written."""

    problem: Problem
    raw: str


@dataclass(frozen=True, slots=True)
class Block:
    """Some readings of a file.

    `readings` has `SCHEMA` and no (device, time) twice, within this block or with earlier ones; `repeated`
    counts the lines left out because an earlier line says exactly the same; `rejected` is empty unless the caller
    asked for single rows to be rejected. One row may be rejected for several reasons.
    """

    readings: pl.DataFrame
    repeated: int
    rejected: tuple[Rejected, ...] = ()


class ProblemList:
    """The problems of one file: the first hundred by line are kept, all are counted.

    With `reject_rows` a problem of one row is not one of the file: it waits in `take_rejected`.
    """

    def __init__(self, file_name: str, *, reject_rows: bool = False) -> None:
        self.file_name = file_name
        self._reject_rows = reject_rows
        self._rejected: list[Problem] = []
        self._first: list[Problem] = []
        self._total = 0

    def __bool__(self) -> bool:
        return self._total > 0

    def add(self, line: int, column: str | None, value: str, cause: str) -> None:
        """Record a problem of one row."""
        if self._reject_rows:
            self._rejected.append(Problem(line, column, shortened(value), cause))
        else:
            self.add_whole(line, column, value, cause)

    def add_whole(self, line: int, column: str | None, value: str, cause: str) -> None:
        """Record a problem that refuses the file, whatever becomes of single rows."""
        self._total += 1
        insort(self._first, Problem(line, column, shortened(value), cause), key=lambda problem: problem.line)
        del self._first[_PROBLEMS_KEPT:]

    def add_all(self, lines: pl.Series, column: str | None, values: pl.Series, causes: pl.Series) -> None:
        """Record a problem for every cause that is not null. The three series are rows of one block."""
        if causes.null_count() == len(causes):
            return
        found = pl.DataFrame({"line": lines, "value": values.cast(pl.String), "cause": causes}).drop_nulls("cause")
        kept = found if self._reject_rows else found.head(_PROBLEMS_KEPT)
        for line, value, cause in kept.iter_rows():
            self.add(line, column, value or "", cause)
        self._total += found.height - kept.height

    def take_rejected(self) -> list[Problem]:
        """The problems of rows since the last call."""
        taken, self._rejected = self._rejected, []
        return taken

    def refuse_if_any(self) -> None:
        """Raise `BadFile` when the file was found to be bad."""
        if self._total:
            raise BadFile(self.file_name, self._first, self._total)


def shortened(value: str) -> str:
    """The value, cut to what fits a line of a message."""
    return value if len(value) <= _SHORT else value[: _SHORT - 1] + "…"


def noted(entry: pl.Expr) -> pl.Expr:
    """`other_metrics` with a further entry, such as `"register":"reset"`, where that is not null."""
    metrics = pl.col("other_metrics")
    alone = pl.concat_str(pl.lit("{"), entry, pl.lit("}"))
    added = pl.concat_str(metrics.str.head(-1), pl.lit(","), entry, pl.lit("}"))
    changed = pl.when(entry.is_null()).then(metrics).when(metrics.is_null()).then(alone).otherwise(added)
    return changed.alias("other_metrics")
