"""Tables of the geodetector: factors, interactions, strata."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.tables.correlation import NAIVE


@table_of(GeodetectorResult)
def geodetector_tables(result: GeodetectorResult) -> list[Table]:
    """Return factors and pairs by falling q within each group, and the strata."""
    response = result.label(str(result.factors["response"].iloc[0]))
    factors = Table(
        "geodetector_factors",
        f"Factor detector: share of {response} explained by each driver (q)",
        _by_q(result.factors),
        (),
        NAIVE | {"statistic": "F", "df": "df1", "df_2": "df2", "method": "Strata"},
        ("group", "driver", "q", "epsilon2", "statistic", "df", "df_2", "p", "p_adjusted", "method", "note"),
    )
    pairs = Table(
        "geodetector_interactions",
        f"Interaction detector: share of {response} explained by each pair of drivers",
        _by_q(result.interactions),
        (
            "F and naive P test the part of the crossing that an additive fit of the two drivers leaves; unless it is found "
            "(adjusted naive P < 0.05) the classic type is not evidence of an interaction.",
        ),
        NAIVE
        | {"statistic": "F", "df": "df1", "df_2": "df2", "q": "q of the pair", "q_driver": "q of driver 1",
           "q_driver_2": "q of driver 2", "driver": "Driver 1", "driver_2": "Driver 2",
           "cells": "Crossed strata", "epsilon2": "epsilon² of the pair"},
        ("group", "driver", "driver_2", "q_driver", "q_driver_2", "q", "epsilon2", "cells", "interaction",
         "interaction_classic", "statistic", "df", "df_2", "p", "p_adjusted"),
    )  # fmt: skip
    strata = Table(
        "geodetector_strata",
        f"Strata and their mean {response}",
        result.strata,
        (),
        {"estimate": f"Mean {response}", "std_error": "Standard error", "level": "Stratum", "method": "Strata"},
        ("group", "driver", "level", "n", "estimate", "std_error", "method"),
    )
    return [factors, pairs, strata] if len(pairs.frame) else [factors, strata]


def _by_q(frame: pd.DataFrame) -> pd.DataFrame:
    order = frame["group"].map({g: i for i, g in enumerate(frame["group"].unique())})
    ordered = frame.assign(order=order).sort_values(["order", "q"], ascending=[True, False], kind="stable")
    return ordered.drop(columns="order").reset_index(drop=True)
