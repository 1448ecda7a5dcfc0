"""What a driver, or a category of drivers, is worth to predictions: permutation, TreeSHAP, leaving out.

Permutation: the loss of R2 on held-out rows when the driver's values are shuffled among them (Breiman 2001,
doi:10.1023/A:1010933404324; Fisher, Rudin and Dominici 2019). Conditional: shuffled only among rows that the other drivers
put alike, the leaves of a regression tree of the driver on the others (Molnar et al. 2023, doi:10.1007/s10618-022-00901-9).
Grouped TreeSHAP: contributions (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9) are added within a category row by row,
and their size is averaged after that. Drop and refit: the loss of R2 on held-out rows when trees never see the category.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.tree_codes import Single
from carbondrivers.attribution.tree_growers import Grower, TreeSettings, XgboostGrower
from carbondrivers.attribution.tree_task import Rows, Split, Task

LEAF_ROWS, LEAVES = 20, 16


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """What drivers and categories are worth.

    Attributes
    ----------
    permutation, conditional : numpy.ndarray
        (p,): loss of R2 on held-out rows.
    grouped, dropped : numpy.ndarray
        (categories,): loss of R2 when a category is shuffled as a whole, and when it is left out.
    shap, grouped_shap : numpy.ndarray
        (p,), (categories,): mean size of the contributions, in the unit of the response; NaN by another engine.
    shap_rows : int
        Rows that they were averaged over.
    """

    permutation: Floats
    conditional: Floats
    grouped: Floats
    dropped: Floats
    shap: Floats
    grouped_shap: Floats
    shap_rows: int


def worth(
    task: Task, settings: TreeSettings, trees: int, splits: Sequence[Split], *, repeats: int, shap_rows: int, seed: int
) -> Worth:
    """Return what every driver and category is worth.

    Parameters
    ----------
    task
        The rows.
    settings, trees
        Of the fits.
    splits
        Training and test rows of each fold.
    repeats
        How often values are shuffled.
    shap_rows
        Most rows for TreeSHAP.
    seed
        Of shuffling, bagging and the choice of rows.
    """
    rng = np.random.default_rng(seed)
    members = list(task.members().values())
    singles = [[j] for j in range(len(task.names))]
    lost = np.zeros(len(singles) * 2 + len(members))
    for train, test in splits:
        model = task.fit(settings, trees, seed, train)
        lost += _lost(task, model, train, test, (singles, members), repeats, rng)
    total = float((task.z**2).sum())
    p = len(singles)
    full = _squares(task, settings, trees, splits, seed, None)
    rest = [[j for j in range(p) if j not in own] for own in members]
    dropped = [(_squares(task, settings, trees, splits, seed, keep) - full) / total if keep else np.nan for keep in rest]
    shap, grouped, rows = _shap(task, settings, trees, members, shap_rows, rng, seed)
    found = lost / (total * repeats)
    return Worth(found[:p], found[p : 2 * p], found[2 * p :], np.array(dropped), shap, grouped, rows)


def _squares(
    task: Task, settings: TreeSettings, trees: int, splits: Sequence[Split], seed: int, columns: Sequence[int] | None
) -> float:
    left = (task.y - task.out_of_fold(settings, trees, splits, seed, columns)) / task.scale
    return float(np.nansum(left**2))


def _lost(
    task: Task, model: Grower, train: Rows, test: Rows, sets: tuple[list[list[int]], list[list[int]]], repeats: int,
    rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """Return the squared error added by each shuffle: of drivers, of drivers conditionally, of categories."""
    codes, z = task.codes[test], task.z[test]
    before = float(((z - model.predict(codes)) ** 2).sum())
    singles, members = sets
    alike = [_alike(task.codes, j, train, test) for j in range(len(singles))]
    everyone = np.zeros(len(test), dtype=np.int64)
    plans = [(c, everyone) for c in singles] + [(c, alike[c[0]]) for c in singles] + [(c, everyone) for c in members]
    added = np.zeros(len(plans))
    for _ in range(repeats):
        changed = np.concatenate([_shuffled(codes, columns, cells, rng) for columns, cells in plans])
        errors = (np.tile(z, len(plans)) - model.predict(changed)) ** 2
        added += errors.reshape(len(plans), -1).sum(axis=1) - before
    return added


def _shuffled(codes: Single, columns: Sequence[int], cells: Rows, rng: np.random.Generator) -> Single:
    """Return rows with some columns shuffled together within cells."""
    changed = codes.copy()
    at = np.argsort(cells, kind="stable")
    drawn = np.lexsort((rng.random(len(cells)), cells))
    own = np.asarray(columns, dtype=np.int64)
    changed[at[:, None], own] = codes[drawn[:, None], own]
    return changed


def _alike(codes: Single, j: int, train: Rows, test: Rows) -> Rows:
    """Return the cell of each test row: rows that the other drivers put alike."""
    others = np.flatnonzero(np.arange(codes.shape[1]) != j)
    if not len(others):
        return np.zeros(len(test), dtype=np.int64)
    tree = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=LEAF_ROWS, random_state=0)
    tree.fit(codes[train[:, None], others], codes[train, j])
    return np.asarray(tree.apply(codes[test[:, None], others]), dtype=np.int64)


def _shap(
    task: Task, settings: TreeSettings, trees: int, members: list[list[int]], most: int, rng: np.random.Generator, seed: int
) -> tuple[Floats, Floats, int]:
    model = task.fit(settings, trees, seed)
    if not isinstance(model, XgboostGrower):
        return np.full(len(task.names), np.nan), np.full(len(members), np.nan), 0
    rows = np.arange(task.n) if task.n <= most else np.sort(rng.choice(task.n, most, replace=False))
    found = model.contributions(task.codes[rows]) * task.scale
    grouped = np.array([np.abs(found[:, own].sum(axis=1)).mean() for own in members])
    return np.abs(found).mean(axis=0), grouped, len(rows)
