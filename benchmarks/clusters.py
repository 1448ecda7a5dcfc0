"""Local Moran with 999 conditional permutations beside esda, and how time and memory grow with the map.

Usage: python benchmarks/clusters.py [cells of the comparison, 1e5 by default] [largest map, 1e7 by default]
"""

from __future__ import annotations

import resource
import sys
import warnings

import numpy as np
from timing import seconds

from carbondrivers.attribution.cluster_kernels import getis_ord, lattice, local_moran
from carbondrivers.attribution.cluster_permutation import conditional_p

DRAWS = 999


def ours(values: np.ndarray) -> None:
    """Local I, its deviate, Gi* and the permutation p of a map."""
    cells = lattice(values, "queen")
    local_moran(cells, "W")
    getis_ord(cells, star=True)
    conditional_p(cells, DRAWS, np.random.default_rng(1), "two-sided")


def esda_on(values: np.ndarray) -> float:
    """Seconds of esda's local Moran on the same map, its weights not counted."""
    from esda import Moran_Local
    from libpysal.weights import lat2W

    weights = lat2W(*values.shape, rook=False)
    weights.transform = "r"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return seconds(
            lambda: Moran_Local(values.ravel(), weights, permutations=DRAWS, keep_simulations=False, seed=1), repeats=1
        )


def main() -> None:
    """Print the ratio to esda, and time and memory by size."""
    cells, largest = (int(float(word)) for word in [*sys.argv[1:], "1e5", "1e7"][:2])
    side = int(cells**0.5)
    values = np.random.default_rng(0).normal(size=(side, side))
    own = seconds(lambda: ours(values))
    peer = esda_on(values)
    print(f"{side * side:>10} cells, {DRAWS} permutations: {own:.3f} s, esda {peer:.2f} s, {peer / own:.0f} times as long")
    size = 10_000
    while size <= largest:
        side = int(size**0.5)
        values = np.random.default_rng(0).normal(size=(side, side))
        copy = seconds(values.copy)
        taken = seconds(lambda grid=values: ours(grid), repeats=2)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{side * side:>10} cells: {taken:.3f} s, {taken / copy:.0f} memory copies, peak memory so far {peak:.0f} MB")
        size *= 10


if __name__ == "__main__":
    main()
