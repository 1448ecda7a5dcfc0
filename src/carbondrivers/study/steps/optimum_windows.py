"""Step ``optimum_windows``: the strata, and crossings of strata, in which the response is highest."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.optimum_windows import OptimumWindowsResult, Side, optimum_windows
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.strata import SearchMethod
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import NAMES_DRIVERS, Step, StepOptions, register_step


class OptimumWindowsOptions(StepOptions):
    """Options of the optimum windows."""

    side: Side = Field("highest", description="which mean of the response is looked for: highest or lowest")
    method: SearchMethod = Field("quantile", description="how continuous drivers are cut into strata, within each group")
    classes: int = Field(6, ge=2, le=50, description="number of strata of a continuous driver")
    borders: dict[str, tuple[float, ...]] | None = Field(
        None,
        description="inner borders of one's own by driver, as { precipitation = [200, 400, 600] }; of the transformed "
        "values where the driver has a transform",
        json_schema_extra=NAMES_DRIVERS,
    )
    min_size: int = Field(10, ge=2, description="fewest rows of a window")
    block_size: float | None = Field(None, gt=0, description="side of the blocks in the unit of the coordinates")
    confidence: float = Field(0.95, gt=0, lt=1, description="simultaneous level of the intervals")
    replicates: int = Field(500, ge=100, description="resamples of blocks")


def _run(inputs: Inputs, options: OptimumWindowsOptions, results: Mapping[str, Result]) -> OptimumWindowsResult:
    return optimum_windows(inputs.sample, seed=inputs.seed, **options.model_dump())


register_step(
    Step(
        "optimum_windows", "Optimum windows", OptimumWindowsOptions, "sample", (), ("optimum_windows",), _run, seeded=True,
        order=53,
    )
)  # fmt: skip
