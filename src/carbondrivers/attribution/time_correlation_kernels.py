"""Pearson, partial and multiple correlation through time: many cells at once, pure arrays.

Arrays are (cells, variables, years) with the response first and zero where a cell's year is not used; a year is used where
every variable has a value. Drivers are brought to orthogonal columns (Gram-Schmidt, twice, which is QR by columns), so that
all partial coefficients of the highest order come from one pass: with X = QR of unit columns, b = R^-1 Q'y and
V = diag((X'X)^-1), the variance inflation, the part of y along what the other drivers leave of driver j is
u_j = b_j / sqrt(V_j), and the partial r is u_j / sqrt(u_j^2 + e'e) with the residuals e.
Effective years: n (1 - rx ry) / (1 + rx ry) with the lag-1 autocorrelations of the two series that are correlated
(Bretherton et al. 1999, doi:10.1175/1520-0442(1999)012<1990:TENOSD>2.0.CO;2); years are neighbours only if they are one
step apart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from carbondrivers.attribution.effective_size import years_of_memory
from carbondrivers.attribution.inference import Floats

# Of the variance of a driver, what the others leave of it: below this nothing but rounding and measurement is left.
COLLINEAR = 1e8
PERFECT = 1e-14
ROUNDING = 16 * float(np.finfo(np.float64).eps)
SAME_STEP = 0.02


class Standard(NamedTuple):
    """Series of unit length about their mean (or line), zero in unused years.

    Attributes
    ----------
    z : float64, (cells, variables, years)
        NaN throughout for a constant series.
    used : bool, (cells, years)
        Years in which every variable has a value.
    """

    z: Floats
    used: NDArray[np.bool_]


class Coefficients(NamedTuple):
    """Coefficients and effective years, each (cells, drivers)."""

    r: Floats
    n_eff: Floats


class Partial(NamedTuple):
    """Partial coefficients with the multiple correlation that they belong to.

    Attributes
    ----------
    r, n_eff, vif : float64, (cells, drivers)
        Partial r given all other drivers, effective years of the two residuals, variance inflation of the driver.
    unexplained, multiple_n_eff : float64, (cells,)
        1 - R^2, and the effective years of response and fit.
    """

    r: Floats
    n_eff: Floats
    vif: Floats
    unexplained: Floats
    multiple_n_eff: Floats


class Judged(NamedTuple):
    """Statistic and P; NaN together."""

    statistic: Floats
    p: Floats


def standard(values: Floats, t: Floats, detrend: bool) -> Standard:
    """Centre (or detrend) and scale every series over the years that all variables of its cell have.

    Parameters
    ----------
    values
        (cells, variables, years), NaN for a gap.
    t
        True times, (years,).
    detrend
        Whether each series is taken less its least-squares line.
    """
    used = np.asarray(np.isfinite(values).all(axis=1))
    n = np.maximum(used.sum(axis=1), 1)[:, None]
    x = _only(values, used[:, None, :])
    size = np.sqrt(np.vecdot(x, x))
    # Centred twice: the mean of large values is itself rounded.
    for _ in range(2):
        x = _only(x - (x.sum(axis=2) / n)[:, :, None], used[:, None, :])
    if detrend:
        time = _only(t - (used @ t)[:, None] / n, used)[:, None, :]
        with np.errstate(divide="ignore", invalid="ignore"):
            x = x - (np.vecdot(x, time) / np.vecdot(time, time))[:, :, None] * time
    length = np.sqrt(np.vecdot(x, x))
    with np.errstate(divide="ignore", invalid="ignore"):
        return Standard(x / np.where(length > ROUNDING * size, length, np.nan)[:, :, None], used)


def _only(values: Floats, used: NDArray[np.bool_]) -> Floats:
    # Most blocks have no gap, and are not copied.
    return values if used.all() else np.where(used, values, 0.0)


def pearson(data: Standard, t: Floats) -> Coefficients:
    """Return r of the response with each driver.

    Examples
    --------
    >>> years = np.arange(5.0)
    >>> data = standard(np.array([[[1.0, 2, 3, 5, 4], [2.0, 1, 4, 6, 5]]]), years, False)
    >>> round(float(pearson(data, years).r[0, 0]), 6)
    0.914991
    """
    memory = lag_one(data.z, data.used, t)
    r = np.clip(np.vecdot(data.z[:, :1], data.z[:, 1:]), -1.0, 1.0)
    return Coefficients(r, effective_years(memory[:, :1], memory[:, 1:], data.used))


def partial(data: Standard, t: Floats) -> Partial:
    """Return the partial r of the response with each driver, all other drivers held; NaN where drivers are collinear."""
    y, x = data.z[:, 0], data.z[:, 1:]
    drivers = x.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        q, upper = _orthogonal(x)
        inverse = _inverse(upper)
        vif = np.vecdot(inverse, inverse)
        vif = np.where((vif <= COLLINEAR).all(axis=1)[:, None], vif, np.nan)
        score, rest = np.zeros(x.shape[:2]), y
        for _ in range(2):
            along = np.vecdot(q, rest[:, None, :])
            score, rest = score + along, rest - _sum_of(along, q)
        unexplained = np.where(np.isfinite(vif[:, 0]), np.vecdot(rest, rest), np.nan)
        part = np.vecdot(inverse, score[:, None, :]) / np.sqrt(vif)
        r = part / np.sqrt(part**2 + unexplained[:, None])
        own = [_sum_of(inverse[:, j], q) / np.sqrt(vif[:, j, None]) for j in range(drivers)]
        sizes = [_size_of_pair(own[j], rest + part[:, j, None] * own[j], data.used, t) for j in range(drivers)]
        whole = np.where(np.isfinite(unexplained), _size_of_pair(y, y - rest, data.used, t), np.nan)
    return Partial(np.clip(r, -1.0, 1.0), np.stack(sizes, axis=1), vif, unexplained, whole)


def _size_of_pair(one: Floats, other: Floats, used: NDArray[np.bool_], t: Floats) -> Floats:
    memory = lag_one(np.stack([one, other], axis=1), used, t)
    return effective_years(memory[:, :1], memory[:, 1:], used)[:, 0]


def _orthogonal(x: Floats) -> tuple[Floats, Floats]:
    """Return Q, (cells, drivers, years), and R, (cells, drivers, drivers), of unit series."""
    cells, drivers, _ = x.shape
    q, upper = np.empty(x.shape), np.zeros((cells, drivers, drivers))
    for j in range(drivers):
        rest = x[:, j]
        for _ in range(2 if j else 0):
            along = np.vecdot(q[:, :j], rest[:, None, :])
            upper[:, :j, j] += along
            rest = rest - _sum_of(along, q[:, :j])
        upper[:, j, j] = length = np.sqrt(np.vecdot(rest, rest))
        q[:, j] = rest / length[:, None]
    return q, upper


def _inverse(upper: Floats) -> Floats:
    """Return the inverses of upper triangular matrices (cells, drivers, drivers)."""
    drivers = upper.shape[1]
    found = np.zeros(upper.shape)
    for j in range(drivers):
        found[:, j, j] = 1.0 / upper[:, j, j]
        for i in range(j - 1, -1, -1):
            total = np.vecdot(upper[:, i, i + 1 : j + 1], found[:, i + 1 : j + 1, j])
            found[:, i, j] = -total / upper[:, i, i]
    return found


def _sum_of(weights: Floats, series: Floats) -> Floats:
    """Return sum over k of weights (cells, k) times series (cells, k, years)."""
    return np.asarray(np.matmul(weights[:, None, :], series)[:, 0])


def lag_one(z: Floats, used: NDArray[np.bool_], t: Floats) -> Floats:
    """Return the lag-1 autocorrelation of series (cells, variables, years); 0 where no two used years are neighbours."""
    steps = np.diff(t)
    linked = used[:, 1:] & used[:, :-1] & (np.abs(steps - steps.min()) <= SAME_STEP * steps.min())
    pairs, n = linked.sum(axis=1), used.sum(axis=1)
    earlier = z[:, :, :-1] if linked.all() else np.where(linked[:, None, :], z[:, :, :-1], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.vecdot(z[:, :, 1:], earlier) / np.vecdot(z, z) * (n / pairs)[:, None]
    return np.asarray(np.clip(np.where((pairs > 0)[:, None], r, 0.0), -1.0, 1.0))


def effective_years(one: Floats, other: Floats, used: NDArray[np.bool_]) -> Floats:
    """Return the effective number of years from two lag-1 autocorrelations; at most the years that are used, at least 2."""
    n = used.sum(axis=1).astype(np.float64)[:, None]
    return years_of_memory(one, other, n)


def student(r: Floats, df: Floats) -> Judged:
    """Return t and its two-sided P; NaN where r is exactly linear, or fewer than one degree of freedom is left."""
    unexplained = (1.0 - r) * (1.0 + r)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.where(df >= 1.0, df, np.nan)
        statistic = np.where(unexplained > PERFECT, r * np.sqrt(df / unexplained), np.nan)
        return Judged(statistic, 2.0 * special.stdtr(df, -np.abs(statistic)))


def fisher(unexplained: Floats, drivers: int, df: Floats) -> Judged:
    """Return F of the multiple correlation and its P; NaN where nothing is left unexplained."""
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.where(df >= 1.0, df, np.nan)
        statistic = np.where(unexplained > PERFECT, (1.0 - unexplained) / drivers / (unexplained / df), np.nan)
        return Judged(statistic, special.fdtrc(float(drivers), df, np.maximum(statistic, 0.0)).astype(np.float64))
