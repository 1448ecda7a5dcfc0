"""Seasonal trend of every cell of a stack of months, and of its area-weighted mean: the same months are compared.

Seasonal Mann-Kendall test and seasonal Sen slope (Hirsch, Slack and Smith 1982, doi:10.1029/WR018i001p00107). True years
are used; a month that a cell lacks in too many years does not count there. Formulas: ``seasonal_trend_kernels``; classes:
``trend_classes``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution import seasonal_trend_kernels as kernels
from carbondrivers.attribution import stacks, trend_kernels
from carbondrivers.attribution.inference import Floats, benjamini_hochberg
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.trend import Significance
from carbondrivers.attribution.trend_classes import CLASS_VIEWS, LEVELS, ClassView, class_codes
from carbondrivers.attribution.trend_tests import small_sample_p
from carbondrivers.errors import DataError, choose
from carbondrivers.provenance import history_line

STATISTICS = ("sen_slope", "sen_ci_low", "sen_ci_high", "mk_s", "mk_z", "mk_p", "tau_b", "seasons", "n_valid")
TEST = "Seasonal Mann-Kendall, naive P"
OF_CELLS = "area of the cells with a month of enough valid years"
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
LEAST = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeasonalTrendResult(Result):
    """Seasonal trend maps and their summaries.

    Attributes
    ----------
    grid : xarray.Dataset
        (y, x): maps of ``STATISTICS`` (slopes per year; ``seasons`` that count; ``n_valid`` months with a value),
        ``mk_p_adjusted`` and ``trend_class`` (position in its ``attrs["classes"]``).
    classes : pandas.DataFrame
        Cells, area and share of each class, by naive and by adjusted p; the shares of each method add to one.
    regional : pandas.DataFrame
        Trend of the area-weighted mean: all months together, then each month alone.
    """

    grid: xr.Dataset
    classes: pd.DataFrame
    regional: pd.DataFrame


@register(
    "seasonal_trend",
    title="Seasonal trend: Mann-Kendall and Sen by month",
    takes="stack",
    result=SeasonalTrendResult,
    version="2",
    citation="Hirsch, R.M., Slack, J.R., Smith, R.A. (1982). Techniques of trend analysis for monthly water quality data. "
    "Water Resources Research 18, 107-121.",
)
def seasonal_trend(
    stack: xr.DataArray,
    *,
    min_valid: int | None = None,
    significance: Significance = "benjamini_hochberg",
    classes: ClassView = "northwest_china",
) -> SeasonalTrendResult:
    """Estimate the trend that the months of every cell, and of the region, have in common.

    Parameters
    ----------
    stack
        Dims ``time`` (dates, at most one a month), y and x; NaN is a gap. One value a year is one season. It may be lazy:
        it is worked through in blocks, but the maps stay in memory, 88 bytes a cell, and twice that while they are made.
    min_valid
        Fewest valid years of a month; the default is 70 % of the years, at least 10.
    significance
        The p that classes the map: adjusted over all cells, or as it is.
    classes
        Published view of the classes, as in ``trend``.

    Raises
    ------
    DataError
        If the stack has no time, too few years, two grids of one month, an infinite value, or no month of any cell with
        enough years.

    Examples
    --------
    >>> times = pd.date_range("2001-01-01", periods=144, freq="MS")
    >>> values = np.sin(2 * np.pi * times.month / 12) * 50 + 2.0 * (times.year - 2001) + 0.1 * (np.arange(144) % 5)
    >>> coords = {"time": times, "y": [0.0], "x": [0.0, 1000.0]}
    >>> stack = xr.DataArray(values.to_numpy()[:, None, None] * np.ones((1, 1, 2)), coords, ("time", "y", "x"))
    >>> result = seasonal_trend(stack.assign_attrs(crs="EPSG:32650"))
    >>> round(float(result.grid["sen_slope"][0, 0]), 2)
    2.0
    """
    choose(significance, ("benjamini_hochberg", "naive"), "significance")
    choose(classes, CLASS_VIEWS, "classes")
    dim, times = stacks.true_years(stack)
    calendar = _calendar(stack[dim].to_numpy()[np.argsort(times)], str(stack.name or "the stack"))
    needed = stacks.fewest(min_valid, len(calendar.years), LEAST, "a seasonal trend")
    maps = stacks.cell_maps(
        stack, dim, times, lambda values: _statistics(calendar.split(values), calendar.years, needed), STATISTICS
    )
    tested = np.isfinite(maps["mk_z"].to_numpy())
    if not tested.any():
        raise DataError(
            f"no month of any cell of {stack.name or 'the stack'!r} has {needed} valid years of {len(calendar.years)}: "
            "give more years, or lower min_valid"
        )
    maps["mk_p_adjusted"] = (("y", "x"), benjamini_hochberg(maps["mk_p"].to_numpy()))
    deciding = "mk_p_adjusted" if significance == "benjamini_hochberg" else "mk_p"
    codes = {p: class_codes(maps[p].to_numpy(), maps["mk_s"].to_numpy(), classes) for p in ("mk_p", "mk_p_adjusted")}
    maps["trend_class"] = stacks.class_map(codes[deciding], maps, LEVELS[classes], "Seasonal trend class", deciding)
    areas = stacks.areas_of(maps)
    parameters = {
        "min_valid": needed, "significance": significance, "classes": classes,
        "years": [float(calendar.years[0]), float(calendar.years[-1])], "seasons": [int(month) for month in calendar.months],
    }  # fmt: skip
    maps.attrs["method"] = TEST
    maps.attrs["history"] = provenance = history_line("seasonal_trend", **parameters)
    shares = [
        stacks.class_shares(codes[p], areas, LEVELS[classes], TEST + (", adjusted (BH)" if p != "mk_p" else ""), OF_CELLS)
        for p in codes
    ]
    return SeasonalTrendResult(
        method="seasonal_trend",
        parameters=parameters,
        n=int(tested.sum()),
        notes=_notes(maps, calendar, needed),
        provenance=provenance,
        variables=stacks.response(stack),
        grid=_with_units(maps, str(stack.attrs.get("units", ""))),
        classes=pd.concat(shares, ignore_index=True),
        regional=_regional(stack, dim, calendar, areas, tested, times),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Calendar:
    """Where each time of a stack, in ascending order, stands among the months and years."""

    months: np.ndarray
    years: Floats
    month_at: np.ndarray
    year_at: np.ndarray

    def split(self, values: Floats) -> Floats:
        """Return values (cells, times) as (cells, months, years), NaN where there is no time."""
        found = np.full((len(values), len(self.months), len(self.years)), np.nan)
        found[:, self.month_at, self.year_at] = values
        return found


def _calendar(times: np.ndarray, name: str) -> _Calendar:
    """Return the calendar of dates, or of years as numbers, in ascending order."""
    if np.issubdtype(times.dtype, np.datetime64):
        dates = pd.DatetimeIndex(times)
        year, month = dates.year.to_numpy(np.float64), dates.month.to_numpy()
    else:
        year = np.floor(times.astype(np.float64))
        month = np.floor((times - year) * 12.0 + 1e-6).astype(np.int64) + 1
    months, month_at = np.unique(month, return_inverse=True)
    years, year_at = np.unique(year, return_inverse=True)
    twice = pd.Series(month_at * 10_000 + year_at).duplicated()
    if twice.any():
        first = int(np.argmax(twice))
        raise DataError(
            f"{name!r} holds more than one grid of {int(year[first])}-{month[first]:02d}: average them to months first"
        )
    return _Calendar(months, years, month_at, year_at)


def _statistics(y: Floats, years: Floats, needed: int) -> Floats:
    """Return ``STATISTICS`` of cells (cells, months, years); months with too few years do not count."""
    n = (~np.isnan(y)).sum(axis=2)
    counts = n >= needed
    y = np.where(counts[:, :, None], y, np.nan)
    test = kernels.mann_kendall(y)
    slope = kernels.sen(y, years, test.variance)
    return np.column_stack([*slope, test.s, test.z, test.p, test.tau_b, counts.sum(axis=1), n.sum(axis=1)])


def _regional(
    stack: xr.DataArray, dim: str, calendar: _Calendar, areas: Floats, used: np.ndarray, times: Floats
) -> pd.DataFrame:
    """Return the trend of the area-weighted mean of the used cells that have every value, or of all used cells."""
    inside = stack.transpose(dim, "y", "x").isel({dim: np.argsort(times)})
    complete = used & inside.notnull().all(dim).to_numpy()
    weight = xr.DataArray(np.where(complete if complete.any() else used, areas, 0.0), dims=("y", "x"))
    present = (inside.notnull() * weight.data).sum(("y", "x")).to_numpy()
    total = (inside.fillna(0.0) * weight.data).sum(("y", "x")).to_numpy().astype(np.float64)
    mean = np.divide(total, present, out=np.full(total.shape, np.nan), where=present > 0)
    y = calendar.split(mean[None, :])
    test = kernels.mann_kendall(y)
    slope = kernels.sen(y, calendar.years, test.variance)
    rows: list[tuple[Any, ...]] = [("All months", slope, test.s, test.z, test.p, test.tau_b, int(np.isfinite(y).sum()))]
    for i, month in enumerate(calendar.months):
        one = trend_kernels.mann_kendall(y[:, i])
        sen = trend_kernels.theil_sen(y[:, i], calendar.years - calendar.years[0], one.variance)
        rows.append(
            (MONTHS[month - 1], sen, one.s, one.z, small_sample_p(y[:, i], one), one.tau_b, int(np.isfinite(y[:, i]).sum()))
        )
    table = [
        {"level": name, "estimate": line.slope[0], "ci_low": line.ci_low[0], "ci_high": line.ci_high[0], "statistic": z[0],
         "p": p[0], "tau": tau[0], "n": n}
        for name, line, _, z, p, tau, n in rows
    ]  # fmt: skip
    return pd.DataFrame(table)


def _with_units(maps: xr.Dataset, unit: str) -> xr.Dataset:
    for name in ("sen_slope", "sen_ci_low", "sen_ci_high"):
        maps[name].attrs["units"] = f"{unit} a-1".strip()
    return maps


def _notes(maps: xr.Dataset, calendar: _Calendar, needed: int) -> tuple[str, ...]:
    counted, seasons = maps["seasons"].to_numpy(), len(calendar.months)
    absent = int((maps["n_valid"] == 0).sum())
    short = int(((maps["n_valid"] > 0) & (maps["seasons"] == 0)).sum())
    partly = int(((counted > 0) & (counted < seasons)).sum())
    notes = [
        "P of the seasonal trend is naive: it takes months and years as independent. Neighbouring months are alike, so that "
        "too many trends are found; adjusting over the map (BH) does not mend that."
    ]
    if seasons == 1:
        notes.append("The stack has one value a year, a single season: this is the ordinary Mann-Kendall test.")
    if absent:
        notes.append(
            f"{absent:,} of {counted.size:,} cells have no value at any time: they lie outside the study area or are masked."
        )
    if short:
        notes.append(
            f"{short:,} further cells have no month with {needed} valid years of {len(calendar.years)} and are left out."
        )
    if partly:
        notes.append(f"{partly:,} cells are tested on fewer than {seasons} months; the map 'seasons' says on how many.")
    return tuple(notes)
