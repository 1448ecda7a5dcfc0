"""One raster file to one labelled grid: GeoTIFF by rioxarray, NetCDF by xarray, and refusals in plain words.

What a file is, its first bytes say, not its name: a web page, a virtual raster or an archive called ``.tif`` is named
as such and never handed to a library that would open what it points to.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from carbondrivers.datasets.grids import is_geographic, orient
from carbondrivers.errors import DataError, did_you_mean

MAX_CELLS = 20_000_000_000
CHUNK_CELLS = 512 * 512
PROBE_CELLS = 8192 * 8192
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
NETCDF = (b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"CDF\x02", b"CDF\x05")
AXES = {
    "x": {"x", "lon", "long", "longitude", "easting"},
    "y": {"y", "lat", "latitude", "northing"},
    "time": {"time", "year", "years", "date", "t"},
}


@dataclass(frozen=True, slots=True)
class RasterFile:
    """One file of a layer, and the year and month that its name stands for."""

    path: Path
    year: int | None = None
    month: int | None = None


def series_files(root: Path, source: str, years: tuple[int, int] | None, where: str) -> list[RasterFile]:
    """Return the files that a source stands for, in the order of time; every one must be there."""
    full = Path(os.path.abspath(root / source))  # noqa: PTH100 - lexical: links inside the root may point anywhere
    if not full.is_relative_to(os.path.abspath(root)):  # noqa: PTH100
        raise DataError(f"{where}: the path leaves the data folder; copy or link the file into it")
    if "{" not in source:
        if not full.is_file():
            near = did_you_mean(full.name, [p.name for p in full.parent.glob("*")] if full.parent.is_dir() else [])
            raise DataError(f"{where}: there is no such file.{near} Check the path, it is relative to the data folder")
        return [RasterFile(full)]
    rest = re.sub(r"\{(year|month|month:02d)\}", "", source)
    if "{year}" not in source or "{" in rest:
        raise DataError(f"{where}: a pattern may hold {{year}} and {{month:02d}}, and must hold {{year}}")
    first, last = years or _years_present(full, where)
    months: list[int | None] = [*range(1, 13)] if "{month" in source else [None]
    files = [RasterFile(_fill(full, y, m), y, m) for y in range(first, last + 1) for m in months]
    missing = [file.path.name for file in files if not file.path.is_file()]
    if missing:
        more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        raise DataError(
            f"{where}: no file for {len(missing)} of {len(files)} steps from {first} to {last}: "
            f"{', '.join(missing[:6])}{more}; add them or narrow the years"
        )
    return files


def _fill(pattern: Path, year: int, month: int | None) -> Path:
    text = str(pattern).replace("{year}", f"{year:04d}")
    return Path(text.replace("{month:02d}", f"{month or 0:02d}").replace("{month}", str(month)))


def _years_present(pattern: Path, where: str) -> tuple[int, int]:
    text = re.escape(pattern.name).replace(r"\{year\}", r"(\d{4})", 1).replace(r"\{year\}", r"\d{4}")
    text = re.sub(r"\\\{month(:02d)?\\\}", r"\\d{1,2}", text)
    names = (p.name for p in pattern.parent.glob("*")) if pattern.parent.is_dir() else iter(())
    found = [int(hit.group(1)) for hit in (re.fullmatch(text, name) for name in names) if hit]
    if not found:
        raise DataError(f"{where}: no file matches the pattern; check the folder and the name, or give the years")
    return min(found), max(found)


def open_file(
    file: RasterFile, where: str, *, variable: str | None, years: tuple[int, int] | None, nodata: float | None
) -> xr.DataArray:
    """Open one file lazily as a grid.

    Parameters
    ----------
    file
        The file, and what its name stands for.
    where
        What to call it in a message.
    variable, years, nodata
        As in ``carbondrivers.datasets.rasters.read_raster``.

    Returns
    -------
    xarray.DataArray
        Dimensions y and x, and year or time where the file has several layers; x ascending, y descending; masked and
        scaled; attributes crs and, where the file says so, units, long_name and resolution. Its ``close`` closes the file.

    Raises
    ------
    DataError
        If the file is not a readable, georeferenced, regular GeoTIFF or NetCDF grid.
    """
    with file.path.open("rb") as stream:
        head = stream.read(512)
    if head.startswith(TIFF):
        if variable is not None:
            raise DataError(f"{where}: a GeoTIFF has no variables; leave variable out (got {variable!r})")
        da = _open_tiff(file, years, nodata, where)
    elif head.startswith(NETCDF):
        da = _open_netcdf(file.path, variable, nodata, where)
    else:
        raise DataError(f"{where}: the file {_what_it_is(head)}; give a GeoTIFF or NetCDF file")
    try:
        _check_grid(da)
        grid = orient(da, where)
    except DataError as error:
        raise DataError(f"{where}: {str(error).removeprefix(where).strip()}") from None
    if grid is not da:
        grid.set_close(da.close)
    return grid


def _check_grid(da: xr.DataArray) -> None:
    """Refuse what is no numbers, and degrees that no place on earth has."""
    if da.dtype.kind not in "fiub":
        kind = "complex numbers: write the real part or the modulus" if da.dtype.kind == "c" else "no numbers: write numbers"
        raise DataError(f"the cells hold {kind}")
    if not da.size:
        raise DataError("the grid has no cell: write it again")
    if not is_geographic(da):
        return
    for axis, most, what in (("x", 360.0, "longitude"), ("y", 90.0, "latitude")):
        values = da[axis].to_numpy() if axis in da.coords else np.zeros(1)
        reach = float(values[np.abs(values).argmax()])
        if abs(reach) > most + 1e-6:
            raise DataError(
                f"coordinates reach {axis} = {reach:.10g}, which is no {what}: the CRS {str(da.attrs['crs'])[:40]} is wrong; "
                "write the one that the coordinates are in (gdal_edit.py -a_srs EPSG:...)"
            )


def _what_it_is(head: bytes) -> str:
    text = head.lstrip().lower()
    kinds = {
        b"<vrtdataset": "is a GDAL virtual raster (VRT), which may read any other file",
        b"<!doctype": "is a web page, so the download failed (a login page, perhaps)",
        b"<html": "is a web page, so the download failed (a login page, perhaps)",
        b"\x0e\x03\x13\x01": "is HDF4",
        b"pk\x03\x04": "is a zip archive, to be unpacked first",
        b"\x1f\x8b": "is a gzip archive, to be unpacked first",
        b"version https://git-lfs": "is a Git LFS pointer, not the file",
    }
    found = [words for magic, words in kinds.items() if text.startswith(magic)]
    return found[0] if found else "is neither a GeoTIFF nor a NetCDF file" if head else "is empty (0 bytes)"


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Turn a library's failure to read into one line; their warnings about a file's metadata are ours to judge."""
    import rasterio

    try:
        # Outside an Env of rasterio, and in threads of dask, GDAL prints its warnings on stderr by itself.
        with warnings.catch_warnings(), rasterio.Env(CPL_LOG=os.devnull):
            warnings.simplefilter("ignore")
            yield
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        said = str(error.__cause__ or error).strip()
        cause = (said.splitlines() or [type(error).__name__])[0][:160]
        raise DataError(f"{where}: cannot be read, truncated or damaged ({cause}); fetch or write it again") from None


