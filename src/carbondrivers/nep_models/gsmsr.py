"""Monthly soil respiration of the GSMSR model (Yu et al. 2010), and its heterotrophic part by a quadratic (Shi).

``Rs = (R0 + M SOCD) * exp(ln(alpha exp(beta T)) T / 10) * (P + P0) / (P + K)``, g C m-2 d-1, times the days of the month;
P, P0 and K in cm month-1 (made from mm inside), SOCD kg C m-2 of 0-20 cm. Q10 = alpha exp(beta T) falls with
temperature only if beta < 0. ``Rh = -0.0009 Rs^2 + 0.6011 Rs + 4.8874``, both g C m-2 month-1; its vertex at
Rs = 333.9 is where it is held, and below Rs = 11.93 it exceeds Rs, so Rh is capped there.

One secondary source prints beta = +0.006 and M = 0.188. Over twenty climate normals of China this gives 1.1 to 1.9
times its own regional heterotrophic respiration, beta = -0.006 and M = 0.118 give 0.9 to 1.2 times; so the print runs
only as ``variant="as_published"``. The original was read as an abstract. Constants: ``parameters/soil_respiration.toml``.
"""

from __future__ import annotations

import warnings
from typing import Literal, TypeAlias

import numpy as np

from carbondrivers.errors import ImplausibleConstantWarning, choose
from carbondrivers.nep_models.apply import MONTHLY, Quantity, Values, declare, flag, parameters
from carbondrivers.nep_models.classes import class_values
from carbondrivers.nep_models.conversions import check_days
from carbondrivers.nep_models.elementwise import not_negative, warn_of_metres
from carbondrivers.nep_models.soil_respiration import PRECIPITATION, TEMPERATURE
from carbondrivers.nep_models.soil_respiration_annual import SOIL_CARBON, at_most_rs

Variant: TypeAlias = Literal["corrected", "as_published"]

RS = Quantity("soil_respiration", (MONTHLY,), 0.0, 800.0, "Soil respiration")
RH = Quantity("heterotrophic_respiration", (MONTHLY,), 0.0, 500.0, "Heterotrophic respiration")
MM_PER_CM = 10.0


@declare(RS, temperature=TEMPERATURE, precipitation=PRECIPITATION, soil_carbon=SOIL_CARBON)
def rs_gsmsr_monthly(
    temperature: Values,
    precipitation: Values,
    soil_carbon: Values,
    *,
    variant: Variant = "corrected",
    days: Values = 30,
) -> Values:
    """Return soil respiration of a month.

    Parameters
    ----------
    temperature
        Monthly mean, degC, any shape.
    precipitation
        Monthly total, mm month-1 (not cm: they are made inside).
    soil_carbon
        Soil organic carbon of 0-20 cm, kg C m-2 (``soil_carbon_by_class``, or your own).
    variant
        ``"corrected"`` or ``"as_published"`` (M = 0.188 and beta = +0.006, as one secondary source prints).
    days
        Days of the month: 30, or the true days as an array that broadcasts.

    Returns
    -------
    same kind as the inputs
        g C m-2 month-1; NaN where an input is NaN.

    Raises
    ------
    OptionError
        If `variant` is outside its list.
    DataError
        If an input carries another unit or implausible values, or `days` are not those of a month.

    Warns
    -----
    ImplausibleConstantWarning
        With ``variant="as_published"``.
    DataWarning
        If a result lies above 800 g C m-2 month-1, or no month of a year has 1 mm of rain (metres?).

    References
    ----------
    Yu et al. (2010), the GSMSR model of soil respiration in China; read as an abstract.

    Examples
    --------
    >>> round(float(rs_gsmsr_monthly(20.0, 100.0, 3.77)), 6)
    67.628944
    """
    choose(variant, ("corrected", "as_published"), "variant")
    days = check_days(days)
    warn_of_metres(precipitation)
    table = parameters("soil_respiration.gsmsr")
    key = "value" if variant == "corrected" else "printed"
    m, beta = table["m"][key], table["beta"][key]
    r0, alpha, p0, k = (table[name]["value"] for name in ("r0", "alpha", "p0", "k"))
    # P, P0 and K in mm: the ratio is that of centimetres.
    wetness = (precipitation + p0 * MM_PER_CM) / (precipitation + k * MM_PER_CM)
    warmth = np.exp((np.log(alpha) / 10.0 + beta / 10.0 * temperature) * temperature)
    rs = warmth * wetness * ((r0 + m * soil_carbon) * days)
    return rs if variant == "corrected" else _warned(rs)


