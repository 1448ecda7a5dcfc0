"""Tables of a seasonal trend: class shares, and the regional trend by month."""

from __future__ import annotations

from carbondrivers.attribution.seasonal_trend import SeasonalTrendResult
from carbondrivers.attribution.trend_classes import RULES
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.words import rate_unit, unit_words


@table_of(SeasonalTrendResult)
def seasonal_trend_tables(result: SeasonalTrendResult) -> list[Table]:
    """Return class shares by naive and by adjusted P, and the regional trend of all months and of each."""
    name = str(result.variables["name"].iloc[0])
    label, per_year = result.label(name), unit_words(rate_unit(result.unit(name)))
    rule = RULES[result.parameters["classes"]]
    return [
        Table(
            "seasonal_trend_classes", f"Seasonal trend classes of {label}", result.classes,
            (f"Shares are of the {result.classes['share_of'].iloc[0]} and add to 100 % for each test.", f"Classes: {rule}."),
            {"level": "Class", "n": "Cells", "method": "Test"},
            ("method", "level", "n", "area_km2", "share"),
        ),
        Table(
            "seasonal_trend_regional", f"Trend of the area-weighted mean {label} by month ({per_year})", result.regional,
            ("Slopes are seasonal Sen and Theil-Sen slopes a year; Z and P are (seasonal) Mann-Kendall's, n counts values.",),
            {"level": "Month", "estimate": "Slope", "ci_low": "95 % CI, low", "ci_high": "95 % CI, high", "statistic": "Z",
             "p": "Naive P", "tau": "tau-b"},
            ("level", "estimate", "ci_low", "ci_high", "statistic", "p", "tau", "n"),
        ),
    ]  # fmt: skip
