"""Empirical variogram of scattered points and its practical range: how far apart pixels must be to tell anything new.

``gamma(h) = mean of (z_i - z_j)^2 / 2`` over the pairs about h apart (Matheron 1962), or with less weight on outliers
``(mean of |z_i - z_j|^0.5)^4 / 2 / (0.457 + 0.494 / N + 0.045 / N^2)`` (Cressie & Hawkins 1980, doi:10.1007/BF01035243).
A nugget and a spherical or exponential rise are fitted by least squares with weights N / gamma(h)^2 (Cressie 1985,
doi:10.1007/BF01032109). The practical range is where the rise is complete (spherical) or 95 % complete (exponential).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from carbondrivers.datasets.distances import GREAT_CIRCLES, Floats, Places, places, shown
from carbondrivers.errors import DataError, OptionError, choose

Estimator = Literal["matheron", "cressie"]
Model = Literal["spherical", "exponential"]
MODELS: tuple[Model, ...] = get_args(Model)
LEAST_POINTS, LEAST_PAIRS, LEAST_LAGS = 30, 30, 4
ROUNDS, STEPS, ZOOMS = 3, 120, 3
ONE_SIDED = 1.645
NO_STRUCTURE = 0.05
# A semivariance near zero would take all weight, and the smooth start of a field would set its range.
FLOOR = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Variogram:
    """An empirical variogram with the model fitted to it.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a lag: ``distance`` (mean of its pairs), ``estimate`` (semivariance, unit of the values squared),
        ``n_pairs``.
    estimator, model : str
        See ``empirical_variogram``.
    nugget, sill : float
        Semivariance at no distance, and where the model levels off (nugget included).
    range : float
        Practical range, in `unit`; inf where the semivariance still rises at the largest lag, nan where no rise is seen.
    unit : str
        ``"km"``, or ``"coordinate units"``.
    n : int
        Points that took part.
    notes : tuple of str
        What a reader should know.
    """

    table: pd.DataFrame
    estimator: Estimator
    model: Model
    nugget: float
    sill: float
    range: float
    unit: str
    n: int
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return one sentence on the range."""
        at = f"{self.n} points, {self.model} model, lags up to {shown(self.table['distance'].iloc[-1])} {self.unit}"
        if np.isnan(self.range):
            return f"No spatial dependence is seen in the variogram ({at})."
        if np.isinf(self.range):
            return f"The variogram has no range within the extent: it still rises at its largest lag ({at})."
        return f"The practical range of the variogram is {shown(self.range)} {self.unit} ({at})."


def empirical_variogram(
    x: ArrayLike,
    y: ArrayLike,
    values: ArrayLike,
    *,
    crs: str | None = None,
    estimator: Estimator = "matheron",
    model: Model | None = None,
    lags: int = 15,
    max_distance: float | None = None,
    max_points: int = 2000,
    seed: int = 0,
) -> Variogram:
    """Return the variogram of values at scattered points, and its practical range.

    Parameters
    ----------
    x, y, values
        Coordinates and values, shape (n,); rows without a value are left out.
    crs
        Reference system of the coordinates. Distances are in km, along great circles if it is geographic; without one
        they are in the coordinates' own unit.
    estimator
        ``"matheron"`` or ``"cressie"`` (Cressie-Hawkins, robust).
    model
        ``"spherical"`` or ``"exponential"``; by default the one that fits better.
    lags
        Number of lag classes of equal width, 4 to 100.
    max_distance
        Largest lag. By default a third of the diagonal of the extent, and less where the range turns out much shorter.
    max_points
        More points than this are thinned at random to this number.
    seed
        Of that choice.

    Raises
    ------
    DataError
        If fewer than 30 points have a value, the values are constant, or too few pairs lie within `max_distance`.
    OptionError
        If an option is outside its list or range.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.uniform(0, 100, size=(2, 400))
    >>> found = empirical_variogram(x, y, np.sin(x / 8) + np.cos(y / 8))
    >>> 25 < found.range < 50  # half a wave is 25 long
    True
    """
    choose(estimator, get_args(Estimator), "estimator")
    if model is not None:
        choose(model, MODELS, "model")
    if not LEAST_LAGS <= lags <= 100:
        raise OptionError(f"lags must be {LEAST_LAGS} to 100, got {lags}")
    if max_points < LEAST_POINTS:
        raise OptionError(f"max_points must be {LEAST_POINTS} or more, got {max_points}")
    east, north, z = _points(x, y, values, max_points, seed)
    where = places(east, north, crs)
    pairs = _pairs(where, z, max_distance)
    table, fit = _zoomed(pairs, estimator, lags, model, fixed=max_distance is not None)
    reach, said = _judge(fit, table, where.unit, _nearest_differ(where, z, table))
    if where.on_sphere:
        said.append(GREAT_CIRCLES)
    if pairs.doubled:
        said.append(f"{pairs.doubled} pairs of points at the same place were left out.")
    return Variogram(
        table=table,
        estimator=estimator,
        model=fit.model,
        nugget=fit.nugget,
        sill=fit.nugget + fit.rise,
        range=reach,
        unit=where.unit,
        n=len(z),
        notes=tuple(said),
    )


