"""Small shared pieces of inference: p-values that keep their tail, and adjustment for many tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

Floats = NDArray[np.float64]
LN10 = float(np.log(10.0))
NAIVE_P = (
    "P-values and intervals are naive: they take rows (pixels, sites) as independent. Neighbours are alike, so the effective "
    "number of observations is smaller than n, and a naive P below 0.05 is not by itself evidence of an effect."
)


def centred(values: Floats) -> Floats:
    """Return values, (n,), less their mean; noughts where they are all the same, which the rounding of a mean would hide.

    Examples
    --------
    >>> centred(np.full(3, 7.1)).tolist()
    [0.0, 0.0, 0.0]
    """
    return np.asarray(values - values.mean() if np.ptp(values) > 0.0 else np.zeros_like(values))


def two_sided_t(statistic: Floats, df: float | Floats) -> tuple[Floats, Floats]:
    """Return the two-sided p of t statistics and its log10; NaN where the statistic is not finite.

    Parameters
    ----------
    statistic
        Shape (k,).
    df
        Degrees of freedom, one for all or (k,).

    Examples
    --------
    >>> import numpy as np
    >>> p, log10_p = two_sided_t(np.array([40.0]), 500.0)
    >>> bool(p[0] > 0), round(float(log10_p[0]), 3)
    (True, -157.201)
    """
    each = np.broadcast_to(np.asarray(df, dtype=np.float64), statistic.shape)
    with np.errstate(divide="ignore"):
        log_p = np.log(2.0) + stats.t.logsf(np.abs(statistic), each)
    tail = np.isneginf(log_p) & np.isfinite(statistic)
    log_p[tail] = _log_beta_tail((each / (each + statistic**2))[tail], each[tail] / 2.0, 0.5)
    return _finite_only(statistic, log_p)


def upper_f(statistic: Floats, df: float, df_2: float) -> tuple[Floats, Floats]:
    """Return the upper-tail p of an F statistic and its log10; NaN where the statistic is not finite."""
    with np.errstate(divide="ignore"):
        log_p = stats.f.logsf(statistic, df, df_2)
    tail = np.isneginf(log_p) & np.isfinite(statistic)
    log_p[tail] = _log_beta_tail((df_2 / (df_2 + df * statistic))[tail], df_2 / 2.0, df / 2.0)
    return _finite_only(statistic, log_p)


def _log_beta_tail(x: Floats, a: float | Floats, b: float) -> Floats:
    """Return log I_x(a, b) far below the mean of the beta distribution, where it underflows (series of DLMF 8.17.8)."""
    term, total, k = np.ones_like(x), np.ones_like(x), 0
    while (term > 1e-17 * total).any():
        term = term * x * (a + b + k) / (a + 1.0 + k)
        total = total + term
        k += 1
    return np.asarray(a * np.log(x) + b * np.log1p(-x) - np.log(a) - special.betaln(a, b) + np.log(total))


def _finite_only(statistic: Floats, log_p: Floats) -> tuple[Floats, Floats]:
    log_p = np.where(np.isfinite(statistic), log_p, np.nan)
    return np.exp(log_p), log_p / LN10


def benjamini_hochberg(p: Floats) -> Floats:
    """Return p-values adjusted by Benjamini and Hochberg (1995); NaN stays NaN and does not count as a test.

    Parameters
    ----------
    p
        Any shape.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    """
    adjusted = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        adjusted[tested] = stats.false_discovery_control(p[tested], method="bh")
    return adjusted


def holm(p: Floats) -> Floats:
    """Return p-values adjusted by Holm (1979); NaN stays NaN and does not count as a test.

    Parameters
    ----------
    p
        Any shape.

    Examples
    --------
    >>> holm(np.array([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    """
    adjusted = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    order = np.argsort(p[tested], kind="stable")
    steps = p[tested][order] * np.arange(tested.sum(), 0, -1)
    ordered = np.empty(len(order))
    ordered[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    adjusted[tested] = ordered
    return adjusted


ADJUSTMENTS: dict[str, Callable[[Floats], Floats]] = {"bh": benjamini_hochberg, "holm": holm}


def adjust_within(
    table: pd.DataFrame, by: Sequence[str], method: str = "bh", columns: tuple[str, str] = ("p", "p_adjusted")
) -> pd.DataFrame:
    """Return the table with adjusted p computed within each combination of `by`.

    Parameters
    ----------
    table
        With the first of `columns`.
    by
        Columns whose combinations are the families of tests.
    method
        A key of ``ADJUSTMENTS``.
    columns
        What is adjusted, and where it goes.
    """
    adjusted = np.full(len(table), np.nan)
    for rows in table.groupby(list(by), sort=False).indices.values():
        adjusted[rows] = ADJUSTMENTS[method](table[columns[0]].to_numpy(dtype=np.float64)[rows])
    return table.assign(**{columns[1]: adjusted})
