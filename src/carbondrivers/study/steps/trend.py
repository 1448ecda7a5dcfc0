"""Step ``trend``: the trend of every cell and of the region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.trend import TrendResult, trend
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class TrendOptions(StepOptions):
    """Options of the trend analysis."""

    method: tuple[Literal["ols", "theil_sen", "mann_kendall"], ...] = Field(
        ("ols", "theil_sen", "mann_kendall"), min_length=1,
        description="slopes to report; the Mann-Kendall test always belongs to them, it classes the map",
    )  # fmt: skip
    min_valid: int | None = Field(
        None, ge=3, description="fewest valid years of a cell; 70 % of the years, at least 10, by default"
    )
    significance: Literal["benjamini_hochberg", "naive"] = Field(
        "benjamini_hochberg", description="P that classes the map: adjusted over all cells, or as it is"
    )


def _run(inputs: Inputs, options: TrendOptions, results: Mapping[str, Result]) -> TrendResult:
    return trend(inputs.required_stack, method=options.method, min_valid=options.min_valid, significance=options.significance)


register_step(Step("trend", "Trend", TrendOptions, "stack", (), ("trend",), _run, order=30))