def _points(x: ArrayLike, y: ArrayLike, values: ArrayLike, most: int, seed: int) -> tuple[Floats, Floats, Floats]:
    columns = [np.asarray(part, dtype=np.float64).ravel() for part in (x, y, values)]
    if len({part.size for part in columns}) > 1:
        raise DataError(f"x, y and values must be of one length, got {', '.join(str(part.size) for part in columns)}")
    keep = np.flatnonzero(np.isfinite(columns).all(axis=0))
    if keep.size > most:
        keep = np.sort(np.random.default_rng(seed).choice(keep, most, replace=False))
    if keep.size < LEAST_POINTS:
        raise DataError(f"a variogram needs {LEAST_POINTS} points with a value, there are {keep.size}: draw a larger sample")
    east, north, z = (part[keep] for part in columns)
    if z.min() == z.max():
        raise DataError(f"a variogram needs values that differ, all {z.size} are {z[0]:g}: give another variable")
    return east, north, z


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Pairs of points that may take part: distance and absolute difference of values; `doubled` lie at one place."""

    distance: Floats
    step: Floats
    largest: float
    unit: str
    doubled: int


def _pairs(where: Places, z: Floats, max_distance: float | None) -> _Pairs:
    from scipy.spatial.distance import pdist

    distance = where.ground(pdist(where.points))
    diagonal = float(where.ground(np.asarray(np.linalg.norm(np.ptp(where.points, axis=0)))))
    largest = diagonal / 3.0 if max_distance is None else max_distance
    if not largest > 0:
        raise OptionError(f"max_distance must be above zero, got {largest:g}: the points need an extent")
    apart = (distance > 0) & (distance <= largest)
    step = pdist(z[:, None], "cityblock")[apart]
    return _Pairs(distance[apart], step, largest, where.unit, int((distance == 0).sum()))


@dataclass(frozen=True, slots=True)
class _Fit:
    """A nugget and a rise to the sill within `reach`; `misfit` is the weighted sum of squares."""

    model: Model
    nugget: float
    rise: float
    reach: float
    misfit: float


def _zoomed(pairs: _Pairs, estimator: Estimator, lags: int, model: Model | None, fixed: bool) -> tuple[pd.DataFrame, _Fit]:
    """Return lags and fit; where the range is much shorter than the lags reach, again over shorter lags."""
    models = [model] if model else MODELS
    largest = pairs.largest
    table = _lag_table(pairs, estimator, lags, largest)
    if len(table) < LEAST_LAGS:
        raise DataError(
            f"only {len(table)} of {lags} lags up to {shown(largest)} {pairs.unit} have {LEAST_PAIRS} pairs of points: "
            "draw a larger sample, or raise max_distance"
        )
    fit = min((_fit(table, one) for one in models), key=lambda found: found.misfit)
    for _ in range(0 if fixed else ZOOMS):
        shorter = max(2.5 * fit.reach, largest / 4.0)
        finer = _lag_table(pairs, estimator, lags, shorter)
        if not 0 < fit.reach < largest / 4.0 or len(finer) < lags:
            break
        largest, table = shorter, finer
        fit = min((_fit(finer, one) for one in models), key=lambda found: found.misfit)
    return table, fit


def _lag_table(pairs: _Pairs, estimator: Estimator, lags: int, largest: float) -> pd.DataFrame:
    """Return the lags that enough pairs fill."""
    near = pairs.distance <= largest
    distance, step = pairs.distance[near], pairs.step[near]
    lag = np.minimum((distance / largest * lags).astype(np.int64), lags - 1)
    count = np.bincount(lag, minlength=lags)
    full = count >= LEAST_PAIRS
    mean = np.bincount(lag, distance, lags)[full] / count[full]
    estimate = _semivariance(lag, step, count, estimator)[full]
    return pd.DataFrame({"distance": mean, "estimate": estimate, "n_pairs": count[full]})


def _semivariance(lag: np.ndarray, step: Floats, pairs: np.ndarray, estimator: Estimator) -> Floats:
    count = np.maximum(pairs, 1)
    if estimator == "matheron":
        return np.asarray(np.bincount(lag, step**2, len(pairs)) / (2.0 * count))
    root = np.bincount(lag, np.sqrt(step), len(pairs)) / count
    return np.asarray(root**4 / (2.0 * (0.457 + 0.494 / count + 0.045 / count**2)))


def _fit(table: pd.DataFrame, model: Model) -> _Fit:
    """Fit by weighted least squares: for each range nugget and rise have a closed solution, so the range is searched."""
    h, gamma, pairs = (table[name].to_numpy(dtype=np.float64) for name in ("distance", "estimate", "n_pairs"))
    # Beyond this the rise is as good as straight within the lags, and the range says nothing any more.
    reaches = np.geomspace(h[0], 10.0 * h[-1], STEPS)
    weight = pairs / gamma.mean() ** 2
    best = _Fit(model, 0.0, 0.0, 0.0, np.inf)
    for _ in range(ROUNDS):
        best = min((_solve(h, gamma, weight, model, reach) for reach in reaches), key=lambda found: found.misfit)
        fitted = best.nugget + best.rise * _shape(h, model, best.reach)
        weight = pairs / np.maximum(fitted, FLOOR * gamma.max()) ** 2
    return best


def _solve(h: Floats, gamma: Floats, weight: Floats, model: Model, reach: float) -> _Fit:
    from scipy.optimize import nnls

    root = np.sqrt(weight)
    design = np.column_stack([root, root * _shape(h, model, reach)])
    (nugget, rise), misfit = nnls(design, root * gamma)
    return _Fit(model, float(nugget), float(rise), float(reach), float(misfit) ** 2)


def _shape(h: Floats, model: Model, reach: float) -> Floats:
    """Return how much of the rise is done at distance `h`, 0 to 1."""
    if model == "exponential":
        return np.asarray(-np.expm1(-3.0 * h / reach))
    ratio = np.minimum(h / reach, 1.0)
    return np.asarray(1.5 * ratio - 0.5 * ratio**3)


def _nearest_differ(where: Places, z: Floats, table: pd.DataFrame) -> bool:
    """Return whether the nearest points differ as much as any: Geary's c (1954) of the first lag is not below chance.

    Variance under normality as in Cliff & Ord (1981), one-sided at 5 %.
    """
    from scipy.spatial import KDTree

    reach = where.straight(float(table["distance"].iloc[:2].mean()))
    near = KDTree(where.points).query_pairs(reach, output_type="ndarray")
    n, m = len(z), len(near)
    if not m:
        return False
    c = (n - 1) * np.square(z[near[:, 0]] - z[near[:, 1]]).sum() / (2.0 * m * np.square(z - z.mean()).sum())
    weight, degree = 2.0 * m, np.bincount(near.ravel(), minlength=n)
    s1, s2 = 2.0 * weight, 4.0 * float(np.square(degree).sum())
    variance = ((2.0 * s1 + s2) * (n - 1) - 4.0 * weight**2) / (2.0 * (n + 1) * weight**2)
    return bool(c > 1.0 - ONE_SIDED * np.sqrt(variance))


def _judge(fit: _Fit, table: pd.DataFrame, unit: str, nearest_differ: bool) -> tuple[float, list[str]]:
    """Return the range that may be reported, and why not where it may not."""
    first, last = float(table["distance"].iloc[0]), float(table["distance"].iloc[-1])
    if nearest_differ or fit.rise <= NO_STRUCTURE * (fit.nugget + fit.rise):
        return float("nan"), [
            f"Points {shown(first)} {unit} apart differ as much as any: the values are not correlated, or only over distances "
            "shorter than the points are apart."
        ]
    if fit.reach > last:
        return float("inf"), [
            f"The semivariance still rises at {shown(last)} {unit}: no range lies within the extent. There is a trend "
            "across the region, or a dependence as wide as it; points at any spacing are dependent."
        ]
    if fit.reach < float(table["distance"].iloc[1]):
        return fit.reach, [
            "The range rests on the first lag alone: more points, or a smaller max_distance, would tell it better."
        ]
    return fit.reach, []
