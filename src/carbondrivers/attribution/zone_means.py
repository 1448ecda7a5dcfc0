"""Area-weighted mean, total and share of the area of the classes of a map, with intervals from spatial blocks.

``estimate = sum(a_i f_i) / sum(a_i)`` over the cells i of a class that have a value, with ``a_i`` their true area; the
total is their product with the area. What the summary of classes and the profile along terrain have in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution.accounts import TG_PER_G_M2_KM2, areas_or_equal
from carbondrivers.attribution.class_grids import mean_map
from carbondrivers.attribution.grid_blocks import Blocks, blocks_of
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.resampling import FEWEST_UNITS, Bootstrap
from carbondrivers.nep_models.apply import YEARLY, canonical_unit

NO_INTERVAL = f"fewer than {FEWEST_UNITS} blocks: no interval"


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A map made ready for sums.

    Attributes
    ----------
    grid : xarray.DataArray
        As given.
    name : str
        Of the response.
    value, areas : numpy.ndarray
        (y, x): mean over the years, NaN for none; km2, or 1 where the size of cells is not known.
    known, carbon : bool
        Whether areas are true ones, and totals are carbon per year.
    blocks : Blocks
        For the intervals.
    notes : tuple of str
        What is to be said of the areas.
    """

    grid: xr.DataArray
    name: str
    value: Floats
    areas: Floats
    known: bool
    carbon: bool
    blocks: Blocks
    notes: tuple[str, ...]

    @property
    def share_of(self) -> str:
        """Denominator of shares, in words."""
        return f"{'area of the' if self.known else ''} cells with a value".strip()


def cells_of(grid: xr.DataArray, block_size: float | None) -> Cells:
    """Check a map or a stack of the response and return its cells; errors are those of ``mean_map`` and ``blocks_of``."""
    values, name = mean_map(grid)
    areas, notes = areas_or_equal(grid)
    known = not notes
    carbon = known and canonical_unit(str(grid.attrs.get("units", ""))) == YEARLY
    return Cells(grid, name, values, areas.to_numpy(), known, carbon, blocks_of(grid, block_size), tuple(notes))


def zone_means(cells: Cells, places: NDArray[np.int64], levels: list[str], bootstrap: Bootstrap) -> pd.DataFrame:
    """Return one row a class that has a cell with a value.

    Parameters
    ----------
    cells
        From ``cells_of``.
    places
        Position in `levels` of each cell, (y, x); negative for none.
    levels
        Names of the classes.
    bootstrap
        For the intervals.

    Returns
    -------
    pandas.DataFrame
        level, n (cells), n_units (blocks), area_km2, share (of all cells with a value, those without a class included),
        share_of, estimate, ci_low, ci_high, total (Tg C a-1), note.
    """
    valid = ~np.isnan(cells.value)
    inside = np.where(valid, places, -1)
    area = cells.blocks.sums(inside, cells.areas, len(levels))
    weighted = cells.blocks.sums(inside, cells.areas * cells.value, len(levels))
    low, high, units = bootstrap.ratio(weighted, area)
    size, flux = area.sum(axis=0), weighted.sum(axis=0)
    n = np.bincount(inside[inside >= 0], minlength=len(levels))
    kept = n > 0
    columns: dict[str, Any] = {
        "level": np.array(levels, dtype=object)[kept], "n": n[kept], "n_units": units[kept],
        "area_km2": size[kept] if cells.known else np.nan, "share": size[kept] / float(cells.areas[valid].sum()),
        "share_of": cells.share_of, "estimate": flux[kept] / size[kept], "ci_low": low[kept], "ci_high": high[kept],
        "total": flux[kept] * TG_PER_G_M2_KM2 if cells.carbon else np.nan,
        "note": np.where(np.isnan(low[kept]), NO_INTERVAL, ""),
    }  # fmt: skip
    return pd.DataFrame(columns).astype({"level": str, "note": str, "n": np.int64, "n_units": np.int64})
