"""The two engines that grow boosted trees, behind one small interface, with R gbm's meaning of every parameter.

Tree complexity is the number of splits, taken best first; leaves hold at least `min_observations` rows; no penalty on leaf
values; the first estimate is the mean (laplace: median; bernoulli: log odds) of the rows; each tree is grown on a fraction
of the rows, drawn without replacement (xgboost: each row with that probability).
Sources: Friedman (2002), doi:10.1016/S0167-9473(01)00065-2; Ridgeway (2007), Generalized boosted models: a guide to the gbm
package; Chen and Guestrin (2016), doi:10.1145/2939672.2939785.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.tree_arrays import TreeArrays, from_sklearn, from_xgboost
from carbondrivers.attribution.tree_codes import DriverCodes, Single
from carbondrivers.attribution.tree_ties import PlainTree, first_of_ties, plain_tree

Distribution = Literal["gaussian", "laplace", "bernoulli"]
Engine = Literal["auto", "xgboost", "gbr"]


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """What a tree is, in gbm's words; see ``BoostedTrees``."""

    tree_complexity: int = 5
    learning_rate: float = 0.01
    bag_fraction: float = 0.75
    min_observations: int = 10
    distribution: Distribution = "gaussian"
    engine: Engine = "auto"

    @property
    def grown_by(self) -> Literal["xgboost", "gbr"]:
        """The engine that is used: xgboost, but scikit-learn for bernoulli, whose leaves xgboost weighs otherwise."""
        if self.engine == "auto":
            return "gbr" if self.distribution == "bernoulli" else "xgboost"
        return self.engine


class Grower(Protocol):
    """A model that can grow on."""

    @property
    def count(self) -> int:
        """Number of trees so far."""

    def grow(self, trees: int) -> None:
        """Add trees."""

    def predict(self, codes: Single, trees: int | None = None) -> Floats:
        """Return the score, in the unit of the response given (bernoulli: log odds), with the first `trees` trees."""

    def gains(self) -> Floats:
        """Return the sum of squares that splits on each column took away, shape (p,)."""

    def arrays(self) -> TreeArrays:
        """Return the trees as arrays."""

    @property
    def base(self) -> float:
        """The first estimate."""


def grower(
    codes: Single, y: Floats, weights: Floats | None, on: DriverCodes, settings: TreeSettings, seed: int, threads: int = 1
) -> Grower:
    """Return a model without trees.

    Parameters
    ----------
    codes
        (n, p), from ``DriverCodes.encode``.
    y
        (n,), finite; 0 and 1 for bernoulli. Of order one: xgboost computes in single precision.
    weights
        (n,) or None; rows of weight 0 are left out.
    on
        What made the codes.
    settings
        Checked.
    seed, threads
        Of the bagging; of xgboost.
    """
    if weights is not None and not (weights > 0).all():
        kept = weights > 0
        codes, y, weights = codes[kept], y[kept], weights[kept]
    engine = XgboostGrower if settings.grown_by == "xgboost" else SklearnGrower
    return engine(codes, y, weights, on, settings, seed, threads)


def first_estimate(y: Floats, weights: Floats | None, distribution: Distribution) -> float:
    """Return the constant that fits best: mean, median, or log odds."""
    if distribution == "laplace":
        return weighted_median(y, weights)
    mean = float(np.average(y, weights=weights))
    if distribution == "gaussian":
        return mean
    return float(np.log(mean / (1.0 - mean)))


def weighted_median(y: Floats, weights: Floats | None) -> float:
    """Return the median of values, each as often as its weight says.

    Examples
    --------
    >>> weighted_median(np.array([1.0, 2.0, 9.0]), np.array([1.0, 1.0, 5.0]))
    9.0
    """
    if weights is None:
        return float(np.median(y))
    order = np.argsort(y, kind="stable")
    below = np.cumsum(weights[order])
    return float(y[order][np.searchsorted(below, 0.5 * below[-1])])


