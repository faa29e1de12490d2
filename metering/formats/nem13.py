"""NEM13, register reads of Australian meters: bytes in, canonical readings out.

A 250 record holds two reads of a register, months apart, and the energy between them. That energy belongs to no
interval that a reading can have, and spreading it would invent when it flowed. So the later read becomes a reading of
the one second before it, whose energy is unknown: `register_wh` is what the register showed, and `other_metrics`
keeps the energy, since when it was counted, and both reads, as they were written.

A register counts turns of a meter that may be worth more than one unit each, and it may have rolled over. Where the
quantity is not just the difference of the reads, `register_wh` is therefore null.
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import BinaryIO, Final

import polars as pl

from metering.formats.assembly import Assembly
from metering.formats.canonical import Block, ProblemList
from metering.formats.channels import Channels
from metering.formats.mdff_records import (
    Envelope,
    Record,
    cells,
    instant_of,
    members,
    quality_note,
    read_date,
    read_device,
    read_instant,
    read_optional_instant,
    read_quality,
    read_suffix,
    read_unit,
    records,
)
from metering.formats.statements import MISSING, QUALITIES, Columns, statements

_BLOCK_READINGS: Final = 2**15
_SECOND: Final = 1_000_000
_LEAST_CELLS: Final = 22  # up to UpdateDateTime; MSATSLoadDateTime may lack its comma
_MOST_DIGITS: Final = 9  # before the point, so that also MWh can be kept as Wh
_SMALLEST: Final = Decimal("1e-9")  # Wh
_B2B_FIELDS: Final = (
    "previous_trans_code",
    "previous_ret_service_order",
    "current_trans_code",
    "current_ret_service_order",
)


def parse(
    stream: BinaryIO, mapping: Channels, file_name: str, *, block_readings: int = _BLOCK_READINGS
) -> Iterator[Block]:
    """The register reads of a NEM13 file: a device is an NMI, a channel is its suffix.

    `reported_at` is the UpdateDateTime; of a read that is there twice the later one wins. The whole file is read even
    when something is wrong with it: no block follows the first problem, and `BadFile` ends the iteration.
    """
    problems = ProblemList(file_name)
    columns = Columns(channel="NMISuffix", time="CurrentRegisterReadDateTime", value="Quantity")
    with Assembly(mapping, problems, columns, signed=False) as assembly:
        reader = _Reader(assembly, problems)
        envelope = Envelope("NEM13", problems)
        line = 0
        for line, text in records(stream, problems):
            record = Record(line, cells(text))
            if envelope.sees(record):
                reader.ends_part()
            else:
                reader.reads(record)
            if len(reader.waiting) >= block_readings:
                reader.flush()
        reader.flush()
        envelope.ends(line)
        if not problems and not reader.reads_found:
            problems.add_whole(1, None, "", "the file holds no readings")
        for block in assembly.blocks(block_readings):
            # What a register shows is no energy: that of the second is unknown.
            missing = pl.lit(QUALITIES[MISSING]).alias("quality")
            yield Block(block.readings.with_columns(missing), block.repeated)
    problems.refuse_if_any()


class _Reader:
    """Reads the records of one file in their order."""

    def __init__(self, assembly: Assembly, problems: ProblemList) -> None:
        self._assembly = assembly
        self._problems = problems
        self._has_read = False
        self._read: list[object] | None = None  # the last one, to which a 550 record may add
        self._suffix = ""
        self.waiting: list[tuple[object, ...]] = []
        self.reads_found = 0

    def reads(self, record: Record) -> None:
        """Any record but 100 and 900."""
        match record.cell(0):
            case "250":
                self._ends_read()
                self._has_read = True
                self.reads_found += 1
                self._read = self._read_register(record)
            case "550":
                self._read_b2b(record)
            case "200" | "300" | "400" | "500" as other:
                self._problems.add(record.line, "RecordIndicator", other, "a record of NEM12 in a NEM13 file")
            case other:
                self._problems.add(record.line, "RecordIndicator", other, "no record of NEM13 begins like this")

    def ends_part(self) -> None:
        """What was said of a read ends with a header or an end of data."""
        self._ends_read()
        self._has_read = False

    def flush(self) -> None:
        """Hands over what waits."""
        self._ends_read()
        self._assembly.add(statements(self.waiting))
        self.waiting = []

    def _ends_read(self) -> None:
        if self._read is not None:
            self.waiting.append(tuple(self._read))
            self._read = None

    def _read_b2b(self, record: Record) -> None:
        if not self._has_read:
            cause = "the details of a read before the 250 record that they are about"
            self._problems.add(record.line, "RecordIndicator", "550", cause)
        if self._read is not None:
            told = dict(zip(_B2B_FIELDS, (record.cell(place) for place in range(1, 5)), strict=True))
            note = members({f"{self._suffix}_{name}": text for name, text in told.items() if text})
            self._read[9] = f"{self._read[9]}{note}"

    def _read_register(self, record: Record) -> list[object] | None:
        """The row of a 250 record; None, and problems, where it cannot be read."""
        line, problems = record.line, self._problems
        if len(record.cells) < _LEAST_CELLS:
            cause = f"{len(record.cells)} cells: the line ends before UpdateDateTime, its cell {_LEAST_CELLS}"
            problems.add(line, "UpdateDateTime", "", cause)
            return None
        nmi = read_device(record, problems)
        suffix = read_suffix(record, problems)
        unit = read_unit(record, 19, problems)
        read_at, before_at = self._times(record)
        read = self._number(record, 13, "CurrentRegisterRead")
        before = self._number(record, 8, "PreviousRegisterRead")
        quantity = self._number(record, 18, "Quantity")
        if quantity is None and not record.cell(18):
            problems.add(line, "Quantity", "", "no quantity: nothing says what flowed between the reads")
        quality = self._quality(record, 15, "CurrentQualityMethod", may_be_empty=False)
        self._quality(record, 10, "PreviousQualityMethod", may_be_empty=True)
        updated = read_optional_instant(record, 21, "UpdateDateTime", problems)
        read_optional_instant(record, 22, "MSATSLoadDateTime", problems)
        if (read_on := record.cell(20)) and read_date(read_on) is None:
            problems.add(line, "NextScheduledReadDate", read_on, "not a day like 20040131")
        if nmi is None or suffix is None or unit is None or read_at is None or quantity is None or quality is None:
            return None
        kind, unit_name, factor = unit
        is_plain = read is not None and before is not None and read - before == quantity
        register = None
        if is_plain and read is not None and quality != MISSING:
            register = (read * factor).quantize(_SMALLEST)
        told = {
            f"quantity_{unit_name}": record.cell(18),
            "quantity_since": _utc(before_at),
            "register_read": record.cell(13),
            "previous_register_read": record.cell(8),
            "direction": record.cell(7),
            "previous_quality_method": record.cell(10),
            "previous_reason_code": record.cell(11),
            "previous_reason": record.cell(12),
        }
        note = members({f"{suffix}_{name}": text for name, text in told.items() if text})
        note += quality_note(suffix, record.cell(15), record.cell(16), record.cell(17)) or ""
        self._suffix = suffix
        number = self._assembly.channel(nmi, suffix, kind, unit_name, line)
        return [line, number, read_at - _SECOND, 1, 1, "", 1, register, quality, note, None, updated]

    def _times(self, record: Record) -> tuple[int | None, int | None]:
        """When the register was read, and when it had been read before. Records a problem where that is not so."""
        read_at, before_at = (read_instant(record.cell(place)) for place in (14, 9))
        if read_at is None:
            cause = "not a time like 20040131235959"
            self._problems.add(record.line, "CurrentRegisterReadDateTime", record.cell(14), cause)
        if before_at is None:
            cause = "not a time like 20040131235959: nothing says since when the quantity was counted"
            self._problems.add(record.line, "PreviousRegisterReadDateTime", record.cell(9), cause)
        if read_at is not None and before_at is not None and before_at >= read_at:
            cause = f"not before the current read of {record.cell(14)}"
            self._problems.add(record.line, "PreviousRegisterReadDateTime", record.cell(9), cause)
        return read_at, before_at

    def _number(self, record: Record, place: int, column: str) -> Decimal | None:
        text = record.cell(place)
        if not text:
            return None
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("nan")
        if not number.is_finite():
            self._problems.add(record.line, column, text, "not a number")
            return None
        if number.adjusted() >= _MOST_DIGITS:
            cause = f"too many digits: at most {_MOST_DIGITS} before the decimal point can be kept"
            self._problems.add(record.line, column, text, cause)
            return None
        if number < 0:
            self._problems.add(record.line, column, text, "never negative here: the channel says its direction")
            return None
        return number

    def _quality(self, record: Record, place: int, column: str, *, may_be_empty: bool) -> int | None:
        method = record.cell(place)
        quality = read_quality(method)
        if quality is None and (method or not may_be_empty):
            cause = "not a quality method: A, N, or E, F, S with two digits"
            self._problems.add(record.line, column, method, cause)
        return quality


def _utc(microseconds: int | None) -> str:
    return "" if microseconds is None else f"{instant_of(microseconds):%Y-%m-%dT%H:%M:%SZ}"
