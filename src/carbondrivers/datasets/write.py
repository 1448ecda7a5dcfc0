"""Grids out: maps go to GeoTIFF, NetCDF or Zarr as they come, block by block, and lie there whole or not at all.

The values are computed on threads or on a cluster, but written by this process in a fixed order: memory holds a few
blocks, and the same grid gives the same bytes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import sleep
from typing import Any, Protocol
from uuid import uuid4

import numpy as np
import xarray as xr

from carbondrivers.datasets.blocks import Region, in_blocks
from carbondrivers.datasets.geotiff import gdal
from carbondrivers.datasets.grids import is_geographic, resolution
from carbondrivers.errors import DataError, OutputError

VARIABLE = "{variable}"
TILE = 256
TRIES = 50
FORMATS = (".tif", ".nc", ".zarr")


def write_grid(data: xr.DataArray | xr.Dataset, path: Path) -> tuple[Path, ...]:
    """Write a grid, or the grids of a data set, to GeoTIFF (.tif), NetCDF (.nc) or Zarr (.zarr).

    Lazy grids are computed and written block by block. Cells without a value are NaN; whole numbers with a fill value
    become floats. Years and months are bands of a GeoTIFF, with the date as description.

    Parameters
    ----------
    data
        Dimensions (y, x), or year or time before them; ``attrs["crs"]`` of each grid or of the data set.
    path
        The file. ``{variable}`` in it makes one file a variable, which several variables need in GeoTIFF.

    Returns
    -------
    tuple of pathlib.Path
        The files that were written.

    Raises
    ------
    OutputError
        If the suffix is none of the three, several variables would share a GeoTIFF, or the disk does not take it.
    DataError
        If the grid has no coordinates or no known reference system.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> grid = xr.DataArray(np.ones((2, 2)), coords={"y": [1.5, 0.5], "x": [0.5, 1.5]}, dims=("y", "x"), name="dem")
    >>> with TemporaryDirectory() as folder:
    ...     [file.name for file in write_grid(grid.assign_attrs(crs="EPSG:32650"), Path(folder) / "dem.tif")]
    ['dem.tif']
    """
    path, grids = Path(path), _grids(data)
    if path.suffix not in FORMATS:
        raise OutputError(f"cannot write {path}: the suffix must be one of {', '.join(FORMATS)}; rename it")
    shared = VARIABLE not in path.name
    if shared and len(grids) > 1 and path.suffix == ".tif":
        raise OutputError(
            f"cannot write {path}: a GeoTIFF holds one variable, here are {len(grids)}; put {VARIABLE} in its name"
        )
    groups = {path: grids} if shared else {Path(str(path).replace(VARIABLE, name)): {name: grids[name]} for name in grids}
    with ExitStack() as stack:
        places = {final: stack.enter_context(_whole(final)) for final in groups}
        with gdal(), ExitStack() as files:
            targets: dict[str, Target] = {}
            for final, members in groups.items():
                target = files.enter_context(_target(places[final], members))
                targets |= dict.fromkeys(members, target)
            for region, values in in_blocks(*grids.values()):
                for name, block in zip(grids, values, strict=True):
                    targets[name].put(name, region, block)
    return tuple(groups)


def keep_grid(data: xr.Dataset, path: Path) -> xr.Dataset:
    """Write a data set as ``write_grid`` does, one file a variable, and return it lazily as it lies on disk.

    Parameters
    ----------
    data
        As for ``write_grid``.
    path
        With ``{variable}`` in its name; Zarr is the quickest to read again by parts.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> coords = {"y": [1.5, 0.5], "x": [0.5, 1.5]}
    >>> grid = xr.DataArray(np.eye(2), coords=coords, dims=("y", "x"), attrs={"crs": "EPSG:32650"})
    >>> with TemporaryDirectory() as folder:
    ...     kept = keep_grid(xr.Dataset({"slope": grid}), Path(folder) / "trend_{variable}.zarr")
    ...     kept["slope"].chunks is not None, float(kept["slope"].sum())
    (True, 2.0)
    """
    if VARIABLE not in Path(path).name:
        raise OutputError(f"cannot keep {path}: put {VARIABLE} in its name, one file is kept a variable")
    files = write_grid(data, path)
    kept = {name: open_kept(file, grid) for file, (name, grid) in zip(files, data.data_vars.items(), strict=True)}
    return xr.Dataset(kept, attrs=data.attrs)


def open_kept(file: Path, like: xr.DataArray) -> xr.DataArray:
    """Return a grid that ``write_grid`` wrote to a file of its own, lazily, as it was.

    Parameters
    ----------
    file
        The file.
    like
        What was written, or a grid with its name, coordinates, type and attributes; its values are not looked at.
    """
    from carbondrivers.datasets.rasters import open_raster

    return _as_it_was(open_raster(file.parent, file.name, name=str(like.name)), like)


def _as_it_was(found: xr.DataArray, grid: xr.DataArray) -> xr.DataArray:
    """Return what was read with the direction, the coordinates and the attributes of what was written."""
    turned = [axis for axis in ("y", "x") if (grid[axis][0] < grid[axis][-1]) != (found[axis][0] < found[axis][-1])]
    found = found.isel(dict.fromkeys(turned, slice(None, None, -1)))
    for axis in ("y", "x"):
        if not np.allclose(found[axis], grid[axis], rtol=1e-9):
            raise DataError("a grid is kept as it lies behind the data door, longitudes from -180 to 180: turn it first")
    found = found.assign_coords({axis: grid[axis].to_numpy() for axis in ("y", "x")}).astype(grid.dtype)
    found.attrs = dict(grid.attrs)
    return found


class Target(Protocol):
    """A file that takes blocks of grids."""

    def put(self, name: str, region: Region, values: np.ndarray) -> None:
        """Write the values (..., y, x) of a grid in a region."""


def _grids(data: xr.DataArray | xr.Dataset) -> dict[str, xr.DataArray]:
    dataset = data.to_dataset(name=str(data.name or "values")) if isinstance(data, xr.DataArray) else data
    return {str(name): _plain(grid, dataset) for name, grid in dataset.data_vars.items()}


def _plain(grid: xr.DataArray, dataset: xr.Dataset) -> xr.DataArray:
    """Return the grid north up, with its CRS in its attributes, and floats where it has a fill value."""
    fill = grid.attrs.get("_FillValue", grid.attrs.get("nodata"))
    attrs = {"crs": dataset.attrs.get("crs", "")} | {k: v for k, v in grid.attrs.items() if k not in ("_FillValue", "nodata")}
    if grid.dtype == bool:
        grid = grid.astype(np.uint8)
    elif grid.dtype.kind in "iu" and fill is not None:
        wide = np.float32 if grid.dtype.itemsize <= 2 else np.float64
        grid = grid.astype(wide).where(grid != fill)
    grid = grid.transpose(..., "y", "x")
    grid = grid.drop_vars([name for name in grid.coords if name not in grid.dims]).drop_attrs(deep=False)
    grid = grid.assign_attrs(attrs)
    is_geographic(grid)
    for axis, ascending in (("x", True), ("y", False)):
        if axis in grid.coords and bool(grid[axis][-1] > grid[axis][0]) != ascending:
            grid = grid.isel({axis: slice(None, None, -1)})
    return grid


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a passing name in the same folder; what was written there takes the place of `path`, or is taken away."""
    passing = path.with_name(f".{uuid4().hex}{path.suffix}")
    try:
        yield passing
        if path.is_dir():
            shutil.rmtree(path)
        _sync(passing)
        passing.replace(path)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"cannot write {path}: {_cause(error)}; free space, or choose another folder") from error
    finally:
        _take_away(passing)


