"""The geodetector's one engine: count, weight, mean and centred sum of squares of the response in every cell.

A cell is a stratum of one factor, or a crossing of two. q, F, the additive remainder, risks and the ecological detector need
nothing else, so one pass over the rows serves all of them, and blocks of rows merge exactly:
M2 = M2a + M2b + d^2 Wa Wb / (Wa + Wb), with d the difference of the means and W the weights
(Chan, Golub and LeVeque 1983, doi:10.1080/00031305.1983.10483115).

Pairs are counted together: factors are packed into groups of a few dozen cells, the groups are crossed two by two, and every
pair of factors is a margin of one such table. Ten factors of eight strata take 10 scatter-adds a row in place of 45.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats

Codes = NDArray[np.int64]
AnyCodes = NDArray[np.integer]
# Two groups of this many cells cross to a table that stays in the nearest caches, and so do the joint codes of a block of rows.
PACK_CELLS, BLOCK = 64, 1 << 14
WIDE = 1 << 15


@dataclass(frozen=True, slots=True)
class Moments:
    """What is known of the response in each cell.

    Attributes
    ----------
    count : int64, (cells,) or (cells of one factor, cells of another)
        Rows; a cell may be empty.
    weight : float64, same shape
        Sum of the weights; the count where rows are not weighted.
    mean : float64, same shape
        Weighted mean; 0 in an empty cell.
    square : float64, same shape
        Weighted sum of squares about the mean of the cell.
    """

    count: Codes
    weight: Floats
    mean: Floats
    square: Floats

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.count.sum())

    @property
    def cells(self) -> int:
        """Number of cells with a member."""
        return int(np.count_nonzero(self.count))

    @property
    def centre(self) -> float:
        """Weighted mean of all rows."""
        total = float(self.weight.sum())
        return float((self.weight * self.mean).sum()) / total if total > 0.0 else np.nan

    @property
    def between(self) -> float:
        """Sum of squares between the cells."""
        return float((self.weight * (self.mean - self.centre) ** 2).sum())

    @property
    def within(self) -> float:
        """Sum of squares within the cells."""
        return float(self.square.sum())

    def margin(self, axis: int) -> Moments:
        """Return the moments of one factor of a crossing, summed over the other's cells along `axis`."""
        weight = self.weight.sum(axis=axis)
        mean = _ratio((self.weight * self.mean).sum(axis=axis), weight)
        apart = self.mean - np.expand_dims(mean, axis)
        return Moments(self.count.sum(axis=axis), weight, mean, (self.square + self.weight * apart**2).sum(axis=axis))


def cell_moments(y: Floats, codes: AnyCodes, cells: int, weights: Floats | None = None) -> Moments:
    """Return the moments of y in the cells of one factor.

    Parameters
    ----------
    y
        Response, (n,), finite.
    codes
        Cell of each row, (n,), 0 to cells - 1.
    cells
        Number of cells.
    weights
        (n,), above 0; every row counts 1 where None.

    Examples
    --------
    >>> found = cell_moments(np.array([1.0, 3.0, 7.0]), np.array([0, 0, 1]), 2)
    >>> found.mean.tolist(), found.square.tolist()
    ([2.0, 7.0], [2.0, 0.0])
    """
    if len(y) == 0:
        return Moments(np.zeros(cells, dtype=np.int64), *(np.zeros(cells) for _ in range(3)))
    origin = float(y.mean())
    rows = [slice(start, start + WIDE) for start in range(0, len(y), WIDE)]
    count, weight, first, square = np.zeros(cells, dtype=np.int64), *(np.zeros(cells) for _ in range(3))
    for part in rows:
        apart, place = y[part] - origin, codes[part].astype(np.int64, copy=False)
        count += np.bincount(place, minlength=cells)
        if weights is not None:
            weight += _sums(place, weights[part], cells)
        first += _sums(place, apart if weights is None else weights[part] * apart, cells)
    weight = count.astype(np.float64) if weights is None else weight
    mean = _ratio(first, weight)
    for part in rows:
        place = codes[part].astype(np.int64, copy=False)
        left = (y[part] - origin - mean[place]) ** 2
        square += _sums(place, left if weights is None else weights[part] * left, cells)
    return Moments(count, weight, np.where(count > 0, mean + origin, 0.0), square)


def merge(one: Moments, other: Moments) -> Moments:
    """Return the moments of two disjoint sets of rows together.

    Examples
    --------
    >>> y, codes = np.array([1.0, 3.0, 7.0, 9.0]), np.array([0, 0, 0, 1])
    >>> parts = [cell_moments(y[i : i + 2], codes[i : i + 2], 2) for i in (0, 2)]
    >>> bool(np.allclose(merge(*parts).square, cell_moments(y, codes, 2).square))
    True
    """
    weight = one.weight + other.weight
    share = _ratio(other.weight, weight)
    apart = np.where((one.count > 0) & (other.count > 0), other.mean - one.mean, 0.0)
    mean = np.where(one.count > 0, one.mean + share * apart, other.mean)
    square = one.square + other.square + apart**2 * share * one.weight
    return Moments(one.count + other.count, weight, mean, square)


def flat(moments: Moments) -> Moments:
    """Return the moments of a crossing with its cells in one row, row-major."""
    return reshaped(moments, (moments.count.size,))


