"""Which cell became what: a map of the conversions between two years, the largest by name and the rest together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution import stacks
from carbondrivers.attribution.inference import Floats

MOST = 8
UNCHANGED, OTHER = "Unchanged", "Other conversion"


def conversion_map(
    before: NDArray[np.int64], after: NDArray[np.int64], areas: Floats, names: list[str], like: xr.DataArray
) -> xr.Dataset:
    """Return the map ``conversion``, (y, x): positions in its ``attrs["classes"]``, NaN without a class in either year.

    Parameters
    ----------
    before, after
        Position of the class of each cell in `names`, (y, x); negative for none.
    areas
        (y, x): what conversions are ranked by.
    names
        Of the classes.
    like
        Grid whose coordinates and reference system the map has.

    Examples
    --------
    >>> one, two = np.array([[0, 0, 1, -1]]), np.array([[0, 1, 1, 1]])
    >>> like = xr.DataArray(np.zeros((1, 4)), dims=("y", "x"))
    >>> found = conversion_map(one, two, np.ones((1, 4)), ["forest", "cropland"], like)["conversion"]
    >>> found.attrs["classes"], found.values.tolist()
    (['Unchanged', 'Forest to cropland'], [[0.0, 1.0, 0.0, nan]])
    """
    k, there = len(names), (before >= 0) & (after >= 0)
    changed = there & (before != after)
    joint = np.where(changed, before * k + after, -1)
    area = np.bincount(joint[changed], weights=areas[changed], minlength=k * k)
    order = np.argsort(-area, kind="stable")
    ranked = order[area[order] > 0]
    named = [f"{names[pair // k][:1].upper()}{names[pair // k][1:]} to {names[pair % k]}" for pair in ranked[:MOST].tolist()]
    place = np.full(k * k, len(named) + 1.0)
    place[ranked[:MOST]] = np.arange(1.0, len(named) + 1.0)
    codes = np.where(there, np.where(changed, place[np.maximum(joint, 0)], 0.0), np.nan)
    levels = [UNCHANGED, *named, *([OTHER] if len(ranked) > MOST else [])]
    coords = {axis: like[axis] for axis in ("y", "x") if axis in like.coords}
    found = xr.Dataset(coords=coords, attrs={"crs": like.attrs.get("crs", "")})
    found["conversion"] = stacks.class_map(codes, found, levels, "Conversion")
    return found


def conversion_shares(maps: xr.Dataset, areas: Floats, known: bool, share_of: str) -> pd.DataFrame:
    """Return cells, area (where it is known) and share of every class of the map; the shares add to one."""
    layer = maps["conversion"]
    table = stacks.class_shares(layer.to_numpy(), areas, layer.attrs["classes"], "Conversion", share_of)
    return table.drop(columns="method").assign(area_km2=table["area_km2"] if known else np.nan)
