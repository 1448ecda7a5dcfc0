"""Step ``seasonality``: the mean year of the monthly parts of NEP, by cell, class and region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.seasonality import SeasonalityResult, seasonality
from carbondrivers.errors import DataError
from carbondrivers.study.class_grids import SAID, ClassOf, one_a_cell
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step

# The first of these that a model gives by month is mapped; the others are drawn beside it.
ORDER = ("nep", "npp", "gpp", "rh", "rs", "ra", "rm")


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
        classes=None if cover is None else (one_a_cell(cover[0], options.class_of), cover[1]),
        min_valid=options.min_valid, min_coverage=options.min_coverage,
    )  # fmt: skip
    if cover is None or "year" not in cover[0].dims:
        return result
    return replace(result, notes=(*result.notes, SAID[options.class_of]))


register_step(
    Step(
        "seasonality", "Seasonality", SeasonalityOptions, "components", (), ("seasonality",), _run, automatic=True, order=35
    )
)  # fmt: skip
