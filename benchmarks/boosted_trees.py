"""Boosted trees beside bare xgboost and R's gbm, refits on blocks, and the memory of a million rows.

Usage: python benchmarks/boosted_trees.py [rows ... of the comparison, 1e4 1e5 by default] [--memory | --refits]
R's gbm is timed where Rscript has the package; at 1e5 rows from 20 trees (time is proportional to their number).
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from timing import seconds

from carbondrivers.attribution import BoostedTrees
from carbondrivers.attribution.influence_spread import Grids, resampled
from carbondrivers.attribution.resampling import Bootstrap, units_of
from carbondrivers.attribution.tree_growers import TreeSettings
from carbondrivers.attribution.tree_task import task_of
from carbondrivers.datasets import PixelSample

DRIVERS, TREES = 12, 1000
GBM = """
suppressMessages(library(gbm)); d <- read.csv("{file}"); set.seed(1); t <- proc.time()
m <- gbm(y ~ ., "gaussian", d, n.trees = {trees}, interaction.depth = 5, shrinkage = .05, bag.fraction = .75,
  n.minobsinnode = 10, keep.data = FALSE)
u <- proc.time() - t; cat(u[1] + u[2])
"""


def table(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows with twelve drivers, three of which act."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, DRIVERS))
    return x, np.sin(x[:, 0]) + x[:, 1] * (x[:, 2] > 0) + rng.normal(size=n)


def ours(x: np.ndarray, y: np.ndarray) -> None:
    """The estimator."""
    BoostedTrees(n_trees=TREES, tree_complexity=5, learning_rate=0.05, bag_fraction=0.75).fit(x, y)


def bare(x: np.ndarray, y: np.ndarray) -> None:
    """The same trees by xgboost alone."""
    import xgboost

    rows = xgboost.QuantileDMatrix(x.astype(np.float32), label=y, max_bin=256, nthread=1)
    xgboost.train(
        {
            "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": 6, "max_depth": 0, "learning_rate": 0.05,
            "subsample": 0.75, "reg_lambda": 0.0, "min_child_weight": 10, "max_bin": 256, "nthread": 1,
        },
        rows, TREES,
    )  # fmt: skip


def gbm(x: np.ndarray, y: np.ndarray) -> float | None:
    """CPU seconds of R's gbm for a thousand trees, None where it is not there."""
    if shutil.which("Rscript") is None:
        return None
    trees = TREES if len(y) <= 10_000 else 20
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        pd.DataFrame(x).add_prefix("x").assign(y=y).to_csv(file, index=False)
        done = subprocess.run(
            ["Rscript", "-e", GBM.format(file=file, trees=trees)], capture_output=True, text=True, check=False
        )
    return float(done.stdout) * TREES / trees if done.returncode == 0 else None


def refits() -> None:
    """A hundred refits on spatial blocks of 2,000 rows, without curves."""
    x, y = table(2000)
    frame = pd.DataFrame(x).add_prefix("d").assign(nep=y)
    frame["x"], frame["y"] = np.random.default_rng(1).uniform(size=(2, 2000))
    drivers = {f"d{j}": "climate" for j in range(DRIVERS)}
    sample = PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y"))
    task, units = task_of(sample), units_of(sample, None, None, sample.y[:, None])
    # Eight hundred trees of two splits are what the defaults of `influence` choose for 2,000 pixels of the demo region.
    for splits, rate, trees in ((5, 0.05, 250), (5, 0.05, 500), (5, 0.05, 1000), (2, 0.02, 800)):
        settings = TreeSettings(splits, rate, 0.75)
        taken = seconds(
            lambda settings=settings, trees=trees: resampled(
                task, settings, trees, units, Bootstrap(100, 0.95, 1), Grids((), ()), 0, 1
            ),
            repeats=1,
        )
        print(f"100 block refits of {trees} trees of {splits} splits on 2,000 rows: {taken:.1f} CPU s", flush=True)


def memory() -> None:
    """What a million rows take beyond the data."""
    x, y = table(1_000_000)
    np.asarray(x, dtype=np.float64).sum()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    BoostedTrees(n_trees=5, learning_rate=0.05).fit(x, y)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"1e6 rows x {DRIVERS}: {(after - before) / 1024:.0f} MB beyond {x.nbytes / 2**20 + y.nbytes / 2**20:.0f} MB of data")


def main() -> None:
    """Print ratios to peers, the refits and the memory."""
    words = sys.argv[1:]
    alone = {"--memory": memory, "--refits": refits}
    for word, call in alone.items():
        if word in words:
            call()
            return
    for n in [int(float(word)) for word in words] or [10_000, 100_000]:
        x, y = table(n)
        own, alone, copy = seconds(lambda x=x, y=y: ours(x, y), 2), seconds(lambda x=x, y=y: bare(x, y), 2), seconds(x.copy)
        print(f"{n:>8} rows, {TREES} trees: {own:.2f} CPU s, {own / alone:.2f} of bare xgboost, {own / copy:.0f} memory copies")
        peer = gbm(x, y)
        if peer is None:
            print("         R gbm is not here; recorded elsewhere: 5.3 s at 1e4 rows, 108 s at 1e5")
        else:
            print(f"         R gbm {peer:.1f} CPU s: {peer / own:.1f} times as long")
    refits()


if __name__ == "__main__":
    main()
