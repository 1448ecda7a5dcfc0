"""Geodetector beside peers and a memory copy, in one run on the same data.

Run: python benchmarks/geodetector.py   (py-geodetector is raced where it is installed, GD and gdverse where R has them)
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from timing import seconds

from carbondrivers.attribution import detect, detect_grids
from carbondrivers.attribution.geodetector_moments import cell_moments, pair_moments, q_of
from carbondrivers.datasets import Driver, PixelSample

ROWS, FACTORS, STRATA = 1_000_000, 10, 8


def table() -> pd.DataFrame:
    """Return a response and ten factors of eight strata."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"d{i}": rng.integers(0, STRATA, ROWS).astype(np.int32) for i in range(FACTORS)})
    return frame.assign(nep=rng.normal(size=ROWS) + 0.2 * frame["d0"])


def kernel(frame: pd.DataFrame) -> float:
    """Time moments and q of ten factors and 45 pairs from integer codes."""
    y = frame["nep"].to_numpy()
    codes = {name: frame[name].to_numpy() for name in frame.columns if name != "nep"}
    cells = dict.fromkeys(codes, STRATA)

    def everything() -> list[float]:
        singles = [q_of(cell_moments(y, c, STRATA)) for c in codes.values()]
        return singles + [q_of(pair) for pair in pair_moments(y, codes, cells).values()]

    ours = seconds(everything)
    copy = seconds(lambda: [y.copy(), *(c.copy() for c in codes.values())])
    print(f"10 factors and 45 pairs, {ROWS:,} rows, from codes: {ours:.3f} CPU s, {ours / copy:.0f} times a memory copy")
    return ours


def end_to_end(frame: pd.DataFrame) -> None:
    """Race all detectors on a table with py-geodetector."""
    drivers = [Driver(name, kind="categorical") for name in frame.columns if name != "nep"]
    sample = PixelSample.from_frame(frame, response="nep", drivers=drivers)
    ours = seconds(lambda: detect(sample), 5)
    door = seconds(lambda: detect(PixelSample.from_frame(frame, response="nep", drivers=drivers)), 1)
    print(f"four detectors with tests and intervals: {ours:.2f} CPU s from a sample, {door:.2f} from the table")
    sys.path = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).parent]
    sys.modules.pop("geodetector", None)
    try:
        peer = importlib.import_module("geodetector")
    except ImportError:
        print("  py-geodetector is not installed: not raced")
        return
    names = [d.name for d in drivers]
    theirs = seconds(lambda: _peer(peer, frame, names), 1)
    print(
        f"  py-geodetector, factors and 45 pairs: {theirs:.2f} CPU s, {theirs / ours:.1f} times ours, {theirs / door:.1f} "
        "times with the checks of the table"
    )


def _peer(peer: object, frame: pd.DataFrame, names: list[str]) -> None:
    found = peer.GeoDetector(frame, "nep", names)  # type: ignore[attr-defined]
    found.factor_detector()
    found.interaction_detector()


def packages(ours: float, frame: pd.DataFrame) -> None:
    """Race GD and gdverse on the 45 pairs, where R has them."""
    r = shutil.which("Rscript")
    for package in ("GD", "gdverse"):
        if not r or subprocess.run([r, "-e", f"library({package})"], capture_output=True, check=False).returncode:
            print(f"  {package} is not installed: not raced (recorded at {ROWS:,} rows: about 27 to 29 CPU s)")
            continue
        with tempfile.TemporaryDirectory() as folder:
            frame.to_csv(Path(folder) / "table.csv", index=False)
            call = "gdinteract(nep ~ ., d)" if package == "GD" else "gd(nep ~ ., d, type='interaction')"
            code = f"d <- read.csv('{folder}/table.csv'); d[-ncol(d)] <- lapply(d[-ncol(d)], as.character); "
            code += f"t <- system.time({package}::{call}); cat(t[['user.self']] + t[['sys.self']])"
            theirs = float(subprocess.run([r, "-e", code], capture_output=True, check=True, text=True).stdout)
        print(f"  {package}, 45 pairs: {theirs:.1f} CPU s, {theirs / ours:.0f} times ours")


def streamed(side: int = 10_000, drivers: int = 3) -> None:
    """Stream a square of cells from Zarr and print time and memory."""
    with tempfile.TemporaryDirectory() as folder:
        chunk = 1000
        import dask.array as da

        rng = da.random.default_rng(0)
        layers = {"nep": rng.normal(size=(side, side), chunks=chunk).astype(np.float32)}
        layers |= {f"d{i}": rng.integers(0, STRATA, (side, side), chunks=chunk).astype(np.uint8) for i in range(drivers)}
        path = Path(folder) / "grids.zarr"
        xr.Dataset({k: (("y", "x"), v) for k, v in layers.items()}).to_zarr(path, consolidated=False)
        grids = xr.open_zarr(path, consolidated=False)
        tracemalloc.start()
        start, cpu = time.perf_counter(), time.process_time()
        detect_grids(grids["nep"], {f"d{i}": grids[f"d{i}"] for i in range(drivers)})
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        pairs = len(list(combinations(range(drivers), 2)))
        print(
            f"{side * side:,} cells from Zarr, {drivers} factors, {pairs} pairs: {time.process_time() - cpu:.0f} CPU s, "
            f"{time.perf_counter() - start:.0f} s, peak {peak:.0f} MB in Python (one grid: {side * side * 8e-6:.0f} MB)"
        )


if __name__ == "__main__":
    data = table()
    spent = kernel(data)
    end_to_end(data)
    packages(spent, data)
    streamed(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
