"""Annual series by group: the area-weighted mean response of each class and region, with its trend.

The mean of a year is ``sum(a_i f_i) / sum(a_i)`` over the cells of a group. Where at least half of a group's area has a value
in every year, only those cells count, so that gaps move no curve. Slopes are Theil-Sen's with the Mann-Kendall test
(``trend_kernels``); P is naive, years being taken as independent, and is adjusted over the groups of one kind (Benjamini and
Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x).
Sources: Theil (1950); Sen (1968), doi:10.1080/01621459.1968.10480934; Mann (1945), doi:10.2307/1907187.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution import stacks
from carbondrivers.attribution import trend_kernels as kernels
from carbondrivers.attribution.accounts import TG_PER_G_M2_KM2, areas_or_equal
from carbondrivers.attribution.class_grids import (
    UNNAMED,
    WHOLE,
    Classes,
    ClassMap,
    bands,
    classes_of,
    unnamed_note,
    variable_row,
    variables_of,
)
from carbondrivers.attribution.inference import Floats, adjust_within
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.trend_tests import small_sample_p
from carbondrivers.datasets.sample import ALL
from carbondrivers.errors import DataError
from carbondrivers.nep_models.apply import YEARLY, canonical_unit
from carbondrivers.provenance import history_line

LEAST, STEADY = 3, 0.5
NAIVE = (
    "P-values are naive: they take the years of a group as independent, and autocorrelated years give too many trends. Groups "
    "share their climate, so that their trends are no independent evidence."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupSeriesResult(Result):
    """Series and trends of the whole area, of each class and of each region.

    Attributes
    ----------
    series : pandas.DataFrame
        One row a group (``group`` all, class or region; ``level`` its name) and year: ``estimate`` (area-weighted mean),
        ``total`` (Tg C a-1), ``area_km2`` and cells ``n`` that they stand for.
    trends : pandas.DataFrame
        One row a group: Theil-Sen slope ``estimate`` per year with its 95 % interval, ``intercept`` (the line's value in the
        first year), Mann-Kendall ``statistic`` and ``p``, ``p_adjusted``, years ``n``, ``note``.
    """

    series: pd.DataFrame
    trends: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Sums of area times value, area and cells of each zone and year, shape (zones, years): of all cells with a value, and
    of those that have one in every year."""

    flux: Floats
    area: Floats
    cells: Floats
    flux_steady: Floats
    area_steady: Floats
    cells_steady: Floats


