"""Transitions between classes: the transfer matrix of two years, what each class gained and lost, and the response with it.

``A_ij`` is the true area of the cells that are of class i in the first year and of class j in the last; shares are given of
the class in the first year and of the whole. With a response, its mean over the first and over the last years of a window is
taken for each transition, and their difference with an interval from spatial blocks. Cells change without a transition too
(climate, rising carbon dioxide): beside each change stands that of the cells that stayed in the class of the first year.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution.accounts import TG_PER_G_M2_KM2, areas_or_equal
from carbondrivers.attribution.class_grids import (
    UNNAMED,
    Classes,
    classes_of,
    mean_map,
    require_same_grid,
    unnamed_note,
    variable_row,
    variables_of,
)
from carbondrivers.attribution.conversion_map import conversion_map, conversion_shares
from carbondrivers.attribution.grid_blocks import Blocks, blocks_of, interval_notes, side_words
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import Bootstrap, bootstrap_of
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.zone_means import NO_INTERVAL
from carbondrivers.errors import DataError, OptionError
from carbondrivers.nep_models.apply import YEARLY, canonical_unit
from carbondrivers.provenance import history_line

DEFAULT_WINDOW = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TransitionResult(Result):
    """What became of each class.

    Attributes
    ----------
    matrix : pandas.DataFrame
        One row a pair of classes (``level`` in the first year, ``level_2`` in the last), pairs without a cell included:
        cells ``n``, ``area_km2``, ``share`` and its denominator ``share_of``; one block of rows for each denominator.
    net : pandas.DataFrame
        One row a class: area in both years, ``gain_km2``, ``loss_km2``, ``net_km2``, and the ``share`` of its first area
        that stayed.
    changes : pandas.DataFrame
        One row a pair that has a cell with a response: its mean over the ``first`` and the ``last`` years, their difference
        ``estimate`` with its interval, ``expected`` (the difference of the cells that stayed in the class of the first
        year), ``contribution`` (to the change of the mean of all these cells: its share of their area times the difference;
        they add up to that change), ``total`` (Tg C a-1). Empty without a response.
    grid : xarray.Dataset
        (y, x): conversion, position in its ``attrs["classes"]``: unchanged, the eight largest conversions, the others.
    conversions : pandas.DataFrame
        Cells, area and share of each of them; the shares add to one.
    """

    matrix: pd.DataFrame
    net: pd.DataFrame
    changes: pd.DataFrame
    grid: xr.Dataset
    conversions: pd.DataFrame


class _Pairs(NamedTuple):
    """Places of the cells in the first and the last year, their areas, whether these are true, and the class names."""

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    areas: Floats
    known: bool
    names: list[str]

    @property
    def joint(self) -> NDArray[np.int64]:
        """Number of each cell's pair, -1 where a class is missing in either year."""
        return np.where((self.before >= 0) & (self.after >= 0), self.before * len(self.names) + self.after, -1)

    def table(self) -> pd.DataFrame:
        """The columns ``level`` and ``level_2`` of every pair."""
        k = len(self.names)
        return pd.DataFrame({"level": np.repeat(self.names, k), "level_2": np.tile(self.names, k)}).astype(str)


