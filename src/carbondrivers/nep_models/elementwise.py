"""What the equations do cell by cell on any kind of input: keep, count and doubt.

Nothing here looks at the values of a lazy array before they are computed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from carbondrivers.errors import DataWarning
from carbondrivers.nep_models.apply import Values


def is_lazy(value: Values) -> bool:
    """Return whether the values are not computed yet.

    Examples
    --------
    >>> is_lazy(np.ones(3))
    False
    """
    return getattr(value, "chunks", None) is not None


def in_lazy_blocks(function: Callable[..., Any], first: Values, *others: Values) -> Values:
    """Return `function` of lazy values, applied block by block when they are computed; it keeps the shape of a block.

    Examples
    --------
    >>> import dask.array
    >>> in_lazy_blocks(np.maximum, dask.array.ones(3), 2.0).compute()
    array([2., 2., 2.])
    """
    if any(hasattr(value, "dims") for value in (first, *others)):
        import xarray as xr

        options: dict[str, Any] = {"dask": "parallelized", "output_dtypes": [np.float64], "join": "exact"}
        return xr.apply_ufunc(function, first, *others, keep_attrs=True, **options)
    from dask.array import asarray, broadcast_arrays, map_blocks

    whole: Any = broadcast_arrays(*(asarray(value) for value in (first, *others)))  # type: ignore[no-untyped-call]
    arrays = [array.rechunk(whole[0].chunks) for array in whole]
    meta = np.empty((0,) * arrays[0].ndim)
    return map_blocks(function, *arrays, dtype=np.float64, meta=meta)  # type: ignore[no-untyped-call]


def keep_where(value: Values, condition: Values, other: float = np.nan) -> Values:
    """Return `value` where the condition holds and `other` elsewhere, of the kind of `value`.

    Examples
    --------
    >>> keep_where(np.array([1.0, -2.0]), np.array([True, False]))
    array([ 1., nan])
    """
    if hasattr(value, "where"):
        return value.where(condition, other)
    return np.where(condition, value, other)[()]


def not_negative(value: Values) -> Values:
    """Empty negative cells, where a power, a root or a logarithm has no value.

    Examples
    --------
    >>> not_negative(np.array([3.0, -1.0]))
    array([ 3., nan])
    """
    if not is_lazy(value) and not np.any(np.asarray(value < 0)):
        return value
    return keep_where(value, value >= 0)


def count_true(condition: Values) -> int:
    """Return how many cells hold, 0 for a lazy array.

    Examples
    --------
    >>> count_true(np.array([1.0, 5.0]) > 2)
    1
    """
    return 0 if is_lazy(condition) else int(np.asarray(condition).sum())


def warn_of_metres(precipitation: Values) -> None:
    """Warn if monthly precipitation of a year or more is nowhere above 1 mm, which no place but a few deserts has.

    Examples
    --------
    >>> warn_of_metres(np.full(12, 20.0))
    """
    if not is_lazy(precipitation) and np.size(precipitation) >= 12:
        warn_if_below(precipitation, "precipitation", 1.0, "it looks like metres; mm month-1 are needed")


def warn_if_below(value: Values, name: str, limit: float, cause: str) -> None:
    """Warn if the largest value present is above 0 and below `limit`: a unit a thousand times too large.

    Examples
    --------
    >>> warn_if_below(np.array([0.0, 250.0]), "precipitation", 5.0, "it looks like metres")
    """
    if is_lazy(value):
        return
    # Unlike nanmax, fmax copies nothing and keeps silent where all is missing.
    highest = float(np.fmax.reduce(np.asarray(value), axis=None, initial=0.0))
    if 0.0 < highest < limit:
        warnings.warn(f"{name} is nowhere above {highest:g}: {cause}", DataWarning, stacklevel=4)
