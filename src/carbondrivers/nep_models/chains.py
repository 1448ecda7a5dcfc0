"""A chain: from the layers of a region to NEP and its parts, in one call. Here NEP = NPP - Rh, and what chains share.

Every chain is a pure function. It takes numbers, numpy arrays (twelve months on the first axis), pandas Series or
labelled grids, lazy or not, and returns its components by name: those ending in ``_monthly`` per month, the others per
year, g C m-2. Months become years only as sums of whole years. The other chains stand in ``chains_nirv_tec`` (GPP from
SANIRv, Ra, annual soil respiration) and ``chains_casa_gsmsr`` (CASA, monthly soil respiration).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np

from carbondrivers.errors import DataError, OptionError
from carbondrivers.nep_models.apply import CARBON_FLUX, MONTHLY, YEARLY, Quantity, Values, check_aligned, declare
from carbondrivers.nep_models.balance import NEP, NPP, RH, annual_sum
from carbondrivers.nep_models.chains_classes import bare
from carbondrivers.nep_models.conversions import days_of_months
from carbondrivers.nep_models.elementwise import warn_if_below
from carbondrivers.nep_models.soil_respiration import PRECIPITATION, TEMPERATURE, Form, rh_pei_monthly
from carbondrivers.nep_models.soil_respiration_annual import PRECIPITATION as ANNUAL_RAIN
from carbondrivers.nep_models.soil_respiration_annual import TEMPERATURE as ANNUAL_TEMPERATURE

MODEL_NPP = Quantity("npp", CARBON_FLUX, -4500.0, 2500.0, "Net primary productivity")
"""NPP that a model made: constants as published can make it negative, and are to run all the same."""
Components: TypeAlias = dict[str, Values]
Days: TypeAlias = Values | Literal["actual"]


def nep_npp_minus_rh(
    npp: Values,
    temperature_monthly: Values,
    precipitation_monthly: Values,
    *,
    form: Form = "sum",
    days: Days = 30,
    rh_fraction: float = 0.465,
    b: float = 0.0913,
) -> Components:
    """Return NEP = NPP - Rh, Rh from monthly temperature and precipitation (Pei et al. 2009).

    Parameters
    ----------
    npp
        Net primary productivity, g C m-2 a-1; labelled: by ``year``.
    temperature_monthly, precipitation_monthly
        degC and mm month-1 of whole years; labelled: by ``time``, any other: twelve months on the first axis.
    form, rh_fraction, b
        As in ``rh_pei_monthly``.
    days
        Days of the month: 30, an array, or ``"actual"`` for the true days of labelled months.

    Returns
    -------
    dict
        npp, rh, nep (g C m-2 a-1) and rh_monthly (g C m-2 month-1). NaN where an input is NaN, in all months of the year.

    Raises
    ------
    OptionError
        If an option is outside its list or range.
    DataError
        If units, grids or years differ, months do not make whole years, or values are implausible.

    Warns
    -----
    ImplausibleConstantWarning
        With ``form="as_printed"``.
    DataWarning
        If NPP is nowhere above 5 g (kilograms?), no month has 1 mm of rain (metres?), or components are implausible.

    Examples
    --------
    >>> parts = nep_npp_minus_rh(350.0, np.full(12, 8.0), np.full(12, 30.0))
    >>> {name: round(float(np.sum(value)), 2) for name, value in parts.items()}
    {'npp': 350.0, 'rh': 162.82, 'nep': 187.18, 'rh_monthly': 162.82}
    """
    whole_years({"temperature_monthly": temperature_monthly, "precipitation_monthly": precipitation_monthly})
    warn_if_below(npp, "npp", 5.0, "it looks like kilograms; g C m-2 a-1 are needed")
    check_aligned({"npp": npp, "temperature_monthly": temperature_monthly})
    warm, wet = temperature_monthly, precipitation_monthly
    rh_monthly = rh_pei_monthly(warm, wet, form=form, days=true_days(days, warm), rh_fraction=rh_fraction, b=b)
    rh = annual_sum(rh_monthly)
    return named({"npp": as_npp(npp), "rh": rh, "nep": nep_of_model(npp, rh), "rh_monthly": rh_monthly})


def true_days(days: Days | None, months: Values) -> Values:
    """Return days of months: as given (twelve stand along the first axis), or the true ones of labelled months.

    Raises
    ------
    OptionError
        If they cannot be known because the months carry no dates.

    Examples
    --------
    >>> true_days(30, None)
    30
    """
    if days is not None and not isinstance(days, str):
        wide = isinstance(days, np.ndarray) and days.ndim == 1 and not hasattr(months, "dims")
        return days.reshape(-1, *(1,) * (np.ndim(months) - 1)) if wide else days
    if isinstance(days, str) and days != "actual":
        raise OptionError(f"days must be a number, an array or 'actual', got {days!r}")
    if "time" not in getattr(months, "dims", ()):
        raise OptionError("months without dates have no true days: give days, such as days_of_months(2020)")
    return days_of_months(months)


@declare(ANNUAL_TEMPERATURE, temperature=TEMPERATURE)
def annual_temperature(temperature: Values) -> Values:
    """Return the mean of the twelve months of each year, degC, as climate normals take it.

    Examples
    --------
    >>> float(annual_temperature(np.arange(12.0)))
    5.5
    """
    return annual_sum(bare(temperature)) / 12.0


@declare(
    Quantity("precipitation", ("mm a-1",), ANNUAL_RAIN.low, ANNUAL_RAIN.high, ANNUAL_RAIN.long_name),
    precipitation=PRECIPITATION,
)
def annual_precipitation(precipitation: Values) -> Values:
    """Return the total of each year, mm a-1, from totals of months.

    Examples
    --------
    >>> float(annual_precipitation(np.full(12, 40.0)))
    480.0
    """
    return annual_sum(bare(precipitation))


@declare(NPP, npp=NPP)
def as_npp(npp: Values) -> Values:
    """Return NPP with its declared unit and range.

    Examples
    --------
    >>> as_npp(350.0)
    350.0
    """
    return npp * 1.0


def whole_years(monthly: Mapping[str, Values]) -> list[int]:
    """Check that months make whole years, on one grid and in one period; return the years of labelled months.

    Parameters
    ----------
    monthly
        Name to months: on ``time`` of labelled arrays, twelve on the first axis of others. None is passed over.

    Returns
    -------
    list of int
        Empty for months without dates.

    Raises
    ------
    DataError
        If a year has not twelve months, or grids and periods differ.

    Examples
    --------
    >>> whole_years({"ndvi": np.ones(12)})
    []
    """
    given = {name: values for name, values in monthly.items() if values is not None}
    check_aligned(given)
    found: set[int] = set()
    for name, values in given.items():
        if not hasattr(values, "dims"):
            if np.ndim(values) == 0 or len(values) != 12:
                raise DataError(f"{name} without dates must have the 12 months of a year first, got shape {np.shape(values)}")
        elif "time" not in values.dims or values["time"].dtype.kind != "M":
            raise DataError(f"{name} needs a dimension 'time' of dates: name the first day of each month")
        else:
            found |= set(_years(name, values))
    return sorted(found)


def _years(name: str, values: Values) -> list[int]:
    years = [int(y) for y in values["time"].dt.year.to_numpy()]
    broken = sorted({y for y in years if years.count(y) != 12})
    if broken or not years:
        listed = ", ".join(map(str, broken)) or "none"
        raise DataError(f"{name}: months must make whole years, but not those of {listed}: drop or complete them")
    return years


@declare(NEP, npp=MODEL_NPP, rh=RH)
def nep_of_model(npp: Values, rh: Values) -> Values:
    """Return NEP = NPP - Rh where a model's NPP may be negative: that was warned of where it was made.

    Examples
    --------
    >>> nep_of_model(-20.0, 180.0)
    -200.0
    """
    return npp - rh


def named(components: Mapping[str, Values]) -> Components:
    """Call labelled components by their names, and give those without a unit that of their period."""
    found: Components = {}
    for name, value in components.items():
        if hasattr(value, "dims"):
            first = "time" if "time" in value.dims else "year"
            value = value.rename(name).transpose(*(dim for dim in (first,) if dim in value.dims), ...)
            value.attrs.setdefault("units", MONTHLY if name.endswith("_monthly") else YEARLY)
        found[name] = value
    return found
