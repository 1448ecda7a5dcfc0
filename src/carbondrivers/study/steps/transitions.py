"""Step ``transitions``: which class became which, and the response with it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.transitions import TransitionResult, transitions
from carbondrivers.errors import DataError
from carbondrivers.study.class_grids import class_grid, renamed
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step
from carbondrivers.study.steps.class_summary import BLOCK_SIZE, BY, NAMES


class TransitionOptions(StepOptions):
    """Options of the transitions."""

    by: str = Field("land_cover", min_length=1, description=f"{BY}; by year")
    names: dict[str, str] = Field(default_factory=dict, description=NAMES)
    first: int | None = Field(None, description="year to begin with; the first of the classes by default")
    last: int | None = Field(None, description="year to end with; the last of the classes by default")
    window: int | None = Field(
        None, ge=1, description="years whose mean stands for either end of the response; three by default"
    )
    block_size: float | None = Field(None, gt=0, description=BLOCK_SIZE)
    replicates: int = Field(999, ge=100, le=100_000, description="draws of the block bootstrap")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")


def _run(inputs: Inputs, options: TransitionOptions, results: Mapping[str, Result]) -> TransitionResult:
    codes, names = class_grid(inputs, options.by)
    if "year" not in codes.dims:
        raise DataError(
            f"transitions need classes by year, and {options.by!r} is a single map: add it under [layers] with {{year}} in its "
            "source"
        )
    return transitions(
        codes,
        renamed(names, options.names, options.by),
        response=inputs.stack if inputs.stack is not None and "year" in inputs.stack.dims else None,
        first=options.first,
        last=options.last,
        window=options.window,
        block_size=options.block_size,
        replicates=options.replicates,
        confidence=options.confidence,
        seed=inputs.seed,
    )


register_step(
    Step(
        "transitions", "Transitions between classes", TransitionOptions, "map", (), ("transitions",), _run, seeded=True,
        order=23,
    )
)  # fmt: skip
