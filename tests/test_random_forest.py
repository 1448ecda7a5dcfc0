"""The forest: R's values where they are exact, its bands where they are not, scikit-learn's contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from carbondrivers.attribution.random_forest import CarbonStorageForest
from carbondrivers.errors import OptionError

TREES = Path(__file__).parent / "reference" / "trees"
FEATURES = ["NPP", "NDVI", "AP", "MAT", "DEM"]


def table() -> pd.DataFrame:
    return pd.read_csv(TREES / "ningxia_like.csv")


def r2(truth: np.ndarray, estimate: np.ndarray) -> float:
    return float(1.0 - np.sum((truth - estimate) ** 2) / np.sum((truth - truth.mean()) ** 2))


@parametrize_with_checks([CarbonStorageForest(trees=5, min_leaf=2)])
def test_scikit_learn_takes_it_for_a_regressor(estimator: Any, check: Any) -> None:
    # One of the checks itself shuffles by NumPy's global state.
    state = np.random.get_state()  # noqa: NPY002
    check(estimator)
    np.random.set_state(state)  # noqa: NPY002


@pytest.mark.parametrize(
    ("column", "nodesize", "depth"),
    [("rF_nodesize1", 1, None), ("rF_nodesize5", 5, None), ("rF_nodesize20", 20, None), ("ranger_mns20_depth4", 20, 4)],
)
def test_one_unbagged_tree_is_that_of_r(column: str, nodesize: int, depth: int | None) -> None:
    """R randomForest 4.7-1.1 and ranger 0.14.1, mtry 5: nodesize k is min_split k + 1; predictions to 1e-11."""
    rows = table()
    forest = CarbonStorageForest(
        "r", trees=1, mtry=5, min_leaf=1, min_split=nodesize + 1, depth=depth, bootstrap=False
    ).fit(rows[FEATURES], rows["C"])  # fmt: skip
    expected = pd.read_csv(TREES / "rf_single_tree_pred.csv")[column]
    assert forest.predict(rows[FEATURES]) == pytest.approx(expected.to_numpy(), abs=1e-11)
    if (nodesize, depth) == (20, None):
        purity = pd.read_csv(TREES / "rf_single_tree_incnodepurity.csv").set_index("var")["IncNodePurity"]
        assert forest.decrease_ == pytest.approx(purity[FEATURES].to_numpy(), rel=1e-12)
        assert forest.shares().sum() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("mtry", [1, 2, 5])
def test_scores_lie_in_the_bands_of_r(mtry: int) -> None:
    """30 seeds of randomForest with nodesize 20, 100 trees: mean and 4 standard deviations, training, 62 held out, OOB.

    With the bootstrap, nodesize 20 is 14 different rows: 0.632 (20 + 1).
    """
    rows, bands = table(), pd.read_csv(TREES / "rf_ningxia_stats.csv")
    bands = bands.loc[(bands["eng"] == "randomForest") & (bands["mtry"] == mtry)]
    held = pd.read_csv(TREES / "ningxia_val_rows.csv")["row"].to_numpy() - 1
    train, test = rows.drop(index=held), rows.loc[held]
    forest = CarbonStorageForest("r", trees=100, mtry=mtry, min_split=14, seed=3).fit(train[FEATURES], train["C"])
    found = {
        "r2.train": r2(train["C"].to_numpy(), forest.predict(train[FEATURES])),
        "r2.val": r2(test["C"].to_numpy(), forest.predict(test[FEATURES])),
        "r2.oob": r2(train["C"].to_numpy(), forest.oob_predict(train[FEATURES])),
    }
    for name, value in found.items():
        assert abs(value - bands[name].mean()) < 4.0 * bands[name].std(), (name, value, bands[name].mean())


def test_presets_say_what_they_are() -> None:
    ningxia, r = (CarbonStorageForest(name).settings(12) for name in ("ningxia", "r"))  # type: ignore[arg-type]
    assert (ningxia["trees"], ningxia["min_leaf"], ningxia["depth"], ningxia["mtry"]) == (100, 20, 10, 4)
    assert (r["trees"], r["min_split"], r["depth"]) == (500, 4, None)


def test_threads_and_seeds() -> None:
    rows = table()
    one, two, other = (
        CarbonStorageForest("r", trees=20, seed=seed, jobs=jobs).fit(rows[FEATURES], rows["C"])
        for seed, jobs in ((1, 1), (1, 2), (2, 1))
    )
    assert np.array_equal(one.predict(rows[FEATURES]), two.predict(rows[FEATURES]))
    assert np.array_equal(one.decrease_, two.decrease_)
    assert not np.array_equal(one.decrease_, other.decrease_)


def test_units_of_the_drivers_do_not_matter() -> None:
    rows = table()
    x, y = rows[FEATURES].to_numpy(), rows["C"].to_numpy()
    scale = np.array([1e-8, 1e8, 1e-3, 1e3, 1.0])
    one, two = (CarbonStorageForest("r", trees=20, seed=1).fit(x * s, y) for s in (1.0, scale))
    assert two.predict(x * scale) == pytest.approx(one.predict(x), rel=1e-9)


def test_permuting_an_idle_driver_costs_nothing_and_a_pair_goes_together() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = 3.0 * x[:, 0] + x[:, 1] + 0.1 * rng.normal(size=400)
    forest = CarbonStorageForest("r", trees=60, mtry=3).fit(x, y)
    rise = forest.oob_permutation(x, y).mean(axis=0)
    assert rise[0] > 5.0 * rise[1] > 20.0 * abs(rise[2])
    assert abs(rise[0] - 2 * 9.0) < 5.0  # permuting a driver of effect b costs about 2 b^2 var(x)
    pair = forest.oob_permutation(x, y, np.array([0, 0, 1])).mean(axis=0)
    assert pair[0] > rise[0]
    assert np.isnan(forest.oob_predict(x)).sum() == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": "ningxa"}, "Did you mean 'ningxia'"),
        ({"trees": 0}, "trees must be a whole number of 1 or more"),
        ({"mtry": 6}, "at most the number of drivers"),
        ({"min_split": 1}, "min_split must be"),
        ({"depth": 0.5}, "depth must be"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], words: str) -> None:
    rows = table()
    with pytest.raises(OptionError, match=words):
        CarbonStorageForest(**options).fit(rows[FEATURES], rows["C"])  # type: ignore[arg-type]


def test_clone_keeps_the_options() -> None:
    assert clone(CarbonStorageForest("r", mtry=2)).get_params()["mtry"] == 2
