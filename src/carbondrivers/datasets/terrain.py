"""Terrain from elevation: slope, aspect, northness, and classes of them.

The gradient is Horn's (1981, doi:10.1109/PROC.1981.11918) of the 3 x 3 cells around each cell,
``dz/dx = ((NE + 2 E + SE) - (NW + 2 W + SW)) / (8 dx)``, and so towards north; slope is ``atan |gradient|``, aspect the
direction downslope, clockwise from north. Cells at the edge or beside a missing one have no 3 x 3 and become missing.
Degrees are no lengths, so a geographic grid is refused unless it may be projected: then each cell's neighbours are laid
on the plane that touches the WGS 84 ellipsoid there, which needs no resampling and keeps north true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import radians
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.datasets.grids import is_geographic, resolution
from carbondrivers.datasets.labels import labelled, with_flags
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.nep_models.apply import unit_problem

AspectScheme = Literal["two", "four", "eight"]
ASPECTS: dict[str, tuple[str, ...]] = {
    "two": ("north-facing", "south-facing"),
    "four": ("north", "east", "south", "west"),
    "eight": ("north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"),
}
SEMI_MAJOR, ECCENTRICITY_2 = 6_378_137.0, 6.694379990141e-3
"""Of the WGS 84 ellipsoid, m and without unit."""
STEEPEST_LATITUDE = 89.0

Floats = NDArray[np.floating[Any]]


def slope(elevation: xr.DataArray, *, project: bool = False) -> xr.DataArray:
    """Return the slope.

    Parameters
    ----------
    elevation
        m, dimensions y and x, ``attrs["crs"]``; axes may run either way, cells need not be square.
    project
        Whether a geographic grid may be projected (see the head of this file).

    Returns
    -------
    xarray.DataArray
        Degrees from 0 (flat) to 90, of the grid and kind of float of `elevation`; lazy if that is.

    Raises
    ------
    DataError
        If the grid is geographic and may not be projected, not 2-D, smaller than 3 x 3 cells or without CRS, or elevation
        is not in metres.

    Examples
    --------
    >>> x, y = np.arange(4) * 30.0, np.arange(3)[::-1] * 30.0
    >>> plane = xr.DataArray(np.tile(x, (3, 1)), coords={"y": y, "x": x}, dims=("y", "x"), attrs={"crs": "EPSG:32650"})
    >>> slope(plane).to_numpy()[1].round(6)
    array([nan, 45., 45., nan])
    """

    def steepness(east: Floats, north: Floats) -> Floats:
        return np.degrees(np.arctan(np.hypot(east, north)))

    return _grid(elevation, _from_gradient(elevation, steepness, project), "slope", "degree", "Slope", project=project)


def aspect(elevation: xr.DataArray, *, project: bool = False) -> xr.DataArray:
    """Return the aspect: the direction downslope, degrees clockwise from north in [0, 360), missing on flat cells.

    Arguments and errors are those of ``slope``. North is up the y axis; in a projected grid it differs from true north by
    the convergence of the meridians.

    Examples
    --------
    >>> x, y = np.arange(3) * 30.0, np.arange(3)[::-1] * 30.0
    >>> rises_east = xr.DataArray(np.tile(x, (3, 1)), coords={"y": y, "x": x}, dims=("y", "x"), attrs={"crs": "EPSG:32650"})
    >>> float(aspect(rises_east)[1, 1])
    270.0
    """
    return _grid(elevation, _from_gradient(elevation, _direction, project), "aspect", "degree", "Aspect", project=project)


def northness(elevation: xr.DataArray, *, project: bool = False) -> xr.DataArray:
    """Return the cosine of the aspect: 1 faces north, -1 south, 0 east, west or flat (arguments and errors of ``slope``).

    Examples
    --------
    >>> x, y = np.arange(3) * 30.0, np.arange(3)[::-1] * 30.0
    >>> falls_north = xr.DataArray(-np.tile(y, (3, 1)).T, coords={"y": y, "x": x}, dims=("y", "x"), attrs={"crs": "EPSG:32650"})
    >>> float(northness(falls_north)[1, 1])
    1.0
    """
    found = _from_gradient(elevation, lambda east, north: _share(-north, east, north), project)
    return _grid(elevation, found, "northness", "1", "Northness", project=project)


def eastness(elevation: xr.DataArray, *, project: bool = False) -> xr.DataArray:
    """Return the sine of the aspect: 1 faces east, -1 west, 0 north, south or flat (arguments and errors of ``slope``).

    Examples
    --------
    >>> x, y = np.arange(3) * 30.0, np.arange(3)[::-1] * 30.0
    >>> rises_east = xr.DataArray(np.tile(x, (3, 1)), coords={"y": y, "x": x}, dims=("y", "x"), attrs={"crs": "EPSG:32650"})
    >>> float(eastness(rises_east)[1, 1])
    -1.0
    """
    found = _from_gradient(elevation, lambda east, north: _share(-east, east, north), project)
    return _grid(elevation, found, "eastness", "1", "Eastness", project=project)


def aspect_class(elevation: xr.DataArray, *, scheme: AspectScheme = "four", project: bool = False) -> xr.DataArray:
    """Return the class of the aspect, as a number with its name in ``flag_meanings``.

    Parameters
    ----------
    elevation, project
        As in ``slope``.
    scheme
        ``"two"`` (north-facing from 270 over 0 to 90, south-facing), ``"four"`` (north from 315 to 45, then east, south,
        west) or ``"eight"`` (north from 337.5 to 22.5, and so on). Flat cells are a class of their own, 0.

    Returns
    -------
    xarray.DataArray
        0 flat, then 1, 2, ... clockwise from north; NaN at the edges.

    Raises
    ------
    OptionError
        If `scheme` is another.
    DataError
        As in ``slope``.

    Examples
    --------
    >>> x, y = np.arange(3) * 30.0, np.arange(3)[::-1] * 30.0
    >>> rises_east = xr.DataArray(np.tile(x, (3, 1)), coords={"y": y, "x": x}, dims=("y", "x"), attrs={"crs": "EPSG:32650"})
    >>> classes = aspect_class(rises_east)
    >>> classes.attrs["flag_meanings"].split()[int(classes[1, 1])]
    'west'
    """
    names = ASPECTS[choose(scheme, ASPECTS, "scheme")]
    width = 360.0 / len(names)

    def sector(east: Floats, north: Floats) -> Floats:
        found = np.floor(np.mod(_direction(east, north) + width / 2.0, 360.0) / width) + 1.0
        return np.where((east == 0.0) & (north == 0.0), 0.0, found)

    grid = _grid(elevation, _from_gradient(elevation, sector, project), "aspect_class", "", "Aspect", scheme=scheme)
    return with_flags(grid, dict(enumerate(("flat", *names))))


def bands(values: xr.DataArray, edges: Sequence[float]) -> xr.DataArray:
    """Return the band that each value lies in, such as elevation in steps of 500 m.

    Parameters
    ----------
    values
        A grid of any shape.
    edges
        Ascending limits between bands, in the unit of `values`; a value on a limit belongs to the upper band.

    Returns
    -------
    xarray.DataArray
        1 below the first edge, then 2, ... up to ``len(edges) + 1``; NaN where `values` are; names in ``flag_meanings``.

    Raises
    ------
    OptionError
        If there are no edges, or they are not finite and ascending.

    Examples
    --------
    >>> heights = xr.DataArray([100.0, 500.0, 2500.0, np.nan], dims="x")
    >>> bands(heights, [500, 2000]).to_numpy()
    array([ 1.,  2.,  3., nan])
    """
    limits = np.asarray(edges, dtype=np.float64)
    if limits.ndim != 1 or not limits.size or not np.isfinite(limits).all() or (np.diff(limits) <= 0).any():
        raise OptionError(f"edges must be ascending numbers, such as [500, 1000, 1500], got {edges!r}")
    names = [f"below_{limits[0]:g}", *(f"{a:g}_to_{b:g}" for a, b in pairwise(limits)), f"from_{limits[-1]:g}"]
    floats = values if values.dtype.kind == "f" else values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)

    def place(block: Floats) -> Floats:
        found = np.searchsorted(limits, block, side="right").astype(block.dtype) + 1.0
        return np.where(np.isnan(block), np.nan, found).astype(block.dtype)

    data = floats.data.map_blocks(place, dtype=floats.dtype) if floats.chunks is not None else place(floats.to_numpy())
    what = str(values.attrs.get("long_name", "") or values.name or "values")
    options = {"edges": limits.tolist()}
    grid = labelled(floats.copy(data=data), [values], "band", unit="", title=f"Band of {what.lower()}", options=options)
    return with_flags(grid, dict(enumerate(names, start=1)))


def elevation_bands(elevation: xr.DataArray, *, edges: Sequence[float]) -> xr.DataArray:
    """Return the band of elevation between `edges`, m (see ``bands``).

    Examples
    --------
    >>> elevation_bands(xr.DataArray([100.0, 2500.0], dims="x"), edges=[500, 2000]).attrs["flag_meanings"]
    'below_500 500_to_2000 from_2000'
    """
    return bands(elevation, edges)


def slope_bands(slope: xr.DataArray, *, edges: Sequence[float]) -> xr.DataArray:
    """Return the band of slope between `edges`, degrees (see ``bands``).

    Examples
    --------
    >>> slope_bands(xr.DataArray([3.0, 20.0], dims="x"), edges=[5, 15, 25]).to_numpy()
    array([1., 3.])
    """
    return bands(slope, edges)


def horn_gradient(z: Floats, dx: Floats | float, dy: Floats | float) -> tuple[Floats, Floats]:
    """Return the rise towards increasing column and row, per unit of length.

    Parameters
    ----------
    z
        Shape (ny + 2, nx + 2): the cells and one around them.
    dx, dy
        Distance of the centres of columns and of rows: numbers, or arrays of shape (ny, 1).

    Returns
    -------
    along_columns, along_rows : numpy.ndarray
        Shape (ny, nx); NaN where one of the nine cells is.
    """
    along = z[:, 2:] - z[:, :-2]
    down = z[2:, :] - z[:-2, :]
    # The centre has no weight, but a missing cell must not get a slope from its neighbours.
    hole = np.where(np.isnan(z[1:-1, 1:-1]), np.nan, 0.0)
    columns = (along[:-2] + 2.0 * along[1:-1] + along[2:]) / (8.0 * dx) + hole
    rows = (down[:, :-2] + 2.0 * down[:, 1:-1] + down[:, 2:]) / (8.0 * dy) + hole
    return columns, rows


def _direction(east: Floats, north: Floats) -> Floats:
    flat = (east == 0.0) & (north == 0.0)
    # A direction a hair west of north is 360 in floating point, which is 0.
    turned = np.mod(np.degrees(np.arctan2(-east, -north)), 360.0)
    return np.where(flat, np.nan, np.where(turned >= 360.0, 0.0, turned))


def _share(part: Floats, east: Floats, north: Floats) -> Floats:
    length = np.hypot(east, north)
    return np.divide(part, length, out=np.where(np.isnan(length), np.nan, 0.0), where=length > 0.0)


def _from_gradient(elevation: xr.DataArray, formula: Callable[[Floats, Floats], Floats], project: bool) -> Any:
    """Return `formula` of the gradient towards east and north, as an array of the kind of the elevation's."""
    sides, east, north = _spacing(elevation, project)
    small = elevation.dtype.itemsize <= 2
    kind = elevation.dtype if elevation.dtype.kind == "f" else np.dtype(np.float32 if small else np.float64)

    def block(z: Floats, cell: Floats) -> Floats:
        columns, rows = horn_gradient(z.astype(np.float64), cell[1:-1, :1], cell[1:-1, 1:])
        return formula(columns * east, rows * north).astype(kind)

    data = elevation.transpose("y", "x").data
    if getattr(data, "chunks", None) is None:
        return block(np.pad(data.astype(kind), 1, constant_values=np.nan), np.pad(sides, ((1, 1), (0, 0)), mode="edge"))
    from dask import array as lazy
    from dask.array.overlap import overlap

    rim = overlap(data.astype(kind), depth={0: 1, 1: 1}, boundary={0: np.nan, 1: np.nan})  # type: ignore[no-untyped-call]
    cells = lazy.from_array(sides, chunks=(data.chunks[0], (2,)))  # type: ignore[no-untyped-call]
    cells = overlap(cells, depth={0: 1, 1: 0}, boundary={0: "nearest", 1: "none"})  # type: ignore[no-untyped-call]
    empty = np.empty((0, 0), dtype=kind)
    return lazy.map_blocks(block, rim, cells, dtype=kind, chunks=data.chunks, meta=empty)  # type: ignore[no-untyped-call]


