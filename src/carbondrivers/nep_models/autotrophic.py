"""Autotrophic respiration: maintenance by organ, growth, and NPP = GPP - Ra.

``Ra = Rm + Rg``, ``Rm = sum_i M_i r_i Q10_i^((T - Tb)/10)`` over leaf, stem, coarse and fine root, with
``M_leaf = LAI / SLA``; grass and crops ``Rm = 1.0368 LAI 2^((T - Tb)/10)`` (one umol CO2 per m2 of leaf and second).
Constants are those of a study of Northwest China (its Table 2). Three of its readings cannot be right and run only when
asked for, with a warning: rates in g C m-2 a-1 (``variant="as_published"``), all biomass alive (``live="all"``) and
growth at 0.99 of GPP (``rg="as_published"``). The form of MOD17 (Zhao and Running 2010) stands beside it, independent.
Constants, sources and status are in ``parameters/autotrophic.toml``.
"""

from __future__ import annotations

import warnings
from typing import Literal, TypeAlias

import numpy as np

from carbondrivers.errors import ImplausibleConstantWarning, OptionError, choose
from carbondrivers.nep_models.apply import CARBON_FLUX, DAILY, Quantity, Values, check_aligned, declare, flag, parameters
from carbondrivers.nep_models.classes import Vegetation, class_values, look_up

Q10Source = Literal["table", "tjoelker"]
Live = Literal["beps", "all"]
RootUnits = Literal["Mg/ha", "kg/m2"]
Variant = Literal["corrected", "as_published"]
Growth: TypeAlias = Literal["mod17", "muses", "beps", "as_published"] | tuple[Literal["gpp"], float]

FORESTS = ("evergreen", "deciduous", "mixed", "other")
LAI = Quantity("lai", ("m2 m-2", "1"), 0.0, 15.0, "Leaf area index", strict=True)
TEMPERATURE = Quantity("temperature", ("degC",), -65.0, 55.0, "Mean air temperature", strict=True)
RM_DAILY = Quantity("maintenance_respiration", (DAILY,), 0.0, 15.0, "Maintenance respiration")
RM = Quantity("maintenance_respiration", CARBON_FLUX, 0.0, 4500.0, "Maintenance respiration")
GPP = Quantity("gpp", CARBON_FLUX, 0.0, 4500.0, "Gross primary productivity")
RG = Quantity("growth_respiration", CARBON_FLUX, 0.0, 2500.0, "Growth respiration")
RA = Quantity("autotrophic_respiration", CARBON_FLUX, 0.0, 4500.0, "Autotrophic respiration")
NPP = Quantity("npp", CARBON_FLUX, 0.0, 2500.0, "Net primary productivity")


