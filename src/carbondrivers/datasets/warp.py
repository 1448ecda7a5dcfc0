"""Warping by GDAL, one block of the target at a time, each from the window of the source that it needs.

Down-sampling is anti-aliased, positions are right to a thousandth of a source cell, and neither the chunks of the source
nor the blocks of the target show in the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from carbondrivers.datasets.blocks import CHUNK_VALUES, Region
from carbondrivers.datasets.geotiff import gdal
from carbondrivers.datasets.grids import SAME_CELL, resolution
from carbondrivers.errors import DataError

TILE = 512
# In source cells. GDAL's own, an eighth, would show where blocks meet.
TOLERANCE = 0.001
# Beyond the reach of the filter: neighbours that bilinear takes, and what curved edges need.
MARGIN = 3


@dataclass(frozen=True)
class Place:
    """How the cells of one grid lie in another: systems, cells (dx, dy, west, north), and the scale between them."""

    source_crs: str
    target_crs: str
    source: tuple[float, float, float, float]
    target: tuple[float, float, float, float]
    source_shape: tuple[int, int]
    target_shape: tuple[int, int]
    scale: tuple[float, float]
    """Study cells per source cell along x and y, at the middle of the study grid; at most one."""

    @classmethod
    def of(cls, layer: xr.DataArray, grid: xr.DataArray) -> Place:
        crs = str(layer.attrs["crs"]), str(grid.attrs["crs"])
        both = grid_cells(layer), grid_cells(grid)
        shapes = tuple((da.sizes["y"], da.sizes["x"]) for da in (layer, grid))
        bare = cls(*crs, *both, shapes[0], shapes[1], (1.0, 1.0))
        return cls(*crs, *both, shapes[0], shapes[1], bare._scale())

    def source_cells(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where points of the target, as fractional rows and columns, lie in the source; inf where nowhere."""
        (dx, dy, west, north), (size_x, size_y, left, top) = self.target, self.source
        x, y = _transformed(west + dx * columns, north - dy * rows, self.target_crs, self.source_crs)
        return (top - y) / size_y, (x - left) / size_x

    def _scale(self) -> tuple[float, float]:
        middle = np.array(self.target_shape) / 2.0
        row, column = self.source_cells(middle[0] + np.array([0.0, 0.0, 1.0]), middle[1] + np.array([0.0, 1.0, 0.0]))
        across = float(np.hypot(column[1] - column[0], row[1] - row[0]))
        down = float(np.hypot(column[2] - column[0], row[2] - row[0]))
        if not np.isfinite([across, down]).all():
            return 1.0, 1.0
        return 1.0 / max(across, 1e-12), 1.0 / max(down, 1e-12)

    def covered(self) -> float:
        """Return the share of the target that lies inside the source's extent, by 201 by 201 points."""
        rows, columns = (np.linspace(0.0, n, 201) for n in self.target_shape)
        row, column = self.source_cells(*(part.ravel() for part in np.meshgrid(rows, columns, indexing="ij")))
        inside = (row >= 0) & (row <= self.source_shape[0]) & (column >= 0) & (column <= self.source_shape[1])
        return float(inside.mean())

    def coincides(self) -> bool:
        """Return whether the cells of both grids are the same ones, shifted by whole cells."""
        if known_crs(self.source_crs) != known_crs(self.target_crs):
            return False
        (dx, dy, west, north), (size_x, size_y, left, top) = self.target, self.source
        far = max(*self.source_shape, *self.target_shape)
        off = [(dx / size_x - 1.0) * far, (dy / size_y - 1.0) * far]
        off += [shift - round(shift) for shift in ((west - left) / size_x, (top - north) / size_y)]
        return max(map(abs, off)) < SAME_CELL

    def window(self, region: Region) -> Region | None:
        """Return the rows and columns of the source that a block of the target needs, or None."""
        edges = [np.linspace(part.start, part.stop, min(part.stop - part.start, 64) + 1) for part in region]
        row, column = self.source_cells(*(part.ravel() for part in np.meshgrid(*edges, indexing="ij")))
        known = np.isfinite(row) & np.isfinite(column)
        if not known.any():
            return None
        found = []
        for places, scale, size in ((row, self.scale[1], self.source_shape[0]), (column, self.scale[0], self.source_shape[1])):
            margin = int(np.ceil(1.0 / min(scale, 1.0))) + MARGIN
            low, high = int(np.floor(places[known].min())) - margin, int(np.ceil(places[known].max())) + margin
            found.append(slice(max(low, 0), min(high, size)))
        return (found[0], found[1]) if all(part.start < part.stop for part in found) else None


