"""One raster file to one labelled grid: GeoTIFF by rioxarray, NetCDF by xarray, and refusals in plain words.

What a file is, its first bytes say, not its name: a web page, a virtual raster or an archive called ``.tif`` is named
as such and never handed to a library that would open what it points to.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from carbondrivers.datasets.grids import orient
from carbondrivers.errors import DataError, did_you_mean

MAX_CELLS = 20_000_000_000
CHUNK_CELLS = 512 * 512
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
        scaled; attributes crs and, where the file says so, units, long_name and resolution.

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
        return orient(da, where)
    except DataError as error:
        raise DataError(f"{where}: {str(error).removeprefix(where).strip()}") from None


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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
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
    if crs is None or affine.is_identity:
        lacks = "CRS" if crs is None else "georeference"
        raise DataError(f"{where}: the file has no {lacks}; write it again with one (gdal_edit.py -a_srs EPSG:...)")
    if affine.b or affine.d:
        raise DataError(f"{where}: the grid is rotated; warp it to a north-up grid first")
    with readable(where):
        chunks = dict(zip(("y", "x"), _space_chunks(shape[1:], block), strict=True))
        da = rioxarray.open_rasterio(file.path, mask_and_scale=True, chunks={"band": 1, **chunks}, driver="GTiff")
    if not isinstance(da, xr.DataArray):
        raise DataError(f"{where}: the file has several pages; split it into one file a layer")
    da = _mask_nodata(da, nodata)
    da.attrs = {"crs": crs.to_string(), "units": unit, "resolution": (abs(affine.a), abs(affine.e))}
    return _label_bands(da, file, years, where)


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
        data = xr.open_dataset(path, engine="netcdf4", decode_coords="all", cache=False)
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
    return _label_time(da, where) if "time" in da.dims else da


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
