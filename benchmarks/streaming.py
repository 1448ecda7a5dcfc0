"""From files to trend maps and a stratified sample in bounded memory, beside a bare rasterio window loop doing the same.

Run: python benchmarks/streaming.py --side 7000   (21 years of 300 m float32 GeoTIFF, about 4 GB; 1500 by default)

All write the same maps (least squares, Mann-Kendall, Theil-Sen, adjusted p, classes) as GeoTIFF and draw 200,000 cells
by strata. "ours" calls the doors, "study" is ``carbondrivers run`` of a study file, with the regional account, figures and
report beside. Each runs in a process of its own; the bar is 1.5 GB of resident memory for ours.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

YEARS = range(2000, 2021)
ROWS, BLOCK = 200_000, 512
OUTSIDE = 0.15
BAR_GB = 1.5
START = time.perf_counter()
WAYS = ("bare", "ours", "study")
STUDY = f"""
[study]
title = "A large region"
years = [{YEARS[0]}, {YEARS[-1]}]
[response]
name = "nep"
source = "nep_{{year}}.tif"
unit = "g C m-2 a-1"
[drivers.cover]
source = "cover.tif"
kind = "categorical"
[sample]
method = "stratified"
n = {ROWS}
strata = "cover"
[analyses.trend]
"""


def profile(rows: int, columns: int, **options: Any) -> dict[str, Any]:
    """Return what the GeoTIFFs have in common: tiles of 256 cells, 300 m."""
    import rasterio

    shape = {"height": rows, "width": columns, "count": 1, "tiled": True, "blockxsize": 256, "blockysize": 256}
    place = {"crs": "EPSG:32650", "transform": rasterio.Affine(300.0, 0.0, 2e5, 0.0, -300.0, 5e6)}
    return {"driver": "GTiff", "bigtiff": "if_safer", **shape, **place, **options}


def windows(side: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the windows of a square grid, by rows."""
    spans = [(start, min(start + BLOCK, side)) for start in range(0, side, BLOCK)]
    return [(rows, columns) for rows in spans for columns in spans]


def make(folder: Path, side: int) -> None:
    """Write one file a year with a planted trend and autocorrelated noise, a corner outside, and a grid of strata."""
    import rasterio

    files = [rasterio.open(folder / f"nep_{y}.tif", "w", **profile(side, side, dtype="float32", nodata=np.nan)) for y in YEARS]
    cover = rasterio.open(folder / "cover.tif", "w", **profile(side, side, dtype="uint8", nodata=255))
    for rows, columns in windows(side):
        rng = np.random.default_rng((rows[0], columns[0]))
        row, column = np.ogrid[rows[0] : rows[1], columns[0] : columns[1]]
        outside = (row + column) / (2 * side) < OUTSIDE
        noise = np.zeros((rows[1] - rows[0], columns[1] - columns[0]), dtype=np.float32)
        for i, file in enumerate(files):
            noise = 0.3 * noise + rng.standard_normal(noise.shape, dtype=np.float32) * 30
            slope = 4.0 * np.sin(row / side * 6.0) * np.cos(column / side * 6.0)
            file.write(np.where(outside, np.nan, 250 + slope * i + noise).astype(np.float32), 1, window=(rows, columns))
        classes = 1 + (np.sin(row / 97.0) + np.cos(column / 131.0) > 0) + 2 * (row > column)
        cover.write(np.where(outside, 255, classes).astype(np.uint8), 1, window=(rows, columns))
    for file in (*files, cover):
        file.close()


def ours(folder: Path, out: Path) -> dict[str, float]:
    """Run the package's own way."""
    from carbondrivers.attribution import trend
    from carbondrivers.datasets.rasters import read_raster
    from carbondrivers.datasets.sampling import sample_pixels
    from carbondrivers.datasets.write import keep_grid

    stack = read_raster(folder, "nep_{year}.tif", name="nep")
    cover = read_raster(folder, "cover.tif", name="cover", kind="categorical")
    result = trend(stack, keep=partial(keep_grid, path=out / "trend_{variable}.tif"))
    drawn = sample_pixels({"nep": stack, "cover": cover}, method="stratified", n=ROWS, strata="cover")
    drawn.frame.to_parquet(out / "sample.parquet")
    share = result.classes.query("method.str.contains('adjusted')")["share"]
    return {"rows": drawn.n, "cells": result.n, "mean": float(drawn.frame["nep"].mean()), "rising": float(share.iloc[:2].sum())}


def study(folder: Path, out: Path) -> dict[str, float]:
    """Run a study file, from the files to the output folder."""
    import pandas as pd
    import rasterio

    from carbondrivers.study.check import load_study
    from carbondrivers.study.publish import publish_run
    from carbondrivers.study.run import run_steps

    (folder / "study.toml").write_text(STUDY)
    made = run_steps(load_study(folder / "study.toml"), out / "study", progress=_said)
    publish_run(made, out / "study")
    _said("Report", True)
    found = made.kept["trend"].result
    share = found.tables["classes"].query("method.str.contains('adjusted')")["share"]
    rows = pd.read_parquet(out / "study" / "sample.parquet")
    with rasterio.open(out / "study" / "maps" / "trend_trend_class.tif") as file:
        if file.shape[0] != rasterio.open(folder / "cover.tif").height:
            raise SystemExit("the map of classes has another size than the data")
    return {"rows": len(rows), "cells": found.n, "mean": float(rows["nep"].mean()), "rising": float(share.iloc[:2].sum())}


def _said(title: str, done: bool) -> None:
    """Say on the error stream what a step has taken so far."""
    if done:
        own = resource.getrusage(resource.RUSAGE_SELF)
        took = f"{time.perf_counter() - START:.0f} s on the clock, {own.ru_maxrss / 2**20:.2f} GB at most"
        print(f"    {title}: {took}", file=sys.stderr, flush=True)


