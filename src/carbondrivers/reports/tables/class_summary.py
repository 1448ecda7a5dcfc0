"""Tables of the response by class: means, contributions, spread."""

from __future__ import annotations

from carbondrivers.attribution.class_summary import ClassSummaryResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.words import unit_words

BLOCKS = "Blocks"


@table_of(ClassSummaryResult)
def class_summary_tables(result: ClassSummaryResult) -> list[Table]:
    """Return the zones, what each brings to the balance (where the unit has totals), and the spread of the cells."""
    name = str(result.variables["name"].iloc[0])
    label, unit = result.label(name), unit_words(result.unit(name))
    level = f"{100 * result.parameters['confidence']:g} % CI"
    mean = f"Mean ({unit})" if unit else "Mean"
    totals = ["total"] if result.zones["total"].notna().any() else []
    zones = Table(
        "class_summary", f"{label} by class and region", result.zones, (f"Share: of the {result.zones['share_of'].iloc[0]}.",),
        {"group": "Kind", "level": "Class or region", "n": "Cells", "n_units": BLOCKS, "estimate": mean,
         "ci_low": f"{level}, low", "ci_high": f"{level}, high", "total": "Total (Tg C a⁻¹)", "share": "Share of the area"},
        ("group", "level", "n", "area_km2", "share", "estimate", "ci_low", "ci_high", *totals, "n_units", "note"),
    )  # fmt: skip
    spread = Table(
        "class_spread", f"Spread of {label} over the cells of each class ({unit or 'unit of the data'})", result.spread,
        ("Weighted by the area of the cells.",),
        {"level": "Class", "n": "Cells", "estimate": "Mean", "sd": "SD", "min": "Min", "q25": "25 %", "median": "Median",
         "q75": "75 %", "max": "Max"},
    )  # fmt: skip
    if result.contributions.empty:
        return [zones, spread]
    contributions = Table(
        "class_contributions", f"Contribution of each class and region to the total {label}", result.contributions,
        ("Shares are among the classes of one sign: of a net total they could pass 100 %.",),
        {"group": "Kind", "level": "Class or region", "total": "Total (Tg C a⁻¹)"},
    )  # fmt: skip
    return [zones, contributions, spread]
