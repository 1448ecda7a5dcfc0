"""What the methods on raster stacks share: true years, fewest valid years, statistics by blocks of cells, class shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError, OptionError

BLOCK = 8192
TIME_NAMES = ("year", "time")
# Relative: a calendar year has 365 or 366 days.
EVEN = 0.02
Kernel = Callable[[Floats], Floats]


def true_years(stack: xr.DataArray) -> tuple[str, Floats]:
    """Return the time dimension of a stack and its years, fractions for dates within a year.

    Raises
    ------
    DataError
        If the stack does not hold numbers over (year or time, y, x), or a year is missing or occurs twice.
    """
    name = repr(stack.name or "the stack")
    if not np.issubdtype(stack.dtype, np.number) or np.issubdtype(stack.dtype, np.complexfloating):
        raise DataError(f"{name} holds {stack.dtype} where numbers are expected: read it as numbers")
    dim = next((d for d in TIME_NAMES if d in stack.dims), None)
    if dim is None:
        raise DataError(f"{name} has no year or time dimension; its dimensions are {stack.dims}")
    if sorted(map(str, stack.dims)) != sorted((dim, "x", "y")):
        raise DataError(f"{name} must have the dimensions {dim}, y and x, got {stack.dims}")
    if dim not in stack.coords:
        raise DataError(f"{name} has no {dim} coordinate: name the years")
    years = _as_years(stack[dim].to_numpy())
    if not np.isfinite(years).all():
        raise DataError(f"{name} has a {dim} that is missing: name every {dim}")
    if len(np.unique(years)) < len(years):
        raise DataError(f"{name} holds a {dim} twice: keep one layer a {dim}")
    return dim, years


def _as_years(values: np.ndarray) -> Floats:
    if not np.issubdtype(values.dtype, np.datetime64):
        return np.asarray(values, dtype=np.float64)
    start = values.astype("datetime64[Y]")
    length = (start + 1).astype("datetime64[D]") - start.astype("datetime64[D]")
    days = (values - start.astype(values.dtype)) / np.timedelta64(1, "D")
    return np.asarray(start.astype(np.int64) + 1970 + days / length.astype(np.float64), dtype=np.float64)


def require_even(years: Floats, name: str, what: str) -> None:
    """Refuse years that are not evenly spaced.

    Raises
    ------
    DataError
        Naming the first uneven step, and `what` cannot be done with it.
    """
    ordered = np.sort(years)
    steps = np.diff(ordered)
    uneven = np.flatnonzero(np.abs(steps - np.median(steps)) > EVEN * np.median(steps)) if len(steps) else steps
    if len(uneven):
        first, then = (f"{ordered[uneven[0] + k]:.6g}" for k in (0, 1))
        raise DataError(
            f"the years of {name!r} are not evenly spaced ({then} follows {first}): {what} needs neighbouring years; "
            "add a missing year as an empty layer, or choose years without a gap"
        )


def fewest(min_valid: int | None, years: int, least: int, what: str) -> int:
    """Return the fewest valid years of a cell: as given, or 70 % of the years and at least 10.

    Raises
    ------
    DataError
        If there are fewer years than that.
    OptionError
        If what is given lies outside `least` to the number of years.
    """
    if min_valid is None:
        needed = max(10, least, int(np.ceil(0.7 * years)))
        if years < needed:
            remedy = f", or set min_valid ({least} or more) and take the risk" if years >= least else ""
            raise DataError(f"only {years} years, at least {needed} are needed for {what}: give more years{remedy}")
        return needed
    if not isinstance(min_valid, int) or isinstance(min_valid, bool) or not least <= min_valid <= years:
        bounds = f"from {least} to the number of years ({years})"
        raise OptionError(f"min_valid must be {bounds} for {what}, got {min_valid!r}")
    return min_valid


def cell_maps(stack: xr.DataArray, dim: str, years: Floats, kernel: Kernel, names: Sequence[str]) -> xr.Dataset:
    """Return maps of what a kernel makes of every cell, computed by blocks of cells; space may be lazy.

    Parameters
    ----------
    stack
        Dims `dim`, y and x.
    dim, years
        From ``true_years``.
    kernel
        (cells, years in ascending order) to (cells, names); NaN is a gap.
    names
        Of the maps.

    Raises
    ------
    DataError
        If the stack holds infinite values.
    """
    chunked = stack.chunk({dim: -1}) if stack.chunks is not None else stack
    stacked = (
        xr.apply_ufunc(
            _by_blocks,
            chunked,
            kwargs={
                "order": np.argsort(years), "kernel": kernel, "count": len(names), "name": str(stack.name or "the stack"),
            },
            input_core_dims=[[dim]],
            output_core_dims=[["statistic"]],
            dask="parallelized",
            output_dtypes=[np.float64],
            dask_gufunc_kwargs={"output_sizes": {"statistic": len(names)}},
        )
        .transpose("y", "x", "statistic")
        .compute()
    )  # fmt: skip
    coords = {name: stacked[name] for name in ("y", "x") if name in stacked.coords}
    found = xr.Dataset({name: (("y", "x"), stacked.to_numpy()[..., i]) for i, name in enumerate(names)}, coords)
    found.attrs = {key: stack.attrs[key] for key in ("crs", "resolution") if key in stack.attrs}
    return found


def _by_blocks(values: Floats, *, order: np.ndarray, kernel: Kernel, count: int, name: str) -> Floats:
    flat = values.reshape(-1, values.shape[-1])
    out = np.empty((len(flat), count))
    for start in range(0, len(flat), BLOCK):
        block = flat[start : start + BLOCK, order].astype(np.float64)
        if np.isinf(block).any():
            raise DataError(f"{name!r} holds infinite values: set them to NaN first")
        out[start : start + len(block)] = kernel(block)
    return out.reshape(*values.shape[:-1], count)


def areas_of(maps: xr.Dataset) -> Floats:
    """Return the areas (y, x) in km2 of the cells of some maps."""
    return np.asarray(cell_areas(next(iter(maps.values())).assign_attrs(maps.attrs)).to_numpy(), dtype=np.float64)


def class_shares(codes: Floats, areas: Floats, levels: Sequence[str], method: str, share_of: str) -> pd.DataFrame:
    """Return cells, area and share of every class of a map; the shares add to one.

    Parameters
    ----------
    codes, areas
        (y, x): position in `levels`, NaN where there is none, and km2.
    levels
        Names of the classes.
    method, share_of
        What classed the map, and the denominator in words.
    """
    valid = np.isfinite(codes)
    kind = codes[valid].astype(np.int64)
    n = np.bincount(kind, minlength=len(levels))
    area = np.bincount(kind, weights=areas[valid], minlength=len(levels))
    share = area / area.sum() if area.sum() > 0 else np.full(len(levels), np.nan)
    return pd.DataFrame({"method": method, "level": levels, "n": n, "area_km2": area, "share": share, "share_of": share_of})


def class_map(codes: Floats, like: xr.Dataset, levels: Sequence[str], long_name: str, p: str = "") -> xr.DataArray:
    """Return a map of classes that knows their names and the p that they rest on."""
    attrs = {"classes": list(levels), "long_name": long_name} | ({"p": p} if p else {})
    return xr.DataArray(codes, dims=("y", "x"), coords=like.coords, attrs=attrs)


def response(layer: xr.DataArray) -> pd.DataFrame:
    """Return the variables table of a result that knows one variable, its response."""
    name = str(layer.name or "response")
    row = {"name": name, "role": "response", "category": "vegetation", "unit": layer.attrs.get("units", ""),
           "label": layer.attrs.get("long_name", name), "kind": "continuous"}  # fmt: skip
    return pd.DataFrame([row], dtype=str)


def absent_notes(n_valid: xr.DataArray, needed: int, years: int) -> tuple[str, ...]:
    """Return what is to be said of cells without a value and of cells with too few years."""
    absent = int((n_valid == 0).sum())
    short = int(((n_valid > 0) & (n_valid < needed)).sum())
    notes = []
    if absent:
        notes.append(
            f"{absent:,} of {n_valid.size:,} cells have no value in any year: they lie outside the study area or are masked."
        )
    if short:
        notes.append(f"{short:,} further cells have values in fewer than {needed} of {years} years and are left out.")
    return tuple(notes)
