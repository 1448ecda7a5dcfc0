"""From what a product's file holds to physical values in the catalogue's unit.

An array meets its product before any warping: fill values become missing, scale and offset are applied once (or were by
whoever read the file), the unit becomes the catalogue's, a count per cell becomes a density.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from carbondrivers.catalogue import variables
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.datasets.products import UNSCALED, ProductVariable, Range, product
from carbondrivers.errors import DataError, DataWarning
from carbondrivers.nep_models.apply import canonical_unit
from carbondrivers.provenance import history_line

Values: TypeAlias = Any
"""A numpy or dask array, or an xarray DataArray (lazy or not); the result is of the same kind."""


def apply_product(array: Values, name: str, variable: str | None = None, *, scaled: bool | None = None) -> Values:
    """Return the physical values of a product in the catalogue's unit.

    Parameters
    ----------
    array
        Values of the file on its native grid: as stored, or decoded by the library that read it. Any shape.
    name, variable
        Product and variable (``carbondrivers list products``); the only variable by default.
    scaled
        Whether scale and offset are in the values already. By default ``array.encoding`` and the attributes tell
        (``scale_factor``, ``add_offset``), else the type (whole numbers are as stored), else one pass over the values:
        they fit only one of the two.

    Returns
    -------
    same kind as `array`
        Floats with NaN for fill values and for numbers outside the valid range; a DataArray with units, long_name,
        product, kind and history in its attributes. Lazy arrays stay lazy.

    Raises
    ------
    OptionError
        If there is no such product or variable.
    DataError
        If the values were converted before, fit neither what is stored nor what is scaled, or fit both; if the file
        declares another scale; if days or areas are needed and the array has no dates or CRS.

    Warns
    -----
    DataWarning
        If numbers outside the valid range that are no fill values were emptied (arrays in memory only).

    Examples
    --------
    >>> apply_product(np.array([5000, 32766], dtype=np.int16), "MOD17A3HGF", "Npp_500m")
    array([500.,  nan], dtype=float32)
    """
    source = product(name)
    entry = source.variable(variable)
    where = f"{source.name} {entry.name}"
    given = array if isinstance(array, xr.DataArray) else xr.DataArray(array)
    _refuse_converted(given, entry, where)
    stored = not (_is_scaled(given, entry, where) if scaled is None else scaled)
    values = given
    if given.dtype.kind != "f":
        values = given.astype(np.float32 if given.dtype.itemsize <= 2 else np.float64)
    values = _converted(_emptied(values, entry, stored, where), entry, stored, where)
    if not isinstance(array, xr.DataArray):
        return values.data
    values.attrs = {k: v for k, v in given.attrs.items() if k not in ("scale_factor", "add_offset", "_FillValue")} | {
        "units": entry.result,
        "long_name": f"{source.title}: {entry.name}",
        "product": where,
        "kind": entry.kind,
        "history": "\n".join(
            [*str(given.attrs.get("history", "")).splitlines(), history_line("apply_product", product=where, stored=stored)]
        ),
    }
    return values


def _refuse_converted(given: xr.DataArray, entry: ProductVariable, where: str) -> None:
    before = given.attrs.get("product")
    if before:
        raise DataError(
            f"{where}: a product was applied to these values before ({before}); apply it once, to the file's values"
        )
    units = str(given.attrs.get("units", ""))
    changed = entry.result != entry.unit and canonical_unit(entry.result) != canonical_unit(entry.unit)
    if units and changed and canonical_unit(units) == canonical_unit(entry.result):
        raise DataError(
            f"{where}: the values are in {units!r} already, the product's are in {entry.unit!r}; leave the product out, or "
            "mend the units of the array"
        )


def _is_scaled(given: xr.DataArray, entry: ProductVariable, where: str) -> bool:
    """Return whether whoever read the file has applied scale and offset."""
    decoded, declared = _told(given.encoding), _told(given.attrs)
    if entry.packed:
        if declared != UNSCALED or (given.dtype.kind in "iu" and decoded == UNSCALED):
            raise DataError(f"{where}: the file's own scale was not applied; open it with mask_and_scale=True")
        return True
    own = (entry.scale, entry.offset)
    if decoded != UNSCALED or declared != UNSCALED:
        told = decoded if decoded != UNSCALED else declared
        if not np.allclose(told, own, rtol=1e-6, atol=1e-12):
            raise DataError(
                f"{where}: the file declares scale {told[0]:g} and offset {told[1]:g}, the product has {own[0]:g} and "
                f"{own[1]:g}; check product and variable, or leave the product out"
            )
        return decoded != UNSCALED
    if own == UNSCALED:
        return True
    return False if given.dtype.kind in "iu" else _looks_scaled(given, entry, where)


def _told(holder: Mapping[Any, Any]) -> tuple[float, float]:
    return float(holder.get("scale_factor", 1.0)), float(holder.get("add_offset", 0.0))


def _looks_scaled(given: xr.DataArray, entry: ProductVariable, where: str) -> bool:
    """Decide by one pass over the values: stored numbers are whole and in the stored range, scaled ones in the scaled range."""
    bounds = _stored_range(entry)
    if bounds is None:
        raise DataError(f"{where}: nothing tells whether scale {entry.scale:g} was applied; give scaled=True or scaled=False")
    fits, told = {}, ""
    for stored in (True, False):
        values = given.where(~_fill_mask(given, entry, stored))
        low, high, fractions = _summary(values)
        step, (bottom, top) = (1.0, bounds) if stored else (entry.scale, _in_unit(bounds, entry))
        fits[stored] = bool(bottom - step / 2 <= low and high <= top + step / 2) and not (stored and fractions)
        told = told or f"{low:g} to {high:g}"
    if fits[True] == fits[False]:
        why = "could be as stored or scaled" if fits[True] else "are neither what the product stores nor what that is worth"
        raise DataError(f"{where}: values from {told} {why}; check product and variable, then give scaled=True or scaled=False")
    return fits[False]


def _summary(values: xr.DataArray) -> tuple[float, float, bool]:
    from dask.base import compute

    fractions = ((values != values.round()) & values.notnull()).any()
    low, high, some = compute(values.min().data, values.max().data, fractions.data)  # type: ignore[no-untyped-call]
    if not np.isfinite(low):
        low = high = 0.0
    return float(low), float(high), bool(some)


def _stored_range(entry: ProductVariable) -> Range | None:
    """Return the range of stored numbers: the product's, else what the catalogue thinks plausible."""
    known = variables().get(entry.catalogue)
    if entry.valid or known is None or entry.days or entry.per_cell:
        return entry.valid
    ends = sorted((end - entry.shift) / entry.factor for end in (known.low, known.high))
    return (ends[0] - entry.offset) / entry.scale, (ends[1] - entry.offset) / entry.scale


