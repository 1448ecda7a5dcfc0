"""Neighbours of units that lie on no grid, through libpysal: made from places, or copied from what a user gives.

Distances are true metres whatever the reference system: places are taken to geocentric coordinates, where the straight
line between two points differs from the way over the ground by less than 0.1 % up to 900 km.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.units import shown
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import DataError, OptionError

if TYPE_CHECKING:
    from libpysal.graph import Graph

EARTH_RADIUS_M = 6_371_008.8
GEOCENTRIC = "EPSG:4978"


def nearest_neighbours(sample: PixelSample, k: int = 8) -> Graph:
    """Return weights that join every row to its `k` nearest others, by true distance.

    Parameters
    ----------
    sample
        With coordinates and their reference system.
    k
        Neighbours of a row, from 1 to the number of rows less one. A row's neighbour need not have the row as its own.

    Returns
    -------
    libpysal.graph.Graph
        Binary weights; its ids are the row numbers of the sample.

    Raises
    ------
    DataError
        If the sample has no coordinates, or no reference system.
    OptionError
        If `k` is out of range.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [0.0, 1, 3, 9], "y": [0.0, 0, 0, 0], "nep": [1.0, 2, 4, 3], "dem": [3.0, 1, 2, 9]})
    >>> sample = PixelSample.from_frame(
    ...     frame, response="nep", drivers={"dem": "topography"}, coordinates=("x", "y"), crs="EPSG:4326"
    ... )
    >>> nearest_neighbours(sample, 1)[2].index.tolist()
    [1]
    """
    if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k < sample.n:
        raise OptionError(f"k must be a whole number from 1 to the number of rows less one ({sample.n - 1}), got {k!r}")
    from libpysal.weights import KNN

    return _graph(KNN.from_array(_geocentric(sample), k=k, silence_warnings=True))


def distance_band(sample: PixelSample, metres: float) -> Graph:
    """Return weights that join all rows of a sample that lie at most so many metres apart; others are as above.

    Raises
    ------
    DataError
        If the sample has no coordinates, or no reference system.
    OptionError
        If `metres` is not a length between 0 and half the way round the earth.
    """
    if not isinstance(metres, int | float) or isinstance(metres, bool) or not 0.0 < metres <= np.pi * EARTH_RADIUS_M:
        raise OptionError(f"metres must be a distance above 0, at most half the way round the earth, got {metres!r}")
    from libpysal.weights import DistanceBand

    straight = 2.0 * EARTH_RADIUS_M * np.sin(metres / (2.0 * EARTH_RADIUS_M))
    return _graph(DistanceBand.from_array(_geocentric(sample), threshold=straight, silence_warnings=True))


def _graph(weights: Any) -> Graph:
    from libpysal.graph import Graph

    return Graph.from_W(weights)


def _geocentric(sample: PixelSample) -> Floats:
    if sample.coordinates is None or sample.crs is None:
        lacking = "coordinates" if sample.coordinates is None else "crs"
        raise DataError(f"the sample has no {lacking}: give {lacking}=... to PixelSample.from_frame, or weights of your own")
    from pyproj import Transformer

    x, y = (sample.frame[name].to_numpy(dtype=np.float64) for name in sample.coordinates)
    # Through degrees: a projected system alone has no height, and the ellipsoid's surface is meant.
    lon, lat = Transformer.from_crs(sample.crs, "EPSG:4326", always_xy=True).transform(x, y)
    placed = Transformer.from_crs("EPSG:4979", GEOCENTRIC, always_xy=True).transform(lon, lat, np.zeros(len(x)))
    return np.column_stack(placed)


def copied(weights: object, ids: Sequence[object]) -> Graph:
    """Return a copy of weights, joined by row numbers; what was given is left as it is.

    Parameters
    ----------
    weights
        ``libpysal.graph.Graph`` or ``libpysal.weights.W``. Links of weight 0 are left out; a unit without any link is an
        island.
    ids
        Of the rows, in their order.

    Raises
    ------
    DataError
        If it is neither, its units are not the rows in their order, or a weight is negative, not finite, or joins a unit to
        itself.
    """
    from libpysal.graph import Graph
    from libpysal.weights import W

    if not isinstance(weights, Graph | W):
        raise DataError(
            f"weights must be a libpysal Graph or W, got {type(weights).__name__}: make them with libpysal, "
            "nearest_neighbours or distance_band"
        )
    graph = Graph.from_W(weights) if isinstance(weights, W) else weights
    own = list(weights.id_order) if isinstance(weights, W) else list(graph.unique_ids)
    _check_ids(own, list(ids))
    links = graph.adjacency
    focal, other = (pd.Index(own).get_indexer(links.index.get_level_values(side)) for side in (0, 1))
    value = links.to_numpy(dtype=np.float64)
    _check_values(focal, other, value, own)
    kept = value > 0.0
    islands = np.setdiff1d(np.arange(len(own)), focal[kept])
    heads, tails = (np.concatenate([side[kept], islands]) for side in (focal, other))
    strength = np.concatenate([value[kept], np.zeros(len(islands))])
    order = np.lexsort((tails, heads))
    return Graph.from_arrays(heads[order], tails[order], strength[order])


def _check_ids(own: list[Any], ids: list[Any]) -> None:
    if len(own) != len(ids):
        raise DataError(f"the weights are of {len(own)} units and there are {len(ids)} rows: make weights of these very rows")
    differ = next((row for row, (a, b) in enumerate(zip(own, ids, strict=True)) if a != b), None)
    if differ is None:
        return
    if set(own) == set(ids):
        why = "the weights have the units in another order than the rows"
        remedy = "bring the rows into the order of the weights"
    else:
        why, remedy = "the units of the weights are not those of the rows", "make weights of these very rows"
    raise DataError(f"{why}: row {differ + 1} is {shown(ids[differ])}, unit {differ + 1} is {shown(own[differ])}; {remedy}")


def _check_values(focal: np.ndarray, other: np.ndarray, value: Floats, own: list[Any]) -> None:
    wrong = np.flatnonzero(~np.isfinite(value) | (value < 0.0))
    if wrong.size:
        one, two = (shown(own[side[wrong[0]]]) for side in (focal, other))
        raise DataError(f"the weight of {one} with {two} is {value[wrong[0]]:g}: weights must be finite and not negative")
    itself = np.flatnonzero((focal == other) & (value > 0.0))
    if itself.size:
        raise DataError(
            f"{itself.size} units are joined to themselves (the first is {shown(own[focal[itself[0]]])}): take these links "
            "out, Gi* adds the unit by itself"
        )
