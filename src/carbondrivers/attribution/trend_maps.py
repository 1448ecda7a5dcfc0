"""Trend maps block by block: statistics of every cell, adjustment over the map, classes, shares and the regional series.

Everything here works on lazy grids without ever holding a whole map: sums over cells are gathered from blocks in a fixed
order, and the adjustment by Benjamini and Hochberg needs only how often each p-value occurs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution import trend_kernels as kernels
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.trend_classes import LEVELS, ClassView, class_codes
from carbondrivers.attribution.trend_tests import TEST_WORDS, TrendTest, outcome
from carbondrivers.datasets.blocks import in_blocks
from carbondrivers.errors import DataError

BLOCK = 8192
STATISTICS = (
    "ols_slope", "ols_intercept", "ols_std_error", "ols_statistic", "ols_p", "sen_slope", "sen_intercept",
    "sen_ci_low", "sen_ci_high", "sen_intercept_residual", "mk_s", "mk_z", "mk_p", "tau_a", "tau_b", "n_valid",
)  # fmt: skip


def cell_trends(stack: xr.DataArray, dim: str, times: Floats, needed: int, test: TrendTest) -> xr.Dataset:
    """Return maps of ``STATISTICS``, lazy if the stack is.

    Parameters
    ----------
    stack
        Dimensions `dim`, y and x.
    dim, times
        Name of the time dimension, and the true times along it.
    needed
        Fewest valid years of a cell.
    test
        The test whose Z and p are mapped.
    """
    chunked = stack.chunk({dim: -1}) if stack.chunks is not None else stack
    order = np.argsort(times)
    stacked = xr.apply_ufunc(
        _all_statistics,
        chunked,
        kwargs={
            "times": times[order], "order": order, "needed": needed, "test": test, "name": str(stack.name or "the stack"),
        },
        input_core_dims=[[dim]],
        output_core_dims=[["statistic"]],
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"statistic": len(STATISTICS)}},
    ).transpose("y", "x", "statistic")  # fmt: skip
    keep = {name: stacked[name] for name in ("y", "x") if name in stacked.coords}
    return xr.Dataset({s: (("y", "x"), stacked.data[..., i]) for i, s in enumerate(STATISTICS)}, coords=keep)


def _all_statistics(values: Floats, *, times: Floats, order: np.ndarray, needed: int, test: TrendTest, name: str) -> Floats:
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
            out[start + rows, :-1] = block_statistics(block[rows], times, test)
    return out.reshape(*values.shape[:-1], len(STATISTICS))


def block_statistics(y: Floats, t: Floats, test: TrendTest) -> Floats:
    """Return all of ``STATISTICS`` but the last, (series, statistics), of series y (series, years) at times t."""
    line = kernels.ols(y, t)
    plain, sen = kernels.mann_kendall_and_sen(y, t)
    chosen = outcome(y, t, plain, sen.slope, test)
    return np.column_stack([*line, *sen, plain.s, chosen.z, chosen.p, plain.tau_a, plain.tau_b])


# Distinct values, ascending, and how often each occurs.
_Counts: TypeAlias = tuple[Floats, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Tally:
    """What one pass over the maps counts.

    Attributes
    ----------
    valid : numpy.ndarray
        Number of cells with 0, 1, 2, ... valid years.
    p, times : numpy.ndarray
        The distinct p-values, ascending, and how many cells have each.
    """

    valid: np.ndarray
    p: Floats
    times: np.ndarray

    def cells(self, fewest: int) -> int:
        """Return the number of cells with at least so many valid years."""
        return int(self.valid[fewest:].sum())

    def adjusted(self) -> Floats:
        """Return the p-values adjusted by Benjamini and Hochberg: exact, for equal p-values are adjusted alike."""
        rank = np.cumsum(self.times)
        if not rank.size:
            return self.p
        scaled = self.p * (rank[-1] / rank)
        return np.asarray(np.clip(np.minimum.accumulate(scaled[::-1])[::-1], 0.0, 1.0))


def tally(maps: xr.Dataset, years: int) -> Tally:
    """Count the valid years of the cells and their p-values.

    A test without a correction has few distinct p-values. One with (Hamed-Rao) may have one for every cell whose years
    resemble their neighbours: memory is then 16 bytes for each of those, and the time n log n.
    """
    valid, runs = np.zeros(years + 1, dtype=np.int64), list[_Counts]()
    for _, (count, found) in in_blocks(maps["n_valid"], maps["mk_p"]):
        valid += np.bincount(count.ravel().astype(np.int64), minlength=years + 1)
        runs.append(np.unique(found[np.isfinite(found)], return_counts=True))
        # Joining like with like: no value is sorted more often than the logarithm of the number of blocks.
        while len(runs) > 1 and len(runs[-2][0]) <= 2 * len(runs[-1][0]):
            runs.append(_joined(runs.pop(), runs.pop()))
    while len(runs) > 1:
        runs.append(_joined(runs.pop(), runs.pop()))
    return Tally(valid, *(runs[0] if runs else (np.empty(0), np.empty(0, dtype=np.int64))))


def _joined(one: _Counts, two: _Counts) -> _Counts:
    """Return the distinct values of two counts, ascending, and how often each occurs in both together."""
    values, place = np.unique(np.concatenate([one[0], two[0]]), return_inverse=True)
    times = np.zeros(len(values), dtype=np.int64)
    np.add.at(times, place, np.concatenate([one[1], two[1]]))
    return values, times


def adjusted_map(p: xr.DataArray, counted: Tally) -> xr.DataArray:
    """Return the map of adjusted p-values, lazy if the map of p is."""
    options = {"known": counted.p, "adjusted": counted.adjusted()}
    found: xr.DataArray = xr.apply_ufunc(_look_up, p, kwargs=options, dask="parallelized", output_dtypes=[np.float64])
    return found


def _look_up(p: Floats, *, known: Floats, adjusted: Floats) -> Floats:
    found = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    found[tested] = adjusted[np.searchsorted(known, p[tested])]
    return found


def class_map(p: xr.DataArray, s: xr.DataArray, p_name: str, view: ClassView) -> xr.DataArray:
    """Return the map of classes (positions in ``LEVELS[view]``), lazy if the maps of p and S are."""
    options = {"view": view}
    codes: xr.DataArray = xr.apply_ufunc(class_codes, p, s, kwargs=options, dask="parallelized", output_dtypes=[np.float64])
    return codes.assign_attrs(classes=list(LEVELS[view]), long_name="Trend class", p=p_name)


def class_shares(maps: xr.Dataset, areas: xr.DataArray, view: ClassView, test: TrendTest) -> pd.DataFrame:
    """Return cells, area and share of each class, by naive and by adjusted p."""
    levels, methods = LEVELS[view], {"mk_p": TEST_WORDS[test], "mk_p_adjusted": f"{TEST_WORDS[test]}, adjusted (BH)"}
    n, area = (np.zeros((len(methods), len(levels))) for _ in range(2))
    for _, (s, size, *tested) in in_blocks(maps["mk_s"], areas, *(maps[name] for name in methods)):
        for i, p in enumerate(tested):
            codes = class_codes(p, s, view)
            valid = np.isfinite(codes)
            kind = codes[valid].astype(np.int64)
            n[i] += np.bincount(kind, minlength=len(levels))
            area[i] += np.bincount(kind, weights=size[valid], minlength=len(levels))
    of = "area of the cells with enough valid years"
    tables = [
        pd.DataFrame({"level": levels, "n": n[i].astype(np.int64), "area_km2": area[i], "share": area[i] / area[i].sum(),
                      "share_of": of, "method": method})
        for i, method in enumerate(methods.values())
    ]  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def regional_series(stack: xr.DataArray, dim: str, years: Floats, areas: xr.DataArray, used: xr.DataArray) -> pd.DataFrame:
    """Return the area-weighted mean of each year over the cells that are used, and how many have a value."""
    total, area, n = (np.zeros(len(years)) for _ in range(3))
    for _, (values, size, inside) in in_blocks(stack.transpose(dim, "y", "x"), areas, used):
        cells = np.flatnonzero(inside)
        weight = size.ravel()[cells]
        # Year by year, for what fits the processor's cache is several times as fast.
        for i, layer in enumerate(values):
            one = layer.ravel()[cells].astype(np.float64)
            present = ~np.isnan(one)
            if present.all():
                total[i], area[i] = total[i] + (one * weight).sum(), area[i] + weight.sum()
            else:
                total[i] += (one[present] * weight[present]).sum()
                area[i] += weight[present].sum()
            n[i] += present.sum()
    mean = np.divide(total, area, out=np.full(total.shape, np.nan), where=area > 0)
    table = pd.DataFrame({"year": years, "estimate": mean, "n": n.astype(np.int64)})
    return table.sort_values("year", ignore_index=True)
