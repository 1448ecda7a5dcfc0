"""Tests and intervals of the geodetector, from moments alone.

Factor: F = (q / (L - 1)) / ((1 - q) / (N - L)) (central F; Fisher), or Welch's F for unequal variances (Welch 1951,
doi:10.1093/biomet/38.3-4.330). epsilon2 = 1 - (1 - q)(N - 1)/(N - L) (Kelley 1935); omega2 = (SSB - (L - 1) MSW) /
(SST + MSW) (Hays 1963). Interval of q: the noncentralities for which the observed F is the 1 - a/2 and the a/2 quantile,
turned to shares by ncp / (ncp + N) (Steiger 2004, doi:10.1037/1082-989X.9.2.164).
With weights (areas) N is Kish's (sum w)^2 / sum w^2: for rows of one variance it makes the expected F one.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

from carbondrivers.attribution.geodetector_moments import Moments
from carbondrivers.attribution.inference import upper_f

# Below this share of the whole, a sum of squares is rounding.
EQUAL = 1e-12
# Below this share of the response's variance, the variance within a stratum is: equal values differ from their mean by it.
CONSTANT = 1e-24
# With weights the degrees of freedom within strata need not be whole. Below one the distribution of F lies almost whole at
# infinity: no statistic is large, and an interval would be [0, 0] whatever q is. (One, but for rounding.)
LEAST_DF = 1.0 - 1e-9


def f_test(explained: float, df: float, unexplained: float, df_2: float) -> dict[str, float]:
    """Return the F test of a sum of squares; NaN where it is not defined, or `df_2` is less than one.

    Examples
    --------
    >>> found = f_test(8.0, 2, 4.0, 4)
    >>> found["statistic"], round(found["p"], 6)
    (4.0, 0.111111)
    """
    row = {"statistic": np.nan, "df": float(df), "df_2": float(df_2), "p": np.nan, "log10_p": np.nan}
    if df <= 0.0 or df_2 < LEAST_DF or unexplained <= EQUAL * (explained + unexplained):
        return row
    f = (explained / df) / (unexplained / df_2)
    p, log10_p = upper_f(np.array([f]), df, df_2)
    return row | {"statistic": f, "p": float(p[0]), "log10_p": float(log10_p[0])}


def welch_test(moments: Moments) -> dict[str, float]:
    """Return Welch's F of the means of strata with unequal variances; NaN where a stratum has no variance of its own.

    Examples
    --------
    >>> from carbondrivers.attribution.geodetector_moments import cell_moments
    >>> y, codes = np.array([1.0, 2, 3, 4, 6, 8]), np.array([0, 0, 0, 1, 1, 1])
    >>> round(welch_test(cell_moments(y, codes, 2))["statistic"], 6)
    9.6
    """
    n = moments.count.astype(np.float64)
    k = len(n)
    row = {"statistic": np.nan, "df": k - 1.0, "df_2": np.nan, "p": np.nan, "log10_p": np.nan}
    variance = moments.square / np.maximum(moments.weight, EQUAL) * n / np.maximum(n - 1.0, EQUAL)
    whole = (moments.between + moments.within) / float(moments.weight.sum())
    if k < 2 or (n < 2.0).any() or (variance <= CONSTANT * whole).any():
        return row
    w = n / variance
    centre = float((w * moments.mean).sum() / w.sum())
    lack = float(((1.0 - w / w.sum()) ** 2 / (n - 1.0)).sum())
    f = float((w * (moments.mean - centre) ** 2).sum()) / (k - 1) / (1.0 + 2.0 * (k - 2) / (k**2 - 1.0) * lack)
    df_2 = (k**2 - 1.0) / (3.0 * lack)
    p, log10_p = upper_f(np.array([f]), k - 1, df_2)
    return row | {"statistic": f, "df_2": df_2, "p": float(p[0]), "log10_p": float(log10_p[0])}


def epsilon2(q: float, n: float, cells: int) -> float:
    """Return q less what `cells` strata explain of `n` rows by chance; 0 on average where they explain nothing."""
    return 1.0 - (1.0 - q) * (n - 1.0) / (n - cells) if n - cells >= LEAST_DF else np.nan


def omega2(q: float, n: float, cells: int) -> float:
    """Return omega2, the less biased share of variance, of q from `n` rows in `cells` strata.

    Examples
    --------
    >>> round(omega2(0.5, 21.0, 3), 6)
    0.432432
    """
    if n - cells < LEAST_DF:
        return np.nan
    mean_square = (1.0 - q) / (n - cells)
    return (q - (cells - 1) * mean_square) / (1.0 + mean_square)


def noncentral_interval(f: float, df: float, df_2: float, confidence: float) -> tuple[float, float]:
    """Return the interval of the noncentrality of an F statistic; NaN where the statistic is not finite.

    Examples
    --------
    >>> low, high = noncentral_interval(11.221, 4, 50, 0.9)
    >>> round(low, 3), round(high, 3)
    (19.38, 71.549)
    """
    if not (np.isfinite(f) and df > 0.0 and df_2 > 0.0):
        return np.nan, np.nan
    tail = (1.0 - confidence) / 2.0
    return _noncentrality(f, df, df_2, 1.0 - tail), _noncentrality(f, df, df_2, tail)


def _noncentrality(f: float, df: float, df_2: float, level: float) -> float:
    """Return the noncentrality at which the probability below f is `level`; 0 where it is smaller even without any."""

    def surplus(ncp: float) -> float:
        # Far below its mean the distribution function comes out as NaN: it is nought there.
        below = float(special.ncfdtr(df, df_2, ncp, f))
        return (below if below == below else 0.0) - level

    if special.fdtr(df, df_2, f) <= level:
        return 0.0
    low, high = 0.0, max(1.0, f * df)
    for _ in range(200):
        if surplus(high) < 0.0:
            return float(optimize.brentq(surplus, low, high, xtol=1e-10 * high, rtol=1e-12))
        low, high = high, high * 1.25 + 1.0
    return np.nan


def share_interval(f: float, df: float, df_2: float, n: float, confidence: float) -> tuple[float, float]:
    """Return the interval of a share of variance, ncp / (ncp + n)."""
    low, high = noncentral_interval(f, df, df_2, confidence)
    return low / (low + n), high / (high + n)