def _take_away(path: Path) -> None:
    if not path.is_dir():
        path.unlink(missing_ok=True)
    for _ in range(TRIES):
        if not path.is_dir():
            return
        # Zarr's own thread may still be writing chunks of the block that failed.
        shutil.rmtree(path, ignore_errors=True)
        sleep(0.02)


def _cause(error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error.__cause__ or error)
    return (said.strip().splitlines() or [type(error).__name__])[0][:160]


def _sync(path: Path) -> None:
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())


@contextmanager
def _target(path: Path, grids: dict[str, xr.DataArray]) -> Iterator[Target]:
    if path.suffix == ".tif":
        (grid,) = grids.values()
        with _tiff(path, grid) as target:
            yield target
    elif path.suffix == ".nc":
        with _netcdf(path, grids) as target:
            yield target
    else:
        yield _Zarr(path, grids)


class _Tiff:
    def __init__(self, file: Any) -> None:
        self.file = file

    def put(self, name: str, region: Region, values: np.ndarray) -> None:
        rows, columns = region
        bands = values.reshape(-1, *values.shape[-2:])
        self.file.write(bands, window=((rows.start, rows.stop), (columns.start, columns.stop)))


@contextmanager
def _tiff(path: Path, grid: xr.DataArray) -> Iterator[Target]:
    import rasterio

    dx, dy = resolution(grid)
    west, north = float(grid["x"][0]) - dx / 2.0, float(grid["y"][0]) + dy / 2.0
    real, dates = grid.dtype.kind == "f", _dates(grid)
    rows, columns = grid.sizes["y"], grid.sizes["x"]
    tiled = {"tiled": True, "blockxsize": TILE, "blockysize": TILE} if min(rows, columns) > TILE else {}
    with rasterio.open(
        path, "w", driver="GTiff", height=rows, width=columns, count=max(1, len(dates)), dtype=grid.dtype,
        crs=grid.attrs["crs"], transform=rasterio.Affine(dx, 0.0, west, 0.0, -dy, north),
        nodata=np.nan if real else None, compress="deflate", zlevel=1, predictor=3 if real else 2,
        interleave="band", bigtiff="if_safer", **tiled,
    ) as file:  # fmt: skip
        file.units = [str(grid.attrs.get("units", ""))] * file.count
        for band, date in enumerate(dates):
            file.set_band_description(band + 1, date)
        file.update_tags(**{key: str(grid.attrs[key]) for key in ("long_name", "history") if grid.attrs.get(key)})
        if grid.attrs.get("classes"):
            file.update_tags(classes="; ".join(f"{code} = {name}" for code, name in enumerate(grid.attrs["classes"])))
        yield _Tiff(file)
    _require_whole(path)


