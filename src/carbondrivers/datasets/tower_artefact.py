"""A warning for the open-path artefact: a tower that seems to take up much carbon and to respire almost none.

Open-path gas analysers see an uptake that is not there wherever the sensible heat flux is large and the exchange small: in
deserts, and in winter (Wang et al. 2016 measured -1.65 umol CO2 m-2 s-1 at midday over dormant desert trees, -0.04 after
correction; Reverter et al. 2011 found over 100 g C m-2 a-1 by self-heating alone). A partitioning that goes by night-time
fluxes then leaves almost no respiration. Of 617 towers of FLUXNET nine in ten respire 54 to 122 % of their GPP, and one
(of those with a positive GPP) less than 15 %: below 10 % beside a large NEP is no ecosystem.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.datasets.arguments import check_frame
from carbondrivers.errors import DataError, DataWarning, OptionError, did_you_mean

ER_SHARE = 0.1
NEP_ABOVE = 100.0
_SHOWN = 5


def open_path_artefact(
    table: pd.DataFrame,
    *,
    nep: str = "nep",
    er: str = "er",
    gpp: str | None = None,
    site: str | None = None,
    er_share: float = ER_SHARE,
    nep_above: float = NEP_ABOVE,
) -> pd.Series:
    """Return which rows of a table of yearly fluxes look like the open-path artefact, and warn of them.

    A row is suspect if NEP exceeds `nep_above` and respiration is below `er_share` of GPP.

    Parameters
    ----------
    table
        One row a site or a year; fluxes in g C m-2 a-1.
    nep, er
        Columns of NEP and of ecosystem respiration.
    gpp
        Column of GPP; NEP + respiration where None is given, or a cell is empty.
    site
        Column that names a row in the warning; the index otherwise.
    er_share
        Largest suspect share of respiration in GPP, in (0, 1).
    nep_above
        NEP above which a row is looked at, g C m-2 a-1.

    Returns
    -------
    pandas.Series
        bool, with the index of `table`; False where NEP or respiration is missing, as these cannot be judged.

    Raises
    ------
    OptionError
        If a threshold is outside its range.
    DataError
        If a column is missing or holds text.

    Warns
    -----
    DataWarning
        If a row is suspect.

    References
    ----------
    Reverter, B. et al. (2011), self-heating correction across CARBORED-ES. Wang, W. et al. (2016), open-path system in a cold
    desert of the Tarim basin; both read as abstracts.

    Examples
    --------
    >>> table = pd.DataFrame({"site": ["desert", "forest"], "nep": [228.0, 250.0], "er": [11.0, 1100.0]})
    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     open_path_artefact(table, site="site").tolist()
    [True, False]
    """
    if not 0.0 < er_share < 1.0:
        raise OptionError(f"er_share must be in (0, 1), a share of GPP, got {er_share!r}")
    if not nep_above >= 0.0:
        raise OptionError(f"nep_above must be 0 or more g C m-2 a-1, got {nep_above!r}")
    check_frame(table)
    production, respiration = _column(table, nep), _column(table, er)
    gross = production + respiration if gpp is None else np.where(
        np.isnan(_column(table, gpp)), production + respiration, _column(table, gpp)
    )  # fmt: skip
    suspect = pd.Series(
        (production > nep_above) & (respiration < er_share * gross), index=table.index, name="open_path_artefact"
    )
    if site is not None and site not in table:
        _column(table, site)
    if suspect.any():
        names = table[site] if site is not None else pd.Series(table.index, index=table.index)
        _warn(suspect.to_numpy(), names.to_numpy(), production, respiration, er_share)
    return suspect


def warn_open_path(tower: xr.Dataset, where: str) -> None:
    """Warn of years of a tower that look like the artefact; without respiration nothing can be said."""
    if "er" not in tower or "nep" not in tower:
        return
    dim = "year" if "year" in tower.dims else "time"
    years = tower["year"].to_numpy() if dim == "year" else tower["time"].dt.year.to_numpy()
    label = tower.attrs.get("site") or where
    frame = pd.DataFrame({name: tower[name].to_numpy() for name in ("nep", "er")}, index=[f"{label} {year}" for year in years])
    open_path_artefact(frame)


def _column(table: pd.DataFrame, name: str) -> np.ndarray:
    if name not in table:
        columns = [str(c) for c in table.columns]
        raise DataError(f"there is no column {name!r}.{did_you_mean(name, columns)} The columns are: {', '.join(columns[:12])}")
    if not pd.api.types.is_numeric_dtype(table[name]):
        raise DataError(f"column {name!r} holds text: fluxes must be numbers in g C m-2 a-1")
    return table[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _warn(suspect: np.ndarray, names: np.ndarray, nep: np.ndarray, er: np.ndarray, er_share: float) -> None:
    rows, judged = np.flatnonzero(suspect), int((~np.isnan(nep + er)).sum())
    listed = ", ".join(f"{names[i]} (NEP {nep[i]:.0f}, ER {er[i]:.0f})" for i in rows[:_SHOWN])
    more = f" and {rows.size - _SHOWN} more" if rows.size > _SHOWN else ""
    warnings.warn(
        f"{rows.size} of {judged} rows with both values have a large NEP beside respiration below {er_share:.0%} of GPP: "
        f"{listed}{more}; "
        "it looks like the artefact of open-path analysers: leave them out, or correct the fluxes first",
        DataWarning,
        stacklevel=3,
    )
