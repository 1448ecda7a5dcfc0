"""Tables of the stability."""

from __future__ import annotations

from carbondrivers.attribution.stability import StabilityResult
from carbondrivers.reports.registry import Table, table_of


@table_of(StabilityResult)
def stability_tables(result: StabilityResult) -> list[Table]:
    """Return class shares, and the spread of the coefficient over the cells."""
    label = result.label(str(result.variables["name"].iloc[0]))
    return [
        Table(
            "stability_classes", f"Stability classes of {label}", result.classes,
            (f"Shares are of the {result.classes['share_of'].iloc[0]} and add to 100 %. A limit belongs to the more stable "
             "class.",),
            {"level": "Class", "n": "Cells"},
            ("level", "n", "area_km2", "share"),
        ),
        Table(
            "stability_summary", f"Coefficient of variation of {label} over the cells", result.summary,
            ("Cells whose mean cannot be told from zero have no coefficient and are not counted.",),
            {"n": "Cells", "min": "Smallest", "q25": "25 %", "median": "Median", "q75": "75 %", "max": "Largest"},
        ),
    ]  # fmt: skip
