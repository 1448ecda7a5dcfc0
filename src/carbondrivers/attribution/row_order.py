"""One order of the rows for methods that draw: the same rows give the same draws, in whatever order they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbondrivers.datasets.sample import PixelSample


def in_order(sample: PixelSample) -> PixelSample:
    """Return the sample with its rows sorted by their values: places first, then the response and the drivers.

    Parameters
    ----------
    sample
        Any sample; it is not changed.
    """
    names = [*(sample.coordinates or ()), sample.response.name, *(d.name for d in sample.drivers)]
    order = sorted_rows([_numbers(sample.frame[name]) for name in names])
    frame = sample.frame.iloc[order].reset_index(drop=True)
    return replace(sample, frame=frame, memberships=sample.memberships.iloc[order].reset_index(drop=True))


def sorted_rows(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Return the order of rows by the first column, ties by the second, and so on.

    Examples
    --------
    >>> sorted_rows([np.array([2.0, 1.0, 2.0]), np.array([5.0, 9.0, 4.0])]).tolist()
    [1, 2, 0]
    """
    order = np.argsort(columns[0], kind="stable")
    ranked = columns[0][order]
    same = ranked[1:] == ranked[:-1]
    tied = np.concatenate([[False], same]) | np.concatenate([same, [False]])
    if tied.any():
        rows = order[tied]
        order[tied] = rows[np.lexsort([column[rows] for column in columns[::-1]])]
    return order.astype(np.int64)


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes, dtype=np.float64)
    return np.asarray(column, dtype=np.float64)
