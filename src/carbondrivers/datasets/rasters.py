"""Rasters in: GeoTIFF, NetCDF, HDF5, Zarr and MODIS files become one kind of grid, checked once, here.

After the door a grid is a lazy float ``xarray.DataArray`` with NaN for missing, dimensions ``(year, y, x)``,
``(time, y, x)`` or ``(y, x)``, x ascending, y descending, and ``units``, ``long_name``, ``crs`` in its attributes. Space
is chunked, time whole, and nothing is read before it is asked for, but for one pass that checks the values.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from carbondrivers.catalogue import Kind, variables
from carbondrivers.datasets.blocks import space_chunks
from carbondrivers.datasets.grid_tables import require_aligned as require_aligned
from carbondrivers.datasets.grid_tables import stack_to_frame as stack_to_frame
from carbondrivers.datasets.grid_tables import time_mean
from carbondrivers.datasets.grids import grid_difference, resolution
from carbondrivers.datasets.raster_checks import check_values
from carbondrivers.datasets.raster_files import RasterFile, float_type, in_one_line, masked, open_file, series_files
from carbondrivers.errors import CarbonDriversError, DataError, DataWarning, choose
from carbondrivers.nep_models.apply import same_unit
from carbondrivers.provenance import content_key, history_line

SHARED_BLOCK = 16


def read_raster(
    root: Path,
    source: str,
    *,
    name: str,
    variable: str | None = None,
    unit: str | None = None,
    nodata: float | None = None,
    mask_below: float | None = None,
    years: tuple[int, int] | None = None,
    kind: Kind = "continuous",
    product: str | None = None,
) -> xr.DataArray:
    """Open a raster file, a series of files or a variable of one as a lazy grid, and check its values in one pass.

    Parameters
    ----------
    root, source
        Folder, and path in it: a GeoTIFF, NetCDF, HDF5 or MODIS HDF4 file, a Zarr store, or a pattern of them with
        ``{year}`` or ``{year}`` and ``{month:02d}``. ``*`` is any part of a name, as in ``MOD17A3HGF.A{year}*.hdf``; where
        it finds several files they are tiles of one grid.
    name
        Name of the layer; if the catalogue knows it, values are held to its plausible range.
    variable
        Variable of a NetCDF, Zarr or HDF file; needed where there are several.
    unit
        Unit of the values; default the file's, then the catalogue's.
    nodata
        A fill value (as stored, before scale and offset) that the file does not declare.
    mask_below
        Cells whose mean over time is below this become missing throughout.
    years
        First and last year to read; every one must be there. A GeoTIFF of as many bands becomes a stack of years.
    kind
        ``"categorical"`` for classes: whole numbers, not held to a range.
    product
        Data product that the files are (``carbondrivers list products``), or ``"PRODUCT/VARIABLE"``: its fill values, scale
        and unit are applied. Its variable is `variable` by default, else the only one.

    Returns
    -------
    xarray.DataArray
        float32 or float64, dimensions (year, y, x), (time, y, x) with month starts, or (y, x); space chunked, time in
        one chunk; attributes units, long_name, crs, resolution, kind, history.

    Warns
    -----
    DataWarning
        If longitudes ran to 360 and were turned, a year or month has no value at all, or the file is stored so that
        reading it by parts is slow.

    Raises
    ------
    DataError
        In one line with file, cause and remedy: missing, damaged or foreign file, no CRS, gaps in the series, grids
        that differ, values that only a fill value, scale factor or other unit explains, no value at all.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> grid = xr.DataArray([[1.0, 2.0]], coords={"lat": [40.0], "lon": [100.0, 100.5]}, dims=("lat", "lon"))
    >>> with TemporaryDirectory() as folder:
    ...     grid.to_dataset(name="lai").to_netcdf(Path(folder) / "lai.nc")
    ...     layer = read_raster(Path(folder), "lai.nc", name="lai").load()
    >>> layer.dims, layer.attrs["crs"], layer.attrs["units"]
    (('y', 'x'), 'EPSG:4326', 'm2 m-2')
    """
    layer = open_raster(
        root, source, name=name, variable=variable, unit=unit, nodata=nodata, years=years, kind=kind,
        product=product,
    )  # fmt: skip
    if mask_below is not None:
        layer = layer.where(time_mean(layer) >= mask_below)
    check_values(layer, name, unit, f"layer {name!r} ({source})")
    return layer


def open_raster(
    root: Path,
    source: str,
    *,
    name: str,
    variable: str | None = None,
    unit: str | None = None,
    nodata: float | None = None,
    years: tuple[int, int] | None = None,
    kind: Kind = "continuous",
    product: str | None = None,
) -> xr.DataArray:
    """Open a raster as ``read_raster`` does, without the pass over its values: for files that this package wrote.

    Parameters
    ----------
    root, source, name, variable, unit, nodata, years, kind, product
        As for ``read_raster``.

    Raises
    ------
    DataError
        As ``read_raster``, for what headers show.

    Examples
    --------
    >>> open_raster(Path("."), "no_such_file.tif", name="dem")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    carbondrivers.errors.DataError: layer 'dem' (no_such_file.tif): there is no such file. Check the path, ...
    """
    choose(kind, ("continuous", "categorical"), f"kind of layer {name!r}")
    if years is not None and years[0] > years[1]:
        raise DataError(f"layer {name!r}: years must be (first, last), got {years[0]} to {years[1]}")
    where = f"layer {name!r} ({source})"
    files = series_files(Path(root), source, years, where)
    series = _join(files, name, where, variable=variable, years=years, nodata=nodata)
    token = content_key(
        {"files": [_stamp(path) for file in files for path in (file.tiles or (file.path,))], "how": [variable, nodata, years]}
    )
    grid = _lazy(series, token, where)
    if product is None:
        return _described(grid, series, name, unit, kind, source)
    made, unit = _of_product(grid, series, product, variable, where, unit)
    return _described(made, series, name, unit, kind, source)


def read_rasters(root: Path, layers: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, xr.DataArray], dict[str, str]]:
    """Open many layers; one that cannot be read costs only itself.

    Parameters
    ----------
    root
        Data folder.
    layers
        Name of a layer to what ``read_raster`` takes of it: ``source`` and options.

    Returns
    -------
    good, problems
        The grids by name, and for every other layer the one line that says what is wrong and what to do.

    Examples
    --------
    >>> read_rasters(Path("."), {"dem": {"source": "no_such_file.tif"}})[1]["dem"][:40]
    "layer 'dem' (no_such_file.tif): there is"
    """
    good: dict[str, xr.DataArray] = {}
    problems: dict[str, str] = {}
    for name, options in layers.items():
        try:
            good[name] = read_raster(root, name=name, **options)
        except CarbonDriversError as error:
            problems[name] = str(error)
    return good, problems


@dataclass(frozen=True)
class _Series:
    """The files of a layer laid over each other: what dask cuts its chunks from.

    Each part is a lazy grid with the steps of `dim` that are wanted of it, or a single grid where `dim` is empty.
    """

    parts: tuple[xr.DataArray, ...]
    dim: str
    labels: np.ndarray
    dtype: np.dtype
    where: str

    @property
    def shape(self) -> tuple[int, ...]:
        space = self.parts[0].sizes["y"], self.parts[0].sizes["x"]
        return (len(self.labels), *space) if self.dim else space

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray:
        failed = ""
        try:
            return self._read(key)
        except DataError as error:
            failed = str(error)
        # Raised outside of the handler, it drags no exception of GDAL along, which no worker could send home.
        raise DataError(failed)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        space = {"y": key[-2], "x": key[-1]}
        if not self.dim:
            return self._window(self.parts[0].isel(space))
        steps = np.atleast_1d(np.arange(len(self.labels))[key[0]])
        if not steps.size:
            return self._read((slice(0, 1), *key[1:]))[:0]
        ascending, first, found = np.sort(steps), 0, []
        for part in self.parts:
            count = part.sizes.get(self.dim, 1)
            own = ascending[(ascending >= first) & (ascending < first + count)] - first
            first += count
            if own.size:
                found.append(self._window(part.isel({self.dim: own} | space if own.size < count else space)))
        read = np.concatenate(found)[np.searchsorted(ascending, steps)]
        return read if isinstance(key[0], slice) else read[0]

    def _window(self, part: xr.DataArray) -> np.ndarray:
        with in_one_line(self.where):
            read = part.load().transpose(*(dim for dim in (self.dim, "y", "x") if dim in part.dims))
        values = masked(read.to_numpy(), part.encoding, self.dtype)
        return values[None] if self.dim and self.dim not in part.dims else values


def _join(files: list[RasterFile], name: str, where: str, **options: Any) -> _Series:
    """Open the files of a layer and lay them over each other, labelled by their names or by their own time axis."""
    parts: list[xr.DataArray] = []
    labels: list[np.ndarray] = []
    dims: set[str] = set()
    for file in files:
        part = open_file(file, f"layer {name!r} ({file.path.name})", **options)
        if parts:
            difference = grid_difference(parts[0], part)
            if difference:
                names = f"{files[0].path.name} and {file.path.name}"
                raise DataError(f"{where}: {names} differ in {difference}; warp them to one grid first")
        dim, part, own = _dated(part, file, where)
        parts.append(part)
        labels.append(own)
        dims.add(dim)
    if len(dims) > 1:
        raise DataError(f"{where}: some files of the series hold months and some years; make them alike")
    dim, stamps = dims.pop(), np.concatenate(labels)
    keep = _wanted(stamps, dim, options["years"], where)
    if dim:
        bounds = np.cumsum([0, *(len(own) for own in labels)])
        chosen = [keep[(keep >= low) & (keep < high)] - low for low, high in pairwise(bounds)]
        parts = [p.isel({dim: own}) if dim in p.dims else p for p, own in zip(parts, chosen, strict=True) if own.size]
    return _Series(tuple(parts), dim, stamps[keep], float_type(*(part.encoding["stored"] for part in parts)), where)


def _dated(part: xr.DataArray, file: RasterFile, where: str) -> tuple[str, xr.DataArray, np.ndarray]:
    """Return the time dimension of a file of a layer (empty for a single grid), the file, and its labels."""
    dim = next((d for d in ("year", "time") if d in part.dims), "")
    own = part[dim].to_numpy() if dim else np.zeros(1)
    if file.year is None:
        return dim, part, own
    held = own if dim != "time" else own.astype("datetime64[Y]").astype(np.int64) + 1970
    wrong = [int(year) for year in held if year != file.year] if dim else []
    if wrong:
        raise DataError(
            f"{where}: {file.path.name} holds {wrong[0]} by its own time axis; rename the file, or write its dates again"
        )
    if file.month is None and dim == "time" and part.sizes["time"] > 1:
        return "time", part, own
    if dim and part.sizes[dim] > 1:
        raise DataError(f"{where}: {file.path.name} holds {part.sizes[dim]} steps where its name says one; split it")
    single = part.isel({dim: 0}, drop=True) if dim else part
    single.encoding = part.encoding
    stamp = np.datetime64(f"{file.year:04d}-{file.month:02d}-01", "ns") if file.month else file.year
    return "time" if file.month else "year", single, np.array([stamp])


def _wanted(stamps: np.ndarray, dim: str, years: tuple[int, int] | None, where: str) -> np.ndarray:
    """Return the positions of the steps that lie in the years; every year, or every month of them, must be there once."""
    found = stamps if dim != "time" else stamps.astype("datetime64[Y]").astype(np.int64) + 1970
    if not dim or years is None:
        return np.arange(len(stamps))
    needed = 1 if dim == "year" else 12
    lacking = [str(y) for y in range(years[0], years[1] + 1) if int((found == y).sum()) != needed]
    if lacking:
        what = "lacks" if needed == 1 else "lacks months of"
        raise DataError(f"{where}: the file {what} {', '.join(lacking)}; add them or narrow the years")
    return np.flatnonzero((found >= years[0]) & (found <= years[1]))


def _lazy(series: _Series, token: str, where: str) -> xr.DataArray:
    """Return the series as a dask-backed grid: space in chunks of whole blocks of the file, time in one."""
    import dask.array

    first = series.parts[0]
    if first.encoding.get("turned"):
        _warn(f"{where} has longitudes from 0 to 360: they were turned to -180 to 180, and the grid with them")
    steps = len(series.labels) if series.dim else 1
    space, block = (series.shape[-2], series.shape[-1]), first.encoding["block"]
    rows, columns = space_chunks(space, block, steps)
    shared = max(1, block[0] // rows) * max(1, block[1] // columns)
    if shared > SHARED_BLOCK:
        _warn(
            f"{where} is packed in blocks of {block[0]} by {block[1]} cells, each of which is unpacked {shared} times: "
            "this will be slow; write it again in smaller blocks (nccopy -c, gdal_translate -co TILED=YES)"
        )
    chunks = (steps, rows, columns) if series.dim else (rows, columns)
    meta = np.empty((0,) * series.ndim, series.dtype)
    array = dask.array.from_array(series, chunks, name=f"raster-{token}", asarray=False, meta=meta)  # type: ignore[no-untyped-call]
    coords: dict[str, np.ndarray] = {series.dim: series.labels} if series.dim else {}
    coords |= {axis: first[axis].to_numpy().astype(np.float64) for axis in ("y", "x")}
    return xr.DataArray(array, coords=coords, dims=tuple(coords))


def _of_product(
    grid: xr.DataArray, series: _Series, product: str, variable: str | None, where: str, unit: str | None
) -> tuple[xr.DataArray, str]:
    """Return the physical values of a product and their unit."""
    from carbondrivers.datasets.product_values import apply_product

    first = series.parts[0]
    told = {key: first.encoding[key] for key in ("scale_factor", "add_offset") if key in first.encoding}
    plain = (told.get("scale_factor", 1.0), told.get("add_offset", 0.0)) == (1.0, 0.0)
    whole = np.dtype(first.encoding["stored"]).kind in "iu"
    name, _, own = product.partition("/")
    grid = grid.assign_attrs(crs=first.attrs["crs"])
    grid.encoding = told
    try:
        made = apply_product(grid, name, own or variable, scaled=False if plain and whole else None)
    except CarbonDriversError as error:
        raise DataError(f"{where}: {error}") from None
    if unit and not same_unit(unit, str(made.attrs["units"])):
        raise DataError(f"{where}: {name} comes in {made.attrs['units']} here, not in {unit!r}: leave the unit out")
    return made.drop_attrs(), str(made.attrs["units"])


def _warn(message: str) -> None:
    warnings.warn(message, DataWarning, stacklevel=4)


def _stamp(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path), status.st_mtime_ns, status.st_size


def _described(da: xr.DataArray, series: _Series, name: str, unit: str | None, kind: Kind, source: str) -> xr.DataArray:
    """Return the grid under its name, with the attributes that every grid has behind the door, and no others."""
    entry, given = variables().get(name), series.parts[0].attrs
    attrs = {
        "units": unit or str(given.get("units", "")) or (entry.unit if entry else ""),
        "long_name": entry.label if entry else str(given.get("long_name", "")) or name,
        "crs": given["crs"],
        "kind": kind,
        "history": history_line("read_raster", source=source),
    }
    if "resolution" in given or da.sizes["x"] * da.sizes["y"] > 1:
        attrs["resolution"] = given.get("resolution") or resolution(da)
    return da.rename(name).assign_attrs(attrs)
