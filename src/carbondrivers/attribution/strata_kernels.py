"""Rules that cut sorted values into classes without looking at a response, on distinct values that were sorted once.

A cut is the array of its inner borders, ascending; classes are right-closed (``(a, b]``).

- equal: borders in equal steps from the minimum to the maximum.
- quantile: quantiles of type 7 (Hyndman and Fan 1996, doi:10.2307/2684934) at i / k.
- natural: least within-class sum of squares (Fisher 1958), exact: see ``strata_optimal``.
- geometric: borders in a geometric progression from the minimum to the maximum; where the minimum is not above zero, of
  the distances to a point as far below the minimum as the median lies above it. (R's GD adds 1 instead, so that its borders
  move with the unit.)
- sd: k classes of 4 / k standard deviations around the mean, the two outer ones open.
- head_tails: the mean splits off a head, whose mean splits again, while the head is less than 40 % (Jiang 2013,
  doi:10.1080/00330124.2012.700499); k is the largest number of classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.strata_optimal import optimal_runs, value_bins

Codes = NDArray[np.int64]
HEAD = 0.4


@dataclass(frozen=True, slots=True)
class Ordered:
    """Values sorted once.

    Attributes
    ----------
    distinct : numpy.ndarray
        Shape (d,): the values that occur, ascending.
    counts : numpy.ndarray
        Shape (d,): rows of each.
    reach : numpy.ndarray
        Shape (d + 1,): rows below the first, up to the first, up to the second, ...
    order : numpy.ndarray
        Shape (n,): rows by rising value.
    mean, sd : float
        Mean of the rows, and their standard deviation (n - 1).
    """

    distinct: Floats
    counts: Codes
    reach: Codes
    order: Codes
    mean: float
    sd: float

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.order)


def ordered(values: Floats) -> Ordered:
    """Sort finite values, shape (n,).

    Examples
    --------
    >>> ordered(np.array([3.0, 1.0, 3.0])).counts.tolist()
    [1, 2]
    """
    order = np.argsort(values)
    ranked = values[order]
    first = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    return _described(ranked[first], np.diff(np.append(first, len(ranked))), order)


def _described(values: Floats, counts: NDArray[np.integer], order: NDArray[np.integer]) -> Ordered:
    n = len(order)
    origin = float(values[0])
    mean = float((values - origin) @ counts) / n
    squares = float((values - origin - mean) ** 2 @ counts)
    reach = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    spread = float(np.sqrt(squares / max(n - 1, 1)))
    return Ordered(values, counts.astype(np.int64), reach, order.astype(np.int64), origin + mean, spread)


def part_of(whole: Ordered, keep: NDArray[np.bool_]) -> Ordered:
    """Return the sorted values of some rows, at least one; `order` still numbers the rows of the whole.

    Parameters
    ----------
    whole
        All rows.
    keep
        Shape (n,): which rows stay.
    """
    inside = keep[whole.order]
    below = np.concatenate([[0], np.cumsum(inside)])[whole.reach]
    counts = np.diff(below)
    there = counts > 0
    return _described(whole.distinct[there], counts[there], whole.order[inside])


def running_sums(rows: Ordered, y: Floats) -> Floats:
    """Return the sum of y (n,) over the rows at or below each distinct value, shape (d + 1,), 0 first."""
    sums = np.concatenate([[0.0], np.cumsum(y[rows.order])])
    return sums if len(rows.distinct) == rows.n else np.asarray(sums[rows.reach])


def equal(rows: Ordered, classes: int) -> Floats:
    """Return the inner borders of classes of equal width."""
    low, high = rows.distinct[0], rows.distinct[-1]
    return np.asarray(low + (high - low) * np.arange(1, classes) / classes)


def quantile(rows: Ordered, classes: int) -> Floats:
    """Return the inner borders of classes of nearly equal counts; one that ties put on the minimum is no border."""
    where = (rows.n - 1) * np.arange(1, classes) / classes
    below = np.floor(where).astype(np.int64)
    last = rows.reach[1:] - 1
    low = rows.distinct[np.searchsorted(last, below)]
    high = rows.distinct[np.searchsorted(last, np.minimum(below + 1, rows.n - 1))]
    borders = low + (where - below) * (high - low)
    return np.asarray(borders[borders > rows.distinct[0]])


def natural(rows: Ordered, classes: int) -> Floats:
    """Return the inner borders of the classes with the least within-class sum of squares."""
    return natural_all(rows, classes)[classes]


def natural_all(rows: Ordered, classes: int, min_size: int = 1) -> dict[int, Floats]:
    """Return the natural breaks into 1 to `classes` classes from one dynamic programme.

    Parameters
    ----------
    rows
        Sorted values.
    classes
        Largest number of classes.
    min_size
        Fewest rows of a class.
    """
    ends = value_bins(rows.counts)
    scaled = (rows.distinct - rows.mean) / (float(np.ptp(rows.distinct)) or 1.0)
    weight = np.add.reduceat(rows.counts, ends[:-1])
    sums = np.add.reduceat(rows.counts * scaled, ends[:-1])
    found = optimal_runs(weight, sums, classes, min_size)
    return {k: rows.distinct[ends[1:][last[:-1]] - 1] for k, last in found.items()}


def geometric(rows: Ordered, classes: int) -> Floats:
    """Return the inner borders of classes whose widths grow by one factor."""
    low, high = float(rows.distinct[0]), float(rows.distinct[-1])
    middle = float(rows.distinct[np.searchsorted(rows.reach[1:], (rows.n + 1) // 2)])
    offset = 0.0 if low > 0.0 else ((middle - low) or (rows.mean - low)) - low
    low, high = low + offset, high + offset
    return np.asarray(low * (high / low) ** (np.arange(1, classes) / classes) - offset)


def sd(rows: Ordered, classes: int) -> Floats:
    """Return the inner borders of classes of 4 / k standard deviations around the mean."""
    steps = (np.arange(1, classes) - classes / 2.0) * 4.0 / classes
    return np.asarray(rows.mean + steps * rows.sd)


def head_tails(rows: Ordered, classes: int) -> Floats:
    """Return the means of the heads, at most classes - 1 of them."""
    borders: list[float] = []
    values, counts = rows.distinct, rows.counts
    while len(borders) < classes - 1 and len(values) > 1:
        mean = float(values @ counts / counts.sum())
        head = values > mean
        borders.append(mean)
        share = counts[head].sum() / counts.sum()
        values, counts = values[head], counts[head]
        if share > HEAD:
            break
    return np.asarray(borders)


RULES: dict[str, Callable[[Ordered, int], Floats]] = {
    "quantile": quantile, "equal": equal, "natural": natural, "geometric": geometric, "sd": sd, "head_tails": head_tails,
}  # fmt: skip


def stops(rows: Ordered, inner: Floats, min_size: int = 1) -> Codes:
    """Return where each class ends, as positions in the distinct values; classes without a member are left out.

    Parameters
    ----------
    rows
        Sorted values.
    inner
        Inner borders, ascending.
    min_size
        Classes with fewer rows are joined to the smaller of their neighbours, the smallest first.

    Returns
    -------
    numpy.ndarray
        Shape (k,), the last d.

    Examples
    --------
    >>> stops(ordered(np.array([1.0, 2, 3, 4])), np.array([1.0, 2.5])).tolist()
    [1, 2, 4]
    """
    d = len(rows.distinct)
    found = np.unique(np.append(np.searchsorted(rows.distinct, inner, side="right"), d))
    found = found[found > 0]
    while min_size > 1 and len(found) > 1:
        size = np.diff(rows.reach[np.concatenate([[0], found])])
        least = int(np.argmin(size))
        if size[least] >= min_size:
            break
        joins_next = least == 0 or (least + 1 < len(size) and size[least + 1] < size[least - 1])
        found = np.delete(found, least if joins_next else least - 1)
    return found.astype(np.int64)
