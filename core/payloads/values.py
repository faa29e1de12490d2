"""Kinds of value in a payload, each with its unit: how it is read from JSON, and what is wrong when it cannot be."""

import re
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, TypeAlias, TypeVar

from pydantic import GetCoreSchemaHandler, StrictBool
from pydantic_core import CoreSchema, core_schema

from core.errors import MoneyError
from core.money import minor_units

Choice = TypeVar("Choice", bound=StrEnum)

# On each side of the point: enough for any contract, and no number can take the machine's memory.
DIGITS = 18


class Kind:
    """A kind of value: how it is read from JSON. `read` raises ValueError with what is wrong."""

    def read(self, value: object) -> object:
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """A number in a unit: zero or more unless it is signed, and no more than `most`."""

    unit: str
    is_signed: bool = False
    most: int | None = None

    def read(self, value: object) -> Decimal:
        text = str(value).strip()
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValueError(f"must be a number, not {value!r}") from None
        if "_" in text or not text.isascii():  # a number to Python, and to nobody else
            raise ValueError(f"must be a number, not {value!r}")
        if not number.is_finite() or (number < 0 and not self.is_signed):
            raise ValueError(f"must be {'finite' if self.is_signed else 'zero or more'}, not {value!r}")
        if self.most is not None and number > self.most:
            raise ValueError(f"must be at most {self.most} ({self.unit}), not {value!r}")
        if number.adjusted() >= DIGITS or number != round(number, DIGITS):
            raise ValueError(f"must have at most {DIGITS} digits on each side of the point, not {value!r}")
        return number


@dataclass(frozen=True, slots=True)
class Count(Kind):
    """A whole number of things: from `least` to `most`."""

    unit: str
    least: int = 0
    most: int = 10_000

    def read(self, value: object) -> int:
        number = Number(self.unit, most=self.most).read(value)
        if number != number.to_integral_value() or number < self.least:
            raise ValueError(f"must be a whole number of {self.unit}, {self.least} or more, not {value!r}")
        return int(number)


class OneOf(Kind):
    """One word of an enumeration, which is the annotated type itself."""

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        options: type[StrEnum] = source

        def read(value: object) -> StrEnum:
            try:
                return options(str(value))
            except ValueError:
                raise ValueError(f"must be {' or '.join(options)}, not {value!r}") from None

        return core_schema.no_info_plain_validator_function(read)


class Words(Kind):
    """Text that says something."""

    def read(self, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"must be text, not {value!r}")
        return value.strip()


class CurrencyCode(Kind):
    """A currency of ISO 4217."""

    def read(self, value: object) -> str:
        try:
            minor_units(str(value))
        except MoneyError as problem:
            raise ValueError(str(problem)) from None
        return str(value)


@dataclass(frozen=True, slots=True)
class Codes(Kind):
    """Codes of reference data, such as GRID_OUTAGE, in any order and each once."""

    of: str

    def read(self, value: object) -> frozenset[str]:
        if not isinstance(value, list | tuple | set | frozenset) or not all(map(is_code, value)):
            raise ValueError(f"must be a list of {self.of} codes, not {value!r}")
        return frozenset(value)


def is_code(text: object) -> bool:
    """Whether it is written as codes of reference data are."""
    return isinstance(text, str) and re.fullmatch(r"[A-Z][A-Z0-9_]*", text) is not None


class IsoDate(Kind):
    """A day of the calendar."""

    def read(self, value: object) -> date:
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            raise ValueError(f"must be a date like 2026-01-31, not {value!r}") from None


class ClockTime(Kind):
    """A minute of the day, by the clock on the wall."""

    def read(self, value: object) -> time:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(value)):
            raise ValueError(f"must be a time of day like 17:30, not {value!r}")
        return time.fromisoformat(str(value))


class WordsOrNumber(Kind):
    """A number where it is one, else what the contract says in words."""

    def __init__(self, unit: str) -> None:
        self.number = Number(unit)

    def read(self, value: object) -> Decimal | str:
        try:
            return self.number.read(value)
        except ValueError:
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"must be a number or text, not {value!r}") from None
        return value.strip()


class WordsOrYes(Kind):
    """True or false, or what the contract says in words."""

    def read(self, value: object) -> bool | str:
        if isinstance(value, bool):
            return value
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"must be text, true or false, not {value!r}")
        return value.strip()


Text: TypeAlias = Annotated[str, Words()]
TextOrRate: TypeAlias = Annotated[Decimal | str, WordsOrNumber("percent per year")]
TextOrYes: TypeAlias = Annotated[bool | str, WordsOrYes()]
Yes: TypeAlias = StrictBool
Currency: TypeAlias = Annotated[str, CurrencyCode()]
Day: TypeAlias = Annotated[date, IsoDate()]
Clock: TypeAlias = Annotated[time, ClockTime()]
EventTypes: TypeAlias = Annotated[frozenset[str], Codes("event type")]
LineTypes: TypeAlias = Annotated[frozenset[str], Codes("invoice line type")]
Word: TypeAlias = Annotated[Choice, OneOf()]

Percent: TypeAlias = Annotated[Decimal, Number("percent")]
SignedPercent: TypeAlias = Annotated[Decimal, Number("percent per year", is_signed=True)]
Points: TypeAlias = Annotated[Decimal, Number("percentage points")]
Fraction0To1: TypeAlias = Annotated[Decimal, Number("fraction from 0 to 1", most=1)]
Money: TypeAlias = Annotated[Decimal, Number("money")]
MoneyPerKwh: TypeAlias = Annotated[Decimal, Number("money per kWh")]
SignedMoneyPerKwh: TypeAlias = Annotated[Decimal, Number("money per kWh", is_signed=True)]
Kwh: TypeAlias = Annotated[Decimal, Number("kWh")]
Irradiance: TypeAlias = Annotated[Decimal, Number("W/m2")]
Hours: TypeAlias = Annotated[Decimal, Number("hours")]
Minutes: TypeAlias = Annotated[int, Count("minutes", least=1)]
Days: TypeAlias = Annotated[int, Count("days")]
Years: TypeAlias = Annotated[Decimal, Number("years")]
Month: TypeAlias = Annotated[int, Count("months", least=1, most=12)]
Times: TypeAlias = Annotated[int, Count("times")]
