"""Spatial autocorrelation on a regular grid by a 3 x 3 stencil, without a weights matrix: pure arrays.

With z = x - mean, m2 = sum z^2 / n, w the weights (1, or 1 / k for k neighbours), W_i = sum_j w_ij, W2_i = sum_j w_ij^2:
global I = n / S0 * sum_i z_i sum_j w_ij z_j / sum z^2, with the exact moments of Cliff and Ord (1981); local
I_i = z_i / m2 * sum_j w_ij z_j (Anselin 1995, doi:10.1111/j.1538-4632.1995.tb00338.x) with the conditional and the total
moments of Sokal, Oden and Thomson (1998, doi:10.1111/j.1538-4632.1998.tb00406.x); Gi and Gi* of Ord and Getis (1995,
doi:10.1111/j.1538-4632.1995.tb00912.x). NaN cells are no neighbours; a cell without neighbours is an island.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
ROOK = ((-1, 0), (0, -1), (0, 1), (1, 0))
OFFSETS = {"rook": ROOK, "queen": (*ROOK, (-1, -1), (-1, 1), (1, -1), (1, 1))}


@dataclass(frozen=True, slots=True)
class Lattice:
    """A grid (rows, columns) made ready: what every statistic of it needs.

    Attributes
    ----------
    z : float64
        Deviations from the mean, 0 where there is no value.
    valid : bool
        Where there is a value.
    k : int64
        Valid neighbours of each valid cell, 0 elsewhere.
    lag : float64
        Sum of z over the neighbours, 0 where there is no value.
    n : int
        Valid cells, islands included.
    contiguity : str
        ``"queen"`` or ``"rook"``.
    """

    z: Floats
    valid: Flags
    k: Ints
    lag: Floats
    n: int
    contiguity: str

    @property
    def m2(self) -> float:
        """Mean square of the deviations."""
        return float((self.z**2).sum()) / self.n

    @property
    def joined(self) -> Flags:
        """Where a cell has at least one neighbour."""
        return self.k > 0

    def weight(self, style: str) -> Floats:
        """Return the weight of each neighbour of a cell: 1 / k (``"W"``) or 1 (``"B"``); 0 for an island."""
        ones = self.joined.astype(np.float64)
        return ones / np.maximum(self.k, 1) if style == "W" else ones


class GlobalMoran(NamedTuple):
    """Global Moran's I: the statistic, its mean, its variance under normality and under randomisation."""

    moran_i: float
    expected: float
    variance_normal: float
    variance_random: float


class Local(NamedTuple):
    """A local statistic (rows, columns) with its mean and variance; NaN where there is no neighbour."""

    value: Floats
    expected: Floats
    variance: Floats

    @property
    def z(self) -> Floats:
        """Standard deviates; NaN where the variance is not positive."""
        spread = np.sqrt(np.where(self.variance > 0.0, self.variance, np.nan))
        return np.asarray((self.value - self.expected) / spread)


def lattice(grid: Floats, contiguity: str) -> Lattice:
    """Make a grid (rows, columns), NaN where there is no value, ready."""
    valid = ~np.isnan(grid)
    values = grid[valid]
    z = np.zeros(grid.shape)
    # The mean is taken twice, so that a large one leaves no rounding behind.
    centred = values - values.mean()
    z[valid] = centred - centred.mean()
    count = neighbour_sum(valid.astype(np.float64), contiguity)
    k = np.where(valid, count, 0.0).astype(np.int64)
    lag = np.where(valid, neighbour_sum(z, contiguity), 0.0)
    return Lattice(z, valid, k, lag, int(valid.sum()), contiguity)


def neighbour_sum(grid: Floats, contiguity: str) -> Floats:
    """Return the sum over the neighbours of every cell of a grid (rows, columns) without NaN.

    Examples
    --------
    >>> neighbour_sum(np.eye(2), "rook").tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """
    total = np.zeros(grid.shape)
    for step in OFFSETS[contiguity]:
        here, there = zip(*(_overlap(s, size) for s, size in zip(step, grid.shape, strict=True)), strict=True)
        total[here] += grid[there]
    return total