@register(
    "transitions",
    title="Transitions between classes",
    takes="grids",
    result=TransitionResult,
    version="3",
    citation="Transfer matrix of cell areas; intervals by a block bootstrap (Lahiri 2003, doi:10.1007/978-1-4757-3803-2).",
)
def transitions(
    codes: xr.DataArray,
    names: dict[int, str],
    *,
    response: xr.DataArray | None = None,
    first: int | None = None,
    last: int | None = None,
    window: int | None = None,
    block_size: float | None = None,
    replicates: int = 999,
    confidence: float = 0.95,
    seed: int = 0,
) -> TransitionResult:
    """Return which class became which between two years.

    Parameters
    ----------
    codes
        Numbers of the classes, dimensions (year, y, x), NaN for none. It may be lazy; two years of it are read.
    names
        Name of each number. Numbers of one name are one class; those without a name are none.
    response
        Stack (year, y, x) on the same cells, for the change that goes with each transition.
    first, last
        The two years; the first and the last of the classes by default.
    window
        Years whose mean stands for either end of the response: from `first` on, and up to `last`. Three, or what two windows
        that do not overlap leave room for.
    block_size
        Side of the square blocks of the intervals, in the unit of the coordinates; a tenth of the longer side by default.
    replicates, confidence, seed
        Of the bootstrap: 100 draws at least, level of the intervals.

    Returns
    -------
    TransitionResult
        Its `n` is the number of cells with a class in both years.

    Raises
    ------
    DataError
        If there are fewer than two years, a year is not there, the grids differ, or no cell has a class in both years.
    OptionError
        If an option is out of range.

    Examples
    --------
    >>> place = {"year": [2000, 2020], "y": [500.0], "x": [500.0, 1500.0, 2500.0]}
    >>> cover = xr.DataArray([[[1, 1, 2]], [[1, 2, 2]]], place, ("year", "y", "x"), attrs={"crs": "EPSG:32650"})
    >>> result = transitions(cover, {1: "forest", 2: "cropland"})
    >>> result.net[["level", "area_first_km2", "area_last_km2", "loss_km2"]]
          level  area_first_km2  area_last_km2  loss_km2
    0    forest             2.0            1.0       1.0
    1  cropland             1.0            2.0       0.0
    """
    bootstrap = bootstrap_of(replicates, confidence, seed)
    classes = classes_of((codes, names), "classes", annual=True)
    start, stop = _ends(classes, first, last)
    before, after = (classes.places(classes.codes.sel(year=year).to_numpy()) for year in (start, stop))
    areas, area_notes = areas_or_equal(classes.codes)
    pairs = _occurring(_Pairs(before, after, areas.to_numpy(), not area_notes, classes.names))
    used = int((pairs.joint >= 0).sum())
    if not used:
        raise DataError(f"no cell has a class in both {start} and {stop}: check the classes and their names")
    matrix, net = _matrix(pairs, start), _net(pairs, start)
    maps = conversion_map(pairs.before, pairs.after, pairs.areas, pairs.names, classes.codes)
    changes, notes, width = _no_changes(pairs), list(area_notes), 0
    blocks = blocks_of(classes.codes, block_size)
    rows = [variable_row(codes, "driver", str(codes.name or "classes"), "categorical")]
    if response is not None:
        require_same_grid(codes, response, f"classes and {response.name or 'the response'}")
        width = _window(response, start, stop, window)
        changes, units = _changes(pairs, response, (start, stop), width, blocks, bootstrap)
        notes += [*_uncovered(used - int(changes["n"].sum()), used), *interval_notes(bootstrap, blocks, units, classes.codes)]
        rows.append(variable_row(response, "response", str(response.name or "response")))
    parameters = {
        "first": start, "last": stop, "window": width, "block_size": blocks.side,
        "blocks": side_words(blocks, classes.codes), "replicates": replicates,
        "confidence": float(confidence), "seed": seed,
    }  # fmt: skip
    return TransitionResult(
        method="transitions",
        parameters=parameters,
        n=used,
        notes=(*notes, *_notes(classes, before, after, pairs, (start, stop))),
        provenance=history_line("transitions", **parameters),
        variables=variables_of(rows),
        matrix=matrix,
        net=net,
        changes=changes,
        grid=maps,
        conversions=conversion_shares(maps, pairs.areas, pairs.known, share_words(start, pairs.known)[1]),
    )


def _ends(classes: Classes, first: int | None, last: int | None) -> tuple[int, int]:
    years = [int(year) for year in classes.codes["year"].to_numpy()] if classes.annual else []
    if len(years) < 2:
        there = f"only {years[0]}" if years else "none"
        raise DataError(f"transitions need classes of two years, there is {there}: give one grid a year")
    for year, what in ((first, "first"), (last, "last")):
        if year is not None and year not in years:
            raise OptionError(f"{what} must be a year of the classes ({years[0]} to {years[-1]}), got {year!r}")
    start, stop = years[0] if first is None else first, years[-1] if last is None else last
    if start >= stop:
        raise OptionError(f"first must lie before last, got {start} and {stop}")
    return start, stop


