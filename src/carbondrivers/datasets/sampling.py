"""Sampling a stack: which cells to take, with what weight, and their values, without loading the layers.

Cells are chosen first, from two grids of one number a cell (whether every layer has a value, and the stratum); then
their values are gathered band by band. A sample therefore does not depend on how a file is cut into chunks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.datasets.blocks import in_blocks
from carbondrivers.datasets.distances import Floats, places
from carbondrivers.datasets.grid_tables import require_aligned, stack_to_frame
from carbondrivers.datasets.grids import cell_areas, resolution
from carbondrivers.datasets.sampling_design import (
    Allocation,
    Drawn,
    Indices,
    Method,
    Plan,
    draw_random,
    draw_stratified,
    draw_systematic,
    draw_thinned,
)
from carbondrivers.datasets.sampling_strata import Strata, make_strata
from carbondrivers.datasets.variogram import Variogram, empirical_variogram
from carbondrivers.errors import DataError, OptionError, did_you_mean

OWN_COLUMNS = ("x", "y", "stratum", "area_km2", "weight")


@dataclass(frozen=True, slots=True, eq=False)
class DrawnSample:
    """A sample of cells; made by ``sample_pixels``.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a cell, from the north-west by rows: ``x``, ``y``, one column a layer (mean over time), ``stratum`` where
        there are strata, ``area_km2`` of the cell, ``weight``. A total over the region is the sum of value x area x weight.
    strata : pandas.DataFrame
        One row a stratum (``all`` without strata): ``stratum``, ``cells`` (with a value in every layer), ``n`` (taken),
        ``weight`` (mean of a cell taken).
    dropped : pandas.DataFrame
        Cells that could not be taken: ``name`` of the layer (empty for all together), ``n``, ``note``.
    crs : str
        Reference system of x and y.
    method : str
        As asked for.
    seed : int
        As asked for.
    variogram : Variogram or None
        Of the response at the places of the sample, where a response was named and there are points enough.
    notes : tuple of str
        What a reader should know: the spacing, the variogram's range, strata taken whole.
    """

    frame: pd.DataFrame
    strata: pd.DataFrame
    dropped: pd.DataFrame
    crs: str
    method: Method
    seed: int
    variogram: Variogram | None
    notes: tuple[str, ...]

    @property
    def n(self) -> int:
        """Number of cells taken."""
        return len(self.frame)


def sample_pixels(
    layers: Mapping[str, xr.DataArray],
    *,
    method: Method = "all",
    n: int | None = None,
    response: str | None = None,
    strata: str | xr.DataArray | Sequence[str | xr.DataArray] = (),
    allocation: Allocation = "proportional",
    spacing: float | None = None,
    seed: int = 0,
) -> DrawnSample:
    """Draw cells of aligned layers, stacks by their mean over time.

    Only cells with a value in every layer are taken. The layers are read twice, band by band, and never held.

    Parameters
    ----------
    layers
        Name to grid, dimensions (y, x), (year, y, x) or (time, y, x), ``attrs["crs"]``; lazy or in memory.
    method
        ``"all"``; ``"random"``; ``"stratified"``: at random within strata; ``"systematic"``: every so many rows and
        columns of the grid; ``"thinned"``: as many as fit with `spacing` between any two.
    n
        Cells to take. For ``"thinned"`` the most to take; for ``"systematic"`` the number aimed at, in place of `spacing`.
    response
        Name of the layer that the variogram is taken of, and the sign that tells sinks from sources.
    strata
        For ``"stratified"``: names of categorical layers, ``"sign"`` (sink: response above 0, source: 0 or below), or grids
        of classes or regions on the layers' cells. Several make strata together. Cells without a stratum are left out.
    allocation
        How `n` is shared among strata: ``"proportional"`` to their cells, ``"equal"``, or ``"root"`` (square root of the
        cells). Weights make good for it.
    spacing
        Kilometres, over great circles where the grid is geographic. A systematic sample takes the nearest number of
        whole cells, at the grid's middle latitude.
    seed
        Of all choices.

    Returns
    -------
    DrawnSample
        With weights, counts by stratum, what was left out, and the variogram's range.

    Raises
    ------
    DataError
        If the layers do not lie on one grid, no cell has a value in every one of them, or no cell is left to take.
    OptionError
        If an option is outside its list or range, lacks, or does not belong to the method.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> grid = xr.DataArray(
    ...     rng.normal(size=(40, 50)),
    ...     coords={"y": np.arange(40.0)[::-1] * 1000, "x": np.arange(50.0) * 1000},
    ...     dims=("y", "x"),
    ...     attrs={"crs": "EPSG:32650"},
    ... )
    >>> drawn = sample_pixels({"nep": grid}, method="stratified", n=100, response="nep", strata="sign", allocation="equal")
    >>> drawn.strata["n"].tolist(), round(float(drawn.frame["weight"].sum()))
    ([50, 50], 2000)
    """
    given = [strata] if isinstance(strata, str | xr.DataArray) else list(strata)
    plan = Plan(method=method, n=n, stratified=bool(given), allocation=allocation, spacing=spacing)
    _check_layers(layers, response)
    first = next(iter(layers.values()))
    areas = _row_areas(first)
    mask, dropped = _complete(layers)
    parts = make_strata(given, layers, response, mask)
    drawn = _draw(plan, parts, first, np.random.default_rng(seed))
    if not drawn.cells.size:
        raise DataError(f"the sample is empty: no cell of {int(mask.sum())} fell on a row and column taken; lower the spacing")
    frame = stack_to_frame(layers, cells=drawn.cells)
    if given:
        frame["stratum"] = np.asarray(parts.labels, dtype=object)[parts.codes.ravel()[drawn.cells]]
    frame["area_km2"] = areas[drawn.cells // first.sizes["x"]]
    frame["weight"] = drawn.weight
    shape, notes = _variogram(frame, response, str(first.attrs["crs"]), seed)
    outside = int((mask & (parts.codes < 0)).sum())
    if outside:
        more = pd.DataFrame({"name": [""], "n": [outside], "note": [f"{outside} cells that belong to no stratum"]})
        dropped = pd.concat([dropped, more], ignore_index=True)
    return DrawnSample(
        frame=frame,
        strata=_counts(parts, drawn),
        dropped=dropped,
        crs=str(first.attrs["crs"]),
        method=method,
        seed=seed,
        variogram=shape,
        notes=tuple(dict.fromkeys([*drawn.notes, *notes])),
    )


def _check_layers(layers: Mapping[str, xr.DataArray], response: str | None) -> None:
    if not layers:
        raise DataError("no layers are given: name at least one")
    own = [name for name in layers if name in OWN_COLUMNS]
    if own:
        raise DataError(f"a layer cannot be called {own[0]!r}, the name of a column of the sample: rename it")
    if response is not None and response not in layers:
        raise OptionError(f"response must be one of the layers, got {response!r}.{did_you_mean(response, layers)}")
    require_aligned(layers)


def _complete(layers: Mapping[str, xr.DataArray]) -> tuple[NDArray[np.bool_], pd.DataFrame]:
    """Return which cells have a value in every layer, and what the others lack; one layer after the other is read."""
    first = next(iter(layers.values()))
    shape = first.sizes["y"], first.sizes["x"]
    every, some = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
    counts: dict[str, int] = {}
    for name, da in layers.items():
        here = np.zeros(shape, dtype=bool)
        for region, (values,) in in_blocks(da):
            here[region] = ~np.isnan(values).all(axis=tuple(range(values.ndim - 2)))
        counts[name] = int(here.sum())
        every &= here
        some |= here
    if not every.any():
        fewest = min(counts, key=lambda name: counts[name])
        raise DataError(
            f"the sample is empty: no cell has a value in all of {len(counts)} layers (fewest in {fewest!r}: "
            f"{counts[fewest]}); leave that layer out, or look at its mask"
        )
    total = int(some.sum())
    rows = [(name, total - n, f"{total - n} cells without a value") for name, n in counts.items() if n < total]
    left = total - int(every.sum())
    if left:
        rows.append(("", left, f"{left} of {total} cells with a value in some layer lack one in another"))
    return every, pd.DataFrame(rows, columns=["name", "n", "note"]).astype({"n": "int64"})


def _row_areas(grid: xr.DataArray) -> Floats:
    """Return the area of a cell of each row, km2: cells of a row are alike."""
    middle = grid.sizes["x"] // 2
    column = grid.isel(x=slice(max(0, middle - 1), middle + 1))
    return np.asarray(cell_areas(column).to_numpy()[:, 0])


def _draw(plan: Plan, parts: Strata, grid: xr.DataArray, rng: np.random.Generator) -> Drawn:
    inside = parts.codes >= 0
    cells = int(inside.sum())
    if not cells:
        raise DataError("the sample is empty: no cell with a value belongs to a stratum; look at the grid of strata")
    if plan.method == "stratified" and plan.n:
        return draw_stratified(parts, plan.n, plan.allocation, rng)
    if plan.method == "systematic":
        return draw_systematic(inside, _steps(plan, grid, cells), rng)
    candidates = np.flatnonzero(inside).astype(np.int64)
    if plan.method == "thinned" and plan.spacing:
        where = places(*_coordinates(grid, candidates), str(grid.attrs["crs"]))
        return draw_thinned(candidates, where, plan.spacing, plan.n, rng)
    return draw_random(candidates, plan.n if plan.method == "random" and plan.n else cells, rng)


def _steps(plan: Plan, grid: xr.DataArray, cells: int) -> tuple[int, int]:
    """Return every how many rows and columns come nearest to what was asked for."""
    if plan.spacing is None:
        step = max(1, int(np.sqrt(cells / (plan.n or cells))))
        return step, step
    dx, dy = resolution(grid)
    x, y = float(grid["x"].mean()), float(grid["y"].mean())
    corner = places([x, x + dx, x], [y, y, y - dy], str(grid.attrs["crs"])).points
    across, down = (float(np.linalg.norm(corner[i] - corner[0])) for i in (1, 2))
    return max(1, round(plan.spacing / down)), max(1, round(plan.spacing / across))


def _coordinates(grid: xr.DataArray, cells: Indices) -> tuple[Floats, Floats]:
    rows, columns = np.divmod(cells, grid.sizes["x"])
    x, y = (grid[axis].to_numpy().astype(np.float64) for axis in ("x", "y"))
    return x[columns], y[rows]


def _counts(parts: Strata, drawn: Drawn) -> pd.DataFrame:
    taken = parts.codes.ravel()[drawn.cells]
    n = np.bincount(taken, minlength=len(parts.labels))
    weight = np.bincount(taken, drawn.weight, minlength=len(parts.labels))
    mean = np.divide(weight, n, out=np.full(len(n), np.nan), where=n > 0)
    return pd.DataFrame({"stratum": list(parts.labels), "cells": parts.sizes(), "n": n, "weight": mean})


def _variogram(frame: pd.DataFrame, response: str | None, crs: str, seed: int) -> tuple[Variogram | None, list[str]]:
    """Return the response's variogram at the places of the sample, and how many squares of its range the region holds."""
    if response is None:
        return None, []
    try:
        found = empirical_variogram(frame["x"], frame["y"], frame[response], crs=crs, seed=seed)
    except DataError as error:
        return None, [f"No variogram of {response!r}: {error}."]
    told = [f"{response!r}: {found.summary()}", *found.notes]
    if np.isfinite(found.range):
        squares = float((frame["area_km2"] * frame["weight"]).sum()) / found.range**2
        told.append(
            f"The region holds about {squares:.0f} squares of that side, the sample {len(frame)} rows: rows nearer to each "
            "other than the range are not independent."
        )
    return found, told
