"""The stress scalars of CASA: temperature (T1, T2) and water (W), and the optimum temperature.

``T1 = 0.8 + 0.02 Topt - 0.0005 Topt^2``, 0 where T <= -10; ``T2 = 1.1814 / (1 + exp(0.2 (Topt - 10 - T)))
/ (1 + exp(0.3 (-Topt - 10 + T)))`` (Potter et al. 1993, doi 10.1029/93GB02725); ``W = 0.5 + 0.5 EET/PET``. PET of
Thornthwaite (1948, no day-length factor), EET of Zhou and Zhang (1995) in the form that public codes use:
``Rn = 0.369 sqrt(Ep0 P) + 0.598 Ep0``, ``E = P Rn (P^2 + Rn^2 + P Rn) / ((P + Rn)(P^2 + Rn^2))``, at most Ep0, and
``PET = (E + Ep0)/2``. Zhu et al. (2006) is read through its users. Constants and status: ``parameters/casa.toml``.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from carbondrivers.errors import choose
from carbondrivers.nep_models.apply import Quantity, Values, declare, parameters
from carbondrivers.nep_models.elementwise import keep_where, not_negative, warn_of_metres
from carbondrivers.nep_models.months import Floats, along_months

T2Form = Literal["potter", "zhu"]

TEMPERATURE = Quantity("temperature", ("degC",), -65.0, 55.0, "Monthly mean temperature", strict=True)
TOPT = Quantity("optimum_temperature", ("degC",), -65.0, 55.0, "Optimum temperature")
NDVI = Quantity("ndvi", ("1",), -1.0, 1.0, "NDVI", strict=True)
RAIN = Quantity("precipitation", ("mm month-1", "mm"), 0.0, 4000.0, "Monthly precipitation", strict=True)
EVAPORATION = Quantity("evapotranspiration", ("mm month-1", "mm"), 0.0, 1000.0, "Evapotranspiration", strict=True)
PET = Quantity("potential_evapotranspiration", ("mm month-1",), 0.0, 500.0, "Potential evapotranspiration")
EET = Quantity("estimated_evapotranspiration", ("mm month-1",), 0.0, 500.0, "Estimated evapotranspiration")
T1 = Quantity("temperature_stress_1", ("1",), 0.0, 1.0 + 1e-9, "Temperature stress T1")
T2 = Quantity("temperature_stress_2", ("1",), 0.0, 1.0, "Temperature stress T2")
W = Quantity("water_stress", ("1",), 0.5, 1.0, "Water stress W")


@declare(T1, temperature=TEMPERATURE, topt=TOPT)
def casa_t1(temperature: Values, topt: Values) -> Values:
    """Return T1, the stress of growing at an extreme optimum.

    Parameters
    ----------
    temperature
        Monthly mean, degC, any shape.
    topt
        Optimum temperature, degC, of the shape of `temperature`, or one that broadcasts.

    Returns
    -------
    same kind as the inputs
        0 where T <= -10 or the parabola is negative; NaN where an input is NaN.

    Raises
    ------
    DataError
        If an input carries another unit, or values that only another unit or a fill value explains.

    Examples
    --------
    >>> casa_t1(np.array([-10.0, 5.0, np.nan]), 10.0)
    array([0.  , 0.95,  nan])
    """
    return t1(temperature, topt)


@declare(T2, temperature=TEMPERATURE, topt=TOPT)
def casa_t2(temperature: Values, topt: Values, *, t2: T2Form = "potter") -> Values:
    """Return T2, the stress of temperatures off the optimum (arguments, result and errors as in ``casa_t1``).

    Parameters
    ----------
    temperature, topt
        degC.
    t2
        ``"potter"`` (continuous), or ``"zhu"``: half of T2 at the optimum above Topt + 10 and below Topt - 13, which
        jumps up on the cold side, from 0.418 to 0.496.

    Raises
    ------
    OptionError
        If `t2` is another word.

    Examples
    --------
    >>> casa_t2(np.array([20.0, 5.0]), 20.0, t2="zhu").round(4), round(float(casa_t2(5.0, 20.0)), 4)
    (array([0.9912, 0.4956]), 0.3176)
    """
    return t2_of(temperature, topt, t2)


@declare(PET, temperature=TEMPERATURE)
def thornthwaite_pet(temperature: Values, *, axis: int = 0) -> Values:
    """Return the potential evapotranspiration Ep0 of Thornthwaite, the heat index taken year by year.

    Parameters
    ----------
    temperature
        Monthly means of whole years, degC: on ``time`` of a labelled array, on `axis` of any other.
    axis
        The axis of months of an unlabelled array.

    Returns
    -------
    same kind as the input
        mm month-1; 0 where T <= 0; NaN in a year with a missing month.

    Raises
    ------
    DataError
        If the months do not make whole years, or as in ``casa_t1``.

    References
    ----------
    Thornthwaite, C. (1948), doi 10.2307/210739.

    Examples
    --------
    >>> thornthwaite_pet(np.full(12, 10.0))[0].round(2), thornthwaite_pet(np.full(12, -5.0))[0]
    (np.float64(48.89), np.float64(0.0))
    """
    return along_months(pet_kernel, [temperature], axis=axis)


@declare(EET, precipitation=RAIN, pet=EVAPORATION)
def zhou_zhang_eet(precipitation: Values, pet: Values) -> Values:
    """Return estimated evapotranspiration, at most `pet`.

    Parameters
    ----------
    precipitation
        mm month-1, any shape.
    pet
        Ep0 of ``thornthwaite_pet``, mm month-1, of the same shape.

    Returns
    -------
    same kind as the inputs
        mm month-1; 0 where P = 0 or Ep0 = 0; NaN where an input is NaN. Errors as in ``casa_t1``.

    Examples
    --------
    >>> zhou_zhang_eet(np.array([0.0, 36.0, 50.0]), np.array([90.0, 93.25765, 0.0])).round(4)
    array([ 0.    , 33.9519,  0.    ])
    """
    return eet_of(precipitation, pet)


@declare(W, eet=EVAPORATION, pet=EVAPORATION)
def water_stress(eet: Values, pet: Values, *, axis: int = 0) -> Values:
    """Return W = 0.5 + 0.5 EET/PET from evapotranspirations of the user's own.

    Parameters
    ----------
    eet, pet
        Actual and potential evapotranspiration by month of whole years, mm month-1; EET counts at most as PET.
    axis
        The axis of months of an unlabelled array.

    Returns
    -------
    same kind as the inputs
        0.5 to 1. A month with PET = 0 keeps the W of the month before; months before the first with a W take that of
        the end of the first year; pixels without any get 0.5. NaN where an input is NaN. Errors as in ``thornthwaite_pet``.

    Examples
    --------
    >>> w = water_stress(np.r_[np.full(11, 20.0), 0.0], np.r_[np.full(11, 40.0), 0.0])
    >>> w[0], w[11]
    (np.float64(0.75), np.float64(0.75))
    """
    return along_months(w_kernel, [eet, pet], axis=axis)


@declare(W, temperature=TEMPERATURE, precipitation=RAIN)
def casa_water_stress(temperature: Values, precipitation: Values, *, axis: int = 0) -> Values:
    """Return W from temperature (Thornthwaite) and precipitation (Zhou and Zhang).

    Parameters
    ----------
    temperature, precipitation
        Monthly means, degC, and totals, mm month-1, of whole years.
    axis
        The axis of months of an unlabelled array.

    Returns
    -------
    same kind as the inputs
        0.5 to 1; 0.5 where P = 0; frozen months as in ``water_stress``. Errors as in ``thornthwaite_pet``.

    Examples
    --------
    >>> casa_water_stress(np.full(12, 10.0), np.zeros(12))[0]
    np.float64(0.5)
    """
    warn_of_metres(precipitation)
    return along_months(climate_w_kernel, [temperature, precipitation], axis=axis)


@declare(TOPT, ndvi=NDVI, temperature=TEMPERATURE)
def topt_from_ndvi(ndvi: Values, temperature: Values, *, axis: int = 0) -> Values:
    """Return the mean temperature of the calendar month with the largest mean NDVI.

    Evergreen pixels are noisy (a Mediterranean oak forest peaks in October, at 14 degC): smooth NDVI, or take a class value.

    Parameters
    ----------
    ndvi, temperature
        Months of whole years; several years are averaged by calendar month first.
    axis
        The axis of months of an unlabelled array.

    Returns
    -------
    same kind as the inputs, without months
        degC; the first of equal maxima; NaN where no month has NDVI, or the month of the maximum no temperature. Errors
        as in ``thornthwaite_pet``.

    Examples
    --------
    >>> topt_from_ndvi(np.r_[np.full(6, 0.2), 0.8, np.full(5, 0.3)], np.arange(12.0))
    np.float64(6.0)
    """
    return along_months(topt_kernel, [ndvi, temperature], axis=axis, keep=False)


def constants(table: str) -> dict[str, Any]:
    """Return the values of a table of ``parameters/casa.toml``."""
    return {name: entry["value"] for name, entry in parameters(f"casa.{table}").items()}


def positive(values: Values) -> Values:
    """Return values of any kind with NaN in place of what is not positive."""
    return keep_where(values, values > 0)


def t1(temperature: Values, topt: Values) -> Values:
    """Return T1 of any kind of values, unchecked."""
    c = constants("temperature")
    parabola = np.maximum(c["t1_intercept"] + topt * (c["t1_linear"] + c["t1_square"] * topt), 0.0)
    # Adding 0 T keeps a missing month missing, for every kind of values.
    return parabola * (temperature > c["t1_zero_at"]) + 0.0 * temperature


def t2_of(temperature: Values, topt: Values, form: str) -> Values:
    """Return T2 of any kind of values, unchecked but for the form."""
    choose(form, ("potter", "zhu"), "t2")
    c = constants("temperature")
    off = temperature - topt
    cold = 1.0 + np.exp(-c["t2_cold"] * (c["t2_offset"] + off))
    hot = 1.0 + np.exp(c["t2_hot"] * (off - c["t2_offset"]))
    smooth = c["t2_scale"] / (cold * hot)
    if form == "potter":
        return smooth
    at_optimum = (1.0 + np.exp(-c["t2_cold"] * c["t2_offset"])) * (1.0 + np.exp(-c["t2_hot"] * c["t2_offset"]))
    outside = (off > c["zhu_above"]) | (off < -c["zhu_below"])
    return smooth + (0.5 * c["t2_scale"] / at_optimum - smooth) * outside


def eet_of(precipitation: Values, pet: Values) -> Values:
    """Return the EET of Zhou and Zhang of any kind of values, unchecked."""
    c = constants("water")
    # sqrt(Ep0 P) sqrt(Ep0 / P) = Ep0, so nothing is divided by a month without rain.
    root = np.sqrt(not_negative(precipitation * pet))
    net = c["zz_constant"] * root + c["zz_slope"] * pet
    product = precipitation * net
    squares = precipitation * precipitation + net * net
    below = (precipitation + net) * squares
    eet = product * (squares + product) / (below + (below == 0.0))
    return np.minimum(eet, pet)


def pet_kernel(temperature: Floats) -> Floats:
    """Return Ep0, mm month-1, of temperatures (months, pixels)."""
    warm = np.maximum(temperature, 0.0)
    years = warm.reshape(-1, 12, *warm.shape[1:])
    index = np.power(years * 0.2, 1.514).sum(axis=1, keepdims=True)
    exponent = ((0.6751 * index - 77.1) * index + 17920.0) * index * 1e-6 + 0.492390
    per_index = 10.0 / np.where(index == 0.0, 1.0, index)
    pet: Floats = 16.0 * np.power(years * per_index, exponent)
    return pet.reshape(warm.shape)


def w_kernel(eet: Floats, pet: Floats) -> Floats:
    """Return W of (months, pixels), carried over months without PET."""
    gap = (pet == 0.0) & ~np.isnan(eet)
    w: Floats = 0.5 + 0.5 * np.minimum(eet / np.where(pet == 0.0, 1.0, pet), 1.0)
    if not gap.any():
        return w
    known = ~gap & ~np.isnan(w)
    last = np.full(w.shape[1:], 0.5)
    for month in range(12):
        last = np.where(known[month], w[month], last)
    for month in range(len(w)):
        w[month] = np.where(gap[month], last, w[month])
        last = np.where(known[month], w[month], last)
    return w


def climate_w_kernel(temperature: Floats, precipitation: Floats) -> Floats:
    """Return W of temperatures and precipitation (months, pixels)."""
    ep0 = pet_kernel(temperature)
    eet = eet_of(precipitation, ep0)
    return w_kernel(eet, 0.5 * (eet + ep0))


def topt_kernel(ndvi: Floats, temperature: Floats) -> Floats:
    """Return the temperature (pixels,) of the calendar month of the largest NDVI."""
    green, warm = _normals(ndvi), _normals(temperature)
    month = np.where(np.isnan(green), -np.inf, green).argmax(axis=0)[None]
    found = np.take_along_axis(warm, month, axis=0)[0]
    return np.where(np.isnan(np.take_along_axis(green, month, axis=0)[0]), np.nan, found)


def _normals(values: Floats) -> Floats:
    if len(values) == 12:
        return values
    years = values.reshape(-1, 12, *values.shape[1:])
    present = ~np.isnan(years)
    count = present.sum(axis=0)
    total = np.where(present, years, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
