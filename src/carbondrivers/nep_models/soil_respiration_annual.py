"""Annual soil respiration of Chen et al. (2010) by land cover, and its heterotrophic part after Xie et al. (2014).

``Rs = R0 exp(Q T) * P / (P + K) * SOC / (SOC + Psi)`` (the form of Raich) with P and K in metres and Rs in kg C m-2 a-1;
``Rh = 0.6163 Rs^0.7918`` with both in kg C m-2 a-1. The doors take millimetres and give grams: P in mm beside K in m
saturates the rain term (5747 instead of 271 g C m-2 a-1 for a dry grassland), and grams in the power law give a
heterotrophic share of 17 %. R0 is respiration at 0 degC without limits by rain and carbon. Below Rs = 97.8 g the power
law exceeds Rs, so Rh is capped there. Both originals were read as abstracts; constants, their standard errors and
status are in ``parameters/soil_respiration.toml``.
"""

from __future__ import annotations

import warnings

import numpy as np

from carbondrivers.errors import DataWarning
from carbondrivers.nep_models.apply import YEARLY, Quantity, Values, check_aligned, declare, flag, parameters
from carbondrivers.nep_models.classes import class_values
from carbondrivers.nep_models.elementwise import count_true, is_lazy, not_negative, warn_if_below

TEMPERATURE = Quantity("temperature", ("degC",), -50.0, 45.0, "Annual mean temperature", strict=True)
PRECIPITATION = Quantity("precipitation", ("mm a-1", "mm"), 0.0, 13000.0, "Annual precipitation", strict=True)
SOIL_CARBON = Quantity("soil_carbon", ("kg C m-2", "kg m-2"), 0.0, 100.0, "Soil organic carbon, 0-20 cm", strict=True)
RS = Quantity("soil_respiration", (YEARLY,), 0.0, 3000.0, "Soil respiration")
RH = Quantity("heterotrophic_respiration", (YEARLY,), 0.0, 3000.0, "Heterotrophic respiration")
MM_PER_M = 1000.0
G_PER_KG = 1000.0


@declare(RS, temperature=TEMPERATURE, precipitation=PRECIPITATION, soil_carbon=SOIL_CARBON)
def rs_chen_annual(temperature: Values, precipitation: Values, soil_carbon: Values, land_cover: Values) -> Values:
    """Return soil respiration of a year by land cover.

    Parameters
    ----------
    temperature
        Annual mean, degC, any shape.
    precipitation
        Annual total, mm a-1 (not metres: they are made inside).
    soil_carbon
        Soil organic carbon of 0-20 cm, kg C m-2.
    land_cover
        ``"cropland"``, ``"grassland"``, ``"forest"``, ``"barren"`` or ``"other"`` (the last two by the global fit), one
        name or an array of names that broadcasts; empty or NaN where there is none.

    Returns
    -------
    same kind as the inputs
        g C m-2 a-1; NaN where an input is NaN or there is no land cover.

    Raises
    ------
    OptionError
        If a land cover is not in the list (of a lazy array: when it is computed).
    DataError
        If an input carries another unit or implausible values, or grids differ.

    Warns
    -----
    DataWarning
        If precipitation is nowhere above 5 mm (metres?), or a result above 3000 g C m-2 a-1.

    References
    ----------
    Chen et al. (2010), annual soil respiration from climate and soil carbon; read as an abstract.

    Examples
    --------
    >>> round(float(rs_chen_annual(8.0, 250.0, 3.0, "grassland")), 6)
    229.335919
    """
    warn_if_below(precipitation, "precipitation", 5.0, "it looks like metres; mm a-1 are needed")
    r0, q, k, psi = (class_values(f"soil_respiration.chen_{name}", land_cover) for name in ("r0", "q", "k", "psi"))
    check_aligned({"temperature": temperature, "precipitation": precipitation, "soil_carbon": soil_carbon, "land_cover": r0})
    rain, carbon = not_negative(precipitation) / MM_PER_M, not_negative(soil_carbon)
    return r0 * np.exp(q * temperature) * (rain / (rain + k)) * (carbon / (carbon + psi)) * G_PER_KG


@declare(RH, rs=RS)
def rh_xie_annual(rs: Values, *, cap_at_rs: bool = True) -> Values:
    """Return heterotrophic respiration of a year from soil respiration.

    Parameters
    ----------
    rs
        Soil respiration, g C m-2 a-1 (kilograms are made inside).
    cap_at_rs
        Whether Rh is at most Rs. The power law exceeds it below 97.8 g C m-2 a-1; ``xie_is_capped`` says where.

    Returns
    -------
    same kind as `rs`
        g C m-2 a-1, a labelled array with the cap named in ``nep_flags``; NaN where `rs` is NaN or negative.

    Raises
    ------
    DataError
        If `rs` carries another unit or its mean is outside 0 to 3000 g C m-2 a-1.

    Warns
    -----
    DataWarning
        If `rs` is nowhere above 5 g (kilograms?), or if, without the cap, Rh exceeds Rs somewhere.

    References
    ----------
    Xie et al. (2014), heterotrophic from annual soil respiration; read as an abstract.

    Examples
    --------
    >>> rh_xie_annual(np.array([500.0, 50.0])).round(2)
    array([355.99,  50.  ])
    """
    warn_if_below(rs, "rs", 5.0, "it looks like kilograms; g C m-2 a-1 are needed")
    table = parameters("soil_respiration.xie")
    soil = not_negative(rs)
    relation = table["a"]["value"] * (soil / G_PER_KG) ** table["b"]["value"] * G_PER_KG
    return at_most_rs(relation, soil, cap_at_rs, "rh_xie_annual")


@declare(Quantity("rh_is_capped", ("1",), 0.0, 1.0, "Rh capped at Rs"), rs=RS)
def xie_is_capped(rs: Values) -> Values:
    """Return where Xie's power law exceeds soil respiration (g C m-2 a-1), so that ``rh_xie_annual`` caps it.

    Examples
    --------
    >>> xie_is_capped(np.array([500.0, 97.0, 0.0])).tolist()
    [False, True, False]
    """
    table = parameters("soil_respiration.xie")
    limit = table["a"]["value"] ** (1.0 / (1.0 - table["b"]["value"])) * G_PER_KG
    return (rs > 0) & (rs < limit)


def at_most_rs(relation: Values, rs: Values, cap_at_rs: bool, name: str) -> Values:
    """Cap a relation for Rh at Rs, or warn where it exceeds Rs; a labelled result says which.

    Examples
    --------
    >>> at_most_rs(np.array([5.0, 8.0]), np.array([4.0, 9.0]), True, "rh")
    array([4., 8.])
    """
    if cap_at_rs and not hasattr(relation, "attrs"):
        return np.minimum(relation, rs)
    count = count_true(relation > rs)
    where = "where the relation exceeds Rs" if is_lazy(relation) else f"in {count} cells"
    if cap_at_rs:
        capped = np.minimum(relation, rs)
        return flag(capped, f"{name}: Rh capped at Rs {where}") if count or is_lazy(relation) else capped
    if count:
        text = f"{name}: Rh exceeds Rs in {count} cells: use cap_at_rs=True unless you repeat a published number"
        warnings.warn(text, DataWarning, stacklevel=4)
    return flag(relation, f"{name}: cap_at_rs=False, Rh exceeds Rs {where}") if count or is_lazy(relation) else relation
