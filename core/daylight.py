"""When the sun is high enough for a plant to be expected to run: for plants that measure no irradiance.

The position of the sun follows the equations of NOAA's Solar Calculator, after Meeus, Astronomical Algorithms
(https://gml.noaa.gov/grad/solcalc/calcdetails.html). They are good to a minute of time between 72 degrees north and
south. Angles are degrees, north and east positive. Floats serve: the instants that come out are whole seconds.
"""

from datetime import UTC, datetime, timedelta
from math import acos, asin, cos, degrees, exp, radians, sin, tan

from core.errors import MeasurementError
from core.periods import Period, clip, union

# The sun's upper edge stands on the horizon: half its disc and the refraction there.
SUNRISE_ELEVATION = -0.833
_DAY = timedelta(days=1)
_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


def _declination_and_equation_of_time(at: datetime) -> tuple[float, float]:
    """The declination of the sun, in degrees, and true less mean solar time, in minutes."""
    century = (at - _J2000) / timedelta(days=36525)
    mean_longitude = (280.46646 + century * (36000.76983 + century * 0.0003032)) % 360
    anomaly = radians(357.52911 + century * (35999.05029 - 0.0001537 * century))
    eccentricity = 0.016708634 - century * (0.000042037 + 0.0000001267 * century)
    centre = (
        sin(anomaly) * (1.914602 - century * (0.004817 + 0.000014 * century))
        + sin(2 * anomaly) * (0.019993 - 0.000101 * century)
        + sin(3 * anomaly) * 0.000289
    )
    node = radians(125.04 - 1934.136 * century)
    longitude = radians(mean_longitude + centre - 0.00569 - 0.00478 * sin(node))
    seconds = 21.448 - century * (46.8150 + century * (0.00059 - century * 0.001813))
    obliquity = radians(23 + (26 + seconds / 60) / 60 + 0.00256 * cos(node))
    declination = degrees(asin(sin(obliquity) * sin(longitude)))
    y = tan(obliquity / 2) ** 2
    twice = 2 * radians(mean_longitude)
    equation = 4 * degrees(
        y * sin(twice)
        - 2 * eccentricity * sin(anomaly)
        + 4 * eccentricity * y * sin(anomaly) * cos(twice)
        - 0.5 * y * y * sin(2 * twice)
        - 1.25 * eccentricity * eccentricity * sin(2 * anomaly)
    )
    return declination, equation


def sun_elevation(at: datetime, latitude: float, longitude: float) -> float:
    """Degrees of the sun's centre above the horizon, without refraction."""
    declination, equation = _declination_and_equation_of_time(at)
    minutes = (at.astimezone(UTC) - at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(
        minutes=1
    )
    hour_angle = radians((minutes + equation + 4 * longitude) / 4 - 180)
    north, tilt = radians(latitude), radians(declination)
    height = sin(north) * sin(tilt) + cos(north) * cos(tilt) * cos(hour_angle)
    return degrees(asin(max(-1.0, min(1.0, height))))


def clear_sky_wm2(elevation: float) -> float:
    """Global horizontal irradiance under a clear sky, in W/m2: Haurwitz, as `pvlib.clearsky.haurwitz` has it."""
    height = sin(radians(elevation))
    return 1098.0 * height * exp(-0.059 / height) if height > 0 else 0.0


def useful_elevation(irradiance_threshold_wm2: float) -> float:
    """The elevation from which a clear sky gives this irradiance; sunrise where none is asked for."""
    if irradiance_threshold_wm2 <= 0:
        return SUNRISE_ELEVATION
    if irradiance_threshold_wm2 > clear_sky_wm2(90):
        raise MeasurementError(f"no clear sky gives {irradiance_threshold_wm2} W/m2: lower irradiance_threshold_wm2")
    low, high = 0.0, 90.0
    for _ in range(50):  # each step halves the error
        middle = (low + high) / 2
        low, high = (middle, high) if clear_sky_wm2(middle) < irradiance_threshold_wm2 else (low, middle)
    return high


def daylight(
    period: Period, latitude: float, longitude: float, elevation: float = SUNRISE_ELEVATION
) -> tuple[Period, ...]:
    """The time within the period in which the sun stands at the elevation or higher, to the second.

    Where it stays higher all day the day has no gap; where it never gets there the day has no daylight.
    Raises `MeasurementError` for a place that is not on Earth.
    """
    if not -90 <= latitude <= 90 or not -180 <= longitude <= 180:
        raise MeasurementError(f"latitude {latitude}, longitude {longitude} is no place on Earth")
    days = []
    midnight = period.start.replace(hour=0, minute=0, second=0, microsecond=0) - _DAY
    while midnight < period.end + _DAY:
        day = _solar_day(midnight, latitude, longitude, elevation)
        if day is not None:
            days.append(day)
        midnight += _DAY
    return clip(union(days), period)


def _solar_day(midnight: datetime, latitude: float, longitude: float, elevation: float) -> Period | None:
    """The light around the solar noon of the day that begins at this midnight UTC."""

    def noon_of(at: datetime) -> datetime:
        return midnight + timedelta(minutes=720 - 4 * longitude - _declination_and_equation_of_time(at)[1])

    noon = noon_of(noon_of(midnight + _DAY / 2))
    edges = []
    for sign in (-1, 1):
        edge = noon
        for _ in range(3):  # the sun moves between noon and the edge; three rounds settle to a fraction of a second
            half = _half_day(edge, latitude, elevation)
            if half is None:
                return None
            edge = noon_of(edge) + sign * half
        edges.append(edge.replace(microsecond=0))
    return Period(edges[0], edges[1])


def _half_day(at: datetime, latitude: float, elevation: float) -> timedelta | None:
    """From solar noon until the sun sinks to the elevation: half a day where it does not, None where it never was."""
    north, tilt = radians(latitude), radians(_declination_and_equation_of_time(at)[0])
    reach = sin(radians(elevation)) - sin(north) * sin(tilt)
    across = cos(north) * cos(tilt)
    if reach <= -across:
        return _DAY / 2
    if reach >= across:
        return None
    return timedelta(minutes=4 * degrees(acos(reach / across)))
