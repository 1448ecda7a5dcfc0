"""Thinning: as many places as fit with a given spacing, none nearer to another than it.

Random sequential thinning in rounds. The places are laid in cells so small that two of one cell are always too near to
each other. In each round the first place of every cell, in a random order, stands for it; those that come before all
others within the spacing are kept, and every place too near to one that is kept is dropped. What is left at the end is
maximal: no place can be added again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbondrivers.datasets.distances import Floats, places
from carbondrivers.errors import OptionError

Indices = NDArray[np.int64]
# Two pixels whose distance is the spacing itself may differ from it in the last digits.
SLACK = 1e-9
MOST_CELLS = 2.0**62


def thin(x: ArrayLike, y: ArrayLike, spacing: float, *, crs: str | None = None, seed: int = 0) -> Indices:
    """Return which places to keep so that no two are nearer to each other than a spacing.

    Parameters
    ----------
    x, y
        Coordinates, shape (n,).
    spacing
        Least distance in km, over great circles if `crs` is geographic; in the coordinates' own unit without a `crs`.
    crs
        Reference system of the coordinates.
    seed
        Of the order in which places come.

    Returns
    -------
    numpy.ndarray
        Ascending positions of the places kept, int64.

    Raises
    ------
    OptionError
        If the spacing is not above zero, or far below what the places' extent allows to tell apart.
    DataError
        If the places do not lie in the reference system.

    Examples
    --------
    >>> x, y = np.meshgrid(np.arange(10.0), np.arange(10.0))
    >>> kept = thin(x.ravel(), y.ravel(), spacing=20.0)
    >>> len(kept)
    1
    """
    if not (np.isfinite(spacing) and spacing > 0):
        raise OptionError(f"spacing must be a distance above zero, got {spacing}")
    found = places(x, y, crs)
    return thin_points(found.points, found.straight(spacing), np.random.default_rng(seed))


def thin_points(points: Floats, spacing: float, rng: np.random.Generator) -> Indices:
    """Return ascending positions of the points kept; shape (n, 2) or (n, 3), and a straight distance of their unit."""
    from scipy.spatial import KDTree

    near = spacing * (1.0 - SLACK)
    left = rng.permutation(len(points))
    cell = _cells(points, near)
    kept: list[Indices] = []
    while left.size:
        _, first = np.unique(cell[left], return_index=True)
        heads = left[np.sort(first)]
        # Heads stand in their random order, so that the smaller place of a pair comes first.
        pairs = KDTree(points[heads]).query_pairs(near, output_type="ndarray")
        beaten = np.zeros(heads.size, dtype=bool)
        beaten[pairs.max(axis=1)] = True
        kept.append(heads[~beaten])
        distance, _ = KDTree(points[kept[-1]]).query(points[left], distance_upper_bound=near)
        left = left[np.isinf(distance)]
    return np.sort(np.concatenate(kept)) if kept else np.zeros(0, dtype=np.int64)


def _cells(points: Floats, near: float) -> Indices:
    """Return the number of each point's cell, whose diagonal is the distance."""
    steps = np.floor((points - points.min(axis=0, initial=np.inf)) / (near / np.sqrt(points.shape[1])))
    sizes = steps.max(axis=0, initial=0.0) + 1.0
    if float(np.prod(sizes)) > MOST_CELLS:
        raise OptionError(f"spacing is too small for the extent of the places: {near:g} km; give one of at least a pixel")
    return np.asarray(np.ravel_multi_index(tuple(steps.astype(np.int64).T), tuple(sizes.astype(np.int64))), dtype=np.int64)
