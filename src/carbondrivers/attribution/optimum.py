"""Optimum window of two drivers: where, over the bands of both, the response is highest, and how sure that is.

The area-weighted mean of the response in every joint band is ``zone_means``' ratio of sums. The best band is the one with
the highest mean among those that lie in at least five spatial blocks. Which band is best is itself an estimate: in every draw
of the block bootstrap the means are taken anew, and ``support`` is the share of the draws in which a band comes first. The
window is the smallest set of bands, by falling support, that holds the asked share of the draws; it is given by the limits
between which they lie on both drivers. The highest of many means is too high on average (the winner's curse), the more so
the fewer blocks it rests on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution.class_grids import mean_map, require_same_grid, variable_row, variables_of
from carbondrivers.attribution.grid_blocks import interval_notes, side_words
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.profile_bands import Bands, measured_bands
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import FEWEST_UNITS, Bootstrap, bootstrap_of
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.zone_means import Cells, cells_of, zone_means
from carbondrivers.errors import DataError, OptionError
from carbondrivers.provenance import history_line

BEST, WINDOW = "Best band", "Window"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OptimumResult(Result):
    """The response over the bands of two drivers.

    Attributes
    ----------
    bands : pandas.DataFrame
        One row a joint band that has a cell: driver, level, lower, upper, the same of the second (``_2``), cells ``n``,
        blocks ``n_units``, ``area_km2``, ``share`` of the area, mean ``estimate`` with its interval, ``support``.
    window : pandas.DataFrame
        The best band and the window (``level``) on each driver: lower, upper; with the cells, share of the area, mean
        and support of all the bands in it.
    """

    bands: pd.DataFrame
    window: pd.DataFrame


@register(
    "optimum",
    title="Optimum window of two drivers",
    takes="grids",
    result=OptimumResult,
    version="1",
    citation="Area-weighted means over joint bands; support by a block bootstrap (Lahiri 2003, doi:10.1007/978-1-4757-3803-2).",
)
def optimum(
    grid: xr.DataArray,
    drivers: Mapping[str, xr.DataArray],
    *,
    limits: Mapping[str, Sequence[float]] | None = None,
    block_size: float | None = None,
    replicates: int = 999,
    confidence: float = 0.95,
    seed: int = 0,
) -> OptimumResult:
    """Find the bands of two drivers in which the response is highest.

    Parameters
    ----------
    grid
        The response, dimensions (y, x), or (year, y, x): then the mean over the years of a cell. It may be lazy.
    drivers
        Two names with their grids (y, x) on the same cells; of a stack the mean. Their order does not matter.
    limits
        Rising limits of the bands, by driver; round steps that make at most twelve bands for the others.
    block_size
        Side of the square blocks of the bootstrap, in the unit of the coordinates; a tenth of the longer side by default.
    replicates, confidence, seed
        Of the bootstrap: 100 draws at least; level of the intervals, and share of the draws that the window holds.

    Raises
    ------
    DataError
        If there are not two drivers, a grid cannot be used or lies on other cells, a driver is constant, or no joint band
        lies in five blocks.
    OptionError
        If an option is out of range, or limits are given for a driver that is not there.

    Examples
    --------
    >>> y, x = np.indices((20, 20))
    >>> place = {"y": np.arange(20.0)[::-1] * 1e3, "x": np.arange(20.0) * 1e3}
    >>> warm, wet = (xr.DataArray(v % 10.0, place, ("y", "x")) for v in (x, y))
    >>> nep = xr.DataArray(-((x % 10 - 7.0) ** 2) - (y % 10 - 2.0) ** 2, place, ("y", "x"), name="nep")
    >>> found = optimum(nep, {"warm": warm, "wet": wet}, limits={"warm": [0, 3, 6, 9], "wet": [0, 3, 6, 9]}, block_size=2e3)
    >>> found.window.loc[found.window["level"] == "Best band", ["driver", "lower", "upper"]].to_numpy().tolist()
    [['warm', 6.0, 9.0], ['wet', 0.0, 3.0]]
    """
    bootstrap = bootstrap_of(replicates, confidence, seed)
    limits = dict(limits or {})
    names = _names(drivers, limits)
    cells = cells_of(grid, block_size)
    one, two = (_bands(cells, name, drivers[name], limits.get(name)) for name in names)
    places = np.where((one.places >= 0) & (two.places >= 0), one.places * len(two.levels) + two.places, -1)
    if not (places >= 0).any():
        raise DataError(f"no cell has a value of {cells.name!r} within the limits of both {names[0]!r} and {names[1]!r}")
    labels = [f"{i}" for i in range(len(one.levels) * len(two.levels))]
    means = zone_means(cells, places, labels, bootstrap)
    at = means["level"].to_numpy().astype(np.int64)
    sure = means["n_units"].to_numpy() >= FEWEST_UNITS
    if not sure.any():
        raise DataError(
            f"no joint band of {names[0]!r} and {names[1]!r} lies in {FEWEST_UNITS} spatial blocks or more: give fewer and "
            "wider bands (limits), or smaller blocks (block_size)"
        )
    support = np.where(sure, _support(cells, places, at, sure, bootstrap), np.nan)
    bands = _band_table(means, names, one, two, at, support)
    parameters = {
        "limits": {name: list(map(float, found)) for name, found in sorted(limits.items())}, "drivers": names,
        "block_size": cells.blocks.side, "blocks": side_words(cells.blocks, grid), "replicates": replicates,
        "confidence": float(confidence), "seed": seed,
    }  # fmt: skip
    rows = [variable_row(grid, "response", cells.name), *(variable_row(drivers[name], "driver", name) for name in names)]
    return OptimumResult(
        method="optimum",
        parameters=parameters,
        n=int(means["n"].sum()),
        notes=(
            *_notes(cells, bands, places),
            *cells.notes,
            *interval_notes(bootstrap, cells.blocks, bands["n_units"].to_numpy(), grid),
        ),
        provenance=history_line("optimum", **parameters),
        variables=variables_of(rows),
        bands=bands,
        window=_window_table(bands, names, confidence),
    )


def _names(drivers: object, limits: Mapping[str, object]) -> list[str]:
    if not isinstance(drivers, Mapping) or len(drivers) != 2:
        got = f"{len(drivers)}" if isinstance(drivers, Mapping) else type(drivers).__name__
        raise DataError(f"drivers must be two grids by name, as {{'temperature': grid, 'precipitation': grid}}, got {got}")
    for name, driver in drivers.items():
        if not isinstance(driver, xr.DataArray):
            raise DataError(f"driver {name!r} must be an xarray.DataArray, got {type(driver).__name__}")
    for name in limits:
        if name not in drivers:
            raise OptionError(
                f"limits are given for {name!r}, which is no driver; the drivers are {', '.join(sorted(drivers))}"
            )
    return sorted(map(str, drivers))


def _bands(cells: Cells, name: str, driver: xr.DataArray, limits: Sequence[float] | None) -> Bands:
    require_same_grid(cells.grid, driver, f"{name} and {cells.name}")
    values, _ = mean_map(driver.rename(name))
    # Only where there is a response: the range of the bands is then that of the study area.
    values = np.where(np.isnan(cells.value), np.nan, values)
    if np.isnan(values).all():
        raise DataError(f"no cell has a value of {cells.name!r} and of {name!r}: do the grids cover the same place?")
    return measured_bands(values, name, limits)


def _support(
    cells: Cells, places: NDArray[np.int64], at: NDArray[np.int64], sure: NDArray[np.bool_], bootstrap: Bootstrap
) -> Floats:
    """Return the share of the draws in which each joint band has the highest mean; they add to one."""
    inside = np.where(np.isnan(cells.value), -1, places)
    size = int(at.max()) + 1
    area = cells.blocks.sums(inside, cells.areas, size)[:, at]
    flux = cells.blocks.sums(inside, cells.areas * cells.value, size)[:, at]
    used = area.any(axis=1)
    first = np.zeros(len(at))
    for counts in bootstrap.counts(int(used.sum())):
        below = counts @ area[used]
        means = np.divide(counts @ flux[used], below, out=np.full(below.shape, -np.inf), where=below > 0.0)
        best = np.where(sure, means, -np.inf).argmax(axis=1)
        first += np.bincount(best, minlength=len(at))
    return np.asarray(first / bootstrap.replicates, dtype=np.float64)


def _band_table(
    means: pd.DataFrame, names: Sequence[str], one: Bands, two: Bands, at: NDArray[np.int64], support: Floats
) -> pd.DataFrame:
    down, across = np.divmod(at, len(two.levels))
    table = means.assign(
        driver=names[0], level=np.array(one.levels, dtype=object)[down], lower=one.lower[down], upper=one.upper[down],
        driver_2=names[1], level_2=np.array(two.levels, dtype=object)[across], lower_2=two.lower[across],
        upper_2=two.upper[across], support=support,
    )  # fmt: skip
    first = ["driver", "level", "lower", "upper", "driver_2", "level_2", "lower_2", "upper_2"]
    return table[[*first, *(column for column in table.columns if column not in first)]]


def in_window(bands: pd.DataFrame, confidence: float) -> NDArray[np.bool_]:
    """Return which joint bands make the smallest set, by falling support, that holds a share of the draws.

    Examples
    --------
    >>> in_window(pd.DataFrame({"support": [0.1, 0.6, 0.3, float("nan")]}), 0.85).tolist()
    [False, True, True, False]
    """
    support = bands["support"].fillna(0.0).to_numpy()
    order = np.argsort(-support, kind="stable")
    before = np.cumsum(support[order]) - support[order]
    chosen = np.zeros(len(bands), dtype=np.bool_)
    # Sums of shares miss a round number by their last bits.
    chosen[order[before < confidence * (1.0 - 1e-9)]] = True
    return chosen & (support > 0.0)


def _window_table(bands: pd.DataFrame, names: Sequence[str], confidence: float) -> pd.DataFrame:
    best = bands["estimate"].where(bands["support"].notna()).to_numpy()
    only = np.arange(len(bands)) == int(np.nanargmax(best))
    rows = []
    for level, chosen in ((BEST, only), (WINDOW, in_window(bands, confidence))):
        part = bands.loc[chosen]
        mean = float(np.average(part["estimate"], weights=part["share"]))
        for name, low, high in ((names[0], "lower", "upper"), (names[1], "lower_2", "upper_2")):
            rows.append(
                {"level": level, "driver": name, "lower": float(part[low].min()), "upper": float(part[high].max()),
                 "cells": len(part), "n": int(part["n"].sum()), "share": float(part["share"].sum()),
                 "share_of": str(bands["share_of"].iloc[0]), "estimate": mean, "support": float(part["support"].sum())}
            )  # fmt: skip
    return pd.DataFrame(rows)


def _notes(cells: Cells, bands: pd.DataFrame, places: NDArray[np.int64]) -> list[str]:
    valid = ~np.isnan(cells.value)
    left_out = int((valid & (places < 0)).sum())
    thin = int(bands["support"].isna().sum())
    notes = [
        "Support: share of the bootstrap draws in which a band has the highest mean. The highest of many means is too high on "
        "average; an optimum at the edge of the bands may lie beyond them; what goes with the two drivers is in it."
    ]
    if thin:
        notes.append(
            f"{thin} of {len(bands)} joint bands lie in fewer than {FEWEST_UNITS} blocks: none of them can be the best."
        )
    if left_out:
        notes.append(
            f"{left_out:,} of {int(valid.sum()):,} cells lack a driver or lie outside its limits: they are in no band."
        )
    return notes
