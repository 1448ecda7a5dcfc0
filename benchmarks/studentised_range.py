"""P and quantiles of the studentised range beside scipy's and a memory copy, in one run on the same numbers.

Run: python benchmarks/studentised_range.py
"""

from __future__ import annotations

import numpy as np
from scipy import stats
from timing import seconds

from carbondrivers.attribution.studentised_range import quantile, upper_tail

STRATA, OF_PEER, CONFIDENCE = 30, 5, 0.95


def main() -> None:
    """Time all pairs of thirty strata, a few of them by scipy, and a copy of the numbers."""
    rng, pairs = np.random.default_rng(0), STRATA * (STRATA - 1) // 2
    q, df = rng.uniform(0.0, 9.0, pairs), rng.uniform(5.0, 400.0, pairs)
    ours = seconds(lambda: (upper_tail(q, STRATA, df), quantile(CONFIDENCE, STRATA, df)), 5)
    some = slice(OF_PEER)
    theirs = seconds(
        lambda: (
            stats.studentized_range.sf(q[some], STRATA, df[some]),
            stats.studentized_range.ppf(CONFIDENCE, STRATA, df[some]),
        ),
        1,
    )
    copy = seconds(lambda: (q.copy(), df.copy()), 5)
    print(f"P and quantile of {pairs} pairs of {STRATA} strata: {ours:.3f} CPU s, {ours / copy:.0f} times a memory copy")
    print(f"scipy, {OF_PEER} of them: {theirs:.2f} CPU s, a pair {theirs / OF_PEER / (ours / pairs):.0f} times ours")


if __name__ == "__main__":
    main()
