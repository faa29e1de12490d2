"""How the amount of a line came about, step by step, from what verdict and tariff keep of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from core.money import CURRENCY_CODES, round_money, show

_MINUS = "−"
# The last decimals of an explained number: enough to follow, too few to hide the rest.
_SHOWN_DECIMALS = 8
_SECONDS = {"up", "down", "excused_up", "excused_down", "unknown", "available", "counted"}
_SHARES = {"measured", "guaranteed", "lowest", "highest"}
_AMOUNTS = {"amount", "uncapped", "cap", "left", "rate", "capped"}
# What a key says of its unit, the longer ending first; a price per kWh is none.
_UNITS = {
    "_percent_per_year": "% a year",
    "_percent": "%",
    "_wm2": "W/m²",
    "_kwh": "kWh",
    "_kwp": "kWp",
    "_hours": "h",
    "_days": "days",
}
_NOT_SHOWN = {"step", "formula", "currency", "clause"}
# What a step gives, after what it takes: the database keeps the keys of an object in no order of meaning.
_RESULTS = (
    "available",
    "counted",
    "measured",
    "guaranteed",
    "points",
    "uncapped",
    "left",
    "amount",
    "status",
    "reason",
)
_HASHES = {"data_hash", "content_hash"}
_EVIDENCE = ("meters", "readings", *sorted(_HASHES))


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a computation: what it does, by which formula, and the numbers that it has and gives."""

    title: str
    formula: str
    values: tuple[tuple[str, str], ...]


def verdict_steps(explanation: Mapping[str, object], currency: str, local: ZoneInfo) -> Iterator[Step]:
    """Every step of a verdict in the order in which one follows from the other, then what it rests on.

    A verdict that came without steps shows its numbers. Excused intervals are in local time.
    """
    steps = explanation.get("steps")
    if not isinstance(steps, list):
        yield Step("Verdict", "as it was recorded", tuple(_values(explanation, currency)))
        return
    for step in steps:
        assert isinstance(step, dict)  # as the rules write it
        yield Step(
            title=_words(str(step.get("step", ""))).capitalize(),
            formula=str(step.get("formula") or ""),
            values=tuple(_values(step, str(step.get("currency") or currency))),
        )
    excuses = explanation.get("excuses")
    if isinstance(excuses, list) and excuses:
        yield Step(
            "Excused intervals",
            "verified events that the clause excuses",
            tuple(_excuse(one, local) for one in excuses),
        )
    rest = {key: explanation[key] for key in _EVIDENCE if key in explanation}
    if rest:
        yield Step("Evidence", "readings that the verdict was computed from", tuple(_values(rest, currency)))


def tariff_step(kind: str, base_rate: Decimal | None, per_unit: str, currency: str, parameters: object) -> Step:
    """What a tariff agrees: its base rate and its parameters."""
    values = [("Base rate", f"{currency} {rate(base_rate)}{per_unit}")] if base_rate is not None else []
    if isinstance(parameters, Mapping):
        values += _values(parameters, currency)
    return Step("Tariff", kind, tuple(values))


def number(value: Decimal) -> str:
    """The number without zeros behind its last digit, in groups of three."""
    plain = value.normalize()
    return f"{plain:,f}".replace("-", _MINUS)


def rate(price: Decimal) -> str:
    """The price of one unit with all its decimals, at least two."""
    exponent = price.normalize().as_tuple().exponent
    assert isinstance(exponent, int)  # prices are finite
    return f"{price:,.{max(2, -exponent)}f}".replace("-", _MINUS)


def money(amount: Decimal, currency: str) -> str:
    """The amount with its currency and a minus that is as wide as a digit."""
    return show(amount, currency).replace("-", _MINUS)


def _values(of: Mapping[str, object], currency: str) -> Iterator[tuple[str, str]]:
    taken = [key for key in of if key not in _RESULTS and key not in _NOT_SHOWN]
    for key in (*taken, *(key for key in _RESULTS if key in of)):
        value = of[key]
        if value in (None, "", [], {}):
            continue
        unit = next((ending for ending in _UNITS if key.endswith(ending) and not key.endswith(f"_per{ending}")), "")
        label = key.removesuffix(unit).replace("_", " ").capitalize()
        if isinstance(value, Mapping) and "rounded" not in value:
            yield from ((f"{label}: {inner}", text) for inner, text in _values(value, currency))
        elif isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
            for place, entry in enumerate(value, 1):
                yield (
                    f"{label} {place}",
                    ", ".join(f"{inner.lower()} {text}" for inner, text in _entry(entry, currency)),
                )
        else:
            yield label, f"{_value(key, value, currency)} {_UNITS.get(unit, '')}".rstrip()


def _entry(entry: object, currency: str) -> Iterator[tuple[str, str]]:
    return _values(entry, currency) if isinstance(entry, Mapping) else iter([("", str(entry))])


def _value(key: str, value: object, currency: str) -> str:
    """A value as people read it: seconds as hours, shares as percent, amounts with their currency."""
    if isinstance(value, Mapping):
        value = value["rounded"]
    if isinstance(value, list):
        return ", ".join(" to ".join(map(str, one)) if isinstance(one, list) else _words(str(one)) for one in value)
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return _in_groups(str(value)) if key in _HASHES else _words(str(value))
    if key in _HASHES:
        return _in_groups(str(value))
    if not exact.is_finite() or isinstance(value, bool):
        return str(value)
    if key in _SECONDS:
        return f"{number(round_money(exact / 3600, 4))} h"
    if key in _SHARES:
        return f"{number(exact * 100)} %"
    if key in _AMOUNTS and currency in CURRENCY_CODES:
        return f"{currency} {number(round_money(exact, _SHOWN_DECIMALS))}"
    return number(round_money(exact, _SHOWN_DECIMALS))


def _words(text: str) -> str:
    """A code as words; other text as it is."""
    return text.replace("_", " ").lower() if "_" in text else text


def _in_groups(digest: str) -> str:
    return " ".join(digest[start : start + 8] for start in range(0, len(digest), 8))


def _excuse(excuse: object, local: ZoneInfo) -> tuple[str, str]:
    assert isinstance(excuse, dict)  # as the verdict keeps it
    start, end = (datetime.fromisoformat(excuse[key]).astimezone(local) for key in ("start", "end"))
    label = f"Event {excuse['event']}, {_words(str(excuse['type']))}"
    return label, f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M %Z}"
