"""Mass, area, period and totals: closed forms, true days, lost cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.errors import DataError
from carbondrivers.nep_models import (
    days_of_months,
    g_c_to_g_co2,
    g_co2_to_g_c,
    g_per_m2_to_t_per_ha,
    per_day_to_per_month,
    rh_pei_monthly,
    rs_gsmsr_monthly,
    t_per_ha_to_g_per_m2,
    total_pg,
    umol_to_g_c_day,
)


def cells(values, units="g C m-2 a-1", lazy=False):
    data = np.asarray(values, dtype=float).reshape(1, -1)
    da = xr.DataArray(data, coords={"y": [0.5], "x": np.arange(data.size)}, dims=("y", "x"), attrs={"units": units})
    return da.chunk({"x": 1}) if lazy else da


def test_there_and_back():
    assert g_co2_to_g_c(1.0) == pytest.approx(0.27292, abs=5e-6)
    assert g_c_to_g_co2(g_co2_to_g_c(434.0)) == pytest.approx(434.0, rel=1e-12)
    assert t_per_ha_to_g_per_m2(g_per_m2_to_t_per_ha(49.0)) == pytest.approx(49.0, rel=1e-12)


def test_true_days_of_months():
    assert days_of_months(2001).tolist() == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert days_of_months(2000)[1] == 29
    time = pd.date_range("2000-01-01", periods=3, freq="MS")
    days = days_of_months(xr.DataArray(np.ones(3), dims="time", coords={"time": time}))
    assert days.to_numpy().tolist() == [31, 29, 31]
    for wrong in (np.ones(12), xr.DataArray(np.ones(3), dims="month"), "2001", 0):
        with pytest.raises(DataError, match="months must be a year or an array"):
            days_of_months(wrong)


def test_a_month_from_a_rate():
    month = per_day_to_per_month(umol_to_g_c_day(np.ones(12)), days_of_months(2001))
    assert month.sum() == pytest.approx(378.779, abs=1e-3)
    labelled = per_day_to_per_month(cells([1.0, np.nan], "g C m-2 d-1", lazy=True), 28)
    assert labelled.attrs["units"] == "g C m-2 month-1"
    np.testing.assert_array_equal(labelled.to_numpy(), [[28.0, np.nan]])
    with pytest.raises(DataError, match="flux must be in g C m-2 d-1, got 'g C m-2 month-1': divide by the days"):
        per_day_to_per_month(cells([1.0], "g C m-2 month-1"), 30)
    with pytest.raises(DataError, match="days of a month"):
        per_day_to_per_month(1.0, 365)
    with pytest.raises(DataError, match="flux runs from 400"):
        per_day_to_per_month(400.0, 30)


def test_days_of_a_lazy_array_are_looked_at_when_computed():
    wrong = xr.DataArray(np.full(4, 365.0), dims="x").chunk({"x": 2})
    for call in (
        lambda days: per_day_to_per_month(np.ones(4), days),
        lambda days: rh_pei_monthly(np.ones(4), np.ones(4), days=days),
        lambda days: rs_gsmsr_monthly(np.ones(4), np.ones(4), 2.0, days=days),
    ):
        with pytest.raises(DataError, match=r"days runs from 365 to 365 .*, plausible is 28 to 31"):
            call(wrong.data).compute()
        np.testing.assert_allclose(call(wrong.data * 0 + 30.0).compute(), call(np.full(4, 30.0)), rtol=1e-12)


def test_totals():
    flux, area = np.array([100.0, -50.0, np.nan]), np.array([1e12, 2e12, np.nan])
    assert total_pg(flux, np.array([1e12, 4e12, 9e12])) == pytest.approx(-0.1, rel=1e-12)
    assert total_pg(flux, area) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(total_pg(np.full(3, np.nan), 1e12))
    assert total_pg(165.0, 5.72e11) == pytest.approx(0.0944, abs=1e-4)  # 9.44e13 g
    assert np.isnan(total_pg(cells([np.nan], lazy=True).data, 1e12).compute())
    assert np.isnan(total_pg(cells([np.nan], lazy=True), 1e12))
    lazy = total_pg(cells([100.0, -50.0, np.nan], lazy=True), cells([1e12, 4e12, 9e12], "m2", lazy=True))
    assert lazy.chunks is not None
    assert lazy.attrs["units"] == "Pg C a-1"
    assert float(lazy) == pytest.approx(-0.1, rel=1e-12)
    assert total_pg(pd.Series(flux), 1e12) == pytest.approx(0.05, rel=1e-12)


def test_totals_of_wrong_areas_are_refused():
    with pytest.raises(DataError, match="area is missing in 1 cells"):
        total_pg(np.array([100.0, 200.0]), np.array([1e12, np.nan]))
    with pytest.raises(DataError, match="area must be in m2, got 'km2': multiply by 1e6"):
        total_pg(cells([100.0]), cells([1.0], "km2"))
    with pytest.raises(DataError, match="area runs from -1"):
        total_pg(100.0, -1.0)
    with pytest.raises(DataError, match="flux must be in g C m-2 a-1"):
        total_pg(cells([1.0], "t C ha-1"), 1e6)
