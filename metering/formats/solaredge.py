"""Bodies of SolarEdge's Monitoring API: version 2, and version 1 for archived files.

Times name the start of their interval. Version 2 writes the offset of every time, which is always read; version 1,
which answers no more since November 2026, wrote the site's local time without offset, so the mapping must declare
`time_zone`. A null is missing, not zero. Months and years are no readings and refused.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import BinaryIO, Final
from zoneinfo import ZoneInfo

from core.periods import start_of_day
from core.units import Quantity
from metering.formats.bodies import Body, BodyMapping, Face, Json, combined, local_day, unsure
from metering.formats.canonical import INTERVAL_SECONDS, Block
from metering.formats.registers import Registers

_DAY: Final = INTERVAL_SECONDS["daily"]
_V2_SECONDS: Final = {"QUARTER_HOUR": 900, "HOUR": 3_600, "DAY": _DAY}
_V1_SECONDS: Final = {"QUARTER_OF_AN_HOUR": 900, "HOUR": 3_600, "DAY": _DAY}
_WHY_A_ZONE: Final = "local days are cut by the site's zone"
_WHY_LOCAL: Final = "version 1 of the API writes local times without offset"
# The metrics of a device that are read; volts, amperes and the like are not.
_READ: Final = ("energy", "power", "Energy")


def parse_v2(stream: BinaryIO, mapping: BodyMapping, file_name: str, *, reject_rows: bool = False) -> Iterator[Block]:
    """The readings of `/sites/{id}/energy` and `/power`, and of the telemetry of inverters and meters.

    The mapping declares `device` where the body is a site's, which names none; `time_zone` for days; `interval`
    for telemetry that does not say its resolution; `channels` for a meter that counts in several.
    """
    body = Body(stream, mapping, file_name, reject_rows=reject_rows)
    family = next((name for name in ("inverters", "meters") if name in body.data), None)
    if family is not None:
        for serial, metrics in body.part(body.data, family).items():
            path = f"{family}.{serial}"
            if not isinstance(metrics, dict):
                body.refuse("an object is expected here", path)
            _read_device(body, body.device(serial, path), metrics, path)
    else:
        for start, seconds, quantity, value, line in _series(body, body.data, ""):
            with body.again(line):
                _add(body, start, seconds, mapping.device, quantity, value)
    yield from body.blocks()


def parse_v1(stream: BinaryIO, mapping: BodyMapping, file_name: str, *, reject_rows: bool = False) -> Iterator[Block]:
    """The readings of archived bodies of `energy`, `energyDetails` and `meters`.

    The mapping declares `time_zone`, `device` for the first two, and `channels` for `energyDetails` that has more
    than one. The values of `meters` are registers: energy is their difference.
    """
    local = mapping.local_zone(_WHY_LOCAL)
    body = Body(stream, mapping, file_name, reject_rows=reject_rows)
    if "meterEnergyDetails" in body.data:
        _read_registers(body, local)
        registers = Registers(None)
        known = registers.energies(body.readings())
        yield from body.blocks(known.vstack(registers.rest()).sort("line"))
        return
    if "energyDetails" in body.data:
        details, path = body.part(body.data, "energyDetails"), "energyDetails."
        channels = {}
        for where, meter in _meters(body, details, path):
            channel = body.text(meter, "type", where)
            if channel in channels:
                body.refuse("this type is there twice", f"{where}type", channel)
            channels[channel] = (where, meter)
    else:
        details, path = body.part(body.data, "energy"), "energy."
        channels = {"energy": (path, details)}
    _read_channels(body, details, path, channels, local)
    yield from body.blocks()


# --- version 2 --------------------------------------------------------------------------------------------------


def _series(
    body: Body, series: Mapping[str, Json], path: str
) -> Iterator[tuple[datetime, int, Quantity, Decimal | None, int]]:
    """Start, seconds, quantity, value in Wh or W, and line of every entry that can be read.

    What the series does not say of itself, the body says for all.
    """
    quantity, times = body.quantity(body.text({**body.data, **series}, "unit", path), f"{path}unit")
    step = _step(body, series, path)
    for place, entry in enumerate(body.members(series, "values", path)):
        where = f"{path}values[{place}]"
        with body.entry(entry) as fields:
            written = fields.get("timestamp")
            start, seconds = body.instant(written, f"{where}.timestamp", step), step
            if step == _DAY:
                local = body.mapping.local_zone(_WHY_A_ZONE)
                day = start.astimezone(local).date()
                if start_of_day(day, local) != start:
                    body.wrong(f"{where}.timestamp", written, f"no day begins then in {local.key}")
                start, seconds = local_day(day, local)
            value = body.number(fields.get("value"), f"{where}.value", times)
            yield start, seconds, quantity, value, body.line


def _step(body: Body, series: Mapping[str, Json], path: str) -> int:
    written = series.get("resolution", body.data.get("resolution"))
    if written is None:
        return INTERVAL_SECONDS[body.mapping.required("interval", "the body does not say its resolution")]
    return _known(body, written, f"{path}resolution", _V2_SECONDS)


def _read_device(body: Body, device: str, metrics: Mapping[str, Json], path: str) -> None:
    """A device's channels, put together by time."""
    energies: dict[datetime, dict[str, Decimal | None]] = {}
    powers: dict[datetime, Decimal | None] = {}
    places: dict[datetime, tuple[int, int]] = {}
    channels: dict[str, None] = {}
    for metric, series in metrics.items():
        if not isinstance(series, dict) or not metric.endswith(_READ):
            continue
        for start, seconds, quantity, value, line in _series(body, series, f"{path}.{metric}."):
            places.setdefault(start, (seconds, line))
            if quantity is Quantity.ENERGY:
                channels[metric] = None
                energies.setdefault(start, {})[metric] = value
            else:
                powers[start] = value
    for start, (seconds, line) in places.items():
        found = energies.get(start, {})
        values = {channel: found.get(channel) for channel in channels}
        energy, notes = combined(body, device, values, path) if values else (None, {})
        with body.again(line):
            body.add(start, seconds, device, path=path, energy_wh=energy, power_w=powers.get(start), notes=notes)


