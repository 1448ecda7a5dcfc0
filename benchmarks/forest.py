"""A forest of 100 trees over many pixels: lazy maps in bounded memory, beside bare scikit-learn and a memory copy, in one run.

Run: python benchmarks/forest.py --pixels 10000000   (5 drivers; 1,000,000 by default; 100000000 takes some 20 CPU minutes)

Time for other numbers of pixels goes up in proportion: neither the trees nor the chunks depend on how many there are.
"""

from __future__ import annotations

import argparse
import resource
import sys
from tempfile import TemporaryDirectory

import dask.array as da
import numpy as np
import xarray as xr
from sklearn.ensemble import RandomForestRegressor
from timing import seconds

from carbondrivers.attribution.applicability import applicability
from carbondrivers.attribution.design_matrix import Design
from carbondrivers.attribution.random_forest import CarbonStorageForest
from carbondrivers.attribution.storage_maps import layers_of, storage_maps

DRIVERS, ROWS, TREES, SIDE = 5, 600, 100, 500
SOME = 200_000


def memory() -> float:
    """Return the largest resident memory of this process so far, MB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 1e6 if sys.platform == "darwin" else used / 1e3


def layers(pixels: int) -> dict[str, xr.DataArray]:
    """Return lazy grids that are drawn chunk by chunk and never held whole."""
    rows = max(1, pixels // 10_000)
    columns = pixels // rows
    found = {}
    for i in range(DRIVERS):
        values = da.random.default_rng(i).standard_normal((rows, columns), chunks=(min(SIDE, rows), SIDE), dtype=np.float32)
        at = {"y": np.arange(rows)[::-1] * 100.0, "x": np.arange(columns) * 100.0}
        found[f"d{i}"] = xr.DataArray(values, dims=("y", "x"), coords=at, attrs={"crs": "EPSG:32648"}, name=f"d{i}")
    return found


def main() -> None:
    """Fit once, map many pixels to a Zarr store, and race scikit-learn on some of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pixels", type=int, default=1_000_000)
    pixels = parser.parse_args().pixels
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, DRIVERS))
    y = x[:, 0] + np.tanh(x[:, 1]) + 0.3 * rng.normal(size=ROWS)
    forest = CarbonStorageForest("ningxia", trees=TREES).fit(x, y)
    bare = RandomForestRegressor(TREES, min_samples_leaf=20, max_depth=10, max_features=1, random_state=0).fit(x, y)
    some = rng.normal(size=(SOME, DRIVERS))
    theirs = SOME / seconds(lambda: bare.predict(some), 2)
    ours = SOME / seconds(lambda: forest.predict(some), 2)
    copy = SOME / seconds(lambda: some.copy(), 5)
    names = [f"d{i}" for i in range(DRIVERS)]
    design = Design(tuple(names), dict.fromkeys(names, ()))
    area = applicability(x, forest.shares(), np.arange(ROWS) % 10)
    grids = layers(pixels)
    before = memory()
    for density in (False, True):
        with TemporaryDirectory() as folder:
            maps = storage_maps(forest.predict, design, area, layers_of(grids, design), density=density)
            took = seconds(lambda maps=maps, folder=folder: maps.to_zarr(f"{folder}/maps", mode="w", consolidated=False), 1)  # type: ignore[misc]
        what = "estimate, DI, LPD and inside" if density else "estimate, DI and inside"
        print(
            f"{pixels:,} pixels, {what}: {pixels / took:,.0f} pixels per CPU second; memory beyond the start "
            f"{memory() - before:.0f} MB"
        )
    print(f"estimate alone: {ours:,.0f} pixels per CPU second; bare scikit-learn {theirs:,.0f}, ratio {ours / theirs:.2f}")
    print(f"a memory copy of the drivers does {copy:,.0f} pixels per second, {copy / ours:,.0f} times as many")


if __name__ == "__main__":
    main()
