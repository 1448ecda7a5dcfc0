"""Statistics of raster stacks, cell by cell, beside peers and a memory copy, in one run on the same data.

Usage: python benchmarks/rasters.py [cells, 1e5 by default]   (pymannkendall and pingouin are raced where they are installed)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from os import cpu_count

import numpy as np
import pandas as pd
import xarray as xr
from timing import seconds

from carbondrivers.attribution import time_correlation_kernels as correlation
from carbondrivers.attribution.persistence_kernels import hurst
from carbondrivers.attribution.stability import _statistics as variation
from carbondrivers.attribution.time_correlation import time_correlation
from carbondrivers.attribution.trend import trend
from carbondrivers.attribution.trend_maps import BLOCK, block_statistics
from carbondrivers.attribution.trend_tests import TREND_TESTS

YEARS, SOME, VARIABLES = 21, 200, 6
# Blocked NumPy elsewhere: 3.4 us a cell where 13.9 GB/s were copied, which is as long as copying the 168 bytes of 281 cells.
COPIES_ELSEWHERE = 3.4e-6 / (8 * YEARS / 13.9e9)


def blocked(kernel: Callable[[np.ndarray], object], values: np.ndarray) -> Callable[[], None]:
    """Call a kernel block by block, as the doors do."""

    def run() -> None:
        for start in range(0, len(values), BLOCK):
            kernel(values[start : start + BLOCK])

    return run


def on_every_core(kernel: Callable[[np.ndarray], object], values: np.ndarray) -> Callable[[], None]:
    """Call a kernel on parts of the cells in threads, as lazy stacks are worked through: NumPy lets go of the lock."""

    def run() -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda part: blocked(kernel, part)(), np.array_split(values, 4 * (cpu_count() or 1))))

    return run


def by_the_clock(call: Callable[[], object], repeats: int = 3) -> float:
    """Return the best time of a call by the clock, in seconds; only an idle machine tells it truly."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def of_trend(cells: int) -> None:
    """Least squares, Mann-Kendall with ties, Theil-Sen with interval, CV and Hurst; the kernels, then a whole door."""
    y, t = np.random.default_rng(0).normal(10.0, 1.0, size=(cells, YEARS)), np.arange(float(YEARS))
    copy = seconds(y.copy, 7) / cells
    parts = {
        "trend": lambda block: block_statistics(block, t, "mann_kendall"),
        "coefficient of variation": lambda block: variation(block, None, 10),
        "Hurst": lambda block: hurst(block, "prefix", 2, False),
    }
    ours = {name: seconds(blocked(kernel, y), 4) / cells for name, kernel in parts.items()}
    total = sum(ours.values())
    print(f"{cells} cells x {YEARS} years: " + ", ".join(f"{name} {1e6 * time:.2f} us" for name, time in ours.items()))
    print(
        f"  together {1e6 * total:.2f} us a cell, {total / copy:.0f} memory copies ({1e9 * copy:.1f} ns each); "
        f"blocked NumPy elsewhere {COPIES_ELSEWHERE:.0f}"
    )
    if find_spec("pymannkendall"):
        import pymannkendall

        theirs = seconds(lambda: [pymannkendall.original_test(row) for row in y[:SOME]], 3) / SOME
        print(f"  pymannkendall.original_test alone: {1e6 * theirs:.0f} us a cell, {theirs / total:.0f} times as long")
        alone = by_the_clock(lambda: [pymannkendall.original_test(row) for row in y[:SOME]]) / SOME
        threads = by_the_clock(on_every_core(lambda block: [kernel(block) for kernel in parts.values()], y)) / cells
        print(
            f"  by the clock, ours on {cpu_count()} threads: {1e6 * threads:.2f} us a cell, "
            f"it takes {alone / threads:.0f} times as long"
        )
    stack = as_stack(y)
    for test in TREND_TESTS:
        door = seconds(lambda test=test: trend(stack, test=test), 2) / cells
        print(f"  door 'trend' with test = {test!r}, maps, adjustment, classes, shares: {1e6 * door:.2f} us a cell")


def of_correlation(cells: int) -> None:
    """Pearson, all partial coefficients of the highest order and the multiple one, with effective years."""
    values, t = np.random.default_rng(1).normal(size=(cells, VARIABLES, YEARS)), np.arange(float(YEARS))

    def partial(block: np.ndarray) -> None:
        data = correlation.standard(block, t, False)
        correlation.student(correlation.partial(data, t).r, np.full((1, 1), YEARS - VARIABLES + 0.0))

    ours = seconds(blocked(partial, values), 3) / cells
    print(
        f"{cells} cells x {YEARS} years x {VARIABLES} variables: {VARIABLES - 1} partial r with P, {1e6 * ours:.2f} us a cell"
    )
    if find_spec("pingouin"):
        import pingouin

        names = [f"v{i}" for i in range(VARIABLES)]
        tables = [pd.DataFrame(cell.T, columns=names) for cell in values[:5]]

        def one_by_one() -> None:
            for table in tables:
                for name in names[1:]:
                    pingouin.partial_corr(table, x=name, y="v0", covar=[other for other in names[1:] if other != name])

        theirs = seconds(one_by_one, 2) / len(tables)
        matrix = seconds(lambda: [table.pcorr() for table in tables], 3) / len(tables)
        print(
            f"  pingouin.partial_corr, {VARIABLES - 1} calls: {1e6 * theirs:.0f} us a cell, {theirs / ours:.0f} times as long"
        )
        print(f"  pingouin.pcorr, the matrix without P: {1e6 * matrix:.0f} us a cell, {matrix / ours:.0f} times as long")
    stacks = {f"v{i}": as_stack(values[:, i]).rename(f"v{i}") for i in range(VARIABLES)}
    response = stacks.pop("v0")
    door = seconds(lambda: time_correlation(response, stacks), 1) / cells
    print(f"  door 'time_correlation', both kinds, all P, adjustment, shares: {1e6 * door:.2f} us a cell")


def as_stack(values: np.ndarray) -> xr.DataArray:
    """Return cells x years as a stack of one row of cells a hundred wide."""
    cells = len(values) // 100 * 100
    coords = {"year": np.arange(2000, 2000 + YEARS), "y": -np.arange(cells // 100) * 1e3, "x": np.arange(100) * 1e3}
    grid = values[:cells].T.reshape(YEARS, -1, 100)
    return xr.DataArray(grid, coords, ("year", "y", "x"), name="nep", attrs={"crs": "EPSG:32650"})


def main() -> None:
    """Print every comparison."""
    cells = int(float([*sys.argv[1:], "1e5"][0]))
    of_trend(cells)
    of_correlation(cells)


if __name__ == "__main__":
    main()
