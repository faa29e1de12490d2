"""How the amount of a line came about, step by step, from what verdict and tariff keep of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from core.money import CURRENCY_CODES, round_money, show

_MINUS = "−"
# The last decimals of an explained number: enough to follow, too few to hide the rest.
_SHOWN_DECIMALS = 8
_SECONDS = {"up", "down", "excused_up", "excused_down", "unknown", "available", "counted"}
_SHARES = {"measured", "guaranteed", "lowest", "highest"}
_AMOUNTS = {"amount", "uncapped", "cap", "left", "rate", "capped"}
_NOT_NUMBERS = {"step", "formula", "currency", "clause"}
# What identifies a verdict's sources; stands together at its end.
_HASHES = {"data_hash", "content_hash"}


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a computation: what it does, by which formula, and the numbers that it has and gives."""

    title: str
    formula: str
    values: tuple[tuple[str, str], ...]


def verdict_steps(explanation: Mapping[str, object], currency: str) -> Iterator[Step]:
    """Every step of a verdict in the order in which one follows from the other, then what it rests on."""
    steps = explanation.get("steps")
    for step in steps if isinstance(steps, list) else []:
        assert isinstance(step, dict)  # as the rules write it
        yield Step(
            title=str(step.get("step", "")).capitalize(),
            formula=str(step.get("formula") or ""),
            values=tuple(_values(step, str(step.get("currency") or currency))),
        )
    excuses = explanation.get("excuses")
    if isinstance(excuses, list) and excuses:
        yield Step("Excused intervals", "verified events that the clause excuses", tuple(map(_excuse, excuses)))
    rest = {key: value for key, value in explanation.items() if key in ("meters", "readings", *_HASHES)}
    if rest:
        yield Step("Evidence", "readings that the verdict was computed from", tuple(_values(rest, currency)))


def rate_steps(
    *, type_name: str, base_rate: Decimal | None, per_unit: str, currency: str, parameters: object, note: str | None
) -> Iterator[Step]:
    """How a tariff makes its rate: the agreed base, what is agreed besides, and how this line's came about."""
    values = [("Base rate", f"{currency} {number(base_rate)}{per_unit}")] if base_rate is not None else []
    if isinstance(parameters, Mapping):
        values += _values(parameters, currency)
    yield Step(type_name, note or "", tuple(values))


def number(value: Decimal) -> str:
    """The number without zeros behind its last digit, in groups of three."""
    plain = value.normalize()
    return f"{plain:,f}".replace("-", _MINUS)


def money(amount: Decimal, currency: str) -> str:
    """The amount with its currency and a minus that is as wide as a digit."""
    return show(amount, currency).replace("-", _MINUS)


def _values(of: Mapping[str, object], currency: str) -> Iterator[tuple[str, str]]:
    for key, value in of.items():
        if key in _NOT_NUMBERS or value in (None, "", [], {}):
            continue
        label = key.replace("_", " ").capitalize()
        if isinstance(value, Mapping) and "rounded" not in value:
            yield from ((f"{label}: {inner}", text) for inner, text in _values(value, currency))
        elif isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
            for place, entry in enumerate(value, 1):
                yield (
                    f"{label} {place}",
                    ", ".join(f"{inner.lower()} {text}" for inner, text in _entry(entry, currency)),
                )
        else:
            yield label, _value(key, value, currency)


def _entry(entry: object, currency: str) -> Iterator[tuple[str, str]]:
    return _values(entry, currency) if isinstance(entry, Mapping) else iter([("", str(entry))])


def _value(key: str, value: object, currency: str) -> str:
    """A value as people read it: seconds as hours, shares as percent, amounts with their currency."""
    if isinstance(value, Mapping):
        value = value["rounded"]
    if isinstance(value, list):
        return ", ".join(" to ".join(map(str, one)) if isinstance(one, list) else str(one) for one in value)
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return str(value).replace("_", " ") if key not in _HASHES else str(value)
    if not exact.is_finite() or isinstance(value, bool):
        return str(value)
    if key in _SECONDS:
        return f"{number(round_money(exact / 3600, 4))} h"
    if key in _SHARES:
        return f"{number(exact * 100)} %"
    if key in _AMOUNTS and currency in CURRENCY_CODES:
        return f"{currency} {number(round_money(exact, _SHOWN_DECIMALS))}"
    return number(round_money(exact, _SHOWN_DECIMALS))


def _excuse(excuse: object) -> tuple[str, str]:
    assert isinstance(excuse, dict)  # as the verdict keeps it
    start, end = (datetime.fromisoformat(excuse[key]) for key in ("start", "end"))
    label = f"Event {excuse['event']}, {str(excuse['type']).replace('_', ' ').lower()}"
    return label, f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M %Z}"
