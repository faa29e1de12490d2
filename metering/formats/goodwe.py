"""Bodies of the GoodWe SEMS portal: the power chart of a plant's local day.

A sample every five minutes holds until the next: it is the mean power of the five minutes that begin with it. Times
are what the plant's clock shows, without date or offset; in the autumn night whose hour repeats, the order of the
body tells the two apart. The integral of the day is compared with the day's energy that the portal counted itself.
"""

from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import BinaryIO, Final

from core.periods import day_in_zone
from core.units import Quantity
from metering.formats.bodies import Body, BodyMapping, Face, Json, energy_of, plain, unsure
from metering.formats.canonical import Block

_SECONDS: Final = 300
_POWER: Final = "PCurve_Power_PV"
_TOTAL: Final = "Generation"
_TOLERANCE: Final = Decimal("0.1")
# The portal shows the day's energy with one place: differences below that say nothing.
_SHOWN_WH: Final = Decimal(100)
_KILO: Final = Decimal(1000)
_WHY_LOCAL: Final = "the times are what the plant's clock shows"
_WHY_A_DATE: Final = "the body does not say of which day it is"
_WHY_A_DEVICE: Final = "the body does not say of which plant it is"


def parse(stream: BinaryIO, mapping: BodyMapping, file_name: str, *, reject_rows: bool = False) -> Iterator[Block]:
    """The readings of `GetPlantPowerChart`.

    The mapping declares `device`, `time_zone` and `date`, and as `value` the curve that is the power, by default
    PCurve_Power_PV; the other curves go to other_metrics. The last reading notes what the day sums up to and what
    the portal says; a day that differs by more than the share `tolerance` (0.1) is refused, unless samples are
    missing and the sum is too small.
    """
    local = mapping.local_zone(_WHY_LOCAL)
    day = date.fromisoformat(mapping.required("date", _WHY_A_DATE))
    device = mapping.required("device", _WHY_A_DEVICE)
    wanted = mapping.value or _POWER
    body = Body(stream, mapping, file_name, reject_rows=reject_rows)
    _refuse_errors(body)
    data = body.part(body.data, "data")
    if "lines" not in data:
        body.refuse("no power chart: a list of plants with energies up to now has no intervals", "data")
    curves = _curves(body, data)
    if not body.members(data, "lines", "data."):
        yield from body.blocks()  # a plant that was offline all day
    elif wanted not in curves:
        body.refuse(f"the chart has no curve {wanted}, only {', '.join(curves) or 'none'}", "data.lines")
    faces = _faces(body, day, curves, wanted)
    for each, start, sure in body.placed(faces, local):
        notes = {name: plain(value) for name, value in each.values.items() if name != wanted and value is not None}
        with body.again(each.line):
            body.add(
                start,
                _SECONDS,
                device,
                path=each.path,
                power_w=each.values[wanted] if sure else None,
                notes=notes if sure else unsure(each),
            )
    _reconcile(body, data, [each.values[wanted] for each in faces], day_in_zone(day, local).end)
    yield from body.blocks()


def _refuse_errors(body: Body) -> None:
    """Refuses an error that came as a body."""
    code = body.data.get("code")
    if body.data.get("hasError") is True or (code is not None and str(code) != "0"):
        body.refuse(f"the portal answered with an error: {body.data.get('msg')}", "code", str(code))


def _curves(body: Body, data: dict[str, Json]) -> dict[str, tuple[str, list[Json], Decimal]]:
    """Path, samples and watts per unit of each curve of power."""
    curves = {}
    for place, line in enumerate(body.members(data, "lines", "data.")):
        path = f"data.lines[{place}]."
        if not isinstance(line, dict):
            body.refuse("an object is expected here", path)
        key = body.text(line, "key", path)
        unit = line.get("unit")
        if key in curves:
            body.refuse("this curve is there twice", f"{path}key", key)
        if not isinstance(unit, str) or not unit.upper().endswith("W"):
            continue  # the charge of a battery in percent
        quantity, times = body.quantity(unit, f"{path}unit")
        if quantity is Quantity.POWER:
            curves[key] = (path, body.members(line, "xy", path), times)
    return curves


def _faces(body: Body, day: date, curves: dict[str, tuple[str, list[Json], Decimal]], wanted: str) -> list[Face]:
    """The samples of the wanted curve, each with what the other curves have at the same place and time."""
    others = {name: samples for name, (_, samples, _) in curves.items() if name != wanted}
    path, samples, times = curves[wanted]
    faces = []
    for place, sample in enumerate(samples):
        where = f"{path}xy[{place}]"
        with body.entry(sample) as fields:
            written = fields.get("x")
            try:
                clock = time.fromisoformat(written) if isinstance(written, str) else None
            except ValueError:
                clock = None
            if clock is None or clock.tzinfo is not None or clock.second or clock.minute % 5:
                body.wrong(f"{where}.x", written, "not a time of day like 13:45, every five minutes")
            values = {wanted: body.number(_sample(fields), f"{where}.y", times)}
            for name, other in others.items():
                beside = other[place] if place < len(other) else None
                if isinstance(beside, dict) and beside.get("x") == written:
                    values[name] = body.number(_sample(beside), f"{name}.xy[{place}].y", curves[name][2])
            faces.append(Face(body.line, f"{where}.x", datetime.combine(day, clock), values))
    return faces


def _sample(fields: dict[str, Json]) -> Json:
    """The value; the portal writes an empty text where it has none."""
    value = fields.get("y")
    return None if value == "" else value


def _reconcile(body: Body, data: dict[str, Json], powers: list[Decimal | None], ended_at: datetime) -> None:
    """Notes the sum of the day and the portal's own; refuses a day where they do not fit."""
    total_wh = _total_wh(body, data)
    if total_wh is None:
        return
    known = [power for power in powers if power is not None]
    sum_wh = sum((energy_of(power, _SECONDS) for power in known), Decimal(0))
    body.note_on_last({"day_wh": plain(total_wh), "day_sum_wh": plain(sum_wh)}, ended_at)
    share = Decimal(body.mapping.tolerance) if body.mapping.tolerance is not None else _TOLERANCE
    difference = sum_wh - total_wh
    if abs(difference) <= max(share * total_wh, _SHOWN_WH):
        return
    # A gap explains a sum that is too small, never one that is too large.
    if difference < 0 and len(known) < len(powers):
        return
    body.problems.add_whole(
        1,
        "data.generateData",
        f"{plain(total_wh)} Wh",
        f"the power of the day sums up to {plain(sum_wh)} Wh, which differs by more than the share {plain(share)}",
    )


def _total_wh(body: Body, data: dict[str, Json]) -> Decimal | None:
    """The day's energy as the portal counted it, in Wh; None where it does not say."""
    entries = data.get("generateData")
    for place, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict) and entry.get("key") == _TOTAL:
            value = entry.get("value")
            try:
                number = Decimal(value) if isinstance(value, str) and value else value
            except InvalidOperation:
                body.refuse("a number is expected here", f"data.generateData[{place}].value", value)
            return number * _KILO if isinstance(number, Decimal) and number.is_finite() else None
    return None
