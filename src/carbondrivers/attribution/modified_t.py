"""Dutilleul's modified t test of a correlation between two autocorrelated fields.

Moran's I of each field is taken in distance classes of equal width (``distance_classes``). R holds the I of the class of each
pair, 1 on the diagonal; with B = I - J / n the effective sample size is

    ESS = 1 + tr(B Rx) tr(B Ry) / tr(B Rx B Ry)

and F = (ESS - 2) r^2 / (1 - r^2) on 1 and ESS - 2 degrees of freedom.
Sources: Clifford, Richardson and Hemon (1989), doi:10.2307/2532039; Dutilleul (1993), doi:10.2307/2532625.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from carbondrivers.attribution.distance_classes import Classes, distance_classes
from carbondrivers.attribution.inference import Floats, upper_f
from carbondrivers.errors import DataError

FEWEST = 4
CAPPED = "the effective sample size was capped at n"


@dataclass(frozen=True, slots=True)
class ModifiedT:
    """A correlation with its naive and its modified test.

    Attributes
    ----------
    r : float
        Pearson's coefficient.
    n, classes : int
        Observations, and distance classes.
    ess : float
        Effective sample size as estimated; it may exceed n where neighbours differ more than chance has it.
    n_eff : float
        The same, at most n: what the test uses.
    statistic, df, p, log10_p : float
        F on 1 and `df` = n_eff - 2 degrees of freedom; NaN where n_eff leaves less than one.
    p_naive : float
        As if all rows were independent.
    note : str
        Empty, or why there is no P, or that the size was capped.
    """

    r: float
    n: int
    classes: int
    ess: float
    n_eff: float
    statistic: float
    df: float
    p: float
    log10_p: float
    p_naive: float
    note: str = ""


def moran_by_class(values: Floats, at: Classes) -> Floats:
    """Return Moran's I of `values` (n,) in each distance class, (classes,); 0 in a class without pairs."""
    z = values - values.mean()
    z = z / np.sqrt(np.mean(z**2))
    return np.divide(at.products(z), at.pairs, out=np.zeros(at.classes), where=at.pairs > 0)


def dutilleul_size(one: Floats, other: Floats, at: Classes) -> float:
    """Return the effective sample size from ``moran_by_class`` of two fields; NaN where it is not defined.

    It is not cut at n.
    """
    n = float(at.n)
    sums = at.row_sums(one), at.row_sums(other)
    totals = sums[0].sum(), sums[1].sum()
    both = n + float((at.pairs * one * other).sum())
    joint = both - 2.0 / n * float(sums[0] @ sums[1]) + totals[0] * totals[1] / n**2
    separate = (n - totals[0] / n) * (n - totals[1] / n)
    return float(1.0 + separate / joint) if joint > 0.0 and separate > 0.0 else np.nan


def dutilleul_size_of(one: Floats, other: Floats, at: Classes) -> float:
    """Return the effective sample size of two fields (n,), at most n; NaN where it is not defined."""
    return min(dutilleul_size(moran_by_class(one, at), moran_by_class(other, at), at), float(at.n))


def modified_t(x: ArrayLike, y: ArrayLike, xy: ArrayLike, *, classes: int | None = None, geographic: bool = False) -> ModifiedT:
    """Test the correlation of two fields at points.

    Parameters
    ----------
    x, y
        Values, (n,), finite, not constant.
    xy
        Coordinates, (n, 2).
    classes
        Number of distance classes. None: none wider than two neighbour distances, 13 at least and a quarter of the points at
        most; 13 is the number of R's SpatialPack. The effective size depends on it by some per cent, and by far more where 13
        classes are wider than the fields depend.
    geographic
        Whether the coordinates are longitude and latitude.

    Raises
    ------
    DataError
        If a value is not finite, a field is constant, or there are fewer than four points.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> xy = np.indices((20, 20)).reshape(2, -1).T.astype(float)
    >>> one, two = (np.sin(xy @ rng.normal(size=2) / 6) for _ in range(2))
    >>> found = modified_t(one, two, xy)
    >>> found.n, bool(found.n_eff < 40), bool(found.p > found.p_naive)
    (400, True, True)
    """
    one, two = (np.asarray(values, dtype=np.float64).ravel() for values in (x, y))
    places = np.asarray(xy, dtype=np.float64)
    if len(one) != len(two) or places.shape != (len(one), 2):
        raise DataError(f"x, y and xy must have one row a point, got {len(one)}, {len(two)} and {places.shape}: align them")
    if len(one) < FEWEST or not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise DataError(f"a modified t test needs {FEWEST} points or more with finite values: drop the others")
    for values, name in ((one, "x"), (two, "y")):
        if np.ptp(values) == 0.0:
            raise DataError(f"{name} is constant: it correlates with nothing; leave it out")
    at = distance_classes(places, classes=classes, geographic=geographic)
    ess = dutilleul_size(moran_by_class(one, at), moran_by_class(two, at), at)
    return _tested(float(np.corrcoef(one, two)[0, 1]), len(one), at.classes, ess)


def modified_t_grid(
    x: ArrayLike, y: ArrayLike, *, steps: tuple[float, float] = (1.0, 1.0), classes: int | None = None
) -> ModifiedT:
    """Test the correlation of two grids over the cells that both have.

    Parameters
    ----------
    x, y
        Values, (rows, columns), NaN where there is none.
    steps
        Distance between rows and between columns.
    classes
        As in ``modified_t``.

    Raises
    ------
    DataError
        If the grids differ in shape, fewer than four cells have both values, or one is constant there.
    """
    one, two = (np.asarray(values, dtype=np.float64) for values in (x, y))
    if one.ndim != 2 or one.shape != two.shape:
        raise DataError(f"x and y must be grids of one shape (rows, columns), got {one.shape} and {two.shape}: align them")
    cell = np.argwhere(np.isfinite(one) & np.isfinite(two))
    inside = tuple(cell.T)
    return modified_t(one[inside], two[inside], cell[:, ::-1] * np.asarray(steps)[::-1], classes=classes)


def _tested(r: float, n: int, k: int, ess: float) -> ModifiedT:
    size = min(ess, float(n))
    note = CAPPED if ess > n else ""
    naive = _upper(r, float(n))[1]
    if not np.isfinite(size) or size - 2.0 < 1.0:
        why = "no P: the effective sample size is not defined or leaves less than one degree of freedom"
        return ModifiedT(r, n, k, ess, size, np.nan, np.nan, np.nan, np.nan, naive, why)
    statistic, p, log10_p = _upper(r, size)
    if not np.isfinite(statistic):
        return ModifiedT(r, n, k, ess, size, np.nan, np.nan, np.nan, np.nan, np.nan, "no P: the fields are exactly linear")
    return ModifiedT(r, n, k, ess, size, statistic, size - 2.0, p, log10_p, naive, note)


def _upper(r: float, size: float) -> tuple[float, float, float]:
    unexplained = (1.0 - r) * (1.0 + r)
    f = np.array([(size - 2.0) * r * r / unexplained if unexplained > 1e-14 else np.nan])
    p, log10_p = upper_f(f, 1.0, size - 2.0)
    return float(f[0]), float(p[0]), float(log10_p[0])
