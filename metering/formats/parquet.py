"""Parquet: canonical readings by batches of rows.

Decimals and integers are exact as they stand. A float was written by a program that counts in binary: it is read in
its shortest decimal form, as text would be, and rounded half to even at the last digit that is kept.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

import polars as pl

from metering.formats.canonical import Block, ProblemList, shortened
from metering.formats.mapping import ColumnMapping
from metering.formats.tabular import Rows, read_rows

if TYPE_CHECKING:
    import pyarrow

_BATCH_ROWS: Final = 2**16
_NAMES_SHOWN: Final = 20


def parse(
    stream: BinaryIO,
    mapping: ColumnMapping,
    file_name: str,
    *,
    reject_rows: bool = False,
    batch_rows: int = _BATCH_ROWS,
) -> Iterator[Block]:
    """The readings of a Parquet file; rows are numbered from 1.

    Times are a column of timestamps, which `time_zone` explains where it has no zone of its own, or of text, or of
    numbers that `time_format` declares. Blocks and problems as in `delimited.parse`.
    """
    problems = ProblemList(file_name, reject_rows=reject_rows)
    return read_rows(_rows(stream, mapping, problems, batch_rows), mapping, problems)


def _rows(stream: BinaryIO, mapping: ColumnMapping, problems: ProblemList, batch_rows: int) -> Iterator[Rows]:
    import pyarrow.parquet  # here, because no other format needs it: it takes 40 MB

    row = 1
    try:
        with pyarrow.parquet.ParquetFile(stream) as file:
            _check_columns(file.schema_arrow, mapping, problems)
            for batch in file.iter_batches(batch_rows, columns=mapping.columns):
                # Bytes that are no text, in cells or in what programs note about columns, would stop polars short.
                batch.validate(full=True)
                bare = pyarrow.RecordBatch.from_arrays(batch.columns, names=batch.schema.names)
                cells = pl.DataFrame(pl.from_arrow(bare)).select(mapping.columns)
                yield Rows(pl.int_range(row, row + cells.height, dtype=pl.Int64, eager=True), _plain(cells))
                row += cells.height
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        problems.add_whole(row, None, "", f"not readable as Parquet: {shortened(str(error))}")
    if row == 1 and not problems:
        problems.add_whole(1, None, "", "the file holds no readings")


def _check_columns(schema: "pyarrow.Schema", mapping: ColumnMapping, problems: ProblemList) -> None:
    """Refuses a file whose declared columns are not there once, or hold something that is no single value."""
    from pyarrow import types

    names = list(schema.names)
    shown = ", ".join(repr(shortened(name)) for name in names[:_NAMES_SHOWN]) or "none"
    for column in mapping.columns:
        if column not in names:
            problems.add_whole(1, column, "", f"the column is missing: the file has {shown}")
        elif names.count(column) > 1:
            problems.add_whole(1, column, "", f"the file has this name {names.count(column)} times")
        elif types.is_nested(kind := schema.field(column).type):
            problems.add_whole(1, column, "", f"a column of {kind} holds no single values")
        elif types.is_binary(kind) or types.is_large_binary(kind):
            problems.add_whole(1, column, "", f"a column of {kind} holds no text")
    problems.refuse_if_any()


def _plain(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells as text, columns of dates and times as they are."""
    return cells.select(
        pl.col(name) if isinstance(kind, pl.Datetime) or kind == pl.Date else pl.col(name).cast(pl.String)
        for name, kind in cells.schema.items()
    )
