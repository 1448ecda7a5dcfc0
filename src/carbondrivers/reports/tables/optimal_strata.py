"""Tables of the optimal strata: what was chosen, the classes, the whole surface."""

from __future__ import annotations

from carbondrivers.attribution.optimal_strata import OptimalStrataResult
from carbondrivers.attribution.spatial_null import HOW as DRAWS
from carbondrivers.reports.registry import Table, table_of

P_HEADINGS = {
    "statistic": "Largest q", "p": "Naive P of the largest q", "p_adjusted": "Naive P, over all drivers",
    "p_eff": "Corrected P of the largest q", "p_eff_adjusted": "Corrected P, over all drivers",
}  # fmt: skip
CUT_HEADINGS = {
    "method": "Rule", "classes": "Classes asked for", "cells": "Classes", "q_cv": "Cross-validated q",
    "std_error": "Standard error of it", "n_units": "Blocks",
}  # fmt: skip
HOW = f"P tests the largest q of the whole surface by draws that search the same surface. {DRAWS}"


@table_of(OptimalStrataResult)
def optimal_strata_tables(result: OptimalStrataResult) -> list[Table]:
    """Return the chosen cuts, their classes and the surface."""
    response = result.label(str(result.chosen["response"].iloc[0]))
    tested = result.chosen["p"].notna().any()
    return [
        Table(
            "optimal_strata", f"Chosen strata of each driver of {response}", result.chosen, (HOW,) if tested else (),
            CUT_HEADINGS | P_HEADINGS,
            ("group", "driver", "method", "cells", "q", "epsilon2", "q_cv", "std_error", "statistic", "p", "p_adjusted",
             "p_eff", "p_eff_adjusted", "n", "note"),
        ),
        Table(
            "optimal_strata_classes", f"Classes and their mean {response}", result.strata, (),
            {"estimate": f"Mean {response}", "std_error": "Standard error", "level": "Stratum", "method": "Rule"},
            ("group", "driver", "level", "n", "estimate", "std_error", "method"),
        ),
        Table(
            "optimal_strata_surface", f"q of every rule and number of classes, for {response}", result.surface, (),
            CUT_HEADINGS,
            ("group", "driver", "method", "classes", "cells", "q", "epsilon2", "q_cv", "std_error", "chosen"),
        ),
    ]  # fmt: skip
