"""First walk over grids for the geodetector: which cells have everything, which classes occur there, and where they lie.

The second walk needs to know it beforehand: the centre and range of the response, so that sums keep their digits; the classes,
so that tables have their size; and the extent of the cells, so that their lattice is the one that a table of them would have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution.geodetector_moments import Codes
from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.blocks import Region, in_blocks
from carbondrivers.errors import DataError

LARGEST_CODE = 4096
# A chunk is walked in bands of rows of so many cells: their tables stay in the caches.
BAND_CELLS = 1 << 20
Layers = list[NDArray[Any]]


class Survey:
    """What the first walk finds.

    Parameters
    ----------
    response, grids, weights
        As for ``geodetector_walk.Walk``.

    Attributes
    ----------
    classes : dict
        Driver to the numbers of its classes in cells that have everything, ascending, (classes,).
    rows, columns : int64
        Cells that have everything in each row, (y,), and in each column, (x,).
    missing : int
        Cells without a value, a class or a weight.
    origin, scale : float
        Mean and range of the response; the range is 1 where it does not vary.
    varies : bool
        Whether the response does.
    weight : float
        Mean weight.

    Raises
    ------
    DataError
        If the response or a weight is infinite, a weight is negative, a class is no whole number, or no cell has everything.
    """

    def __init__(self, response: xr.DataArray, grids: Mapping[str, xr.DataArray], weights: xr.DataArray | None) -> None:
        self.seen = {d: np.zeros(LARGEST_CODE + 1, dtype=bool) for d in grids}
        self.rows, self.columns = (np.zeros(size, dtype=np.int64) for size in response.shape)
        self.missing, self._low, self._high = 0, np.inf, -np.inf
        self._first, self._sum, self._weight = np.nan, 0.0, 0.0
        for region, y, layers, given in bands(response, grids, weights):
            self._add(region, y, layers, given)
        if not self.n:
            raise DataError("no cell has a response and a class of every driver: check that the grids lie on one another")
        self.classes = {d: np.flatnonzero(there).astype(np.int64) for d, there in self.seen.items()}
        self.varies = self._high > self._low
        self.scale = self._high - self._low if self.varies else 1.0
        self.origin = self._first + self._sum / self.n if self.varies else self._low
        self.weight = 1.0 if weights is None else self._weight / self.n

    @property
    def n(self) -> int:
        """Number of cells with everything."""
        return int(self.rows.sum())

    def _add(self, region: Region, y: NDArray[Any], layers: Layers, weights: NDArray[Any] | None) -> None:
        if np.isinf(y).any():
            raise DataError("the response has infinite values: set them to NaN, or mend what made them")
        for driver, layer in zip(self.seen, layers, strict=True):
            _check(driver, layer)
        if weights is not None and (~np.isfinite(weights) & ~np.isnan(weights) | (weights < 0.0)).any():
            raise DataError("weights must be finite and not below 0: give areas, as cell_areas(response)")
        keep = complete(y, layers, weights)
        rows, columns = keep.sum(axis=1), keep.sum(axis=0)
        found = int(rows.sum())
        self.missing += y.size - found
        if not found:
            return
        self.rows[region[0]] += rows
        self.columns[region[1]] += columns
        values = kept(y, keep).astype(np.float64, copy=False)
        self._first = float(values[0]) if np.isnan(self._first) else self._first
        self._sum += float((values - self._first).sum())
        self._low, self._high = min(self._low, float(values.min())), max(self._high, float(values.max()))
        for driver, layer in zip(self.seen, layers, strict=True):
            self.seen[driver][kept(layer, keep).astype(np.int64)] = True
        if weights is not None:
            self._weight += float(kept(weights, keep).sum(dtype=np.float64))


def bands(
    response: xr.DataArray, grids: Mapping[str, xr.DataArray], weights: xr.DataArray | None
) -> Iterator[tuple[Region, NDArray[Any], Layers, NDArray[Any] | None]]:
    """Iterate over grids in bands of rows of their chunks.

    Yields
    ------
    region, response, classes, weights
        Row and column slices, and the values of each grid in them, (rows, columns).
    """
    more = () if weights is None else (weights,)
    for (down, across), layers in in_blocks(response, *grids.values(), *more):
        step = max(1, BAND_CELLS // (across.stop - across.start))
        for start in range(down.start, down.stop, step):
            region = slice(start, min(start + step, down.stop)), across
            part = [np.asarray(layer)[start - down.start : start - down.start + step] for layer in layers]
            yield region, part[0], part[1 : 1 + len(grids)], part[-1] if more else None


def complete(y: NDArray[Any], layers: Layers, weights: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Return which cells have a response, a class of every driver and a weight above 0."""
    keep = np.asarray(np.isfinite(y))
    if weights is not None:
        keep &= weights > 0.0
    for layer in layers:
        if layer.dtype.kind == "f":
            keep &= np.isfinite(layer)
        if layer.dtype.kind in "if":
            keep &= layer >= 0
    return keep


def kept(values: NDArray[Any], keep: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the values of the cells to keep, flat; no copy where these are all."""
    return values.ravel() if keep.all() else values[keep]


def places_of_classes(numbers: Codes) -> Codes:
    """Return for every number that a class can have its place among `numbers`."""
    place = np.zeros(LARGEST_CODE + 1, dtype=np.int64)
    place[numbers] = np.arange(len(numbers))
    return place


def mean_of_rows(values: Floats, rows: Codes) -> float:
    """Return the mean over cells of what a whole row shares, such as its latitude."""
    return float(values @ rows) / float(rows.sum())


def _check(driver: str, layer: NDArray[Any]) -> None:
    if layer.dtype.kind == "b":
        return
    known = layer[np.isfinite(layer) & (layer >= 0)] if layer.dtype.kind == "f" else layer
    if known.size and (known.max() > LARGEST_CODE or (layer.dtype.kind == "f" and (known != np.floor(known)).any())):
        raise DataError(f"strata of {driver!r} must be whole numbers from 0 to {LARGEST_CODE}: cut it into classes first")
