"""Equations that look along the months of a pixel: one numpy kernel, applied to every kind of values.

A labelled array has its months on ``time``, any other on `axis`; months make whole years, in order. Lazy arrays stay
lazy and keep their chunks in space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carbondrivers.errors import DataError
from carbondrivers.nep_models.apply import Values

Floats: TypeAlias = NDArray[np.float64]
BLOCK = 8192


def along_months(
    kernel: Callable[..., Floats], timed: Sequence[Values], static: Sequence[Values] = (), *, axis: int = 0, keep: bool = True
) -> Values:
    """Apply `kernel` to arrays whose first axis is the month.

    Parameters
    ----------
    kernel
        Takes `timed` as arrays of shape (months, pixels) and `static` as (pixels,), and returns (months, pixels), or
        (pixels,) where `keep` is false.
    timed, static
        Values with and without months. `static` broadcasts to the shape of a month.
    axis
        The axis of months of unlabelled arrays.
    keep
        Whether the result has months.

    Raises
    ------
    DataError
        If months are missing, doubled or not in order, or do not make whole years.

    Examples
    --------
    >>> along_months(lambda t: t.max(axis=0), [np.arange(12.0)], keep=False)
    np.float64(11.0)
    """
    labelled = [v for v in (*timed, *static) if hasattr(v, "dims")]
    if labelled:
        return _labelled(kernel, timed, static, keep)
    if any(getattr(v, "chunks", None) is not None for v in (*timed, *static)):
        return _lazy(kernel, timed, static, axis, keep)
    arrays = [np.moveaxis(_with_axis(v, axis), axis, 0) for v in timed]
    found = _in_blocks(kernel, arrays, [np.asarray(v, dtype=np.float64) for v in static], keep)
    tables = [v for v in timed if hasattr(v, "iloc")]
    if keep and tables:
        return type(tables[0])(found, index=tables[0].index)
    return np.moveaxis(found, 0, axis) if keep else found[()]


def _with_axis(values: Values, axis: int) -> Floats:
    array: Floats = np.asarray(values, dtype=np.float64)
    if not -array.ndim <= axis < array.ndim or not array.shape[axis] or array.shape[axis] % 12:
        raise DataError(f"axis {axis} must hold the months of whole years, got shape {array.shape}: name another axis")
    return array


def _in_blocks(kernel: Callable[..., Floats], timed: list[Any], static: list[Any], keep: bool) -> Floats:
    """Run the kernel on blocks of pixels that stay in the processor's cache."""
    months = max(a.shape[0] for a in timed)
    shape = np.broadcast_shapes(*(a.shape[1:] for a in timed), *(a.shape for a in static))
    pixels = int(np.prod(shape))
    wide = [np.broadcast_to(a, (months, *shape)).reshape(months, pixels) for a in timed]
    flat = [np.broadcast_to(a, shape).reshape(pixels) for a in static]
    out = np.empty((months, pixels) if keep else (pixels,))
    for start in range(0, pixels, BLOCK):
        part = slice(start, start + BLOCK)
        out[..., part] = kernel(*(a[:, part] for a in wide), *(a[part] for a in flat))
    return out.reshape((months, *shape) if keep else shape)


def _labelled(kernel: Callable[..., Floats], timed: Sequence[Values], static: Sequence[Values], keep: bool) -> Values:
    import xarray as xr

    for value in timed:
        _check_months(value)
    lazy = any(getattr(v, "chunks", None) is not None for v in (*timed, *static))
    whole = [v.chunk({"time": -1}) if v.chunks is not None else v for v in timed]

    def core(*arrays: Any) -> Floats:
        moved = [np.moveaxis(np.asarray(a, dtype=np.float64), -1, 0) for a in arrays[: len(timed)]]
        still = [np.asarray(a, dtype=np.float64) for a in arrays[len(timed) :]]
        # What only a look at the whole can refuse (limits out of order) becomes NaN in a lazy array, without a word of numpy.
        with np.errstate(all="ignore" if lazy else "warn"):
            found = _in_blocks(kernel, moved, still, keep)
        return np.moveaxis(found, 0, -1) if keep else found

    found = xr.apply_ufunc(
        core,
        *whole,
        *static,
        input_core_dims=[["time"]] * len(timed) + [[]] * len(static),
        output_core_dims=[["time"]] if keep else [[]],
        dask="parallelized" if lazy else "forbidden",
        output_dtypes=[np.float64],
        join="exact",
    )
    order = [d for d in timed[0].dims if d in found.dims]
    return found.transpose(*order, ...)


def _check_months(value: Values) -> None:
    if not hasattr(value, "dims") or "time" not in value.dims:
        raise DataError("months of labelled arrays need a dimension 'time' in every argument that changes by month")
    if "time" in value.coords and value["time"].dtype.kind == "M":
        stamps = value["time"].dt
        months = stamps.year.to_numpy() * 12 + stamps.month.to_numpy()
        if (np.diff(months) != 1).any():
            raise DataError("the months on 'time' must follow one another: sort them, fill the missing and drop the doubled")
    if not value.sizes["time"] or value.sizes["time"] % 12:
        raise DataError(f"'time' must hold the months of whole years, got {value.sizes['time']}: drop the incomplete year")


def _lazy(kernel: Callable[..., Floats], timed: Sequence[Values], static: Sequence[Values], axis: int, keep: bool) -> Values:
    """Name the axes of a bare lazy array, and take the names away again."""
    import xarray as xr

    def named(value: Values, months: bool) -> Values:
        if np.ndim(value) == 0:
            return value
        places = value.ndim - 1 if months else value.ndim
        space = [f"axis_{i - places}" for i in range(places)]
        if months:
            space.insert(axis % value.ndim, "time")
        return xr.DataArray(value, dims=space)

    found = _labelled(kernel, [named(v, True) for v in timed], [named(v, False) for v in static], keep)
    return found.data
