"""All trees of a boosted model as plain arrays, and Friedman's weighted traversal of them.

The traversal (Friedman 2001, doi:10.1214/aos/1013203451, section 8.2) gives the partial dependence of a model on some of
its drivers: at a split on one of them a row goes its way, at any other split it goes both ways, in the proportion of the
training rows that did. It is what R's gbm plots; under collinearity it differs from averaging predictions over rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.tree_codes import DriverCodes
from carbondrivers.attribution.tree_ties import PlainTree

Ints = NDArray[np.int64]
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class TreeArrays:
    """Every tree of a model; a parent stands before its children.

    Attributes
    ----------
    driver : numpy.ndarray
        (trees, nodes): column that a node splits on, -1 for a leaf.
    cut : numpy.ndarray
        (trees, nodes): values below it go left; at a split of classes, the row of `right_classes`.
    left, right : numpy.ndarray
        (trees, nodes): places of the children.
    value : numpy.ndarray
        (trees, nodes): what a leaf adds, in the unit of the standardised response.
    weight : numpy.ndarray
        (trees, nodes): weight of the training rows in a node.
    right_classes : numpy.ndarray
        (splits, classes): whether a class goes right.
    by_class : numpy.ndarray
        (p,): whether a column holds classes.
    """

    driver: Ints
    cut: Floats
    left: Ints
    right: Ints
    value: Floats
    weight: Floats
    right_classes: NDArray[np.bool_]
    by_class: NDArray[np.bool_]

    def head(self, trees: int | None) -> TreeArrays:
        """Return the first `trees` trees, or all."""
        parts = {name: getattr(self, name)[:trees] for name in ("driver", "cut", "left", "right", "value", "weight")}
        return replace(self, **parts)

    def dependence(self, x: Floats, drivers: Sequence[int]) -> Floats:
        """Return the sum over trees of the weighted traversal.

        Parameters
        ----------
        x
            (m, p): places to evaluate; only the columns of `drivers` are read.
        drivers
            The columns that decide; at splits on others both ways are gone.

        Returns
        -------
        float64, (m,)
        """
        step = max(1, _CHUNK // max(self.driver.size, 1))
        parts = [self._traverse(x[i : i + step], drivers) for i in range(0, len(x), step)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _traverse(self, x: Floats, drivers: Sequence[int]) -> Floats:
        trees, nodes = self.driver.shape
        reach = np.zeros((trees, nodes, len(x)))
        reach[:, 0] = 1.0
        total = np.zeros(len(x))
        every, decides = np.arange(trees), np.isin(self.driver, list(drivers))
        for k in range(nodes):
            is_split = self.driver[:, k] >= 0
            total += (self.value[~is_split, k, None] * reach[~is_split, k]).sum(axis=0)
            t = every[is_split]
            if not len(t):
                continue
            left, right = self.left[t, k], self.right[t, k]
            share = np.repeat((self.weight[t, left] / self.weight[t, k])[:, None], len(x), axis=1)
            known = decides[t, k]
            share[known] = self._goes_left(t[known], k, x)
            reach[t, left] += reach[t, k] * share
            reach[t, right] += reach[t, k] * (1.0 - share)
        return total

    def _goes_left(self, t: Ints, k: int, x: Floats) -> Floats:
        column, cut = self.driver[t, k], self.cut[t, k]
        values = x[:, column].T
        left = values < cut[:, None]
        split_by_class = self.by_class[column]
        if split_by_class.any():
            chosen = values[split_by_class].astype(np.int64)
            left[split_by_class] = ~self.right_classes[cut[split_by_class, None].astype(np.int64), chosen]
        return np.asarray(left, dtype=np.float64)


def from_xgboost(booster: Any, codes: DriverCodes) -> TreeArrays:
    """Return the trees of an xgboost booster that was grown on `codes`."""
    saved = json.loads(bytes(booster.save_raw(raw_format="json")))
    trees = saved["learner"]["gradient_booster"]["model"]["trees"]
    into = _empty(len(trees), max(len(tree["left_children"]) for tree in trees), codes)
    sets: list[NDArray[np.bool_]] = []
    most = max([1, *codes.levels])
    for i, tree in enumerate(trees):
        inner = np.array(tree["left_children"]) >= 0
        conditions = np.array(tree["split_conditions"], dtype=np.float64)
        column = np.array(tree["split_indices"])
        _put(into, i, np.where(inner, column, -1), tree["left_children"], tree["right_children"], tree["sum_hessian"])
        into.value[i, : len(inner)] = np.where(inner, 0.0, conditions)
        for node in np.flatnonzero(inner & ~into.by_class[column]):
            into.cut[i, node] = codes.borders[column[node]][int(np.ceil(conditions[node])) - 1]
        starts, sizes = tree["categories_segments"], tree["categories_sizes"]
        for node, start, size in zip(tree["categories_nodes"], starts, sizes, strict=True):
            into.cut[i, node] = len(sets)
            sets.append(np.isin(np.arange(most), tree["categories"][start : start + size]))
    return replace(into, right_classes=np.array(sets, dtype=bool).reshape(len(sets), most))


def from_sklearn(trees: Sequence[PlainTree], rate: float, origin: Ints, codes: DriverCodes, *, exact: bool) -> TreeArrays:
    """Return the trees of a scikit-learn gradient boosting that was grown on one-hot `codes`.

    Parameters
    ----------
    trees
        One or more.
    rate
        Learning rate, which scikit-learn applies after the trees.
    origin
        Column of the table that each one-hot column came from.
    codes
        The table's split points.
    exact
        Whether thresholds are values of the drivers; otherwise they are codes.
    """
    into = _empty(len(trees), max(len(tree.feature) for tree in trees), codes)
    first = np.searchsorted(origin, np.arange(len(codes.levels)))
    for i, tree in enumerate(trees):
        inner = tree.feature >= 0
        column = origin[np.where(inner, tree.feature, 0)]
        _put(into, i, np.where(inner, column, -1), tree.children_left, tree.children_right, tree.weight)
        into.value[i, : len(inner)] = np.where(inner, 0.0, rate * tree.value)
        for node in np.flatnonzero(inner):
            # A class goes right at the split of its own one-hot column: the row of `right_classes` is its number.
            j, cut = column[node], tree.threshold[node]
            own = float(tree.feature[node] - first[j])
            into.cut[i, node] = own if codes.levels[j] else cut if exact else codes.borders[j][int(np.floor(cut))]
    return into


def _empty(trees: int, nodes: int, codes: DriverCodes) -> TreeArrays:
    shape = (trees, nodes)
    driver, left, right = np.full(shape, -1), np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    by_class, own = np.array(codes.levels) > 0, np.eye(max([1, *codes.levels]), dtype=bool)
    return TreeArrays(driver, np.zeros(shape), left, right, np.zeros(shape), np.ones(shape), own, by_class)


def _put(into: TreeArrays, i: int, driver: Any, left: Any, right: Any, weight: Any) -> None:
    for array, values in ((into.driver, driver), (into.left, left), (into.right, right), (into.weight, weight)):
        array[i, : len(driver)] = values
