"""Step ``optimal_strata``: rule and number of classes of each continuous driver, chosen openly."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from carbondrivers.attribution.optimal_strata import DEFAULT_METHODS, OptimalStrataResult, optimise_strata
from carbondrivers.attribution.optimal_strata_search import Selection
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.strata import SearchMethod
from carbondrivers.attribution.strata_peers import BreakRules
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class OptimalStrataOptions(StepOptions):
    """Options of the optimal strata."""

    methods: tuple[SearchMethod, ...] = Field(DEFAULT_METHODS, min_length=1, description="rules to try")
    classes: tuple[int, int] = Field((3, 8), description="fewest and most classes, both tried")
    selection: Selection = Field("one_se", description="how a cut is chosen: one_se, cv (cross-validated q), max_q or loess")
    rules: BreakRules = Field(
        "own", description="whose break rules: own, or those of the R packages gd or gdverse (with selection max_q or loess)"
    )
    folds: int = Field(5, ge=2, description="folds of the cross-validation, of whole blocks of space")
    block_size: float | None = Field(None, gt=0, description="side of the blocks in the unit of the coordinates")
    min_size: int = Field(3, ge=1, description="fewest rows of a class")
    permutations: int = Field(99, ge=0, description="draws for each P; 0 for none")


def _run(inputs: Inputs, options: OptimalStrataOptions, results: Mapping[str, Result]) -> OptimalStrataResult:
    return optimise_strata(inputs.sample, seed=inputs.seed, **options.model_dump())


register_step(
    Step(
        "optimal_strata", "Optimal strata", OptimalStrataOptions, "sample", (), ("optimal_strata",), _run, seeded=True, order=51
    )
)  # fmt: skip
