"""Path models beside semopy, a recorded piecewiseSEM and a memory copy, in one run on the same data.

Run: python benchmarks/path_models.py   (semopy is a dependency; piecewiseSEM is not raced, its time was recorded)

The model has seven equations, ten variables, 19 paths, 23 claims and 43 pathways. semopy fits it and prints estimates with
standard errors, no claims and no pathways; piecewiseSEM 2.3.0.1 (R 4.2.2, ``psem`` and ``summary``, 2-core machine) took
9.1 s at 1e5 rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from timing import seconds

from carbondrivers.attribution import PathModel, fit_moments, path_model, streamed_moments
from carbondrivers.datasets import Driver, PixelSample

ROWS, STREAMED, PART = 100_000, 10_000_000, 250_000
PIECEWISESEM_SECONDS = 9.1
TEXT = (
    "DEM ~ HFP\nSLOPE ~ DEM + GDP\nTEM ~ DEM + HFP\nPRE ~ DEM + SLOPE\nPET ~ TEM + PRE\nSOC ~ PRE + TEM + SLOPE\n"
    "NEP ~ TEM + PRE + PET + SOC + DEM + HFP + LUCC"
)
MODEL = PathModel.parse(TEXT)


def rows(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return rows of the model's variables, in its order, from unit errors and paths of 0.4."""
    values = rng.normal(size=(n, len(MODEL.order)))
    for place, name in enumerate(MODEL.order):
        for driver in MODEL.equations.get(name, ()):
            values[:, place] += 0.4 * values[:, MODEL.order.index(driver)]
    return values


def race() -> None:
    """Race one table of 1e5 rows."""
    frame = pd.DataFrame(rows(np.random.default_rng(0), ROWS), columns=list(MODEL.order))
    drivers = [Driver(name, "other") for name in MODEL.order if name != "NEP"]
    sample = PixelSample.from_frame(frame, response="NEP", drivers=drivers)
    ours = seconds(lambda: path_model(sample, model=MODEL, replicates=0), 9)
    drawn = seconds(lambda: path_model(sample, model=MODEL, replicates=500), 1)
    copy = seconds(lambda: frame.to_numpy().copy(), 5)
    print(f"path model, {ROWS} rows: {ours:.3f} s with all claims, pathways and chi2; {ours / copy:.0f} memory copies")
    print(f"  with a bootstrap of 500 resamples: {drawn:.2f} s")
    print(f"  piecewiseSEM (recorded {PIECEWISESEM_SECONDS} s): ours is {PIECEWISESEM_SECONDS / ours:.0f} times as fast")
    try:
        from semopy import Model
    except ImportError:
        print("semopy is not installed: not raced")
        return

    def semopy() -> None:
        # On variables in their units semopy stops before its optimum: z-scores are part of its way to an answer.
        peer = Model(TEXT)
        peer.fit((frame - frame.mean()) / frame.std())
        peer.inspect()

    theirs = seconds(semopy, 5)
    print(f"  semopy, z-scores, fit and inspect: {theirs:.3f} s, ours is {theirs / ours:.1f} times as fast")


def race_in_space() -> None:
    """Time the same with places: effective n of every claim and coefficient, Moran's I."""
    side = int(np.sqrt(ROWS))
    frame = pd.DataFrame(rows(np.random.default_rng(0), side**2), columns=list(MODEL.order))
    frame["x"], frame["y"] = np.indices((side, side)).reshape(2, -1) * 1e3
    drivers = [Driver(name, "other") for name in MODEL.order if name != "NEP"]
    sample = PixelSample.from_frame(frame, response="NEP", drivers=drivers, coordinates=("x", "y"), crs="EPSG:32650")
    ours = seconds(lambda: path_model(sample, model=MODEL), 1)
    print(f"path model, {side**2} rows with places (effective n, Moran's I, 500 resamples of blocks): {ours:.2f} s")


def stream() -> None:
    """Fit 1e7 rows that are never held at once."""

    def parts() -> Iterator[np.ndarray]:
        part = rows(np.random.default_rng(1), PART)
        for _ in range(STREAMED // PART):
            yield part

    ours = seconds(lambda: fit_moments(MODEL, streamed_moments(parts(), MODEL.order), target="NEP"), 1)
    part = rows(np.random.default_rng(1), PART)
    copy = seconds(lambda: part.copy(), 5) * STREAMED / PART
    print(f"path model, {STREAMED} rows streamed in parts of {PART}: {ours:.2f} s, {ours / copy:.1f} memory copies")


if __name__ == "__main__":
    race()
    race_in_space()
    stream()
