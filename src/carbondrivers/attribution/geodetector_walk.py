"""Two walks over grids for the geodetector: which classes there are, and the moments of their cells, block by block.

The moments of every factor are kept apart by blocks of space, a tenth of the longer side across, whatever the chunks: they are
what the interval of epsilon2 is resampled from, and together they are the whole grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution.geodetector_group import MOST_CROSSED
from carbondrivers.attribution.geodetector_moments import Codes, Moments, cell_moments, merge, pair_moments
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.resampling import BLOCKS_ACROSS
from carbondrivers.datasets.blocks import Region, in_blocks
from carbondrivers.errors import DataError

LARGEST_CODE = 4096
Pair = tuple[str, str]


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

    Attributes
    ----------
    classes : dict
        Driver to the numbers of its classes, ascending, (classes,).
    blocks : dict
        Driver to the moments of its classes in each block of space, (blocks, classes).
    factors : dict
        Driver to the moments of its classes.
    pairs, own : dict
        Two drivers to the moments of their crossing, and to its sums of squared weights.
    missing : int
        Cells without a value, a class or a weight.
    kish : float
        Cells over the number of cells of equal weight that they are worth.

    Raises
    ------
    DataError
        If the response or a weight is infinite, a weight is negative, a class is no whole number, or no cell has everything.
    """

    def __init__(self, response: xr.DataArray, grids: Mapping[str, xr.DataArray], weights: xr.DataArray | None) -> None:
        self.drivers = list(grids)
        self.classes = _classes(grids)
        self.size = {d: len(found) for d, found in self.classes.items()}
        self.side = max(1, -(-max(response.shape) // BLOCKS_ACROSS))
        self.across = -(-response.shape[1] // self.side)
        count = self.across * -(-response.shape[0] // self.side)
        self.blocks = {d: _nothing((count, size)) for d, size in self.size.items()}
        self.squares = np.zeros(count)
        self.pairs: dict[Pair, Moments] = {}
        self.own: dict[Pair, Floats] = {}
        self.missing = 0
        more = () if weights is None else (weights,)
        for region, layers in in_blocks(response, *grids.values(), *more):
            flat = [np.asarray(layer).ravel() for layer in layers]
            given = _weights(flat.pop()) if more else None
            self._add(region, flat[0].astype(np.float64), flat[1:], given)
        if not self.squares.any():
            raise DataError("no cell has a response and a class of every driver: check that the grids lie on one another")
        self._finish(weighted=weights is not None)

    @property
    def n(self) -> int:
        """Number of cells with everything."""
        return next(iter(self.factors.values())).n

    def _add(self, region: Region, y: Floats, layers: list[NDArray[Any]], weights: Floats | None) -> None:
        if np.isinf(y).any():
            raise DataError("the response has infinite values: set them to NaN, or mend what made them")
        keep = np.isfinite(y) if weights is None else np.isfinite(y) & (weights > 0.0)
        for layer in layers:
            keep &= (np.isfinite(layer) if layer.dtype.kind == "f" else True) & (layer >= 0)
        self.missing += int((~keep).sum())
        if not keep.any():
            return
        y, w = y[keep], None if weights is None else weights[keep]
        codes = {d: self._places(d, layer[keep]) for d, layer in zip(self.drivers, layers, strict=True)}
        here, local = self._block_of(region)
        local = local[keep]
        self.squares[here] += np.bincount(local, None if w is None else w**2, minlength=len(here))
        for driver, size in self.size.items():
            found = cell_moments(y, local * size + codes[driver], len(here) * size, w)
            _put(self.blocks[driver], here, _shaped(found, (len(here), size)))
        crossed = {d: c for d, c in codes.items() if self.size[d] <= MOST_CROSSED // 2}
        for pair, table in pair_moments(y, crossed, self.size, w).items():
            self.pairs[pair] = merge(self.pairs[pair], table) if pair in self.pairs else table
            self.own[pair] = self.own.get(pair, 0.0) + self._own(pair, codes, table, w)

    def _places(self, driver: str, numbers: NDArray[Any]) -> Codes:
        place = np.zeros(LARGEST_CODE + 1, dtype=np.int64)
        place[self.classes[driver]] = np.arange(self.size[driver])
        return place[numbers.astype(np.int64)]

    def _block_of(self, region: Region) -> tuple[Codes, Codes]:
        """Return the blocks of space that a chunk touches, and for each of its cells which of them."""
        down, across = (np.arange(part.start, part.stop) // self.side for part in region)
        rows, columns = np.unique(down), np.unique(across)
        local = (down - rows[0])[:, None] * len(columns) + (across - columns[0])
        return (rows[:, None] * self.across + columns).ravel(), local.ravel()

    def _own(self, pair: Pair, codes: Mapping[str, Codes], table: Moments, weights: Floats | None) -> Floats:
        if weights is None:
            return table.count.astype(np.float64)
        joint = codes[pair[0]] * self.size[pair[1]] + codes[pair[1]]
        found = np.asarray(np.bincount(joint, weights**2, minlength=table.count.size), dtype=np.float64)
        return found.reshape(table.count.shape)

    def _finish(self, *, weighted: bool) -> None:
        """Leave out classes that only occur where something else is missing, and scale weights to a mean of 1."""
        whole = {d: found.margin(0) for d, found in self.blocks.items()}
        one = next(iter(whole.values()))
        scale = one.n / float(one.weight.sum()) if weighted else 1.0
        kept = {d: found.count > 0 for d, found in whole.items()}
        self.factors = {d: _scaled(_taken(found, kept[d]), scale) for d, found in whole.items()}
        self.blocks = {d: _scaled(_taken(found, np.s_[:, kept[d]]), scale) for d, found in self.blocks.items()}
        for pair, table in self.pairs.items():
            there = np.ix_(*(kept[d] for d in pair))
            self.pairs[pair] = _scaled(_taken(table, there), scale)
            self.own[pair] = self.own[pair][there] * scale**2
        self.classes = {d: found[kept[d]] for d, found in self.classes.items()}
        self.squares = self.squares * scale**2
        self.kish = float(self.squares.sum()) / one.n


def _classes(grids: Mapping[str, xr.DataArray]) -> dict[str, Codes]:
    seen = {d: np.zeros(LARGEST_CODE + 1, dtype=bool) for d in grids}
    for _, layers in in_blocks(*grids.values()):
        for driver, layer in zip(grids, layers, strict=True):
            values = np.asarray(layer)
            known = values[np.isfinite(values) & (values >= 0)] if values.dtype.kind == "f" else values[values >= 0]
            if known.size and (known.max() > LARGEST_CODE or (known != np.floor(known)).any()):
                raise DataError(
                    f"strata of {driver!r} must be whole numbers from 0 to {LARGEST_CODE}: cut it into classes first"
                )
            seen[driver][np.unique(known).astype(np.int64)] = True
    return {d: np.flatnonzero(there).astype(np.int64) for d, there in seen.items()}


def _weights(values: NDArray[Any]) -> Floats:
    found = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=-1.0, neginf=-1.0)
    if (found < 0.0).any():
        raise DataError("weights must be finite and not below 0: give areas, as cell_areas(response)")
    return found


def _nothing(shape: tuple[int, int]) -> Moments:
    return Moments(np.zeros(shape, dtype=np.int64), *(np.zeros(shape) for _ in range(3)))


def _put(whole: Moments, at: Codes, part: Moments) -> None:
    """Merge moments of some blocks into those of all, in place."""
    found = merge(_taken(whole, at), part)
    for name in ("count", "weight", "mean", "square"):
        getattr(whole, name)[at] = getattr(found, name)


def _shaped(moments: Moments, shape: tuple[int, int]) -> Moments:
    return Moments(*(getattr(moments, name).reshape(shape) for name in ("count", "weight", "mean", "square")))


def _taken(moments: Moments, there: Any) -> Moments:
    return Moments(*(getattr(moments, name)[there] for name in ("count", "weight", "mean", "square")))


def _scaled(moments: Moments, scale: float) -> Moments:
    return Moments(moments.count, moments.weight * scale, moments.mean, moments.square * scale)
