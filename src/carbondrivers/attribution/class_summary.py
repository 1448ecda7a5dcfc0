"""The response by class: mean, total, share of the area and spread of every ecosystem and every region.

Means and totals are weighted by true cell area (``zone_means``), with intervals from spatial blocks. What a class brings to
the balance is given among the classes of its sign, because shares of a net total may pass 100 %. The spread is that of cells,
weighted by area: quantiles by the inverse of the distribution function, and a density by a Gaussian kernel (bandwidth of
Silverman 1986, Density Estimation for Statistics and Data Analysis, eq. 3.31) that ends at the extremes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution.class_grids import (
    UNNAMED,
    WHOLE,
    Classes,
    ClassMap,
    classes_of,
    unnamed_note,
    variable_row,
    variables_of,
)
from carbondrivers.attribution.grid_blocks import interval_notes, side_words
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import bootstrap_of
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.zone_means import Cells, cells_of, zone_means
from carbondrivers.datasets.sample import ALL
from carbondrivers.errors import DataError
from carbondrivers.provenance import history_line

QUANTILES = (0.25, 0.5, 0.75)
DENSITY_POINTS, DENSITY_BINS = 128, 2048
KINDS = {"class": "classes", "region": "regions"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassSummaryResult(Result):
    """The response of the whole area, of each class and of each region.

    Attributes
    ----------
    zones : pandas.DataFrame
        One row a zone (``group`` all, class or region; ``level`` its name): cells ``n``, blocks ``n_units``, ``area_km2``,
        its ``share`` of the area, area-weighted mean ``estimate`` with its interval, ``total`` (Tg C a-1).
    contributions : pandas.DataFrame
        ``share`` of each class and region in the sum of the totals of its sign; empty where the unit has no totals.
    spread : pandas.DataFrame
        Over the cells of each class: n, mean ``estimate``, sd, extremes and quartiles, by area.
    densities : pandas.DataFrame
        ``density`` of the cells of each class at ``value``; empty for a class whose cells are all alike.
    """

    zones: pd.DataFrame
    contributions: pd.DataFrame
    spread: pd.DataFrame
    densities: pd.DataFrame


@register(
    "class_summary",
    title="The response by class and region",
    takes="grids",
    result=ClassSummaryResult,
    version="1",
    citation="Area-weighted means over cells; intervals by a block bootstrap (Lahiri 2003, doi:10.1007/978-1-4757-3803-2).",
)
def class_summary(
    grid: xr.DataArray,
    classes: ClassMap,
    *,
    regions: ClassMap | None = None,
    block_size: float | None = None,
    replicates: int = 999,
    confidence: float = 0.95,
    seed: int = 0,
) -> ClassSummaryResult:
    """Summarise a response by class, and by region where regions are given.

    Parameters
    ----------
    grid
        The response, dimensions (y, x), or (year, y, x): then the mean over the years of a cell. It may be lazy.
    classes, regions
        Grid of whole numbers (y, x) on the same cells, and the name of each number. Numbers of one name are one class;
        NaN, and numbers without a name, are none.
    block_size
        Side of the square blocks of the intervals, in the unit of the coordinates; a tenth of the longer side by default.
    replicates, confidence, seed
        Of the bootstrap: 100 draws at least, level of the intervals.

    Returns
    -------
    ClassSummaryResult
        Its `n` is the number of cells with a value and a class.

    Raises
    ------
    DataError
        If the response or the classes cannot be used, lie on different grids, or no cell has both.
    OptionError
        If an option is out of range.

    Examples
    --------
    >>> place = {"y": [1500.0, 500.0], "x": [500.0, 1500.0]}
    >>> nep = xr.DataArray([[10.0, 30.0], [20.0, -5.0]], place, ("y", "x"), name="nep")
    >>> nep.attrs = {"crs": "EPSG:32650", "units": "g C m-2 a-1"}
    >>> cover = xr.DataArray([[1, 1], [1, 2]], place, ("y", "x"))
    >>> class_summary(nep, (cover, {1: "forest", 2: "barren"})).zones[["level", "estimate", "share"]]
            level  estimate  share
    0  whole area     13.75   1.00
    1      forest     20.00   0.75
    2      barren     -5.00   0.25
    """
    bootstrap = bootstrap_of(replicates, confidence, seed)
    cells = cells_of(grid, block_size)
    zones = {"class": classes_of(classes, "classes", grid)}
    if regions is not None:
        zones["region"] = classes_of(regions, "regions", grid)
    places = {group: zone.one_map() for group, zone in zones.items()}
    used = ~np.isnan(cells.value) & (places["class"] >= 0)
    if not used.any():
        raise DataError(f"no cell has a value of {cells.name!r} and a class: do the grids cover the same place?")
    parts = [zone_means(cells, np.zeros(used.shape, dtype=np.int64), [WHOLE], bootstrap).assign(group=ALL)]
    parts += [zone_means(cells, places[g], zone.names, bootstrap).assign(group=g) for g, zone in zones.items()]
    table = pd.concat(parts, ignore_index=True)
    table = table[["group", *(c for c in table.columns if c != "group")]]
    spread, densities = _spread(cells, places["class"], zones["class"].names)
    parameters = {
        "block_size": cells.blocks.side, "blocks": side_words(cells.blocks, grid), "replicates": replicates,
        "confidence": float(confidence), "seed": seed, "years": _years(grid),
    }  # fmt: skip
    notes = (
        *cells.notes, *interval_notes(bootstrap, cells.blocks, table["n_units"].to_numpy(), grid),
        *_notes(cells, places, zones, table),
    )  # fmt: skip
    return ClassSummaryResult(
        method="class_summary",
        parameters=parameters,
        n=int(used.sum()),
        notes=notes,
        provenance=history_line("class_summary", **parameters),
        variables=variables_of([variable_row(grid, "response", cells.name)]),
        zones=table,
        contributions=_contributions(table),
        spread=spread,
        densities=densities,
    )


def _years(grid: xr.DataArray) -> list[float]:
    if "year" not in grid.coords:
        return []
    years = np.atleast_1d(grid["year"].to_numpy()).astype(np.float64)
    return [float(years.min()), float(years.max())]


def _contributions(table: pd.DataFrame) -> pd.DataFrame:
    """Return shares among the zones of one sign: of a net sum they could be anything."""
    parts = []
    for group, rows in table.loc[table["group"] != ALL].groupby("group", sort=False):
        total = rows["total"].to_numpy(dtype=np.float64)
        one_sign = bool((total >= 0).all() or (total <= 0).all())
        for chosen, words in ((total > 0, "that are sinks"), (total < 0, "that are sources")):
            if chosen.any():
                share = total[chosen] / total[chosen].sum()
                part = rows.loc[chosen, ["group", "level", "total"]]
                which = f"all {KINDS[str(group)]}" if one_sign else f"the {KINDS[str(group)]} {words}"
                parts.append(part.assign(share=share, share_of=f"sum of the totals of {which}"))
    empty = table.loc[:, ["group", "level", "total"]].iloc[:0].assign(share=np.empty(0), share_of=pd.Series(dtype=str))
    return pd.concat(parts, ignore_index=True) if parts else empty


def _spread(cells: Cells, places: NDArray[np.int64], levels: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return spread and density of the cells of each class that has one."""
    valid = ~np.isnan(cells.value)
    rows, curves = [], []
    for position, level in enumerate(levels):
        inside = valid & (places == position)
        if not inside.any():
            continue
        values, areas = cells.value[inside], cells.areas[inside]
        mean = float(np.average(values, weights=areas))
        sd = float(np.sqrt(np.average((values - mean) ** 2, weights=areas)))
        quartiles = np.quantile(values, QUANTILES, weights=areas, method="inverted_cdf")
        rows.append((level, len(values), mean, sd, float(values.min()), *map(float, quartiles), float(values.max())))
        value, density = kernel_density(values, areas)
        curves.append(pd.DataFrame({"level": level, "value": value, "density": density}))
    columns = ["level", "n", "estimate", "sd", "min", "q25", "median", "q75", "max"]
    return pd.DataFrame(rows, columns=columns), pd.concat(curves, ignore_index=True).astype({"level": str})


