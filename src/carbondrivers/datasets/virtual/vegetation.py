"""Monthly NDVI, near-infrared reflectance, leaf area and clumping of a virtual region: cover, water and warmth, with a
growing season.

All are consequences of the drivers, and so are not offered as drivers by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbondrivers.datasets.virtual.climate import Climate, MonthlyArray
from carbondrivers.datasets.virtual.cover import LEGEND
from carbondrivers.datasets.virtual.energy import Energy
from carbondrivers.datasets.virtual.landscape import Landscape

DORMANT = {"forest": 0.24, "grassland": 0.14, "cropland": 0.13, "impervious": 0.09, "barren": 0.07, "water": -0.12}
PEAK = {"forest": 0.98, "grassland": 0.80, "cropland": 0.90, "impervious": 0.34, "barren": 0.24, "water": -0.02}
BACKGROUND = {"forest": 0.12, "grassland": 0.19, "cropland": 0.18, "impervious": 0.20, "barren": 0.27, "water": 0.06}
NIR_GAIN = 0.24
CLUMPED = {"forest": 0.70, "grassland": 0.85, "cropland": 0.85, "impervious": 0.90, "barren": 0.92, "water": 1.0}
"""Clumping index of a full canopy; leaves stand the more at random the fewer there are."""
BARE_NDVI, FULL_NDVI, EXTINCTION = 0.08, 0.97, 0.5
GPP_SLOPE = {"forest": 2.7, "grassland": 2.6, "cropland": 2.8, "impervious": 2.0, "barren": 2.0}
"""GPP per PAR and soil-adjusted NIRv by class, g C MJ-1: what a calibration at towers would have found here."""


@dataclass(frozen=True, slots=True, eq=False)
class Vegetation:
    """Monthly vegetation; dimensionless float32 arrays of shape (years, 12, y, x).

    Attributes
    ----------
    ndvi, nir : numpy.ndarray
        Normalised difference vegetation index; near-infrared reflectance.
    lai : numpy.ndarray
        Leaf area index, m2 m-2.
    clumping : numpy.ndarray
        Clumping index of the leaves, 0 to 1.
    """

    ndvi: MonthlyArray
    nir: MonthlyArray
    lai: MonthlyArray
    clumping: MonthlyArray


@dataclass(frozen=True, slots=True)
class Optics:
    """Leaves and ground of the classes of a legend.

    Attributes
    ----------
    legend : mapping
        Land-cover code to class.
    dormant, peak, background, clumped : mapping
        By class: NDVI without and with full growth, reflectance of the ground, clumping index of a full canopy.
    """

    legend: Mapping[int, str]
    dormant: Mapping[str, float]
    peak: Mapping[str, float]
    background: Mapping[str, float]
    clumped: Mapping[str, float]

    def of(self, table: Mapping[str, float], cover: NDArray[np.int8]) -> NDArray[np.float32]:
        """Return the value of each cell's class; that of the first class outside."""
        lookup = np.zeros(max(self.legend) + 1, dtype=np.float32)
        for code, name in self.legend.items():
            lookup[code] = table[name]
        return np.asarray(lookup[np.maximum(cover, 0)], dtype=np.float32)


OPTICS = Optics(LEGEND, DORMANT, PEAK, BACKGROUND, CLUMPED)


def make_vegetation(
    rng: np.random.Generator, land: Landscape, climate: Climate, energy: Energy, cover: NDArray[np.int8]
) -> Vegetation:
    """Return monthly NDVI, near-infrared reflectance, leaf area and clumping.

    Parameters
    ----------
    rng
        Source of the measurement noise.
    land
        The ground.
    climate, energy
        Monthly fields, shape (years, 12, y, x).
    cover
        Codes, shape (years, y, x).
    """
    noise = rng.standard_normal((len(cover), 12, *land.shape), dtype=np.float32)
    return vegetation_of(climate, energy.pet, cover, noise)


def vegetation_of(
    climate: Climate,
    pet: MonthlyArray,
    cover: NDArray[np.int8],
    noise: MonthlyArray | float,
    *,
    optics: Optics = OPTICS,
    gain: NDArray[np.float32] | None = None,
) -> Vegetation:
    """Return the vegetation of cells of any arrangement.

    Parameters
    ----------
    climate, pet
        Months, shape (years, 12, ...).
    cover
        Codes, shape (years, ...).
    noise
        Standard normal, shape (years, 12, ...), or 0.
    optics
        Of the legend's classes.
    gain
        Factor of the growth above the dormant state, shape (years, ...); 1 by default.
    """
    low, high, background = (optics.of(table, cover) for table in (optics.dormant, optics.peak, optics.background))
    wet, demand = climate.precipitation.sum(axis=1), pet.sum(axis=1)
    supply = wet / (wet + np.float32(0.25) * demand)
    amplitude = (high - low) * supply
    ndvi = _season(climate.temperature)
    ndvi *= (amplitude if gain is None else amplitude * gain)[:, None]
    ndvi += low[:, None]
    ndvi += np.float32(0.012) * np.float32(noise)
    np.clip(ndvi, -0.3, 0.95, out=ndvi)
    nir = np.float32(NIR_GAIN) * ndvi
    nir += background[:, None]
    full = optics.of(optics.clumped, cover)[:, None]
    covered = np.clip((ndvi - np.float32(BARE_NDVI)) / np.float32(FULL_NDVI - BARE_NDVI), 0.0, 0.97)
    # light that passes a canopy falls with its leaf area (Beer), so its cover gives the leaf area
    lai = np.asarray(-np.log1p(-covered) / np.float32(EXTINCTION), dtype=np.float32)
    clumping = np.asarray(np.float32(1.0) - (np.float32(1.0) - full) * covered, dtype=np.float32)
    return Vegetation(ndvi, nir, lai, clumping)


def _season(temperature: MonthlyArray) -> MonthlyArray:
    season = (np.float32(9.0) - temperature) / np.float32(2.8)
    np.exp(season, out=season)
    season += np.float32(1.0)
    np.reciprocal(season, out=season)
    # leaves lag warmth by about half a month
    return np.asarray(0.5 * season + 0.5 * np.roll(season, 1, axis=1), dtype=np.float32)
