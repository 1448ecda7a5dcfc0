"""Profiles of the response along terrain: its mean in bands of elevation and slope, and by the wind that a slope faces.

Means are weighted by true cell area, with intervals from spatial blocks (``zone_means``), and stand beside the share of the
area that a band has: a band of few cells is no part of the curve to lean on. A profile is one variable at a time: what goes
with it (temperature with elevation) is in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution.class_grids import mean_map, require_same_grid, variable_row, variables_of
from carbondrivers.attribution.grid_blocks import interval_notes, side_words
from carbondrivers.attribution.profile_bands import Bands, measured_bands, wind_bands
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import Bootstrap, bootstrap_of
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.zone_means import Cells, cells_of, zone_means
from carbondrivers.errors import DataError, OptionError
from carbondrivers.provenance import history_line


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProfileResult(Result):
    """The response along terrain.

    Attributes
    ----------
    profiles : pandas.DataFrame
        One row a driver and band that has a cell: ``level``, ``lower`` and ``upper`` limit, cells ``n``, blocks
        ``n_units``, ``area_km2``, ``share`` of the area, area-weighted mean ``estimate`` with its interval, ``total``.
    """

    profiles: pd.DataFrame


@register(
    "profile",
    title="Profiles along terrain",
    takes="grids",
    result=ProfileResult,
    version="1",
    citation="Area-weighted means over bands; intervals by a block bootstrap (Lahiri 2003, doi:10.1007/978-1-4757-3803-2).",
)
def profile(
    grid: xr.DataArray,
    drivers: Mapping[str, xr.DataArray],
    *,
    limits: Mapping[str, Sequence[float]] | None = None,
    sectors: Collection[str] = ("aspect",),
    block_size: float | None = None,
    replicates: int = 999,
    confidence: float = 0.95,
    seed: int = 0,
) -> ProfileResult:
    """Return the mean response in bands of terrain variables.

    Parameters
    ----------
    grid
        The response, dimensions (y, x), or (year, y, x): then the mean over the years of a cell. It may be lazy.
    drivers
        Name to grid (y, x) on the same cells, such as elevation (m), slope and aspect (degrees); of a stack the mean.
    limits
        Rising limits of the bands, by driver; round steps that make at most twelve bands for the others.
    sectors
        Drivers that are directions in degrees clockwise from north, below 0 on flat ground: they are cut into eight winds.
    block_size
        Side of the square blocks of the intervals, in the unit of the coordinates; a tenth of the longer side by default.
    replicates, confidence, seed
        Of the bootstrap: 100 draws at least, level of the intervals.

    Returns
    -------
    ProfileResult
        Its `n` is the number of cells with a value of the response.

    Raises
    ------
    DataError
        If a grid cannot be used, lies on other cells, or shares no cell with the response; if a driver is constant.
    OptionError
        If an option is out of range, or limits are given for a driver that is not there.

    Examples
    --------
    >>> place = {"y": [500.0], "x": [500.0, 1500.0, 2500.0]}
    >>> nep = xr.DataArray([[10.0, 30.0, 50.0]], place, ("y", "x"), name="nep", attrs={"crs": "EPSG:32650"})
    >>> dem = xr.DataArray([[120.0, 180.0, 260.0]], place, ("y", "x"))
    >>> profile(nep, {"elevation": dem}, limits={"elevation": [100, 200, 300]}).profiles[["level", "estimate"]]
         level  estimate
    0  100–200      20.0
    1  200–300      50.0
    """
    bootstrap = bootstrap_of(replicates, confidence, seed)
    limits = dict(limits or {})
    _check_names(drivers, limits, sectors)
    cells = cells_of(grid, block_size)
    tables, notes = [], list(cells.notes)
    for name, driver in drivers.items():
        bands = _bands(cells, name, driver, limits, sectors)
        tables.append(_table(cells, name, bands, bootstrap))
        notes += _notes(cells, name, bands)
    table = pd.concat(tables, ignore_index=True)
    parameters = {
        "limits": {name: list(map(float, found)) for name, found in limits.items()},
        "sectors": sorted(set(sectors) & set(drivers)), "block_size": cells.blocks.side,
        "blocks": side_words(cells.blocks, grid), "replicates": replicates, "confidence": float(confidence), "seed": seed,
    }  # fmt: skip
    rows = [variable_row(driver, "driver", name) for name, driver in drivers.items()]
    return ProfileResult(
        method="profile",
        parameters=parameters,
        n=int((~np.isnan(cells.value)).sum()),
        notes=(*notes, *interval_notes(bootstrap, cells.blocks, table["n_units"].to_numpy(), grid)),
        provenance=history_line("profile", drivers=list(drivers), **parameters),
        variables=variables_of([variable_row(grid, "response", cells.name), *rows]),
        profiles=table,
    )


def _check_names(drivers: object, limits: Mapping[str, object], sectors: object) -> None:
    if not isinstance(drivers, Mapping) or not drivers:
        raise DataError("drivers must be one grid or more by name, as {'elevation': grid}")
    for name, driver in drivers.items():
        if not isinstance(driver, xr.DataArray):
            raise DataError(f"driver {name!r} must be an xarray.DataArray, got {type(driver).__name__}")
    if isinstance(sectors, str):
        raise OptionError(f"sectors must be a list of names such as ['aspect'], got {sectors!r}")
    for name in limits:
        if name not in drivers:
            raise OptionError(f"limits are given for {name!r}, which is no driver; the drivers are {', '.join(drivers)}")
        if name in set(sectors):  # type: ignore[call-overload]
            raise OptionError(f"limits are given for {name!r}, which is cut into eight winds: take them out")


def _bands(
    cells: Cells, name: str, driver: xr.DataArray, limits: Mapping[str, Sequence[float]], sectors: Collection[str]
) -> Bands:
    require_same_grid(cells.grid, driver, f"{name} and {cells.name}")
    values, _ = mean_map(driver.rename(name))
    # Only where there is a response: the range of the bands is then that of the study area.
    values = np.where(np.isnan(cells.value), np.nan, values)
    if np.isnan(values).all():
        raise DataError(f"no cell has a value of {cells.name!r} and of {name!r}: do the grids cover the same place?")
    bands = wind_bands(values, name) if name in sectors else measured_bands(values, name, limits.get(name))
    if not (bands.places >= 0).any():
        raise DataError(
            f"no cell lies within the limits of {name!r}: its values run from {np.nanmin(values):g} to {np.nanmax(values):g}"
        )
    return bands


def _table(cells: Cells, name: str, bands: Bands, bootstrap: Bootstrap) -> pd.DataFrame:
    found = zone_means(cells, bands.places, bands.levels, bootstrap)
    at = [bands.levels.index(level) for level in found["level"]]
    found = found.assign(driver=name, lower=bands.lower[at], upper=bands.upper[at])
    first = ["driver", "level", "lower", "upper"]
    return found[[*first, *(column for column in found.columns if column not in first)]]


def _notes(cells: Cells, name: str, bands: Bands) -> list[str]:
    of = int((~np.isnan(cells.value)).sum())
    without = of - int((bands.places >= 0).sum()) - bands.outside
    notes = []
    if bands.outside:
        notes.append(f"{bands.outside:,} of {of:,} cells lie outside the limits of {name}: they are in no band.")
    if without:
        notes.append(f"{without:,} of {of:,} cells have no {name}: they are in no band.")
    return notes
