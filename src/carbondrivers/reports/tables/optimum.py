"""Tables of the optimum window of two drivers."""

from __future__ import annotations

from carbondrivers.attribution.optimum import OptimumResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.words import unit_words


@table_of(OptimumResult)
def optimum_tables(result: OptimumResult) -> list[Table]:
    """Return the window on each driver, and all joint bands."""
    name = str(result.variables["name"].iloc[0])
    unit = unit_words(result.unit(name))
    mean = f"Mean ({unit})" if unit else "Mean"
    level = f"{100 * result.parameters['confidence']:g} % CI"
    support = "Support: share of the draws in which the bands have the highest mean."
    share = f"Share: of the {result.bands['share_of'].iloc[0]}. {support}"
    return [
        Table(
            "optimum_window", f"Where {result.label(name)} is highest", result.window, (share,),
            {"level": "Part", "cells": "Bands", "n": "Cells", "estimate": mean, "share": "Share of the area",
             "support": "Support"},
            ("level", "driver", "lower", "upper", "cells", "n", "share", "estimate", "support"),
        ),
        Table(
            "optimum_bands", f"{result.label(name)} over the bands of two drivers", result.bands, (share,),
            {"level": "Band", "level_2": "Band of the second", "n": "Cells", "n_units": "Blocks", "estimate": mean,
             "ci_low": f"{level}, low", "ci_high": f"{level}, high", "share": "Share of the area", "support": "Support"},
            ("driver", "level", "driver_2", "level_2", "n", "share", "estimate", "ci_low", "ci_high", "n_units", "support"),
        ),
    ]  # fmt: skip
