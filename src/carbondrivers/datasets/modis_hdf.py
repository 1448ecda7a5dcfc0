"""MODIS grids in HDF4 (MOD13, MOD15, MOD16, MOD17, MCD12 and their like): values by pyhdf, place from StructMetadata.

The wheels of rasterio cannot read HDF4, so the georeference is parsed here from the HDF-EOS text that every MODIS land
file carries: corner points, numbers of rows and columns, projection. Sinusoidal tiles lie on a sphere of 6371007.181 m.

Values are ``(stored - add_offset) * scale_factor``, and NaN where they are the fill value or outside ``valid_range``
(how MODIS marks water, cloud and cities). A scale factor above one divides: MOD13 writes 10000 for indices and
reflectances from -1 to 1, where every other land product writes the factor that multiplies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.backends.locks import SerializableLock
from xarray.core import indexing

from carbondrivers.datasets.raster_files import check_size, readable
from carbondrivers.errors import DataError, did_you_mean

# The HDF4 library is not made for threads.
LOCK = SerializableLock("HDF4")
TYPES = {
    3: "u1", 4: "S1", 5: "f4", 6: "f8", 20: "i1", 21: "u1", 22: "i2", 23: "u2", 24: "i4", 25: "u4",
}  # fmt: skip
SINUSOIDAL = "+proj=sinu +lon_0={lon:.10g} +x_0=0 +y_0=0 +R={radius:.10g} +units=m +no_defs"


@dataclass(frozen=True, slots=True)
class EosGrid:
    """A grid of an HDF-EOS file: its fields, its cells and where they lie (corners of the outer cells)."""

    fields: tuple[str, ...]
    shape: tuple[int, int]
    upper_left: tuple[float, float]
    lower_right: tuple[float, float]
    crs: str

    def coords(self) -> dict[str, np.ndarray]:
        """Return the coordinates of the cells' centres."""
        (rows, columns), (west, north), (east, south) = self.shape, self.upper_left, self.lower_right
        return {
            "y": north + (south - north) / rows * (np.arange(rows) + 0.5),
            "x": west + (east - west) / columns * (np.arange(columns) + 0.5),
        }


class Field(BackendArray):
    """One field of an HDF4 file as it is stored, read by the window; the file is opened anew each time."""

    def __init__(self, path: Path, name: str, shape: tuple[int, int], dtype: np.dtype) -> None:
        self.path, self.name, self.shape, self.dtype = path, name, shape, dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._window)

    def _window(self, key: tuple[int | slice, ...]) -> np.ndarray:
        ranges = [range(n)[k] if isinstance(k, slice) else range(k, k + 1) for k, n in zip(key, self.shape, strict=True)]
        if not all(ranges):
            return np.empty([len(r) for r in ranges], self.dtype)
        with _open(self.path, self.path.name) as file:
            start, count, stride = ([int(f(r)) for r in ranges] for f in (min, len, lambda r: r.step))
            read = file.select(self.name).get(start=start, count=count, stride=stride)
        found = np.asarray(read, dtype=self.dtype).reshape([len(r) for r in ranges])
        return found[tuple(0 if isinstance(k, int | np.integer) else slice(None) for k in key)]


@contextmanager
def _open(path: Path, where: str) -> Iterator[Any]:
    """Open an HDF4 file for reading, one at a time; failures end in one line."""
    try:
        from pyhdf.error import HDF4Error
        from pyhdf.SD import SD, SDC
    except ImportError:
        raise DataError(f"{where}: MODIS HDF4 is read with pyhdf; pip install 'carbondrivers[modis]'") from None
    with LOCK:
        file = None
        try:
            file = SD(str(path), SDC.READ)
            yield file
        except HDF4Error as error:
            cause = str(error)[:160]
            raise DataError(f"{where}: cannot be read, truncated or damaged ({cause}); fetch it again") from None
        finally:
            if file is not None:
                file.end()


def open_modis(path: Path, variable: str | None, where: str) -> xr.DataArray:
    """Open a field of a MODIS grid file as ``carbondrivers.datasets.raster_files.open_file`` says.

    Raises
    ------
    DataError
        If pyhdf is not installed, the file is damaged, has no HDF-EOS grid in a projection known here, or several
        fields and none is named.
    """
    with _open(path, where) as file:
        text = _structure(file.attributes())
        stored = {name: (shape, kind) for name, (_, shape, kind, _) in file.datasets().items()}
        grids = eos_grids(text, where)
        name = _pick([name for grid in grids for name in grid.fields if name in stored], variable, where)
        attrs = dict(file.select(name).attributes())
    grid = next(grid for grid in grids if name in grid.fields)
    shape, kind = stored[name]
    if tuple(shape) != grid.shape:
        raise DataError(
            f"{where}: {name!r} has the shape {tuple(shape)}, its grid {grid.shape}; only fields of y and x are read"
        )
    dtype = np.dtype(TYPES.get(kind, "S1"))
    check_size(path.stat().st_size, grid.shape, max(4, dtype.itemsize), (1, 1), where)
    encoding, cf = _encoding(attrs, dtype, grid.shape[1])
    lazy = indexing.LazilyIndexedArray(Field(path, name, grid.shape, dtype))
    raw = xr.Dataset({"field": xr.Variable(("y", "x"), lazy, cf)}, coords=grid.coords())
    with readable(where):
        da = xr.decode_cf(raw, decode_coords=False, decode_times=False)["field"]
    (west, north), (east, south) = grid.upper_left, grid.lower_right
    size = abs(east - west) / grid.shape[1], abs(north - south) / grid.shape[0]
    unit = "" if str(attrs.get("units", "")).strip().lower() in ("", "none") else str(attrs["units"]).strip()
    named = {"long_name": str(attrs["long_name"]).strip()} if attrs.get("long_name") else {}
    da.attrs = {"crs": grid.crs, "units": unit, "resolution": size} | named
    da.encoding = encoding
    return da


