"""Tables of series by group: trends, and the series themselves."""

from __future__ import annotations

from carbondrivers.attribution.group_series import GroupSeriesResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.words import unit_words


@table_of(GroupSeriesResult)
def group_series_tables(result: GroupSeriesResult) -> list[Table]:
    """Return the trend of each group and its annual values."""
    name = str(result.variables["name"].iloc[0])
    label, unit = result.label(name), result.unit(name)
    heads = {"group": "Kind", "level": "Class or region"}
    totals = ["total"] if result.series["total"].notna().any() else []
    return [
        Table(
            "group_trends", f"Trend of {label} by class and region ({unit_words(f'{unit} a-1'.strip())})", result.trends,
            ("Theil-Sen slopes with the Mann-Kendall test. Adjusted P: over the groups of one kind.",),
            heads | {"estimate": "Slope", "ci_low": "95 % CI, low", "ci_high": "95 % CI, high", "statistic": "Z",
                     "p": "Naive P", "p_adjusted": "Naive P, adjusted (BH)", "n": "Years"},
            ("group", "level", "estimate", "ci_low", "ci_high", "statistic", "p", "p_adjusted", "n", "note"),
        ),
        Table(
            "group_series", f"{label} by class, region and year ({unit_words(unit) or 'unit of the data'})", result.series, (),
            heads | {"estimate": "Mean", "n": "Cells", "total": "Total (Tg C a⁻¹)"},
            ("group", "level", "year", "estimate", *totals, "area_km2", "n"),
        ),
    ]  # fmt: skip
