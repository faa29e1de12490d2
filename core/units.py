"""Declared units, exactly converted to the ones readings are stored in: Wh, W, W/m2 and °C."""

from decimal import Decimal
from enum import StrEnum

from core.errors import UnitError


class Quantity(StrEnum):
    """What a column of readings measures."""

    ENERGY = "energy"
    POWER = "power"
    IRRADIANCE = "irradiance"
    TEMPERATURE = "temperature"


_KILO, _MEGA, _GIGA = Decimal(10**3), Decimal(10**6), Decimal(10**9)

# How many stored units one declared unit is. The first unit of each quantity is the stored one.
_FACTORS: dict[Quantity, dict[str, Decimal]] = {
    Quantity.ENERGY: {"Wh": Decimal(1), "kWh": _KILO, "MWh": _MEGA, "GWh": _GIGA},
    Quantity.POWER: {"W": Decimal(1), "kW": _KILO, "MW": _MEGA, "GW": _GIGA},
    Quantity.IRRADIANCE: {"W/m2": Decimal(1), "W/m²": Decimal(1), "kW/m2": _KILO, "kW/m²": _KILO},
    Quantity.TEMPERATURE: {"°C": Decimal(1), "C": Decimal(1), "degC": Decimal(1)},
}
_KNOWN = {unit.casefold(): (kind, factor) for kind, units in _FACTORS.items() for unit, factor in units.items()}
# Their zero lies elsewhere, so that no factor converts them.
_OTHER_SCALES = {"f", "°f", "degf", "k", "°k"}


def factor(unit: str, quantity: Quantity) -> Decimal:
    """How many Wh, W, W/m2 or °C one `unit` is: multiply a declared value by it.

    Case matters only where it carries meaning: a leading m is milli, a leading M is mega. `KWH` and `kwh` are
    kWh, as meter data files write it, and `mwh` is refused. Raises `UnitError` for a unit that is unknown or
    measures another quantity.
    """
    spelled = unit.strip()
    if spelled.casefold() in _OTHER_SCALES:
        raise UnitError(f"unit {unit!r} does not start at the zero of °C: convert the file to °C")
    kind, value = _KNOWN.get(spelled.casefold(), (None, Decimal(0)))
    if kind is None:
        raise UnitError(f"unit {unit!r} is unknown for {quantity}: known are {known_units(quantity)}")
    if spelled.startswith("m"):
        raise UnitError(f"unit {unit!r} is ambiguous: m is milli, write M for mega")
    if kind is not quantity:
        raise UnitError(f"unit {unit!r} measures {kind}, not {quantity}: known are {known_units(quantity)}")
    return value


def known_units(quantity: Quantity) -> str:
    """The units `factor` accepts for this quantity, for a message."""
    return ", ".join(_FACTORS[quantity])
