"""The crossings of every two drivers of streamed grids: moments, and what corrected tests need, block by block.

A corrected test of a pair needs, beside the moments of the crossing, cells (and weights) by lattice cell and crossed stratum,
and the sum of the response by lattice cell. The lattice is coarser than that of factors, and coarser still where so many
crossed strata would not fit into memory otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.geodetector_draws import Draws, is_coarser
from carbondrivers.attribution.geodetector_group import MOST_CROSSED
from carbondrivers.attribution.geodetector_lattice import (
    PAIR_SUMS,
    Axes,
    lattice_of,
    lattice_side,
    pieces_of,
    places_of_pieces,
)
from carbondrivers.attribution.geodetector_moments import Codes, Moments, flat, merge, pair_moments
from carbondrivers.attribution.geodetector_near import ends_of
from carbondrivers.attribution.geodetector_spatial import PAIR_SIDE, Places
from carbondrivers.attribution.geodetector_sums import CellSums
from carbondrivers.attribution.geodetector_survey import Survey
from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.blocks import Region

Pair = tuple[str, str]


class Crossings:
    """What is known of every two drivers whose crossing is not too large.

    Parameters
    ----------
    survey
        Of the grids.
    size
        Driver to its number of strata.
    axes
        Where the grids lie.
    weighted
        Whether cells are weighted.

    Attributes
    ----------
    pairs : dict
        Two drivers to the moments of their crossing, (strata of one, strata of the other).
    lattice : Lattice or None
        That corrected tests of them rest on.
    """

    def __init__(self, survey: Survey, size: Mapping[str, int], axes: Axes, weighted: bool) -> None:
        self.size, self.weighted, self._axes = size, weighted, axes
        crossed = [d for d in size if size[d] <= MOST_CROSSED // 2]
        self._wanted = [pair for pair in combinations(crossed, 2) if self._cells(pair) <= MOST_CROSSED]
        self.pairs: dict[Pair, Moments] = {}
        self._squares: dict[Pair, Floats] = {}
        self._plain: dict[Pair, Moments] = {}
        side = lattice_side(PAIR_SIDE, PAIR_SUMS, sum(self._cells(pair) for pair in self._wanted))
        self.lattice = lattice_of(survey, axes, side) if self._wanted and survey.varies else None
        self._pieces = pieces_of((len(survey.rows), len(survey.columns)), self.lattice, blocked=False)
        held = self._wanted if self.lattice is not None else []
        self._count = {pair: np.zeros((self._pieces.count, self._cells(pair))) for pair in held}
        self._weight = {pair: np.zeros_like(table) for pair, table in self._count.items()} if weighted else self._count
        self._total = np.zeros(self._pieces.count)
        self._where: Places | None = None

    @property
    def drivers(self) -> list[str]:
        """The drivers of the crossings."""
        return [d for d in self.size if any(d in pair for pair in self._wanted)]

    def sums(self, pair: Pair, draws: Draws | None) -> CellSums | None:
        """Return the sums of one crossing over lattice cells, with near pairs where it needs them; None without a lattice."""
        if self.lattice is None or pair not in self._count:
            return None
        rows = self._count[pair].sum(axis=1)
        if self._where is None:
            self._where = places_of_pieces(self._pieces, self.lattice, np.rint(rows).astype(np.int64))
        there = rows > 0.0
        # Pieces are lattice cells here, and each occupied one is a row of its own.
        order = np.argsort(self._where.cell)
        count, weight, total = (values[there][order] for values in (self._count[pair], self._weight[pair], self._total))
        plain = self._plain[pair] if self.weighted else self.pairs[pair]
        ends = None
        if draws is not None and is_coarser(self.lattice, self._axes):
            one, two = (draws.codes[d].astype(np.int64) for d in pair)
            ends = ends_of(draws, self.lattice, one * self.size[pair[1]] + two)
        return CellSums(self._where, count, weight, self.own(pair), total, flat(plain), ends)

    def own(self, pair: Pair) -> Floats:
        """Return the sums of squared weights of a crossing (the cells where they are not weighted), row-major."""
        return self._squares[pair] if self.weighted else self.pairs[pair].count.ravel().astype(np.float64)

    def add(self, region: Region, keep: NDArray[np.bool_], y: Floats, codes: Mapping[str, Codes], w: Floats | None) -> None:
        """Take the cells of a region in: response and weights of those to keep, and their strata."""
        if not self._wanted:
            return
        crossed = {d: codes[d] for d in self.drivers}
        self._merge(self.pairs, pair_moments(y, crossed, self.size, w))
        if w is not None:
            self._merge(self._plain, pair_moments(y, crossed, self.size))
        here, local = self._pieces.touched(region) if self.lattice is not None else (None, None)
        if here is not None and local is not None:
            local = local if keep.all() else local[keep.ravel()]
            self._total[here] += np.bincount(local, y, minlength=len(here))
        for pair in self._wanted:
            joint = codes[pair[0]] * self.size[pair[1]] + codes[pair[1]]
            if w is not None:
                found = np.bincount(joint, w**2, minlength=self._cells(pair)).astype(np.float64)
                self._squares[pair] = self._squares[pair] + found if pair in self._squares else found
            if here is not None and local is not None:
                self._count_in(pair, here, local * self._cells(pair) + joint, w)

    def _cells(self, pair: Pair) -> int:
        return self.size[pair[0]] * self.size[pair[1]]

    def _merge(self, known: dict[Pair, Moments], found: Mapping[Pair, Moments]) -> None:
        for pair in self._wanted:
            known[pair] = merge(known[pair], found[pair]) if pair in known else found[pair]

    def _count_in(self, pair: Pair, here: Codes, joint: Codes, w: Floats | None) -> None:
        shape = len(here), self._cells(pair)
        self._count[pair][here] += np.bincount(joint, minlength=shape[0] * shape[1]).reshape(shape)
        if w is not None:
            self._weight[pair][here] += np.bincount(joint, w, minlength=shape[0] * shape[1]).reshape(shape)
