"""Words of the response by class."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.class_summary import ClassSummaryResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import number, quantity

KINDS = {"class": ("class", "classes"), "region": ("region", "regions")}


@text_of(ClassSummaryResult)
def class_summary_text(result: ClassSummaryResult) -> Text:
    """Return the highest and the lowest mean and the largest contribution, of classes and of regions."""
    findings = []
    for kind, rows in result.zones.loc[result.zones["group"] != ALL].groupby("group", sort=False):
        findings.append(_means(result, str(kind), rows))
        share = _contribution(result, str(kind))
        findings += [share] if share else []
    return Text(tuple(findings), _methods(result))


def _means(result: ClassSummaryResult, kind: str, rows: pd.DataFrame) -> str:
    name = str(result.variables["name"].iloc[0])
    label, unit = result.label(name), result.unit(name)
    order = rows.sort_values("estimate", ascending=False, kind="stable")
    top, low = order.iloc[0], order.iloc[-1]
    head = f"By {KINDS[kind][0]}: mean {label} is"
    if len(rows) == 1:
        return f"{head} {_mean(result, top, unit)} in {top['level']}, the only {KINDS[kind][0]}."
    return (
        f"{head} highest in {top['level']} ({_mean(result, top, unit)}; {100 * top['share']:.1f} % of the area) and lowest "
        f"in {low['level']} ({_mean(result, low, unit)}; {100 * low['share']:.1f} % of the area), among {len(rows)} "
        f"{KINDS[kind][1]}."
    )


def _mean(result: ClassSummaryResult, row: pd.Series, unit: str) -> str:
    if pd.isna(row["ci_low"]):
        return f"{quantity(float(row['estimate']), unit, 3)}, no interval"
    level = f"{100 * result.parameters['confidence']:g} % CI"
    ends = f"{number(float(row['ci_low']), 3)} to {number(float(row['ci_high']), 3)}"
    return f"{quantity(float(row['estimate']), unit, 3)}, {level} {ends}"


def _contribution(result: ClassSummaryResult, kind: str) -> str:
    rows = result.contributions.loc[result.contributions["group"] == kind]
    if rows.empty:
        return ""
    said = []
    for of, part in rows.groupby("share_of", sort=False):
        top = part.iloc[int(part["share"].argmax())]
        said.append(
            f"{top['level']} brings {100 * top['share']:.1f} % of the {of} ({quantity(float(top['total']), 'Tg C a-1', 3)})"
        )
    return f"Contribution by {KINDS[kind][0]}: {' and '.join(said)}."


def _methods(result: ClassSummaryResult) -> str:
    p = result.parameters
    return (
        "Means and totals of classes are sums over cells weighted by true cell area. "
        f"Intervals ({100 * p['confidence']:g} %) are percentiles of {p['replicates']:,} draws, with replacement, of square "
        f"blocks of {p['blocks']} (block bootstrap; Lahiri 2003). Contributions are shares among the classes of one sign. "
        "Quantiles and densities of cells are weighted by their area; densities have a Gaussian kernel with the bandwidth of "
        "Silverman (1986)."
    )
