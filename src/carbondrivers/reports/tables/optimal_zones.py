"""Tables of the optimal zones: shares, pairs, zones."""

from __future__ import annotations

from carbondrivers.attribution.optimal_zones import OptimalZonesResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.tables.optimal_strata import P_HEADINGS

ZONES = {"cells": "Zones", "q": "q of its own zones", "estimate": "Shapley share of q", "std_error": "Jackknife standard error"}


@table_of(OptimalZonesResult)
def optimal_zones_tables(result: OptimalZonesResult) -> list[Table]:
    """Return the shares by falling share, the pairs and the zones."""
    response = result.label(str(result.shares["response"].iloc[0]))
    level = f"{100 * result.parameters['confidence']:g} % CI"
    ends = {f"ci_{end}": f"{level}, {end}" for end in ("low", "high")}
    order = result.shares["group"].map({g: i for i, g in enumerate(result.shares["group"].unique())})
    shares = result.shares.assign(order=order).sort_values(["order", "estimate"], ascending=[True, False], kind="stable")
    return [
        Table(
            "optimal_zones_shares", f"Share of each driver in q of the zones of {response}",
            shares.drop(columns="order").reset_index(drop=True), ("Shares add up to q of the zones of all drivers.",),
            P_HEADINGS | ZONES | ends,
            ("group", "driver", "q", "cells", "p", "p_adjusted", "p_eff", "p_eff_adjusted", "estimate", "ci_low", "ci_high",
             "share", "share_of", "note"),
        ),
        Table(
            "optimal_zones_pairs", f"q of the zones of {response} by two drivers", result.pairs, (),
            {"driver": "Driver 1", "driver_2": "Driver 2", "q_driver": "q of driver 1", "q_driver_2": "q of driver 2",
             "q": "q of both", "cells": "Zones"},
            ("group", "driver", "driver_2", "q_driver", "q_driver_2", "q", "epsilon2", "cells"),
        ),
        Table(
            "optimal_zones", f"Zones of {response} by all drivers", result.zones, (),
            {"level": "Zone", "estimate": f"Mean {response}", "std_error": "Standard error", "q": "q of all zones"},
            ("group", "level", "n", "share", "share_of", "estimate", "std_error"),
        ),
    ]  # fmt: skip
