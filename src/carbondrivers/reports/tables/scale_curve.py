"""Tables of q by cell size and by year."""

from __future__ import annotations

from carbondrivers.attribution.scale_curve import ScaleCurveResult
from carbondrivers.attribution.yearly_q import YearlyQResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.tables.correlation import CORRECTED, NAIVE

SHARED = {"cells": "Strata", "n": "Grid cells", "n_units": "Blocks", "method": "Strata, rule"}


def _ends(result: ScaleCurveResult | YearlyQResult) -> dict[str, str]:
    level = f"{100 * result.parameters['confidence']:g} % CI of epsilon²"
    return {f"ci_{end}": f"{level}, {end}" for end in ("low", "high")}


@table_of(ScaleCurveResult)
def scale_curve_tables(result: ScaleCurveResult) -> list[Table]:
    """Return the curve and the sizes."""
    response = result.label(str(result.curve["response"].iloc[0]))
    side = {"value": f"Side of the cell ({result.parameters.get('unit', 'units of the coordinates')})"}
    return [
        Table(
            "scale_curve", f"Explanatory power for {response} by size of the grid cell", result.curve, (),
            SHARED | _ends(result) | side,
            ("group", "driver", "value", "q", "epsilon2", "ci_low", "ci_high", "cells", "n", "note"),
        ),
        Table(
            "scale_curve_sizes", "Sizes of the grid cell", result.sizes,
            ("The 5 % rule marks the first size after which mean q, smoothed, gains 5 % or less.",),
            side | {"n": "Grid cells", "q": "Mean q of the drivers", "chosen": "Marked by the 5 % rule"},
            ("group", "value", "n", "q", "chosen", "share", "share_of"),
        ),
    ]  # fmt: skip


@table_of(YearlyQResult)
def yearly_q_tables(result: YearlyQResult) -> list[Table]:
    """Return the years and the trends."""
    response = result.label(str(result.years["response"].iloc[0]))
    return [
        Table(
            "yearly_q", f"Explanatory power for {response} by year", result.years, (), SHARED | _ends(result),
            ("driver", "year", "q", "epsilon2", "ci_low", "ci_high", "cells", "n", "note"),
        ),
        Table(
            "yearly_q_trends", f"Trend of the explanatory power for {response}", result.trends, (),
            NAIVE | CORRECTED
            | {"estimate": "Slope of epsilon² (a⁻¹)", "statistic": "z", "n": "Years", "ci_low": "95 % CI, low",
               "ci_high": "95 % CI, high", "first": "First year", "last": "Last year"},
            ("driver", "estimate", "ci_low", "ci_high", "statistic", "p", "p_adjusted", "p_eff", "p_eff_adjusted", "n", "note"),
        ),
    ]  # fmt: skip
