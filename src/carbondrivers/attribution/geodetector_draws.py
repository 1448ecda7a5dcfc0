"""Random pairs of near cells of a grid: what a lattice coarser than the grid cannot know of its autocorrelation.

Several of the grid's cells share a cell of the lattice, and correlations that end within it would count as an average over it,
while strata that change as quickly gather just the pairs that are correlated. Pairs are drawn beforehand, the nearer the more
often, so that chunks do not matter; what stands at their two ends is filled in while the grids stream. A draw counts by one
over the chance of its lag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.geodetector_lattice import Axes, Lattice
from carbondrivers.attribution.geodetector_moments import Codes
from carbondrivers.attribution.geodetector_survey import Survey
from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.blocks import Region

DRAWS = 250_000
# How far apart the ends of a pair are at most: cells of the coarsest lattice, and cells of the grid.
REACH, REACH_CELLS = 2.0, 256.0
# By how much steps between rows or columns may differ, of their mean.
UNEVEN = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class NearPairs:
    """Pairs of near cells that have everything, for one lattice.

    Attributes
    ----------
    lag : int16, (4, 2, lags)
        Rows and columns of the lattice between the two ends: the four lags that cells of the grid so far apart can have.
    share : float64, (4, lags)
        How often they have each.
    distance, reach : float64, (lags,)
        In cells of the grid, and in cells of the lattice.
    at : int64, (k,)
        Lag of each pair.
    count : float64, (k,)
        How many ordered pairs of the grid each stands for.
    """

    lag: NDArray[np.int16]
    share: Floats
    distance: Floats
    reach: Floats
    at: NDArray[np.int64]
    count: Floats

    @classmethod
    def of(cls, lag: Floats, distance: Floats, at: NDArray[np.int64], count: Floats) -> NearPairs:
        """Return pairs from the rows and columns of the lattice, not whole, between the ends of each lag, (lags, 2).

        Examples
        --------
        >>> found = NearPairs.of(np.array([[0.0, 0.25]]), np.array([1.0]), np.array([0]), np.array([1.0]))
        >>> found.lag[:, :, 0].tolist(), found.share[:, 0].tolist()
        ([[0, 0], [0, 1], [1, 0], [1, 1]], [0.75, 0.25, 0.0, 0.0])
        """
        low = np.floor(lag).astype(np.int16)
        corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], dtype=np.int16)
        part = np.abs(1.0 - corners[:, None, :] - (lag - low))
        return cls(low.T + corners[:, :, None], part.prod(axis=-1), distance, np.hypot(*lag.T), at, count)


class Draws:
    """Pairs of cells that are drawn, and what stands at their ends.

    Parameters
    ----------
    survey, axes
        Of the grids.
    lattices
        Those that are to be refined, at least one.
    drivers
        Names.
    seed
        Of the draws.

    Attributes
    ----------
    y, weight : float64, (2, draws)
        At the first and at the second end; NaN where a cell lacks anything.
    codes : dict
        Driver to the strata at both ends, (2, draws).
    """

    def __init__(self, survey: Survey, axes: Axes, lattices: list[Lattice], drivers: list[str], seed: int) -> None:
        self.survey, self._known = survey, dict[tuple[float, float], NearPairs]()
        self._steps = mean_step(axes.y), mean_step(axes.x)
        shrink, rng = lattices[0].shrink, np.random.default_rng(seed)
        steps = [found.steps for found in lattices]
        self._lag, self._distance, self._chance, self._drawn = drawn_lags(rng, self._steps, shrink, steps)
        first = np.column_stack([_within(rng, counts) for counts in (survey.rows, survey.columns)])
        ends = np.stack([first, first + self._lag[self._drawn]])
        self.y, self.weight = np.full((2, DRAWS), np.nan), np.ones((2, DRAWS))
        self.codes = {d: np.zeros((2, DRAWS), dtype=np.int16) for d in drivers}
        # Sorted by row: a band finds its own at once.
        flat = ends.reshape(-1, 2)
        self._order = np.argsort(flat[:, 0], kind="stable")
        self._at = flat[self._order].astype(np.int64)

    def add(
        self, region: Region, keep: NDArray[np.bool_], y: NDArray[Any], codes: Mapping[str, tuple[Codes, NDArray[Any]]],
        weights: NDArray[Any] | None,
    ) -> None:  # fmt: skip
        """Fill in the ends that lie in a region.

        Parameters
        ----------
        region, keep, y, weights
            Of the region, (rows, columns).
        codes
            Driver to the place of every number that a class can have, and to the numbers.
        """
        down, across = region
        start, stop = np.searchsorted(self._at[:, 0], [down.start, down.stop])
        inside = (self._at[start:stop, 1] >= across.start) & (self._at[start:stop, 1] < across.stop)
        row, column = (self._at[start:stop][inside] - [down.start, across.start]).T
        to, there = self._order[start:stop][inside], keep[row, column]
        to, row, column = to[there], row[there], column[there]
        self.y.reshape(-1)[to] = (y[row, column].astype(np.float64) - self.survey.origin) / self.survey.scale
        for driver, (place, numbers) in codes.items():
            self.codes[driver].reshape(-1)[to] = place[numbers[row, column].astype(np.int64)]
        if weights is not None:
            self.weight.reshape(-1)[to] = weights[row, column].astype(np.float64) / self.survey.weight

    def whole(self) -> NDArray[np.bool_]:
        """Return which draws have both ends, (draws,)."""
        return np.asarray(np.isfinite(self.y).all(axis=0))

    def on(self, lattice: Lattice) -> NearPairs:
        """Return the pairs that have both ends, on a lattice; to be asked when all ends are filled in."""
        if lattice.steps in self._known:
            return self._known[lattice.steps]
        there = self.whole()
        share = self.survey.n / max(int(np.isfinite(self.y[0]).sum()), 1)
        lag, at = self._lag * [self._steps[0] / lattice.steps[1], self._steps[1] / lattice.steps[0]], self._drawn[there]
        self._known[lattice.steps] = NearPairs.of(lag, self._distance, at, share / self._chance[at])
        return self._known[lattice.steps]


def drawn_lags(
    rng: np.random.Generator, steps: tuple[float, float], shrink: float, lattices: Sequence[tuple[float, float]]
) -> tuple[Codes, Floats, Floats, NDArray[np.int64]]:
    """Draw lags between cells of a grid, the nearer the more often.

    Parameters
    ----------
    rng
        Of the draws.
    steps
        Distances between rows and between columns of the grid.
    shrink
        By how much distances along a row are shortened.
    lattices
        Distances between the columns and rows of each lattice that is to be refined, at least one.

    Returns
    -------
    lag, distance, chance, drawn
        Rows and columns between the two ends, (lags, 2), and cells of the grid, (lags,); how likely each lag is, (lags,); which
        of them was drawn, (draws,).
    """
    width = min(steps[0], steps[1] * shrink)
    reach = min(REACH * max(max(found) for found in lattices) / width, REACH_CELLS)
    lags, distance = _lags(steps[0] / width, steps[1] * shrink / width, reach)
    chance = 1.0 / distance**2
    chance /= chance.sum()
    return lags, distance, chance, rng.choice(len(lags), DRAWS, p=chance)


def is_coarser(lattice: Lattice, axes: Axes) -> bool:
    """Whether cells of a lattice hold several cells of a grid whose rows and columns are evenly spaced."""
    return is_even(axes) and bool(lattice.steps[1] > 1.01 * mean_step(axes.y) or lattice.steps[0] > 1.01 * mean_step(axes.x))


def is_even(axes: Axes) -> bool:
    """Whether rows and columns are evenly spaced, so that as many of them apart is as far apart everywhere."""
    steps = [np.abs(np.diff(along)) for along in (axes.y, axes.x) if len(along) > 2]
    return all(bool(np.ptp(found) <= UNEVEN * found.mean()) for found in steps)


def mean_step(values: Floats) -> float:
    """Return the mean distance between the rows or columns of a grid; 1 where there is a single one."""
    return float(np.ptp(values)) / (len(values) - 1) if len(values) > 1 and np.ptp(values) > 0.0 else 1.0


def _lags(down: float, right: float, reach: float) -> tuple[Codes, Floats]:
    """Return rows and columns of all lags up to `reach`, (lags, 2), and their lengths, for cells of `down` by `right`."""
    rows, columns = (np.arange(-int(reach / step), int(reach / step) + 1) for step in (down, right))
    lags = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    distance = np.hypot(lags[:, 0] * down, lags[:, 1] * right)
    near = (distance > 0.0) & (distance <= reach)
    return lags[near], distance[near]


def _within(rng: np.random.Generator, counts: Codes) -> Codes:
    """Draw rows (or columns) between the first and the last that have a cell with everything."""
    used = np.flatnonzero(counts)
    return rng.integers(int(used[0]), int(used[-1]) + 1, DRAWS)
