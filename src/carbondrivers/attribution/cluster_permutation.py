"""Conditional permutation p of local statistics, from draws that cells with as many neighbours share: pure arrays.

Under conditional randomisation a cell keeps its value and its neighbours are drawn from all others. The sum over them then
depends on the cell only through the number of neighbours k and through its own value being left out. So the draws are
made once for each k, from all cells, and sorted; each cell's sum is ranked among them after its own mean and spread
(first and second moment of the others) are put in the place of theirs. Below ``EXACT_BELOW`` cells every cell
is left out of its own draws instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.cluster_kernels import Lattice
from carbondrivers.attribution.inference import Floats

EXACT_BELOW = 1000


def conditional_p(cells: Lattice, permutations: int, generator: np.random.Generator, alternative: str) -> Floats:
    """Return the permutation p of local Moran's I, which is that of Gi as well; NaN where there is no neighbour.

    Parameters
    ----------
    cells
        A grid of at least three cells.
    permutations
        Draws for each number of neighbours.
    generator
        Source of randomness.
    alternative
        ``"two-sided"``: twice the smaller tail, at most 1. ``"directed"``: the smaller tail, as tools in use give it.
    """
    z, lag, k = cells.z[cells.joined], cells.lag[cells.joined], cells.k[cells.joined]
    everyone = cells.z[cells.valid]
    ranked = _ranked_exactly if cells.n < EXACT_BELOW else _ranked_among_shared
    own = np.flatnonzero(cells.joined[cells.valid])
    low, high = ranked(everyone, own, lag, k, permutations, generator)
    tail = (np.minimum(low, high) + 1.0) / (permutations + 1.0)
    p = np.minimum(2.0 * tail, 1.0) if alternative == "two-sided" else tail
    # A cell at the mean has I = 0 whatever its neighbours are.
    p = np.where(z == 0.0, 1.0, p)
    found = np.full(cells.z.shape, np.nan)
    found[cells.joined] = p
    return found


def _ranked_among_shared(
    everyone: Floats, own: NDArray[np.int64], lag: Floats, k: NDArray[np.int64], draws: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many draws lie at or below, and at or above, the sum of each cell."""
    n, square = len(everyone), float((everyone**2).sum())
    z = everyone[own]
    low, high = np.empty(len(k), dtype=np.int64), np.empty(len(k), dtype=np.int64)
    for count in np.unique(k):
        rows = k == count
        picked = _distinct(n, draws, int(count), generator)
        sums = np.sort(everyone[picked].sum(axis=1))
        # Mean and spread of a sum over `count` of the others, against those of a sum over `count` of all.
        mean = -z[rows] / (n - 1.0)
        spread_others = ((square - z[rows] ** 2) / (n - 1.0) - mean**2) * (n - 1.0 - count) / (n - 2.0)
        spread_all = square / n * (n - count) / (n - 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = (lag[rows] - count * mean) * np.sqrt(spread_all / spread_others)
        near = 1e-12 * np.sqrt(square)
        below, above = moved, moved
        if (np.diff(sums) <= near).any():
            # Values that recur make draws tie with the cell's own sum, and these must stay ties when it is moved.
            tied = np.searchsorted(sums, lag[rows] + near, side="right") > np.searchsorted(sums, lag[rows] - near, side="left")
            below = np.where(tied, np.maximum(moved, lag[rows]), moved)
            above = np.where(tied, np.minimum(moved, lag[rows]), moved)
        low[rows] = np.searchsorted(sums, below + near, side="right")
        high[rows] = draws - np.searchsorted(sums, above - near, side="left")
    return low, high


def _ranked_exactly(
    everyone: Floats, own: NDArray[np.int64], lag: Floats, k: NDArray[np.int64], draws: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the same counts, each cell being left out of its own draws."""
    picked = _distinct(len(everyone) - 1, draws, int(k.max()), generator)
    near = 1e-12 * np.sqrt(float((everyone**2).sum()))
    low, high = np.empty(len(k), dtype=np.int64), np.empty(len(k), dtype=np.int64)
    for row, (cell, count) in enumerate(zip(own, k, strict=True)):
        sums = np.delete(everyone, cell)[picked[:, :count]].sum(axis=1)
        low[row] = np.count_nonzero(sums <= lag[row] + near)
        high[row] = np.count_nonzero(sums >= lag[row] - near)
    return low, high


def _distinct(n: int, draws: int, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return `draws` rows of `count` different numbers below `n`."""
    if n < 4 * count**2:
        order = generator.permuted(np.broadcast_to(np.arange(n), (draws, n)), axis=1)
        return np.ascontiguousarray(order[:, :count])
    picked = generator.integers(n, size=(draws, count))
    again = np.arange(draws)
    while again.size:
        rows = np.sort(picked[again], axis=1)
        again = again[(rows[:, 1:] == rows[:, :-1]).any(axis=1)]
        picked[again] = generator.integers(n, size=(again.size, count))
    return picked
