"""Half hours to days, months and years, with rules for gaps: what is missing is missing, never zero.

A day is the mean of its records, a month the mean of its days times its true length, a year the sum of its months. Each
step needs a share of what it is made of (``Coverage``), and the result tells the share of records that were there
(``<variable>_coverage``) and that were measured or well filled (``<variable>_qc``). Carbon and precipitation become totals
(g C m-2 and mm per day, month or year), the rest means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.datasets.tower_artefact import warn_open_path
from carbondrivers.datasets.tower_formats import CARBON_G_PER_MOL, LONG_NAMES, days_of
from carbondrivers.datasets.tower_times import WORDS
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.provenance import history_line

Period = Literal["day", "month", "year"]

HALF_HOURS = 48.0
# A share such as 0.9 of 30 days is not 27 to the last bit.
ROUNDING = 1 - 1e-9
_LEVELS: dict[str, tuple[Period, ...]] = {
    "HH": ("day", "month", "year"), "HR": ("day", "month", "year"), "DD": ("day", "month", "year"), "MM": ("month", "year"),
    "YY": ("year",),
}  # fmt: skip
_RESOLUTION = {"day": "DD", "month": "MM", "year": "YY"}
# Period and frequency of its starts, as pandas names them.
_PANDAS = {"day": ("D", "D"), "month": ("M", "MS"), "year": ("Y", "YS")}
_SUFFIX = {"day": "d-1", "month": "month-1", "year": "a-1"}
_PERIOD = {"day": "d", "month": "month", "year": "a"}
_PER_DAY = {
    "umol CO2 m-2 s-1": "s", "g C m-2 d-1": "d", "g C m-2 month-1": "month", "g C m-2 a-1": "a", "mm": "",
    "mm d-1": "d", "mm month-1": "month", "mm a-1": "a",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which share must be there: of the records of a day, of the days of a month, of a year by whole months.

    Attributes
    ----------
    day : float
        Of the records of a day. Gaps have an hour: five missing half hours of 48, all at night, raise a day's uptake by a
        tenth and more.
    month : float
        Of the days of a month.
    year : float
        Of the days of a year, by whole months; below 1 the mean of the months that are there stands for the season that
        is not.

    Raises
    ------
    OptionError
        If a share is not in (0, 1].
    """

    day: float = 0.9
    month: float = 0.8
    year: float = 1.0

    def __post_init__(self) -> None:
        for name in _RESOLUTION:
            if not 0.0 < getattr(self, name) <= 1.0:
                raise OptionError(f"coverage of a {name} must be in (0, 1], got {getattr(self, name)!r}")


def aggregate_tower(tower: xr.Dataset, to: Period, *, coverage: Coverage | None = None, min_qc: float = 0.0) -> xr.Dataset:
    """Aggregate a tower's records to days, months or years.

    Parameters
    ----------
    tower
        As ``read_tower`` or this function gave it: half hours, hours, days, months or years, at most as long as `to`.
    to
        ``"day"``, ``"month"`` or ``"year"``.
    coverage
        The shares needed at each step; 0.9 of a day, 0.8 of a month and all of a year by default.
    min_qc
        Smallest share of measured or well filled records of a period, 0 to 1; fluxes of other periods become missing.

    Returns
    -------
    xarray.Dataset
        Every period from the first to the last, along ``time`` (starts of days or months) or ``year``. Carbon: g C m-2
        d-1, month-1 or a-1; precipitation: mm d-1, month-1 or a-1; other variables: means in their unit. Beside each its
        ``_coverage``, the share of records that were there, and, where the file has flags, its ``_qc``.

    Raises
    ------
    OptionError
        If an option is outside its list or range.
    DataError
        If the dataset is not of a tower, or its records are longer than `to` or weeks, which do not make months.

    Warns
    -----
    DataWarning
        If years look like the open-path artefact (``open_path_artefact``).

    Examples
    --------
    >>> time = pd.date_range("2001-01-01", periods=31, freq="D")
    >>> nee = xr.DataArray(np.full(31, -0.5), coords={"time": time}, dims="time", attrs={"units": "g C m-2 d-1"})
    >>> month = aggregate_tower(xr.Dataset({"nee": nee}, attrs={"resolution": "DD"}), "month")
    >>> float(month["nee"][0]), month["nee"].attrs["units"], float(month["nee_coverage"][0])
    (-15.5, 'g C m-2 month-1', 1.0)
    """
    choose(to, get_args(Period), "to")
    if not 0.0 <= min_qc <= 1.0:
        raise OptionError(f"min_qc must be in 0 to 1, a share of records, got {min_qc!r}")
    levels = _levels(tower, to)
    if min_qc > 0 and "nee" in tower and "nee_qc" not in tower:
        raise DataError(f"min_qc = {min_qc:g} needs a quality flag of NEE, and the dataset has no 'nee_qc': give min_qc=0")
    rules = coverage or Coverage()
    found = {name: _aggregated(tower, name, levels, rules) for name in LONG_NAMES if name in tower}
    index = pd.DatetimeIndex(next(iter(found.values())).index)
    result = _labelled(tower, found, index, to, min_qc)
    lines = [*str(tower.attrs.get("history", "")).splitlines(), _history(to, rules, min_qc)]
    result.attrs = dict(tower.attrs) | {"resolution": _RESOLUTION[to], "history": "\n".join(lines)}
    if to == "year":
        warn_open_path(result, "tower")
    return result


def _history(to: str, rules: Coverage, min_qc: float) -> str:
    return history_line("aggregate_tower", to=to, day=rules.day, month=rules.month, year=rules.year, min_qc=min_qc)


