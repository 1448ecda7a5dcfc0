"""How a boosted model's estimate goes with one driver, and with two: partial dependence, ALE, ICE, Friedman's H.

Partial dependence is the weighted traversal of the trees (``tree_arrays``), which R's gbm plots.
Accumulated local effects (Apley and Zhu 2020, doi:10.1111/rssb.12377): in each of K classes of equal counts the mean change
of the prediction from the lower to the upper border, summed up, less its mean; they stay where the data are.
H^2 = sum (F_jk - F_j - F_k)^2 / sum F_jk^2 over rows, F centred partial dependences (Friedman and Popescu 2008,
doi:10.1214/07-AOAS148). H is a ratio: a pair that does next to nothing can have a large one. The strength
sqrt(mean (F_jk - F_j - F_k)^2) is in the unit of the response.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from carbondrivers.attribution.inference import Floats

Predict = Callable[[Floats], Floats]
Dependence = Callable[[Floats, Sequence[int]], Floats]
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


def partial_dependence(dependence: Dependence, p: int, j: int, grid: Floats) -> Floats:
    """Return the partial dependence on column j at the points of a grid.

    Parameters
    ----------
    dependence
        ``dependence(table, columns)``, such as ``BoostedTrees.dependence``.
    p
        Number of columns.
    j, grid
        The column, and where it is evaluated.

    Examples
    --------
    >>> from carbondrivers.attribution.boosted_trees import BoostedTrees
    >>> x = np.random.default_rng(0).uniform(size=(300, 2))
    >>> model = BoostedTrees(n_trees=300, learning_rate=0.1, bag_fraction=1.0).fit(x, 10 * x[:, 0])
    >>> low, high = partial_dependence(model.dependence, 2, 0, np.array([0.1, 0.9]))
    >>> bool(7 < high - low < 9)
    True
    """
    table = np.zeros((len(grid), p))
    table[:, j] = grid
    return dependence(table, [j])


def conditional_expectations(predict: Predict, rows: Floats, j: int, grid: Floats) -> Floats:
    """Return individual conditional expectations: the prediction of each row with column j put to each grid point.

    Parameters
    ----------
    predict
        From a table (m, p) to predictions (m,).
    rows
        (m, p).
    j, grid
        The column, and where it is put.

    Returns
    -------
    float64, (m, len(grid))
    """
    table = np.repeat(rows, len(grid), axis=0)
    table[:, j] = np.tile(grid, len(rows))
    return predict(table).reshape(len(rows), len(grid))


@dataclass(frozen=True, slots=True, eq=False)
class LocalEffects:
    """Accumulated local effects: borders (K + 1,), and the effect at each, centred over the rows."""

    borders: Floats
    effects: Floats


def accumulated_effects(
    predict: Predict, x: Floats, j: int, bins: int = ALE_BINS, *, borders: Floats | None = None
) -> LocalEffects:
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
    borders
        Ascending, over the whole range; in the place of `bins`.

    Examples
    --------
    >>> x = np.random.default_rng(0).uniform(size=(200, 2))
    >>> found = accumulated_effects(lambda table: 3 * table[:, 0] + table[:, 1], x, 0, 5)
    >>> np.round(np.diff(found.effects) / np.diff(found.borders), 9).tolist()
    [3.0, 3.0, 3.0, 3.0, 3.0]
    """
    values = x[:, j]
    if borders is None:
        borders = quantile_borders(values, bins)
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


def quantile_borders(values: Floats, bins: int) -> Floats:
    """Return the borders of classes of equal counts, values that occur."""
    upper = np.quantile(values, np.arange(1, bins + 1) / bins, method="inverted_cdf")
    return np.unique(np.concatenate([[values.min()], upper]))


@dataclass(frozen=True, slots=True)
class Interaction:
    """How far two columns act together: strength in the unit of the response, and Friedman's H (NaN where neither acts)."""

    j: int
    k: int
    strength: float
    h: float


def interactions(dependence: Dependence, rows: Floats, spread: float = 1.0) -> list[Interaction]:
    """Return every pair of columns.

    Parameters
    ----------
    dependence
        ``dependence(table, columns)``, such as ``BoostedTrees.dependence``.
    rows
        (m, p): the rows that the functions are averaged over; some hundred are enough.
    spread
        Standard deviation of the response: a pair of which rounding alone is left has no H.
    """
    single = [centred(dependence(rows, [j])) for j in range(rows.shape[1])]
    found = []
    for j, k in combinations(range(rows.shape[1]), 2):
        both = centred(dependence(rows, [j, k]))
        rest = both - single[j] - single[k]
        total = float(np.mean(both**2))
        h = float(np.sqrt(np.mean(rest**2) / total)) if total > (1e-10 * spread) ** 2 else np.nan
        found.append(Interaction(j, k, float(np.sqrt(np.mean(rest**2))), h))
    return found


def centred(values: Floats) -> Floats:
    """Return values less their mean."""
    return np.asarray(values - values.mean(), dtype=np.float64)
