"""Intervals of area-weighted means by a bootstrap over square blocks of a grid.

Neighbouring cells are alike, so single cells are no replicates; blocks wider than the range of the autocorrelation nearly
are (Lahiri 2003, doi:10.1007/978-1-4757-3803-2). Blocks are drawn with replacement and bring all their cells, so a mean is a
ratio of two sums over blocks, and a replicate is a product of counts with those sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.resampling import BLOCKS_ACROSS, FEW_UNITS, FEWEST_UNITS, Bootstrap
from carbondrivers.errors import OptionError


@dataclass(frozen=True, slots=True)
class Blocks:
    """Square blocks of a grid.

    Attributes
    ----------
    codes : numpy.ndarray
        Block of each cell, shape (y, x).
    count : int
        Number of blocks.
    side : float
        In the unit of the coordinates.
    """

    codes: NDArray[np.int64]
    count: int
    side: float

    def sums(self, places: NDArray[np.int64], weights: Floats, classes: int) -> Floats:
        """Return the sums of weights over the cells of each block and class, shape (blocks, classes).

        Parameters
        ----------
        places
            Class of each cell, (y, x); negative for none.
        weights
            (y, x); NaN counts as nought.
        classes
            Number of classes.
        """
        inside = (places >= 0) & ~np.isnan(weights)
        joint = self.codes[inside] * classes + places[inside]
        found = np.bincount(joint, weights=weights[inside], minlength=self.count * classes)
        return np.asarray(found, dtype=np.float64).reshape(self.count, classes)


def blocks_of(grid: xr.DataArray, block_size: float | None) -> Blocks:
    """Return the square blocks of a grid (y, x).

    Parameters
    ----------
    grid
        Any dimensions beside y and x; without coordinates cells are counted.
    block_size
        Side in the unit of the coordinates; a tenth of the longer side of the grid by default.

    Raises
    ------
    OptionError
        If `block_size` is no length.

    Examples
    --------
    >>> blocks_of(xr.DataArray(np.zeros((1, 4)), dims=("y", "x")), 2.0).codes.tolist()
    [[0, 0, 1, 1]]
    """
    if block_size is not None and (isinstance(block_size, bool) or not 0.0 < block_size < np.inf):
        raise OptionError(f"block_size must be a length above 0, got {block_size!r}")
    reach = {axis: _distances(grid, axis) for axis in ("y", "x")}
    longest = max(float(along[-1] + along[1] if len(along) > 1 else 1.0) for along in reach.values())
    side = float(block_size) if block_size else longest / BLOCKS_ACROSS
    rows, columns = (np.floor(along / side * (1.0 + 1e-12)).astype(np.int64) for along in reach.values())
    codes = rows[:, None] * (int(columns.max()) + 1) + columns[None, :]
    return Blocks(codes, int(codes.max()) + 1, side)


def _distances(grid: xr.DataArray, axis: str) -> Floats:
    """Return how far each row or column lies from the first."""
    if axis not in grid.coords:
        return np.arange(grid.sizes[axis], dtype=np.float64)
    values = np.asarray(grid[axis].to_numpy(), dtype=np.float64)
    return np.asarray(np.abs(values - values[0]))


def interval_notes(bootstrap: Bootstrap, blocks: Blocks, units: NDArray[np.int64], grid: xr.DataArray) -> tuple[str, ...]:
    """Return what the intervals rest on, and where they rest on too few blocks.

    Parameters
    ----------
    bootstrap, blocks
        As used.
    units
        Blocks of each class that has a cell.
    grid
        Whose cells were blocked.
    """
    said = [
        f"Intervals ({100 * bootstrap.confidence:g} %) are percentiles of {bootstrap.replicates:,} draws of square blocks of "
        f"{side_words(blocks, grid)}: they hold if blocks are wider than the range of the spatial autocorrelation, and they "
        "say nothing of the error of the response itself."
    ]
    none, few = int((units < FEWEST_UNITS).sum()), int(((units >= FEWEST_UNITS) & (units < FEW_UNITS)).sum())
    if none:
        said.append(f"{none} of {len(units)} means rest on fewer than {FEWEST_UNITS} blocks: they have no interval.")
    if few:
        said.append(f"{few} of {len(units)} means rest on fewer than {FEW_UNITS} blocks: their intervals are too narrow.")
    return tuple(said)


def side_words(blocks: Blocks, grid: xr.DataArray) -> str:
    """Return the side of the blocks with its unit, such as ``"16 km"``."""
    return length_words(blocks.side, unit_of_crs(grid.attrs.get("crs")) if {"x", "y"} <= set(grid.coords) else "cells")


def length_words(length: float, unit: str) -> str:
    """Return a length with its unit, from 1000 m on in km.

    Examples
    --------
    >>> length_words(16000.0, "m"), length_words(0.25, "degrees")
    ('16 km', '0.25 degrees')
    """
    return f"{length / 1000:g} km" if unit == "m" and length >= 1000 else f"{length:g} {unit}"


def unit_of_crs(crs: object) -> str:
    """Return the unit of the coordinates of a reference system in words; None or empty: it is not known.

    Examples
    --------
    >>> unit_of_crs("EPSG:32650"), unit_of_crs("EPSG:4326"), unit_of_crs(None)
    ('m', 'degrees', 'units of the coordinates')
    """
    if not crs:
        return "units of the coordinates"
    from pyproj import CRS

    unit = str(CRS.from_user_input(crs).axis_info[0].unit_name)
    return {"metre": "m", "degree": "degrees"}.get(unit, unit)
