"""Finds readings that a file gives twice, without keeping the file in memory."""

from types import TracebackType
from typing import Final, Self

import polars as pl

from metering.formats.spool import FrameSpool, keep

_KEY: Final = ("device", "reading_timestamp")


class Seen:
    """The readings that a file gave so far.

    They wait in a temporary file, and only those blocks are read back whose devices and times overlap with the new
    ones: a file in the order of time reads none. Memory holds 24 bytes for each device of each block.
    """

    def __init__(self, values: list[str]) -> None:
        """`values` names the columns that make two readings of one device and time the same or not."""
        self._values = values
        self._blocks = FrameSpool()
        self._spans: list[pl.DataFrame] = []
        self._codes: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._blocks.close()

    def again(self, readings: pl.DataFrame) -> pl.DataFrame:
        """The readings whose device and time came before, in this block or an earlier one.

        Columns: `line`; `reading_timestamp`; `first_line`, where the reading came first; `same`, whether all
        values are equal. Every other reading is remembered.
        """
        rows = readings.select("line", "reading_timestamp", *self._values).with_columns(
            device=self._coded(readings["external_device_id"])
        )
        spans = rows.group_by("device").agg(
            first=pl.col("reading_timestamp").min(), last=pl.col("reading_timestamp").max()
        )
        earlier = [self._blocks.read(block).join(rows, on=_KEY, how="semi") for block in self._overlapping(spans)]
        firsts = pl.concat([*earlier, rows])
        fresh = rows
        if firsts.select(_KEY).is_duplicated().any():
            firsts = firsts.unique(_KEY, keep="first", maintain_order=True)
            fresh = rows.join(firsts, on="line", how="semi")
        else:
            firsts = firsts.clear()
        self._keep(fresh, spans)
        same = [pl.col(value).eq_missing(pl.col(f"{value}_first")) for value in self._values]
        return (
            rows.join(firsts, on=_KEY, suffix="_first")
            .filter(pl.col("line") != pl.col("line_first"))
            .select("line", "reading_timestamp", first_line="line_first", same=pl.all_horizontal(same))
        )

    def _coded(self, devices: pl.Series) -> pl.Series:
        """Devices as small numbers, so that a kept reading stays small; no device is a device of its own."""
        names = devices.fill_null("")
        for name in names.unique():
            self._codes.setdefault(name, len(self._codes))
        return names.replace_strict(self._codes, return_dtype=pl.UInt32)

    def _overlapping(self, spans: pl.DataFrame) -> list[int]:
        """The kept blocks that have a device in common with the new spans, in overlapping time."""
        if not self._spans:
            return []
        overlaps = (pl.col("first") <= pl.col("last_new")) & (pl.col("last") >= pl.col("first_new"))
        near = pl.concat(self._spans).join(spans, on="device", suffix="_new").filter(overlaps)
        return near["block"].unique().sort().to_list()

    def _keep(self, rows: pl.DataFrame, spans: pl.DataFrame) -> None:
        block = self._blocks.append(rows)
        keep(self._spans, spans.with_columns(block=pl.lit(block, pl.UInt32)))
