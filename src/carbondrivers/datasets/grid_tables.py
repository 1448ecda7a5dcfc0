"""From layers to a table: aligned grids become one row a cell, whole or for chosen cells, block by block."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.datasets.blocks import Region, in_blocks
from carbondrivers.datasets.grids import grid_difference
from carbondrivers.errors import DataError


def require_aligned(layers: Mapping[str, xr.DataArray]) -> None:
    """Refuse layers that do not lie on one grid.

    Parameters
    ----------
    layers
        Name to grid; time dimensions may differ.

    Raises
    ------
    DataError
        Naming the two layers and what differs: shape, CRS, resolution or origin (beyond 1e-6 of a cell).

    Examples
    --------
    >>> grid = xr.DataArray([[1.0]], coords={"y": [1.0], "x": [1.0]}, dims=("y", "x"), attrs={"crs": "EPSG:4326"})
    >>> require_aligned({"ndvi": grid, "dem": grid})
    """
    names = list(layers)
    for name in names[1:]:
        difference = grid_difference(layers[names[0]], layers[name])
        if difference:
            raise DataError(f"layers {names[0]!r} and {name!r} differ in {difference}: warp them to one grid first")


def time_mean(da: xr.DataArray) -> xr.DataArray:
    """Return the mean of every cell over its time, of the values that are there; summed in double precision."""
    dims = [dim for dim in da.dims if dim not in ("y", "x")]
    count = da.count(dims)
    return da.sum(dims, dtype=np.float64) / count.where(count > 0)


def stack_to_frame(layers: Mapping[str, xr.DataArray], *, cells: np.ndarray | None = None) -> pd.DataFrame:
    """Turn aligned layers into a table of cells; stacks by their mean over time.

    Lazy layers are read block by block: beside the table, a few blocks are all that is in memory.

    Parameters
    ----------
    layers
        Name to grid.
    cells
        Positions of the wanted cells, counted by rows from the north-west (row x number of columns + column), in any
        order. By default every cell in which at least one layer has a value.

    Returns
    -------
    pandas.DataFrame
        Columns x, y and one a layer, float64; a row a cell, in the order of `cells`, by default from the north-west by
        rows.

    Raises
    ------
    DataError
        If the layers do not lie on one grid, one is called x or y, a stack of classes has no mean, or `cells` lie
        outside the grid.

    Examples
    --------
    >>> grid = xr.DataArray(
    ...     [[1.0, np.nan]], coords={"y": [5.0], "x": [0.0, 1.0]}, dims=("y", "x"), attrs={"crs": "EPSG:4326"}
    ... )
    >>> stack_to_frame({"ndvi": grid})
         x    y  ndvi
    0  0.0  5.0   1.0
    """
    _check_layers(layers)
    grids = list(layers.values())
    shape = grids[0].sizes["y"], grids[0].sizes["x"]
    wanted = None if cells is None else _checked_cells(np.asarray(cells), shape)
    parts = []
    for region, values in in_blocks(*grids):
        inside = None if wanted is None else _inside(wanted, region, shape)
        if inside is None or inside.size:
            parts.append(_block_table(values, region, shape, inside))
    positions, *columns = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else _no_cells(grids)
    order = np.argsort(positions, kind="stable")
    if cells is not None:
        order = order[np.searchsorted(positions, np.asarray(cells), sorter=order)]
    row, column = np.divmod(positions[order], shape[1])
    x, y = (grids[0][axis].to_numpy().astype(np.float64) for axis in ("x", "y"))
    named = zip(layers, (values[order] for values in columns), strict=True)
    return pd.DataFrame({"x": x[column], "y": y[row], **dict(named)})


def _check_layers(layers: Mapping[str, xr.DataArray]) -> None:
    if not layers:
        raise DataError("no layers are given: name at least one")
    require_aligned(layers)
    for name, da in layers.items():
        if name in ("x", "y"):
            raise DataError(f"a layer cannot be called {name!r}, the name of a coordinate: rename it")
        if da.ndim > 2 and da.attrs.get("kind") == "categorical":
            raise DataError(f"layer {name!r} holds classes of several years, which have no mean: select one year")


def _checked_cells(cells: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if cells.dtype.kind not in "iu" or cells.ndim != 1:
        raise DataError(f"cells must be a list of whole numbers, got {cells.dtype} of {cells.ndim} dimensions")
    count = shape[0] * shape[1]
    if cells.size and not 0 <= int(cells.min()) <= int(cells.max()) < count:
        raise DataError(f"cells must lie in 0 to {count - 1}, got {int(cells.min())} to {int(cells.max())}")
    return np.unique(cells)


def _inside(wanted: np.ndarray, region: Region, shape: tuple[int, int]) -> np.ndarray:
    """Return the wanted cells that lie in a block; sorted cells of a band of rows lie together."""
    rows, columns = region
    band: np.ndarray = wanted[np.searchsorted(wanted, rows.start * shape[1]) : np.searchsorted(wanted, rows.stop * shape[1])]
    column = band % shape[1]
    return np.asarray(band[(column >= columns.start) & (column < columns.stop)])


def _block_table(
    values: list[np.ndarray], region: Region, shape: tuple[int, int], inside: np.ndarray | None
) -> tuple[np.ndarray, ...]:
    """Return the positions of the block's cells and the means of each layer there."""
    rows, columns = (np.arange(part.start, part.stop) for part in region)
    positions = (rows[:, None] * shape[1] + columns).ravel()
    flat = [layer.reshape(*layer.shape[:-2], -1) for layer in values]
    if inside is not None:
        row, column = np.divmod(inside, shape[1])
        pick = (row - region[0].start) * len(columns) + column - region[1].start
        positions, flat = inside, [layer[..., pick] for layer in flat]
    means = [_mean(layer) for layer in flat]
    if inside is None:
        keep = ~np.all([np.isnan(mean) for mean in means], axis=0)
        positions, means = positions[keep], [mean[keep] for mean in means]
    return positions, *means


def _mean(layer: np.ndarray) -> np.ndarray:
    """Return the mean over all but the last axis, in double precision; NaN where there is no value."""
    layer = layer.reshape(-1, layer.shape[-1])
    if len(layer) == 1:
        return np.asarray(layer[0], dtype=np.float64)
    valid = ~np.isnan(layer)
    count = valid.sum(axis=0)
    total = np.where(valid, layer, 0).sum(axis=0, dtype=np.float64)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _no_cells(grids: list[xr.DataArray]) -> list[np.ndarray]:
    return [np.empty(0, np.int64), *(np.empty(0) for _ in grids)]
