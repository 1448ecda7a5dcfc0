"""Table of correlations."""

from __future__ import annotations

from carbondrivers.attribution.correlation import CorrelationResult
from carbondrivers.reports.registry import Table, table_of

NAIVE = {"p": "Naive P", "p_adjusted": "Naive P, adjusted (BH)"}


@table_of(CorrelationResult)
def correlation_tables(result: CorrelationResult) -> list[Table]:
    """Return the correlations, strongest first within each group."""
    frame = result.correlations.assign(strength=result.correlations["r"].abs())
    frame["order"] = frame["group"].map({g: i for i, g in enumerate(frame["group"].unique())})
    frame = frame.sort_values(["order", "strength"], ascending=[True, False], kind="stable", ignore_index=True)
    level = f"Naive {100 * result.parameters['confidence']:g} % CI"
    return [
        Table(
            "correlation",
            f"Pearson correlation with {result.label(str(frame['response'].iloc[0]))}",
            frame.drop(columns=["strength", "order"]),
            (),
            NAIVE | {"ci_low": f"{level}, low", "ci_high": f"{level}, high", "statistic": "t"},
            ("group", "driver", "r", "ci_low", "ci_high", "statistic", "df", "p", "p_adjusted", "note"),
        )
    ]
