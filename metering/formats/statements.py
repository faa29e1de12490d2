"""What a file states of its channels, as every format with channels hands it to `Assembly`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

import polars as pl

from metering.formats.canonical import SCHEMA

_ENERGY: Final = SCHEMA["energy_wh"]
_TIME: Final = SCHEMA["reading_timestamp"]

MEASURED, ESTIMATED, MISSING = range(3)
QUALITIES: Final = ("measured", "estimated", "missing")

# What a file states of one channel at once, for some intervals of the same length without a gap between them. A later
# statement with the same start replaces the whole of it.
STATEMENTS: Final = pl.Schema(
    {
        "line": pl.Int64(),
        "channel": pl.UInt32(),  # as `Assembly.channel` numbered it
        "start": _TIME,
        "seconds": pl.Int32(),  # length of each interval
        "count": pl.UInt32(),  # how many intervals
        "values": pl.String(),  # as many numbers with commas between them; an empty one is missing
        "factor": pl.Int64(),  # Wh or W of one unit, a power of ten
        "register_wh": _ENERGY,  # of a statement of one interval, at its end
        "quality": pl.UInt8(),
        "note": pl.String(),  # more members of the JSON object in `other_metrics`, each with a comma before it
        "parts": pl.String(),  # where quality and note differ: a JSON list of objects with count, quality and note
        "reported_at": _TIME,
    }
)


def statements(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    """A frame of `STATEMENTS` from rows whose times are microseconds since 1970."""
    written = {name: pl.Int64() if kind == _TIME else kind for name, kind in STATEMENTS.items()}
    return pl.DataFrame(rows, written, orient="row").cast(dict.fromkeys(("start", "reported_at"), _TIME))


class Kind(StrEnum):
    """What a channel measures, as far as it decides where its values go."""

    ENERGY = "energy"
    POWER = "power"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Columns:
    """The file's own names for what is wrong; a `{}` in `value` becomes the number of the interval."""

    channel: str
    time: str
    value: str


def said(row: dict[str, object]) -> tuple[object, ...]:
    """What a statement says, however its numbers are written."""
    values, factor = row["values"], row["factor"]
    assert isinstance(values, str)
    assert isinstance(factor, int)
    numbers = [_number(text.strip(), factor) for text in values.split(",")]
    return numbers, *(row[name] for name in ("seconds", "register_wh", "quality", "note", "parts"))


def _number(text: str, factor: int) -> Decimal | str:
    try:
        return Decimal(text) * factor
    except ArithmeticError:  # no number, or out of all bounds: refused where it is read
        return text


def shown(start: datetime) -> str:
    """The instant as messages write it."""
    return f"{start:%Y-%m-%d %H:%M:%SZ}"
