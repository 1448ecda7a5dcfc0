"""What a seasonality takes, checked: monthly stacks of one grid, and the zones (classes, regions) that its cells lie in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.datasets.grids import grid_difference
from carbondrivers.datasets.sample import ALL
from carbondrivers.errors import DataError
from carbondrivers.nep_models.apply import MONTHLY, unit_problem

ZoneMap: TypeAlias = tuple[xr.DataArray, Mapping[int, str]]
"""Whole numbers by cell, dimensions (y, x), NaN or any number without a name for none; and the name of each number."""

WHOLE = "whole area"
GROUPS = (ALL, "class", "region")


@dataclass(frozen=True, slots=True, eq=False)
class Months:
    """Monthly stacks of one grid and one period.

    Attributes
    ----------
    fluxes : dict
        Name to stack, dimensions (time, y, x).
    slots : list of numpy.ndarray
        For each flux the place of its layers in whole years, 12 x year + month, both from 0.
    years : tuple of int
        First and last.
    partial : tuple of int
        Years that lack a month.
    """

    fluxes: dict[str, xr.DataArray]
    slots: list[NDArray[np.int64]]
    years: tuple[int, int]
    partial: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of years from the first to the last."""
        return self.years[1] - self.years[0] + 1


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """The zones of a grid: the whole area, then its classes, then its regions.

    Attributes
    ----------
    named : list of tuple
        Group (one of ``GROUPS``) and name of each zone.
    places : numpy.ndarray
        Zone of each cell in each grouping, -1 for none, shape (groupings, y, x).
    unnamed : dict
        By group the numbers without a name, NaN elsewhere, shape (y, x).
    """

    named: list[tuple[str, str]]
    places: NDArray[np.int64]
    unnamed: dict[str, NDArray[np.float64]]

    def notes(self, used: NDArray[np.bool_]) -> list[str]:
        """Say which numbers of the cells that are used (y, x) have no name."""
        found = []
        for group, codes in self.unnamed.items():
            numbers = [f"{code:g}" for code in np.unique(codes[used & np.isfinite(codes)])]
            if numbers:
                listed = ", ".join(numbers[:10]) + (" and more" if len(numbers) > 10 else "")
                found.append(f"Cells of the number {listed} belong to no {group}, because it has no name.")
        return found


