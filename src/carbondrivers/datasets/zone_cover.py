"""Which share of every cell of a grid each zone covers, block by block."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.datasets.blocks import Region
from carbondrivers.datasets.distances import Floats
from carbondrivers.datasets.grids import EARTH_RADIUS_KM, is_geographic, resolution
from carbondrivers.datasets.zones import Polygons, Zones, with_vertices
from carbondrivers.errors import DataError, DataWarning

# A share of a zone below this lies outside the grid by the rounding of coordinates.
ROUNDING = 1e-6
# Borders along the edges of cells touch the next ones by the bends of reprojected edges: a touch below this share of the
# cell, or of a zone smaller than it, belongs to no statistic, so that means stay within extremes.
TOUCH = 1e-4


class Cover:
    """The zones on a grid.

    Parameters
    ----------
    zones
        Polygons, in any reference system.
    grid
        Dimensions y (descending) and x (ascending), ``attrs["crs"]``.

    Attributes
    ----------
    polygons : numpy.ndarray
        The zones in the grid's reference system, shape (k,).
    whole_km2 : numpy.ndarray
        True area of each zone, shape (k,).
    inside : numpy.ndarray
        Share of each zone's area that lies on the grid, shape (k,).

    Raises
    ------
    DataError
        If no zone lies on the grid.

    Warns
    -----
    DataWarning
        If some zones lie outside the grid.
    """

    def __init__(self, zones: Zones, grid: xr.DataArray) -> None:
        self.zones = zones
        self.crs = str(grid.attrs["crs"])
        self.polygons: Polygons = zones.to_crs(self.crs)
        shapely.prepare(self.polygons)
        self.x_edges, self.y_edges = _edges(grid)
        frame = shapely.box(self.x_edges[0], self.y_edges[-1], self.x_edges[-1], self.y_edges[0])
        self.whole_km2 = _areas(self.polygons, grid)
        clipped = np.asarray(shapely.intersection(self.polygons, frame), dtype=object)
        self.inside = np.minimum(_areas(clipped, grid) / self.whole_km2, 1.0)
        self.inside[self.inside > 1.0 - ROUNDING] = 1.0
        self._check(frame)

    def _check(self, frame: Any) -> None:
        outside = [name for name, share in zip(self.zones.names, self.inside, strict=True) if share <= 0.0]
        if not outside:
            return
        west, south, east, north = shapely.bounds(frame)
        west_z, south_z, east_z, north_z = shapely.total_bounds(self.polygons[self.inside <= 0.0])
        turned = shapely.box(south_z, west_z, north_z, east_z)
        remedy = "x and y of the zones are exchanged" if shapely.intersects(frame, turned) else "check its CRS and the region"
        listed = f"{', '.join(outside[:4])}{', ...' if len(outside) > 4 else ''}"
        said = (
            f"{self.zones.source}: {len(outside)} of {len(self.zones.names)} zones ({listed}) lie outside the grid "
            f"(x {west_z:.6g} to {east_z:.6g}, y {south_z:.6g} to {north_z:.6g}; the grid x {west:.6g} to {east:.6g}, "
            f"y {south:.6g} to {north:.6g} in {self.crs[:40]}): {remedy}"
        )
        if len(outside) == len(self.zones.names):
            raise DataError(said)
        warnings.warn(said, DataWarning, stacklevel=4)

    def notes(self) -> list[str]:
        """Return what must be said of zones that reach outside the grid."""
        partly = [(name, share) for name, share in zip(self.zones.names, self.inside, strict=True) if 0.0 < share < 1.0]
        told = ", ".join(f"{name} ({1.0 - share:.1%})" for name, share in partly[:6])
        more = ", ..." if len(partly) > 6 else ""
        return [f"Zones that reach outside the grid, by the share of their area: {told}{more}."] if partly else []

    def shares(self, region: Region) -> Iterator[tuple[int, NDArray[np.int64], Floats]]:
        """Iterate over the zones of a block.

        Parameters
        ----------
        region
            Row and column slices of the block.

        Yields
        ------
        zone, cells, share
            Position of the zone, flat positions of its cells in the block, and which share of each it covers.
        """
        x, y = self.x_edges[region[1].start : region[1].stop + 1], self.y_edges[region[0].start : region[0].stop + 1]
        block = shapely.box(x[0], y[-1], x[-1], y[0])
        size = (len(y) - 1) * (len(x) - 1)
        touched = np.flatnonzero(shapely.intersects(self.polygons, block))
        whole = shapely.covers(self.polygons[touched], block)
        for zone in touched[whole]:
            yield int(zone), np.arange(size), np.ones(size)
        yield from self._partly(touched[~whole], x, y)

    def _partly(self, touched: NDArray[np.int64], x: Floats, y: Floats) -> Iterator[tuple[int, NDArray[np.int64], Floats]]:
        from exactextract import exact_extract
        from exactextract.raster import NumPyRasterSource

        if not touched.size:
            return
        series = gpd.GeoDataFrame(geometry=self.polygons[touched], crs=self.crs)
        blank = np.zeros((len(y) - 1, len(x) - 1), dtype=np.int8)
        raster = NumPyRasterSource(blank, xmin=x[0], ymin=y[-1], xmax=x[-1], ymax=y[0], srs_wkt=series.crs.to_wkt())
        found = exact_extract(raster, series, ["cell_id", "coverage"], output="pandas")
        cell = float((x[1] - x[0]) * (y[0] - y[1]))
        for zone, cells, share in zip(touched, found["cell_id"], found["coverage"], strict=True):
            covered = np.asarray(share, dtype=np.float64)
            kept = covered > TOUCH * min(1.0, float(shapely.area(self.polygons[zone])) / cell)
            if kept.any():
                yield int(zone), np.asarray(cells, dtype=np.int64)[kept], covered[kept]


def _edges(grid: xr.DataArray) -> tuple[Floats, Floats]:
    """Return the borders of columns, ascending, and of rows, descending."""
    dx, dy = resolution(grid)
    west, north = float(grid["x"][0]) - dx / 2.0, float(grid["y"][0]) + dy / 2.0
    columns, rows = (np.arange(grid.sizes[axis] + 1, dtype=np.float64) for axis in ("x", "y"))
    return west + dx * columns, north - dy * rows


def _areas(polygons: Polygons, grid: xr.DataArray) -> Floats:
    """Return areas in km2; on longitude and latitude those of the sphere, by the cylinder that keeps areas."""
    from pyproj import CRS

    factor = CRS.from_user_input(grid.attrs["crs"]).axis_info[0].unit_conversion_factor
    if not is_geographic(grid):
        return np.asarray(shapely.area(polygons) * (factor / 1000.0) ** 2)

    def unrolled(points: Floats) -> Floats:
        return np.column_stack([points[:, 0] * factor, np.sin(np.clip(points[:, 1] * factor, -np.pi / 2, np.pi / 2))])

    there = ~shapely.is_empty(polygons)
    found = np.zeros(polygons.shape)
    found[there] = shapely.area(shapely.transform(with_vertices(polygons[there]), unrolled)) * EARTH_RADIUS_KM**2
    return found
