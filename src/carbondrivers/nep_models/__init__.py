"""NEP and its parts: pure functions on numbers, arrays and labelled grids, each with declared units."""

from importlib import import_module

from carbondrivers.nep_models.autotrophic import (
    autotrophic_respiration,
    growth_respiration,
    npp_from_maintenance,
    rm_forest,
    rm_grass,
    rm_mod17,
)
from carbondrivers.nep_models.balance import (
    annual_sum,
    carbon_use_efficiency,
    check_identity,
    er_from_respiration,
    gpp_from_nee,
    heterotrophic_share,
    nep_from_gpp,
    nep_from_nee,
    nep_from_npp,
    npp_from_gpp,
)
from carbondrivers.nep_models.carbon_plots import AugmentedPlots, augment_plots
from carbondrivers.nep_models.carbon_stocks import stock_by_class, stock_change, transition_areas
from carbondrivers.nep_models.carbon_storage import (
    allometric_biomass,
    biomass_carbon,
    carbon_sequestration,
    ecosystem_carbon,
    root_biomass,
    soil_carbon_stock,
    stand_biomass,
)
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
from carbondrivers.nep_models.chains import nep_npp_minus_rh
from carbondrivers.nep_models.chains_casa_gsmsr import nep_casa_gsmsr
from carbondrivers.nep_models.chains_classes import cover_of, ecosystem_classes
from carbondrivers.nep_models.chains_limits import limits_by_class
from carbondrivers.nep_models.chains_nirv_tec import nep_nirv_tec
from carbondrivers.nep_models.classes import class_values
from carbondrivers.nep_models.conversions import (
    days_of_months,
    g_c_to_g_co2,
    g_co2_to_g_c,
    g_per_m2_to_t_per_ha,
    kg_to_g,
    per_day_to_per_month,
    t_per_ha_to_g_per_m2,
    total_pg,
    umol_to_g_c_day,
    umol_to_g_c_year,
    umol_to_g_co2_year,
)
from carbondrivers.nep_models.desert_composites import (
    annual_total,
    diurnal_composite,
    event_composite,
    monthly_composite,
    pulse_peak,
)
from carbondrivers.nep_models.desert_open_path import correct_open_path, fit_open_path
from carbondrivers.nep_models.desert_scheme import heating_rate
from carbondrivers.nep_models.gsmsr import (
    rh_shi_monthly,
    rs_gsmsr_monthly,
    shi_is_capped,
    soil_carbon_by_class,
)
from carbondrivers.nep_models.productivity import (
    gpp_from_sanirv,
    nirv,
    nirvp,
    sanirv,
)
from carbondrivers.nep_models.radiation import (
    angstrom,
    clear_sky,
    daylight_hours,
    extraterrestrial,
    hargreaves,
    par_from_ppfd,
    par_from_solar,
)
from carbondrivers.nep_models.soil_respiration import rh_pei_monthly
from carbondrivers.nep_models.soil_respiration_annual import (
    rh_xie_annual,
    rs_chen_annual,
    xie_is_capped,
)

__all__ = [
    "AugmentedPlots",
    "CalibrationError",
    "DesertFlux",
    "GppCalibration",
    "allometric_biomass",
    "angstrom",
    "annual_sum",
    "annual_total",
    "augment_plots",
    "autotrophic_respiration",
    "biomass_carbon",
    "carbon_sequestration",
    "carbon_use_efficiency",
    "casa_apar",
    "casa_fpar",
    "casa_t1",
    "casa_t2",
    "casa_water_stress",
    "check_identity",
    "class_values",
    "clear_sky",
    "clumped_fpar",
    "clumping_reference",
    "correct_open_path",
    "cover_of",
    "cross_validate_calibration",
    "daylight_hours",
    "days_of_months",
    "diurnal_composite",
    "ecosystem_carbon",
    "ecosystem_classes",
    "eps_max",
    "er_from_respiration",
    "event_composite",
    "extraterrestrial",
    "fit_open_path",
    "g_c_to_g_co2",
    "g_co2_to_g_c",
    "g_per_m2_to_t_per_ha",
    "gpp_from_nee",
    "gpp_from_sanirv",
    "growth_respiration",
    "hargreaves",
    "heating_rate",
    "heterotrophic_share",
    "kg_to_g",
    "limits_by_class",
    "monthly_composite",
    "ndvi_limits",
    "ndvi_max_of",
    "nep_casa_gsmsr",
    "nep_from_gpp",
    "nep_from_nee",
    "nep_from_npp",
    "nep_nirv_tec",
    "nep_npp_minus_rh",
    "nirv",
    "nirvp",
    "npp_casa",
    "npp_casa_monthly",
    "npp_from_gpp",
    "npp_from_maintenance",
    "par_from_ppfd",
    "par_from_solar",
    "per_day_to_per_month",
    "pulse_peak",
    "rh_pei_monthly",
    "rh_shi_monthly",
    "rh_xie_annual",
    "rm_forest",
    "rm_grass",
    "rm_mod17",
    "root_biomass",
    "rs_chen_annual",
    "rs_gsmsr_monthly",
    "sanirv",
    "shi_is_capped",
    "soil_carbon_by_class",
    "soil_carbon_stock",
    "spread_limits",
    "stand_biomass",
    "stock_by_class",
    "stock_change",
    "t_per_ha_to_g_per_m2",
    "thornthwaite_pet",
    "topt_from_ndvi",
    "total_pg",
    "transition_areas",
    "umol_to_g_c_day",
    "umol_to_g_c_year",
    "umol_to_g_co2_year",
    "water_stress",
    "xie_is_capped",
    "zhou_zhang_eet",
]

# Estimators need scikit-learn, whose import takes longer than that of everything else here together.
_LATER = {
    "DesertFlux": "desert",
    "CalibrationError": "calibration",
    "GppCalibration": "calibration",
    "cross_validate_calibration": "calibration_folds",
}


def __getattr__(name: str) -> object:
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
