"""Break rules of two R packages, where they differ from ours, so that their printed choices can be reproduced.

``"gd"`` is GD 10.8 (``disc``, ``optidisc``): quantiles are made more until enough differ, the geometric rule adds 1, standard
deviations are halved until enough borders fall inside; a cut with equal borders or a class of fewer than two rows counts
for nothing, and rows beyond the last border (rounding) are left out of the sum within strata, not of the total.
``"gdverse"`` is gdverse 1.7 with sdsfun 0.9 (``opgd``): quantiles are values of the rows, sd classes are unit steps cut off
at the first and last class, ``natural`` is not the optimum (it starts its way back one row early and puts a border into the
upper class), classes of a single row are left out. Read in their sources.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.strata_kernels import Codes, Ordered, natural

BreakRules = Literal["own", "gd", "gdverse"]
BREAK_RULES: tuple[BreakRules, ...] = get_args(BreakRules)
PEER_METHODS = ("equal", "geometric", "natural", "quantile", "sd")
_MOST_QUANTILES = 1000


def gd_borders(rows: Ordered, method: str, classes: int) -> Floats:
    """Return the borders of R's ``GD::disc``, ends included.

    Parameters
    ----------
    rows
        Sorted values.
    method
        One of ``PEER_METHODS``.
    classes
        Number of classes.

    Examples
    --------
    >>> from carbondrivers.attribution.strata_kernels import ordered
    >>> gd_borders(ordered(np.array([0.0, 1.0, 8.0])), "geometric", 3).round(6).tolist()
    [0.0, 2.0, 8.0]
    """
    low, high = float(rows.distinct[0]), float(rows.distinct[-1])
    if method == "geometric":
        return _gd_geometric(low, high, classes)
    if method == "sd":
        return _gd_sd(rows, low, high, classes)
    if method == "quantile":
        return _gd_quantile(rows, classes)
    if method == "equal":
        return np.append(low + np.arange(classes) * ((high - low) / classes), high)
    return np.concatenate([[low], natural(rows, classes), [high]])


def _type_7(rows: Ordered, classes: int) -> Floats:
    where = (rows.n - 1) * (np.arange(classes + 1) / classes)
    below = np.minimum(np.floor(where + 4e-14).astype(np.int64), rows.n - 1)
    last = rows.reach[1:] - 1
    low, high = (rows.distinct[np.searchsorted(last, np.minimum(below + i, rows.n - 1))] for i in (0, 1))
    return np.asarray(low + np.maximum(where - below, 0.0) * (high - low))


def _gd_quantile(rows: Ordered, classes: int) -> Floats:
    for more in range(classes, classes + _MOST_QUANTILES):
        borders = np.unique(_type_7(rows, more))
        if len(borders) >= classes + 1:
            return borders
    return borders


def _gd_geometric(low: float, high: float, classes: int) -> Floats:
    if low >= 0.0:
        return _progression(low, high, classes)
    reach = np.abs([low, high])
    far, near = int(np.argmax(reach)), int(np.argmin(reach))
    upper = int(np.floor((classes + 1) / (1.0 + reach[near] / reach[far])))
    small = _progression(0.0, float(reach[near]), classes + 2 - upper)[1:]
    large = _progression(0.0, float(reach[far]), upper + 1)[1:]
    below, above = (small, large) if near == 0 else (large, small)
    return np.concatenate([-below[::-1], above])


def _progression(low: float, high: float, classes: int) -> Floats:
    factor = ((high + 1.0) / (low + 1.0)) ** (1.0 / (classes - 1))
    start = (low + 1.0) / factor
    return np.asarray(factor ** np.arange(1.0, classes + 1.0) * start - 1.0)


def _gd_sd(rows: Ordered, low: float, high: float, classes: int) -> Floats:
    borders, m = np.array([low, high]), classes
    while len(borders) < classes + 1 and m < classes + _MOST_QUANTILES:
        m += 1
        steps = (m - 1.0) - np.arange(2000.0, 1.0, -2.0)
        steps = steps[steps >= 0.0] / (2.0 if m <= 7 else 4.0) * rows.sd
        inner = np.concatenate([(rows.mean - steps)[::-1], rows.mean + steps])
        borders = np.concatenate([[low], np.unique(inner[(inner > low) & (inner < high)]), [high]])
    return borders


def gdverse_stops(rows: Ordered, method: str, classes: int) -> Codes:
    """Return where the classes of ``sdsfun::discretize_vector`` end, as positions in the distinct values.

    Parameters
    ----------
    rows, method, classes
        As in ``gd_borders``.
    """
    labels = _gdverse_labels(rows, method, classes)
    return np.append(np.flatnonzero(np.diff(labels)) + 1, len(labels)).astype(np.int64)


def _gdverse_labels(rows: Ordered, method: str, classes: int) -> Codes:
    values = rows.distinct
    low, high = float(values[0]), float(values[-1])
    if method == "quantile":
        at = (np.arange(1, classes + 1) * (rows.n - 1)) // classes
        borders = values[np.searchsorted(rows.reach[1:] - 1, at)]
        return np.searchsorted(borders, values, side="left").astype(np.int64)
    if method == "natural":
        return np.searchsorted(_gdverse_natural(rows, classes), values, side="right").astype(np.int64)
    if method == "equal":
        raw = np.ceil((values - low) / ((high - low) / classes))
    elif method == "sd":
        raw = np.floor(((values - rows.mean) / rows.sd + classes / 2.0) / classes * classes)
    else:
        if low <= 0.0:
            return np.zeros(len(values), dtype=np.int64)
        raw = np.floor(np.log(values / low) / np.log((high / low) ** (1.0 / classes))) + 1.0
    return np.clip(raw, 1, classes).astype(np.int64)


def _gdverse_natural(rows: Ordered, classes: int) -> Floats:
    data = np.repeat(rows.distinct, rows.counts)
    n = len(data)
    sums, squares = (np.concatenate([[0.0], np.cumsum(part)]) for part in (data, data**2))
    best = np.full((n + 1, classes + 1), np.inf)
    lower = np.zeros((n + 1, classes + 1), dtype=np.int64)
    best[1, 1:], lower[1, 1:] = 0.0, 1
    for row in range(2, n + 1):
        start = np.arange(1, row)
        total = sums[row] - sums[start]
        spread = squares[row] - squares[start] - total**2 / (row - start)
        whole = spread[:, None] + best[start, 1:classes]
        first = np.argmin(whole, axis=0)
        best[row, 2:] = whole[first, np.arange(classes - 1)]
        lower[row, 2:] = first + 2
        best[row, 1], lower[row, 1] = squares[row] - sums[row] ** 2 / row, 1
    found, k = np.zeros(classes - 1), n - 1
    for count in range(classes - 1, 0, -1):
        found[count - 1] = data[lower[k, count + 1] - 2]
        k = lower[k, count + 1] - 1
    return found


def peer_q(rows: Ordered, y: Floats, method: str, classes: int, rules: BreakRules) -> float:
    """Return the q that GD or gdverse finds for one cut; NaN where the package has none.

    Parameters
    ----------
    rows
        The driver, sorted.
    y
        Centred response, shape (n,).
    method, classes
        The cut.
    rules
        ``"gd"`` or ``"gdverse"``.
    """
    ranked = y[rows.order]
    if rules == "gd":
        borders = gd_borders(rows, method, classes)
        ends = rows.reach[np.searchsorted(rows.distinct, borders[1:], side="right")]
        sizes = np.diff(np.concatenate([[0], ends]))
        if len(np.unique(borders)) < len(borders) or sizes.min() < 2:
            return np.nan
    else:
        ends = rows.reach[gdverse_stops(rows, method, classes)]
        sizes = np.diff(np.concatenate([[0], ends]))
        if (sizes == 1).any():
            ranked = ranked[np.repeat(sizes > 1, sizes)]
            ends = np.cumsum(sizes[sizes > 1])
    parts = np.split(ranked, ends)[:-1]
    within = sum(float(((part - part.mean()) ** 2).sum()) for part in parts)
    return 1.0 - within / float(((ranked - ranked.mean()) ** 2).sum())
