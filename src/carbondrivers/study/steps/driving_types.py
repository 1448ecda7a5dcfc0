"""Step ``driving_types``: cells classed by the drivers that they follow through the years."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, Strict

from carbondrivers.attribution.driving_types import DrivingRule, DrivingTypesResult, driving_types
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.time_correlation import TimeCorrelationResult
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class Rule(BaseModel):
    """One class: all its conditions must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="name of the class")
    significant: tuple[str, ...] = Field((), description="drivers whose partial correlation must be significant")
    not_significant: tuple[str, ...] = Field((), description="drivers whose partial correlation must not be significant")
    positive: tuple[str, ...] = Field((), description="drivers whose partial correlation must be positive")
    negative: tuple[str, ...] = Field((), description="drivers whose partial correlation must be negative")
    at_least: int = Field(0, ge=0, description="how many drivers, whichever, must be significant")
    multiple: Annotated[bool, Strict()] | None = Field(
        None, description="whether the multiple correlation must be significant, or must not be; either by default"
    )


class DrivingTypesOptions(StepOptions):
    """Options of the driving types."""

    rules: tuple[Rule, ...] | None = Field(
        None, min_length=1, description="[[analyses.driving_types.rules]], the first that fits names the cell; a convention of "
        "vegetation-climate studies by default",
    )  # fmt: skip
    significance: Literal["corrected", "naive", "adjusted", "corrected_adjusted"] = Field(
        "corrected",
        description="P of the map: for the effective number of years, as published (naive), either adjusted over the cells",
    )
    alpha_t: float = Field(0.01, gt=0, lt=1, description="level of the partial correlations")
    alpha_f: float = Field(0.05, gt=0, lt=1, description="level of the multiple correlation")


def _run(inputs: Inputs, options: DrivingTypesOptions, results: Mapping[str, Result]) -> DrivingTypesResult:
    rules = None if options.rules is None else [DrivingRule(**rule.model_dump()) for rule in options.rules]
    return driving_types(
        cast(TimeCorrelationResult, results["time_correlation"]),
        rules=rules,
        significance=options.significance,
        alpha_t=options.alpha_t,
        alpha_f=options.alpha_f,
    )


register_step(
    Step(
        "driving_types", "Driving types", DrivingTypesOptions, "stack", ("time_correlation",), ("time_correlation",), _run,
        order=45,
    )
)  # fmt: skip
