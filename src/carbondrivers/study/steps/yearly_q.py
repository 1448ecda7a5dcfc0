"""Step ``yearly_q``: the geodetector in every year, and the trend of its explanatory power."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.strata import StrataMethod
from carbondrivers.attribution.yearly_q import YearlyQResult, yearly_q
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class YearlyQOptions(StepOptions):
    """Options of the geodetector by year."""

    method: StrataMethod = Field("quantile", description="how drivers are cut into strata, in every year")
    classes: int = Field(6, ge=2, le=50, description="number of strata of a driver")
    block_size: float | None = Field(None, gt=0, description="side of the blocks in the unit of the coordinates")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    replicates: int = Field(500, ge=100, description="resamples of blocks")


def _run(inputs: Inputs, options: YearlyQOptions, results: Mapping[str, Result]) -> YearlyQResult:
    return yearly_q(inputs.required_stack, inputs.driver_stacks, seed=inputs.seed, **options.model_dump())


register_step(Step("yearly_q", "Geodetector by year", YearlyQOptions, "stack", (), ("yearly_q",), _run, seeded=True, order=56))
