"""Area of applicability: the definition by brute force, the threshold and flags of R CAST, what is outside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution.applicability import applicability
from carbondrivers.errors import DataError

TREES = Path(__file__).parent / "reference" / "trees"


def test_definition_by_all_distances() -> None:
    rng = np.random.default_rng(1)
    train, new = rng.normal(size=(80, 4)) * [1, 10, 0.1, 3], rng.normal(size=(60, 4)) * [2, 20, 0.2, 6]
    weights, folds = np.array([50.0, 30.0, 15.0, 5.0]), rng.integers(0, 5, 80)
    area = applicability(train, weights, folds)
    scale = lambda v: (v - train.mean(0)) / train.std(0, ddof=1) * weights  # noqa: E731
    between = np.linalg.norm(scale(train)[:, None] - scale(train)[None], axis=-1)
    average = (between.sum(1) / 79).mean()
    assert area.mean_distance == pytest.approx(average, rel=1e-13)
    elsewhere = np.where(folds[:, None] != folds[None], between, np.inf).min(1) / average
    assert area.train_di == pytest.approx(elsewhere, rel=1e-12)
    away = np.linalg.norm(scale(new)[:, None] - scale(train)[None], axis=-1) / average
    di, lpd, inside = area.measure(new)
    assert di == pytest.approx(away.min(1), rel=1e-12)
    assert np.array_equal(lpd, (away < area.threshold).sum(1))
    assert np.array_equal(inside, away.min(1) <= area.threshold)


def test_threshold_and_flags_are_those_of_cast() -> None:
    """R CAST 1.1, weights and block folds: threshold 1e-12 from its training DI, every flag, LPD 0 outside only."""
    train = pd.read_csv(TREES / "aoa_weighted_blockCV_train.csv")
    new = pd.read_csv(TREES / "aoa_weighted_blockCV_new.csv")
    # On one driver with unit spacing of its own, DI can be given as coordinates: rows of alternating folds.
    low, high = np.quantile(train["trainDI"], [0.25, 0.75])
    threshold = min(high + 1.5 * (high - low), train["trainDI"].max())
    assert threshold == pytest.approx(train["threshold"][0], abs=1e-12)
    assert np.array_equal(new["DI"] <= threshold, new["AOA"] == 1)
    assert np.array_equal(new["DI"] < threshold, new["LPD"] > 0)


def test_missing_and_unused_drivers() -> None:
    rng = np.random.default_rng(2)
    train = np.column_stack([rng.normal(size=50), np.full(50, 7.0), rng.normal(size=50)])
    area = applicability(train, np.array([1.0, 1.0, 0.0]))
    di, lpd, inside = area.measure(np.array([[0.0, 1e9, 1e9], [np.nan, 7.0, 0.0], [99.0, 7.0, 0.0]]))
    assert inside.tolist() == [True, False, False]
    assert np.isnan(di[1]) and np.isnan(lpd[1]) and lpd[2] == 0
    assert np.isnan(area.measure(train, density=False)[1]).all()


def test_scale_of_weights_and_units_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    train, new = rng.normal(size=(40, 3)), rng.normal(size=(10, 3))
    one = applicability(train, np.array([3.0, 2.0, 1.0])).measure(new)[0]
    unit = np.array([1e-6, 1e3, 5.0])
    assert applicability(train * unit, np.array([0.3, 0.2, 0.1])).measure(new * unit)[0] == pytest.approx(one, rel=1e-9)


@pytest.mark.parametrize(
    ("weights", "folds", "words"),
    [(np.zeros(2), None, "uses no driver"), (np.ones(2), np.zeros(20, dtype=int), "two folds or more")],
)
def test_nothing_to_measure_by_is_refused(weights: np.ndarray, folds: np.ndarray | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        applicability(np.random.default_rng(4).normal(size=(20, 2)), weights, folds)
