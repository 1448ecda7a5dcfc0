"""How well estimates agree with observations: R2 = 1 - SSE/SST, squared r, errors and the fitted line, from sums.

The two R2 are not one number: 1 - SSE/SST is taken about the 1:1 line and falls with a bias, the squared correlation does
not. The line is that of the observed on the estimated (Pineiro et al. 2008, doi:10.1016/j.ecolmodel.2008.05.006): the
other way round, even a perfect estimate of noisy observations has a slope below 1. Everything is a function of sums over
rows, so that a part, or a resample of whole sites, costs a product of small arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SCORES = ("r2", "r_squared", "rmse", "mae", "bias", "bias_relative", "slope", "intercept")
# Sums of squares that rounding alone can leave, as a share of those of all rows.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of the rows of each unit (a site, a block, a single row).

    Attributes
    ----------
    table : numpy.ndarray
        Shape (units, 9): n, o, e, o^2, e^2, oe, d, d^2, abs(d), where o and e are the centred observations and estimates
        and d = estimate - observation.
    observed, estimated : float
        The means that were taken off.
    """

    table: Floats
    observed: float
    estimated: float


def unit_sums(observed: Floats, estimated: Floats, units: NDArray[np.int64]) -> Sums:
    """Return the sums of each unit.

    Parameters
    ----------
    observed, estimated
        Shape (n,), finite, in one unit of measurement.
    units
        Shape (n,): the number of each row's unit, 0 to units - 1.
    """
    o, e = _centred(observed), _centred(estimated)
    d = estimated - observed
    rows = np.stack([np.ones_like(o), o, e, o * o, e * e, o * e, d, d * d, np.abs(d)])
    count = int(units.max()) + 1
    table = np.stack([np.bincount(units, weights=row, minlength=count) for row in rows], axis=1).astype(np.float64)
    return Sums(table, float(observed.mean()), float(estimated.mean()))


def scores(sums: Sums, counts: Floats | None = None) -> dict[str, Floats]:
    """Return each of ``SCORES``: of all rows, or of resamples of the units.

    Parameters
    ----------
    sums
        From ``unit_sums``.
    counts
        Shape (replicates, units): how often each unit is taken. All once where None.

    Returns
    -------
    dict of str to numpy.ndarray
        Shape (replicates,), or () where `counts` is None. ``bias`` is the mean of estimate - observation and
        ``bias_relative`` its ratio to the absolute mean of the observations; NaN where a score is undefined: observations
        or estimates without spread, a mean of zero.
    """
    whole = sums.table.sum(axis=0)
    taken = whole if counts is None else counts @ sums.table
    n, o, e, oo, ee, oe, d, dd, absolute = np.moveaxis(taken, -1, 0)
    spread_o, spread_e = _above(oo - o * o / n, whole[3]), _above(ee - e * e / n, whole[4])
    shared = oe - o * e / n
    slope = shared / spread_e
    mean_o, mean_e = sums.observed + o / n, sums.estimated + e / n
    found = {
        "r2": 1.0 - dd / spread_o,
        "r_squared": np.minimum(shared * shared / (spread_o * spread_e), 1.0),
        "rmse": np.sqrt(dd / n),
        "mae": absolute / n,
        "bias": d / n,
        "bias_relative": d / n / np.where(mean_o == 0.0, np.nan, np.abs(mean_o)),
        "slope": slope,
        "intercept": mean_o - slope * mean_e,
    }
    return {name: np.asarray(found[name], dtype=np.float64) for name in SCORES}


def agreement(observed: Floats, estimated: Floats) -> dict[str, float]:
    """Return each of ``SCORES`` of some rows.

    Parameters
    ----------
    observed, estimated
        Shape (n,), n >= 1, finite, in one unit of measurement.

    Examples
    --------
    >>> found = agreement(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0]))
    >>> found["r2"], found["r_squared"], found["bias"]
    (-0.5, 1.0, 1.0)
    """
    one = np.zeros(len(observed), dtype=np.int64)
    return {name: float(value) for name, value in scores(unit_sums(observed, estimated, one)).items()}


def _centred(values: Floats) -> Floats:
    # The mean of equal values may differ from them in the last digit.
    return np.zeros_like(values) if np.ptp(values) == 0.0 else values - values.mean()


def _above(spread: Floats, whole: float) -> Floats:
    """Return a sum of squares, NaN where it is zero but for rounding."""
    return np.asarray(np.where(spread > _ROUNDING * whole, spread, np.nan))
