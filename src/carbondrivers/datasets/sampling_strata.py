"""Strata of a grid: classes, regions, sinks and sources, or what several of them make together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.datasets.blocks import in_blocks
from carbondrivers.datasets.grid_tables import time_mean
from carbondrivers.datasets.grids import grid_difference
from carbondrivers.datasets.groups import MAX_CLASSES, class_label
from carbondrivers.datasets.labels import flag_names
from carbondrivers.errors import DataError, OptionError, did_you_mean

SIGN = "sign"
SINK, SOURCE = "sink", "source"
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """Strata of a grid.

    Attributes
    ----------
    codes : numpy.ndarray
        Shape (y, x), int32: position in `labels`; -1 where a cell belongs to no stratum.
    labels : tuple of str
        Names of the strata.
    """

    codes: Codes
    labels: tuple[str, ...]

    def sizes(self) -> NDArray[np.int64]:
        """Return the number of cells of each stratum."""
        found = np.zeros(len(self.labels) + 1, dtype=np.int64)
        # Row by row, for counting makes 64 bits of every code.
        for row in self.codes:
            found += np.bincount(row + 1, minlength=found.size)
        return found[1:]


def make_strata(
    given: Sequence[str | xr.DataArray], layers: Mapping[str, xr.DataArray], response: str | None, mask: NDArray[np.bool_]
) -> Strata:
    """Return the strata that several things make together.

    Parameters
    ----------
    given
        Names of categorical layers, ``"sign"`` (sinks, where the response's mean over time is above 0, and sources), or
        grids of classes with the layers' cells. Nothing: one stratum, ``"all"``.
    layers, response
        Name to grid, and the name of the response.
    mask
        Shape (y, x): cells that may be taken; others belong to no stratum.

    Raises
    ------
    OptionError
        If a name is no layer, or ``"sign"`` is asked for without a response.
    DataError
        If a layer is continuous or has several years, a grid differs, or there are too many strata.
    """
    codes = np.where(mask, np.int32(0), np.int32(-1))
    labels: tuple[str, ...] = ("",)
    for one in given:
        part = _part(one, layers, response, mask)
        # In place and row by row: a grid may be as large as the memory that is left.
        for own, other in zip(codes, part.codes, strict=True):
            own[:] = np.where((own >= 0) & (other >= 0), own * len(part.labels) + other, -1)
        labels = tuple(f"{first}, {second}" if first else second for first in labels for second in part.labels)
    if not given:
        return Strata(codes, ("all",))
    used = np.array(sorted({int(code) for row in codes for code in np.unique(row)} - {-1}), dtype=np.int64)
    if used.size > MAX_CLASSES:
        raise DataError(
            f"there are {used.size} strata, more than {MAX_CLASSES}: stratify by fewer things, or group the classes"
        )
    renumber = np.full(len(labels) + 1, -1, dtype=np.int32)
    renumber[used] = np.arange(used.size)
    for row in codes:
        row[:] = renumber[row]
    return Strata(codes, tuple(labels[i] for i in used))


def _part(one: str | xr.DataArray, layers: Mapping[str, xr.DataArray], response: str | None, mask: NDArray[np.bool_]) -> Strata:
    if isinstance(one, xr.DataArray):
        first = next(iter(layers.values()))
        difference = grid_difference(first, one)
        if difference:
            raise DataError(
                f"the grid of strata {str(one.name)!r} and the layers differ in {difference}: warp it to their grid"
            )
        return _classes(one, str(one.name or "strata"), mask)
    if one == SIGN:
        if response is None:
            raise OptionError("strata 'sign' needs the response: name it, as response='nep'")
        return Strata(_coded(time_mean(layers[response]), lambda mean: mean > 0), (SOURCE, SINK))
    if one not in layers:
        known = [SIGN, *layers]
        raise OptionError(f"strata must be 'sign', a layer or a grid, got {one!r}.{did_you_mean(one, known)}")
    if layers[one].attrs.get("kind") != "categorical":
        raise DataError(f"layer {one!r} is continuous and makes no strata: cut it into classes, or read it as categorical")
    return _classes(layers[one], one, mask)


def _classes(da: xr.DataArray, name: str, mask: NDArray[np.bool_]) -> Strata:
    if set(map(str, da.dims)) != {"y", "x"}:
        raise DataError(f"strata {name!r} have dimensions {', '.join(map(str, da.dims))}: select one year")
    found: set[float] = set()
    for region, (values,) in in_blocks(da):
        found.update(np.unique(values[mask[region] & ~np.isnan(values)]).tolist())
        if len(found) > MAX_CLASSES:
            raise DataError(f"strata {name!r} have more than {MAX_CLASSES} classes: group them first")
    classes = np.array(sorted(found))
    names = flag_names(da)
    labels = tuple(names.get(value, class_label(value)) for value in classes.tolist())
    return Strata(_coded(da, lambda values: np.minimum(np.searchsorted(classes, values), max(len(classes) - 1, 0))), labels)


def _coded(da: xr.DataArray, code: Callable[[np.ndarray], np.ndarray]) -> Codes:
    """Return the code of every cell, block by block; -1 where there is no value."""
    codes = np.full((da.sizes["y"], da.sizes["x"]), -1, dtype=np.int32)
    for region, (values,) in in_blocks(da):
        codes[region] = np.where(np.isnan(values), -1, code(values))
    return codes
