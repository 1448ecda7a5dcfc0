"""Strata: cutting a continuous driver into classes.

Classes are right-closed and the lowest includes its lower border, as in R's ``cut(include.lowest = TRUE)``:
``[b0, b1], (b1, b2], ...``. The rules are those of ``strata_kernels`` (quantile, equal, natural, geometric, sd, head_tails)
and, where a response is given, of ``strata_optimal``: ``tree`` (leaves of a regression tree) and ``optimal`` (the classes that
explain the response best). Borders of one's own are given as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.strata_kernels import RULES, Codes, Ordered, natural_all, ordered, running_sums, stops
from carbondrivers.attribution.strata_optimal import MAX_BINS as MAX_BINS
from carbondrivers.attribution.strata_optimal import optimal_runs, tree_runs, value_bins
from carbondrivers.errors import OptionError, choose

StrataMethod = Literal["quantile", "equal", "natural", "geometric", "sd", "head_tails"]
STRATA_METHODS: tuple[StrataMethod, ...] = get_args(StrataMethod)
SearchMethod = Literal["quantile", "equal", "natural", "geometric", "sd", "head_tails", "tree", "optimal"]
SEARCH_METHODS: tuple[SearchMethod, ...] = get_args(SearchMethod)
# These look at the response: what they find has to be judged on other rows, or by permutations that search again.
SUPERVISED: tuple[SearchMethod, ...] = ("tree", "optimal")


def breaks(
    values: Floats, method: SearchMethod = "quantile", classes: int = 6, *, y: Floats | None = None, min_size: int = 1
) -> Floats:
    """Return the class borders of `values`.

    Parameters
    ----------
    values
        Finite values, shape (n,).
    method
        ``"quantile"``, ``"equal"`` (width), ``"natural"`` (least within-class sum of squares), ``"geometric"``, ``"sd"``
        (standard deviations), ``"head_tails"``, or, with `y`, ``"tree"`` or ``"optimal"``.
    classes
        Number of classes asked for, 2 or more.
    y
        The response, shape (n,), for the last two.
    min_size
        Fewest rows of a class; smaller classes are joined to a neighbour.

    Returns
    -------
    numpy.ndarray
        Ascending borders, shape (k + 1,), the first the minimum (the next smaller number, where the minimum is a class
        of its own) and the last the maximum; k is smaller than `classes` where ties leave fewer classes.

    Raises
    ------
    OptionError
        If an option is outside its list or range, or `y` is missing where it is needed.

    Examples
    --------
    >>> breaks(np.array([0.0, 1, 2, 3, 10, 11]), "natural", 2).tolist()
    [0.0, 3.0, 11.0]
    """
    choose(method, SEARCH_METHODS, "strata method")
    if classes < 2:
        raise OptionError(f"classes must be 2 or more, got {classes!r}")
    if isinstance(min_size, bool) or not isinstance(min_size, int) or min_size < 1:
        raise OptionError(f"min_size must be a whole number of 1 or more, got {min_size!r}")
    if method in SUPERVISED and y is None:
        raise OptionError(f"strata method {method!r} needs a response: use it through optimise_strata, or give y")
    rows = ordered(values)
    return with_ends(rows, inner_borders(rows, method, classes, None if y is None else y - y.mean(), min_size)[classes])


def inner_borders(rows: Ordered, method: str, classes: int, y: Floats | None, min_size: int = 1) -> dict[int, Floats]:
    """Return the inner borders of the classes that a rule gives for 2, 3, ... `classes`, every border used.

    Parameters
    ----------
    rows
        The driver, sorted once.
    method
        One of ``SEARCH_METHODS``.
    classes
        Largest number of classes.
    y
        Centred response, shape (n,), for ``"tree"`` and ``"optimal"``.
    min_size
        Fewest rows of a class.
    """
    if method == "natural":
        found = natural_all(rows, classes, min_size)
    elif method in SUPERVISED and y is not None:
        found = _supervised(rows, method, classes, y, min_size)
    else:
        found = {k: RULES[method](rows, k) for k in range(2, classes + 1)}
    borders: dict[int, Floats] = {}
    for k in range(2, classes + 1):
        ends = stops(rows, found[k], min_size)
        # Of borders with no value between them the highest is kept, as the printed one.
        at = np.searchsorted(rows.distinct, found[k], side="right")
        borders[k] = found[k][np.searchsorted(at, ends[:-1], side="right") - 1]
    return borders


def _supervised(rows: Ordered, method: str, classes: int, y: Floats, min_size: int) -> dict[int, Floats]:
    ends = value_bins(rows.counts)
    weight = np.add.reduceat(rows.counts, ends[:-1])
    sums = np.diff(running_sums(rows, y)[ends])
    runs = (optimal_runs if method == "optimal" else tree_runs)(weight, sums, classes, min_size)
    return {k: rows.distinct[ends[1:][last[:-1]] - 1] for k, last in runs.items()}


def with_ends(rows: Ordered, inner: Floats) -> Floats:
    """Return inner borders with their ends: the minimum (a little less, where it is a class of its own) and the maximum."""
    low, high = rows.distinct[:1], rows.distinct[-1:]
    first = np.nextafter(low, -np.inf) if len(inner) and inner[0] <= low[0] else low
    return np.concatenate([first, inner, high]) if len(rows.distinct) > 1 else low


def assign(values: Floats, borders: Floats) -> Codes:
    """Return the class of each value, 0 to k - 1.

    Examples
    --------
    >>> assign(np.array([0.0, 3.0, 3.5]), np.array([0.0, 3.0, 11.0])).tolist()
    [0, 0, 1]
    """
    inner = borders[1:-1]
    return np.searchsorted(inner, values, side="left").astype(np.int64)


def stratify(
    column: pd.Series,
    method: SearchMethod,
    classes: int,
    *,
    y: Floats | None = None,
    min_size: int = 1,
    borders: Sequence[float] | Floats | None = None,
) -> tuple[Codes, list[str], Floats | None]:
    """Return codes, the name of each stratum and the borders (None for a categorical column).

    Strata without a member are left out, so every code occurs.

    Parameters
    ----------
    column
        A driver without gaps.
    method, classes, y, min_size
        As in ``breaks``; not used for a categorical column.
    borders
        Inner borders of one's own, ascending, in place of a rule.

    Raises
    ------
    OptionError
        As ``breaks``; or if `borders` are not ascending numbers, or part no two values.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        raw, names, found = column.cat.codes.to_numpy(dtype=np.int64), [str(c) for c in column.cat.categories], None
    else:
        values = column.to_numpy(dtype=np.float64)
        found = breaks(values, method, classes, y=y, min_size=min_size) if borders is None else _own(column, borders)
        raw = assign(values, found)
        names = class_names(found)
    used, codes = np.unique(raw.astype(np.int64), return_inverse=True)
    if found is not None and len(used) < len(found) - 1:
        return codes.astype(np.int64), [names[i] for i in used], _merge(found, used.astype(np.int64))
    return codes.astype(np.int64), [names[i] for i in used], found


