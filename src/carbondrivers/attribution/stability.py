"""Stability of every cell of a raster stack: the coefficient of variation over its years.

``CV = sd / |mean|`` with n - 1 in the standard deviation: the lower, the more stable. A carbon balance crosses zero, and
there the ratio means nothing: where |mean| is within two of its standard errors (or below a floor that the user sets) the
CV is undefined, a class of its own. Classes at 0.1, 0.2 and 0.3 are those of vegetation studies in the arid north of China;
some print the labels the wrong way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution import stacks
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.errors import DataError, OptionError
from carbondrivers.provenance import history_line

WORDS = ("High stability", "Fairly high stability", "Fairly low stability", "Low stability")
UNDEFINED = "Undefined (mean near zero)"
LIMITS = (0.1, 0.2, 0.3)
STANDARD_ERRORS, LEAST = 2.0, 3
STATISTICS = ("mean", "sd", "cv", "near_zero", "n_valid")
OF_CELLS = "area of the cells with enough valid years"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StabilityResult(Result):
    """Stability maps and their summaries.

    Attributes
    ----------
    grid : xarray.Dataset
        (y, x): mean and sd over the years (unit of the stack), cv, stability_class (position in its
        ``attrs["classes"]``), n_valid.
    classes : pandas.DataFrame
        Cells, area and share of every class, with the limits of its CV; the shares add to one.
    summary : pandas.DataFrame
        Spread of the CV over the cells where it is defined.
    """

    grid: xr.Dataset
    classes: pd.DataFrame
    summary: pd.DataFrame


@register(
    "stability",
    title="Stability: coefficient of variation",
    takes="stack",
    result=StabilityResult,
    version="1",
    citation="Coefficient of variation, sd / |mean| over the years, undefined where the mean cannot be told from zero.",
)
def stability(
    stack: xr.DataArray,
    *,
    limits: Sequence[float] = LIMITS,
    floor: float | None = None,
    min_valid: int | None = None,
) -> StabilityResult:
    """Measure how much every cell varies from year to year beside its mean.

    Parameters
    ----------
    stack
        Dims ``year`` (numbers) or ``time`` (dates), y and x; NaN is a gap. It may be lazy: it is worked through in blocks,
        but the maps stay in memory, 40 bytes a cell, and twice that while they are made.
    limits
        Three limits of the CV, from high to low stability; a limit belongs to the class below it.
    floor
        Smallest |mean| with a defined CV, in the unit of the stack; two standard errors of the mean by default.
    min_valid
        Fewest valid years of a cell; the default is 70 % of the years, at least 10.

    Raises
    ------
    DataError
        If the stack has no years, too few, repeated or infinite ones, or no value at all.
    OptionError
        If the limits do not rise from above 0, or the floor is negative.

    Examples
    --------
    >>> values = np.stack([np.full(12, 50.0), np.tile([0.0, 0.5, -0.5], 4)], axis=1)[:, None, :]
    >>> values[::2] += 1.0
    >>> coords = {"year": np.arange(2001, 2013), "y": [0.0], "x": [0.0, 1000.0]}
    >>> stack = xr.DataArray(values, coords, ("year", "y", "x"), name="nep", attrs={"crs": "EPSG:32650"})
    >>> result = stability(stack)
    >>> float(result.grid["cv"][0, 0].round(4))
    0.0103
    """
    limits = _checked(limits, floor)
    dim, years = stacks.true_years(stack)
    needed = stacks.fewest(min_valid, len(years), LEAST, "the variation between years")
    maps = stacks.cell_maps(stack, dim, years, lambda y: _statistics(y, floor, needed), STATISTICS)
    if not bool((maps["n_valid"] >= needed).any()):
        name = stack.name or "the stack"
        raise DataError(f"no cell of {name!r} has {needed} valid years of {len(years)}: give more years, or lower min_valid")
    levels = _levels(limits)
    codes = _codes(maps, limits)
    maps["stability_class"] = stacks.class_map(codes, maps, levels, "Stability class")
    parameters = {
        "limits": list(limits), "floor": floor, "min_valid": needed, "years": [float(years.min()), float(years.max())],
    }  # fmt: skip
    maps.attrs["method"] = "Coefficient of variation, sd / |mean| over the years"
    maps.attrs["history"] = provenance = history_line("stability", **parameters)
    table = stacks.class_shares(codes, stacks.areas_of(maps), levels, "Coefficient of variation", OF_CELLS)
    edges = pd.DataFrame({"lower": [0.0, *limits, np.nan], "upper": [*limits, np.inf, np.nan]})
    return StabilityResult(
        method="stability",
        parameters=parameters,
        n=int(np.isfinite(codes).sum()),
        notes=(*_notes(maps, floor), *stacks.absent_notes(maps["n_valid"], needed, len(years))),
        provenance=provenance,
        variables=stacks.response(stack),
        grid=_described(maps.drop_vars("near_zero"), stack),
        classes=pd.concat([table, edges], axis=1),
        summary=_summary(maps, str(stack.name or "response")),
    )


def _checked(limits: Sequence[float], floor: float | None) -> tuple[float, ...]:
    found = tuple(limits) if isinstance(limits, Sequence) else ()
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) and np.isfinite(v) for v in found)
    if len(found) != len(LIMITS) or not numbers or found[0] <= 0 or any(a >= b for a, b in pairwise(found)):
        raise OptionError(f"limits must be three numbers that rise from above 0, such as {list(LIMITS)}, got {limits!r}")
    if floor is not None and (not isinstance(floor, int | float) or isinstance(floor, bool) or not 0 <= floor < np.inf):
        raise OptionError(f"floor must be 0 or more, in the unit of the stack, got {floor!r}")
    return tuple(float(v) for v in found)


def _levels(limits: tuple[float, ...]) -> list[str]:
    low, middle, high = (f"{limit:g}" for limit in limits)
    ranges = (f"CV ≤ {low}", f"{low} < CV ≤ {middle}", f"{middle} < CV ≤ {high}", f"CV > {high}")
    return [*(f"{word} ({said})" for word, said in zip(WORDS, ranges, strict=True)), UNDEFINED]


def _statistics(y: Floats, floor: float | None, needed: int) -> Floats:
    """Return mean, sd, CV, whether the mean is near zero, and valid years of cells (cells, years)."""
    valid = ~np.isnan(y)
    full = bool(valid.all())
    n = np.full(len(y), float(y.shape[1])) if full else valid.sum(axis=1).astype(np.float64)
    enough = n >= needed
    count = np.where(enough, n, np.nan)
    mean = (y if full else np.where(valid, y, 0.0)).sum(axis=1) / count
    apart = y - mean[:, None]
    apart = apart if full else np.where(valid, apart, 0.0)
    sd = np.sqrt(np.vecdot(apart, apart) / (count - 1.0))
    near = np.abs(mean) < (STANDARD_ERRORS * sd / np.sqrt(count) if floor is None else floor)
    near |= mean == 0.0
    cv = np.where(near, np.nan, sd / np.where(near, 1.0, np.abs(mean)))
    return np.column_stack([mean, sd, cv, np.where(enough, near, np.nan), n])


def _codes(maps: xr.Dataset, limits: tuple[float, ...]) -> Floats:
    cv, near = maps["cv"].to_numpy(), maps["near_zero"].to_numpy()
    # A limit itself belongs to the more stable class, whatever the last bits of the ratio are.
    position = np.searchsorted(np.asarray(limits) * (1.0 + 1e-12), cv, side="left").astype(np.float64)
    return np.where(np.isnan(near), np.nan, np.where(near == 1.0, len(limits) + 1.0, position))


def _summary(maps: xr.Dataset, name: str) -> pd.DataFrame:
    cv = maps["cv"].to_numpy()
    cv = cv[np.isfinite(cv)]
    spread = np.quantile(cv, [0.0, 0.25, 0.5, 0.75, 1.0]) if cv.size else np.full(5, np.nan)
    row = dict(zip(("min", "q25", "median", "q75", "max"), spread, strict=True))
    return pd.DataFrame([{"response": name, "n": cv.size, **row}])


def _notes(maps: xr.Dataset, floor: float | None) -> tuple[str, ...]:
    near, tested = int((maps["near_zero"] == 1.0).sum()), int(maps["near_zero"].notnull().sum())
    rule = "two standard errors (years taken as independent)" if floor is None else f"the floor of {floor:g}"
    notes = [
        "The lower the coefficient of variation, the more stable; a trend counts as variation. The limits of the classes are "
        "a convention."
    ]
    if near:
        notes.append(
            f"{near:,} of {tested:,} cells have a mean within {rule} of zero: their coefficient of variation is undefined, a "
            "class of its own."
        )
    return tuple(notes)


def _described(maps: xr.Dataset, stack: xr.DataArray) -> xr.Dataset:
    for name in ("mean", "sd"):
        maps[name].attrs["units"] = str(stack.attrs.get("units", ""))
    maps["cv"].attrs["long_name"] = "Coefficient of variation"
    return maps
