"""Table of trend and persistence crossed."""

from __future__ import annotations

from carbondrivers.attribution.future import FutureResult
from carbondrivers.reports.registry import Table, table_of


@table_of(FutureResult)
def future_tables(result: FutureResult) -> list[Table]:
    """Return the class shares by both rules."""
    label = result.label(str(result.variables["name"].iloc[0]))
    return [
        Table(
            "future_classes", f"Trend and persistence of {label}", result.classes,
            (f"Shares are of the {result.classes['share_of'].iloc[0]} and add to 100 % for each rule. White noise: what the "
             "published rule gives in independent years without a trend.",),
            {"level": "Class", "n": "Cells", "share_expected": "White noise", "method": "Rule"},
            ("method", "level", "n", "area_km2", "share", "share_expected"),
        )
    ]  # fmt: skip
