"""Step ``geodetector``: which drivers, and which pairs, stratify the response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from carbondrivers.attribution.geodetector import GeodetectorResult, detect
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class GeodetectorOptions(StepOptions):
    """Options of the geodetector."""

    method: Literal["quantile", "equal", "natural"] = Field(
        "quantile", description="how continuous drivers are cut into strata, within each group"
    )
    classes: int = Field(6, ge=2, le=50, description="number of strata of a continuous driver")


def _run(inputs: Inputs, options: GeodetectorOptions, results: Mapping[str, Result]) -> GeodetectorResult:
    return detect(inputs.sample, method=options.method, classes=options.classes)


register_step(Step("geodetector", "Geodetector", GeodetectorOptions, "sample", (), ("geodetector",), _run, order=50))