def _warned(rs: Values) -> Values:
    warnings.warn(
        "the printed GSMSR constants (M = 0.188, beta = +0.006) let Q10 rise with temperature and give up to 1.9 times "
        "the respiration reported with them: use variant='corrected' unless you repeat a published number",
        ImplausibleConstantWarning,
        stacklevel=4,
    )
    return flag(rs, "rs_gsmsr_monthly: variant='as_published' is implausibly high")


@declare(RH, rs=RS)
def rh_shi_monthly(rs: Values, *, cap_at_rs: bool = True) -> Values:
    """Return heterotrophic respiration of a month from soil respiration.

    Parameters
    ----------
    rs
        Soil respiration, g C m-2 month-1. Above the vertex of the quadratic, 333.9, Rh stays at 105.25.
    cap_at_rs
        Whether Rh is at most Rs. The quadratic exceeds it below 11.93 g C m-2 month-1; ``shi_is_capped`` says where.

    Returns
    -------
    same kind as `rs`
        g C m-2 month-1, a labelled array with the cap named in ``nep_flags``; NaN where `rs` is NaN or negative.

    Raises
    ------
    DataError
        If `rs` carries another unit or its mean is outside 0 to 800 g C m-2 month-1.

    Warns
    -----
    DataWarning
        If, without the cap, Rh exceeds Rs somewhere.

    References
    ----------
    Shi, the quadratic between monthly soil and heterotrophic respiration, as secondary sources print it.

    Examples
    --------
    >>> rh_shi_monthly(np.array([67.62894391581142, 5.0, 400.0])).round(4)
    array([ 41.4229,   5.    , 105.2544])
    """
    a, b, c = _quadratic()
    soil = not_negative(rs)
    held = np.minimum(soil, -b / (2.0 * a))
    return at_most_rs((a * held + b) * held + c, soil, cap_at_rs, "rh_shi_monthly")


@declare(Quantity("rh_is_capped", ("1",), 0.0, 1.0, "Rh capped at Rs"), rs=RS)
def shi_is_capped(rs: Values) -> Values:
    """Return where Shi's quadratic exceeds soil respiration (g C m-2 month-1), so that ``rh_shi_monthly`` caps it.

    Examples
    --------
    >>> shi_is_capped(np.array([67.6, 11.9, 0.0])).tolist()
    [False, True, True]
    """
    a, b, c = _quadratic()
    limit = (1.0 - b - np.sqrt((1.0 - b) ** 2 - 4.0 * a * c)) / (2.0 * a)
    return (rs >= 0) & (rs < limit)


def _quadratic() -> tuple[float, float, float]:
    table = parameters("soil_respiration.shi")
    return table["a"]["value"], table["b"]["value"], table["c"]["value"]


def soil_carbon_by_class(land_cover: Values) -> Values:
    """Return the mean soil organic carbon of 0-20 cm by land cover, kg C m-2, for ``rs_gsmsr_monthly``.

    Parameters
    ----------
    land_cover
        ``"broadleaf"``, ``"coniferous"``, ``"mixed"``, ``"shrub"``, ``"cropland"`` or ``"grassland"``, one name or an
        array of names. No value is published for barren land: give your own (1 kg C m-2 or less is likely).

    Raises
    ------
    OptionError
        If a land cover is not in the table (of a lazy array: when it is computed).

    Examples
    --------
    >>> soil_carbon_by_class("grassland")
    1.82
    """
    found = class_values("soil_respiration.soil_carbon", land_cover)
    if hasattr(found, "dims"):
        found.attrs = {"units": "kg C m-2", "long_name": SOIL_CARBON.long_name}
    return found
