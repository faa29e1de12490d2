"""Which column of a delimited file holds what, declared once per source and saved with it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final, Self

from core.errors import UnitError
from core.units import Quantity, factor
from metering.errors import MappingError
from metering.formats.timestamps import Clock

_DELIMITERS: Final = (",", ";", "\t", "|")
_REQUIRED: Final = ("time_column", "interval", "label")
_MEASURED: Final = tuple(quantity.value for quantity in Quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """Which column holds what, in which unit, and how its times are written.

    Columns are named as in the header; a measured column is a pair of name and unit. At least one of energy
    and power is declared. `Clock` explains the fields about time. Raises `MappingError` that lists every
    problem.
    """

    time_column: str
    interval: str
    label: str
    energy: tuple[str, str] | None = None
    power: tuple[str, str] | None = None
    irradiance: tuple[str, str] | None = None
    temperature: tuple[str, str] | None = None
    device_column: str | None = None
    time_zone: str | None = None
    time_format: str | None = None
    delimiter: str = ","

    def __post_init__(self) -> None:
        problems = [*self._column_problems(), *self.clock.problems()]
        if self.delimiter not in _DELIMITERS:
            problems.append(f"delimiter {self.delimiter!r} is not one of {', '.join(map(repr, _DELIMITERS))}")
        if problems:
            raise MappingError(problems)

    @property
    def clock(self) -> Clock:
        """How the times are written."""
        return Clock(
            interval=self.interval,
            label=self.label,
            time_zone=self.time_zone,
            time_format=self.time_format,
        )

    @property
    def measured(self) -> dict[Quantity, tuple[str, str]]:
        """Name and unit of the column of each quantity that is declared."""
        declared = (self.energy, self.power, self.irradiance, self.temperature)
        return {quantity: pair for quantity, pair in zip(Quantity, declared, strict=True) if pair}

    @property
    def columns(self) -> list[str]:
        """The columns that the file must have."""
        device = [] if self.device_column is None else [self.device_column]
        return [self.time_column, *(name for name, _ in self.measured.values()), *device]

    @classmethod
    def from_json(cls, saved: Mapping[str, object]) -> Self:
        """The mapping that `to_json` saved; what is absent or null takes its default."""
        given = {name: value for name, value in saved.items() if value is not None}
        if problems := [*_shape_problems(given, {field.name for field in fields(cls)})]:
            raise MappingError(problems)
        texts = {name: value for name, value in given.items() if isinstance(value, str)}
        pairs = {name: (value[0], value[1]) for name, value in given.items() if isinstance(value, list)}
        return cls(
            time_column=texts["time_column"],
            interval=texts["interval"],
            label=texts["label"],
            energy=pairs.get("energy"),
            power=pairs.get("power"),
            irradiance=pairs.get("irradiance"),
            temperature=pairs.get("temperature"),
            device_column=texts.get("device_column"),
            time_zone=texts.get("time_zone"),
            time_format=texts.get("time_format"),
            delimiter=texts.get("delimiter", ","),
        )

    def to_json(self) -> dict[str, str | list[str]]:
        """What is declared, as JSON can hold it; a measured column is a list of name and unit."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value is not None
        }

    def _column_problems(self) -> Iterator[str]:
        if self.energy is None and self.power is None:
            yield "declare a column of energy or of power"
        for quantity, (_, unit) in self.measured.items():
            try:
                factor(unit, quantity)
            except UnitError as error:
                yield f"{quantity}: {error}"
        for name, uses in Counter(self.columns).items():
            if uses > 1:
                yield f"column {name!r} is declared {uses} times"


def _shape_problems(given: Mapping[str, object], known: set[str]) -> Iterator[str]:
    """What keeps JSON from being a mapping at all: keys and types."""
    for name in sorted(given.keys() - known):
        yield f"{name!r} is unknown: known are {', '.join(sorted(known))}"
    for name in _REQUIRED:
        if name not in given:
            yield f"{name} is missing"
    for name in sorted(given.keys() & known):
        value = given[name]
        if name not in _MEASURED:
            if not isinstance(value, str):
                yield f"{name} must be text, not {value!r}"
        elif not isinstance(value, list) or [type(item) for item in value] != [str, str]:
            yield f"{name} must be a list of column and unit, not {value!r}"
