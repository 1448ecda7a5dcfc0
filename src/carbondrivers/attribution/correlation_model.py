"""A valid correlation function fitted to the rings of distance of one field.

Correlations by rings are unbiased and rough: fields drawn with them lose part of their autocorrelation, since what of the
spectrum is negative must be set to nought, and the residuals of a fit, which sum to nought, look less correlated than the
errors are. Here they are fitted, weighted by pairs, by a mixture of Gaussian and exponential correlations of many ranges with
weights of nought or more (any such mixture is a correlation function; Chiles and Delfiner 2012), a part of each row's own
(nugget), and one constant below nought for what the mean took (non-negative least squares, Lawson and Hanson 1974). A mixture
can only lie above nought, and would find some correlation in white noise too: it stands where it explains more than noise does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from carbondrivers.attribution.effective_size import FieldSums, Lags, lag_distances, products
from carbondrivers.attribution.inference import Floats

RANGES, SHORTEST, LONGEST = 12, 0.7, 1.0 / 3.0
# Rings that are used, of the largest distance: farther ones rest on the corners of the region.
USED = 0.5
# What a mixture explains of the rings of white noise, in their variances: less in 93 to 96 % of fields.
CHANCE = 6.0
# How much more than all rings together it counts that a row is itself.
_EXACT = 1e3


@dataclass(frozen=True, slots=True)
class CorrelationModel:
    """Weights of the correlations of a mixture, which add to one with the part of each row's own.

    Attributes
    ----------
    gaussian, exponential : numpy.ndarray
        (ranges,): weights.
    ranges : numpy.ndarray
        (ranges,), in widths of a ring: where a Gaussian or exponential correlation has fallen to 1 / e.
    own : float
        Weight of the part that no two rows share.
    """

    gaussian: Floats
    exponential: Floats
    ranges: Floats
    own: float

    def at(self, distance: Floats) -> Floats:
        """Return the correlation of different rows that far apart, in widths of a ring.

        Examples
        --------
        >>> model = CorrelationModel(np.array([0.5]), np.array([0.3]), np.array([4.0]), 0.2)
        >>> model.at(np.array([0.0, 4.0])).round(6).tolist()
        [0.8, 0.294304]
        """
        found = np.zeros(distance.shape)
        for gaussian, exponential, length in zip(self.gaussian, self.exponential, self.ranges, strict=True):
            if gaussian > 0.0:
                found += gaussian * np.exp(-((distance / length) ** 2))
            if exponential > 0.0:
                found += exponential * np.exp(-distance / length)
        return found


def fitted(values: Floats | FieldSums, at: Lags) -> CorrelationModel:
    """Fit the correlations of a field.

    Parameters
    ----------
    values
        The field, (n,), or its sums over the cells of the lattice; it must vary.
    at
        The distance classes of its rows.

    Examples
    --------
    >>> from carbondrivers.attribution.effective_size import lags
    >>> rng = np.random.default_rng(0)
    >>> xy = np.indices((30, 30)).reshape(2, -1).T.astype(float)
    >>> fitted(rng.normal(size=900), lags(xy)).own > 0.8
    True
    """
    there = np.flatnonzero(at.pairs > 0.0)
    used = there[there <= max(USED * float(there[-1]), float(there[0]))]
    distance = ring_distances(at)[used]
    ranges = np.geomspace(SHORTEST, max(LONGEST * float(there[-1]), 2.0 * SHORTEST), RANGES)
    shapes = [np.exp(-((distance / length) ** 2)) for length in ranges] + [np.exp(-distance / length) for length in ranges]
    # Columns: the mixture, what the mean took, what is each row's own; the last row says that a row is itself.
    rows = np.column_stack([*shapes, np.full(len(used), -1.0), np.zeros(len(used))])
    weight = np.sqrt(at.pairs[used] / at.pairs[used].sum())
    itself = np.append(np.ones(2 * RANGES), [-1.0, 1.0])
    found = products(values, at)[used] / at.pairs[used]
    design = rows * weight[:, None]
    parts, _ = optimize.nnls(np.vstack([design, _EXACT * itself]), np.append(found * weight, _EXACT), maxiter=100 * len(itself))
    flat = found - min(float((weight**2) @ found), 0.0)
    explained = (weight**2) @ flat**2 - float(((found * weight - design @ parts) ** 2).sum())
    # A ring of white noise varies by one over its pairs, each counted twice.
    if explained * float(at.pairs[used].sum()) / 2.0 < CHANCE:
        return CorrelationModel(np.zeros(RANGES), np.zeros(RANGES), ranges, 1.0)
    whole = float(parts[: 2 * RANGES].sum() + parts[-1])
    return CorrelationModel(parts[:RANGES] / whole, parts[RANGES : 2 * RANGES] / whole, ranges, float(parts[-1]) / whole)


def ring_distances(at: Lags) -> Floats:
    """Return the mean length of the lags of every ring, in widths of a ring: the nearest ring holds diagonals too."""
    length = lag_distances(at.shape, *at.steps).ravel()
    size = len(at.pairs)
    return np.asarray(np.bincount(at.ring, length, minlength=size) / np.maximum(np.bincount(at.ring, minlength=size), 1))


def kernel(model: CorrelationModel, at: Lags) -> Floats:
    """Return the correlations of different rows at every lag of the padded lattice, of its shape."""
    return model.at(lag_distances(at.shape, *at.steps))
