"""What the bodies of all vendors have in common: JSON with exact numbers, local times, entries to readings.

A body is read whole: vendors answer with days or weeks of one site. Problems and readings are numbered by the
body's entries, counted from 1, because a body is most often one long line; the column of a problem is the path of
the value, like `values[3].timestamp`.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import BinaryIO, Final, NoReturn, Self, TypeAlias
from zoneinfo import ZoneInfo

import polars as pl

from core.errors import PeriodError, UnitError
from core.periods import day_in_zone, zone
from core.units import Quantity, factor
from metering.errors import BadFile, MappingError, Problem
from metering.formats.canonical import (
    INTERVAL_SECONDS,
    LONGEST_DEVICE_ID,
    SCHEMA,
    Block,
    ProblemList,
    Rejected,
    shortened,
)
from metering.formats.channels import Channels, formula
from metering.formats.lines import BYTE_ORDER_MARK, not_text

Json: TypeAlias = "dict[str, Json] | list[Json] | str | Decimal | bool | None"

LARGEST_BODY: Final = 64 * 2**20

_PLACES: Final = Decimal("1E-9")
_LARGEST: Final = Decimal(10) ** 15  # the first number that a decimal of 24 digits, 9 of them places, cannot hold
_EXACT: Final = Context(prec=60)
_HOUR: Final = 3_600
_LABELS: Final = ("start", "end")
_LISTS: Final = ("channels",)


class NoReadings(BadFile):
    """A body without a single interval that has ended: nothing is wrong with it, and there is nothing to load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyMapping:
    """What the body of a vendor does not say itself. Each format says what it needs.

    `device` names the device where the body names none; `time_zone` (IANA) is the site's; `date` is the local day
    that was asked for; `fetched_at` is when: intervals that had not ended then are left out, and it is the reading's
    `reported_at`; `interval` is the length of the intervals, by its name; `label` says which end of its interval a
    time names; `unit` is that of the values; `value` is the vendor's name for the value to read; `channels` are the
    energy channels that make up a device's energy, with a leading minus for those taken away; `tolerance` is the
    share by which power, integrated, may differ from the day's energy.
    """

    device: str | None = None
    time_zone: str | None = None
    date: str | None = None
    fetched_at: str | None = None
    interval: str | None = None
    label: str | None = None
    unit: str | None = None
    value: str | None = None
    channels: tuple[str, ...] = ()
    tolerance: str | None = None

    def __post_init__(self) -> None:
        if problems := [*self._problems()]:
            raise MappingError(problems)

    @classmethod
    def from_json(cls, saved: Mapping[str, object]) -> Self:
        """The mapping that `to_json` saved; what is absent or null takes its default."""
        given = {name: value for name, value in saved.items() if value is not None}
        known = [each.name for each in fields(cls)]
        problems = [
            f"{name!r} is unknown: known are {', '.join(sorted(known))}" for name in sorted(given.keys() - {*known})
        ]
        for name in sorted(given.keys() & {*known}):
            value = given[name]
            if name in _LISTS:
                if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                    problems.append(f"{name} must be a list of texts, not {value!r}")
            elif not isinstance(value, str):
                problems.append(f"{name} must be text, not {value!r}")
        if problems:
            raise MappingError(problems)
        exact = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        return cls(**exact)  # type: ignore[arg-type]  # each has the type of its field, told by name above

    def to_json(self) -> dict[str, object]:
        """What is declared, as JSON can hold it."""
        declared = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in declared.items() if value}

    def required(self, name: str, why: str) -> str:
        """The declared value. Raises `MappingError` where it is absent."""
        value = getattr(self, name)
        if not isinstance(value, str):
            raise MappingError([f"{name} is missing: {why}"])
        return value

    def local_zone(self, why: str) -> ZoneInfo:
        """The site's zone. Raises `MappingError` where none is declared."""
        return zone(self.required("time_zone", why))

    def _problems(self) -> Iterator[str]:
        if self.time_zone is not None:
            try:
                zone(self.time_zone)
            except PeriodError as error:
                yield f"time_zone: {error}"
        if self.date is not None:
            try:
                date.fromisoformat(self.date)
            except ValueError:
                yield f"date must be like 2024-01-31, not {self.date!r}"
        if self.fetched_at is not None and _instant(self.fetched_at) is None:
            yield f"fetched_at must be an instant with offset, not {self.fetched_at!r}"
        if self.interval is not None and self.interval not in INTERVAL_SECONDS:
            yield f"interval {self.interval!r} is unknown: known are {', '.join(INTERVAL_SECONDS)}"
        if self.label is not None and self.label not in _LABELS:
            yield f"label {self.label!r} is unknown: a time names the start or the end of its interval"
        if self.tolerance is not None:
            try:
                usable = 0 <= Decimal(self.tolerance) <= 1
            except InvalidOperation:
                usable = False
            if not usable:
                yield f"tolerance must be a share from 0 to 1, not {self.tolerance!r}"
        Channels(channels=self.channels)


