"""Rows of a data frame as PostgreSQL's COPY reads them quickest: its binary format, written a column at a time.

Text would have to be written here and read there number by number. No value passes through a Python object or a
float. The format is described in PostgreSQL's manual under COPY, each type by its `recv` function.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import polars as pl

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"

# A binary jsonb is its version, 1, and the text.
JSONB_VERSION: Final = "\x01"

_EPOCH_US: Final = 946_684_800_000_000  # 2000-01-01 UTC, where PostgreSQL counts from
_DIGITS: Final = 4  # decimal digits of one digit of a numeric, which counts to 10,000
_BASE: Final = 10**_DIGITS
_NEGATIVE: Final = 0x4000
_ROWS_AT_ONCE: Final = 4_096
_INTEGERS: Final[dict[pl.DataType, str]] = {pl.Int16(): ">i2", pl.Int32(): ">i4", pl.Int64(): ">i8"}


def encoded(rows: pl.DataFrame, constants: Mapping[str, int | str]) -> Iterator[bytes]:
    """The rows as tuples of COPY BINARY, without its header and trailer; `constants`, each a bigint or a text, are the
    first fields of every row.

    Columns may be Int16, Int32, Int64, Datetime("us", "UTC"), Decimal and String, for the types of the same kind, enums
    included; a jsonb is a String that begins with `JSONB_VERSION`. Rows keep their order but for one thing: those with
    nulls in the same columns, and texts of the same lengths, come together.
    """
    # In rows of one shape every field has its fixed place, so that a column is written in one stroke.
    shape = [found for column in rows if (found := _shape(column)) is not None]
    if not shape:
        yield from _same_shape(rows, constants)
        return
    names = [f"shape {number}" for number in range(len(shape))]
    shaped = rows.with_columns(found.alias(name) for name, found in zip(names, shape, strict=True))
    for part in shaped.partition_by(names, maintain_order=True, include_key=False):
        yield from _same_shape(part, constants)


def _shape(column: pl.Series) -> pl.Series | None:
    """What tells the widths of the column's fields apart; None where all are the same."""
    if column.null_count() == len(column):
        return None
    if column.dtype == pl.String:
        widths = column.str.len_bytes().cast(pl.Int64).fill_null(-1)
        return None if widths.min() == widths.max() else widths
    return column.is_null() if column.null_count() else None


def _same_shape(rows: pl.DataFrame, constants: Mapping[str, int | str]) -> Iterator[bytes]:
    """The tuples of rows of one shape, some at a time: what is sent is copied more than once on its way."""
    if rows.is_empty():
        return
    layout: list[tuple[str, str] | tuple[str, str, int]] = [("fields", ">i2")]
    values: dict[str, object] = {"fields": len(constants) + rows.width}
    fields = [(name, *_constant(value)) for name, value in constants.items()]
    fields += [(column.name, *_field(column)) for column in rows]
    for name, width, kind, value in fields:
        layout.append((f"width of {name}", ">i4"))
        values[f"width of {name}"] = width
        if width > 0:
            layout.append((name, *kind))
            values[name] = value
    tuples = np.empty(rows.height, np.dtype(layout))
    for name, value in values.items():
        tuples[name] = value
    for first in range(0, rows.height, _ROWS_AT_ONCE):
        yield tuples[first : first + _ROWS_AT_ONCE].tobytes()


def _constant(value: int | str) -> tuple[int, tuple[str, int] | tuple[str], object]:
    """As `_field`, of a value that is the same in all rows."""
    if isinstance(value, int):
        return 8, (">i8",), value
    text = value.encode()
    return len(text), (f"V{len(text)}",), np.frombuffer(text, f"V{len(text)}") if text else None


def _field(column: pl.Series) -> tuple[int, tuple[str, int] | tuple[str], object]:
    """Bytes of each field, or -1 for null; how they are laid out; and what goes there."""
    kind = column.dtype
    if column[0] is None:
        return -1, ("V0",), None
    if kind == pl.String:
        joined = column.str.join("").item().encode()
        width = len(joined) // len(column)
        return width, (f"V{width}",), np.frombuffer(joined, f"V{width}") if width else None
    if isinstance(kind, pl.Datetime):
        return 8, (">i8",), column.to_physical().to_numpy() - _EPOCH_US
    if isinstance(kind, pl.Decimal):
        words = _numeric(column, kind)
        return words.shape[1] * 2, (">i2", words.shape[1]), words
    layout = _INTEGERS[kind]
    return int(layout[-1]), (layout,), column.to_numpy()


def _numeric(column: pl.Series, kind: pl.Decimal) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    """The 16-bit words of each numeric: how many digits to the base of 10,000, the exponent of the first, the sign,
    the decimal places to show, and the digits. PostgreSQL drops zeros at both ends itself."""
    whole = -(-(kind.precision - kind.scale) // _DIGITS)
    fraction = -(-kind.scale // _DIGITS)
    unscaled, one = pl.col("unscaled"), 10**kind.scale
    parts = pl.DataFrame({"unscaled": column.to_physical().cast(pl.Int128)}).select(
        sign=pl.when(unscaled < 0).then(_NEGATIVE).otherwise(0).cast(pl.Int16),
        whole=(unscaled.abs() // one).cast(pl.Int64),
        fraction=((unscaled.abs() % one).cast(pl.Int64) * 10 ** (fraction * _DIGITS - kind.scale)),
    )
    words = np.empty((len(column), 4 + whole + fraction), ">i2")
    words[:, 0], words[:, 1] = whole + fraction, whole - 1
    words[:, 2], words[:, 3] = parts["sign"].to_numpy(), kind.scale
    for name, first, count in (("whole", 4, whole), ("fraction", 4 + whole, fraction)):
        rest = parts[name].to_numpy()
        for place in range(first + count - 1, first - 1, -1):
            rest, words[:, place] = np.divmod(rest, _BASE)
    return words
