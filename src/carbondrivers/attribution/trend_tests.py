"""Tests of a trend that the years' own memory does not fool, and the exact test of few years: series by the block.

Every kernel takes y of shape (series, years) with NaN for a gap and t, the true times, ascending. What concerns
neighbouring years works on the lattice of the smallest step, where a missing year is a gap: two years are neighbours only
if they are one step apart.

- ``mann_kendall``: as it is; for at most 10 values without ties P is exact (the distribution of S by inversions, Kendall 1975).
- ``three_pw`` (Collaud Coen et al. 2020, doi:10.5194/amt-13-6945-2020): where the lag-1 autocorrelation r1 of a series is
  significant, the test is made twice, on x_t - r1 x_(t-1) (prewhitening) and on the same of the series without its Sen
  line, the line put back (trend-free prewhitening, Yue and Pilon 2002, doi:10.1002/hyp.1095). A trend counts only if both
  find it: the larger P of the two is given, and P is 1 where they disagree on its direction. Elsewhere: Mann-Kendall.
- ``hamed_rao`` (Hamed and Rao 1998, doi:10.1016/S0022-1694(97)00125-X): Var S times
  1 + 2 / (n (n-1) (n-2)) sum_k (n-k) (n-k-1) (n-k-2) r_k over the significant autocorrelations r_k of the ranks of the
  series without its Sen line. The factor is held to 1 or more and the lags to 3: chance autocorrelations of short series
  shrink the variance otherwise, even below zero.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from carbondrivers.attribution import trend_kernels as kernels
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.trend_kernels import Z_95, MannKendall
from carbondrivers.errors import DataError

TrendTest = Literal["mann_kendall", "three_pw", "hamed_rao"]
TREND_TESTS: tuple[TrendTest, ...] = get_args(TrendTest)
EXACT_UP_TO, LAGS = 10, 3
# Relative: a calendar year has 365 or 366 days.
ON_LATTICE, LATTICE_FILL = 0.02, 8
TEST_WORDS: dict[TrendTest, str] = {
    "mann_kendall": "Mann-Kendall, naive P", "three_pw": "Mann-Kendall after prewhitening (3PW)",
    "hamed_rao": "Mann-Kendall, variance of Hamed and Rao",
}  # fmt: skip
BY_CELL = (
    "Adjusting over the map (BH) holds the share of false trends among the significant cells only if the P of each cell is "
    "right."
)
CAVEATS: dict[TrendTest, str] = {
    "mann_kendall": "P-values of trends are naive: they take the years of a cell as independent, and autocorrelated years "
    f"give too many trends. {BY_CELL}",
    "three_pw": "P of Mann-Kendall allows for years that resemble their neighbours (3PW: where the lag-1 autocorrelation is "
    "significant, a trend counts only if it is found after prewhitening with and without the trend). In 21 years it still "
    "finds about twice too many trends where that autocorrelation is strong, and misses more true ones, because a trend makes "
    f"years alike too. P of least squares is naive. {BY_CELL}",
    "hamed_rao": "The variance of Mann-Kendall's S is widened for autocorrelated years (Hamed and Rao 1998, factor held to 1 "
    "or more, lags to 3). In 21 years it still finds several times too many trends where the autocorrelation is strong. "
    f"P of least squares is naive. {BY_CELL}",
}


class Outcome(NamedTuple):
    """Standard deviate and two-sided P of a test, each of shape (series,)."""

    z: Floats
    p: Floats


def outcome(y: Floats, t: Floats, plain: MannKendall, slope: Floats, test: TrendTest) -> Outcome:
    """Return deviate and P of each series by the chosen test.

    Parameters
    ----------
    y, t
        (series, years), NaN for a gap; true times, ascending.
    plain
        ``mann_kendall`` of y.
    slope
        Theil-Sen slope of y on t, (series,).
    test
        One of ``TREND_TESTS``.

    Raises
    ------
    DataError
        If a test of neighbouring years is asked for and the years lie on no lattice.

    Examples
    --------
    >>> t = np.arange(5.0)
    >>> plain = kernels.mann_kendall(t[None, :])
    >>> round(float(outcome(t[None, :], t, plain, np.ones(1), "mann_kendall").p[0]), 6)
    0.016667
    """
    z, p = plain.z, small_sample_p(y, plain)
    if test == "mann_kendall":
        return Outcome(z, p)
    even, times = on_lattice(y, t)
    if test == "hamed_rao":
        factor = hamed_rao_factor(even, times, slope)
        return _scaled(Outcome(z, p), plain, factor)
    return _three_pw(even, times, slope, plain, Outcome(z, p))


def small_sample_p(y: Floats, plain: MannKendall) -> Floats:
    """Return P of Mann-Kendall: exact for at most 10 values without ties, else that of the normal distribution."""
    p = plain.p.copy()
    if y.shape[1] > EXACT_UP_TO and not np.isnan(y).any():
        return p
    n = (~np.isnan(y)).sum(axis=1)
    untied = plain.variance == n * (n - 1.0) * (2.0 * n + 5.0) / 18.0
    rows = np.flatnonzero((n > 2) & (n <= EXACT_UP_TO) & untied)
    for size in np.unique(n[rows]):
        of_size = rows[n[rows] == size]
        p[of_size] = exact_p(plain.s[of_size], int(size))
    return p


def exact_p(s: Floats, n: int) -> Floats:
    """Return the exact two-sided P of S of n values without ties.

    Examples
    --------
    >>> exact_p(np.array([10.0, 0.0]), 5).round(6).tolist()
    [0.016667, 1.0]
    """
    inversions = (n * (n - 1) // 2 - np.abs(s).astype(np.int64)) // 2
    return np.minimum(1.0, 2.0 * _inversions(n)[inversions])


@cache
def _inversions(n: int) -> Floats:
    """Return the chance of at most 0, 1, 2, ... inversions in a random order of n values."""
    chance = np.ones(1)
    for size in range(2, n + 1):
        chance = np.convolve(chance, np.full(size, 1.0 / size))
    return np.minimum(np.cumsum(chance), 1.0)


def on_lattice(y: Floats, t: Floats) -> tuple[Floats, Floats]:
    """Return series and times on the lattice of the smallest step, with NaN where the lattice has no year.

    Raises
    ------
    DataError
        If the times lie on no lattice.
    """
    step = float(np.diff(t).min())
    place = (t - t[0]) / step
    at = np.rint(place).astype(np.int64)
    if np.abs(place - at).max() > ON_LATTICE or at[-1] >= LATTICE_FILL * len(t):
        raise DataError(
            "the years are no multiples of one step apart, and this test needs neighbouring years: "
            "set test = 'mann_kendall', or give one grid a year"
        )
    if at[-1] == len(t) - 1:
        return y, t
    even = np.full((len(y), at[-1] + 1), np.nan)
    even[:, at] = y
    times = t[0] + step * np.arange(at[-1] + 1)
    times[at] = t
    return even, times


def hamed_rao_factor(y: Floats, t: Floats, slope: Floats, *, lags: int = LAGS, least: float = 1.0) -> Floats:
    """Return the factor of Var S of Hamed and Rao, held to `least` or more and to so many lags.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(1, 21))
    >>> float(hamed_rao_factor(noise, np.arange(21.0), np.zeros(1))[0]) >= 1.0
    True
    """
    rest = y - slope[:, None] * t
    valid = np.isfinite(rest)
    ranks = np.where(valid, stats.rankdata(np.where(valid, rest, np.inf), axis=1), np.nan)
    n = valid.sum(axis=1).astype(np.float64)
    total = np.zeros(len(y))
    for lag in range(1, min(lags, y.shape[1] - 2) + 1):
        r, pairs = autocorrelation(ranks, lag)
        significant = np.abs(r) > Z_95 / np.sqrt(pairs + lag)
        total += np.where(significant, (n - lag) * (n - lag - 1) * (n - lag - 2) * np.nan_to_num(r), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = 1.0 + 2.0 * total / (n * (n - 1) * (n - 2))
    return np.where(n > 2, np.maximum(factor, least), np.nan)


def autocorrelation(y: Floats, lag: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return the autocorrelation of each series at a lag, and the pairs that it comes from; NaN for a constant series.

    Without gaps: sum of z_t z_(t+lag) over the sum of z_t squared.
    """
    valid = np.isfinite(y)
    n = np.maximum(valid.sum(axis=1), 1)
    middle = np.where(valid, y, 0.0).sum(axis=1) / n
    z = np.where(valid, y - middle[:, None], 0.0)
    pairs = (valid[:, lag:] & valid[:, :-lag]).sum(axis=1)
    square, size = np.vecdot(z, z), np.abs(middle) * np.finfo(np.float64).eps
    with np.errstate(divide="ignore", invalid="ignore"):
        # Of the pairs that there are, as if the gaps were like them.
        r = np.vecdot(z[:, lag:], z[:, :-lag]) / square * (n / (pairs + lag))
    return np.where((pairs > 0) & (square > 16 * n * size**2), r, np.nan), pairs