def bare(folder: Path, out: Path) -> dict[str, float]:
    """Do the same with rasterio, NumPy and pandas alone, window by window (the kernels are the package's)."""
    import pandas as pd
    import rasterio
    from scipy import stats

    from carbondrivers.attribution import trend_kernels as kernels
    from carbondrivers.attribution.trend_maps import STATISTICS

    times = np.arange(float(len(YEARS)))
    with rasterio.Env(GDAL_CACHEMAX=64 * 2**20):
        files = [rasterio.open(folder / f"nep_{year}.tif") for year in YEARS]
        side = files[0].width
        options = profile(side, side, dtype="float64", nodata=np.nan, compress="deflate", zlevel=1, predictor=3)
        maps = {name: rasterio.open(out / f"bare_{name}.tif", "w", **options) for name in STATISTICS}
        mean = np.full((side, side), np.nan, dtype=np.float32)
        for rows, columns in windows(side):
            values = np.stack([file.read(1, window=(rows, columns)) for file in files])
            mean[slice(*rows), slice(*columns)] = values.mean(axis=0)
            flat = values.reshape(len(times), -1).T
            found = np.full((len(flat), len(STATISTICS)), np.nan)
            for start in range(0, len(flat), 2048):
                y = flat[start : start + 2048].astype(np.float64)
                count = (~np.isnan(y)).sum(axis=1)
                found[start : start + 2048, -1] = count
                enough = np.flatnonzero(count >= 15)
                test = kernels.mann_kendall(y[enough])
                each = [*kernels.ols(y[enough], times), *kernels.theil_sen(y[enough], times, test.variance)]
                found[start + enough, :-1] = np.column_stack([*each, test.s, test.z, test.p, test.tau_a, test.tau_b])
            for i, file in enumerate(maps.values()):
                file.write(found[:, i].reshape(values.shape[1:]), 1, window=(rows, columns))
        for file in maps.values():
            file.close()
        with rasterio.open(out / "bare_mk_p.tif") as file:
            p = file.read(1)
        with rasterio.open(out / "bare_mk_s.tif") as file:
            s = file.read(1)
        tested = np.isfinite(p)
        p[tested] = stats.false_discovery_control(p[tested])
        level = np.where(p < 0.01, 0.0, np.where(p < 0.05, 1.0, 2.0))
        classes = np.where(tested, np.where(s > 0, level, np.where(s < 0, 5.0 - level, 6.0)), np.nan)
        for name, values in (("mk_p_adjusted", p), ("trend_class", classes)):
            with rasterio.open(out / f"bare_{name}.tif", "w", **options) as file:
                file.write(values, 1)
        with rasterio.open(folder / "cover.tif") as file:
            cover = file.read(1)
    rng = np.random.default_rng(0)
    inside = tested & (cover != 255)
    taken = []
    for one in np.unique(cover[inside]):
        cells = np.flatnonzero(inside & (cover == one))
        taken.append(rng.choice(cells, round(ROWS * len(cells) / inside.sum()), replace=False))
    chosen = np.sort(np.concatenate(taken))
    frame = pd.DataFrame({"nep": mean.ravel()[chosen], "cover": cover.ravel()[chosen]})
    frame.to_parquet(out / "bare.parquet")
    rising = float((classes < 2).sum() / tested.sum())
    return {"rows": len(frame), "cells": int(tested.sum()), "mean": float(frame["nep"].mean()), "rising": rising}


def measure(what: str, folder: Path, out: Path) -> dict[str, float]:
    """Run one way in a process of its own; return its seconds, processor seconds and peak resident gigabytes."""
    command = [sys.executable, __file__, "--run", what, "--folder", str(folder), "--out", str(out)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run(what: str, folder: Path, out: Path) -> None:
    """Do the work of one process and print what it took."""
    start = time.perf_counter()
    found = {"ours": ours, "study": study, "bare": bare}[what](folder, out)
    own = resource.getrusage(resource.RUSAGE_SELF)
    took = {"seconds": time.perf_counter() - start, "processor": own.ru_utime + own.ru_stime, "gb": own.ru_maxrss / 2**20}
    print(json.dumps(took | found))


def main() -> None:
    """Make the data, run both ways, print both and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1500)
    parser.add_argument("--folder", type=Path, help="where the data are made; a temporary folder by default")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="what to measure; all by default")
    parser.add_argument("--run", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        run(given.run, given.folder, given.out)
        return
    with TemporaryDirectory(dir=given.folder) as place:
        folder, out = Path(place) / "data", Path(place) / "maps"
        folder.mkdir()
        out.mkdir()
        make(folder, given.side)
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e9
        print(f"{given.side} x {given.side} cells x {len(YEARS)} years, {size:.2f} GB of GeoTIFF")
        found = {what: measure(what, folder, out) for what in WAYS if what in given.ways}
    for what, took in found.items():
        print(
            f"  {what}: {took['seconds']:.0f} s, {took['processor']:.0f} s of processor, {took['gb']:.2f} GB at most; "
            f"{took['cells']:,.0f} cells, {took['rows']:,.0f} rows of mean {took['mean']:.2f}, rising {took['rising']:.4f}"
        )
    for what in ("ours", "study"):
        if what in found and "bare" in found:
            ratio = {key: found[what][key] / found["bare"][key] for key in ("seconds", "processor", "gb")}
            print(f"  {what} to bare: " + ", ".join(f"{key} {value:.2f}" for key, value in ratio.items()))
        if what in found:
            print(f"  {what}, bar {BAR_GB} GB: {'held' if found[what]['gb'] < BAR_GB else 'MISSED'}")


if __name__ == "__main__":
    main()