def warped(layer: xr.DataArray, grid: xr.DataArray, place: Place, method: str) -> xr.DataArray:
    """Return the layer on the grid, block by block of the grid."""
    import dask.array
    from dask.delayed import delayed

    leading = [str(dim) for dim in layer.dims if dim not in ("y", "x")]
    layer = layer.transpose(*leading, "y", "x")
    layer = layer.chunk(dict.fromkeys(leading, -1)) if layer.chunks is not None else layer
    dtype = layer.dtype if layer.dtype.kind == "f" else np.dtype(np.float64)
    head = tuple(layer.sizes[dim] for dim in leading)
    rows, columns = (_spans(n, _side(place, int(np.prod(head)))) for n in place.target_shape)
    warp = delayed(_warp_block, pure=True)

    def block(region: Region) -> Any:
        shape = (*head, *(part.stop - part.start for part in region))
        window = place.window(region)
        if window is None:
            return dask.array.full(shape, np.nan, dtype=dtype)  # type: ignore[no-untyped-call]
        found = warp(layer.data[..., window[0], window[1]], place, region, window, method, dtype)
        return dask.array.from_delayed(found, shape, dtype)  # type: ignore[no-untyped-call]

    array = dask.array.block([[block((row, column)) for column in columns] for row in rows])  # type: ignore[no-untyped-call]
    coords = {dim: layer[dim].to_numpy() for dim in leading if dim in layer.coords}
    coords |= {axis: grid[axis].to_numpy() for axis in ("y", "x")}
    return xr.DataArray(array, coords=coords, dims=(*leading, "y", "x"))


def _warp_block(values: np.ndarray, place: Place, region: Region, window: Region, method: str, dtype: np.dtype) -> np.ndarray:
    """Warp a window of the source, (..., y, x), to a block of the target."""
    size = tuple(part.stop - part.start for part in region)
    source = np.ascontiguousarray(values, dtype=dtype).reshape(-1, *values.shape[-2:])
    # Each time alone: GDAL would empty a cell of several bands only where all of them are empty.
    with gdal():
        found = [_warp_layer(one, place, region, window, method) for one in source]
    return np.stack(found).reshape(*values.shape[:-2], *size)


def _warp_layer(values: np.ndarray, place: Place, region: Region, window: Region, method: str) -> np.ndarray:
    from rasterio import MemoryFile
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    (height, width), (rows, columns) = values.shape, region
    about = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": values.dtype, "nodata": np.nan}
    # GDAL would choose the width of its filter anew for every block, and blocks would not fit together.
    fixed = {"XSCALE": min(1.0, place.scale[0]), "YSCALE": min(1.0, place.scale[1])}
    with MemoryFile() as memory:
        with memory.open(**about, crs=place.source_crs, transform=_affine(place.source, window)) as file:
            file.write(values, 1)
        with (
            memory.open(driver="GTiff") as file,
            WarpedVRT(
                file, crs=place.target_crs, transform=_affine(place.target, region), nodata=np.nan,
                height=rows.stop - rows.start, width=columns.stop - columns.start,
                resampling=Resampling[method], tolerance=TOLERANCE, **fixed,
            ) as warped,
        ):  # fmt: skip
            return np.asarray(warped.read(1))


def _affine(cells: tuple[float, float, float, float], region: Region) -> Any:
    """Return GDAL's transform of a block of a grid."""
    from rasterio import Affine

    dx, dy, west, north = cells
    return Affine(dx, 0.0, west + dx * region[1].start, 0.0, -dy, north - dy * region[0].start)


def _side(place: Place, steps: int) -> int:
    """Return the side of a block: as large as its window of the source, all times of it, may be."""
    cells = max(1.0, 1.0 / (place.scale[0] * place.scale[1]))
    return max(1, min(TILE, int((CHUNK_VALUES / cells / max(1, steps)) ** 0.5)))


def _spans(size: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, size)) for start in range(0, size, step)]


def grid_cells(da: xr.DataArray) -> tuple[float, float, float, float]:
    """Return cell size and the north-west corner of a grid: dx, dy, west, north."""
    dx, dy = resolution(da)
    return dx, dy, float(da["x"][0]) - dx / 2.0, float(da["y"][0]) + dy / 2.0


def known_crs(crs: str) -> Any:
    """Return the reference system that a text means; refuse one that PROJ does not know."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(crs)
    except CRSError:
        raise DataError(f"unknown CRS {crs[:60]!r}: give an EPSG code such as 'EPSG:4326', or a WKT string") from None


def _transformed(x: np.ndarray, y: np.ndarray, source: str, target: str) -> tuple[np.ndarray, np.ndarray]:
    from pyproj import Transformer

    if source == target:
        return x, y
    return Transformer.from_crs(source, target, always_xy=True).transform(x, y)
