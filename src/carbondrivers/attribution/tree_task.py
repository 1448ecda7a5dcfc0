"""One group of rows as boosted trees take it: coded drivers, a response without unit, and fits of any part of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.boosted_trees import MAX_BIN
from carbondrivers.attribution.fold_rows import driver_matrix, row_order
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.tree_codes import DriverCodes, Single, driver_codes
from carbondrivers.attribution.tree_growers import Grower, TreeSettings, grower
from carbondrivers.datasets.sample import PixelSample

Rows = NDArray[np.int64]
Split = tuple[Rows, Rows]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Rows in an order of their own, so that no answer depends on the order of a table.

    Attributes
    ----------
    order : numpy.ndarray
        (n,): row of the sample that each row came from.
    x : numpy.ndarray
        (n, p): drivers, classes as numbers.
    y : numpy.ndarray
        (n,): response, in its unit.
    names, categories : tuple of str
        (p,): sorted by name.
    xy : numpy.ndarray or None
        (n, 2): coordinates.
    on, codes
        Split points, and the drivers as their numbers.
    origin, scale : float
        Mean and standard deviation of the response.
    threads : int
        Of each fit.
    """

    order: Rows
    x: Floats
    y: Floats
    names: tuple[str, ...]
    categories: tuple[str, ...]
    xy: Floats | None
    on: DriverCodes
    codes: Single
    origin: float
    scale: float
    threads: int = 1

    @property
    def z(self) -> Floats:
        """The response with mean 0 and standard deviation 1."""
        return (self.y - self.origin) / self.scale

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)

    def fit(
        self,
        settings: TreeSettings,
        trees: int,
        seed: int,
        rows: Rows | None = None,
        columns: Sequence[int] | None = None,
        response: Floats | None = None,
    ) -> Grower:
        """Return trees grown on some rows and columns, all by default; `response` (n,) stands for z."""
        z = self.z if response is None else response
        codes, on = self.codes, self.on
        if columns is not None:
            codes, on = codes[:, list(columns)], part_of(on, columns)
        if rows is not None:
            codes, z = codes[rows], z[rows]
        model = grower(codes, z, None, on, settings, seed, self.threads)
        model.grow(trees)
        return model

    def coarser(self, bins: int) -> Task:
        """Return the same rows with at most so many bins a driver."""
        if self.on.bins <= bins:
            return self
        on = driver_codes(self.x, self.on.levels, bins)
        return replace(self, on=on, codes=on.encode(self.x))

    def members(self) -> dict[str, list[int]]:
        """Return the columns of each category, categories sorted by name."""
        return {c: [j for j, own in enumerate(self.categories) if own == c] for c in sorted(set(self.categories))}

    def out_of_fold(
        self, settings: TreeSettings, trees: int, splits: Sequence[Split], seed: int, columns: Sequence[int] | None = None
    ) -> Floats:
        """Return the prediction of each row by trees that did not see it, (n,), in the unit of the response."""
        found = np.full(self.n, np.nan)
        codes = self.codes if columns is None else self.codes[:, list(columns)]
        for train, test in splits:
            found[test] = self.fit(settings, trees, seed, train, columns).predict(codes[test])
        return found * self.scale + self.origin


def part_of(on: DriverCodes, columns: Sequence[int]) -> DriverCodes:
    """Return the split points of some columns, in the order given."""
    own = list(columns)
    borders, values = tuple(on.borders[j] for j in own), tuple(on.values[j] for j in own)
    return DriverCodes(borders, tuple(on.levels[j] for j in own), values)


def task_of(sample: PixelSample, max_bin: int | None = MAX_BIN, threads: int = 1) -> Task:
    """Return the rows of a sample, or of one of its groups.

    Parameters
    ----------
    sample
        Checked table.
    max_bin
        As in ``BoostedTrees``.
    threads
        Of each fit.
    """
    order = row_order(sample)
    x, y = driver_matrix(sample)[order], sample.y[order]
    levels = tuple(
        int(column.max()) + 1 if d.kind == "categorical" else 0 for d, column in zip(sample.drivers, x.T, strict=True)
    )
    on = driver_codes(x, levels, len(y) + 1 if max_bin is None else max_bin)
    xy = sample.frame[list(sample.coordinates)].to_numpy(dtype=np.float64)[order] if sample.coordinates else None
    origin = float(y.mean())
    scale = float(np.sqrt(np.mean((y - origin) ** 2))) or 1.0
    names, categories = tuple(d.name for d in sample.drivers), tuple(str(d.category) for d in sample.drivers)
    return Task(order, x, y, names, categories, xy, on, on.encode(x), origin, scale, threads)


def shares_of(gains: Floats) -> Floats:
    """Return gains as parts of their sum; NaN where there is no split."""
    total = float(gains.sum())
    return gains / total if total > 0.0 else np.full(len(gains), np.nan)