def kernel_density(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return points from the least to the greatest value, and the weighted density there; none if all values are alike.

    Parameters
    ----------
    values, weights
        Shape (n,), finite.

    Examples
    --------
    >>> value, density = kernel_density(np.linspace(0.0, 1.0, 500), np.ones(500))
    >>> bool(abs(np.trapezoid(density, value) - 1.0) < 0.1)
    True
    """
    low, high = float(values.min()), float(values.max())
    mean = np.average(values, weights=weights)
    sd = float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
    if not sd > 1e-12 * max(abs(low), abs(high)):
        return np.empty(0), np.empty(0)
    quartiles = np.quantile(values, (0.25, 0.75), weights=weights, method="inverted_cdf")
    spread = min(sd, float(np.ptp(quartiles)) / 1.34) or sd
    width = max(0.9 * spread * len(values) ** -0.2, (high - low) / DENSITY_BINS)
    mass, edges = np.histogram(values, DENSITY_BINS, (low, high), weights=weights)
    centres = (edges[:-1] + edges[1:]) / 2.0
    at = np.linspace(low, high, DENSITY_POINTS)
    bell = np.exp(-0.5 * ((at[:, None] - centres) / width) ** 2) / (width * np.sqrt(2.0 * np.pi))
    return at, bell @ (mass / mass.sum())


def _notes(
    cells: Cells, places: dict[str, NDArray[np.int64]], zones: dict[str, Classes], table: pd.DataFrame
) -> tuple[str, ...]:
    valid = ~np.isnan(cells.value)
    of = int(valid.sum())
    notes: list[str] = []
    for group, zone in zones.items():
        notes += unnamed_note(int((valid & (places[group] == UNNAMED)).sum()), of, zone.what)
        without = int((valid & (places[group] == -1)).sum())
        if without:
            notes.append(f"{without:,} of {of:,} cells with a value have no {group}: they count in the whole area alone.")
        absent = [name for name in zone.names if name not in set(table.loc[table["group"] == group, "level"])]
        if absent:
            notes.append(f"No cell with a value is of {group} {', '.join(absent)}.")
        if (table["group"] == group).sum() == 1:
            notes.append(f"There is one {group} alone: nothing to compare it with.")
    return tuple(notes)
