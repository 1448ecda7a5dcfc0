"""Area of applicability (Meyer and Pebesma 2021, doi:10.1111/2041-210X.13650): where a model was trained for.

Drivers are scaled by the mean and standard deviation of the training rows and multiplied by their importance. The
dissimilarity index (DI) of a place is its distance to the nearest training row over the mean distance between training rows.
The DI of a training row leaves out its own fold; the threshold is the upper whisker of those, min(Q75 + 1.5 IQR, largest).
Inside are places with a DI of at most the threshold; the local point density (LPD; Schumacher et al. 2025,
doi:10.5194/gmd-18-10185-2025) counts the training rows within it. The error of validation holds inside only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from carbondrivers.attribution.inference import Floats
from carbondrivers.errors import DataError

# Mean distances of more rows than this are those of a regular part of them.
MOST_ROWS = 5000


@dataclass(frozen=True, slots=True, eq=False)
class Applicability:
    """Training rows in the space of weighted drivers.

    Attributes
    ----------
    centre, spread, weights : numpy.ndarray
        (p,): mean, standard deviation (n - 1) and weight of each driver.
    tree : scipy.spatial.KDTree
        Training rows, scaled and weighted, ready for searches.
    mean_distance : float
        Mean over training rows of the mean distance to the others.
    threshold : float
        Largest DI inside.
    train_di : numpy.ndarray
        (n,): of the training rows, to the nearest one of another fold.
    """

    centre: Floats
    spread: Floats
    weights: Floats
    tree: KDTree
    mean_distance: float
    threshold: float
    train_di: Floats

    def measure(self, drivers: Floats, *, density: bool = True) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Return DI, LPD and whether inside, each (m,), of places with `drivers` (m, p); NaN and False where one is missing.

        Parameters
        ----------
        drivers
            In the order and units of the training rows.
        density
            Whether LPD is counted; it takes several times as long as the rest. NaN else.
        """
        scaled = (drivers - self.centre) / self.spread * self.weights
        known = np.isfinite(scaled).all(axis=1)
        di, lpd = (np.full(len(drivers), np.nan) for _ in range(2))
        di[known] = np.asarray(self.tree.query(scaled[known])[0]) / self.mean_distance
        if density and known.any():
            # Strictly nearer than the threshold.
            reach = np.nextafter(self.threshold * self.mean_distance, 0.0)
            lpd[known] = self.tree.query_ball_point(scaled[known], reach, return_length=True)
        return di, lpd, np.asarray(known & (di <= self.threshold))


def applicability(drivers: Floats, weights: Floats, folds: NDArray[np.int64] | None = None) -> Applicability:
    """Return the area of applicability of a model.

    Parameters
    ----------
    drivers
        Training rows, (n, p), finite; a driver that is constant takes no part.
    weights
        (p,): importance of each driver, 0 or more, any scale.
    folds
        (n,): fold of each training row; without them each row is a fold of its own.

    Raises
    ------
    DataError
        If all weights are nought, all rows are alike, or all are in one fold.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> area = applicability(rng.normal(size=(200, 2)), np.ones(2), np.arange(200) % 5)
    >>> di, lpd, inside = area.measure(np.array([[0.0, 0.0], [9.0, 9.0]]))
    >>> inside.tolist(), bool(lpd[0] > 10), float(lpd[1])
    ([True, False], True, 0.0)
    """
    if len(drivers) < 2 or (folds is not None and len(np.unique(folds)) < 2):
        raise DataError("an area of applicability needs two training rows in two folds or more: give more rows, or folds")
    centre, spread = drivers.mean(axis=0), drivers.std(axis=0, ddof=1)
    used = np.where(spread > 0.0, np.nan_to_num(weights.clip(min=0.0)), 0.0)
    spread = np.where(spread > 0.0, spread, 1.0)
    points = (drivers - centre) / spread * used
    if not np.ptp(points, axis=0).any():
        raise DataError("the weights of all drivers that vary are nought: the model uses no driver, so no area can be told")
    average = _mean_distance(points)
    di = _nearest_elsewhere(points, folds) / average
    low, high = np.quantile(di, [0.25, 0.75])
    threshold = min(float(high + 1.5 * (high - low)), float(di.max()))
    return Applicability(centre, spread, used, KDTree(points), average, threshold, di)


def _mean_distance(points: Floats) -> float:
    from scipy.spatial.distance import pdist

    part = points[:: -(-len(points) // MOST_ROWS)]
    return float(pdist(part).mean())


def _nearest_elsewhere(points: Floats, folds: NDArray[np.int64] | None) -> Floats:
    """Return the distance of each row to the nearest one of another fold."""
    if folds is None:
        return np.asarray(KDTree(points).query(points, k=2)[0], dtype=np.float64)[:, 1]
    found = np.empty(len(points))
    for fold in np.unique(folds):
        own = folds == fold
        found[own] = KDTree(points[~own]).query(points[own])[0]
    return found
