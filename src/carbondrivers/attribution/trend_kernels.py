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
SERIES_AT_ONCE = 512


class Ols(NamedTuple):
    """Ordinary least squares, each of shape (series,); the intercept is the line's value at t = 0."""

    slope: Floats
    intercept: Floats
    std_error: Floats
    statistic: Floats
    p: Floats


class TheilSen(NamedTuple):
    """Theil-Sen slope with its 95 % interval (ranks as in Sen 1968), and the two intercepts in use.

    ``intercept`` is median(y) - slope median(t) (Conover 1980; scipy, pymannkendall), ``intercept_residual`` is
    median(y - slope t) (R's zyp): they differ where values are few or skewed.
    """

    slope: Floats
    intercept: Floats
    ci_low: Floats
    ci_high: Floats
    intercept_residual: Floats


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
        filled = _zero_in_gaps(y, valid)
        y_mean = filled.sum(axis=1) / count
        if valid.all():
            # Most blocks have no gap: one row of times serves all series.
            t_mean = np.where(n > 2, t.mean(), np.nan)
            dt, dy = (t - t.mean())[None, :], y - y_mean[:, None]
        else:
            t_mean = (valid @ t) / count
            dt, dy = np.where(valid, t - t_mean[:, None], 0.0), np.where(valid, y - y_mean[:, None], 0.0)
        sxx = _sum_of_squares(dt)
        slope = np.vecdot(dt, dy) / sxx
        sse = _sum_of_squares(dy - slope[:, None] * dt)
        std_error = np.sqrt(sse / ((count - 2) * sxx))
        # Beside the size of the values: what is smaller is rounding.
        rounding = np.finfo(np.float64).eps ** 2 * _sum_of_squares(filled)
        constant, perfect = _sum_of_squares(dy) <= 16 * rounding, sse <= 64 * rounding
        statistic = np.where(perfect, np.nan, slope / std_error)
        flat = constant & (n > 2)
        slope, std_error, statistic = (np.where(flat, 0.0, part) for part in (slope, std_error, statistic))
        p = 2.0 * special.stdtr(count - 2, -np.abs(statistic))
    return Ols(slope, y_mean - slope * t_mean, std_error, statistic, p)


def _zero_in_gaps(values: Floats, valid: NDArray[np.bool_]) -> Floats:
    # Most blocks have no gap, and are not copied.
    return values if valid.all() else np.where(valid, values, 0.0)


def _sum_of_squares(values: Floats) -> Floats:
    return np.asarray(np.vecdot(values, values))


def mann_kendall(y: Floats) -> MannKendall:
    """Test each series for a monotonic trend (Mann 1945; Kendall 1975).

    S = sum of sgn(y_j - y_i), i < j; Var S corrected for ties; Z = (S - sgn S) / sqrt(Var S), 0 where S or Var S is 0.
    P is that of the normal distribution. Fewer than three values give NaN.
    """
    n = (~np.isnan(y)).sum(axis=1).astype(np.float64)
    n = np.where(n > 2, n, np.nan)
    pairs = n * (n - 1) / 2.0
    s, different = orders(y)
    s = np.where(np.isnan(n), np.nan, s)
    tied_pairs = pairs - different
    ties = np.zeros(len(y))
    tied = np.flatnonzero(tied_pairs > 0)
    ties[tied] = _tie_term(y[tied])
    variance = (n * (n - 1) * (2 * n + 5) - ties) / 18.0
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where((s == 0) | (variance <= 0), 0.0, (s - np.sign(s)) / np.sqrt(variance))
        z = np.where(np.isnan(n), np.nan, z)
        tau_b = np.where(tied_pairs < pairs, s / np.sqrt((pairs - tied_pairs) * pairs), np.nan)
    return MannKendall(s, variance, z, 2.0 * special.ndtr(-np.abs(z)), s / pairs, tau_b)


def orders(y: Floats) -> tuple[Floats, Floats]:
    """Return S and the number of pairs of years that differ, each of shape (series,)."""
    # Years along the first axis: whole rows of cells are compared at once, in one buffer.
    by_year = np.ascontiguousarray(y.T)
    compared = np.empty((max(len(by_year) - 1, 0), len(y)), dtype=np.bool_)
    # Counts of one year's pairs fit a byte, and bytes are summed many at a time.
    small = np.int8 if len(by_year) < 128 else np.int16
    up, down = np.zeros(len(y), dtype=np.int32), np.zeros(len(y), dtype=np.int32)
    for i in range(len(by_year) - 1):
        later = compared[i:]
        np.greater(by_year[i + 1 :], by_year[i], out=later)
        up += np.add.reduce(later.view(np.int8), axis=0, dtype=small)
        np.less(by_year[i + 1 :], by_year[i], out=later)
        down += np.add.reduce(later.view(np.int8), axis=0, dtype=small)
    return (up - down).astype(np.float64), (up + down).astype(np.float64)


