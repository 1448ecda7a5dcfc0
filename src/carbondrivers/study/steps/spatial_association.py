"""Step ``spatial_association``: SPADE and IDSA."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.spatial_association import Overlay, SpatialAssociationResult, spatial_association
from carbondrivers.attribution.strata import StrataMethod
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class SpatialAssociationOptions(StepOptions):
    """Options of the spatial association."""

    method: StrataMethod = Field("quantile", description="how continuous drivers are cut into strata, within each group")
    classes: tuple[int, int] = Field((3, 8), description="fewest and most classes, all tried")
    overlay: Overlay = Field("and", description="how strata of several drivers make zones: and, or (fuzzy), intersection")
    power: float = Field(1.0, gt=0, description="power of the distance in the weights")
    neighbours: int | None = Field(
        None, ge=1, description="nearest rows that each row is paired with; all, or 30 with more than 700 rows, by default"
    )
    permutations: int = Field(99, ge=0, description="draws for each P; 0 for none")


def _run(inputs: Inputs, options: SpatialAssociationOptions, results: Mapping[str, Result]) -> SpatialAssociationResult:
    return spatial_association(inputs.sample, seed=inputs.seed, **options.model_dump())


register_step(
    Step(
        "spatial_association", "Spatial association", SpatialAssociationOptions, "sample", (), ("spatial_association",), _run,
        seeded=True, order=54,
    )
)  # fmt: skip
