"""Step ``collinearity``: which drivers say the same, and which of them to keep."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.collinearity import CollinearityResult, collinearity
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class CollinearityOptions(StepOptions):
    """Options of the screening."""

    threshold_vif: float = Field(10.0, gt=1, description="largest variance inflation of a kept driver")
    threshold_r: float = Field(0.9, gt=0, le=1, description="largest absolute correlation of two kept drivers")
    keep: tuple[str, ...] = Field((), description="drivers that are never taken out")


def _run(inputs: Inputs, options: CollinearityOptions, results: Mapping[str, Result]) -> CollinearityResult:
    return collinearity(inputs.sample, threshold_vif=options.threshold_vif, threshold_r=options.threshold_r, keep=options.keep)


register_step(Step("collinearity", "Collinearity", CollinearityOptions, "sample", (), ("collinearity",), _run, order=39))
