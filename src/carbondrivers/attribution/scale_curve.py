"""q against the size of the grid cell: how far an answer hangs on the unit it was asked in (the modifiable areal unit problem).

Rows are put on square grids of several cell sizes; a cell takes the mean of the response and of each measured driver, and the
most frequent class of a categorical one. All sizes rest on the same rows (the common support): those in cells of the
coarsest grid that hold at least half as many rows as its fuller cells do, so that no size sees a margin that another lacks.
Strata are cut anew at every size by the same rule. Larger cells are fewer and smoother: q rises by that alone, and epsilon2,
which takes off what strata explain by chance, is the one to compare; its interval resamples the same blocks of space at
every size. Source of the scale question: Openshaw (1984), CATMOG 38; of the rule that marks a size (the first after which mean
q gains 5 % or less): Song et al. (2020), doi:10.1080/15481603.2020.1760434.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from carbondrivers.attribution.geodetector_bootstrap import epsilon2_interval
from carbondrivers.attribution.geodetector_moments import cell_moments, q_of
from carbondrivers.attribution.grid_blocks import unit_of_crs
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import BLOCKS_ACROSS, Bootstrap, Units, bootstrap_of
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.row_order import in_order
from carbondrivers.attribution.strata import STRATA_METHODS, StrataMethod, stratify
from carbondrivers.attribution.strata_kernels import Codes
from carbondrivers.attribution.strata_search import loess_choice
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.provenance import history_line

STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
FULL, FEWEST_CELLS = 0.5, 4
CURVE_COLUMNS = [
    "group", "response", "driver", "value", "q", "epsilon2", "ci_low", "ci_high", "cells", "n", "n_units", "method", "note",
]  # fmt: skip
SIZE_COLUMNS = ["group", "response", "value", "n", "q", "chosen", "share", "share_of"]
SUPPORT = "rows that lie in the common support of all sizes"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScaleCurveResult(Result):
    """q by cell size.

    Attributes
    ----------
    curve : pandas.DataFrame
        One row a group, driver and cell size (``value``, in the unit of the coordinates): q, epsilon2 with its interval,
        number of strata (``cells``) and of grid cells (``n``).
    sizes : pandas.DataFrame
        One row a group and size: grid cells, mean q of the drivers, whether the 5 % rule marks it (``chosen``), share of
        the rows in the common support.
    """

    curve: pd.DataFrame
    sizes: pd.DataFrame


@register(
    "scale_curve",
    title="Scale curve: q by size of the grid cell",
    takes="sample",
    result=ScaleCurveResult,
    version="2",
    citation="Openshaw, S. (1984). The modifiable areal unit problem. CATMOG 38. Geo Books, Norwich.",
)
def scale_curve(
    sample: PixelSample,
    *,
    sizes: Sequence[float] | None = None,
    method: StrataMethod = "quantile",
    classes: int = 6,
    confidence: float = 0.95,
    replicates: int = 500,
    seed: int = 0,
) -> ScaleCurveResult:
    """Compute q of every driver on grids of several cell sizes, in every group.

    Parameters
    ----------
    sample
        Checked table with coordinates.
    sizes
        Sides of the cells in the unit of the coordinates, two or more; by default 1 to 8 times the mean spacing of the
        rows, as far as there are four cells a class.
    method, classes
        How continuous drivers are cut, at every size anew.
    confidence
        Level of the intervals.
    replicates
        Resamples of blocks, 100 or more.
    seed
        Of the resampling.

    Raises
    ------
    DataError
        If the sample has no coordinates, or too few rows for two sizes.
    OptionError
        If an option is outside its list or range.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"x": np.tile(np.arange(20.0), 20), "y": np.repeat(np.arange(20.0), 20)})
    >>> table["rain"] = np.hypot(table["x"], table["y"])
    >>> table["nep"] = table["rain"] + 5.0 * rng.normal(size=400)
    >>> sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"))
    >>> found = scale_curve(sample, sizes=[1.0, 2.0, 4.0], classes=4, replicates=100)
    >>> found.curve["n"].tolist(), bool(found.curve["q"].is_monotonic_increasing)
    ([400, 100, 25], True)
    """
    choose(method, STRATA_METHODS, "method")
    if isinstance(classes, bool) or not isinstance(classes, int) or not 2 <= classes <= 50:
        raise OptionError(f"classes must be a whole number from 2 to 50, got {classes!r}")
    if sample.coordinates is None:
        raise DataError("a scale curve needs the place of every row: give the sample its coordinates")
    bootstrap, asked = bootstrap_of(replicates, confidence, seed), _asked(sizes)
    ready = in_order(sample)
    if not np.ptp(_places(ready), axis=0).any():
        raise DataError(
            f"all {sample.n} rows lie at one place, and a scale curve needs places that differ: check the coordinates"
        )
    sides = asked or _spacings(_places(ready), classes)
    if len(sides) < 2:
        raise DataError(
            f"{sample.n} rows are too few for cells of two sizes with {FEWEST_CELLS * classes} cells each: take fewer classes, "
            "or give sizes"
        )
    rows: list[dict[str, object]] = []
    table: list[dict[str, object]] = []
    for name, part in ready.group_samples():
        head = {"group": name, "response": part.response.name}
        own = [head | row for row in _curve(part, sides, method, classes, bootstrap)]
        rows += own
        table += [head | row for row in _sizes(own, sides, float(_supported(_places(part), sides[-1]).mean()))]
    parameters = {
        "sizes": [float(s) for s in sides], "method": method, "classes": classes, "confidence": confidence,
        "replicates": replicates, "seed": seed, "unit": unit_of_crs(sample.crs),
    }  # fmt: skip
    return ScaleCurveResult(
        method="scale_curve",
        parameters=parameters,
        n=sample.n,
        notes=("Epsilon² is compared over sizes, not q: q rises by itself where cells are few.", *sample.caveats()),
        provenance=history_line("scale_curve", n=sample.n, **parameters),
        variables=sample.variables(),
        curve=pd.DataFrame(rows).reindex(columns=CURVE_COLUMNS),
        sizes=pd.DataFrame(table, columns=SIZE_COLUMNS),
    )


def _asked(sizes: Sequence[float] | None) -> list[float]:
    if sizes is None:
        return []
    known = [s for s in sizes if isinstance(s, int | float) and not isinstance(s, bool) and 0.0 < s < np.inf]
    if len(known) < len(sizes) or len(set(known)) < 2:
        raise OptionError(f"sizes must be two or more different lengths above 0, got {list(sizes)!r}")
    return sorted(set(map(float, known)))


def _places(part: PixelSample) -> Floats:
    return part.frame[list(part.coordinates or ())].to_numpy(dtype=np.float64)


def _spacings(xy: Floats, classes: int) -> list[float]:
    """Return multiples of the mean spacing of the rows, as far as the grid keeps four cells a class."""
    extent = np.maximum(np.ptp(xy, axis=0), np.ptp(xy) / len(xy))
    spacing = float(np.sqrt(np.prod(extent) / len(xy)))
    sides = [spacing * step for step in STEPS]
    return [s for s in sides if len(np.unique(_cells(xy, s))) >= FEWEST_CELLS * classes]


def _cells(xy: Floats, side: float) -> Codes:
    """Return the number of each row's cell of a grid with the lower left corner of the rows."""
    # A row on the edge of two cells belongs to the upper one in any unit.
    place = np.floor((xy - xy.min(axis=0)) / side * (1.0 + 1e-12)).astype(np.int64)
    return np.asarray(place[:, 0] + place[:, 1] * (int(place[:, 0].max()) + 1), dtype=np.int64)


