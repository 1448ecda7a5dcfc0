"""Step ``boosted_trees``: which drivers boosted trees use, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from carbondrivers.attribution.influence import influence
from carbondrivers.attribution.influence_result import InfluenceResult
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.nep_layers import GIVEN, used_layers
from carbondrivers.study.registry import NAMES_DRIVERS, Step, StepOptions, register_step

Complexity = Annotated[int, Field(ge=1, le=100)]
Share = Annotated[float, Field(gt=0, le=1)]


class FoldOptions(BaseModel):
    """How rows are put into folds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["auto", "random", "spatial_blocks", "clusters", "buffer", "group", "pixel_year", "nndm"] = Field(
        "auto", description="folds that choose the settings and judge importance; random ones are scored in any case"
    )
    size: Annotated[float, Field(gt=0)] | Literal["auto"] = Field(
        "auto", description="side of the blocks in km (without a reference system: in the coordinates' unit)"
    )
    n: int = Field(10, ge=2, description="number of folds")


class BoostedTreesOptions(StepOptions):
    """Options of the boosted trees."""

    tree_complexity: tuple[Complexity, ...] = Field(
        (1, 2, 3, 5), min_length=1, description="numbers of splits of a tree to try"
    )
    learning_rate: tuple[Share, ...] = Field((0.02,), min_length=1, description="learning rates to try")
    bag_fraction: tuple[Share, ...] = Field(
        (0.75,), min_length=1, description="shares of the rows that a tree is grown on, to try"
    )
    min_observations: int = Field(10, ge=1, description="least number of rows in a leaf")
    n_trees: int | None = Field(None, ge=1, description="number of trees; by cross-validation by default")
    max_trees: int = Field(10_000, ge=1, description="most trees that cross-validation tries")
    distribution: Literal["gaussian", "laplace"] = Field(
        "gaussian", description="squared (gaussian) or absolute (laplace) error"
    )
    engine: Literal["auto", "xgboost", "gbr"] = Field(
        "auto", description="gbr repeats the trees of R's gbm exactly, but slowly"
    )
    folds: FoldOptions = Field(default_factory=FoldOptions, description="how rows are put into folds")
    hold_out: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="share of the rows held out at random for one more score, such as 0.3"
    )
    replicates: int = Field(100, ge=100, description="bootstrap samples of spatial blocks for the intervals")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    shadow_sets: int = Field(20, ge=0, description="sets of unrelated drivers for the noise floor; 0 for none")
    nep_inputs: tuple[str, ...] | None = Field(
        None,
        description="drivers that NEP was computed from; those of the NEP model by default",
        json_schema_extra=NAMES_DRIVERS,
    )
    twin: str | None = Field(
        None,
        description="column or layer, or part of NEP, that is analysed beside the response with the same rows, drivers and "
        "settings, such as npp beside nep",
    )
    jobs: int = Field(1, ge=1, description="threads of the bootstrap; the numbers do not depend on it")


def _run(inputs: Inputs, options: BoostedTreesOptions, results: Mapping[str, Result]) -> InfluenceResult:
    given = options.model_dump(exclude={"folds", "nep_inputs"})
    size = None if options.folds.size == "auto" else options.folds.size
    named = options.nep_inputs if options.nep_inputs is not None else _inputs_of_nep(inputs)
    folds: dict[str, Any] = {"folds": options.folds.kind, "n_folds": options.folds.n, "block_size": size}
    return influence(inputs.sample, seed=inputs.seed, nep_inputs=named, **folds, **given)


def _inputs_of_nep(inputs: Inputs) -> tuple[str, ...]:
    """Return the drivers that are layers of the study's NEP model, or their months."""
    nep, drivers = inputs.spec.nep, [d.name for d in inputs.sample.drivers]
    if nep.model == GIVEN:
        return ()
    layers = used_layers(nep.model, nep.model_dump(), [*drivers, *(f"{name}_monthly" for name in drivers)])
    return tuple(sorted({name.removesuffix("_monthly") for name in layers}))


register_step(
    Step("boosted_trees", "Boosted trees", BoostedTreesOptions, "sample", (), ("boosted_trees",), _run, seeded=True, order=60)
)
