"""Trend kernels: series by the block, pure arrays.

Every kernel takes y of shape (series, years) with NaN for a gap, and t of shape (years,), the true times; gaps are never
squeezed. All memory is bounded by the caller's block size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from carbondrivers.attribution.inference import Floats

Z_95 = float(special.ndtri(0.975))
# Bytes of the slopes made at once: small enough for the processor's outer cache, large enough that threads seldom meet at
# the interpreter's lock.
ROOM = 2**21


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
    complete = bool(valid.all())
    n = np.full(len(y), float(y.shape[1])) if complete else valid.sum(axis=1).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        count = np.where(n > 2, n, np.nan)
        filled = y if complete else np.where(valid, y, 0.0)
        y_mean = filled.sum(axis=1) / count
        if complete:
            # Most blocks have no gap: one row of times serves all series.
            t_mean = np.where(n > 2, t.mean(), np.nan)
            dt, dy = (t - t.mean())[None, :], y - y_mean[:, None]
        else:
            t_mean = (valid @ t) / count
            dt, dy = np.where(valid, t - t_mean[:, None], 0.0), np.where(valid, y - y_mean[:, None], 0.0)
        sxx = _sum_of_squares(dt)
        slope = np.vecdot(dt, dy) / sxx
        line = slope[:, None] * dt
        sse = _sum_of_squares(np.subtract(dy, line, out=line))
        std_error = np.sqrt(sse / ((count - 2) * sxx))
        # Beside the size of the values: what is smaller is rounding.
        rounding = np.finfo(np.float64).eps ** 2 * _sum_of_squares(filled)
        constant, perfect = _sum_of_squares(dy) <= 16 * rounding, sse <= 64 * rounding
        statistic = np.where(perfect, np.nan, slope / std_error)
        flat = constant & (n > 2)
        slope, std_error, statistic = (np.where(flat, 0.0, part) for part in (slope, std_error, statistic))
        p = 2.0 * special.stdtr(count - 2, -np.abs(statistic))
    return Ols(slope, y_mean - slope * t_mean, std_error, statistic, p)


def _sum_of_squares(values: Floats) -> Floats:
    return np.asarray(np.vecdot(values, values))


def mann_kendall(y: Floats) -> MannKendall:
    """Test each series for a monotonic trend (Mann 1945; Kendall 1975).

    S = sum of sgn(y_j - y_i), i < j; Var S corrected for ties; Z = (S - sgn S) / sqrt(Var S), 0 where S or Var S is 0.
    P is that of the normal distribution. Fewer than three values give NaN.
    """
    n, (s, different) = _valid_years(y), orders(y)
    return _tested(n, s, different, _variance(y, different, n))


def mann_kendall_and_sen(y: Floats, t: Floats) -> tuple[MannKendall, TheilSen]:
    """Return ``mann_kendall`` and ``theil_sen`` of each series: the pairs of years are gone through once for both.

    Parameters
    ----------
    y, t
        As for every kernel, t ascending.

    Examples
    --------
    >>> test, line = mann_kendall_and_sen(np.array([[1.0, 3.0, 5.0, 7.0, 8.0]]), np.arange(5.0))
    >>> float(test.s[0]), float(line.slope[0])
    (10.0, 2.0)
    """
    pairs, n, ordered, found = _Pairs.of(y, t), _valid_years(y), np.sort(y, axis=1), np.empty((len(y), 4))
    # Most series have neither gaps nor ties: all their pairs differ, and their ranks are the same.
    plain = (n == len(t)) & ~(ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    whole = _pairs(np.array([len(t)]))
    usual = _variance(y[:1], whole, np.array([len(t)]))
    variance, places = np.repeat(usual, len(y)), slope_ranks(whole, usual)[0]
    up, down = np.empty(len(y)), np.empty(len(y))
    for rows in pairs.parts:
        slopes = pairs.slopes(rows)
        # Later years lie at larger times: a slope has the sign of its pair.
        up[rows] = pairs.count(np.greater, slopes)
        if plain[rows].all():
            down[rows] = whole - up[rows]
            slopes.sort(axis=1)
            np.take(slopes, places, axis=1, out=found[rows], mode="clip")
        else:
            down[rows] = pairs.count(np.less, slopes)
            slopes.sort(axis=1)
            variance[rows] = _variance(y[rows], up[rows] + down[rows], n[rows])
            found[rows] = _taken(slopes, slope_ranks(_pairs(n[rows]), variance[rows]))
    return _tested(n, up - down, up + down, variance), _sen(y, ordered, t, n, found)


def _valid_years(y: Floats) -> NDArray[np.int64]:
    gaps = np.isnan(y)
    return y.shape[1] - gaps.sum(axis=1) if gaps.any() else np.full(len(y), y.shape[1], dtype=np.int64)


def _pairs(n: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(n > 2, n * (n - 1) // 2, 0)


def _variance(y: Floats, different: Floats | NDArray[np.int64], n: NDArray[np.int64]) -> Floats:
    """Return Var S of each series, corrected for ties; NaN for fewer than three values."""
    variance = np.where(n > 2, n * (n - 1.0) * (2.0 * n + 5.0), np.nan)
    tied = np.flatnonzero(different < _pairs(n))
    if tied.size:
        variance[tied] -= _tie_term(y[tied])
    return variance / 18.0


def _tested(n: NDArray[np.int64], s: Floats, different: Floats, variance: Floats) -> MannKendall:
    pairs = np.where(n > 2, n * (n - 1) / 2.0, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.where(n > 2, s, np.nan)
        z = np.where((s == 0) | (variance <= 0), 0.0, (s - np.sign(s)) / np.sqrt(variance))
        tau_b = np.where(different > 0, s / np.sqrt(different * pairs), np.nan)
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
    pairs, n, found = _Pairs.of(y, t), _valid_years(y), np.empty((len(y), 4))
    for rows in pairs.parts:
        slopes = pairs.slopes(rows)
        slopes.sort(axis=1)
        found[rows] = _taken(slopes, slope_ranks(_pairs(n[rows]), variance[rows]))
    return _sen(y, np.sort(y, axis=1), t, n, found)


def _sen(y: Floats, ordered: Floats, t: Floats, n: NDArray[np.int64], found: Floats) -> TheilSen:
    """Return what the slopes of the four ranks give, (series, 4); `ordered` is y sorted, NaN last."""
    found[n < 3] = np.nan
    slope = (found[:, 0] + found[:, 1]) / 2.0
    left = slope[:, None] * t
    np.subtract(y, left, out=left)
    left.sort(axis=1)
    middle_y, middle_left = _sorted_median(ordered, n), _sorted_median(left, n)
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


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The pairs of years of some series, part by part: slopes stay in the processor's cache.

    The years lie in a ring: lags up to half of it meet every pair once, in few long operations. The rooms are filled
    again and again: fresh memory would cost as much as the sorting.
    """

    y: Floats
    later: Floats
    apart: Floats
    room: Floats
    compared: NDArray[np.bool_]
    parts: list[slice]

    @classmethod
    def of(cls, y: Floats, t: Floats) -> _Pairs:
        years, half = len(t), len(t) // 2
        pairs = years * (years - 1) // 2
        most = min(len(y), max(ROOM // (8 * max(pairs, 1)), 1))
        first = np.tile(np.arange(years), half)[:pairs]
        then = (first + np.repeat(np.arange(half) + 1, years)[:pairs]) % years
        around = np.concatenate([y, y[:, :half]], axis=1)
        later = np.lib.stride_tricks.sliding_window_view(around, years, axis=1)[:, 1 : (years + 1) // 2]
        # Whole words of eight bytes, the rest of them never true.
        compared = np.zeros((most, -(-pairs // 8) * 8), dtype=np.bool_)
        parts = [slice(start, min(start + most, len(y))) for start in range(0, len(y), max(most, 1))]
        return cls(y, later, t[then] - t[first], np.empty((most, pairs)), compared, parts)

    def slopes(self, rows: slice) -> Floats:
        """Return the slopes of all pairs of years of a part in the room, (series, pairs); gaps give NaN."""
        y, later = self.y[rows], self.later[rows]
        series, lags, years = later.shape
        slopes = self.room[:series]
        np.subtract(later, y[:, None, :], out=slopes[:, : lags * years].reshape(later.shape))
        if years % 2 == 0:
            # Half around, a year's two neighbours are one.
            np.subtract(y[:, years // 2 :], y[:, : years // 2], out=slopes[:, lags * years :])
        slopes /= self.apart
        return slopes

    def count(self, compare: np.ufunc, slopes: Floats) -> Floats:
        """Return how many slopes of each series are greater or less than 0."""
        compared = self.compared[: len(slopes)]
        compare(slopes, 0.0, out=compared[:, : slopes.shape[1]])
        return np.asarray(np.bitwise_count(compared.view(np.uint64)).sum(axis=1, dtype=np.float64))


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
    width = rows.shape[1]
    if (count == width).all() and width:
        return (rows[:, (width - 1) // 2] + rows[:, width // 2]) / 2.0
    safe = np.maximum(count, 1)
    two = _taken(rows, np.column_stack([(safe - 1) // 2, safe // 2]))
    return np.where(count > 0, (two[:, 0] + two[:, 1]) / 2.0, np.nan)