@register(
    "group_series",
    title="Annual series and trends by class and region",
    takes="grids",
    result=GroupSeriesResult,
    version="2",
    citation="Sen, P.K. (1968). Estimates of the regression coefficient based on Kendall's tau. JASA 63, 1379-1389.",
)
def group_series(
    stack: xr.DataArray,
    classes: ClassMap | None = None,
    *,
    regions: ClassMap | None = None,
    min_valid: int | None = None,
) -> GroupSeriesResult:
    """Return the annual mean of each class and region, and its trend.

    Parameters
    ----------
    stack
        The response, dimensions (year, y, x); NaN is a gap. It may be lazy, and is read once, in bands of rows.
    classes
        Grid of whole numbers on the same cells, and the name of each number: (y, x), or (year, y, x) with every year of the
        stack; the cells of a class then change with the years. Numbers of one name are one class; NaN, and numbers without
        a name, are none.
    regions
        The same, (y, x).
    min_valid
        Fewest years of a trend; the default is 70 % of the years, at least 10.

    Returns
    -------
    GroupSeriesResult
        Its `n` is the number of cells with a value in at least one year.

    Raises
    ------
    DataError
        If the stack or the classes cannot be used, lie on different grids, or there are too few years for a trend.
    OptionError
        If `min_valid` is out of range.

    Examples
    --------
    >>> year = np.arange(2001, 2013)
    >>> values = np.stack([10.0 + 2.0 * (year - 2001), np.full(12, 5.0)], axis=1)[:, None, :]
    >>> place = {"year": year, "y": [500.0], "x": [500.0, 1500.0]}
    >>> stack = xr.DataArray(values, place, ("year", "y", "x"), name="nep", attrs={"crs": "EPSG:32650"})
    >>> cover = xr.DataArray([[1, 2]], {"y": [500.0], "x": [500.0, 1500.0]}, ("y", "x"))
    >>> group_series(stack, (cover, {1: "forest", 2: "barren"})).trends[["level", "estimate"]]
            level  estimate
    0  whole area       1.0
    1      forest       2.0
    2      barren       0.0
    """
    dim, years = stacks.true_years(stack)
    if dim != "year":
        raise DataError(f"a series by group needs one grid a year, got the dimension {dim!r}: take annual sums or means first")
    needed = stacks.fewest(min_valid, len(years), LEAST, "a trend that can be told from noise")
    stack = stack.transpose("year", "y", "x").sortby("year")
    zones = _zones(stack, classes, regions)
    areas, notes = areas_or_equal(stack)
    named = [(ALL, WHOLE), *((group, name) for group, zone in zones.items() for name in zone.names)]
    sums, counts = _in_bands(stack, zones, areas.to_numpy(), len(named))
    if not counts["cells"]:
        raise DataError(f"{stack.name or 'the stack'!r} has no value at all: check the mask, the nodata value or the region")
    carbon = not notes and canonical_unit(str(stack.attrs.get("units", ""))) == YEARLY
    kept = np.flatnonzero(sums.area.sum(axis=1) > 0)
    listed = [named[i] for i in kept]
    steady = _is_steady(sums)[kept]
    series = _series(sums, kept, steady, listed, stack["year"].to_numpy(), known=not notes, carbon=carbon)
    trends = _trends(series, listed, np.sort(years), needed)
    parameters = {"min_valid": needed, "years": [float(years.min()), float(years.max())], "annual_classes": _annual(zones)}
    return GroupSeriesResult(
        method="group_series",
        parameters=parameters,
        n=counts["cells"],
        notes=(NAIVE, *notes, *_notes(zones, named, kept, steady, counts)),
        provenance=history_line("group_series", **parameters),
        variables=variables_of([variable_row(stack, "response", str(stack.name or "response"))]),
        series=series,
        trends=trends,
    )


def _annual(zones: dict[str, Classes]) -> bool:
    return any(zone.annual for zone in zones.values())


def _zones(stack: xr.DataArray, classes: ClassMap | None, regions: ClassMap | None) -> dict[str, Classes]:
    zones = {}
    if classes is not None:
        zones["class"] = classes_of(classes, "classes", stack, annual=True)
        if zones["class"].annual:
            lacking = sorted(set(stack["year"].to_numpy().tolist()) - set(zones["class"].codes["year"].to_numpy().tolist()))
            if lacking:
                raise DataError(
                    f"the classes have no grid of {lacking[0]:g}: give one for every year of the response, or one map"
                )
    if regions is not None:
        zones["region"] = classes_of(regions, "regions", stack)
    return zones


def _in_bands(stack: xr.DataArray, zones: dict[str, Classes], areas: Floats, count: int) -> tuple[_Sums, dict[str, int]]:
    """Sum over the cells of each zone and year, one band of rows in memory at a time."""
    years = stack.sizes["year"]
    found = np.zeros((6, count, years))
    counts = {"cells": 0, **dict.fromkeys(zones, 0)}
    for rows in bands(stack):
        values = stack.isel(y=rows).to_numpy().astype(np.float64).reshape(years, -1)
        if np.isinf(values).any():
            raise DataError(f"{stack.name or 'the stack'!r} holds infinite values: set them to NaN first")
        valid = ~np.isnan(values)
        counts["cells"] += int(valid.any(axis=0).sum())
        area, steady = areas[rows].ravel(), valid.all(axis=0)
        weighted = np.where(valid, values, 0.0) * area
        parts = [weighted, valid * area, valid]
        parts = [*(p.astype(np.float64) for p in parts), *((p * steady).astype(np.float64) for p in parts)]
        found[:, 0] += np.stack([part.sum(axis=1) for part in parts])
        start = 1
        for group, zone in zones.items():
            places = _places(zone, stack, rows, years)
            counts[group] += int((valid & (places == UNNAMED)).any(axis=0).sum())
            found[:, start : start + len(zone.names)] += _by_zone(parts, places, len(zone.names))
            start += len(zone.names)
    return _Sums(*found), counts


