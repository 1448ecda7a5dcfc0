"""Step ``optimum``: the window of two drivers in which the response is highest."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.optimum import OptimumResult, optimum
from carbondrivers.attribution.result import Result
from carbondrivers.study.class_grids import measured_grid
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step
from carbondrivers.study.steps.class_summary import BLOCK_SIZE


class OptimumOptions(StepOptions):
    """Options of the optimum window."""

    by: tuple[str, str] = Field(("temperature", "precipitation"), description="two measured drivers or layers")
    limits: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description="rising limits of the bands, by driver; round steps by default"
    )
    block_size: float | None = Field(None, gt=0, description=BLOCK_SIZE)
    replicates: int = Field(999, ge=100, le=100_000, description="draws of the block bootstrap")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals, and share of the draws in the window")


def _run(inputs: Inputs, options: OptimumOptions, results: Mapping[str, Result]) -> OptimumResult:
    return optimum(
        inputs.mean_map,
        {name: measured_grid(inputs, name) for name in options.by},
        limits=options.limits,
        block_size=options.block_size,
        replicates=options.replicates,
        confidence=options.confidence,
        seed=inputs.seed,
    )


register_step(Step("optimum", "Optimum window", OptimumOptions, "map", (), ("optimum",), _run, seeded=True, order=23))
