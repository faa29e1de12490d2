"""Records of the Australian meter data file format (MDFF), which NEM12 and NEM13 files share.

Source: AEMO, Meter Data File Format Specification NEM12 & NEM13. A record is one line of cells between commas, and
its first cell says which: 100 is the header, 900 the end of data. All times are market standard time: UTC+10 the
whole year, without daylight saving, wherever in Australia the meter is.
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import BinaryIO, Final

from metering.formats.canonical import LONGEST_DEVICE_ID, ProblemList
from metering.formats.statements import ESTIMATED, MEASURED, MISSING, Kind

MARKET_TIME: Final = timezone(timedelta(hours=10))

_LONGEST_LINE: Final = 2**17
_BYTE_ORDER_MARK: Final = "\ufeff"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS: Final = range(1900, 9999)  # inside what Python and PostgreSQL know, also ten hours earlier
_CHANNEL: Final = re.compile(r"[A-Za-z0-9]{1,10}")
_QUALITY: Final = re.compile(r"[AEFNSV](?:[0-9]{2})?")
# Files write units in any case: there are no milliwatt hours here.
_ENERGY_FACTORS: Final = {"WH": Decimal(1), "KWH": Decimal(10**3), "MWH": Decimal(10**6)}
_OTHER_UNITS: Final = frozenset(
    "MVARH KVARH VARH MVAR KVAR VAR MW KW W MVAH KVAH VAH MVA KVA VA KV V KA A PF".split()  # noqa: SIM905
)

# Actual values are what the meter measured. Estimates (E) and substitutes, final ones (F) like provisional ones (S),
# were computed by somebody: that one is final only says that nobody will compute it anew. Null (N) is no value at
# all, although files write a number, mostly 0, in its place.
_FLAGS: Final = {"A": MEASURED, "E": ESTIMATED, "F": ESTIMATED, "S": ESTIMATED, "N": MISSING}


@dataclass(frozen=True, slots=True)
class Record:
    """One line: its number and its cells, without spaces around them."""

    line: int
    cells: list[str]

    def cell(self, place: int) -> str:
        """The cell at this place, "" where the line has ended before."""
        return self.cells[place] if place < len(self.cells) else ""


def records(stream: BinaryIO, problems: ProblemList) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not blank. A line that is no text is recorded and left out."""
    line = 0
    while raw := stream.readline(_LONGEST_LINE):
        line += 1
        if len(raw) == _LONGEST_LINE:
            problems.add_whole(line, None, "", f"the line is longer than {_LONGEST_LINE} bytes")
            return
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            cause = f"byte 0x{raw[error.start]:02X} in the line's place {error.start + 1} is not UTF-8"
            problems.add_whole(line, None, raw[:100].decode(errors="replace"), cause)
            continue
        if line == 1:
            text = text.removeprefix(_BYTE_ORDER_MARK)
        text = text.strip()
        if text.strip(","):
            yield line, text


def cells(text: str) -> list[str]:
    """The cells of a line, without spaces around them."""
    try:
        found = next(csv.reader([text])) if '"' in text else text.split(",")
    except csv.Error:  # an end of line within the line: what is wrong with its cells is said of each
        found = text.split(",")
    return [cell.strip() for cell in found]


class Envelope:
    """Keeps watch over headers and ends: every part of a file must begin with 100 and end with 900.

    Files are put together one after the other; that loses nothing as long as each part is whole.
    """

    def __init__(self, version: str, problems: ProblemList) -> None:
        self._version = version
        self._problems = problems
        self._opened = 0  # line of the header, 0 outside a part
        self._complained = False
        self.parts = 0

    @property
    def is_open(self) -> bool:
        """Whether a header was read and its end of data was not."""
        return self._opened > 0

    def sees(self, record: Record) -> bool:
        """Whether the record is of the envelope itself, and so is dealt with."""
        line, indicator = record.line, record.cell(0)
        if indicator == "100":
            if self._opened:
                cause = f"a header before the end of data (900) of the part that began in line {self._opened}"
                self._problems.add(line, "RecordIndicator", indicator, cause)
            self._opened, self._complained = line, False
            self.parts += 1
            self._read_header(record)
            return True
        if not self._opened and not self._complained:
            where = "before the first record" if self.parts == 0 else "after the end of data (900) of the part before"
            self._problems.add(line, "RecordIndicator", indicator, f"the header record (100) is missing {where}")
            self._complained = True
        if indicator == "900":
            self._opened, self._complained = 0, False
            return True
        return False

    def ends(self, last_line: int) -> None:
        """Records a problem where the file ends before its end of data."""
        if last_line == 0:
            self._problems.add(1, None, "", "the file is empty")
        elif self._opened or self._complained:
            cause = "the end of data record (900) is missing after this line: the file may be cut off"
            self._problems.add(last_line, "RecordIndicator", "", cause)

    def _read_header(self, record: Record) -> None:
        line = record.line
        if (version := record.cell(1).upper()) != self._version:
            cause = f"not {self._version}: load the file in the format it is in"
            self._problems.add(line, "VersionHeader", version, cause)
        if (created := record.cell(2)) and read_instant(created if len(created) == 14 else created + "00") is None:
            self._problems.add(line, "DateTime", created, "not a time like 200401312359")


