"""Layers of any grid onto the grid of the study, lazily, with a record of what was resampled from what to what.

Each chunk of the study grid is warped by GDAL from the window of the source that it needs, so memory stays bounded and
down-sampling is anti-aliased (plain interpolation would take single cells out of thousands). Positions are right to a
thousandth of a source cell. What may be done to a layer follows from its declared kind: classes are never averaged.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.catalogue import Kind
from carbondrivers.datasets.grids import REGULAR, grid_difference, resolution
from carbondrivers.datasets.warp import TILE, Place, grid_cells, known_crs, warped
from carbondrivers.errors import DataError, DataWarning, choose
from carbondrivers.provenance import history_line

Method = Literal["bilinear", "average", "nearest", "mode"]
METHODS: dict[Kind, tuple[Method, Method]] = {"continuous": ("bilinear", "average"), "categorical": ("nearest", "mode")}
PARTLY = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """Layers on one grid, and how they came there.

    Attributes
    ----------
    layers : mapping
        Name to lazy grid; all on the study grid.
    report : pandas.DataFrame
        A row a layer: layer, kind, method ("none" where the cells already were the study's, "cut" where they were only
        cut out or framed with empty ones), from_crs, from_resolution, to_crs, to_resolution, cells (source cells in one
        cell of the study), covered (share of the study grid inside the layer's extent).
    """

    layers: Mapping[str, xr.DataArray]
    report: pd.DataFrame


def study_grid(
    like: xr.DataArray,
    *,
    crs: str | None = None,
    cell: float | None = None,
    bounds: tuple[float, float, float, float] | None = None,
) -> xr.DataArray:
    """Return the grid of a study: the extent of a layer in the wanted reference system and cell size.

    Parameters
    ----------
    like
        A layer whose extent is wanted.
    crs
        Reference system; that of the layer by default.
    cell
        Side of a cell in units of `crs`; by default the layer's own, or what suits it best in another system. Cell
        edges lie on whole multiples of it.
    bounds
        West, south, east, north in units of `crs`, in place of the layer's extent.

    Returns
    -------
    xarray.DataArray
        Dimensions (y, x), int8 zeros, lazy; coordinates and attributes crs and resolution are what it is for.

    Raises
    ------
    DataError
        If the reference system is unknown, or no cell fits.

    Examples
    --------
    >>> fine = xr.DataArray(np.ones((4, 4)), coords={"y": [4.5, 3.5, 2.5, 1.5], "x": [0.5, 1.5, 2.5, 3.5]}, dims=("y", "x"))
    >>> study_grid(fine.assign_attrs(crs="EPSG:32650"), cell=2.0)["x"].to_numpy().tolist()
    [1.0, 3.0]
    """
    import dask.array

    own = str(like.attrs["crs"])
    if crs is None and cell is None and bounds is None:
        x, y, size = like["x"].to_numpy(), like["y"].to_numpy(), resolution(like)
    else:
        found, size = _bounds(like), resolution(like)
        if crs is not None and known_crs(crs) != known_crs(own):
            found, size = _suited(like, own, crs)
        size = (float(cell), float(cell)) if cell else size
        west, south, east, north = bounds or found
        x = _centres(west, east, size[0], "x")
        y = _centres(south, north, size[1], "y")[::-1]
    zeros = dask.array.zeros((len(y), len(x)), dtype=np.int8, chunks=TILE)
    attrs = {"crs": crs or own, "resolution": size}
    return xr.DataArray(zeros, coords={"y": y, "x": x}, dims=("y", "x"), name="study_grid", attrs=attrs)


def align(layers: Mapping[str, xr.DataArray], grid: xr.DataArray, *, methods: Mapping[str, Method] | None = None) -> Aligned:
    """Bring layers onto the study grid, each by a method that its kind allows.

    Parameters
    ----------
    layers
        Name to grid behind the data door; ``attrs["kind"]`` says what it holds, continuous by default.
    grid
        A layer, or what ``study_grid`` gives: its cells are those of the result.
    methods
        Layer to method: ``"bilinear"`` or ``"average"`` for continuous layers, ``"nearest"`` or ``"mode"`` for classes.
        By default the second where cells become larger, else the first.

    Returns
    -------
    Aligned
        Lazy layers, time whole, and the report.

    Warns
    -----
    DataWarning
        If a layer covers less than half of the study grid.

    Raises
    ------
    OptionError
        If a method does not suit the kind of its layer.
    DataError
        If `methods` names a layer that is not there, or a layer does not touch the study grid.

    Examples
    --------
    >>> fine = xr.DataArray(
    ...     np.arange(16.0).reshape(4, 4), coords={"y": [4.5, 3.5, 2.5, 1.5], "x": [0.5, 1.5, 2.5, 3.5]}, dims=("y", "x")
    ... ).assign_attrs(crs="EPSG:32650")
    >>> coarse = fine.isel(x=[0, 1], y=[0, 1]).assign_coords(x=[1.0, 3.0], y=[4.0, 2.0])
    >>> found = align({"dem": fine}, coarse)
    >>> found.layers["dem"].to_numpy().tolist(), found.report["method"][0]
    ([[2.5, 4.5], [10.5, 12.5]], 'average')
    """
    methods = methods or {}
    for name in methods:
        choose(name, layers, "layer in methods")
    found, rows = {}, []
    for name, layer in layers.items():
        found[name], row = _aligned(name, layer, grid, methods.get(name))
        rows.append(row)
    return Aligned(found, pd.DataFrame(rows))


def _aligned(name: str, layer: xr.DataArray, grid: xr.DataArray, method: Method | None) -> tuple[xr.DataArray, dict[str, Any]]:
    kind: Kind = layer.attrs.get("kind", "continuous")
    choose(kind, METHODS, f"kind of layer {name!r}")
    if method is not None:
        choose(method, METHODS[kind], f"method of {name!r}, a {kind} layer,")
    place = Place.of(layer, grid)
    covered = place.covered()
    if not covered:
        raise DataError(
            f"layer {name!r} does not touch the study grid: it runs from {_extent(layer)} in {str(layer.attrs['crs'])[:40]}; "
            "look for a wrong CRS, or give the layer of this region"
        )
    if covered < PARTLY:
        warnings.warn(
            f"layer {name!r} covers {covered:.0%} of the study grid: the rest stays empty; give a larger extract of it",
            DataWarning,
            stacklevel=3,
        )
    cells = 1.0 / (place.scale[0] * place.scale[1])
    if not grid_difference(layer, grid):
        done, how = layer.assign_coords(x=grid["x"].to_numpy(), y=grid["y"].to_numpy()), "none"
    elif place.coincides():
        done, how = warped(layer, grid, place, "nearest"), "cut"
    else:
        how = method or METHODS[kind][int(cells > 1.0 + REGULAR)]
        done = warped(layer, grid, place, how)
    row = {
        "layer": name, "kind": kind, "method": how, "from_crs": str(layer.attrs["crs"]),
        "from_resolution": resolution(layer)[0], "to_crs": str(grid.attrs["crs"]), "to_resolution": resolution(grid)[0],
        "cells": cells, "covered": covered,
    }  # fmt: skip
    history = history_line("align", method=how, crs=row["to_crs"], resolution=row["to_resolution"])
    lines = [line for line in (str(layer.attrs.get("history", "")), history) if line]
    place_of = {"crs": grid.attrs["crs"], "resolution": resolution(grid), "history": "\n".join(lines)}
    return done.rename(layer.name).assign_attrs(layer.attrs | place_of), row


def _suited(da: xr.DataArray, source: str, target: str) -> tuple[tuple[float, float, float, float], tuple[float, float]]:
    """Return the extent of a grid in another system, and the side of square cells with as many along its diagonal."""
    from pyproj import Transformer

    found = Transformer.from_crs(source, target, always_xy=True).transform_bounds(*_bounds(da), densify_pts=50)
    if not np.isfinite(found).all():
        raise DataError(f"the layer ({_extent(da)}) has no place in {target[:40]}: look for a wrong CRS")
    west, south, east, north = found
    side = float(np.hypot(east - west, north - south) / np.hypot(da.sizes["x"], da.sizes["y"]))
    return (west, south, east, north), (side, side)


def _extent(da: xr.DataArray) -> str:
    west, south, east, north = _bounds(da)
    return f"x {west:.6g} to {east:.6g}, y {south:.6g} to {north:.6g}"


def _bounds(da: xr.DataArray) -> tuple[float, float, float, float]:
    dx, dy, west, north = grid_cells(da)
    return west, north - dy * da.sizes["y"], west + dx * da.sizes["x"], north


def _centres(low: float, high: float, size: float, axis: str) -> np.ndarray:
    first, last = np.floor(low / size + REGULAR), np.ceil(high / size - REGULAR)
    if not (high > low and last > first):
        raise DataError(
            f"no cell of {size:g} lies between {axis} = {low:g} and {high:g}: give bounds as west, south, east, north"
        )
    return np.asarray((np.arange(first, last) + 0.5) * size, dtype=np.float64)