def class_names(borders: Floats) -> list[str]:
    """Return ``["[0, 5]", "(5, 10]"]`` for borders 0, 5, 10."""
    return [f"{'[' if i == 0 else '('}{a:.6g}, {b:.6g}]" for i, (a, b) in enumerate(_pairs(borders))]


def _own(column: pd.Series, borders: Sequence[float] | Floats) -> Floats:
    name, values = column.name, column.to_numpy(dtype=np.float64)
    try:
        inner = np.asarray(borders, dtype=np.float64)
    except (TypeError, ValueError):
        inner = np.empty(0)
    if inner.ndim != 1 or not len(inner) or not np.isfinite(inner).all() or (np.diff(inner) <= 0).any():
        got = list(borders) if isinstance(borders, tuple | np.ndarray) else borders
        raise OptionError(f"borders of {name!r} must be ascending numbers such as [200, 400], got {got!r}")
    low, high = float(values.min()), float(values.max())
    inside = inner[(inner >= low) & (inner < high)]
    if not len(inside):
        raise OptionError(f"borders of {name!r} part no two values: they must lie between {low:g} and {high:g}")
    return with_ends(ordered(values), inside)


def _pairs(borders: Floats) -> list[tuple[float, float]]:
    if len(borders) < 2:
        return [(float(borders[0]), float(borders[0]))]
    return list(zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True))


def _merge(borders: Floats, used: Codes) -> Floats:
    if len(borders) < 2:
        return borders
    return np.asarray([borders[0], *borders[used[:-1] + 1], borders[-1]], dtype=np.float64)
