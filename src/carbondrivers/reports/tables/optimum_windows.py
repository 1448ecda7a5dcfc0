"""Table of the optimum windows."""

from __future__ import annotations

from carbondrivers.attribution.optimum_windows import OptimumWindowsResult
from carbondrivers.reports.registry import Table, table_of


@table_of(OptimumWindowsResult)
def optimum_windows_tables(result: OptimumWindowsResult) -> list[Table]:
    """Return windows of single drivers and then of pairs, the best first in each group."""
    response = result.label(str(result.means["response"].iloc[0]))
    side, frame = str(result.parameters["side"]), result.windows
    order = frame["group"].map({g: i for i, g in enumerate(frame["group"].unique())})
    ready = frame.assign(order=order, pair=frame["driver_2"] != "")
    ready = ready.sort_values(["order", "pair", "estimate"], ascending=[True, True, side != "highest"], kind="stable")
    level = f"{100 * result.parameters['confidence']:g} % CI"
    ends = {f"ci_{end}": f"Naive simultaneous {level}, {end}" for end in ("low", "high")}
    ends |= {f"ci_eff_{end}": f"Corrected simultaneous {level}, {end}" for end in ("low", "high")}
    return [
        Table(
            "optimum_windows", f"Windows of the {side} {response}",
            ready.drop(columns=["order", "pair"]).reset_index(drop=True),
            ("The mean is picked as the largest of many; intervals are simultaneous over all strata compared.",),
            ends | {"driver": "Driver 1", "driver_2": "Driver 2", "level": "Window 1", "level_2": "Window 2",
                    "estimate": f"Mean {response}", "cells": "Strata compared", "n_units": "Blocks",
                    "std_error": "Standard error"},
            ("group", "driver", "level", "driver_2", "level_2", "estimate", "ci_eff_low", "ci_eff_high", "share", "share_of",
             "cells", "n", "n_units", "note"),
        )
    ]  # fmt: skip
