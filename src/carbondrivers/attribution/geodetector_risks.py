"""Risk detector: the mean of the response in each stratum with its interval, and which strata differ.

Two strata: Welch's t, with Satterthwaite's degrees of freedom; or Games and Howell (1976, doi:10.3102/10769986001002113), who
refer it to the studentised range. Where rows are autocorrelated, the variance of a mean is s_h^2 sum_ij R_ij / N_h^2 over the
stratum's rows, with correlations R by rings of distance of the response within strata (``geodetector_spatial``); means of
neighbouring strata covary likewise. Letters: strata that share one do not differ (Piepho 2004, doi:10.1198/1061860043515,
insert and absorb).
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from carbondrivers.attribution.geodetector_moments import Moments
from carbondrivers.attribution.geodetector_tests import CONSTANT, LEAST_DF
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.studentised_range import quantile, upper_tail

RiskTest = Literal["welch", "games_howell"]
RISK_TESTS: tuple[RiskTest, ...] = get_args(RiskTest)
# Pairs grow with the square of the strata: a few hundred strata would have more tests than anyone reads.
MOST_STRATA = 100
NOT_COMPARED = "More than {} strata are not compared two by two: {}."


def stratum_means(moments: Moments, among: Floats | None, confidence: float) -> dict[str, Floats]:
    """Return columns of one row a stratum: its mean, spread, and intervals, naive and corrected.

    Parameters
    ----------
    moments
        Of one factor.
    among
        Sums of correlations among strata, (strata, strata); None where rows have no places.
    confidence
        Level of the intervals.
    """
    sd = spreads(moments)
    n = size_of(moments)
    low, high = _interval(moments.mean, sd / np.sqrt(n), n, confidence)
    n_eff = np.full(len(n), np.nan) if among is None else effective(moments, among)
    low_eff, high_eff = _interval(moments.mean, sd / np.sqrt(n_eff), n_eff, confidence)
    return {
        "n": moments.count.astype(np.float64), "estimate": moments.mean, "sd": sd, "std_error": sd / np.sqrt(n), "ci_low": low,
        "ci_high": high, "n_eff": n_eff, "ci_eff_low": low_eff, "ci_eff_high": high_eff,
    }  # fmt: skip


def not_compared(strata: pd.DataFrame) -> tuple[str, ...]:
    """Return the sentence on drivers with too many strata to compare; nothing where there are none."""
    count = strata.groupby("driver")["level"].nunique()
    many = [str(d) for d in count.index[count > MOST_STRATA]]
    return (NOT_COMPARED.format(MOST_STRATA, ", ".join(many)),) if many else ()


def spreads(moments: Moments) -> Floats:
    """Return the standard deviation within each stratum, (strata,); NaN where there is a single row, 0 where rows are equal."""
    n = size_of(moments)
    whole = (moments.between + moments.within) / float(moments.weight.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = moments.square / moments.weight * np.where(n > 1.0, n / (n - 1.0), np.nan)
    variance = np.where(variance <= CONSTANT * whole, 0.0, variance)
    return np.sqrt(np.where(moments.count > 1, variance, np.nan))


def size_of(moments: Moments) -> Floats:
    """Return the rows of each stratum."""
    return moments.count.astype(np.float64)


def effective(moments: Moments, among: Floats) -> Floats:
    """Return the effective number of rows behind each mean, at most the rows; NaN where it is less than 1."""
    own = np.diag(among)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = moments.weight**2 / np.where(own > 0.0, own, np.nan)
    size = np.minimum(size, size_of(moments))
    # A single row is worth one row, whatever rounding says.
    return np.where(size >= 1.0 - 1e-9, np.maximum(size, 1.0), np.nan)


def _interval(mean: Floats, error: Floats, n: Floats, confidence: float) -> tuple[Floats, Floats]:
    # Below one degree of freedom Student's t reaches beyond every response.
    reach = stats.t.ppf(0.5 + confidence / 2.0, np.where(n - 1.0 >= LEAST_DF, n - 1.0, np.nan)) * error
    return mean - reach, mean + reach


def differences(moments: Moments, among: Floats | None, test: RiskTest, confidence: float) -> dict[str, NDArray[Any]]:
    """Return columns: difference, t, df, p and interval of every two strata (``one``, ``two``), naive and corrected.

    More than ``MOST_STRATA`` strata are not compared.

    Parameters
    ----------
    moments
        Of one factor.
    among
        Sums of correlations among strata, (strata, strata); None where rows have no places.
    test
        ``"welch"`` or ``"games_howell"``.
    confidence
        Level of the intervals.

    Examples
    --------
    >>> from carbondrivers.attribution.geodetector_moments import cell_moments
    >>> found = differences(cell_moments(np.array([1.0, 2, 3, 4, 6, 8]), np.array([0, 0, 0, 1, 1, 1]), 2), None, "welch", 0.95)
    >>> round(float(found["statistic"][0]), 4), round(float(found["df"][0]), 4)
    (-3.0984, 2.9412)
    """
    strata = len(moments.count) if len(moments.count) <= MOST_STRATA else 0
    pairs = np.array(list(combinations(range(strata), 2)), dtype=np.int64).reshape(-1, 2)
    one, two = pairs.T
    n, variance = size_of(moments), spreads(moments) ** 2
    apart = moments.mean[one] - moments.mean[two]
    naive = _welch(apart, variance / n, n, pairs, np.zeros(len(pairs)), test, confidence)
    if among is None:
        size, shared = np.full(len(n), np.nan), np.zeros(len(pairs))
    else:
        size = effective(moments, among)
        sd = np.sqrt(variance)
        shared = 2.0 * sd[one] * sd[two] * among[one, two] / (moments.weight[one] * moments.weight[two])
    fixed = _welch(apart, variance / size, size, pairs, shared, test, confidence)
    names = {"statistic": "statistic_eff", "df": "df_eff", "p": "p_eff", "ci_low": "ci_eff_low", "ci_high": "ci_eff_high"}
    return {"one": one, "two": two, "estimate": apart} | naive | {names[key]: fixed[key] for key in names}


def _welch(
    apart: Floats, error2: Floats, n: Floats, pairs: NDArray[np.int64], shared: Floats, test: RiskTest, confidence: float
) -> dict[str, Floats]:
    """Return the t tests of differences of means with squared errors `error2` and twice their covariance `shared`."""
    one, two = pairs.T
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = error2[one], error2[two]
        # A covariance that leaves less than a tenth of the variance is not known that well.
        square = np.maximum(a + b - shared, 0.1 * (a + b))
        df = (a + b) ** 2 / (a**2 / (n[one] - 1.0) + b**2 / (n[two] - 1.0))
        df = np.where(df >= 1.0, df, np.nan)
        t = np.where((square > 0.0) & np.isfinite(df), apart / np.sqrt(square), np.nan)
    error = np.sqrt(square)
    if test == "welch":
        p = 2.0 * stats.t.sf(np.abs(t), df)
        reach = stats.t.ppf(0.5 + confidence / 2.0, df) * error
    else:
        p, reach = _games_howell(t, df, len(n), error, confidence)
    return {
        "std_error": error, "statistic": t, "df": np.where(np.isfinite(t), df, np.nan), "p": p, "ci_low": apart - reach,
        "ci_high": apart + reach,
    }  # fmt: skip


def _games_howell(t: Floats, df: Floats, k: int, error: Floats, confidence: float) -> tuple[Floats, Floats]:
    p, reach = np.full(len(t), np.nan), np.full(len(t), np.nan)
    known = np.flatnonzero(np.isfinite(t))
    if len(known):
        root = np.sqrt(2.0)
        p[known] = upper_tail(np.abs(t[known]) * root, k, df[known])
        reach[known] = quantile(confidence, k, df[known]) / root * error[known]
    return p, reach


def letters(means: Floats, differ: NDArray[np.bool_]) -> list[str]:
    """Return compact letters of strata: two that share a letter do not differ.

    Parameters
    ----------
    means
        (k,); the largest gets the first letter. NaN: no letter.
    differ
        (k, k), symmetric: whether two strata differ.

    Examples
    --------
    >>> differ = np.zeros((3, 3), dtype=bool)
    >>> differ[0, 2] = differ[2, 0] = True
    >>> letters(np.array([3.0, 2.0, 1.0]), differ)
    ['a', 'ab', 'b']
    """
    order = [int(i) for i in np.argsort(-means, kind="stable") if np.isfinite(means[i])]
    columns: list[set[int]] = [set(order)] if order else []
    for a, b in combinations(order, 2):
        if not differ[a, b]:
            continue
        split = [part for column in columns for part in ((column - {a}, column - {b}) if {a, b} <= column else (column,))]
        distinct = [column for i, column in enumerate(split) if column not in split[:i]]
        columns = [c for c in distinct if c and not any(c < other for other in distinct)]
    place = {stratum: i for i, stratum in enumerate(order)}
    columns.sort(key=lambda column: sorted(place[i] for i in column))
    marks = ["" for _ in means]
    for number, column in enumerate(columns):
        for i in sorted(column):
            marks[i] += _letter(number)
    return marks


def _letter(number: int) -> str:
    tens, ones = divmod(number, 26)
    return chr(ord("a") + ones) + (str(tens) if tens else "")
