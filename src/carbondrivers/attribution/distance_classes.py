"""Distance classes of the pairs of a set of points, for the modified t test: of any points, or of a lattice with gaps.

Classes have equal width up to the largest distance; a pair is in the first class whose upper bound it does not exceed.
Scattered points need all pairs, n^2 steps; on a lattice the sums over pairs come from Fourier transforms, exact but for
rounding. A class wider than the dependence mixes dependent pairs with independent ones, and the test then rejects too often.
By default there are so many classes that none is wider than two neighbour distances (the median distance to the nearest other
place), 13 at least, and at most a quarter of the number of points; R's SpatialPack takes 13 whatever the spacing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial import cKDTree

from carbondrivers.attribution.effective_size import LATTICE_SIDE, autocorrelation, lag_distances, spacing
from carbondrivers.attribution.inference import Floats
from carbondrivers.errors import DataError, OptionError

# R's SpatialPack takes so many unless told otherwise; here it is the least.
CLASSES = 13
NEIGHBOURS, POINTS_PER_CLASS = 2.0, 4
_CHUNK = 4_000_000
# A distance that is a class bound but for rounding belongs below it.
_SLACK = 1e-12
_ON_LATTICE = 1e-6


class PointClasses:
    """Distance classes of scattered points: every pair is looked at, in blocks of rows.

    Parameters
    ----------
    xy
        Places on a plane, (n, 2).
    classes
        Number of distance classes; None: as many as the neighbour distance asks for.
    """

    def __init__(self, xy: Floats, classes: int | None = None) -> None:
        self.xy, self.n = xy, len(xy)
        self._largest = max(float(distance.max()) for _, distance in self._distances())
        # Rows of one place are more alike than any neighbours: by default they have a class of their own.
        self._repeats = int(classes is None and len(np.unique(xy, axis=0)) < self.n)
        self.classes = classes or class_count(self._largest, neighbour_distance(xy), self.n) + self._repeats

    @cached_property
    def bounds(self) -> Floats:
        """Upper bounds of the classes, (classes,); the first is nought where places are repeated."""
        wide = self.classes - self._repeats
        return self._largest * np.arange(1 - self._repeats, wide + 1) / wide

    @cached_property
    def counts(self) -> Floats:
        """How many other points each class holds, seen from each point: (n, classes)."""
        width = self.classes + 1
        found = np.empty((self.n, self.classes))
        for start, label in self._labels():
            shifted = label + width * np.arange(len(label))[:, None]
            number = np.bincount(shifted.ravel(), minlength=width * len(label)).reshape(-1, width)
            found[start : start + len(label)] = number[:, : self.classes]
        return found

    @cached_property
    def pairs(self) -> Floats:
        """Ordered pairs in each class, (classes,)."""
        return np.asarray(self.counts.sum(axis=0))

    def products(self, z: Floats) -> Floats:
        """Return the sum of z_i z_j over the ordered pairs of each class, (classes,)."""
        total = np.zeros(self.classes + 1)
        for start, label in self._labels():
            product = z[start : start + len(label), None] * z[None, :]
            total += np.bincount(label.ravel(), product.ravel(), minlength=self.classes + 1)
        return total[: self.classes]

    def row_sums(self, moran: Floats) -> Floats:
        """Return the sums over the rows of R, (n,)."""
        return np.asarray(1.0 + self.counts @ moran)

    @cached_property
    def _kept(self) -> list[tuple[int, NDArray[np.int64]]]:
        """The classes of few points, which are asked for once a field."""
        return list(self._blocks())

    def _labels(self) -> Iterator[tuple[int, NDArray[np.int64]]]:
        return iter(self._kept) if self.n**2 <= _CHUNK else self._blocks()

    def _blocks(self) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Iterate over blocks of rows of the matrix of classes; a point with itself has the class beyond the last."""
        for start, distance in self._distances():
            label = class_of(distance, self.bounds)
            rows = np.arange(len(label))
            label[rows, start + rows] = self.classes
            yield start, label

    def _distances(self) -> Iterator[tuple[int, Floats]]:
        step = max(1, _CHUNK // self.n)
        for start in range(0, self.n, step):
            east, north = (self.xy[start : start + step, None, axis] - self.xy[None, :, axis] for axis in (0, 1))
            yield start, np.hypot(east, north)


class LatticeClasses:
    """Distance classes of the cells of a lattice, gaps or not, by Fourier transforms.

    Parameters
    ----------
    cell
        Row and column of each cell, (n, 2), from 0.
    steps
        Distance between rows and between columns.
    classes
        Number of distance classes; None: as many as the neighbour distance asks for.
    """

    def __init__(self, cell: NDArray[np.int64], steps: tuple[float, float], classes: int | None = None) -> None:
        self.cell, self.n = cell, len(cell)
        rows, columns = (int(fft.next_fast_len(2 * int(cell[:, axis].max()) + 1, real=True)) for axis in (0, 1))
        self.shape = rows, columns
        self._lags = lag_distances(self.shape, *steps)
        self._pairs = np.rint(autocorrelation(np.ones(self.n), cell, self.shape))
        self._largest = float(self._lags[self._pairs > 0].max())
        # Beside every cell of a full lattice is another one.
        is_full = self.n == (1 + int(cell[:, 0].max())) * (1 + int(cell[:, 1].max()))
        near = min(steps) if is_full and cell.any(axis=0).all() else None
        self.classes = classes or class_count(self._largest, near or neighbour_distance(cell * np.asarray(steps)), self.n)

    @cached_property
    def bounds(self) -> Floats:
        """Upper bounds of the classes, (classes,)."""
        return self._largest * np.arange(1, self.classes + 1) / self.classes

    @cached_property
    def _label(self) -> NDArray[np.int64]:
        label = class_of(self._lags, self.bounds)
        label[0, 0] = self.classes
        return label

    @cached_property
    def pairs(self) -> Floats:
        """Ordered pairs in each class, (classes,)."""
        return np.asarray(np.bincount(self._label.ravel(), self._pairs.ravel(), minlength=self.classes + 1)[: self.classes])

    def products(self, z: Floats) -> Floats:
        """Return the sum of z_i z_j over the ordered pairs of each class, (classes,)."""
        found = autocorrelation(z, self.cell, self.shape)
        return np.asarray(np.bincount(self._label.ravel(), found.ravel(), minlength=self.classes + 1)[: self.classes])

    def row_sums(self, moran: Floats) -> Floats:
        """Return the sums over the rows of R, (n,)."""
        kernel = np.append(moran, 1.0)[self._label]
        there = np.zeros(self.shape)
        there[self.cell[:, 0], self.cell[:, 1]] = 1.0
        sums = fft.irfft2(fft.rfft2(there) * fft.rfft2(kernel), self.shape)
        return np.asarray(sums[self.cell[:, 0], self.cell[:, 1]])


Classes = PointClasses | LatticeClasses


def checked_classes(classes: int | None) -> None:
    """Refuse what is neither None nor a number of classes.

    Raises
    ------
    OptionError
        If it is not.
    """
    if classes is not None and (isinstance(classes, bool) or not isinstance(classes, int) or classes < 2):
        raise OptionError(f"classes must be a whole number of 2 or more, or None, got {classes!r}")


def neighbour_distance(xy: Floats) -> float:
    """Return the median distance of a place to the nearest other one; xy (n, 2), places that occur twice count once."""
    places = np.unique(xy, axis=0)
    distance, _ = cKDTree(places).query(places, k=[2])
    return float(np.median(np.asarray(distance)))


def class_count(largest: float, near: float, n: int) -> int:
    """Return the default number of distance classes.

    Parameters
    ----------
    largest, near
        Largest distance, and ``neighbour_distance``.
    n
        Number of points.

    Examples
    --------
    >>> class_count(np.hypot(39, 39), 1.0, 1600), class_count(np.hypot(39, 39), 10.0, 16)
    (28, 13)
    """
    narrow = int(np.ceil(largest / (NEIGHBOURS * near) * (1.0 - _SLACK)))
    return max(CLASSES, min(narrow, n // POINTS_PER_CLASS))


def class_of(distance: Floats, bounds: Floats) -> NDArray[np.int64]:
    """Return the first class whose upper bound a distance does not exceed, any shape."""
    found = np.searchsorted(bounds * (1.0 + _SLACK), distance)
    return np.minimum(found, len(bounds) - 1).astype(np.int64)


def distance_classes(xy: Floats, *, classes: int | None = None, geographic: bool = False) -> Classes:
    """Sort the pairs of points into distance classes, on their lattice where they lie on one.

    Parameters
    ----------
    xy
        Coordinates, (n, 2), finite, not all the same; longitude and latitude where `geographic`: longitudes are then shortened
        by the cosine of the mean latitude.
    classes
        Number of classes of equal width, 2 or more; None: none wider than two neighbour distances, 13 at least and a quarter of
        the points at most, and one more for rows of one place.
    geographic
        Whether the coordinates are degrees.

    Raises
    ------
    DataError
        If a coordinate is not finite, or all points lie in one place.
    OptionError
        If `classes` is below 2.
    """
    checked_classes(classes)
    if not np.isfinite(xy).all():
        raise DataError("a coordinate is missing or infinite: a modified t test needs the place of every row")
    shrink = float(np.cos(np.radians(xy[:, 1].mean()))) if geographic else 1.0
    xy = xy - xy.min(axis=0)
    if not xy.any():
        raise DataError("all rows lie in one place: a modified t test needs coordinates that differ")
    steps = [spacing(xy[:, axis]) for axis in (0, 1)]
    if min(steps) > 0.0 and max(xy[:, axis].max() / steps[axis] for axis in (0, 1)) < LATTICE_SIDE:
        cell = np.rint(xy[:, ::-1] / steps[::-1]).astype(np.int64)
        off = np.abs(xy[:, ::-1] / steps[::-1] - cell).max()
        # Points nearly on a lattice are no lattice: their distances would be others.
        if off < _ON_LATTICE and len(np.unique(cell, axis=0)) == len(cell):
            return LatticeClasses(cell, (steps[1], steps[0] * shrink), classes)
    return PointClasses(xy * [shrink, 1.0], classes)
