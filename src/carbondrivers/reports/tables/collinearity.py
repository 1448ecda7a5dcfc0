"""Tables of the collinearity of drivers: the selection, the drivers, condition numbers, the matrix."""

from __future__ import annotations

from carbondrivers.attribution.collinearity import CollinearityResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.tables.correlation import CORRECTED, NAIVE


@table_of(CollinearityResult)
def collinearity_tables(result: CollinearityResult) -> list[Table]:
    """Return the steps of the selection, the drivers with their verdict, the condition numbers and the matrix."""
    vif, r = result.parameters["threshold_vif"], result.parameters["threshold_r"]
    alike = {"driver_2": "Most alike", "r": "r with it"}
    found = [
        Table(
            "collinearity_drivers", "Variance inflation of the drivers", result.drivers,
            (f"Kept drivers have a VIF of at most {vif:g} and |r| of at most {r:g} with each other.",),
            {"level": "Verdict", "vif": "VIF, all drivers", "r2": "R² on the others", "estimate": "VIF, kept drivers"} | alike,
            ("group", "driver", "level", "vif", "r2", "driver_2", "r", "estimate", "n", "note"),
        ),
        Table(
            "collinearity_selection", "Drivers taken out, step by step", result.selection,
            ("The condition number is that of the centred columns before the step.",),
            {"rank": "Step", "driver": "Taken out", "vif": "VIF then", "condition": "Condition number", "remaining": "Remain",
             "note": "Why", "driver_2": "Most alike of the rest", "r": "r with it"},
        ),
        Table(
            "collinearity_condition", "Condition numbers of the drivers", result.condition,
            ("Over 30: strong collinearity (Belsley). With the constant included, a mean far from zero counts as well.",),
            {"level": "Drivers", "method": "Columns", "condition": "Condition number", "remaining": "Number"},
            ("group", "level", "method", "remaining", "condition", "note"),
        ),
        Table(
            "collinearity_matrix", "Correlation matrix", result.matrix,
            ("Naive: every row counts as independent. Corrected: n is the effective number of observations.",),
            NAIVE | CORRECTED | {"driver": "Variable 1", "driver_2": "Variable 2", "statistic": "t"},
            ("group", "driver", "driver_2", "r", "n", "statistic", "p", "p_adjusted", "n_eff", "p_eff", "p_eff_adjusted",
             "note"),
        ),
    ]  # fmt: skip
    return found if len(result.selection) else [found[0], *found[2:]]
