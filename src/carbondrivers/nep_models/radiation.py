"""Solar radiation where none is measured: outside the atmosphere, by sunshine, by temperature range, clear sky.

FAO-56 (Allen et al. 1998): ``Ra = 24 60 / pi 0.0820 dr (ws sin phi sin d + cos phi cos d sin ws)`` with
``dr = 1 + 0.033 cos(2 pi J / 365)``, ``d = 0.409 sin(2 pi J / 365 - 1.39)`` and ``ws = arccos(-tan phi tan d)``, clipped to 0
(polar night) and pi (polar day). All radiation is MJ m-2 d-1, a month's mean taken at its middle day. Measured or
reanalysed radiation is better than any of them. Constants and status: ``parameters/radiation.toml``.
"""

from __future__ import annotations

import warnings

import numpy as np

from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.nep_models.apply import Quantity, Values, declare, flag, parameters
from carbondrivers.nep_models.elementwise import count_true, not_negative

DEGREES = ("degree", "degrees_north", "degree_north")
LATITUDE = Quantity("latitude", DEGREES, -90.0, 90.0, "Latitude", strict=True)
DAY_OF_YEAR = Quantity("day_of_year", ("1", "d"), 1.0, 366.0, "Day of the year", strict=True)
HOURS = Quantity("daylight_hours", ("h d-1", "h"), 0.0, 24.0, "Daylight", strict=True)
ELEVATION = Quantity("elevation", ("m",), -450.0, 8900.0, "Elevation", strict=True)
TEMPERATURE = Quantity("temperature", ("degC",), -75.0, 60.0, "Daily extreme of air temperature", strict=True)
EXTRATERRESTRIAL = Quantity("extraterrestrial", ("MJ m-2 d-1",), 0.0, 50.0, "Extraterrestrial radiation", strict=True)
SOLAR = Quantity("solar_radiation", ("MJ m-2 d-1",), 0.0, 45.0, "Solar radiation", strict=True)
PAR = Quantity("par", ("MJ m-2 d-1",), 0.0, 25.0, "Photosynthetically active radiation", strict=True)
PPFD = Quantity("ppfd", ("mol m-2 d-1",), 0.0, 110.0, "Photosynthetic photon flux density", strict=True)


@declare(EXTRATERRESTRIAL, latitude=LATITUDE, day_of_year=DAY_OF_YEAR)
def extraterrestrial(latitude: Values, day_of_year: Values) -> Values:
    """Return daily solar radiation outside the atmosphere.

    Parameters
    ----------
    latitude
        Degrees, north positive, any shape.
    day_of_year
        1 to 366, of a shape that broadcasts.

    Returns
    -------
    same kind as the inputs
        MJ m-2 d-1, 0 in the polar night; NaN where an input is NaN.

    Raises
    ------
    DataError
        If a latitude or a day is outside its range.

    References
    ----------
    Allen, R. G. et al. (1998), FAO Irrigation and Drainage Paper 56, equations 21 to 25.

    Examples
    --------
    >>> round(float(extraterrestrial(-20.0, 246)), 6)
    32.193996
    """
    solar_constant = parameters("radiation.fao56")["solar_constant"]["value"]
    phi, declination = np.deg2rad(latitude), _declination(day_of_year)
    sunset = _sunset_angle(phi, declination)
    distance = 1.0 + 0.033 * np.cos(2.0 * np.pi * day_of_year / 365.0)
    height = sunset * np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.sin(sunset)
    return np.maximum(24.0 * 60.0 / np.pi * solar_constant * height * distance, 0.0)


@declare(HOURS, latitude=LATITUDE, day_of_year=DAY_OF_YEAR)
def daylight_hours(latitude: Values, day_of_year: Values) -> Values:
    """Return the hours from sunrise to sunset (arguments and errors as in ``extraterrestrial``).

    Examples
    --------
    >>> round(float(daylight_hours(-22.9, 135)), 1), float(daylight_hours(80.0, 355)), float(daylight_hours(80.0, 172))
    (10.9, 0.0, 24.0)
    """
    return 24.0 / np.pi * _sunset_angle(np.deg2rad(latitude), _declination(day_of_year))


def _declination(day_of_year: Values) -> Values:
    return 0.409 * np.sin(2.0 * np.pi * day_of_year / 365.0 - 1.39)


def _sunset_angle(phi: Values, declination: Values) -> Values:
    cosine = -np.tan(phi) * np.tan(declination)
    return np.arccos(np.minimum(np.maximum(cosine, -1.0), 1.0))


