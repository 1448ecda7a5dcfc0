"""How many trees, and which: the cross-validated deviance along the number of trees, over a grid of settings.

Trees are added in steps to the models of all folds; growing ends when the mean deviance of the last ten steps is less than
a thousandth of the total deviance below that of the ten before, and the step of least deviance is chosen (Elith, Leathwick
and Hastie 2008, doi:10.1111/j.1365-2656.2008.01390.x). The threshold is a share of the total deviance, so that no unit of
the response changes the number of trees. Where the curve rises within its first four steps the learning rate is halved.
Among settings within one standard error of the best, the fewest splits win (Breiman et al. 1984, section 3.4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.tree_codes import Single
from carbondrivers.attribution.tree_growers import Grower, TreeSettings, XgboostGrower, deviance, first_estimate
from carbondrivers.attribution.tree_task import Split, Task

TOLERANCE, WINDOW, EARLY, HALVINGS = 0.001, 10, 4, 4
FAST, FINE_STEP, COARSE_STEP = 0.02, 25, 50
FEW_TREES = 500


@dataclass(frozen=True, slots=True, eq=False)
class StepCurve:
    """The cross-validated deviance of one setting.

    Attributes
    ----------
    settings : TreeSettings
        With the learning rate that was used in the end.
    trees, deviance, std_error : numpy.ndarray
        (steps,): number of trees, mean over folds of the deviance as a share of the total, its standard error.
    asked_rate : float
        The learning rate asked for.
    is_limited : bool
        Whether growing ended at the most trees allowed.
    rose_early : bool
        Whether growing was given up, because the deviance rose within the first steps.
    """

    settings: TreeSettings
    trees: Floats
    deviance: Floats
    std_error: Floats
    asked_rate: float
    is_limited: bool
    rose_early: bool = False

    @property
    def at(self) -> int:
        """The step of least deviance."""
        return int(np.argmin(self.deviance))

    @property
    def best(self) -> int:
        """Number of trees of least deviance."""
        return int(self.trees[self.at])

    @property
    def score(self) -> tuple[float, float]:
        """The least deviance, and its standard error."""
        return float(self.deviance[self.at]), float(self.std_error[self.at])

    def notes(self) -> list[str]:
        """Return what a reader should know about the number of trees."""
        said = []
        if self.settings.learning_rate < self.asked_rate:
            said.append(
                f"The learning rate was halved from {self.asked_rate:g} to {self.settings.learning_rate:g}, because the "
                "cross-validated deviance rose within the first steps."
            )
        if self.is_limited:
            said.append(
                f"Growing ended at the most trees allowed ({self.best:,} chosen): raise max_trees or the learning rate."
            )
        elif self.best < FEW_TREES:
            said.append(f"Only {self.best:,} trees were chosen: a smaller learning rate would make the choice steadier.")
        return said


def stepwise(
    task: Task, settings: TreeSettings, splits: Sequence[Split], *, max_trees: int = 10_000, seed: int = 0
) -> StepCurve:
    """Choose the number of trees.

    Parameters
    ----------
    task
        The rows.
    settings
        Of a tree.
    splits
        Training and test rows of each fold.
    max_trees
        Where growing ends at the latest.
    seed
        Of the bagging.

    Examples
    --------
    >>> import pandas as pd
    >>> from carbondrivers.attribution.tree_task import task_of
    >>> from carbondrivers.datasets import PixelSample
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.uniform(size=(300, 2)), columns=["rain", "dem"])
    >>> table["nep"] = 10 * table["rain"] + rng.normal(size=300)
    >>> task = task_of(PixelSample.from_frame(table, response="nep", drivers={"rain": "climate", "dem": "soil"}))
    >>> rows = np.arange(300)
    >>> splits = [(rows[rows % 5 != k], rows[rows % 5 == k]) for k in range(5)]
    >>> curve = stepwise(task, TreeSettings(tree_complexity=2, learning_rate=0.05), splits)
    >>> 25 <= curve.best <= 300, bool(curve.score[0] < 0.3)
    (True, True)
    """
    asked = settings.learning_rate
    found = _grown(task, settings, splits, max_trees, seed, asked, patient=False)
    for halving in range(1, HALVINGS + 1):
        if found.rose_early:
            settings = replace(settings, learning_rate=settings.learning_rate / 2.0)
            found = _grown(task, settings, splits, max_trees, seed, asked, patient=halving == HALVINGS)
    return found


def _grown(
    task: Task, settings: TreeSettings, splits: Sequence[Split], most: int, seed: int, asked: float, *, patient: bool
) -> StepCurve:
    z, kind = task.z, settings.distribution
    total = deviance(z, np.full(task.n, first_estimate(z, None, kind)), kind)
    folds = [_Fold(task, settings, train, test, seed) for train, test in splits]
    step = FINE_STEP if settings.learning_rate > FAST else COARSE_STEP
    mean: list[float] = []
    error: list[float] = []
    trees, rose = 0, False
    while trees < most:
        size = min(step, most - trees)
        trees += size
        losses = np.array([fold.grown(size) for fold in folds]) / total
        mean.append(float(losses.mean()))
        error.append(float(losses.std(ddof=1) / np.sqrt(len(losses))))
        k = len(mean)
        rose = not patient and 1 < k <= EARLY and mean[-1] > mean[-2]
        if rose:
            break
        if k >= 2 * WINDOW and np.mean(mean[-2 * WINDOW : -WINDOW]) - np.mean(mean[-WINDOW:]) < TOLERANCE:
            break
    counts = np.minimum(step * np.arange(1, len(mean) + 1), trees).astype(np.float64)
    ended = trees >= most and int(np.argmin(mean)) == len(mean) - 1
    return StepCurve(settings, counts, np.array(mean), np.array(error), asked, ended, rose)


class _Fold:
    """The growing model of one fold."""

    def __init__(self, task: Task, settings: TreeSettings, train: np.ndarray, test: np.ndarray, seed: int) -> None:
        self.model: Grower = task.fit(settings, 0, seed, train)
        self.codes: Single = task.codes[test]
        self.z, self.kind = task.z[test], settings.distribution
        self.matrix = self.model.matrix(self.codes) if isinstance(self.model, XgboostGrower) else None

    def grown(self, trees: int) -> float:
        """Add trees, and return the deviance of the test rows."""
        self.model.grow(trees)
        if isinstance(self.model, XgboostGrower):
            return deviance(self.z, self.model.predict_matrix(self.matrix), self.kind)
        return deviance(self.z, self.model.predict(self.codes), self.kind)


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """A curve for each setting, and which is taken.

    Attributes
    ----------
    curves : tuple of StepCurve
        In the order of the settings.
    chosen : int
        Place of the one taken.
    within : tuple of bool
        Whether each is within one standard error of the best.
    """

    curves: tuple[StepCurve, ...]
    chosen: int
    within: tuple[bool, ...]


def tune(task: Task, grid: Sequence[TreeSettings], splits: Sequence[Split], *, max_trees: int, seed: int) -> Tuning:
    """Choose among settings: of those within one standard error of the best, the fewest splits, then the least deviance."""
    curves = tuple(stepwise(task, one, splits, max_trees=max_trees, seed=seed) for one in grid)
    best = min(curves, key=lambda curve: curve.score[0]).score
    within = tuple(curve.score[0] <= best[0] + best[1] for curve in curves)
    order = sorted(
        (i for i, near in enumerate(within) if near), key=lambda i: (curves[i].settings.tree_complexity, curves[i].score[0])
    )
    return Tuning(curves, order[0], within)
