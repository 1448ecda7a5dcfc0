"""Random pairs of near rows of a sample that lies on a regular grid: what a lattice coarser than that grid cannot know.

As for streamed grids (``geodetector_draws``), whose lags and chances these are: a first row at random, a lag, and the row that
lies there, if any. Rows that lie on no grid are scattered, and have none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.effective_size import lattice_steps, spacing
from carbondrivers.attribution.geodetector_draws import DRAWS, NearPairs, drawn_lags
from carbondrivers.attribution.geodetector_moments import AnyCodes, Codes
from carbondrivers.attribution.geodetector_near import FEWEST_PAIRS, Ends
from carbondrivers.attribution.inference import Floats


class RowDraws:
    """Pairs of rows that are drawn.

    Parameters
    ----------
    xy
        Coordinates, (n, 2), not all in one place.
    y, weights
        Response and weight of each row, (n,); every row counts 1 where None.
    order
        Gives the rows in an order of their own, (n,): asked where several lie in one place.
    sides
        Most cells across, of every lattice that may be coarser than the rows' grid.
    geographic
        Whether the coordinates are degrees.
    seed
        Of the draws.

    Attributes
    ----------
    coarse : dict
        Side of each lattice that is coarser, to the distances between its columns and between its rows.
    rows : int64, (2, k)
        First and second row of each pair; none where no lattice is coarser.
    """

    def __init__(
        self, xy: Floats, y: Floats, weights: Floats | None, order: Callable[[], Codes], sides: Sequence[int], *,
        geographic: bool = False, seed: int = 0,
    ) -> None:  # fmt: skip
        # As ``effective_size.lags`` puts rows on a lattice.
        shrink = float(np.cos(np.radians(xy[:, 1].mean()))) if geographic else 1.0
        east, north = (xy - xy.min(axis=0)).T
        self.own = spacing(east), spacing(north)
        found = {side: lattice_steps(east, north, len(xy), side) for side in sides} if min(self.own) > 0.0 else {}
        finer = {side: max(s / o for s, o in zip(steps, self.own, strict=True)) > 1.01 for side, steps in found.items()}
        self.coarse = {side: steps for side, steps in found.items() if finer[side]}
        self._known: dict[int, NearPairs] = {}
        self.rows: NDArray[np.int64] = np.zeros((2, 0), dtype=np.int64)
        if self.coarse:
            cell = np.column_stack([np.rint(north / self.own[1]), np.rint(east / self.own[0])]).astype(np.int64)
            self._draw(cell, order, shrink, np.random.default_rng(seed))
        self._y = y[self.rows]
        self._weight = np.ones(self.rows.shape) if weights is None else weights[self.rows]

    @property
    def enough(self) -> bool:
        """Whether near pairs are as many as their correlations need."""
        return len(self._y[0]) >= FEWEST_PAIRS

    def ends(self, side: int, codes: AnyCodes) -> Ends | None:
        """Return what stands at the ends of the pairs; None for a lattice that is not coarser.

        Parameters
        ----------
        side
            Of the lattice.
        codes
            Stratum of each row, (n,).
        """
        if side not in self.coarse:
            return None
        if side not in self._known:
            steps = self.coarse[side]
            lag = self._lag * [self.own[1] / steps[1], self.own[0] / steps[0]]
            self._known[side] = NearPairs.of(lag, self._distance, self._at, self._count)
        return Ends(self._known[side], self._y, self._weight, codes[self.rows].astype(np.int64, copy=False))

    def _draw(self, cell: Codes, order: Callable[[], Codes], shrink: float, rng: np.random.Generator) -> None:
        width = int(cell[:, 1].max()) + 1
        place = cell[:, 0] * width + cell[:, 1]
        rows = np.argsort(place, kind="stable")
        if (np.diff(place[rows]) == 0).any():
            own = order()
            rows = own[np.argsort(place[own], kind="stable")]
        place = place[rows]
        self._lag, self._distance, chance, drawn = drawn_lags(rng, self.own[::-1], shrink, list(self.coarse.values()))
        first = rng.integers(len(rows), size=DRAWS)
        row, column = (cell[rows[first]] + self._lag[drawn]).T
        low, high = (np.searchsorted(place, row * width + column, side=side) for side in ("left", "right"))
        members = np.where((column >= 0) & (column < width), high - low, 0)
        second = low + (rng.random(DRAWS) * members).astype(np.int64)
        there = members > 0
        self.rows = np.stack([rows[first[there]], rows[second[there]]])
        self._at = drawn[there]
        self._count = len(rows) / DRAWS * members[there] / chance[self._at]
