"""The studentised range: its upper tail and its quantile, for many statistics and degrees of freedom at once.

The range of k standard normal values exceeds w with probability

    S(w) = k int phi(z) {Phi(z)^(k-1) - [Phi(z) - Phi(z-w)]^(k-1)} dz,

z being the largest of them; divided by a standard deviation s of its own, with df s^2 a chi-square, it exceeds q with
probability P = int f(s) S(q s) ds (Tukey 1953; Lund and Lund 1983, doi:10.2307/2347300). Both integrals are sums over equally
spaced points, which converge geometrically for integrands that are smooth on the whole line: in z itself, and in t = log s.
All terms are positive, so that small P keep their digits: 1e-11 relative or better for 2 to 100 means, 1 to 1e6 degrees of
freedom and P down to 1e-290. log S(w) + w^2 / 4 is tabulated once for each k.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import special, stats
from scipy.interpolate import BSpline, make_interp_spline
from scipy.optimize import elementwise

from carbondrivers.attribution.inference import Floats

# Beyond the widest range, S is less than any number that the machine knows.
WIDEST, KNOTS = 54.0, 2001
_REACH, _STEP = 9.0, 0.1
# Points whose logarithm lies this far below that of the greatest add nothing.
_DROP = 45.0
# Logarithm below which a P comes out as nought.
_LEAST = -745.0


def upper_tail(q: Floats, k: int, df: Floats) -> Floats:
    """Return the probability that the studentised range of k means exceeds q, (n,).

    Parameters
    ----------
    q
        Statistics, (n,), finite and 0 or more.
    k
        Number of means, 2 or more.
    df
        Degrees of freedom, (n,), 1 or more; they need not be whole.

    Examples
    --------
    >>> found = upper_tail(np.array([3.5, 20.0]), 5, np.array([10.3, 10.3]))
    >>> [f"{p:.9g}" for p in found]
    ['0.170630851', '3.52771437e-07']
    """
    return np.asarray(np.minimum(np.exp(_log_tail(q, k, df)), 1.0))


def quantile(confidence: float, k: int, df: Floats) -> Floats:
    """Return what the studentised range of k means exceeds with probability 1 - `confidence`, (n,).

    It lies between those of one difference and of all k (k - 1) / 2 by Bonferroni.

    Parameters
    ----------
    confidence
        Between 0 and 1.
    k, df
        As for ``upper_tail``.

    Examples
    --------
    >>> [f"{q:.8g}" for q in quantile(0.95, 30, np.array([12.2, 1e6]))]
    ['6.6367123', '5.3013054']
    """
    tail, root = 1.0 - confidence, np.sqrt(2.0)
    distinct, back = np.unique(df, return_inverse=True)
    low, high = (np.log(root * stats.t.isf(p, distinct)) for p in (tail / 2.0, tail / (k * (k - 1.0))))

    def excess(log_q: Floats, at: Floats) -> Floats:
        return np.asarray(_log_tail(np.exp(log_q), k, at) - np.log(tail))

    found = elementwise.find_root(
        excess, (low - 1e-6, high + 1e-6), args=(distinct,), tolerances={"xatol": 1e-13, "xrtol": 1e-13}
    )
    return np.asarray(np.exp(found.x)[back.reshape(-1)])


def _log_tail(q: Floats, k: int, df: Floats) -> Floats:
    """Return the logarithm of the upper tail; minus infinity where the tail is less than any number."""
    # Where S falls as exp(-w^2 / 4), the integrand over t is that of q = 0, moved by this much.
    moved = -np.log(np.hypot(1.0, q / np.sqrt(2.0 * df)))
    found = np.full(len(q), -np.inf)
    known = df * moved > _LEAST
    if known.any():
        found[known] = _sum(q[known], df[known], moved[known], k)
    return found


def _sum(q: Floats, df: Floats, moved: Floats, k: int) -> Floats:
    """Return the logarithm of the integral over t = log s, each by as many points as its degrees of freedom ask for."""
    below = -(1.0 + 2.0 * _DROP / df)
    low, high = ((below - special.lambertw(-np.exp(below), branch).real) / 2.0 for branch in (0, -1))
    low, step = low + moved, 0.5 / np.sqrt(df + 16.0 + 0.5 * k)
    count = np.ceil((high - low) / step).astype(np.int64) + 1
    start = np.cumsum(count) - count
    own = np.repeat(np.arange(len(q)), count)
    t = low[own] + step[own] * (np.arange(len(own)) - start[own])
    density = df[own] * (t - np.expm1(2.0 * t) / 2.0)
    # However wide, the range adds nothing beyond the clip.
    w = np.minimum(np.minimum(q, 1e300)[own] * np.exp(t), 1e4)
    joint = density + _table(k)(np.minimum(w, WIDEST)) - w**2 / 4.0
    top = np.maximum.reduceat(joint, start)
    share = np.add.reduceat(np.exp(joint - top[own]), start) / np.add.reduceat(np.exp(density), start)
    return np.asarray(top + np.log(share))


@lru_cache(maxsize=128)
def _table(k: int) -> BSpline:
    """Return log S(w) + w^2 / 4 over 0 to ``WIDEST``."""
    w = np.linspace(0.0, WIDEST, KNOTS)
    z = w[:, None] / 2.0 + np.arange(-_REACH, _REACH + _STEP / 2.0, _STEP)
    below = special.log_ndtr(z)
    with np.errstate(divide="ignore"):
        # 1 - [1 - Phi(z - w) / Phi(z)]^(k - 1)
        wider = -np.expm1((k - 1.0) * np.log1p(-np.exp(special.log_ndtr(z - w[:, None]) - below)))
        terms = np.log(wider) - z**2 / 2.0 + (k - 1.0) * below
    logs = special.logsumexp(terms, axis=1) + np.log(k * _STEP / np.sqrt(2.0 * np.pi))
    return make_interp_spline(w, logs + w**2 / 4.0, k=5)
