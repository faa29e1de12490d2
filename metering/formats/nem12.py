"""NEM12, interval data of Australian meters: bytes in, canonical readings out.

A 200 record names a meter's channel; each 300 record after it holds one day of it, a value for each interval; 400
records tell the quality of parts of the day before them. `mdff_records` says what holds for all records.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from json import dumps
from typing import BinaryIO, Final

from metering.formats.assembly import Assembly
from metering.formats.canonical import Block, ProblemList
from metering.formats.channels import Channels
from metering.formats.mdff_records import (
    Envelope,
    Record,
    cells,
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
from metering.formats.statements import Columns, statements

# A third more take some 6 MB more, a third fewer a quarter more time.
_BLOCK_READINGS: Final = 3 * 2**13
_MINUTES_OF_DAY: Final = 1440
_LENGTHS: Final = ("5", "15", "30")
# What follows the values of a 300 record. The last field alone may lack its comma.
_AFTER_VALUES: Final = ("QualityMethod", "ReasonCode", "ReasonDescription", "UpdateDateTime", "MSATSLoadDateTime")
_PART: Final = ("count", "quality", "note")
_B2B_FIELDS: Final = ("trans_code", "ret_service_order", "read_at", "index_read")


def parse(
    stream: BinaryIO, mapping: Channels, file_name: str, *, block_readings: int = _BLOCK_READINGS
) -> Iterator[Block]:
    """The readings of a NEM12 file: a device is an NMI, a channel is its suffix.

    `reported_at` is the UpdateDateTime; of a day that is there twice the later one wins. The whole file is read even
    when something is wrong with it: no block follows the first problem, and `BadFile` ends the iteration. Memory
    grows by some bytes for each NMI and month.
    """
    problems = ProblemList(file_name)
    columns = Columns(channel="NMISuffix", time="IntervalDate", value="IntervalValue{}")
    with Assembly(mapping, problems, columns, signed=False) as assembly:
        reader = _Reader(assembly, problems, block_readings)
        envelope = Envelope("NEM12", problems)
        line = 0
        for line, text in records(stream, problems):
            if envelope.is_open and text.startswith("300,"):
                reader.reads_day(line, text)
                continue
            record = Record(line, cells(text))
            if envelope.sees(record):
                reader.ends_part()
            else:
                reader.reads(record)
        reader.ends_part()
        reader.flush()
        envelope.ends(line)
        if not problems and not reader.days:
            problems.add_whole(1, None, "", "the file holds no readings")
        yield from assembly.blocks(block_readings)
    problems.refuse_if_any()


@dataclass(slots=True)
class _Channel:
    """A 200 record: to what the values of the next 300 records belong."""

    line: int
    suffix: str
    number: int
    factor: int
    minutes: int
    count: int  # of the intervals of a day


@dataclass(slots=True)
class _Part:
    """A 400 record: the quality of the intervals from `first` to `last`, counted from 1."""

    line: int
    first: int
    last: int
    quality: int
    note: str | None


@dataclass(slots=True)
class _Day:
    """A 300 record, and what the records after it say about it."""

    line: int
    channel: _Channel
    start: int  # microseconds since 1970
    values: str
    quality: int | None  # None where it varies
    note: str | None
    updated: int | None
    sound: bool
    parts: list[_Part] = field(default_factory=list)
    b2b: str = ""


class _Reader:
    """Reads the records of one file in their order."""

    def __init__(self, assembly: Assembly, problems: ProblemList, block_readings: int) -> None:
        self._assembly = assembly
        self._problems = problems
        self._block_readings = block_readings
        self._channel: _Channel | None = None
        self._has_channel = False  # a 200 record was there, readable or not
        self._day: _Day | None = None
        self._has_day = False
        self._waiting: list[tuple[object, ...]] = []
        self._readings = 0
        self.days = 0

    def reads(self, record: Record) -> None:
        """Any record but 100, 300 and 900."""
        match record.cell(0):
            case "200":
                self._ends_day()
                self._has_day = False
                self._has_channel = True
                self._channel = self._read_channel(record)
            case "300":
                self.reads_day(record.line, ",".join(record.cells))
            case "400":
                self._read_part(record)
            case "500":
                self._read_b2b(record)
            case "250" | "550" as other:
                self._problems.add(record.line, "RecordIndicator", other, "a record of NEM13 in a NEM12 file")
            case other:
                self._problems.add(record.line, "RecordIndicator", other, "no record of NEM12 begins like this")

    def ends_part(self) -> None:
        """What was said of channels and days ends with a header or an end of data."""
        self._ends_day()
        self._channel, self._has_channel, self._has_day = None, False, False

    # --- 200 ------------------------------------------------------------------------------------------------

    def _read_channel(self, record: Record) -> _Channel | None:
        nmi = read_device(record, self._problems)
        suffix = read_suffix(record, self._problems)
        unit = read_unit(record, 7, self._problems)
        if (length := record.cell(8)) not in _LENGTHS:
            cause = f"not an interval length: {', '.join(_LENGTHS)} minutes are known"
            self._problems.add(record.line, "IntervalLength", length, cause)
        if (read_on := record.cell(9)) and read_date(read_on) is None:
            self._problems.add(record.line, "NextScheduledReadDate", read_on, "not a day like 20040131")
        if nmi is None or suffix is None or unit is None or length not in _LENGTHS:
            return None
        kind, name, factor = unit
        number = self._assembly.channel(nmi, suffix, kind, name, record.line)
        minutes = int(length)
        return _Channel(record.line, suffix, number, int(factor), minutes, _MINUTES_OF_DAY // minutes)

    # --- 300 ------------------------------------------------------------------------------------------------

    def reads_day(self, line: int, text: str) -> None:
        """A 300 record."""
        self._ends_day()
        self._has_day = True
        if not self._has_channel:
            cause = "interval data before the 200 record that says whose they are"
            self._problems.add(line, "RecordIndicator", "300", cause)
        channel = self._channel
        if channel is None:
            return
        # Most lines are cut at their ends alone; the values stay one text until a whole block is cut by column.
        after: list[str] = []
        if text.count(",") == channel.count + 1 + len(_AFTER_VALUES) and '"' not in text:
            _, day, rest = text.split(",", 2)
            values, *after = rest.rsplit(",", len(_AFTER_VALUES))
        if not (after and after[0][:1].isalpha()):
            found = cells(text)
            day, given, after = found[1] if len(found) > 1 else "", found[2:], found[2 + channel.count :]
            while len(after) > len(_AFTER_VALUES) and not after[-1]:
                del after[-1]
            if not self._fits(line, given, after, channel):
                return
            values = ",".join(given[: channel.count])
        self._day = self._read_day(line, day.strip(), values, after, channel)

    def _fits(self, line: int, given: list[str], after: list[str], channel: _Channel) -> bool:
        """Whether the cells after the date are as many values as the interval length asks for, and what follows."""
        methods = [place for place, cell in enumerate(given) if cell[:1].isalpha() and len(cell) <= 3]
        is_method_empty = not methods and len(after) in (len(_AFTER_VALUES) - 1, len(_AFTER_VALUES))
        count = methods[0] if methods else channel.count if is_method_empty else len(given)
        if count != channel.count or len(after) > len(_AFTER_VALUES):
            found = f"{count} values" if methods else f"{count} values and no QualityMethod"
            cause = f"{found}: IntervalLength {channel.minutes} in line {channel.line} asks for {channel.count}"
            self._problems.add(line, "IntervalValue", "", cause)
            return False
        if any("," in cell for cell in given[:count]):
            self._problems.add(line, "IntervalValue", "", "a value with a comma in it: write a decimal point")
            return False
        if len(after) < len(_AFTER_VALUES) - 1:
            self._problems.add(line, _AFTER_VALUES[len(after)], "", "the line ends before this field")
            return False
        return True

    def _read_day(self, line: int, day: str, values: str, after: list[str], channel: _Channel) -> _Day:
        method, reason_code, reason, updated, *loaded = map(str.strip, after)
        start = read_date(day)
        if start is None:
            self._problems.add(line, "IntervalDate", day, "not a day like 20040131")
        quality = read_quality(method)
        if is_unknown := quality is None and method != "V":
            self._problems.add(line, "QualityMethod", method, _no_quality(method))
        reported = read_instant(updated) if updated else None
        if updated and reported is None:
            self._problems.add(line, "UpdateDateTime", updated, "not a time like 20040131235959")
        if loaded and loaded[0] and read_instant(loaded[0]) is None:
            self._problems.add(line, "MSATSLoadDateTime", loaded[0], "not a time like 20040131235959")
        note = quality_note(channel.suffix, "A" if method == "V" else method, reason_code, reason)
        sound = start is not None and not is_unknown
        return _Day(line, channel, start or 0, values, quality, note, reported, sound)

    # --- 400, 500 -------------------------------------------------------------------------------------------

    def _read_part(self, record: Record) -> None:
        if not self._has_day:
            cause = "interval events before the 300 record that they are about"
            self._problems.add(record.line, "RecordIndicator", "400", cause)
        day = self._day
        if day is None:
            return
        count = day.channel.count
        bounds = []
        for place, column in (1, "StartInterval"), (2, "EndInterval"):
            text = record.cell(place)
            if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= count:
                bounds.append(int(text))
            else:
                self._problems.add(record.line, column, text, f"not the number of an interval, 1 to {count}")
        quality = read_quality(method := record.cell(3))
        if quality is None:
            cause = "V is said of whole days" if method == "V" else _no_quality(method)
            self._problems.add(record.line, "QualityMethod", method, cause)
        if len(bounds) == 2 and bounds[0] > bounds[1]:
            self._problems.add(record.line, "EndInterval", str(bounds[1]), f"before StartInterval {bounds[0]}")
        elif len(bounds) == 2 and quality is not None:
            note = quality_note(day.channel.suffix, method, record.cell(4), record.cell(5))
            day.parts.append(_Part(record.line, bounds[0], bounds[1], quality, note))
            return
        day.sound = False

    def _read_b2b(self, record: Record) -> None:
        if not self._has_day:
            cause = "the details of a read before the 300 record that they are about"
            self._problems.add(record.line, "RecordIndicator", "500", cause)
        read_optional_instant(record, 3, "ReadDateTime", self._problems)
        if (day := self._day) is not None:
            told = dict(zip(_B2B_FIELDS, (record.cell(place) for place in range(1, 5)), strict=True))
            day.b2b += members({f"{day.channel.suffix}_{name}": text for name, text in told.items() if text})

    # --- days to rows ---------------------------------------------------------------------------------------

    def _ends_day(self) -> None:
        day, self._day = self._day, None
        if day is None:
            return
        self.days += 1
        if not day.sound or (parts := self._parts(day)) is None:
            return
        if day.b2b:
            count, quality, note = parts[0]
            parts[:1] = [(1, quality, (note or "") + day.b2b), *([(count - 1, quality, note)] if count > 1 else [])]
        channel = day.channel
        _, quality, note = parts[0]
        told = dumps([dict(zip(_PART, part, strict=True)) for part in parts]) if len(parts) > 1 else None
        about = (day.line, channel.number, day.start, channel.minutes * 60, channel.count)
        self._waiting.append((*about, day.values, channel.factor, None, quality, note, told, day.updated))
        self._readings += channel.count
        if self._readings >= self._block_readings:
            self.flush()

    def _parts(self, day: _Day) -> list[tuple[int, int, str | None]] | None:
        """How many intervals have which quality and note, from the first on; None where that is not said of all."""
        count = day.channel.count
        if not day.parts and day.quality is not None:
            return [(count, day.quality, day.note)]
        parts: list[tuple[int, int, str | None]] = []
        at = 1
        for part in sorted(day.parts, key=lambda part: part.first):
            if part.first < at:
                cause = f"interval {part.first} has its quality from another 400 record already"
                self._problems.add(part.line, "StartInterval", str(part.first), cause)
                return None
            if part.first > at and not self._fills(day, at, part.first - 1, parts):
                return None
            note = part.note if day.quality is not None else part.note or day.note
            parts.append((part.last - part.first + 1, part.quality, note))
            at = part.last + 1
        return parts if at > count or self._fills(day, at, count, parts) else None

    def _fills(self, day: _Day, first: int, last: int, parts: list[tuple[int, int, str | None]]) -> bool:
        """Gives intervals without event the quality of their day. Records a problem where that varies."""
        if day.quality is None:
            cause = f"the quality varies, and no 400 record after this line covers intervals {first} to {last}"
            self._problems.add(day.line, "QualityMethod", "V", cause)
            return False
        parts.append((last - first + 1, day.quality, day.note))
        return True

    def flush(self) -> None:
        """Hands over what waits."""
        self._assembly.add(statements(self._waiting))
        self._waiting, self._readings = [], 0


def _no_quality(method: str) -> str:
    return f"not a quality method: A, N, V, or E, F, S with two digits{'' if method else ', is missing'}"
