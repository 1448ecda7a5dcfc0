"""Land cover of a virtual region through time: each class takes its best pixels, and its area changes at a set rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carbondrivers.datasets.virtual.fields import FloatArray, gaussian_field, standardise
from carbondrivers.datasets.virtual.landscape import PIXEL, Landscape

LEGEND = {1: "forest", 2: "grassland", 3: "cropland", 4: "impervious", 5: "barren", 6: "water"}
OUTSIDE = -1
QUOTAS = {
    "water": (0.012, 0.0),
    "impervious": (0.012, 0.0008),
    "barren": (0.13, -0.0018),
    "forest": (0.17, 0.0014),
    "cropland": (0.25, 0.0012),
}
"""Share of the area in the first year, and its change per year; grassland has the rest. In order of precedence."""
REST = "grassland"


def make_cover(
    rng: np.random.Generator,
    land: Landscape,
    *,
    precipitation: FloatArray,
    sand: FloatArray,
    footprint: FloatArray,
    population: FloatArray,
) -> NDArray[np.int8]:
    """Return the land-cover code of every year.

    Parameters
    ----------
    rng
        Source of the noise.
    land
        The ground.
    precipitation, sand, footprint
        Multi-year means, shape (y, x), mm a-1, % and 0 to 100.
    population
        Shape (years, y, x), person km-2.

    Returns
    -------
    numpy.ndarray
        Shape (years, y, x), int8; -1 where there is no data.
    """
    scores = _suitability(rng, land, precipitation, sand, footprint)
    codes = {name: code for code, name in LEGEND.items()}
    cover = np.full((len(population), *land.shape), OUTSIDE, dtype=np.int8)
    area = int(land.valid.sum())
    for year, people in enumerate(population):
        free = land.valid.copy()
        for name, (share, rate) in QUOTAS.items():
            score = people if name == "impervious" else scores[name]
            n = round(area * min(max(share + rate * year, 0.005), 0.35))
            taken = best_pixels(score, free, n)
            cover[year][taken] = codes[name]
            free[taken] = False
        cover[year][free] = codes[REST]
    return cover


def _suitability(
    rng: np.random.Generator, land: Landscape, precipitation: FloatArray, sand: FloatArray, footprint: FloatArray
) -> dict[str, FloatArray]:
    wet, sandy, used, high, steep = (
        standardise(v, land.valid) for v in (precipitation, sand, np.log(footprint), land.elevation, land.slope)
    )
    names = ("water", "barren", "forest", "cropland")
    noise = {name: mosaic(child, land) for name, child in zip(names, rng.spawn(4), strict=True)}
    return {
        "water": -1.0 * high - 0.5 * steep + 1.0 * noise["water"],
        "barren": -0.45 * wet + 0.55 * sandy - 0.25 * used + 0.8 * noise["barren"],
        "forest": 0.45 * wet + 0.40 * high + 0.45 * steep - 0.35 * used + 0.7 * noise["forest"],
        "cropland": 0.70 * used - 0.55 * steep - 0.20 * high + 0.15 * wet + 0.6 * noise["cropland"],
    }


def mosaic(rng: np.random.Generator, land: Landscape) -> FloatArray:
    """Return standardised noise of patches and grain, shape (y, x)."""
    patches, grain = rng.spawn(2)
    field = gaussian_field(patches, land.shape, 14.0 * PIXEL, pixel=PIXEL)
    return standardise(field + 0.3 * grain.standard_normal(land.shape), land.valid)


def best_pixels(score: FloatArray, free: NDArray[np.bool_], n: int) -> tuple[NDArray[np.intp], ...]:
    """Return rows and columns of the `n` free pixels with the highest score."""
    candidates = np.flatnonzero(free)
    order = np.argsort(-score.ravel()[candidates], kind="stable")[:n]
    return np.unravel_index(candidates[order], free.shape)