def _supported(xy: Floats, side: float) -> np.ndarray:
    """Return which rows lie in cells that are full enough."""
    _, of, count = np.unique(_cells(xy, side), return_inverse=True, return_counts=True)
    return np.asarray((count >= FULL * np.quantile(count, 0.75))[of.reshape(-1)])


def _curve(
    part: PixelSample, sides: Sequence[float], method: StrataMethod, classes: int, bootstrap: Bootstrap
) -> Iterator[dict[str, object]]:
    xy = _places(part)
    inside = _supported(xy, sides[-1])
    xy, frame = xy[inside], part.frame.loc[inside]
    block = _cells(xy, float(np.ptp(xy, axis=0).max()) / BLOCKS_ACROSS * (1.0 + 1e-9) or 1.0)
    for side in sides:
        cells, first, of = np.unique(_cells(xy, side), return_index=True, return_inverse=True)
        of, count = of.reshape(-1), len(cells)
        units = Units(np.unique(block[first], return_inverse=True)[1].reshape(-1).astype(np.int64), "blocks")
        y = _mean(frame[part.response.name].to_numpy(dtype=np.float64), of, count)
        for driver in part.drivers:
            column = _coarse(frame[driver.name], of, count)
            row: dict[str, object] = {"driver": driver.name, "value": side, "n": count, "note": ""}
            yield row | explained(y, column, method, classes, units, bootstrap)


