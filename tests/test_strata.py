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


@pytest.mark.parametrize("method", ["equal", "quantile"])
def test_breaks_equal_r_gd(pixels: pd.DataFrame, method: str) -> None:
    # R GD 10.8; closed form, 1e-9 absolute. GD adds quantiles where they tie; those break sets are left out.
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
    with pytest.raises(OptionError, match="strata method must be one of 'quantile', 'equal', 'natural', got 'quantiles'"):
        breaks(np.arange(5.0), "quantiles", 3)
    with pytest.raises(OptionError, match="classes must be 2 or more, got 1"):
        breaks(np.arange(5.0), "equal", 1)
