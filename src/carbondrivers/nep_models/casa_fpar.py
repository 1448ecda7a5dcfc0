"""The light that CASA's vegetation absorbs: FPAR from NDVI and the simple ratio, limits by class, clumping.

``FPAR_NDVI = (NDVI - NDVImin)/(NDVImax - NDVImin) (0.95 - 0.001) + 0.001``, the same in ``SR = (1 + NDVI)/(1 - NDVI)``
with limits derived from those of NDVI, and ``FPAR`` their mean (Zhu et al. 2006, 2007, read through its users); each
kept in 0.001 to 0.95. Clumping: ``FPAR' = FPAR CI/CI_ref`` (improved CASA of China), at most 0.95. Constants and status:
``parameters/casa.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.nep_models.apply import Quantity, Values, check_aligned, declare
from carbondrivers.nep_models.casa_stress import NDVI, constants, positive
from carbondrivers.nep_models.classes import Vegetation, class_values, look_up
from carbondrivers.nep_models.elementwise import in_lazy_blocks, is_lazy

Index = Literal["both", "ndvi", "sr"]
Scheme = Literal["I", "II"]
EpsTable = Literal["zhu", "improved"]

LIMIT = Quantity("ndvi_limit", ("1",), -1.0, 0.999, "Limit of NDVI", strict=True)
FPAR = Quantity("fpar", ("1",), 0.0, 0.95 + 1e-9, "Absorbed share of PAR")
ABSORBED = Quantity("fpar", ("1",), 0.0, 1.0, "Absorbed share of PAR", strict=True)
CLUMPING = Quantity("clumping_index", ("1",), 0.0, 1.0, "Clumping index", strict=True)


@declare(FPAR, ndvi=NDVI, ndvi_min=LIMIT, ndvi_max=LIMIT)
def casa_fpar(ndvi: Values, ndvi_min: Values, ndvi_max: Values, *, index: Index = "both") -> Values:
    """Return the share of PAR that is absorbed.

    Parameters
    ----------
    ndvi
        -1 to 1, any shape.
    ndvi_min, ndvi_max
        Limits of the pixel's class (``ndvi_limits``, ``ndvi_max_of``), of a shape that broadcasts.
    index
        ``"both"`` (the mean), ``"ndvi"`` or ``"sr"``.

    Returns
    -------
    same kind as the inputs
        0.001 at and below `ndvi_min`, 0.95 at and above `ndvi_max`; NaN where an input is NaN.

    Raises
    ------
    OptionError
        If `index` is another word.
    DataError
        If `ndvi_min` is not below `ndvi_max` (lazy limits: when computed), or NDVI lies outside -1 to 1 (a scale factor).

    Examples
    --------
    >>> casa_fpar(np.array([-0.1, 0.5, 0.9]), 0.023, 0.634).round(4)
    array([0.001 , 0.6426, 0.95  ])
    """
    choose(index, ("both", "ndvi", "sr"), "index")
    return fpar_of(ndvi, ndvi_min, check_limits(ndvi_min, ndvi_max), index)


def fpar_of(ndvi: Values, ndvi_min: Values, ndvi_max: Values, index: str = "both") -> Values:
    """Return FPAR of any kind of values, unchecked."""
    c = constants("fpar")
    # NDVI kept in its limits keeps both ratios in theirs (both grow with NDVI), and SR away from infinity.
    kept = np.minimum(np.maximum(ndvi, ndvi_min), ndvi_max)
    share = (kept - ndvi_min) / positive(ndvi_max - ndvi_min)
    if index != "ndvi":
        # (SR - SRmin)/(SRmax - SRmin), the ratios written out in NDVI.
        ratio = share * ((1.0 - ndvi_max) / (1.0 - kept))
        share = ratio if index == "sr" else 0.5 * (share + ratio)
    return share * (c["high"] - c["low"]) + c["low"]


def ndvi_limits(
    ndvi: Values, vegetation: Vegetation, *, low: float = 5.0, high: float = 95.0
) -> dict[str, tuple[float, float]]:
    """Return percentiles of NDVI within each class, over all its pixels and months.

    Parameters
    ----------
    ndvi
        -1 to 1; a lazy array is computed.
    vegetation
        Names of classes, of the shape of `ndvi` or of its last dimensions; ``""`` means no class. Labelled arrays are
        matched by dimension.
    low, high
        Percentiles, %.

    Returns
    -------
    dict
        (NDVImin, NDVImax) by class, in the order of the names; classes without NDVI are left out.

    Raises
    ------
    OptionError
        If the percentiles are not in order within 0 to 100.
    DataError
        If the two do not match in shape, or a class has the same value at both percentiles.

    Examples
    --------
    >>> ndvi_limits(np.arange(101) / 128, np.full(101, "grassland"))
    {'grassland': (0.0390625, 0.7421875)}
    """
    if not 0.0 <= low < high <= 100.0:
        raise OptionError(f"low and high must be percentiles in order within 0 to 100, got {low!r} and {high!r}")
    values, names = _matched(ndvi, vegetation)
    limits: dict[str, tuple[float, float]] = {}
    for name in np.unique(names[names != ""]):
        inside = values[(names == name) & ~np.isnan(values)]
        if not inside.size:
            continue
        lower, upper = (float(v) for v in np.percentile(inside, [low, high]))
        if lower == upper:
            raise DataError(f"NDVI of class {str(name)!r} is {lower:g} at both percentiles: give its limits yourself")
        limits[str(name)] = (lower, upper)
    return limits


def spread_limits(limits: Mapping[str, tuple[float, float]], vegetation: Vegetation) -> tuple[Values, Values]:
    """Return NDVImin and NDVImax of each pixel from the limits of its class.

    Examples
    --------
    >>> spread_limits({"grassland": (0.04, 0.76)}, "grassland")
    (0.04, 0.76)
    """
    lower, upper = (look_up({k: v[i] for k, v in limits.items()}, vegetation, "ndvi_limits") for i in (0, 1))
    return lower, upper


def eps_max(vegetation: Vegetation, *, table: EpsTable = "improved") -> Values:
    """Return the largest light use efficiency of each class, g C MJ-1.

    Parameters
    ----------
    vegetation
        A class, or an array of names (``evergreen_needleleaf`` ... ``cropland``, ``other``).
    table
        ``"improved"`` (CASA of China, 2010) or ``"zhu"`` (Zhu et al. 2006).

    Raises
    ------
    OptionError
        If the table or a class is not known.

    Examples
    --------
    >>> eps_max("mixed_forest"), eps_max("mixed_forest", table="zhu")
    (0.768, 0.475)
    """
    choose(table, ("zhu", "improved"), "table")
    return class_values(f"casa.eps_max_{table}", vegetation)


def ndvi_max_of(vegetation: Vegetation) -> Values:
    """Return the published NDVImax of each class, for SPOT and AVHRR (with MODIS use ``ndvi_limits``); NDVImin is 0.023.

    Examples
    --------
    >>> ndvi_max_of("grassland")
    0.634
    """
    return class_values("casa.ndvi_max", vegetation)


def clumping_reference(clumping: Values, vegetation: Vegetation, *, scheme: Scheme = "II", months: bool = True) -> Values:
    """Return the clumping index at which FPAR stays as it is.

    Parameters
    ----------
    clumping
        Clumping index, 0 to 1. Labelled: months, if any, on ``time``; otherwise on the first axis.
    vegetation
        Names of classes of the pixels, of the shape of one month.
    scheme
        ``"II"``: mean over the pixels of the class in the same month, so that the class means of NPP stay. ``"I"``: a
        constant per class; the values are those of the BEPS code, the table of He et al. (2012) was not found.
    months
        Whether an unlabelled array has months on its first axis; a Series never has.

    Returns
    -------
    same kind as `clumping`
        With scheme ``"I"`` as `vegetation`; NaN outside the classes.

    Raises
    ------
    OptionError
        If the scheme, or in scheme I a class, is not known.
    DataError
        If shapes do not match.

    Examples
    --------
    >>> clumping_reference(np.array([[0.6, 0.8, 0.9]]), np.array(["shrubland", "shrubland", "other"]))
    array([[0.7, 0.7, 0.9]])
    """
    choose(scheme, ("I", "II"), "scheme")
    if scheme == "I":
        return class_values("casa.clumping_reference", vegetation)
    if hasattr(clumping, "dims"):
        check_aligned({"clumping": clumping, "vegetation": vegetation})
        space = [d for d in clumping.dims if d != "time"]
        means = [(name, clumping.where(vegetation == name).mean(space)) for name in _names(vegetation)]
        return sum((mean.fillna(0.0) * (vegetation == name) for name, mean in means), clumping * 0.0).where(vegetation != "")
    timed = months and not hasattr(clumping, "iloc") and getattr(clumping, "ndim", 1) > 1
    return _class_means(clumping, np.asarray(vegetation), timed)


@declare(FPAR, fpar=ABSORBED, clumping=CLUMPING, reference=CLUMPING)
def clumped_fpar(fpar: Values, clumping: Values, reference: Values) -> Values:
    """Return FPAR CI/CI_ref, at most 0.95.

    Parameters
    ----------
    fpar, clumping, reference
        FPAR, clumping index and that of ``clumping_reference``, of shapes that broadcast.

    Returns
    -------
    same kind as the inputs
        NaN where an input is NaN, or the reference 0.

    Examples
    --------
    >>> clumped_fpar(np.array([0.4, 0.9]), np.array([0.6, 0.8]), 0.7).round(4)
    array([0.3429, 0.95  ])
    """
    return np.minimum(fpar * clumping / positive(reference), constants("fpar")["high"])


def check_limits(ndvi_min: Values, ndvi_max: Values) -> Values:
    """Return the upper limits of NDVI, and refuse those not above the lower ones; of lazy limits while they are computed."""
    if is_lazy(ndvi_min) or is_lazy(ndvi_max):
        return in_lazy_blocks(lambda most, least: np.broadcast_arrays(_upper(most, least), least)[0], ndvi_max, ndvi_min)
    return _upper(ndvi_max, ndvi_min)


def _upper(ndvi_max: Values, ndvi_min: Values) -> Values:
    if bool(np.any(np.asarray(ndvi_min >= ndvi_max))):
        raise DataError("ndvi_min must be below ndvi_max in every pixel: look at the percentiles of its class")
    return ndvi_max


def _names(vegetation: Vegetation) -> list[str]:
    return [str(n) for n in np.unique(np.asarray(vegetation).astype(str)) if n]


def _matched(ndvi: Values, vegetation: Vegetation) -> tuple[Any, Any]:
    """Return values and names as arrays of one shape."""
    if hasattr(ndvi, "dims") and hasattr(vegetation, "dims"):
        check_aligned({"ndvi": ndvi, "vegetation": vegetation})
        vegetation = vegetation.broadcast_like(ndvi).transpose(*ndvi.dims)
    values, names = np.asarray(ndvi, dtype=np.float64), np.asarray(vegetation).astype(str)
    try:
        return values, np.broadcast_to(names, values.shape)
    except ValueError as error:
        raise DataError(f"classes of shape {names.shape} do not fit NDVI of shape {values.shape}: give one grid") from error


def _class_means(clumping: Values, names: Any, timed: bool) -> Values:
    values = np.asarray(clumping, dtype=np.float64)
    months = values if timed else values[None]
    if months.shape[1:] != names.shape:
        raise DataError(f"classes of shape {names.shape} do not fit a month of shape {months.shape[1:]}: give one grid")
    found = np.full(months.shape, np.nan)
    for name in _names(names):
        inside = months[:, names == name]
        present = ~np.isnan(inside)
        mean = np.where(present, inside, 0.0).sum(axis=1) / np.where(present.any(axis=1), present.sum(axis=1), np.nan)
        found[:, names == name] = np.where(present, mean[:, None], np.nan)
    found = found if timed else found[0]
    return type(clumping)(found, index=clumping.index) if hasattr(clumping, "iloc") else found
