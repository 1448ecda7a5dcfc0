"""Correlations of near cells of a grid, which a coarser lattice averages: taken out of it, and summed by strata apart.

With g(h) the mean of half the squared differences of a field at distance h, in units of its variance, the correlation there is
1 - g(h). What of it exceeds the correlation at two cells of the lattice (nought, where it cannot be told from nought before) is
near correlation: what remains is so flat that the lattice holds it. Its sums among strata come from drawn pairs; what it adds
to the mean correlation at each lag of the lattice is taken off there, so that the sum over all pairs of the grid stays what it
was. The split is our own, and checked by simulation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from carbondrivers.attribution.effective_size import FieldSums, autocorrelation
from carbondrivers.attribution.geodetector_draws import DRAWS, Draws, NearPairs
from carbondrivers.attribution.geodetector_lattice import Lattice
from carbondrivers.attribution.geodetector_spatial import FACTOR_SIDE, PAIR_SIDE, Correlations, Places
from carbondrivers.attribution.inference import Floats

# Classes of distance, each as many times farther than the last; standard errors that tell it from nought; cells of the lattice.
CLASSES, TOLD, FARTHEST = 24, 2.0, 2.0
# Pairs that a class needs, and all of them together.
FEWEST_IN_CLASS, FEWEST_PAIRS = 30, 300
# What results say of it.
NEAR = (
    f"Distances are counted on a lattice of at most {FACTOR_SIDE} cells across ({PAIR_SIDE} for pairs), and the grid is finer: "
    f"correlations that end within a lattice cell are estimated from {DRAWS:,} random pairs of near cells, so that corrected P "
    "depend a little on the seed."
)
FEW_NEAR = (
    f"Distances are counted on a lattice of at most {FACTOR_SIDE} cells across ({PAIR_SIDE} for pairs), and the grid is finer, "
    "with too few near cells to know which correlations end within a lattice cell: corrected P may be too small."
)


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """What stands at the two ends of near pairs of the cells of a factor or crossing.

    Attributes
    ----------
    pairs : NearPairs
        k pairs.
    y, weight : float64, (2, k)
        Response and weight.
    codes : int64, (2, k)
        Stratum.
    """

    pairs: NearPairs
    y: Floats
    weight: Floats
    codes: NDArray[np.int64]

    def sums(self, near: Floats, own: Floats) -> Floats:
        """Return sums of w_i w_j C_ij among strata, (cells, cells), from the near correlations.

        Parameters
        ----------
        near
            Near correlation at each lag of the pairs, (lags,).
        own
            Sums of squared weights of strata, (cells,): strata that draws met too often or too seldom are set right by it.
        """
        cells = len(own)
        value = near[self.pairs.at] * self.pairs.count * self.weight[0] * self.weight[1]
        found = np.bincount(self.codes[0] * cells + self.codes[1], value, minlength=cells**2).astype(np.float64)
        found = found.reshape(cells, cells)
        met = np.bincount(self.codes.ravel(), (self.weight**2).ravel(), minlength=cells)
        share = np.divide(own / own.sum(), met / met.sum(), out=np.zeros(cells), where=met > 0)
        found = (found + found.T) / 2.0 * np.sqrt(np.outer(share, share))
        # A stratum that no draw met: all that is near it counts as its own.
        every = float(value.sum()) / float(own.sum())
        return np.asarray(found + np.diag(np.where(met > 0, 0.0, own * every)))


def ends_of(draws: Draws, lattice: Lattice, codes: NDArray[np.int64]) -> Ends:
    """Return the near pairs of a grid that have everything, on a lattice, from the stratum at their ends, (2, draws)."""
    there = draws.whole()
    return Ends(draws.on(lattice), draws.y[:, there], draws.weight[:, there], codes[:, there])


def refined(
    field: Correlations, values: FieldSums, places: Places, pairs: NearPairs | None
) -> tuple[Correlations, Floats | None]:
    """Take near correlations out of a field's on the lattice.

    Parameters
    ----------
    field
        Its correlations on the lattice.
    values
        Its sums, with its values at the ends of the pairs.
    places
        The lattice.
    pairs
        Near pairs; None where every cell of the grid has a lattice cell of its own.

    Returns
    -------
    field, near
        Correlations without, and the near correlation at each lag of the pairs, (lags,); None where there is none.
    """
    if pairs is None or values.ends is None or len(pairs.count) < FEWEST_PAIRS:
        return field, None
    near = _near(values, pairs)
    if not near.any():
        return field, None
    shape = places.at.shape
    kernel = fft.irfft2(field.spectrum, shape)
    place = pairs.lag[:, 0] % np.int64(shape[0]) * shape[1] + pairs.lag[:, 1] % np.int64(shape[1])
    cells = np.column_stack(np.divmod(places.occupied, shape[1]))
    among = autocorrelation(values.count, cells, shape)
    among[0, 0] -= values.n
    count = np.bincount(pairs.at, pairs.count, minlength=len(near))
    taken = np.bincount(place.ravel(), (pairs.share * (near * count)).ravel(), minlength=kernel.size).reshape(shape)
    mean = np.divide(taken, among, out=np.zeros(shape), where=among > 0.5)
    squares = field.squares - float((among * mean**2).sum()) + float(near**2 @ count)
    spectrum = fft.rfft2(kernel - (mean + mean[-np.arange(shape[0])][:, -np.arange(shape[1])]) / 2.0).real
    mass = float(near @ count)
    return replace(field, spectrum=spectrum, own=field.own + float(mean[0, 0]), squares=squares, near=mass), near


def _near(values: FieldSums, pairs: NearPairs) -> Floats:
    """Return by how much the correlation at each lag exceeds that of the farthest near pairs, (lags,)."""
    one, two = values.ends if values.ends is not None else (np.zeros(0), np.zeros(0))
    more = 1.0 - (one - two) ** 2 / (2.0 * values.variance)
    size = len(pairs.distance)
    place = np.log(pairs.distance) / np.log(max(float(pairs.distance[pairs.at].max()), 2.0)) * CLASSES
    code = np.clip(place, 0, CLASSES - 1).astype(np.int64)
    # Sums at each lag, then over the lags of each class.
    sums = [np.bincount(pairs.at, v, minlength=size) for v in (None, more, more**2)]
    classes = [np.bincount(code, v, minlength=CLASSES).astype(np.float64) for v in (*sums, sums[0] * pairs.reach)]
    count, mean, square, reach = classes
    known = np.maximum(count, 1.0)
    mean, reach = (np.asarray(v / known, dtype=np.float64) for v in (mean, reach))
    error = np.sqrt(np.maximum(square - count * mean**2, 0.0)) / known
    kept, left = np.zeros(CLASSES), 0.0
    for i in np.flatnonzero(count >= FEWEST_IN_CLASS):
        left = max(float(mean[i]), 0.0)
        if mean[i] <= TOLD * error[i] or reach[i] > FARTHEST:
            break
        kept[i] = mean[i]
    return np.asarray(np.maximum(kept - left, 0.0)[code])
