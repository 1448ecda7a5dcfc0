"""Words of q by cell size and by year."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.geodetector_bootstrap import TOO_NARROW
from carbondrivers.attribution.grid_blocks import length_words
from carbondrivers.attribution.scale_curve import ScaleCurveResult
from carbondrivers.attribution.yearly_q import YearlyQResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import number, p_text


@text_of(ScaleCurveResult)
def scale_curve_text(result: ScaleCurveResult) -> Text:
    """Return how far the leading driver depends on the size of the cell, in each group."""
    known = result.curve.dropna(subset="epsilon2")
    findings = {str(g): _sizes(result, str(g), part) for g, part in known.groupby("group", sort=False)}
    p = result.parameters
    methods = (
        "Rows were put on square grids of several cell sizes (mean of the response and of measured drivers, most frequent "
        "class of categorical ones), on the same rows at every size. At every size q and epsilon² were computed anew from "
        f"{p['classes']} classes ({p['method']}) with intervals from {p['replicates']} resamples of blocks of space; how far "
        f"they depend on the size is the modifiable areal unit problem (Openshaw 1984). {TOO_NARROW}"
    )
    return by_group(findings, methods)


def _sizes(result: ScaleCurveResult, group: str, part: pd.DataFrame) -> str:
    sizes = sorted(part["value"].unique())
    tops = [part.loc[part["value"] == s].sort_values(["epsilon2", "driver"]).iloc[-1] for s in (sizes[0], sizes[-1])]
    said = [
        f"{result.label(str(top['driver']))} at a cell of {_side(result, float(top['value']))} (epsilon² = "
        f"{number(float(top['epsilon2']), 3)}, {int(top['n']):,} cells)"
        for top in tops
    ]
    return f"Scale curve, {where(group)}: the leading driver is {said[0]} and {said[1]}."


def _side(result: ScaleCurveResult, side: float) -> str:
    return length_words(float(f"{side:.4g}"), str(result.parameters.get("unit", "units of the coordinates")))


@text_of(YearlyQResult)
def yearly_q_text(result: YearlyQResult) -> Text:
    """Return the driver that leads most often, and the drivers whose epsilon2 changes."""
    known = result.years.dropna(subset="epsilon2")
    tops = known.loc[known.groupby("year")["epsilon2"].idxmax(), "driver"].value_counts()
    lead, years = str(tops.index[0]), known["year"].nunique()
    changes = result.trends.dropna(subset="p_eff")
    found = changes.loc[changes["p_eff"] < 0.05]
    said = "; ".join(_change(result, row) for _, row in found.iterrows())
    trend = f"Epsilon² changes with a corrected P < 0.05 for {said}." if said else "No epsilon² changes (corrected P < 0.05)."
    p = result.parameters
    methods = (
        f"In every year the drivers were cut into {p['classes']} classes ({p['method']}) and q and epsilon² computed (Wang et "
        f"al. 2010), with intervals from {p['replicates']} resamples of blocks. The change of epsilon² is a Theil-Sen slope "
        "(Sen 1968); P is that of Mann-Kendall, naive and with the variance of Hamed and Rao (1998) for years that resemble "
        f"their neighbours. {TOO_NARROW}"
    )
    first = f"Geodetector by year: {result.label(lead)} explains most in {int(tops.iloc[0])} of {years} years. {trend}"
    return Text((first,), methods)


def _change(result: YearlyQResult, row: pd.Series) -> str:
    slope = number(float(row["estimate"]), 2)
    return f"{result.label(str(row['driver']))} ({slope} a year, corrected P {_p(float(row['p_eff']))})"


def _p(value: float) -> str:
    text = p_text(value)
    return text if text.startswith("<") else f"= {text}"
