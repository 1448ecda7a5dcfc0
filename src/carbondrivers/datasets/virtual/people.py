"""People of a virtual region: cities on flat low ground, roads between them, population, GDP and human footprint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree

from carbondrivers.datasets.virtual.fields import FloatArray, fractal_field, gaussian_field, standardise
from carbondrivers.datasets.virtual.landscape import PIXEL, Landscape

AREA_PER_CITY = 1600.0
LARGEST_CITY = 6000.0
RURAL_DENSITY = 22.0
URBAN_GROWTH, RURAL_GROWTH, INCOME_GROWTH = 0.022, -0.003, 0.07
INCOME = 1.1
"""GDP per person in the first year, 10^4 CNY."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Human activity; float64 arrays of shape (years, y, x).

    Attributes
    ----------
    population : numpy.ndarray
        person km-2.
    gdp : numpy.ndarray
        10^4 CNY km-2.
    footprint : numpy.ndarray
        0 to 100.
    """

    population: FloatArray
    gdp: FloatArray
    footprint: FloatArray


def make_people(rng: np.random.Generator, land: Landscape, n_years: int) -> People:
    """Return population, GDP and human footprint of every year.

    Parameters
    ----------
    rng
        Source of the noise.
    land
        The ground.
    n_years
        Number of years.
    """
    place, country, sprawl = rng.spawn(3)
    suitability = _suitability(place, land)
    cities = _cities(suitability, land)
    years = np.arange(n_years)[:, None, None]
    edge = np.exp(0.3 * fractal_field(sprawl, land.shape, 10.0 * PIXEL, pixel=PIXEL, octaves=3))
    urban = _urban(cities, land, n_years, edge)
    lived_in = standardise(suitability + 0.6 * gaussian_field(country, land.shape, 15.0 * PIXEL, pixel=PIXEL), land.valid)
    rural = RURAL_DENSITY * np.exp(0.55 * lived_in) * (1.0 + RURAL_GROWTH) ** years
    population = urban + rural
    income = INCOME * (1.0 + INCOME_GROWTH) ** years * (0.8 + 0.7 * urban / (urban + 150.0))
    near_road = np.exp(-_road_distance(cities, land) / 5.0)
    footprint = 1.0 + 6.5 * np.log10(1.0 + population) + (7.0 + 0.15 * years) * near_road
    return People(population, population * income, footprint)


def _suitability(rng: np.random.Generator, land: Landscape) -> FloatArray:
    field = standardise(gaussian_field(rng, land.shape, 25.0 * PIXEL, pixel=PIXEL), land.valid)
    flat, low = (-standardise(v, land.valid) for v in (land.slope, land.elevation))
    return 0.6 * flat + 0.5 * low + 0.6 * field


def _cities(suitability: FloatArray, land: Landscape) -> NDArray[np.int64]:
    n = int(np.clip(round(land.valid.sum() / AREA_PER_CITY), 3, 40))
    spacing = 0.55 * np.sqrt(land.valid.sum() / n)
    free = land.valid.copy()
    rows, columns = np.ogrid[: land.shape[0], : land.shape[1]]
    found: list[tuple[int, int]] = []
    for _ in range(n):
        row, column = divmod(int(np.where(free, suitability, -np.inf).argmax()), land.shape[1])
        found.append((row, column))
        free &= np.hypot(rows - row, columns - column) > spacing
    return np.array(found, dtype=np.int64)


def _urban(cities: NDArray[np.int64], land: Landscape, n_years: int, edge: FloatArray) -> FloatArray:
    rows, columns = np.ogrid[: land.shape[0], : land.shape[1]]
    years = np.arange(n_years)[:, None, None]
    total = np.zeros((n_years, *land.shape))
    for rank, (row, column) in enumerate(cities, start=1):
        distance = (edge * np.hypot(rows - row, columns - column))[None]
        reach = (1.0 + 1.6 / rank**0.5) * (1.0 + 0.010 * years)
        total += LARGEST_CITY / rank**0.8 * (1.0 + URBAN_GROWTH) ** years * np.exp(-distance / reach)
    return total


def _road_distance(cities: NDArray[np.int64], land: Landscape) -> FloatArray:
    between = np.hypot(*(cities[:, None, :] - cities[None, :, :]).transpose(2, 0, 1)).astype(np.float64)
    rows, columns = np.ogrid[: land.shape[0], : land.shape[1]]
    nearest = np.full(land.shape, np.inf)
    for start, end in zip(*minimum_spanning_tree(between).nonzero(), strict=True):
        (r0, c0), (r1, c1) = cities[start].astype(float), cities[end].astype(float)
        length = (r1 - r0) ** 2 + (c1 - c0) ** 2
        along = np.clip(((rows - r0) * (r1 - r0) + (columns - c0) * (c1 - c0)) / length, 0.0, 1.0)
        away = np.hypot(rows - r0 - along * (r1 - r0), columns - c0 - along * (c1 - c0))
        nearest = np.minimum(nearest, away)
    return nearest
