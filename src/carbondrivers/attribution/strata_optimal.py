"""Exact cuts of an ordered line into runs, by dynamic programming on prefix sums.

The sum of squares between runs, sum_r S_r^2 / W_r with the sum S and the weight W of a run, is largest where the sum within
runs is least: of the values themselves for natural breaks (Fisher 1958, doi:10.1080/01621459.1958.10501479), of a
response for the strata that explain it best (the change points of the robust geodetector, Zhang et al. 2022,
doi:10.1016/j.jag.2022.102782, which ties cannot split here). At most 1,024 bins of nearly equal counts are cut, which never
split a tie: with no more distinct values than that the optimum is exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats

Codes = NDArray[np.int64]
MAX_BINS = 1024
# Gains that differ by less than rounding are ties, and the lower border wins.
_TIE = 1e-12


def value_bins(counts: Codes) -> Codes:
    """Return borders, as positions in the distinct values, of at most ``MAX_BINS`` bins of nearly equal counts.

    Examples
    --------
    >>> value_bins(np.array([4, 1, 2])).tolist()
    [0, 1, 2, 3]
    """
    if len(counts) <= MAX_BINS:
        return np.arange(len(counts) + 1)
    share = np.cumsum(counts) / counts.sum()
    ends = np.searchsorted(share, np.arange(1, MAX_BINS) / MAX_BINS, side="left") + 1
    return np.unique(np.concatenate([[0], ends, [len(counts)]])).astype(np.int64)


def optimal_runs(weight: NDArray[np.generic], sums: Floats, classes: int, min_size: int = 1) -> dict[int, Codes]:
    """Return the last bin of each run of the best cut into 1, 2, ... `classes` runs.

    Parameters
    ----------
    weight, sums
        Shape (m,): rows and sum of the (centred) quantity in each bin.
    classes
        Largest number of runs.
    min_size
        Fewest rows of a run.

    Returns
    -------
    dict
        Number of runs to their last bins, shape (runs,). Where fewer runs exist than asked for, the largest number
        there is stands for it.

    Examples
    --------
    >>> optimal_runs(np.ones(4), np.array([-2.0, -2.0, 2.0, 2.0]), 2)[2].tolist()
    [1, 3]
    """
    gain = _gains(np.asarray(weight, dtype=np.float64), sums, min_size)
    m = len(gain)
    best, origin = gain[:, 0].copy(), np.zeros((max(classes, 1), m), dtype=np.int64)
    found = {1: np.array([m - 1], dtype=np.int64)}
    for k in range(1, classes):
        before = np.concatenate([[-np.inf], best[:-1]])
        total = gain + before[None, :]
        origin[k] = np.argmax(total, axis=1)
        best = np.take_along_axis(total, origin[k][:, None], axis=1)[:, 0]
        found[k + 1] = _walk_back(origin, k, m) if np.isfinite(best[-1]) else found[k]
    return found


def _gains(weight: Floats, sums: Floats, min_size: int) -> Floats:
    """Return S^2 / W of the run from bin i to bin j at [j, i]; minus infinity where there is no such run."""
    w, s = (np.concatenate([[0.0], np.cumsum(part)]) for part in (weight, sums))
    count = w[1:, None] - w[None, :-1]
    gain = s[1:, None] - s[None, :-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        gain *= gain
        gain /= count
    gain[count < max(min_size, 0.5)] = -np.inf
    return np.asarray(gain)


def _walk_back(origin: Codes, k: int, m: int) -> Codes:
    ends = [m - 1]
    for step in range(k, 0, -1):
        ends.append(int(origin[step, ends[-1]]) - 1)
    return np.asarray(ends[::-1], dtype=np.int64)


def tree_runs(weight: NDArray[np.generic], sums: Floats, classes: int, min_size: int = 1) -> dict[int, Codes]:
    """Return the last bin of each run of a regression tree's leaves, grown best split first to 1, 2, ... `classes` leaves.

    Parameters
    ----------
    weight, sums, classes, min_size
        As in ``optimal_runs``.

    Examples
    --------
    >>> tree_runs(np.ones(4), np.array([-2.0, -2.0, 2.0, 2.0]), 3)[2].tolist()
    [1, 3]
    """
    w, s = (np.concatenate([[0.0], np.cumsum(part)]) for part in (np.asarray(weight, dtype=np.float64), sums))
    cuts = [0, len(weight)]
    found = {1: np.array([len(weight) - 1], dtype=np.int64)}
    splits = {(0, len(weight)): _best_split(w, s, 0, len(weight), min_size)}
    for k in range(1, classes):
        top = max(gain for gain, _ in splits.values())
        if top <= 0.0:
            found[k + 1] = found[k]
            continue
        left, right = next(run for run in sorted(splits) if splits[run][0] >= top * (1.0 - _TIE))
        at = splits.pop((left, right))[1]
        cuts = sorted([*cuts, at])
        for run in ((left, at), (at, right)):
            splits[run] = _best_split(w, s, *run, min_size)
        found[k + 1] = np.asarray(cuts[1:], dtype=np.int64) - 1
    return found


def _best_split(w: Floats, s: Floats, left: int, right: int, min_size: int) -> tuple[float, int]:
    """Return the gain and the place of the best split of bins left to right - 1; a gain of 0 where there is none."""
    at = np.arange(left + 1, right)
    below, above = w[at] - w[left], w[right] - w[at]
    allowed = (below >= min_size) & (above >= min_size)
    at, below, above = at[allowed], below[allowed], above[allowed]
    if not len(at):
        return 0.0, left
    gain = (s[at] - s[left]) ** 2 / below + (s[right] - s[at]) ** 2 / above - (s[right] - s[left]) ** 2 / (w[right] - w[left])
    first = int(np.argmax(gain >= gain.max() * (1.0 - _TIE)))
    return max(float(gain[first]), 0.0), int(at[first])
