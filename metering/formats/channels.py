"""Which of a device's channels make up its energy, declared once per source and saved with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from metering.errors import MappingError

_KNOWN: Final = ("channels", "devices", "ignored")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """Which channels make up the energy of a device; one with a leading minus is taken away.

    `channels` holds for every device that `devices` does not name. Where neither says anything, a device may have
    one channel of energy, and that is its energy. `ignored` names channels that are read, checked and left out.
    Every other channel is kept beside the energy, in `other_metrics`. Raises `MappingError` that lists every
    problem.
    """

    channels: tuple[str, ...] = ()
    devices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problems = [*_term_problems("channels", self.channels)]
        for device, terms in self.devices.items():
            problems += _term_problems(f"devices: {device}", terms)
            if not terms:
                problems.append(f"devices: {device} has no channels")
        problems += _term_problems("ignored", self.ignored)
        declared = {name for terms in (self.channels, *self.devices.values()) for name in map(_name, terms)}
        problems += [f"{name!r} is both declared and ignored" for name in self.ignored if name in declared]
        if problems:
            raise MappingError(problems)

    def terms(self, device: str | None) -> dict[str, int]:
        """The channels of this device's energy and their signs, 1 or -1; empty where none are declared."""
        declared = self.devices.get(device or "", self.channels)
        return {term.removeprefix("-"): -1 if term.startswith("-") else 1 for term in declared}

    @classmethod
    def from_json(cls, saved: Mapping[str, object]) -> Self:
        """The mapping that `to_json` saved; what is absent or null takes its default."""
        given = {name: value for name, value in saved.items() if value is not None}
        if problems := [*_shape_problems(given)]:
            raise MappingError(problems)
        devices = given.get("devices", {})
        assert isinstance(devices, dict)
        return cls(
            channels=_names(given.get("channels", [])),
            devices={device: _names(terms) for device, terms in devices.items()},
            ignored=_names(given.get("ignored", [])),
        )

    def to_json(self) -> dict[str, object]:
        """What is declared, as JSON can hold it."""
        lists = {"channels": list(self.channels), "ignored": list(self.ignored)}
        devices = {device: list(terms) for device, terms in self.devices.items()}
        return {name: value for name, value in (lists | {"devices": devices}).items() if value}


def _name(term: str) -> str:
    return term.removeprefix("-")


def formula(terms: Mapping[str, int]) -> str:
    """The terms as one writes a sum, like B1-E1."""
    return "".join(f"{'-' if sign < 0 else '+'}{name}" for name, sign in terms.items()).removeprefix("+")


def _names(value: object) -> tuple[str, ...]:
    assert isinstance(value, list)
    return tuple(value)


def _term_problems(where: str, terms: Sequence[str]) -> Iterator[str]:
    names = [_name(term).strip() for term in terms]
    if "" in names:
        yield f"{where}: a channel has no name"
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        yield f"{where}: {name!r} is declared {names.count(name)} times"


def _shape_problems(given: Mapping[str, object]) -> Iterator[str]:
    """What keeps JSON from being a mapping at all: keys and types."""
    for name in sorted(given.keys() - set(_KNOWN)):
        yield f"{name!r} is unknown: known are {', '.join(_KNOWN)}"
    for name in ("channels", "ignored"):
        if name in given and not _is_list_of_text(given[name]):
            yield f"{name} must be a list of channels, not {given[name]!r}"
    devices = given.get("devices", {})
    if not isinstance(devices, dict):
        yield f"devices must be an object of lists of channels by device, not {devices!r}"
        return
    for device, terms in devices.items():
        if not _is_list_of_text(terms):
            yield f"devices: {device} must be a list of channels, not {terms!r}"


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
