"""Tables of correlations: each driver, and all of them together."""

from __future__ import annotations

from carbondrivers.attribution.correlation import CorrelationResult
from carbondrivers.reports.registry import Table, table_of

NAIVE = {"p": "Naive P", "p_adjusted": "Naive P, adjusted (BH)"}
CORRECTED = {
    "n_eff": "Effective n", "p_eff": "Corrected P", "p_eff_adjusted": "Corrected P, adjusted (BH)",
    "df_eff": "Corrected df", "df_2_eff": "Corrected df2", "statistic_eff": "Corrected t",
}  # fmt: skip
SHOWN = (
    "group", "method", "driver", "r", "n", "statistic", "df", "p", "p_adjusted", "n_eff", "ci_eff_low", "ci_eff_high", "p_eff",
    "p_eff_adjusted", "note",
)  # fmt: skip
HOW = "Naive: every row counts as independent. Corrected: n is the effective number of observations."


@table_of(CorrelationResult)
def correlation_tables(result: CorrelationResult) -> list[Table]:
    """Return the correlations, strongest first within each group and method, and the multiple correlation."""
    frame = result.correlations.assign(strength=result.correlations["r"].abs())
    blocks = frame["group"] + "\n" + frame["method"]
    frame["order"] = blocks.map({block: i for i, block in enumerate(blocks.unique())})
    frame = frame.sort_values(["order", "strength"], ascending=[True, False], kind="stable", ignore_index=True)
    level = f"{100 * result.parameters['confidence']:g} % CI"
    response = result.label(str(frame["response"].iloc[0]))
    ends = {f"ci_{end}": f"Naive {level}, {end}" for end in ("low", "high")}
    ends |= {f"ci_eff_{end}": f"Corrected {level}, {end}" for end in ("low", "high")}
    kinds = " and partial" if "partial" in result.parameters["kind"] else ""
    return [
        Table(
            "correlation", f"Pearson{kinds} correlation with {response}", frame.drop(columns=["strength", "order"]), (HOW,),
            NAIVE | CORRECTED | ends | {"statistic": "t"}, SHOWN,
        ),
        Table(
            "correlation_multiple", f"Multiple correlation of {response} with all continuous drivers", result.multiple, (HOW,),
            NAIVE | CORRECTED | {"r": "Multiple R", "r2": "R²", "statistic": "F", "df": "df1", "df_2": "df2"},
            ("group", "r", "r2", "statistic", "df", "df_2", "p", "n", "n_eff", "p_eff", "note"),
        ),
    ]  # fmt: skip
