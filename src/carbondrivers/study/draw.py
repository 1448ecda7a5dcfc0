"""From the grids of a raster study to the rows of its sample: cells drawn, classes named, values transformed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from carbondrivers.errors import DataError, DataWarning
from carbondrivers.study.grids import REGION
from carbondrivers.study.schema import StudySpec

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Region = tuple["xr.DataArray", dict[int, str]]
MANY_ROWS = 5_000_000


def draw(spec: StudySpec, layers: Mapping[str, xr.DataArray], regions: Region | None, seed: int) -> pd.DataFrame:
    """Return the cells that become rows: x, y, each layer with class names in place of codes, the region, the weight.

    Parameters
    ----------
    spec
        The study.
    layers
        The response and every driver, on one grid; stacks enter by their mean over time.
    regions
        Numbers of the regions on that grid, and their names.
    seed
        Of the draw.

    Raises
    ------
    CarbonDriversError
        If the layers do not lie on one grid, an option of the draw does not fit, or no cell is left.
    """
    from carbondrivers.datasets.rasters import stack_to_frame
    from carbondrivers.datasets.sampling import sample_pixels

    ready = {name: _one_year(layer) for name, layer in layers.items()}
    given = spec.sample
    zones = {REGION: regions[0]} if regions and REGION not in ready else {}
    if given.method == "all":
        _warn_of_many(next(iter(ready.values())))
        frame = stack_to_frame(ready | zones)
        frame = frame.loc[frame[list(ready)].notna().any(axis=1)].reset_index(drop=True) if zones else frame
    else:
        drawn = sample_pixels(
            ready | zones, method=given.method, n=given.n, response=spec.response.name, strata=given.strata,
            allocation=given.allocation, spacing=given.spacing, seed=seed,
        )  # fmt: skip
        for note in (*drawn.dropped["note"], *drawn.notes):
            warnings.warn(f"sample: {note}", DataWarning, stacklevel=2)
        frame = drawn.frame
    return transformed(_with_names(frame, ready | zones, regions), spec)


def _warn_of_many(grid: xr.DataArray) -> None:
    cells = grid.sizes["y"] * grid.sizes["x"]
    if cells > MANY_ROWS:
        warnings.warn(
            f"sample: each of up to {cells:,} cells becomes a row in memory: for a region of this size set [sample] method = "
            "'stratified' or 'random' and n",
            DataWarning,
            stacklevel=3,
        )


def _one_year(layer: xr.DataArray) -> xr.DataArray:
    """Return classes of the last year, as classes have no mean; measured layers as they are."""
    time = next((dim for dim in ("year", "time") if dim in layer.dims), None)
    return layer.isel({time: -1}, drop=True) if time and layer.attrs.get("kind") == "categorical" else layer


def _with_names(frame: pd.DataFrame, layers: Mapping[str, xr.DataArray], regions: Region | None) -> pd.DataFrame:
    from carbondrivers.datasets.labels import flag_names

    named = {name: flag_names(layer) for name, layer in layers.items()}
    if regions and REGION in named:
        named[REGION] = regions[1]
    return frame.assign(**{name: frame[name].map(names) for name, names in named.items() if names})


def transformed(frame: pd.DataFrame, spec: StudySpec) -> pd.DataFrame:
    """Return a table with the drivers that the study wants on another scale.

    Raises
    ------
    DataError
        If a value lies outside of what the transformation takes.
    """
    import pandas as pd

    limits = {"log1p": (-1.0, False), "log": (0.0, False), "sqrt": (0.0, True)}
    made = {}
    for name, driver in spec.drivers.items():
        if driver.transform == "none":
            continue
        least, closed = limits[driver.transform]
        values = pd.to_numeric(frame[name], errors="coerce")
        outside = int((values < least).sum() if closed else (values <= least).sum())
        if outside:
            bound = f"{'at least' if closed else 'above'} {least:g}"
            raise DataError(
                f"driver {name!r}: {driver.transform} takes values {bound}, {outside} are not: take the transform out"
            )
        made[name] = on_its_scale(values, driver.transform)
    return frame.assign(**made)


def on_its_scale(values: Any, transform: str) -> Any:
    """Return a column or a grid on the scale that a study asks for: log1p, log, sqrt, or as it is."""
    import numpy as np

    if transform == "none":
        return values
    return {"log1p": np.log1p, "log": np.log, "sqrt": np.sqrt}[transform](values)
