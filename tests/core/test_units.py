from decimal import Decimal

import pytest

from core.errors import UnitError
from core.units import Quantity, factor


@pytest.mark.parametrize(
    "unit, quantity, expected",
    [
        ("Wh", Quantity.ENERGY, 1),
        ("kWh", Quantity.ENERGY, 1_000),
        ("KWH", Quantity.ENERGY, 1_000),
        ("kwh", Quantity.ENERGY, 1_000),
        (" kWh ", Quantity.ENERGY, 1_000),
        ("MWh", Quantity.ENERGY, 1_000_000),
        ("MWH", Quantity.ENERGY, 1_000_000),
        ("WH", Quantity.ENERGY, 1),
        ("GWh", Quantity.ENERGY, 1_000_000_000),
        ("W", Quantity.POWER, 1),
        ("kW", Quantity.POWER, 1_000),
        ("MW", Quantity.POWER, 1_000_000),
        ("GW", Quantity.POWER, 1_000_000_000),
        ("W/m2", Quantity.IRRADIANCE, 1),
        ("W/m²", Quantity.IRRADIANCE, 1),
        ("kW/m2", Quantity.IRRADIANCE, 1_000),
        ("C", Quantity.TEMPERATURE, 1),
        ("°C", Quantity.TEMPERATURE, 1),
        ("degC", Quantity.TEMPERATURE, 1),
    ],
)
def test_a_declared_unit_has_an_exact_factor(unit: str, quantity: Quantity, expected: int) -> None:
    assert factor(unit, quantity) == Decimal(expected)


@pytest.mark.parametrize("unit, quantity", [("mWh", Quantity.ENERGY), ("mwh", Quantity.ENERGY), ("mW", Quantity.POWER)])
def test_milli_is_not_mega(unit: str, quantity: Quantity) -> None:
    with pytest.raises(UnitError, match="m is milli, write M for mega"):
        factor(unit, quantity)


@pytest.mark.parametrize("unit", ["", "kVArh", "kWh/m2", "energy", "k Wh"])
def test_an_unknown_unit_is_refused_with_the_known_ones(unit: str) -> None:
    with pytest.raises(UnitError, match="known are Wh, kWh, MWh, GWh"):
        factor(unit, Quantity.ENERGY)


@pytest.mark.parametrize(
    "unit, quantity, message",
    [
        ("kW", Quantity.ENERGY, "'kW' measures power, not energy: known are Wh, kWh"),
        ("kWh", Quantity.POWER, "'kWh' measures energy, not power: known are W, kW"),
        ("W", Quantity.IRRADIANCE, "'W' measures power, not irradiance: known are W/m2"),
        ("°C", Quantity.ENERGY, "'°C' measures temperature, not energy"),
    ],
)
def test_a_unit_of_another_kind_is_refused_by_name(unit: str, quantity: Quantity, message: str) -> None:
    with pytest.raises(UnitError, match=message):
        factor(unit, quantity)


@pytest.mark.parametrize("unit", ["F", "°F", "degF", "K"])
def test_a_temperature_with_another_zero_has_no_factor(unit: str) -> None:
    with pytest.raises(UnitError, match="does not start at the zero of °C"):
        factor(unit, Quantity.TEMPERATURE)
