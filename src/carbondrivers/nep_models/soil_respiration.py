"""Heterotrophic respiration of Pei et al. (2009), by month, from temperature and precipitation.

Sum form: ``Rh = 0.22 (exp(0.0913 T) + ln(0.3145 P + 1)) * days * 0.465``, where 0.22 (...) is soil respiration in
g C m-2 d-1 and 46.5 % of it is heterotrophic. Several studies print a product without the factors for days and
heterotrophic share; in a climate like Horqin's it respires 24 g C m-2 a-1, where the sum gives 187, so the product
runs only as ``form="as_printed"``. The original was read as an abstract; constants and their status are in
``parameters/soil_respiration.toml``.
"""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np

from carbondrivers.errors import ImplausibleConstantWarning, OptionError, choose
from carbondrivers.nep_models.apply import MONTHLY, Quantity, Values, declare, flag, parameters
from carbondrivers.nep_models.conversions import check_days
from carbondrivers.nep_models.elementwise import not_negative, warn_of_metres

Form = Literal["sum", "as_printed"]

TEMPERATURE = Quantity("temperature", ("degC",), -65.0, 55.0, "Monthly mean temperature", strict=True)
PRECIPITATION = Quantity("precipitation", ("mm month-1", "mm"), 0.0, 4000.0, "Monthly precipitation", strict=True)
RH = Quantity("heterotrophic_respiration", (MONTHLY,), 0.0, 500.0, "Heterotrophic respiration")


@declare(RH, temperature=TEMPERATURE, precipitation=PRECIPITATION)
def rh_pei_monthly(
    temperature: Values,
    precipitation: Values,
    *,
    form: Form = "sum",
    days: Values = 30,
    rh_fraction: float = 0.465,
    b: float = 0.0913,
) -> Values:
    """Return heterotrophic respiration of a month.

    Parameters
    ----------
    temperature
        Monthly mean, degC, any shape.
    precipitation
        Monthly total, mm month-1, of the same shape, or one that broadcasts.
    form
        ``"sum"`` or ``"as_printed"`` (the product, without `days` and `rh_fraction`).
    days
        Days of the month: 30, or the true days as an array that broadcasts.
    rh_fraction
        Share of heterotrophic in soil respiration, in (0, 1], so that Rh never exceeds Rs.
    b
        Temperature coefficient, degC-1; 0.0913 or, as some print it, 0.0912.

    Returns
    -------
    same kind as the inputs
        g C m-2 month-1; NaN where an input is NaN.

    Raises
    ------
    OptionError
        If an option is outside its list or range.
    DataError
        If an input carries another unit, or values that only another unit or a fill value explains.

    Warns
    -----
    ImplausibleConstantWarning
        With ``form="as_printed"``.
    DataWarning
        If a result lies outside 0 to 500 g C m-2 month-1, or no month of a year has 1 mm of rain (metres?).

    References
    ----------
    Pei, Z. et al. (2009), carbon budget of the alpine steppe of the Tibetan Plateau.

    Examples
    --------
    >>> round(float(rh_pei_monthly(20.0, 100.0)), 6)
    29.734624
    >>> rh_pei_monthly(np.array([0.0, np.nan]), np.array([0.0, 10.0])).round(3)
    array([3.069,   nan])
    """
    days = check_days(days)
    _check_options(form, rh_fraction, b)
    warn_of_metres(precipitation)
    constants = parameters("soil_respiration.pei")
    rate, c = constants["rate"]["value"], constants["c"]["value"]
    warmth = np.exp(b * temperature)
    wetness = np.log(c * not_negative(precipitation) + 1.0)
    if form == "sum":
        return rate * (warmth + wetness) * days * rh_fraction
    warnings.warn(
        "the printed product of Pei's respiration gives about an eighth of plausible values (24 instead of 187 "
        "g C m-2 a-1 in a Horqin-like climate): use form='sum' unless you repeat a published number",
        ImplausibleConstantWarning,
        stacklevel=3,
    )
    return flag(rate * warmth * wetness, "rh_pei_monthly: form='as_printed' is implausibly low")


def _check_options(form: str, rh_fraction: float, b: float) -> None:
    choose(form, ("sum", "as_printed"), "form")
    if not 0.0 < rh_fraction <= 1.0:
        raise OptionError(f"rh_fraction must be in (0, 1], got {rh_fraction!r}")
    if not 0.0 < b < 0.3:
        raise OptionError(f"b must be in (0, 0.3) degC-1, got {b!r}")
