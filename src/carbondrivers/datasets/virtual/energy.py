"""Monthly solar radiation and potential evapotranspiration of a virtual region.

Radiation: extraterrestrial radiation of FAO-56 (Allen et al. 1998, equations 21 to 25) times the Angstrom
transmissivity 0.25 + 0.50 n/N, with fewer sunny hours in wet months, and more of it on slopes that face south.
Potential evapotranspiration: Jensen & Haise (1963, J. Irrig. Drain. Div. ASCE 89: 15-41).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carbondrivers.datasets.virtual.climate import Climate, MonthlyArray
from carbondrivers.datasets.virtual.fields import FloatArray
from carbondrivers.datasets.virtual.landscape import Landscape

SOLAR_CONSTANT = 0.0820
LATENT_HEAT = 2.45
DIRECT_SHARE = 0.6
MID_MONTH = np.array([15, 46, 74, 105, 135, 166, 196, 227, 258, 288, 319, 349])
DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@dataclass(frozen=True, slots=True, eq=False)
class Energy:
    """Monthly energy; float32 arrays of shape (years, 12, y, x).

    Attributes
    ----------
    radiation : numpy.ndarray
        MJ m-2 d-1.
    pet : numpy.ndarray
        mm month-1.
    """

    radiation: MonthlyArray
    pet: MonthlyArray


def make_energy(land: Landscape, climate: Climate) -> Energy:
    """Return monthly radiation and potential evapotranspiration; nothing here is random.

    Parameters
    ----------
    land
        The ground.
    climate
        Monthly temperature and precipitation.
    """
    top = extraterrestrial_radiation(land.latitude, MID_MONTH) * _exposure(land)
    sunshine = np.clip(np.float32(0.74) - np.float32(0.0010) * climate.precipitation, 0.15, 0.9)
    radiation = (np.float32(0.25) + np.float32(0.50) * sunshine) * top.astype(np.float32)
    pet = np.float32(0.025) * climate.temperature + np.float32(0.08)
    np.maximum(pet, np.float32(0.0), out=pet)
    pet *= radiation
    pet *= (DAYS / LATENT_HEAT).astype(np.float32)[:, None, None]
    return Energy(radiation, pet)


def extraterrestrial_radiation(latitude: FloatArray, day: FloatArray | np.ndarray) -> FloatArray:
    """Return FAO-56 extraterrestrial radiation (Allen et al. 1998, equation 21).

    Parameters
    ----------
    latitude
        Degrees, shape (y, x).
    day
        Days of the year, shape (days,).

    Returns
    -------
    numpy.ndarray
        Shape (days, y, x), MJ m-2 d-1.

    Examples
    --------
    >>> extraterrestrial_radiation(np.array([[-20.0]]), np.array([246])).round(1).item()
    32.2
    """
    angle = (2.0 * np.pi / 365.0 * np.asarray(day, dtype=np.float64))[:, None, None]
    distance = 1.0 + 0.033 * np.cos(angle)
    declination = 0.409 * np.sin(angle - 1.39)
    phi = np.radians(latitude)
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(declination), -1.0, 1.0))
    geometry = sunset * np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.sin(sunset)
    return np.asarray(24.0 * 60.0 / np.pi * SOLAR_CONSTANT * distance * geometry)


def _exposure(land: Landscape) -> FloatArray:
    declination = (0.409 * np.sin(2.0 * np.pi / 365.0 * MID_MONTH - 1.39))[:, None, None]
    zenith = np.radians(land.latitude) - declination
    slope = np.radians(land.slope)
    beam = np.cos(slope) - np.sin(slope) * np.tan(zenith) * land.northness
    return np.asarray(np.clip(DIRECT_SHARE * beam + 1.0 - DIRECT_SHARE, 0.4, 1.5))
