"""What the equations do cell by cell on any kind of input: keep, count and doubt.

Nothing here looks at the values of a lazy array before they are computed.
"""

from __future__ import annotations

import warnings

import numpy as np

from carbondrivers.errors import DataWarning
from carbondrivers.nep_models.apply import Values


def is_lazy(value: Values) -> bool:
    """Return whether the values are not computed yet.

    Examples
    --------
    >>> is_lazy(np.ones(3))
    False
    """
    return getattr(value, "chunks", None) is not None


def keep_where(value: Values, condition: Values, other: float = np.nan) -> Values:
    """Return `value` where the condition holds and `other` elsewhere, of the kind of `value`.

    Examples
    --------
    >>> keep_where(np.array([1.0, -2.0]), np.array([True, False]))
    array([ 1., nan])
    """
    if hasattr(value, "where"):
        return value.where(condition, other)
    return np.where(condition, value, other)[()]


def not_negative(value: Values) -> Values:
    """Empty negative cells, where a power, a root or a logarithm has no value.

    Examples
    --------
    >>> not_negative(np.array([3.0, -1.0]))
    array([ 3., nan])
    """
    if not is_lazy(value) and not np.any(np.asarray(value < 0)):
        return value
    return keep_where(value, value >= 0)


def count_true(condition: Values) -> int:
    """Return how many cells hold, 0 for a lazy array.

    Examples
    --------
    >>> count_true(np.array([1.0, 5.0]) > 2)
    1
    """
    return 0 if is_lazy(condition) else int(np.asarray(condition).sum())


def warn_if_below(value: Values, name: str, limit: float, cause: str) -> None:
    """Warn if the largest value present is above 0 and below `limit`: a unit a thousand times too large.

    Examples
    --------
    >>> warn_if_below(np.array([0.0, 250.0]), "precipitation", 5.0, "it looks like metres")
    """
    if is_lazy(value):
        return
    flat = np.asarray(value, dtype=np.float64).ravel()
    highest = np.max(flat, initial=0.0, where=~np.isnan(flat))
    if 0.0 < highest < limit:
        warnings.warn(f"{name} is nowhere above {highest:g}: {cause}", DataWarning, stacklevel=4)
