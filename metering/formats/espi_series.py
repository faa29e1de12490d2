"""What the values of a Green Button feed are: from an interval block to its meter, its unit and its direction."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from metering.formats.assembly import Assembly
from metering.formats.canonical import LONGEST_DEVICE_ID, ProblemList
from metering.formats.espi_feed import Entry, Feed, Resource, read_whole
from metering.formats.statements import Kind

_ELECTRICITY: Final = (None, 0, 1, 2)  # kinds of commodity
_WATT_HOURS: Final = 72
_WATTS: Final = 38
_UNITS: Final = {
    5: "a", 23: "degc", 29: "v", 31: "j", 33: "hz", 38: "w", 42: "m3", 61: "va", 63: "var", 65: "cos_phi", 71: "vah",
    72: "wh", 73: "varh", 106: "ah", 119: "ft3", 132: "btu", 169: "therm",
}  # fmt: skip
_FLOWS: Final = {1: "delivered", 4: "net", 19: "received", 20: "total"}
_CURRENCIES: Final = {36: "aud", 124: "cad", 826: "gbp", 840: "usd", 978: "eur"}
_DELTA: Final = 4
_REGISTERS: Final = (1, 3)  # bulk quantity, cumulative
_ACCUMULATED: Final = (1, 2, 3, 9)
_NORMAL: Final = (None, 0, 2, 12)  # qualifiers that say nothing, average or normal
# The elements of a ReadingType that are read, and their bounds.
_CODES: Final = {
    "accumulationBehaviour": (0, 2**15),
    "commodity": (0, 2**15),
    "currency": (0, 2**15),
    "dataQualifier": (0, 2**15),
    "flowDirection": (0, 2**15),
    "intervalLength": (0, 2**31),
    "powerOfTenMultiplier": (-12, 9),
    "uom": (0, 2**15),
}


@dataclass(frozen=True, slots=True)
class Series:
    """What the values of an interval block are."""

    channel: int
    name: str
    is_register: bool
    power_of_ten: int
    interval_seconds: int | None
    quality: str | None  # of values that do not tell theirs
    currency: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What a MeterReading's links lead to."""

    reading: Resource
    codes: dict[str, int | None]
    default_quality: str | None
    device: str | None
    name: str
    kind: Kind
    unit: str
    is_register: bool