@declare(SOLAR, extraterrestrial=EXTRATERRESTRIAL, sunshine=HOURS, daylight=HOURS)
def angstrom(extraterrestrial: Values, sunshine: Values, daylight: Values, *, a: float = 0.25, b: float = 0.50) -> Values:
    """Return solar radiation by hours of sunshine, (a + b n / N) Ra.

    Parameters
    ----------
    extraterrestrial
        Ra, MJ m-2 d-1.
    sunshine, daylight
        n and N, h d-1 (``daylight_hours``); n / N counts as 1 at most, and as 0 in the polar night.
    a, b
        Share of Ra on an overcast day, and what sunshine adds; each in [0, 1], at most 1 together.

    Returns
    -------
    same kind as the inputs
        MJ m-2 d-1; NaN where an input is NaN.

    Raises
    ------
    OptionError
        If `a` or `b` is outside its range.
    DataError
        If an input carries another unit or is outside its range.

    Warns
    -----
    DataWarning
        If sunshine exceeds daylight by more than half an hour somewhere.

    Examples
    --------
    >>> round(float(angstrom(25.1, 7.1, 10.9)), 2)
    14.45
    """
    if not (0.0 <= a <= 1.0 and 0.0 <= b <= 1.0 and a + b <= 1.0):
        raise OptionError(f"a and b must be in [0, 1] and at most 1 together, got a={a!r}, b={b!r}")
    count = count_true(sunshine > daylight + 0.5)
    if count:
        text = f"sunshine exceeds daylight in {count} cells: it counts as full; look at the day of the year and the latitude"
        warnings.warn(text, DataWarning, stacklevel=3)
    share = np.minimum(sunshine / np.maximum(daylight, 1e-9), 1.0)
    return (a + b * share) * extraterrestrial


@declare(
    SOLAR, temperature_min=TEMPERATURE, temperature_max=TEMPERATURE, extraterrestrial=EXTRATERRESTRIAL, elevation=ELEVATION
)
def hargreaves(
    temperature_min: Values,
    temperature_max: Values,
    extraterrestrial: Values,
    *,
    elevation: Values = 0.0,
    k: float = 0.16,
) -> Values:
    """Return solar radiation by the daily range of temperature, k sqrt(Tmax - Tmin) Ra, at most that of a clear sky.

    Parameters
    ----------
    temperature_min, temperature_max
        Means of the daily extremes, degC.
    extraterrestrial
        Ra, MJ m-2 d-1.
    elevation
        Metres, for the clear sky.
    k
        0.16 in the interior, 0.19 at the coast, degC-0.5; in [0.05, 0.3].

    Returns
    -------
    same kind as the inputs
        MJ m-2 d-1; NaN where an input is NaN, or where a lazy minimum exceeds its maximum.

    Raises
    ------
    OptionError
        If `k` is outside its range.
    DataError
        If a minimum exceeds its maximum, or an input carries another unit or is outside its range.

    Examples
    --------
    >>> round(float(hargreaves(10.0, 26.0, 30.0)), 6), round(float(hargreaves(0.0, 36.0, 30.0)), 6)
    (19.2, 22.5)
    """
    if not 0.05 <= k <= 0.3:
        raise OptionError(f"k must be in [0.05, 0.3]: 0.16 in the interior, 0.19 at the coast, got {k!r}")
    span = temperature_max - temperature_min
    count = count_true(span < 0)
    if count:
        raise DataError(f"temperature_min exceeds temperature_max in {count} cells: were the two exchanged?")
    return np.minimum(k * np.sqrt(not_negative(span)), _clear_share(elevation)) * extraterrestrial


@declare(SOLAR, extraterrestrial=EXTRATERRESTRIAL, elevation=ELEVATION)
def clear_sky(extraterrestrial: Values, elevation: Values) -> Values:
    """Return solar radiation below a cloudless sky, (0.75 + 2e-5 z) Ra: an upper bound, not a climate.

    Parameters
    ----------
    extraterrestrial
        Ra, MJ m-2 d-1.
    elevation
        z, metres.

    Returns
    -------
    same kind as the inputs
        MJ m-2 d-1; a labelled array says in ``nep_flags`` that it is too high wherever there are clouds.

    Raises
    ------
    DataError
        If an input carries another unit or is outside its range.

    Examples
    --------
    >>> round(float(clear_sky(30.0, 1000.0)), 6)
    23.1
    """
    return flag(_clear_share(elevation) * extraterrestrial, "clear_sky: radiation is too high wherever there are clouds")


def _clear_share(elevation: Values) -> Values:
    return 0.75 + 2e-5 * elevation


@declare(PAR, solar=SOLAR)
def par_from_solar(solar: Values, *, fraction: float = 0.5) -> Values:
    """Return photosynthetically active radiation, MJ m-2 d-1: half of solar (CASA), or 0.45 of it (MOD17).

    Examples
    --------
    >>> par_from_solar(20.0), par_from_solar(20.0, fraction=0.45)
    (10.0, 9.0)
    """
    if not 0.3 <= fraction <= 0.6:
        raise OptionError(f"fraction must be in [0.3, 0.6]: 0.5 (CASA) or 0.45 (MOD17), got {fraction!r}")
    return fraction * solar


@declare(PAR, ppfd=PPFD)
def par_from_ppfd(ppfd: Values) -> Values:
    """Return photosynthetically active radiation, MJ m-2 d-1, from photons, mol m-2 d-1 (4.57 mol per MJ).

    Examples
    --------
    >>> par_from_ppfd(45.7)
    10.0
    """
    return ppfd / parameters("radiation.par")["photons"]["value"]
