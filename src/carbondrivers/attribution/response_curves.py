"""How a boosted model's estimate goes with one driver, and with two: partial dependence, ALE, ICE, Friedman's H.

Partial dependence is the weighted traversal of the trees (``tree_arrays``), which R's gbm plots.
Accumulated local effects (Apley and Zhu 2020, doi:10.1111/rssb.12377): in each of K classes of equal counts the mean change
of the prediction from the lower to the upper border, summed up, less its mean; they stay where the data are.
H^2 = sum (F_jk - F_j - F_k)^2 / sum F_jk^2 over rows, F centred partial dependences (Friedman and Popescu 2008,
doi:10.1214/07-AOAS148). H is a ratio: a pair that does next to nothing can have a large one. The strength
sqrt(mean (F_jk - F_j - F_k)^2) is in the unit of the response.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from carbondrivers.attribution.boosted_trees import BoostedTrees
from carbondrivers.attribution.inference import Floats

Predict = Callable[[Floats], Floats]
ALE_BINS = 40


def grid_of(values: Floats, points: int, *, classes: bool = False) -> Floats:
    """Return where a curve is evaluated: even steps from the minimum to the maximum, or every class.

    Parameters
    ----------
    values
        (n,): the driver.
    points
        Number of steps of a measured driver.
    classes
        Whether the values are codes of classes.
    """
    return np.unique(values) if classes else np.linspace(values.min(), values.max(), points)


def partial_dependence(model: BoostedTrees, j: int, grid: Floats) -> Floats:
    """Return the partial dependence on column j at the points of a grid, in the unit of the response.

    Examples
    --------
    >>> x = np.random.default_rng(0).uniform(size=(300, 2))
    >>> model = BoostedTrees(n_trees=300, learning_rate=0.1, bag_fraction=1.0).fit(x, 10 * x[:, 0])
    >>> low, high = partial_dependence(model, 0, np.array([0.1, 0.9]))
    >>> bool(7 < high - low < 9)
    True
    """
    table = np.zeros((len(grid), model.n_features_in_))
    table[:, j] = grid
    return model.dependence(table, [j])


def conditional_expectations(model: BoostedTrees, rows: Floats, j: int, grid: Floats) -> Floats:
    """Return individual conditional expectations: the prediction of each row with column j put to each grid point.

    Parameters
    ----------
    rows
        (m, p).

    Returns
    -------
    float64, (m, len(grid))
    """
    table = np.repeat(rows, len(grid), axis=0)
    table[:, j] = np.tile(grid, len(rows))
    return model.predict(table).reshape(len(rows), len(grid))


@dataclass(frozen=True, slots=True, eq=False)
class LocalEffects:
    """Accumulated local effects: borders (K + 1,), and the effect at each, centred over the rows."""

    borders: Floats
    effects: Floats


def accumulated_effects(predict: Predict, x: Floats, j: int, bins: int = ALE_BINS) -> LocalEffects:
    """Return the accumulated local effects of column j.

    Parameters
    ----------
    predict
        From a table (m, p) to predictions (m,).
    x
        (n, p): the rows.
    j
        A measured column.
    bins
        Classes of equal counts; fewer where values repeat.

    Examples
    --------
    >>> x = np.random.default_rng(0).uniform(size=(200, 2))
    >>> found = accumulated_effects(lambda table: 3 * table[:, 0] + table[:, 1], x, 0, 5)
    >>> np.round(np.diff(found.effects) / np.diff(found.borders), 9).tolist()
    [3.0, 3.0, 3.0, 3.0, 3.0]
    """
    values = x[:, j]
    upper = np.quantile(values, np.arange(1, bins + 1) / bins, method="inverted_cdf")
    borders = np.unique(np.concatenate([[values.min()], upper]))
    if len(borders) < 2:
        return LocalEffects(borders, np.zeros(len(borders)))
    at = np.clip(np.searchsorted(borders, values, side="left") - 1, 0, len(borders) - 2)
    low, high = x.copy(), x.copy()
    low[:, j], high[:, j] = borders[at], borders[at + 1]
    change = predict(high) - predict(low)
    counts = np.bincount(at, minlength=len(borders) - 1)
    mean = np.bincount(at, change, minlength=len(counts)) / np.maximum(counts, 1)
    effects = np.concatenate([[0.0], np.cumsum(mean)])
    centre = float(((effects[:-1] + effects[1:]) / 2.0) @ counts) / counts.sum()
    return LocalEffects(borders, effects - centre)


@dataclass(frozen=True, slots=True)
class Interaction:
    """How far two columns act together: strength in the unit of the response, and Friedman's H (NaN where neither acts)."""

    j: int
    k: int
    strength: float
    h: float


def interactions(model: BoostedTrees, rows: Floats) -> list[Interaction]:
    """Return every pair of columns.

    Parameters
    ----------
    model
        Fitted.
    rows
        (m, p): the rows that the functions are averaged over; some hundred are enough.
    """
    single = [_centred(model.dependence(rows, [j])) for j in range(model.n_features_in_)]
    found = []
    for j, k in combinations(range(model.n_features_in_), 2):
        both = _centred(model.dependence(rows, [j, k]))
        rest = both - single[j] - single[k]
        total = float((both**2).sum())
        # What rounding leaves of a model without the two is no interaction.
        h = float(np.sqrt((rest**2).sum() / total)) if total > 1e-20 * max(1.0, model.initial_**2) * len(rows) else np.nan
        found.append(Interaction(j, k, float(np.sqrt(np.mean(rest**2))), h))
    return found


def _centred(values: Floats) -> Floats:
    return values - values.mean()
