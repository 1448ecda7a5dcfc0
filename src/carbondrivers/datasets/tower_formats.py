"""What the columns of a tower table are called and in which unit they stand, in FLUXNET and in ChinaFLUX.

FLUXNET (FLUXNET2015 and later products of ONEFlux; Pastorello et al. 2020, doi 10.1038/s41597-020-0534-3): units follow
from the resolution, carbon in umol CO2 m-2 s-1 for half hours and hours, g C m-2 d-1 for days, weeks and months, and
g C m-2 a-1 for years; a flag ``_QC`` is 0 measured, 1 well filled, 2 and 3 poorly filled (meteorology: 2 reanalysis) for
half hours, and the share of measured and well filled records otherwise. ChinaFLUX: units stand in a second header row or
in the names, and differ between sites.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from carbondrivers.datasets.tower_times import WORDS, Resolution
from carbondrivers.errors import DataError, did_you_mean

# As in nep_models.conversions; a test holds them equal.
CARBON_G_PER_MOL, CO2_G_PER_MOL, SECONDS_PER_DAY = 12.011, 44.0095, 86_400
MJ_PER_DAY = 0.0864
CARBON = ("nee", "gpp", "er")
LONG_NAMES = {
    "nee": "Net ecosystem exchange (positive: release)",
    "nep": "Net ecosystem productivity",
    "gpp": "Gross primary productivity",
    "er": "Ecosystem respiration",
    "temperature": "Air temperature",
    "precipitation": "Precipitation",
    "radiation": "Incoming solar radiation",
    "vpd": "Vapour pressure deficit",
    "latent_heat": "Latent heat flux",
    "sensible_heat": "Sensible heat flux",
}
VARIANTS = ("VUT_REF", "CUT_REF", "VUT_USTAR50", "CUT_USTAR50", "VUT_MEAN", "CUT_MEAN")
METEO = {
    "temperature": "TA_F", "precipitation": "P_F", "radiation": "SW_IN_F", "vpd": "VPD_F", "latent_heat": "LE_F_MDS",
    "sensible_heat": "H_F_MDS",
}  # fmt: skip
# Gap-filled columns come before others; names are compared in lower case, without unit.
CHINAFLUX = {
    "nee": ("nee_f", "nee_gf", "nee", "净生态系统co2交换通量", "净生态系统co2交换", "净生态系统碳交换"),
    "er": ("re", "reco", "er", "ter", "生态系统co2呼吸通量", "生态系统呼吸"),
    "gpp": ("gpp", "gep", "gee", "总初级生产力", "总生态系统生产力", "总生态系统co2交换通量"),
    "temperature": ("ta", "气温", "空气温度", "冠层上方空气温度"),
    "precipitation": ("prcp", "p", "precipitation", "降水", "降水量"),
    "radiation": ("rs", "rg", "总辐射", "太阳辐射"),
    "vpd": ("vpd", "饱和水汽压差"),
    "latent_heat": ("le_f", "le", "潜热通量"),
    "sensible_heat": ("hs_f", "h_f", "hs", "h", "显热通量"),
}
# Carbon: g C in one of the unit, and its period. The rest: factor and offset to the unit of the package.
_CARBON_UNITS = {
    "umolco2m-2s-1": (CARBON_G_PER_MOL * 1e-6, "s"),
    "mgco2m-2s-1": (CARBON_G_PER_MOL / CO2_G_PER_MOL * 1e-3, "s"),
    "gco2m-2s-1": (CARBON_G_PER_MOL / CO2_G_PER_MOL, "s"),
    "gco2m-2d-1": (CARBON_G_PER_MOL / CO2_G_PER_MOL, "d"),
    "gcm-2d-1": (1.0, "d"),
    "gcm-2month-1": (1.0, "month"),
    "gcm-2a-1": (1.0, "a"),
}
_OTHER_UNITS = {
    "temperature": {"degc": (1.0, 0.0), "c": (1.0, 0.0), "k": (1.0, -273.15)},
    "vpd": {"hpa": (1.0, 0.0), "kpa": (10.0, 0.0)},
    "radiation": {"wm-2": (MJ_PER_DAY, 0.0), "mjm-2d-1": (1.0, 0.0)},
    "latent_heat": {"wm-2": (1.0, 0.0), "mjm-2d-1": (1.0 / MJ_PER_DAY, 0.0)},
    "sensible_heat": {"wm-2": (1.0, 0.0), "mjm-2d-1": (1.0 / MJ_PER_DAY, 0.0)},
}
_SPELLINGS = (
    (r"[μµ]", "u"), ("℃|°c|degreec|degc(elsius)?", "degc"), (r"[\s.·*^_{}()]", ""), (r"/m2/s$|/s/m2$|/m2s$", "m-2s-1"),
    (r"/m2/d(ay)?$|/m2d(ay)?$", "m-2d-1"), (r"/m2/mon(th)?$", "m-2month-1"), (r"/m2/(yr|year|y|a)$", "m-2a-1"),
    (r"/m2$", "m-2"), (r"day-1$", "d-1"), (r"(mon|mo)-1$", "month-1"), (r"(yr|year|y)-1$", "a-1"), (r"^umolm", "umolco2m"),
)  # fmt: skip
_RESULT_UNITS = {
    "temperature": "degC", "radiation": "MJ m-2 d-1", "vpd": "hPa", "latent_heat": "W m-2", "sensible_heat": "W m-2",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file: its name, that of its quality flag, and its unit (both empty where unknown)."""

    name: str
    quality: str = ""
    unit: str = ""


