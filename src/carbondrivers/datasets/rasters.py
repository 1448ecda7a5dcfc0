"""Rasters in: GeoTIFF and NetCDF files become one kind of grid, checked once, here.

After the door a grid is a lazy float ``xarray.DataArray`` with NaN for missing, dimensions ``(year, y, x)``,
``(time, y, x)`` or ``(y, x)``, x ascending, y descending, and ``units``, ``long_name``, ``crs`` in its attributes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.catalogue import Kind, Variable, variables
from carbondrivers.datasets.checks import NODATA, stands_apart
from carbondrivers.datasets.grids import grid_difference, resolution
from carbondrivers.datasets.raster_files import RasterFile, open_file, readable, series_files
from carbondrivers.errors import DataError, DataWarning, choose
from carbondrivers.nep_models.apply import same_unit
from carbondrivers.provenance import history_line

HUGE = 1e30
# What bytes are customarily filled with; among measurements these are ordinary numbers.
CLASS_FILLS = (255.0, -128.0)


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
) -> xr.DataArray:
    """Open a GeoTIFF, a series of files or a NetCDF variable as one lazy grid, and check its values in one pass.

    Parameters
    ----------
    root, source
        Folder, and path in it: a file, or a pattern with ``{year}`` or ``{year}`` and ``{month:02d}``.
    name
        Name of the layer; if the catalogue knows it, values are held to its plausible range.
    variable
        Variable of a NetCDF file; needed where there are several.
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

    Returns
    -------
    xarray.DataArray
        float32 or float64, dimensions (year, y, x), (time, y, x) with month starts, or (y, x); space chunked, time in
        one chunk; attributes units, long_name, crs, resolution, kind, history.

    Warns
    -----
    DataWarning
        If a year or month has no value at all.

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
    choose(kind, ("continuous", "categorical"), f"kind of layer {name!r}")
    if years is not None and years[0] > years[1]:
        raise DataError(f"layer {name!r}: years must be (first, last), got {years[0]} to {years[1]}")
    where = f"layer {name!r} ({source})"
    files = series_files(Path(root), source, years, where)
    parts = [
        open_file(file, f"layer {name!r} ({file.path.name})", variable=variable, years=years, nodata=nodata) for file in files
    ]
    da = _select_years(_join(parts, files, where), years, where)
    da = _clean(da, name, unit, kind, source)
    if mask_below is not None:
        da = da.where(_time_mean(da) >= mask_below)
    with readable(where):
        scan = _scan(da)
    _check_values(scan, where)
    _check_plausible(scan, da, name, unit, where)
    _warn_empty_layers(scan, da, where)
    return da


def _join(parts: list[xr.DataArray], files: list[RasterFile], where: str) -> xr.DataArray:
    """Lay the files of a series over each other, labelled by the year and month of their names."""
    first = parts[0]
    if files[0].year is None:
        return first
    labelled = []
    for part, file in zip(parts, files, strict=True):
        difference = grid_difference(first, part)
        if difference:
            names = f"{files[0].path.name} and {file.path.name}"
            raise DataError(f"{where}: {names} differ in {difference}; warp them to one grid first")
        part = part.assign_coords(x=first["x"].to_numpy(), y=first["y"].to_numpy())
        dim = "time" if file.month or part.sizes.get("time", 1) > 1 else "year"
        stamp = np.datetime64(f"{file.year:04d}-{file.month:02d}-01", "ns") if file.month else file.year
        if part.sizes.get(dim, 1) == 1:
            part = part.squeeze(["year"] if "year" in part.dims else [], drop=True).expand_dims({dim: [stamp]})
        labelled.append(part)
    if len({part.dims[0] for part in labelled}) > 1:
        raise DataError(f"{where}: some files of the series hold months and some years; make them alike")
    return xr.concat(labelled, dim=str(labelled[0].dims[0]), join="override", combine_attrs="override")


def _select_years(da: xr.DataArray, years: tuple[int, int] | None, where: str) -> xr.DataArray:
    dim = next((d for d in ("year", "time") if d in da.dims), None)
    if years is None or dim is None:
        return da
    found = da["year"].to_numpy() if dim == "year" else da["time"].dt.year.to_numpy()
    needed = 1 if dim == "year" else 12
    lacking = [str(y) for y in range(years[0], years[1] + 1) if int((found == y).sum()) != needed]
    if lacking:
        what = "lacks" if needed == 1 else "lacks months of"
        raise DataError(f"{where}: the file {what} {', '.join(lacking)}; add them or narrow the years")
    return da.isel({dim: np.flatnonzero((found >= years[0]) & (found <= years[1]))})


