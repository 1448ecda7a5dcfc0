"""Step ``seasonal_trend``: the trend that the months of every cell have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.seasonal_trend import SeasonalTrendResult, seasonal_trend
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class SeasonalTrendOptions(StepOptions):
    """Options of the seasonal trend."""

    layer: str | None = Field(
        None, min_length=1, description="layer with months, under [layers] or of the virtual region; the response by default"
    )
    min_valid: int | None = Field(
        None, ge=3, description="fewest valid years of a month; 70 % of the years, at least 10, by default"
    )
    significance: Literal["benjamini_hochberg", "naive"] = Field(
        "benjamini_hochberg", description="P that classes the map: adjusted over all cells, or as it is"
    )
    classes: Literal["northwest_china", "horqin", "ningxia"] = Field(
        "northwest_china", description="classes of the map, as for the trend"
    )


def _run(inputs: Inputs, options: SeasonalTrendOptions, results: Mapping[str, Result]) -> SeasonalTrendResult:
    stack = inputs.months(options.layer)
    return seasonal_trend(stack, min_valid=options.min_valid, significance=options.significance, classes=options.classes)


register_step(Step("seasonal_trend", "Seasonal trend", SeasonalTrendOptions, "months", (), ("seasonal_trend",), _run, order=31))
