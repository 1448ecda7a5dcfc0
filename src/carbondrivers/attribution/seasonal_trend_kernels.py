"""Seasonal Mann-Kendall test and seasonal Sen slope: series by the block, pure arrays.

Every kernel takes y of shape (series, seasons, years) with NaN for a gap, and t of shape (years,), the true years. Only
values of one season are compared with each other, so that the yearly cycle is no trend (Hirsch, Slack and Smith 1982,
doi:10.1029/WR018i001p00107): S and its variance are summed over the seasons, which are taken as independent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from carbondrivers.attribution import trend_kernels as kernels
from carbondrivers.attribution.inference import Floats

SERIES_AT_ONCE = 128


class SeasonalMannKendall(NamedTuple):
    """Seasonal Mann-Kendall test with ties and continuity correction, each of shape (series,)."""

    s: Floats
    variance: Floats
    z: Floats
    p: Floats
    tau_b: Floats


class SeasonalSen(NamedTuple):
    """Median of the slopes of all pairs within a season, with its 95 % interval, each of shape (series,)."""

    slope: Floats
    ci_low: Floats
    ci_high: Floats


def mann_kendall(y: Floats) -> SeasonalMannKendall:
    """Test each series for a trend that its seasons share.

    Z = (S - sgn S) / sqrt(Var S), 0 where S or Var S is 0; NaN where no season has three values. Seasons with fewer values
    do not count. tau_b = S / sum over seasons of sqrt(pairs x pairs that differ).

    Examples
    --------
    >>> rising = np.arange(10.0) + np.array([[0.0], [100.0]])
    >>> found = mann_kendall(rising[None])
    >>> float(found.s[0]), round(float(found.variance[0]), 6), float(found.tau_b[0])
    (90.0, 250.0, 1.0)
    """
    cells, seasons, _ = y.shape
    s, variance, untied, counted = (np.zeros(cells) for _ in range(4))
    for season in range(seasons):
        part = y[:, season]
        found = kernels.mann_kendall(part)
        counts = np.isfinite(found.s)
        n = (~np.isnan(part)).sum(axis=1)
        pairs = np.where(counts, n * (n - 1) / 2.0, 0.0)
        untied += np.sqrt(pairs * np.where(counts, kernels.orders(part)[1], 0.0))
        s += np.where(counts, found.s, 0.0)
        variance += np.where(counts, found.variance, 0.0)
        counted += counts
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where((s == 0) | (variance <= 0), 0.0, (s - np.sign(s)) / np.sqrt(variance))
        tau = np.where(untied > 0, s / untied, np.nan)
    s, variance, z, tau = (np.where(counted > 0, part, np.nan) for part in (s, variance, z, tau))
    return SeasonalMannKendall(s, variance, z, 2.0 * special.ndtr(-np.abs(z)), tau)


def sen(y: Floats, t: Floats, variance: Floats) -> SeasonalSen:
    """Return the seasonal Sen slope; `variance` is Var S of ``mann_kendall``, which gives the ranks of the interval.

    Seasons with fewer than three values do not count.
    """
    cells, seasons, years = y.shape
    i, j = np.triu_indices(years, k=1)
    counts = (~np.isnan(y)).sum(axis=2)
    pairs = np.where(counts > 2, counts * (counts - 1) // 2, 0).sum(axis=1)
    ranks = kernels.slope_ranks(pairs, variance)
    found = np.empty((cells, ranks.shape[1]))
    buffer = np.empty((min(cells, SERIES_AT_ONCE), seasons, len(i)))
    for first in range(0, cells, SERIES_AT_ONCE):
        part = np.where(counts[first : first + SERIES_AT_ONCE, :, None] > 2, y[first : first + SERIES_AT_ONCE], np.nan)
        slopes = buffer[: len(part)]
        np.subtract(part[:, :, j], part[:, :, i], out=slopes)
        slopes /= t[j] - t[i]
        flat = slopes.reshape(len(part), -1)
        flat.sort(axis=1)
        found[first : first + len(part)] = np.take_along_axis(flat, ranks[first : first + len(part)], axis=1)
    found[pairs == 0] = np.nan
    return SeasonalSen((found[:, 0] + found[:, 1]) / 2.0, found[:, 2], found[:, 3])
