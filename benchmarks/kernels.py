"""Kernels beside peers and a memory copy, in one run on the same data.

Run: python benchmarks/kernels.py   (pymannkendall, from the dev extra, is raced where it is installed)
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats
from timing import seconds

from carbondrivers.attribution import correlate, detect, trend
from carbondrivers.datasets import Driver, PixelSample

PIXELS, YEARS, ROWS, DRIVERS = 200_000, 21, 100_000, 10


def trend_ratios() -> None:
    """Race the trend door (OLS, Mann-Kendall with ties, Theil-Sen with interval, maps, classes) per pixel."""
    values = np.random.default_rng(0).normal(size=(YEARS, PIXELS // 400, 400))
    coords = {"year": np.arange(2000, 2000 + YEARS), "y": -np.arange(PIXELS // 400) * 1e3, "x": np.arange(400) * 1e3}
    stack = xr.DataArray(values, dims=("year", "y", "x"), coords=coords, name="nep", attrs={"crs": "EPSG:32650"})
    ours = seconds(lambda: trend(stack), 2) / PIXELS
    copy = seconds(lambda: values.copy(), 5) / PIXELS
    some = values.reshape(YEARS, -1)[:, :300].T
    peers = {"scipy.stats.theilslopes": lambda: [stats.theilslopes(row) for row in some]}
    try:
        import pymannkendall

        peers["pymannkendall.original_test"] = lambda: [pymannkendall.original_test(row) for row in some]
    except ImportError:
        print("pymannkendall is not installed: not raced")
    print(f"trend: {1e6 * ours:.2f} us per pixel, {ours / copy:.0f} times a memory copy of the stack")
    for name, call in peers.items():
        theirs = seconds(call, 1) / len(some)
        print(f"  {name}: {1e6 * theirs:.0f} us per pixel, ours is {theirs / ours:.0f} times as fast")


def table_ratios() -> None:
    """Race correlation and geodetector on one table."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(ROWS, DRIVERS)), columns=[f"d{i}" for i in range(DRIVERS)])
    frame["nep"] = frame["d0"] + rng.normal(size=ROWS)
    sample = PixelSample.from_frame(frame, response="nep", drivers=[Driver(f"d{i}", "other") for i in range(DRIVERS)])
    ours = seconds(lambda: correlate(sample))
    theirs = seconds(lambda: [stats.pearsonr(frame["nep"], frame[d.name]) for d in sample.drivers])
    print(f"correlation, {ROWS} rows x {DRIVERS}: {ours:.3f} s; scipy.stats.pearsonr takes {theirs / ours:.2f} times that")
    ours = seconds(lambda: detect(sample), 2)
    codes = [pd.qcut(frame[d.name], 6).cat.codes.to_numpy() for d in sample.drivers]

    def by_groupby() -> None:
        for i in range(DRIVERS):
            for j in range(i, DRIVERS):
                frame["nep"].groupby(codes[i] * 6 + codes[j]).var()

    theirs = seconds(by_groupby, 1)
    pairs = DRIVERS * (DRIVERS - 1) // 2
    print(
        f"geodetector, {ROWS} rows, {DRIVERS} factors and {pairs} pairs with their tests: {ours:.3f} s; "
        f"pandas groupby variances alone take {theirs / ours:.2f} times that"
    )


if __name__ == "__main__":
    trend_ratios()
    table_ratios()