def months_of(stack: xr.DataArray, components: Mapping[str, xr.DataArray]) -> Months:
    """Check monthly stacks and say which month each layer is.

    Raises
    ------
    DataError
        If a stack is not (time, y, x) in g C m-2 month-1, a month is doubled, one of the twelve never occurs, or a
        component has another grid or other months than the first.
    """
    listed = [(str(stack.name or "flux"), stack), *components.items()]
    fluxes: dict[str, xr.DataArray] = {}
    for full, given in listed:
        name = full.removesuffix("_monthly")
        if name in fluxes:
            raise DataError(f"{name!r} is given twice, as the stack and as a component: leave it out of the components")
        fluxes[name] = _checked(name, given)
    first = next(iter(fluxes))
    dates = {name: _month_numbers(name, given) for name, given in fluxes.items()}
    for name, given in fluxes.items():
        require_same_grid(fluxes[first], given, f"{name} and {first}")
        if set(dates[name]) != set(dates[first]):
            raise DataError(f"{name} has other months than {first}: bring them to one period first")
    start = int(dates[first].min()) // 12
    slots = [found - 12 * start for found in dates.values()]
    years, counts = np.unique(dates[first] // 12, return_counts=True)
    absent = sorted(set(range(12)) - set(dates[first] % 12))
    if absent:
        raise DataError(
            f"{first} has no layer of month {', '.join(str(m + 1) for m in absent)} in any year: a cycle needs all twelve"
        )
    partial = tuple(int(year) for year in years[counts < 12])
    return Months(fluxes, slots, (start, int(years[-1])), partial)


def _checked(name: str, given: xr.DataArray) -> xr.DataArray:
    if not isinstance(given, xr.DataArray) or sorted(map(str, given.dims)) != ["time", "x", "y"]:
        found = ", ".join(map(str, getattr(given, "dims", ()))) or type(given).__name__
        raise DataError(f"{name} must have the dimensions time, y and x, got {found}: rename or select them")
    if given.dtype.kind not in "fiu":
        raise DataError(f"{name} holds {given.dtype} where numbers are expected: convert it first")
    if not given.size:
        raise DataError(f"{name} is empty (sizes {dict(given.sizes)}): check the region and the years")
    unit = str(given.attrs.get("units", ""))
    problem = unit_problem(unit, (MONTHLY,)) or (
        "" if unit else f"must be in {MONTHLY} and declares no unit: set attrs['units']"
    )
    if problem:
        raise DataError(f"{name} {problem}")
    return given.transpose("time", "y", "x")


def _month_numbers(name: str, given: xr.DataArray) -> NDArray[np.int64]:
    """Return 12 x year + month (from 0) of each layer."""
    if "time" not in given.coords or given["time"].dtype.kind != "M":
        raise DataError(f"{name} needs dates on 'time': name the first day of each month")
    dates = given["time"].to_numpy()
    if np.isnat(dates).any():
        raise DataError(f"{name} has a time that is missing: name every month")
    found: NDArray[np.int64] = dates.astype("datetime64[M]").astype(np.int64) + 12 * 1970
    if len(np.unique(found)) < len(found):
        raise DataError(f"{name} holds a month twice: keep one layer a month")
    return found


def require_same_grid(one: xr.DataArray, two: xr.DataArray, names: str) -> None:
    """Refuse grids that differ; a grid that does not say where it is only needs the same shape.

    Raises
    ------
    DataError
        With `names` at its head.
    """
    if all({"x", "y"} <= set(da.coords) for da in (one, two)):
        crs = one.attrs.get("crs") or two.attrs.get("crs", "")
        first, second = (da.assign_attrs(crs=da.attrs.get("crs") or crs) for da in (one, two))
        found = grid_difference(first, second)
    else:
        shapes = [tuple(da.sizes[axis] for axis in ("y", "x")) for da in (one, two)]
        found = "" if shapes[0] == shapes[1] else f"shape in (y, x) ({shapes[0]} and {shapes[1]})"
    if found:
        raise DataError(f"{names} differ in {found}: bring them to one grid first")


def zones_of(grid: xr.DataArray, classes: ZoneMap | None, regions: ZoneMap | None) -> Zones:
    """Return the zones of a grid's cells.

    Raises
    ------
    DataError
        If a map lies on another grid, has months or years, or holds text or fractions.
    """
    named = [(ALL, WHOLE)]
    places = [np.zeros((grid.sizes["y"], grid.sizes["x"]), dtype=np.int64)]
    unnamed = {}
    for group, what, given in (("class", "classes", classes), ("region", "regions", regions)):
        if given is None:
            continue
        codes = _codes(grid, given, what)
        found, names = _placed(codes, given[1])
        places.append(np.where(found < 0, -1, found + len(named)))
        named += [(group, name) for name in names]
        unnamed[group] = np.where(found < 0, codes, np.nan)
    return Zones(named, np.stack(places), unnamed)


def _codes(grid: xr.DataArray, given: ZoneMap, what: str) -> NDArray[np.float64]:
    if not (isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], Mapping)):
        raise DataError(f"{what} must be a grid of numbers and their names, (DataArray, dict), got {type(given).__name__}")
    codes = given[0]
    if not isinstance(codes, xr.DataArray) or sorted(map(str, codes.dims)) != ["x", "y"]:
        found = ", ".join(map(str, getattr(codes, "dims", ()))) or type(codes).__name__
        raise DataError(f"{what} must be a grid with the dimensions y and x, got {found}: select one year")
    if codes.dtype.kind not in "fiu":
        raise DataError(f"{what} holds {codes.dtype} where whole numbers are expected: number the {what} first")
    require_same_grid(grid, codes, f"{what} and {grid.name}")
    values = np.asarray(codes.transpose("y", "x").to_numpy(), dtype=np.float64)
    broken = values[np.isfinite(values) & (values != np.round(values))]
    if broken.size:
        raise DataError(
            f"{what} holds fractions such as {broken[0]:g}, whole numbers are expected: was it resampled by a mean?"
        )
    return values


def _placed(codes: NDArray[np.float64], names: Mapping[int, str]) -> tuple[NDArray[np.int64], list[str]]:
    """Return the position of each cell's name in the list of names that occur, -1 for none, and that list."""
    present = [int(code) for code in np.unique(codes[np.isfinite(codes)]) if int(code) in names]
    listed = list(dict.fromkeys(str(names[code]) for code in present))
    found = np.full(codes.shape, -1, dtype=np.int64)
    for code in present:
        found[codes == code] = listed.index(str(names[code]))
    return found, listed
