"""Pei's respiration: reference vectors, forms, options, kinds of input, refusals."""

from __future__ import annotations

import inspect
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from carbondrivers.errors import DataError, ImplausibleConstantWarning, OptionError
from carbondrivers.nep_models import rh_pei_monthly
from carbondrivers.nep_models.apply import parameters

VECTORS = json.loads((Path(__file__).parent / "reference" / "nep_test_vectors.json").read_text(encoding="utf-8"))
# Monthly normals of a Horqin-like climate: mean annual temperature 6.5 degC, precipitation 394 mm.
HORQIN_T = np.array([-13.5, -9.5, -1.0, 8.8, 16.5, 21.5, 23.8, 22.0, 15.5, 7.2, -3.0, -10.5])
HORQIN_P = np.array([1.5, 2.5, 7.0, 17.0, 35.0, 72.0, 118.0, 85.0, 34.0, 16.0, 4.5, 1.5])


def months(values, units="", chunked=False):
    time = pd.date_range("2001-01-01", periods=len(values), freq="MS")
    data = np.repeat(np.asarray(values, dtype=float)[:, None, None], 2, axis=2)
    da = xr.DataArray(data, coords={"time": time, "y": [0.5], "x": [0.5, 1.5]}, dims=("time", "y", "x"))
    da.attrs = {"crs": "EPSG:4326"} | ({"units": units} if units else {})
    return da.chunk({"x": 1}) if chunked else da


@pytest.mark.parametrize("case", [v for v in VECTORS if v["function"] == "rh_pei_sum"])
def test_sum_form_equals_the_reference(case):
    found = rh_pei_monthly(case["inputs"]["t_c"], case["inputs"]["p_mm_month"])
    assert float(found) == pytest.approx(case["output"], rel=1e-9)  # closed form


@pytest.mark.parametrize("case", [v for v in VECTORS if v["function"] == "rh_pei_as_printed_product"])
def test_printed_product_equals_the_reference_and_warns(case):
    with pytest.warns(ImplausibleConstantWarning, match="form='sum'"):
        found = rh_pei_monthly(case["inputs"]["t_c"], case["inputs"]["p_mm_month"], form="as_printed")
    assert float(found) == pytest.approx(case["output"], rel=1e-9)


def test_horqin_year_tells_the_forms_apart():
    assert pytest.approx(6.5, abs=0.05) == HORQIN_T.mean()
    assert HORQIN_P.sum() == 394.0
    # The published proof (187 and 24) rests on approximate normals: 5 % allows for these.
    assert rh_pei_monthly(HORQIN_T, HORQIN_P).sum() == pytest.approx(187.4, rel=0.05)
    with pytest.warns(ImplausibleConstantWarning):
        printed = rh_pei_monthly(HORQIN_T, HORQIN_P, form="as_printed").sum()
    assert printed == pytest.approx(24.0, rel=0.1)


def test_numpy_pandas_and_lazy_grids_agree():
    plain = rh_pei_monthly(HORQIN_T, HORQIN_P)
    series = rh_pei_monthly(pd.Series(HORQIN_T), pd.Series(HORQIN_P))
    lazy = rh_pei_monthly(months(HORQIN_T, "degC", True), months(HORQIN_P, "mm month-1", True))
    assert isinstance(series, pd.Series)
    assert lazy.chunks is not None
    np.testing.assert_allclose(series.to_numpy(), plain, rtol=1e-12)
    np.testing.assert_allclose(lazy.to_numpy()[:, 0, 1], plain, rtol=1e-12)


def test_labelled_result_says_what_it_is():
    result = rh_pei_monthly(months(HORQIN_T, "°C"), months(HORQIN_P, "mm/month"), rh_fraction=0.5)
    assert result.name == "heterotrophic_respiration"
    assert result.attrs["units"] == "g C m-2 month-1"
    assert result.attrs["crs"] == "EPSG:4326"
    assert "rh_pei_monthly(rh_fraction=0.5)" in result.attrs["history"]
    with pytest.warns(ImplausibleConstantWarning):
        flagged = rh_pei_monthly(months(HORQIN_T), months(HORQIN_P), form="as_printed")
    assert "as_printed" in flagged.attrs["nep_flags"]


def test_missing_stays_missing_and_inputs_unchanged():
    temperature = np.array([np.nan, 5.0, 5.0])
    rain = np.array([10.0, np.nan, 10.0])
    temperature.setflags(write=False)
    assert np.isnan(rh_pei_monthly(temperature, rain)).tolist() == [True, True, False]


