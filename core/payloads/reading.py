"""Payloads as they are stored, read into their models or refused with every reason at once."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from core.errors import ClauseError
from core.payloads.aliases import ALIASES
from core.payloads.models import MISSING, PAYLOADS, Payload, Problem

Read = TypeVar("Read", bound=Payload)


def read_payload(category: str, payload: object, *, clause: str) -> Payload:
    """The payload of a clause of this category. Raises `ClauseError` with every key that is missing or wrong."""
    if category not in PAYLOADS:
        raise ClauseError(clause, "clause_category", f"must be {' or '.join(PAYLOADS)}, not {category!r}")
    return read_as(PAYLOADS[category], payload, clause=clause)


def read_as(model: type[Read], payload: object, *, clause: str) -> Read:
    """The same for a reader that knows which category it reads."""
    if not isinstance(payload, Mapping):
        raise ClauseError(clause, "normalized_payload", "must hold keys and values")
    try:
        return model.model_validate(dict(payload))
    except ValidationError as error:
        first, *more = [
            problem
            for details in error.errors(include_url=False)
            for problem in _problems(details, model.category, model.model_fields)
        ]
        raise ClauseError(clause, *first, others=more) from None


def _problems(details: ErrorDetails, category: str, known: Collection[str]) -> Iterator[Problem]:
    """What one error of pydantic says, in the words of this program."""
    key = _path(details["loc"])
    context, given = details.get("ctx", {}), details["input"]
    match details["type"]:
        case "contradictions":
            for inner, problem in context["problems"]:
                yield _path((*details["loc"], inner)), problem
        case "missing":
            yield key, MISSING
        case "extra_forbidden":
            yield key, _stranger(key, category, known)
        case "value_error":
            yield key, str(context["error"])
        case "list_type":
            yield key, f"must be a list, not {given!r}"
        case "bool_type":
            yield key, f"must be true or false, not {given!r}"
        case "model_type" | "dict_type":
            yield key, f"must hold keys and values, not {given!r}"
        case _:
            yield key, f"{details['msg']}, not {given!r}"


def _path(loc: tuple[int | str, ...]) -> str:
    """Where a value stands: `rate_schedule[0].rate`. Which member of a union was read is in round brackets."""
    steps = (step for step in loc if not str(step).startswith("("))
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")


def _stranger(key: str, category: str, known: Collection[str]) -> str:
    """Why a key is refused, and what was probably meant; within an object, a key of that object is meant."""
    if "." in key:
        return "is not a key here"
    said = f"is not a key of {category}"
    if alias := ALIASES.get(category, {}).get(key):
        return f"{said}: its name here is {alias.key}"
    near = difflib.get_close_matches(key, known, n=1)
    return f"{said}: did you mean {near[0]}?" if near else said
