"""Bootstrap by blocks of days: what is measured every hour is not independent from hour to hour.

Days (or runs of `days` days) of each stratum are drawn with replacement, as many as there are, so that every draw has as
many wet days, and as many days of each site, as the record (Efron and Tibshirani 1993). A draw is a count per block: sums
of blocks give a mean, weighted rows a regression. Draws of m blocks understate the variance of a fit of p constants by about
(m - p) / m; this is made good, and intervals are those of t with m - p degrees of freedom. Where noise carries over from day
to day, blocks must be longer: with hourly noise of autocorrelation 0.8, intervals of 95 % hold the mean of the flux in 89 % of
records with blocks of one day, in 97 % with blocks of three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbondrivers.errors import DataError, OptionError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of records.

    Attributes
    ----------
    of : numpy.ndarray of shape (records,)
        The block of each record, from 0.
    stratum : numpy.ndarray of shape (blocks,)
        The stratum of each block, from 0.
    """

    of: Codes
    stratum: Codes

    def draws(self, replicates: int, seed: int) -> Codes:
        """Return how often each block is drawn, of shape (replicates, blocks).

        Examples
        --------
        >>> Blocks(np.array([0, 0, 1, 2]), np.array([0, 0, 1])).draws(2, seed=0).sum(axis=1).tolist()
        [3, 3]
        """
        rng = np.random.default_rng(seed)
        counts = np.zeros((replicates, self.stratum.size), dtype=np.int64)
        for stratum in np.unique(self.stratum):
            inside = np.flatnonzero(self.stratum == stratum)
            counts[:, inside] = rng.multinomial(inside.size, np.full(inside.size, 1.0 / inside.size), replicates)
        return counts


def as_times(time: Any, records: int) -> Any:
    """Return times as a pandas index.

    Raises
    ------
    DataError
        If they are not dates, one is missing, or there are more or fewer than `records`.
    """
    import pandas as pd

    values = np.asarray(time) if not isinstance(time, pd.DatetimeIndex) and not hasattr(time, "dt") else time
    if getattr(values, "dtype", np.dtype("O")).kind not in "M":
        raise DataError("time must hold dates and hours (datetime64): read the column with pandas.to_datetime first")
    stamps = pd.DatetimeIndex(values)
    if len(stamps) != records:
        raise DataError(f"time has {len(stamps)} values for {records} records: give one for each")
    if stamps.hasnans:
        raise DataError(f"time is missing in {int(np.isnat(stamps.to_numpy()).sum())} records: drop them first")
    return stamps


def day_blocks(times: Any, days: int = 1, *, apart: Sequence[Codes] = (), strata: Codes | None = None) -> Blocks:
    """Return the blocks of records by their days.

    Parameters
    ----------
    times
        Of the records, local time, from ``as_times``.
    days
        Consecutive days in a block; more than 1 where days are alike.
    apart
        Codes of the records that keep blocks apart, as of the site.
    strata
        Codes of the records; the stratum of a block is the largest code in it.

    Raises
    ------
    OptionError
        If `days` is not a whole number from 1.

    Examples
    --------
    >>> import pandas as pd
    >>> day_blocks(pd.DatetimeIndex(["2020-01-01 05:00", "2020-01-01 06:00", "2020-01-02 05:00"])).of.tolist()
    [0, 0, 1]
    """
    if not isinstance(days, int | np.integer) or isinstance(days, bool) or days < 1:
        raise OptionError(f"block_days must be a whole number of days from 1, got {days!r}")
    date = times.tz_localize(None).normalize().to_numpy().astype("datetime64[D]").astype(np.int64)
    keys = np.column_stack([(date - date.min()) // days, *apart]) if date.size else np.zeros((0, 1), dtype=np.int64)
    _, block = np.unique(keys, axis=0, return_inverse=True)
    block = block.reshape(-1).astype(np.int64)
    stratum = np.zeros(int(block.max()) + 1 if block.size else 0, dtype=np.int64)
    if strata is not None:
        np.maximum.at(stratum, block, strata)
    return Blocks(block, stratum)


def block_means(values: Floats, group: Codes, groups: int, blocks: Blocks, draws: Codes) -> tuple[Floats, Floats, Codes]:
    """Return means by group, the same of every draw, and the number of blocks with records of the group.

    Parameters
    ----------
    values, group
        Of shape (records,), finite, and the group of each from 0 to `groups` - 1.

    Returns
    -------
    means : (groups,), of_draws : (replicates, groups), count : (groups,)
        NaN where there is no record.

    Examples
    --------
    >>> one_day_each = Blocks(np.array([0, 1]), np.array([0, 0]))
    >>> block_means(np.array([1.0, 3.0]), np.array([0, 0]), 1, one_day_each, np.array([[2, 0]]))[:2]
    (array([2.]), array([[1.]]))
    """
    shape = (blocks.stratum.size, groups)
    place = blocks.of * groups + group
    sums = np.bincount(place, weights=values, minlength=shape[0] * groups).reshape(shape)
    records = np.bincount(place, minlength=shape[0] * groups).reshape(shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums.sum(axis=0) / records.sum(axis=0)
        of_draws = (draws @ sums) / (draws @ records)
    return means, of_draws, (records > 0).sum(axis=0)


def spread(of_draws: Floats, count: Codes) -> Floats:
    """Return the standard error of each column: NaN with fewer than two blocks.

    Examples
    --------
    >>> spread(np.array([[1.0, 1.0], [3.0, 1.0]]), np.array([2, 1]))
    array([ 2., nan])
    """
    present = np.isfinite(of_draws)
    drawn = np.maximum(present.sum(axis=0), 2)
    values = np.where(present, of_draws, 0.0)
    centre = values.sum(axis=0) / drawn
    variance = np.where(present, (values - centre) ** 2, 0.0).sum(axis=0) / (drawn - 1)
    enough = count > 1
    return np.where(enough, np.sqrt(variance * count / np.where(enough, count - 1, 1)), np.nan)


def t_interval(estimate: Floats, std_error: Floats, df: Any, confidence: float) -> tuple[Floats, Floats]:
    """Return the bounds of an interval by t; NaN where there are no degrees of freedom.

    Examples
    --------
    >>> [round(float(v), 3) for v in t_interval(np.array(0.0), np.array(1.0), 30, 0.95)]
    [-2.042, 2.042]
    """
    from scipy import stats

    freedom = np.asarray(df, dtype=np.float64)
    quantile = stats.t.ppf(0.5 + 0.5 * confidence, np.where(freedom > 0, freedom, np.nan))
    return estimate - quantile * std_error, estimate + quantile * std_error


def check_bootstrap(replicates: int, confidence: float) -> None:
    """Refuse fewer than 20 replicates, or a confidence outside 0 to 1.

    Examples
    --------
    >>> check_bootstrap(500, 0.95)
    """
    if not isinstance(replicates, int | np.integer) or replicates < 20:
        raise OptionError(f"replicates must be a whole number from 20, got {replicates!r}: 500 are customary")
    if not 0.0 < confidence < 1.0:
        raise OptionError(f"confidence must be in (0, 1), such as 0.95, got {confidence!r}")
