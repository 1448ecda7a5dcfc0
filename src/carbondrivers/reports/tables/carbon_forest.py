"""Tables of the forest of carbon storage: importance, scores, totals by year."""

from __future__ import annotations

from carbondrivers.attribution.carbon_forest import CarbonForestResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.tables.validation import score_table
from carbondrivers.reports.words import unit_words


@table_of(CarbonForestResult)
def carbon_forest_tables(result: CarbonForestResult) -> list[Table]:
    """Return importance, scores and, where grids were mapped, totals."""
    response = str(result.importance["response"].iloc[0])
    label, unit = result.label(response), unit_words(result.unit(response)) or "the unit of the data"
    level = f"{100 * result.parameters['confidence']:g} % CI"
    importance = Table(
        "carbon_forest_importance",
        f"Importance of drivers in the forest of {label}",
        result.importance,
        (
            "Share: of the summed decrease of the squared error over all splits; intervals from refits to resampled blocks. "
            "Rise: "
            f"of the out-of-bag mean squared error when the driver is permuted, in squares of {unit}.",
        ),
        {
            "share": "Share", "ci_low": f"{level}, low", "ci_high": f"{level}, high", "estimate": "Rise when permuted",
            "std_error": "Standard error over trees", "n_units": "Blocks",
        },
        ("group", "rank", "driver", "category", "share", "ci_low", "ci_high", "estimate", "std_error", "n", "n_units", "note"),
    )  # fmt: skip
    found = [importance, score_table(result.scores, f"Scores of the forest of {label}", "carbon_forest_scores", unit, level)]
    return [*found, _totals(result, label, level)] if len(result.totals) else found


def _totals(result: CarbonForestResult, label: str, level: str) -> Table:
    note = (
        "Intervals come from refits to resampled rows; errors of the plots and of the layers are not in them. Inside: cells "
        "within the area of applicability; the share is of the area mapped."
    )
    heads = {
        "method": "Cells", "estimate": "Mean", "total": "Total (Tg C)", "ci_low": f"{level}, low", "ci_high": f"{level}, high",
        "area_km2": "Area (km²)", "share": "Share of the area", "n": "Number of cells",
    }  # fmt: skip
    columns = ("year", "method", "estimate", "total", "ci_low", "ci_high", "area_km2", "share", "n", "note")
    return Table("carbon_forest_totals", f"{label} by year", result.totals, (note,), heads, columns)
