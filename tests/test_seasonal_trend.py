"""Seasonal trend: kernels against R and Python, the door, hostile stacks, the step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.attribution import seasonal_trend_kernels as kernels
from carbondrivers.attribution import trend, trend_kernels
from carbondrivers.attribution.seasonal_trend import MONTHS, seasonal_trend
from carbondrivers.attribution.trend_classes import LEVELS
from carbondrivers.errors import DataError, OptionError
from carbondrivers.reports import tables, texts
from carbondrivers.study.check import load_study
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import steps

from .conftest import REFERENCE

MONTHLY = pd.read_csv(REFERENCE / "timeseries" / "monthly.csv")


def _monthly_grid() -> tuple[np.ndarray, np.ndarray]:
    table = MONTHLY.pivot_table(index="month", columns="year", values="nep", dropna=False)
    return table.to_numpy()[None], table.columns.to_numpy(float)


def test_kernels_equal_references() -> None:
    y, years = _monthly_grid()
    assert np.isnan(y).sum() == 5
    found = kernels.mann_kendall(y)
    slope = kernels.sen(y, years, found.variance)
    # a Python calculation from the formulas: closed forms
    expected = pd.read_csv(REFERENCE / "timeseries" / "expected_seasonal_py.csv").set_index("stat")["value"]
    assert float(found.s[0]) == expected["S"]
    assert float(found.variance[0]) == pytest.approx(expected["varS"], rel=1e-12)
    assert float(found.z[0]) == pytest.approx(expected["z_continuity"], rel=1e-12)
    assert float(found.p[0]) == pytest.approx(expected["p"], rel=1e-10)
    assert float(slope.slope[0]) == pytest.approx(expected["seasonal_sen_per_year"], rel=1e-12)
    # R Kendall 2.2.1, SeasonalMannKendall: works in single precision
    by_r = pd.read_csv(REFERENCE / "timeseries" / "expected_seasonal_R.csv", header=None, index_col=0)[1]
    assert float(found.s[0]) == by_r["S"] and float(found.variance[0]) == pytest.approx(by_r["varS"], rel=1e-6)
    assert float(found.tau_b[0]) == pytest.approx(by_r["tau"], rel=1e-6)


def test_one_season_is_the_ordinary_test() -> None:
    rng = np.random.default_rng(1)
    y = np.round(rng.normal(size=(50, 15)), 1)
    y[rng.random(y.shape) < 0.1] = np.nan
    one, other = kernels.mann_kendall(y[:, None]), trend_kernels.mann_kendall(y)
    t = np.arange(15.0)
    slope, sen = kernels.sen(y[:, None], t, one.variance), trend_kernels.theil_sen(y, t, other.variance)
    for ours, theirs in ((one.s, other.s), (one.z, other.z), (one.p, other.p), (one.tau_b, other.tau_b),
                         (slope.slope, sen.slope), (slope.ci_low, sen.ci_low), (slope.ci_high, sen.ci_high)):  # fmt: skip
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_seasons_with_fewer_than_three_values_do_not_count() -> None:
    y = np.full((2, 2, 12), np.nan)
    y[:, 0] = np.arange(12.0)
    y[0, 1, :2] = [5.0, 1.0]
    found = kernels.mann_kendall(y)
    slope = kernels.sen(y, np.arange(12.0), found.variance)
    assert found.s.tolist() == [66.0, 66.0] and slope.slope.tolist() == [1.0, 1.0]
    empty = np.full((1, 2, 12), np.nan)
    none = kernels.mann_kendall(empty)
    assert np.isnan([*none.s, *none.z, *none.p, *none.tau_b, *kernels.sen(empty, np.arange(12.0), none.variance).slope]).all()


def _stack(values: np.ndarray, start: str = "2001-01-01", freq: str = "MS") -> xr.DataArray:
    times = pd.date_range(start, periods=len(values), freq=freq)
    coords = {"time": times, "y": np.arange(values.shape[1], 0, -1) * 1e3, "x": np.arange(values.shape[2]) * 1e3}
    attrs = {"crs": "EPSG:32650", "units": "g C m-2 month-1", "long_name": "NEP"}
    return xr.DataArray(values, coords, ("time", "y", "x"), name="nep", attrs=attrs)


@pytest.fixture
def stack() -> xr.DataArray:
    """A strong yearly cycle over planted slopes from -1 to 1 a year."""
    rng = np.random.default_rng(2)
    month, year = np.arange(240) % 12, np.arange(240) // 12
    values = 60 * np.sin(2 * np.pi * month / 12)[:, None, None] + year[:, None, None] * np.linspace(-1, 1, 7)
    values = values + rng.normal(0, 3, (240, 6, 7))
    values[:, 0, 0] = np.nan
    values[month < 3, 5, 6] = np.nan
    values[: 12 * 8, 4, 4] = np.nan
    return _stack(values)


def test_recovers_planted_slopes_under_a_cycle(stack: xr.DataArray) -> None:
    result = seasonal_trend(stack)
    assert np.abs(result.grid["sen_slope"].mean("y").to_numpy() - np.linspace(-1, 1, 7)).max() < 0.15
    assert np.nanmax(result.grid["mk_p"].to_numpy()[:, [0, 6]]) < 1e-6
    assert result.grid["seasons"][5, 6] == 9 and np.isnan(result.grid["mk_z"][4, 4]) and result.n == 40
    for _, part in result.classes.groupby("method"):
        assert part["share"].sum() == pytest.approx(1.0, abs=1e-12) and part["n"].sum() == 40
    said = " ".join(result.notes)
    assert "1 cells are tested on fewer than 12 months" in said and "1 further cells have no month with 14 valid years" in said
    assert list(result.regional["level"]) == ["All months", *MONTHS]


def test_lazy_equals_loaded_and_order_of_times_does_not_matter(stack: xr.DataArray) -> None:
    one = seasonal_trend(stack, min_valid=10)
    for other in (stack.chunk({"time": 50, "y": 2, "x": 3}), stack.isel(time=np.random.default_rng(0).permutation(240))):
        two = seasonal_trend(other, min_valid=10)
        xr.testing.assert_equal(one.grid, two.grid)
        pd.testing.assert_frame_equal(one.regional, two.regional, rtol=1e-12)


def test_any_day_of_the_month_will_do(stack: xr.DataArray) -> None:
    ends = stack.assign_coords(time=pd.date_range("2001-01-01", periods=240, freq="ME"))
    xr.testing.assert_equal(seasonal_trend(ends).grid, seasonal_trend(stack).grid)


def test_one_value_a_year_is_one_season_and_said_to_be(stack: xr.DataArray) -> None:
    yearly = stack.groupby("time.year").mean().assign_attrs(stack.attrs).rename("nep")
    result = seasonal_trend(yearly)
    np.testing.assert_allclose(result.grid["sen_slope"], trend(yearly).grid["sen_slope"], rtol=1e-12)
    assert any("a single season: this is the ordinary Mann-Kendall test" in note for note in result.notes)


def test_views_of_the_trend_classes(stack: xr.DataArray) -> None:
    result = seasonal_trend(stack, classes="ningxia", significance="naive")
    assert result.grid["trend_class"].attrs == {
        "classes": list(LEVELS["ningxia"]), "long_name": "Seasonal trend class", "p": "mk_p",
    }  # fmt: skip
    found = (result.grid["mk_z"] > 1.96).to_numpy()
    np.testing.assert_array_equal(result.grid["trend_class"].to_numpy() == 0, found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.isel(time=slice(0, 60)), "only 5 years, at least 10 are needed for a seasonal trend"),
        (lambda s: s.assign_coords(time=pd.date_range("2001-01-01", periods=240, freq="15D")), "more than one grid of 2001-01"),
        (lambda s: s.where(s.time.dt.month != 4, np.inf), "infinite values"),
        (lambda s: s * np.nan, "no month of any cell of 'nep' has 14 valid years of 20"),
        (lambda s: s.isel(time=0, drop=True), "has no year or time dimension"),
    ],
)
def test_hostile_stacks(stack: xr.DataArray, change, message: str) -> None:
    with pytest.raises(DataError, match=message):
        seasonal_trend(change(stack).rename("nep"))


def test_options(stack: xr.DataArray) -> None:
    with pytest.raises(OptionError, match="min_valid must be from 3 to the number of years"):
        seasonal_trend(stack, min_valid=2)
    with pytest.raises(OptionError, match="classes must be one of"):
        seasonal_trend(stack, classes="five")


def test_words_and_tables_say_what_was_found(stack: xr.DataArray) -> None:
    result = seasonal_trend(stack.isel(x=[5, 6]))
    found = texts(result)[0].findings
    assert found[0].startswith("Seasonal trend: from 2001 to 2020 the months of the regional mean of NEP have a slope of 0.")
    assert [table.name for table in tables(result)] == ["seasonal_trend_classes", "seasonal_trend_regional"]


def _inputs(folder: Path, more: str = "") -> Inputs:
    text = f"""
schema = 1
[study]
title = "Months"
region = "demo"
years = [2001, 2010]
[response]
name = "nep"
[analyses.seasonal_trend]
{more}
"""
    (folder / "study.toml").write_text(text)
    return Inputs(load_study(folder / "study.toml"), 20260118)


def test_step_takes_a_layer_with_months(tmp_path: Path) -> None:
    step = steps()["seasonal_trend"]
    inputs = _inputs(tmp_path, 'layer = "temperature_monthly"')
    assert inputs.has(step.needs)
    result = step.run(inputs, inputs.spec.analyses["seasonal_trend"], {})
    assert result.parameters["years"] == [2001.0, 2010.0] and len(result.regional) == 13


@pytest.mark.parametrize(
    ("more", "message"),
    [("", "the response 'nep' holds no months: set layer to one that does"), ('layer = "ndvi"', "there is no layer 'ndvi'")],
)
def test_step_says_which_layers_have_months(tmp_path: Path, more: str, message: str) -> None:
    step, inputs = steps()["seasonal_trend"], _inputs(tmp_path, more)
    with pytest.raises(DataError, match=f"{message}.*temperature_monthly"):
        step.run(inputs, inputs.spec.analyses["seasonal_trend"], {})
