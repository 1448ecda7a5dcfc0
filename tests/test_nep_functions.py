"""Every equation on every kind of values: numpy, pandas, dask, labelled and labelled lazy give the same, and gaps stay."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dask.array import from_array

import carbondrivers.nep_models as models
from carbondrivers.errors import DataWarning

N = 12
TIME = pd.date_range("2001-01-01", periods=N, freq="MS")
WARM = np.array([-15.0, -9.0, -2.0, 0.0, 9.0, 16.0, 24.0, 21.0, 13.0, 5.0, -4.0, -12.0])
RAIN = np.array([0.0, 2.0, 5.0, 12.0, 30.0, 70.0, 140.0, 90.0, 0.0, 15.0, 4.0, 1.0])


def spread(low: float, high: float) -> np.ndarray:
    """Twelve numbers of a range, in no order."""
    return low + (high - low) * np.array([3, 9, 0, 6, 11, 1, 8, 4, 10, 2, 7, 5]) / 11.0


CASES: dict[str, list[Any]] = {
    "umol_to_g_c_day": [spread(-5, 5)], "umol_to_g_c_year": [spread(-5, 5)], "umol_to_g_co2_year": [spread(-5, 5)],
    "g_co2_to_g_c": [spread(0, 500)], "g_c_to_g_co2": [spread(0, 500)], "kg_to_g": [spread(0, 1)],
    "t_per_ha_to_g_per_m2": [spread(0, 90)], "g_per_m2_to_t_per_ha": [spread(0, 900)],
    "per_day_to_per_month": [spread(0, 8), 30], "annual_sum": [spread(0, 50)],
    "nep_from_npp": [spread(0, 900), spread(0, 500)], "nep_from_gpp": [spread(0, 900), spread(0, 400), spread(0, 400)],
    "nep_from_nee": [spread(-300, 300)], "gpp_from_nee": [spread(-300, 300), spread(300, 900)],
    "npp_from_gpp": [spread(500, 900), spread(0, 400)], "er_from_respiration": [spread(0, 400), spread(0, 400)],
    "carbon_use_efficiency": [spread(200, 400), spread(500, 900)[::-1]],
    "heterotrophic_share": [spread(100, 300), spread(300, 500)],
    "check_identity": [spread(500, 600), spread(300, 310), spread(200, 290)],
    "nirv": [spread(0.1, 0.8), spread(0.1, 0.4)], "nirvp": [spread(0, 0.3), spread(1, 12)],
    "gpp_from_sanirv": [spread(1, 3), spread(1, 12), spread(0, 0.3), 30],
    "extraterrestrial": [spread(-89, 89), spread(1, 365)], "daylight_hours": [spread(-89, 89), spread(1, 365)],
    "angstrom": [spread(5, 40), spread(0, 9), spread(9, 14)], "clear_sky": [spread(5, 40), spread(0, 4000)],
    "hargreaves": [spread(-5, 5), spread(6, 20), spread(5, 40)], "par_from_solar": [spread(1, 30)],
    "par_from_ppfd": [spread(1, 60)], "rh_pei_monthly": [WARM, RAIN], "rs_gsmsr_monthly": [WARM, RAIN, spread(1, 5)],
    "rh_shi_monthly": [spread(0, 400)], "shi_is_capped": [spread(0, 40)], "rh_xie_annual": [spread(0, 1500)],
    "xie_is_capped": [spread(0, 200)], "rs_chen_annual": [spread(-5, 20), spread(0, 900), spread(0, 9), "grassland"],
    "rm_forest": [spread(0, 6), WARM, "mixed"], "rm_grass": [spread(0, 3), WARM],
    "rm_mod17": [spread(0, 5), WARM, spread(5, 6), "mixed_forest"],
    "growth_respiration": [spread(500, 900), spread(100, 700)], "autotrophic_respiration": [spread(500, 900), spread(100, 700)],
    "npp_from_maintenance": [spread(500, 900), spread(100, 700)], "casa_t1": [WARM, spread(10, 25)],
    "casa_t2": [WARM, spread(10, 25)], "zhou_zhang_eet": [RAIN, spread(0, 150)], "thornthwaite_pet": [WARM],
    "water_stress": [spread(0, 50), np.r_[0.0, 0.0, spread(20, 90)[2:]]], "casa_water_stress": [WARM, RAIN],
    "casa_fpar": [spread(-0.2, 1.0), 0.02, 0.63], "clumped_fpar": [spread(0, 0.9), spread(0.5, 0.9), 0.7],
    "casa_apar": [spread(100, 700), spread(0, 0.9)],
    "npp_casa_monthly": [spread(0, 0.9), spread(100, 700), WARM, 20.0, spread(0.5, 1), 0.5],
    "npp_casa": [spread(-0.1, 1.0), spread(100, 700), WARM, RAIN, 20.0, 0.5, 0.634],
    "topt_from_ndvi": [spread(0, 0.8), WARM], "soil_carbon_stock": [spread(1, 50), spread(1, 1.5)],
    "biomass_carbon": [spread(1, 300)], "ecosystem_carbon": [spread(1, 50)] * 4,
    "carbon_sequestration": [spread(1, 50), spread(1, 50)[::-1], 10.0],
    "correct_open_path": [spread(-2, 2), spread(-50, 300), 0.1, 0.01],
}  # fmt: skip
# They take tables, classes or records, or put others together: their own tests hold them.
ELSEWHERE = {
    "AugmentedPlots", "CalibrationError", "DesertFlux", "GppCalibration", "allometric_biomass", "annual_total",
    "augment_plots", "class_values", "clumping_reference", "cover_of", "cross_validate_calibration", "days_of_months",
    "diurnal_composite", "ecosystem_classes", "eps_max", "event_composite", "fit_open_path", "heating_rate", "limits_by_class",
    "monthly_composite", "ndvi_limits", "ndvi_max_of", "nep_casa_gsmsr", "nep_nirv_tec", "nep_npp_minus_rh", "pulse_peak",
    "root_biomass", "sanirv", "soil_carbon_by_class", "spread_limits", "stand_biomass", "stock_by_class", "stock_change",
    "total_pg", "transition_areas",
}  # fmt: skip
KINDS = {
    "pandas": lambda values: pd.Series(values, index=TIME),
    "dask": lambda values: from_array(values, chunks=5),
    "labelled": lambda values: xr.DataArray(values, {"time": TIME}, ("time",)),
    "labelled lazy": lambda values: xr.DataArray(values, {"time": TIME}, ("time",)).chunk(time=5),
}
WHETHER = ("shi_is_capped", "xie_is_capped")


def call(name: str, arguments: list[Any]) -> Any:
    with warnings.catch_warnings(action="ignore", category=DataWarning):
        return getattr(models, name)(*arguments)


def test_no_function_is_left_out() -> None:
    assert set(CASES) | ELSEWHERE == set(models.__all__) and not set(CASES) & ELSEWHERE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_values_gives_the_same(name: str, kind: str) -> None:
    expected = np.asarray(call(name, CASES[name]), dtype=np.float64)
    found = call(name, [KINDS[kind](v) if isinstance(v, np.ndarray) else v for v in CASES[name]])
    lazy = kind in ("dask", "labelled lazy")
    assert not lazy or getattr(found, "chunks", None) is not None
    values = np.asarray(found.compute() if lazy else found, dtype=np.float64).reshape(expected.shape)
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert "labelled" not in kind or name in found.attrs["history"]


@pytest.mark.parametrize("name", [name for name in CASES if name not in WHETHER])
def test_a_gap_in_any_argument_stays(name: str) -> None:
    whole = np.asarray(call(name, CASES[name]), dtype=np.float64)
    assert not np.isnan(whole).all()
    for place, values in enumerate(CASES[name]):
        if isinstance(values, np.ndarray):
            gap = values.copy()
            gap[6] = np.nan
            found = np.asarray(call(name, [*CASES[name][:place], gap, *CASES[name][place + 1 :]]), dtype=np.float64)
            if found.shape == (N,):
                assert np.isnan(found[6])
            elif name == "annual_sum":
                assert np.isnan(found)
