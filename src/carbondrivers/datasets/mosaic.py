"""Tiles that make one grid: the files of a pattern with ``*``, laid beside each other without moving a cell.

MODIS, SRTM and other products come as tiles of one lattice, whose names differ by tile and date of production. Where
tiles overlap, as SRTM's by a row, the first by name that has a value counts. Files that cover the same cells are no
tiles but other dates, and are refused.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from carbondrivers.datasets.grids import SAME_CELL, resolution
from carbondrivers.errors import DataError

SAME = ("stored", "scale_factor", "add_offset", "valid")
# Tiles share a row or two; what shares more is another picture of the same place.
MOST_OVERLAP = 0.5


def matching(root: Path, pattern: str) -> list[str]:
    """Return the paths below `root` that a path with ``*`` stands for, sorted; without ``*`` itself, if it is there.

    Parameters
    ----------
    root
        Data folder.
    pattern
        Relative path; ``*`` is any part of a name, other characters are themselves.

    Examples
    --------
    >>> matching(Path("no_such_folder"), "MOD17A3HGF.A2001*.hdf")
    []
    """
    if "*" not in pattern:
        return [pattern] if (root / pattern).is_file() or (root / pattern).is_dir() else []
    plain = "*".join(glob.escape(part) for part in pattern.split("*"))
    found = (path for path in root.glob(plain) if path.is_file() or path.is_dir())
    return sorted(path.relative_to(root).as_posix() for path in found)


@dataclass(frozen=True, slots=True)
class _Tile:
    """A tile and the rows and columns of the mosaic that it fills."""

    grid: xr.DataArray
    row: int
    column: int

    @property
    def rows(self) -> range:
        return range(self.row, self.row + self.grid.sizes["y"])

    @property
    def columns(self) -> range:
        return range(self.column, self.column + self.grid.sizes["x"])


class Mosaic(BackendArray):
    """Values of tiles as one array, NaN where no tile lies; shape (y, x)."""

    def __init__(self, tiles: Sequence[_Tile], shape: tuple[int, int], dtype: np.dtype) -> None:
        self.tiles, self.shape, self.dtype = tuple(tiles), shape, dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._window)

    def _window(self, key: tuple[int | slice, ...]) -> np.ndarray:
        rows, columns = (range(n)[k] if isinstance(k, slice) else range(k, k + 1) for k, n in zip(key, self.shape, strict=True))
        found = np.full((len(rows), len(columns)), np.nan, self.dtype)
        for tile in self.tiles:
            here, there = _shared(rows, tile.rows), _shared(columns, tile.columns)
            if here is None or there is None:
                continue
            part = tile.grid.isel(y=here[1], x=there[1]).load().transpose("y", "x").to_numpy()
            into = found[here[0], there[0]]
            into[...] = np.where(np.isnan(into), part, into)
        return found[tuple(0 if isinstance(k, int | np.integer) else slice(None) for k in key)]


def _shared(wanted: range, held: range) -> tuple[slice, slice] | None:
    """Return where the wanted positions that a tile holds stand among the wanted, and in the tile; None for none."""
    places = [i for i, position in enumerate(wanted) if position in held]
    if not places:
        return None
    first, last = wanted[places[0]] - held.start, wanted[places[-1]] - held.start
    return slice(places[0], places[-1] + 1), slice(first, last + 1 if wanted.step > 0 else None, wanted.step)


def mosaic(tiles: Sequence[xr.DataArray], names: Sequence[str], where: str) -> xr.DataArray:
    """Return tiles as one lazy grid.

    Parameters
    ----------
    tiles
        Single grids as ``raster_files.open_file`` gives them: dims y and x, x ascending, y descending.
    names, where
        What to call each, and all of them, in a message.

    Raises
    ------
    DataError
        If tiles have several layers, differ in reference system, cell size or storage, do not lie on one lattice, or
        cover the same cells.
    """
    first = tiles[0]
    for tile, name in zip(tiles, names, strict=True):
        if set(map(str, tile.dims)) != {"y", "x"}:
            raise DataError(f"{where}: tile {name} has several layers; a mosaic is made of single grids: split it")
        problem = _difference(first, tile)
        if problem:
            raise DataError(f"{where}: tiles {names[0]} and {name} differ in {problem}; name files of one grid")
    dx, dy = resolution(first)
    west, north = min(float(tile["x"][0]) for tile in tiles), max(float(tile["y"][0]) for tile in tiles)
    placed = [_Tile(t, round((north - float(t["y"][0])) / dy), round((float(t["x"][0]) - west) / dx)) for t in tiles]
    shape = max(tile.rows.stop for tile in placed), max(tile.columns.stop for tile in placed)
    _check_overlap(placed, names, where)
    coords = {"y": north - dy * np.arange(shape[0]), "x": west + dx * np.arange(shape[1])}
    dtype = first.dtype if first.dtype.kind == "f" else np.dtype(np.float64)
    lazy = indexing.LazilyIndexedArray(Mosaic(placed, shape, dtype))
    made = xr.DataArray(xr.Variable(("y", "x"), lazy), coords=coords, attrs=dict(first.attrs) | {"resolution": (dx, dy)})
    made.encoding = dict(first.encoding)
    return made


def _difference(first: xr.DataArray, tile: xr.DataArray) -> str:
    if str(first.attrs["crs"]) != str(tile.attrs["crs"]):
        return f"CRS ({str(first.attrs['crs'])[:40]} and {str(tile.attrs['crs'])[:40]})"
    for key in SAME:
        if first.encoding.get(key) != tile.encoding.get(key):
            return f"how numbers are stored ({key}: {first.encoding.get(key)} and {tile.encoding.get(key)})"
    sizes, own = resolution(first), resolution(tile)
    for axis, cell, other in zip(("x", "y"), sizes, own, strict=True):
        if abs(cell - other) * max(tile.sizes[axis], first.sizes[axis]) > SAME_CELL * cell * max(tile.sizes[axis], 1):
            return f"cell size along {axis} ({cell:.10g} and {other:.10g})"
        shift = (float(tile[axis][0]) - float(first[axis][0])) / cell
        # Corners are printed to a millimetre or so, which is a millionth of a cell and more of a fine one.
        if abs(shift - round(shift)) > 1e-3:
            return f"origin along {axis}, by {shift:.6g} cells"
    return ""


def _check_overlap(placed: Sequence[_Tile], names: Sequence[str], where: str) -> None:
    for i, tile in enumerate(placed):
        for other, name in zip(placed[:i], names[:i], strict=True):
            shared = _common(tile.rows, other.rows) * _common(tile.columns, other.columns)
            if shared > MOST_OVERLAP * min(tile.grid.size, other.grid.size):
                raise DataError(
                    f"{where}: {name} and {names[i]} cover the same cells, so they are no tiles of one grid but other dates or "
                    "versions; take one away, or name the pattern more closely ({year}, {month:02d})"
                )


def _common(first: range, second: range) -> int:
    return max(0, min(first.stop, second.stop) - max(first.start, second.start))
