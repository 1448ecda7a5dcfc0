"""Arrays behind the folds: square blocks, folds of equal size, clusters, nearest-neighbour-distance matching.

Nothing here depends on the order of rows: units are numbered by their place, and ties are broken by a seed.
Nearest-neighbour-distance matching in folds: Linnenbrink et al. (2024), doi:10.5194/gmd-17-5897-2024, after Mila et al.
(2022), doi:10.1111/2041-210X.13851.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats

Codes = NDArray[np.int64]
CANDIDATES, SMALLEST_CLUSTER, SPARE = 12, 5, 0.1


def square_blocks(plane: Floats, side: float) -> Codes:
    """Return the number of the square block of each place.

    Parameters
    ----------
    plane
        Places, (n, 2).
    side
        Of the blocks, in the same unit; they are made a little wider, so that they fill the extent evenly.

    Examples
    --------
    >>> square_blocks(np.array([[0.0, 0.0], [4.0, 0.0], [10.0, 9.0]]), 5.0).tolist()
    [0, 0, 1]
    """
    low, extent = plane.min(axis=0), np.ptp(plane, axis=0)
    # As many as fit, so that none is a sliver at the edge; a tenth of a side may be lacking, as the outer cells have halves.
    across = np.maximum(np.floor(extent / side + SPARE), 1.0)
    width = np.where(extent > 0.0, extent / across, 1.0)
    return numbered(np.asarray(np.minimum(np.floor((plane - low) / width), across - 1.0)))


def numbered(keys: NDArray[np.generic]) -> Codes:
    """Return 0 to k - 1 for the different rows of `keys` (n, m), in their order."""
    places = np.unique(keys, axis=0, return_inverse=True)[1]
    return np.asarray(places.reshape(-1), dtype=np.int64)


def balanced(units: Codes, folds: int, rng: np.random.Generator) -> Codes:
    """Put whole units into folds of nearly equal numbers of rows: the largest first, each into the smallest fold.

    Parameters
    ----------
    units
        Number of each row's unit, (n,), 0 to k - 1, all of which occur; k >= folds.
    folds
        How many.
    rng
        Order of units of one size.

    Examples
    --------
    >>> balanced(np.array([0, 0, 0, 1, 1, 2]), 2, np.random.default_rng(0)).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    sizes = np.bincount(units)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros(folds, dtype=np.int64)
    fold_of = np.zeros(len(sizes), dtype=np.int64)
    for unit in order:
        fold = int(filled.argmin())
        fold_of[unit] = fold
        filled[fold] += sizes[unit]
    return fold_of[units]


def dealt(order: Codes, folds: int, rng: np.random.Generator) -> Codes:
    """Deal rows at random into folds of equal size; `order` (n,) puts rows into an order of their own."""
    codes = np.empty(len(order), dtype=np.int64)
    codes[order] = rng.permutation(np.arange(len(order)) % folds)
    return codes


def k_means(points: Floats, order: Codes, clusters: int, seed: int, *, starts: int = 5) -> Codes:
    """Return the k-means cluster of each point (n, d), numbered from west to east; at most one per different place."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    clusters = min(clusters, len(np.unique(points, axis=0)))
    centred = points - points.mean(axis=0)
    # One thread: sums over several come in any order, and spin on a busy machine.
    with threadpool_limits(1):
        found = KMeans(clusters, n_init=starts, random_state=seed).fit(centred[order])
    codes = np.empty(len(points), dtype=np.int64)
    codes[order] = found.labels_
    rank = np.argsort(np.lexsort(found.cluster_centers_.T[::-1]))
    return numbered(rank[codes][:, None])


def near(points: Floats, test: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Return which points (n, d) lie within `radius` of a point of the test set, the test set itself included."""
    from scipy.spatial import KDTree

    if radius <= 0.0:
        return test.copy()
    distance, _ = KDTree(points[test]).query(points, distance_upper_bound=radius * (1.0 + 1e-9))
    return np.asarray(np.isfinite(distance) | test)


def fold_distances(points: Floats, codes: Codes) -> Floats:
    """Return the distance of each point (n, d) to the nearest one of another fold, (n,)."""
    from scipy.spatial import KDTree

    found = np.empty(len(points))
    for fold in range(int(codes.max()) + 1):
        test = codes == fold
        found[test] = KDTree(points[~test]).query(points[test])[0]
    return found


def matched(points: Floats, targets: Floats, order: Codes, folds: int, seed: int) -> tuple[Codes, float]:
    """Return folds whose distances to the nearest training point are most like those of the places to predict.

    Random folds and k-means clusters, from as many as there are folds to many small ones, are tried; the clusters are put
    into balanced folds. The one of the smallest Wasserstein distance between the two distributions is taken.

    Parameters
    ----------
    points
        Sampled places, (n, d).
    targets
        Places to predict, (m, d).
    order
        Rows in an order of their own, (n,).
    folds, seed
        How many folds; of the draws.

    Returns
    -------
    codes : numpy.ndarray
        (n,).
    distance : float
        Wasserstein distance of the folds taken, in the unit of the points.
    """
    from scipy.spatial import KDTree
    from scipy.stats import wasserstein_distance

    wanted = np.asarray(KDTree(points).query(targets)[0])
    tried = [dealt(order, folds, np.random.default_rng(seed))]
    for clusters in np.unique(np.geomspace(folds, max(folds, len(points) // SMALLEST_CLUSTER), CANDIDATES).astype(np.int64)):
        units = k_means(points, order, int(clusters), seed, starts=1)
        if int(units.max()) + 1 >= folds:
            tried.append(balanced(units, folds, np.random.default_rng(seed)))
    misfit = [float(wasserstein_distance(fold_distances(points, codes), wanted)) for codes in tried]
    best = int(np.argmin(misfit))
    return tried[best], misfit[best]
