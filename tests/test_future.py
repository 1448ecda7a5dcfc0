"""Trend x persistence: every class by construction, the undetermined, the circular rule, messages."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import xarray as xr

from carbondrivers.attribution.future import CLASSES, METHODS, FutureResult, future
from carbondrivers.attribution.persistence import PersistenceResult, persistence
from carbondrivers.attribution.trend import TrendResult, trend
from carbondrivers.attribution.trend_classes import CLASS_VIEWS, ClassView
from carbondrivers.errors import DataError, DataWarning

from .test_persistence import a_stack, noise


def both(values: np.ndarray, **options: Any) -> tuple[TrendResult, PersistenceResult]:
    stack = a_stack(values)
    return trend(stack, significance="naive"), persistence(stack, significance="naive", **options)


def planted(values: np.ndarray, hurst: np.ndarray, kind: np.ndarray, **options: Any) -> tuple[TrendResult, PersistenceResult]:
    """Results of a stack with the exponents and persistence classes that a test wants."""
    one, two = both(values, **options)
    grid = two.grid.copy(deep=True)
    grid["hurst"].values[:] = hurst
    grid["hurst_class"].values[:] = kind
    return one, dataclasses.replace(two, grid=grid)


def named(result: FutureResult, name: str) -> list[str]:
    return [CLASSES[int(code)] for code in result.grid[name].to_numpy()[0]]


def test_every_class_by_construction() -> None:
    slope = np.array([1.0, -1.0, -1.0, 1.0, 0.0, 1.0])
    values = slope * np.arange(20.0)[:, None] + 0.01 * noise(20, 6, 1)
    hurst = np.array([0.9, 0.9, 0.2, 0.2, 0.9, 0.6])
    kind = np.array([0.0, 0.0, 2.0, 2.0, 0.0, 1.0])
    result = future(*planted(values, hurst, kind, detrend=True))
    assert named(result, "future_class") == [
        "Continuous improvement", "Continuous degradation", "Future improvement", "Future degradation", "Undetermined",
        "Undetermined",
    ]  # fmt: skip
    published = named(result, "published_class")
    assert published[:4] == named(result, "future_class")[:4] and published[5] == "Continuous improvement"
    assert published[4] in ("Continuous improvement", "Continuous degradation")


def test_no_slope_and_half_are_undetermined_in_the_published_rule() -> None:
    values = np.arange(20.0)[:, None] * [1.0, 1.0] + noise(20, 2, 2)
    values[:, 1] = np.tile([1.0, 2.0], 10)
    values[[0, -1], 1] = [2.0, 1.0]
    one, two = planted(values, np.array([0.5, 0.9]), np.array([1.0, 1.0]), detrend=True)
    flat = one.grid.copy(deep=True)
    flat["sen_slope"].values[0, 1] = 0.0
    result = future(dataclasses.replace(one, grid=flat), two)
    assert named(result, "published_class") == ["Undetermined", "Undetermined"]


def test_noise_is_undetermined_and_the_published_rule_names_it_all() -> None:
    stack = a_stack(noise(21, 2000, 3))
    result = future(trend(stack), persistence(stack, detrend=True))
    table = result.classes.set_index(["method", "level"])
    assert table["share"][METHODS["future_class"], "Undetermined"] > 0.999
    part = table.loc[METHODS["published_class"]]
    # Years are independent and so are cells: shares lie within four Monte-Carlo errors of what white noise is said to give.
    assert np.abs(part["share"] - part["share_expected"]).max() < 4 * np.sqrt(0.25 / 2000)
    assert part["share_expected"].sum() == pytest.approx(1.0) and part["share_expected"]["Continuous improvement"] > 0.4


def test_a_trend_restates_itself_unless_detrended() -> None:
    values = noise(21, 800, 4) + 0.2 * np.arange(21)[:, None]
    with pytest.warns(DataWarning, match="White noise of 21 years on a line that rises by 0.1 standard deviations a year"):
        raw = future(*both(values))
    share = raw.classes.set_index(["method", "level"])["share"]
    assert share[METHODS["future_class"], "Continuous improvement"] > 0.4
    assert "has H > 0.65 in 81 % of all series" in raw.notes[0] and "without the line in 47 %" in raw.notes[0]
    freed = future(*both(values, detrend=True)).classes.set_index(["method", "level"])["share"]
    assert freed[METHODS["future_class"], "Continuous improvement"] < 0.05
    differences = future(*both(values, series="differences"))
    assert "do not restate" in differences.notes[0]


@pytest.mark.parametrize("view", CLASS_VIEWS)
def test_every_view_of_the_trend_is_understood(view: ClassView) -> None:
    values = np.array([1.0, -1.0, 0.0]) * np.arange(20.0)[:, None] + 0.01 * noise(20, 3, 5)
    one, two = planted(values, np.full(3, 0.9), np.zeros(3), detrend=True)
    result = future(trend(a_stack(values), classes=view), two)
    assert named(result, "future_class")[:2] == ["Continuous improvement", "Continuous degradation"]
    assert one.n == result.n == 3


def test_cells_without_either_stay_empty_and_shares_add_to_one() -> None:
    values = noise(20, 5, 6)
    values[9, 1] = values[:, 2] = np.nan
    result = future(*both(values, detrend=True))
    assert np.isnan(result.grid["future_class"].to_numpy()[0]).tolist() == [False, True, True, False, False]
    assert result.n == 3
    for _, part in result.classes.groupby("method"):
        assert part["share"].sum() == pytest.approx(1.0, abs=1e-12) and part["n"].sum() == 3


def test_results_that_do_not_belong_together_are_refused() -> None:
    stack = a_stack(noise(20, 4, 7))
    one = trend(stack)
    with pytest.raises(DataError, match="the trend is that of 'nep' and the persistence that of 'npp'"):
        future(one, persistence(stack.rename("npp"), detrend=True))
    with pytest.raises(DataError, match="the trend is of 2000 to 2019 and the persistence of 2001 to 2019"):
        future(one, persistence(stack.isel(year=slice(1, None)), detrend=True))
    with pytest.raises(DataError, match="lie on different grids"):
        future(one, persistence(stack.isel(x=slice(0, 3)), detrend=True))
    apart = np.where(np.arange(20)[:, None, None] == 9, np.nan, stack)
    whole = xr.concat([stack, stack.copy(data=apart).assign_coords(x=stack["x"] + 400.0)], dim="x")
    blind = whole.where(whole["x"] > 350.0)
    with pytest.raises(DataError, match="no cell has both a trend and a Hurst exponent"):
        future(trend(blind), persistence(whole.where(whole["x"] < 350.0), detrend=True))