@declare(RM_DAILY, lai=LAI, temperature=TEMPERATURE)
def rm_forest(
    lai: Values,
    temperature: Values,
    vegetation: Vegetation,
    *,
    q10: Q10Source = "table",
    live: Live = "beps",
    tb: float = 25.0,
    root_units: RootUnits = "Mg/ha",
    variant: Variant = "corrected",
) -> Values:
    """Return maintenance respiration of woody vegetation, by organ.

    Parameters
    ----------
    lai
        Leaf area index, m2 m-2, any shape.
    temperature
        Mean of the day or month, degC, of the same shape, or one that broadcasts.
    vegetation
        ``"evergreen"``, ``"deciduous"``, ``"mixed"`` or ``"other"``, or an array of these names.
    q10
        ``"table"`` (constants by organ) or ``"tjoelker"`` (3.22 - 0.046 T for all organs, kept in 1 to 4).
    live
        What respires of stem and roots: ``"beps"`` (sapwood 0.35 B / (B + 0.35), 0.05 of the roots) or ``"all"`` (as
        published, above any GPP of these forests).
    tb
        Base temperature, degC; 25, or 20 as in MOD17 and MUSES.
    root_units
        The unit that the regression of Kurz et al. (1996) of root on stem takes: ``"Mg/ha"``, or ``"kg/m2"`` as BEPS does.
    variant
        ``"corrected"`` (rates in kg C kg-1 d-1) or ``"as_published"`` (the printed g C m-2 a-1, a millionth).

    Returns
    -------
    same kind as the inputs
        g C m-2 d-1; multiply by the days of the month. NaN where an input is NaN or the class is missing.

    Raises
    ------
    OptionError
        If an option or class is outside its list, or `tb` outside 0 to 40.
    DataError
        If an input carries another unit, or values that only another unit or a fill value explains.

    Warns
    -----
    ImplausibleConstantWarning
        With ``live="all"`` or ``variant="as_published"``.

    References
    ----------
    Tjoelker, M., Oleksyn, J., Reich, P. (2001), doi 10.1046/j.1365-2486.2001.00397.x. Kurz, W. et al. (1996). BEPS code.

    Examples
    --------
    >>> round(float(rm_forest(4.0, 15.0, "evergreen")), 4)
    0.7524
    >>> rm_forest(np.array([0.0, np.nan]), 15.0, "other").round(4)
    array([0.1807,    nan])
    """
    _check_forest_options(q10, live, tb, root_units, variant)
    check_aligned({"lai": lai, "vegetation": vegetation})
    table = {name: _by_class(name, vegetation) for name in ("sla", "r_leaf", "r_stem", "r_coarse_root", "r_fine_root")}
    stem, coarse, fine = _living(vegetation, live, root_units)
    factors = {name: _q10_factor(name, vegetation, temperature, q10, tb) for name in ("leaf", "stem", "root")}
    rate = lai / table["sla"] * table["r_leaf"] * factors["leaf"] + stem * table["r_stem"] * factors["stem"]
    rate = rate + (coarse * table["r_coarse_root"] + fine * table["r_fine_root"]) * factors["root"]
    notes = ["live='all' respires dead wood"] if live == "all" else []
    if variant == "as_published":
        notes.append("variant='as_published' reads rates of kg C kg-1 d-1 as g C m-2 a-1")
        return _implausible(rate / 365.0, "rm_forest", notes)
    return _implausible(rate * 1000.0, "rm_forest", notes)


@declare(RM_DAILY, lai=LAI, temperature=TEMPERATURE)
def rm_grass(lai: Values, temperature: Values, *, tb: float = 25.0, variant: Variant = "corrected") -> Values:
    """Return maintenance respiration of grass and crops, Rm = 1.0368 LAI 2^((T - Tb)/10).

    Parameters
    ----------
    lai, temperature
        Leaf area index, m2 m-2, and mean temperature, degC, any shapes that broadcast.
    tb
        Base temperature, degC.
    variant
        ``"corrected"``, or ``"as_published"``: over 1000 (which makes it kg) and read as g, with a warning.

    Returns
    -------
    same kind as the inputs
        g C m-2 d-1; NaN where an input is NaN. Errors and warnings as in ``rm_forest``.

    Examples
    --------
    >>> rm_grass(2.0, 15.0)
    1.0368
    """
    choose(variant, ("corrected", "as_published"), "variant")
    _check_tb(tb)
    constants = parameters("autotrophic.grass")
    daily = constants["rate"]["value"] * lai * constants["q10"]["value"] ** ((temperature - tb) / 10.0)
    if variant == "corrected":
        return daily
    return _implausible(daily / 1000.0, "rm_grass", ["variant='as_published' reads kg as g"])


@declare(RM_DAILY, lai=LAI, temperature=TEMPERATURE, lai_max=LAI)
def rm_mod17(lai: Values, temperature: Values, lai_max: Values, vegetation: Vegetation) -> Values:
    """Return maintenance respiration as MOD17 computes it (Tb 20 degC, leaf Q10 = 3.22 - 0.046 T, others 2).

    Parameters
    ----------
    lai, temperature
        Leaf area index, m2 m-2, and mean temperature of the day or month, degC.
    lai_max
        Largest LAI of the year, m2 m-2: it sets the live wood.
    vegetation
        A class of the BPLUT (``evergreen_needleleaf`` ... ``cropland``), or an array of these names.

    Returns
    -------
    same kind as the inputs
        g C m-2 d-1; NaN where an input is NaN. Errors as in ``rm_forest``.

    References
    ----------
    Zhao, M., Running, S. (2010), doi 10.1126/science.1192666; BPLUT of the public code arthur-e/MOD17.

    Examples
    --------
    >>> round(float(rm_mod17(3.0, 20.0, 4.0, "evergreen_needleleaf")), 4)
    2.6463
    """
    check_aligned({"lai": lai, "vegetation": vegetation})
    names = ("sla", "leaf_rate", "fine_root_rate", "livewood_rate", "fine_root_leaf", "livewood_leaf")
    table = {name: class_values(f"autotrophic.mod17_{name}", vegetation) for name in names}
    constants = parameters("autotrophic.mod17")
    exponent = (temperature - constants["tb"]["value"]) / 10.0
    others = constants["q10_wood_root"]["value"] ** exponent
    leaf, most = lai / table["sla"], lai_max / table["sla"]
    rate = leaf * table["leaf_rate"] * _tjoelker(temperature) ** exponent
    rate = rate + leaf * table["fine_root_leaf"] * table["fine_root_rate"] * others
    return (rate + most * table["livewood_leaf"] * table["livewood_rate"] * others) * 1000.0


