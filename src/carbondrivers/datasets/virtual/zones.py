"""Sub-regions of a virtual region: irregular polygons along pixel edges that tile the study area."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from carbondrivers.datasets.virtual.fields import fractal_field
from carbondrivers.datasets.virtual.landscape import Landscape
from carbondrivers.errors import DataError

LEAST, MOST = 4, 6


def make_zones(rng: np.random.Generator, land: Landscape) -> gpd.GeoDataFrame:
    """Return 4 to 6 polygons, with columns name and geometry, that tile the study area (its lake included).

    Parameters
    ----------
    rng
        Source of the borders.
    land
        The ground.
    """
    labels = _labels(rng, land)
    shapes = [_outline(labels == label, land) for label in range(int(labels.max()) + 1)]
    shapes.sort(key=lambda shape: (-shape.centroid.y, shape.centroid.x))
    names = [f"Region {chr(ord('A') + i)}" for i in range(len(shapes))]
    return gpd.GeoDataFrame({"name": names}, geometry=shapes, crs=land.crs)


def outlines(labels: NDArray[np.int64], land: Landscape, names: Sequence[str]) -> gpd.GeoDataFrame:
    """Return the polygons of numbered sub-regions, with columns name and geometry.

    Parameters
    ----------
    labels
        Number of the sub-region of each pixel, (y, x), -1 outside.
    land
        The ground.
    names
        Of the numbers.
    """
    shapes = [_outline(labels == number, land) for number in range(len(names))]
    return gpd.GeoDataFrame({"name": list(names)}, geometry=shapes, crs=land.crs)


def joined(labels: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return labels of which each, of `n`, is one piece: lesser pieces pass to a neighbour.

    Parameters
    ----------
    labels
        (y, x), -1 outside.
    n
        How many there must be.

    Raises
    ------
    DataError
        If one of them has no pixel: the grid is too coarse for it.
    """
    missing = n - len(np.unique(labels[labels >= 0]))
    if missing:
        raise DataError(f"{missing} of {n} sub-regions of this virtual region have no pixel: take a finer shape")
    return _one_piece_each(labels)


def _labels(rng: np.random.Generator, land: Landscape) -> NDArray[np.int64]:
    place, bend_rows, bend_columns = rng.spawn(3)
    n = int(place.integers(LEAST, MOST + 1))
    candidates = np.argwhere(land.inside)
    seeds = [candidates[int(place.integers(len(candidates)))]]
    pool = candidates[place.integers(len(candidates), size=60)]
    for _ in range(n - 1):
        # the farthest of a few random pixels: spread out, yet not a lattice
        gaps = np.min([np.hypot(*(pool - seed).T) for seed in seeds], axis=0)
        seeds.append(pool[int(gaps.argmax())])
    size = 0.05 * min(land.shape)
    rows, columns = np.indices(land.shape).astype(np.float64)
    rows += size * fractal_field(bend_rows, land.shape, 0.25 * min(land.shape))
    columns += size * fractal_field(bend_columns, land.shape, 0.25 * min(land.shape))
    labels = np.argmin([np.hypot(rows - r, columns - c) for r, c in seeds], axis=0)
    return _one_piece_each(np.where(land.inside, labels, -1))


def _one_piece_each(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    kept = np.full(labels.shape, -1, dtype=np.int64)
    for new, label in enumerate(np.unique(labels[labels >= 0])):
        pieces, _ = ndimage.label(labels == label)
        kept[pieces == int(np.bincount(pieces.ravel())[1:].argmax()) + 1] = new
    return _grow(kept, labels >= 0)


def _grow(kept: NDArray[np.int64], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    grown = np.pad(kept, 1, constant_values=-1)
    unassigned = np.pad(inside, 1) & (grown < 0)
    # edge by edge, so that a piece that is handed over always touches its new owner
    while unassigned.any():
        for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
            neighbour = np.roll(grown, shift, axis)
            taken = unassigned & (neighbour >= 0)
            grown[taken] = neighbour[taken]
            unassigned &= ~taken
    return grown[1:-1, 1:-1]


def _outline(mask: NDArray[np.bool_], land: Landscape) -> shapely.Geometry:
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    edge = land.pixel
    west, south = land.x[0] - 0.5 * edge, land.y[rows] - 0.5 * edge
    sides = (west + edge * starts, south, west + edge * ends, south + edge)
    # neighbours must name a common edge by the same number
    boxes = shapely.box(*(np.round(side, 9) for side in sides))
    return shapely.union_all(boxes)
