"""CASA: reference vectors, stresses, limits, clumping, the whole chain, a real tower, kinds of input, edges."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dask.array import from_array

from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.nep_models.apply import parameters
from carbondrivers.nep_models.balance import carbon_use_efficiency
from carbondrivers.nep_models.casa import casa_apar, npp_casa, npp_casa_monthly
from carbondrivers.nep_models.casa_fpar import (
    casa_fpar,
    clumped_fpar,
    clumping_reference,
    eps_max,
    ndvi_limits,
    ndvi_max_of,
    spread_limits,
)
from carbondrivers.nep_models.casa_stress import (
    casa_t1,
    casa_t2,
    casa_water_stress,
    thornthwaite_pet,
    topt_from_ndvi,
    water_stress,
    zhou_zhang_eet,
)

VECTORS = json.loads((Path(__file__).parent / "reference" / "nep_test_vectors.json").read_text(encoding="utf-8"))
SEASON = -np.cos(2 * np.pi * (np.arange(12) - 0.5) / 12)


def vectors(name):
    return [v for v in VECTORS if v["function"] == name]


YEAR = vectors("casa_water_stress_year")[0]
T, P = np.array(YEAR["inputs"]["t_c"]), np.array(YEAR["inputs"]["p_mm"])
NDVI, SOLAR = 0.4 + 0.25 * SEASON, 450.0 + 200.0 * SEASON


def cube(values, units="", chunk=False):
    values = np.asarray(values, dtype=float)
    time = pd.date_range("2001-01-01", periods=len(values), freq="MS")
    data = np.repeat(values[:, None, None], 2, axis=2)
    da = xr.DataArray(data, coords={"time": time, "y": [0.5], "x": [0.5, 1.5]}, dims=("time", "y", "x"))
    da.attrs = {"units": units} if units else {}
    return da.chunk({"x": 1, "time": 5}) if chunk else da


@pytest.mark.parametrize("case", vectors("casa_t_eps1"))
def test_t1_equals_the_reference(case):
    topt = float(case["inputs"]["topt"])
    assert casa_t1(topt, topt) == pytest.approx(case["output"], rel=1e-9)


@pytest.mark.parametrize("case", vectors("casa_t_eps2_potter"))
def test_t2_equals_the_reference(case):
    found = casa_t2(float(case["inputs"]["t"]), float(case["inputs"]["topt"]))
    assert found == pytest.approx(case["output"], rel=1e-9)


@pytest.mark.parametrize("case", vectors("casa_fpar"))
def test_fpar_equals_the_reference(case):
    inputs = [case["inputs"][name] for name in ("ndvi", "ndvi_min", "ndvi_max")]
    for index, name in (("ndvi", "fpar_ndvi"), ("sr", "fpar_sr"), ("both", "fpar")):
        assert casa_fpar(*inputs, index=index) == pytest.approx(case["output"][name], rel=1e-9)


def test_water_stress_equals_the_reference():
    pet = thornthwaite_pet(T)
    np.testing.assert_allclose(pet, YEAR["output"]["pet"], atol=5e-7)  # the reference is rounded to 1e-6
    np.testing.assert_allclose(zhou_zhang_eet(P, pet), YEAR["output"]["eet"], atol=5e-7)
    found = casa_water_stress(T, P)
    known = np.array([np.nan if w is None else w for w in YEAR["output"]["w"]])
    np.testing.assert_allclose(found[1:11], known[1:11], rtol=1e-9)
    assert found[11] == found[10]  # frozen: the month before
    assert found[0] == found[11]  # and, at the start, the end of the year
    # Heat index and exponent of the reference give the PET in full precision.
    index, alpha = YEAR["output"]["I"], YEAR["output"]["alpha"]
    np.testing.assert_allclose(pet, 16 * (10 * np.maximum(T, 0) / index) ** alpha, rtol=1e-9)


def test_t1_stops_in_the_cold_and_t2_of_zhu_jumps():
    assert casa_t1(np.array([-10.0, -9.99]), 10.0).tolist() == pytest.approx([0.0, 0.95], rel=1e-12)
    assert casa_t1(20.0, -40.0) == 0.0  # the parabola is negative there
    near = casa_t2(np.array([7.0, 6.99, 30.0, 30.01]), 20.0, t2="zhu")
    np.testing.assert_allclose(near, [0.4182, 0.4956, 0.5801, 0.4956], atol=2e-4)
    assert casa_t2(5.0, 20.0, t2="zhu") == pytest.approx(0.5 * casa_t2(20.0, 20.0), rel=1e-12)
    np.testing.assert_allclose(casa_t2(np.array([7.0, 25.0]), 20.0), casa_t2(np.array([7.0, 25.0]), 20.0, t2="zhu"))


def test_months_without_rain_or_warmth():
    assert casa_water_stress(np.full(12, 10.0), np.zeros(12)).tolist() == [0.5] * 12
    assert casa_water_stress(np.full(12, -5.0), np.full(12, 20.0)).tolist() == [0.5] * 12
    assert thornthwaite_pet(np.full(12, -5.0)).tolist() == [0.0] * 12
    assert zhou_zhang_eet(0.0, 0.0) == 0.0
    wet = zhou_zhang_eet(np.array([500.0]), np.array([1.0]))
    assert wet.tolist() == [1.0]  # not above PET
    assert (casa_water_stress(T, P * 20.0) <= 1.0).all()


def test_own_evapotranspiration():
    eet, pet = np.full(12, 30.0), np.full(12, 40.0)
    eet[3], pet[[4, 5]], eet[[4, 5]] = 80.0, 0.0, 0.0
    found = water_stress(eet, pet)
    assert found[[2, 3, 4, 5, 6]].tolist() == [0.875, 1.0, 1.0, 1.0, 0.875]
    eet[5] = np.nan
    assert np.isnan(water_stress(eet, pet)).tolist() == [i == 5 for i in range(12)]


def test_heat_index_is_that_of_each_year():
    two = thornthwaite_pet(np.r_[T, T + 3.0])
    np.testing.assert_allclose(two, np.r_[thornthwaite_pet(T), thornthwaite_pet(T + 3.0)], rtol=1e-12)
    gap = np.r_[T, T]
    gap[13] = np.nan
    assert np.isnan(thornthwaite_pet(gap)).tolist() == [False] * 12 + [True] * 12


def test_topt_of_one_and_of_several_years():
    assert topt_from_ndvi(NDVI, T) == T[NDVI.argmax()]
    two = topt_from_ndvi(np.r_[NDVI, NDVI], np.r_[T, T + 2.0])
    assert two == pytest.approx(T[NDVI.argmax()] + 1.0)
    assert np.isnan(topt_from_ndvi(np.full(12, np.nan), T))
    grid = topt_from_ndvi(cube(NDVI, chunk=True), cube(T, "degC", chunk=True))
    assert grid.dims == ("y", "x")
    assert grid.attrs["units"] == "degC"
    assert grid.to_numpy().tolist() == [[T[NDVI.argmax()]] * 2]


def test_fpar_at_and_beyond_its_limits():
    found = casa_fpar(np.array([-1.0, 0.023, 0.634, 0.9, 1.0, np.nan]), 0.023, 0.634)
    np.testing.assert_allclose(found, [0.001, 0.001, 0.95, 0.95, 0.95, np.nan], rtol=1e-12)
    with pytest.raises(DataError, match="ndvi_min must be below ndvi_max"):
        casa_fpar(0.5, 0.7, 0.6)
    with pytest.raises(DataError, match="ndvi runs from 3000"):
        casa_fpar(np.array([3000.0, 7000.0]), 0.023, 0.634)


def test_limits_are_percentiles_within_the_class():
    rng = np.random.default_rng(3)
    ndvi = rng.uniform(0.1, 0.8, (12, 5, 40))
    ndvi[0, 0, 0] = np.nan
    names = np.where(np.arange(40) < 20, "grassland", "cropland")[None].repeat(5, 0)
    names[4, 39] = ""
    limits = ndvi_limits(ndvi, names)
    inside = ndvi[:, names == "grassland"]
    assert list(limits) == ["cropland", "grassland"]
    assert limits["grassland"] == pytest.approx(np.nanpercentile(inside, [5, 95]).tolist(), rel=1e-12)
    labelled = xr.DataArray(ndvi, dims=("time", "y", "x")).chunk({"x": 10})
    assert ndvi_limits(labelled, xr.DataArray(names, dims=("y", "x"))) == limits
    lower, upper = spread_limits(limits, names)
    assert (lower[0, 0], upper[0, 0]) == limits["grassland"]
    assert np.isnan(lower[4, 39])
    with pytest.raises(OptionError, match="percentiles in order"):
        ndvi_limits(ndvi, names, low=95, high=5)
    with pytest.raises(DataError, match="at both percentiles"):
        ndvi_limits(np.full(5, 0.3), np.full(5, "other"))
    with pytest.raises(DataError, match="do not fit"):
        ndvi_limits(ndvi, names[:, :3])


def test_tables_of_eps_max_and_limits():
    assert [eps_max("evergreen_needleleaf", table=t) for t in ("zhu", "improved")] == [0.389, 0.476]
    assert eps_max("evergreen_broadleaf") == 0.98
    for name, entry in parameters("casa.ndvi_max").items():
        top, ratio = entry["value"], parameters("casa.sr_max")[name]["value"]
        # Two digits of the print; that of mixed forest stands 2.3 % above its NDVI.
        assert (1 + top) / (1 - top) == pytest.approx(ratio, rel=0.025 if name == "mixed_forest" else 0.005)
        assert ndvi_max_of(name) == top
    with pytest.raises(OptionError, match=r"casa\.eps_max_zhu must be one of 'evergreen_needleleaf'"):
        eps_max("forest", table="zhu")
    with pytest.raises(OptionError, match="table must be one of 'zhu', 'improved'"):
        eps_max("other", table="modis")
    for table in ("eps_max_zhu", "eps_max_improved", "clumping_reference", "fpar", "light", "temperature", "water"):
        for entry in parameters(f"casa.{table}").values():
            assert entry["status"] in ("verified", "corrected", "as_published", "unverified")
            assert entry["source"]
            assert "unit" in entry


def test_clumping_of_scheme_two_keeps_the_class_mean():
    rng = np.random.default_rng(4)
    clumping = rng.uniform(0.5, 0.9, (12, 3, 4))
    names = np.array([["shrubland"] * 4, ["other"] * 4, ["shrubland", "shrubland", "other", ""]])
    reference = clumping_reference(clumping, names)
    ratio = clumping / reference
    for name in ("shrubland", "other"):
        np.testing.assert_allclose(ratio[:, names == name].mean(axis=1), 1.0, rtol=1e-12)
    assert np.isnan(reference[:, 2, 3]).all()
    labelled = xr.DataArray(clumping, dims=("time", "y", "x"))
    classes = xr.DataArray(names, dims=("y", "x"))
    for grid in (labelled, labelled.chunk({"x": 2})):
        np.testing.assert_allclose(clumping_reference(grid, classes), reference, rtol=1e-12)
    month = pd.Series(clumping[0].ravel())
    found = clumping_reference(month, pd.Series(names.ravel()))
    np.testing.assert_allclose(found, reference[0].ravel(), rtol=1e-12)
    with pytest.raises(DataError, match="do not fit a month"):
        clumping_reference(clumping, names[:2])


def test_clumping_of_scheme_one_and_its_cap():
    assert clumping_reference(0.5, "evergreen_needleleaf", scheme="I") == 0.62
    assert parameters("casa.clumping_reference")["shrubland"]["status"] == "unverified"
    assert clumped_fpar(0.9, 0.9, 0.6) == 0.95
    assert clumped_fpar(0.6, 0.5, 0.6) == pytest.approx(0.5, rel=1e-12)
    assert np.isnan(clumped_fpar(np.array([0.5, np.nan]), 0.5, np.array([0.0, 0.6]))).all()
    with pytest.raises(OptionError, match="scheme must be one of 'I', 'II'"):
        clumping_reference(0.5, "other", scheme="2")


@pytest.mark.parametrize("t2", ("potter", "zhu"))
def test_the_chain_equals_its_parts_for_every_kind(t2):
    topt, eps, top = float(topt_from_ndvi(NDVI, T)), eps_max("grassland"), ndvi_max_of("grassland")
    parts = npp_casa_monthly(casa_fpar(NDVI, 0.023, top), SOLAR, T, topt, casa_water_stress(T, P), eps, t2=t2)
    whole = npp_casa(NDVI, SOLAR, T, P, topt, eps, top, t2=t2)
    np.testing.assert_allclose(whole, parts, rtol=1e-12)
    series = npp_casa(*(pd.Series(v, index=range(5, 17)) for v in (NDVI, SOLAR, T, P)), topt, eps, top, t2=t2)
    assert series.index[0] == 5
    np.testing.assert_allclose(series, parts, rtol=1e-12)
    for chunk in (False, True):
        cubes = (cube(v, u, chunk) for v, u in ((NDVI, ""), (SOLAR, "MJ m-2"), (T, "degC"), (P, "mm")))
        ndvi, solar, temperature, rain = cubes
        grid = npp_casa(ndvi, solar, temperature, rain, topt_from_ndvi(ndvi, temperature), eps, top, t2=t2)
        assert (grid.chunks is not None) is chunk
        assert grid.dims == ("time", "y", "x")
        assert grid.attrs["units"] == "g C m-2 month-1"
        assert "npp_casa(" in grid.attrs["history"]
        np.testing.assert_allclose(grid.to_numpy()[:, 0, 1], parts, rtol=1e-12)
        water = casa_water_stress(temperature, rain)
        step = npp_casa_monthly(casa_fpar(ndvi, 0.023, top), solar, temperature, topt, water, eps, t2=t2)
        np.testing.assert_allclose(step.to_numpy()[:, 0, 0], parts, rtol=1e-12)
    bare = [cube(v, chunk=True).data for v in (NDVI, SOLAR, T, P)]
    lazy = npp_casa(*bare, topt, eps, top, t2=t2)
    assert lazy.chunks is not None
    np.testing.assert_allclose(np.asarray(lazy.compute())[:, 0, 0], parts, rtol=1e-12)


def test_another_axis_and_pixels_of_their_own():
    wide = [np.stack([v, v]) for v in (NDVI, SOLAR, T, P)]
    eps, top = np.array([0.542, 0.389]), np.array([0.634, 0.747])
    found = npp_casa(*wide, np.array([20.0, 18.0]), eps, top, axis=1)
    assert found.shape == (2, 12)
    np.testing.assert_allclose(found[1], npp_casa(NDVI, SOLAR, T, P, 18.0, 0.389, 0.747), rtol=1e-12)


def test_missing_stays_missing_and_inputs_unchanged():
    ndvi, rain = NDVI.copy(), P.copy()
    ndvi[2], rain[7] = np.nan, np.nan
    for array in (ndvi, rain):
        array.setflags(write=False)
    found = npp_casa(ndvi, SOLAR, T, rain, 24.0, 0.542, 0.634)
    assert np.isnan(found).tolist() == [i in (2, 7) for i in range(12)]
    cold = npp_casa(NDVI, SOLAR, T - 40.0, P, 24.0, 0.542, 0.634)
    assert (cold[T - 40.0 <= -10.0] == 0.0).all()
    assert np.isnan(casa_t1(np.array([np.nan]), 10.0)).all()
    assert np.isnan(npp_casa_monthly(np.array([np.nan]), 500.0, 10.0, 10.0, 0.8, 0.5)).all()


def test_months_must_make_whole_years():
    with pytest.raises(DataError, match=r"axis 0 must hold the months of whole years, got shape \(11,\)"):
        casa_water_stress(T[:11], P[:11])
    with pytest.raises(DataError, match="whole years, got 11"):
        casa_water_stress(cube(T[:11]), cube(P[:11]))
    with pytest.raises(DataError, match="must follow one another"):
        thornthwaite_pet(cube(T).isel(time=[0, 2, 1, *range(3, 12)]))
    with pytest.raises(DataError, match="need a dimension 'time'"):
        thornthwaite_pet(cube(T).rename(time="month"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: casa_apar(cube(SOLAR, "W m-2"), 0.5), "solar must be in MJ m-2 month-1 or MJ m-2, got 'W m-2'"),
        (lambda: casa_apar(6e8, 0.5), "solar runs from 6e"),
        (lambda: casa_apar(500.0, 50.0), "fpar .* plausible is 0 to 1"),
        (lambda: casa_t2(cube(T, "K"), 20.0), "temperature must be in degC, got 'K': subtract 273.15"),
        (lambda: casa_water_stress(cube(T), cube(P, "m month-1")), "precipitation .* multiply by 1000"),
        (lambda: casa_water_stress(T, -P), "precipitation .* plausible is 0 to 4000"),
        (lambda: npp_casa_monthly(0.5, 500.0, 10.0, 10.0, 0.8, 38.9), "eps_max .* plausible is 0 to 3"),
    ],
)
def test_other_units_are_refused_by_name(call, message):
    with pytest.raises(DataError, match=message):
        call()


def test_lazy_values_are_looked_at_when_they_are_computed():
    rain = np.where(np.arange(12) == 6, -300.0, P)
    found = npp_casa(*(cube(v, chunk=True) for v in (NDVI, SOLAR, T, rain)), 24.0, 0.542, 0.634)
    eet = zhou_zhang_eet(cube(rain, chunk=True), cube(thornthwaite_pet(T), chunk=True))
    bare = zhou_zhang_eet(cube(rain, chunk=True).data, cube(thornthwaite_pet(T), chunk=True).data)
    for lazy in (found.data, eet.data, bare):
        with pytest.raises(DataError, match=r"precipitation runs from -300 .* plausible is 0 to 4000 mm"):
            lazy.compute()
    swapped = casa_fpar(cube(NDVI, chunk=True), cube(NDVI * 0 + 0.7, chunk=True), cube(NDVI * 0 + 0.1, chunk=True))
    with pytest.raises(DataError, match="ndvi_min must be below ndvi_max"):
        swapped.compute()


def test_lazy_limits_are_as_good_as_others():
    lower, upper = np.array([0.02, 0.1, 0.05]), np.array([0.6, 0.7, np.nan])
    expected = npp_casa(*(np.tile(v[:, None], 3) for v in (NDVI, SOLAR, T, P)), 24.0, 0.542, upper, lower)
    timed = [from_array(np.tile(v[:, None], 3), chunks=(12, 2)) for v in (NDVI, SOLAR, T, P)]
    limits = [from_array(v, chunks=1) for v in (upper, lower)]
    np.testing.assert_allclose(npp_casa(*timed, 24.0, 0.542, *limits).compute(), expected, rtol=1e-12)
    np.testing.assert_allclose(npp_casa(*timed, 24.0, 0.542, upper, limits[1]).compute(), expected, rtol=1e-12)
    with pytest.raises(DataError, match="ndvi_min must be below ndvi_max"):
        npp_casa(*timed, 24.0, 0.542, *limits[::-1]).compute()


def test_rain_in_metres_is_noticed():
    for call in (lambda: casa_water_stress(T, P / 1000.0), lambda: npp_casa(NDVI, SOLAR, T, P / 1000.0, 24.0, 0.542, 0.634)):
        with pytest.warns(DataWarning, match="precipitation is nowhere above 0.*it looks like metres"):
            call()


def test_maps_of_classes_on_another_grid_are_refused():
    classes = xr.DataArray(["other", "other"], dims="x", coords={"x": [0.5, 1.6]})
    with pytest.raises(DataError, match="ndvi and vegetation differ along 'x'"):
        ndvi_limits(cube(NDVI), classes)
    with pytest.raises(DataError, match="clumping and vegetation differ along 'x'"):
        clumping_reference(cube(NDVI), classes)


def test_options_are_closed():
    with pytest.raises(OptionError, match="t2 must be one of 'potter', 'zhu'"):
        npp_casa_monthly(0.5, 500.0, 10.0, 10.0, 0.8, 0.5, t2="nasa")
    with pytest.raises(OptionError, match="index must be one of 'both', 'ndvi', 'sr'"):
        casa_fpar(0.5, 0.0, 0.7, index="evi")


def test_puechabon_shows_that_the_broadleaf_constant_is_not_for_its_oaks(shared_data):
    table = pd.read_csv(shared_data / "FR-Pue_monthly_2007-2014.csv").iloc[:72]  # fAPAR ends with 2012
    days = pd.to_datetime(table["TIMESTAMP"].astype(str), format="%Y%m").dt.days_in_month
    solar = table["SW_IN_F"] * 0.0864 * days  # W m-2 to MJ m-2 month-1
    topt = float(topt_from_ndvi(table["fapar_modis"], table["TA_F"]))
    assert topt == pytest.approx(14.2, abs=0.1)  # October, not summer
    water = casa_water_stress(table["TA_F"], table["P_F"] * days)
    npp = npp_casa_monthly(table["fapar_modis"], solar, table["TA_F"], topt, water, eps_max("evergreen_broadleaf"))
    gpp = table["GPP_NT_VUT_REF"] * days
    # Measured: 1220 of 1306 g C m-2 a-1, 0.934; monthly r2 0.69.
    with pytest.warns(DataWarning, match=r"Carbon use efficiency NPP/GPP .* plausible is 0.2 to 0.8"):
        cue = carbon_use_efficiency(npp.sum() / 6, gpp.sum() / 6)
    assert cue == pytest.approx(0.93, abs=0.01)
    assert np.corrcoef(npp, gpp)[0, 1] ** 2 == pytest.approx(0.69, abs=0.01)