def _clean(da: xr.DataArray, name: str, unit: str | None, kind: Kind, source: str) -> xr.DataArray:
    """Return a bare grid: floats, known attributes, no encoding, time in one chunk."""
    entry = variables().get(name)
    if da.dtype.kind != "f":
        da = da.astype(np.float32 if da.dtype.itemsize <= 2 else np.float64)
    da = da.transpose(..., "y", "x")
    label = entry.label if entry else str(da.attrs.get("long_name", "")) or name
    attrs = {
        "units": unit or str(da.attrs.get("units", "")) or (entry.unit if entry else ""),
        "long_name": label,
        "crs": da.attrs["crs"],
        "kind": kind,
        "history": history_line("read_raster", source=source),
    }
    if "resolution" in da.attrs or da.sizes["x"] * da.sizes["y"] > 1:
        attrs["resolution"] = da.attrs.get("resolution") or resolution(da)
    coords = {str(dim): da[dim].to_numpy() for dim in da.dims}
    bare = xr.DataArray(da.data, coords=coords, dims=da.dims, name=name, attrs=attrs)
    return bare.chunk({dim: -1 for dim in bare.dims if dim not in ("y", "x")})


def _time_mean(da: xr.DataArray) -> xr.DataArray:
    dims = [dim for dim in da.dims if dim not in ("y", "x")]
    count = da.count(dims)
    return da.sum(dims, dtype=np.float64) / count.where(count > 0)


@dataclass(frozen=True, slots=True)
class _Scan:
    """What one pass over the values found.

    `low` and `high` are those of finite values that are no customary nodata code; `fills` counts those codes and
    absurdly large values; `filled` says of each year or month whether it has a value.
    """

    low: float
    high: float
    infinite: int
    fractions: int
    fills: Mapping[float, int]
    filled: np.ndarray

    @property
    def empty(self) -> bool:
        return self.low > self.high and not self.fills and not self.infinite


def _scan(da: xr.DataArray) -> _Scan:
    from dask.base import compute
    from dask.delayed import delayed

    codes = (*NODATA, *CLASS_FILLS) if da.attrs["kind"] == "categorical" else NODATA
    blocks = da.data.to_delayed().ravel()
    found: list[_Scan] = list(compute(*(delayed(_scan_block)(block, codes) for block in blocks)))  # type: ignore[no-untyped-call]
    fills: dict[float, int] = {}
    for part in found:
        for code, count in part.fills.items():
            fills[code] = fills.get(code, 0) + count
    return _Scan(
        low=min(part.low for part in found),
        high=max(part.high for part in found),
        infinite=sum(part.infinite for part in found),
        fractions=sum(part.fractions for part in found),
        fills=dict(sorted(fills.items())),
        filled=np.any([part.filled for part in found], axis=0),
    )


def _scan_block(block: np.ndarray, codes: tuple[float, ...]) -> _Scan:
    valid = ~np.isnan(block)
    present = block[valid]
    finite = present[np.isfinite(present)]
    fills: dict[float, int] = {}
    plain = finite
    for code in codes:
        hits = int((finite == code).sum())
        if hits:
            fills[code] = hits
            plain = plain[plain != code]
    huge = np.abs(plain) > HUGE
    if huge.any():
        fills[float(plain[huge][0])] = int(huge.sum())
        plain = plain[~huge]
    low, high = (float(plain.min()), float(plain.max())) if plain.size else (np.inf, -np.inf)
    filled = valid.any(axis=(-2, -1), keepdims=valid.ndim == 2).ravel()
    return _Scan(low, high, present.size - finite.size, int((plain != np.round(plain)).sum()), fills, filled)


def _check_values(scan: _Scan, where: str) -> None:
    """Refuse what no measurement and no class can be."""
    if scan.infinite:
        raise DataError(f"{where}: {scan.infinite} cells are infinite; find the division that made them, or empty them")
    if scan.empty:
        raise DataError(f"{where}: no cell has a value; check the mask, the nodata value and the region")
    low, high = scan.low, scan.high
    for code, count in scan.fills.items():
        # 0 and 255 alone are how an image holds no and yes.
        yes_no = code in CLASS_FILLS and low == high == 0.0
        if (low <= high and not yes_no and stands_apart(code, low, high, count)) or abs(code) > HUGE:
            exact = f"{code:g}" if float(f"{code:g}") == code else repr(code)
            rest = ", or give the class a number nearer the others" if code in CLASS_FILLS else ""
            raise DataError(
                f"{where}: {count} cells hold {code:g}, far from all others ({low:g} to {high:g}): a nodata value was "
                f"left in the data; declare nodata = {exact}{rest}"
            )


