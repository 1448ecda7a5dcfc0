"""Drivers as whole numbers: the place of a value among the borders that a tree may split at.

A tree sees only the order of a driver's values. Each value is therefore replaced by the number of possible split points at
or below it, before any engine is called: no unit, no rounding to single precision and no engine's own binning can then
change a tree. Split points lie halfway between neighbouring values, and a value on a split point goes right, as in R's gbm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats

Single = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class DriverCodes:
    """Possible split points of each column of a table.

    Attributes
    ----------
    borders : tuple of numpy.ndarray
        Ascending split points, one array a column; empty for a column of classes.
    levels : tuple of int
        Number of classes of each column, 0 for a measured one. Classes are the numbers 0 to levels - 1.
    values : tuple of numpy.ndarray
        The value of each code; empty where a code stands for several values, or for a class.
    """

    borders: tuple[Floats, ...]
    levels: tuple[int, ...]
    values: tuple[Floats, ...]

    @property
    def bins(self) -> int:
        """The largest number of different codes of a column, at least 2."""
        return max([2, *(len(b) + 1 for b in self.borders), *self.levels])

    @property
    def has_classes(self) -> bool:
        """Whether a column holds classes."""
        return any(self.levels)

    @property
    def kinds(self) -> list[str]:
        """What xgboost calls the columns: ``"c"`` for classes, ``"q"`` for measured ones."""
        return ["c" if k else "q" for k in self.levels]

    def encode(self, x: Floats) -> Single:
        """Return the codes of a table, shape (n, p), single precision (exact: they are whole numbers below 2^24).

        Parameters
        ----------
        x
            (n, p), finite.
        """
        codes = np.empty(x.shape, dtype=np.float32)
        for j, (borders, levels) in enumerate(zip(self.borders, self.levels, strict=True)):
            codes[:, j] = x[:, j] if levels else np.searchsorted(borders, x[:, j], side="right")
        return codes

    def one_hot(self, codes: Single) -> tuple[Single, NDArray[np.int64]]:
        """Return codes with a column of 0 and 1 for each class, and the column that each came from."""
        parts, origin = [], []
        for j, levels in enumerate(self.levels):
            column = codes[:, j : j + 1]
            parts.append((column == np.arange(levels)).astype(np.float32) if levels else column)
            origin += [j] * max(levels, 1)
        return np.concatenate(parts, axis=1), np.array(origin, dtype=np.int64)


def driver_codes(x: Floats, levels: tuple[int, ...], max_bin: int) -> DriverCodes:
    """Find the split points of every column.

    Parameters
    ----------
    x
        (n, p), finite.
    levels
        Number of classes of each column, 0 for a measured one.
    max_bin
        Most bins of a column: with more different values, borders are taken at equal counts.

    Examples
    --------
    >>> codes = driver_codes(np.array([[1.0], [2.0], [4.0]]), (0,), 256)
    >>> codes.borders[0].tolist(), codes.encode(np.array([[1.5], [2.9], [9.0]])).ravel().tolist()
    ([1.5, 3.0], [1.0, 1.0, 2.0])
    """
    empty = np.empty(0)
    found = [(empty, empty) if k else _borders(x[:, j], max_bin) for j, k in enumerate(levels)]
    return DriverCodes(tuple(b for b, _ in found), levels, tuple(v for _, v in found))


def _borders(column: Floats, max_bin: int) -> tuple[Floats, Floats]:
    distinct, counts = np.unique(column, return_counts=True)
    values = distinct
    lower, upper = distinct[:-1], distinct[1:]
    if len(distinct) > max_bin:
        wanted = np.arange(1, max_bin) * (len(column) / max_bin)
        at = np.unique(np.searchsorted(np.cumsum(counts)[:-1], wanted))
        at = at[at < len(lower)]
        lower, upper, values = lower[at], upper[at], np.empty(0)
    middle = lower + (upper - lower) / 2.0
    # Between neighbouring floating-point numbers there is no middle: the upper one must still go right.
    return np.where(middle > lower, middle, upper), values
