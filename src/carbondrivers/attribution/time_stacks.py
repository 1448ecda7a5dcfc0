"""A stack with stacks of drivers: one grid, the years that all have, blocks of cells with all variables of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution import stacks
from carbondrivers.attribution.inference import Floats
from carbondrivers.catalogue import guess
from carbondrivers.datasets.grids import grid_difference
from carbondrivers.errors import DataError, OptionError

# Of a year: dates of one year in two stacks may differ by leap days.
SAME_YEAR = 0.01
DIM = "year"


@dataclass(frozen=True, slots=True, eq=False)
class JoinedStacks:
    """Stacks on one grid over the same years.

    Attributes
    ----------
    layers : tuple of xarray.DataArray
        (year, y, x), the response first, years ascending; lazy where they were given so.
    names : tuple of str
        Of the drivers, sorted, so that no answer depends on their order.
    years : float64, (years,)
        True years.
    notes : tuple of str
        What is to be said of years that were left out.
    """

    layers: tuple[xr.DataArray, ...]
    names: tuple[str, ...]
    years: Floats
    notes: tuple[str, ...]


def joined_stacks(stack: xr.DataArray, drivers: Mapping[str, xr.DataArray]) -> JoinedStacks:
    """Check a stack and its drivers and cut them to the years that all have.

    Raises
    ------
    DataError
        If one of them is no stack of numbers or lies on another grid, or if they share no year.
    OptionError
        If there is no driver, or one has the name of the response.
    """
    if not isinstance(drivers, Mapping) or not drivers:
        raise OptionError("drivers must name at least one stack, such as {'precipitation': precipitation}")
    names = tuple(sorted(drivers))
    if stack.name in names:
        raise OptionError(f"driver {stack.name!r} has the name of the response: take it out, or rename one of the two")
    for name in names:
        if not isinstance(drivers[name], xr.DataArray):
            raise DataError(f"driver {name!r} is a {type(drivers[name]).__name__}: give an xarray.DataArray")
    given = [stack, *(drivers[name].rename(name) for name in names)]
    known = [stacks.true_years(one) for one in given]
    for one in given[1:]:
        # Arithmetic loses the reference system; where it is said, it must be that of the response.
        difference = grid_difference(stack, one.assign_attrs(crs=one.attrs.get("crs") or stack.attrs.get("crs", "")))
        if difference:
            raise DataError(f"driver {one.name!r} and the response differ in {difference}: warp them to one grid first")
    own = known[0][1]
    shared = np.array([y for y in np.sort(own) if all(np.abs(years - y).min(initial=np.inf) < SAME_YEAR for _, years in known)])
    if not len(shared):
        spans = ", ".join(f"{one.name} {_span(years)}" for one, (_, years) in zip(given, known, strict=True))
        raise DataError(f"the response and the drivers share no year ({spans}): give stacks of the same years")
    layers = [_cut(one, dim, years, shared, stack) for one, (dim, years) in zip(given, known, strict=True)]
    return JoinedStacks(tuple(layers), names, shared, _left_out(own, shared))


def _span(years: Floats) -> str:
    return f"{years.min():.6g} to {years.max():.6g}" if len(years) else "without a year"


def _cut(one: xr.DataArray, dim: str, years: Floats, shared: Floats, like: xr.DataArray) -> xr.DataArray:
    """Return one stack over the shared years, on the coordinates of the response: they are the same within a millionth."""
    at = [int(np.abs(years - y).argmin()) for y in shared]
    cut = one.transpose(dim, "y", "x").isel({dim: at})
    cut = cut.chunk({dim: -1}) if cut.chunks is not None else cut
    coords = {DIM: shared} | {axis: like[axis].to_numpy() for axis in ("y", "x")}
    return xr.DataArray(cut.data, coords, (DIM, "y", "x"), name=one.name, attrs=one.attrs)


def _left_out(own: Floats, shared: Floats) -> tuple[str, ...]:
    lost = len(own) - len(shared)
    if not lost:
        return ()
    return (f"{lost} of {len(own)} years of the response are left out, because a driver lacks them.",)


def block_maps(given: JoinedStacks, kernel: Callable[[Floats], Floats], columns: int) -> Floats:
    """Return what a kernel makes of every cell, (y, x, columns); space may be lazy, and is worked through in blocks.

    Parameters
    ----------
    given
        From ``joined_stacks``.
    kernel
        (cells, variables, years) to (cells, columns); NaN is a gap.
    columns
        How many.

    Raises
    ------
    DataError
        If a stack holds infinite values.
    """
    found = xr.apply_ufunc(
        _by_blocks,
        *given.layers,
        kwargs={"kernel": kernel, "columns": columns, "names": [str(one.name or "the stack") for one in given.layers]},
        input_core_dims=[[DIM]] * len(given.layers),
        output_core_dims=[["column"]],
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"column": columns}},
    )
    return np.asarray(found.transpose("y", "x", "column").to_numpy(), dtype=np.float64)


def _by_blocks(*values: Floats, kernel: Callable[[Floats], Floats], columns: int, names: list[str]) -> Floats:
    flat = [one.reshape(-1, one.shape[-1]) for one in values]
    out = np.empty((len(flat[0]), columns))
    for start in range(0, len(out), stacks.BLOCK):
        block = np.stack([one[start : start + stacks.BLOCK].astype(np.float64) for one in flat], axis=1)
        infinite = np.isinf(block).any(axis=(0, 2))
        if infinite.any():
            raise DataError(f"{names[int(infinite.argmax())]!r} holds infinite values: set them to NaN first")
        out[start : start + len(block)] = kernel(block)
    return out.reshape(*values[0].shape[:-1], columns)


def regional_means(given: JoinedStacks, weight: Floats) -> Floats:
    """Return the weighted mean of every variable and year over the cells that have a value, (variables, years)."""
    at = xr.DataArray(weight, dims=("y", "x"))
    used = weight > 0
    means = []
    for one in given.layers:
        inside = one.where(xr.DataArray(used, dims=("y", "x")))
        total = (inside.fillna(0.0).astype(np.float64) * at).sum(("y", "x")).to_numpy()
        area = (inside.notnull() * at).sum(("y", "x")).to_numpy()
        means.append(np.divide(total, area, out=np.full(total.shape, np.nan), where=area > 0))
    return np.stack(means)


def variables_of(stack: xr.DataArray, drivers: Mapping[str, xr.DataArray]) -> pd.DataFrame:
    """Return the variables table of a result: the response, then the drivers by name; what is not said is guessed."""
    rows = stacks.response(stack).to_dict("records")
    for name in sorted(drivers):
        attrs, known = drivers[name].attrs, guess(name)
        category = attrs.get("category") or (known.category if known else "other")
        label = attrs.get("long_name") or (known.label if known else name)
        unit = attrs.get("units") or (known.unit if known else "")
        rows.append({"name": name, "role": "driver", "category": category, "unit": unit, "label": label, "kind": "continuous"})
    return pd.DataFrame(rows, dtype=str)
