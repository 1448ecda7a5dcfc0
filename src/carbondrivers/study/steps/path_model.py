"""Step ``path_model``: equations between variables or blocks, their pathways, and how far the data bear the model out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from carbondrivers.attribution.path_families import ErrorKind, Family
from carbondrivers.attribution.path_fit import Pruning
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_model import path_model
from carbondrivers.attribution.path_result import PathResult
from carbondrivers.attribution.path_rowwise import Asymmetric
from carbondrivers.attribution.path_scores import Score
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import NAMES_DRIVERS, Step, StepOptions, register_step


def _parsed(text: str) -> str:
    PathModel.parse(text)
    return text


class PathModelOptions(StepOptions):
    """Options of the path model."""

    model: Annotated[str, AfterValidator(_parsed)] | None = Field(
        None,
        description="equations 'nep ~ climate + soil', one a line; 'a ~~ b' for correlated errors; names are variables, blocks "
        "or categories of drivers; by default every continuous driver acts on the response directly",
    )
    blocks: dict[str, tuple[str, ...]] = Field(
        {}, description="name of a block to its members; a category that the model names is a block by itself"
    )
    score: Score = Field(
        "composite", description="kind of block score that is reported in full; all are compared, none is needed for sheaf"
    )
    keys: dict[str, str] = Field({}, description="block to the member that weighs positively in its score")
    factor: str | None = Field(
        None,
        description="categorical driver that acts on every variable: its class means are taken out",
        json_schema_extra=NAMES_DRIVERS,
    )
    families: dict[str, Family] = Field(
        {},
        description="response to its distribution: binomial, poisson, mixed (random intercepts by cluster), gls (errors alike "
        "nearby, at most 2,000 rows); else gaussian",
    )
    errors: ErrorKind = Field("classical", description="standard errors: classical, robust (HC3) or cluster")
    cluster: str | None = Field(
        None, description="categorical driver whose classes hold rows that are alike", json_schema_extra=NAMES_DRIVERS
    )
    asymmetric: Asymmetric = Field(
        "order", description="direction of a claim between unlike distributions: order of causes, or conserve (the smaller P)"
    )
    prune: Pruning = Field(
        "none",
        description="show a model without nonsignificant arrows beside the tested one: descriptive (same rows) or split "
        "(chosen on one half of the blocks of space, tested on the other)",
    )
    alpha: float = Field(0.05, gt=0, lt=1, description="P from which an arrow is taken out where prune is on")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    replicates: int = Field(500, ge=100, le=100_000, description="number of resamples behind the bootstrap intervals")
    block_size: float | None = Field(
        None, gt=0, description="side of the resampled blocks, in the coordinates' unit; a tenth of the extent by default"
    )


def _run(inputs: Inputs, options: PathModelOptions, results: Mapping[str, Result]) -> PathResult:
    return path_model(inputs.sample, seed=inputs.seed, **options.model_dump())


register_step(
    Step("path_model", "Path model", PathModelOptions, "sample", (), ("path_model",), _run, seeded=True, order=70)
)  # fmt: skip
