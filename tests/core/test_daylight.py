"""Where the sun stands, and when it is high enough."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.daylight import (
    SUNRISE_ELEVATION,
    _declination_and_equation_of_time,
    clear_sky_wm2,
    daylight,
    sun_elevation,
    useful_elevation,
)
from core.errors import MeasurementError
from core.periods import Period


def day(year: int, month: int, first: int) -> Period:
    start = datetime(year, month, first, tzinfo=UTC)
    return Period(start, start + timedelta(days=1))


def test_the_sun_of_meeus() -> None:
    """Jean Meeus, Astronomical Algorithms, 2nd edition, examples 25.a (declination) and 28.b (equation of time).

    The apparent declination is -7.78507 degrees and the equation 13 minutes 42.7 seconds.
    """
    declination, minutes = _declination_and_equation_of_time(datetime(1992, 10, 13, tzinfo=UTC))
    assert declination == pytest.approx(-7.78507, abs=0.001)
    assert minutes == pytest.approx(13 + 42.7 / 60, abs=0.02)


def test_the_sun_stands_where_the_published_example_of_nrel_has_it() -> None:
    """NREL/TP-560-34302, appendix A.5: 17 October 2003, 12:30:30 at UTC-7, 39.742476 north, 105.1786 west.

    The elevation without refraction is 39.872046 degrees, which pvlib's tests hold as well.
    """
    at = datetime(2003, 10, 17, 19, 30, 30, tzinfo=UTC)
    assert sun_elevation(at, 39.742476, -105.1786) == pytest.approx(39.872046, abs=0.005)


def test_the_longest_day_of_greenwich_is_that_of_the_calculator_whose_equations_these_are() -> None:
    """NOAA's Solar Calculator, 20 June 2024, 51.4779 north, 0 east: sunrise at 03:43, sunset at 20:21 UTC."""
    (light,) = daylight(day(2024, 6, 20), 51.4779, 0)
    minute = timedelta(minutes=1)
    assert abs(light.start - datetime(2024, 6, 20, 3, 43, tzinfo=UTC)) <= minute
    assert abs(light.end - datetime(2024, 6, 20, 20, 21, tzinfo=UTC)) <= minute


def test_at_an_equinox_the_sun_of_the_equator_stands_overhead_and_its_day_has_twelve_hours_and_seven_minutes() -> None:
    (light,) = daylight(day(2024, 3, 20), 0, 0)
    noon = light.start + (light.end - light.start) / 2
    assert sun_elevation(noon, 0, 0) == pytest.approx(90, abs=0.3)
    # 12 hours, and 0.833 degrees of refraction and half disc at four minutes a degree on either side.
    assert light.seconds == pytest.approx(12 * 3600 + 2 * 0.833 * 240, abs=30)


def test_the_pole_has_a_day_and_a_night_of_half_a_year() -> None:
    june = Period(datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))
    december = Period(datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    assert daylight(june, 89, 15) == (june,)
    assert daylight(december, 89, 15) == ()


@pytest.mark.parametrize(
    "elevation, irradiance",
    [
        *((-20, 0), (-0.05, 0), (-0.001, 0), (5, 48.6298687941956), (10, 135.741748091813), (30, 487.894132885425)),
        *((50, 778.766689344363), (90, 1035.09203253450)),
    ],
)
def test_a_clear_sky_gives_what_pvlib_expects_of_it(elevation: float, irradiance: float) -> None:
    """pvlib-python, tests/test_clearsky.py, test_haurwitz: its elevations and what it expects at them."""
    assert clear_sky_wm2(elevation) == pytest.approx(irradiance, rel=1e-12)


def test_useful_time_begins_where_a_clear_sky_gives_as_much_as_is_asked_for() -> None:
    assert clear_sky_wm2(useful_elevation(100)) == pytest.approx(100)
    assert useful_elevation(0) == SUNRISE_ELEVATION
    with pytest.raises(MeasurementError, match="no clear sky gives 2000"):
        useful_elevation(2000)


def test_a_place_beyond_the_poles_is_refused() -> None:
    with pytest.raises(MeasurementError, match="latitude 91, longitude 0 is no place on Earth"):
        daylight(day(2025, 1, 1), 91, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(-65, 65), st.integers(-180, 180), st.integers(0, 3650), st.sampled_from([SUNRISE_ELEVATION, 8.0]))
def test_light_is_in_order_and_its_edges_are_where_the_sun_is_that_high(
    latitude: int, longitude: int, days: int, elevation: float
) -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=days)
    period = Period(start, start + timedelta(days=3))
    found = daylight(period, latitude, longitude, elevation)
    assert all(one.end < other.start for one, other in pairwise(found))
    for one in found:
        for edge in {one.start, one.end} - {period.start, period.end}:
            assert sun_elevation(edge, latitude, longitude) == pytest.approx(elevation, abs=0.02)
        middle = one.start + (one.end - one.start) / 2
        assert sun_elevation(middle, latitude, longitude) >= elevation - 0.02
