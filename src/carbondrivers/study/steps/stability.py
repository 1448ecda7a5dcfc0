"""Step ``stability``: how much every cell varies between years."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.stability import LIMITS, StabilityResult, stability
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class StabilityOptions(StepOptions):
    """Options of the stability analysis."""

    limits: tuple[float, float, float] = Field(LIMITS, description="limits of the classes of the coefficient of variation")
    floor: float | None = Field(
        None, ge=0, description="smallest |mean| with a defined coefficient; two standard errors of the mean by default"
    )
    min_valid: int | None = Field(
        None, ge=3, description="fewest valid years of a cell; 70 % of the years, at least 10, by default"
    )


def _run(inputs: Inputs, options: StabilityOptions, results: Mapping[str, Result]) -> StabilityResult:
    stack = inputs.required_stack
    return stability(stack, limits=options.limits, floor=options.floor, min_valid=options.min_valid)


register_step(Step("stability", "Stability", StabilityOptions, "stack", (), ("stability",), _run, order=31))
