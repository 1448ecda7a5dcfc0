"""Step ``persistence``: the Hurst exponent of every cell, beside what white noise gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from carbondrivers.attribution.persistence import PersistenceResult, persistence
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class PersistenceOptions(StepOptions):
    """Options of the persistence analysis."""

    method: Literal["prefix", "blocks", "k"] = Field(
        "prefix", description="rescaled range of the first years, of blocks of years, or Hurst's K"
    )
    tau_min: int = Field(2, ge=2, description="shortest run of first years; for prefix alone")
    correction: Literal["none", "anis_lloyd"] = Field(
        "none", description="take away the expectation of white noise (Anis and Lloyd)"
    )
    detrend: bool = Field(False, description="take away the straight line of a cell first; a trend alone makes H large")
    series: Literal["levels", "differences"] = Field(
        "levels", description="the years themselves, or the differences of neighbouring years"
    )
    min_valid: int | None = Field(
        None, ge=5, description="fewest years of an unbroken run; 70 % of the years, at least 10, by default"
    )
    significance: Literal["benjamini_hochberg", "naive"] = Field(
        "benjamini_hochberg", description="P that classes the map: adjusted over all cells, or as it is"
    )


def _run(inputs: Inputs, options: PersistenceOptions, results: Mapping[str, Result]) -> PersistenceResult:
    return persistence(
        inputs.required_stack,
        method=options.method,
        tau_min=options.tau_min,
        correction=options.correction,
        detrend=options.detrend,
        series=options.series,
        min_valid=options.min_valid,
        significance=options.significance,
    )


register_step(Step("persistence", "Persistence", PersistenceOptions, "stack", (), ("persistence",), _run, order=32))
