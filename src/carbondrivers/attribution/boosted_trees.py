"""Boosted regression trees with the meaning that R's gbm gives to every parameter.

f_m(x) = f_(m-1)(x) + rate * tree_m(x), each tree fitted to the negative gradient of the loss on a fraction of the rows.
The relative influence of a driver is the sum, over all splits on it, of wL wR (mL - mR)^2 / (wL + wR), in per cent of the sum
over all drivers (Friedman 2001, doi:10.1214/aos/1013203451). xgboost calls that total gain; its default importance is the
average gain of a split, which is another number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.tree_arrays import TreeArrays
from carbondrivers.attribution.tree_codes import DriverCodes, driver_codes
from carbondrivers.attribution.tree_growers import (
    Distribution,
    Engine,
    Grower,
    TreeSettings,
    XgboostGrower,
    first_estimate,
    grower,
)
from carbondrivers.errors import DataError, OptionError, choose

MAX_BIN = 256


class BoostedTrees(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Boosted regression trees.

    Parameters
    ----------
    n_trees
        Number of trees.
    tree_complexity
        Number of splits of a tree, the best first (gbm's ``interaction.depth``); a tree has one leaf more.
    learning_rate
        What each tree is multiplied by (gbm's ``shrinkage``).
    bag_fraction
        Share of the rows that each tree is grown on; 1 for all of them, and a fit without chance.
    min_observations
        Least number of bagged rows in a leaf (gbm's ``n.minobsinnode``). xgboost counts weights, scaled to mean 1.
    distribution
        ``"gaussian"``, ``"laplace"`` (absolute error) or ``"bernoulli"`` (0 and 1; ``predict`` gives the probability).
    engine
        ``"xgboost"`` is 8 to 30 times as fast as gbm; ``"gbr"`` (scikit-learn) repeats gbm's trees to the last digits, more
        slowly than gbm. ``"auto"``: xgboost, and gbr for bernoulli, whose leaves xgboost weighs otherwise.
    max_bin
        Most split points of a driver are ``max_bin - 1``, at equal counts. None: every midpoint of neighbouring values, as
        gbm; always so with ``"gbr"``.
    categorical
        Places of columns that hold classes. Columns of a DataFrame with the dtype category are classes by themselves.
    seed
        Of the bagging.
    threads
        Of xgboost.

    Attributes
    ----------
    relative_influence_ : numpy.ndarray
        (p,): per cent of the total, in the order of the columns; all 0 where no tree has a split.
    raw_influence_ : numpy.ndarray
        (p,): the sums of squares themselves, in the square of the response's unit (laplace: of signs; bernoulli: of residuals).
    feature_importances_ : numpy.ndarray
        (p,): as relative_influence_, but adding to 1.
    initial_ : float
        The first estimate, before any tree.
    n_features_in_ : int
        Number of columns.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(size=(500, 3))
    >>> model = BoostedTrees(n_trees=200, learning_rate=0.1).fit(x, 10 * x[:, 0] + x[:, 1])
    >>> bool(model.relative_influence_[0] > 95), bool(model.relative_influence_[2] < 1)
    (True, True)
    """

    _model: Grower
    _arrays: TreeArrays | None

    def __init__(
        self,
        *,
        n_trees: int = 1000,
        tree_complexity: int = 5,
        learning_rate: float = 0.01,
        bag_fraction: float = 0.75,
        min_observations: int = 10,
        distribution: Distribution = "gaussian",
        engine: Engine = "auto",
        max_bin: int | None = MAX_BIN,
        categorical: Sequence[int] = (),
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.n_trees = n_trees
        self.tree_complexity = tree_complexity
        self.learning_rate = learning_rate
        self.bag_fraction = bag_fraction
        self.min_observations = min_observations
        self.distribution = distribution
        self.engine = engine
        self.max_bin = max_bin
        self.categorical = categorical
        self.seed = seed
        self.threads = threads

    def fit(self, X: ArrayLike | pd.DataFrame, y: ArrayLike, sample_weight: ArrayLike | None = None) -> BoostedTrees:
        """Grow the trees.

        Parameters
        ----------
        X
            (n, p): arrays or a DataFrame without missing values.
        y
            (n,): response.
        sample_weight
            (n,): not negative, not all zero.

        Raises
        ------
        OptionError
            If a parameter is outside its list or range.
        ValueError
            If X or y has another shape, is empty, not numeric or not finite.
        """
        settings = self._settings()
        table, answer = validate_data(self, self._coded(X, fitting=True), y, dtype=np.float64, y_numeric=True)
        answer = np.asarray(answer, dtype=np.float64)
        weights = None if sample_weight is None else _scaled(_check_sample_weight(sample_weight, table))
        if settings.distribution == "bernoulli" and not (np.isin(answer, (0.0, 1.0)).all() and np.ptp(answer)):
            raise DataError("bernoulli needs a response of 0 and 1 with both occurring: take 'gaussian', or recode it")
        is_binary = settings.distribution == "bernoulli"
        self._origin = 0.0 if is_binary else first_estimate(answer, weights, "gaussian")
        self._scale = 1.0 if is_binary else _spread(answer - self._origin, weights)
        levels = tuple(len(self._classes.get(j, ())) for j in range(table.shape[1]))
        bins = len(table) + 1 if self.max_bin is None or settings.grown_by == "gbr" else self.max_bin
        self._codes: DriverCodes = driver_codes(table, levels, bins)
        codes = self._codes.encode(table)
        self._model = grower(
            codes, (answer - self._origin) / self._scale, weights, self._codes, settings, self.seed, self.threads
        )
        self._model.grow(self.n_trees)
        # Scikit-learn's trees predict by their arrays; those of xgboost are read when they are asked for.
        self._arrays = None if isinstance(self._model, XgboostGrower) else self._model.arrays()
        self.initial_ = self._model.base * self._scale + self._origin
        # Splits of the laplace loss are judged by the signs of the residuals, which have no unit.
        self.raw_influence_ = self._model.gains() * (self._scale**2 if settings.distribution == "gaussian" else 1.0)
        total = float(self.raw_influence_.sum())
        self.feature_importances_ = self.raw_influence_ / total if total > 0.0 else np.zeros(table.shape[1])
        self.relative_influence_ = 100.0 * self.feature_importances_
        return self

    def predict(self, X: ArrayLike | pd.DataFrame, n_trees: int | None = None) -> Floats:
        """Return predictions, shape (n,); with the first `n_trees` trees where that is given.

        Raises
        ------
        DataError
            If a column of classes holds one that the fit did not see.
        """
        check_is_fitted(self, "raw_influence_")
        table = self._table(X)
        if isinstance(self._model, XgboostGrower):
            score = self._model.predict(self._codes.encode(table), n_trees)
        else:
            score = self._model.base + self.trees().head(n_trees).dependence(table, range(self.n_features_in_))
        score = score * self._scale + self._origin
        return np.asarray(1.0 / (1.0 + np.exp(-score))) if self.distribution == "bernoulli" else score

    def staged_predict(self, X: ArrayLike | pd.DataFrame, step: int = 50) -> Iterator[Floats]:
        """Iterate over predictions with `step`, 2 `step`, ... trees."""
        for trees in range(step, self.n_trees + 1, step):
            yield self.predict(X, trees)

    def contributions(self, X: ArrayLike | pd.DataFrame) -> Floats:
        """Return TreeSHAP values, shape (n, p), in the unit of the response; rows add to prediction minus expectation.

        Raises
        ------
        OptionError
            If the engine is not xgboost.
        """
        check_is_fitted(self, "raw_influence_")
        if not isinstance(self._model, XgboostGrower):
            raise OptionError("engine must be 'xgboost' for TreeSHAP values, got 'gbr'")
        return self._model.contributions(self._codes.encode(self._table(X))) * self._scale

    def dependence(self, X: ArrayLike | pd.DataFrame, drivers: Sequence[int]) -> Floats:
        """Return the partial dependence on some columns by the weighted traversal, shape (n,).

        Parameters
        ----------
        X
            (n, p): where to evaluate it; other columns than `drivers` do not matter.
        drivers
            Places of columns.
        """
        check_is_fitted(self, "raw_influence_")
        found = self.trees().dependence(self._table(X), drivers)
        return found * self._scale + self.initial_

    def trees(self) -> TreeArrays:
        """Return the trees as arrays."""
        check_is_fitted(self, "raw_influence_")
        if self._arrays is None:
            self._arrays = self._model.arrays()
        return self._arrays

    def _settings(self) -> TreeSettings:
        settings = checked_settings(
            self.tree_complexity, self.learning_rate, self.bag_fraction, self.min_observations, self.distribution, self.engine
        )
        whole_number(self.n_trees, 1, "n_trees")
        whole_number(self.threads, 1, "threads")
        whole_number(self.seed, 0, "seed")
        if self.max_bin is not None:
            whole_number(self.max_bin, 2, "max_bin")
        return settings

    def _table(self, X: ArrayLike | pd.DataFrame) -> Floats:
        return np.asarray(validate_data(self, self._coded(X, fitting=False), dtype=np.float64, reset=False))

    def _coded(self, X: Any, *, fitting: bool) -> Any:
        """Return the table with classes as the numbers 0, 1, ... in the order of their names."""
        if fitting:
            self._classes: dict[int, Any] = _classes_of(X, self.categorical)
        if not self._classes or getattr(X, "ndim", 0) != 2:
            return X
        if (
            not fitting
            and isinstance(X, pd.DataFrame)
            and list(X.columns) != list(getattr(self, "feature_names_in_", X.columns))
        ):
            return X  # Other columns than those of the fit are refused by their names, before classes are looked for.
        frame = X.copy(deep=False) if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
        for j, classes in self._classes.items():
            if j < frame.shape[1]:
                name = frame.columns[j]
                frame[name] = _numbered(frame.iloc[:, j], classes, name)
        return frame if isinstance(X, pd.DataFrame) else frame.to_numpy(dtype=np.float64)


def checked_settings(
    tree_complexity: int,
    learning_rate: float,
    bag_fraction: float,
    min_observations: int,
    distribution: Distribution,
    engine: Engine,
) -> TreeSettings:
    """Return what a tree is.

    Raises
    ------
    OptionError
        If a parameter is outside its list or range.
    """
    whole_number(tree_complexity, 1, "tree_complexity")
    whole_number(min_observations, 1, "min_observations")
    for value, name in ((learning_rate, "learning_rate"), (bag_fraction, "bag_fraction")):
        if isinstance(value, bool) or not isinstance(value, int | float | np.floating) or not 0.0 < value <= 1.0:
            raise OptionError(f"{name} must be above 0 and at most 1, got {value!r}")
    choose(distribution, get_args(Distribution), "distribution")
    choose(engine, get_args(Engine), "engine")
    if engine == "xgboost" and distribution == "bernoulli":
        raise OptionError(
            "engine must be 'auto' or 'gbr' for distribution 'bernoulli', got 'xgboost': its leaves count curvature, not rows"
        )
    return TreeSettings(
        int(tree_complexity), float(learning_rate), float(bag_fraction), int(min_observations), distribution, engine
    )


def whole_number(value: object, least: int, name: str) -> None:
    """Refuse what is no whole number of `least` or more.

    Raises
    ------
    OptionError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise OptionError(f"{name} must be a whole number of {least} or more, got {value!r}")


def _scaled(weights: Floats) -> Floats:
    if (weights < 0).any() or not (weights > 0).any():
        raise DataError("sample_weight must not be negative, and not all zero: leave rows out by weight 0")
    return np.asarray(weights / weights[weights > 0].mean(), dtype=np.float64)


def _spread(values: Floats, weights: Floats | None) -> float:
    return float(np.sqrt(np.average(values**2, weights=weights))) or 1.0


def _classes_of(X: Any, places: Sequence[int]) -> dict[int, Any]:
    """Return the distinct classes of each column that holds classes, sorted."""
    columns = X.shape[1] if getattr(X, "ndim", 0) == 2 else 0
    by_dtype = (
        [j for j in range(columns) if isinstance(X.dtypes.iloc[j], pd.CategoricalDtype)] if isinstance(X, pd.DataFrame) else []
    )
    for j in places:
        if not 0 <= j < columns:
            raise OptionError(f"categorical must be places of columns from 0 to {columns - 1}, got {j!r}")
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X)) if places else None
    found = {}
    for j in sorted({*places, *by_dtype}):
        column = frame.iloc[:, j] if frame is not None else pd.Series(dtype=float)
        if column.isna().any():
            raise DataError(
                f"the classes of column {column.name!r} are missing in {int(column.isna().sum())} rows: leave them out"
            )
        found[j] = sorted(column.unique().tolist())
    return found


def _numbered(column: pd.Series, classes: Sequence[Any], name: object) -> Floats:
    codes = pd.Index(list(classes), dtype=object).get_indexer(pd.Index(column.tolist(), dtype=object))
    if (codes < 0).any():
        unseen = sorted({str(v) for v in column[codes < 0]})
        raise DataError(
            f"column {name!r} has classes that the fit did not see ({', '.join(unseen[:5])}, {int((codes < 0).sum())} rows): "
            "leave these rows out, or fit on data that have them"
        )
    return np.asarray(codes, dtype=np.float64)
