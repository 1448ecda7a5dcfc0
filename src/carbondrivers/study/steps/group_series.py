"""Step ``group_series``: the annual mean of every class and region, with its trend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field

from carbondrivers.attribution.group_series import GroupSeriesResult, group_series
from carbondrivers.attribution.result import Result
from carbondrivers.study.class_grids import SAID, class_grid, one_a_cell, renamed
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step
from carbondrivers.study.steps.class_summary import BY, NAMES


class GroupSeriesOptions(StepOptions):
    """Options of the series by group."""

    by: str = Field("land_cover", min_length=1, description=BY)
    names: dict[str, str] = Field(default_factory=dict, description=NAMES)
    class_of: Literal["most_frequent", "last_year", "unchanged", "each_year"] = Field(
        "last_year",
        description="class of a cell whose class changes: of most years, of the last, none at all, or that of each year",
    )
    min_valid: int | None = Field(None, ge=3, description="fewest years of a trend; 70 % of the years, at least 10, by default")


def _run(inputs: Inputs, options: GroupSeriesOptions, results: Mapping[str, Result]) -> GroupSeriesResult:
    codes, names = class_grid(inputs, options.by)
    said: tuple[str, ...] = ()
    if "year" in codes.dims and options.class_of != "each_year":
        codes, said = one_a_cell(codes, options.class_of), (SAID[options.class_of],)
    result = group_series(
        inputs.required_stack,
        (codes, renamed(names, options.names, options.by)),
        regions=inputs.regions if options.by != "regions" else None,
        min_valid=options.min_valid,
    )
    return replace(result, notes=(*result.notes, *said))


register_step(
    Step(
        "group_series", "Annual series by class and region", GroupSeriesOptions, "stack", (), ("group_series",), _run, order=34
    )
)
