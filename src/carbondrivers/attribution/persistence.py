"""Persistence of every cell of a raster stack: the Hurst exponent by rescaled range, beside what white noise gives.

In twenty years of white noise R / S gives a mean H of 0.64, not 0.5, and nearly half of it would pass for strongly
persistent (borders at 0.35, 0.5 and 0.65). So every exponent has a p under white noise of as many years, treated in the
same way, and the map is classed by that p; the four published classes stand beside it, with the shares of white noise.
Formulas and sources: ``persistence_kernels``; options, classes and tables: ``persistence_estimator``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution import persistence_estimator as tables
from carbondrivers.attribution import persistence_kernels as kernels
from carbondrivers.attribution import stacks
from carbondrivers.attribution.inference import Floats, benjamini_hochberg
from carbondrivers.attribution.persistence_estimator import CLASSES, LIMITS, PUBLISHED, Estimator, Weighed, estimator_of
from carbondrivers.attribution.persistence_kernels import Method, Series
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.errors import DataError, choose
from carbondrivers.provenance import history_line

MAPS = ("hurst", "n_valid", "run", "distinct")
Correction = Literal["none", "anis_lloyd"]
Significance = Literal["benjamini_hochberg", "naive"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PersistenceResult(Result):
    """Persistence maps and their summaries.

    Attributes
    ----------
    grid : xarray.Dataset
        (y, x): hurst, p and p_adjusted (two-sided, under white noise of as many years), hurst_class (position in
        ``CLASSES``), published_class (position in ``PUBLISHED``), noise_median (of H in that white noise), n_valid, run
        (years of the unbroken run, 0 where a gap breaks it).
    classes : pandas.DataFrame
        Cells, area and share of every class, by the published limits, by p and by adjusted p; ``share_expected`` is the
        share that white noise of the same years would give (none is known for an adjusted p).
    null : pandas.DataFrame
        White noise by years of the run: cells with such a run, mean and sd of H, central 95 %, and the share of H > 0.65.
    histogram : pandas.DataFrame
        Share of the area and share of white noise in bins of H.
    summary : pandas.DataFrame
        H over the cells: area-weighted mean, spread, and the mean that white noise gives.
    """

    grid: xr.Dataset
    classes: pd.DataFrame
    null: pd.DataFrame
    histogram: pd.DataFrame
    summary: pd.DataFrame


@register(
    "persistence",
    title="Persistence: Hurst exponent",
    takes="stack",
    result=PersistenceResult,
    version="1",
    citation="Hurst, H.E. (1951). Long-term storage capacity of reservoirs. Transactions of the ASCE 116, 770-799.",
)
def persistence(
    stack: xr.DataArray,
    *,
    method: Method = "prefix",
    tau_min: int = 2,
    correction: Correction = "none",
    detrend: bool = False,
    series: Series = "levels",
    min_valid: int | None = None,
    significance: Significance = "benjamini_hochberg",
) -> PersistenceResult:
    """Estimate the Hurst exponent of every cell and whether it differs from that of white noise.

    Parameters
    ----------
    stack
        Dims ``year`` (numbers) or ``time`` (dates), y and x, evenly spaced; NaN is a gap. It may be lazy: it is worked
        through in blocks, but the maps stay in memory, 64 bytes a cell, and twice that while they are made. R / S needs
        neighbouring years: a cell may begin late or end early, but one with a gap inside stays empty.
    method
        ``"prefix"`` (the first tau years for every tau), ``"blocks"`` (non-overlapping) or ``"k"`` (Hurst's K).
    tau_min
        Shortest prefix, from 2; other methods do not use it.
    correction
        ``"anis_lloyd"`` takes the expectation of white noise away: it moves H and its published class, hardly its p.
    detrend
        Whether the straight line of a cell is taken away first. A trend alone makes H large.
    series
        ``"levels"``, or ``"differences"`` of neighbouring years, as a much-copied script has it: white noise then has a
        mean H of about 0.4, and the published classes do not fit.
    min_valid
        Fewest years of a run; the default is 70 % of the years, at least 10.
    significance
        The p that classes the map: adjusted over all cells, or as it is.

    Raises
    ------
    DataError
        If the stack has no years, too few, repeated, infinite or unevenly spaced ones, or no cell has a long enough run.
    OptionError
        If an option is outside its list or range.

    Examples
    --------
    >>> walk = np.random.default_rng(1).normal(size=(30, 1, 40)).cumsum(axis=0)
    >>> coords = {"year": np.arange(1991, 2021), "y": [0.0], "x": np.arange(40.0)}
    >>> stack = xr.DataArray(walk, coords, ("year", "y", "x"), name="nep", attrs={"crs": "EPSG:32650"})
    >>> result = persistence(stack)
    >>> bool(result.grid["hurst"].mean() > 0.8)
    True
    """
    options: dict[str, Any] = {
        "method": method, "tau_min": tau_min, "correction": correction, "detrend": detrend, "series": series,
    }  # fmt: skip
    estimator = estimator_of(options)
    choose(significance, ("benjamini_hochberg", "naive"), "significance")
    dim, years = stacks.true_years(stack)
    name = str(stack.name or "the stack")
    needed = stacks.fewest(min_valid, len(years), estimator.least, "a Hurst exponent")
    stacks.require_even(years, name, "R / S")
    maps = stacks.cell_maps(stack, dim, years, partial(_block, estimator=estimator, needed=needed), MAPS)
    _require_some(maps, needed, len(years), name)
    coarse = _coarse(maps)
    maps = maps.drop_vars("distinct")
    areas = stacks.areas_of(maps)
    there = maps["hurst"].notnull().to_numpy()
    cells = Weighed(maps["hurst"].to_numpy()[there], maps["run"].to_numpy()[there], areas[there], estimator)
    _add_classes(maps, cells, "p_adjusted" if significance == "benjamini_hochberg" else "p")
    parameters = options | {
        "min_valid": needed, "significance": significance, "years": [float(years.min()), float(years.max())],
    }  # fmt: skip
    maps.attrs["method"] = f"Hurst exponent by rescaled range ({method}), P under white noise of as many years"
    maps.attrs["history"] = provenance = history_line("persistence", **parameters)
    null = tables.null_table(cells)
    return PersistenceResult(
        method="persistence",
        parameters=parameters,
        n=len(cells.h),
        notes=(*_null_notes(null, estimator), *coarse, *_cell_notes(maps, needed, len(years))),
        provenance=provenance,
        variables=stacks.response(stack),
        grid=maps,
        classes=tables.class_table(maps, areas, cells),
        null=null,
        histogram=tables.histogram(cells),
        summary=tables.summary(cells, str(stack.name or "response")),
    )


def _block(y: Floats, *, estimator: Estimator, needed: int) -> Floats:
    """Return H, valid years, years of the run (0 where a gap breaks it) and different values of cells (cells, years)."""
    valid = ~np.isnan(y)
    n = valid.sum(axis=1)
    start = valid.argmax(axis=1)
    length = np.where(n > 0, y.shape[1] - valid[:, ::-1].argmax(axis=1) - start, 0)
    run = np.where(length == n, n, 0)
    h = np.full(len(y), np.nan)
    for years in np.unique(run[run >= needed]):
        rows = np.flatnonzero(run == years)
        h[rows] = estimator.hurst(y[rows[:, None], start[rows, None] + np.arange(years)])
    # NaN differs from NaN, and lies last.
    ordered = np.sort(y, axis=1)
    return np.column_stack([h, n, run, n - (ordered[:, 1:] == ordered[:, :-1]).sum(axis=1)])


def _coarse(maps: xr.Dataset) -> tuple[str, ...]:
    """Return what is to be said of cells whose values recur, as stored numbers of few digits do."""
    n = int((maps["hurst"].notnull() & (2 * maps["distinct"] <= maps["run"])).sum())
    if not n:
        return ()
    return (
        f"{n:,} cells hold at most half as many different values as years, as numbers stored with few digits do. P takes "
        "values as continuous and is too small there: noise rounded to one or two of its standard deviations has P < 0.05 in 8 "
        "to 16 % of the series of 21 years (detrended: in 5 to 6 %).",
    )


def _require_some(maps: xr.Dataset, needed: int, years: int, name: str) -> None:
    if bool(maps["hurst"].notnull().any()):
        return
    if bool((maps["run"] >= needed).any()):
        raise DataError(
            f"every cell of {name!r} with {needed} years is constant (or a perfect line): there is no H to estimate"
        )
    broken = int(((maps["run"] == 0) & (maps["n_valid"] >= needed)).sum())
    why = f" ({broken} cells have gaps inside: fill them, or take years without)" if broken else ""
    raise DataError(
        f"no cell of {name!r} has {needed} neighbouring years with a value, of {years}{why}: give more years, or lower "
        "min_valid"
    )


def _add_classes(maps: xr.Dataset, cells: Weighed, deciding: str) -> None:
    h, run = maps["hurst"].to_numpy(), maps["run"].to_numpy()
    p, middle = np.full(h.shape, np.nan), np.full(h.shape, np.nan)
    for years in cells.runs:
        null, here = cells.estimator.null(years), run == years
        p[here], middle[here] = kernels.p_under_noise(h[here], null), np.median(null)
    maps["p"], maps["p_adjusted"] = (("y", "x"), p), (("y", "x"), benjamini_hochberg(p))
    maps["noise_median"] = (("y", "x"), middle)
    codes = tables.honest_codes(h, maps[deciding].to_numpy(), middle)
    maps["hurst_class"] = stacks.class_map(codes, maps, CLASSES, "Persistence class", deciding)
    maps["published_class"] = stacks.class_map(tables.published_codes(h), maps, PUBLISHED, "Published class of H")


def _null_notes(null: pd.DataFrame, estimator: Estimator) -> list[str]:
    row = null.iloc[-1]
    notes = [
        f"White noise of {row['n_valid']:.0f} years has a mean H of {row['expected']:.2f} by this method, 95 % of it between "
        f"{row['ci_low']:.2f} and {row['ci_high']:.2f}; {100 * row['share_expected']:.0f} % of it would be called strongly "
        f"persistent (H > {LIMITS[-1]}). The published classes, whose borders lie 0.15 apart, are therefore no evidence of "
        "persistence by themselves.",
        f"P compares H with white noise of as many years ({kernels.NULL_DRAWS:,} simulated normal series, two-sided, so that "
        f"no P is below {2.0 / (kernels.NULL_DRAWS + 1):.0e}). It is small for short "
        "memory (one year like the last) as well as for long memory: a persistent cell is one whose years are not "
        "independent, no more. Neighbouring cells share the weather of their years, so that the shares of one map "
        "scatter about those of independent series.",
    ]
    if not estimator.trend_free:
        notes.append(
            "The series were not detrended: a trend alone makes H large, and a cell may be called persistent for its trend. "
            "Set detrend = true to see what is left beside it."
        )
    if estimator.series == "differences":
        notes.append("H is that of the differences of neighbouring years; its classes cannot be set beside those of levels.")
    return notes


def _cell_notes(maps: xr.Dataset, needed: int, years: int) -> list[str]:
    notes = []
    broken = int(((maps["run"] == 0) & (maps["n_valid"] >= needed)).sum())
    if broken:
        notes.append(f"{broken:,} cells have a gap inside their years and stay empty: R / S needs neighbouring years.")
    constant = int(((maps["run"] >= needed) & ~maps["hurst"].notnull()).sum())
    if constant:
        notes.append(f"{constant:,} cells are constant (or a perfect line) and have no H.")
    return [*notes, *stacks.absent_notes(maps["n_valid"], needed, years)]