def modis_fields(path: Path) -> tuple[str, ...]:
    """Return the names of the fields of a MODIS grid file; values are not read.

    Raises
    ------
    DataError
        If pyhdf is not installed, or the file is no HDF-EOS grid.
    """
    where = path.name
    with _open(path, where) as file:
        stored = file.datasets()
        return tuple(n for grid in eos_grids(_structure(file.attributes()), where) for n in grid.fields if n in stored)


def _encoding(attrs: dict[str, Any], dtype: np.dtype, columns: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return how to mask the values after reading, and the CF attributes by which xarray scales them."""
    factor, shift = float(attrs.get("scale_factor", 1.0)) or 1.0, float(attrs.get("add_offset", 0.0))
    scale = 1.0 / factor if abs(factor) > 1.0 else factor
    offset = -shift * scale
    encoding: dict[str, Any] = {"block": (1, columns), "stored": dtype, "scale_factor": scale, "add_offset": offset}
    if "valid_range" in attrs:
        ends = [float(end) * scale + offset for end in attrs["valid_range"]]
        encoding["valid"] = (min(ends), max(ends))
    cf: dict[str, Any] = {}
    if (scale, offset) != (1.0, 0.0):
        cf |= {"scale_factor": scale, "add_offset": offset}
    if "_FillValue" in attrs:
        cf["_FillValue"] = dtype.type(attrs["_FillValue"])
    return encoding, cf


def _pick(fields: list[str], variable: str | None, where: str) -> str:
    listed = ", ".join(fields) or "none"
    if variable is not None and variable not in fields:
        raise DataError(f"{where}: there is no field {variable!r}.{did_you_mean(variable, fields)} The file has: {listed}")
    if variable is None and len(fields) != 1:
        raise DataError(f"{where}: the file has {len(fields)} fields ({listed}); name one as variable")
    return variable or fields[0]


def _structure(attributes: dict[str, Any]) -> str:
    """Return the StructMetadata text, which may be spread over several attributes."""
    parts = [str(attributes[key]) for key in sorted(attributes) if key.startswith("StructMetadata")]
    return "".join(parts).replace("\0", "")


def eos_grids(text: str, where: str) -> list[EosGrid]:
    """Parse the grids of a StructMetadata text.

    Raises
    ------
    DataError
        If it has none (a swath, or not HDF-EOS), or one in a projection other than sinusoidal and geographic.

    Examples
    --------
    >>> corners = "UpperLeftPointMtrs=(0.0,1000.0) LowerRightMtrs=(2000.0,0.0)"
    >>> text = f'GROUP=GRID_1 XDim=2 YDim=1 {corners} Projection=GCTP_SNSOID DataFieldName="Npp" END_GROUP=GRID_1'
    >>> eos_grids(text, "a.hdf")[0].coords()["x"].tolist()
    [500.0, 1500.0]
    """
    blocks = re.findall(r"\bGROUP\s*=\s*(GRID_\d+)\b(.*?)END_GROUP\s*=\s*\1\b", text, re.DOTALL)
    if not blocks:
        raise DataError(f"{where}: the file has no HDF-EOS grid (StructMetadata); only gridded MODIS products are read")
    return [_eos_grid(block, where) for _, block in blocks]


def _eos_grid(block: str, where: str) -> EosGrid:
    try:
        shape = int(_value(block, "YDim")), int(_value(block, "XDim"))
        upper_left, lower_right = _numbers(block, "UpperLeftPointMtrs"), _numbers(block, "LowerRightMtrs")
        projection = _value(block, "Projection").rpartition("GCTP_")[2]
        parameters = _numbers(block, "ProjParams") if "ProjParams" in block else []
    except (LookupError, ValueError):
        raise DataError(f"{where}: its StructMetadata cannot be understood; fetch the file again") from None
    if projection == "GEO":
        upper_left, lower_right = [_degrees(v) for v in upper_left], [_degrees(v) for v in lower_right]
        crs = "EPSG:4326"
    elif projection == "SNSOID":
        radius = (parameters or [0.0])[0] or 6371007.181
        crs = SINUSOIDAL.format(radius=radius, lon=_degrees(parameters[4]) if len(parameters) > 4 else 0.0)
    else:
        raise DataError(f"{where}: projection {projection!r} is not read here; convert the file to GeoTIFF first")
    fields = tuple(re.findall(r'DataFieldName\s*=\s*"([^"]*)"', block))
    return EosGrid(fields, shape, (upper_left[0], upper_left[1]), (lower_right[0], lower_right[1]), crs)


def _value(block: str, key: str) -> str:
    found = re.search(rf"\b{key}\s*=\s*(\([^)]*\)|\S+)", block)
    if found is None:
        raise LookupError(key)
    return found[1].strip('"')


def _numbers(block: str, key: str) -> list[float]:
    return [float(part) for part in _value(block, key).strip("()").split(",")]


def _degrees(packed: float) -> float:
    """Return degrees from GCTP's packed form DDDMMMSSS.SS; what is too small for it is degrees already."""
    if abs(packed) <= 360.0:
        return packed
    size = abs(packed)
    degrees, minutes, seconds = size // 1e6, size % 1e6 // 1e3, size % 1e3
    return float(np.sign(packed) * (degrees + minutes / 60.0 + seconds / 3600.0))
