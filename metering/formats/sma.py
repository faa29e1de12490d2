"""Bodies of SMA's Monitoring API: the measurement sets of a plant.

Times are local, without offset, and the API does not document which end of an interval they name: the mapping must
declare `label`. Nor does a body say what its values measure, mean power in W within a day and energy in Wh for
longer ones: the mapping must declare `unit`. A value that an entry lacks is missing.
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import BinaryIO, Final

from core.units import Quantity
from metering.formats.bodies import Body, BodyMapping, Face, local_day, plain, unsure
from metering.formats.canonical import INTERVAL_SECONDS, Block

_DAY: Final = INTERVAL_SECONDS["daily"]
_SECONDS: Final = {"FiveMinutes": 300, "FifteenMinutes": 900, "OneHour": 3_600, "OneDay": _DAY}
_GENERATION: Final = "pvGeneration"
_WHY_LOCAL: Final = "the times are local, without offset"
_WHY_A_LABEL: Final = "the API does not say which end of an interval its times name"
_WHY_A_UNIT: Final = "a body does not say whether its values are W or Wh"


def parse(stream: BinaryIO, mapping: BodyMapping, file_name: str, *, reject_rows: bool = False) -> Iterator[Block]:
    """The readings of a measurement set, in the order of its times.

    The mapping declares `time_zone`, `label` and `unit`, `interval` where the body does not say its resolution, and
    as `value` what is the energy or power, by default pvGeneration. Other values go to other_metrics. The device is
    `device`, or else the plant of the body.
    """
    local = mapping.local_zone(_WHY_LOCAL)
    label = mapping.required("label", _WHY_A_LABEL)
    unit = mapping.required("unit", _WHY_A_UNIT)
    value = mapping.value or _GENERATION
    body = Body(stream, mapping, file_name, reject_rows=reject_rows)
    if "result" in body.data and "set" not in body.data:
        body.refuse("what an inverter shows now, without a time, is no reading of an interval", "result")
    quantity, times = body.quantity(unit, "unit")
    plant = body.part(body.data, "plant") if "plant" in body.data else {}
    if isinstance(named := plant.get("timezone"), str) and named != local.key:
        body.refuse(f"the body's time zone is not the declared one, {local.key}", "plant.timezone", named)
    device = mapping.device or body.device(plant.get("plantId"), "plant.plantId")
    seconds = _seconds(body)
    faces: list[Face] = []
    for place, entry in enumerate(body.members(body.data, "set")):
        path = f"set[{place}]"
        with body.entry(entry) as fields:
            face = body.wall(fields.get("time"), f"{path}.time", seconds)
            values = {
                name: body.number(written, f"{path}.{name}", times if name == value else Decimal(1))
                for name, written in fields.items()
                if name == value or isinstance(written, Decimal)
            }
            faces.append(Face(body.line, f"{path}.time", face, values))
    length = timedelta(seconds=seconds)
    if seconds == _DAY:
        placed = [(each, local_day(each.face.date(), local)[0], True) for each in faces]
    else:
        placed = [(each, at - length if label == "end" else at, sure) for each, at, sure in body.placed(faces, local)]
    is_energy = quantity is Quantity.ENERGY
    for each, start, sure in placed:
        measured = each.values.get(value) if sure else None
        notes = {name: plain(other) for name, other in each.values.items() if name != value and other is not None}
        lasting = local_day(each.face.date(), local)[1] if seconds == _DAY else seconds
        with body.again(each.line):
            body.add(
                start,
                lasting,
                device,
                path=each.path,
                energy_wh=measured if is_energy else None,
                power_w=None if is_energy else measured,
                notes=notes if sure else unsure(each),
            )
    yield from body.blocks()


def _seconds(body: Body) -> int:
    written = body.data.get("resolution")
    if written is None:
        return INTERVAL_SECONDS[body.mapping.required("interval", "the body does not say its resolution")]
    if not isinstance(written, str) or written not in _SECONDS:
        body.refuse(f"no interval of readings: known are {', '.join(_SECONDS)}", "resolution", written)
    return _SECONDS[written]