def _places(zone: Classes, stack: xr.DataArray, rows: slice, years: int) -> NDArray[np.int64]:
    """Return the place of each cell in each year, shape (years, cells)."""
    part = zone.codes.isel(y=rows)
    if zone.annual:
        return zone.places(part.sel(year=stack["year"].to_numpy()).to_numpy()).reshape(years, -1)
    return np.broadcast_to(zone.places(part.to_numpy()).ravel(), (years, part.size))


def _by_zone(parts: list[Floats], places: NDArray[np.int64], count: int) -> Floats:
    """Return the sums of each part over the cells of a zone and year, shape (parts, zones, years)."""
    years = len(places)
    inside = places >= 0
    joint = (places * years + np.arange(years)[:, None])[inside]
    sums = [np.bincount(joint, weights=part[inside], minlength=count * years) for part in parts]
    return np.asarray(sums, dtype=np.float64).reshape(len(parts), count, years)


def _is_steady(sums: _Sums) -> NDArray[np.bool_]:
    """Whether the cells that have a value in every year make up enough of a zone to stand for it."""
    there = sums.area > 0
    share = np.divide(sums.area_steady, sums.area, out=np.ones(sums.area.shape), where=there)
    return np.asarray((share >= STEADY).all(axis=1) & there.any(axis=1))


def _series(
    sums: _Sums, kept: NDArray[np.int64], steady: NDArray[np.bool_], listed: list[tuple[str, str]], years: np.ndarray, *,
    known: bool, carbon: bool,
) -> pd.DataFrame:  # fmt: skip
    flux, area, cells = (
        np.where(steady[:, None], stable[kept], everything[kept])
        for everything, stable in (
            (sums.flux, sums.flux_steady), (sums.area, sums.area_steady), (sums.cells, sums.cells_steady),
        )
    )  # fmt: skip
    there = area > 0
    mean = np.divide(flux, area, out=np.full(flux.shape, np.nan), where=there)
    keys = [(*zone, year) for zone in listed for year in years]
    table = pd.DataFrame(keys, columns=["group", "level", "year"])
    return table.assign(
        estimate=mean.ravel(), total=np.where(there, flux * TG_PER_G_M2_KM2, np.nan).ravel() if carbon else np.nan,
        area_km2=area.ravel() if known else np.nan, n=cells.ravel().astype(np.int64),
    )  # fmt: skip


def _trends(series: pd.DataFrame, listed: list[tuple[str, str]], years: Floats, needed: int) -> pd.DataFrame:
    y = series["estimate"].to_numpy(dtype=np.float64).reshape(len(listed), len(years))
    n = (~np.isnan(y)).sum(axis=1)
    y = np.where((n >= needed)[:, None], y, np.nan)
    test = kernels.mann_kendall(y)
    line = kernels.theil_sen(y, years - years[0], test.variance)
    table = pd.DataFrame(listed, columns=["group", "level"]).assign(
        estimate=line.slope, ci_low=line.ci_low, ci_high=line.ci_high, intercept=line.intercept, statistic=test.z,
        p=small_sample_p(y, test), n=n, note=np.where(n < needed, f"fewer than {needed} years: no trend", ""),
    )  # fmt: skip
    return adjust_within(table, ["group"])


def _notes(
    zones: dict[str, Classes], named: list[tuple[str, str]], kept: NDArray[np.int64], steady: NDArray[np.bool_],
    counts: dict[str, int],
) -> tuple[str, ...]:  # fmt: skip
    notes: list[str] = []
    for group, zone in zones.items():
        notes += unnamed_note(counts[group], counts["cells"], zone.what)
        absent = [name for i, (kind, name) in enumerate(named) if kind == group and i not in set(kept)]
        if absent:
            notes.append(f"No cell with a value is of {group} {', '.join(absent)}.")
    if _annual(zones):
        notes.append(
            "The cells of a class change with the years: its series moves with what happens in the cells and with which cells "
            "belong to it."
        )
    if not steady.all():
        mixed = [named[i][1] for i, one in zip(kept, steady, strict=True) if not one]
        notes.append(
            f"Less than half of the area of {', '.join(mixed)} has a value in every year: the series mixes different cells in "
            "different years."
        )
    return tuple(notes)
