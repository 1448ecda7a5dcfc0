"""The grids of kept results: small ones whole in an archive, large maps as GeoTIFFs that are opened by parts.

A map of a region of any size is written as it is computed and never held whole; the file that it was written to becomes
the kept one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from carbondrivers.datasets.write import VARIABLE, keep_grid, open_kept, write_grid
from carbondrivers.reports.figures.map_furniture import known_crs
from carbondrivers.reports.files import passing_name

LARGE_BYTES = 200_000_000


def is_large(grid: xr.Dataset) -> bool:
    """Return whether maps are too large to be held, and of the kind that a GeoTIFF takes: known place, one grid each."""
    if grid.nbytes <= LARGE_BYTES or not {"y", "x"} <= set(grid.coords):
        return False
    flat = all(set(map(str, each.dims)) == {"y", "x"} for each in grid.data_vars.values())
    return flat and known_crs(_crs(grid)) is not None


def _crs(grid: xr.Dataset) -> str:
    found = [grid.attrs.get("crs"), *(each.attrs.get("crs") for each in grid.data_vars.values())]
    return str(next((crs for crs in found if crs), ""))


class Passing:
    """Large maps of the step that runs, on disk under a passing name until its result is kept.

    Parameters
    ----------
    folder
        Where to; it is made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}

    def keep(self, maps: xr.Dataset) -> xr.Dataset:
        """Return maps in memory; large ones lazily, as they were written to the folder."""
        if not is_large(maps):
            computed: xr.Dataset = maps.compute()
            return computed
        place = self.folder / passing_name("maps")
        place.mkdir(parents=True)
        kept = keep_grid(maps, place / f"{VARIABLE}.tif")
        self.files |= {str(name): place / f"{name}.tif" for name in maps.data_vars}
        return kept


def write_maps(grid: xr.Dataset, folder: Path, field: str, passing: Mapping[str, Path]) -> dict[str, Any]:
    """Put large maps into the folder of a kept result: files that are there already are moved.

    Returns
    -------
    dict
        What ``read_maps`` needs beside the coordinates: file, type and attributes of each map.
    """
    about: dict[str, Any] = {}
    for name, each in grid.data_vars.items():
        file = folder / f"{field}_{name}.tif"
        if each.chunks is not None and str(name) in passing:
            passing[str(name)].replace(file)
        else:
            write_grid(each.rename(name).assign_attrs(crs=_crs(grid)), file)
        about[str(name)] = {"file": file.name, "dtype": str(each.dtype), "attrs": dict(each.attrs)}
    return about


def read_maps(coords: xr.Dataset, folder: Path, about: Mapping[str, Any]) -> xr.Dataset:
    """Return large maps lazily; the encoding of each names its file as source."""
    axes = {axis: coords[axis] for axis in ("y", "x")}
    shape = tuple(coords.sizes[axis] for axis in axes)
    maps = {}
    for name, said in about.items():
        values = np.broadcast_to(np.zeros((), said["dtype"]), shape)
        file = folder / Path(said["file"]).name
        maps[name] = open_kept(file, xr.DataArray(values, axes, tuple(axes), name, said["attrs"]))
        maps[name].encoding = {"source": str(file)}
    return coords.assign(maps)


def grid_bytes(grid: xr.Dataset) -> bytes:
    """Return a grid as an npz archive: its arrays, and dims and attributes as JSON.

    It is made in memory, because a disk that fills up while HDF5 writes ends in an error that does not say so.
    """
    arrays = {name: grid[name].to_numpy() for name in map(str, grid.variables)}
    dims = {name: list(grid[name].dims) for name in arrays}
    attrs = {name: dict(grid[name].attrs) for name in arrays}
    about = {"dims": dims, "attrs": attrs, "of_all": dict(grid.attrs), "coords": list(map(str, grid.coords))}
    buffer = BytesIO()
    parts: dict[str, Any] = {"about": np.array(json.dumps(about, ensure_ascii=False))}
    np.savez(buffer, **parts | {f"_{name}": values for name, values in arrays.items()})
    return buffer.getvalue()


def grid_of(buffer: BytesIO) -> xr.Dataset:
    """Return the grid that ``grid_bytes`` made an archive of."""
    with np.load(buffer, allow_pickle=False) as archive:
        about = json.loads(str(archive["about"]))
        parts = {name: (about["dims"][name], archive[f"_{name}"], about["attrs"][name]) for name in about["dims"]}
    coords = {name: parts.pop(name) for name in about["coords"]}
    return xr.Dataset(parts, coords, about["of_all"])
