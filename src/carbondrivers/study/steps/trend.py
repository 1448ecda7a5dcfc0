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
    test: Literal["mann_kendall", "three_pw", "hamed_rao"] = Field(
        "mann_kendall",
        description="test of the trend; three_pw and hamed_rao allow for years that resemble their neighbours",
    )
    classes: Literal["northwest_china", "horqin", "ningxia"] = Field(
        "northwest_china",
        description="classes of the map: P < 0.01 and P < 0.05 with the sign; |Z| > 1.96 with the sign; "
        "|Z| > 1.96, the sign of significant trends alone",
    )


def _run(inputs: Inputs, options: TrendOptions, results: Mapping[str, Result]) -> TrendResult:
    return trend(
        inputs.required_stack,
        method=options.method,
        min_valid=options.min_valid,
        significance=options.significance,
        test=options.test,
        classes=options.classes,
        keep=inputs.keep,
    )


register_step(Step("trend", "Trend", TrendOptions, "stack", (), ("trend",), _run, order=30))
