"""Identities, signs, conversions, sums of months, and the unit declarations they share."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.nep_models import (
    annual_sum,
    carbon_use_efficiency,
    check_identity,
    er_from_respiration,
    g_co2_to_g_c,
    gpp_from_nee,
    heterotrophic_share,
    kg_to_g,
    nep_from_gpp,
    nep_from_nee,
    nep_from_npp,
    npp_from_gpp,
    t_per_ha_to_g_per_m2,
    umol_to_g_c_day,
    umol_to_g_c_year,
    umol_to_g_co2_year,
)
from carbondrivers.nep_models.apply import canonical_unit, same_unit, unit_problem

VECTORS = json.loads((Path(__file__).parent / "reference" / "nep_test_vectors.json").read_text(encoding="utf-8"))


def stack(values, units="g C m-2 a-1", **attrs):
    data = np.asarray(values, dtype=float).reshape(-1, 1, 1)
    coords = {"year": 2001 + np.arange(len(data)), "y": [40.0], "x": [100.0]}
    return xr.DataArray(data, coords=coords, dims=("year", "y", "x"), attrs={"units": units, "crs": "EPSG:4326", **attrs})


def monthly(n=24, start="2001-01-01", units="g C m-2 month-1"):
    time = pd.date_range(start, periods=n, freq="MS")
    data = np.arange(n * 2, dtype=np.float32).reshape(n, 1, 2)
    coords = {"time": time, "y": [40.0], "x": [100.0, 100.5]}
    return xr.DataArray(data, coords=coords, dims=("time", "y", "x"), attrs={"units": units})


def test_identities_close():
    gpp, ra, rh = 1500.0, 700.0, 500.0
    nep = nep_from_gpp(gpp, ra, rh)
    assert nep == nep_from_npp(gpp - ra, rh) == 300.0
    assert nep_from_nee(-nep) == nep
    assert gpp_from_nee(-nep, ra + rh) == gpp
    assert nep_from_npp(npp_from_gpp(gpp, ra), rh) == nep
    assert gpp - er_from_respiration(ra, rh) == nep


def test_a_balance_that_closes_is_returned_without_a_word():
    gpp, er, nep = np.array([1375.0, 900.0, np.nan]), np.array([1100.0, 700.0, 5.0]), np.array([270.0, 210.0, 1.0])
    np.testing.assert_array_equal(check_identity(gpp, er, nep), [5.0, -10.0, np.nan])
    assert check_identity(0.0, 0.3, -0.3, tolerance=0.0) == 0.0
    assert check_identity(0.3, 0.1, 0.2, tolerance=0.0) == pytest.approx(0.0, abs=1e-12)  # rounding is no imbalance
    lazy = check_identity(*(stack(v).chunk({"x": 1}) for v in (gpp, er, nep - 500)))
    assert lazy.chunks is not None
    assert (lazy.name, lazy.attrs["units"]) == ("imbalance", "g C m-2 a-1")
    series = check_identity(pd.Series(gpp), pd.Series(er), pd.Series(nep))
    np.testing.assert_array_equal(series.to_numpy(), [5.0, -10.0, np.nan])


def test_a_balance_that_does_not_close_is_said():
    gpp, er, nep = np.array([1000.0, 1000.0, 1000.0]), np.array([700.0, 700.0, 700.0]), np.array([240.0, 260.0, 300.0])
    with pytest.warns(DataWarning, match=r"exceeds 0.05 of GPP in 1 of 3 values \(largest 60 g C m-2\)"):
        assert check_identity(gpp, er, nep)[0] == 60.0
    with pytest.raises(DataError, match=r"exceeds 0.01 of GPP in 2 of 3 values"):
        check_identity(gpp, er, nep, 0.01, action="raise")
    assert check_identity(gpp, er, nep, 0.1).tolist() == [60.0, 40.0, 0.0]


def test_exchange_given_for_productivity_is_refused():
    with pytest.raises(DataError, match="it is NEE, so give nep_from_nee"):
        check_identity(np.array([1375.0, 900.0]), np.array([1100.0, 700.0]), np.array([-275.0, -200.0]))


@pytest.mark.parametrize(("options", "message"), [({"tolerance": 5}, "tolerance must be in"), ({"action": "stop"}, "action")])
def test_options_of_the_check(options, message):
    with pytest.raises(OptionError, match=message):
        check_identity(1000.0, 700.0, 300.0, **options)


def test_shares_outside_their_range_warn():
    assert carbon_use_efficiency(450.0, 900.0) == 0.5
    assert np.isnan(carbon_use_efficiency(np.array([0.0, 5.0]), np.array([0.0, 10.0]))).tolist() == [True, False]
    with pytest.warns(DataWarning, match="Carbon use efficiency NPP/GPP runs from 0.93 to 0.93, plausible is 0.2 to 0.8"):
        carbon_use_efficiency(930.0, 1000.0)
    with pytest.warns(DataWarning, match="Heterotrophic share of soil respiration runs from 0.5 to 1.2"):
        heterotrophic_share(np.array([250.0, 600.0]), 500.0)


@pytest.mark.parametrize(
    ("function", "convert"), [("umol_to_gC_day", umol_to_g_c_day), ("umol_to_gCO2_year", umol_to_g_co2_year)]
)
def test_conversions_equal_the_reference(function, convert):
    (case,) = [v for v in VECTORS if v["function"] == function]
    assert convert(case["inputs"]["x"]) == pytest.approx(case["output"], rel=1e-9)


def test_conversions_agree_with_each_other():
    assert umol_to_g_c_year(1.0) == pytest.approx(378.8, abs=0.05)
    assert g_co2_to_g_c(umol_to_g_co2_year(1.0)) == pytest.approx(umol_to_g_c_year(1.0), rel=1e-12)
    assert kg_to_g(0.1) == pytest.approx(100.0)
    assert t_per_ha_to_g_per_m2(1.0) == 100.0


def test_kinds_of_input_agree():
    npp, rh = np.array([300.0, 400.0, np.nan]), np.array([200.0, 100.0, 50.0])
    plain = nep_from_npp(npp, rh)
    np.testing.assert_allclose(nep_from_npp(pd.Series(npp), pd.Series(rh)), plain, rtol=1e-12)
    lazy = nep_from_npp(stack(npp).chunk({"x": 1}), stack(rh).chunk({"x": 1}))
    assert lazy.chunks is not None
    np.testing.assert_allclose(lazy.to_numpy().ravel(), plain, rtol=1e-12)
    assert nep_from_npp([300.0, 400.0], [200.0, 100.0]).tolist() == [100.0, 300.0]


def test_result_carries_unit_name_and_history():
    nep = nep_from_npp(stack([300.0], history="a"), stack([200.0], "gC/m2/yr", history="a\nb"))
    assert (nep.name, nep.attrs["units"], nep.attrs["crs"]) == ("nep", "g C m-2 a-1", "EPSG:4326")
    assert nep.attrs["history"].splitlines()[:2] == ["a", "b"]
    assert nep.attrs["history"].splitlines()[2].endswith("nep_from_npp()")
    assert "units" not in nep_from_npp(stack([1.0], ""), stack([1.0], "")).attrs


def test_periods_must_not_be_mixed():
    with pytest.raises(DataError, match=r"different units .*npp in g C m-2 a-1, rh in g C m-2 month-1"):
        nep_from_npp(stack([300.0]), stack([20.0], "g C m-2 month-1"))
    with pytest.raises(DataError, match=r"npp must be in .* got 'kg C m-2 a-1': multiply by 1000"):
        nep_from_npp(stack([0.3], "kg C m-2 a-1"), stack([200.0]))


def test_a_scale_factor_is_refused_and_an_outlier_warned_of():
    with pytest.raises(DataError, match=r"npp runs from 3000 to 8000 .*scale factor"):
        nep_from_npp(np.array([3000.0, 8000.0]), np.array([100.0, 100.0]))
    with pytest.warns(DataWarning, match="npp runs from -3 to 300"):
        nep_from_npp(np.array([-3.0, 300.0]), np.array([100.0, 100.0]))
    with pytest.warns(DataWarning, match="Net ecosystem productivity runs from -1600"):
        nep_from_npp(np.array([0.0, 100.0]), np.array([1600.0, 100.0]))


@pytest.mark.parametrize("lazy", [False, True])
def test_months_sum_to_years(lazy):
    given = monthly().chunk({"x": 1}) if lazy else monthly()
    years = annual_sum(given)
    assert years.dims == ("year", "y", "x")
    assert (years.chunks is not None) is lazy
    assert years["year"].to_numpy().tolist() == [2001, 2002]
    assert years.attrs["units"] == "g C m-2 a-1"
    expected = given.to_numpy().astype(float).reshape(2, 12, 1, 2).sum(axis=1)
    np.testing.assert_allclose(years.to_numpy(), expected, rtol=1e-12)


def test_a_missing_month_is_a_missing_year():
    given = monthly()
    given[3, 0, 0] = np.nan
    assert np.isnan(annual_sum(given).to_numpy()[:, 0, 0]).tolist() == [True, False]
    assert np.isnan(annual_sum(np.array([np.nan, *range(11)])))


def test_unsorted_months_are_put_in_order():
    xr.testing.assert_allclose(annual_sum(monthly().isel(time=slice(None, None, -1))), annual_sum(monthly()))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (monthly(23), r"12 different months each, got other counts in 2002 \(11\)"),
        (monthly(24, "2001-03-01"), r"2001 \(10\), 2003 \(2\)"),
        (xr.concat([monthly(6), monthly(6)], dim="time"), "12 different months"),
        (monthly(units="g C m-2 d-1"), "only totals per month"),
        (stack([1.0]), "need a dimension 'time'"),
        (np.ones(11), r"axis 0 must hold 12 months, got an array of shape \(11,\)"),
    ],
)
def test_incomplete_years_are_refused(given, message):
    with pytest.raises(DataError, match=message):
        annual_sum(given)


def test_axis_of_months():
    assert annual_sum(np.ones((5, 12)), axis=1).tolist() == [12.0] * 5
    assert annual_sum(np.ones((5, 12)), axis=-1).tolist() == [12.0] * 5
    assert annual_sum(pd.DataFrame(np.ones((3, 12))), axis=1).tolist() == [12.0] * 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gC m-2 yr-1", "g C m-2 a-1"),
        ("g C m⁻² a⁻¹", "g C m-2 a-1"),
        ("gC/m^2/month", "g C m-2 month-1"),
        ("g C m**-2 d**-1", "g C m-2 d-1"),
        ("umol m-2 s-1", "umol m-2 s-1"),
        ("µmol/m2/s", "umol m-2 s-1"),
        ("mm/day", "mm d-1"),
        ("mm month^-1", "mm month-1"),
        ("degrees_C", "degC"),
        ("deg C", "degC"),
        ("Celsius", "degC"),
        ("m2 m-2", "m2 m-2"),
        ("K", "K"),
        ("%", "%"),
        ("0.1 K", "0.1 K"),
        ("10^4 CNY km-2", "104 CNY km-2"),
        ("-1", "-1"),
        ("W.m-2", "W m-2"),
        ("kg C m-2 a-1", "kg C m-2 a-1"),
        ("", ""),
        ("-", "-"),
    ],
)
def test_unit_spellings(text, expected):
    assert canonical_unit(text) == expected


@pytest.mark.parametrize(
    ("given", "known", "same"),
    [
        ("mm", "mm month-1", True),
        ("mm", "mm a-1", True),
        ("mm", "mm d-1", False),
        ("cm", "mm a-1", False),
        ("mm/yr", "mm a-1", True),
        ("degrees", "degree", True),
        ("", "1", True),
        ("percent", "%", True),
    ],
)
def test_units_that_mean_the_same(given, known, same):
    assert same_unit(given, known) is same


def test_a_wrong_unit_is_put_into_words():
    assert unit_problem("kg C m-2 yr-1", ("g C m-2 a-1",)).endswith("got 'kg C m-2 yr-1': multiply by 1000")
    assert unit_problem("furlong", ("mm month-1", "mm")) == "must be in mm month-1 or mm, got 'furlong': convert it first"
    assert unit_problem("", ("mm",)) == unit_problem("gC/m2/yr", ("g C m-2 a-1",)) == ""


def test_a_lazy_balance_that_does_not_close_is_refused_when_computed():
    gpp, er, nep = (stack([v, v]).chunk({"year": 1}) for v in (1000.0, 500.0, 100.0))
    found = check_identity(gpp, er, nep, action="raise")
    assert found.chunks is not None
    with pytest.raises(DataError, match=r"exceeds 0.05 of GPP in 1 of 1 values"):
        found.compute()
    closed = check_identity(gpp, er, nep + 390.0, action="raise")
    assert closed.to_numpy().ravel().tolist() == [10.0, 10.0] and closed.attrs["units"] == "g C m-2 a-1"
    bare = check_identity(gpp.data, er.data, nep.data, action="raise")
    with pytest.raises(DataError, match=r"exceeds 0.05 of GPP"):
        bare.compute()


def test_rain_of_months_is_summed_as_the_equations_take_it():
    time = pd.date_range("2001-01-01", periods=12, freq="MS")
    rain = xr.DataArray(np.full(12, 30.0), {"time": time}, ("time",), attrs={"units": "mm"})
    assert annual_sum(rain).attrs["units"] == "mm a-1" and annual_sum(rain).item() == 360.0
    with pytest.raises(DataError, match="axis -3 must hold 12 months"):
        annual_sum(np.ones((12, 2)), axis=-3)
    with pytest.raises(DataError, match="months must be numbers"):
        annual_sum(np.array(["a"] * 12))


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(DataError, match=r"the shapes do not fit one another \(npp \(2,\), rh \(3,\)\)"):
        nep_from_npp(np.full(2, 300.0), np.full(3, 200.0))
