"""NEP and its parts: pure functions on numbers, arrays and labelled grids, each with declared units."""

from carbondrivers.nep_models.balance import (
    annual_sum,
    g_co2_to_g_c,
    gpp_from_nee,
    kg_to_g,
    nep_from_gpp,
    nep_from_nee,
    nep_from_npp,
    t_per_ha_to_g_per_m2,
    umol_to_g_c_day,
    umol_to_g_c_year,
    umol_to_g_co2_year,
)
from carbondrivers.nep_models.soil_respiration import rh_pei_monthly

__all__ = [
    "annual_sum",
    "g_co2_to_g_c",
    "gpp_from_nee",
    "kg_to_g",
    "nep_from_gpp",
    "nep_from_nee",
    "nep_from_npp",
    "rh_pei_monthly",
    "t_per_ha_to_g_per_m2",
    "umol_to_g_c_day",
    "umol_to_g_c_year",
    "umol_to_g_co2_year",
]
