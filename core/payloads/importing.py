"""Payloads from elsewhere: the names of others become ours, and what was changed is told."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import ClauseError
from core.payloads.aliases import ALIASES, SYNONYMS
from core.payloads.models import PAYLOADS, Problem
from core.payloads.reading import read_payload
from core.payloads.values import is_code

EXCUSES = frozenset({"excused_events", "shortfall_excused_events"})


@dataclass(frozen=True, slots=True)
class Imported:
    """A payload in the names of this program, fit for JSON, and a sentence for each thing that was changed."""

    payload: dict[str, Any]
    notes: tuple[str, ...]


def import_payload(
    category: str, raw: Mapping[str, Any], *, clause: str, event_types: Collection[str] = ()
) -> Imported:
    """The payload under its own names, from one that may use those of others.

    Excuses in words, such as "Grid outage", become codes where `event_types` knows them. Raises `ClauseError` with
    every key that is unknown, given twice under two names, contradicted by the name of another, or wrong in its value.
    """
    aliases = ALIASES.get(category, {})
    known = PAYLOADS[category].model_fields if category in PAYLOADS else {}
    payload = {
        key: value for key, value in raw.items() if key not in aliases and (value is not None or key not in known)
    }
    notes: list[str] = []
    problems: list[Problem] = []
    for (key, word), ours in SYNONYMS.items():
        if payload.get(key) == word:
            payload[key] = ours
            notes.append(f"{key} {word} is now {ours}")
    renamed = [(name, aliases[name]) for name in raw if name in aliases and raw[name] is not None]
    for name, alias in renamed:
        if alias.key in payload:
            problems.append((name, f"and another name both give {alias.key}: keep one"))
            continue
        try:
            payload[alias.key] = alias.convert(raw[name]) if alias.convert else raw[name]
        except ValueError as error:
            problems.append((name, str(error)))
            continue
        notes.append(f"{name} is now {alias.key}" + (f" ({alias.unit})" if alias.unit else ""))
        for key, word in alias.implies.items():
            if payload.setdefault(key, word) != word:
                problems.append((name, f"says that {key} is {word}, and {key} says {payload[key]}"))
            elif raw.get(key) is None:
                notes.append(f"{key} is {word}, as {name} says")
    for key in sorted(EXCUSES & payload.keys()):
        codes, unknown = _codes(payload[key], event_types)
        if unknown:
            problems.append((key, f"names no event type: {', '.join(map(repr, unknown))}"))
        elif codes != payload[key]:
            notes.append(f"{key} {payload[key]} is now {codes}")
            payload[key] = codes
    try:
        read_payload(category, payload, clause=clause)
    except ClauseError as error:
        told = {key for key, _ in problems} | {alias.key for name, alias in renamed if alias.key not in payload}
        problems += [problem for problem in error.problems if problem[0] not in told]
    if problems:
        raise ClauseError(clause, *problems[0], others=problems[1:])
    return Imported(payload, tuple(notes))


def _codes(excuses: object, event_types: Collection[str]) -> tuple[object, list[str]]:
    """Excuses as codes, each once and in their order, and those for which there is none."""
    if not isinstance(excuses, list) or not all(isinstance(excuse, str) for excuse in excuses):
        return excuses, []  # refused as what it is
    codes = {excuse: re.sub(r"\W+", "_", excuse.strip()).upper() for excuse in excuses}
    unknown = [
        excuse for excuse, code in codes.items() if code not in event_types and (event_types or not is_code(excuse))
    ]
    return list(dict.fromkeys(codes.values())), unknown
