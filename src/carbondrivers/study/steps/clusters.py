"""Step ``clusters``: where high values of the response lie among high ones, and low among low."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from carbondrivers.attribution.clusters import ClusterResult, clusters
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class ClusterOptions(StepOptions):
    """Options of the cluster analysis; it works on the mean of the response over the years."""

    contiguity: Literal["queen", "rook"] = Field("queen", description="neighbours of a cell: eight or four")
    style: Literal["W", "B"] = Field("W", description="weights of the neighbours: row-standardised or binary")
    permutations: int = Field(9999, ge=99, le=999_999, description="draws of the conditional randomisation")
    alpha: float = Field(0.05, gt=0, lt=1, description="level of the LISA classes")
    significance: Literal["benjamini_hochberg", "naive"] = Field(
        "benjamini_hochberg", description="P that classes the maps: adjusted over all cells, or as it is"
    )
    alternative: Literal["two-sided", "directed"] = Field(
        "two-sided", description="sides of the permutation P; 'directed' is half as large and marks 10 % of noise at 0.05"
    )


def _run(inputs: Inputs, options: ClusterOptions, results: Mapping[str, Result]) -> ClusterResult:
    return clusters(
        inputs.mean_map,
        contiguity=options.contiguity,
        style=options.style,
        permutations=options.permutations,
        alpha=options.alpha,
        significance=options.significance,
        alternative=options.alternative,
        seed=inputs.seed,
    )


register_step(Step("clusters", "Spatial clusters", ClusterOptions, "map", (), ("clusters",), _run, seeded=True, order=35))
