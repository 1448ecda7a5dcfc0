"""Step ``scale_curve``: q by size of the grid cell."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.scale_curve import ScaleCurveResult, scale_curve
from carbondrivers.attribution.strata import StrataMethod
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class ScaleCurveOptions(StepOptions):
    """Options of the scale curve."""

    sizes: tuple[float, ...] | None = Field(
        None, min_length=2, description="sides of the cells in the unit of the coordinates; 1 to 8 mean spacings by default"
    )
    method: StrataMethod = Field("quantile", description="how continuous drivers are cut into strata, at every size")
    classes: int = Field(6, ge=2, le=50, description="number of strata of a continuous driver")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    replicates: int = Field(500, ge=100, description="resamples of blocks")


def _run(inputs: Inputs, options: ScaleCurveOptions, results: Mapping[str, Result]) -> ScaleCurveResult:
    return scale_curve(inputs.sample, seed=inputs.seed, **options.model_dump())


register_step(
    Step("scale_curve", "Scale curve", ScaleCurveOptions, "sample", (), ("scale_curve",), _run, seeded=True, order=55)
)