@declare(RG, gpp=GPP, rm=RM)
def growth_respiration(gpp: Values, rm: Values, *, rg: Growth = "mod17") -> Values:
    """Return growth respiration.

    Parameters
    ----------
    gpp, rm
        Gross primary productivity and maintenance respiration, g C m-2 of one period (best the year), any shape.
    rg
        ``"mod17"`` (0.25 of NPP), ``"muses"`` (0.25 of GPP - Rm), ``"beps"`` (0.35 of GPP - Rm), ``("gpp", share)`` of
        GPP, or ``"as_published"`` (0.99 of GPP, with a warning).

    Returns
    -------
    same kind as the inputs
        In their unit; 0 where Rm exceeds GPP (shares of GPP apart); NaN where an input is NaN.

    Raises
    ------
    OptionError
        If `rg` is none of these, or its share is outside 0 to 1.
    DataError
        If units differ, or the mean of an input is implausible.

    Warns
    -----
    ImplausibleConstantWarning
        With ``rg="as_published"``.

    Examples
    --------
    >>> [round(float(growth_respiration(1500.0, 600.0, rg=rg)), 6) for rg in ("mod17", "muses", "beps")]
    [180.0, 225.0, 315.0]
    """
    kind, share = _growth(rg)
    rest = np.maximum(gpp - rm, 0.0)
    if kind == "mod17":
        return rest * (share / (1.0 + share))
    if kind in ("muses", "beps"):
        return rest * share
    return _implausible(gpp * share + 0.0 * rm, "growth_respiration", _growth_notes(kind))


@declare(RA, gpp=GPP, rm=RM)
def autotrophic_respiration(gpp: Values, rm: Values, *, rg: Growth = "mod17") -> Values:
    """Return Ra = Rm + Rg (arguments, errors and warnings as in ``growth_respiration``).

    Examples
    --------
    >>> round(autotrophic_respiration(1500.0, 600.0, rg=("gpp", 0.2)), 6)
    900.0
    """
    kind, _ = _growth(rg)
    return _implausible(rm + _undeclared(gpp, rm, rg), "autotrophic_respiration", _growth_notes(kind))


@declare(NPP, gpp=GPP, rm=RM)
def npp_from_maintenance(gpp: Values, rm: Values, *, rg: Growth = "mod17") -> Values:
    """Return NPP = GPP - Rm - Rg; with ``rg="mod17"`` 0.8 (GPP - Rm), and 0 where Rm exceeds GPP.

    Arguments, errors and warnings are those of ``growth_respiration``; a negative NPP raises a ``DataWarning``.

    Examples
    --------
    >>> [round(float(npp_from_maintenance(1500.0, 600.0, rg=rg)), 6) for rg in ("mod17", "muses", "beps", ("gpp", 0.2))]
    [720.0, 675.0, 585.0, 600.0]
    """
    kind, _ = _growth(rg)
    npp = gpp - rm - _undeclared(gpp, rm, rg)
    return np.maximum(npp, 0.0) if kind == "mod17" else _implausible(npp, "npp_from_maintenance", _growth_notes(kind))


