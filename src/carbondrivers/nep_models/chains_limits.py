"""Limits of NDVI by class, of grids of any size: one pass over the values, block by block.

NDVI is counted in steps of 0.0001, that of satellite products, so the percentiles of a class are those of its rounded
values exactly, and do not depend on how a grid is cut into blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbondrivers.errors import DataError, OptionError
from carbondrivers.nep_models.apply import Values
from carbondrivers.nep_models.casa_stress import NDVI
from carbondrivers.nep_models.chains_classes import Cover, in_blocks, on_months
from carbondrivers.nep_models.elementwise import is_lazy
from carbondrivers.nep_models.ranges import check_range

STEPS = 10_000
"""Steps of NDVI in one."""
NO_TYPE = "other"

Counts = NDArray[np.int64]


def limits_by_class(
    ndvi: Values, cover: Cover, *, low: float = 5.0, high: float = 95.0, model: str = "casa"
) -> dict[str, tuple[float, float]]:
    """Return percentiles of NDVI of each class of a model, over all its cells and months.

    Parameters
    ----------
    ndvi
        -1 to 1; months, if any, first. Values of a lazy array are read once, block by block.
    cover
        The classes of the cells.
    low, high
        Percentiles, %.
    model
        Whose classes (``class_of``).

    Returns
    -------
    dict
        (NDVImin, NDVImax) by class. ``"other"`` is no type of vegetation: its own percentiles would stretch bare ground
        over the whole range of absorption, so it gets those of all classes together.

    Raises
    ------
    OptionError
        If the percentiles are not in order within 0 to 100.
    DataError
        If NDVI lies outside -1 to 1, or a class has the same value at both percentiles, or no NDVI at all.

    Examples
    --------
    >>> from carbondrivers.nep_models.chains_classes import cover_of
    >>> limits_by_class(np.linspace(0.0, 0.8, 101), cover_of("grassland"))
    {'grassland': (0.04, 0.76)}
    """
    if not 0.0 <= low < high <= 100.0:
        raise OptionError(f"percentiles must be in order within 0 to 100, got {low!r} and {high!r}")
    counts = _counts(check_range(ndvi, "ndvi", NDVI), cover, model)
    whole = np.sum(list(counts.values()), axis=0)
    found: dict[str, tuple[float, float]] = {}
    for name, own in counts.items():
        used = whole if name == NO_TYPE else own
        if not used.sum():
            raise DataError(f"class {name!r} has no NDVI: give its limits (limits='published'), or leave it out of classes")
        lower, upper = _percentile(used, low), _percentile(used, high)
        if lower == upper:
            raise DataError(f"NDVI of class {name!r} is {lower:g} at both percentiles: take limits='published'")
        found[name] = (lower, upper)
    return found


def _counts(ndvi: Values, cover: Cover, model: str) -> dict[str, Counts]:
    """Return how many values of each class lie in each step."""
    groups = cover.grouped(model)
    if cover.codes is None:
        parts = in_blocks(lambda values: _histogram(values, np.ones(values.shape, dtype=bool)), ndvi)
        return {name: np.sum(parts, axis=0) for name in groups}
    codes = on_months(cover.codes, ndvi)
    if hasattr(ndvi, "dims"):
        codes = codes.broadcast_like(ndvi).transpose(*ndvi.dims)
    elif not is_lazy(codes):
        codes = np.broadcast_to(np.asarray(codes), np.shape(ndvi))

    def of_block(values: Any, classes: Any) -> list[Counts]:
        return [_histogram(values, np.isin(classes, members)) for members in groups.values()]

    parts = in_blocks(of_block, ndvi, codes)
    return {name: np.sum([part[place] for part in parts], axis=0) for place, name in enumerate(groups)}


def _histogram(values: Any, inside: Any) -> Counts:
    kept = values[inside & ~np.isnan(values)]
    places = np.rint((np.clip(kept, -1.0, 1.0).astype(np.float64) + 1.0) * STEPS).astype(np.int64)
    return np.bincount(places, minlength=2 * STEPS + 1)


def _percentile(counts: Counts, percent: float) -> float:
    """Return a percentile of counted values, linear between the two nearest."""
    place = percent / 100.0 * (int(counts.sum()) - 1)
    below, above = int(np.floor(place)), int(np.ceil(place))
    ends = np.cumsum(counts)
    first, second = (int(np.searchsorted(ends, rank, side="right")) for rank in (below, above))
    return ((first + (place - below) * (second - first)) - STEPS) / STEPS