def carbon_unit(resolution: Resolution) -> str:
    """Return the unit of carbon fluxes at a resolution.

    Examples
    --------
    >>> carbon_unit("HH"), carbon_unit("MM"), carbon_unit("YY")
    ('umol CO2 m-2 s-1', 'g C m-2 d-1', 'g C m-2 a-1')
    """
    return {"HH": "umol CO2 m-2 s-1", "HR": "umol CO2 m-2 s-1", "YY": "g C m-2 a-1"}.get(resolution, "g C m-2 d-1")


def result_unit(name: str, resolution: Resolution) -> str:
    """Return the unit in which a variable is given at a resolution; precipitation of half hours is their total."""
    if name in (*CARBON, "nep"):
        return carbon_unit(resolution)
    if name == "precipitation":
        return {"HH": "mm", "HR": "mm", "YY": "mm a-1"}.get(resolution, "mm d-1")
    return _RESULT_UNITS[name]


def fluxnet_columns(names: Sequence[str], variant: str, partition: str, where: str) -> dict[str, Column]:
    """Return the columns of a FLUXNET table by variable; NEE is needed, what else is missing is left out.

    Raises
    ------
    DataError
        If there is no NEE of the variant asked for; the message names those that there are.
    """
    quality = f"NEE_{variant}_QC"
    wanted = {
        "nee": f"NEE_{variant}",
        "gpp": f"GPP_{partition}_{variant}",
        "er": f"RECO_{partition}_{variant}",
        **METEO,
    }
    if wanted["nee"] not in names:
        others = [v for v in VARIANTS if f"NEE_{v}" in names]
        remedy = f"give variant={others[0]!r}" if others else f"check the file.{did_you_mean(wanted['nee'], names)}"
        raise DataError(f"{where}: there is no column {wanted['nee']!r}: {remedy}")
    found: dict[str, Column] = {}
    for name, column in wanted.items():
        if column in names:
            flag = quality if name in CARBON else f"{column}_QC"
            found[name] = Column(column, flag if flag in names else "")
    return found


def chinaflux_columns(units: Mapping[str, str], given: Mapping[str, str], where: str) -> dict[str, Column]:
    """Return the columns of a ChinaFLUX table by variable.

    Parameters
    ----------
    units
        All columns of the file with the unit of each as the file names it (empty where it does not).
    given
        Units that the user names, by column; they go before those of the file.

    Raises
    ------
    DataError
        If there is no column of NEE, or a unit is given for a column that is not there.
    """
    for name in given:
        if name not in units:
            raise DataError(f"{where}: units name a column {name!r} that is not there.{did_you_mean(name, list(units))}")
    plain = {_plain_name(name): name for name in reversed(list(units))}
    found: dict[str, Column] = {}
    for variable, known in CHINAFLUX.items():
        name = next((plain[n] for n in known if n in plain), "")
        if name:
            found[variable] = Column(name, unit=given.get(name, "") or units[name] or _unit_in_name(name))
    if "nee" not in found:
        listed = ", ".join(list(units)[:12]) + (", ..." if len(units) > 12 else "")
        raise DataError(f"{where}: there is no column of NEE; the columns are {listed}: name it NEE, positive for release")
    return found


def _plain_name(name: str) -> str:
    return re.sub(r"[（(\[].*", "", name).strip().lower().replace("₂", "2")


def _unit_in_name(name: str) -> str:
    found = re.search(r"[（(\[](.*)[)）\]]\s*$", name)
    return found.group(1) if found else ""


def squeezed(unit: str) -> str:
    """Return a unit without blanks, dots and differences of spelling.

    Examples
    --------
    >>> squeezed("mg.CO2.m-2.s-1"), squeezed("μmol/m2/s"), squeezed("gC m⁻² yr⁻¹")
    ('mgco2m-2s-1', 'umolco2m-2s-1', 'gcm-2a-1')
    """
    text = unit.lower().translate(str.maketrans("⁻−–₂²³¹", "---2231"))
    for pattern, plain in _SPELLINGS:
        text = re.sub(pattern, plain, text)
    return text


