"""Geometry of grids behind the data door: cell areas, spacing, orientation, and whether two grids are the same.

A grid is an ``xarray.DataArray`` with 1-D coordinates ``x`` (ascending) and ``y`` (descending) of cell centres and its
reference system in ``attrs["crs"]``.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import xarray as xr

from carbondrivers.errors import DataError, DataWarning

EARTH_RADIUS_KM = 6371.0088
SAME_CELL = 1e-6
REGULAR = 1e-3
AREAL_SCALE_TOLERANCE = 0.05


def is_geographic(da: xr.DataArray) -> bool:
    """Return whether the grid's coordinates are longitude and latitude.

    Raises
    ------
    DataError
        If the grid has no reference system, or one that PROJ does not know.

    Examples
    --------
    >>> grid = xr.DataArray(np.ones((1, 1)), dims=("y", "x"), attrs={"crs": "EPSG:32650"})
    >>> is_geographic(grid)
    False
    """
    return bool(_crs(da).is_geographic)


def resolution(da: xr.DataArray) -> tuple[float, float]:
    """Return the cell size ``(dx, dy)``, both positive, in the units of the coordinates.

    A grid of one column (or row) takes ``attrs["resolution"]``, else the size of the other axis.

    Raises
    ------
    DataError
        If the grid has no coordinates, or is one cell without ``attrs["resolution"]``.

    Examples
    --------
    >>> grid = xr.DataArray(np.ones((1, 2)), coords={"y": [5.0], "x": [0.0, 30.0]}, dims=("y", "x"))
    >>> resolution(grid)
    (30.0, 30.0)
    """
    sizes = []
    for axis in ("x", "y"):
        values = _coordinate(da, axis)
        sizes.append(abs(float(values[-1] - values[0])) / (values.size - 1) if values.size > 1 else None)
    dx, dy = sizes
    if dx is None or dy is None:
        kept = da.attrs.get("resolution")
        spare = (dx or dy, dx or dy) if kept is None else (float(kept[0]), float(kept[1]))
        dx, dy = dx or spare[0], dy or spare[1]
    if dx is None or dy is None:
        raise DataError("the grid is one cell and its size is unknown: set attrs['resolution'] = (dx, dy)")
    return dx, dy


def cell_areas(da: xr.DataArray) -> xr.DataArray:
    """Return the area of every cell.

    Parameters
    ----------
    da
        A grid with dimensions ``y`` and ``x`` (others are ignored) and ``attrs["crs"]``.

    Returns
    -------
    xarray.DataArray
        float64, dimensions (y, x), km2; lazy if the grid is. Projected grids: the product of the sides in metres.
        Geographic grids: the spherical zone between the cell's edges, ``R^2 dlon (sin lat_north - sin lat_south)``,
        R = 6371.0088 km.

    Raises
    ------
    DataError
        If the grid has no coordinates or reference system, or its latitudes leave -90..90.

    Warns
    -----
    DataWarning
        If the projection enlarges or shrinks areas by more than 5 % at the grid's centre.

    Examples
    --------
    >>> grid = xr.DataArray(
    ...     np.ones((2, 2)),
    ...     coords={"y": [45.0, -45.0], "x": [-90.0, 90.0]},
    ...     dims=("y", "x"),
    ...     attrs={"crs": "EPSG:4326", "resolution": (180.0, 90.0)},
    ... )
    >>> whole = float(cell_areas(grid).sum())
    >>> bool(np.isclose(whole, 4 * np.pi * EARTH_RADIUS_KM**2, rtol=1e-12))
    True
    """
    crs = _crs(da)
    dx, dy = resolution(da)
    x_edges, y_edges = _edges(_coordinate(da, "x"), dx), _edges(_coordinate(da, "y"), dy)
    if crs.is_geographic:
        height, width = _zone_sides(x_edges, y_edges, crs.axis_info[0].unit_conversion_factor)
    else:
        factor = crs.axis_info[0].unit_conversion_factor / 1000.0
        height, width = np.abs(np.diff(y_edges)) * factor, np.abs(np.diff(x_edges)) * factor
        _warn_distorted(da, crs)
    sides = [xr.DataArray(side, {axis: da[axis].to_numpy()}, (axis,)) for axis, side in (("y", height), ("x", width))]
    if da.chunks is not None:
        sides = [side.chunk({axis: da.chunksizes[axis]}) for axis, side in zip(("y", "x"), sides, strict=True)]
    with warnings.catch_warnings():
        # Many chunks out of few is what is meant here, and nothing that a user could mend.
        warnings.filterwarnings("ignore", "Increasing number of chunks")
        areas = sides[0] * sides[1]
    return areas.rename("area").assign_attrs(units="km2", long_name="Cell area", crs=da.attrs["crs"])


def _zone_sides(x_edges: np.ndarray, y_edges: np.ndarray, radian: float) -> tuple[np.ndarray, np.ndarray]:
    latitude = y_edges * radian
    if np.abs(latitude).max() > np.pi / 2 + 1e-3:
        raise DataError(
            f"the grid's latitudes reach {np.abs(y_edges).max():g}, but its CRS is geographic: "
            "the coordinates are projected; declare the CRS they belong to"
        )
    sines = np.sin(np.clip(latitude, -np.pi / 2, np.pi / 2))
    return EARTH_RADIUS_KM * np.abs(np.diff(sines)), EARTH_RADIUS_KM * np.abs(np.diff(x_edges)) * radian


def _warn_distorted(da: xr.DataArray, crs: Any) -> None:
    from pyproj import Proj
    from pyproj.exceptions import ProjError

    x, y = (float(_coordinate(da, axis).mean()) for axis in ("x", "y"))
    try:
        projection = Proj(crs)
        longitude, latitude = projection(x, y, inverse=True)
        scale = projection.get_factors(longitude, latitude).areal_scale
    except ProjError:
        return
    if np.isfinite(scale) and abs(scale - 1.0) > AREAL_SCALE_TOLERANCE:
        warnings.warn(
            f"areas in {str(da.attrs['crs'])[:40]} are {scale:.2f} times the true ones at the grid's centre: "
            "totals are wrong by as much; warp to an equal-area CRS first",
            DataWarning,
            stacklevel=3,
        )


def orient(da: xr.DataArray, where: str) -> xr.DataArray:
    """Return the grid with x ascending, y descending, and longitudes of a geographic grid in -180..180.

    Parameters
    ----------
    da
        A grid with coordinates ``x`` and ``y``.
    where
        What to call it in a message.

    Raises
    ------
    DataError
        If the coordinates are missing, not finite, not regular, or cross the date line.
    """
    for axis in ("x", "y"):
        _check_regular(_coordinate(da, axis), axis, where)
    x = _coordinate(da, "x")
    if is_geographic(da) and x.max() > 180.0 + REGULAR:
        da = da.assign_coords(x=(x + 180.0) % 360.0 - 180.0).sortby("x")
        try:
            _check_regular(_coordinate(da, "x"), "x", where)
        except DataError:
            raise DataError(f"{where} crosses the date line: split it there, or warp it to a projected CRS") from None
    for axis, ascending in (("x", True), ("y", False)):
        values = _coordinate(da, axis)
        if (values[-1] > values[0]) != ascending and values.size > 1:
            da = da.isel({axis: slice(None, None, -1)})
    return da


def _check_regular(values: np.ndarray, axis: str, where: str) -> None:
    steps = np.diff(values)
    if not np.isfinite(values).all():
        raise DataError(f"{where} has {axis} coordinates that are not finite: write it again with true coordinates")
    if steps.size and (np.abs(steps - steps.mean()).max() > REGULAR * abs(steps.mean()) or steps.mean() == 0):
        low, high = float(np.abs(steps).min()), float(np.abs(steps).max())
        raise DataError(
            f"{where} is not a regular grid: steps along {axis} run from {low:g} to {high:g}; regrid it to equal steps"
        )


def grid_difference(first: xr.DataArray, second: xr.DataArray) -> str:
    """Say in what two grids differ (shape, CRS, resolution, origin), or return an empty string.

    Cell sizes and origins count as equal within 1e-6 of a cell.

    Examples
    --------
    >>> grid = xr.DataArray(np.ones((1, 2)), coords={"y": [0.0], "x": [0.0, 1.0]}, dims=("y", "x"))
    >>> grid_difference(grid, grid.assign_coords(x=[0.5, 1.5]))
    'origin along x (0 and 0.5)'
    """
    shapes = [tuple(da.sizes[axis] for axis in ("y", "x")) for da in (first, second)]
    if shapes[0] != shapes[1]:
        return f"shape in (y, x) ({shapes[0]} and {shapes[1]})"
    systems = [str(da.attrs.get("crs", "")) for da in (first, second)]
    if systems[0] != systems[1] and _crs(first) != _crs(second):
        return f"CRS ({systems[0][:60]} and {systems[1][:60]})"
    for axis in ("x", "y"):
        a, b = _coordinate(first, axis), _coordinate(second, axis)
        cell = [abs(v[-1] - v[0]) / max(v.size - 1, 1) for v in (a, b)]
        allowed = SAME_CELL * (cell[0] or max(abs(a[0]), 1.0))
        if abs(cell[0] - cell[1]) * max(a.size - 1, 1) > allowed and abs(a[0] - b[0]) <= allowed:
            return f"resolution along {axis} ({cell[0]:.10g} and {cell[1]:.10g})"
        if abs(cell[0] - cell[1]) > allowed:
            return f"resolution and origin along {axis} ({cell[0]:.10g} from {a[0]:.10g}, {cell[1]:.10g} from {b[0]:.10g})"
        if np.abs(a - b).max() > allowed:
            return f"origin along {axis} ({a[0]:.10g} and {b[0]:.10g})"
    return ""


def _coordinate(da: xr.DataArray, axis: str) -> np.ndarray:
    if axis not in da.dims or axis not in da.coords:
        found = ", ".join(str(d) for d in da.dims)
        raise DataError(f"the grid has no coordinate {axis!r} (its dimensions are {found}): rename or assign it")
    return np.asarray(da[axis].to_numpy(), dtype=np.float64)


def _edges(centres: np.ndarray, cell: float) -> np.ndarray:
    direction = 1.0 if centres.size == 1 or centres[-1] > centres[0] else -1.0
    half = direction * cell / 2.0
    return np.concatenate([[centres[0] - half], (centres[1:] + centres[:-1]) / 2.0, [centres[-1] + half]])


def _crs(da: xr.DataArray) -> Any:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    text = da.attrs.get("crs")
    if not text:
        raise DataError("the grid has no CRS: set attrs['crs'], for example to 'EPSG:4326'")
    try:
        return CRS.from_user_input(text)
    except CRSError:
        raise DataError(f"unknown CRS {str(text)[:60]!r}: give an EPSG code such as 'EPSG:4326', or a WKT string") from None