def _check_plausible(scan: _Scan, da: xr.DataArray, name: str, unit: str | None, where: str) -> None:
    """Refuse classes that are no whole numbers, and values that the catalogue's variable cannot have."""
    if da.attrs["kind"] == "categorical":
        if scan.fractions:
            raise DataError(
                f"{where}: {scan.fractions} cells hold fractions where classes are expected; resample classes with "
                "nearest or mode, or declare kind = 'continuous'"
            )
        return
    low, high = min([scan.low, *scan.fills]), max([scan.high, *scan.fills])
    entry = variables().get(name)
    if entry and (unit is None or same_unit(unit, entry.unit)) and (low < entry.low or high > entry.high):
        raise DataError(
            f"{where}: values run from {low:g} to {high:g}, plausible for {name} is {entry.low:g} to {entry.high:g}"
            f"{f' {entry.unit}' if entry.unit != '1' else ''}: {_likely_cause(low, high, entry)}"
        )
    if entry and (unit is None or same_unit(unit, entry.unit)) and 0.0 < high < entry.peak:
        text = f"{where}: no value is above {high:g}, which is little for {name} in {entry.unit}: is the unit a larger one?"
        warnings.warn(text, DataWarning, stacklevel=3)


def _warn_empty_layers(scan: _Scan, da: xr.DataArray, where: str) -> None:
    """Name the years or months without any value: all that is computed of them later is missing too."""
    if scan.filled.all():
        return
    stamps = da[str(da.dims[0])].to_numpy()[~scan.filled]
    named = [str(stamp.astype("datetime64[M]") if stamp.dtype.kind == "M" else stamp) for stamp in stamps]
    more = f" and {len(named) - 6} more" if len(named) > 6 else ""
    warnings.warn(
        f"{where} has no value in {', '.join(named[:6])}{more}: look at the file and its mask, or narrow the years",
        DataWarning,
        stacklevel=3,
    )


def _likely_cause(low: float, high: float, entry: Variable) -> str:
    if entry.unit == "degC" and low > 150.0:
        return "it looks like kelvin; subtract 273.15 first, or declare the unit"
    for factor in (0.1, 0.01, 0.001, 0.0001):
        if entry.low <= low * factor and high * factor <= entry.high:
            return f"a scale factor (perhaps {factor:g}) was not applied, or the unit is another one; declare it"
    return "look for a fill value to declare as nodata, a scale factor, or another unit to declare"


def require_aligned(layers: Mapping[str, xr.DataArray]) -> None:
    """Refuse layers that do not lie on one grid.

    Parameters
    ----------
    layers
        Name to grid; time dimensions may differ.

    Raises
    ------
    DataError
        Naming the two layers and what differs: shape, CRS, resolution or origin (beyond 1e-6 of a cell).

    Examples
    --------
    >>> grid = xr.DataArray([[1.0]], coords={"y": [1.0], "x": [1.0]}, dims=("y", "x"), attrs={"crs": "EPSG:4326"})
    >>> require_aligned({"ndvi": grid, "dem": grid})
    """
    names = list(layers)
    for name in names[1:]:
        difference = grid_difference(layers[names[0]], layers[name])
        if difference:
            raise DataError(f"layers {names[0]!r} and {name!r} differ in {difference}: warp them to one grid first")


def stack_to_frame(layers: Mapping[str, xr.DataArray]) -> pd.DataFrame:
    """Turn aligned layers into a table of cells; stacks by their mean over time.

    Parameters
    ----------
    layers
        Name to grid.

    Returns
    -------
    pandas.DataFrame
        Columns x, y and one a layer, float64; one row a cell in which at least one layer has a value, from the
        north-west by rows.

    Raises
    ------
    DataError
        If the layers do not lie on one grid, one is called x or y, or a stack of classes has no mean.

    Examples
    --------
    >>> grid = xr.DataArray(
    ...     [[1.0, np.nan]], coords={"y": [5.0], "x": [0.0, 1.0]}, dims=("y", "x"), attrs={"crs": "EPSG:4326"}
    ... )
    >>> stack_to_frame({"ndvi": grid})
         x    y  ndvi
    0  0.0  5.0   1.0
    """
    from dask.base import compute

    require_aligned(layers)
    if not layers:
        raise DataError("no layers are given: name at least one")
    for name, da in layers.items():
        if name in ("x", "y"):
            raise DataError(f"a layer cannot be called {name!r}, the name of a coordinate: rename it")
        if da.ndim > 2 and da.attrs.get("kind") == "categorical":
            raise DataError(f"layer {name!r} holds classes of several years, which have no mean: select one year")
    # Bare arrays from here: alignment is checked, and labels that differ in their last bits must not drop cells.
    means = compute(*(_time_mean(da).transpose("y", "x").data for da in layers.values()))  # type: ignore[no-untyped-call]
    first = next(iter(layers.values()))
    x, y = np.meshgrid(first["x"].to_numpy().astype(np.float64), first["y"].to_numpy().astype(np.float64))
    columns = {name: np.asarray(mean, dtype=np.float64).ravel() for name, mean in zip(layers, means, strict=True)}
    keep = ~np.all([np.isnan(column) for column in columns.values()], axis=0)
    table = {"x": x.ravel(), "y": y.ravel(), **columns}
    return pd.DataFrame({name: column[keep] for name, column in table.items()})
