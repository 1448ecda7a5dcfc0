"""Strata: cutting a continuous driver into classes.

Classes are right-closed and the lowest includes its lower border, as in R's ``cut(include.lowest = TRUE)``:
``[b0, b1], (b1, b2], ...``. Quantile breaks are of type 7. Natural breaks are the exact optimum of Fisher (1958),
doi:10.1080/01621459.1958.10501479, by dynamic programming over the distinct values (over at most 1,024 bins of equal
counts that never split a tie, where there are more).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.errors import OptionError, choose

StrataMethod = Literal["quantile", "equal", "natural"]
STRATA_METHODS: tuple[StrataMethod, ...] = get_args(StrataMethod)
MAX_BINS = 1024
Codes = NDArray[np.int64]


def breaks(values: Floats, method: StrataMethod = "quantile", classes: int = 6) -> Floats:
    """Return the class borders of `values`.

    Parameters
    ----------
    values
        Finite values, shape (n,).
    method
        ``"quantile"``, ``"equal"`` (width) or ``"natural"`` (least within-class sum of squares).
    classes
        Number of classes asked for, 2 or more.

    Returns
    -------
    numpy.ndarray
        Ascending borders, shape (k + 1,), the first the minimum (the next smaller number, where the minimum is a class
        of its own) and the last the maximum; k is smaller than `classes` where ties leave fewer classes.

    Examples
    --------
    >>> breaks(np.array([0.0, 1, 2, 3, 10, 11]), "natural", 2).tolist()
    [0.0, 3.0, 11.0]
    """
    choose(method, STRATA_METHODS, "strata method")
    if classes < 2:
        raise OptionError(f"classes must be 2 or more, got {classes!r}")
    low, high = float(values.min()), float(values.max())
    if method == "equal":
        borders = low + (high - low) * np.arange(classes + 1) / classes
    elif method == "quantile":
        borders = np.quantile(values, np.arange(classes + 1) / classes)
    else:
        return _natural(values, classes)
    borders[0], borders[-1] = low, high
    return np.unique(borders)


def assign(values: Floats, borders: Floats) -> Codes:
    """Return the class of each value, 0 to k - 1.

    Examples
    --------
    >>> assign(np.array([0.0, 3.0, 3.5]), np.array([0.0, 3.0, 11.0])).tolist()
    [0, 0, 1]
    """
    inner = borders[1:-1]
    return np.searchsorted(inner, values, side="left").astype(np.int64)


def stratify(column: pd.Series, method: StrataMethod, classes: int) -> tuple[Codes, list[str], Floats | None]:
    """Return codes, the name of each stratum and the borders (None for a categorical column).

    Strata without a member are left out, so every code occurs.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        raw, names, borders = column.cat.codes.to_numpy(dtype=np.int64), [str(c) for c in column.cat.categories], None
    else:
        values = column.to_numpy(dtype=np.float64)
        borders = breaks(values, method, classes)
        raw = assign(values, borders)
        names = [f"{'[' if i == 0 else '('}{a:.6g}, {b:.6g}]" for i, (a, b) in enumerate(_pairs(borders))]
    used, codes = np.unique(raw.astype(np.int64), return_inverse=True)
    if borders is not None and len(used) < len(borders) - 1:
        return codes.astype(np.int64), [names[i] for i in used], _merge(borders, used.astype(np.int64))
    return codes.astype(np.int64), [names[i] for i in used], borders


def _pairs(borders: Floats) -> list[tuple[float, float]]:
    if len(borders) < 2:
        return [(float(borders[0]), float(borders[0]))]
    return list(zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True))


def _merge(borders: Floats, used: Codes) -> Floats:
    if len(borders) < 2:
        return borders
    return np.asarray([borders[0], *borders[used[:-1] + 1], borders[-1]], dtype=np.float64)


def _natural(values: Floats, classes: int) -> Floats:
    """Return natural breaks by dynamic programming on tie-respecting bins."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= classes:
        return np.concatenate([np.nextafter(distinct[:1], -np.inf), distinct])
    scale = (distinct - distinct.mean()) / (np.ptp(distinct) or 1.0)
    edges = _bin_ends(counts)
    weight = np.add.reduceat(counts, edges[:-1]).astype(np.float64)
    first = np.add.reduceat(counts * scale, edges[:-1])
    second = np.add.reduceat(counts * scale**2, edges[:-1])
    ends = _optimal_ends(weight, first, second, classes)
    upper = distinct[edges[1:] - 1][ends]
    lowest = np.nextafter(distinct[:1], -np.inf) if upper[0] == distinct[0] else distinct[:1]
    return np.concatenate([lowest, upper])


def _bin_ends(counts: Codes) -> Codes:
    """Return borders (as positions in the distinct values) of at most ``MAX_BINS`` bins of nearly equal counts."""
    if len(counts) <= MAX_BINS:
        return np.arange(len(counts) + 1)
    share = np.cumsum(counts) / counts.sum()
    ends = np.searchsorted(share, np.arange(1, MAX_BINS) / MAX_BINS, side="left") + 1
    return np.unique(np.concatenate([[0], ends, [len(counts)]]))


def _optimal_ends(weight: Floats, first: Floats, second: Floats, classes: int) -> Codes:
    """Return the last bin of each of `classes` runs with the least within-run sum of squares."""
    w, s, ss = (np.concatenate([[0.0], np.cumsum(part)]) for part in (weight, first, second))
    m = len(weight)
    count = w[None, 1:] - w[:-1, None]
    total = s[None, 1:] - s[:-1, None]
    square = ss[None, 1:] - ss[:-1, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.where(count > 0, square - total**2 / count, np.inf)
    best = cost[0]
    origin = np.zeros((classes, m), dtype=np.int64)
    for k in range(1, classes):
        total_cost = np.concatenate([[np.inf], best[:-1]])[:, None] + cost
        origin[k] = np.argmin(total_cost, axis=0)
        best = np.min(total_cost, axis=0)
    ends = [m - 1]
    for k in range(classes - 1, 0, -1):
        ends.append(int(origin[k, ends[-1]]) - 1)
    return np.asarray(ends[::-1], dtype=np.int64)
