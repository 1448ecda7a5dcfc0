"""What the values of a grid say about it, in one pass: fill values, scale factors and units that were missed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from carbondrivers.catalogue import Variable, variables
from carbondrivers.datasets.blocks import in_blocks
from carbondrivers.datasets.nodata import NODATA, stands_apart
from carbondrivers.datasets.raster_files import readable
from carbondrivers.errors import DataError, DataWarning
from carbondrivers.nep_models.apply import same_unit

HUGE = 1e30
# What bytes are customarily filled with; among measurements these are ordinary numbers.
CLASS_FILLS = (255.0, -128.0)


@dataclass(frozen=True, slots=True)
class Scan:
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
        """Whether there is no value at all."""
        return self.low > self.high and not self.fills and not self.infinite


def check_values(da: xr.DataArray, name: str, unit: str | None, where: str) -> None:
    """Refuse a grid that holds what no measurement and no class can be; name its empty years or months.

    Parameters
    ----------
    da
        A lazy grid; it is read once, block by block.
    name, unit
        Of the layer; the catalogue's plausible range holds if it knows the name and the unit is its own or not given.
    where
        What to call it in a message.
    """
    with readable(where):
        scan = scan_values(da)
    _check_fills(scan, where)
    if da.attrs["kind"] == "categorical":
        _check_classes(scan, where)
    else:
        _check_range(scan, name, unit, where)
    _warn_empty_layers(scan, da, where)


def scan_values(da: xr.DataArray) -> Scan:
    """Read a grid once and return what is in it."""
    classes = da.attrs["kind"] == "categorical"
    found = [_scan_block(values, classes) for _, (values,) in in_blocks(da)]
    fills: dict[float, int] = {}
    for part in found:
        for code, count in part.fills.items():
            fills[code] = fills.get(code, 0) + count
    return Scan(
        low=min(part.low for part in found),
        high=max(part.high for part in found),
        infinite=sum(part.infinite for part in found),
        fractions=sum(part.fractions for part in found),
        fills=dict(sorted(fills.items())),
        filled=np.any([part.filled for part in found], axis=0),
    )


def _scan_block(block: np.ndarray, classes: bool) -> Scan:
    valid = ~np.isnan(block)
    filled = valid.any(axis=(-2, -1), keepdims=valid.ndim == 2).ravel()
    values = block if valid.all() else block[valid]
    finite = np.isfinite(values)
    infinite = int(values.size - finite.sum())
    plain = values[finite] if infinite else values
    fills: dict[float, int] = {}
    low, high = _ends(plain)
    for code in (*NODATA, *CLASS_FILLS) if classes else NODATA:
        # Most codes lie outside the values, and need no look at each of them.
        hits = int((plain == code).sum()) if low <= float(plain.dtype.type(code)) <= high else 0
        if hits:
            fills[code], plain = hits, plain[plain != code]
            low, high = _ends(plain)
    if max(-low, high) > HUGE and plain.size:
        huge = np.abs(plain) > HUGE
        fills[float(plain[huge][0])], plain = int(huge.sum()), plain[~huge]
        low, high = _ends(plain)
    fractions = int((plain != np.round(plain)).sum()) if classes else 0
    return Scan(low, high, infinite, fractions, fills, filled)


def _ends(values: np.ndarray) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if values.size else (np.inf, -np.inf)


def _check_fills(scan: Scan, where: str) -> None:
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


def _check_classes(scan: Scan, where: str) -> None:
    if scan.fractions:
        raise DataError(
            f"{where}: {scan.fractions} cells hold fractions where classes are expected; resample classes with "
            "nearest or mode, or declare kind = 'continuous'"
        )


def _check_range(scan: Scan, name: str, unit: str | None, where: str) -> None:
    low, high = min([scan.low, *scan.fills]), max([scan.high, *scan.fills])
    entry = variables().get(name)
    if entry is None or not (unit is None or same_unit(unit, entry.unit)):
        return
    if low < entry.low or high > entry.high:
        raise DataError(
            f"{where}: values run from {low:g} to {high:g}, plausible for {name} is {entry.low:g} to {entry.high:g}"
            f"{f' {entry.unit}' if entry.unit != '1' else ''}: {_likely_cause(low, high, entry)}"
        )
    if 0.0 < high < entry.peak:
        text = f"{where}: no value is above {high:g}, which is little for {name} in {entry.unit}: is the unit a larger one?"
        warnings.warn(text, DataWarning, stacklevel=3)


def _likely_cause(low: float, high: float, entry: Variable) -> str:
    if entry.unit == "degC" and low > 150.0:
        return "it looks like kelvin; subtract 273.15 first, or declare the unit"
    for factor in (0.1, 0.01, 0.001, 0.0001):
        if entry.low <= low * factor and high * factor <= entry.high:
            return f"a scale factor (perhaps {factor:g}) was not applied, or the unit is another one; declare it"
    return "look for a fill value to declare as nodata, a scale factor, or another unit to declare"


def _warn_empty_layers(scan: Scan, da: xr.DataArray, where: str) -> None:
    """Name the years or months without any value: all that is computed of them later is missing too."""
    if scan.filled.all():
        return
    stamps = da[str(da.dims[0])].to_numpy()[~scan.filled]
    named = [str(stamp.astype("datetime64[M]") if stamp.dtype.kind == "M" else stamp) for stamp in stamps]
    more = f" and {len(named) - 6} more" if len(named) > 6 else ""
    warnings.warn(
        f"{where} has no value in {', '.join(named[:6])}{more}: look at the file and its mask, or narrow the years",
        DataWarning,
        stacklevel=4,
    )
