"""Responses under a null hypothesis that keeps their autocorrelation, for tests that search: see ``geodetector_null``.

A full grid is shifted around its edges, flipped and transposed; scattered rows get their own values again in the order of
Gaussian fields with correlations fitted to the response's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from carbondrivers.attribution.geodetector_null import autocorrelated_source
from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.sample import PixelSample

MOST_ROWS = 100_000
_CHUNK = 4_000_000
# What the three methods that search say of both p.
HOW = (
    "Naive: rows permuted one by one. Corrected: the response drawn anew with its autocorrelation kept: a full grid shifted; "
    "scattered rows by simulated fields of its fitted correlations."
)
TOO_MANY = f"No corrected P is given with more than {MOST_ROWS:,} rows: thin the sample for one."


def spatial_draws(sample: PixelSample, y: Floats, replicates: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Iterate over centred responses drawn anew, in blocks of shape (some replicates, n); nothing where rows have no places.

    Parameters
    ----------
    sample
        Rows in the order of ``row_order.in_order``.
    y
        Centred response, shape (n,).
    replicates
        Number of draws.
    rng
        Of the draws.
    """
    if sample.coordinates is None or not 3 <= sample.n <= MOST_ROWS or not y.any():
        return
    xy = sample.frame[list(sample.coordinates)].to_numpy(dtype=np.float64)
    if not np.ptp(xy, axis=0).any():
        return
    source = autocorrelated_source(xy, np.arange(sample.n), sample.is_geographic)
    step = max(1, _CHUNK // sample.n)
    for start in range(0, replicates, step):
        yield np.stack([source.apply(y, source.draw(rng)) for _ in range(min(step, replicates - start))])  # type: ignore[arg-type]