@dataclass(frozen=True, slots=True)
class _Reading:
    line: int
    start: datetime
    seconds: int
    energy_wh: Decimal | None
    power_w: Decimal | None
    register_wh: Decimal | None
    device: str | None
    quality: str
    notes: str | None

    def same_as(self, other: Self) -> bool:
        return replace(self, line=other.line) == other


@dataclass(frozen=True, slots=True)
class Face:
    """An entry whose time is the face of the site's clock: its line, its path, and its values by name."""

    line: int
    path: str
    face: datetime
    values: Mapping[str, Decimal | None]


class _Refusal(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, path: str, value: object, cause: str) -> None:
        super().__init__(cause)
        self.path, self.value, self.cause = path, value, cause


class Body:
    """One body while it is read: its JSON, its problems and the readings found so far."""

    def __init__(self, stream: BinaryIO, mapping: BodyMapping, file_name: str, *, reject_rows: bool) -> None:
        self.mapping = mapping
        self.problems = ProblemList(file_name, reject_rows=reject_rows)
        self.data = self._object(stream)
        self._fetched_at = None if mapping.fetched_at is None else _instant(mapping.fetched_at)
        self._readings: dict[tuple[str | None, datetime], _Reading] = {}
        self._entries: list[Json] = []
        self._line = 0
        self._repeated = 0

    # --- the body's parts ---------------------------------------------------------------------------------------

    def refuse(self, cause: str, path: str | None = None, value: object = "") -> NoReturn:
        """Refuses the whole body. Raises `BadFile`."""
        self.problems.add_whole(1, path, _shown(value), cause)
        self.problems.refuse_if_any()
        raise AssertionError("unreachable: a problem was just added")

    def part(self, parent: Mapping[str, Json], name: str, path: str = "") -> dict[str, Json]:
        """The object of this name. Raises `BadFile` where it is none."""
        value = parent.get(name)
        if not isinstance(value, dict):
            self.refuse(f"an object is expected here, not {_kind(value)}", path + name)
        return value

    def members(self, parent: Mapping[str, Json], name: str, path: str = "") -> list[Json]:
        """The list of this name. Raises `BadFile` where it is none."""
        value = parent.get(name)
        if not isinstance(value, list):
            self.refuse(f"a list is expected here, not {_kind(value)}", path + name)
        return value

    def text(self, parent: Mapping[str, Json], name: str, path: str = "") -> str:
        """The text of this name. Raises `BadFile` where it is none."""
        value = parent.get(name)
        if not isinstance(value, str) or not value:
            self.refuse(f"a text is expected here, not {_kind(value)}", path + name)
        return value

    def device(self, value: Json, path: str) -> str:
        """The id of a device, from text or a number. Raises `BadFile` where it is none."""
        if isinstance(value, Decimal) and value == value.to_integral_value():
            value = f"{value:f}"
        if not isinstance(value, str) or not value.strip():
            self.refuse(f"the id of a device is expected here, not {_kind(value)}", path)
        if len(value.strip()) > LONGEST_DEVICE_ID:
            self.refuse(f"a device id has at most {LONGEST_DEVICE_ID} characters", path, value)
        return value.strip()

    def quantity(self, unit: str, path: str) -> tuple[Quantity, Decimal]:
        """What a unit measures, energy or power, and how many Wh or W it is. Raises `BadFile` for other units."""
        quantity = Quantity.ENERGY if unit.upper().endswith("WH") else Quantity.POWER
        try:
            return quantity, factor(unit, quantity)
        except UnitError as error:
            self.refuse(str(error), path, unit)

    # --- one entry ----------------------------------------------------------------------------------------------

    @contextmanager
    def entry(self, entry: Json) -> Iterator[dict[str, Json]]:
        """The next entry as an object; what is wrong inside the block is a problem of this entry."""
        self._entries.append(entry)
        with self.again(len(self._entries)):
            if not isinstance(entry, dict):
                raise _Refusal("", entry, f"an object is expected here, not {_kind(entry)}")
            yield entry

    @contextmanager
    def again(self, line: int) -> Iterator[None]:
        """The same for an earlier entry."""
        self._line = line
        try:
            yield
        except _Refusal as refusal:
            self.problems.add(line, refusal.path or None, _shown(refusal.value), refusal.cause)

    @property
    def line(self) -> int:
        """The number of the entry whose block runs."""
        return self._line

    def wrong(self, path: str, value: object, cause: str) -> NoReturn:
        """Refuses the entry whose block this is called in."""
        raise _Refusal(path, value, cause)

    def number(self, value: Json, path: str, times: Decimal = Decimal(1)) -> Decimal | None:
        """The number times a factor, exact to nine places, half to even beyond; None for null."""
        if value is None:
            return None
        if not isinstance(value, Decimal):
            raise _Refusal(path, value, f"a number is expected here, not {_kind(value)}")
        if not value.is_finite() or value.copy_abs() * times >= _LARGEST:
            raise _Refusal(path, value, "too many digits: at most 15 before the decimal point can be kept")
        return rounded(value * times)

    def instant(self, value: Json, path: str, seconds: int) -> datetime:
        """The instant of a time with offset that lies on the local grid of intervals of this length."""
        at = _instant(value) if isinstance(value, str) else None
        if at is None:
            known = isinstance(value, str) and _naive(value) is not None
            cause = "no offset is written" if known else "not an ISO 8601 time with offset"
            raise _Refusal(path, value, cause)
        self._on_grid(at.replace(tzinfo=None), path, value, seconds)
        return at

    def epoch(self, value: Json, path: str, seconds: int) -> datetime:
        """The instant of whole seconds since 1970 that lies on the grid of intervals of this length."""
        if not isinstance(value, Decimal) or not 0 <= value < 10**11 or value != value.to_integral_value():
            raise _Refusal(path, value, "not whole seconds since 1970")
        at = datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(seconds=int(value))
        self._on_grid(at.replace(tzinfo=None), path, value, seconds)
        return at

    def wall(self, value: Json, path: str, seconds: int) -> datetime:
        """The face of a clock, without offset, on the grid of intervals of this length."""
        face = _naive(value) if isinstance(value, str) else None
        if face is None:
            cause = "an offset is written where local time is expected" if _is_instant(value) else "not a local time"
            raise _Refusal(path, value, cause)
        self._on_grid(face, path, value, seconds)
        return face

    def add(
        self,
        start: datetime,
        seconds: int,
        device: str | None,
        *,
        path: str,
        energy_wh: Decimal | None = None,
        power_w: Decimal | None = None,
        register_wh: Decimal | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        """Adds what the entry says, unless its interval had not ended when the body was fetched."""
        if self._fetched_at is not None and start + timedelta(seconds=seconds) > self._fetched_at:
            return
        if power_w is not None and energy_wh is None:
            energy_wh = energy_of(power_w, seconds)
        missing = energy_wh is None and power_w is None
        reading = _Reading(
            self._line,
            start,
            seconds,
            energy_wh,
            power_w,
            register_wh,
            device,
            "missing" if missing else "measured",
            _compact(notes) if notes else None,
        )
        earlier = self._readings.setdefault((device, start), reading)
        if earlier is reading:
            return
        if not earlier.same_as(reading):
            cause = f"entry {earlier.line} has other values for the same device and time"
            raise _Refusal(path, f"{start:%Y-%m-%d %H:%M:%SZ}", cause)
        self._repeated += 1

    def placed(self, faces: Sequence[Face], local: ZoneInfo) -> Iterator[tuple[Face, datetime, bool]]:
        """Every entry with the instant that its time means, and whether that is certain.

        A time in the hour that the clocks repeat, which the body has once, means either of two instants: both are
        given, and neither is certain. One in the hour that they skip is a problem, unless it holds nothing.
        """
        for each, meant in zip(faces, local_instants([each.face for each in faces], local), strict=True):
            if not meant and any(each.values.values()):
                with self.again(each.line):
                    raise _Refusal(each.path, f"{each.face}", f"never happens in {local.key}: the clocks skip it")
            for instant in meant:
                yield each, instant, len(meant) == 1

    def note_on_last(self, notes: Mapping[str, str], ended_at: datetime) -> None:
        """Notes something on the last reading in the order of time, if all until `ended_at` is in the body: what
        still changes would look like a correction of that reading."""
        if self._readings and (self._fetched_at is None or self._fetched_at >= ended_at):
            key = max(self._readings, key=lambda each: each[1])
            last = self._readings[key]
            old = json.loads(last.notes) if last.notes else {}
            self._readings[key] = replace(last, notes=_compact(old | dict(notes)))

    # --- the end ------------------------------------------------------------------------------------------------

    def readings(self) -> pl.DataFrame:
        """The readings so far, with `SCHEMA`, in the order of the body."""
        found = [*self._readings.values()]
        columns: dict[str, list[object]] = {
            "line": [reading.line for reading in found],
            "reading_timestamp": [reading.start for reading in found],
            "seconds": [reading.seconds for reading in found],
            "energy_wh": [reading.energy_wh for reading in found],
            "power_w": [reading.power_w for reading in found],
            "register_wh": [reading.register_wh for reading in found],
            "external_device_id": [reading.device for reading in found],
            "quality": [reading.quality for reading in found],
            "other_metrics": [reading.notes for reading in found],
            "reported_at": [self._fetched_at] * len(found),
        }
        # Weather is no vendor's matter here.
        return pl.DataFrame(
            [pl.Series(name, columns.get(name, [None] * len(found)), dtype=kind) for name, kind in SCHEMA.items()]
        )

    def blocks(self, readings: pl.DataFrame | None = None) -> Iterator[Block]:
        """The one block of the body; `BadFile` where anything was refused, `NoReadings` where it holds none."""
        self.problems.refuse_if_any()
        readings = self.readings() if readings is None else readings
        rejected = tuple(
            Rejected(problem, json.dumps(self._entries[problem.line - 1], default=str, ensure_ascii=False))
            for problem in self.problems.take_rejected()
        )
        if readings.is_empty() and not rejected:
            cause = "the body holds no interval that had ended when it was fetched"
            raise NoReadings(self.problems.file_name, [Problem(1, None, "", cause)], 1)
        yield Block(readings, self._repeated, rejected)

    def _on_grid(self, face: datetime, path: str, value: Json, seconds: int) -> None:
        midnight = face.replace(hour=0, minute=0, second=0, microsecond=0)
        if (face - midnight) % timedelta(seconds=seconds):
            raise _Refusal(path, value, f"not on the local grid of {seconds} s")

    def _object(self, stream: BinaryIO) -> dict[str, Json]:
        content = stream.read(LARGEST_BODY + 1)
        if len(content) > LARGEST_BODY:
            self.refuse(f"the body is larger than {LARGEST_BODY} bytes")
        content = content.removeprefix(BYTE_ORDER_MARK)
        if not content.strip():
            self.refuse("the file is empty")
        if cause := not_text(content, 0):
            self.refuse(cause)
        try:
            data: Json = json.loads(
                content,
                parse_float=Decimal,
                parse_int=Decimal,
                parse_constant=_no_number,
                object_pairs_hook=_object_once,
            )
        except json.JSONDecodeError as error:
            self.problems.add_whole(error.lineno, None, "", f"no JSON: {error.msg} at character {error.colno}")
            self.problems.refuse_if_any()
            raise
        except (ValueError, RecursionError) as error:
            self.refuse(f"no usable JSON: {error}")
        if not isinstance(data, dict):
            self.refuse(f"an object is expected, not {_kind(data)}")
        return data


# --- arithmetic -------------------------------------------------------------------------------------------------


def rounded(number: Decimal) -> Decimal:
    """To nine places, half to even."""
    return number.quantize(_PLACES, ROUND_HALF_EVEN, _EXACT)


def energy_of(power_w: Decimal, seconds: int) -> Decimal:
    """The Wh of a mean power over so many seconds."""
    return rounded(_EXACT.divide(power_w * seconds, Decimal(_HOUR)))


def local_instants(faces: Sequence[datetime], local: ZoneInfo) -> list[tuple[datetime, ...]]:
    """The instants, in UTC, that faces of the site's clock mean, in the order of the body.

    None where the clocks skip the face. Where the clocks go back and the body has a face twice, its first is the
    first and its second the second instant; a face that is there once means either, and both are given.
    """
    times = Counter(faces)
    met: Counter[datetime] = Counter()
    found: list[tuple[datetime, ...]] = []
    utc = ZoneInfo("UTC")
    for face in faces:
        first, second = (face.replace(tzinfo=local, fold=fold).astimezone(utc) for fold in (0, 1))
        if first.astimezone(local).replace(tzinfo=None) != face:
            found.append(())
        elif first == second:
            found.append((first,))
        elif times[face] == 1:
            found.append((first, second))
        else:
            found.append((second if met[face] else first,))
        met[face] += 1
    return found


def local_day(day: date, local: ZoneInfo) -> tuple[datetime, int]:
    """The first instant of a local day and its seconds."""
    period = day_in_zone(day, local)
    return period.start, period.seconds


def unsure(each: Face) -> dict[str, str]:
    """What to note where it is not known which of two instants an entry means: its time and its values."""
    values = {name: plain(value) for name, value in each.values.items() if value is not None}
    return {"ambiguous_time": f"{each.face:%Y-%m-%d %H:%M}"} | values


def combined(
    body: Body, device: str | None, energies: Mapping[str, Decimal | None], path: str
) -> tuple[Decimal | None, dict[str, str]]:
    """A device's energy in Wh from its channels, as the mapping declares it, and what to note of them.

    One channel is the energy, under whatever name. Several need a declaration: `BadFile` asks for it.
    """
    terms = Channels(channels=body.mapping.channels).terms(device)
    names = [*energies]
    if not terms and len(names) > 1:
        body.refuse(
            f"device {device} has several channels of energy, {', '.join(names)}: declare which make up its energy,"
            f' like {{"channels": ["{names[0]}"]}}, with a minus before one that is taken away',
            path,
        )
    terms = terms or {names[0]: 1}
    if absent := [name for name in terms if name not in energies]:
        body.refuse(f"device {device} has no channel {', '.join(absent)}, only {', '.join(names)}", path)
    parts = [None if (value := energies[name]) is None else sign * value for name, sign in terms.items()]
    known = [part for part in parts if part is not None]
    notes = {"channel": formula(terms)}
    kept = [name for name in names if name not in terms or len(terms) > 1]
    notes |= {f"{name}_wh": plain(value) for name in kept if (value := energies[name]) is not None}
    return (sum(known, Decimal(0)) if len(known) == len(parts) else None), notes


def plain(number: Decimal) -> str:
    """The number without exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# --- reading values ---------------------------------------------------------------------------------------------


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.utcoffset() is None else at


def _is_instant(value: Json) -> bool:
    return isinstance(value, str) and _instant(value) is not None


def _naive(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.utcoffset() is None else None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number: leave null where nothing was measured")


def _object_once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, uses in Counter(name for name, _ in pairs).items() if uses > 1)
        raise ValueError(f"an object has {shortened(twice)!r} twice")
    return found


def _kind(value: Json) -> str:
    if value is None:
        return "nothing"
    kinds = {bool: "true or false", str: "text", Decimal: "a number", list: "a list", dict: "an object"}
    return kinds[type(value)]


def _compact(notes: Mapping[str, str]) -> str:
    return json.dumps(dict(notes), ensure_ascii=False, separators=(",", ":"))


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