def reshaped(moments: Moments, shape: tuple[int, ...]) -> Moments:
    """Return the moments of the same cells in another shape."""
    return Moments(
        moments.count.reshape(shape), moments.weight.reshape(shape), moments.mean.reshape(shape), moments.square.reshape(shape)
    )


def q_of(moments: Moments, total: float | None = None) -> float:
    """Return q = 1 - SSW / SST; NaN where the response does not vary.

    Parameters
    ----------
    moments
        Of the cells.
    total
        SST, where it is known and the squares within cells are not.

    Examples
    --------
    >>> q_of(cell_moments(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1]), 2))
    1.0
    """
    between = moments.between
    whole = between + moments.within if total is None else total
    return min(between / whole, 1.0) if whole > 0.0 else np.nan


def pair_moments(
    y: Floats, codes: Mapping[str, AnyCodes], cells: Mapping[str, int], weights: Floats | None = None
) -> dict[tuple[str, str], Moments]:
    """Return the moments of the crossing of every two factors.

    Parameters
    ----------
    y
        Response, (n,), finite.
    codes
        Name of a factor to the stratum of each row, (n,), 0 to its number of cells - 1.
    cells
        Name of a factor to its number of strata.
    weights
        (n,), above 0; every row counts 1 where None.

    Returns
    -------
    dict
        (one, other), in the order of `codes`, to moments of shape (cells of one, cells of other).

    Examples
    --------
    >>> codes = {"a": np.array([0, 0, 1]), "b": np.array([0, 1, 1])}
    >>> pair_moments(np.array([1.0, 3.0, 7.0]), codes, {"a": 2, "b": 2})["a", "b"].mean.tolist()
    [[1.0, 3.0], [0.0, 7.0]]
    """
    if len(codes) < 2 or len(y) == 0:
        return {}
    origin = float(y.mean())
    packs = _packs(list(codes), cells)
    found: dict[tuple[str, str], Moments] = {}
    for names, table in zip(*_crossings(packs, codes, cells, y - origin, weights), strict=True):
        for pair in combinations(names, 2):
            if pair not in found:
                found[pair] = _margin_of(table, names, pair, origin)
    return {pair: found[pair] for pair in combinations(codes, 2)}


def _packs(names: list[str], cells: Mapping[str, int]) -> list[list[str]]:
    """Return the factors in groups whose crossing has at most ``PACK_CELLS`` cells; one alone may have more."""
    packs: list[list[str]] = []
    size = 1
    for name in names:
        if packs and size * cells[name] <= PACK_CELLS:
            packs[-1].append(name)
            size *= cells[name]
        else:
            packs.append([name])
            size = cells[name]
    return packs


def _crossings(
    packs: list[list[str]], codes: Mapping[str, AnyCodes], cells: Mapping[str, int], apart: Floats, weights: Floats | None
) -> tuple[list[list[str]], list[Floats]]:
    """Return the factors of every two groups, and their counts, weights, sums and squares: (4, cells, cells, ...)."""
    sizes = [int(np.prod([cells[n] for n in pack])) for pack in packs]
    wanted = list(combinations(range(len(packs)), 2)) or [(0, 0)]
    tables = [np.zeros((4, sizes[i] * (sizes[j] if i != j else 1))) for i, j in wanted]
    for start in range(0, len(apart), BLOCK):
        rows = slice(start, start + BLOCK)
        joint = [_joined([codes[n][rows] for n in pack], [cells[n] for n in pack]) for pack in packs]
        weight = None if weights is None else weights[rows]
        first = apart[rows] if weight is None else weight * apart[rows]
        second = first * apart[rows]
        for (i, j), table in zip(wanted, tables, strict=True):
            both = joint[i] if i == j else joint[i] * sizes[j] + joint[j]
            table[0] += np.bincount(both, minlength=table.shape[1])
            if weight is not None:
                table[1] += np.bincount(both, weight, minlength=table.shape[1])
            table[2] += np.bincount(both, first, minlength=table.shape[1])
            table[3] += np.bincount(both, second, minlength=table.shape[1])
    names = [packs[i] if i == j else packs[i] + packs[j] for i, j in wanted]
    if weights is None:
        for table in tables:
            table[1] = table[0]
    return names, [t.reshape(4, *(cells[n] for n in part)) for t, part in zip(tables, names, strict=True)]


def _joined(codes: Sequence[AnyCodes], cells: Sequence[int]) -> Codes:
    found = codes[0].astype(np.int64)
    for other, size in zip(codes[1:], cells[1:], strict=True):
        found *= size
        found += other
    return found


def _margin_of(table: Floats, names: list[str], pair: tuple[str, str], origin: float) -> Moments:
    others = tuple(axis + 1 for axis, name in enumerate(names) if name not in pair)
    count, weight, first, second = table.sum(axis=others)
    mean = _ratio(first, weight)
    # A single member has no spread, whatever rounding says.
    square = np.where(count > 1, np.maximum(second - mean * first, 0.0), 0.0)
    return Moments(np.rint(count).astype(np.int64), weight, np.where(count > 0, mean + origin, 0.0), square)


def _sums(codes: AnyCodes, values: Floats, cells: int) -> Floats:
    return np.asarray(np.bincount(codes, values, minlength=cells), dtype=np.float64)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros(np.shape(below)), where=below > 0.0)