def _undeclared(gpp: Values, rm: Values, rg: Growth) -> Values:
    """Return growth respiration without looking at the values again, and without a second warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImplausibleConstantWarning)
        return growth_respiration.__wrapped__(gpp, rm, rg=rg)  # type: ignore[attr-defined]


def _growth(rg: Growth) -> tuple[str, float]:
    if isinstance(rg, tuple):
        if len(rg) != 2 or rg[0] != "gpp" or not _is_number(rg[1]) or not 0.0 <= rg[1] <= 1.0:
            raise OptionError(f"rg as a pair must be ('gpp', share of GPP in 0 to 1), got {rg!r}")
        return rg
    choose(rg, ("mod17", "muses", "beps", "as_published"), "rg")
    return rg, float(parameters("autotrophic.growth")[rg]["value"])


def _growth_notes(kind: str) -> list[str]:
    return ["rg='as_published' takes 0.99 of GPP, which leaves no NPP"] if kind == "as_published" else []


def _implausible(output: Values, name: str, notes: list[str]) -> Values:
    """Warn of every note, and keep the notes in ``attrs["nep_flags"]`` of a labelled array."""
    if not notes:
        return output
    text = f"{name}: {', '.join(notes)}"
    warnings.warn(f"{text}: use the default unless you repeat a published number", ImplausibleConstantWarning, stacklevel=4)
    return flag(output, text)


def _check_forest_options(q10: str, live: str, tb: float, root_units: str, variant: str) -> None:
    choose(q10, ("table", "tjoelker"), "q10")
    choose(live, ("beps", "all"), "live")
    choose(root_units, ("Mg/ha", "kg/m2"), "root_units")
    choose(variant, ("corrected", "as_published"), "variant")
    _check_tb(tb)


def _check_tb(tb: float) -> None:
    if not _is_number(tb) or not 0.0 <= tb <= 40.0:
        raise OptionError(f"tb must be in 0 to 40 degC, got {tb!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number)


def _by_class(name: str, vegetation: Vegetation) -> Values:
    known = {c: float(parameters(f"autotrophic.{c}")[name]["value"]) for c in FORESTS}
    return look_up(known, vegetation, "autotrophic")


def _living(vegetation: Vegetation, live: str, root_units: str) -> tuple[Values, Values, Values]:
    """Return living stem, coarse root and fine root, kg m-2, by class."""
    found = {c: _living_of(c, live, root_units) for c in FORESTS}
    stem, coarse, fine = (look_up({c: v[i] for c, v in found.items()}, vegetation, "autotrophic") for i in range(3))
    return stem, coarse, fine


def _living_of(name: str, live: str, root_units: str) -> tuple[float, float, float]:
    stem = float(parameters(f"autotrophic.{name}")["stem"]["value"])
    root = _root(name, stem, root_units)
    constants = {k: v["value"] for k, v in parameters("autotrophic.live").items()}
    fine = min(constants["fine_cap"], np.exp(constants["fine_intercept"]) * root ** constants["fine_exponent"])
    if live == "all":
        return stem, root * (1.0 - fine), root * fine
    half, share = constants["stem_half"], constants["root_share"]
    return stem * half / (stem + half), root * (1.0 - fine) * share, root * fine * share


def _root(name: str, stem: float, root_units: str) -> float:
    constants = {k: v["value"] for k, v in parameters("autotrophic.root").items()}
    form = parameters(f"autotrophic.{name}")["root_form"]["value"]
    factor = 10.0 if root_units == "Mg/ha" else 1.0
    ratio = constants["ratio"] * stem
    kurz = np.exp(constants["kurz_intercept"]) * (stem * factor) ** constants["kurz_exponent"] / factor
    return float({"ratio": ratio, "kurz": kurz, "mean": 0.5 * (ratio + kurz), "fixed": constants["fixed"]}[form])


def _q10_factor(organ: str, vegetation: Vegetation, temperature: Values, q10: str, tb: float) -> Values:
    base = _tjoelker(temperature) if q10 == "tjoelker" else _by_class(f"q10_{organ}", vegetation)
    return base ** ((temperature - tb) / 10.0)


def _tjoelker(temperature: Values) -> Values:
    constants = {k: v["value"] for k, v in parameters("autotrophic.temperature").items()}
    line = constants["tjoelker_intercept"] + constants["tjoelker_slope"] * temperature
    return np.minimum(np.maximum(line, constants["q10_low"]), constants["q10_high"])
