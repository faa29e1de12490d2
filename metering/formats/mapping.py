"""Which column of a table holds what, declared once per source and saved with it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from decimal import Decimal, InvalidOperation
from typing import Final, Self, TypeGuard

from core.errors import UnitError
from core.units import Quantity, factor
from metering.errors import MappingError
from metering.formats.timestamps import Clock

QUALITIES: Final = ("measured", "estimated", "missing")
# Names that readings give themselves in other_metrics.
NOTES: Final = ("replaced", "register", "register_quality", "gap_wh", "gap_since")

_DELIMITERS: Final = (",", ";", "\t", "|")
_PAIRS: Final = ("energy", "power", "irradiance", "temperature", "register")
_LISTS: Final = ("others", "rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """Which column holds what, in which unit, and how its times are written.

    Columns are named as in the header, or as the keys of JSON rows; a measured column is a pair of name and unit. At
    least one of energy, power and register is declared. `Clock` explains the fields about time. Raises
    `MappingError` that lists every problem.

    `register` is what a cumulative register shows at the end of each reading's interval: it is differenced where no
    energy is declared. A register read at an instant is therefore labelled `end`. `register_wraps_at` is the value,
    in the register's unit, at which it begins at 0 again, such as 1000000 for six digits.
    `quality_column` holds what `qualities` translates to measured, estimated or missing.
    `reported_column` holds when the source stated the reading. `others` go to other_metrics under their names.
    `delimiter` is read in delimited text, `rows` in JSON: the keys that lead to the list of rows; and `sheet` in
    workbooks that have more than one.
    """

    time_column: str
    interval: str
    label: str
    energy: tuple[str, str] | None = None
    power: tuple[str, str] | None = None
    irradiance: tuple[str, str] | None = None
    temperature: tuple[str, str] | None = None
    register: tuple[str, str] | None = None
    register_wraps_at: str | None = None
    device_column: str | None = None
    quality_column: str | None = None
    qualities: Mapping[str, str] = field(default_factory=dict)
    reported_column: str | None = None
    others: tuple[str, ...] = ()
    time_zone: str | None = None
    time_format: str | None = None
    delimiter: str = ","
    rows: tuple[str, ...] = ()
    sheet: str | None = None

    def __post_init__(self) -> None:
        problems = [
            *self._column_problems(),
            *self._register_problems(),
            *self._quality_problems(),
            *self.clock.problems(),
        ]
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
        """Name and unit of the column of each quantity that is declared, registers aside."""
        declared = (self.energy, self.power, self.irradiance, self.temperature)
        return {quantity: pair for quantity, pair in zip(Quantity, declared, strict=True) if pair}

    @property
    def wraps_at_wh(self) -> Decimal | None:
        """The watt-hours at which the register begins at 0 again."""
        if self.register is None or self.register_wraps_at is None:
            return None
        return Decimal(self.register_wraps_at) * factor(self.register[1], Quantity.ENERGY)

    @property
    def columns(self) -> list[str]:
        """The columns that the file must have."""
        single = (self.device_column, self.quality_column, self.reported_column)
        return [
            self.time_column,
            *(name for name, _ in self.measured.values()),
            *([self.register[0]] if self.register else []),
            *(name for name in single if name is not None),
            *self.others,
        ]

    @classmethod
    def from_json(cls, saved: Mapping[str, object]) -> Self:
        """The mapping that `to_json` saved; what is absent or null takes its default."""
        given = {name: value for name, value in saved.items() if value is not None}
        if problems := [*_shape_problems(given, cls)]:
            raise MappingError(problems)
        # The shapes were checked: every list is one of texts.
        exact = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        return cls(**exact)  # type: ignore[arg-type]  # each has the type of its field, told by name above

    def to_json(self) -> dict[str, object]:
        """What is declared, as JSON can hold it; a measured column is a list of name and unit."""
        declared = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
            for name, value in declared.items()
            if value is not None and value not in ((), {})
        }

    def _column_problems(self) -> Iterator[str]:
        if self.energy is None and self.power is None and self.register is None:
            yield "declare a column of energy, of power or of a register"
        units = [(quantity.value, quantity, unit) for quantity, (_, unit) in self.measured.items()]
        if self.register is not None:
            units.append(("register", Quantity.ENERGY, self.register[1]))
        for name, quantity, unit in units:
            try:
                factor(unit, quantity)
            except UnitError as error:
                yield f"{name}: {error}"
        for name, uses in Counter(self.columns).items():
            if uses > 1:
                yield f"column {name!r} is declared {uses} times"
        for name in sorted(set(self.others) & {*NOTES}):
            yield f"others may not hold {name!r}: readings note something else under that name"

    def _register_problems(self) -> Iterator[str]:
        if self.register_wraps_at is None:
            return
        if self.register is None:
            yield "register_wraps_at needs a register"
        try:
            wraps_at = Decimal(self.register_wraps_at)
        except InvalidOperation:
            wraps_at = Decimal(0)
        if not (wraps_at.is_finite() and wraps_at > 0):
            yield f"register_wraps_at must be a number above 0, not {self.register_wraps_at!r}"

    def _quality_problems(self) -> Iterator[str]:
        if (self.quality_column is None) != (not self.qualities):
            yield "quality_column and qualities need each other"
        for written, quality in self.qualities.items():
            if quality not in QUALITIES:
                yield f"qualities: {written!r} is {quality!r}, which is not one of {', '.join(QUALITIES)}"


def _shape_problems(given: Mapping[str, object], kind: type[ColumnMapping]) -> Iterator[str]:
    """What keeps JSON from being a mapping at all: keys and types."""
    known = {each.name: each for each in fields(kind)}
    for name in sorted(given.keys() - known.keys()):
        yield f"{name!r} is unknown: known are {', '.join(sorted(known))}"
    for name, each in known.items():
        if name not in given and each.default is MISSING and each.default_factory is MISSING:
            yield f"{name} is missing"
    for name in sorted(given.keys() & known.keys()):
        value = given[name]
        if name in _PAIRS:
            if not _is_texts(value) or len(value) != 2:
                yield f"{name} must be a list of column and unit, not {value!r}"
        elif name in _LISTS:
            if not _is_texts(value):
                yield f"{name} must be a list of texts, not {value!r}"
        elif name == "qualities":
            if not isinstance(value, dict) or not _is_texts([*value, *value.values()]):
                yield f"qualities must be an object of texts, not {value!r}"
        elif not isinstance(value, str):
            yield f"{name} must be text, not {value!r}"


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