def is_unit(text: object) -> bool:
    """Return whether a cell holds a unit of a carbon flux.

    Examples
    --------
    >>> is_unit("mg CO2 m-2 s-1"), is_unit("-"), is_unit("0.12")
    (True, False, False)
    """
    return squeezed(str(text)) in _CARBON_UNITS


def carbon_rate(values: np.ndarray, unit: str, start: pd.DatetimeIndex, resolution: Resolution) -> np.ndarray:
    """Convert carbon fluxes to the unit of the resolution; `unit` must be a known one."""
    grams, period = _CARBON_UNITS[squeezed(unit)]
    days = days_of(start, _target_period(resolution)) / days_of(start, period)
    rate: np.ndarray = values * grams * days / _target_grams(resolution)
    return rate


def carbon_problem(column: Column, where: str) -> str:
    """Say what is wrong with the unit of a carbon flux, or return an empty string."""
    if squeezed(column.unit) in _CARBON_UNITS:
        return ""
    why = f"has the unit {column.unit!r}, which is not known" if column.unit else "has no unit"
    return f"{where}: column {column.name!r} {why}: give units={{{column.name!r}: 'mg CO2 m-2 s-1'}} or what it is"


def _target_period(resolution: Resolution) -> str:
    return {"HH": "s", "HR": "s", "YY": "a"}.get(resolution, "d")


def _target_grams(resolution: Resolution) -> float:
    return CARBON_G_PER_MOL * 1e-6 if resolution in ("HH", "HR") else 1.0


def days_of(start: pd.DatetimeIndex, period: str) -> np.ndarray:
    """Return the true days of a period (second, day, month or year) that begins at each time.

    Examples
    --------
    >>> days_of(pd.DatetimeIndex(["2024-02-01"]), "month"), days_of(pd.DatetimeIndex(["2024-01-01"]), "a")
    (array([29.]), array([366.]))
    """
    if period == "month":
        return np.asarray(start.days_in_month, dtype=np.float64)
    if period == "a":
        return np.where(np.asarray(start.is_leap_year), 366.0, 365.0)
    return np.full(len(start), 1.0 / SECONDS_PER_DAY if period == "s" else 1.0)


def meteo_values(
    name: str, values: np.ndarray, unit: str, start: pd.DatetimeIndex, resolution: Resolution
) -> np.ndarray | None:
    """Convert meteorology to the package's unit, or return None where its unit is not known."""
    plain = squeezed(unit)
    if name == "precipitation":
        return _rain(values, plain, start, resolution)
    if plain not in _OTHER_UNITS[name]:
        return None
    factor, offset = _OTHER_UNITS[name][plain]
    return values * factor + offset


def _rain(values: np.ndarray, plain: str, start: pd.DatetimeIndex, resolution: Resolution) -> np.ndarray | None:
    """A total in mm is that of the record; half hours keep it, other resolutions give it per day or year."""
    if resolution in ("HH", "HR"):
        return values if plain in ("mm", "mm30min-1") else None
    own = {"MM": "month", "YY": "a"}.get(resolution, "d")
    period = {"mm": own, "mmd-1": "d", "mmmonth-1": "month", "mma-1": "a"}.get(plain)
    if period is None:
        return None
    total: np.ndarray = values / days_of(start, period) * days_of(start, "a" if resolution == "YY" else "d")
    return total


def good_share(flags: np.ndarray, resolution: Resolution, column: str, where: str) -> np.ndarray:
    """Return the share of measured or well filled records: of half hours 1 for the flags 0 and 1, 0 for 2 and 3.

    Raises
    ------
    DataError
        If flags are not those of the resolution.
    """
    present = flags[~np.isnan(flags)]
    if resolution in ("HH", "HR"):
        if not np.isin(present, (0.0, 1.0, 2.0, 3.0)).all():
            raise DataError(f"{where}: {column} holds {_odd(present, (0, 1, 2, 3)):g}, flags of 0 to 3 are expected: drop it")
        return np.where(np.isnan(flags), np.nan, (flags <= 1).astype(np.float64))
    if present.size and (present.min() < 0 or present.max() > 1):
        raise DataError(
            f"{where}: {column} runs from {present.min():g} to {present.max():g} in a {WORDS[resolution]} file, shares of 0 to "
            "1 are expected: use the file as downloaded"
        )
    return flags


def _odd(values: np.ndarray, known: Iterable[int]) -> float:
    return float(values[~np.isin(values, list(known))][0])
