"""Values that are no measurement: left-over nodata codes, and numbers beyond anything physical."""

from __future__ import annotations

import numpy as np

from carbondrivers.errors import DataError

NODATA = (-9999.0, -999.0, 9999.0, 99999.0, -99999.0, -32768.0, 32767.0, 65535.0, 2147483647.0, -2147483648.0, 1e20)
FLOAT32_LOW = -3.4028234663852886e38
FLOAT64_LOW = -1.7976931348623157e308
HUGEST = 1e150


def refuse_nodata(values: np.ndarray, where: str) -> None:
    """Refuse a customary nodata code that stands apart from all other values (finite values, any shape)."""
    codes = [code for code in NODATA if (values == code).any()]
    lowest = float(values.min()) if values.size else 0.0
    # Programs write the lowest float rounded (-3.4e38); a value merely below it is another matter (refuse_huge).
    if abs(lowest / FLOAT32_LOW - 1) < 0.01 or lowest == FLOAT64_LOW:
        codes.append(lowest)
    rest = values[~np.isin(values, codes)]
    if not codes or not rest.size:
        return
    low, high = float(rest.min()), float(rest.max())
    for code in codes:
        count = int((values == code).sum())
        if stands_apart(code, low, high, count):
            raise DataError(
                f"{where} holds {_exact(code)} in {count} cells, far from all other values ({low:g} to {high:g}): a nodata "
                f"value was left in the data; leave these cells empty, or declare nodata = {_exact(code)} in the study file"
            )


def stands_apart(code: float, low: float, high: float, count: int) -> bool:
    """Return whether a nodata code cannot be one of the values that run from `low` to `high`.

    It is below zero where nothing else is, or lies outside by more than half of the range, or more than once (a
    measurement seldom repeats exactly at its extreme) by more than a tenth of it.
    """
    if low <= code <= high:
        return False
    if code < 0 <= low:
        return True
    gap = low - code if code < low else code - high
    return gap > (0.1 if count > 2 else 0.5) * (high - low)


def refuse_huge(values: np.ndarray, where: str) -> None:
    """Refuse finite values whose squares overflow; no quantity in any unit is that large."""
    if not values.size or not (np.abs(values) > HUGEST).any():
        return
    furthest = float(values[np.abs(values).argmax()])
    raise DataError(f"{where} reaches {furthest:g}, no physical value does: look for a nodata value or a wrong unit")


def _exact(code: float) -> str:
    """A code as it must be declared: short where that is the same number, otherwise with every digit."""
    return f"{code:g}" if float(f"{code:g}") == code else repr(code)
