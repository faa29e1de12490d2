"""Bodies of Enphase's Monitoring API v4.

Times are seconds since 1970 and name the END of their interval. Energy is called `wh_del` or `enwh`, depending on
the series. An interval in which no device reported is missing, whatever number stands beside; so are the zeros at
the end of `energy_lifetime`, which the vendor documents as "not reported".
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import BinaryIO, Final

from metering.formats.bodies import Body, BodyMapping, Json, combined, local_day, plain
from metering.formats.canonical import INTERVAL_SECONDS, Block

_ENERGY_NAMES: Final = ("wh_del", "enwh")
_POWER_NAMES: Final = ("powr", "curr_w")
_LIFETIMES: Final[tuple[str, ...]] = ("production", "micro_production", "meter_production")
_DAY: Final = timedelta(days=1)
_RGM_SECONDS: Final = 900
_WHY_A_ZONE: Final = "energy_lifetime counts the system's local days"
_WHY_AN_INTERVAL: Final = "telemetry does not say how long its intervals are"


def parse(stream: BinaryIO, mapping: BodyMapping, file_name: str, *, reject_rows: bool = False) -> Iterator[Block]:
    """The readings of `rgm_stats`, of telemetry of production, and of `energy_lifetime`.

    With `device` the system's total is read under that id; without it each revenue-grade meter of `rgm_stats` under
    its serial number, and anything else under the id of the system. The mapping declares `interval` for telemetry,
    `time_zone` for `energy_lifetime`, and `channels` where a meter or the lifetime has several.

    `production_meter_readings` is refused: a register at one instant is no interval, and for a retired meter the
    instant is an old one.
    """
    body = Body(stream, mapping, file_name, reject_rows=reject_rows)
    if "meter_readings" in body.data:
        body.refuse(
            "registers at one instant are no intervals, and retired meters repeat an old one: fetch rgm_stats",
            "meter_readings",
        )
    if "start_date" in body.data:
        _read_lifetime(body)
    elif mapping.device is None and body.data.get("meter_intervals"):
        for place, meter in enumerate(body.members(body.data, "meter_intervals")):
            path = f"meter_intervals[{place}]"
            if not isinstance(meter, dict):
                body.refuse("an object is expected here", path)
            device = body.device(meter.get("meter_serial_number"), f"{path}.meter_serial_number")
            _read_intervals(body, meter, f"{path}.", device, _RGM_SECONDS)
    else:
        body.members(body.data, "intervals")  # an error is no telemetry, of which an interval would have to be declared
        device = mapping.device or body.device(body.data.get("system_id"), "system_id")
        _read_intervals(body, body.data, "", device, _seconds(body))
    yield from body.blocks()


def _seconds(body: Body) -> int:
    if "meter_intervals" in body.data:
        return _RGM_SECONDS
    return INTERVAL_SECONDS[body.mapping.required("interval", _WHY_AN_INTERVAL)]


def _read_intervals(body: Body, parent: Mapping[str, Json], path: str, device: str, seconds: int) -> None:
    """The intervals of a device; those of several channels are put together by time."""
    energies: dict[datetime, dict[str, Decimal | None]] = {}
    others: dict[datetime, tuple[int, str, Decimal | None, dict[str, str]]] = {}
    channels: dict[str, None] = {}
    total = body.data.get("total_devices")
    for place, entry in enumerate(body.members(parent, "intervals", path)):
        where = f"{path}intervals[{place}]"
        with body.entry(entry) as fields:
            end = body.epoch(fields.get("end_at"), f"{where}.end_at", seconds)
            channel = fields.get("channel", "energy")
            name = f"{channel:f}" if isinstance(channel, Decimal) else str(channel)
            energy, power = _energy(body, fields, where), _named(body, fields, where, _POWER_NAMES)
            notes = {}
            reporting = fields.get("devices_reporting")
            if isinstance(reporting, Decimal):
                notes["devices_reporting"] = plain(reporting)
                if isinstance(total, Decimal):
                    notes["total_devices"] = plain(total)
                if not reporting and not energy:
                    # Nobody said anything: the 0 beside was not measured.
                    energy = power = None
            start = end - timedelta(seconds=seconds)
            values = energies.setdefault(start, {})
            if name in values and values[name] != energy:
                body.wrong(f"{where}.end_at", fields.get("end_at"), "an earlier entry has other values for this time")
            channels[name] = None
            values[name] = energy
            others[start] = (body.line, where, power, notes)
    for start, (line, where, power, notes) in others.items():
        values = {name: energies[start].get(name) for name in channels}
        energy, told = combined(body, device, values, where)
        with body.again(line):
            body.add(
                start,
                seconds,
                device,
                path=where,
                energy_wh=energy,
                power_w=power if len(channels) == 1 else None,
                notes=(told if len(channels) > 1 else {}) | notes,
            )


def _energy(body: Body, fields: Mapping[str, Json], path: str) -> Decimal | None:
    """The energy, under whichever of its names; the interval is refused where both are there and differ."""
    written = {name: body.number(fields[name], f"{path}.{name}") for name in _ENERGY_NAMES if name in fields}
    if len({*written.values()}) > 1:
        body.wrong(path, _on_one_line(fields), f"{' and '.join(_ENERGY_NAMES)} differ")
    return next(iter(written.values()), None)


def _named(body: Body, fields: Mapping[str, Json], path: str, names: tuple[str, ...]) -> Decimal | None:
    name = next((name for name in names if name in fields), None)
    return None if name is None else body.number(fields[name], f"{path}.{name}")


def _on_one_line(fields: Mapping[str, Json]) -> str:
    """The fields on one line, for a message."""
    return ", ".join(f"{name} {value}" for name, value in fields.items())


def _read_lifetime(body: Body) -> None:
    """The system's local days, from the first one on."""
    local = body.mapping.local_zone(_WHY_A_ZONE)
    start_date = body.text(body.data, "start_date")
    try:
        first = date.fromisoformat(start_date)
    except ValueError:
        body.refuse("not a date like 2024-01-31", "start_date", start_date)
    device = body.mapping.device or body.device(body.data.get("system_id"), "system_id")
    names = [name for name in _LIFETIMES if name in body.data]
    series = {name: body.members(body.data, name) for name in names}
    if not series:
        body.refuse("the body has no series of production")
    reported = {name: _reported(values) for name, values in series.items()}
    for place in range(max(map(len, series.values()))):
        day = first + place * _DAY
        written = {name: each[place] for name, each in series.items() if place < len(each)}
        with body.entry({"day": day.isoformat(), **written}):
            values = {
                name: body.number(written.get(name), f"{name}[{place}]") if place < reported[name] else None
                for name in series
            }
            energy, notes = combined(body, device, values, "production")
            start, seconds = local_day(day, local)
            told = notes if len(series) > 1 else {}
            body.add(
                start,
                seconds,
                device,
                path=f"{names[0]}[{place}]",
                energy_wh=energy,
                notes=told if energy is not None else told | {"trailing_zero": "not reported"},
            )


def _reported(values: list[Json]) -> int:
    """How many days there are before the zeros and nulls at the end."""
    return max((place + 1 for place, value in enumerate(values) if value), default=0)
