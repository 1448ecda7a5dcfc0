"""Tables of the correlation through time: the region, shares of the area by driver, status of the cells."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.time_correlation import TimeCorrelationResult
from carbondrivers.reports.registry import Table, table_of


@table_of(TimeCorrelationResult)
def time_correlation_tables(result: TimeCorrelationResult) -> list[Table]:
    """Return the correlations of the regional means, the significant areas, and what could not be computed."""
    known = result.variables
    label = result.label(str(known.loc[known["role"] == "response", "name"].iloc[0]))
    years = "Naive: every year counts as independent. Corrected: n is the effective number of years (Bretherton et al. 1999)."
    shares = f"Shares are of the {result.shares['share_of'].iloc[0]}, at P < 0.05; mean r is weighted by area."
    return [
        Table(
            "time_correlation_regional", f"Correlation of the regional mean {label} with those of its drivers", result.regional,
            (years, "Partial: all other drivers held. The statistic is t, that of the multiple correlation F."),
            {"statistic": "t or F", "df_2": "df2", "p": "Naive P", "n": "Years", "n_eff": "Effective years",
             "p_eff": "Corrected P"},
            ("method", "driver", "r", "statistic", "df", "df_2", "p", "n", "n_eff", "p_eff", "note"),
        ),
        Table(
            "time_correlation_shares", f"Area in which {label} follows its drivers", _wide(result.shares), (years, shares),
            {"method": "Coefficient and P", "r": "Mean r", "share_positive": "Positive", "share_negative": "Negative"},
            ("method", "driver", "r", "share_positive", "share_negative"),
        ),
        Table(
            "time_correlation_status", "What could be computed", result.status,
            (f"Shares are of the {result.status['share_of'].iloc[0]}.",), {"level": "Status", "n": "Cells"},
            ("level", "n", "area_km2", "share"),
        ),
    ]  # fmt: skip


def _wide(shares: pd.DataFrame) -> pd.DataFrame:
    """Put the positive and the negative share of a driver in one row."""
    keys = ["method", "driver", "r"]
    positive, negative = (
        shares.loc[shares["level"] == level].rename(
            columns={"n": f"n_{level}", "area_km2": f"area_km2_{level}", "share": f"share_{level}"}
        ).drop(columns=["level", "share_of"])
        for level in ("positive", "negative")
    )  # fmt: skip
    order = {method: i for i, method in enumerate(shares["method"].unique())}
    wide = positive.merge(negative.drop(columns="r"), on=["method", "driver"], sort=False)
    wide = wide.sort_values(["method", "driver"], key=lambda c: c.map(order) if c.name == "method" else c, ignore_index=True)
    return wide[[*keys, *(c for c in wide.columns if c not in keys)]]
