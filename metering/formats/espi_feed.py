"""Reads the entries of a Green Button feed as they come: links, what resources say of themselves, and values.

Only local names count: real feeds forget to declare their prefixes, and name the same things with and without. The
parser refuses document types, entities and whatever points outside the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Final, Self
from urllib.parse import urlsplit
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

import polars as pl
from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from metering.formats.canonical import ProblemList
from metering.formats.spool import FrameSpool

_CHUNK_BYTES: Final = 2**16
_DEEPEST: Final = 64
_LONGEST_TEXT: Final = 1_000
_RESOURCES: Final = ("UsagePoint", "MeterReading", "ReadingType", "IntervalBlock")

# One value of an interval block. Numbers are as the feed has them; null where it has none.
READINGS: Final = pl.Schema(
    {
        "line": pl.Int64(),
        "interval_block": pl.UInt32(),  # its place in `Feed.interval_blocks`
        "place": pl.Int64(),  # of the value in its block, from 0
        "start": pl.Int64(),  # seconds since 1970
        "duration": pl.Int64(),  # seconds
        "value": pl.String(),
        "quality": pl.String(),  # codes, with commas between them
        "cost": pl.Int64(),  # hundred-thousandths of the currency
        "consumption_tier": pl.String(),
        "tou": pl.String(),
        "cpp": pl.String(),
    }
)


@dataclass(slots=True)
class Entry:
    """An entry of the feed: what it is called, and the paths it names."""

    line: int
    id: str = ""
    updated: str = ""
    path: str = ""  # rel=self
    parent: str = ""  # rel=up
    related: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What the entry is called in messages and where it names a device."""
        return self.id or self.path


@dataclass(slots=True)
class Resource:
    """What an entry says: the kind of thing, and the text of each of its elements."""

    kind: str
    line: int
    entry: Entry
    said: dict[str, str] = field(default_factory=dict)
    readings: int = 0  # of an interval block
    placed: int = 0  # those that say when they start


class Feed:
    """What a feed holds: resources, and the values of interval blocks in a temporary file."""

    def __init__(self) -> None:
        self.resources: list[Resource] = []
        self.interval_blocks: list[Resource] = []
        self.readings_found = 0
        self._frames = FrameSpool()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._frames.close()

    def add(self, rows: list[tuple[object, ...]]) -> None:
        """Keeps rows of `READINGS`."""
        if rows:
            self.readings_found += len(rows)
            self._frames.append(pl.DataFrame(rows, READINGS, orient="row"))

    def readings(self) -> Iterator[pl.DataFrame]:
        """The values, with the columns of `READINGS`, in the order in which they came."""
        for number in range(len(self._frames)):
            yield self._frames.read(number)


def read_feed(stream: BinaryIO, feed: Feed, problems: ProblemList, block_readings: int) -> None:
    """Reads the whole file into `feed`. Records a problem, and stops, where it is no XML that may be read."""
    handler = _Handler(feed, problems, block_readings)
    parser = DefusedExpatParser(forbid_dtd=True, forbid_entities=True, forbid_external=True)
    parser.setContentHandler(handler)
    handler.setDocumentLocator(parser)
    is_empty = True
    try:
        while chunk := stream.read(_CHUNK_BYTES):
            is_empty = False
            parser.feed(chunk)
        parser.close()
    except SAXParseException as error:
        problems.add_whole(error.getLineNumber() or 1, None, "", f"not XML: {error.getMessage()}")
    except DefusedXmlException:
        cause = "document types, entities and references to other files are not read: nothing can be hidden in them"
        problems.add_whole(handler.line, None, "", cause)
    except SAXException as error:
        problems.add_whole(handler.line, None, "", error.getMessage())
    if is_empty:
        problems.add_whole(1, None, "", "the file is empty")
    handler.flush()


