"""Step ``weighted_clusters``: where rows of a table (sites, plots) with high values lie among high ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.spatial_weights import distance_band, nearest_neighbours
from carbondrivers.attribution.weighted_clusters import WeightedClusterResult, weighted_clusters
from carbondrivers.errors import OptionError
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class WeightedClusterOptions(StepOptions):
    """Options of the clusters of scattered places; for grids there is ``clusters``."""

    neighbours: Literal["nearest", "distance"] = Field(
        "nearest", description="neighbours of a row: the nearest ones, or all within a distance"
    )
    k: int = Field(8, ge=1, description="how many nearest ones")
    metres: float | None = Field(None, gt=0, description="distance in true metres; for 'distance'")
    style: Literal["W", "B"] = Field("W", description="weights of the neighbours: adding to one, or all equal")
    permutations: int = Field(9999, ge=99, le=999_999, description="draws of the conditional randomisation")
    alpha: float = Field(0.05, gt=0, lt=1, description="level of the LISA classes")
    significance: Literal["benjamini_hochberg", "naive"] = Field(
        "benjamini_hochberg", description="P that classes the rows: adjusted over all rows, or as it is"
    )


def _run(inputs: Inputs, options: WeightedClusterOptions, results: Mapping[str, Result]) -> WeightedClusterResult:
    sample = inputs.sample
    if options.neighbours == "nearest":
        weights = nearest_neighbours(sample, options.k)
    elif options.metres is None:
        raise OptionError("analyses.weighted_clusters: neighbours = 'distance' needs metres, such as metres = 50000")
    else:
        weights = distance_band(sample, options.metres)
    return weighted_clusters(
        sample, weights, style=options.style, permutations=options.permutations, alpha=options.alpha,
        significance=options.significance, seed=inputs.seed,
    )  # fmt: skip


register_step(
    Step(
        "weighted_clusters", "Spatial clusters of places", WeightedClusterOptions, "sample", (), ("weighted_clusters",), _run,
        seeded=True, order=36,
    )
)  # fmt: skip