def _window(response: xr.DataArray, start: int, stop: int, window: int | None) -> int:
    dims = sorted(map(str, response.dims))
    years = sorted(int(year) for year in response["year"].to_numpy()) if dims == ["x", "y", "year"] else []
    inside = [year for year in years if start <= year <= stop]
    if len(inside) < 2:
        raise DataError(
            f"the response {response.name!r} has {len(inside)} years from {start} to {stop}: a change needs one at either end; "
            "give a stack with the dimensions year, y and x"
        )
    if window is None:
        return min(DEFAULT_WINDOW, len(inside) // 2)
    if not isinstance(window, int) or isinstance(window, bool) or not 1 <= window <= len(inside) // 2:
        raise OptionError(
            f"window must be from 1 to half of the years of the response from {start} to {stop} ({len(inside) // 2}), "
            f"got {window!r}"
        )
    return window


def _occurring(pairs: _Pairs) -> _Pairs:
    """Leave out classes that no cell is of in both years together."""
    both = pairs.joint >= 0
    kept = np.unique(np.concatenate([pairs.before[both], pairs.after[both]]))
    new = np.full(len(pairs.names) + 1, -1, dtype=np.int64)
    new[kept] = np.arange(len(kept))
    before, after = (np.where(both, new[part], -1) for part in (pairs.before, pairs.after))
    return _Pairs(before, after, pairs.areas, pairs.known, [pairs.names[i] for i in kept])


def _areas(pairs: _Pairs) -> tuple[NDArray[np.int64], Floats]:
    """Return cells and areas of every pair, shape (classes, classes)."""
    k = len(pairs.names)
    inside = pairs.joint >= 0
    joint = pairs.joint[inside]
    n = np.bincount(joint, minlength=k * k).reshape(k, k)
    area = np.bincount(joint, weights=pairs.areas[inside], minlength=k * k).reshape(k, k)
    return n, np.asarray(area, dtype=np.float64)


def share_words(first: int, known: bool) -> tuple[str, str]:
    """Return the two denominators of a matrix, in words."""
    what = "area" if known else "cells"
    return f"{what} of the class in {first}", f"{what} of all cells with a class in both years"


def _matrix(pairs: _Pairs, first: int) -> pd.DataFrame:
    n, area = _areas(pairs)
    own, whole = area.sum(axis=1, keepdims=True), area.sum()
    of_class = np.divide(area, own, out=np.full(area.shape, np.nan), where=own > 0)
    table = pairs.table().assign(n=n.ravel(), area_km2=area.ravel() if pairs.known else np.nan)
    words = share_words(first, pairs.known)
    blocks = [table.assign(share=s.ravel(), share_of=w) for s, w in zip((of_class, area / whole), words, strict=True)]
    return pd.concat(blocks, ignore_index=True)


def _net(pairs: _Pairs, first: int) -> pd.DataFrame:
    _, area = _areas(pairs)
    before, after, stayed = area.sum(axis=1), area.sum(axis=0), np.diag(area)
    areas = {
        "area_first_km2": before, "area_last_km2": after, "gain_km2": after - stayed, "loss_km2": before - stayed,
        "net_km2": after - before,
    }  # fmt: skip
    share = np.divide(stayed, before, out=np.full(len(before), np.nan), where=before > 0)
    shown = {name: values if pairs.known else np.full(len(values), np.nan) for name, values in areas.items()}
    return pd.DataFrame({"level": pairs.names} | shown | {"share": share, "share_of": share_words(first, pairs.known)[0]})


def _changes(
    pairs: _Pairs, response: xr.DataArray, ends: tuple[int, int], window: int, blocks: Blocks, bootstrap: Bootstrap
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    years = sorted(int(year) for year in response["year"].to_numpy() if ends[0] <= year <= ends[1])
    first, last = (mean_map(response.sel(year=part))[0] for part in (years[:window], years[-window:]))
    k = len(pairs.names)
    places = np.where(np.isnan(first) | np.isnan(last), -1, pairs.joint)
    area, start, change = (
        blocks.sums(places, weights, k * k) for weights in (pairs.areas, pairs.areas * first, pairs.areas * (last - first))
    )
    low, high, units = bootstrap.ratio(change, area)
    size = area.sum(axis=0)
    kept = size > 0
    before, moved = (np.divide(part.sum(axis=0), size, out=np.full(k * k, np.nan), where=kept) for part in (start, change))
    stayed = np.repeat(np.diag(moved.reshape(k, k)), k)
    carbon = pairs.known and canonical_unit(str(response.attrs.get("units", ""))) == YEARLY
    table = pairs.table().assign(
        n=np.bincount(places[places >= 0], minlength=k * k), n_units=units, area_km2=size if pairs.known else np.nan,
        first=before, last=before + moved, estimate=moved, ci_low=low, ci_high=high, expected=stayed,
        contribution=change.sum(axis=0) / size.sum() if kept.any() else np.nan,
        total=moved * size * TG_PER_G_M2_KM2 if carbon else np.nan, note=np.where(np.isnan(low), NO_INTERVAL, ""),
    )  # fmt: skip
    return table.loc[kept].reset_index(drop=True), units[kept]


def _uncovered(without: int, used: int) -> list[str]:
    """Return what is to be said of cells with classes whose response is missing at either end."""
    if not without:
        return []
    what = f"{without:,} of {used:,} cells with a class in both years have no response at one of the ends"
    return [f"{what}: they count in the areas, not in the changes of the response."]


def _no_changes(pairs: _Pairs) -> pd.DataFrame:
    numbers = [
        "n",
        "n_units",
        "area_km2",
        "first",
        "last",
        "estimate",
        "ci_low",
        "ci_high",
        "expected",
        "contribution",
        "total",
    ]
    return pairs.table().iloc[:0].assign(**{name: np.empty(0) for name in numbers}, note=pd.Series(dtype=str))


def _notes(
    classes: Classes, before: NDArray[np.int64], after: NDArray[np.int64], pairs: _Pairs, ends: tuple[int, int]
) -> tuple[str, ...]:
    either = (before != -1) | (after != -1)
    of = int(either.sum())
    notes = list(unnamed_note(int(((before == UNNAMED) | (after == UNNAMED)).sum()), of, "classes"))
    one_end = int(((before == -1) != (after == -1)).sum())
    if one_end:
        notes.append(f"{one_end:,} of {of:,} cells have a class in one of the two years alone: they are left out.")
    absent = [name for name in classes.names if name not in pairs.names]
    if absent:
        notes.append(f"No cell is of {', '.join(absent)} in {ends[0]} or {ends[1]}.")
    if len(pairs.names) == 1:
        notes.append("There is one class alone: nothing can change.")
    between = int(((classes.codes["year"] > ends[0]) & (classes.codes["year"] < ends[1])).sum())
    if between:
        notes.append(f"Two years are compared, {ends[0]} and {ends[1]}; the {between} between them are not looked at.")
    return tuple(notes)
