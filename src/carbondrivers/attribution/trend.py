"""Trend of every cell of a raster stack, and of its area-weighted mean: least squares, Theil-Sen, Mann-Kendall.

True years are used, gaps are never squeezed, and cells with fewer than ``min_valid`` years stay empty. The class map
follows one of the published views (``trend_classes``), by default after adjustment over the map (Benjamini and Hochberg
1995, doi:10.1111/j.2517-6161.1995.tb02031.x). Tests that years with a memory do not fool: ``trend_tests``.
Sources: Theil (1950); Sen (1968), doi:10.1080/01621459.1968.10480934; Mann (1945), doi:10.2307/1907187; Kendall (1975).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from carbondrivers.attribution import trend_kernels as kernels
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Keep, Result
from carbondrivers.attribution.trend_classes import CLASS_VIEWS, ClassView
from carbondrivers.attribution.trend_maps import (
    STATISTICS,
    Tally,
    adjusted_map,
    cell_trends,
    class_map,
    class_shares,
    regional_series,
    tally,
)
from carbondrivers.attribution.trend_tests import CAVEATS, TEST_WORDS, TREND_TESTS, TrendTest, outcome
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.provenance import history_line

TIME_NAMES = ("year", "time")
Significance = Literal["benjamini_hochberg", "naive"]
TrendMethod = Literal["ols", "theil_sen", "mann_kendall"]
TREND_METHODS: tuple[TrendMethod, ...] = get_args(TrendMethod)
PREFIX = {"ols": "ols_", "theil_sen": "sen_"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrendResult(Result):
    """Trend maps and their summaries.

    Attributes
    ----------
    grid : xarray.Dataset
        Maps of ``STATISTICS``, ``mk_p_adjusted`` and ``trend_class`` (position in its ``attrs["classes"]``). Slopes are
        per year; intercepts are the value of the line in ``attrs["reference_year"]``: ``sen_intercept`` is
        median(y) - slope median(t), ``sen_intercept_residual`` median(y - slope t). ``mk_z`` and ``mk_p`` are those of
        the chosen test, ``mk_s`` and tau those of the series as it is.
    classes : pandas.DataFrame
        Cells, area and share of each class, by naive and by adjusted p; the shares of each method add to one.
    series : pandas.DataFrame
        Area-weighted mean of each year.
    regional : pandas.DataFrame
        Trend of that mean by each method.
    """

    grid: xr.Dataset
    classes: pd.DataFrame
    series: pd.DataFrame
    regional: pd.DataFrame


@register(
    "trend",
    title="Trend: least squares, Theil-Sen, Mann-Kendall",
    takes="stack",
    result=TrendResult,
    version="2",
    citation="Sen, P.K. (1968). Estimates of the regression coefficient based on Kendall's tau. JASA 63, 1379-1389.",
)
def trend(
    stack: xr.DataArray,
    *,
    method: Sequence[TrendMethod] = TREND_METHODS,
    min_valid: int | None = None,
    significance: Significance = "benjamini_hochberg",
    test: TrendTest = "mann_kendall",
    classes: ClassView = "northwest_china",
    keep: Keep | None = None,
) -> TrendResult:
    """Estimate the trend of every cell and of the region.

    Parameters
    ----------
    stack
        Dims ``year`` (numbers) or ``time`` (dates) and two in space, named y and x; NaN is a gap. It may be lazy: space is
        worked through in blocks, time is kept whole.
    method
        Slopes to report; the Mann-Kendall test, which classes the map, always belongs to them.
    min_valid
        Fewest valid years of a cell; the default is 70 % of the years, at least 10.
    significance
        The p that classes the map: adjusted over all cells, or as it is.
    test
        ``"mann_kendall"``; where years resemble their neighbours, ``"three_pw"`` (robust) or ``"hamed_rao"``.
    classes
        The published view: six classes by P < 0.01 and P < 0.05, or |Z| > 1.96 with four classes or with three.
    keep
        Where the maps go: a function that takes a lazy data set and returns it when it is kept, such as
        ``carbondrivers.datasets.write.keep_grid`` for a folder. With it no map is ever held whole in memory; by default
        maps are held.

    Raises
    ------
    DataError
        If there is no time dimension, too few years, repeated years, an infinite value or no value at all, or the test
        needs neighbouring years and the years lie on no lattice.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> values = 2.0 * np.arange(12.0)[:, None, None] + np.zeros((12, 1, 2))
    >>> values[::2] += 0.1
    >>> coords = {"year": np.arange(2001, 2013), "y": [0.0], "x": [0.0, 1000.0]}
    >>> stack = xr.DataArray(values, dims=("year", "y", "x"), coords=coords, attrs={"crs": "EPSG:32650"})
    >>> result = trend(stack)
    >>> round(float(result.grid["sen_slope"][0, 0]), 6)
    2.0
    """
    if isinstance(method, str) or not isinstance(method, Sequence) or not method:
        raise OptionError(f"method must be a list such as ['theil_sen', 'mann_kendall'], got {method!r}")
    for one in method:
        choose(one, TREND_METHODS, "method")
    choose(significance, ("benjamini_hochberg", "naive"), "significance")
    choose(test, TREND_TESTS, "test")
    choose(classes, CLASS_VIEWS, "classes")
    dim, years = _true_years(stack)
    needed = _fewest(min_valid, len(years))
    parameters = {
        "method": list(method),
        "min_valid": needed,
        "significance": significance,
        "test": test,
        "classes": classes,
        "years": [float(years.min()), float(years.max())],
    }
    provenance = history_line("trend", **parameters)
    reference = float(np.floor(years.min()))
    about = {"crs": stack.attrs.get("crs", ""), "reference_year": reference, "history": provenance, "method": TEST_WORDS[test]}
    keep = keep or xr.Dataset.compute
    maps = cell_trends(stack, dim, years - reference, needed, test)
    left_out = tuple(prefix for name, prefix in PREFIX.items() if name not in method)
    maps = maps.drop_vars([name for name in STATISTICS if name.startswith(left_out)] if left_out else [])
    maps = keep(_described(maps, stack).assign_attrs(about))
    counted = tally(maps, len(years))
    enough, complete = counted.cells(needed), counted.cells(len(years))
    if not enough:
        raise DataError(
            f"no cell of {stack.name or 'the stack'!r} has {needed} valid years of {len(years)}: "
            "give more years, or lower min_valid"
        )
    maps = maps.merge(
        keep(_classed(maps, counted, significance, classes).assign_attrs(about)), join="override", compat="override"
    )
    areas = cell_areas(maps["n_valid"].assign_attrs(crs=about["crs"]))
    series = regional_series(stack, dim, years, areas, maps["n_valid"] >= (len(years) if complete else needed))
    return TrendResult(
        method="trend",
        parameters=parameters,
        n=enough,
        notes=(*_notes(counted.valid, years, needed, test), *_series_note(enough, complete)),
        provenance=provenance,
        variables=_variables(stack),
        grid=maps,
        classes=class_shares(maps, areas, classes, test),
        series=series,
        regional=_regional_trend(series, method, test),
    )


def _classed(maps: xr.Dataset, counted: Tally, significance: Significance, view: ClassView) -> xr.Dataset:
    """Return the maps of adjusted p and of classes, lazy if the others are."""
    deciding = "mk_p_adjusted" if significance == "benjamini_hochberg" else "mk_p"
    p = {"mk_p": maps["mk_p"], "mk_p_adjusted": adjusted_map(maps["mk_p"], counted)}
    return xr.Dataset(
        {"mk_p_adjusted": p["mk_p_adjusted"], "trend_class": class_map(p[deciding], maps["mk_s"], deciding, view)}
    )


def _true_years(stack: xr.DataArray) -> tuple[str, Floats]:
    if not np.issubdtype(stack.dtype, np.number) or np.issubdtype(stack.dtype, np.complexfloating):
        raise DataError(f"{stack.name or 'the stack'!r} holds {stack.dtype} where numbers are expected: read it as numbers")
    dim = next((d for d in TIME_NAMES if d in stack.dims), None)
    if dim is None:
        raise DataError(f"{stack.name or 'the stack'!r} has no year or time dimension; its dimensions are {stack.dims}")
    if sorted(map(str, stack.dims)) != sorted((dim, "x", "y")):
        raise DataError(f"{stack.name or 'the stack'!r} must have the dimensions {dim}, y and x, got {stack.dims}")
    if dim not in stack.coords:
        raise DataError(f"{stack.name or 'the stack'!r} has no {dim} coordinate: name the years")
    values = stack[dim].to_numpy()
    if np.issubdtype(values.dtype, np.datetime64):
        start = values.astype("datetime64[Y]")
        length = (start + 1).astype("datetime64[D]") - start.astype("datetime64[D]")
        days = (values - start.astype(values.dtype)) / np.timedelta64(1, "D")
        years = start.astype(np.int64) + 1970 + days / length.astype(np.float64)
    else:
        years = values.astype(np.float64)
    if not np.isfinite(years).all():
        raise DataError(f"{stack.name or 'the stack'!r} has a {dim} that is missing: name every {dim}")
    if len(np.unique(years)) < len(years):
        raise DataError(f"{stack.name or 'the stack'!r} holds a {dim} twice: keep one layer a {dim}")
    return dim, np.asarray(years, dtype=np.float64)


def _fewest(min_valid: int | None, years: int) -> int:
    if min_valid is None:
        needed = max(10, int(np.ceil(0.7 * years)))
        if years < needed:
            raise DataError(
                f"only {years} years, at least {needed} are needed for a trend that can be told from noise: "
                "give more years, or set min_valid (3 or more) and take the risk"
            )
        return needed
    if not isinstance(min_valid, int) or not 3 <= min_valid <= years:
        raise OptionError(f"min_valid must be from 3 to the number of years ({years}), got {min_valid!r}")
    return min_valid


def _regional_trend(series: pd.DataFrame, method: Sequence[TrendMethod], test: TrendTest) -> pd.DataFrame:
    t, y = series["year"].to_numpy(np.float64), series["estimate"].to_numpy(np.float64)[None, :]
    origin = t[0]
    line, plain = kernels.ols(y, t - origin), kernels.mann_kendall(y)
    sen = kernels.theil_sen(y, t - origin, plain.variance)
    chosen = outcome(y, t - origin, plain, sen.slope, test)
    n = int((~np.isnan(y)).sum())
    reach = stats.t.ppf(0.975, n - 2) * line.std_error[0] if n > 2 else np.nan
    rows = [
        {"method": "ols", "estimate": line.slope[0], "std_error": line.std_error[0], "statistic": line.statistic[0],
         "p": line.p[0], "ci_low": line.slope[0] - reach, "ci_high": line.slope[0] + reach,
         "intercept": line.intercept[0]},
        {"method": "theil_sen", "estimate": sen.slope[0], "ci_low": sen.ci_low[0], "ci_high": sen.ci_high[0],
         "statistic": chosen.z[0], "p": chosen.p[0], "intercept": sen.intercept[0],
         "intercept_residual": sen.intercept_residual[0]},
    ]  # fmt: skip
    columns = ["method", "estimate", "std_error", "statistic", "p", "ci_low", "ci_high", "intercept", "intercept_residual"]
    note = (
        "P of Theil-Sen is Mann-Kendall's; the intercept is the line's value in the first year, for Theil-Sen "
        "median(y) - slope median(t) and, as residual intercept, median(y - slope t)"
    )
    rows = [row for row in rows if row["method"] in method]
    return pd.DataFrame(rows, columns=columns).assign(n=n, note=note)


def _variables(stack: xr.DataArray) -> pd.DataFrame:
    name = str(stack.name or "response")
    row = {"name": name, "role": "response", "category": "vegetation", "unit": stack.attrs.get("units", ""),
           "label": stack.attrs.get("long_name", name), "kind": "continuous"}  # fmt: skip
    return pd.DataFrame([row], dtype=str)


def _described(maps: xr.Dataset, stack: xr.DataArray) -> xr.Dataset:
    unit = str(stack.attrs.get("units", ""))
    for name in maps.data_vars:
        if "_intercept" in str(name):
            maps[name].attrs["units"] = unit
        elif str(name).endswith(("_slope", "_std_error", "_ci_low", "_ci_high")):
            maps[name].attrs["units"] = f"{unit} a-1".strip()
    return maps


def _notes(valid: np.ndarray, years: Floats, needed: int, test: TrendTest) -> tuple[str, ...]:
    absent, short = int(valid[0]), int(valid[1:needed].sum())
    notes = [CAVEATS[test]]
    if absent:
        notes.append(
            f"{absent:,} of {int(valid.sum()):,} cells have no value in any year: they lie outside the study area or are "
            "masked."
        )
    if short:
        notes.append(f"{short:,} further cells have values in fewer than {needed} of {len(years)} years and are left out.")
    gaps = np.diff(np.sort(years))
    if len(gaps) and not np.allclose(gaps, gaps[0], rtol=0.02):
        notes.append("The years are not evenly spaced; true times are used.")
    return tuple(notes)


def _series_note(enough: int, complete: int) -> tuple[str, ...]:
    if complete == enough:
        return ()
    if complete:
        said = f"The regional series is the mean of the {complete:,} of {enough:,} cells that have a value in every year"
        return (f"{said}, so that it does not change with the cells that are there.",)
    return ("No cell has a value in every year: the regional series mixes different cells in different years.",)
