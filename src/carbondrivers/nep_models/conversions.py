"""Conversions between the units of carbon fluxes and stocks: mass of C or CO2, area, period, and totals.

12.011 g C and 44.0095 g CO2 per mol, 86 400 s per day; 1 t hm-2 = 1 t ha-1 = 100 g m-2; 1 Pg = 1e15 g. A rate per day
becomes a total per month by the true days of that month, never by 30.4 or a twelfth of a year.
"""

from __future__ import annotations

from calendar import monthrange
from typing import Any

import numpy as np

from carbondrivers.errors import DataError
from carbondrivers.nep_models.apply import DAILY, MONTHLY, YEARLY, Quantity, Values, declare
from carbondrivers.nep_models.elementwise import is_lazy
from carbondrivers.nep_models.ranges import check_range

CARBON_G_PER_MOL = 12.011
CO2_G_PER_MOL = 44.0095
SECONDS_PER_DAY = 86_400
DAYS_PER_YEAR = 365
GRAMS_PER_PG = 1e15

CO2_RATE = Quantity("co2_flux", ("umol m-2 s-1", "umol CO2 m-2 s-1"), -200.0, 200.0, "CO2 flux")
DAILY_CARBON = Quantity("carbon_flux", (DAILY,), long_name="Carbon flux")
DAILY_MEAN = Quantity("carbon_flux", (DAILY,), -60.0, 60.0, "Carbon flux")
MONTHLY_CARBON = Quantity("carbon_flux", (MONTHLY,), long_name="Carbon flux")
YEARLY_CARBON = Quantity("carbon_flux", (YEARLY,), long_name="Carbon flux")
YEARLY_CO2 = Quantity("co2_flux", ("g CO2 m-2 a-1",), long_name="CO2 flux")
HECTARE_STOCK = Quantity("carbon_density", ("t C ha-1", "t C hm-2", "Mg C ha-1"), long_name="Carbon density")
SQUARE_METRE_STOCK = Quantity("carbon_density", ("g C m-2",), long_name="Carbon density")
FLUX = Quantity("flux", (YEARLY,), -1500.0, 4500.0, "Carbon flux")
MONTH_DAYS = Quantity("days", ("d",), 28.0, 31.0, "Days of the month", strict=True)
# The land surface of the Earth is 1.5e14 m2.
AREA = Quantity("area", ("m2",), 0.0, 1.5e14, "Area of a cell", strict=True)


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


@declare(SQUARE_METRE_STOCK, density=HECTARE_STOCK)
def t_per_ha_to_g_per_m2(density: Values) -> Values:
    """Convert t C ha-1 (t C hm-2) to g C m-2.

    Examples
    --------
    >>> t_per_ha_to_g_per_m2(0.49)
    49.0
    """
    return density * 100.0


@declare(YEARLY_CO2, flux=YEARLY_CARBON)
def g_c_to_g_co2(flux: Values) -> Values:
    """Convert g C m-2 a-1 to g CO2 m-2 a-1.

    Examples
    --------
    >>> round(g_c_to_g_co2(100.0), 2)
    366.41
    """
    return flux * (CO2_G_PER_MOL / CARBON_G_PER_MOL)


@declare(HECTARE_STOCK, density=SQUARE_METRE_STOCK)
def g_per_m2_to_t_per_ha(density: Values) -> Values:
    """Convert g C m-2 to t C ha-1 (t C hm-2).

    Examples
    --------
    >>> g_per_m2_to_t_per_ha(49.0)
    0.49
    """
    return density / 100.0


def days_of_months(months: Values) -> Values:
    """Return the true days of months.

    Parameters
    ----------
    months
        A year, or a labelled array with a dimension ``time`` of dates.

    Returns
    -------
    numpy.ndarray or xarray.DataArray
        Twelve numbers of the year, or the days along ``time``.

    Raises
    ------
    DataError
        If it is neither.

    Examples
    --------
    >>> days_of_months(2024)[:3]
    array([31, 29, 31])
    """
    if isinstance(months, int | np.integer) and 1 <= months <= 9999:
        return np.array([monthrange(int(months), month)[1] for month in range(1, 13)])
    if "time" not in getattr(months, "dims", ()) or months["time"].dtype.kind != "M":
        raise DataError("months must be a year or an array with a dimension 'time' of dates: name the first day of each month")
    return months["time"].dt.days_in_month


@declare(MONTHLY_CARBON, flux=DAILY_MEAN)
def per_day_to_per_month(flux: Values, days: Values) -> Values:
    """Convert a month's mean g C m-2 d-1 to its total, g C m-2 month-1.

    Parameters
    ----------
    flux
        Mean of the month, g C m-2 d-1.
    days
        True days of the month, 28 to 31, a number or an array that broadcasts (``days_of_months``).

    Raises
    ------
    DataError
        If the flux carries another unit or its mean is outside -60 to 60 g C m-2 d-1, or days are not those of a month.

    Examples
    --------
    >>> per_day_to_per_month(2.0, 28)
    56.0
    """
    return flux * check_days(days)


def check_days(days: Values) -> Values:
    """Return the days of a month, and refuse what is none; those of a lazy array while it is computed.

    Examples
    --------
    >>> check_days(31)
    31
    """
    if is_lazy(days):
        return check_range(days, "days", MONTH_DAYS)
    count = np.asarray(days)
    if count.dtype.kind not in "fiu" or not ((count >= 28) & (count <= 31)).all():
        raise DataError("days must be the days of a month, 28 to 31: give 30, or the true days of each month")
    return days


@declare(Quantity("total", ("Pg C a-1",), -50.0, 200.0, "Total carbon flux"), flux=FLUX, area=AREA)
def total_pg(flux: Values, area: Values) -> Values:
    """Return the total of an area, Pg C a-1: the sum over all cells of flux times area.

    Parameters
    ----------
    flux
        g C m-2 a-1; cells without a value lie outside the area and count nothing.
    area
        Area of each cell in m2, or one number for cells of equal area.

    Returns
    -------
    float, or a labelled array without dimensions
        NaN if no cell has a value.

    Raises
    ------
    DataError
        If units or grids differ, an area is negative, or a cell with a flux has no area.

    Warns
    -----
    DataWarning
        If a flux lies outside -1500 to 4500 g C m-2 a-1, or the total outside -50 to 200 Pg C a-1.

    Examples
    --------
    >>> round(float(total_pg(np.array([165.0, np.nan]), 5.72e11)), 4)
    0.0944
    """
    product: Any = flux * area
    if not is_lazy(product):
        lost = int((~np.isnan(np.asarray(flux * np.ones_like(product))) & np.isnan(np.asarray(product))).sum())
        if lost:
            raise DataError(f"area is missing in {lost} cells that have a flux: give every cell its area")
    if hasattr(product, "dims"):
        return product.sum(min_count=1) / GRAMS_PER_PG
    return np.where((~np.isnan(product)).any(), np.nansum(product) / GRAMS_PER_PG, np.nan)[()]
