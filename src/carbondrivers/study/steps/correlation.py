"""Step ``correlation``: the response with each continuous driver."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.correlation import CorrelationKind, CorrelationResult, EffectiveSize, correlate
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class CorrelationOptions(StepOptions):
    """Options of the correlation analysis."""

    kind: tuple[CorrelationKind, ...] = Field(("pearson",), min_length=1, description="coefficients to compute")
    controls: tuple[str, ...] | None = Field(
        None, min_length=1, description="drivers held in a partial correlation; all the other measured ones by default"
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    effective: EffectiveSize = Field(
        "clifford", description="effective number of observations: of Clifford, Richardson and Hemon, or of Dutilleul's "
        "modified "
        "t test",
    )  # fmt: skip
    classes: int | None = Field(
        None, ge=2, description="distance classes of the modified t test; none wider than two neighbour distances by default, "
        "13 as in R's SpatialPack",
    )  # fmt: skip


def _run(inputs: Inputs, options: CorrelationOptions, results: Mapping[str, Result]) -> CorrelationResult:
    return correlate(inputs.sample, **options.model_dump())


register_step(Step("correlation", "Correlation", CorrelationOptions, "sample", (), ("correlation",), _run, order=40))
