"""Step ``latent_model``: structural equations with reflective latent variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from carbondrivers.attribution.latent_model import LatentResult, latent_model
from carbondrivers.attribution.latent_spec import LatentModel
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


def _parsed(text: str) -> str:
    LatentModel.parse(text)
    return text


class LatentModelOptions(StepOptions):
    """Options of the latent model."""

    model: Annotated[str, AfterValidator(_parsed)] | None = Field(
        None,
        description="the model, one statement a line: 'latent =~ a + b + c' (a latent variable and its indicators), "
        "'effect ~ cause + cause', 'a ~~ b' (correlated residuals); by default a latent variable for each category with three "
        "or more measured drivers",
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    block_size: float | None = Field(
        None, gt=0, description="side of the blocks of space within which rows may repeat each other; a tenth of the extent"
    )


def _run(inputs: Inputs, options: LatentModelOptions, results: Mapping[str, Result]) -> LatentResult:
    return latent_model(inputs.sample, model=options.model, confidence=options.confidence, block_size=options.block_size)


register_step(Step("latent_model", "Latent variables", LatentModelOptions, "sample", (), ("latent_model",), _run, order=64))
