"""P by comparison with what chance makes of the same data: rows permuted, grids shifted, or fields of the same correlations.

``permutation`` takes rows as independent. ``spatial`` keeps the autocorrelation of the response and breaks its tie to the
strata: on a full rectangular grid by shifts around its edges, flips and, where it is square, transposition (Fortin and Jacquez
2000; toroidal shift); elsewhere by Gaussian fields with correlations fitted to those of the response (``correlation_model``),
its values handed out in the order of the field (as in Viladomat et al. 2014, doi:10.1111/biom.12139). P = (1 + draws at least
as large) / (1 + draws). A pair's non-additive part is tested on what the additive fit leaves (Freedman and Lane 1983).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from carbondrivers.attribution.effective_size import lags
from carbondrivers.attribution.geodetector_moments import Codes
from carbondrivers.attribution.geodetector_spatial import fitted_correlations, places_of
from carbondrivers.attribution.inference import Floats

SURROGATE_SIDE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One share of a field that cells take, and the field that is drawn anew.

    Attributes
    ----------
    values : float64, (n,)
        The field: the response, or what an additive fit leaves of it.
    codes : int64, (n,)
        Cell of each row.
    weight : float64, (cells,)
        Sum of weights of each cell.
    basis : float64, (used cells, k)
        What the share is beyond, orthonormal on the scale of sqrt(weight) x mean.
    weights : float64, (n,) or None
        Of the rows.
    """

    values: Floats
    codes: Codes
    weight: Floats
    basis: Floats
    weights: Floats | None

    def share(self, values: Floats) -> float:
        """Return the share of the field's rest that the cells take, beyond the basis."""
        weighted = values if self.weights is None else self.weights * values
        used = self.weight > 0.0
        scaled = np.bincount(self.codes, weighted, minlength=len(used))[used] / np.sqrt(self.weight[used])
        known = float(((self.basis.T @ scaled) ** 2).sum())
        rest = float(weighted @ values) - known
        return (float(scaled @ scaled) - known) / rest if rest > 0.0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Shuffle:
    """Rows permuted, or a full grid shifted and flipped."""

    order: Codes
    grid: Codes | None

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return which row's value each row gets."""
        found = np.empty(len(self.order), dtype=np.int64)
        if self.grid is None:
            found[self.order] = self.order[rng.permutation(len(self.order))]
            return found
        rows, columns = self.grid.shape
        moved = np.roll(self.grid, (int(rng.integers(rows)), int(rng.integers(columns))), axis=(0, 1))
        flips = rng.integers(2, size=3)
        moved = moved[::-1] if flips[0] else moved
        moved = moved[:, ::-1] if flips[1] else moved
        moved = moved.T if flips[2] and rows == columns else moved
        found[self.grid.ravel()] = moved.ravel()
        return found

    def apply(self, values: Floats, drawn: NDArray[np.int64]) -> Floats:
        return values[drawn]


class _Surrogate:
    """Gaussian fields with the fitted correlations of the values."""

    def __init__(self, xy: Floats, order: Codes, geographic: bool) -> None:
        self.places = places_of(xy, SURROGATE_SIDE, geographic=geographic)
        self.order, self.known = order, dict[int, tuple[Floats, float, Floats]]()

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.complex128], Floats]:
        """Return the spectrum of white noise on the lattice, and white noise of the rows."""
        noise = np.empty(len(self.order))
        lattice = fft.rfft2(rng.normal(size=self.places.at.shape))
        noise[self.order] = rng.normal(size=len(self.order))
        return lattice, noise

    def apply(self, values: Floats, drawn: tuple[NDArray[np.complex128], Floats]) -> Floats:
        if id(values) not in self.known:
            found = fitted_correlations(values, self.places)
            self.known[id(values)] = np.sqrt(np.maximum(found.spectrum, 0.0)), np.sqrt(found.own), np.sort(values)
        root, own, ascending = self.known[id(values)]
        lattice = fft.irfft2(drawn[0] * root, self.places.at.shape).ravel()[self.places.occupied]
        field = lattice[self.places.cell] + own * drawn[1]
        made = np.empty_like(values)
        made[np.argsort(field, kind="stable")] = ascending
        return made


def chance_p(
    trials: Sequence[Trial], *, order: Codes, xy: Floats | None, geographic: bool, replicates: int, seed: int
) -> list[float]:
    """Return the P of each trial against fields drawn anew.

    Parameters
    ----------
    trials
        Shares to be judged.
    order
        (n,): rows in an order of their own values, so that P does not depend on the order they came in.
    xy
        Coordinates, (n, 2), for fields that keep the autocorrelation; None: rows are permuted.
    geographic
        Whether the coordinates are degrees.
    replicates, seed
        Number of draws, and where they begin.
    """
    source = _Shuffle(order, None) if xy is None else autocorrelated_source(xy, order, geographic)
    observed = [trial.share(trial.values) for trial in trials]
    above = np.zeros(len(trials), dtype=np.int64)
    for drawn in _draws(source, replicates, seed):
        made: dict[int, Floats] = {}
        for i, trial in enumerate(trials):
            field = made.get(id(trial.values))
            if field is None:
                field = made.setdefault(id(trial.values), source.apply(trial.values, drawn))
            above[i] += trial.share(field) >= observed[i] * (1.0 - 1e-10)
    return [float(count + 1) / (replicates + 1) for count in above]


def is_shifted(xy: Floats, geographic: bool) -> bool:
    """Whether coordinates, (n, 2), make a full grid, which is shifted; else fields are simulated."""
    return _full_grid(xy, geographic) is not None


def _draws(source: _Shuffle | _Surrogate, replicates: int, seed: int) -> Iterator[Any]:
    rng = np.random.default_rng(seed)
    return (source.draw(rng) for _ in range(replicates))


def autocorrelated_source(xy: Floats, order: Codes, geographic: bool) -> _Shuffle | _Surrogate:
    """Return what draws responses anew with their autocorrelation kept: a full grid shifted, or fields simulated at places.

    Parameters
    ----------
    xy
        Coordinates, (n, 2).
    order
        Rows in an order of their own, (n,).
    geographic
        Whether the coordinates are degrees.
    """
    grid = _full_grid(xy, geographic)
    return _Surrogate(xy, order, geographic) if grid is None else _Shuffle(order, grid)


def _full_grid(xy: Floats, geographic: bool) -> Codes | None:
    """Return the row at each cell of a full rectangular grid of at least 5 x 5 cells, or None."""
    cell = lags(xy, geographic=geographic).cell
    shape = tuple(int(cell[:, i].max()) + 1 for i in (0, 1))
    flat = cell[:, 0] * shape[1] + cell[:, 1]
    if min(shape) < 5 or shape[0] * shape[1] != len(cell) or len(np.unique(flat)) != len(cell):
        return None
    found = np.empty(len(cell), dtype=np.int64)
    found[flat] = np.arange(len(cell))
    return found.reshape(shape)
