"""Annual NEP, NPP and heterotrophic respiration around a planted mean.

NEP of a year is the planted mean + planted slope x (year - mean year) + a region-wide anomaly + pixel noise; anomalies
have no trend, anomalies and noise have no mean. NPP = NEP + Rh, with Rh after Pei et al. (2009) in the sum form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carbondrivers.datasets.virtual.climate import Climate
from carbondrivers.datasets.virtual.fields import FloatArray, autoregressive, gaussian_field, standardise
from carbondrivers.datasets.virtual.landscape import PIXEL, Landscape
from carbondrivers.errors import DataError

SPREAD, LEAST_SPREAD = 55.0, 25.0
"""Standard deviation of mean NEP, g C m-2 a-1, and the least that a region may need."""
MEAN_IN_SPREADS = 1.1
ANOMALY, NOISE = 9.0, 6.0
LEAST_NPP, GREATEST_NPP = 2.0, 2500.0
TREND_RANGE = 45.0 * PIXEL


@dataclass(frozen=True, slots=True, eq=False)
class Carbon:
    """Annual carbon fluxes; arrays of shape (years, y, x), g C m-2 a-1, NaN outside.

    Attributes
    ----------
    nep, npp : numpy.ndarray
        Net ecosystem and net primary productivity.
    trend : numpy.ndarray
        Planted slope of NEP, (y, x), g C m-2 a-2.
    """

    nep: FloatArray
    npp: FloatArray
    trend: FloatArray


def make_carbon(rng: np.random.Generator, land: Landscape, climate: Climate, nep_z: FloatArray) -> Carbon:
    """Return annual NEP and NPP.

    Parameters
    ----------
    rng
        Source of the trend, the anomalies and the noise.
    land
        The ground.
    climate
        Monthly temperature and precipitation, which give Rh.
    nep_z
        Standardised mean NEP of the valid pixels, shape (n,).

    Raises
    ------
    DataError
        If respiration is too low for a positive NPP.

    Notes
    -----
    The spread of mean NEP is 55, or less where NPP of the strongest source would fall to zero. Values are not clipped.
    """
    slopes, years, pixels = rng.spawn(3)
    trend = make_trend(slopes, land)
    respiration = heterotrophic_respiration(climate)[:, land.valid]
    change = _change(years, pixels, trend[land.valid], len(respiration))
    mean = _mean_nep(nep_z, (respiration + change).min(axis=0))
    nep = mean + change
    npp = nep + respiration
    if npp.min() < 0.0 or npp.max() > GREATEST_NPP:
        raise DataError(f"NPP of this virtual region leaves 0 to {GREATEST_NPP:g} g C m-2 a-1: choose another seed")
    return Carbon(_on_grid(nep, land), _on_grid(npp, land), np.where(land.valid, trend, np.nan))


def heterotrophic_respiration(climate: Climate) -> FloatArray:
    """Return annual Rh: the sum over months of 0.22 (exp(0.0913 T) + ln(0.3145 P + 1)) x 30 x 0.465 (Pei et al. 2009).

    Parameters
    ----------
    climate
        Monthly T (degC) and P (mm month-1), float32; they are widened before the equation.

    Returns
    -------
    numpy.ndarray
        Shape (years, y, x), g C m-2 a-1.
    """
    years = []
    for t, p in zip(climate.temperature, climate.precipitation, strict=True):
        warm, wet = np.exp(0.0913 * t.astype(np.float64)), np.log(0.3145 * p.astype(np.float64) + 1.0)
        years.append((0.22 * (warm + wet) * 30.0 * 0.465).sum(axis=0))
    return np.stack(years)


def make_trend(rng: np.random.Generator, land: Landscape) -> FloatArray:
    """Return planted slopes, shape (y, x), g C m-2 a-2: mostly rising, some exactly flat, a little falling."""
    field = standardise(gaussian_field(rng, land.shape, TREND_RANGE, pixel=PIXEL), land.valid)
    shifted = 1.1 * (field + 0.45)
    return np.asarray(np.clip(np.sign(shifted) * np.maximum(np.abs(shifted) - 0.6, 0.0), -1.5, 4.0))


def _change(years: np.random.Generator, pixels: np.random.Generator, trend: FloatArray, n_years: int) -> FloatArray:
    time = np.arange(n_years) - 0.5 * (n_years - 1)
    series = autoregressive(years, n_years, 0.3)
    series = series - series.mean()
    series = series - time * np.sum(time * series) / np.sum(time**2)
    noise = NOISE * pixels.standard_normal((n_years, len(trend)))
    noise -= noise.mean(axis=0)
    return np.asarray(time[:, None] * trend + ANOMALY * series[:, None] + noise)


def _mean_nep(nep_z: FloatArray, room: FloatArray) -> FloatArray:
    unit = MEAN_IN_SPREADS + nep_z
    source = unit < 0.0
    limits = (room[source] - LEAST_NPP) / -unit[source]
    spread = min(SPREAD, float(limits.min(initial=SPREAD)))
    if spread < LEAST_SPREAD:
        raise DataError(
            f"respiration of this virtual region allows a spread of NEP of {spread:.0f}, "
            f"must be at least {LEAST_SPREAD:g} g C m-2 a-1: choose another seed"
        )
    return np.asarray(spread * unit)


def _on_grid(values: FloatArray, land: Landscape) -> FloatArray:
    grid = np.full((len(values), *land.shape), np.nan)
    grid[:, land.valid] = values
    return grid