def _levels(tower: xr.Dataset, to: Period) -> tuple[str, ...]:
    """Return the resolution of the records and the steps from there."""
    resolution = str(tower.attrs.get("resolution", ""))
    if resolution not in WORDS or not ({"time", "year"} & set(tower.dims)) or not any(n in tower for n in LONG_NAMES):
        raise DataError("the dataset is not of a tower (no attribute 'resolution', time or known variable): use read_tower")
    if resolution == "WW":
        raise DataError("weeks do not make whole months: read the daily file of the tower")
    if to not in _LEVELS[resolution]:
        raise DataError(f"{WORDS[resolution]} records cannot be made into a {to}: read a finer file of the tower")
    steps = _LEVELS[resolution]
    return (resolution, *steps[: steps.index(to) + 1])


def _aggregated(tower: xr.Dataset, name: str, levels: tuple[str, ...], rules: Coverage) -> pd.DataFrame:
    """Return rate, coverage and quality of a variable by period; rates of fluxes are per day."""
    start = _starts(tower)
    values = tower[name].to_numpy().astype(np.float64)
    table = pd.DataFrame({"rate": values * _to_daily(str(tower[name].attrs.get("units", "")), start, levels[0])}, index=start)
    present = table["rate"].notna()
    known = f"{name}_coverage" in tower
    table["coverage"] = tower[f"{name}_coverage"].to_numpy() if known else present.astype(np.float64)
    if f"{name}_qc" in tower:
        shares = np.nan_to_num(tower[f"{name}_qc"].to_numpy())
        # A gap is no good record; the shares of periods know of their gaps already.
        table["quality"] = shares if known else np.where(present, shares, 0.0)
    length = _row_length(start, levels[0])
    for level in levels[1:]:
        table = _step(table, length, level, getattr(rules, level))
        length = HALF_HOURS * days_of(pd.DatetimeIndex(table.index), _PERIOD[level])
    return table


def _starts(tower: xr.Dataset) -> pd.DatetimeIndex:
    if "time" in tower.dims:
        start = pd.DatetimeIndex(tower["time"].to_numpy())
    else:
        start = pd.DatetimeIndex([f"{year:04d}-01-01" for year in tower["year"].to_numpy()])
    if start.has_duplicates:
        raise DataError(f"{start[start.duplicated()][0]:%Y-%m-%d %H:%M} occurs twice in the dataset: drop one of the records")
    return start


def _row_length(start: pd.DatetimeIndex, resolution: str) -> np.ndarray:
    """Return how many half hours each record lasts: whole numbers, so that shares come out exact."""
    if resolution in ("HH", "HR"):
        return np.full(len(start), 1.0 if resolution == "HH" else 2.0)
    return HALF_HOURS * days_of(start, {"DD": "d", "MM": "month", "YY": "a"}[resolution])


def _to_daily(unit: str, start: pd.DatetimeIndex, resolution: str) -> np.ndarray:
    """Return the factor that makes a flux one per day; 1 for what is no flux."""
    if unit not in _PER_DAY:
        return np.ones(len(start))
    if unit == "mm":
        return HALF_HOURS / _row_length(start, resolution)
    grams = CARBON_G_PER_MOL * 1e-6 if unit.startswith("umol") else 1.0
    factor: np.ndarray = grams / days_of(start, _PER_DAY[unit])
    return factor


def _step(table: pd.DataFrame, length: np.ndarray, level: str, needed: float) -> pd.DataFrame:
    """Average the rows of each period, weighted by their length; a share of the period's own length is needed."""
    groups = pd.DatetimeIndex(table.index).to_period(_PANDAS[level][0]).start_time
    whole = pd.date_range(groups.min(), groups.max(), freq=_PANDAS[level][1])
    weighted = table.fillna(0.0).mul(length, axis=0).assign(present=table["rate"].notna() * length)
    sums = weighted.groupby(np.asarray(groups)).sum().reindex(whole, fill_value=0.0)
    period = pd.Series(HALF_HOURS * days_of(whole, _PERIOD[level]), index=whole)
    result = sums.drop(columns=["rate", "present"]).div(period, axis=0)
    result["rate"] = (sums["rate"] / sums["present"]).where(sums["present"] >= needed * period * ROUNDING)
    return result


def _labelled(
    tower: xr.Dataset, found: dict[str, pd.DataFrame], index: pd.DatetimeIndex, to: Period, min_qc: float
) -> xr.Dataset:
    dim, labels = ("year", np.asarray(index.year, dtype=np.int64)) if to == "year" else ("time", index.as_unit("ns"))
    variables: dict[str, xr.DataArray] = {}
    for name, table in found.items():
        unit, attrs = str(tower[name].attrs.get("units", "")), dict(tower[name].attrs)
        values = table["rate"]
        if unit in _PER_DAY:
            values = values * days_of(index, _PERIOD[to])
            attrs["units"] = f"{'mm' if unit.startswith('mm') else 'g C m-2'} {_SUFFIX[to]}"
        if "quality" in table and min_qc > 0:
            values = values.where(table["quality"] >= min_qc * ROUNDING)
        columns = {name: (values, attrs)}
        what = {"coverage": "Share of records that were there", "quality": "Share of measured or well filled records"}
        for part, words in what.items():
            if part in table:
                label = f"{words}: {LONG_NAMES[name]}"
                columns[f"{name}_{'qc' if part == 'quality' else part}"] = (table[part], {"units": "1", "long_name": label})
        for key, (series, about) in columns.items():
            variables[key] = xr.DataArray(series.to_numpy(dtype=np.float64), coords={dim: labels}, dims=dim, attrs=about)
    return xr.Dataset(variables)