def read_device(record: Record, problems: ProblemList) -> str | None:
    """The NMI of a record; None, and a problem, where there is none."""
    nmi = record.cell(1)
    if not nmi:
        problems.add(record.line, "NMI", "", "no NMI: nobody knows whose values these are")
    elif len(nmi) > LONGEST_DEVICE_ID:
        problems.add(record.line, "NMI", nmi, f"an NMI has at most {LONGEST_DEVICE_ID} characters")
    else:
        return nmi
    return None


def read_suffix(record: Record, problems: ProblemList) -> str | None:
    """The suffix of a record, which names the channel; None, and a problem, where there is none."""
    suffix = record.cell(4).upper()
    if _CHANNEL.fullmatch(suffix):
        return suffix
    problems.add(record.line, "NMISuffix", suffix, "not the suffix of a channel, like E1")
    return None


def read_unit(record: Record, place: int, problems: ProblemList) -> tuple[Kind, str, Decimal] | None:
    """Kind, unit in lower case and what one unit is in Wh; None, and a problem, where the unit is unknown."""
    unit = record.cell(place).upper()
    if unit in _ENERGY_FACTORS:
        return Kind.ENERGY, unit.lower(), _ENERGY_FACTORS[unit]
    if unit in _OTHER_UNITS:
        return Kind.OTHER, unit.lower(), Decimal(1)
    known = ", ".join([*_ENERGY_FACTORS, *sorted(_OTHER_UNITS)])
    problems.add(record.line, "UOM", record.cell(place), f"the unit is unknown: known are {known}")
    return None


@lru_cache(maxsize=2**14)
def read_date(text: str) -> int | None:
    """Microseconds since 1970 of the start of a day of market time; None where it is no day like 20040131."""
    return _microseconds(text, "%Y%m%d") if len(text) == 8 and _is_digits(text) else None


@lru_cache(maxsize=2**14)
def read_instant(text: str) -> int | None:
    """Microseconds since 1970 of a time of market time; None where it is no time like 20040131235959."""
    return _microseconds(text, "%Y%m%d%H%M%S") if len(text) == 14 and _is_digits(text) else None


def instant_of(microseconds: int) -> datetime:
    """The instant so many microseconds after the start of 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def read_optional_instant(record: Record, place: int, column: str, problems: ProblemList) -> int | None:
    """The time in a cell that may be empty. Records a problem where it is no time."""
    text = record.cell(place)
    if not text:
        return None
    if (instant := read_instant(text)) is None:
        problems.add(record.line, column, text, "not a time like 20040131235959")
    return instant


@lru_cache(maxsize=2**10)
def read_quality(text: str) -> int | None:
    """The quality that a QualityMethod states; None where it states none."""
    return _FLAGS.get(text[0]) if _QUALITY.fullmatch(text) else None


@lru_cache(maxsize=2**12)
def quality_note(suffix: str, method: str, reason_code: str, reason: str) -> str | None:
    """What the quality of a channel's values says beyond "actual", as members of a JSON object."""
    told = {
        "quality_method": method if method != "A" else "",
        "reason_code": reason_code,
        "reason": reason,
    }
    return members({f"{suffix}_{name}": text for name, text in told.items() if text}) or None


def members(told: dict[str, str]) -> str:
    """The members of a JSON object, each with a comma before it."""
    return "".join(f",{json.dumps(name)}:{json.dumps(text, ensure_ascii=False)}" for name, text in told.items())


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _microseconds(text: str, layout: str) -> int | None:
    try:
        wall = datetime.strptime(text, layout).replace(tzinfo=MARKET_TIME)
    except ValueError:
        return None
    return (wall - _EPOCH) // timedelta(microseconds=1) if wall.year in _YEARS else None