class Graph:
    """Finds by links which UsagePoint and ReadingType an interval block belongs to."""

    def __init__(self, feed: Feed, problems: ProblemList) -> None:
        self._feed = feed
        self._problems = problems
        self._meter_readings = [one for one in feed.resources if one.kind == "MeterReading"]
        self._reading_types = [one for one in feed.resources if one.kind == "ReadingType"]
        self._usage_points = [one for one in feed.resources if one.kind == "UsagePoint"]
        self._readings_by_path = _by_path(self._meter_readings, "IntervalBlock")
        self._types_by_path = _by_path(self._reading_types, "MeterReading")
        self._points_by_path = _by_path(self._usage_points, "MeterReading")

    def series(self, assembly: Assembly) -> dict[int, Series]:
        """The series of each interval block by its place; one that is not known is absent, and a problem."""
        reading_of = {}
        for place, block in enumerate(self._feed.interval_blocks):
            reading_of[place] = _find(block.entry, self._readings_by_path, self._meter_readings)
            if reading_of[place] is None:
                self._problems.add_whole(block.line, "link", block.entry.name, "no link leads to a MeterReading")
        used = {id(reading): reading for reading in reading_of.values() if reading is not None}
        known = [found for reading in used.values() if (found := self._known(reading)) is not None]
        names = Counter((found.device, found.name, found.kind, found.unit) for found in known)
        of_reading = {}
        for found in known:
            shared = names[found.device, found.name, found.kind, found.unit] > 1
            of_reading[id(found.reading)] = _series(found, assembly, is_named_alone=not shared)
        return {place: of_reading[id(reading)] for place, reading in reading_of.items() if id(reading) in of_reading}

    def _known(self, reading: Resource) -> _Known | None:
        """What the values of a MeterReading are; None, and a problem, where nothing says."""
        kind_of = _find(reading.entry, self._types_by_path, self._reading_types)
        point = _find(reading.entry, self._points_by_path, self._usage_points)
        if kind_of is None:
            self._problems.add_whole(reading.line, "link", reading.entry.name, "no link leads to a ReadingType")
        if point is None and self._usage_points:
            self._problems.add_whole(reading.line, "link", reading.entry.name, "no link leads to a UsagePoint")
            return None
        device = point.entry.name if point is not None else ""
        if len(device) > LONGEST_DEVICE_ID:
            cause = f"a device id has at most {LONGEST_DEVICE_ID} characters"
            self._problems.add_whole(reading.line, "id", device, cause)
        if kind_of is None:
            return None
        codes = {name: self._code(kind_of, name) for name in _CODES}
        if (unit_code := codes["uom"]) is None:
            if "uom" in kind_of.said:
                return None
            self._problems.add_whole(kind_of.line, "uom", "", "no unit: nobody knows what the values are")
            return None
        flow, accumulation, qualifier = (
            codes[name] for name in ("flowDirection", "accumulationBehaviour", "dataQualifier")
        )
        is_electric = codes["commodity"] in _ELECTRICITY and (
            point is None or point.said.get("ServiceCategory.kind", "0") == "0"
        )
        is_register = accumulation in _REGISTERS
        is_plain = is_electric and qualifier in _NORMAL
        kind = Kind.OTHER
        if is_plain and unit_code == _WATT_HOURS:
            if accumulation not in (_DELTA, *_REGISTERS):
                cause = "energy of an interval (4) or a register (1, 3)? Only these are read, and only if it is said"
                self._problems.add_whole(kind_of.line, "accumulationBehaviour", str(accumulation or ""), cause)
            kind = Kind.ENERGY
        elif is_plain and unit_code == _WATTS and accumulation not in _ACCUMULATED:
            kind = Kind.POWER
        unit = _UNITS.get(unit_code, f"uom{unit_code}")
        return _Known(
            reading=reading,
            codes=codes,
            default_quality=kind_of.said.get("defaultQuality"),
            device=device or None,
            name=_FLOWS.get(flow or 0, f"flow{flow}" if flow else "undirected"),
            kind=kind,
            unit=unit if qualifier in _NORMAL else f"{unit}_qualifier{qualifier}",
            is_register=is_register and kind is Kind.ENERGY,
        )

    def _code(self, kind_of: Resource, name: str) -> int | None:
        """A code of a ReadingType; None where there is none, and a problem where it is no number."""
        if (text := kind_of.said.get(name)) is None:
            return None
        code = read_whole(text)
        low, high = _CODES[name]
        if code is None or not low <= code <= high:
            self._problems.add_whole(kind_of.line, name, text, "not a code of this element")
            return None
        return code


def _series(found: _Known, assembly: Assembly, *, is_named_alone: bool) -> Series:
    """The series of a MeterReading, with a channel of its own."""
    name = found.name if is_named_alone else f"{found.name}:{'/'.join(found.reading.entry.path.split('/')[-2:])}"
    currency = found.codes["currency"] or 0
    return Series(
        channel=assembly.channel(found.device, name, found.kind, found.unit, found.reading.line),
        name=name,
        is_register=found.is_register,
        power_of_ten=found.codes["powerOfTenMultiplier"] or 0,
        interval_seconds=found.codes["intervalLength"] or None,
        quality=found.default_quality,
        currency=_CURRENCIES.get(currency, str(currency)),
    )


def _by_path(resources: list[Resource], collection: str) -> dict[str, Resource]:
    """The resources by every path that leads to one of them alone."""
    found: dict[str, Resource | None] = {}
    for resource in resources:
        path = resource.entry.path
        for key in {path, f"{path}/{collection}" if path else "", *resource.entry.related} - {""}:
            found[key] = resource if found.get(key, resource) is resource else None
    return {key: resource for key, resource in found.items() if resource is not None}


def _find(entry: Entry, by_path: dict[str, Resource], all_of_them: list[Resource]) -> Resource | None:
    """The resource that the links of an entry lead to. An entry without links belongs to the only one there is."""
    if not (entry.path or entry.parent or entry.related):
        return all_of_them[0] if len(all_of_them) == 1 else None
    for path in (entry.parent, entry.path, *entry.related):
        at = path
        while at:
            if at in by_path:
                return by_path[at]
            at = at.rpartition("/")[0]
    return None
