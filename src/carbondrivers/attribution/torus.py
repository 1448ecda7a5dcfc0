"""Responses under a null hypothesis that keeps their autocorrelation: the pattern is moved over the places, whole.

Every draw turns the region over (each axis or not) and shifts it by a random step on a torus; a place then takes the value of
the nearest row to where it came from (Fortin and Dale 2005, Spatial Analysis, chapter 5, for lattices; here any set of
points). The seam of the torus and the gaps of the region break some neighbourhoods, so that the test is approximate.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.sample import PixelSample

MOST_ROWS = 20_000
_CHUNK = 4_000_000


def flat_places(sample: PixelSample) -> Floats | None:
    """Return the places of the rows from their corner on, (n, 2), degrees of longitude shortened; None where there are none."""
    if sample.coordinates is None:
        return None
    xy = sample.frame[list(sample.coordinates)].to_numpy(dtype=np.float64)
    xy = xy - xy.min(axis=0)
    if sample.is_geographic:
        latitudes = sample.frame[sample.coordinates[1]].to_numpy(dtype=np.float64)
        xy[:, 0] *= np.cos(np.radians(latitudes.mean()))
    return np.asarray(xy)


def moved(y: Floats, places: Floats, replicates: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Iterate over centred responses moved on the torus, in blocks of shape (some replicates, n).

    Parameters
    ----------
    y
        Response, shape (n,).
    places
        Shape (n, 2), not all in one place.
    replicates
        Number of draws.
    rng
        For shifts and turns.
    """
    step = float(np.sqrt(np.prod(np.maximum(np.ptp(places, axis=0), np.ptp(places) / len(y))) / len(y)))
    box = np.ptp(places, axis=0) + step
    tree = cKDTree(places - places.min(axis=0), boxsize=box)
    block = max(1, _CHUNK // len(y))
    for start in range(0, replicates, block):
        drawn = np.empty((min(block, replicates - start), len(y)))
        for i in range(len(drawn)):
            turned = np.where(rng.random(2) < 0.5, box - step - tree.data, tree.data)
            found = y[tree.query((turned + rng.random(2) * box) % box)[1]]
            drawn[i] = found - found.mean()
        yield drawn
