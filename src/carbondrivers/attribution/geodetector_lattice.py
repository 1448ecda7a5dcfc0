"""Grids cut into pieces: by the cells of a lattice, which rings of distance are counted on, and by blocks of space.

The lattice is that of ``effective_size.lags`` for a table of the cells: their own where they are few across, else one of at
most so many cells, several of the grid's cells to each. It runs along rows and columns, so every row and every column of the
grid has its place, and a piece is what a lattice cell and a block of space share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carbondrivers.attribution.effective_size import lags_of_cells, lattice_steps
from carbondrivers.attribution.geodetector_moments import Codes
from carbondrivers.attribution.geodetector_spatial import Places
from carbondrivers.attribution.geodetector_survey import Survey, mean_of_rows
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.resampling import BLOCKS_ACROSS
from carbondrivers.datasets.blocks import Region

# Sums by lattice cell and stratum that are held, over all drivers and over all pairs (theirs are single numbers); a lattice of
# fewer cells across is too coarse to count rings on.
FACTOR_SUMS, PAIR_SUMS, FEWEST_SIDE = 4_000_000, 8_000_000, 32
FEWEST_ROWS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """Where the rows and columns of a grid lie.

    Attributes
    ----------
    x, y : float64
        Coordinates of columns and of rows, (x,) and (y,); cells are counted where the grid has none.
    geographic : bool
        Whether they are degrees.
    """

    x: Floats
    y: Floats
    geographic: bool


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """A lattice under a grid.

    Attributes
    ----------
    row, column : int64
        Lattice row of each row of the grid, (y,), and column of each column, (x,).
    steps : tuple of float
        Distances between its columns and between its rows.
    shrink : float
        By how much distances along a row are shortened.
    """

    row: Codes
    column: Codes
    steps: tuple[float, float]
    shrink: float


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Rectangles of a grid.

    Attributes
    ----------
    row, column : int64
        Row of pieces of each row of the grid, (y,), and column of pieces of each column, (x,).
    across : int
        Columns of pieces.
    count : int
        Number of pieces, row-major.
    block : int64, (pieces,)
        Block of space of each.
    cell : int64, (pieces, 2)
        Lattice row and column of each; zeros without a lattice.
    """

    row: Codes
    column: Codes
    across: int
    count: int
    block: Codes
    cell: Codes

    def touched(self, region: Region) -> tuple[Codes, Codes]:
        """Return the pieces that a region touches, and for each of its cells, flat, which of them."""
        rows, down = np.unique(self.row[region[0]], return_inverse=True)
        columns, along = np.unique(self.column[region[1]], return_inverse=True)
        local = down.reshape(-1, 1) * len(columns) + along.reshape(1, -1)
        return (rows[:, None] * self.across + columns).ravel(), local.ravel()


def lattice_side(most: int, sums: int, strata: int) -> int:
    """Return how many cells across a lattice may be so that its sums fit into memory; 0 where it would be too coarse.

    Parameters
    ----------
    most
        Cells across, at most.
    sums
        That may be held.
    strata
        Over all tables that are held.

    Examples
    --------
    >>> lattice_side(128, FACTOR_SUMS, 80), lattice_side(128, FACTOR_SUMS, 1000), lattice_side(128, FACTOR_SUMS, 20_000)
    (128, 63, 0)
    """
    side = min(most, int(np.sqrt(sums / max(strata, 1))))
    return side if side >= FEWEST_SIDE else 0


def lattice_of(survey: Survey, axes: Axes, side: int) -> Lattice | None:
    """Return the lattice of the cells that have everything; None for fewer than three of them, or a side of 0.

    Parameters
    ----------
    survey
        Of the grids.
    axes
        Where they lie.
    side
        Most cells across.
    """
    there = [(axes.y, survey.rows > 0), (axes.x, survey.columns > 0)]
    if not side or survey.n < FEWEST_ROWS or not any(np.ptp(values[used]) for values, used in there):
        return None
    y, x = (values[used] - values[used].min() for values, used in there)
    steps = lattice_steps(x, y, survey.n, side)
    shrink = float(np.cos(np.radians(mean_of_rows(axes.y, survey.rows)))) if axes.geographic else 1.0
    row, column = (
        np.where(used, np.rint((values - values[used].min()) / step), 0.0).astype(np.int64)
        for (values, used), step in zip(there, steps[::-1], strict=True)
    )
    return Lattice(row, column, steps, shrink)


def pieces_of(shape: tuple[int, int], lattice: Lattice | None, *, blocked: bool) -> Pieces:
    """Cut a grid by a lattice, by blocks of space (a tenth of the longer side across), or by both.

    Parameters
    ----------
    shape
        Rows and columns of the grid.
    lattice
        Its lattice; None: blocks alone.
    blocked
        Whether blocks cut as well.
    """
    side = max(1, -(-max(shape) // BLOCKS_ACROSS))
    cells = [np.zeros(size, dtype=np.int64) for size in shape] if lattice is None else [lattice.row, lattice.column]
    blocks = [np.arange(size) // side if blocked else np.zeros(size, dtype=np.int64) for size in shape]
    cut = [np.unique(np.column_stack(axis), axis=0, return_inverse=True) for axis in zip(cells, blocks, strict=True)]
    (down, row), (along, column) = ((parts, at.reshape(-1).astype(np.int64)) for parts, at in cut)
    cell = np.stack(np.broadcast_arrays(down[:, None, 0], along[None, :, 0]), axis=-1).reshape(-1, 2)
    block = (down[:, None, 1] * (int(along[:, 1].max()) + 1) + along[None, :, 1]).ravel()
    return Pieces(row, column, len(along), len(down) * len(along), block, cell)


def places_of_pieces(pieces: Pieces, lattice: Lattice, count: Codes) -> Places:
    """Return the pieces that hold cells on their lattice, in the order of the pieces.

    Parameters
    ----------
    pieces, lattice
        Of the grid.
    count
        Cells in each piece, (pieces,).
    """
    there = count > 0
    cells, at = np.unique(pieces.cell[there], axis=0, return_inverse=True)
    at = at.reshape(-1).astype(np.int64)
    cells = cells - cells.min(axis=0)
    found = lags_of_cells(cells, lattice.steps, lattice.shrink, np.bincount(at, count[there]).astype(np.float64))
    return Places(found, at, cells[:, 0] * found.shape[1] + cells[:, 1])
