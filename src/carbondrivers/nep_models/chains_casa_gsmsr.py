"""The chain of CASA and GSMSR: NEP of each month = NPP of CASA - Rh of Yu's soil respiration.

NPP by light use efficiency (``casa``), monthly soil respiration of GSMSR (``gsmsr.rs_gsmsr_monthly``) and its
heterotrophic part by a quadratic (``rh_shi_monthly``), after an improved CASA of China. Against towers NPP/GPP runs from
0.24 to 0.48 by class, so the result is only as good as the eps_max of its classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np

from carbondrivers.errors import OptionError, choose
from carbondrivers.nep_models.apply import Quantity, Values, check_aligned, declare, parameters
from carbondrivers.nep_models.balance import annual_sum
from carbondrivers.nep_models.casa import SOLAR, npp_casa_monthly
from carbondrivers.nep_models.casa_fpar import (
    EpsTable,
    Index,
    Scheme,
    casa_fpar,
    clumped_fpar,
    clumping_reference,
    eps_max,
    ndvi_max_of,
)
from carbondrivers.nep_models.casa_stress import T2Form, casa_water_stress, constants, topt_from_ndvi
from carbondrivers.nep_models.chains import Components, Days, named, nep_of_model, true_days, whole_years
from carbondrivers.nep_models.chains_classes import (
    Cover,
    Inside,
    by_class,
    check_keys,
    class_of,
    cover_of,
    ecosystem_classes,
    on_months,
    only,
)
from carbondrivers.nep_models.chains_limits import limits_by_class
from carbondrivers.nep_models.gsmsr import Variant, rh_shi_monthly, rs_gsmsr_monthly
from carbondrivers.nep_models.radiation import SOLAR as DAILY_SOLAR

Limits: TypeAlias = Literal["percentiles", "published"]


def nep_casa_gsmsr(
    ndvi_monthly: Values,
    radiation_monthly: Values,
    temperature_monthly: Values,
    precipitation_monthly: Values,
    land_cover: Values,
    soil_carbon: Values | Mapping[str, float],
    *,
    classes: Mapping[int, str] | None = None,
    clumping_monthly: Values | None = None,
    scheme: Scheme = "II",
    eps: EpsTable = "improved",
    eps_of: Mapping[str, float] | None = None,
    limits: Limits = "percentiles",
    percentiles: tuple[float, float] = (5.0, 95.0),
    index: Index = "both",
    t2: T2Form = "potter",
    variant: Variant = "corrected",
    cap_at_rs: bool = True,
    days: Days | None = None,
) -> Components:
    """Return NPP, soil and heterotrophic respiration and NEP, by month and by year.

    Parameters
    ----------
    ndvi_monthly, radiation_monthly, temperature_monthly, precipitation_monthly
        NDVI, solar radiation (MJ m-2 d-1), degC and mm month-1, of whole years; labelled: by ``time``, any other: twelve
        months on the first axis.
    land_cover, classes
        Ecosystem classes of the cells, or codes and their classes (``chains_classes.cover_of``).
    soil_carbon
        Soil organic carbon of 0-20 cm, kg C m-2, of the cells, or of each class.
    clumping_monthly
        Clumping index; without it FPAR stays as it is.
    scheme
        Its reference: ``"II"`` (mean of the class in the month) or ``"I"`` (constants).
    eps, eps_of
        Table of the largest light use efficiency, and g C MJ-1 of single classes in place of the table's.
    limits, percentiles
        NDVI at which absorption is least and most: percentiles of each class of the grid's own NDVI, or ``"published"``
        (SPOT and AVHRR).
    index, t2, variant, cap_at_rs
        As in ``casa_fpar``, ``casa_t2``, ``rs_gsmsr_monthly`` and ``rh_shi_monthly``.
    days
        True days of unlabelled months.

    Returns
    -------
    dict
        npp_monthly, rs_monthly, rh_monthly, nep_monthly (g C m-2 month-1) and npp, rs, rh, nep (g C m-2 a-1). NaN where an
        input is NaN or the land cover has no model (water, ice); a year with a missing month is missing.

    Raises
    ------
    OptionError
        If an option or class is not known, or a class has no soil carbon.
    DataError
        If units, grids or years differ, months do not make whole years, or values are implausible.

    Warns
    -----
    ImplausibleConstantWarning
        With ``variant="as_published"``.
    DataWarning
        If components lie outside their plausible range, or Rh exceeds Rs without the cap.

    Examples
    --------
    >>> year = np.array([-15.0, -10, 0, 8, 15, 20, 22, 20, 14, 7, -3, -12])
    >>> ndvi, rain = 0.1 + 0.4 * (year > 10), np.full(12, 30.0)
    >>> days = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    >>> parts = nep_casa_gsmsr(ndvi, np.full(12, 15.0), year, rain, "grassland", 2.0, limits="published", days=days)
    >>> {name: round(float(parts[name]), 1) for name in ("npp", "rs", "rh", "nep")}
    {'npp': 292.3, 'rs': 321.3, 'rh': 235.9, 'nep': 56.4}
    """
    choose(limits, ("percentiles", "published"), "limits")
    check_keys(eps_of or {}, parameters("casa.eps_max_improved"), "eps_of")
    monthly = {
        "ndvi_monthly": ndvi_monthly, "radiation_monthly": radiation_monthly, "temperature_monthly": temperature_monthly,
        "precipitation_monthly": precipitation_monthly,
    }  # fmt: skip
    check_aligned({"ndvi_monthly": ndvi_monthly, "land_cover": land_cover})
    years, days = whole_years(monthly | {"clumping_monthly": clumping_monthly}), true_days(days, ndvi_monthly)
    cover = cover_of(land_cover, classes).of_years(years)
    pair = percentiles if limits == "percentiles" else None
    fpar = _fpar(ndvi_monthly, cover, pair, index)
    if clumping_monthly is not None:
        fpar = clumped_fpar(fpar, clumping_monthly, _reference(clumping_monthly, cover, scheme))
    npp = npp_casa_monthly(
        fpar, monthly_radiation(radiation_monthly, days), temperature_monthly,
        topt_from_ndvi(ndvi_monthly, temperature_monthly), casa_water_stress(temperature_monthly, precipitation_monthly),
        by_class(cover, "casa", lambda name, inside: _eps(name, eps, eps_of or {}), ndvi_monthly), t2=t2,
    )  # fmt: skip
    rs = _soil_respiration(temperature_monthly, precipitation_monthly, soil_carbon, cover, variant, days)
    return _balanced(npp, rs, cap_at_rs)


def _balanced(npp: Values, rs: Values, cap_at_rs: bool) -> Components:
    rh = rh_shi_monthly(rs, cap_at_rs=cap_at_rs)
    monthly = {"npp_monthly": npp, "rs_monthly": rs, "rh_monthly": rh, "nep_monthly": nep_of_model(npp, rh)}
    annual = {name: annual_sum(monthly[f"{name}_monthly"]) for name in ("npp", "rs", "rh")}
    return named(annual | {"nep": nep_of_model(annual["npp"], annual["rh"])} | monthly)


@declare(Quantity("solar_radiation", ("MJ m-2 month-1",), SOLAR.low, SOLAR.high, SOLAR.long_name), radiation=DAILY_SOLAR)
def monthly_radiation(radiation: Values, days: Values) -> Values:
    """Return the total of each month, MJ m-2 month-1, from its daily mean, MJ m-2 d-1.

    Examples
    --------
    >>> monthly_radiation(15.0, 30)
    450.0
    """
    return radiation * days


def _fpar(ndvi: Values, cover: Cover, percentiles: tuple[float, float] | None, index: Index) -> Values:
    if percentiles is None:
        least = float(constants("fpar")["ndvi_min"])
        most = by_class(cover, "casa", lambda name, inside: ndvi_max_of(name), ndvi)
        return casa_fpar(ndvi, least, most, index=index)
    found = limits_by_class(ndvi, cover, low=percentiles[0], high=percentiles[1])
    lower, upper = (by_class(cover, "casa", lambda name, inside, i=i: found[name][i], ndvi) for i in (0, 1))  # type: ignore[misc]
    return casa_fpar(ndvi, lower, upper, index=index)


def _eps(name: str, table: EpsTable, own: Mapping[str, float]) -> float:
    return float(own[name]) if name in own else float(eps_max(name, table=table))


def _reference(clumping: Values, cover: Cover, scheme: Scheme) -> Values:
    """Return the clumping index at which FPAR stays: of the class, or its mean over the cells of the month."""
    choose(scheme, ("I", "II"), "scheme")

    def of_class(name: str, inside: Inside) -> Values:
        if scheme == "I":
            return clumping_reference(clumping, name, scheme="I")
        return _mean_of_month(only(clumping, inside)) + 0.0 * clumping

    return by_class(cover, "casa", of_class, clumping)


def _mean_of_month(values: Values) -> Values:
    if hasattr(values, "dims"):
        return values.mean([dim for dim in values.dims if dim != "time"])
    space = tuple(range(1, np.ndim(values)))
    present = ~np.isnan(np.asarray(values))
    count = present.sum(axis=space, keepdims=True)
    return np.where(present, values, 0.0).sum(axis=space, keepdims=True) / np.where(count, count, np.nan)


def _soil_respiration(
    temperature: Values, precipitation: Values, carbon: Values | Mapping[str, float], cover: Cover, variant: Variant, days: Days
) -> Values:
    if isinstance(carbon, Mapping):
        table = dict(carbon)
        check_keys(table, ecosystem_classes(), "soil_carbon")
        carbon = by_class(cover, "", lambda name, inside: _carbon_of(name, table), temperature)
    on_land = only(temperature, on_months(cover.modelled("casa"), temperature))
    return rs_gsmsr_monthly(on_land, precipitation, carbon, variant=variant, days=days)


def _carbon_of(name: str, table: Mapping[str, float]) -> float:
    if not class_of("casa", name):
        return np.nan
    if name not in table:
        raise OptionError(f"soil_carbon names no value for {name!r}: give kg C m-2 of 0-20 cm for each class, or a layer")
    return float(table[name])
