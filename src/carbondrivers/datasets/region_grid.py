"""A grid of regions: which zone each cell belongs to."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import xarray as xr

from carbondrivers.datasets.blocks import Region
from carbondrivers.datasets.grids import orient
from carbondrivers.datasets.labels import with_flags
from carbondrivers.datasets.zone_cover import Cover
from carbondrivers.datasets.zones import Zones
from carbondrivers.errors import DataWarning
from carbondrivers.provenance import history_line

HALF = 0.5
TILE = 1024
# Shares of a cell come in single precision.
EVEN = 1e-6


def region_grid(zones: Zones, grid: xr.DataArray) -> xr.DataArray:
    """Return which zone each cell belongs to: the one that covers most of it, where zones cover at least half of it.

    Parameters
    ----------
    zones
        From ``read_zones``.
    grid
        A grid with dimensions y and x (others are ignored) and ``attrs["crs"]``.

    Returns
    -------
    xarray.DataArray
        float32, dimensions (y, x): 1 for the first zone and so on, NaN for none; ``flag_values`` and ``flag_meanings`` name
        them (blanks become underscores). Two zones that share a cell evenly: the first has it.

    Raises
    ------
    DataError
        If no zone lies on the grid.

    Warns
    -----
    DataWarning
        If some zones lie outside the grid, or are smaller than a cell and have none.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> from carbondrivers.datasets.zones import as_zones
    >>> grid = xr.DataArray(
    ...     np.zeros((1, 3)), coords={"y": [500.0], "x": [500.0, 1500.0, 2500.0]}, dims=("y", "x"), attrs={"crs": "EPSG:32650"}
    ... )
    >>> boxes = [shapely.box(0, 0, 1400, 1000), shapely.box(1400, 0, 2100, 1000)]
    >>> both = as_zones(gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=boxes, crs="EPSG:32650"))
    >>> region_grid(both, grid).to_numpy().tolist()
    [[1.0, 2.0, nan]]
    """
    plain = orient(grid, "the grid")
    cover = Cover(zones, plain)
    ids = np.full((plain.sizes["y"], plain.sizes["x"]), np.nan, dtype=np.float32)
    for region in _tiles(*ids.shape):
        ids[region] = _owners(cover, region, ids[region].shape)
    _warn_lost(cover, ids)
    coords = {"y": plain["y"].to_numpy(), "x": plain["x"].to_numpy()}
    made = xr.DataArray(ids, coords=coords, dims=("y", "x"), name="region")
    made.attrs = {key: grid.attrs[key] for key in ("crs", "resolution") if key in grid.attrs}
    made.attrs |= {"units": "", "long_name": "Region", "history": history_line("region_grid", source=zones.source)}
    return with_flags(made, dict(enumerate(zones.names, start=1)))


def _tiles(rows: int, columns: int) -> Iterator[Region]:
    for row in range(0, rows, TILE):
        for column in range(0, columns, TILE):
            yield slice(row, min(row + TILE, rows)), slice(column, min(column + TILE, columns))


def _owners(cover: Cover, region: Region, shape: tuple[int, ...]) -> np.ndarray:
    size = shape[0] * shape[1]
    best, total = np.zeros(size), np.zeros(size)
    owner = np.full(size, np.nan, dtype=np.float32)
    for zone, cells, share in sorted(cover.shares(region), key=lambda found: found[0]):
        more = share > best[cells] + EVEN
        owner[cells[more]], best[cells[more]] = zone + 1, share[more]
        total[cells] += share
    return np.where(total >= HALF - EVEN, owner, np.nan).reshape(shape)


def _warn_lost(cover: Cover, ids: np.ndarray) -> None:
    have = set(np.unique(ids[~np.isnan(ids)]).astype(int).tolist())
    lost = [name for i, name in enumerate(cover.zones.names, start=1) if i not in have and cover.inside[i - 1] > 0]
    if lost:
        warnings.warn(
            f"{cover.zones.source}: {len(lost)} zones have no cell of their own ({', '.join(lost[:4])}"
            f"{', ...' if len(lost) > 4 else ''}): they are smaller than a cell or lie under others; take a finer grid",
            DataWarning,
            stacklevel=3,
        )
