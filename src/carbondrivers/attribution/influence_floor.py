"""The noise floor of influence: what a driver collects that has nothing to do with the response.

Trees find some use for any driver, and more for a smooth one. Each driver gets a shadow with its own values and its own
variogram, but no relation to anything: the amplitudes of its spectrum are kept and the phases drawn at random (surrogates
of Theiler et al. 1992, doi:10.1016/0167-2789(92)90102-S, in the plane). Trees are grown on drivers and shadows together; the
floor is the median, over sets of shadows, of the most influential shadow's share (the idea of Kursa and Rudnicki 2010,
doi:10.18637/jss.v036.i11, whose shadows are shuffled and therefore too easy to beat for smooth layers).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, special, stats
from scipy.spatial import cKDTree

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.tree_codes import DriverCodes
from carbondrivers.attribution.tree_growers import TreeSettings, grower
from carbondrivers.attribution.tree_task import Task

CELLS_PER_POINT, SMALLEST_SIDE, LARGEST_SIDE = 2.0, 8, 512


@dataclass(frozen=True, slots=True, eq=False)
class Floor:
    """The noise floor, as a share of the influence of all real drivers.

    Attributes
    ----------
    floor : float
        Median of the largest shadow.
    beside : numpy.ndarray
        (p,): median share of each driver where shadows are among the drivers.
    """

    floor: float
    beside: Floats

    @property
    def above(self) -> list[bool]:
        """Whether each driver is above the floor."""
        return [bool(share > self.floor) for share in self.beside]


class Shadows:
    """Shadows of the drivers of a task.

    Parameters
    ----------
    xy
        (n, 2), or None: shadows are then shuffled rows.
    x
        (n, p): drivers, classes as numbers.
    classes
        (p,): number of classes of each, 0 for a measured one.
    """

    def __init__(self, xy: Floats | None, x: Floats, classes: tuple[int, ...]) -> None:
        self._x, self._classes = x, classes
        self._sorted = np.sort(x, axis=0)
        self._lattice = None if xy is None or not np.ptp(xy, axis=0).any() else _Lattice(xy)
        normal = special.ndtri((stats.rankdata(x, axis=0) - 0.5) / len(x))
        self._spectra = [] if self._lattice is None else [self._lattice.spectrum(column) for column in normal.T]

    def draw(self, rng: np.random.Generator) -> Floats:
        """Return one set of shadows, (n, p): each has exactly the values of its driver."""
        found = np.empty_like(self._x)
        for j, classes in enumerate(self._classes):
            ranks = self._ranks(j, rng)
            values = self._sorted[:, j]
            # Which class is next to which is a matter of names.
            found[:, j] = (rng.permutation(classes)[values.astype(np.int64)] if classes else values)[ranks]
        return found

    def _ranks(self, j: int, rng: np.random.Generator) -> np.ndarray:
        if self._lattice is None:
            return rng.permutation(len(self._x))
        field = self._lattice.surrogate(self._spectra[j], rng)
        return np.argsort(np.argsort(field, kind="stable"), kind="stable")


class _Lattice:
    """Cells over scattered points, each with the value of the nearest point."""

    def __init__(self, xy: Floats) -> None:
        low, extent = xy.min(axis=0), np.ptp(xy, axis=0)
        cell = max(float(np.sqrt(max(float(np.prod(extent)), 1e-12 * float(extent.max()) ** 2) / (CELLS_PER_POINT * len(xy)))),
                   float(extent.max()) / LARGEST_SIDE)  # fmt: skip
        shape = np.maximum(np.ceil(extent[::-1] / cell).astype(np.int64), SMALLEST_SIDE)
        self._shape = (int(shape[0]), int(shape[1]))
        steps = [extent[1] / shape[0], extent[0] / shape[1]]
        rows, columns = np.indices(self._shape)
        centres = np.column_stack([low[0] + (columns.ravel() + 0.5) * steps[1], low[1] + (rows.ravel() + 0.5) * steps[0]])
        self._nearest = cKDTree(xy).query(centres)[1]
        at = [np.clip((xy[:, 1 - i] - low[1 - i]) / (steps[i] or 1.0), 0, shape[i] - 1).astype(np.int64) for i in (0, 1)]
        self._point = at[0] * shape[1] + at[1]

    def spectrum(self, values: Floats) -> Floats:
        """Return the amplitudes of the field of values, mirrored at its edges so that it has no jumps there."""
        field = values[self._nearest].reshape(self._shape)
        field = np.concatenate([field, field[::-1]], axis=0)
        field = np.concatenate([field, field[:, ::-1]], axis=1)
        return np.abs(fft.rfft2(field - field.mean()))

    def surrogate(self, amplitudes: Floats, rng: np.random.Generator) -> Floats:
        """Return a field of these amplitudes and random phases, at the points."""
        rows, columns = self._shape
        noise = fft.rfft2(rng.normal(size=(2 * rows, 2 * columns)))
        field = fft.irfft2(amplitudes * noise / np.abs(noise), (2 * rows, 2 * columns))[:rows, :columns]
        return np.asarray(field.ravel()[self._point])


def noise_floor(task: Task, settings: TreeSettings, trees: int, *, sets: int, seed: int) -> Floor:
    """Return the noise floor of a task.

    Parameters
    ----------
    task
        The rows.
    settings, trees
        As for the influence itself.
    sets
        How many sets of shadows are drawn.
    seed
        Of the draws and of the bagging.
    """
    rng = np.random.default_rng(seed)
    shadows = Shadows(task.xy, task.x, task.on.levels)
    twice = DriverCodes(task.on.borders * 2, task.on.levels * 2, task.on.values * 2)
    p, highest, beside = len(task.names), np.empty(sets), np.empty((sets, len(task.names)))
    for i in range(sets):
        codes = np.concatenate([task.codes, task.on.encode(shadows.draw(rng))], axis=1)
        model = grower(codes, task.z, None, twice, settings, seed + i, task.threads)
        model.grow(trees)
        gains = model.gains()
        real = float(gains[:p].sum())
        highest[i], beside[i] = (gains[p:].max() / real, gains[:p] / real) if real > 0.0 else (np.nan, np.nan)
    return Floor(float(np.median(highest)), np.median(beside, axis=0))
