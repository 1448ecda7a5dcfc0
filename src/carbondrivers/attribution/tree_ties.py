"""Ties between drivers: splits that part the training rows alike, and which driver they are put down to.

Two drivers often part the few rows of a small node in the same way. scikit-learn then takes either, by chance; R's gbm takes
the first column (but for the rounding of its sums). Where every row is used for every tree, the rest of the model does not
depend on the choice, so it can be made afterwards: the first column gets the split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.tree_codes import Single


@dataclass(frozen=True, slots=True, eq=False)
class PlainTree:
    """One tree: for each node its column (-1: a leaf), threshold, children, value, weight and impurity, all (nodes,)."""

    feature: Any
    threshold: Floats
    children_left: Any
    children_right: Any
    value: Floats
    weight: Floats
    impurity: Floats


def plain_tree(tree: Any) -> PlainTree:
    """Return the arrays of a fitted scikit-learn ``tree_``."""
    feature = np.where(tree.children_left >= 0, tree.feature, -1)
    left, right = tree.children_left.copy(), tree.children_right.copy()
    return PlainTree(
        feature, tree.threshold.copy(), left, right, tree.value[:, 0, 0].copy(), tree.weighted_n_node_samples.copy(),
        tree.impurity.copy(),
    )  # fmt: skip


def first_of_ties(tree: Any, codes: Single, values: Sequence[Floats]) -> PlainTree:
    """Return a tree whose splits are each on the first column that parts the rows so, halfway between their values.

    Parameters
    ----------
    tree
        A fitted scikit-learn ``tree_``.
    codes
        (n, p): the rows that it was grown on, whole numbers.
    values
        The value of each code, one array a column.
    """
    found = plain_tree(tree)
    inside = tree.decision_path(codes).toarray().astype(bool)
    for k in np.flatnonzero(found.feature >= 0):
        left, right = codes[inside[:, found.children_left[k]]], codes[inside[:, found.children_right[k]]]
        low, high = left.max(axis=0), right.min(axis=0)
        falls = left.min(axis=0) > right.max(axis=0)
        j = int(np.flatnonzero((low < high) | falls)[0])
        if falls[j]:
            low, high = right.max(axis=0), left.min(axis=0)
            found.children_left[k], found.children_right[k] = found.children_right[k], found.children_left[k]
        lower, upper = values[j][int(low[j])], values[j][int(high[j])]
        middle = lower + (upper - lower) / 2.0
        found.feature[k], found.threshold[k] = j, middle if middle > lower else upper
    return found
