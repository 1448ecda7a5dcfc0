"""The whole surface of optimal strata beside peers and a memory copy, in one run on the same data.

Run: python benchmarks/strata.py   (jenkspy and ruptures are raced where they are installed; the R packages GD and gdverse are
not on PyPI: their recorded times stand in docs/validation.md)
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from timing import seconds

from carbondrivers.attribution.strata_kernels import natural_all, ordered
from carbondrivers.attribution.strata_optimal import optimal_runs
from carbondrivers.attribution.strata_search import surface

ROWS, DRIVERS = 1_000_000, 10
METHODS = ("quantile", "equal", "natural", "geometric", "sd", "optimal")


def surface_time() -> None:
    """Time six rules and 3 to 8 classes on every driver, sorting included."""
    rng = np.random.default_rng(0)
    x = rng.gamma(2.0, 3.0, (DRIVERS, ROWS))
    y = x[0] + rng.normal(size=ROWS)
    y -= y.mean()

    def ours() -> None:
        for column in x:
            surface(ordered(column), y, METHODS, (3, 8), 1)

    took, copy = seconds(ours, 1), seconds(x.copy, 3)
    cuts = len(METHODS) * 6
    print(f"surface, {ROWS} rows x {DRIVERS} drivers x {cuts} cuts: {took:.2f} CPU s, {took / copy:.0f} memory copies")
    some = slice(0, 100_000)

    def by_groupby() -> None:
        frame = pd.DataFrame({"y": y[some]})
        for k in range(3, 9):
            frame.groupby(pd.qcut(x[0][some], k, labels=False))["y"].var()

    theirs = seconds(by_groupby, 1) * DRIVERS * 6 * ROWS / 100_000
    print(f"  pandas qcut and groupby variances for as many cuts (scaled from 1e5 rows): {theirs / took:.1f} times as long")


def optimum_ratios() -> None:
    """Race exact natural breaks and change points with jenkspy and ruptures."""
    rng = np.random.default_rng(1)
    values = np.sort(rng.lognormal(size=1000))
    response = np.sin(values) + rng.normal(size=1000)
    ours = seconds(lambda: natural_all(ordered(values), 8), 3)
    weight = np.ones(1000)
    cut = seconds(lambda: optimal_runs(weight, response - response.mean(), 8), 3)
    try:
        import jenkspy

        theirs = seconds(lambda: [jenkspy.jenks_breaks(values, n_classes=k) for k in range(2, 9)], 1)
        print(
            f"natural breaks, 1,000 values, 2 to 8 classes: {1e3 * ours:.1f} ms; jenkspy takes {theirs / ours:.1f} times that"
        )
    except ImportError:
        print(f"natural breaks, 1,000 values, 2 to 8 classes: {1e3 * ours:.1f} ms (jenkspy is not installed: not raced)")
    try:
        import ruptures

        def dynp() -> None:
            ruptures.Dynp("l2", min_size=1, jump=1).fit(response).predict(n_bkps=7)

        theirs = seconds(dynp, 1)
        print(
            f"change points, 1,000 rows, 2 to 8 classes: {1e3 * cut:.1f} ms; ruptures takes {theirs / cut:.0f} times that for 8"
        )
    except ImportError:
        print(f"change points, 1,000 rows, 2 to 8 classes: {1e3 * cut:.1f} ms (ruptures is not installed: not raced)")


if __name__ == "__main__":
    surface_time()
    optimum_ratios()
