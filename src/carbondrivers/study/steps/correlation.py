"""Step ``correlation``: the response with each continuous driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from carbondrivers.attribution.correlation import CorrelationResult, pearson
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class CorrelationOptions(StepOptions):
    """Options of the correlation analysis."""

    kind: tuple[Literal["pearson"], ...] = Field(("pearson",), min_length=1, description="coefficients to compute")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")


def _run(inputs: Inputs, options: CorrelationOptions, results: Mapping[str, Result]) -> CorrelationResult:
    return pearson(inputs.sample, confidence=options.confidence)


register_step(Step("correlation", "Correlation", CorrelationOptions, "sample", (), ("pearson",), _run, order=40))