def _check_size(cells: int, where: str) -> None:
    if cells > MAX_CELLS:
        raise DataError(
            f"{where}: its header declares {cells:,} cells, more than {MAX_CELLS:,}: "
            "the file is damaged or hostile, or it must be cut into regions first"
        )


def _open_tiff(file: RasterFile, years: tuple[int, int] | None, nodata: float | None, where: str) -> xr.DataArray:
    import rasterio
    import rioxarray

    with readable(where), rasterio.open(file.path, driver="GTiff") as header:
        shape, crs, affine, block = (header.count, *header.shape), header.crs, header.transform, header.block_shapes[0]
        unit = next((u for u in header.units if u), "")
        _check_size(int(np.prod(shape, dtype=object)), where)
        _check_data_of_tiff(header, where)
    if crs is None or affine.is_identity:
        lacks = "CRS" if crs is None else "georeference"
        raise DataError(f"{where}: the file has no {lacks}; write it again with one (gdal_edit.py -a_srs EPSG:...)")
    if affine.b or affine.d:
        raise DataError(f"{where}: the grid is rotated; warp it to a north-up grid first")
    with readable(where):
        chunks = dict(zip(("y", "x"), _space_chunks(shape[1:], block), strict=True))
        opened = rioxarray.open_rasterio(file.path, mask_and_scale=True, chunks={"band": 1, **chunks}, driver="GTiff")
    if not isinstance(opened, xr.DataArray):
        raise DataError(f"{where}: the file has several pages; split it into one file a layer")
    da = _mask_nodata(opened, nodata)
    da.attrs = {"crs": crs.to_string(), "units": unit, "resolution": (abs(affine.a), abs(affine.e))}
    da = _label_bands(da, file, years, where)
    da.set_close(opened.close)
    return da


