"""NIRv, its soil-adjusted candidates and GPP: closed forms, bare soil, scale factors, units."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from carbondrivers.errors import DataError, OptionError
from carbondrivers.nep_models import days_of_months, gpp_from_sanirv, nirv, nirvp, sanirv
from carbondrivers.nep_models.apply import parameters

NDVI = np.array([0.75, 0.30, 0.08, -0.20, np.nan, 0.5])
NIR = np.array([0.35, 0.25, 0.20, 0.02, 0.3, np.nan])
METHODS = {
    "offset": {"soil_nirv": 0.02},
    "rescaled": {"soil_nirv": 0.02, "peak_nirv": 0.30},
    "ndvi_offset": {},
}


def grid(values, units="", lazy=False):
    da = xr.DataArray(np.asarray(values), dims="x", coords={"x": np.arange(len(values))})
    da.attrs = {"units": units} if units else {}
    return da.chunk({"x": 2}) if lazy else da


def test_both_definitions():
    np.testing.assert_allclose(nirv(NDVI, NIR), NDVI * NIR, rtol=1e-12)
    np.testing.assert_allclose(nirv(NDVI, NIR, variant="offset"), (NDVI - 0.08) * NIR, rtol=1e-12)
    red, nir = 0.05, 0.35
    assert nirv((nir - red) / (nir + red), nir) == pytest.approx(nir * (nir - red) / (nir + red), rel=1e-12)
    assert nirvp(0.2, 10.0) == 2.0


def test_candidates_by_hand():
    assert sanirv(0.75, 0.4, soil_nirv=0.02) == pytest.approx(0.28)
    assert sanirv(0.75, 0.4, method="rescaled", soil_nirv=0.02, peak_nirv=0.36) == pytest.approx(0.28 / 0.34 * 0.36)
    assert sanirv(0.75, 0.4, method="ndvi_offset") == pytest.approx(0.67 * 0.4)
    # The rescaled form keeps the peak's value.
    assert sanirv(0.75, 0.4, method="rescaled", soil_nirv=0.02, peak_nirv=0.3) == pytest.approx(0.3)


@pytest.mark.parametrize("method", METHODS)
def test_bare_soil_is_zero_and_water_never_negative(method):
    found = sanirv(np.array([0.08, 0.02, -0.3]), np.array([0.25, 0.2, 0.05]), method=method, **METHODS[method])
    assert found.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("method", METHODS)
def test_kinds_of_input_agree_and_missing_stays_missing(method):
    plain = sanirv(NDVI, NIR, method=method, **METHODS[method])
    assert np.isnan(plain).tolist() == [False] * 4 + [True] * 2
    series = sanirv(pd.Series(NDVI), pd.Series(NIR), method=method, **METHODS[method])
    lazy = sanirv(grid(NDVI, "1", True), grid(NIR, "1", True), method=method, **METHODS[method])
    assert isinstance(series, pd.Series)
    assert lazy.chunks is not None
    np.testing.assert_allclose(series.to_numpy(), plain, rtol=1e-12)
    np.testing.assert_allclose(lazy.to_numpy(), plain, rtol=1e-12)
    assert f"method='{method}'" in lazy.attrs["history"]


def test_a_peak_not_above_the_soil_has_no_value():
    soil, peak = grid([0.02, 0.10]), grid([0.30, 0.10])
    found = sanirv(grid([0.7, 0.7]), grid([0.3, 0.3]), method="rescaled", soil_nirv=soil, peak_nirv=peak)
    assert np.isnan(found).to_numpy().tolist() == [False, True]


@given(st.floats(-1, 1), st.floats(0, 0.7), st.sampled_from(sorted(METHODS)))
def test_never_negative(ndvi, nir, method):
    assert 0 <= sanirv(ndvi, nir, method=method, **METHODS[method]) <= 0.8


def test_gpp_of_a_month_and_its_days():
    assert gpp_from_sanirv(2.71, 10.0, 0.2, 31) == pytest.approx(2.71 * 10 * 0.2 * 31, rel=1e-12)
    year = gpp_from_sanirv(2.71, np.full(12, 8.0), np.full(12, 0.1), days_of_months(2001))
    assert year.sum() == pytest.approx(2.71 * 8 * 0.1 * 365, rel=1e-12)
    lazy = gpp_from_sanirv(2.71, grid([8.0, np.nan], "MJ m-2 d-1", True), grid([0.1, 0.1], lazy=True), 30)
    assert lazy.attrs["units"] == "g C m-2 month-1"
    assert lazy.to_numpy()[0] == pytest.approx(2.71 * 8 * 0.1 * 30, rel=1e-12)
    assert np.isnan(lazy.to_numpy()[1])
    assert gpp_from_sanirv(pd.Series([2.71]), 8.0, 0.1, 30)[0] == pytest.approx(2.71 * 8 * 0.1 * 30, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nirv(7500.0, 0.3), DataError, "ndvi runs from 7500"),
        (lambda: nirv(0.7, np.array([100.0, 3500.0])), DataError, "nir runs from 100 to 3500 .*scale factor"),
        (lambda: nirv(0.7, 0.3, variant="badgley"), OptionError, "variant must be one of 'ndvi', 'offset'"),
        (lambda: sanirv(0.7, 0.3), OptionError, "method='offset' needs soil_nirv"),
        (lambda: sanirv(0.7, 0.3, method="rescaled", soil_nirv=0.02), OptionError, "needs peak_nirv"),
        (lambda: sanirv(0.7, 0.3, method="jiang"), OptionError, "'offset', 'rescaled', 'ndvi_offset', got 'jiang'"),
        (lambda: gpp_from_sanirv(2.7, 220.0, 0.2, 30), DataError, "par runs from 220"),
        (lambda: gpp_from_sanirv(2.7, grid([9.0], "W m-2"), 0.2, 30), DataError, "par must be .* multiply by 0.0864"),
        (lambda: gpp_from_sanirv(2.7, 9.0, 0.2, 365), DataError, "days of a month"),
        (lambda: gpp_from_sanirv(-2.7, 9.0, 0.2, 30), DataError, "c runs from -2.7"),
        (lambda: nirv(grid([0.5, 0.6]), grid([0.3, 0.3]).assign_coords(x=[5, 6])), DataError, "differ along 'x'"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_defaults_are_the_recorded_parameters():
    assert parameters("productivity.nirv")["offset"]["value"] == 0.08
    assert inspect.signature(sanirv).parameters["soil_ndvi"].default == parameters("productivity.sanirv")["soil_ndvi"]["value"]
    assert inspect.signature(sanirv).parameters["method"].default == parameters("productivity.sanirv")["method"]["value"]


def test_what_is_not_verified_says_so():
    assert parameters("productivity.sanirv")["method"]["status"] == "unverified"
    assert "unverified" in (sanirv.__doc__ or "")
