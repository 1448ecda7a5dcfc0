"""Step ``seasonality``: the mean year of the monthly parts of NEP, by cell, class and region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.seasonality import SeasonalityResult, seasonality
from carbondrivers.errors import DataError
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step

if TYPE_CHECKING:
    import xarray as xr

ClassOf = Literal["most_frequent", "last_year", "unchanged"]
# The first of these that a model gives by month is mapped; the others are drawn beside it.
ORDER = ("nep", "npp", "gpp", "rh", "rs", "ra", "rm")
SAID = {
    "most_frequent": "A cell belongs to the class that it has in most years.",
    "last_year": "A cell belongs to the class that it has in the last year.",
    "unchanged": "Only cells that keep their class through all years belong to it.",
}


class SeasonalityOptions(StepOptions):
    """Options of the seasonality."""

    min_valid: int | None = Field(
        None, ge=1, description="fewest years of every month that a cell needs; half of the years by default"
    )
    min_coverage: float = Field(
        0.5, gt=0, le=1, description="share of a zone's area that must have values for a year to be a replicate of a month"
    )
    class_of: ClassOf = Field(
        "most_frequent", description="class of a cell whose land cover changes: of most years, of the last, or none at all"
    )


def _run(inputs: Inputs, options: SeasonalityOptions, results: Mapping[str, Result]) -> SeasonalityResult:
    given = {name.removesuffix("_monthly"): g for name, g in inputs.nep_components.items() if name.endswith("_monthly")}
    if not given:
        raise DataError("this NEP model gives no part of NEP by month: drop analyses.seasonality, or name another model")
    names = sorted(given, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    cover = inputs.land_cover
    result = seasonality(
        given[names[0]], components={name: given[name] for name in names[1:]}, regions=inputs.regions,
        classes=None if cover is None else (class_grid(cover[0], options.class_of), cover[1]),
        min_valid=options.min_valid, min_coverage=options.min_coverage,
    )  # fmt: skip
    if cover is None or "year" not in cover[0].dims:
        return result
    return replace(result, notes=(*result.notes, SAID[options.class_of]))


def class_grid(cover: xr.DataArray, class_of: ClassOf) -> xr.DataArray:
    """Return one class a cell of land cover by year; a grid without years as it is.

    Parameters
    ----------
    cover
        Codes, dimensions (year, y, x) or (y, x), NaN for none.
    class_of
        ``"most_frequent"`` (the smaller code of two equal ones), ``"last_year"`` or ``"unchanged"``.

    Examples
    --------
    >>> import xarray as xr
    >>> years = xr.DataArray([[[1.0]], [[2.0]], [[2.0]]], dims=("year", "y", "x"), coords={"year": [2001, 2002, 2003]})
    >>> [float(class_grid(years, how)[0, 0]) for how in ("most_frequent", "last_year", "unchanged")]
    [2.0, 2.0, nan]
    """
    if "year" not in cover.dims:
        return cover
    ordered = cover.sortby("year").transpose("year", "y", "x")
    last = ordered.isel(year=-1, drop=True)
    if class_of == "last_year":
        return last
    if class_of == "unchanged":
        return last.where((ordered == last).all("year"))
    values = ordered.to_numpy()
    codes = np.unique(values[np.isfinite(values)])
    counts = np.stack([(values == code).sum(axis=0) for code in codes] or [np.zeros(last.shape, dtype=np.int64)])
    return last.copy(data=np.where(counts.max(axis=0) > 0, np.append(codes, np.nan)[counts.argmax(axis=0)], np.nan))


register_step(
    Step(
        "seasonality", "Seasonality", SeasonalityOptions, "components", (), ("seasonality",), _run, automatic=True, order=35
    )
)  # fmt: skip
