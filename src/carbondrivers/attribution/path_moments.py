"""Moments of many columns in one pass, and regressions and partial correlations from them: n never enters again.

Sums are taken about the mean of each part, and parts are joined by the update of Chan, Golub and LeVeque (1983,
doi:10.2307/2683386), so that tables of any length stream through. Regressions solve on the correlation matrix (columns
centred and scaled) by Cholesky; a matrix with a condition number above 1e12 is refused by the names of its columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg

from carbondrivers.attribution.inference import Floats
from carbondrivers.errors import DataError

CHUNK = 1 << 18
SINGULAR = 1e12
LINEAR = 1e-14


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Number, means and centred cross-products of some columns.

    Attributes
    ----------
    names : tuple of str
        The columns.
    n : int
        Rows.
    mean : numpy.ndarray
        Shape (p,).
    cross : numpy.ndarray
        Shape (p, p): sums of products about the mean (about the means of classes where a factor was taken out).
    lost : int
        Means that were taken out of each column: 1, or the number of classes of a factor.
    """

    names: tuple[str, ...]
    n: int
    mean: Floats
    cross: Floats
    lost: int = 1

    @property
    def sd(self) -> Floats:
        """Standard deviations (n minus the means taken out), shape (p,)."""
        return np.asarray(np.sqrt(np.diag(self.cross) / (self.n - self.lost)))

    @property
    def correlation(self) -> Floats:
        """Correlation matrix, shape (p, p)."""
        length = np.sqrt(np.diag(self.cross))
        return np.asarray(self.cross / np.outer(length, length))

    def joined(self, other: Moments) -> Moments:
        """Return the moments of both parts together."""
        n = self.n + other.n
        apart = other.mean - self.mean
        cross = self.cross + other.cross + np.outer(apart, apart) * (self.n * other.n / n)
        return Moments(self.names, n, self.mean + apart * (other.n / n), cross)


def moments(columns: Floats, names: Sequence[str]) -> Moments:
    """Return the moments of columns (n, p)."""
    parts = (columns[start : start + CHUNK] for start in range(0, len(columns), CHUNK))
    return streamed_moments(parts, names)


def streamed_moments(parts: Iterable[Floats], names: Sequence[str]) -> Moments:
    """Return the moments of a table that comes in parts of shape (rows, p), each held only while it is summed.

    Raises
    ------
    DataError
        If there is no row, or a value is not finite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> whole = rng.normal(size=(1000, 2))
    >>> found = streamed_moments((whole[:300], whole[300:]), ["nep", "rain"])
    >>> found.n, bool(np.allclose(found.cross / 999, np.cov(whole.T), rtol=1e-12))
    (1000, True)
    """
    found: Moments | None = None
    for part in parts:
        if len(part):
            one = _part(np.asarray(part, dtype=np.float64), tuple(names))
            found = one if found is None else found.joined(one)
    if found is None:
        raise DataError("there is no row to sum: give parts that hold at least one")
    return found


def _part(values: Floats, names: tuple[str, ...]) -> Moments:
    mean = values.mean(axis=0)
    if not np.isfinite(mean).all():
        bad = names[int(np.flatnonzero(~np.isfinite(mean))[0])]
        raise DataError(f"{bad!r} holds a value that is missing or infinite: drop such rows before summing")
    rest = values - mean
    # What rounding left of the mean is taken out of the products, not of every row.
    shift = rest.mean(axis=0)
    return Moments(names, len(values), mean + shift, rest.T @ rest - len(values) * np.outer(shift, shift))


def within_classes(columns: Floats, names: Sequence[str], codes: NDArray[np.int64]) -> tuple[Moments, Floats]:
    """Return the moments about the means of classes, and the columns less those means."""
    table = pd.DataFrame(columns)
    rest = (table - table.groupby(codes).transform("mean")).to_numpy()
    about = moments(rest, names)
    classes = len(np.unique(codes))
    return Moments(about.names, about.n, columns.mean(axis=0), about.cross, classes), rest


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """One equation on standardised columns.

    Attributes
    ----------
    coefficients : numpy.ndarray
        Shape (k,), standardised.
    inverse : numpy.ndarray
        Shape (k, k): inverse of the correlation matrix of the causes; its diagonal is their variance inflation.
    unexplained : float
        1 - R^2.
    """

    coefficients: Floats
    inverse: Floats
    unexplained: float


def regression(r: Floats, names: Sequence[str], causes: Sequence[int], response: int) -> Regression:
    """Return the regression of one column on others, from the correlation matrix r (p, p) of named columns.

    Raises
    ------
    DataError
        If the causes are collinear, or the response is an exact sum of them.
    """
    if not len(causes):
        return Regression(np.zeros(0), np.zeros((0, 0)), float(r[response, response]))
    inner = r[np.ix_(causes, causes)]
    lower = _cholesky(inner, [names[i] for i in causes], names[response])
    half = linalg.solve_triangular(lower, r[causes, response], lower=True)
    unexplained = float(r[response, response] - half @ half)
    if unexplained <= LINEAR:
        listed = ", ".join(names[i] for i in causes)
        raise DataError(
            f"{names[response]!r} is an exact sum of its causes ({listed}): there is no error to test against, "
            "take out the cause that it was computed from"
        )
    inverse = linalg.cho_solve((lower, True), np.eye(len(causes)))
    return Regression(linalg.solve_triangular(lower, half, lower=True, trans="T"), inverse, unexplained)


def _cholesky(r: Floats, names: Sequence[str], response: str) -> Floats:
    values, vectors = np.linalg.eigh(r)
    if values[0] * SINGULAR <= values[-1]:
        part = np.abs(vectors[:, 0])
        alike = ", ".join(sorted(name for name, share in zip(names, part, strict=True) if share > 0.1 * part.max()))
        raise DataError(
            f"the causes of {response!r} are collinear ({alike} determine each other, condition number above {SINGULAR:.0e}): "
            "leave one of them out"
        )
    return np.asarray(linalg.cholesky(r, lower=True))


def partial_correlation(r: Floats, one: int, other: int, given: Sequence[int]) -> float:
    """Return the correlation of two columns given others, from the correlation matrix; NaN where nothing is left of one."""
    chosen = [*given, one, other]
    try:
        lower = linalg.cholesky(r[np.ix_(chosen, chosen)], lower=True)
    except linalg.LinAlgError:
        return np.nan
    if lower[-2, -2] ** 2 <= LINEAR:
        return np.nan
    return float(lower[-1, -2] / np.hypot(lower[-1, -2], lower[-1, -1]))
