"""Net primary productivity by light use efficiency: CASA (Potter et al. 1993; Zhu et al. 2006, 2007).

``NPP = APAR eps``, ``APAR = 0.5 SOL FPAR``, ``eps = T1 T2 W eps_max``: the stresses stand in ``casa_stress``, FPAR,
clumping and eps_max in ``casa_fpar``. Against 45 forest towers r2 of monthly NPP and GPP is 0.74 to 0.82, but NPP/GPP
runs from 0.24 to 0.48 by class: NEP as CASA minus Rh is only as good as the eps_max of its classes.
"""

from __future__ import annotations

from functools import partial

from carbondrivers.errors import choose
from carbondrivers.nep_models.apply import CARBON_FLUX, MONTHLY, Quantity, Values, declare
from carbondrivers.nep_models.casa_fpar import ABSORBED, LIMIT, check_limits, fpar_of
from carbondrivers.nep_models.casa_stress import (
    NDVI,
    RAIN,
    TEMPERATURE,
    TOPT,
    T2Form,
    climate_w_kernel,
    constants,
    t1,
    t2_of,
)
from carbondrivers.nep_models.elementwise import warn_of_metres
from carbondrivers.nep_models.months import Floats, along_months

SOLAR = Quantity("solar_radiation", ("MJ m-2 month-1", "MJ m-2"), 0.0, 1500.0, "Monthly solar radiation", strict=True)
APAR = Quantity("apar", ("MJ m-2 month-1",), 0.0, 750.0, "Absorbed PAR")
EPS_MAX = Quantity("eps_max", ("g C MJ-1",), 0.0, 3.0, "Largest light use efficiency", strict=True)
WATER = Quantity("water_stress", ("1",), 0.0, 1.0, "Water stress W", strict=True)
NPP = Quantity("npp", (MONTHLY,), 0.0, 600.0, "Net primary productivity")
FLUX = Quantity("carbon_flux", CARBON_FLUX, -500.0, 4500.0, "Carbon flux")


@declare(APAR, solar=SOLAR, fpar=ABSORBED)
def casa_apar(solar: Values, fpar: Values) -> Values:
    """Return absorbed PAR, half of the absorbed solar radiation.

    Parameters
    ----------
    solar
        Total of the month, MJ m-2 month-1 (W m-2 times 0.0864 and the days of the month), any shape.
    fpar
        Absorbed share, 0 to 1.

    Returns
    -------
    same kind as the inputs
        MJ m-2 month-1; NaN where an input is NaN.

    Raises
    ------
    DataError
        If an input carries another unit, or values that only another unit or a fill value explains.

    Examples
    --------
    >>> casa_apar(600.0, 0.5)
    150.0
    """
    return constants("light")["par_share"] * solar * fpar


@declare(NPP, fpar=ABSORBED, solar=SOLAR, temperature=TEMPERATURE, topt=TOPT, water=WATER, eps_max=EPS_MAX)
def npp_casa_monthly(
    fpar: Values,
    solar: Values,
    temperature: Values,
    topt: Values,
    water: Values,
    eps_max: Values,
    *,
    t2: T2Form = "potter",
) -> Values:
    """Return NPP of a month from FPAR, radiation and the stresses.

    Parameters
    ----------
    fpar
        Absorbed share of PAR (``casa_fpar``, ``clumped_fpar`` or a product), any shape.
    solar
        Solar radiation, MJ m-2 month-1.
    temperature, topt
        Monthly mean and optimum (``topt_from_ndvi`` or a class value), degC.
    water
        W (``casa_water_stress``, ``water_stress`` or the user's own), 0 to 1.
    eps_max
        g C MJ-1 (``casa_fpar.eps_max``).
    t2
        ``"potter"`` or ``"zhu"`` (see ``casa_t2``).

    Returns
    -------
    same kind as the inputs
        g C m-2 month-1; NaN where an input is NaN.

    Raises
    ------
    OptionError
        If `t2` is another word.
    DataError
        If an input carries another unit, or values that only another unit or a fill value explains.

    References
    ----------
    Potter, C. et al. (1993), doi 10.1029/93GB02725. Zhu, W. et al. (2006), read through public codes.

    Examples
    --------
    >>> round(float(npp_casa_monthly(0.5, 600.0, 20.0, 20.0, 0.8, 0.542)), 4)
    64.4692
    """
    choose(t2, ("potter", "zhu"), "t2")
    return _npp(fpar, solar, temperature, topt, water, eps_max, t2)


@declare(
    NPP, ndvi=NDVI, solar=SOLAR, temperature=TEMPERATURE, precipitation=RAIN, topt=TOPT, eps_max=EPS_MAX, ndvi_min=LIMIT,
    ndvi_max=LIMIT,
)  # fmt: skip
def npp_casa(
    ndvi: Values,
    solar: Values,
    temperature: Values,
    precipitation: Values,
    topt: Values,
    eps_max: Values,
    ndvi_max: Values,
    ndvi_min: Values = 0.023,
    *,
    t2: T2Form = "potter",
    axis: int = 0,
) -> Values:
    """Return NPP of the months of whole years from NDVI, radiation and climate: FPAR, W and the rest in one pass.

    Equal to ``npp_casa_monthly`` on ``casa_fpar`` and ``casa_water_stress``, without keeping these.

    Parameters
    ----------
    ndvi, solar, temperature, precipitation
        Months on ``time`` of labelled arrays, on `axis` of others: NDVI, MJ m-2 month-1, degC, mm month-1.
    topt, eps_max, ndvi_max, ndvi_min
        degC, g C MJ-1 and limits of NDVI of each pixel, without months, or one for all.
    t2
        ``"potter"`` or ``"zhu"``.
    axis
        The axis of months of an unlabelled array.

    Returns
    -------
    same kind as the inputs
        g C m-2 month-1; NaN where an input is NaN, and in a year with a missing temperature. Errors as in
        ``npp_casa_monthly``; months that do not make whole years are refused.

    Examples
    --------
    >>> import numpy as np
    >>> year = np.full(12, 1.0)
    >>> npp_casa(0.5 * year, 500 * year, 15 * year, 60 * year, 20.0, 0.542, 0.634)[0].round(3)
    np.float64(69.14)
    """
    choose(t2, ("potter", "zhu"), "t2")
    warn_of_metres(precipitation)
    ndvi_max = check_limits(ndvi_min, ndvi_max)
    timed, static = (ndvi, solar, temperature, precipitation), (topt, eps_max, ndvi_min, ndvi_max)
    return along_months(partial(_kernel, form=t2), timed, static, axis=axis)


def _npp(fpar: Values, solar: Values, temperature: Values, topt: Values, water: Values, eps_max: Values, form: str) -> Values:
    light = (constants("light")["par_share"] * eps_max) * solar * fpar
    return light * water * t1(temperature, topt) * t2_of(temperature, topt, form)


def _kernel(
    ndvi: Floats, solar: Floats, temperature: Floats, precipitation: Floats, topt: Floats, eps_max: Floats,
    ndvi_min: Floats, ndvi_max: Floats, form: str,
) -> Floats:  # fmt: skip
    water = climate_w_kernel(temperature, precipitation)
    found: Floats = _npp(fpar_of(ndvi, ndvi_min, ndvi_max), solar, temperature, topt, water, eps_max, form)
    return found
