"""Variance inflation, condition number, and the stepwise selection of columns: pure arrays of shape (rows, columns)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import linalg

from carbondrivers.attribution.correlation import PERFECT, residuals
from carbondrivers.attribution.inference import Floats


class Step(NamedTuple):
    """One step of a selection: the column that goes, its variance inflation then, and why."""

    driver: int
    vif: float
    why: str


def inflation(z: Floats) -> Floats:
    """Return the variance inflation of each column among the others, infinite where they determine it.

    Parameters
    ----------
    z
        Centred columns of length one, (rows, columns), more rows than columns.

    Examples
    --------
    >>> across = np.array([[1.0, 0.6], [0.0, 0.8]])
    >>> inflation(across).round(4).tolist()
    [1.5625, 1.5625]
    """
    if z.shape[1] < 2:
        return np.ones(z.shape[1])
    # R has the same angles between its columns as z, and a few rows.
    small: Floats = linalg.qr(z, mode="r")[0][: z.shape[1]].astype(np.float64)
    found = np.empty(z.shape[1])
    for j in range(z.shape[1]):
        rest, _ = residuals(small[:, [j]], np.delete(small, j, axis=1), scaled=False)
        left = float((rest**2).sum())
        found[j] = 1.0 / left if left > PERFECT else np.inf
    return found


def condition_number(columns: Floats) -> float:
    """Return the largest over the smallest singular value of the columns, each scaled to length one.

    Examples
    --------
    >>> condition_number(np.eye(3))
    1.0
    """
    length = np.sqrt((columns**2).sum(axis=0))
    singular = linalg.svdvals(columns / np.where(length > 0, length, 1.0))
    least = float(singular.min(initial=np.inf))
    return float(singular.max(initial=0.0)) / least if least > np.finfo(np.float64).eps else np.inf


def selected(
    z: Floats, among: Sequence[int], thresholds: tuple[float, float], keep: Sequence[int]
) -> tuple[list[Step], list[int]]:
    """Return the steps of the selection and the columns that remain.

    Parameters
    ----------
    z
        Centred columns of length one, the response first, (rows, columns).
    among
        Positions of the columns to select from.
    thresholds
        Largest variance inflation and largest absolute r of the columns that remain.
    keep
        Positions that never go.
    """
    # Compared in rounded form, so that the order of rows and the units of columns decide no tie.
    r: Floats = np.round(np.abs(z.T @ z), 9).astype(np.float64)
    remaining, steps = list(among), list[Step]()
    while len(remaining) > 1:
        vif = dict(zip(remaining, inflation(z[:, remaining]), strict=True))
        step = _by_inflation(vif, r, thresholds[0], keep) or _by_likeness(vif, r, thresholds[1], keep)
        if step is None:
            break
        steps.append(step)
        remaining.remove(step.driver)
    return steps, remaining


def _by_inflation(vif: dict[int, float], r: Floats, most: float, keep: Sequence[int]) -> Step | None:
    over = [j for j, value in vif.items() if value > most and j not in keep]
    if not over:
        return None
    # Of equally inflated ones the one goes that is less alike to the response, then the later one by name.
    worst = max(over, key=lambda j: (float(f"{vif[j]:.9g}"), -r[0, j], j))
    return Step(worst, vif[worst], f"largest VIF, over {most:g}")


def _by_likeness(vif: dict[int, float], r: Floats, most: float, keep: Sequence[int]) -> Step | None:
    pairs = [(i, j) for i, j in combinations(vif, 2) if r[i, j] > most and not {i, j} <= set(keep)]
    if not pairs:
        return None
    pair = max(pairs, key=lambda one: (r[one], -one[0], -one[1]))
    gone = max((j for j in pair if j not in keep), key=lambda j: (-r[0, j], j))
    return Step(gone, vif[gone], f"|r| over {most:g} with a driver that is more alike to the response")