def _check_data_of_tiff(header: Any, where: str) -> None:
    """Refuse complex numbers, and a file that was cut off: its last cell cannot be read."""
    if any(dtype.startswith("complex") for dtype in header.dtypes):
        raise DataError(f"{where}: the cells hold complex numbers; write the real part or the modulus")
    if int(np.prod(header.block_shapes[-1])) <= PROBE_CELLS:
        rows, columns = header.shape
        header.read(header.count, window=((rows - 1, rows), (columns - 1, columns)))


def _space_chunks(shape: tuple[int, ...], block: tuple[int, int]) -> tuple[int, int]:
    """Return (rows, columns) of a chunk: whole blocks of the file, so that none is decoded twice."""
    if block[1] >= shape[1]:
        rows = max(1, CHUNK_CELLS // max(1, shape[1]) // block[0]) * block[0]
        return min(rows, shape[0]), shape[1]
    side = int(CHUNK_CELLS**0.5)
    return tuple(min(size, max(1, side // b) * b) for size, b in zip(shape, block, strict=True))  # type: ignore[return-value]


def _label_bands(da: xr.DataArray, file: RasterFile, years: tuple[int, int] | None, where: str) -> xr.DataArray:
    count = da.sizes["band"]
    if count == 1:
        return da.isel(band=0, drop=True)
    if file.year is None and years and years[1] - years[0] + 1 == count:
        return da.rename(band="year").assign_coords(year=np.arange(years[0], years[1] + 1))
    if file.year is not None and file.month is None and count == 12:
        starts = [np.datetime64(f"{file.year}-{month:02d}-01", "ns") for month in range(1, 13)]
        return da.rename(band="time").assign_coords(time=starts)
    raise DataError(
        f"{where}: the file has {count} bands; give years = (first, last) of as many years, or write one file a band"
    )


def _open_netcdf(path: Path, variable: str | None, nodata: float | None, where: str) -> xr.DataArray:
    with readable(where):
        data = xr.open_dataset(path, engine="netcdf4", decode_coords="all", decode_timedelta=False, cache=False)
    da = data[_pick_variable(data, variable, where)]
    axes = {str(dim): axis for dim in da.dims for axis, names in AXES.items() if str(dim).lower() in names}
    extra = [str(dim) for dim in da.dims if str(dim) not in axes and da.sizes[dim] > 1]
    if extra:
        raise DataError(f"{where}: the variable has a dimension {extra[0]!r} beside time and space; select one level of it")
    _check_size(int(np.prod(da.shape, dtype=object)), where)
    crs = _netcdf_crs(data, da, geographic=any(dim.lower().startswith(("lat", "lon")) for dim in axes))
    if crs is None:
        raise DataError(f"{where}: the file has no CRS; write a grid_mapping or an attribute 'crs' into it")
    attrs = {"crs": crs, **{key: str(da.attrs[key]) for key in ("units", "long_name") if key in da.attrs}}
    da = da.squeeze([dim for dim in da.dims if str(dim) not in axes], drop=True)
    da = da.reset_coords(drop=True).rename({dim: axis for dim, axis in axes.items() if dim != axis})
    side = int(CHUNK_CELLS**0.5)
    da = _mask_nodata(da.chunk({"y": min(side, da.sizes["y"]), "x": min(side, da.sizes["x"])}), nodata)
    da.attrs = attrs
    da = _decimal_coordinates(da)
    da = _label_time(da, where) if "time" in da.dims else da
    da.set_close(data.close)
    return da


def _decimal_coordinates(da: xr.DataArray) -> xr.DataArray:
    """Read single-precision coordinates as the decimals that were written: else grids miss each other by 1e-4 cells."""
    single = [axis for axis in ("x", "y") if axis in da.coords and da[axis].dtype == np.float32]
    return da.assign_coords({axis: [float(str(value)) for value in da[axis].to_numpy()] for axis in single})


def _mask_nodata(da: xr.DataArray, nodata: float | None) -> xr.DataArray:
    """Empty the cells that hold `nodata` as stored, that is before scale and offset, which the library has applied."""
    if nodata is None:
        return da
    scale, offset = float(da.encoding.get("scale_factor", 1.0)), float(da.encoding.get("add_offset", 0.0))
    if (scale, offset) == (1.0, 0.0):
        return da.where(da != nodata)
    target = nodata * scale + offset
    return da.where(abs(da - target) > max(abs(scale) / 2.0, 1e-6 * abs(target)))


def _pick_variable(data: xr.Dataset, variable: str | None, where: str) -> str:
    names = AXES["x"], AXES["y"]
    gridded = [str(n) for n, da in data.data_vars.items() if all(s & {str(d).lower() for d in da.dims} for s in names)]
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


def _netcdf_crs(data: xr.Dataset, da: xr.DataArray, *, geographic: bool) -> str | None:
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
