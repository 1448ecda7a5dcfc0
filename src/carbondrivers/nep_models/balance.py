"""The identities of the carbon balance, their signs, a check that they close, and sums of months.

NEE is positive when carbon goes to the atmosphere; NEP = -NEE. GPP = NEP + ER = ER - NEE, NPP = GPP - Ra,
NEP = GPP - Ra - Rh = NPP - Rh. Fluxes are g C m-2 per year, month or day; all arguments of one call have one period.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np

from carbondrivers.errors import DataError, DataWarning, OptionError, choose
from carbondrivers.nep_models.apply import CARBON_FLUX, Quantity, Values, canonical_unit, declare
from carbondrivers.nep_models.elementwise import count_true, in_lazy_blocks, is_lazy, keep_where
from carbondrivers.provenance import history_line

Action: TypeAlias = Literal["warn", "raise"]

# A month or a day cannot exceed the bounds of a year, so one range serves the three periods.
NEP = Quantity("nep", CARBON_FLUX, -1500.0, 2000.0, "Net ecosystem productivity")
NEE = Quantity("nee", CARBON_FLUX, -2000.0, 1500.0, "Net ecosystem exchange")
NPP = Quantity("npp", CARBON_FLUX, 0.0, 2500.0, "Net primary productivity")
GPP = Quantity("gpp", CARBON_FLUX, 0.0, 4500.0, "Gross primary productivity")
RA = Quantity("autotrophic_respiration", CARBON_FLUX, 0.0, 4500.0, "Autotrophic respiration")
RH = Quantity("heterotrophic_respiration", CARBON_FLUX, 0.0, 3000.0, "Heterotrophic respiration")
ER = Quantity("ecosystem_respiration", CARBON_FLUX, 0.0, 4500.0, "Ecosystem respiration")
RS = Quantity("soil_respiration", CARBON_FLUX, 0.0, 3000.0, "Soil respiration")
CUE = Quantity("carbon_use_efficiency", ("1",), 0.2, 0.8, "Carbon use efficiency NPP/GPP")
RH_SHARE = Quantity("heterotrophic_share", ("1",), 0.0, 1.0, "Heterotrophic share of soil respiration")
IMBALANCE = Quantity("imbalance", CARBON_FLUX, long_name="Imbalance GPP - ER - NEP")


@declare(NEP, npp=NPP, rh=RH)
def nep_from_npp(npp: Values, rh: Values) -> Values:
    """Return NEP = NPP - Rh.

    Parameters
    ----------
    npp, rh
        Net primary productivity and heterotrophic respiration, g C m-2 per year, month or day, any shape.

    Returns
    -------
    same kind as the inputs
        Positive for a sink; NaN where an input is NaN.

    Raises
    ------
    DataError
        If units differ or are not carbon fluxes, grids differ, or the mean of an input is implausible.

    Warns
    -----
    DataWarning
        If a value of an input or of the result lies outside its plausible range.

    Examples
    --------
    >>> nep_from_npp(350.0, 187.0)
    163.0
    """
    return npp - rh


@declare(NEP, gpp=GPP, ra=RA, rh=RH)
def nep_from_gpp(gpp: Values, ra: Values, rh: Values) -> Values:
    """Return NEP = GPP - Ra - Rh (arguments, errors and warnings as in ``nep_from_npp``).

    Examples
    --------
    >>> nep_from_gpp(900.0, 450.0, 300.0)
    150.0
    """
    return gpp - ra - rh


@declare(NEP, nee=NEE)
def nep_from_nee(nee: Values) -> Values:
    """Return NEP = -NEE; NEE is positive when the ecosystem releases carbon.

    Examples
    --------
    >>> nep_from_nee(-275.0)
    275.0
    """
    return -nee


@declare(GPP, nee=NEE, er=ER)
def gpp_from_nee(nee: Values, er: Values) -> Values:
    """Return GPP = ER - NEE (arguments, errors and warnings as in ``nep_from_npp``).

    Examples
    --------
    >>> gpp_from_nee(-275.0, 1100.0)
    1375.0
    """
    return er - nee


@declare(NPP, gpp=GPP, ra=RA)
def npp_from_gpp(gpp: Values, ra: Values) -> Values:
    """Return NPP = GPP - Ra (arguments, errors and warnings as in ``nep_from_npp``).

    Examples
    --------
    >>> npp_from_gpp(900.0, 450.0)
    450.0
    """
    return gpp - ra


@declare(ER, ra=RA, rh=RH)
def er_from_respiration(ra: Values, rh: Values) -> Values:
    """Return ER = Ra + Rh (arguments, errors and warnings as in ``nep_from_npp``).

    Examples
    --------
    >>> er_from_respiration(450.0, 300.0)
    750.0
    """
    return ra + rh


@declare(CUE, npp=NPP, gpp=GPP)
def carbon_use_efficiency(npp: Values, gpp: Values) -> Values:
    """Return NPP / GPP; NaN where GPP is not positive, a warning outside 0.2 to 0.8.

    Examples
    --------
    >>> float(carbon_use_efficiency(450.0, 900.0))
    0.5
    """
    return npp / keep_where(gpp, gpp > 0)


@declare(RH_SHARE, rh=RH, rs=RS)
def heterotrophic_share(rh: Values, rs: Values) -> Values:
    """Return Rh / Rs; NaN where Rs is not positive, a warning above 1 (soil respiration contains Rh).

    Examples
    --------
    >>> float(heterotrophic_share(300.0, 500.0))
    0.6
    """
    return rh / keep_where(rs, rs > 0)


@declare(IMBALANCE, gpp=GPP, er=ER, nep=NEP)
def check_identity(gpp: Values, er: Values, nep: Values, tolerance: float = 0.05, *, action: Action = "warn") -> Values:
    """Return the imbalance GPP - ER - NEP, and say where it exceeds a share of GPP.

    Partitioned tower products and medians per variable close only roughly, so a tolerance is needed.

    Parameters
    ----------
    gpp, er, nep
        g C m-2 per year, month or day, one period; any shape that broadcasts.
    tolerance
        Largest imbalance as a share of GPP, in [0, 1).
    action
        ``"warn"`` or ``"raise"`` where it is exceeded. Values of a lazy array are refused while it is computed, and not
        warned of.

    Returns
    -------
    same kind as the inputs
        g C m-2 per the period; NaN where an input is NaN.

    Raises
    ------
    OptionError
        If `tolerance` or `action` is outside its range or list.
    DataError
        If most values close only with the opposite sign of `nep` (it is NEE), with ``action="raise"`` if any value
        exceeds the tolerance, or as in ``nep_from_npp``.

    Warns
    -----
    DataWarning
        If a value exceeds the tolerance.

    Examples
    --------
    >>> check_identity(1375.0, 1100.0, 270.0)
    5.0
    """
    choose(action, ("warn", "raise"), "action")
    if not 0.0 <= tolerance < 1.0:
        raise OptionError(f"tolerance must be in [0, 1), a share of GPP, got {tolerance!r}")
    imbalance = gpp - er - nep
    # Rounding of the terms themselves is no imbalance, even with a tolerance of 0.
    allowed = tolerance * abs(gpp) + 1e-9 * (abs(gpp) + abs(er) + abs(nep))
    reversed_sign = abs(gpp - er + nep) <= allowed
    if not is_lazy(imbalance):
        return _judged(imbalance, allowed, reversed_sign, tolerance, action)
    if action == "warn":
        return imbalance
    return in_lazy_blocks(partial(_judged, tolerance=tolerance, action=action), imbalance, allowed, reversed_sign)


def _judged(imbalance: Values, allowed: Values, reversed_sign: Values, tolerance: float, action: Action) -> Values:
    _report_imbalance(imbalance, abs(imbalance) > allowed, reversed_sign, tolerance, action)
    return imbalance


def _report_imbalance(imbalance: Values, failing: Values, closes_reversed: Values, tolerance: float, action: Action) -> None:
    count, cells = count_true(failing), int(np.size(imbalance))
    if not count:
        return
    if count >= 0.5 * cells and count_true(failing & closes_reversed) == count:
        raise DataError("nep closes the balance only with the opposite sign: it is NEE, so give nep_from_nee(nee)")
    largest = float(np.nanmax(np.abs(np.asarray(imbalance))))
    text = (
        f"GPP - ER - NEP exceeds {tolerance:g} of GPP in {count} of {cells} values (largest {largest:g} g C m-2): look "
        "for another period, another partitioning or medians taken per variable"
    )
    if action == "raise":
        raise DataError(text)
    warnings.warn(text, DataWarning, stacklevel=4)


def annual_sum(monthly: Values, *, axis: int = 0) -> Values:
    """Sum months to years; a year with a missing month is missing, never filled.

    Parameters
    ----------
    monthly
        Totals of months. A labelled array has a ``time`` dimension of month starts, complete years only; any other
        array has 12 months on `axis`.
    axis
        The axis of months of an unlabelled array.

    Returns
    -------
    xarray.DataArray or numpy.ndarray
        Labelled: ``year`` in place of ``time``, unit per year (``... a-1``), lazy if the input is. Unlabelled: `axis`
        is summed away.

    Raises
    ------
    DataError
        If a year is incomplete or a month doubled, if `axis` does not hold 12 months, or if the unit is not per month.

    Examples
    --------
    >>> float(annual_sum(np.full(12, 10.0)))
    120.0
    """
    if hasattr(monthly, "dims") and hasattr(monthly, "attrs"):
        return _sum_labelled(monthly)
    values = monthly if is_lazy(monthly) else _numbers(monthly)
    if not -values.ndim <= axis < values.ndim or values.shape[axis] != 12:
        raise DataError(f"axis {axis} must hold 12 months, got an array of shape {values.shape}: name another axis")
    return values.sum(axis=axis)


def _numbers(monthly: Any) -> Any:
    values = np.asarray(monthly)
    if values.dtype.kind not in "fiu":
        raise DataError(f"months must be numbers, got an array of kind {values.dtype.kind!r}: convert it first")
    return values.astype(np.float64)


def _sum_labelled(monthly: Any) -> Any:
    if "time" not in monthly.dims or monthly["time"].dtype.kind != "M":
        raise DataError("months need a dimension 'time' of dates: name the first day of each month")
    unit = canonical_unit(str(monthly.attrs.get("units", "")))
    # Equations take mm as the total of their period.
    unit = "mm month-1" if unit == "mm" else unit
    if unit and not unit.endswith("month-1"):
        raise DataError(f"only totals per month can be summed to years, got {unit!r}: multiply by the days of the month")
    ordered = monthly.sortby("time")
    years, months = ordered["time"].dt.year.to_numpy(), ordered["time"].dt.month.to_numpy()
    distinct, counts = np.unique(years, return_counts=True)
    if months.size == 0 or (counts != 12).any() or not np.array_equal(months, np.tile(np.arange(1, 13), distinct.size)):
        wrong = [f"{year} ({count})" for year, count in zip(distinct, counts, strict=True) if count != 12]
        raise DataError(f"years need 12 different months each, got other counts in {', '.join(wrong) or 'all'}: drop them")
    yearly = ordered.astype(np.float64).coarsen(time=12).construct(time=("year", "month"))
    yearly = yearly.drop_vars("time").sum("month", skipna=False).assign_coords(year=distinct.astype(np.int64))
    yearly.attrs = dict(monthly.attrs) | ({"units": unit.replace("month-1", "a-1")} if unit else {})
    lines = [*str(monthly.attrs.get("history", "")).splitlines(), history_line("annual_sum")]
    yearly.attrs["history"] = "\n".join(lines)
    return yearly
