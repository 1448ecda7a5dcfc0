"""One raster file to one lazy, labelled grid: which reader it needs, and refusals in plain words.

What a file is, its first bytes say, not its name: a web page, a virtual raster or an archive called ``.tif`` is named
as such and never handed to a library that would open what it points to. Only local files are read, and only by the
four readers named here.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from carbondrivers.datasets.grids import is_geographic, orient
from carbondrivers.datasets.mosaic import matching, mosaic
from carbondrivers.errors import DataError, did_you_mean

MAX_CELLS = 20_000_000_000
MAX_BLOCK = 2**28
# Deflate packs zeros a thousandfold and no better; more means a file that holds nothing but its header.
MAX_RATIO, SUSPECT_BYTES = 1100, 2**32
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
NETCDF = (b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"CDF\x02", b"CDF\x05")
HDF4 = b"\x0e\x03\x13\x01"
ZARR = ("zarr.json", ".zgroup")


@dataclass(frozen=True, slots=True)
class RasterFile:
    """One file of a layer (a Zarr store is a folder), and the year and month that its name stands for.

    A pattern with ``*`` may find several files, the tiles of one grid: then `path` is the first of `tiles`.
    """

    path: Path
    year: int | None = None
    month: int | None = None
    tiles: tuple[Path, ...] = ()


def found_file(root: Path, pattern: str, year: int | None = None, month: int | None = None) -> RasterFile | None:
    """Return the file, or the tiles, that a path stands for, with ``*`` for any part of a name; None where none is there."""
    found = [root / name for name in matching(root, pattern)]
    return RasterFile(found[0], year, month, tuple(found) if len(found) > 1 else ()) if found else None


def series_files(root: Path, source: str, years: tuple[int, int] | None, where: str) -> list[RasterFile]:
    """Return the files that a source stands for, in the order of time; every one must be there."""
    full = Path(os.path.abspath(root / source))  # noqa: PTH100 - lexical: links inside the root may point anywhere
    if "://" in source or not full.is_relative_to(os.path.abspath(root)):  # noqa: PTH100
        raise DataError(f"{where}: the path leaves the data folder; copy or link the file into it")
    if "{" not in source:
        file = found_file(root, source)
        if file is None:
            near = did_you_mean(full.name, [p.name for p in full.parent.glob("*")] if full.parent.is_dir() else [])
            raise DataError(f"{where}: there is no such file.{near} Check the path, it is relative to the data folder")
        return [file]
    rest = re.sub(r"\{(year|month|month:02d)\}", "", source)
    if "{year}" not in source or "{" in rest:
        raise DataError(f"{where}: a pattern may hold {{year}} and {{month:02d}}, and must hold {{year}}")
    first, last = years or _years_present(full, where)
    months: list[int | None] = [*range(1, 13)] if "{month" in source else [None]
    steps = [(_fill(source, y, m), y, m) for y in range(first, last + 1) for m in months]
    files = [(Path(name).name, found_file(root, name, y, m)) for name, y, m in steps]
    missing = [name for name, file in files if file is None]
    if missing:
        more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        raise DataError(
            f"{where}: no file for {len(missing)} of {len(files)} steps from {first} to {last}: "
            f"{', '.join(missing[:6])}{more}; add them or narrow the years"
        )
    return [file for _, file in files if file is not None]


def _fill(pattern: str, year: int, month: int | None) -> str:
    text = pattern.replace("{year}", f"{year:04d}")
    return text.replace("{month:02d}", f"{month or 0:02d}").replace("{month}", str(month))


def _years_present(pattern: Path, where: str) -> tuple[int, int]:
    text = re.escape(pattern.name).replace(r"\{year\}", r"(\d{4})", 1).replace(r"\{year\}", r"\d{4}")
    text = re.sub(r"\\\{month(:02d)?\\\}", r"\\d{1,2}", text).replace(r"\*", ".*?")
    names = (p.name for p in pattern.parent.glob("*")) if pattern.parent.is_dir() else iter(())
    found = [int(hit.group(1)) for hit in (re.fullmatch(text, name) for name in names) if hit]
    if not found:
        raise DataError(f"{where}: no file matches the pattern; check the folder and the name, or give the years")
    return min(found), max(found)


def open_file(
    file: RasterFile, where: str, *, variable: str | None, years: tuple[int, int] | None, nodata: float | None
) -> xr.DataArray:
    """Open one file as a grid whose values are read when they are asked for.

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
        Dimensions y and x in any order, and year or time where the file has several layers; x ascending, y descending;
        masked and scaled; attributes crs and, where the file says so, units, long_name and resolution. Encoding: block
        (rows and columns that are stored together), stored (their type), and what ``masked`` and ``read_raster`` need.
        Its ``close`` closes the file. It is no dask array: slicing it stays lazy, computing with it reads it.

    Raises
    ------
    DataError
        If the file is not a readable, georeferenced, regular grid of a kind that is read here.
    """
    if file.tiles:
        return _mosaic(file, where, variable=variable, years=years, nodata=nodata)
    da = _reader(file, where, variable, years)
    try:
        _check_grid(da)
        grid = orient(da, where)
    except DataError as error:
        raise DataError(f"{where}: {str(error).removeprefix(where).strip()}") from None
    turned = float(da["x"].max()) - float(grid["x"].max()) > 1.0
    grid.encoding = da.encoding | {"nodata": nodata, "turned": turned}
    if grid is not da:
        grid.set_close(da.close)
    return grid


def _mosaic(file: RasterFile, where: str, **options: Any) -> xr.DataArray:
    """Open the tiles of a grid as ``open_file`` opens one."""
    start, _, place = where.partition(file.path.name)
    names = [tile.name for tile in file.tiles]
    tiles = [open_file(RasterFile(tile, file.year, file.month), f"{start}{tile.name}{place}", **options) for tile in file.tiles]
    made = mosaic(tiles, names, where)
    made.set_close(partial(_close_all, tiles))
    return made


def _close_all(grids: Iterable[xr.DataArray]) -> None:
    for grid in grids:
        grid.close()


def _reader(file: RasterFile, where: str, variable: str | None, years: tuple[int, int] | None) -> xr.DataArray:
    from carbondrivers.datasets import cf_grids, geotiff, modis_hdf

    if file.path.is_dir():
        if not any((file.path / name).is_file() for name in ZARR):
            raise DataError(f"{where}: it is a folder, and no Zarr store; name the file in it")
        return cf_grids.open_zarr(file.path, variable, where)
    with file.path.open("rb") as stream:
        head = stream.read(512)
    if head.startswith(TIFF):
        if variable is not None:
            raise DataError(f"{where}: a GeoTIFF has no variables; leave variable out (got {variable!r})")
        return geotiff.open_geotiff(file, years, where)
    if head.startswith(NETCDF):
        return cf_grids.open_netcdf(file.path, variable, where)
    if head.startswith(HDF4):
        return modis_hdf.open_modis(file.path, variable, where)
    raise DataError(f"{where}: the file {_what_it_is(head)}; give a GeoTIFF, NetCDF, Zarr or MODIS HDF4 file")


def masked(values: np.ndarray, encoding: Mapping[Any, Any], dtype: np.dtype) -> np.ndarray:
    """Return values as floats, with NaN where they are `nodata` as stored, or outside the range that the file calls valid.

    Parameters
    ----------
    values
        As read: scale and offset were applied.
    encoding
        That of the grid from ``open_file``.
    dtype
        float32 or float64.
    """
    found = np.asarray(values, dtype=dtype)
    nodata, valid = encoding.get("nodata"), encoding.get("valid")
    scale, offset = encoding.get("scale_factor", 1.0), encoding.get("add_offset", 0.0)
    half = 0.0 if (scale, offset) == (1.0, 0.0) else abs(scale) / 2.0
    missing = np.zeros(found.shape, dtype=bool)
    with np.errstate(invalid="ignore"):
        if nodata is not None:
            target = nodata * scale + offset
            missing |= abs(found - target) <= max(half, 1e-6 * abs(target)) if half else found == dtype.type(target)
        if valid is not None:
            missing |= (found < valid[0] - half) | (found > valid[1] + half)
    return np.where(missing, dtype.type(np.nan), found) if missing.any() else found


def float_type(*stored: np.dtype) -> np.dtype:
    """Return float32 where it tells all stored values apart, float64 otherwise.

    Examples
    --------
    >>> float_type(np.dtype("int16"), np.dtype("float32")), float_type(np.dtype("int32"))
    (dtype('float32'), dtype('float64'))
    """
    small = all(kind.itemsize <= (4 if kind.kind == "f" else 2) for kind in stored)
    return np.dtype(np.float32 if small else np.float64)


def _check_grid(da: xr.DataArray) -> None:
    """Refuse what is no numbers, and coordinates that the reference system does not have."""
    if da.dtype.kind not in "fiub":
        kind = "complex numbers: write the real part or the modulus" if da.dtype.kind == "c" else "no numbers: write numbers"
        raise DataError(f"the cells hold {kind}")
    if not da.size:
        raise DataError("the grid has no cell: write it again")
    reach = {axis: _furthest(da, axis) for axis in ("x", "y")}
    remedy = "write the one that the coordinates are in (gdal_edit.py -a_srs EPSG:...)"
    crs = str(da.attrs["crs"])[:40]
    if not is_geographic(da):
        if abs(reach["x"]) <= 360.0 and abs(reach["y"]) <= 90.0 and max(_steps(da)) < 0.5:
            raise DataError(f"its coordinates are degrees, but its CRS {crs} is projected: {remedy}")
        return
    swapped = 90.0 < abs(reach["y"]) <= 360.0 and abs(reach["x"]) <= 90.0
    for axis, most, what in (("x", 360.0, "longitude"), ("y", 90.0, "latitude")):
        if abs(reach[axis]) > most + 1e-6:
            cause = "x and y are exchanged: write longitude as x" if swapped else f"the CRS {crs} is wrong; {remedy}"
            raise DataError(f"coordinates reach {axis} = {reach[axis]:.10g}, which is no {what}: {cause}")


def _furthest(da: xr.DataArray, axis: str) -> float:
    values = da[axis].to_numpy() if axis in da.coords else np.zeros(1)
    return float(values[np.abs(values).argmax()])


def _steps(da: xr.DataArray) -> tuple[float, float]:
    sizes = [abs(float(da[axis][1] - da[axis][0])) for axis in ("x", "y") if axis in da.coords and da.sizes[axis] > 1]
    return (min(sizes), max(sizes)) if sizes else (1.0, 1.0)


def _what_it_is(head: bytes) -> str:
    text = head.lstrip().lower()
    kinds = {
        b"<vrtdataset": "is a GDAL virtual raster (VRT), which may read any other file",
        b"<!doctype": "is a web page, so the download failed (a login page, perhaps)",
        b"<html": "is a web page, so the download failed (a login page, perhaps)",
        b"pk\x03\x04": "is a zip archive, to be unpacked first",
        b"\x1f\x8b": "is a gzip archive, to be unpacked first",
        b"version https://git-lfs": "is a Git LFS pointer, not the file",
    }
    found = [words for magic, words in kinds.items() if text.startswith(magic)]
    return found[0] if found else "is no raster of a kind that is known here" if head else "is empty (0 bytes)"


@contextmanager
def in_one_line(where: str) -> Iterator[None]:
    """Turn a library's failure to read into one line."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, OverflowError, LookupError, TypeError) as error:
        said = str(error.__cause__ or error).strip()
        cause = (said.splitlines() or [type(error).__name__])[0][:160]
        raise DataError(f"{where}: cannot be read, truncated or damaged ({cause}); fetch or write it again") from None


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Turn a library's failure to read into one line; their warnings about a file's metadata are ours to judge.

    Not for worker threads: the filter of warnings belongs to the whole process.
    """
    with in_one_line(where), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check_size(stored: int, shape: Iterable[int], itemsize: int, block: Iterable[int], where: str) -> None:
    """Refuse a grid by what its header declares: too many cells, far more than `stored` bytes can hold, or one huge block."""
    cells, together = (int(np.prod([int(n) for n in sizes], dtype=object)) for sizes in (shape, block))
    if cells > MAX_CELLS:
        raise DataError(
            f"{where}: its header declares {cells:,} cells, more than {MAX_CELLS:,}: "
            "the file is damaged or hostile, or it must be cut into regions first"
        )
    if cells * itemsize > max(SUSPECT_BYTES, MAX_RATIO * stored):
        raise DataError(
            f"{where}: its header declares {cells * itemsize / 1e9:,.0f} GB in a file of {stored / 1e6:.3g} MB: "
            "it is damaged, hostile or empty; fetch or write it again"
        )
    if together > MAX_BLOCK:
        raise DataError(
            f"{where}: it is stored in blocks of {together:,} cells that can only be read whole; "
            "write it again in smaller ones (gdal_translate -co TILED=YES, nccopy -c)"
        )
