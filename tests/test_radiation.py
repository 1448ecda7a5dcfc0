"""Solar radiation: FAO-56's examples, polar latitudes, caps, units."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.nep_models import (
    angstrom,
    clear_sky,
    daylight_hours,
    extraterrestrial,
    hargreaves,
    par_from_ppfd,
    par_from_solar,
)
from carbondrivers.nep_models.apply import parameters

VECTORS = json.loads((Path(__file__).parent / "reference" / "nep_test_vectors.json").read_text(encoding="utf-8"))


def test_outside_the_atmosphere_equals_the_reference():
    (case,) = [v for v in VECTORS if v["function"] == "ra_fao56"]
    assert float(extraterrestrial(case["inputs"]["lat"], case["inputs"]["doy"])) == pytest.approx(case["output"], rel=1e-9)


def test_sunshine_equals_the_reference():
    (case,) = [v for v in VECTORS if v["function"] == "rs_angstrom"]
    outside = extraterrestrial(case["inputs"]["lat"], case["inputs"]["doy"])
    assert float(outside) == pytest.approx(25.1, abs=0.05)
    assert float(angstrom(outside, case["inputs"]["n"], case["inputs"]["N"])) == pytest.approx(case["output"], rel=1e-9)


@pytest.mark.parametrize("latitude", [-90.0, -80.0, 80.0, 90.0])
def test_polar_night_and_day(latitude):
    summer, winter = (172, 355) if latitude > 0 else (355, 172)
    assert extraterrestrial(latitude, winter) == 0.0
    assert daylight_hours(latitude, winter) == 0.0
    assert daylight_hours(latitude, summer) == pytest.approx(24.0, rel=1e-12)
    assert extraterrestrial(latitude, summer) > 40
    assert angstrom(0.0, 0.0, daylight_hours(latitude, winter)) == 0.0


def test_a_year_of_clear_sky():
    # 40 N at 1000 m: 7934 MJ m-2 a-1 from middle days, far above what clouds leave.
    days = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    middle = np.cumsum(days) - days / 2
    assert (clear_sky(extraterrestrial(40.0, middle), 1000.0) * days).sum() == pytest.approx(7934, rel=0.005)


@given(st.floats(-90, 90), st.integers(1, 366), st.floats(0, 5000), st.floats(0, 40))
def test_nothing_exceeds_the_clear_sky(latitude, day, elevation, span):
    outside = extraterrestrial(latitude, day)
    clear = clear_sky(outside, elevation)
    assert 0 <= hargreaves(0.0, span, outside, elevation=elevation) <= clear <= outside * 1.0 + 1e-9
    assert 0 <= daylight_hours(latitude, day) <= 24


def test_cap_of_the_temperature_range():
    assert hargreaves(10.0, 26.0, 30.0) == pytest.approx(0.16 * 4 * 30)
    assert hargreaves(0.0, 40.0, 30.0, elevation=1000.0) == pytest.approx(0.77 * 30)
    assert hargreaves(10.0, 26.0, 30.0, k=0.19) == pytest.approx(22.5)  # 0.19 * 4 is above 0.75
    with pytest.raises(DataError, match="temperature_min exceeds temperature_max in 1 cells"):
        hargreaves(np.array([10.0, 3.0]), np.array([5.0, 8.0]), 30.0)


def test_kinds_of_input_agree_and_missing_stays_missing():
    latitude = np.array([-35.0, 0.0, 40.0, 85.0, np.nan])
    low, high = np.array([1.0, 2.0, np.nan, 4.0, 5.0]), np.full(5, 15.0)
    lazy = xr.DataArray(latitude, dims="y", attrs={"units": "degrees_north"}).chunk({"y": 2})
    plain = extraterrestrial(latitude, 200)
    np.testing.assert_allclose(extraterrestrial(pd.Series(latitude), 200).to_numpy(), plain, rtol=1e-12)
    outside = extraterrestrial(lazy, 200)
    assert outside.chunks is not None
    assert outside.attrs["units"] == "MJ m-2 d-1"
    np.testing.assert_allclose(outside.to_numpy(), plain, rtol=1e-12)
    warm = hargreaves(low, high, plain, elevation=100.0)
    assert np.isnan(warm).tolist() == [False, False, True, False, True]
    ranges = (xr.DataArray(v, dims="y").chunk({"y": 2}) for v in (low, high))
    np.testing.assert_allclose(hargreaves(*ranges, outside, elevation=100.0).to_numpy(), warm, rtol=1e-12)
    np.testing.assert_allclose(
        hargreaves(pd.Series(low), pd.Series(high), pd.Series(plain), elevation=100.0).to_numpy(), warm, rtol=1e-12
    )
    bright = angstrom(plain, 6.0, daylight_hours(latitude, 200))
    np.testing.assert_allclose(angstrom(outside, 6.0, daylight_hours(lazy, 200)).to_numpy(), bright, rtol=1e-12)


def test_latitudes_and_days_broadcast():
    latitude = xr.DataArray([10.0, 50.0], dims="y", coords={"y": [10.0, 50.0]})
    day = xr.DataArray([15, 196], dims="month", coords={"month": [1, 7]})
    assert extraterrestrial(latitude, day).dims == ("y", "month")


def test_clear_sky_says_that_it_is_too_high():
    assert "too high" in clear_sky(xr.DataArray([30.0], dims="x"), 0.0).attrs["nep_flags"]


def test_par():
    assert par_from_solar(20.0) == 10.0
    assert par_from_solar(20.0, fraction=0.45) == pytest.approx(9.0)
    assert par_from_ppfd(45.7) == pytest.approx(10.0)
    with pytest.raises(OptionError, match="fraction must be in"):
        par_from_solar(20.0, fraction=45.0)


def test_sunshine_beyond_daylight_is_said():
    with pytest.warns(DataWarning, match="sunshine exceeds daylight in 1 cells"):
        assert angstrom(20.0, 12.0, 10.0) == pytest.approx(15.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: extraterrestrial(95.0, 1), DataError, "latitude runs from 95"),
        (lambda: extraterrestrial(40.0, 0), DataError, "day_of_year"),
        (lambda: clear_sky(380.0, 0.0), DataError, "extraterrestrial runs from 380"),
        (lambda: par_from_solar(xr.DataArray([200.0], attrs={"units": "W m-2"})), DataError, "multiply by 0.0864"),
        (lambda: hargreaves(283.0, 299.0, 30.0), DataError, "subtract 273.15"),
        (lambda: hargreaves(0.0, 10.0, 30.0, k=1.6), OptionError, "k must be in"),
        (lambda: angstrom(30.0, 5.0, 10.0, a=0.6, b=0.6), OptionError, "at most 1 together"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_defaults_are_the_recorded_parameters():
    table = parameters("radiation.angstrom")
    assert float(angstrom(1.0, 0.0, 10.0)) == table["a"]["value"]
    assert float(angstrom(1.0, 10.0, 10.0)) == table["a"]["value"] + table["b"]["value"]
    assert float(hargreaves(0.0, 1.0, 1.0)) == parameters("radiation.hargreaves")["k"]["value"]
    assert float(par_from_solar(1.0)) == parameters("radiation.par")["fraction"]["value"]
