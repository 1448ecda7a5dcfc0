"""Where a trend may go on: the sign of the trend of each cell crossed with its persistence.

Published rule: a rising cell with H > 0.5 is a continuous improvement, a falling one a continuous degradation; with
H < 0.5 a falling cell is a future improvement, a rising one a future degradation. That rule names every cell. Here a class
is named only where the trend is significant and H lies outside the band of white noise; everything else is undetermined.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution import stacks
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.persistence import PersistenceResult
from carbondrivers.attribution.persistence_estimator import LIMITS, Weighed, estimator_of
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.trend import TrendResult
from carbondrivers.attribution.trend_classes import significant
from carbondrivers.errors import DataError, DataWarning
from carbondrivers.provenance import history_line

CLASSES = (
    "Continuous improvement", "Future improvement", "Undetermined", "Future degradation", "Continuous degradation",
)  # fmt: skip
METHODS = {
    "future_class": "Significant trend and H outside white noise",
    "published_class": "Signs of trend and H - 0.5, as published",
}  # fmt: skip
OF_CELLS = "area of the cells with a trend and a Hurst exponent"
HALF, SLOPE = 0.5, 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FutureResult(Result):
    """Classes of trend and persistence.

    Attributes
    ----------
    grid : xarray.Dataset
        (y, x): future_class and published_class, positions in ``CLASSES``; NaN where trend or H is missing.
    classes : pandas.DataFrame
        Cells, area and share of every class by both rules; ``share_expected`` is what the published rule gives in white
        noise without trend or persistence.
    """

    grid: xr.Dataset
    classes: pd.DataFrame


def future(trend: TrendResult, persistence: PersistenceResult) -> FutureResult:
    """Cross the trend of every cell with its persistence.

    Parameters
    ----------
    trend, persistence
        Results of the same stack; the significance of each is the one that its own map is classed by.

    Raises
    ------
    DataError
        If the two do not lie on one grid, belong to different variables, or share no cell.

    Warns
    -----
    DataWarning
        If the series were not detrended before H was estimated: the classes then restate the trend.

    Examples
    --------
    >>> from carbondrivers.attribution.trend import trend
    >>> from carbondrivers.attribution.persistence import persistence
    >>> noise = np.random.default_rng(2).normal(size=(20, 3, 3))
    >>> coords = {"year": np.arange(2001, 2021), "y": [2.0, 1.0, 0.0], "x": [0.0, 1.0, 2.0]}
    >>> stack = xr.DataArray(noise, coords, ("year", "y", "x"), name="nep", attrs={"crs": "EPSG:32650"})
    >>> found = future(trend(stack), persistence(stack, detrend=True)).classes.set_index(["method", "level"])["share"]
    >>> float(found["Significant trend and H outside white noise", "Undetermined"])
    1.0
    """
    require_same(trend, persistence)
    grid = _maps(trend.grid, persistence.grid)
    n = int(grid["future_class"].notnull().sum())
    if not n:
        raise DataError("no cell has both a trend and a Hurst exponent: look at the notes of the two for what is missing")
    free = estimator_of(persistence.parameters).trend_free
    said = circularity(persistence)
    if not free:
        warnings.warn(f"{said} Set detrend = true for persistence.", DataWarning, stacklevel=2)
    parameters: dict[str, Any] = {
        "trend": dict(trend.parameters), "persistence": dict(persistence.parameters),
    }  # fmt: skip
    grid.attrs["method"] = METHODS["future_class"]
    grid.attrs["history"] = provenance = history_line("future", **parameters)
    areas = stacks.areas_of(grid)
    return FutureResult(
        method="future",
        parameters=parameters,
        n=n,
        notes=_notes(said, free),
        provenance=provenance,
        variables=persistence.variables,
        grid=grid,
        classes=_class_table(grid, areas, persistence),
    )


def require_same(trend: TrendResult, persistence: PersistenceResult) -> None:
    """Refuse a trend and a persistence of different variables, years or grids.

    Raises
    ------
    DataError
        Naming what differs.
    """
    one, two = (str(result.variables["name"].iloc[0]) for result in (trend, persistence))
    if one != two:
        raise DataError(f"the trend is that of {one!r} and the persistence that of {two!r}: take both of one variable")
    if trend.parameters["years"] != persistence.parameters["years"]:
        spans = [" to ".join(f"{y:.6g}" for y in r.parameters["years"]) for r in (trend, persistence)]
        raise DataError(f"the trend is of {spans[0]} and the persistence of {spans[1]}: take both of the same years")
    same = all(np.array_equal(trend.grid[axis].to_numpy(), persistence.grid[axis].to_numpy()) for axis in ("y", "x"))
    if not same:
        raise DataError("trend and persistence lie on different grids: take both of one stack")


def _maps(trend: xr.Dataset, persistence: xr.Dataset) -> xr.Dataset:
    h = persistence["hurst"].to_numpy()
    slope = next(trend[name] for name in ("sen_slope", "ols_slope", "mk_s") if name in trend).to_numpy()
    levels, kind = list(trend["trend_class"].attrs["classes"]), trend["trend_class"].to_numpy()
    rising, falling = ([levels.index(v) for v in significant(levels, way)] for way in ("increase", "decrease"))
    there = np.isfinite(kind) & np.isfinite(h)
    sure = np.isin(kind, rising).astype(np.float64) - np.isin(kind, falling)
    memory = 1.0 - persistence["hurst_class"].to_numpy()
    found = xr.Dataset(coords=persistence.coords, attrs={k: v for k, v in persistence.attrs.items() if k != "history"})
    for name, sign, lasting in (
        ("future_class", sure, memory),
        ("published_class", np.sign(slope), np.sign(h - HALF)),
    ):
        codes = np.where(there, _crossed(sign, lasting), np.nan)
        found[name] = stacks.class_map(codes, persistence, CLASSES, METHODS[name])
    return found


def _crossed(sign: Floats, lasting: Floats) -> Floats:
    """Return positions in ``CLASSES`` of the signs of the trend (1, 0, -1) and of the memory (1, 0, -1)."""
    step = np.where(lasting > 0, 2.0, -1.0) * sign
    return np.where((sign == 0) | (lasting == 0) | np.isnan(sign) | np.isnan(lasting), 2.0, 2.0 - step)


def _class_table(grid: xr.Dataset, areas: Floats, persistence: PersistenceResult) -> pd.DataFrame:
    expected = _expected(grid, areas, persistence)
    blocks = []
    for name, method in METHODS.items():
        table = stacks.class_shares(grid[name].to_numpy(), areas, CLASSES, method, OF_CELLS)
        blocks.append(table.assign(share_expected=expected if name == "published_class" else np.nan))
    return pd.concat(blocks, ignore_index=True)


def _expected(grid: xr.Dataset, areas: Floats, persistence: PersistenceResult) -> Floats:
    """Return the shares that the published rule gives in white noise, where either sign of the trend is as likely."""
    h, run = (persistence.grid[name].to_numpy() for name in ("hurst", "run"))
    there = grid["published_class"].notnull().to_numpy()
    cells = Weighed(h[there], run[there], areas[there], estimator_of(persistence.parameters))
    lasting = float(cells.of_noise(lambda null: (null > HALF).mean()))
    return np.array([lasting, 1.0 - lasting, 0.0, 1.0 - lasting, lasting]) / 2.0


def circularity(persistence: PersistenceResult) -> str:
    """Return what a trend alone does to H, by this estimator in as many years, in words."""
    estimator, years = estimator_of(persistence.parameters), int(persistence.null["n_valid"].iloc[-1])
    flat, rising = (100.0 * float((estimator.null(years, slope) > LIMITS[-1]).mean()) for slope in (0.0, SLOPE))
    said = (
        f"White noise of {years} years on a line that rises by {SLOPE} standard deviations a year has H > {LIMITS[-1]} in "
        f"{rising:.0f} % of all series by this estimate of H, without the line in {flat:.0f} %"
    )
    if estimator.trend_free:
        return f"{said}: the classes do not restate the trend."
    return f"{said}: a significant trend makes its own persistence, and the classes largely restate the trend."


def _notes(said: str, free: bool) -> tuple[str, ...]:
    return (
        said,
        "Undetermined: the trend is not significant, or H cannot be told from that of white noise. Improvement means an "
        "increase of the response.",
        "The classes describe the years observed; they predict nothing unless what drives the response stays as it was.",
    )
