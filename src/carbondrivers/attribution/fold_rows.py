"""Rows of a sample as folds see them: in an order of their own, on a plane, with residuals of models that did not see them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbondrivers.attribution.fold_kernels import Codes
from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.distances import places
from carbondrivers.datasets.grids import EARTH_RADIUS_KM
from carbondrivers.datasets.sample import PixelSample

RESIDUAL_ROWS, RESIDUAL_FOLDS = 5000, 5


def row_order(sample: PixelSample) -> Codes:
    """Return the rows in an order of their own (place, time, response, drivers), whatever the order of the table.

    Examples
    --------
    >>> table = pd.DataFrame({"nep": [3.0, 1, 2, 4], "rain": [1.0, 2, 2, 1]})
    >>> row_order(PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"})).tolist()
    [1, 2, 0, 3]
    """
    names = [*(sample.coordinates or ()), *([sample.time] if sample.time else []), sample.response.name]
    names += [d.name for d in sample.drivers]
    keys = [pd.factorize(sample.frame[name].astype(object), sort=True)[0] for name in dict.fromkeys(names)]
    return np.lexsort(keys[::-1]).astype(np.int64)


def driver_matrix(sample: PixelSample) -> Floats:
    """Return the drivers as numbers, (n, p), sorted by name; a class is its place among the sorted classes."""
    columns = [
        sample.frame[d.name].to_numpy(dtype=np.float64)
        if d.kind == "continuous"
        else pd.factorize(sample.frame[d.name].astype(str), sort=True)[0].astype(np.float64)
        for d in sample.drivers
    ]
    return np.column_stack(columns)


def out_of_fold_residuals(sample: PixelSample, *, seed: int = 0) -> tuple[Codes, Floats]:
    """Return rows (at most 5,000 at random) and their residuals from forests that did not see them.

    A hundred extremely randomised trees of at least five rows a leaf, in five random folds: enough to take the drivers'
    own pattern out of the response, which is all that the width of blocks needs.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    order, rng = row_order(sample), np.random.default_rng(seed)
    if len(order) > RESIDUAL_ROWS:
        order = order[np.sort(rng.choice(len(order), RESIDUAL_ROWS, replace=False))]
    x, y = driver_matrix(sample)[order], sample.y[order]
    fold = rng.permutation(np.arange(len(order)) % min(RESIDUAL_FOLDS, len(order)))
    left = np.empty(len(order))
    for test in (fold == k for k in range(int(fold.max()) + 1)):
        forest = ExtraTreesRegressor(100, min_samples_leaf=5, random_state=seed, n_jobs=1).fit(x[~test], y[~test])
        left[test] = y[test] - forest.predict(x[test])
    return order, left


def plane(sample: PixelSample) -> Floats:
    """Return the places of a sample on a plane, (n, 2): km, or the coordinates' unit without a reference system.

    Degrees are shortened by the cosine of the mean latitude.
    """
    xy = coordinates_of(sample)
    if not sample.is_geographic:
        return places(xy[:, 0], xy[:, 1], sample.crs).points
    lon, lat = np.radians(xy).T
    return np.asarray(EARTH_RADIUS_KM * np.column_stack([lon * np.cos(lat.mean()), lat]))


def coordinates_of(sample: PixelSample) -> Floats:
    """Return x and y of every row, (n, 2)."""
    return sample.frame[list(sample.coordinates or ())].to_numpy(dtype=np.float64)
