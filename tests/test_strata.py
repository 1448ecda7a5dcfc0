"""Strata: R's breaks, optimality of natural breaks by brute force, ties."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.attribution.strata import assign, breaks, stratify
from carbondrivers.errors import OptionError

from .conftest import REFERENCE


@pytest.mark.parametrize("method", ["equal", "quantile", "natural"])
def test_breaks_equal_r_gd(pixels: pd.DataFrame, method: str) -> None:
    # R GD 10.8 (natural breaks by BAMMtools, the optimum too); 1e-9 absolute. GD adds quantiles where they tie; those break
    # sets are left out.
    expected = pd.read_csv(REFERENCE / "geodetector" / "ref_GD_breaks.csv")
    expected = expected.loc[expected["method"] == method]
    compared = 0
    for row in expected.itertuples():
        theirs = np.array([float(b) for b in row.breaks.split(";")])
        ours = breaks(pixels[row.variable].to_numpy(float), method, int(row.k))
        if len(theirs) == len(ours) == row.k + 1:
            np.testing.assert_allclose(ours, theirs, atol=1e-9, rtol=0)
            compared += 1
    assert compared >= 15


def _sse(values: np.ndarray, codes: np.ndarray) -> float:
    return sum(((values[codes == c] - values[codes == c].mean()) ** 2).sum() for c in np.unique(codes))


@settings(max_examples=40)
@given(st.lists(st.integers(0, 30), min_size=4, max_size=14), st.integers(2, 4))
def test_natural_breaks_are_the_optimum(raw: list[int], classes: int) -> None:
    values = np.array(raw, dtype=float)
    distinct = np.unique(values)
    if len(distinct) <= classes:
        return
    ours = _sse(values, assign(values, breaks(values, "natural", classes)))
    best = min(
        _sse(values, np.searchsorted(np.array(cut), values, side="left")) for cut in combinations(distinct[:-1], classes - 1)
    )
    assert ours <= best + 1e-9


def test_natural_breaks_with_more_values_than_bins() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(m, 0.2, 3000) for m in (0, 5, 20)])
    truth = np.repeat([0, 1, 2], 3000)
    codes = assign(values, breaks(values, "natural", 3))
    assert (codes != truth).sum() <= 9000 / 1024 * 2


def test_ties_give_fewer_classes_and_every_code_occurs() -> None:
    column = pd.Series([0.0] * 80 + list(np.arange(1.0, 21.0)), name="gdp")
    codes, names, borders = stratify(column, "quantile", 6)
    assert len(names) == codes.max() + 1 == len(np.unique(codes)) < 6
    assert borders is not None and len(borders) == len(names) + 1


def test_classes_are_right_closed_and_hold_the_minimum() -> None:
    column = pd.Series(np.arange(11.0))
    codes, names, _ = stratify(column, "equal", 2)
    assert codes.tolist() == [0] * 6 + [1] * 5
    assert names == ["[0, 5]", "(5, 10]"]


def test_messages() -> None:
    with pytest.raises(OptionError, match=r"strata method must be one of 'quantile', 'equal', .*, got 'quantiles'"):
        breaks(np.arange(5.0), "quantiles", 3)
    with pytest.raises(OptionError, match="classes must be 2 or more, got 1"):
        breaks(np.arange(5.0), "equal", 1)


SKEWED = np.concatenate([np.zeros(30), np.random.default_rng(3).lognormal(2, 1, 400)])


@pytest.mark.parametrize("method", ["quantile", "equal", "natural", "geometric", "sd", "head_tails"])
@pytest.mark.parametrize("classes", [2, 5, 8])
def test_every_rule_covers_all_values_in_any_unit(method: str, classes: int) -> None:
    borders = breaks(SKEWED, method, classes)
    codes = assign(SKEWED, borders)
    assert (np.diff(borders) > 0).all() and borders[0] <= SKEWED.min() and borders[-1] == SKEWED.max()
    assert np.array_equal(np.unique(codes), np.arange(len(borders) - 1)) and len(borders) - 1 <= classes
    np.testing.assert_array_equal(codes, assign(SKEWED * 1e-6, breaks(SKEWED * 1e-6, method, classes)))


def test_geometric_sd_and_head_tails_by_hand() -> None:
    np.testing.assert_allclose(breaks(np.array([1.0, 2, 3, 50, 1000]), "geometric", 3), [1, 10, 100, 1000])
    symmetric = np.array([-3.0, -1, 1, 3])
    np.testing.assert_allclose(breaks(symmetric, "sd", 4), [-3, -symmetric.std(ddof=1), 0, symmetric.std(ddof=1), 3])
    # Mean 5.5, head 15 and 30 of eight (25 %), whose mean is 22.5; that head is one of two (50 %), so the splitting ends.
    np.testing.assert_allclose(breaks(np.array([0.0, 0, 1, 1, 1, 1, 15, 30]), "head_tails", 8), [0, 49 / 8, 22.5, 30])


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(-5, 5)), min_size=6, max_size=16), st.integers(2, 4), st.integers(1, 2)
)
def test_optimal_strata_are_the_optimum_and_keep_ties(raw: list[tuple[int, int]], classes: int, min_size: int) -> None:
    x, y = (np.array(column, dtype=float) for column in zip(*raw, strict=True))
    distinct = np.unique(x)
    cuts = [np.searchsorted(np.array(c), x, side="left") for c in combinations(distinct[:-1], classes - 1)]
    allowed = [codes for codes in cuts if np.bincount(codes).min() >= min_size]
    if not allowed or len(distinct) <= classes:
        return
    found = assign(x, breaks(x, "optimal", classes, y=y, min_size=min_size))
    assert _sse(y, found) <= min(_sse(y, codes) for codes in allowed) + 1e-9
    assert np.bincount(found).min() >= min_size


def test_tree_strata_are_nested_and_worse_than_the_optimum() -> None:
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 10, 500)
    y = np.digitize(x, [2.0, 3.0, 7.0]) % 2 + 0.1 * rng.normal(size=500)
    four, five = (breaks(x, "tree", k, y=y) for k in (4, 5))
    assert set(four) < set(five)
    np.testing.assert_allclose(breaks(x, "optimal", 4, y=y)[1:-1], [2, 3, 7], atol=0.1)
    for k in (2, 3, 4, 5):
        tree, best = (_sse(y, assign(x, breaks(x, m, k, y=y))) for m in ("tree", "optimal"))
        assert best <= tree + 1e-9


def test_small_classes_join_a_neighbour() -> None:
    values = np.array([0.0] * 10 + [5.0] + [9.0] * 3 + [10.0] * 10)
    assert np.bincount(assign(values, breaks(values, "equal", 10))).tolist() == [10, 1, 3, 10]
    for least in (2, 5):
        assert np.bincount(assign(values, breaks(values, "equal", 10, min_size=least))).min() >= least


def test_borders_of_ones_own() -> None:
    column = pd.Series([100.0, 200, 250, 399, 400, 401], name="rain")
    codes, names, borders = stratify(column, "quantile", 6, borders=[200, 400, 900])
    assert codes.tolist() == [0, 0, 1, 1, 1, 2] and names == ["[100, 200]", "(200, 400]", "(400, 401]"]
    assert borders is not None and borders.tolist() == [100, 200, 400, 401]
    with pytest.raises(OptionError, match=r"borders of 'rain' must be ascending numbers such as \[200, 400\], got \[4, 2\]"):
        stratify(column, "quantile", 6, borders=[4, 2])
    with pytest.raises(OptionError, match="part no two values: they must lie between 100 and 401"):
        stratify(column, "quantile", 6, borders=[500])


def test_a_rule_that_needs_the_response_says_so() -> None:
    with pytest.raises(OptionError, match="strata method 'optimal' needs a response"):
        breaks(np.arange(5.0), "optimal", 3)
    with pytest.raises(OptionError, match="min_size must be a whole number of 1 or more, got 0"):
        breaks(np.arange(5.0), "equal", 3, min_size=0)