def prewhitened(y: Floats, r: Floats) -> Floats:
    """Return x_t - r x_(t-1), (series, years - 1)."""
    return np.asarray(y[:, 1:] - r[:, None] * y[:, :-1])


def trend_free(y: Floats, t: Floats, slope: Floats) -> Floats:
    """Return each series prewhitened without its line, the line put back, (series, years - 1)."""
    line = slope[:, None] * t
    r, _ = autocorrelation(y - line, 1)
    return np.asarray(prewhitened(y - line, np.nan_to_num(r)) + line[:, 1:])


def _three_pw(y: Floats, t: Floats, slope: Floats, plain: MannKendall, as_it_is: Outcome) -> Outcome:
    r, pairs = autocorrelation(y, 1)
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero((np.abs(r) > Z_95 / np.sqrt(pairs + 1)) & (pairs > 2))
    z, p = as_it_is.z.copy(), as_it_is.p.copy()
    if rows.size == 0:
        return Outcome(z, p)
    both = (prewhitened(y[rows], r[rows]), trend_free(y[rows], t, slope[rows]))
    one, other = (_with_p(part) for part in both)
    weaker = np.where(one.p >= other.p, one.z, other.z)
    agree = (np.sign(one.z) == np.sign(other.z)) & (np.sign(weaker) == np.sign(plain.s[rows]))
    z[rows], p[rows] = np.where(agree, weaker, 0.0), np.where(agree, np.maximum(one.p, other.p), 1.0)
    return Outcome(z, p)


def _with_p(y: Floats) -> Outcome:
    found = kernels.mann_kendall(y)
    return Outcome(found.z, small_sample_p(y, found))


def _scaled(as_it_is: Outcome, plain: MannKendall, factor: Floats) -> Outcome:
    """Divide the deviate by the root of the factor; where the factor is 1, P stays as it is, exact or not."""
    z = plain.z / np.sqrt(factor)
    return Outcome(z, np.where(factor == 1.0, as_it_is.p, 2.0 * special.ndtr(-np.abs(z))))
