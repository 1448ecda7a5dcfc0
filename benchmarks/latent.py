"""Latent models and diagrams beside semopy and a memory copy, in one run on the same data.

Run: python benchmarks/latent.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import semopy
from timing import seconds

from carbondrivers.attribution import latent_model
from carbondrivers.datasets import PixelSample
from carbondrivers.reports.figures.sem_layout import Edge, Node, layout

MODEL = "climate =~ a + b + c\nsoil =~ d + e + f\nsoil ~ climate + cause\nnep ~ climate + soil + cause"


def table(rows: int) -> pd.DataFrame:
    """Make a table of which the model is true."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"cause": rng.normal(size=rows)})
    climate, noise = rng.normal(size=rows), rng.normal(size=(rows, 8))
    soil = 0.5 * climate + 0.3 * frame["cause"] + noise[:, 6]
    for i, name in enumerate("abcdef"):
        frame[name] = (climate if name in "abc" else soil) + noise[:, i]
    return frame.assign(nep=climate + 0.5 * soil + noise[:, 7])


def fit_ratios() -> None:
    """Race the door (two optimisers, guards, errors, effects, indices) against semopy's one fit with its own table."""
    for rows in (1_000, 100_000):
        frame = table(rows)
        drivers = dict.fromkeys(frame.columns.drop("nep"), "other")
        sample = PixelSample.from_frame(frame, response="nep", drivers=drivers)
        scaled = (frame - frame.mean()) / frame.std(ddof=0)

        def theirs(scaled: pd.DataFrame = scaled) -> None:
            model = semopy.Model(MODEL, mimic_lavaan=True)
            model.fit(scaled, tol=1e-14)
            model.inspect(std_est=True)
            semopy.calc_stats(model)

        ours = seconds(lambda sample=sample: latent_model(sample, model=MODEL), 5)
        peer, copy = seconds(theirs, 5), seconds(lambda frame=frame: frame.to_numpy().copy(), 5)
        print(
            f"latent model, {rows} rows: {ours:.3f} s; semopy's fit, inspection and fit table {peer / ours:.2f} times that; "
            f"{ours / copy:.0f} times a memory copy of the table"
        )


def layout_seconds() -> None:
    """Time the search for a layout of ten arrows on five blocks."""
    names = ["human", "topography", "soil", "climate", "nep"]
    arrows = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    nodes, edges = [Node(name, 23, 18) for name in names], [Edge(a, b, 9, 3) for a, b in arrows]
    taken = seconds(lambda: layout(nodes, edges, 115.0), 3)
    print(f"layout, 5 blocks and 10 arrows: {taken:.2f} s, {layout(nodes, edges, 115.0).faults['crossings']} crossing")


if __name__ == "__main__":
    fit_ratios()
    layout_seconds()
