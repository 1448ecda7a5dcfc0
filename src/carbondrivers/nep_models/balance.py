"""The identities of the carbon balance, their signs, and the conversions between the units they come in.

NEE is positive when carbon goes to the atmosphere; NEP = -NEE. GPP = NEP + ER = ER - NEE, NPP = GPP - Ra,
NEP = GPP - Ra - Rh = NPP - Rh. Fluxes are g C m-2 per year, month or day; all arguments of one call have one period.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from carbondrivers.errors import DataError
from carbondrivers.nep_models.apply import CARBON_FLUX, DAILY, YEARLY, Quantity, Values, canonical_unit, declare
from carbondrivers.provenance import history_line

CARBON_G_PER_MOL = 12.011
CO2_G_PER_MOL = 44.0095
SECONDS_PER_DAY = 86_400
DAYS_PER_YEAR = 365

# A month or a day cannot exceed the bounds of a year, so one range serves the three periods.
NEP = Quantity("nep", CARBON_FLUX, -1500.0, 2000.0, "Net ecosystem productivity")
NEE = Quantity("nee", CARBON_FLUX, -2000.0, 1500.0, "Net ecosystem exchange")
NPP = Quantity("npp", CARBON_FLUX, 0.0, 2500.0, "Net primary productivity")
GPP = Quantity("gpp", CARBON_FLUX, 0.0, 4500.0, "Gross primary productivity")
RA = Quantity("autotrophic_respiration", CARBON_FLUX, 0.0, 4500.0, "Autotrophic respiration")
RH = Quantity("heterotrophic_respiration", CARBON_FLUX, 0.0, 3000.0, "Heterotrophic respiration")
ER = Quantity("ecosystem_respiration", CARBON_FLUX, 0.0, 4500.0, "Ecosystem respiration")
CO2_RATE = Quantity("co2_flux", ("umol m-2 s-1", "umol CO2 m-2 s-1"), -200.0, 200.0, "CO2 flux")
DAILY_CARBON = Quantity("carbon_flux", (DAILY,), long_name="Carbon flux")
YEARLY_CARBON = Quantity("carbon_flux", (YEARLY,), long_name="Carbon flux")
YEARLY_CO2 = Quantity("co2_flux", ("g CO2 m-2 a-1",), long_name="CO2 flux")


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


@declare(DAILY_CARBON, flux=CO2_RATE)
def umol_to_g_c_day(flux: Values) -> Values:
    """Convert umol CO2 m-2 s-1 to g C m-2 d-1 (12.011 g mol-1, 86 400 s).

    Examples
    --------
    >>> umol_to_g_c_day(1.0)
    1.0377504
    """
    return flux * (CARBON_G_PER_MOL * 1e-6 * SECONDS_PER_DAY)


@declare(YEARLY_CARBON, flux=CO2_RATE)
def umol_to_g_c_year(flux: Values) -> Values:
    """Convert umol CO2 m-2 s-1 to g C m-2 a-1 (365 d).

    Examples
    --------
    >>> round(umol_to_g_c_year(1.0), 4)
    378.7789
    """
    return flux * (CARBON_G_PER_MOL * 1e-6 * SECONDS_PER_DAY * DAYS_PER_YEAR)


@declare(YEARLY_CO2, flux=CO2_RATE)
def umol_to_g_co2_year(flux: Values) -> Values:
    """Convert umol CO2 m-2 s-1 to g CO2 m-2 a-1 (44.0095 g mol-1, 365 d).

    Examples
    --------
    >>> round(umol_to_g_co2_year(1.0), 4)
    1387.8836
    """
    return flux * (CO2_G_PER_MOL * 1e-6 * SECONDS_PER_DAY * DAYS_PER_YEAR)


@declare(YEARLY_CARBON, flux=YEARLY_CO2)
def g_co2_to_g_c(flux: Values) -> Values:
    """Convert g CO2 m-2 a-1 to g C m-2 a-1.

    Examples
    --------
    >>> round(g_co2_to_g_c(100.0), 3)
    27.292
    """
    return flux * (CARBON_G_PER_MOL / CO2_G_PER_MOL)


@declare(YEARLY_CARBON, flux=Quantity("carbon_flux", ("kg C m-2 a-1",), -2.0, 5.0))
def kg_to_g(flux: Values) -> Values:
    """Convert kg C m-2 a-1 (as MOD17A3 gives NPP, after its scale factor of 0.0001) to g C m-2 a-1.

    Examples
    --------
    >>> kg_to_g(0.35)
    350.0
    """
    return flux * 1000.0


@declare(Quantity("carbon_density", ("g C m-2",)), density=Quantity("carbon_density", ("t C ha-1", "t C hm-2", "Mg C ha-1")))
def t_per_ha_to_g_per_m2(density: Values) -> Values:
    """Convert t C ha-1 (t C hm-2) to g C m-2.

    Examples
    --------
    >>> t_per_ha_to_g_per_m2(0.49)
    49.0
    """
    return density * 100.0


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
    values = np.asarray(monthly, dtype=np.float64) if getattr(monthly, "chunks", None) is None else monthly
    if values.ndim <= axis or values.shape[axis] != 12:
        raise DataError(f"axis {axis} must hold 12 months, got an array of shape {values.shape}: name another axis")
    return values.sum(axis=axis)


def _sum_labelled(monthly: Any) -> Any:
    if "time" not in monthly.dims or monthly["time"].dtype.kind != "M":
        raise DataError("months need a dimension 'time' of dates: name the first day of each month")
    unit = canonical_unit(str(monthly.attrs.get("units", "")))
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
