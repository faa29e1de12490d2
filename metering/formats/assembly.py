"""Puts the channels of a device together: what a file states, in any order, becomes one reading per device and time.

Files give one channel after the other, and may correct at their end what they say at their beginning. So nothing is
known before the file has ended: until then, what it states waits as text in a temporary file, and is read back by
device and month. Memory holds a few blocks, and some bytes for each device and month.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

import polars as pl

from metering.formats.canonical import SCHEMA, Block, ProblemList
from metering.formats.channels import Channels
from metering.formats.intervals import Intervals
from metering.formats.roles import Channel, read_roles
from metering.formats.spool import FrameSpool, keep
from metering.formats.statements import Columns, Kind, said, shown


class Assembly:
    """What a file states, until it has ended; then the readings of each device."""

    def __init__(self, declared: Channels, problems: ProblemList, columns: Columns, *, signed: bool) -> None:
        """`signed` says that the file may write negative energy."""
        self._intervals = Intervals(problems, columns, signed=signed)
        self._declared = declared
        self._problems = problems
        self._columns = columns
        self._numbers: dict[tuple[str | None, str, Kind, str], int] = {}
        self._channels: list[Channel] = []
        self._devices: dict[str | None, int] = {}
        self._device_of: list[int] = []  # by channel
        self._frames = FrameSpool()
        self._units: list[pl.DataFrame] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._frames.close()

    def channel(self, device: str | None, name: str, kind: Kind, unit: str, line: int) -> int:
        """The number of a channel. Energy is in Wh and power in W, whatever unit the file has for them."""
        key = (device, name, kind, unit if kind is Kind.OTHER else "")
        if key not in self._numbers:
            self._numbers[key] = len(self._channels)
            self._channels.append(Channel(device, name, kind, unit, line))
            self._device_of.append(self._devices.setdefault(device, len(self._devices)))
        return self._numbers[key]

    def add(self, statements: pl.DataFrame) -> None:
        """Keeps what was read, with the columns of `STATEMENTS`."""
        if statements.is_empty():
            return
        device_of = pl.Series(self._device_of, dtype=pl.UInt32)
        months = pl.col("start").dt.year() * 12 + pl.col("start").dt.month()
        kept = statements.with_columns(device=device_of.gather(statements["channel"]), month=months.cast(pl.Int32))
        frame = self._frames.append(kept)
        units = kept.group_by("device", "month").agg(line=pl.col("line").min(), readings=pl.col("count").sum())
        keep(self._units, units.with_columns(frame=pl.lit(frame, pl.UInt32)))

    def blocks(self, block_readings: int) -> Iterator[Block]:
        """The readings of all devices, about as many at a time; nothing after the first problem.

        A reading is missing where it has neither energy nor power nor register.
        """
        if not self._units:
            return
        roles = read_roles(self._channels, self._declared, self._problems, self._columns.channel)
        spans: list[pl.DataFrame] = []
        for units, frames in self._packed(block_readings):
            # What a block was made of goes with it, before the next one is made.
            yield from self._block(units, frames, roles, spans)
        if spans:
            self._refuse_overlaps(pl.concat(spans).sort("device", "start"))

    def _block(
        self, units: pl.DataFrame, frames: list[int], roles: pl.DataFrame, spans: list[pl.DataFrame]
    ) -> Iterator[Block]:
        """The readings of some devices and months, unless there are none or a problem was found."""
        found = [self._frames.read(frame).join(units, on=["device", "month"], how="semi") for frame in frames]
        statements = pl.concat(found).join(roles, on="channel", maintain_order="left")
        is_ignored = pl.col("device_channels").is_null()
        if not (ignored := statements.filter(is_ignored)).is_empty():
            self._intervals.read(ignored)
            statements = statements.filter(~is_ignored)
        statements, repeated = self._settled(statements)
        if statements.is_empty():
            return
        statements, months = self._placed(statements)
        keep(spans, months)
        alike = statements.partition_by("device_channels", maintain_order=True)
        parts = [self._intervals.readings(part) for part in alike]
        readings = pl.concat([SCHEMA.to_frame(), *parts]).sort("line", "reading_timestamp")
        if not self._problems:
            yield Block(readings, repeated)

    # --- what was stated ------------------------------------------------------------------------------------

    def _packed(self, block_readings: int) -> Iterator[tuple[pl.DataFrame, list[int]]]:
        """Devices and months that make a block together, and the frames that hold them."""
        units = (
            pl.concat(self._units)
            .group_by("device", "month")
            .agg(pl.col("line").min(), pl.col("readings").sum(), pl.col("frame"))
            .sort("line", "device", "month")
            .with_columns(block=(pl.col("readings").cast(pl.Int64).cum_sum() - pl.col("readings")) // block_readings)
        )
        at = 0
        for size in units["block"].rle().struct.field("len"):
            block = units.slice(at, size)
            at += size
            yield block.select("device", "month"), block["frame"].explode().unique().sort().to_list()

    def _settled(self, statements: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """One statement for each channel and start, and how many only repeat others.

        What was reported later replaces what was reported earlier. Two statements that do not say which is later must
        say the same.
        """
        key = ["channel", "start"]
        if not statements.select(key).is_duplicated().any():
            return statements, 0
        latest = pl.col("reported_at").max().over(key)
        is_replaced = (pl.col("reported_at") < latest).fill_null(value=False)
        self._intervals.read(statements.filter(is_replaced))
        candidates = (
            statements.filter(~is_replaced)
            .sort(*key, "reported_at", "line", descending=[False, False, True, False], nulls_last=True)
            .with_row_index("row")
            .with_columns(first=pl.col("row").first().over(key))
        )
        is_first = pl.col("row") == pl.col("first")
        again = candidates.filter(~is_first)
        firsts = candidates.filter(pl.col("row").is_in(again["first"].implode()))
        first_of = {row["row"]: row for row in firsts.iter_rows(named=True)}
        for row in again.iter_rows(named=True):
            first = first_of[row["first"]]
            if said(row) != said(first):
                other, line = sorted((row["line"], first["line"]))
                cause = f"line {other} says otherwise for the same channel and time, and nothing says which is later"
                self._problems.add(line, self._columns.time, shown(row["start"]), cause)
        return candidates.filter(is_first).drop("row", "first"), again.height

    def _placed(self, statements: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The statements whose intervals fit together, and from when to when each device has any, by month.

        Records a problem where the channels of a device are cut differently, and where statements overlap.
        """
        ordered = (
            statements.group_by("device", "start")
            .agg(
                pl.col("line", "seconds").first(),
                uneven=(pl.col("seconds").n_unique() > 1) | (pl.col("count").n_unique() > 1),
                end=pl.col("start").first() + pl.duration(seconds=(pl.col("seconds") * pl.col("count")).max()),
                last_line=pl.col("line").max(),
            )
            .sort("device", "start")
        )
        uneven = ordered.filter("uneven")
        for line, start in uneven.select("last_line", "start").iter_rows():
            cause = "channels of one device have intervals of different lengths"
            self._problems.add(line, self._columns.time, shown(start), cause)
        self._refuse_overlaps(ordered)
        months = ordered.group_by("device", month=pl.col("start").dt.truncate("1mo"))
        spans = months.agg(pl.col("line", "start").first(), pl.col("end").last()).drop("month")
        return statements.join(uneven, on=["device", "start"], how="anti", maintain_order="left"), spans

    def _refuse_overlaps(self, ordered: pl.DataFrame) -> None:
        """Records a problem where a statement begins before the one before it has ended."""
        before = pl.when(pl.col("device") == pl.col("device").shift()).then(pl.col("end").shift())
        overlapping = ordered.with_columns(before=pl.col("line").shift()).filter(pl.col("start") < before)
        for line, start, other in overlapping.select("line", "start", "before").iter_rows():
            self._problems.add(line, self._columns.time, shown(start), f"overlaps with an interval of line {other}")