class _Handler(ContentHandler):
    """Follows the elements of one file."""

    def __init__(self, feed: Feed, problems: ProblemList, block_readings: int) -> None:
        super().__init__()
        self._feed = feed
        self._problems = problems
        self._block_readings = block_readings
        self._locator: Locator | None = None
        self._path: list[str] = []
        self._text: list[str] = []
        self._text_size = 0
        self._entry: Entry | None = None
        self._resource: Resource | None = None
        self._depth = 0  # of the resource
        self._reading: dict[str, str] | None = None
        self._reading_line = 0
        self._rows: list[tuple[object, ...]] = []

    @property
    def line(self) -> int:
        """Where the parser is."""
        return (self._locator.getLineNumber() if self._locator else None) or 1

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802 - SAX's name
        """Where line numbers come from."""
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - SAX's name
        """An element begins."""
        local = name.rpartition(":")[2]
        parent = self._path[-1] if self._path else ""
        self._path.append(local)
        if len(self._path) > _DEEPEST:
            raise SAXException(f"elements are nested more than {_DEEPEST} deep")
        self._text.clear()
        self._text_size = 0
        if self._resource is None:
            if local == "entry":
                self._entry = Entry(self.line)
            elif local == "link" and parent == "entry" and self._entry is not None:
                _add_link(self._entry, attrs)
            elif local in _RESOURCES:
                self._begin(local)
        elif local == "IntervalReading" and self._resource.kind == "IntervalBlock":
            self._reading, self._reading_line = {}, self.line

    def characters(self, content: str) -> None:
        """Some text of the element."""
        self._text_size += len(content)
        if self._text_size <= _LONGEST_TEXT:
            self._text.append(content)

    def endElement(self, name: str) -> None:  # noqa: N802 - SAX's name
        """An element ends."""
        local = self._path.pop()
        parent = self._path[-1] if self._path else ""
        text = "".join(self._text).strip()
        self._text.clear()
        if self._resource is None:
            if self._entry is not None and parent == "entry" and local in ("id", "updated"):
                setattr(self._entry, local, text)
            elif local == "entry":
                self._entry = None
        elif len(self._path) == self._depth:
            self._resource = None
        elif self._reading is not None:
            if local == "IntervalReading":
                self._end_reading(self._reading)
            elif text:
                key = local if parent == "IntervalReading" else f"{parent}.{local}"
                self._reading[key] = f"{self._reading[key]},{text}" if key in self._reading else text
        elif text:
            key = local if len(self._path) == self._depth + 1 else f"{parent}.{local}"
            self._resource.said[key] = text

    def flush(self) -> None:
        """Hands over what waits."""
        self._feed.add(self._rows)
        self._rows = []

    def _begin(self, kind: str) -> None:
        # A file may be a single resource, without feed and entry.
        entry = self._entry or Entry(self.line)
        self._resource = Resource(kind, self.line, entry)
        self._depth = len(self._path) - 1
        if kind == "IntervalBlock":
            self._feed.interval_blocks.append(self._resource)
        else:
            self._feed.resources.append(self._resource)

    def _end_reading(self, said: dict[str, str]) -> None:
        block = self._feed.interval_blocks[-1]
        start = self._whole(said, "timePeriod.start")
        self._rows.append(
            (
                self._reading_line,
                len(self._feed.interval_blocks) - 1,
                block.readings,
                start,
                self._whole(said, "timePeriod.duration"),
                said.get("value"),
                said.get("ReadingQuality.quality"),
                self._whole(said, "cost"),
                *(said.get(name) for name in ("consumptionTier", "tou", "cpp")),
            )
        )
        self._reading = None
        block.readings += 1
        block.placed += start is not None
        if len(self._rows) >= self._block_readings:
            self.flush()

    def _whole(self, said: dict[str, str], name: str) -> int | None:
        """The whole number of an element; None, and a problem, where there is none."""
        if (text := said.get(name)) is None:
            return None
        number = read_whole(text)
        if number is None:
            self._problems.add(self._reading_line, name, text, "not a whole number")
        return number


def read_whole(text: str) -> int | None:
    """The whole number of at most 48 bits that the text is, or None."""
    try:
        number = int(text) if len(text) <= 20 else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < 2**48 else None


def _add_link(entry: Entry, attributes: AttributesImpl) -> None:
    """Keeps where a link leads: the path alone, since feeds name one thing with host and without."""
    path = urlsplit(attributes.get("href", "").strip()).path.strip("/")
    match attributes.get("rel", ""):
        case "self":
            entry.path = path
        case "up":
            entry.parent = path
        case "related":
            entry.related.append(path)
