"""Monthly temperature and precipitation of a virtual region.

Temperature: latitude, lapse rate, season, warming, autocorrelated years, a smooth field. Precipitation: regional
gradient, orographic gain, monsoon season, trend, heavy-tailed years, a smooth field.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbondrivers.datasets.virtual.fields import FloatArray, autoregressive, gaussian_field, standardise
from carbondrivers.datasets.virtual.landscape import PIXEL, Landscape

MonthlyArray = NDArray[np.float32]

LAPSE_RATE = 0.0065
TEMPERATURE_AT_REFERENCE, REFERENCE_ELEVATION, REFERENCE_LATITUDE = 7.8, 500.0, 44.0
COOLING_PER_DEGREE = 0.75
SEASON_AMPLITUDE = 17.5
WARMING = 0.03
PRECIPITATION_MEAN = 400.0
GRADIENT_SHARE, FIELD_SHARE, OROGRAPHIC_SHARE = 0.17, 0.13, 0.07
"""Standard deviations of the three parts of mean precipitation, as shares of its mean."""
MONSOON = np.array([0.006, 0.009, 0.02, 0.04, 0.085, 0.17, 0.30, 0.22, 0.09, 0.035, 0.015, 0.01])
LOCAL_RANGE = 40.0 * PIXEL
LOCAL_MODES = 6
MODE_AMPLITUDE = 0.16 / np.sqrt(LOCAL_MODES)


@dataclass(frozen=True, slots=True, eq=False)
class Climate:
    """Monthly climate; float32 arrays of shape (years, 12, y, x).

    Attributes
    ----------
    temperature : numpy.ndarray
        degC.
    precipitation : numpy.ndarray
        mm month-1.
    """

    temperature: MonthlyArray
    precipitation: MonthlyArray


@dataclass(frozen=True, slots=True, eq=False)
class Normals:
    """What a climate oscillates around, where it does not follow from place and height alone.

    Attributes
    ----------
    temperature, amplitude, precipitation : numpy.ndarray
        degC, K and mm a-1 of the ground, (y, x).
    season : numpy.ndarray
        Shares of the months in precipitation, (12,).
    warming : float
        K a-1.
    """

    temperature: FloatArray
    amplitude: FloatArray
    precipitation: FloatArray
    season: FloatArray
    warming: float


def make_climate(rng: np.random.Generator, land: Landscape, n_years: int, normals: Normals | None = None) -> Climate:
    """Return monthly temperature and precipitation.

    Parameters
    ----------
    rng
        Source of the noise.
    land
        The ground.
    n_years
        Number of years.
    normals
        What the climate oscillates around; by default it follows from latitude, elevation and the declared gradients.
    """
    warm, wet, modes = rng.spawn(3)
    local = np.stack([gaussian_field(child, land.shape, LOCAL_RANGE, pixel=PIXEL) for child in modes.spawn(LOCAL_MODES)])
    return Climate(_temperature(warm, land, n_years, local, normals), _precipitation(wet, land, n_years, local, normals))


def mean_temperature(rng: np.random.Generator, land: Landscape) -> FloatArray:
    """Return the temperature that the region's climate oscillates around, shape (y, x), degC."""
    field = standardise(gaussian_field(rng, land.shape, 60.0 * PIXEL, pixel=PIXEL), land.valid)
    altitude = -LAPSE_RATE * (land.elevation - REFERENCE_ELEVATION)
    north = -COOLING_PER_DEGREE * (land.latitude - REFERENCE_LATITUDE)
    return TEMPERATURE_AT_REFERENCE + altitude + north + 0.35 * field


def mean_precipitation(rng: np.random.Generator, land: Landscape) -> FloatArray:
    """Return the precipitation that the region's climate oscillates around, shape (y, x), mm a-1."""
    field = standardise(gaussian_field(rng, land.shape, 50.0 * PIXEL, pixel=PIXEL), land.valid)
    bearing = np.radians(rng.uniform(110.0, 160.0))
    x, y = (land.x - land.x.mean()) / PIXEL, (land.y - land.y.mean()) / PIXEL
    gradient = standardise(np.sin(bearing) * x[None, :] + np.cos(bearing) * y[:, None], land.valid)
    rise = standardise(land.elevation, land.valid)
    free = GRADIENT_SHARE * gradient + FIELD_SHARE * field
    # without what it shares with elevation by chance, so that the orographic gain is the one declared
    free = free - float(np.mean(free[land.valid] * rise[land.valid])) * rise
    relative = 1.0 + free + OROGRAPHIC_SHARE * rise
    # a soft floor: the exponential tail keeps the order of the driest pixels
    soft = np.where(relative > 0.5, relative, 0.5 * np.exp(2.0 * np.minimum(relative, 0.5) - 1.0))
    return np.asarray(PRECIPITATION_MEAN * soft)


def _temperature(
    rng: np.random.Generator, land: Landscape, n_years: int, local: FloatArray, normals: Normals | None
) -> MonthlyArray:
    place, year_noise, month_noise, mode_noise = rng.spawn(4)
    wave = np.cos(2.0 * np.pi * (np.arange(12) - 6.2) / 12.0)
    if normals is None:
        mean, warming, season = mean_temperature(place, land), WARMING, SEASON_AMPLITUDE * wave
    else:
        # the season differs from place to place, so it stands in the means
        mean, warming, season = normals.temperature, normals.warming, np.zeros(12)
    years = np.arange(n_years) - 0.5 * (n_years - 1)
    time = (warming * years + 0.5 * autoregressive(year_noise, n_years, 0.4))[:, None] + season
    time = time + 1.1 * month_noise.standard_normal((n_years, 12))
    loading = 0.3 / np.sqrt(LOCAL_MODES) * mode_noise.standard_normal((n_years, LOCAL_MODES))
    yearly = mean + np.einsum("tk,kyx->tyx", loading, local)
    found = yearly[:, None] + time[:, :, None, None]
    if normals is not None:
        found += normals.amplitude * wave[:, None, None]
    return np.asarray(found, dtype=np.float32)


def _precipitation(
    rng: np.random.Generator, land: Landscape, n_years: int, local: FloatArray, normals: Normals | None
) -> MonthlyArray:
    place, year_noise, month_noise, mode_noise = rng.spawn(4)
    mean = mean_precipitation(place, land) if normals is None else normals.precipitation
    season = MONSOON if normals is None else normals.season / normals.season.sum()
    years = np.arange(n_years) - 0.5 * (n_years - 1)
    tail = np.clip(year_noise.standard_t(4, n_years), -3.0, 4.0)
    yearly = np.exp(0.003 * years + 0.13 * tail)
    monthly = season * month_noise.gamma(6.0, 1.0 / 6.0, (n_years, 12))
    monthly *= yearly[:, None] / monthly.sum(axis=1, keepdims=True)
    loading = MODE_AMPLITUDE * mode_noise.standard_normal((n_years, 12, LOCAL_MODES))
    pattern = np.einsum("tmk,kyx->tmyx", loading.astype(np.float32), local.astype(np.float32))
    np.exp(pattern, out=pattern)
    pattern *= mean.astype(np.float32)
    pattern *= monthly.astype(np.float32)[:, :, None, None]
    return np.asarray(pattern, dtype=np.float32)
