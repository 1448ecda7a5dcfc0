"""Maps of what a forest estimates, block by block: the estimate, how unlike the training rows a cell is, totals by year.

Grids may be lazy: a map is then computed as it is written, a chunk at a time. The area of applicability says where the error
of validation holds; totals are given with the share of the area that lies inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution.applicability import Applicability
from carbondrivers.attribution.design_matrix import Design
from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError

MAPS = ("estimate", "di", "lpd", "inside")
TOTAL_COLUMNS = [
    "year", "method", "estimate", "total", "ci_low", "ci_high", "area_km2", "share", "share_of", "n", "unit", "note",
]  # fmt: skip
# Cells of a year that the bootstrap of totals estimates again.
SOME_CELLS = 2000
_BLOCK = 200_000
# Tg C of one unit of density over one km2.
TERAGRAMS = {"t C ha-1": 1e-4, "Mg C ha-1": 1e-4, "kg C m-2": 1e-3, "g C m-2": 1e-6}
INSIDE = "area of applicability, of the area mapped"


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """Driver grids on one lattice.

    Attributes
    ----------
    grids : mapping
        Driver to its grid, dims (y, x) or (year, y, x).
    years : tuple
        Years of the map; one NaN where no driver has years.
    template : xarray.DataArray
        A grid (y, x) that gives places and reference system.
    """

    grids: Mapping[str, xr.DataArray]
    years: tuple[float, ...]
    template: xr.DataArray

    def of_year(self, year: float) -> dict[str, xr.DataArray]:
        """Return the grids (y, x) of one year; a driver without years is the same in all."""
        return {name: grid.sel(year=year, drop=True) if "year" in grid.dims else grid for name, grid in self.grids.items()}


def layers_of(grids: Mapping[str, xr.DataArray], design: Design) -> Layers:
    """Return the layers of a model's drivers, checked.

    Raises
    ------
    DataError
        If a driver has no layer, or layers differ in their cells or years.
    """
    design.matrix({name: np.zeros(1) for name in grids if not design.levels.get(name)} | _one_of_each(grids, design))
    chosen = {name: grids[name] for name in design.drivers}
    template: xr.DataArray | None = None
    years: tuple[float, ...] | None = None
    for name, grid in chosen.items():
        if not isinstance(grid, xr.DataArray) or not {"y", "x"} <= set(map(str, grid.dims)) <= {"year", "y", "x"}:
            raise DataError(f"layer {name!r} must be an xarray.DataArray over (y, x) or (year, y, x): read it with read_raster")
        if "year" in grid.dims:
            own = tuple(float(y) for y in np.sort(grid["year"].to_numpy()))
            years = own if years is None else tuple(y for y in years if y in own)
        flat = grid.isel(year=0, drop=True) if "year" in grid.dims else grid
        template = flat if template is None else template
        same = all(np.array_equal(flat[axis], template[axis]) for axis in ("y", "x") if axis in template.coords)
        if flat.sizes["y"] != template.sizes["y"] or flat.sizes["x"] != template.sizes["x"] or not same:
            raise DataError(f"layer {name!r} has other cells than {str(template.name)!r}: bring both to one grid with align")
    if template is None or years == ():
        raise DataError("the layers have no year in common: give the same years of every driver, or one grid of it")
    return Layers(chosen, years or (float("nan"),), template.transpose("y", "x"))


def _one_of_each(grids: Mapping[str, xr.DataArray], design: Design) -> dict[str, Any]:
    return {name: np.array(levels[:1]) for name, levels in design.levels.items() if levels and name in grids}


def storage_maps(
    predict: Callable[[Floats], Floats], design: Design, area: Applicability, layers: Layers, *, density: bool = True
) -> xr.Dataset:
    """Return maps of the estimate, DI, LPD and whether a cell is inside, dims (year, y, x), or (y, x) without years.

    Parameters
    ----------
    predict
        Estimates (m,) from columns (m, p).
    design, area
        Of the model.
    layers
        From ``layers_of``; lazy grids give lazy maps.
    density
        Whether LPD is counted.
    """
    parts = [_one_map(predict, design, area, layers.of_year(year), density) for year in layers.years]
    if len(parts) == 1 and np.isnan(layers.years[0]):
        found = parts[0]
    else:
        found = xr.concat(parts, dim=pd.Index(layers.years, name="year").astype(np.int64))
    found.attrs = {key: layers.template.attrs[key] for key in ("crs", "resolution") if key in layers.template.attrs}
    return found


def _one_map(
    predict: Callable[[Floats], Floats], design: Design, area: Applicability, grids: Mapping[str, xr.DataArray], density: bool
) -> xr.Dataset:
    names = list(design.drivers)
    stacked = xr.apply_ufunc(
        _cells,
        *[grids[name].transpose("y", "x") for name in names],
        kwargs={"predict": predict, "design": design, "area": area, "density": density},
        output_core_dims=[["map"]],
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={"output_sizes": {"map": len(MAPS)}, "allow_rechunk": True},
        join="override",
        keep_attrs=False,
    )
    return xr.Dataset({name: stacked.isel(map=i, drop=True) for i, name in enumerate(MAPS)})


def _cells(
    *grids: np.ndarray, predict: Callable[[Floats], Floats], design: Design, area: Applicability, density: bool
) -> np.ndarray:
    """Return the maps of a block of cells, (..., maps)."""
    shape = grids[0].shape
    flat = [np.asarray(grid).reshape(-1) for grid in grids]
    out = np.full((flat[0].size, len(MAPS)), np.nan, dtype=np.float32)
    for start in range(0, flat[0].size, _BLOCK):
        rows = slice(start, start + _BLOCK)
        columns, _ = design.matrix({name: values[rows] for name, values in zip(design.drivers, flat, strict=True)})
        known = np.flatnonzero(np.isfinite(columns).all(axis=1))
        if len(known):
            di, lpd, inside = area.measure(columns[known], density=density)
            out[start + known] = np.column_stack([predict(columns[known]), di, lpd, inside])
    return out.reshape(*shape, len(MAPS))


def total_table(maps: xr.Dataset, unit: str) -> pd.DataFrame:
    """Return mean and total of each year, over all cells mapped and over those inside; intervals are left empty.

    Parameters
    ----------
    maps
        From ``storage_maps``; lazy ones are summed a chunk at a time.
    unit
        Of the estimate; a density of carbon gives totals in Tg C.
    """
    first = maps["estimate"].isel(year=0) if "year" in maps.dims else maps["estimate"]
    areas = cell_areas(first.assign_attrs(maps.attrs)) if "crs" in maps.attrs else xr.ones_like(first, dtype=np.float64)
    rows = []
    for year in maps["year"].to_numpy() if "year" in maps.dims else [np.nan]:
        part = maps.sel(year=year) if "year" in maps.dims else maps
        known = part["estimate"].notnull()
        everywhere = float((areas * known).sum())
        for method, mask in (("all cells", known), ("inside", known & (part["inside"] == 1))):
            area, weighted, count = (
                float(v) for v in ((areas * mask).sum(), (part["estimate"].where(mask) * areas).sum(), mask.sum())
            )
            rows.append(
                {
                    "year": float(year), "method": method, "estimate": weighted / area if area else np.nan,
                    "total": weighted * TERAGRAMS.get(unit, np.nan) if "crs" in maps.attrs else np.nan,
                    "area_km2": area if "crs" in maps.attrs else np.nan, "share": area / everywhere if everywhere else np.nan,
                    "share_of": "area mapped", "n": int(count), "unit": "Tg C" if unit in TERAGRAMS else "",
                    "note": "" if area else "no cell",
                }
            )  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=TOTAL_COLUMNS)


def some_cells(design: Design, layers: Layers, seed: int) -> list[Floats]:
    """Return columns (cells, p) of a few cells of each year, the same places in all, complete ones only."""
    rng = np.random.default_rng(seed)
    size = layers.template.size
    chosen = np.sort(rng.choice(size, min(size, SOME_CELLS), replace=False))
    y, x = np.unravel_index(chosen, layers.template.shape)
    at = {"y": xr.DataArray(y, dims="cell"), "x": xr.DataArray(x, dims="cell")}
    found = []
    for year in layers.years:
        columns, _ = design.matrix({name: grid.isel(at).to_numpy() for name, grid in layers.of_year(year).items()})
        found.append(columns[np.isfinite(columns).all(axis=1)])
    return found


def unseen_cells(design: Design, layers: Layers) -> int:
    """Return how many cells of the first year hold a class that no training row has."""
    if not any(design.levels.values()):
        return 0
    grids = layers.of_year(layers.years[0])
    return design.matrix({name: grids[name].transpose("y", "x").to_numpy().reshape(-1) for name in design.drivers})[1]
