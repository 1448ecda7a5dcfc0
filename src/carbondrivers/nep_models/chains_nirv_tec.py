"""The chain of the Northwest China study: GPP from SANIRv, Ra by organs, Rh from annual soil respiration.

``GPP = c PAR SANIRv days`` summed to years, ``Ra = Rm + Rg`` (``autotrophic``), ``NPP = GPP - Ra``, soil respiration of
Chen and its heterotrophic part of Xie (``soil_respiration_annual``), ``NEP = NPP - Rh``. GPP and maintenance are by
month; growth, soil and heterotrophic respiration are of the year, so NEP is too. The formula of SANIRv is unverified
(``productivity``), and `c` must be calibrated with the same index: between two forests it differed threefold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np

from carbondrivers.errors import OptionError, choose
from carbondrivers.nep_models.apply import Values, check_aligned, declare, flag
from carbondrivers.nep_models.autotrophic import (
    Growth,
    Live,
    Q10Source,
    RootUnits,
    Variant,
    npp_from_maintenance,
    rm_forest,
    rm_grass,
    rm_mod17,
)
from carbondrivers.nep_models.balance import GPP, RA, annual_sum
from carbondrivers.nep_models.chains import (
    MODEL_NPP,
    Components,
    Days,
    annual_precipitation,
    annual_temperature,
    named,
    nep_of_model,
    true_days,
    whole_years,
)
from carbondrivers.nep_models.chains_classes import (
    Cover,
    Inside,
    by_class,
    check_keys,
    class_of,
    cover_of,
    ecosystem_classes,
    only,
)
from carbondrivers.nep_models.conversions import per_day_to_per_month
from carbondrivers.nep_models.elementwise import count_true, is_lazy, keep_where
from carbondrivers.nep_models.months import Floats, along_months
from carbondrivers.nep_models.productivity import NirvVariant, SanirvMethod, gpp_from_sanirv, nirv, sanirv
from carbondrivers.nep_models.radiation import par_from_solar
from carbondrivers.nep_models.soil_respiration_annual import rh_xie_annual, rs_chen_annual

Ra: TypeAlias = Literal["organs", "mod17"]
PEAK = 95.0
REST = "other"


def nep_nirv_tec(
    ndvi_monthly: Values,
    nir_monthly: Values,
    temperature_monthly: Values,
    precipitation_monthly: Values,
    lai_monthly: Values,
    soil_carbon: Values,
    land_cover: Values,
    c: Mapping[str, float] | float,
    *,
    radiation_monthly: Values | None = None,
    par_monthly: Values | None = None,
    classes: Mapping[int, str] | None = None,
    method: SanirvMethod = "offset",
    nirv_variant: NirvVariant = "ndvi",
    soil_nirv: Values | None = None,
    soil_percentile: float = 5.0,
    soil_ndvi: float = 0.08,
    par_fraction: float = 0.5,
    ra: Ra = "organs",
    rg: Growth = "mod17",
    q10: Q10Source = "table",
    live: Live = "beps",
    tb: float = 25.0,
    root_units: RootUnits = "Mg/ha",
    variant: Variant = "corrected",
    cap_at_rs: bool = True,
    days: Days | None = None,
) -> Components:
    """Return GPP, maintenance, autotrophic, soil and heterotrophic respiration, NPP and NEP.

    Parameters
    ----------
    ndvi_monthly, nir_monthly, temperature_monthly, precipitation_monthly, lai_monthly
        NDVI, near-infrared reflectance (0 to 1), degC, mm month-1 and m2 m-2, of whole years; labelled: by ``time``, any
        other: twelve months on the first axis.
    soil_carbon
        Soil organic carbon of 0-20 cm, kg C m-2.
    land_cover, classes
        Ecosystem classes of the cells, or codes and their classes (``chains_classes.cover_of``).
    c
        g C MJ-1: of each class (``"other"``: of all classes that are not named), or one number.
    radiation_monthly, par_monthly
        Solar radiation or PAR, MJ m-2 d-1: one of the two. `par_fraction` of solar radiation is PAR.
    method, nirv_variant, soil_ndvi
        As in ``sanirv`` and ``nirv``.
    soil_nirv, soil_percentile
        NIRv of bare soil; by default this percentile of each cell's own months above 0 degC (snow hides the soil).
    ra
        ``"organs"``, with q10, live, tb, root_units and variant as in ``rm_forest``; or ``"mod17"``, which has its own.
    rg
        As in ``growth_respiration``, of the year.
    cap_at_rs
        As in ``rh_xie_annual``.
    days
        True days of unlabelled months.

    Returns
    -------
    dict
        gpp, rm, ra, npp, rs, rh, nep (g C m-2 a-1) and gpp_monthly, rm_monthly (g C m-2 month-1). NaN where an input is
        NaN or the land cover has no model (water, ice). Where maintenance exceeds GPP, ``rg="mod17"`` holds NPP at 0, and
        Ra counts as GPP.

    Raises
    ------
    OptionError
        If an option or class is not known, a class has no `c`, or neither or both of radiation and PAR are given.
    DataError
        If units, grids or years differ, months do not make whole years, or values are implausible.

    Warns
    -----
    ImplausibleConstantWarning
        With ``rg="as_published"``, ``live="all"`` or ``variant="as_published"``.
    DataWarning
        If components lie outside their plausible range.

    Examples
    --------
    >>> warm = np.array([-8.0, -5, 2, 10, 16, 20, 22, 21, 16, 9, 1, -6])
    >>> green = np.clip((warm + 5.0) / 30.0, 0.0, 1.0)
    >>> days = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    >>> parts = nep_nirv_tec(
    ...     0.2 + 0.6 * green, 0.2 + 0.1 * green, warm, np.full(12, 25.0), 3.0 * green, 4.0, "grassland", 2.7,
    ...     radiation_monthly=np.full(12, 15.0), soil_nirv=0.04, days=days,
    ... )
    >>> {name: round(float(parts[name]), 1) for name in ("gpp", "ra", "npp", "rh", "nep")}
    {'gpp': 609.5, 'ra': 361.4, 'npp': 248.1, 'rh': 249.6, 'nep': -1.5}
    """
    choose(ra, ("organs", "mod17"), "ra")
    monthly = {
        "ndvi_monthly": ndvi_monthly, "nir_monthly": nir_monthly, "temperature_monthly": temperature_monthly,
        "precipitation_monthly": precipitation_monthly, "lai_monthly": lai_monthly,
    }  # fmt: skip
    _one_of(radiation_monthly, par_monthly)
    check_keys(c if isinstance(c, Mapping) else {REST: c}, ecosystem_classes(), "c")
    check_aligned({"ndvi_monthly": ndvi_monthly, "land_cover": land_cover})
    years = whole_years(monthly | {"radiation_monthly": radiation_monthly, "par_monthly": par_monthly})
    days = true_days(days, ndvi_monthly)
    cover = cover_of(land_cover, classes).of_years(years)
    par = par_from_solar(radiation_monthly, fraction=par_fraction) if par_monthly is None else par_monthly
    index = _sanirv(ndvi_monthly, nir_monthly, temperature_monthly, method, nirv_variant, soil_nirv, soil_percentile, soil_ndvi)
    slope = by_class(cover, "", lambda name, inside: _slope(name, c), ndvi_monthly)
    gpp = gpp_from_sanirv(slope, par, index, days)
    organs: dict[str, Any] = {"q10": q10, "live": live, "tb": tb, "root_units": root_units, "variant": variant}
    rm = per_day_to_per_month(_maintenance(lai_monthly, temperature_monthly, cover, ra, organs), days)
    rs = _soil_respiration(temperature_monthly, precipitation_monthly, soil_carbon, cover)
    return _balanced(gpp, rm, rs, rg, cap_at_rs)


def _balanced(gpp_monthly: Values, rm_monthly: Values, rs: Values, rg: Growth, cap_at_rs: bool) -> Components:
    gpp, rm = annual_sum(gpp_monthly), annual_sum(rm_monthly)
    npp = _held(npp_from_maintenance(gpp, rm, rg=rg), rm > gpp, rg)
    rh = rh_xie_annual(rs, cap_at_rs=cap_at_rs)
    annual = {"gpp": gpp, "rm": rm, "ra": ra_from_npp(gpp, npp), "npp": npp, "rs": rs, "rh": rh, "nep": nep_of_model(npp, rh)}
    return named(annual | {"gpp_monthly": gpp_monthly, "rm_monthly": rm_monthly})


@declare(RA, gpp=GPP, npp=MODEL_NPP)
def ra_from_npp(gpp: Values, npp: Values) -> Values:
    """Return Ra = GPP - NPP, so that the balance closes where NPP is held at 0.

    Examples
    --------
    >>> ra_from_npp(900.0, 450.0)
    450.0
    """
    return gpp - npp


def _held(npp: Values, exceeds: Values, rg: Growth) -> Values:
    """Say where NPP was held at 0: the maintenance of the model is above its GPP there."""
    count = count_true(exceeds)
    if rg != "mod17" or not (count or is_lazy(exceeds)) or not hasattr(npp, "attrs"):
        return npp
    where = "where maintenance exceeds GPP" if is_lazy(exceeds) else f"in {count} cells, where maintenance exceeds GPP"
    before = str(npp.attrs.get("nep_flags", ""))
    return flag(npp, "; ".join(text for text in (before, f"nep_nirv_tec: NPP held at 0 {where}") if text))


def _one_of(radiation: Values | None, par: Values | None) -> None:
    if (radiation is None) == (par is None):
        raise OptionError("give either radiation_monthly or par_monthly, MJ m-2 d-1: GPP needs light, once")


def _slope(name: str, c: Mapping[str, float] | float) -> float:
    if not class_of("organs", name):
        return np.nan
    if not isinstance(c, Mapping):
        return float(c)
    if name not in c and REST not in c:
        raise OptionError(
            f"c has no value for {name!r}: give g C MJ-1 of each class of the land cover, or 'other' for the rest"
        )
    return float(c[name] if name in c else c[REST])


def _sanirv(
    ndvi: Values, nir: Values, temperature: Values, method: SanirvMethod, variant: NirvVariant, soil_nirv: Values | None,
    percentile: float, soil_ndvi: float,
) -> Values:  # fmt: skip
    if not 0.0 <= percentile <= 50.0:
        raise OptionError(f"soil_percentile must be in 0 to 50, got {percentile!r}")
    if method == "ndvi_offset":
        return sanirv(ndvi, nir, method=method, soil_ndvi=soil_ndvi)
    plain = nirv(ndvi, nir, variant=variant)
    soil = soil_nirv
    if soil is None:
        soil = _low_percentile(keep_where(plain, temperature > 0.0), percentile)
    peak = _low_percentile(plain, PEAK) if method == "rescaled" else np.nan
    return sanirv(ndvi, nir, method=method, soil_nirv=soil, peak_nirv=peak, variant=variant)


def _low_percentile(values: Values, percent: float) -> Values:
    """Return a percentile of each pixel's months that have a value; NaN where none has."""

    def kernel(months: Floats) -> Floats:
        # NaN sorts last, so the first `count` of each pixel are its values.
        ordered, count = np.sort(months, axis=0), (~np.isnan(months)).sum(axis=0)
        place = percent / 100.0 * np.maximum(count - 1, 0)
        below = np.floor(place).astype(np.intp)
        above = np.minimum(below + 1, np.maximum(count - 1, 0))
        first, second = (np.take_along_axis(ordered, row[None], axis=0)[0] for row in (below, above))
        found: Floats = first + (place - below) * (second - first)
        return found

    return along_months(kernel, [values], keep=False)


def _maintenance(lai: Values, temperature: Values, cover: Cover, ra: Ra, organs: Mapping[str, Any]) -> Values:
    """Return Rm, g C m-2 d-1, by month."""
    most = along_months(_year_maximum, [lai]) if ra == "mod17" else None

    def of_class(name: str, inside: Inside) -> Values:
        leaves = only(lai, inside)
        if ra == "mod17":
            return rm_mod17(leaves, temperature, most, name)
        if name == "leaf":
            return rm_grass(leaves, temperature, tb=organs["tb"], variant=organs["variant"])
        return rm_forest(leaves, temperature, name, **organs)

    return by_class(cover, ra, of_class, lai)


def _year_maximum(lai: Floats) -> Floats:
    years = lai.reshape(-1, 12, *lai.shape[1:])
    found: Floats = np.repeat(years.max(axis=1), 12, axis=0)
    return found


def _soil_respiration(temperature: Values, precipitation: Values, soil_carbon: Values, cover: Cover) -> Values:
    warm, wet = annual_temperature(temperature), annual_precipitation(precipitation)
    return by_class(cover, "soil", lambda name, inside: rs_chen_annual(only(warm, inside), wet, soil_carbon, name), warm)