def _overlap(step: int, size: int) -> tuple[slice, slice]:
    """Return the slices of the cells that have a neighbour `step` further on, and of these neighbours."""
    return slice(max(0, -step), size - max(0, step)), slice(max(0, step), size + min(0, step))


def global_moran(cells: Lattice, style: str) -> GlobalMoran:
    """Return global Moran's I with its exact moments, under weights of a style (``"W"`` or ``"B"``)."""
    n, weight, z = float(cells.n), cells.weight(style), cells.z
    inward = np.where(cells.joined, neighbour_sum(weight, cells.contiguity), 0.0)
    outward = weight * cells.k
    s0 = float(outward.sum())
    # sum_ij (w_ij + w_ji)^2 / 2, with w_ij = weight_i wherever i and j are neighbours.
    s1 = float((weight**2 * cells.k).sum() + (weight * inward).sum())
    s2 = float(((outward + inward) ** 2).sum())
    square = float((z**2).sum())
    expected = -1.0 / (n - 1.0)
    normal = (n**2 * s1 - n * s2 + 3.0 * s0**2) / ((n**2 - 1.0) * s0**2) - expected**2
    kurtosis = n * float((z**4).sum()) / square**2
    first = n * ((n**2 - 3.0 * n + 3.0) * s1 - n * s2 + 3.0 * s0**2)
    second = kurtosis * ((n**2 - n) * s1 - 2.0 * n * s2 + 6.0 * s0**2)
    random = (first - second) / ((n - 1.0) * (n - 2.0) * (n - 3.0) * s0**2) - expected**2
    moran = n / s0 * float((z * weight * cells.lag).sum()) / square
    return GlobalMoran(moran, expected, normal, random)


def local_moran(cells: Lattice, style: str, moments: str = "conditional") -> Local:
    """Return local Moran's I with its ``"conditional"`` (the cell's own value held) or ``"total"`` moments."""
    n, m2, z = float(cells.n), cells.m2, cells.z
    w, w2 = _row_sums(cells, style)
    value = np.where(cells.joined, z * cells.weight(style) * cells.lag / m2, np.nan)
    if moments == "conditional":
        expected = -(z**2) * w / ((n - 1.0) * m2)
        variance = (z / m2) ** 2 * n / (n - 2.0) * (w2 - w**2 / (n - 1.0)) * (m2 - z**2 / (n - 1.0))
    else:
        b2 = float((z**4).sum()) / n / m2**2
        expected = -w / (n - 1.0)
        mixed = (w**2 - w2) * (2.0 * b2 - n) / ((n - 1.0) * (n - 2.0))
        variance = w2 * (n - b2) / (n - 1.0) + mixed - expected**2
    return Local(value, expected, variance)


def getis_ord(cells: Lattice, *, star: bool) -> Floats:
    """Return the standard deviate of Gi, or of Gi* (the cell itself included); the style of the weights cancels."""
    n, z = float(cells.n), cells.z
    if star:
        mean, spread = np.zeros(()), np.sqrt(np.array(cells.m2))
        total, w, others = cells.lag + z, cells.k + 1.0, n - 1.0
    else:
        # Mean and spread of the other cells.
        mean = -z / (n - 1.0)
        spread = np.sqrt(np.maximum((n * cells.m2 - z**2) / (n - 1.0) - mean**2, 0.0))
        total, w, others = cells.lag, cells.k.astype(np.float64), n - 2.0
        n -= 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        deviate = (total - w * mean) / (spread * np.sqrt(w * (n - w) / others))
    return np.where(cells.joined & np.isfinite(deviate), deviate, np.nan)


def _row_sums(cells: Lattice, style: str) -> tuple[Floats, Floats]:
    weight = cells.weight(style)
    w, w2 = weight * cells.k, weight**2 * cells.k
    missing = np.where(cells.joined, 0.0, np.nan)
    return w + missing, w2 + missing