def _in_unit(bounds: Range, entry: ProductVariable) -> Range:
    return bounds[0] * entry.scale + entry.offset, bounds[1] * entry.scale + entry.offset


def _fill_mask(values: xr.DataArray, entry: ProductVariable, stored: bool) -> xr.DataArray:
    """Return where the values are fill values, within half a step of what is stored."""
    mask = xr.zeros_like(values, dtype=bool)
    for bounds in entry.fill:
        low, high = bounds if stored else _in_unit(bounds, entry)
        half = 0.5 if stored else entry.scale / 2
        mask = mask | ((values > low - half) & (values < high + half))
    return mask


def _emptied(values: xr.DataArray, entry: ProductVariable, stored: bool, where: str) -> xr.DataArray:
    kept = values.where(~_fill_mask(values, entry, stored))
    if entry.valid is None:
        return kept
    low, high = entry.valid if stored else _in_unit(entry.valid, entry)
    half = 0.5 if stored else entry.scale / 2
    inside = kept.where((kept > low - half) & (kept < high + half))
    if inside.chunks is None:
        lost = int(kept.notnull().sum() - inside.notnull().sum())
        if lost:
            warnings.warn(
                f"{where}: {lost} cells outside the valid range {low:g} to {high:g} are no known fill values; they were "
                "emptied. Check product and variable",
                DataWarning,
                stacklevel=3,
            )
    return inside


def _converted(values: xr.DataArray, entry: ProductVariable, stored: bool, where: str) -> xr.DataArray:
    scale, offset = (entry.scale, entry.offset) if stored else UNSCALED
    found = values * (scale * entry.factor) + (offset * entry.factor + entry.shift)
    if entry.days:
        if "time" not in values.coords or values["time"].dtype.kind not in "MO":
            raise DataError(f"{where}: the days of the month are needed; give a DataArray with dates on 'time'")
        days = values["time"].dt.days_in_month
        found = found * days.astype(found.dtype) ** entry.days
    if entry.per_cell:
        if not {"x", "y"} <= set(values.dims):
            raise DataError(f"{where}: the areas of the cells are needed; give a DataArray with x, y and attrs['crs']")
        areas = cell_areas(values)
        found = found / areas.assign_coords(x=values["x"], y=values["y"]).astype(found.dtype)
    return found.transpose(*values.dims)
