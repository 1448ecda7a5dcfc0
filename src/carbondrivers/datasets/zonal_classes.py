"""Area and share of every class within zones, by the exact share of every cell that a zone covers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.datasets.blocks import in_blocks
from carbondrivers.datasets.distances import Floats
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.datasets.groups import MAX_CLASSES, class_label
from carbondrivers.datasets.labels import flag_names
from carbondrivers.datasets.zonal import Times, Weighting, ZonalTable, named_layers, times_of
from carbondrivers.datasets.zone_cover import Cover
from carbondrivers.datasets.zones import Zones
from carbondrivers.errors import DataError, choose

SHARE_OF = {"area": "area of the zone with a class", "cells": "cells of the zone with a class, each by its covered share"}
# Of a zone and time step, code to (cells, area).
Found = dict[tuple[int, int], dict[float, Floats]]


def zonal_classes(
    layer: xr.DataArray, zones: Zones, *, legend: Mapping[int, str] | None = None, weighting: Weighting = "area"
) -> ZonalTable:
    """Return the area and share of every class within zones.

    Parameters
    ----------
    layer
        Classes as whole numbers: dimensions (y, x) or (year, y, x), ``attrs["crs"]``.
    zones
        From ``read_zones``.
    legend
        Code to name; by default the names that the grid carries, if any. Codes outside a legend are refused.
    weighting
        What ``share`` is of: ``"area"``, or ``"cells"`` (covered shares of cells, as if all were of one size).

    Returns
    -------
    ZonalTable
        One row a zone, year and class that occurs there: ``zone``, ``year`` where there is one, ``code``, ``class``,
        ``cells``, ``area_km2``, ``share``, ``share_of`` (its denominator in words).

    Raises
    ------
    DataError
        If cells are no whole numbers, codes are outside the legend, there are too many classes, or no zone lies on the
        grid.
    OptionError
        If the weighting is unknown.

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
    >>> zonal_classes(grid, as_zones(box), legend={1: "forest", 2: "grass"}).frame["share"].round(6).tolist()
    [0.666667, 0.333333]
    """
    choose(weighting, get_args(Weighting), "weighting")
    ((name, da),) = named_layers(layer).items()
    cover = Cover(zones, da)
    times = times_of(da)
    found: Found = {}
    for region, (values, areas) in in_blocks(da, cell_areas(da)):
        for zone, cells, share in cover.shares(region):
            area = share * areas.ravel()[cells]
            for step, row in enumerate(values.reshape(-1, areas.size)[:, cells]):
                _count(found.setdefault((zone, step), {}), row, share, area, name)
    names = dict(legend) if legend is not None else flag_names(da)
    _check_codes(found, names, name)
    return ZonalTable(_rows(found, names, zones, times, weighting), (*zones.notes, *cover.notes()))


def _count(held: dict[float, Floats], row: np.ndarray, share: Floats, area: Floats, name: str) -> None:
    valid = ~np.isnan(row)
    codes, place = np.unique(row[valid], return_inverse=True)
    if codes.size > MAX_CLASSES or (codes != np.round(codes)).any():
        raise DataError(f"layer {name!r} holds no classes but {codes.size} values such as {codes[-1]:g}: take zonal_table")
    sums = np.column_stack([np.bincount(place, part[valid], codes.size) for part in (share, area)])
    for code, pair in zip(codes.tolist(), sums, strict=True):
        held[code] = held.get(code, 0.0) + pair


def _check_codes(found: Found, names: Mapping[int, str], name: str) -> None:
    cells: dict[float, float] = {}
    for held in found.values():
        for code, pair in held.items():
            cells[code] = cells.get(code, 0.0) + pair[0]
    strange = sorted(code for code in cells if names and code not in names)
    if strange:
        told = ", ".join(f"{code:g} ({cells[code]:.6g} cells)" for code in strange[:8])
        known = ", ".join(str(code) for code in list(names)[:12])
        raise DataError(
            f"layer {name!r} holds {len(strange)} codes outside its legend: {told}; the legend has {known}"
            f"{', ...' if len(names) > 12 else ''}: declare another legend, or declare the code as nodata"
        )


def _rows(found: Found, names: Mapping[int, str], zones: Zones, times: Times, weighting: Weighting) -> pd.DataFrame:
    dim, labels = times
    rows = []
    for zone, name in enumerate(zones.names):
        for step, label in enumerate(labels):
            held = found.get((zone, step), {})
            whole = sum((pair for pair in held.values()), np.zeros(2))[1 if weighting == "area" else 0]
            for code in sorted(held):
                cells, area = held[code]
                words = names.get(int(code), class_label(code))
                part = area if weighting == "area" else cells
                rows.append([name, label, int(code), words, cells, area, part / whole, SHARE_OF[weighting]])
    columns = ["zone", dim or "year", "code", "class", "cells", "area_km2", "share", "share_of"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame if dim else frame.drop(columns="year")
