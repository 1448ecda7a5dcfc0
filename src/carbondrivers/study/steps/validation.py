"""Step ``validation``: how well the drivers tell the response, under random and spatial folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.validation import SpatialKind, Validated, ValidationResult, validate
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class ValidationOptions(StepOptions):
    """Options of the validation."""

    model: Validated = Field(
        "forest", description="what is validated: a random forest, boosted trees, or least squares on all drivers"
    )
    folds: tuple[SpatialKind, ...] | None = Field(
        None, description="kinds of folds beside random ones; blocks by default, groups where there are no coordinates"
    )
    n: int = Field(10, ge=2, le=100, description="number of folds")
    size: float | Literal["auto"] = Field(
        "auto", description="side of the blocks, km (the coordinates' unit without a crs); by default the practical range of "
        "the residuals of random folds",
    )  # fmt: skip
    trees: int | None = Field(
        None, ge=1, le=10_000, description="trees of the forest (50 by default) or of the boosted trees (250)"
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    replicates: int = Field(1000, ge=100, le=100_000, description="number of resamples behind the intervals")


def _run(inputs: Inputs, options: ValidationOptions, results: Mapping[str, Result]) -> ValidationResult:
    return validate(inputs.sample, seed=inputs.seed, **options.model_dump())


register_step(
    Step(
        "validation", "Validation with random and spatial folds", ValidationOptions, "sample", (), ("validation",), _run,
        order=60, seeded=True,
    )
)  # fmt: skip
