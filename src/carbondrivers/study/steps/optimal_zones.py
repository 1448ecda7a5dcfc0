"""Step ``optimal_zones``: regression-tree zones and the Shapley share of each driver in their q."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.optimal_zones import OptimalZonesResult, optimal_zones
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import NAMES_DRIVERS, Step, StepOptions, register_step


class OptimalZonesOptions(StepOptions):
    """Options of the optimal zones."""

    drivers: tuple[str, ...] | None = Field(
        None, min_length=1, json_schema_extra=NAMES_DRIVERS,
        description="drivers to take, at most 12; all by default, of more than eight those with the largest q",
    )  # fmt: skip
    block_size: float | None = Field(None, gt=0, description="side of the jackknife's blocks in the unit of the coordinates")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    permutations: int = Field(99, ge=0, description="draws for each P; 0 for none")


def _run(inputs: Inputs, options: OptimalZonesOptions, results: Mapping[str, Result]) -> OptimalZonesResult:
    return optimal_zones(inputs.sample, seed=inputs.seed, **options.model_dump())


register_step(
    Step("optimal_zones", "Optimal zones", OptimalZonesOptions, "sample", (), ("optimal_zones",), _run, seeded=True, order=52)
)
