"""GeoTIFF in: bands of a file as a lazy grid, read by the window.

A file is opened for each window and closed again, so that GDAL's cache never holds more than one, and any thread or
process can read. Only the GeoTIFF driver is ever tried.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from carbondrivers.datasets.raster_files import RasterFile, check_size, float_type, in_one_line, readable
from carbondrivers.errors import DataError

CACHE_BYTES = 64 * 2**20
PROBE_CELLS = 8192 * 8192


@contextmanager
def gdal() -> Iterator[None]:
    """Keep GDAL's warnings off the terminal, which each thread must ask for, and its cache bounded.

    The cache is the whole process's, a twentieth of the memory by default; whoever sets ``GDAL_CACHEMAX`` keeps that.
    """
    import rasterio

    _bound_cache()
    with rasterio.Env(CPL_LOG=os.devnull):
        yield


@cache
def _bound_cache() -> None:
    from rasterio.env import set_gdal_config

    # Not an option of Env: the first thread to leave its Env would give the cache its old size back.
    if "GDAL_CACHEMAX" not in os.environ:
        set_gdal_config("GDAL_CACHEMAX", CACHE_BYTES)


class Bands(BackendArray):
    """The bands of a GeoTIFF as floats: scaled, NaN for nodata and what a mask leaves out; shape (band, y, x)."""

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: np.dtype, scales: list[tuple[float, float]]) -> None:
        self.path, self.shape, self.dtype, self.scales = path, shape, dtype, scales

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._window)

    def _window(self, key: tuple[int | slice, ...]) -> np.ndarray:
        import rasterio

        ranges = [range(n)[k] if isinstance(k, slice) else range(k, k + 1) for k, n in zip(key, self.shape, strict=True)]
        if not all(ranges):
            return np.empty([len(r) for r in ranges], self.dtype)
        spans = tuple((r[0], r[-1] + 1) for r in ranges[1:])
        bands = [band + 1 for band in ranges[0]]
        with gdal(), in_one_line(self.path.name), rasterio.open(self.path, driver="GTiff") as file:
            read = file.read(bands, window=spans, masked=True)
        found = _floats(read, [self.scales[band] for band in ranges[0]], self.dtype)
        found = found[:, :: ranges[1].step, :: ranges[2].step]
        return found[tuple(0 if isinstance(k, int | np.integer) else slice(None) for k in key)]


def _floats(read: np.ma.MaskedArray, scales: list[tuple[float, float]], dtype: np.dtype) -> np.ndarray:
    plain = all(pair == (1.0, 0.0) for pair in scales)
    found = read.data.astype(dtype if plain else np.float64, copy=False)
    if not plain:
        scale, offset = np.array(scales).T[:, :, None, None]
        found = found * scale + offset
    if read.mask is not np.ma.nomask:
        found[read.mask] = np.nan
    return found.astype(dtype, copy=False)


def open_geotiff(file: RasterFile, years: tuple[int, int] | None, where: str) -> xr.DataArray:
    """Open a GeoTIFF as ``carbondrivers.datasets.raster_files.open_file`` says; bands become years or months.

    Bands are labelled by their descriptions where these are years ('2001') or months ('2001-01'), else by `years` or the
    file's name.
    """
    import rasterio

    with gdal(), readable(where), rasterio.open(file.path, driver="GTiff") as header:
        shape, crs, affine = (header.count, *header.shape), header.crs, header.transform
        block, names = header.block_shapes[0], header.descriptions
        attrs = _attributes(header)
        dtype, scales = float_type(*map(np.dtype, header.dtypes)), list(zip(header.scales, header.offsets, strict=True))
        pages = header.subdatasets
        check_size(file.path.stat().st_size, shape, dtype.itemsize, _block_of(shape, block), where)
        _check_data(header, where)
    if crs is None or affine.is_identity:
        lacks = "CRS" if crs is None else "georeference"
        raise DataError(f"{where}: the file has no {lacks}; write it again with one (gdal_edit.py -a_srs EPSG:...)")
    if affine.b or affine.d:
        turned = not (affine.a or affine.e)
        kind = "has its axes exchanged" if turned else "is rotated"
        raise DataError(f"{where}: the grid {kind}; warp it to a north-up grid first (gdalwarp)")
    if pages:
        raise DataError(f"{where}: the file has several pages; split it into one file a layer")
    _, height, width = shape
    coords = {
        "y": affine.f + affine.e * (np.arange(height) + 0.5),
        "x": affine.c + affine.a * (np.arange(width) + 0.5),
    }
    lazy = indexing.LazilyIndexedArray(Bands(file.path, shape, dtype, scales))
    da = xr.DataArray(xr.Variable(("band", "y", "x"), lazy), coords=coords)
    da.attrs = attrs | {"crs": crs.to_string(), "resolution": (abs(affine.a), abs(affine.e))}
    da = _label_bands(da, names, file, years, where)
    scale, offset = scales[0]
    da.encoding = {"block": block, "stored": dtype, "scale_factor": scale, "add_offset": offset}
    return da


def _block_of(shape: tuple[int, ...], block: tuple[int, int]) -> tuple[int, int]:
    return min(block[0], shape[1]), min(block[1], shape[2])


def _attributes(header: Any) -> dict[str, Any]:
    unit, name = next((u for u in header.units if u), ""), header.tags().get("long_name", "")
    return {"units": unit} | ({"long_name": name} if name else {})


def _check_data(header: Any, where: str) -> None:
    """Refuse complex numbers, and a file that was cut off: its last cell cannot be read."""
    if any(dtype.startswith("complex") for dtype in header.dtypes):
        raise DataError(f"{where}: the cells hold complex numbers; write the real part or the modulus")
    if int(np.prod(header.block_shapes[-1])) <= PROBE_CELLS:
        rows, columns = header.shape
        header.read(header.count, window=((rows - 1, rows), (columns - 1, columns)))


def _label_bands(
    da: xr.DataArray, names: tuple[str | None, ...], file: RasterFile, years: tuple[int, int] | None, where: str
) -> xr.DataArray:
    count = da.sizes["band"]
    said = _dates([name or "" for name in names])
    if said is not None and count > 1:
        dim, labels = said
        return da.rename(band=dim).assign_coords({dim: labels})
    if count == 1:
        return da.isel(band=0, drop=True)
    if file.year is None and years and years[1] - years[0] + 1 == count:
        return da.rename(band="year").assign_coords(year=np.arange(years[0], years[1] + 1))
    if file.year is not None and file.month is None and count == 12:
        starts = [np.datetime64(f"{file.year:04d}-{month:02d}-01", "ns") for month in range(1, 13)]
        return da.rename(band="time").assign_coords(time=starts)
    raise DataError(
        f"{where}: the file has {count} bands; give years = (first, last) of as many years, or write one file a band"
    )


def _dates(names: list[str]) -> tuple[str, np.ndarray] | None:
    """Return what the descriptions of the bands say, if they are years or months in order."""
    for dim, pattern, kind in (("year", r"[12]\d{3}", "Y"), ("time", r"[12]\d{3}-(0[1-9]|1[0-2])", "M")):
        if all(re.fullmatch(pattern, name) for name in names):
            dates = np.array(names, dtype=f"datetime64[{kind}]")
            if (np.diff(dates.astype(np.int64)) > 0).all():
                return dim, (dates.astype(np.int64) + 1970 if kind == "Y" else dates.astype("datetime64[ns]"))
    return None
