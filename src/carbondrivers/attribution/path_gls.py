"""Generalised least squares with errors that are alike nearby: an exponential correlation of the places of the rows.

Errors at distance h correlate by (1 - nugget) exp(-h / range), and by 1 with themselves. Range and nugget are those of the
largest profile likelihood, in which slopes and variance are at their best for each pair (Pinheiro and Bates 2000, chapter 5,
doi:10.1007/b98882; nlme's ``corExp(form = ~ x + y, nugget = TRUE)`` with ``method = "ML"``). The slopes, their errors (variance
divided by n - k - 1, as nlme does) and the likelihood then come from statsmodels. The cost is that of a few dozen
factorisations of an n x n matrix, so that rows are limited.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize
from scipy.spatial.distance import pdist, squareform

from carbondrivers.attribution.inference import Floats
from carbondrivers.errors import DataError

MOST_ROWS = 2_000
EARTH_KM = 6371.0088
LEAST_NUGGET, MOST_NUGGET = 1e-6, 1.0 - 1e-6
# Starting points: shares of the largest distance, and nuggets.
COARSE, STEPS = 300, 200
REACHES, NUGGETS = (0.02, 0.08, 0.3), (0.1, 0.6)


@dataclass(frozen=True, slots=True, eq=False)
class SpatialErrors:
    """The correlation of the errors of one equation.

    Attributes
    ----------
    reach : float
        Distance over which the correlation falls to 1 / e of what the nugget leaves, in the unit of the distances.
    nugget : float
        Share of the error variance that neighbours do not have in common.
    correlation : numpy.ndarray
        Shape (n, n).
    note : str
        What must be said; empty where all is well.
    """

    reach: float
    nugget: float
    correlation: Floats
    note: str = ""


def distances(xy: Floats, *, geographic: bool = False) -> Floats:
    """Return the distances of all pairs of places, (n, n): in the unit of the coordinates, of degrees in km.

    Parameters
    ----------
    xy
        Coordinates, (n, 2); longitude and latitude where `geographic`.
    geographic
        Whether the coordinates are degrees: great circles are measured then.

    Raises
    ------
    DataError
        If rows are too many for matrices of all pairs, or all lie in one place.

    Examples
    --------
    >>> distances(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    if len(xy) > MOST_ROWS:
        raise DataError(
            f"a gls equation takes at most {MOST_ROWS:,} rows (it compares all pairs of places), got {len(xy):,}: draw a "
            "smaller sample, or leave gls out and read the columns with the effective n, which any number of rows can have"
        )
    if not np.isfinite(xy).all():
        raise DataError("a coordinate is missing or infinite: a gls equation needs the place of every row")
    if not np.ptp(xy, axis=0).any():
        raise DataError("all rows lie in one place: a gls equation needs coordinates that differ")
    if not geographic:
        return np.asarray(squareform(pdist(xy)))
    lon, lat = np.radians(xy).T
    sphere = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return np.asarray(2.0 * EARTH_KM * np.arcsin(np.minimum(squareform(pdist(sphere)) / 2.0, 1.0)))


def correlation_of(apart: Floats, reach: float, nugget: float) -> Floats:
    """Return the correlation of errors, (n, n), that are `apart` (n, n)."""
    found = (1.0 - nugget) * np.exp(-apart / reach)
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)


def profile(theta: Floats, y: Floats, design: Floats, apart: Floats) -> tuple[float, Floats]:
    """Return minus the profile log-likelihood, without its constant, and its gradient.

    Parameters
    ----------
    theta
        Log of the range, logit of the nugget, (2,).
    y, design
        Response (n,) and design (n, k) with its column of ones.
    apart
        Distances, (n, n).
    """
    reach, nugget = float(np.exp(theta[0])), float(1.0 / (1.0 + np.exp(-theta[1])))
    n, whole = len(y), correlation_of(apart, reach, nugget)
    factor = linalg.cholesky(whole, lower=True, check_finite=False)
    white = linalg.solve_triangular(factor, np.column_stack([design, y]), lower=True, check_finite=False)
    slopes = np.linalg.lstsq(white[:, :-1], white[:, -1], rcond=None)[0]
    rest = white[:, -1] - white[:, :-1] @ slopes
    variance = float(rest @ rest) / n
    value = 0.5 * n * np.log(variance) + float(np.log(np.diag(factor)).sum())
    inverse = _inverse(factor)
    weighted = linalg.solve_triangular(factor, rest, lower=True, trans="T", check_finite=False)
    # How the value changes with each correlation; the diagonal is always 1.
    by = inverse - np.outer(weighted, weighted) / variance
    np.fill_diagonal(by, 0.0)
    by *= whole
    return value, np.array([0.5 * float((by * apart).sum()) / reach, -0.5 * float(by.sum()) * nugget])


def _inverse(factor: Floats) -> Floats:
    """Return the inverse, (n, n), of the matrix with this lower Cholesky factor."""
    lower = np.tril(linalg.lapack.dpotri(factor, lower=1)[0])
    return np.asarray(lower + np.tril(lower, -1).T)


def spatial_errors(y: Floats, design: Floats, apart: Floats) -> SpatialErrors:
    """Return the correlation of the errors of y on a design at the largest profile likelihood.

    Parameters
    ----------
    y, design
        Response (n,) and design (n, k) with its column of ones; y in standard deviations.
    apart
        Distances, (n, n), from ``distances``.

    Raises
    ------
    DataError
        If the search does not come to rest.
    """
    longest = float(apart.max())
    shortest = float(apart[apart > 0.0].min())
    low, high = np.log(shortest / 10.0), np.log(longest)
    bounds = [(low, high), tuple(np.log(g / (1.0 - g)) for g in (LEAST_NUGGET, MOST_NUGGET))]
    # First on some of the rows: all of them then need few steps.
    some = np.linspace(0, len(y) - 1, min(len(y), COARSE)).round().astype(int)
    few = (y[some], design[some], apart[np.ix_(some, some)])
    starts = [np.array([np.clip(np.log(r * longest), low, high), np.log(g / (1.0 - g))]) for r in REACHES for g in NUGGETS]
    start = min(starts, key=lambda at: profile(at, *few)[0])
    for rows, still in ((few, 1e-6), ((y, design, apart), 1e-12)):
        found = optimize.minimize(
            profile, start, rows, method="L-BFGS-B", jac=True, bounds=bounds,
            options={"ftol": still, "gtol": 1e-5, "maxiter": STEPS},
        )  # fmt: skip
        start = found.x
    if not np.isfinite(found.fun) or found.nit >= STEPS:
        raise DataError("the range of a gls equation does not come to rest: look at the coordinates and the causes one by one")
    reach, nugget = float(np.exp(found.x[0])), float(1.0 / (1.0 + np.exp(-found.x[1])))
    note = "the errors' range is as long as the area: a trend across it is a cause that is missing"
    return SpatialErrors(reach, nugget, correlation_of(apart, reach, nugget), note if found.x[0] >= high - 1e-6 else "")
