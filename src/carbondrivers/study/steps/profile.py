"""Step ``profile``: the response along elevation, slope and aspect."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.profile import ProfileResult, profile
from carbondrivers.attribution.result import Result
from carbondrivers.study.class_grids import measured_grid
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step
from carbondrivers.study.steps.class_summary import BLOCK_SIZE


class ProfileOptions(StepOptions):
    """Options of the profiles."""

    by: tuple[str, ...] = Field(
        ("elevation", "slope", "aspect"), min_length=1, description="measured drivers or layers to go along"
    )
    limits: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description="rising limits of the bands, by driver; round steps by default"
    )
    sectors: tuple[str, ...] = Field(
        ("aspect",), description="those that are directions in degrees from north, cut into eight winds"
    )
    block_size: float | None = Field(None, gt=0, description=BLOCK_SIZE)
    replicates: int = Field(999, ge=100, le=100_000, description="draws of the block bootstrap")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")


def _run(inputs: Inputs, options: ProfileOptions, results: Mapping[str, Result]) -> ProfileResult:
    return profile(
        inputs.mean_map,
        {name: measured_grid(inputs, name) for name in dict.fromkeys(options.by)},
        limits=options.limits,
        sectors=options.sectors,
        block_size=options.block_size,
        replicates=options.replicates,
        confidence=options.confidence,
        seed=inputs.seed,
    )


register_step(Step("profile", "Profiles along terrain", ProfileOptions, "map", (), ("profile",), _run, seeded=True, order=22))
