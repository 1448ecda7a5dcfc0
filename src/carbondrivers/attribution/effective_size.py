"""Effective number of observations of autocorrelated data: the one place that correlation, paths and geodetector ask.

In space (Clifford, Richardson and Hemon 1989, doi:10.2307/2532039): the variance of r between two independent fields is
sum_k N_k Cx(k) Cy(k) / (n^2 sx^2 sy^2) over distance classes k with N_k ordered pairs and autocovariances C(k), and
n_eff = 1 + 1 / var(r). The classes are rings one cell wide; the sums over pairs come from one FFT a variable on the lattice
of the points, whatever its gaps. Scattered points are put on a fine lattice first.
In time (Bretherton et al. 1999, doi:10.1175/1520-0442(1999)012<1990:TENOSD>2.0.CO;2): n (1 - rx ry) / (1 + rx ry) with the
lag-1 autocorrelations rx, ry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from carbondrivers.attribution.inference import Floats
from carbondrivers.errors import DataError

LATTICE_SIDE, POINTS_SIDE = 4096, 1024
ON_LATTICE = 1e-3


@dataclass(frozen=True, slots=True)
class Lags:
    """The distance classes of a set of points, ready for any variable on them.

    Attributes
    ----------
    cell : int64, (n, 2)
        Row and column of each point on the lattice.
    shape : tuple of int
        Padded shape of the lattice, so that no lag wraps around.
    ring : int64, flat
        Distance class of every lag of the half spectrum's inverse.
    pairs : float64, (classes,)
        Ordered pairs in each class, a point with itself left out.
    steps : tuple of float
        Distance between rows and between columns of the lattice, in widths of a class.
    members : float64, (n,), or None
        How many points each of `cell` stands for; one each where None.
    """

    cell: NDArray[np.int64]
    shape: tuple[int, int]
    ring: NDArray[np.int64]
    pairs: Floats
    steps: tuple[float, float]
    members: Floats | None = None

    @property
    def n(self) -> int:
        """Number of points."""
        return len(self.cell) if self.members is None else round(float(self.members.sum()))


@dataclass(frozen=True, slots=True)
class FieldSums:
    """A field of many points by its sums over the cells of a lattice: what products over pairs of points need of it.

    Attributes
    ----------
    at : int64, (m,)
        Flat position of each occupied cell on the padded lattice.
    count : float64, (m,)
        Points in each.
    sums : float64, (m,)
        Sum of the field over them.
    square : float
        Sum of its squares over all points. The mean should not be large beside the standard deviation.
    ends : float64, (2, k), or None
        The field at the two ends of near pairs of points, where the lattice is coarser than they lie.
    """

    at: NDArray[np.int64]
    count: Floats
    sums: Floats
    square: float
    ends: Floats | None = None

    @property
    def n(self) -> float:
        """Number of points."""
        return float(self.count.sum())

    @property
    def variance(self) -> float:
        """Mean square about the mean; 0 where rounding says less."""
        return max(self.square / self.n - (float(self.sums.sum()) / self.n) ** 2, 0.0)

    def scaled(self) -> Floats:
        """Return the sums, (m,), of the field scaled to mean 0 and mean square 1; it must vary."""
        return np.asarray((self.sums - self.count * (float(self.sums.sum()) / self.n)) / np.sqrt(self.variance))


def lags(xy: Floats, *, geographic: bool = False, side: int = LATTICE_SIDE) -> Lags:
    """Sort all pairs of points into rings.

    Parameters
    ----------
    xy
        Coordinates, (n, 2), finite; longitude and latitude where `geographic`: longitudes are then shortened by the
        cosine of the mean latitude.
    geographic
        Whether the coordinates are degrees.
    side
        Most cells across. Where the points' own lattice has more, several points share a cell: rings are then wider, and
        sums cheaper.

    Raises
    ------
    DataError
        If a coordinate is not finite, or all points lie in one place.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> lags(square).pairs.tolist()
    [0.0, 12.0]
    """
    if not np.isfinite(xy).all():
        raise DataError("a coordinate is missing or infinite: an effective size needs the place of every row")
    shrink = float(np.cos(np.radians(xy[:, 1].mean()))) if geographic else 1.0
    xy = xy - xy.min(axis=0)
    if not xy.any():
        raise DataError("all rows lie in one place: an effective size needs coordinates that differ")
    steps = lattice_steps(xy[:, 0], xy[:, 1], len(xy), side)
    return lags_of_cells(np.rint(xy[:, ::-1] / steps[::-1]).astype(np.int64), steps, shrink)


def lattice_steps(x: Floats, y: Floats, n: int, side: int) -> tuple[float, float]:
    """Return the distances between columns and between rows of the lattice that points are put on.

    Parameters
    ----------
    x, y
        Coordinates from 0 on; each that occurs, once or more often, in any order.
    n
        Number of points.
    side
        Most cells across.

    Examples
    --------
    >>> lattice_steps(np.array([0.0, 30.0, 60.0]), np.array([0.0, 10.0]), 6, 128)
    (30.0, 10.0)
    """
    reach, steps = (float(x.max()), float(y.max())), (spacing(x), spacing(y))
    if min(steps) > 0.0 and max(r / s for r, s in zip(reach, steps, strict=True)) < side:
        return steps
    area = max(reach[0] * reach[1], (max(reach) / n) ** 2)
    step = max(float(np.sqrt(area / n)) / 2.0, max(reach) / min(side - 1, POINTS_SIDE))
    return step, step


def lags_of_cells(cell: NDArray[np.int64], steps: tuple[float, float], shrink: float, members: Floats | None = None) -> Lags:
    """Sort all pairs of points of a lattice into rings one cell wide.

    Parameters
    ----------
    cell
        Row and column of each point, (n, 2), from 0 on.
    steps
        Distances between columns and between rows.
    shrink
        By how much distances along a row are shortened: the cosine of the latitude for degrees, else 1.
    members
        (n,): how many points each of `cell` stands for; one each where None.

    Examples
    --------
    >>> lags_of_cells(np.array([[0, 0], [0, 1]]), (1.0, 1.0), 1.0, np.array([1.0, 2.0])).pairs.tolist()
    [2.0, 4.0]
    """
    down, right = (int(fft.next_fast_len(2 * int(cell[:, i].max()) + 1, real=True)) for i in (0, 1))
    width = min(steps[1], steps[0] * shrink)
    scaled = steps[1] / width, steps[0] * shrink / width
    ring = np.rint(lag_distances((down, right), *scaled)).astype(np.int64).ravel()
    count = np.ones(len(cell)) if members is None else members
    pairs = np.rint(np.bincount(ring, autocorrelation(count, cell, (down, right)).ravel()))
    pairs[0] -= round(float(count.sum()))
    return Lags(cell, (down, right), ring, pairs, scaled, members)


def products(values: Floats | FieldSums, at: Lags) -> Floats:
    """Return the sum of z_i z_j over the ordered pairs of every distance class, a point with itself left out.

    Parameters
    ----------
    values
        (n,), scaled to mean 0 and mean square 1 here; or its sums over the cells of the lattice.
    at
        The classes of the points.
    """
    if isinstance(values, FieldSums):
        found = np.bincount(at.ring, _autocorrelation(values.scaled(), values.at, at.shape).ravel())
        found[0] -= values.n
        return np.asarray(found)
    z = values - values.mean()
    z = z / np.sqrt(np.mean(z**2))
    found = np.bincount(at.ring, autocorrelation(z, at.cell, at.shape).ravel())
    found[0] -= len(z)
    return np.asarray(found)


def spatial_size(one: Floats, other: Floats, at: Lags) -> float:
    """Return the effective number of observations of a correlation, from the ``products`` of its two variables.

    At most n; NaN where the estimated variance of r is not positive, which happens where a field has no
    replicate within the region.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> xy = np.indices((30, 30)).reshape(2, -1).T.astype(float)
    >>> at = lags(xy)
    >>> noise, smooth = generator.normal(size=900), np.hypot(*(xy - 8.0).T)
    >>> bool(spatial_size(products(noise, at), products(smooth, at), at) > 300)
    True
    """
    there = at.pairs > 0
    variance = (at.n + float((one[there] * other[there] / at.pairs[there]).sum())) / at.n**2
    return min(1.0 + 1.0 / variance, float(at.n)) if variance > 0.0 else np.nan


def temporal_size(x: Floats, y: Floats) -> Floats:
    """Return the effective number of observations of a correlation through time, from lag-1 autocorrelations.

    Parameters
    ----------
    x, y
        (..., years), NaN where a year is missing; pairs with a gap on either side do not count.

    Returns
    -------
    float64, (...)
        At most the number of years that both have, at least 2.

    Examples
    --------
    >>> years = np.random.default_rng(0).normal(size=(2, 30)).cumsum(axis=1)
    >>> bool(temporal_size(years[0], years[1]) < 10)
    True
    """
    both = np.isfinite(x) & np.isfinite(y)
    n = both.sum(axis=-1).astype(np.float64)
    return years_of_memory(_lag_one(x, both), _lag_one(y, both), n)


def years_of_memory(one: Floats, other: Floats, n: Floats) -> Floats:
    """Return n (1 - rx ry) / (1 + rx ry) from two lag-1 autocorrelations and n years: at most n, at least 2.

    Examples
    --------
    >>> float(years_of_memory(np.array(0.5), np.array(0.5), np.array(20.0)))
    12.0
    """
    product = one * other
    with np.errstate(divide="ignore", invalid="ignore"):
        size = n * (1.0 - product) / (1.0 + product)
    return np.asarray(np.clip(size, 2.0, np.maximum(n, 2.0)))


def _lag_one(values: Floats, both: NDArray[np.bool_]) -> Floats:
    n = np.maximum(both.sum(axis=-1, keepdims=True), 1)
    z = np.where(both, values, 0.0)
    z = np.where(both, z - z.sum(axis=-1, keepdims=True) / n, 0.0)
    linked = (both[..., 1:] & both[..., :-1]).sum(axis=-1)
    square = (z**2).sum(axis=-1) / n[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (z[..., 1:] * z[..., :-1]).sum(axis=-1) / linked / square
    return np.asarray(np.clip(np.nan_to_num(r), -1.0, 1.0))


def spacing(values: Floats) -> float:
    """Return the step of a lattice that all values lie on, 0 where there is none; 1 where all are equal."""
    different = np.unique(values)
    if len(different) < 2:
        return 1.0
    step = float(np.diff(different)[np.diff(different) > ON_LATTICE * np.ptp(different) / len(different)].min())
    ratio = values / step
    return step if np.abs(ratio - np.rint(ratio)).max() < 0.05 else 0.0


def lag_distances(shape: tuple[int, int], down: float, right: float) -> Floats:
    """Return the length of every lag of a padded lattice, (rows, columns), from the steps between its rows and columns."""
    rows, columns = (np.minimum(np.arange(size), size - np.arange(size)) for size in shape)
    return np.asarray(np.hypot(rows[:, None] * down, columns[None, :] * right))


def autocorrelation(values: Floats, cell: NDArray[np.int64], shape: tuple[int, int]) -> Floats:
    """Return the sum of products at every lag of a lattice, from the values of its points."""
    return _autocorrelation(values, cell[:, 0] * shape[1] + cell[:, 1], shape)


def _autocorrelation(values: Floats, at: NDArray[np.int64], shape: tuple[int, int]) -> Floats:
    flat = np.bincount(at, values, minlength=shape[0] * shape[1])
    spectrum = fft.rfft2(flat.reshape(shape))
    return np.asarray(fft.irfft2(spectrum.real**2 + spectrum.imag**2, shape))
