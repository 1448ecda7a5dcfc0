"""Zones as the leaves of a regression tree on one or several drivers: the geographically optimal zones of GOZH.

Least squares, best split first seen by driver name and then by the lowest border; a measured driver is cut by its order, a
categorical one between its classes sorted by their mean, which is the best of all its bipartitions (Fisher 1958). Growth and
pruning are those of R's rpart with its defaults (Breiman et al. 1984): a node of fewer than 20 rows is not split, a leaf
has 7 rows or more, and a branch stays if each of its splits takes more than 1 % of the whole sum of squares off. A driver
of more than 1,024 values is cut between as many bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.strata_kernels import Codes, ordered
from carbondrivers.attribution.strata_optimal import value_bins

MIN_SPLIT, MIN_LEAF, COMPLEXITY, MAX_DEPTH = 20, 7, 0.01, 30
_TIE = 1e-12


@dataclass(frozen=True, slots=True)
class Binned:
    """Drivers as bins.

    Attributes
    ----------
    codes : int64, (drivers, n)
        Bin of each row.
    width : int
        Bins of the driver that has most.
    by_mean : bool, (drivers,)
        Whether the bins are classes without an order.
    upper : list
        Per driver the largest value of each bin; None for classes.
    """

    codes: Codes
    width: int
    by_mean: NDArray[np.bool_]
    upper: list[Floats | None]


@dataclass(slots=True)
class Node:
    """A node: its rows, what it loses as a leaf, and, where it is split, by which driver and into what."""

    rows: Codes
    risk: float
    driver: int = -1
    left_bins: NDArray[np.bool_] | None = None
    children: list[Node] = field(default_factory=list)


def binned(columns: Sequence[Floats], categorical: Sequence[bool]) -> Binned:
    """Return columns, each (n,), as bins: classes as they are, values in at most 1,024 bins that split no tie.

    Examples
    --------
    >>> binned([np.array([5.0, 1.0, 5.0])], [False]).codes.tolist()
    [[1, 0, 1]]
    """
    codes: list[Codes] = []
    upper: list[Floats | None] = []
    for column, is_class in zip(columns, categorical, strict=True):
        if is_class:
            codes.append(np.unique(column, return_inverse=True)[1].astype(np.int64))
            upper.append(None)
            continue
        rows = ordered(column)
        borders = rows.distinct[value_bins(rows.counts)[1:] - 1]
        codes.append(np.searchsorted(borders, column, side="left").astype(np.int64))
        upper.append(borders)
    return Binned(np.array(codes), int(max(c.max() for c in codes)) + 1, np.asarray(categorical, dtype=bool), upper)


def grow(y: Floats, bins: Binned, drivers: Sequence[int], rows: Codes | None = None) -> Node:
    """Return the pruned tree.

    Parameters
    ----------
    y
        Response, shape (n,).
    bins
        All drivers.
    drivers
        Positions of those that may split.
    rows
        Rows that are used; all by default.

    Examples
    --------
    >>> y = np.repeat([0.0, 10.0], 20)
    >>> tree = grow(y, binned([np.arange(40.0)], [False]), [0])
    >>> [len(leaf.rows) for leaf in leaves(tree)]
    [20, 20]
    """
    own = np.arange(len(y)) if rows is None else rows
    root = _node(y, own)
    threshold = COMPLEXITY * root.risk
    if threshold > 0.0:
        _split(root, y, bins, np.asarray(drivers, dtype=np.int64), threshold, 0)
        _prune(root, threshold)
    return root


def leaves(node: Node) -> list[Node]:
    """Return the leaves from left to right."""
    return [leaf for child in node.children for leaf in leaves(child)] if node.children else [node]


def tree_q(root: Node) -> float:
    """Return the share of the sum of squares that the leaves explain; 0 for a single leaf."""
    return 1.0 - sum(leaf.risk for leaf in leaves(root)) / root.risk if root.children else 0.0


def single_q(y: Floats, bins: Binned, driver: int) -> float:
    """Return ``tree_q`` of the tree on one driver, without the tree: all its splits lie on one line of bins.

    Parameters
    ----------
    y
        Response, shape (n,).
    bins
        All drivers.
    driver
        Position of the one that splits.
    """
    codes, apart = bins.codes[driver], y - y.mean()
    count = np.bincount(codes, minlength=bins.width)
    sums = np.bincount(codes, apart, minlength=bins.width).astype(np.float64)
    squares = np.bincount(codes, apart**2, minlength=bins.width)
    # Classes in the order of their means keep it in every part.
    order = _orders(count[None], sums[None], bins.by_mean[[driver]])[0]
    w, s, ss = (np.concatenate([[0.0], np.cumsum(part[order])]) for part in (count, sums, squares))
    whole = float(ss[-1])
    return 1.0 - _line_risk(w, s, ss, 0, bins.width, COMPLEXITY * whole, 0)[0] / whole if whole > 0.0 else 0.0


def _line_risk(w: Floats, s: Floats, ss: Floats, left: int, right: int, threshold: float, depth: int) -> tuple[float, int]:
    """Return the risk of the pruned tree on bins left to right - 1 of a line, and its number of splits."""
    n, total = w[right] - w[left], s[right] - s[left]
    risk = float(ss[right] - ss[left] - total**2 / n)
    if n < MIN_SPLIT or risk <= threshold or depth >= MAX_DEPTH:
        return risk, 0
    below = w[left + 1 : right] - w[left]
    first, last = np.searchsorted(below, MIN_LEAF), np.searchsorted(below, n - MIN_LEAF, side="right")
    if last <= first:
        return risk, 0
    below, part = below[first:last], s[left + 1 + first : left + 1 + last] - s[left]
    gain = part**2 / below + (total - part) ** 2 / (n - below)
    at = left + 1 + int(first) + int(np.argmax(gain >= gain.max() * (1.0 - _TIE)))
    one = _line_risk(w, s, ss, left, at, threshold, depth + 1)
    other = _line_risk(w, s, ss, at, right, threshold, depth + 1)
    splits = one[1] + other[1] + 1
    return (risk, 0) if risk - one[0] - other[0] <= threshold * splits else (one[0] + other[0], splits)


def _node(y: Floats, rows: Codes) -> Node:
    part = y[rows]
    return Node(rows, float(((part - part.mean()) ** 2).sum()))


def _split(node: Node, y: Floats, bins: Binned, drivers: Codes, threshold: float, depth: int) -> None:
    if len(node.rows) < MIN_SPLIT or node.risk <= threshold or depth >= MAX_DEPTH:
        return
    found = _best(y[node.rows], bins, drivers, node.rows)
    if found is None:
        return
    node.driver, node.left_bins = found
    left = node.left_bins[bins.codes[node.driver, node.rows]]
    node.children = [_node(y, node.rows[left]), _node(y, node.rows[~left])]
    for child in node.children:
        _split(child, y, bins, drivers, threshold, depth + 1)


def _best(y: Floats, bins: Binned, drivers: Codes, rows: Codes) -> tuple[int, NDArray[np.bool_]] | None:
    """Return the driver and the bins that go left in the best split of one node; None where there is no split."""
    apart = y - y.mean()
    n, shape = len(rows), (len(drivers), bins.width)
    joint = (bins.codes[np.ix_(drivers, rows)] + bins.width * np.arange(len(drivers))[:, None]).ravel()
    count = np.bincount(joint, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.bincount(joint, np.tile(apart, len(drivers)), minlength=shape[0] * shape[1]).astype(np.float64).reshape(shape)
    order = _orders(count, sums, bins.by_mean[drivers])
    below = np.cumsum(np.take_along_axis(count, order, axis=1), axis=1)
    total = np.cumsum(np.take_along_axis(sums, order, axis=1), axis=1)
    allowed = (below >= MIN_LEAF) & (n - below >= MIN_LEAF)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(allowed, total**2 / below + total**2 / (n - below), -1.0)
    if not gain.max() > 0.0:
        return None
    at, last = np.unravel_index(int(np.argmax(gain.ravel() >= gain.max() * (1.0 - _TIE))), shape)
    goes_left = np.zeros(bins.width, dtype=bool)
    goes_left[order[at, : last + 1]] = True
    return int(drivers[at]), goes_left


def _orders(count: Codes, sums: Floats, by_mean: NDArray[np.bool_]) -> Codes:
    order = np.tile(np.arange(count.shape[1]), (len(count), 1))
    for i in np.flatnonzero(by_mean):
        mean = np.divide(sums[i], count[i], out=np.full(count.shape[1], np.inf), where=count[i] > 0)
        order[i] = np.argsort(mean, kind="stable")
    return order


def _prune(node: Node, threshold: float) -> tuple[float, int]:
    """Collapse branches whose splits gain too little; return the risk of the leaves and the number of splits left."""
    if not node.children:
        return node.risk, 0
    risks, splits = zip(*(_prune(child, threshold) for child in node.children), strict=True)
    if node.risk - sum(risks) <= threshold * (sum(splits) + 1):
        node.children = []
        return node.risk, 0
    return float(sum(risks)), sum(splits) + 1


def rules(root: Node, bins: Binned, names: Sequence[str], classes: Sequence[Sequence[str]]) -> list[str]:
    """Return in words what leads to each leaf, from left to right.

    Parameters
    ----------
    root, bins
        The tree and its drivers.
    names
        Of the drivers.
    classes
        Of each categorical driver its classes, an empty list for the others.
    """
    found: list[str] = []

    def walk(node: Node, allowed: dict[int, NDArray[np.bool_]]) -> None:
        if not node.children or node.left_bins is None:
            found.append(" and ".join(_words(d, kept, bins, names, classes) for d, kept in sorted(allowed.items())) or "all")
            return
        before = allowed.get(node.driver, np.ones(bins.width, dtype=bool))
        for child, side in zip(node.children, (node.left_bins, ~node.left_bins), strict=True):
            walk(child, allowed | {node.driver: before & side})

    walk(root, {})
    return found


def _words(driver: int, kept: NDArray[np.bool_], bins: Binned, names: Sequence[str], classes: Sequence[Sequence[str]]) -> str:
    upper, name = bins.upper[driver], names[driver]
    if upper is None:
        listed = [c for c, k in zip(classes[driver], kept, strict=False) if k]
        return f"{name}: {', '.join(listed)}"
    inside = np.flatnonzero(kept[: len(upper)])
    first, last = int(inside[0]), int(inside[-1])
    low = f"{upper[first - 1]:.6g} < " if first > 0 else ""
    high = f" ≤ {upper[last]:.6g}" if last < len(upper) - 1 else ""
    return f"{low}{name}{high}"
