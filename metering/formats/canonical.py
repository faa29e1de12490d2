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
        "energy_wh": _ENERGY,
        "power_w": _ENERGY,
        "irradiance_wm2": _WEATHER,
        "temperature_c": _WEATHER,
        "external_device_id": pl.String(),  # null where the file names no device
        "quality": pl.String(),  # measured, or missing: neither energy nor power was written
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
INTERVAL_SECONDS: Final = {"daily": 86_400, "hourly": 3_600, "15min": 900, "min": 60, "sec": 1}

LONGEST_DEVICE_ID: Final = 255

_PROBLEMS_KEPT: Final = 100
_SHORT: Final = 40


@dataclass(frozen=True, slots=True)
class Block:
    """Some readings of a file, in the order of its lines.

    `readings` has `SCHEMA` and no (device, time) twice, within this block or with earlier ones; `repeated`
    counts the lines left out because an earlier line says exactly the same.
    """

    readings: pl.DataFrame
    repeated: int


class ProblemList:
    """The problems of one file: the first hundred by line are kept, all are counted."""

    def __init__(self, file_name: str) -> None:
        self._file_name = file_name
        self._first: list[Problem] = []
        self._total = 0

    def __bool__(self) -> bool:
        return self._total > 0

    def add(self, line: int, column: str | None, value: str, cause: str) -> None:
        """Record one problem."""
        self._total += 1
        insort(self._first, Problem(line, column, shortened(value), cause), key=lambda problem: problem.line)
        del self._first[_PROBLEMS_KEPT:]

    def add_all(self, lines: pl.Series, column: str | None, values: pl.Series, causes: pl.Series) -> None:
        """Record a problem for every cause that is not null. The three series are rows of one block."""
        if causes.null_count() == len(causes):
            return
        found = pl.DataFrame({"line": lines, "value": values, "cause": causes}).drop_nulls("cause")
        for line, value, cause in found.head(_PROBLEMS_KEPT).iter_rows():
            self.add(line, column, value, cause)
        self._total += max(0, found.height - _PROBLEMS_KEPT)

    def refuse_if_any(self) -> None:
        """Raise `BadFile` when anything was recorded."""
        if self._total:
            raise BadFile(self._file_name, self._first, self._total)


def shortened(value: str) -> str:
    """The value, cut to what fits a line of a message."""
    return value if len(value) <= _SHORT else value[: _SHORT - 1] + "…"