# --- version 1 --------------------------------------------------------------------------------------------------


def _meters(body: Body, details: Mapping[str, Json], path: str) -> Iterator[tuple[str, dict[str, Json]]]:
    for place, meter in enumerate(body.members(details, "meters", path)):
        where = f"{path}meters[{place}]"
        if not isinstance(meter, dict):
            body.refuse("an object is expected here", where)
        yield f"{where}.", meter


def _faces(body: Body, parent: Mapping[str, Json], path: str, step: int, times: Decimal) -> list[Face]:
    """The entries whose local time and number can be read."""
    found = []
    for place, entry in enumerate(body.members(parent, "values", path)):
        where = f"{path}values[{place}]"
        with body.entry(entry) as fields:
            face = body.wall(fields.get("date"), f"{where}.date", step)
            value = body.number(fields.get("value"), f"{where}.value", times)
            found.append(Face(body.line, f"{where}.date", face, {"value": value}))
    return found


def _read_channels(
    body: Body,
    details: Mapping[str, Json],
    path: str,
    channels: Mapping[str, tuple[str, Mapping[str, Json]]],
    local: ZoneInfo,
) -> None:
    """The channels of a site, put together by what its clock showed."""
    step, times = _unit_of_time(body, details, path), _unit_of_energy(body, details, path)
    by_time: dict[datetime, dict[str, Decimal | None]] = {}
    first: dict[datetime, tuple[Face, bool]] = {}
    for channel, (where, parent) in channels.items():
        faces = _faces(body, parent, where, step, times)
        if step == _DAY:
            placed = [(each, local_day(each.face.date(), local)[0], True) for each in faces]
        else:
            placed = [*body.placed(faces, local)]
        for each, start, sure in placed:
            values = by_time.setdefault(start, dict.fromkeys(channels))
            if values[channel] is not None:
                with body.again(each.line):
                    body.wrong(each.path, f"{each.face}", "this time is there before")
            values[channel] = each.values["value"]
            first.setdefault(start, (each, sure))
    for start, values in by_time.items():
        each, sure = first[start]
        energy, notes = combined(body, body.mapping.device, values, path)
        if not sure:
            energy, notes = None, unsure(Face(each.line, each.path, each.face, values))
        seconds = local_day(each.face.date(), local)[1] if step == _DAY else step
        with body.again(each.line):
            body.add(
                start,
                seconds,
                body.mapping.device,
                path=each.path,
                energy_wh=energy,
                notes=notes if len(channels) > 1 or not sure else None,
            )


def _read_registers(body: Body, local: ZoneInfo) -> None:
    """What each meter's register showed, as readings that end then."""
    path = "meterEnergyDetails."
    details = body.part(body.data, "meterEnergyDetails")
    step, times = _unit_of_time(body, details, path), _unit_of_energy(body, details, path)
    if step == _DAY:
        body.refuse("registers by day are not read, only by hour or quarter of an hour", f"{path}timeUnit")
    for where, meter in _meters(body, details, path):
        device = body.device(meter.get("meterSerialNumber"), f"{where}meterSerialNumber")
        channel = {"channel": body.text(meter, "meterType", where)}
        for each, at, sure in body.placed(_faces(body, meter, where, step, times), local):
            with body.again(each.line):
                body.add(
                    at - timedelta(seconds=step),
                    step,
                    device,
                    path=each.path,
                    register_wh=each.values["value"] if sure else None,
                    notes=channel if sure else channel | unsure(each),
                )


def _unit_of_time(body: Body, details: Mapping[str, Json], path: str) -> int:
    return _known(body, details.get("timeUnit"), f"{path}timeUnit", _V1_SECONDS)


def _unit_of_energy(body: Body, details: Mapping[str, Json], path: str) -> Decimal:
    unit = body.text(details, "unit", path)
    quantity, times = body.quantity(unit, f"{path}unit")
    if quantity is not Quantity.ENERGY:
        body.refuse("a unit of energy is expected here", f"{path}unit", unit)
    return times


# --- both -------------------------------------------------------------------------------------------------------


def _known(body: Body, written: Json, path: str, known: Mapping[str, int]) -> int:
    if not isinstance(written, str) or written not in known:
        body.refuse(f"no interval of readings: known are {', '.join(known)}", path, written)
    return known[written]


def _add(
    body: Body, start: datetime, seconds: int, device: str | None, quantity: Quantity, value: Decimal | None
) -> None:
    if quantity is Quantity.ENERGY:
        body.add(start, seconds, device, path="values", energy_wh=value)
    else:
        body.add(start, seconds, device, path="values", power_w=value)
