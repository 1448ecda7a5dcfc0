"""The maps of a result as files, and thinned for drawing where a figure could not show every cell."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from math import ceil, sqrt
from pathlib import Path
from typing import Any, TypeVar

import xarray as xr

from carbondrivers.attribution.result import Result
from carbondrivers.datasets.write import write_grid
from carbondrivers.reports.figures.map_furniture import known_crs

MOST_DRAWN = 500_000
Some = TypeVar("Some", bound=Result)


def drawable(result: Some) -> tuple[Some, str]:
    """Return a result whose maps have no more cells than a figure can show, and the sentence that says so.

    Parameters
    ----------
    result
        What a method returned; its tables stay as they are.

    Returns
    -------
    result, note
        The same result and an empty note where all cells are drawn.
    """
    steps = {name: _step(grid) for name, grid in result.maps.items()}
    if all(step == 1 for step in steps.values()):
        return result, ""
    every = {name: slice(None, None, step) for name, step in steps.items() if step > 1}
    thinned: dict[str, Any] = {name: result.maps[name].isel(y=step, x=step) for name, step in every.items()}
    drawn: Some = replace(result, **thinned)
    return drawn, f" Drawn: one in {max(steps.values())} rows and columns; the maps hold every cell."


def _step(grid: xr.Dataset) -> int:
    if not {"y", "x"} <= set(map(str, grid.dims)):
        return 1
    return max(1, ceil(sqrt(grid.sizes["y"] * grid.sizes["x"] / MOST_DRAWN)))


def write_maps(result: Result, name: str, folder: Path) -> list[Path]:
    """Write every map of a result as a GeoTIFF of its own, ``NAME_VARIABLE.tif``; layers beside y and x are its bands.

    Parameters
    ----------
    result
        What a method returned. A map without coordinates or a known reference system is no map, and is left out.
    name
        Of the step.
    folder
        Where to; made if there is a map.

    Returns
    -------
    list of pathlib.Path
        The files.
    """
    written = []
    for variable, grid in _placed(result):
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{name}_{variable}.tif"
        # A large map lies on disk already, as this very file.
        kept = grid.encoding.get("source")
        if kept:
            shutil.copyfile(kept, target)
        else:
            write_grid(grid, target)
        written.append(target)
    return written


def _placed(result: Result) -> Iterator[tuple[str, xr.DataArray]]:
    for dataset in result.maps.values():
        for name, grid in dataset.data_vars.items():
            crs = grid.attrs.get("crs") or dataset.attrs.get("crs")
            is_map = {"y", "x"} <= set(map(str, grid.dims)) & set(map(str, grid.coords)) and grid.ndim in (2, 3)
            if is_map and grid.dtype.kind in "fiub" and _has_size(grid) and known_crs(crs) is not None:
                yield str(name), grid if grid.encoding.get("source") else grid.assign_attrs(crs=crs)


def _has_size(grid: xr.DataArray) -> bool:
    """Return whether the size of a cell is known: one cell alone must say it."""
    return max(grid.sizes["y"], grid.sizes["x"]) > 1 or "resolution" in grid.attrs