def _mean(values: Floats, of: Codes, count: int) -> Floats:
    # About the overall mean, so that no digit is lost to a far origin.
    centre = float(values.mean())
    return np.asarray(np.bincount(of, values - centre, minlength=count) / np.bincount(of, minlength=count) + centre)


def _coarse(column: pd.Series, of: Codes, count: int) -> pd.Series:
    """Return a driver on the grid: means, or the most frequent class (the first by name of several)."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return pd.Series(_mean(column.to_numpy(dtype=np.float64), of, count), name=column.name)
    codes, width = np.asarray(column.cat.codes, dtype=np.int64), len(column.cat.categories)
    most = np.bincount(of * width + codes, minlength=count * width).reshape(count, width).argmax(axis=1)
    made = pd.Categorical.from_codes(most.tolist(), column.cat.categories)
    return pd.Series(made, name=column.name).cat.remove_unused_categories()


def explained(
    y: Floats, column: pd.Series, method: StrataMethod, classes: int, units: Units, bootstrap: Bootstrap
) -> dict[str, object]:
    """Return q, epsilon2 and its interval of one driver in the cells of one grid, or a note why there is none.

    Parameters
    ----------
    y
        Response of the cells, shape (n,).
    column
        The driver in the cells.
    method, classes
        How a measured driver is cut.
    units, bootstrap
        Blocks of the cells, and how they are resampled.
    """
    if column.nunique() < 2 or not np.ptp(y) > 0.0:
        return {"note": "undefined: one class only, or a constant response, in these cells"}
    codes, names, borders = stratify(column, method, classes)
    n, cells = len(y), len(names)
    how = "classes as given" if borders is None else f"{method}, {cells} classes"
    if cells < 2:
        return {"method": how, "note": f"undefined: {method} leaves one class of {column.nunique()} values; try another method"}
    if n <= cells:
        return {"method": how, "note": f"undefined: {cells} classes of {n} cells, and more cells than classes are needed"}
    scaled = (y - y.mean()) / np.ptp(y)
    q = q_of(cell_moments(scaled, codes, cells))
    low, high = epsilon2_interval(scaled, codes, cells, units, bootstrap)
    return {
        "q": q, "epsilon2": 1.0 - (1.0 - q) * (n - 1) / (n - cells), "ci_low": low, "ci_high": high, "cells": cells,
        "n_units": int(units.codes.max()) + 1, "method": how,
    }  # fmt: skip


def _sizes(rows: Sequence[dict[str, object]], sides: Sequence[float], share: float) -> Iterator[dict[str, object]]:
    table = pd.DataFrame(rows).reindex(columns=CURVE_COLUMNS)
    mean = table.groupby("value")["q"].mean()
    known = mean.dropna()
    best = float(known.index[loess_choice(known.to_numpy(), known.index.to_numpy(dtype=np.float64))]) if len(known) else np.nan
    for side in sides:
        count = int(table.loc[table["value"] == side, "n"].iloc[0])
        yield {"value": side, "n": count, "q": float(mean[side]), "chosen": side == best, "share": share, "share_of": SUPPORT}
