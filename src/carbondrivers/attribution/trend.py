"""Trend of every cell of a raster stack, and of its area-weighted mean: least squares, Theil-Sen, Mann-Kendall.

True years are used, gaps are never squeezed, and cells with fewer than ``min_valid`` years stay empty. The class map
follows the published six classes (sign of the trend by P < 0.01, P < 0.05, not significant), by default after
adjustment over the map (Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x).
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
from carbondrivers.attribution.inference import Floats, benjamini_hochberg
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.provenance import history_line

BLOCK = 2048
TIME_NAMES = ("year", "time")
STATISTICS = (
    "ols_slope", "ols_intercept", "ols_std_error", "ols_statistic", "ols_p", "sen_slope", "sen_intercept",
    "sen_ci_low", "sen_ci_high", "mk_s", "mk_z", "mk_p", "tau_a", "tau_b", "n_valid",
)  # fmt: skip
CLASSES = (
    "Extremely significant increase", "Significant increase", "Non-significant increase",
    "Non-significant decrease", "Significant decrease", "Extremely significant decrease", "No trend (S = 0)",
)  # fmt: skip
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
        Maps of ``STATISTICS``, ``mk_p_adjusted`` and ``trend_class`` (position in ``CLASSES``). Slopes are per year;
        intercepts are the value of the line in ``attrs["reference_year"]``.
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
    version="1",
    citation="Sen, P.K. (1968). Estimates of the regression coefficient based on Kendall's tau. JASA 63, 1379-1389.",
)
def trend(
    stack: xr.DataArray,
    *,
    method: Sequence[TrendMethod] = TREND_METHODS,
    min_valid: int | None = None,
    significance: Significance = "benjamini_hochberg",
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

    Raises
    ------
    DataError
        If there is no time dimension, too few years, repeated years, an infinite value or no value at all.

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
    dim, years = _true_years(stack)
    needed = _fewest(min_valid, len(years))
    reference = float(np.floor(years.min()))
    maps = _cell_trends(stack, dim, years - reference, needed)
    left_out = tuple(prefix for name, prefix in PREFIX.items() if name not in method)
    maps = maps.drop_vars([name for name in STATISTICS if name.startswith(left_out)] if left_out else [])
    if not bool((maps["n_valid"] >= needed).any()):
        raise DataError(
            f"no cell of {stack.name or 'the stack'!r} has {needed} valid years of {len(years)}: "
            "give more years, or lower min_valid"
        )
    maps["mk_p_adjusted"] = (maps["mk_p"].dims, benjamini_hochberg(maps["mk_p"].to_numpy().astype(np.float64)))
    deciding = "mk_p_adjusted" if significance == "benjamini_hochberg" else "mk_p"
    maps["trend_class"] = _class_map(maps, deciding)
    maps.attrs |= {"crs": stack.attrs.get("crs", ""), "reference_year": reference}
    parameters = {
        "method": list(method),
        "min_valid": needed,
        "significance": significance,
        "years": [float(years.min()), float(years.max())],
    }
    maps.attrs["history"] = provenance = history_line("trend", **parameters)
    areas = cell_areas(maps["n_valid"].assign_attrs(crs=stack.attrs.get("crs", "")))
    enough, complete = maps["n_valid"] >= needed, maps["n_valid"] == len(years)
    steady = bool(complete.any())
    series = _regional_series(stack, dim, years, areas, complete if steady else enough)
    return TrendResult(
        method="trend",
        parameters=parameters,
        n=int(enough.sum()),
        notes=(*_notes(maps, years, needed), *_series_note(int(enough.sum()), int(complete.sum()))),
        provenance=provenance,
        variables=_variables(stack),
        grid=_described(maps, stack),
        classes=pd.concat([_shares(maps, areas, p) for p in ("mk_p", "mk_p_adjusted")], ignore_index=True),
        series=series,
        regional=_regional_trend(series, method),
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


def _cell_trends(stack: xr.DataArray, dim: str, times: Floats, needed: int) -> xr.Dataset:
    chunked = stack.chunk({dim: -1}) if stack.chunks is not None else stack
    order = np.argsort(times)
    stacked = (
        xr.apply_ufunc(
            _all_statistics,
            chunked,
            kwargs={"times": times[order], "order": order, "needed": needed, "name": str(stack.name or "the stack")},
            input_core_dims=[[dim]],
            output_core_dims=[["statistic"]],
            dask="parallelized",
            output_dtypes=[np.float64],
            dask_gufunc_kwargs={"output_sizes": {"statistic": len(STATISTICS)}},
        )
        .transpose("y", "x", "statistic")
        .compute()
    )
    keep = {name: stacked[name] for name in ("y", "x") if name in stacked.coords}
    return xr.Dataset({s: (("y", "x"), stacked.to_numpy()[..., i]) for i, s in enumerate(STATISTICS)}, coords=keep)


def _all_statistics(values: Floats, *, times: Floats, order: np.ndarray, needed: int, name: str) -> Floats:
    """Return (..., statistics) of values (..., years), in blocks of cells."""
    flat = values.reshape(-1, values.shape[-1])
    out = np.full((len(flat), len(STATISTICS)), np.nan)
    for start in range(0, len(flat), BLOCK):
        block = flat[start : start + BLOCK, order].astype(np.float64)
        if np.isinf(block).any():
            raise DataError(f"{name!r} holds infinite values: set them to NaN before estimating a trend")
        count = (~np.isnan(block)).sum(axis=1)
        rows = np.flatnonzero(count >= needed)
        out[start : start + len(block), -1] = count
        if rows.size:
            out[start + rows, :-1] = _block_statistics(block[rows], times)
    return out.reshape(*values.shape[:-1], len(STATISTICS))


def _block_statistics(y: Floats, t: Floats) -> Floats:
    line = kernels.ols(y, t)
    test = kernels.mann_kendall(y)
    sen = kernels.theil_sen(y, t, test.variance)
    return np.column_stack([*line, *sen, test.s, test.z, test.p, test.tau_a, test.tau_b])


def _class_map(maps: xr.Dataset, p_name: str) -> xr.DataArray:
    p, s = maps[p_name].to_numpy(), maps["mk_s"].to_numpy()
    level = np.where(p < 0.01, 0.0, np.where(p < 0.05, 1.0, 2.0))
    codes = np.where(s > 0, level, np.where(s < 0, 5.0 - level, 6.0))
    codes = np.where(np.isfinite(p), codes, np.nan)
    attrs = {"classes": list(CLASSES), "long_name": "Trend class", "p": p_name}
    return xr.DataArray(codes, dims=("y", "x"), coords=maps.coords, attrs=attrs)


def _shares(maps: xr.Dataset, areas: xr.DataArray, p_name: str) -> pd.DataFrame:
    codes = _class_map(maps, p_name).to_numpy()
    valid = np.isfinite(codes)
    kind = codes[valid].astype(np.int64)
    n = np.bincount(kind, minlength=len(CLASSES))
    area = np.bincount(kind, weights=areas.to_numpy()[valid], minlength=len(CLASSES))
    table = pd.DataFrame({"level": CLASSES, "n": n, "area_km2": area, "share": area / area.sum()})
    table["share_of"] = "area of the cells with enough valid years"
    table["method"] = {"mk_p": "Mann-Kendall, naive P", "mk_p_adjusted": "Mann-Kendall, naive P, adjusted (BH)"}[p_name]
    return table


def _regional_series(stack: xr.DataArray, dim: str, years: Floats, areas: xr.DataArray, used: xr.DataArray) -> pd.DataFrame:
    weight = areas.where(used, 0.0)
    inside = stack.where(used)
    present = inside.notnull()
    sums = {"total": inside.fillna(0.0) * weight, "area": present * weight, "n": present}
    found = xr.Dataset({name: values.sum(("y", "x")) for name, values in sums.items()}).compute()
    total, area = (found[name].to_numpy().astype(np.float64) for name in ("total", "area"))
    mean = np.divide(total, area, out=np.full(total.shape, np.nan), where=area > 0)
    table = pd.DataFrame({"year": years, "estimate": mean, "n": found["n"].to_numpy()})
    return table.sort_values("year", ignore_index=True)


def _regional_trend(series: pd.DataFrame, method: Sequence[TrendMethod]) -> pd.DataFrame:
    t, y = series["year"].to_numpy(np.float64), series["estimate"].to_numpy(np.float64)[None, :]
    origin = t[0]
    line, test = kernels.ols(y, t - origin), kernels.mann_kendall(y)
    sen = kernels.theil_sen(y, t - origin, test.variance)
    n = int((~np.isnan(y)).sum())
    reach = stats.t.ppf(0.975, n - 2) * line.std_error[0] if n > 2 else np.nan
    rows = [
        {"method": "ols", "estimate": line.slope[0], "std_error": line.std_error[0], "statistic": line.statistic[0],
         "p": line.p[0], "ci_low": line.slope[0] - reach, "ci_high": line.slope[0] + reach,
         "intercept": line.intercept[0]},
        {"method": "theil_sen", "estimate": sen.slope[0], "ci_low": sen.ci_low[0], "ci_high": sen.ci_high[0],
         "statistic": test.z[0], "p": test.p[0], "intercept": sen.intercept[0]},
    ]  # fmt: skip
    columns = ["method", "estimate", "std_error", "statistic", "p", "ci_low", "ci_high", "intercept"]
    note = "P of Theil-Sen is Mann-Kendall's; the intercept is the line's value in the first year"
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
        if str(name).endswith("_intercept"):
            maps[name].attrs["units"] = unit
        elif str(name).endswith(("_slope", "_std_error", "_ci_low", "_ci_high")):
            maps[name].attrs["units"] = f"{unit} a-1".strip()
    return maps


def _notes(maps: xr.Dataset, years: Floats, needed: int) -> tuple[str, ...]:
    absent = int((maps["n_valid"] == 0).sum())
    short = int(((maps["n_valid"] > 0) & (maps["n_valid"] < needed)).sum())
    notes = [
        "P-values of trends are naive: they take the years of a cell as independent, and autocorrelated years give too many "
        "trends. Adjusting over the map (BH) holds the share of false trends among the significant cells only if the P of "
        "each cell is right."
    ]
    if absent:
        notes.append(
            f"{absent:,} of {maps['n_valid'].size:,} cells have no value in any year: they lie outside the study area or are "
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