def _require_whole(path: Path) -> None:
    """Refuse a GeoTIFF whose last blocks are not where it says: GDAL is silent where the disk fills up as it closes."""
    import rasterio

    with rasterio.open(path, driver="GTiff") as file:
        (rows, columns), *_ = file.block_shapes
        last = f"{(file.width - 1) // columns}_{(file.height - 1) // rows}"
        for band in (1, file.count):
            found = [file.get_tag_item(f"BLOCK_{what}_{last}", "TIFF", bidx=band) for what in ("OFFSET", "SIZE")]
            if None in found or sum(map(int, found)) > path.stat().st_size:
                raise OSError("the disk did not take all of it")


def _dates(grid: xr.DataArray) -> list[str]:
    if grid.ndim < 3:
        return []
    labels = grid[str(grid.dims[0])].to_numpy()
    if labels.dtype.kind not in "Mfiu":
        return [str(label) for label in labels]
    return [str(label.astype("datetime64[M]") if label.dtype.kind == "M" else int(label)) for label in labels]


class _Netcdf:
    def __init__(self, file: Any) -> None:
        self.file = file

    def put(self, name: str, region: Region, values: np.ndarray) -> None:
        self.file.variables[name][(..., *region)] = values


@contextmanager
def _netcdf(path: Path, grids: dict[str, xr.DataArray]) -> Iterator[Target]:
    import netCDF4

    _frame(grids).to_netcdf(path, engine="netcdf4")
    with netCDF4.Dataset(path, "a") as file:
        for name, grid in grids.items():
            variable: Any = file.createVariable(
                name, grid.dtype, tuple(map(str, grid.dims)), compression="zlib", complevel=1, shuffle=True,
                chunksizes=_stored(grid), fill_value=np.nan if grid.dtype.kind == "f" else False,
            )  # fmt: skip
            variable.set_auto_maskandscale(False)
            variable.setncatts(_attributes(grid) | {"grid_mapping": "spatial_ref"})
        yield _Netcdf(file)


class _Zarr:
    def __init__(self, path: Path, grids: dict[str, xr.DataArray]) -> None:
        import zarr

        _frame(grids).to_zarr(path, consolidated=False)
        self.group: Any = zarr.open_group(path, mode="r+")
        for name, grid in grids.items():
            self.group.create_array(
                name, shape=grid.shape, dtype=grid.dtype, chunks=_stored(grid), dimension_names=[str(dim) for dim in grid.dims],
                fill_value=np.nan if grid.dtype.kind == "f" else 0,
                attributes=_attributes(grid) | {"grid_mapping": "spatial_ref"},
            )  # fmt: skip

    def put(self, name: str, region: Region, values: np.ndarray) -> None:
        self.group[name][(..., *region)] = values


def _frame(grids: dict[str, xr.DataArray]) -> xr.Dataset:
    """Return the coordinates of the grids as CF wants them, and their reference system."""
    from pyproj import CRS

    first = next(iter(grids.values()))
    crs = CRS.from_user_input(first.attrs["crs"])
    frame = xr.Dataset({"spatial_ref": xr.DataArray(0, attrs=_texts(crs.to_cf()))})
    for grid in grids.values():
        frame = frame.assign_coords({str(dim): (dim, grid[dim].to_numpy()) for dim in grid.dims})
    named = (("x", "longitude", "degrees_east"), ("y", "latitude", "degrees_north"))
    for axis, angle, unit in named:
        projected = {"standard_name": f"projection_{axis}_coordinate", "units": crs.axis_info[0].unit_name}
        frame[axis].attrs = {"standard_name": angle, "units": unit} if crs.is_geographic else projected
    if "time" in frame:
        frame["time"].encoding = {"units": "days since 1970-01-01", "dtype": "int64"}
    return frame


def _stored(grid: xr.DataArray) -> tuple[int, ...]:
    """Return the shape of a stored block: all times of a tile, so that a series is read at once."""
    return (*grid.shape[:-2], min(TILE, grid.shape[-2]), min(TILE, grid.shape[-1]))


def _attributes(grid: xr.DataArray) -> dict[str, Any]:
    return _texts({key: value for key, value in grid.attrs.items() if key not in ("crs", "grid_mapping")})


def _texts(attrs: dict[str, Any]) -> dict[str, Any]:
    """Return attributes as every format takes them: text, numbers and lists of these; nothing empty."""
    plain: dict[str, Any] = {}
    for key, value in attrs.items():
        value = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        value = list(value) if isinstance(value, tuple) else value
        if isinstance(value, bool | dict):
            value = str(value)
        if value is not None and value != [] and value != "":
            plain[key] = value
    return plain
