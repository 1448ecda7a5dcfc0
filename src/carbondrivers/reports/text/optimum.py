"""Words of the optimum window of two drivers."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.optimum import BEST, WINDOW, OptimumResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import joined, number, quantity, unit_words


@text_of(OptimumResult)
def optimum_text(result: OptimumResult) -> Text:
    """Return the best joint band and the window, with how sure they are."""
    name = str(result.variables["name"].iloc[0])
    best, window = (result.window.loc[result.window["level"] == level] for level in (BEST, WINDOW))
    top, wide = best.iloc[0], window.iloc[0]
    mean = quantity(float(top["estimate"]), result.unit(name), 3)
    finding = (
        f"Mean {result.label(name)} is highest at {_where(result, best)} ({mean}; highest in {100 * top['support']:.0f} % of "
        f"the draws, {100 * top['share']:.1f} % of the {top['share_of']}); {100 * wide['support']:.0f} % of the draws have "
        f"their highest mean within {_where(result, window)} ({wide['cells']} joint bands, {100 * wide['share']:.1f} %)."
    )
    p = result.parameters
    methods = (
        f"The response was averaged, cells weighted by their true area, in joint bands of {joined(_labels(result))}. The best "
        "band is the one with the highest mean among those in five spatial blocks or more. How sure that is was judged by "
        f"{p['replicates']:,} draws, with replacement, of square blocks of {p['blocks']} (block bootstrap; Lahiri 2003): the "
        f"window is the smallest set of bands in which the highest mean of {100 * p['confidence']:g} % of the draws lies."
    )
    return Text((finding,), methods)


def _labels(result: OptimumResult) -> list[str]:
    return [result.label(name).lower() for name in result.parameters["drivers"]]


def _where(result: OptimumResult, rows: pd.DataFrame) -> str:
    said = [
        f"{label} {number(float(row['lower']), 4)} to {number(float(row['upper']), 4)} "
        f"{unit_words(result.unit(str(row['driver'])))}".rstrip()
        for label, row in zip(_labels(result), rows.to_dict("records"), strict=True)
    ]
    return joined(said)
