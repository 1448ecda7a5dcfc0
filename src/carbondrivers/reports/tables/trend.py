"""Tables of a trend: class shares, the regional trend, the regional series."""

from __future__ import annotations

from carbondrivers.attribution.trend import TrendResult
from carbondrivers.attribution.trend_classes import RULES
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.words import rate_unit, unit_words

REGIONAL_NOTES = (
    "P of Theil-Sen is Mann-Kendall's; that of least squares takes the years as independent.",
    "The intercept is the value of the line in the first year: for Theil-Sen median(y) - slope x median(t) (Conover), beside "
    "it median(y - slope x t), the median residual.",
)


@table_of(TrendResult)
def trend_tables(result: TrendResult) -> list[Table]:
    """Return class shares by naive and by adjusted P, the regional trend and series."""
    name = str(result.variables["name"].iloc[0])
    label, unit = result.label(name), result.unit(name)
    per_year = unit_words(rate_unit(unit))
    naive = result.parameters.get("test", "mann_kendall") == "mann_kendall"
    rule = RULES[result.parameters.get("classes", "northwest_china")]
    return [
        Table(
            "trend_classes", f"Trend classes of {label}", result.classes,
            (f"Shares are of the {result.classes['share_of'].iloc[0]} and add to 100 % for each test.", f"Classes: {rule}."),
            {"level": "Class", "n": "Cells", "area_km2": "Area (km²)", "method": "Test"},
            ("method", "level", "n", "area_km2", "share"),
        ),
        Table(
            "trend_regional", f"Trend of the area-weighted mean {label} ({per_year})", result.regional, REGIONAL_NOTES,
            {"estimate": "Slope", "std_error": "Standard error", "ci_low": "95 % CI, low", "ci_high": "95 % CI, high",
             "statistic": "t or Z", "n": "Years", "p": "Naive P" if naive else "P", "intercept": "Intercept",
             "intercept_residual": "Intercept, median residual"},
            ("method", "estimate", "std_error", "ci_low", "ci_high", "statistic", "p", "n", "intercept", "intercept_residual"),
        ),
        Table(
            "trend_series", f"Area-weighted mean {label} by year ({unit_words(unit) or 'unit of the data'})", result.series, (),
            {"estimate": f"Mean {label}", "n": "Cells"},
        ),
    ]  # fmt: skip
