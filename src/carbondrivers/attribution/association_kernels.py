"""Spatial variance over weighted pairs of rows, and what strata take off it (SPADE).

Gamma = sum_ij w_ij (y_i - y_j)^2 / 2 / sum_ij w_ij over pairs of different rows, w = 1 / distance^power. For strata h of N_h
rows, PSD = 1 - sum_h N_h Gamma_h / (N Gamma), Gamma_h over the pairs within h (Cang and Luo 2018,
doi:10.1080/13658816.2018.1476693). All sums are linear in the squared differences, so that a stratification is one vector of
coefficients over the pairs. Strata without a pair (single rows, or none with a neighbour) are left out of both sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.strata_kernels import Codes


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows, each once.

    Attributes
    ----------
    one, other : int64, (pairs,)
        Rows.
    weight : float64, (pairs,)
        Their weight.
    n : int
        Number of rows.
    """

    one: Codes
    other: Codes
    weight: Floats
    n: int

    def halves(self, y: Floats) -> Floats:
        """Return (y_i - y_j)^2 / 2 of every pair, for y of shape (..., n)."""
        return np.asarray((y[..., self.one] - y[..., self.other]) ** 2 / 2.0)

    def variance(self, y: Floats) -> float:
        """Return the spatial variance of y (n,)."""
        return float(self.weight @ self.halves(y) / self.weight.sum())


def weighted_pairs(places: Floats, power: float, neighbours: int | None) -> Pairs:
    """Return pairs weighted by inverse distance; places that coincide count as far apart as the nearest that do not.

    Parameters
    ----------
    places
        Shape (n, 2).
    power
        Of the distance.
    neighbours
        Nearest rows that each row is paired with; all rows where None.

    Examples
    --------
    >>> weighted_pairs(np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0]]), 1.0, None).weight.round(3).tolist()
    [0.5, 0.447, 1.0]
    """
    n = len(places)
    if neighbours is None or neighbours >= n - 1:
        one, other = np.triu_indices(n, 1)
    else:
        near = np.asarray(cKDTree(places).query(places, k=neighbours + 1)[1])[:, 1:]
        both = np.sort(np.column_stack([np.repeat(np.arange(n), neighbours), near.ravel()]), axis=1)
        one, other = np.unique(both[both[:, 0] != both[:, 1]], axis=0).T
    distance = np.sqrt(((places[one] - places[other]) ** 2).sum(axis=1))
    if not distance.any():
        return Pairs(one, other, np.ones(len(one)), n)
    distance = np.maximum(distance, distance[distance > 0.0].min())
    return Pairs(one.astype(np.int64), other.astype(np.int64), (distance / distance.min()) ** -power, n)


def coefficients(pairs: Pairs, codes: Codes) -> tuple[Floats, Floats]:
    """Return what each pair adds to sum_h N_h Gamma_h and to N Gamma, each of shape (pairs,).

    Parameters
    ----------
    pairs
        All pairs.
    codes
        Stratum of each row, shape (n,).
    """
    h = codes[pairs.one]
    same = h == codes[pairs.other]
    cells = int(codes.max()) + 1
    size = np.bincount(codes, minlength=cells).astype(np.float64)
    total = np.bincount(h[same], pairs.weight[same], minlength=cells)
    kept = total > 0.0
    scale = np.divide(size, total, out=np.zeros(cells), where=kept)
    within = np.where(same, pairs.weight * scale[h], 0.0)
    rows = kept[codes]
    inside = pairs.weight * (rows[pairs.one] & rows[pairs.other])
    whole = inside.sum()
    return within, inside * (float(rows.sum()) / whole if whole > 0.0 else 0.0)


def psd(pairs: Pairs, codes: Codes, y: Floats) -> float:
    """Return the PSD of strata for y (n,); NaN where y does not vary between neighbours.

    Examples
    --------
    >>> places = np.column_stack([np.arange(4.0), np.zeros(4)])
    >>> psd(weighted_pairs(places, 1.0, None), np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 5.0, 5.0]))
    1.0
    """
    within, whole = coefficients(pairs, codes)
    half = pairs.halves(y)
    below = float(whole @ half)
    return 1.0 - float(within @ half) / below if below > 0.0 else np.nan


def variables_psd(pairs: Pairs, codes: Codes, columns: list[Floats]) -> float:
    """Return what zones take off the spatial variance of the drivers' class numbers together (IDSA's PSD of the drivers).

    Parameters
    ----------
    pairs
        All pairs.
    codes
        Zone of each row, shape (n,).
    columns
        Class number of each row, by driver.
    """
    variance = np.array([pairs.variance(column) for column in columns])
    each = np.array([psd(pairs, codes, column) for column in columns])
    known = np.isfinite(each)
    total = float(variance[known].sum())
    return 1.0 - float(((1.0 - each[known]) * variance[known]).sum()) / total if total > 0.0 else np.nan


def overlay(codes: list[Codes], y: Floats, how: str) -> Codes:
    """Return the zones that several drivers' strata make together.

    Parameters
    ----------
    codes
        Stratum of each row by driver, each (n,).
    y
        Response, shape (n,).
    how
        ``"intersection"`` crosses the strata; ``"and"`` (``"or"``) puts each row into that one of its strata whose mean
        response is the lowest (highest), the fuzzy overlay.

    Examples
    --------
    >>> overlay([np.array([0, 0, 1]), np.array([0, 1, 1])], np.array([1.0, 2.0, 6.0]), "and").tolist()
    [1, 0, 2]
    """
    if how == "intersection":
        joint = codes[0]
        for other in codes[1:]:
            joint = joint * (int(other.max()) + 1) + other
        return np.unique(joint, return_inverse=True)[1].astype(np.int64)
    means, first, label = [], 0, []
    for column in codes:
        cells = int(column.max()) + 1
        mean = np.bincount(column, y, minlength=cells) / np.maximum(np.bincount(column, minlength=cells), 1)
        means.append(mean[column])
        label.append(column + first)
        first += cells
    at = np.argmin(means, axis=0) if how == "and" else np.argmax(means, axis=0)
    zones = np.take_along_axis(np.array(label), at[None], axis=0)[0]
    return np.unique(zones, return_inverse=True)[1].astype(np.int64)