class XgboostGrower:
    """Histogram trees of xgboost, grown best first (``lossguide``)."""

    def __init__(
        self, codes: Single, y: Floats, weights: Floats | None, on: DriverCodes, settings: TreeSettings, seed: int, threads: int
    ) -> None:
        import xgboost

        self._on, self._base = on, first_estimate(y, weights, settings.distribution)
        objective = "reg:squarederror" if settings.distribution == "gaussian" else "reg:absoluteerror"
        self._parameters: dict[str, Any] = {
            "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": settings.tree_complexity + 1, "max_depth": 0,
            "learning_rate": settings.learning_rate, "subsample": settings.bag_fraction, "reg_lambda": 0.0,
            "min_child_weight": settings.min_observations, "max_bin": on.bins, "max_cat_to_onehot": 1,
            "max_cat_threshold": max([1, *on.levels]), "objective": objective, "base_score": 0.0, "nthread": threads,
            "seed": seed, "verbosity": 0,
        }  # fmt: skip
        self._rows: Any = xgboost.QuantileDMatrix(
            codes, label=y - self._base, weight=weights, feature_types=on.kinds, max_bin=on.bins, nthread=threads
        )
        self._booster: Any = xgboost.Booster(self._parameters, [self._rows])

    def __getstate__(self) -> dict[str, Any]:
        """Return what is kept of it: the trees, not the rows that they were grown on."""
        return self.__dict__ | {"_rows": None}

    @property
    def base(self) -> float:
        """The first estimate."""
        return self._base

    @property
    def count(self) -> int:
        """Number of trees so far."""
        return int(self._booster.num_boosted_rounds())

    def grow(self, trees: int) -> None:
        """Add trees."""
        for i in range(self.count, self.count + trees):
            self._booster.update(self._rows, i)
            # The names of the columns are compared anew at every update, a tenth of the time of small trees: once is enough.
            self._booster._assign_dmatrix_features = _compared

    def matrix(self, codes: Single) -> Any:
        """Return codes as xgboost takes them; a matrix that is predicted again only costs the trees that were added."""
        import xgboost

        return xgboost.DMatrix(codes, feature_types=self._on.kinds, nthread=self._parameters["nthread"])

    def predict(self, codes: Single, trees: int | None = None) -> Floats:
        """Return the score with the first `trees` trees."""
        return self.predict_matrix(self.matrix(codes), trees)

    def predict_matrix(self, matrix: Any, trees: int | None = None) -> Floats:
        """Return the score of a ``matrix``."""
        scores = self._booster.predict(matrix, iteration_range=(0, self.count if trees is None else trees))
        return np.asarray(scores, dtype=np.float64) + self._base

    def contributions(self, codes: Single) -> Floats:
        """Return TreeSHAP values, shape (n, p)."""
        return np.asarray(self._booster.predict(self.matrix(codes), pred_contribs=True), dtype=np.float64)[:, :-1]

    def gains(self) -> Floats:
        """Return the total gain of each column."""
        found = self._booster.get_score(importance_type="total_gain")
        return np.array([found.get(f"f{j}", 0.0) for j in range(len(self._on.levels))], dtype=np.float64)

    def arrays(self) -> TreeArrays:
        """Return the trees as arrays."""
        return from_xgboost(self._booster, self._on)


def _compared(rows: object) -> None:
    """Stand for the comparison of the columns of `rows` with those of the trees, which never change here."""


class SklearnGrower:
    """Gradient boosting of scikit-learn, best first: gbm's trees to the last digits, at a tenth of the speed."""

    def __init__(
        self, codes: Single, y: Floats, weights: Floats | None, on: DriverCodes, settings: TreeSettings, seed: int, threads: int
    ) -> None:
        from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

        self._on, self._base, self._y, self._weights = on, first_estimate(y, weights, settings.distribution), y, weights
        self._codes, self._origin = on.one_hot(codes)
        self._rate, self._binary = settings.learning_rate, settings.distribution == "bernoulli"
        self._whole = settings.bag_fraction == 1.0
        given: dict[str, Any] = {
            "learning_rate": settings.learning_rate, "max_leaf_nodes": settings.tree_complexity + 1, "max_depth": None,
            "min_samples_leaf": settings.min_observations, "subsample": settings.bag_fraction, "random_state": seed,
            "warm_start": True, "n_estimators": 0,
        }  # fmt: skip
        loss = "absolute_error" if settings.distribution == "laplace" else "squared_error"
        self._model: Any = (
            GradientBoostingClassifier(**given) if self._binary else GradientBoostingRegressor(loss=loss, **given)
        )

    @property
    def base(self) -> float:
        """The first estimate."""
        # Weighted medians differ between packages: the one that the trees were grown on counts.
        if self.count and not self._binary:
            return float(np.ravel(self._model.init_.constant_)[0])
        return self._base

    @property
    def count(self) -> int:
        """Number of trees so far."""
        return int(self._model.n_estimators)

    @property
    def _trees(self) -> list[Any]:
        return [tree.tree_ for tree in self._model.estimators_[:, 0]] if self.count else []

    def grow(self, trees: int) -> None:
        """Add trees."""
        self._model.set_params(n_estimators=self.count + trees)
        self._model.fit(self._codes, self._y, sample_weight=self._weights)

    def predict(self, codes: Single, trees: int | None = None) -> Floats:
        """Return the score with the first `trees` trees."""
        given, _ = self._on.one_hot(codes)
        total = np.zeros(len(given))
        for tree in self._trees[:trees]:
            total += tree.predict(given)[:, 0]
        return self.base + self._rate * total

    def _plain(self) -> list[PlainTree]:
        if not self._whole:
            return [plain_tree(tree) for tree in self._trees]
        two = np.array([0.0, 1.0])
        values = [two if self._on.levels[j] else self._on.values[j] for j in self._origin]
        return [first_of_ties(tree, self._codes, values) for tree in self._trees]

    def gains(self) -> Floats:
        """Return the sum of squares that splits on each column took away."""
        found = np.zeros(len(self._on.levels))
        for tree in self._plain():
            inner = tree.feature >= 0
            weighted = tree.weight * tree.impurity
            lost = weighted[inner] - weighted[tree.children_left[inner]] - weighted[tree.children_right[inner]]
            found += np.bincount(self._origin[tree.feature[inner]], lost, minlength=len(found))
        return found

    def arrays(self) -> TreeArrays:
        """Return the trees as arrays."""
        return from_sklearn(self._plain(), self._rate, self._origin, self._on, exact=self._whole)


def deviance(y: Floats, score: Floats, distribution: Distribution, weights: Floats | None = None) -> float:
    """Return the mean loss: squared error, absolute error, or -2 log-likelihood.

    Examples
    --------
    >>> deviance(np.array([1.0, 3.0]), np.array([1.0, 1.0]), "gaussian")
    2.0
    """
    if distribution == "gaussian":
        loss: NDArray[np.float64] = (y - score) ** 2
    elif distribution == "laplace":
        loss = np.abs(y - score)
    else:
        loss = -2.0 * (y * score - np.logaddexp(0.0, score))
    return float(np.average(loss, weights=weights))
