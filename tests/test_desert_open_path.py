"""The open-path correction: planted lines, coverage, what Wang et al. found, kinds of input, the caveat, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.nep_models.apply import parameters
from carbondrivers.nep_models.desert_open_path import CAVEAT, correct_open_path, fit_open_path

A, B = 0.05, 0.007


def campaign(days=30, seed=0, size=0.3):
    """Half-hours of both instruments, errors alike within a day."""
    rng = np.random.default_rng(seed)
    time = pd.date_range("2016-01-01", periods=48 * days, freq="30min")
    heat = np.maximum(-20, np.repeat(rng.uniform(80, 230, days), 48) * np.sin(2 * np.pi * (np.arange(time.size) / 48 - 0.29)))
    closed = rng.normal(-0.04, 0.02, time.size)
    error = np.repeat(rng.normal(0, size, days), 48) + rng.normal(0, size, time.size)
    return closed, closed - A - B * heat - error, heat, time


def test_a_planted_line_comes_back():
    closed, raw, heat, time = campaign(size=0.0)
    fit = fit_open_path(closed, raw, heat, time)
    np.testing.assert_allclose(fit.coefficients["estimate"], [A, B], rtol=1e-10)
    assert fit.coefficients["unit"].tolist() == ["umol CO2 m-2 s-1", "umol CO2 m-2 s-1 (W m-2)-1"]
    assert (fit.coefficients["n"] == 1440).all() and (fit.coefficients["n_days"] == 30).all()
    assert fit.r_squared == pytest.approx(1.0)
    np.testing.assert_allclose(fit.correct(raw, heat)["estimate"], closed, atol=1e-12)
    np.testing.assert_allclose(correct_open_path(raw, heat, A, B), closed, atol=1e-12)


def test_the_line_is_least_squares():
    closed, raw, heat, time = campaign()
    fit = fit_open_path(closed, raw, heat, time)
    slope, intercept = np.polyfit(heat, closed - raw, 1)
    np.testing.assert_allclose(fit.coefficients["estimate"], [intercept, slope], rtol=1e-9)
    assert fit.r_squared == pytest.approx(np.corrcoef(heat, closed - raw)[0, 1] ** 2, rel=1e-9)


@pytest.mark.slow
def test_intervals_cover_the_planted_line(request):
    # Measured with 300: a 0.950, b 0.947.
    replicates = request.config.getoption("--replicates") or 30
    hits = []
    for seed in range(replicates):
        table = fit_open_path(*campaign(seed=seed), replicates=200, seed=seed).coefficients
        hits.append(((table["ci_low"] <= [A, B]) & (table["ci_high"] >= [A, B])).mean())
    assert abs(np.mean(hits) - 0.95) < 3.5 * np.sqrt(0.95 * 0.05 / replicates) + 0.01


def test_the_winter_noon_of_wang_et_al():
    # Read as an abstract: midday -1.65 becomes -0.04 umol CO2 m-2 s-1; at 230 W m-2 that is 0.007 per W m-2.
    published = {name: entry["value"] for name, entry in parameters("desert.open_path").items()}
    raw, corrected = published["winter_midday_raw"], published["winter_midday_corrected"]
    closed, _, heat, time = campaign(size=0.05)
    noon = heat.max()
    slope = (corrected - raw) / noon
    fit = fit_open_path(closed, closed - slope * heat, heat, time)
    assert fit.correct(np.array([raw]), np.array([noon]))["estimate"][0] == pytest.approx(corrected, abs=1e-6)


def test_the_correction_carries_its_error_and_the_limit():
    closed, raw, heat, time = campaign()
    fit = fit_open_path(closed, raw, heat, time)
    series = pd.Series(raw, index=time)
    table = fit.correct(series, heat)
    assert table.index.equals(time)
    assert {"std_error", "ci_low", "ci_high", "unit", "detection_limit", "above_detection_limit"} <= set(table.columns)
    design = np.column_stack([np.ones(heat.size), heat])
    np.testing.assert_allclose(table["std_error"], np.sqrt(np.diag(design @ fit.covariance @ design.T)), rtol=1e-9)
    # The daily errors of 0.3 leave the correction known to 0.05, above the limit of the instrument.
    assert 0.02 < table["std_error"].median() < 0.1
    assert fit.correct(np.array([np.nan]), np.array([50.0])).iloc[0][["estimate", "std_error"]].isna().all()


def test_the_caveat_is_always_there():
    fit = fit_open_path(*campaign())
    assert fit.notes[0] == CAVEAT and "far from sufficient" in CAVEAT
    assert fit.notes[1].startswith("H explains ")
    closed, raw, heat, time = campaign()
    fit = fit_open_path(closed, raw, heat, time)
    with pytest.warns(DataWarning, match=r"sensible_heat of 1 records lies outside the fit \(-20 to 2.*extrapolated"):
        fit.correct(np.zeros(2), np.array([600.0, 50.0]))


def test_kinds_of_input_agree():
    _, raw, heat, _ = campaign()
    plain = correct_open_path(raw, heat, A, B)
    series = correct_open_path(pd.Series(raw), pd.Series(heat), A, B)
    np.testing.assert_allclose(series, plain, rtol=1e-12)
    grids = [xr.DataArray(v, dims="time", attrs={"units": u}) for v, u in ((raw, "umol m-2 s-1"), (heat, "W m-2"))]
    lazy = correct_open_path(*(g.chunk({"time": 100}) for g in grids), A, B)
    assert lazy.chunks is not None and lazy.attrs["units"].startswith("umol") and "a=0.05, b=0.007" in lazy.attrs["history"]
    np.testing.assert_allclose(lazy.to_numpy(), plain, rtol=1e-12)
    wrong = xr.DataArray(np.where(np.arange(heat.size) == 3, -9999.0, heat), dims="time").chunk()
    with pytest.raises(DataError, match=r"sensible_heat .*nodata"):
        correct_open_path(grids[0].chunk(), wrong, A, B).compute()


def test_gaps_are_left_out():
    closed, raw, heat, time = campaign()
    closed[::3] = np.nan
    assert fit_open_path(closed, raw, heat, time).coefficients["n"].tolist() == [960, 960]


def test_bad_input_is_refused_by_name():
    closed, raw, heat, time = campaign()
    with pytest.raises(DataError, match="the two instruments share 9 days, at least 10 are needed"):
        fit_open_path(closed[:432], raw[:432], heat[:432], time[:432])
    with pytest.raises(DataError, match="a and b cannot be told apart: sensible_heat must vary"):
        fit_open_path(closed, raw, np.full(heat.size, 80.0), time)
    with pytest.raises(DataError, match=r"one value for each record, got shapes closed \(5,\)"):
        fit_open_path(closed[:5], raw, heat, time)
    with pytest.raises(DataError, match="time has 3 values"):
        fit_open_path(closed, raw, heat, time[:3])
    with pytest.raises(DataError, match=r"sensible_heat runs from .*nodata"):
        fit_open_path(closed, raw, np.where(heat < 0, -9999.0, heat), time)
    with pytest.raises(OptionError, match="confidence must be in"):
        fit_open_path(closed, raw, heat, time, confidence=2)
    with pytest.raises(DataError, match=r"a and b must be numbers, got nan and 0\.1"):
        correct_open_path(raw, heat, np.nan, 0.1)
    with pytest.raises(DataError, match="sensible_heat must be in W m-2, got 'MJ m-2 d-1'"):
        correct_open_path(raw, xr.DataArray(heat, dims="t", attrs={"units": "MJ m-2 d-1"}), A, B)
