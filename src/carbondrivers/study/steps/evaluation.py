"""Step ``evaluation``: estimates (models, products) against the observed response, side by side."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.evaluation import EvaluationResult, evaluate
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import NAMES_DRIVERS, Step, StepOptions, register_step


class EvaluationOptions(StepOptions):
    """Options of the evaluation."""

    estimates: tuple[str, ...] = Field(
        (),
        description="drivers that are estimates of the response, in its unit; all continuous drivers in its unit by default",
        json_schema_extra=NAMES_DRIVERS,
    )
    by: str | None = Field(
        None, description="categorical driver whose classes are scored one by one", json_schema_extra=NAMES_DRIVERS
    )
    sites: str | None = Field(
        None,
        description="categorical driver that names the site of each row; rows of the same coordinates by default",
        json_schema_extra=NAMES_DRIVERS,
    )
    block_size: float | None = Field(
        None, gt=0, description="side of the blocks that are resampled where each site has one row, in the coordinates' unit; "
        "a tenth of the extent by default",
    )  # fmt: skip
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    replicates: int = Field(1000, ge=100, le=100_000, description="number of resamples behind the intervals")


def _run(inputs: Inputs, options: EvaluationOptions, results: Mapping[str, Result]) -> EvaluationResult:
    chosen = options.model_dump(exclude={"estimates"})
    return evaluate(inputs.sample, estimates=options.estimates, seed=inputs.seed, **chosen)


register_step(
    Step(
        "evaluation", "Evaluation against observations", EvaluationOptions, "sample", (), ("evaluation",), _run, order=35,
        seeded=True,
    )
)  # fmt: skip
