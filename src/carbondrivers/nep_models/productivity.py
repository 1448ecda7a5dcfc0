"""Gross primary productivity from near-infrared reflectance of vegetation: GPP = c PAR SANIRv days.

NIRv = NDVI * NIR, or (NDVI - 0.08) * NIR (Badgley et al. 2017); NIRvP = NIRv * PAR. SANIRv takes the soil's share off
(Jiang et al. 2021). **The formula of SANIRv in the original was not found.** Three candidates are offered, all zero on
bare soil; two of them differ by a factor per pixel that a `c` per class cannot absorb, so the choice matters for
contrasts in space, not for the fit at a site. Reflectance is 0 to 1 (MODIS times 0.0001); PAR is not solar radiation
(``par_from_solar``). Constants and status: ``parameters/productivity.toml``.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from carbondrivers.errors import OptionError, choose
from carbondrivers.nep_models.apply import MONTHLY, Quantity, Values, declare, parameters
from carbondrivers.nep_models.conversions import check_days
from carbondrivers.nep_models.elementwise import keep_where
from carbondrivers.nep_models.radiation import PAR

NirvVariant: TypeAlias = Literal["ndvi", "offset"]
SanirvMethod: TypeAlias = Literal["offset", "rescaled", "ndvi_offset"]

NDVI = Quantity("ndvi", ("1",), -1.0, 1.0, "NDVI", strict=True)
# Atmospheric correction leaves dark cells a little below 0 and bright snow above 1.
NIR = Quantity("nir", ("1",), -0.1, 1.6, "Near-infrared reflectance", strict=True)
NIRV = Quantity("nirv", ("1",), -0.5, 0.8, "NIRv")
NIRVP = Quantity("nirvp", ("MJ m-2 d-1",), -5.0, 15.0, "NIRvP")
SANIRV = Quantity("sanirv", ("1",), 0.0, 0.8, "Soil-adjusted NIRv")
BACKGROUND = Quantity("soil_nirv", ("1",), -0.1, 0.3, "NIRv of the soil", strict=True)
PEAK = Quantity("peak_nirv", ("1",), -0.1, 0.8, "NIRv of the peak", strict=True)
SLOPE = Quantity("c", ("g C MJ-1",), 0.0, 50.0, "GPP per PAR and SANIRv", strict=True)
GPP = Quantity("gpp", (MONTHLY,), 0.0, 1000.0, "Gross primary productivity")


@declare(NIRV, ndvi=NDVI, nir=NIR)
def nirv(ndvi: Values, nir: Values, *, variant: NirvVariant = "ndvi") -> Values:
    """Return the near-infrared reflectance of vegetation.

    Parameters
    ----------
    ndvi
        NDVI, -1 to 1 (MODIS times 0.0001), any shape.
    nir
        Near-infrared reflectance, 0 to 1 (MODIS times 0.0001).
    variant
        ``"ndvi"`` for NDVI * NIR, or ``"offset"`` for (NDVI - 0.08) * NIR.

    Returns
    -------
    same kind as the inputs
        Without unit; negative where NDVI (less its offset) is, as on water; NaN where an input is NaN.

    Raises
    ------
    OptionError
        If `variant` is outside its list.
    DataError
        If an input is outside its physical range (a scale factor was left in) or grids differ.

    References
    ----------
    Badgley, G., Field, C. B., Berry, J. A. (2017), Science Advances 3, e1602244, doi:10.1126/sciadv.1602244.

    Examples
    --------
    >>> round(float(nirv(0.6, 0.3)), 6), round(float(nirv(0.6, 0.3, variant="offset")), 6)
    (0.18, 0.156)
    """
    return _product(ndvi, nir, variant)


def _product(ndvi: Values, nir: Values, variant: NirvVariant) -> Values:
    choose(variant, ("ndvi", "offset"), "variant")
    offset = parameters("productivity.nirv")["offset"]["value"] if variant == "offset" else 0.0
    return (ndvi - offset) * nir


@declare(NIRVP, nirv=NIRV, par=PAR)
def nirvp(nirv: Values, par: Values) -> Values:
    """Return NIRv times photosynthetically active radiation (MJ m-2 d-1).

    Examples
    --------
    >>> nirvp(0.2, 10.0)
    2.0
    """
    return nirv * par


@declare(SANIRV, ndvi=NDVI, nir=NIR, soil_nirv=BACKGROUND, peak_nirv=PEAK, soil_ndvi=NDVI)
def sanirv(
    ndvi: Values,
    nir: Values,
    *,
    method: SanirvMethod = "offset",
    soil_nirv: Values = np.nan,
    peak_nirv: Values = np.nan,
    soil_ndvi: Values = 0.08,
    variant: NirvVariant = "ndvi",
) -> Values:
    """Return soil-adjusted NIRv by one of three candidates; **the original formula is unverified**.

    Parameters
    ----------
    ndvi, nir
        NDVI and near-infrared reflectance as in ``nirv``.
    method
        ``"offset"``: NIRv - soil. ``"rescaled"``: (NIRv - soil) / (peak - soil) * peak, which keeps the peak's value.
        ``"ndvi_offset"``: (NDVI - soil NDVI) * NIR. All are 0, never negative, at or below the soil's value.
    soil_nirv
        NIRv of the cell's bare soil, needed by the first two: a low percentile (2nd to 5th) of the dormant season without
        snow, or the mean of barren cells, by the same `variant`.
    peak_nirv
        NIRv of the peak, needed by ``"rescaled"``: the 95th percentile of several years.
    soil_ndvi
        NDVI of bare soil, for ``"ndvi_offset"``.
    variant
        NIRv of the first two methods, as in ``nirv``.

    Returns
    -------
    same kind as the inputs
        Without unit; NaN where an input is NaN, and, rescaled, where the peak is not above the soil.

    Raises
    ------
    OptionError
        If an option is outside its list, or the method's soil or peak value is not given.
    DataError
        As in ``nirv``.

    References
    ----------
    Jiang, C. et al. (2021), Earth System Science Data 13, 281-298, doi:10.5194/essd-13-281-2021, read as an abstract.

    Examples
    --------
    >>> sanirv(np.array([0.6, 0.1]), np.array([0.3, 0.2]), soil_nirv=0.03).round(4)
    array([0.15, 0.  ])
    """
    choose(method, ("offset", "rescaled", "ndvi_offset"), "method")
    if method == "ndvi_offset":
        return np.maximum(ndvi - soil_ndvi, 0.0) * nir
    _need(soil_nirv, "soil_nirv", method)
    above = np.maximum(_product(ndvi, nir, variant) - soil_nirv, 0.0)
    if method == "offset":
        return above
    _need(peak_nirv, "peak_nirv", method)
    span = peak_nirv - soil_nirv
    return above / keep_where(span, span > 0) * peak_nirv


def _need(value: Values, name: str, method: str) -> None:
    if isinstance(value, float) and np.isnan(value):
        raise OptionError(f"method={method!r} needs {name}: give a number or an array on the grid of ndvi")


@declare(GPP, c=SLOPE, par=PAR, sanirv=SANIRV)
def gpp_from_sanirv(c: Values, par: Values, sanirv: Values, days: Values) -> Values:
    """Return gross primary productivity of a month, c * PAR * SANIRv * days.

    Parameters
    ----------
    c
        Calibrated slope, g C MJ-1, one number or one per cell.
    par
        Monthly mean of photosynthetically active radiation, MJ m-2 d-1 (not solar radiation, not W m-2).
    sanirv
        Soil-adjusted NIRv of the month, or the NIRv that `c` was calibrated with.
    days
        True days of the month, 28 to 31, a number or an array that broadcasts (``days_of_months``).

    Returns
    -------
    same kind as the inputs
        g C m-2 month-1; NaN where an input is NaN. Sum twelve months for a year (``annual_sum``).

    Raises
    ------
    DataError
        If an input carries another unit or implausible values, or `days` are not those of a month.

    Warns
    -----
    DataWarning
        If a result lies outside 0 to 1000 g C m-2 month-1.

    Examples
    --------
    >>> round(gpp_from_sanirv(2.71, 10.0, 0.2, 30), 6)
    162.6
    """
    return c * par * sanirv * check_days(days)