def _tie_term(y: Floats) -> Floats:
    """Return the sum over tie groups of t (t - 1) (2 t + 5), taken over their members."""
    same = np.ones(y.shape)
    for lag in range(1, y.shape[1]):
        equal = y[:, lag:] == y[:, :-lag]
        same[:, lag:] += equal
        same[:, :-lag] += equal
    return np.asarray(np.where(np.isnan(y), 0.0, (same - 1) * (2 * same + 5)).sum(axis=1))


def theil_sen(y: Floats, t: Floats, variance: Floats) -> TheilSen:
    """Return the median of all pairwise slopes of each series, with its interval.

    Parameters
    ----------
    y, t
        As for every kernel.
    variance
        Var S of ``mann_kendall``, shape (series,), which gives the ranks of the interval.
    """
    n = (~np.isnan(y)).sum(axis=1)
    found = _slopes_by_rank(y, t, slope_ranks(np.where(n > 2, n * (n - 1) // 2, 0), variance))
    found[n < 3] = np.nan
    slope = (found[:, 0] + found[:, 1]) / 2.0
    middle_y, middle_left = (_sorted_median(np.sort(part, axis=1), n) for part in (y, y - slope[:, None] * t))
    intercept = middle_y - slope * _median_time(y, t, n)
    return TheilSen(slope, intercept, found[:, 2], found[:, 3], middle_left)


def slope_ranks(pairs: NDArray[np.int64], variance: Floats) -> NDArray[np.int64]:
    """Return the places of the two middle slopes and of the ends of their 95 % interval among the sorted slopes.

    Parameters
    ----------
    pairs
        Number of slopes of each series, (series,).
    variance
        Var S, (series,).

    Returns
    -------
    int64, (series, 4)
    """
    reach = Z_95 * np.sqrt(np.where(pairs > 0, variance, 0.0))
    low = np.maximum(np.round((pairs - reach) / 2.0).astype(np.int64) - 1, 0)
    high = np.minimum(np.round((pairs + reach) / 2.0).astype(np.int64), np.maximum(pairs - 1, 0))
    middle = np.maximum(pairs, 1)
    return np.column_stack([(middle - 1) // 2, middle // 2, low, high])


def _slopes_by_rank(y: Floats, t: Floats, ranks: NDArray[np.int64]) -> Floats:
    """Return the slopes of given ranks (series, ranks) among those of all pairs of years; NaN counts as the largest."""
    years, lags = len(t), range(1, len(t) // 2 + 1)
    # The years in a ring: lags up to half of it meet every pair once, with few and long operations.
    widths = [years if 2 * lag < years else lag for lag in lags]
    ring = np.concatenate([t, t[: years // 2]])
    apart = np.concatenate([ring[lag : lag + width] - t[:width] for lag, width in zip(lags, widths, strict=True)])
    # One buffer for all series: fresh memory would cost as much as the sorting.
    buffer, found = np.empty((min(len(y), SERIES_AT_ONCE), len(apart))), np.empty(ranks.shape)
    for first in range(0, len(y), SERIES_AT_ONCE):
        part = y[first : first + SERIES_AT_ONCE]
        around = np.concatenate([part, part[:, : years // 2]], axis=1)
        slopes, start = buffer[: len(part)], 0
        for lag, width in zip(lags, widths, strict=True):
            np.subtract(around[:, lag : lag + width], part[:, :width], out=slopes[:, start : start + width])
            start += width
        slopes /= apart
        slopes.sort(axis=1)
        found[first : first + len(part)] = _taken(slopes, ranks[first : first + len(part)])
    return found


def _taken(rows: Floats, places: NDArray[np.int64]) -> Floats:
    """Return the entries of each row at its places, (series, places)."""
    # Series without gaps and ties have the same places: whole columns.
    if len(places) and (places == places[0]).all():
        return rows[:, places[0]]
    return np.take_along_axis(rows, places, axis=1)


def _median_time(y: Floats, t: Floats, n: NDArray[np.int64]) -> Floats:
    """Return the median of the valid times of each series."""
    found = np.full(len(y), np.median(t))
    gaps = np.flatnonzero(n < len(t))
    found[gaps] = _sorted_median(np.sort(np.where(np.isnan(y[gaps]), np.nan, t), axis=1), n[gaps])
    return found


def _sorted_median(rows: Floats, count: NDArray[np.int64]) -> Floats:
    """Return the median of the first `count` entries of each row; rows are sorted with NaN last."""
    safe = np.maximum(count, 1)
    two = _taken(rows, np.column_stack([(safe - 1) // 2, safe // 2]))
    return np.where(count > 0, (two[:, 0] + two[:, 1]) / 2.0, np.nan)
