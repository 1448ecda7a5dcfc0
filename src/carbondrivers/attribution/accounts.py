"""Regional carbon account: the area-weighted mean and the total of an annual stack, year by year.

``estimate = sum(a_i f_i) / sum(a_i)`` and ``total = sum(a_i f_i)`` over the cells i that have a value in the year, with
``a_i`` the true area of the cell. Everything is a sum over cells, so one pass over a lazy stack is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Keep, Result
from carbondrivers.catalogue import variables
from carbondrivers.datasets.blocks import in_blocks
from carbondrivers.datasets.grid_tables import time_mean
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError
from carbondrivers.nep_models.apply import YEARLY, canonical_unit
from carbondrivers.provenance import history_line

TG_PER_G_M2_KM2 = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccountResult(Result):
    """The account of a region.

    Attributes
    ----------
    annual : pandas.DataFrame
        One row a year: ``year``, ``estimate`` (area-weighted mean, unit of the stack), ``total`` (Tg C a-1),
        ``area_km2`` (of the cells with a value in that year), ``n`` (those cells).
    grid : xarray.Dataset
        ``mean`` over the years of a cell and ``n_valid``, the number of its years with a value; dimensions (y, x).
    """

    annual: pd.DataFrame
    grid: xr.Dataset


@register(
    "account",
    title="Regional carbon account",
    takes="stack",
    result=AccountResult,
    version="2",
    citation="Area-weighted mean and total over cells; geographic cells by their area on a sphere of 6371.0088 km.",
)
def account(nep: xr.DataArray, *, keep: Keep | None = None) -> AccountResult:
    """Return the regional mean and total of every year, and the mean map.

    Parameters
    ----------
    nep
        Dimensions (year, y, x), g C m-2 a-1, ``attrs["crs"]``; NaN for missing; lazy or in memory. A stack in another
        unit gets means but no total.
    keep
        Where the maps go: a function that takes a lazy data set and returns it when it is kept, so that no map is held
        whole; by default maps are held.

    Returns
    -------
    AccountResult
        Its `n` is the number of cells with a value in at least one year.

    Raises
    ------
    DataError
        If there is no ``year`` dimension, a year is doubled, values are infinite or not numbers, or there is no value.

    Examples
    --------
    >>> stack = xr.DataArray(
    ...     np.full((2, 1, 2), 100.0),
    ...     coords={"year": [2001, 2002], "y": [0.0], "x": [0.0, 1000.0]},
    ...     dims=("year", "y", "x"),
    ...     attrs={"crs": "+proj=laea +lat_0=0 +lon_0=0 +units=m", "units": "g C m-2 a-1"},
    ... )
    >>> account(stack).annual
       year  estimate   total  area_km2  n
    0  2001     100.0  0.0002       2.0  2
    1  2002     100.0  0.0002       2.0  2
    """
    stack = _check_stack(nep)
    areas, notes = areas_or_equal(stack)
    sums = _sums(stack, areas)
    if sums["infinite"].sum():
        raise DataError(f"the stack holds {int(sums['infinite'].sum())} infinite values: mend them or set them to NaN")
    if not sums["n"].sum():
        raise DataError("the stack has no value at all: check the mask, the nodata value or the region")
    known = "crs" in stack.attrs and not notes
    unit = canonical_unit(str(stack.attrs.get("units", "")))
    notes += [] if unit == YEARLY or not known else [_no_total_note(unit)]
    grid = (keep or xr.Dataset.compute)(_maps(stack))
    cells = _cells_by_years(grid["n_valid"], stack.sizes["year"])
    notes += _gap_notes(cells, stack["year"].to_numpy()[sums["n"] == 0].tolist())
    return AccountResult(
        method="account",
        parameters={},
        n=int(cells[1:].sum()),
        notes=tuple(notes),
        provenance=history_line("account"),
        variables=_variables(stack),
        annual=_annual(stack, sums, known, known and unit == YEARLY),
        grid=grid,
    )


def _check_stack(nep: xr.DataArray) -> xr.DataArray:
    if not isinstance(nep, xr.DataArray) or sorted(map(str, nep.dims)) != ["x", "y", "year"]:
        found = ", ".join(map(str, getattr(nep, "dims", ()))) or type(nep).__name__
        raise DataError(f"an account needs a stack with the dimensions year, y and x, got {found}: rename or select them")
    if nep.dtype.kind not in "fiu":
        raise DataError(f"the stack holds {nep.dtype} where numbers are expected: convert it first")
    if not nep.size:
        raise DataError(f"the stack is empty (sizes {dict(nep.sizes)}): check the region and the years")
    if "year" not in nep.coords or len(set(nep["year"].to_numpy().tolist())) != nep.sizes["year"]:
        raise DataError("the stack needs a coordinate 'year' in which every year occurs once: assign it")
    return nep.transpose("year", "y", "x").sortby("year")


def areas_or_equal(stack: xr.DataArray) -> tuple[xr.DataArray, list[str]]:
    """Return cell areas in km2, or equal weights and a note where the grid does not say where and how large it is."""
    one_cell = stack.sizes["y"] == stack.sizes["x"] == 1 and "resolution" not in stack.attrs
    missing = "size of its only cell" if one_cell else "coordinates" if not {"x", "y"} <= set(stack.coords) else ""
    if not missing and stack.attrs.get("crs"):
        return cell_areas(stack), []
    equal = xr.DataArray(np.ones((stack.sizes["y"], stack.sizes["x"])), dims=("y", "x"))
    return equal, [f"The grid's {missing or 'CRS'} is unknown: every cell weighs the same, and there is no area or total."]


def _sums(stack: xr.DataArray, areas: xr.DataArray) -> dict[str, Floats]:
    """Return weighted sum, area, number of values and of infinite ones, by year: one pass over the stack, by blocks."""
    sums = {name: np.zeros(stack.sizes["year"]) for name in ("weighted", "area", "n", "infinite")}
    for _, (values, weight) in in_blocks(stack, areas):
        for i, layer in enumerate(values):
            valid = ~np.isnan(layer)
            filled = np.where(valid, layer, 0.0).astype(np.float64, copy=False)
            sums["infinite"][i] += np.isinf(filled).sum()
            sums["weighted"][i] += (filled * weight).sum()
            sums["area"][i] += (valid * weight).sum()
            sums["n"][i] += valid.sum()
    return sums


def _maps(stack: xr.DataArray) -> xr.Dataset:
    """Return the mean of every cell and the number of its years with a value, lazy if the stack is."""
    kept = {key: stack.attrs[key] for key in ("units", "crs", "resolution") if key in stack.attrs}
    placed = {key: value for key, value in kept.items() if key != "units"}
    mean = time_mean(stack)
    mean.attrs = kept | {"long_name": f"Mean {stack.attrs.get('long_name', stack.name or 'value')}"}
    count = stack.count("year").astype(np.min_scalar_type(stack.sizes["year"]))
    count.attrs = {"units": "1", "long_name": "Years with a value"} | placed
    return xr.Dataset({"mean": mean, "n_valid": count}, attrs=placed)


def _cells_by_years(count: xr.DataArray, years: int) -> np.ndarray:
    """Return how many cells have a value in 0, 1, 2, ... years."""
    cells = np.zeros(years + 1, dtype=np.int64)
    for _, (block,) in in_blocks(count):
        cells += np.bincount(block.ravel().astype(np.int64), minlength=years + 1)
    return cells


def _annual(stack: xr.DataArray, sums: dict[str, Floats], has_area: bool, has_total: bool) -> pd.DataFrame:
    weighted, area = sums["weighted"], sums["area"]
    present = area > 0
    mean = np.divide(weighted, area, out=np.full(area.shape, np.nan), where=present)
    total = np.where(present, weighted * TG_PER_G_M2_KM2, np.nan)
    return pd.DataFrame(
        {
            "year": stack["year"].to_numpy(),
            "estimate": mean,
            "total": total if has_total else np.nan,
            "area_km2": area if has_area else np.nan,
            "n": sums["n"].astype(np.int64),
        }
    )


def _no_total_note(unit: str) -> str:
    return f"No total: the stack is in {unit or 'no declared unit'}, and only {YEARLY} adds up to carbon."


def _gap_notes(cells: np.ndarray, empty: list[Any]) -> list[str]:
    partial = int(cells[1:-1].sum())
    notes = []
    if partial:
        notes.append(
            f"{partial} of {int(cells[1:].sum())} cells lack a value in some years: "
            "means and totals of different years stand for different areas."
        )
    if empty:
        notes.append(f"No cell has a value in {', '.join(map(str, empty))}.")
    return notes


def _variables(stack: xr.DataArray) -> pd.DataFrame:
    name = str(stack.name or "nep")
    entry = variables().get(name)
    row: dict[str, Any] = {
        "name": name,
        "role": "response",
        "category": entry.category if entry else "vegetation",
        "unit": str(stack.attrs.get("units", "")),
        "label": str(stack.attrs.get("long_name", "")) or (entry.label if entry else name),
        "kind": "continuous",
    }
    return pd.DataFrame([row], dtype=str)
