"""NetCDF, HDF5 and Zarr in: one variable of a CF data set becomes a lazy grid.

Axes are known by their names or by what CF says of them; values are masked and scaled by xarray, and emptied where they
leave ``valid_range``. What the header declares is checked before xarray reads anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from carbondrivers.datasets.raster_files import check_size, readable
from carbondrivers.errors import DataError, did_you_mean
from carbondrivers.provenance import file_size

MAX_AXIS = 10_000_000
AXES = {
    "x": {"x", "lon", "long", "longitude", "easting"},
    "y": {"y", "lat", "latitude", "northing"},
    "time": {"time", "year", "years", "date", "t"},
}
STANDARD_NAMES = {
    "x": {"longitude", "projection_x_coordinate"},
    "y": {"latitude", "projection_y_coordinate"},
    "time": {"time"},
}
UNSAFE_CODEC = "pickle"


def open_netcdf(path: Path, variable: str | None, where: str) -> xr.DataArray:
    """Open a variable of a NetCDF or HDF5 file as ``carbondrivers.datasets.raster_files.open_file`` says."""
    import netCDF4

    with readable(where), netCDF4.Dataset(path) as header:
        for declared in header.variables.values():
            together = declared.chunking() if declared.shape else None
            kind = declared.dtype if isinstance(declared.dtype, np.dtype) else np.dtype("O")
            _check_declared(path.stat().st_size, declared.shape, kind, together if isinstance(together, list) else (), where)
    with readable(where):
        data = xr.open_dataset(path, engine="netcdf4", decode_coords="all", decode_timedelta=False, cache=False)
    return _closed_if_refused(data, variable, where)


def open_zarr(path: Path, variable: str | None, where: str) -> xr.DataArray:
    """Open a variable of a local Zarr store as ``carbondrivers.datasets.raster_files.open_file`` says.

    Raises
    ------
    DataError
        Also if a codec of the store could run code.
    """
    import zarr

    with readable(where):
        for place in path.rglob("*"):
            if place.name in ("zarr.json", ".zarray", ".zmetadata") and _names_unsafe_codec(json.loads(place.read_bytes())):
                raise DataError(f"{where}: it is packed with {UNSAFE_CODEC}, which can run any code when read; write it anew")
        stored = file_size(path)
        for _, declared in zarr.open_group(path, mode="r", use_consolidated=False).arrays():
            together = declared.shards or declared.chunks
            _check_declared(stored, declared.shape, np.dtype(declared.dtype), together, where)
        data = xr.open_dataset(
            path, engine="zarr", chunks=None, consolidated=False, decode_coords="all", decode_timedelta=False, cache=False
        )
    return _closed_if_refused(data, variable, where)


def _names_unsafe_codec(node: Any) -> bool:
    if isinstance(node, dict):
        return any(_names_unsafe_codec(value) for value in node.values())
    if isinstance(node, list):
        return any(_names_unsafe_codec(value) for value in node)
    return isinstance(node, str) and node.lower().endswith(UNSAFE_CODEC)


def _check_declared(stored: int, shape: tuple[int, ...], dtype: np.dtype, block: Any, where: str) -> None:
    check_size(stored, shape, dtype.itemsize, [min(b, n) for b, n in zip(block, shape, strict=False)], where)
    if len(shape) == 1 and shape[0] > MAX_AXIS:
        raise DataError(f"{where}: an axis of {shape[0]:,} steps is no grid; the file is damaged or hostile")


def _closed_if_refused(data: xr.Dataset, variable: str | None, where: str) -> xr.DataArray:
    try:
        return _grid(data, variable, where)
    except DataError:
        data.close()
        raise


def _grid(data: xr.Dataset, variable: str | None, where: str) -> xr.DataArray:
    axes = {str(dim): axis for dim in data.dims if (axis := _axis_of(data, str(dim)))}
    da = data[_pick_variable(data, axes, variable, where)]
    axes = {dim: axis for dim, axis in axes.items() if dim in da.dims}
    extra = [str(dim) for dim in da.dims if str(dim) not in axes and da.sizes[dim] > 1]
    if extra:
        raise DataError(f"{where}: the variable has a dimension {extra[0]!r} beside time and space; select one level of it")
    crs = _crs_of(data, da, geographic=_is_geographic(data, axes))
    if crs is None:
        raise DataError(f"{where}: the file has no CRS; write a grid_mapping or an attribute 'crs' into it")
    encoding = _encoding(da, axes)
    attrs = {"crs": crs, **{key: str(da.attrs[key]) for key in ("units", "long_name") if key in da.attrs}}
    da = da.isel({dim: 0 for dim in da.dims if str(dim) not in axes}, drop=True)
    da = da.reset_coords(drop=True).rename({dim: axis for dim, axis in axes.items() if dim != axis})
    da.attrs = attrs
    da = _decimal_coordinates(da)
    da = _label_time(da, where) if "time" in da.dims else da
    da.encoding = encoding
    da.set_close(data.close)
    return da


def _axis_of(data: xr.Dataset, dim: str) -> str:
    """Return 'x', 'y', 'time' or '' for a dimension, by its name, else by the CF attributes of its coordinate."""
    named = [axis for axis, names in AXES.items() if dim.lower() in names]
    if named or dim not in data.coords:
        return named[0] if named else ""
    attrs = data[dim].attrs
    if "standard_name" in attrs:
        return next((axis for axis, names in STANDARD_NAMES.items() if attrs["standard_name"] in names), "")
    return {"X": "x", "Y": "y", "T": "time"}.get(str(attrs.get("axis")), "")


def _is_geographic(data: xr.Dataset, axes: dict[str, str]) -> bool:
    return any(
        dim.lower().startswith(("lat", "lon"))
        or (dim in data.coords and str(data[dim].attrs.get("units", "")).startswith("degree"))
        for dim, axis in axes.items()
        if axis != "time"
    )


def _encoding(da: xr.DataArray, axes: dict[str, str]) -> dict[str, Any]:
    """Return how the variable is stored and masked; CF: a valid range is in packed units, unless it is of the wider type."""
    kept = da.encoding
    stored = kept.get("shards") or kept.get("chunksizes") or kept.get("chunks") or da.shape
    sizes = {axes.get(str(dim)): size for dim, size in zip(da.dims, stored, strict=True)}
    scale, offset = float(kept.get("scale_factor", 1.0)), float(kept.get("add_offset", 0.0))
    contiguous = kept.get("contiguous") or not (kept.get("chunksizes") or kept.get("chunks"))
    block = (1, sizes.get("x", 1)) if contiguous else (sizes.get("y", 1), sizes.get("x", 1))
    kind = np.dtype(kept.get("dtype", da.dtype))
    encoding: dict[str, Any] = {"block": block, "stored": kind, "scale_factor": scale, "add_offset": offset}
    ends = da.attrs.get("valid_range", (da.attrs.get("valid_min"), da.attrs.get("valid_max")))
    if np.ndim(ends) == 1 and len(ends) == 2 and any(end is not None for end in ends):
        unpacked = kind.kind in "iu" and any(np.asarray(end).dtype.kind == "f" for end in ends if end is not None)
        low, high = (bare if end is None else float(end) for end, bare in zip(ends, (-np.inf, np.inf), strict=True))
        scaled = (low, high) if unpacked else sorted((low * scale + offset, high * scale + offset))
        encoding["valid"] = (scaled[0], scaled[1])
    return encoding


def _decimal_coordinates(da: xr.DataArray) -> xr.DataArray:
    """Read single-precision coordinates as the decimals that were written: else grids miss each other by 1e-4 cells."""
    single = [axis for axis in ("x", "y") if axis in da.coords and da[axis].dtype == np.float32]
    return da.assign_coords({axis: [float(str(value)) for value in da[axis].to_numpy()] for axis in single})


def _pick_variable(data: xr.Dataset, axes: dict[str, str], variable: str | None, where: str) -> str:
    gridded = [str(name) for name, da in data.data_vars.items() if {"x", "y"} <= {axes.get(str(d)) for d in da.dims}]
    if variable is not None and variable not in gridded:
        raise DataError(
            f"{where}: there is no gridded variable {variable!r}.{did_you_mean(variable, gridded)} "
            f"The file has: {', '.join(gridded) or 'none'}"
        )
    if variable is None and len(gridded) != 1:
        if not gridded:
            dims = ", ".join(map(str, data.sizes))
            raise DataError(f"{where}: no variable has dimensions lat/lon or y/x (found {dims}); rename or regrid them")
        raise DataError(f"{where}: the file has {len(gridded)} variables ({', '.join(gridded)}); name one as variable")
    return variable or gridded[0]


def _crs_of(data: xr.Dataset, da: xr.DataArray, *, geographic: bool) -> str | None:
    import rioxarray  # noqa: F401 - registers the accessor

    found = da.rio.crs
    if found is not None:
        return str(found.to_string())
    for attrs in (da.attrs, data.attrs):
        for key in ("crs", "crs_wkt", "spatial_ref", "proj4"):
            if attrs.get(key):
                return str(attrs[key])
    return "EPSG:4326" if geographic else None


def _label_time(da: xr.DataArray, where: str) -> xr.DataArray:
    """Make ``year`` of yearly steps, month starts of monthly ones; refuse any other."""
    if "time" not in da.coords:
        raise DataError(f"{where}: the time dimension has no coordinate; write the dates or years into the file")
    time = da["time"]
    steps = time.to_numpy()
    if steps.dtype.kind in "iuf" and np.array_equal(steps, np.round(steps)) and (steps > 1000).all():
        return da.assign_coords(time=steps.astype(np.int64)).rename(time="year").sortby("year")
    if steps.dtype.kind not in "MO":
        raise DataError(f"{where}: the time axis is neither dates nor years; give it CF units ('days since ...')")
    years, months = time.dt.year.to_numpy().astype(np.int64), time.dt.month.to_numpy()
    if np.unique(years).size == years.size:
        return da.assign_coords(time=years).rename(time="year").sortby("year")
    starts = [np.datetime64(f"{year:04d}-{month:02d}-01", "ns") for year, month in zip(years, months, strict=True)]
    if len(set(starts)) < len(starts):
        raise DataError(f"{where}: several time steps a month; sum or average them to months or years first")
    return da.assign_coords(time=starts).sortby("time")
