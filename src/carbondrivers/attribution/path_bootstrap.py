"""Resampled path models: whole blocks of space are drawn, and every coefficient comes from sums over the blocks drawn.

A resample costs the same whatever n is: the moments of each block are summed once, a draw adds them up, and equations,
effects and weights of scores are made anew from its correlation matrix. Without places rows are dealt at random into at
most 500 hands, each of which is a unit: rows are independent then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_moments import SINGULAR
from carbondrivers.attribution.resampling import FEW_UNITS, FEWEST_UNITS, Bootstrap, Units, units_of
from carbondrivers.datasets.sample import PixelSample

HANDS = 500
KNOWN = 0.99


@dataclass(slots=True, eq=False)
class Draws:
    """Correlation matrices of resamples.

    Attributes
    ----------
    names : tuple of str
        The columns.
    r : numpy.ndarray
        Shape (draws, p, p); no draw where there are fewer than five units.
    units : int
        Number of units that were drawn from.
    kind : str
        What they are: blocks, sites or rows.
    confidence : float
        Level of the intervals.
    side : float or None
        Side of the blocks.
    """

    names: tuple[str, ...]
    r: Floats
    units: int
    kind: str
    confidence: float
    side: float | None = None

    @property
    def note(self) -> str:
        """What must be said of the resampling."""
        if self.units < FEWEST_UNITS:
            return f"no bootstrap: only {self.units} {self.kind} to draw from"
        return f"only {self.units} {self.kind} to draw from: intervals are too narrow" if self.units < FEW_UNITS else ""

    def only(self, names: tuple[str, ...]) -> Floats:
        """Return the correlation matrices of some columns, in their order."""
        places = [self.names.index(name) for name in names]
        return np.asarray(self.r[:, places][:, :, places])

    def intervals(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the percentile intervals of drawn values (draws, k); NaN where too many draws are undefined."""
        empty = np.full(values.shape[1:], np.nan)
        if self.units < FEWEST_UNITS or not len(values):
            return empty, empty.copy()
        enough = np.isfinite(values).mean(axis=0) >= KNOWN
        tail = (1.0 - self.confidence) / 2.0
        low, high = empty.copy(), empty.copy()
        if enough.any():
            low[enough], high[enough] = np.nanquantile(values[:, enough], [tail, 1.0 - tail], axis=0)
        return low, high


def draws(
    part: PixelSample, z: Floats, names: tuple[str, ...], bootstrap: Bootstrap | None, block_size: float | None
) -> Draws | None:
    """Return the resampled correlation matrices of standardised columns z (n, p); None where none are asked for."""
    if bootstrap is None:
        return None
    units = units_of(part, None, block_size, z)
    if units.kind == "rows":
        units = _dealt(units, bootstrap.seed)
    number = int(units.codes.max()) + 1
    p = z.shape[1]
    found = [np.zeros((0, p, p))]
    if number >= FEWEST_UNITS:
        sums = unit_sums(z, units.codes)
        found = [_correlations(counts @ sums, p) for counts in bootstrap.counts(number)]
    return Draws(names, np.concatenate(found), number, units.kind, bootstrap.confidence, units.side)


def _dealt(units: Units, seed: int) -> Units:
    """Return rows dealt into hands at random; `units` numbers them by their values, so that their order plays no part."""
    n = len(units.codes)
    hands = np.random.default_rng(seed).permutation(n) % min(n, HANDS)
    return replace(units, codes=hands[units.codes])


def unit_sums(z: Floats, codes: np.ndarray) -> Floats:
    """Return number, sums and sums of products of the columns z (n, p) in every unit, (units, 1 + p + p p)."""
    order = np.argsort(codes, kind="stable")
    sorted_z = z[order]
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    ends = np.append(starts[1:], len(z))
    rows = [np.r_[float(b - a), sorted_z[a:b].sum(axis=0), (sorted_z[a:b].T @ sorted_z[a:b]).ravel()]
            for a, b in zip(starts, ends, strict=True)]  # fmt: skip
    return np.array(rows)


def _correlations(sums: Floats, p: int) -> Floats:
    """Return correlation matrices (draws, p, p) of drawn sums (draws, 1 + p + p p); NaN where a column is constant."""
    n, first, second = sums[:, 0], sums[:, 1 : 1 + p], sums[:, 1 + p :].reshape(-1, p, p)
    cross = second - first[:, :, None] * first[:, None, :] / n[:, None, None]
    size = np.sqrt(np.maximum(np.einsum("dii->di", cross), 0.0))
    size = np.where(size > 1e-9, size, np.nan)
    return np.asarray(cross / (size[:, :, None] * size[:, None, :]))


def drawn_coefficients(r: Floats, names: tuple[str, ...], model: PathModel) -> Floats:
    """Return the coefficients (draws, p, p) of every equation, from correlation matrices r (draws, p, p)."""
    b = np.zeros(r.shape)
    for response in model.endogenous:
        row, causes = names.index(response), [names.index(name) for name in model.equations[response]]
        if causes:
            b[:, row, causes] = solved(r[:, causes][:, :, causes], r[:, causes, row])
    return b


def solved(matrices: Floats, right: Floats) -> Floats:
    """Return the solutions (draws, k) of matrices (draws, k, k); NaN where one is not finite or singular."""
    fit = np.asarray(np.isfinite(matrices).all(axis=(1, 2)) & np.isfinite(right).all(axis=1))
    safe = np.where(fit[:, None, None], matrices, np.eye(matrices.shape[-1]))
    values = np.linalg.eigvalsh(safe)
    fit &= values[:, 0] * SINGULAR > values[:, -1]
    safe = np.where(fit[:, None, None], matrices, np.eye(matrices.shape[-1]))
    found = np.linalg.solve(safe, np.where(fit[:, None], right, 0.0)[..., None])[..., 0]
    return np.where(fit[:, None], found, np.nan)


def drawn_intervals(found: Draws | None, make: Callable[[Draws], Floats], k: int) -> tuple[Floats, Floats, float]:
    """Return the intervals of k values made from draws, and the number of units; NaN where nothing was drawn."""
    if found is None:
        return np.full(k, np.nan), np.full(k, np.nan), np.nan
    low, high = found.intervals(make(found)) if len(found.r) else (np.full(k, np.nan), np.full(k, np.nan))
    return low, high, float(found.units)
