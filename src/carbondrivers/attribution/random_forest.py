"""Random forest of carbon storage (Breiman 2001, doi:10.1023/A:1010933404324), grown by scikit-learn.

What decides the attribution is said with it: the number of drivers tried at each split (mtry), the size of nodes, the depth.
Two importances stand side by side: the summed decrease of the squared error (IncNodePurity of R's randomForest, a share of all
of it), which favours drivers with many values, and the rise of the out-of-bag error when a driver is permuted.
R's ``nodesize = k`` and ranger's ``min.node.size = k`` are ``min_samples_split = k + 1`` without the bootstrap; with it
scikit-learn counts different rows, so that about 0.632 (k + 1) reproduces R. Neither is ``min_samples_leaf``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.utils.validation import check_is_fitted, validate_data

from carbondrivers.attribution.inference import Floats
from carbondrivers.errors import OptionError, choose

Preset = Literal["ningxia", "r"]
PRESETS: tuple[Preset, ...] = get_args(Preset)


@dataclass(frozen=True, slots=True)
class _Settings:
    trees: int
    min_leaf: int
    min_split: int
    depth: int | None


# The first are the settings that a study of Ningxia prints; the second are those of R's randomForest for regression.
_PRESETS: Mapping[str, _Settings] = {"ningxia": _Settings(100, 20, 2, 10), "r": _Settings(500, 1, 4, None)}


class CarbonStorageForest(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Forest with named presets, both importances and out-of-bag estimates.

    Parameters
    ----------
    preset
        ``"ningxia"``: 100 trees, 20 rows a leaf, depth 10; ``"r"``: 500 trees of full depth, nodes of fewer than 4 different
        rows not split (nodesize 5).
    trees, mtry, min_leaf, min_split, depth
        In place of the preset's. `mtry` is the number of drivers tried at each split; a third of them, at least one, by
        default, as in R.
    bootstrap
        Whether each tree grows on a bootstrap of the rows; without it there is no out-of-bag estimate.
    seed
        Of the rows and drivers that trees take.
    jobs
        Threads that grow trees; the forest is the same for any number.

    Attributes
    ----------
    mtry_ : int
        Drivers tried at each split.
    forest_ : sklearn.ensemble.RandomForestRegressor
        The trees, on standardised drivers.
    decrease_ : numpy.ndarray
        (p,): decrease of the squared error that splits on each driver bring, averaged over trees, in squared units of the
        response times rows.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 2))
    >>> forest = CarbonStorageForest("r", trees=50).fit(x, x[:, 0])
    >>> forest.mtry_, bool(forest.shares()[0] > 0.8)
    (1, True)
    """

    def __init__(
        self,
        preset: Preset = "ningxia",
        *,
        trees: int | None = None,
        mtry: int | None = None,
        min_leaf: int | None = None,
        min_split: int | None = None,
        depth: int | None = None,
        bootstrap: bool = True,
        seed: int = 0,
        jobs: int = 1,
    ) -> None:
        self.preset = preset
        self.trees = trees
        self.mtry = mtry
        self.min_leaf = min_leaf
        self.min_split = min_split
        self.depth = depth
        self.bootstrap = bootstrap
        self.seed = seed
        self.jobs = jobs

    def settings(self, drivers: int) -> dict[str, Any]:
        """Return what the forest grows with on this number of drivers, by the names of the options.

        Raises
        ------
        OptionError
            If an option is outside its list or range.
        """
        base = _PRESETS[choose(self.preset, PRESETS, "preset")]
        chosen: dict[str, Any] = {
            "trees": base.trees if self.trees is None else self.trees,
            "mtry": max(1, drivers // 3) if self.mtry is None else self.mtry,
            "min_leaf": base.min_leaf if self.min_leaf is None else self.min_leaf,
            "min_split": base.min_split if self.min_split is None else self.min_split,
            "depth": base.depth if self.depth is None else self.depth,
        }
        least = {"trees": 1, "mtry": 1, "min_leaf": 1, "min_split": 2, "depth": 1}
        for name, value in chosen.items():
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not (whole and value >= least[name]) and not (name == "depth" and value is None):
                raise OptionError(f"{name} must be a whole number of {least[name]} or more, got {value!r}")
        if chosen["mtry"] > drivers:
            raise OptionError(f"mtry must be at most the number of drivers ({drivers}), got {chosen['mtry']}")
        return chosen | {"bootstrap": self.bootstrap}

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Grow the trees.

        Parameters
        ----------
        X
            Drivers, (n, p).
        y
            Response, (n,).
        """
        drivers, response = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        chosen = self.settings(drivers.shape[1])
        # Trees work in single precision and take gaps below 1e-7 for none: drivers are brought to one scale first.
        self.centre_ = drivers.mean(axis=0)
        spread = drivers.std(axis=0)
        self.spread_ = np.where(spread > 0.0, spread, 1.0)
        self.mtry_ = int(chosen["mtry"])
        self.forest_ = RandomForestRegressor(
            chosen["trees"],
            max_features=self.mtry_,
            min_samples_leaf=chosen["min_leaf"],
            min_samples_split=chosen["min_split"],
            max_depth=chosen["depth"],
            bootstrap=self.bootstrap,
            random_state=self.seed,
            n_jobs=self.jobs,
        ).fit(self._scaled(drivers), response)
        # Several threads would add up the trees' predictions in any order.
        self.forest_.set_params(n_jobs=1)
        self.decrease_ = len(response) * np.mean(
            [tree.tree_.compute_feature_importances(normalize=False) for tree in self.forest_.estimators_], axis=0
        )
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Return predictions, (n,)."""
        check_is_fitted(self)
        drivers = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(self.forest_.predict(self._scaled(drivers)), dtype=np.float64)

    def refit(self, X: Floats, y: Floats, trees: int, seed: int) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Grow a few trees on other rows, at a fraction of the cost of a forest of its own.

        Parameters
        ----------
        X, y
            Rows, on the columns that the forest was fitted to.
        trees, seed
            How many; of their rows and columns.

        Returns
        -------
        shares : numpy.ndarray
            As ``shares`` gives them.
        predict : callable
            Estimates (m,) from drivers (m, p).
        """
        check_is_fitted(self)
        scaled, response = self._scaled(X), np.asarray(y, dtype=np.float64)
        base, rng, grown = self.forest_.estimator_, np.random.default_rng(seed), []
        chosen = {name: self.forest_.get_params()[name] for name in self.forest_.estimator_params if name != "random_state"}
        for _ in range(trees):
            taken = rng.integers(0, len(response), len(response)) if self.bootstrap else np.arange(len(response))
            weight = np.bincount(taken, minlength=len(response)).astype(np.float64)
            tree = type(base)(**chosen, random_state=int(rng.integers(2**31)))
            grown.append(tree.fit(scaled, response, sample_weight=weight, check_input=False))
        decrease = np.mean([tree.tree_.compute_feature_importances(normalize=False) for tree in grown], axis=0)
        total = float(decrease.sum())

        def predict(drivers: Floats) -> Floats:
            places = self._scaled(drivers)
            return np.asarray(np.mean([tree.tree_.predict(places).reshape(-1) for tree in grown], axis=0), dtype=np.float64)

        return np.asarray(decrease / (total if total > 0.0 else np.nan)), predict

    def shares(self) -> Floats:
        """Return each driver's share of the summed decrease, (p,), adding to one; NaN where no tree has split."""
        check_is_fitted(self)
        total = float(self.decrease_.sum())
        return np.asarray(self.decrease_ / (total if total > 0.0 else np.nan))

    def oob_predict(self, X: ArrayLike) -> Floats:
        """Return the mean of the trees that did not see a row, (n,); NaN where every tree saw it.

        Parameters
        ----------
        X
            What the forest was fitted to, in the same order of rows.
        """
        check_is_fitted(self)
        scaled = self._scaled(np.asarray(X, dtype=np.float64))
        total, trees = np.zeros(len(scaled)), np.zeros(len(scaled))
        for tree, left_out in self._left_out(len(scaled)):
            if len(left_out):
                total[left_out] += tree.predict(scaled[left_out])
                trees[left_out] += 1.0
        return np.asarray(np.divide(total, trees, out=np.full(len(scaled), np.nan), where=trees > 0))

    def oob_permutation(self, X: ArrayLike, y: ArrayLike, groups: NDArray[np.int64] | None = None) -> Floats:
        """Return how much the out-of-bag mean squared error of a tree rises when a driver is permuted, tree by tree.

        Parameters
        ----------
        X, y
            What the forest was fitted to, in the same order of rows.
        groups
            (p,): columns of one number are permuted together, in the same order; each alone by default.

        Returns
        -------
        numpy.ndarray
            (trees, groups): squared units of the response; NaN for a tree that saw every row.
        """
        check_is_fitted(self)
        drivers, response = self._scaled(np.asarray(X, dtype=np.float64)), np.asarray(y, dtype=np.float64)
        members = np.arange(drivers.shape[1]) if groups is None else groups
        count = int(members.max()) + 1
        rise = np.full((len(self.forest_.estimators_), count), np.nan)
        rng = np.random.default_rng(self.seed)
        for index, (tree, left_out) in enumerate(self._left_out(len(response))):
            if not len(left_out):
                continue
            inside, truth = drivers[left_out], response[left_out]
            error = np.mean((truth - tree.predict(inside)) ** 2)
            for group in range(count):
                mixed = inside.copy()
                own = members == group
                mixed[:, own] = inside[rng.permutation(len(inside))][:, own]
                rise[index, group] = np.mean((truth - tree.predict(mixed)) ** 2) - error
        return rise

    def _scaled(self, drivers: Floats) -> NDArray[np.float32]:
        return np.asarray((drivers - self.centre_) / self.spread_, dtype=np.float32)

    def _left_out(self, rows: int) -> Iterator[tuple[Any, NDArray[np.int64]]]:
        if not self.bootstrap:
            return
        for tree, taken in zip(self.forest_.estimators_, self.forest_.estimators_samples_, strict=True):
            seen = np.zeros(rows, dtype=bool)
            seen[taken] = True
            yield tree, np.flatnonzero(~seen)
