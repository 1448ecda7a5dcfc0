"""How a named region meets the printed means: two small solvers that know nothing of carbon.

Means of sub-regions and of classes together say less than the mean of each class in each sub-region. Iterative
proportional fitting (Deming & Stephan 1940, doi:10.1214/aoms/1177731829) gives the table that meets both and keeps the
ratios of a first guess. What brings a mean about is found by the Illinois form of the false position, for many means at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from carbondrivers.datasets.virtual.fields import FloatArray

ROUNDS = 200
TOLERANCE = 2e-4
"""Of wanted values, relative."""


def fit_table(areas: FloatArray, guess: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Return means of a table's cells whose area-weighted row and column means are those wanted.

    Parameters
    ----------
    areas
        Shape (rows, columns), 0 where a cell is empty.
    guess
        Positive first means of the columns, shape (columns,).
    rows, columns
        Wanted means, positive; NaN where none is wanted.

    Returns
    -------
    numpy.ndarray
        Shape (rows, columns). Where rows and columns ask for different totals, the rows have theirs.

    Examples
    --------
    >>> areas = np.array([[1.0, 1.0], [1.0, 3.0]])
    >>> fit_table(areas, np.array([1.0, 1.0]), np.array([3.0, 4.0]), np.array([5.0, 3.0])).round(2).tolist()
    [[3.9, 2.1], [6.1, 3.3]]
    """
    mass = areas * guess
    for _ in range(ROUNDS):
        for axis, wanted in ((0, columns), (1, rows)):
            total, have = areas.sum(axis=axis), mass.sum(axis=axis)
            known = np.isfinite(wanted) & (have > 0)
            factor = np.where(known, wanted * total / np.where(have > 0, have, 1.0), 1.0)
            mass = mass * (factor if axis == 0 else factor[:, None])
    return np.asarray(mass / np.where(areas > 0, areas, 1.0))


def false_position(
    evaluate: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray, wanted: FloatArray, steps: int = 9
) -> FloatArray:
    """Return the arguments at which rising functions, each of its own argument, take wanted values.

    Parameters
    ----------
    evaluate
        All values at all arguments, shape (n,) to (n,).
    low, high
        Brackets; a value that is out of reach gives the nearer end.
    wanted
        NaN where nothing is wanted: the argument is then 1.
    steps
        Most evaluations inside the brackets.

    Examples
    --------
    >>> false_position(lambda x: x**2, np.zeros(2), np.full(2, 3.0), np.array([4.0, 99.0])).round(2).tolist()
    [2.0, 3.0]
    """
    # what is not wanted stays at 1, or it would shift the others' values
    low, high = (np.where(np.isfinite(wanted), end, 1.0) for end in (low, high))
    below, above = evaluate(low) - wanted, evaluate(high) - wanted
    ends = np.where(below >= 0, low, np.where(above <= 0, high, np.nan))
    found, side = 0.5 * (low + high), np.zeros(len(low))
    for _ in range(steps):
        span = above - below
        found = np.where(np.abs(span) > 0, low - below * (high - low) / np.where(span == 0, 1.0, span), low)
        found = np.clip(np.nan_to_num(found, nan=1.0), np.minimum(low, high), np.maximum(low, high))
        value = evaluate(found) - wanted
        if not (np.isnan(ends) & (np.abs(value) > TOLERANCE * np.abs(wanted))).any():
            break
        right = value > 0
        # an end that stays is halved, or the other would creep
        below = np.where(right, np.where(side > 0, 0.5 * below, below), value)
        above = np.where(right, value, np.where(side < 0, 0.5 * above, above))
        low, high = np.where(right, low, found), np.where(right, found, high)
        side = np.where(right, 1.0, -1.0)
    found = np.where(np.isfinite(ends), ends, found)
    return np.asarray(np.where(np.isfinite(wanted), found, 1.0))
