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
    p_method: Literal["f", "welch", "permutation", "spatial", "wang2016"] = Field(
        "f", description="test of q: central F, Welch's F, permutation of rows, F beside a spatial null of shifted grids or "
        "simulated fields, or the published noncentral F, which depends on the origin of the response",
    )  # fmt: skip
    variant: Literal["geodetector", "gd", "gdverse"] = Field(
        "geodetector", description="the R package whose rules p_method 'wang2016' follows"
    )
    risk_test: Literal["welch", "games_howell"] = Field("welch", description="test of two strata's means")
    adjust: Literal["bh", "holm"] = Field("bh", description="adjustment for many tests: Benjamini-Hochberg or Holm")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    replicates: int = Field(1000, ge=100, le=100_000, description="number of resampled blocks, permutations and spatial draws")
    block_size: float | None = Field(
        None,
        gt=0,
        description="side of the blocks that are resampled, in the coordinates' unit; a tenth of the extent by default",
    )


def _run(inputs: Inputs, options: GeodetectorOptions, results: Mapping[str, Result]) -> GeodetectorResult:
    return detect(inputs.sample, seed=inputs.seed, **options.model_dump())


register_step(
    Step("geodetector", "Geodetector", GeodetectorOptions, "sample", (), ("geodetector",), _run, order=50, seeded=True)
)
