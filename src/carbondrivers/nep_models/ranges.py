"""Whether values can be what they are said to be: infinite, a nodata code, another unit, or plausible.

Values in memory are looked at when an equation is called. A lazy array is looked at block by block while it is
computed, which costs one pass over a block that is in memory anyway; the array stays lazy, and a wrong block stops the
computation by name. A block knows nothing of the others, so the rule for it is milder where the eager rule rests on the
mean of the whole:

==========================  =======================================  ==========================================
quantity                    in memory                                a lazy block
==========================  =======================================  ==========================================
infinite values             refused                                  refused
strict: outside its range   refused                                  refused
other: outside its range    refused if the mean is, else warned of   refused if a nodata code, or ten times the
                                                                     width of the range away from it
==========================  =======================================  ==========================================
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from carbondrivers.errors import DataError, DataWarning

if TYPE_CHECKING:
    from carbondrivers.nep_models.apply import Quantity, Values

NODATA = (-9999.0, -999.0, 9999.0, -99999.0, 99999.0, -32768.0, 32767.0, 65535.0, -2147483648.0, 2147483647.0)
# Nothing on Earth is so large in any unit; the fill values of netCDF and of single precision are.
HUGEST = 1e30
WIDTHS = 10.0


def check_range(value: Values, name: str, quantity: Quantity) -> Values:
    """Return the values if they can be the quantity; a lazy array is returned with a check of its blocks.

    Raises
    ------
    DataError
        As the table at the head of this file says; for a lazy array while it is computed.

    Warns
    -----
    DataWarning
        If values in memory lie outside the range and their mean does not.
    """
    if getattr(value, "chunks", None) is not None:
        return _watched(value, name, quantity)
    array = _numbers(value)
    extremes = _extremes(array)
    if extremes is None or _inside(*extremes, quantity):
        return value
    mean = _mean(array)
    text = _problem(array, name, quantity)
    if quantity.strict or not quantity.low <= mean <= quantity.high:
        raise DataError(text)
    warnings.warn(text, DataWarning, stacklevel=4)
    return value


def warn_implausible(output: Values, result: Quantity) -> None:
    """Warn of results outside their range; those of a lazy array are not looked at."""
    if getattr(output, "chunks", None) is not None:
        return
    extremes = _extremes(_numbers(output))
    if extremes is None or _inside(*extremes, result):
        return
    warnings.warn(
        f"{result.long_name or result.name} runs from {extremes[0]:g} to {extremes[1]:g}, plausible is {result.low:g} to "
        f"{result.high:g}: look at the inputs of these cells",
        DataWarning,
        stacklevel=4,
    )


def _numbers(value: Values) -> np.ndarray:
    array = np.asarray(value)
    return array if array.dtype.kind in "fiub" else np.asarray(value, dtype=np.float64)


def _extremes(array: np.ndarray) -> tuple[float, float] | None:
    """Return the smallest and the largest value that is present, or None."""
    if not array.size:
        return None
    # Unlike nanmin, fmin copies nothing and keeps silent where all is missing.
    low, high = float(np.fmin.reduce(array, axis=None)), float(np.fmax.reduce(array, axis=None))
    return None if np.isnan(low) else (low, high)


def _inside(low: float, high: float, quantity: Quantity) -> bool:
    return bool(quantity.low <= low and high <= quantity.high and np.isfinite(low) and np.isfinite(high))


def _mean(array: np.ndarray) -> float:
    """Return the mean of what is present, NaN if anything is infinite."""
    return float(np.nanmean(array, dtype=np.float64)) if not np.isinf(array).any() else float("nan")


def _codes(array: np.ndarray, quantity: Quantity) -> list[float]:
    """Return the nodata codes that occur and that the quantity cannot be."""
    impossible = [code for code in NODATA if not quantity.low <= code <= quantity.high]
    return [code for code in impossible if (array == code).any()]


def _problem(array: np.ndarray, name: str, quantity: Quantity) -> str:
    infinite = int(np.isinf(array).sum())
    if infinite:
        return f"{name} holds {infinite} infinite values: mend them or set them to NaN"
    low, high, mean = float(np.nanmin(array)), float(np.nanmax(array)), _mean(array)
    unit = quantity.units[0] if quantity.units[0] != "1" else ""
    return (
        f"{name} runs from {low:g} to {high:g} (mean {mean:g}), plausible is {quantity.low:g} to {quantity.high:g}"
        f"{unit and f' {unit}'}: {_likely_cause(array, mean, quantity)}"
    )


def _likely_cause(array: np.ndarray, mean: float, quantity: Quantity) -> str:
    if quantity.units[0] == "degC" and 150.0 < mean < 350.0:
        return "it looks like kelvin; subtract 273.15"
    if quantity.units[0] == "m3 m-3" and 1.0 < mean <= 100.0:
        return "it looks like per cent; divide by 100"
    if _codes(array, quantity) or (np.abs(array) > HUGEST).any():
        return "a nodata value was left in; set it to NaN"
    return "a wrong unit, a scale factor or a fill value; convert it first"


def _watched(value: Values, name: str, quantity: Quantity) -> Values:
    """Return a lazy array whose blocks are checked when they are computed; dtype, chunks and labels stay."""
    if hasattr(value, "dims"):
        return value.copy(data=_watched(value.data, name, quantity))
    if not hasattr(value, "map_blocks"):
        return value
    # With dtype and meta given, dask does not call the check to learn what it returns.
    return value.map_blocks(_checked_block, what=name, quantity=quantity, dtype=value.dtype, meta=value._meta)


def _checked_block(block: Any, what: str, quantity: Quantity) -> Any:
    extremes = _extremes(block)
    if extremes is None or _inside(*extremes, quantity):
        return block
    reach = WIDTHS * (quantity.high - quantity.low)
    near = bool(quantity.low - reach <= extremes[0] and extremes[1] <= quantity.high + reach and np.isfinite(extremes).all())
    if quantity.strict or not near or _codes(block, quantity):
        raise DataError(_problem(block, what, quantity))
    return block
