"""Drivers as the columns of a matrix: numbers as they are, one column of 0 and 1 for each class of a categorical driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.groups import class_label
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import DataError, did_you_mean


@dataclass(frozen=True, slots=True)
class Design:
    """How drivers become columns.

    Attributes
    ----------
    drivers : tuple of str
        In the order of the sample.
    levels : mapping
        Driver to the labels of its classes; an empty tuple for a continuous one.
    """

    drivers: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]

    @property
    def owner(self) -> NDArray[np.int64]:
        """Number of the driver that each column belongs to, (columns,)."""
        widths = [max(1, len(self.levels[name])) for name in self.drivers]
        return np.repeat(np.arange(len(widths)), widths).astype(np.int64)

    def by_driver(self, values: Floats) -> Floats:
        """Add up what belongs to the columns of one driver: (..., columns) to (..., drivers)."""
        sums = np.zeros((*values.shape[:-1], len(self.drivers)))
        for column, driver in enumerate(self.owner):
            sums[..., driver] += values[..., column]
        return sums

    def matrix(self, columns: Mapping[str, NDArray[np.generic]]) -> tuple[Floats, int]:
        """Return columns (n, columns) of arrays (n,) by driver, and how many rows hold a class that is not known.

        The columns of such a row are NaN, as are those of a row without a value.

        Raises
        ------
        DataError
            If a driver is missing.
        """
        parts, unseen = [], np.zeros(0, dtype=bool)
        for name in self.drivers:
            if name not in columns:
                raise DataError(f"there is no layer of driver {name!r}.{did_you_mean(name, columns)} Give one for every driver")
            given = np.asarray(columns[name])
            if not self.levels[name]:
                parts.append(given.astype(np.float64)[:, None])
                continue
            hot, strange = _one_hot(given, self.levels[name])
            unseen = strange if not len(unseen) else unseen | strange
            parts.append(hot)
        return np.concatenate(parts, axis=1), int(unseen.sum())


def design_of(sample: PixelSample) -> tuple[Design, Floats]:
    """Return how the drivers of a sample become columns, and the columns, (n, columns)."""
    levels: dict[str, tuple[str, ...]] = {}
    columns: dict[str, NDArray[np.generic]] = {}
    for driver in sample.drivers:
        column = sample.frame[driver.name]
        columns[driver.name] = column.to_numpy()
        categorical = isinstance(column.dtype, pd.CategoricalDtype)
        levels[driver.name] = tuple(sorted({class_label(v) for v in column.unique()})) if categorical else ()
    design = Design(tuple(d.name for d in sample.drivers), levels)
    return design, design.matrix(columns)[0]


def _one_hot(given: NDArray[np.generic], levels: tuple[str, ...]) -> tuple[Floats, NDArray[np.bool_]]:
    different, places = np.unique(given.astype(object).astype(str) if given.dtype == object else given, return_inverse=True)
    missing = np.array([str(value) in ("nan", "None", "<NA>") for value in different], dtype=bool)
    labels = [class_label(value.item() if hasattr(value, "item") else value) for value in different]
    known = {label: i for i, label in enumerate(levels)}
    at = np.array([known.get(label, -1) for label in labels], dtype=np.int64)
    table = np.full((len(different), len(levels)), np.nan)
    table[at >= 0] = np.eye(len(levels))[at[at >= 0]]
    return table[places.reshape(-1)], ((at < 0) & ~missing)[places.reshape(-1)]


def same_order(x: Floats, design: Design) -> list[str]:
    """Return a sentence on each set of continuous drivers that order the rows alike; x (n, columns)."""
    alike: dict[bytes, list[str]] = {}
    for column, owner in enumerate(design.owner):
        if not design.levels[design.drivers[owner]]:
            ranks = np.unique(x[:, column], return_inverse=True)[1]
            alike.setdefault(ranks.tobytes(), []).append(design.drivers[owner])
    sets = [" and ".join(names) for names in alike.values() if len(names) > 1]
    return [f"{names} order the rows alike: how they share importance is arbitrary." for names in sets]
