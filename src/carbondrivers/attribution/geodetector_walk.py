"""Two walks over grids for the geodetector: what is there (``geodetector_survey``), and the moments of cells, block by block.

The moments of every factor are kept apart by pieces of space, whatever the chunks: by the cells of a lattice, which corrected
tests need, and by blocks, a tenth of the longer side across, which the interval of epsilon2 is resampled from. Together they
are the whole grid. Crossings are in ``geodetector_crossings``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution.geodetector_crossings import Crossings
from carbondrivers.attribution.geodetector_draws import Draws, is_coarser
from carbondrivers.attribution.geodetector_lattice import (
    FACTOR_SUMS,
    Axes,
    Pieces,
    lattice_of,
    lattice_side,
    pieces_of,
    places_of_pieces,
)
from carbondrivers.attribution.geodetector_moments import Codes, Moments, cell_moments, merge, reshaped
from carbondrivers.attribution.geodetector_near import ends_of
from carbondrivers.attribution.geodetector_spatial import FACTOR_SIDE, Blocks
from carbondrivers.attribution.geodetector_sums import FactorSums, HigherMoments
from carbondrivers.attribution.geodetector_survey import Layers, Survey, bands, complete, kept, places_of_classes
from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.blocks import Region

# Drivers of more strata have no corrected P: their sums by lattice cell would be the memory of all others.
MOST_STRATA = 500


class Walk:
    """What the geodetector needs to know of grids.

    Parameters
    ----------
    response
        Dimensions (y, x).
    grids
        Driver to its classes, (y, x); NaN and negative numbers are no class.
    weights
        (y, x), above 0; every cell counts 1 where None.
    axes
        Where the grids lie.
    seed
        Of the pairs that are drawn where a lattice is coarser than the grids.

    Attributes
    ----------
    survey : Survey
        Of the grids: classes, cells that have everything, origin and scale of the response.
    factors : dict
        Driver to the moments of its classes, of the response centred and scaled; weights have mean 1.
    crossings : Crossings
        Of every two drivers.
    axes : Axes
        Where rows and columns lie.
    kish : float
        Mean of the squared weights, 1 where cells are not weighted.

    Raises
    ------
    DataError
        As ``Survey`` does.
    """

    def __init__(
        self, response: xr.DataArray, grids: Mapping[str, xr.DataArray], weights: xr.DataArray | None, axes: Axes, seed: int = 0
    ) -> None:
        self.drivers, self.weighted, self.axes = list(grids), weights is not None, axes
        self.survey = Survey(response, grids, weights)
        self._size = {d: len(found) for d, found in self.survey.classes.items()}
        self._places = {d: places_of_classes(found) for d, found in self.survey.classes.items()}
        shape, few = (int(response.shape[0]), int(response.shape[1])), [d for d in grids if self._size[d] <= MOST_STRATA]
        side = lattice_side(FACTOR_SIDE, FACTOR_SUMS, sum(self._size[d] for d in few))
        lattice = lattice_of(self.survey, axes, side) if few and self.survey.varies else None
        self._on_lattice = few if lattice is not None else []
        self._parts = [
            _Part(pieces_of(shape, below, blocked=True), {d: self._size[d] for d in drivers}, self.weighted)
            for below, drivers in ((lattice, few), (None, [d for d in grids if d not in few]))
            if drivers
        ]
        self.crossings = Crossings(self.survey, self._size, axes, self.weighted)
        coarse = [found for found in (lattice, self.crossings.lattice) if found is not None and is_coarser(found, axes)]
        self.draws = Draws(self.survey, axes, coarse, self.drivers, seed) if coarse else None
        self._lattice = lattice if lattice in coarse else None
        self._higher: dict[str, HigherMoments] = {}
        self._own = {d: np.zeros(size) for d, size in self._size.items()}
        for region, y, layers, given in bands(response, grids, weights):
            self._add(region, y, layers, given)
        self.factors = {d: part.moments[d].margin(0) for part in self._parts for d in part.moments}
        self.kish = float(self._parts[0].squares.sum()) / self.n
        count = next(iter(self._parts[0].moments.values())).count.sum(axis=1)
        self._there = count > 0
        self._where = None if lattice is None else places_of_pieces(self._parts[0].pieces, lattice, count)

    @property
    def n(self) -> int:
        """Number of cells with everything."""
        return self.survey.n

    def interval_sums(self, driver: str) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the sums over blocks of space that ``geodetector_bootstrap.interval_of_sums`` asks for."""
        part, moments = self._part(driver), self.factors[driver]
        found = part.moments[driver]
        apart = np.where(found.count > 0, found.mean - moments.centre, 0.0)
        squares = (found.square + found.weight * apart**2).sum(axis=1)
        values = np.column_stack([found.weight, found.weight * apart, squares, part.squares])
        sums = _gathered(part.pieces.block, values, int(part.pieces.block.max()) + 1)
        sums, cells = sums[sums[:, -1] > 0.0], len(moments.count)
        return sums[:, :cells], sums[:, cells : 2 * cells], sums[:, -2], sums[:, -1]

    def sums(self, driver: str) -> FactorSums | None:
        """Return the sums of one driver over lattice cells; None where there is no lattice for it."""
        if self._where is None or driver not in self._on_lattice:
            return None
        part, where, higher = self._part(driver), self._where, self._higher[driver]
        plain = part.plain[driver]
        first = plain.count * plain.mean
        second = (plain.square + first * plain.mean).sum(axis=1, keepdims=True)
        count, first, second, weight = (
            _gathered(where.cell, values[self._there].astype(np.float64), len(where.occupied))
            for values in (plain.count, first, second, part.moments[driver].weight)
        )
        own = self._own[driver] if self.weighted else self.factors[driver].count.astype(np.float64)
        ends = None
        if self.draws is not None and self._lattice is not None:
            ends = ends_of(self.draws, self._lattice, self.draws.codes[driver].astype(np.int64))
        return FactorSums(where, count, weight, own, first.sum(axis=1), higher.plain, ends, first, second[:, 0], higher)

    def blocks(self) -> Blocks | None:
        """Return the blocks of space on the lattice; None where there is no lattice."""
        if self._where is None:
            return None
        part = self._parts[0]
        weight = next(iter(part.moments.values())).weight.sum(axis=1)
        codes = np.unique(part.pieces.block[self._there], return_inverse=True)[1].reshape(-1).astype(np.int64)
        return Blocks.of(self._where, codes, weight[self._there], own=float(part.squares.sum()))

    def _part(self, driver: str) -> _Part:
        return next(part for part in self._parts if driver in part.moments)

    def _add(self, region: Region, y: NDArray[Any], layers: Layers, weights: NDArray[Any] | None) -> None:
        keep = complete(y, layers, weights)
        if not keep.any():
            return
        if self.draws is not None:
            numbers = dict(zip(self.drivers, layers, strict=True))
            self.draws.add(region, keep, y, {d: (self._places[d], numbers[d]) for d in self.drivers}, weights)
        values = (kept(y, keep).astype(np.float64) - self.survey.origin) / self.survey.scale
        w = None if weights is None else kept(weights, keep).astype(np.float64) / self.survey.weight
        codes = {d: self._places[d][kept(layer, keep).astype(np.int64)] for d, layer in zip(self.drivers, layers, strict=True)}
        for part in self._parts:
            for driver, plain in part.add(region, keep, values, codes, w).items():
                if driver in self._on_lattice:
                    higher = HigherMoments.of_rows(values, codes[driver], plain)
                    known = self._higher.get(driver)
                    self._higher[driver] = higher if known is None else known.merged(higher)
        if w is not None:
            for driver, size in self._size.items():
                self._own[driver] += np.bincount(codes[driver], w**2, minlength=size)
        self.crossings.add(region, keep, values, codes, w)


