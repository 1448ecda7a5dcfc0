"""Classes of cells (land cover, ecosystems, regions) for the methods that sum by them: checked, and read in bands of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.catalogue import guess
from carbondrivers.datasets.grids import grid_difference
from carbondrivers.errors import DataError

ClassMap: TypeAlias = tuple[xr.DataArray, Mapping[int, str]]
"""Whole numbers by cell, NaN or any number without a name for none; and the name of each number."""

WHOLE = "whole area"
NONE, UNNAMED = -1, -2
BAND_VALUES = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """A checked grid of classes.

    Attributes
    ----------
    codes : xarray.DataArray
        Dimensions (y, x) or (year, y, x), in ascending years.
    numbers : numpy.ndarray
        The numbers that have a name, ascending.
    positions : numpy.ndarray
        Of the name of each of them in `names`.
    names : list of str
        In the order of the numbers; numbers of one name are one class.
    what : str
        For messages.
    """

    codes: xr.DataArray
    numbers: NDArray[np.int64]
    positions: NDArray[np.int64]
    names: list[str]
    what: str

    @property
    def annual(self) -> bool:
        """Whether the classes change with the years."""
        return "year" in self.codes.dims

    def places(self, codes: np.ndarray) -> NDArray[np.int64]:
        """Return the position of each number's name, ``NONE`` without a number, ``UNNAMED`` for one without a name.

        Raises
        ------
        DataError
            If a number is a fraction or infinite.
        """
        values = np.asarray(codes, dtype=np.float64)
        given = ~np.isnan(values)
        whole = np.where(given, values, 0.0)
        broken = whole[np.isinf(whole) | (whole != np.round(whole))]
        if broken.size:
            raise DataError(
                f"{self.what} holds {broken[0]:g} where whole numbers are expected: was it resampled by a mean? Take the "
                "nearest cell or the most frequent class"
            )
        at = np.searchsorted(self.numbers, whole)
        near = np.minimum(at, len(self.numbers) - 1)
        known = given & (self.numbers[near] == whole)
        return np.where(known, self.positions[near], np.where(given, UNNAMED, NONE))

    def one_map(self) -> NDArray[np.int64]:
        """Return the places of classes that do not change, shape (y, x)."""
        return self.places(self.codes.to_numpy())


def classes_of(given: ClassMap, what: str, grid: xr.DataArray | None = None, *, annual: bool = False) -> Classes:
    """Check a grid of classes and their names.

    Parameters
    ----------
    given
        The grid and the names.
    what
        ``"classes"`` or ``"regions"``, for messages.
    grid
        On whose cells they must lie.
    annual
        Whether (year, y, x) is taken as well as (y, x).

    Raises
    ------
    DataError
        If it is something else, lies on another grid, or has no names.
    """
    if not (isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], Mapping)):
        raise DataError(f"{what} must be a grid of numbers and their names, (DataArray, dict), got {type(given).__name__}")
    codes, names = given
    dims = sorted(map(str, getattr(codes, "dims", ())))
    if dims != ["x", "y"] and not (annual and dims == ["x", "y", "year"]):
        found = ", ".join(map(str, getattr(codes, "dims", ()))) or type(codes).__name__
        more, remedy = (" (and year)", "rename them") if annual else ("", "select one year")
        raise DataError(f"{what} must be a grid with the dimensions y and x{more}, got {found}: {remedy}")
    if codes.dtype.kind not in "fiu":
        raise DataError(f"{what} holds {codes.dtype} where whole numbers are expected: number the {what} first")
    if not names:
        raise DataError(f"the {what} have no names: give a name to each number, as {{1: 'forest'}}")
    if grid is not None:
        require_same_grid(grid, codes, f"{what} and {grid.name or 'the response'}")
    if "year" in dims:
        codes = _by_year(codes, what)
    numbers = np.array(sorted(int(number) for number in names), dtype=np.int64)
    listed = list(dict.fromkeys(str(names[number]) for number in numbers.tolist()))
    positions = np.array([listed.index(str(names[number])) for number in numbers.tolist()], dtype=np.int64)
    return Classes(codes.transpose(..., "y", "x"), numbers, positions, listed, what)


def _by_year(codes: xr.DataArray, what: str) -> xr.DataArray:
    years = codes["year"].to_numpy().tolist() if "year" in codes.coords else []
    if not years or len(set(years)) < len(years):
        raise DataError(f"{what} need a coordinate 'year' in which every year occurs once: assign it")
    return codes.sortby("year")


def require_same_grid(one: xr.DataArray, two: xr.DataArray, names: str) -> None:
    """Refuse grids that differ; a grid that does not say where it is only needs the same shape.

    Raises
    ------
    DataError
        With `names` at its head.
    """
    for da in (one, two):
        if not {"x", "y"} <= set(da.dims):
            found = ", ".join(map(str, da.dims))
            raise DataError(f"{names} cannot be laid over each other: one has the dimensions {found}; rename them to y and x")
    if all({"x", "y"} <= set(da.coords) for da in (one, two)):
        crs = one.attrs.get("crs") or two.attrs.get("crs", "")
        first, second = (da.assign_attrs(crs=da.attrs.get("crs") or crs) for da in (one, two))
        found = grid_difference(first, second)
    else:
        shapes = [tuple(da.sizes[axis] for axis in ("y", "x")) for da in (one, two)]
        found = "" if shapes[0] == shapes[1] else f"shape in (y, x) ({shapes[0]} and {shapes[1]})"
    if found:
        raise DataError(f"{names} differ in {found}: bring them to one grid first")


def mean_map(grid: xr.DataArray) -> tuple[Floats, str]:
    """Return the values of a map, or the mean over the years of a stack (y, x), and its name.

    Raises
    ------
    DataError
        If it has other dimensions, holds text or infinite values, or has no value at all.
    """
    name = str(grid.name or "the response")
    dims = sorted(map(str, grid.dims))
    if dims not in (["x", "y"], ["x", "y", "year"], ["time", "x", "y"]):
        raise DataError(
            f"{name!r} must have the dimensions y and x (and year), got {', '.join(map(str, grid.dims))}: rename them"
        )
    if grid.dtype.kind not in "fiu":
        raise DataError(f"{name!r} holds {grid.dtype} where numbers are expected: read it as numbers")
    if not grid.size:
        raise DataError(f"{name!r} is empty (sizes {dict(grid.sizes)}): check the region and the years")
    over = [dim for dim in grid.dims if dim not in ("y", "x")]
    numbers = grid.astype(np.float64)
    finite = numbers.where(np.isfinite(numbers))
    found = xr.Dataset({"mean": finite.mean(over) if over else finite, "infinite": np.isinf(numbers).sum()}).compute()
    values = np.asarray(found["mean"].transpose("y", "x").to_numpy(), dtype=np.float64)
    if int(found["infinite"]):
        raise DataError(f"{name!r} holds infinite values: set them to NaN first")
    if np.isnan(values).all():
        raise DataError(f"{name!r} has no value at all: check the mask, the nodata value or the region")
    return values, name


def bands(grid: xr.DataArray) -> Iterator[slice]:
    """Iterate over slices of rows that fit into memory: those of the chunks of a lazy grid."""
    rows = grid.sizes["y"]
    step = max(1, BAND_VALUES // max(1, grid.size // max(rows, 1)))
    ends = np.cumsum([0, *grid.chunksizes["y"]]) if grid.chunks is not None else np.arange(0, rows + step, step)
    for start, stop in pairwise(np.minimum(ends, rows).tolist()):
        if stop > start:
            yield slice(start, stop)


def unnamed_note(cells: int, of: int, what: str) -> tuple[str, ...]:
    """Return what is to be said of cells whose number has no name."""
    return (f"{cells:,} of {of:,} cells have a number without a name in the {what}: they are left out.",) if cells else ()


def variable_row(grid: xr.DataArray, role: str, name: str, kind: str = "continuous") -> dict[str, Any]:
    """Return the row of the variables table for a grid; its own label and unit come before the catalogue's."""
    known = guess(name)
    return {
        "name": name, "role": role, "category": known.category if known else "vegetation" if role == "response" else "other",
        "unit": str(grid.attrs.get("units", "")) or (known.unit if known else ""),
        "label": str(grid.attrs.get("long_name", "")) or (known.label if known else name), "kind": kind,
    }  # fmt: skip


def variables_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the variables table of a result."""
    return pd.DataFrame(rows, dtype=str)
