"""Step ``class_summary``: mean, total and share of the area of every class and region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field

from carbondrivers.attribution.class_summary import ClassSummaryResult, class_summary
from carbondrivers.attribution.result import Result
from carbondrivers.study.class_grids import SAID, ClassOf, class_grid, one_a_cell, renamed
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step

BY = "classes: land_cover, regions, or the name of a categorical driver or of a layer"
NAMES = 'names of the classes by number, as { 1 = "forest" }; those of the data by default'
CLASS_OF = "class of a cell whose class changes: of most years, of the last, or none at all"
BLOCK_SIZE = "side of the blocks of the intervals, in the unit of the coordinates; a tenth of the longer side by default"


class ClassSummaryOptions(StepOptions):
    """Options of the summary by class."""

    by: str = Field("land_cover", min_length=1, description=BY)
    names: dict[str, str] = Field(default_factory=dict, description=NAMES)
    class_of: ClassOf = Field("last_year", description=CLASS_OF)
    block_size: float | None = Field(None, gt=0, description=BLOCK_SIZE)
    replicates: int = Field(999, ge=100, le=100_000, description="draws of the block bootstrap")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")


def _run(inputs: Inputs, options: ClassSummaryOptions, results: Mapping[str, Result]) -> ClassSummaryResult:
    codes, names = class_grid(inputs, options.by)
    grid = inputs.mean_map if inputs.stack is None else inputs.stack
    result = class_summary(
        grid,
        (one_a_cell(codes, options.class_of), renamed(names, options.names, options.by)),
        regions=inputs.regions if options.by != "regions" else None,
        block_size=options.block_size,
        replicates=options.replicates,
        confidence=options.confidence,
        seed=inputs.seed,
    )
    return replace(result, notes=(*result.notes, SAID[options.class_of])) if "year" in codes.dims else result


register_step(
    Step(
        "class_summary", "The response by class and region", ClassSummaryOptions, "map", (), ("class_summary",), _run,
        seeded=True, order=21,
    )
)  # fmt: skip