def test_days_may_be_the_true_ones():
    temperature, rain = months(HORQIN_T), months(HORQIN_P)
    true = rh_pei_monthly(temperature, rain, days=temperature["time"].dt.days_in_month)
    thirty = rh_pei_monthly(temperature, rain)
    np.testing.assert_allclose((true / thirty).to_numpy()[:3, 0, 0], [31 / 30, 28 / 30, 31 / 30], rtol=1e-12)


def test_defaults_are_the_recorded_parameters():
    table = parameters("soil_respiration.pei")
    defaults = {n: p.default for n, p in inspect.signature(rh_pei_monthly).parameters.items()}
    for name in ("form", "days", "rh_fraction", "b"):
        assert defaults[name] == table[name]["value"]
    for entry in table.values():
        assert entry["status"] in ("verified", "corrected", "as_published", "unverified")
        assert entry["source"]
        assert "unit" in entry


@given(st.floats(-60, 50), st.floats(0, 1000), st.floats(0.01, 1))
def test_rh_is_positive_and_never_above_rs(temperature, rain, fraction):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rh = rh_pei_monthly(temperature, rain, rh_fraction=fraction)
        rs = rh_pei_monthly(temperature, rain, rh_fraction=1.0)
    assert 0 <= rh <= rs


@pytest.mark.parametrize(
    ("temperature", "rain", "message"),
    [
        ([290.0, 280.0], [10.0, 10.0], "temperature runs from 280 to 290 .* looks like kelvin; subtract 273.15"),
        ([10.0, -9999.0], [10.0, 10.0], "temperature .* nodata value was left in"),
        ([10.0, 10.0], [10.0, -1.0], "precipitation .* plausible is 0 to 4000 mm month-1"),
        ([10.0, np.inf], [10.0, 1.0], "temperature holds 1 infinite values"),
        (["a", "b"], [1.0, 2.0], "temperature must be numbers"),
    ],
)
def test_implausible_values_are_refused(temperature, rain, message):
    with pytest.raises(DataError, match=message):
        rh_pei_monthly(temperature, rain)


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (("K", "mm month-1"), "temperature must be in degC, got 'K': subtract 273.15"),
        (("degC", "mm d-1"), "precipitation must be in mm month-1 or mm, got 'mm d-1': multiply by the days"),
        (("degC", "m month-1"), "multiply by 1000"),
    ],
)
def test_other_units_are_refused_by_name(units, message):
    with pytest.raises(DataError, match=message):
        rh_pei_monthly(months(HORQIN_T, units[0], True), months(HORQIN_P, units[1], True))


def test_grids_and_indexes_that_differ_are_refused():
    shifted = months(HORQIN_P).assign_coords(x=[0.5, 1.6])
    with pytest.raises(DataError, match="temperature and precipitation differ along 'x'"):
        rh_pei_monthly(months(HORQIN_T), shifted)
    with pytest.raises(DataError, match="different indexes"):
        rh_pei_monthly(pd.Series([1.0, 2.0]), pd.Series([1.0, 2.0], index=[1, 2]))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"form": "product"}, OptionError, "form must be one of 'sum', 'as_printed'"),
        ({"rh_fraction": 0.0}, OptionError, r"rh_fraction must be in \(0, 1\], got 0.0"),
        ({"rh_fraction": 1.5}, OptionError, "rh_fraction"),
        ({"b": 9.13}, OptionError, "b must be in"),
        ({"days": 365}, DataError, "days of a month"),
    ],
)
def test_options_outside_their_range(options, error, message):
    with pytest.raises(error, match=message):
        rh_pei_monthly(10.0, 30.0, **options)


@pytest.mark.parametrize("kind", ["grid", "array"])
def test_negative_rain_of_a_lazy_array_is_refused_when_it_is_computed(kind):
    rain = np.where(np.arange(12) == 3, -300.0, HORQIN_P)
    warm, wet = months(HORQIN_T, chunked=True), months(rain, "mm", chunked=True)
    found = rh_pei_monthly(warm, wet) if kind == "grid" else rh_pei_monthly(warm.data, wet.data)
    assert found.chunks is not None
    with pytest.raises(DataError, match="precipitation runs from -300"):
        found.compute()
    with pytest.raises(DataError, match="precipitation runs from -300"):
        rh_pei_monthly(months(HORQIN_T), months(rain, "mm"))