class _Part:
    """Pieces of a grid, and the moments of some drivers in them: weighted, and not."""

    def __init__(self, pieces: Pieces, size: Mapping[str, int], weighted: bool) -> None:
        self.pieces, self.size = pieces, size
        self.moments = {d: _nothing((pieces.count, cells)) for d, cells in size.items()}
        self.plain = {d: _nothing((pieces.count, cells)) for d, cells in size.items()} if weighted else self.moments
        self.squares = np.zeros(pieces.count)

    def add(
        self, region: Region, keep: NDArray[np.bool_], y: Floats, codes: Mapping[str, Codes], w: Floats | None
    ) -> dict[str, Moments]:
        """Take the cells of a region in, and return their moments by stratum, not weighted."""
        here, local = self.pieces.touched(region)
        local = local if keep.all() else local[keep.ravel()]
        self.squares[here] += np.bincount(local, None if w is None else w**2, minlength=len(here))
        found = {}
        for driver, cells in self.size.items():
            joint, shape = local * cells + codes[driver], (len(here), cells)
            plain = reshaped(cell_moments(y, joint, len(here) * cells), shape)
            _put(self.plain[driver], here, plain)
            if w is not None:
                _put(self.moments[driver], here, reshaped(cell_moments(y, joint, len(here) * cells, w), shape))
            found[driver] = plain.margin(0)
        return found


def _gathered(codes: Codes, values: Floats, count: int) -> Floats:
    """Return sums of the rows of values, (n, k), by their code: (count, k)."""
    found = np.zeros((count, values.shape[1]))
    np.add.at(found, codes, values)
    return found


def _nothing(shape: tuple[int, int]) -> Moments:
    return Moments(np.zeros(shape, dtype=np.int64), *(np.zeros(shape) for _ in range(3)))


def _put(whole: Moments, at: Codes, part: Moments) -> None:
    """Merge moments of some pieces into those of all, in place."""
    found = merge(Moments(whole.count[at], whole.weight[at], whole.mean[at], whole.square[at]), part)
    whole.count[at], whole.weight[at], whole.mean[at], whole.square[at] = found.count, found.weight, found.mean, found.square
