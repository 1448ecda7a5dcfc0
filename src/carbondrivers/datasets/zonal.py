"""Zonal tables: what a grid holds within polygons, by the exact share of every cell that a polygon covers.

``mean = sum(f a v) / sum(f a)`` over the cells with a value, f the covered share of a cell (exactextract) and a its true
area, so that a geographic grid is weighted by latitude. Sums are taken block by block and merged (Chan, Golub & LeVeque
1983, doi:10.1080/00031305.1983.10483115), so a stack may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.datasets.blocks import Region, in_blocks
from carbondrivers.datasets.distances import Floats
from carbondrivers.datasets.grid_tables import require_aligned
from carbondrivers.datasets.grids import cell_areas, orient
from carbondrivers.datasets.zone_cover import Cover
from carbondrivers.datasets.zones import Zones
from carbondrivers.errors import DataError, choose
from carbondrivers.nep_models.apply import YEARLY, canonical_unit

Statistic = Literal["mean", "sd", "min", "max", "total"]
Weighting = Literal["area", "cells"]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)
TG_PER_G_M2_KM2 = 1e-6
Times: TypeAlias = tuple[str, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class ZonalTable:
    """A table by zone.

    Attributes
    ----------
    frame : pandas.DataFrame
        As the function that made it says.
    notes : tuple of str
        What a reader should know of it.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


def zonal_table(
    layers: xr.DataArray | Mapping[str, xr.DataArray],
    zones: Zones,
    *,
    statistics: Sequence[Statistic] = ("mean", "sd", "min", "max"),
    weighting: Weighting = "area",
) -> ZonalTable:
    """Return statistics of grids within zones.

    Parameters
    ----------
    layers
        A continuous grid, or name to aligned grids: dimensions (y, x), (year, y, x) or (time, y, x), ``attrs["crs"]``.
    zones
        From ``read_zones``; they may overlap.
    statistics
        ``"mean"``, ``"sd"`` (of the population of cells), ``"min"``, ``"max"``, and ``"total"`` (Tg C a-1, of grids in
        g C m-2 a-1 alone).
    weighting
        ``"area"``: every cell by its true area within the zone; ``"cells"``: by its covered share alone, as if all cells
        were of one size.

    Returns
    -------
    ZonalTable
        One row a zone, grid and year: ``zone``, ``variable``, ``year`` or ``time`` where there is one, the statistics,
        ``cells`` (with a value, shares added up), ``area_km2`` (of them), ``coverage`` (their share of the zone's whole
        area). A zone without any value has missing statistics.

    Raises
    ------
    DataError
        If the grids differ, one holds classes, or no zone lies on them.
    OptionError
        If a statistic or the weighting is unknown.

    Warns
    -----
    DataWarning
        If some zones lie outside the grid.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> from carbondrivers.datasets.zones import as_zones
    >>> grid = xr.DataArray(
    ...     [[1.0, 2.0]], coords={"y": [500.0], "x": [500.0, 1500.0]}, dims=("y", "x"), attrs={"crs": "EPSG:32650"}
    ... )
    >>> box = gpd.GeoDataFrame({"name": ["a"]}, geometry=[shapely.box(0, 0, 1500, 1000)], crs="EPSG:32650")
    >>> zonal_table(grid, as_zones(box), statistics=["mean"]).frame.round(6).to_dict("records")
    [{'zone': 'a', 'variable': 'value', 'mean': 1.333333, 'cells': 1.5, 'area_km2': 1.5, 'coverage': 1.0}]
    """
    choose(weighting, get_args(Weighting), "weighting")
    for one in statistics:
        choose(one, STATISTICS, "statistics")
    named = named_layers(layers)
    for name, da in named.items():
        if da.attrs.get("kind") == "categorical":
            raise DataError(f"layer {name!r} holds classes, which have no mean: take zonal_classes")
    grids = list(named.values())
    cover = Cover(zones, grids[0])
    sums = [_Sums(len(zones.names), times_of(da), statistics) for da in grids]
    for region, (*values, areas) in in_blocks(*grids, cell_areas(grids[0])):
        block = _block(cover, region, areas, weighting)
        for held, layer in zip(sums, values, strict=True):
            held.add(block, np.ascontiguousarray(layer.reshape(-1, areas.size).T))
    parts = [_rows(name, da, held, cover, statistics) for (name, da), held in zip(named.items(), sums, strict=True)]
    notes = [*zones.notes, *cover.notes(), *(_total_notes(named) if "total" in statistics else [])]
    return ZonalTable(pd.concat(parts, ignore_index=True), tuple(notes))


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """The zones of a block of k cells: sparse matrices (zones, k)."""

    share: Any
    area: Any
    weight: Any


