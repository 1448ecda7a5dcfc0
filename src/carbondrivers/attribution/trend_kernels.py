"""Trend kernels: series by the block, pure arrays.

Every kernel takes y of shape (series, years) with NaN for a gap, and t of shape (years,), the true times; gaps are never
squeezed. All memory is bounded by the caller's block size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from carbondrivers.attribution.inference import Floats

Z_95 = float(special.ndtri(0.975))


class Ols(NamedTuple):
    """Ordinary least squares, each of shape (series,); the intercept is the line's value at t = 0."""

    slope: Floats
    intercept: Floats
    std_error: Floats
    statistic: Floats
    p: Floats


class TheilSen(NamedTuple):
    """Theil-Sen slope with its 95 % interval (ranks as in Sen 1968); intercept median(y) - slope median(t) (Conover)."""

    slope: Floats
    intercept: Floats
    ci_low: Floats
    ci_high: Floats


class MannKendall(NamedTuple):
    """Mann-Kendall test with ties and continuity correction."""

    s: Floats
    variance: Floats
    z: Floats
    p: Floats
    tau_a: Floats
    tau_b: Floats


def ols(y: Floats, t: Floats) -> Ols:
    """Fit a straight line to each series by least squares (t and p with n - 2 degrees of freedom).

    Fewer than three values give NaN; a constant series gives slope 0, t 0, p 1; a perfect line has no t and no p.
    """
    valid = ~np.isnan(y)
    n = valid.sum(axis=1).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        count = np.where(n > 2, n, np.nan)
        scale = np.where(valid, np.abs(y), 0.0).max(axis=1, initial=0.0)
        t_mean = (valid * t).sum(axis=1) / count
        y_mean = np.where(valid, y, 0.0).sum(axis=1) / count
        dt = np.where(valid, t - t_mean[:, None], 0.0)
        dy = np.where(valid, y - y_mean[:, None], 0.0)
        sxx = (dt**2).sum(axis=1)
        slope = (dt * dy).sum(axis=1) / sxx
        residual = np.where(valid, dy - slope[:, None] * dt, 0.0)
        sse = (residual**2).sum(axis=1)
        std_error = np.sqrt(sse / ((count - 2) * sxx))
        constant = np.abs(dy).max(axis=1, initial=0.0) <= 4 * np.finfo(np.float64).eps * scale
        perfect = sse <= (8 * np.finfo(np.float64).eps * scale) ** 2 * count
        statistic = np.where(perfect, np.nan, slope / std_error)
        statistic = np.where(constant & (n > 2), 0.0, statistic)
        slope, std_error = np.where(constant & (n > 2), 0.0, slope), np.where(constant & (n > 2), 0.0, std_error)
        p = 2.0 * special.stdtr(count - 2, -np.abs(statistic))
    return Ols(slope, y_mean - slope * t_mean, std_error, statistic, p)


def mann_kendall(y: Floats) -> MannKendall:
    """Test each series for a monotonic trend (Mann 1945; Kendall 1975).

    S = sum of sgn(y_j - y_i), i < j; Var S corrected for ties; Z = (S - sgn S) / sqrt(Var S), 0 where S or Var S is 0.
    Fewer than three values give NaN.
    """
    years = y.shape[1]
    s = np.zeros(len(y))
    same = np.ones(y.shape)
    with np.errstate(invalid="ignore"):
        for lag in range(1, years):
            later, earlier = y[:, lag:], y[:, :-lag]
            s += (later > earlier).sum(axis=1) - (later < earlier).sum(axis=1)
            equal = later == earlier
            same[:, lag:] += equal
            same[:, :-lag] += equal
    valid = ~np.isnan(y)
    n = valid.sum(axis=1).astype(np.float64)
    n = np.where(n > 2, n, np.nan)
    ties = np.where(valid, (same - 1) * (2 * same + 5), 0.0).sum(axis=1)
    variance = (n * (n - 1) * (2 * n + 5) - ties) / 18.0
    s = np.where(np.isnan(n), np.nan, s)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where((s == 0) | (variance <= 0), 0.0, (s - np.sign(s)) / np.sqrt(variance))
        z = np.where(np.isnan(n), np.nan, z)
        pairs = n * (n - 1) / 2.0
        tied_pairs = np.where(valid, same - 1, 0.0).sum(axis=1) / 2.0
        tau_b = np.where(tied_pairs < pairs, s / np.sqrt((pairs - tied_pairs) * pairs), np.nan)
    return MannKendall(s, variance, z, 2.0 * special.ndtr(-np.abs(z)), s / pairs, tau_b)


def theil_sen(y: Floats, t: Floats, variance: Floats) -> TheilSen:
    """Return the median of all pairwise slopes of each series, with its interval.

    Parameters
    ----------
    y, t
        As for every kernel.
    variance
        Var S of ``mann_kendall``, shape (series,), which gives the ranks of the interval.
    """
    i, j = np.triu_indices(len(t), k=1)
    slopes = np.sort((y[:, j] - y[:, i]) / (t[j] - t[i]), axis=1)
    n = (~np.isnan(y)).sum(axis=1)
    pairs = n * (n - 1) // 2
    enough = n > 2
    slope = np.where(enough, _sorted_median(slopes, pairs), np.nan)
    reach = Z_95 * np.sqrt(np.where(enough, variance, 0.0))
    low = np.maximum(np.round((pairs - reach) / 2.0).astype(np.int64) - 1, 0)
    high = np.minimum(np.round((pairs + reach) / 2.0).astype(np.int64), np.maximum(pairs - 1, 0))
    ci_low, ci_high = (np.where(enough, _at(slopes, k), np.nan) for k in (low, high))
    t_of = np.where(np.isnan(y), np.nan, t)
    middle_y, middle_t = (_sorted_median(np.sort(part, axis=1), n) for part in (y, t_of))
    return TheilSen(slope, middle_y - slope * middle_t, ci_low, ci_high)


def _at(rows: Floats, position: NDArray[np.int64]) -> Floats:
    return np.asarray(np.take_along_axis(rows, position[:, None], axis=1)[:, 0], dtype=np.float64)


def _sorted_median(rows: Floats, count: NDArray[np.int64]) -> Floats:
    """Return the median of the first `count` entries of each row; rows are sorted with NaN last."""
    safe = np.maximum(count, 1)
    return np.where(count > 0, (_at(rows, (safe - 1) // 2) + _at(rows, safe // 2)) / 2.0, np.nan)