def _spacing(elevation: xr.DataArray, project: bool) -> tuple[Floats, float, float]:
    """Return width and height of a cell by row, m, shape (ny, 2), and the signs that turn the gradient east and north."""
    if set(elevation.dims) != {"y", "x"}:
        raise DataError(
            f"elevation must have dimensions y and x alone, got {', '.join(map(str, elevation.dims))}: select one layer"
        )
    if min(elevation.sizes.values()) < 3:
        raise DataError(f"terrain needs 3 x 3 cells, got {elevation.sizes['y']} x {elevation.sizes['x']}: give a larger grid")
    problem = unit_problem(str(elevation.attrs.get("units", "")), ("m",))
    if problem:
        raise DataError(f"elevation {problem}")
    cell_x, cell_y = resolution(elevation)
    x, y = elevation["x"].to_numpy(), elevation["y"].to_numpy()
    east, north = (1.0 if axis[-1] > axis[0] else -1.0 for axis in (x, y))
    if not is_geographic(elevation):
        metre = _metres(elevation)
        return np.tile([cell_x * metre, cell_y * metre], (y.size, 1)), east, north
    if not project:
        raise DataError(
            f"terrain needs lengths, but the grid is in degrees ({str(elevation.attrs['crs'])[:40]}): give project = true, or "
            "warp it to a projected CRS first"
        )
    if np.abs(y).max() > STEEPEST_LATITUDE:
        raise DataError(f"the grid reaches latitude {np.abs(y).max():g}: near the poles, warp it to a polar CRS first")
    return _on_ellipsoid(y, cell_x, cell_y), east, north


def _on_ellipsoid(latitude: Floats, dlon: float, dlat: float) -> Floats:
    phi = np.radians(latitude.astype(np.float64))
    bend = 1.0 - ECCENTRICITY_2 * np.sin(phi) ** 2
    width = SEMI_MAJOR / np.sqrt(bend) * np.cos(phi) * radians(dlon)
    height = SEMI_MAJOR * (1.0 - ECCENTRICITY_2) / bend**1.5 * radians(dlat)
    return np.column_stack([width, height])


def _metres(elevation: xr.DataArray) -> float:
    from pyproj import CRS

    return float(CRS.from_user_input(elevation.attrs["crs"]).axis_info[0].unit_conversion_factor)


def _grid(elevation: xr.DataArray, data: Any, name: str, unit: str, title: str, **options: object) -> xr.DataArray:
    found = elevation.transpose("y", "x").copy(data=data)
    return labelled(found, [elevation], name, unit=unit, title=title, options=options)