def _block(cover: Cover, region: Region, areas: np.ndarray, weighting: Weighting) -> _Block:
    from scipy.sparse import csr_array

    rows, columns, shares = [], [], []
    size = areas.ravel()
    for zone, cells, part in cover.shares(region):
        rows.append(np.full(cells.size, zone))
        columns.append(cells)
        shares.append(part)
    empty = np.zeros(0)
    row, column, value = (np.concatenate([*parts, empty]) for parts in (rows, columns, shares))
    shape = len(cover.zones.names), size.size
    share = csr_array((value, (row.astype(np.int64), column.astype(np.int64))), shape=shape)
    area = csr_array(share * size)
    return _Block(share, area, area if weighting == "area" else share)


class _Sums:
    """Weighted sums by zone and time step, arrays of shape (zones, steps), merged block by block."""

    def __init__(self, zones: int, times: Times, statistics: Sequence[Statistic]) -> None:
        self.times, self.statistics = times, statistics
        shape = zones, len(times[1])
        self.weight, self.mean, self.square = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.cells, self.area, self.total = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        # What the cells say of the whole zone, so that a coverage compares like with like.
        self.whole = np.zeros(zones)
        self.low, self.high = np.full(shape, np.nan), np.full(shape, np.nan)

    def add(self, block: _Block, values: np.ndarray) -> None:
        """Add the cells of a block; `values` has shape (cells, steps)."""
        present = (~np.isnan(values)).astype(np.float64)
        # About the block's own mean, so that squares do not drown the spread of values far from zero.
        middle = np.divide(np.nansum(values, axis=0, dtype=np.float64), np.maximum(present.sum(axis=0), 1.0))
        centred = np.where(present > 0, values - middle, 0.0)
        new, held = block.weight @ present, self.weight
        first, second = block.weight @ centred, block.weight @ np.square(centred)
        offset = np.divide(first, new, out=np.zeros(new.shape), where=new > 0)
        both = np.where(held + new > 0, held + new, 1.0)
        shift = np.where(new > 0, middle + offset - self.mean, 0.0)
        self.square += np.maximum(second - first * offset, 0.0) + shift**2 * held * new / both
        self.mean += shift * new / both
        self.weight = held + new
        self.cells += block.share @ present
        area = block.area @ present
        self.area += area
        self.whole += block.area.sum(axis=1)
        self.total += block.area @ centred + middle * area
        if {"min", "max"} & set(self.statistics):
            self._extremes(block, values)

    def _extremes(self, block: _Block, values: np.ndarray) -> None:
        for zone, cells in enumerate(np.split(block.share.indices, block.share.indptr[1:-1])):
            if cells.size:
                # fmin and fmax pass over what is missing.
                part = values[cells]
                self.low[zone] = np.fmin(self.low[zone], np.fmin.reduce(part))
                self.high[zone] = np.fmax(self.high[zone], np.fmax.reduce(part))

    def statistic(self, name: Statistic) -> Floats:
        """Return a statistic, NaN where a zone has no value."""
        weight = np.where(self.weight > 0, self.weight, np.nan)
        found = {
            "mean": self.mean, "sd": np.sqrt(self.square / weight), "min": self.low, "max": self.high,
            "total": self.total * TG_PER_G_M2_KM2,
        }[name]  # fmt: skip
        return np.where(self.weight > 0, found, np.nan)


def named_layers(layers: xr.DataArray | Mapping[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """Return name to grid, aligned, time first; a grid without a name is called ``value``."""
    named = {str(layers.name or "value"): layers} if isinstance(layers, xr.DataArray) else dict(layers)
    if not named:
        raise DataError("no layers are given: name at least one")
    require_aligned(named)
    return {name: orient(da.transpose(..., "y", "x"), f"layer {name!r}") for name, da in named.items()}


def times_of(da: xr.DataArray) -> Times:
    """Return the name of the time dimension and its labels; no name and one empty label for a single grid."""
    dim = str(da.dims[0]) if da.ndim > 2 else ""
    return dim, (da[dim].to_numpy() if dim else np.array([None]))


def _rows(name: str, da: xr.DataArray, held: _Sums, cover: Cover, statistics: Sequence[Statistic]) -> pd.DataFrame:
    dim, labels = held.times
    zones, steps = held.weight.shape
    columns: dict[str, object] = {"zone": np.repeat(np.array(cover.zones.names, dtype=object), steps), "variable": name}
    if dim:
        columns[dim] = np.tile(labels, zones)
    for one in statistics:
        known = one != "total" or canonical_unit(str(da.attrs.get("units", ""))) == YEARLY
        columns[one] = held.statistic(one).ravel() if known else np.nan
    columns |= {"cells": held.cells.ravel(), "area_km2": held.area.ravel()}
    on_grid = np.where(held.whole > 0, held.whole, 1.0)[:, None]
    columns["coverage"] = (held.area / on_grid * cover.inside[:, None]).ravel()
    return pd.DataFrame(columns)


def _total_notes(layers: Mapping[str, xr.DataArray]) -> list[str]:
    units = {name: str(da.attrs.get("units", "")) for name, da in layers.items()}
    without = [f"{name} ({unit or 'no unit'})" for name, unit in units.items() if canonical_unit(unit) != YEARLY]
    return [f"No total of {', '.join(without)}: only {YEARLY} adds up to carbon."] if without else []
