"""Step ``describe``: what the sample holds."""

from __future__ import annotations

from collections.abc import Mapping

from carbondrivers.attribution.descriptive import SampleResult, describe
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class DescribeOptions(StepOptions):
    """The description has no options."""


def _run(inputs: Inputs, options: DescribeOptions, results: Mapping[str, Result]) -> SampleResult:
    return describe(inputs.sample)


register_step(Step("describe", "The sample", DescribeOptions, "sample", (), ("describe",), _run, automatic=True, order=10))
