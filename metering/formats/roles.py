"""What becomes of each channel of a device: part of its energy, its power, or kept beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json import dumps
from typing import Final

import polars as pl

from metering.formats.canonical import ProblemList
from metering.formats.channels import Channels, formula
from metering.formats.statements import Kind

_NAMES_SHOWN: Final = 20

_ROLES: Final = pl.Schema(
    {
        "channel": pl.UInt32(),
        "is_energy": pl.Boolean(),
        "device_name": pl.String(),
        "device_channels": pl.UInt32(),  # how many the device has; null for an ignored channel
        "place": pl.UInt32(),  # of the channel among them
        "sign": pl.Int8(),  # of a term of the energy; null for what is no term
        "terms": pl.UInt32(),  # how many terms the device's energy has
        "is_power": pl.Boolean(),
        "head": pl.String(),  # begins other_metrics
        "member": pl.String(),  # name of the value in other_metrics; null where it is not kept there
    }
)


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as a file names it."""

    device: str | None
    name: str
    kind: Kind
    unit: str
    line: int  # where it came first


def read_roles(
    channels: Sequence[Channel], declared: Channels, problems: ProblemList, channel_column: str
) -> pl.DataFrame:
    """What becomes of each channel, by its place in `channels`. Records a problem where that is not known."""
    by_device: dict[str | None, list[int]] = {}
    ignored = []
    for number, channel in enumerate(channels):
        if channel.name in declared.ignored:
            ignored.append((number, channel.kind is Kind.ENERGY))
        else:
            by_device.setdefault(channel.device, []).append(number)
    roles: list[tuple[object, ...]] = []
    for device, numbers in by_device.items():
        own = {number: channels[number] for number in numbers}
        terms = _terms(device, [*own.values()], declared, problems, channel_column)
        roles += _roles_of(device, own, terms)
    rest = (None,) * (len(_ROLES) - 2)
    return pl.DataFrame([*roles, *((*channel, *rest) for channel in ignored)], _ROLES, orient="row")


def _roles_of(device: str | None, channels: dict[int, Channel], terms: dict[str, int]) -> Iterator[tuple[object, ...]]:
    """A row of `_ROLES` for each channel of a device."""
    powers = [number for number, channel in channels.items() if channel.kind is Kind.POWER]
    shown = formula(terms) if terms else next(iter(channels.values())).name
    for place, (number, channel) in enumerate(channels.items()):
        is_energy = channel.kind is Kind.ENERGY
        sign = terms.get(channel.name) if is_energy else None
        unit = {Kind.ENERGY: "wh", Kind.POWER: "w"}.get(channel.kind, channel.unit)
        # A term alone is the energy itself; of several, the sum would lose each.
        is_told = powers == [number] or (sign is not None and len(terms) == 1)
        yield (
            number,
            is_energy,
            device,
            len(channels),
            place,
            sign,
            len(terms),
            powers == [number],
            '{"channel":' + dumps(shown, ensure_ascii=False),
            None if is_told else dumps(f"{channel.name}_{unit}", ensure_ascii=False)[1:-1],
        )


def _terms(
    device: str | None, channels: list[Channel], declared: Channels, problems: ProblemList, channel_column: str
) -> dict[str, int]:
    """The channels of energy and their signs. Records a problem where they are not known."""
    energies = [channel for channel in channels if channel.kind is Kind.ENERGY]
    candidates = energies or [channel for channel in channels if channel.kind is Kind.POWER]
    who = "the file" if device is None else f"device {device}"
    shown = ", ".join(channel.name for channel in (candidates or channels)[:_NAMES_SHOWN])
    if terms := declared.terms(device):
        for name in sorted(terms.keys() - {channel.name for channel in energies}):
            cause = f"{who} has no energy channel {name!r}, which the mapping declares: it has {shown}"
            problems.add_whole(channels[0].line, channel_column, channels[0].name, cause)
        return terms
    if len(candidates) > 1:
        first, second = candidates[:2]
        cause = (
            f"{who} has several channels of {first.kind}, {shown}: declare which make up its energy, "
            f'like {{"channels": ["{first.name}", "-{second.name}"]}}, or which are ignored'
        )
        problems.add_whole(second.line, channel_column, second.name, cause)
    elif not candidates:
        cause = f"{who} has no channel of energy or power, only {shown}"
        problems.add_whole(channels[0].line, channel_column, channels[0].name, cause)
    return {energies[0].name: 1} if len(energies) == 1 else {}
