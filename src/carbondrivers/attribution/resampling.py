"""Bootstrap of whole units: sites, blocks of space, or, for want of both, single rows.

Rows of one site, and neighbouring places, resemble each other, so that resampling single rows takes them for more
evidence than they are. Units are drawn with replacement and bring all their rows (sites: Field and Welsh 2007,
doi:10.1111/j.1467-9868.2007.00593.x; blocks: Lahiri 2003, doi:10.1007/978-1-4757-3803-2). Units are numbered by their
names, places or values, so that no interval depends on the order of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import OptionError, choose

Codes = NDArray[np.int64]
# With fewer units the percentiles are those of a handful of different samples; with few they are still too close.
FEWEST_UNITS, FEW_UNITS = 5, 20
BLOCKS_ACROSS = 10
_CHUNK = 4_000_000
# More undefined resamples than this, and the rest is another population.
_UNDEFINED = 0.01


@dataclass(frozen=True, slots=True)
class Units:
    """What is resampled.

    Attributes
    ----------
    codes : numpy.ndarray
        Shape (n,): the number of each row's unit.
    kind : str
        ``"sites"``, ``"blocks"`` or ``"rows"``.
    side : float or None
        Side of the blocks, in the unit of the coordinates.
    """

    codes: Codes
    kind: str
    side: float | None = None


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How often is resampled, the level of the intervals, and the seed."""

    replicates: int
    confidence: float
    seed: int

    def counts(self, units: int) -> Iterator[Floats]:
        """Iterate over how often each unit is taken, in blocks of shape (some replicates, units); each call begins anew."""
        rng, step = np.random.default_rng(self.seed), max(1, _CHUNK // units)
        for start in range(0, self.replicates, step):
            size = min(step, self.replicates - start)
            yield rng.multinomial(units, np.full(units, 1.0 / units), size=size).astype(np.float64)

    def interval(self, values: Floats) -> tuple[float, float]:
        """Return the percentile interval of resampled values, shape (replicates,); NaN where too many are undefined."""
        known = values[np.isfinite(values)]
        if len(known) < (1.0 - _UNDEFINED) * len(values):
            return np.nan, np.nan
        tail = (1.0 - self.confidence) / 2.0
        low, high = np.quantile(known, [tail, 1.0 - tail])
        return float(low), float(high)

    def ratio(self, above: Floats, below: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Return the intervals of ratios of sums over blocks, and the number of blocks that each rests on.

        Parameters
        ----------
        above, below
            (blocks, ratios).

        Returns
        -------
        low, high : numpy.ndarray
            (ratios,); NaN with fewer than five blocks.
        n_units : numpy.ndarray
            (ratios,).
        """
        units = (below != 0.0).sum(axis=0)
        used = np.flatnonzero((below != 0.0).any(axis=1))
        drawn = np.full((self.replicates, below.shape[1]), np.nan)
        start = 0
        for counts in self.counts(len(used)) if len(used) else ():
            top, bottom = counts @ above[used], counts @ below[used]
            drawn[start : start + len(counts)] = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0.0)
            start += len(counts)
        tail = (1.0 - self.confidence) / 2.0
        known = np.isfinite(drawn).mean(axis=0) >= 1.0 - _UNDEFINED
        enough = known & (units >= FEWEST_UNITS)
        low, high = (np.full(len(units), np.nan) for _ in range(2))
        if enough.any():
            low[enough], high[enough] = np.nanquantile(drawn[:, enough], [tail, 1.0 - tail], axis=0)
        return low, high, units


def refits(
    statistic: Callable[[Codes, int], Floats],
    units: Codes,
    bootstrap: Bootstrap,
    *,
    order: Codes | None = None,
    jobs: int = 1,
) -> Floats:
    """Return a statistic of each bootstrap sample of whole units, for models that must be fitted anew.

    Parameters
    ----------
    statistic
        ``statistic(rows, seed) -> (k,)``: of the rows drawn, as often as they were drawn; `seed` is the replicate's own.
    units
        Unit of each row, (n,), 0 to k - 1.
    bootstrap
        Number of replicates and seed.
    order
        Rows in an order of their own, (n,), so that no answer depends on the order of a table; as they stand by default.
    jobs
        Threads; the answer is the same for any number.

    Returns
    -------
    numpy.ndarray
        (replicates, k).

    Examples
    --------
    >>> y = np.arange(40.0)
    >>> plan = Bootstrap(200, 0.95, seed=1)
    >>> drawn = refits(lambda rows, seed: y[rows].mean(keepdims=True), np.arange(40) // 4, plan)
    >>> low, high = plan.interval(drawn[:, 0])
    >>> bool(low < 19.5 < high)
    True
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise OptionError(f"jobs must be a whole number of 1 or more, got {jobs!r}")
    rows = np.arange(len(units)) if order is None else order
    # Each replicate has a stream of its own: neither the number of threads nor who is first changes a draw.
    seeds = np.random.SeedSequence(bootstrap.seed).spawn(bootstrap.replicates)
    count = int(units.max()) + 1

    def one(stream: np.random.SeedSequence) -> Floats:
        rng = np.random.default_rng(stream)
        taken = rng.multinomial(count, np.full(count, 1.0 / count))
        drawn = np.repeat(rows, taken[units[rows]]).astype(np.int64)
        return np.asarray(statistic(drawn, int(rng.integers(2**31))), dtype=np.float64)

    if jobs == 1:
        return np.stack([one(stream) for stream in seeds])
    with ThreadPoolExecutor(jobs) as pool:
        return np.stack(list(pool.map(one, seeds)))


def bootstrap_of(replicates: object, confidence: object, seed: int) -> Bootstrap:
    """Return the bootstrap that the options ask for.

    Raises
    ------
    OptionError
        If an option is out of range.
    """
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < 100:
        raise OptionError(f"replicates must be a whole number of 100 or more, got {replicates!r}")
    if not isinstance(confidence, int | float) or not 0.0 < confidence < 1.0:
        raise OptionError(f"confidence must be between 0 and 1, got {confidence!r}")
    return Bootstrap(replicates, float(confidence), seed)


def units_of(sample: PixelSample, sites: str | None, block_size: float | None, values: Floats) -> Units:
    """Return what is resampled of a sample.

    Parameters
    ----------
    sample
        With or without coordinates.
    sites
        Categorical driver that names the site of each row. None: rows of the same coordinates are one site where places
        have two rows or more on average, else square blocks are the units.
    block_size
        Side of the blocks, in the unit of the coordinates; None: a tenth of the longer side of the extent.
    values
        Shape (n, k): what rows are ordered by where they are the units.

    Raises
    ------
    OptionError
        If `sites` is no categorical driver, or `block_size` no length or without coordinates.
    """
    if block_size is not None and (isinstance(block_size, bool) or not 0.0 < block_size < np.inf):
        raise OptionError(f"block_size must be a length above 0, got {block_size!r}")
    if block_size is not None and (sites is not None or sample.coordinates is None):
        why = "sites are the units then" if sites is not None else "the sample has no coordinates"
        raise OptionError(f"block_size cannot be used, {why}: take it out")
    if sites is not None:
        return Units(np.asarray(categorical(sample, sites, "sites").cat.codes, dtype=np.int64), "sites")
    if sample.coordinates is None:
        return Units(np.argsort(np.lexsort(values.T[::-1])).astype(np.int64), "rows")
    places = sample.frame[list(sample.coordinates)].to_numpy(dtype=np.float64)
    if block_size is None and 2 * len(np.unique(places, axis=0)) <= len(places):
        return Units(_numbered(places), "sites")
    extent = np.ptp(places, axis=0)
    side = float(block_size) if block_size else float(extent.max()) / BLOCKS_ACROSS or 1.0
    # The far edge belongs to the last block, not to one of its own.
    last = np.maximum(np.ceil(extent / side * (1.0 - 1e-12)) - 1.0, 0.0)
    return Units(_numbered(np.minimum(np.floor((places - places.min(axis=0)) / side), last)), "blocks", side)


def categorical(sample: PixelSample, name: str, option: str) -> pd.Series:
    """Return the column of a categorical driver that an option names."""
    known = [d.name for d in sample.drivers if d.kind == "categorical"]
    if not known:
        raise OptionError(f"{option} must be a categorical driver, and the sample has none: declare {name!r} as a driver")
    return sample.frame[choose(name, known, option)]


def _numbered(places: Floats) -> Codes:
    return np.unique(places, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
