"""Words of the series by group."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.group_series import GroupSeriesResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import number, p_text, quantity

KINDS = {"class": "classes", "region": "regions"}


@text_of(GroupSeriesResult)
def group_series_text(result: GroupSeriesResult) -> Text:
    """Return the steepest slope of classes and of regions, and how many trends can be told from none."""
    findings = [
        _finding(result, str(kind), rows)
        for kind, rows in result.trends.loc[result.trends["group"] != ALL].groupby("group", sort=False)
    ]
    whole = result.trends.loc[result.trends["group"] == ALL].iloc[0]
    findings = findings or [f"Series: the slope of the whole area is {_slope(result, whole)}."]
    return Text(tuple(findings), _methods(result))


def _finding(result: GroupSeriesResult, kind: str, rows: pd.DataFrame) -> str:
    known = rows.loc[rows["estimate"].notna()]
    label = result.label(str(result.variables["name"].iloc[0]))
    if known.empty:
        return f"Series by {kind}: no {kind} has enough years for a trend of {label}."
    top = known.iloc[int(known["estimate"].abs().argmax())]
    naive, adjusted = (int((known[column] < 0.05).sum()) for column in ("p", "p_adjusted"))
    return (
        f"Series by {kind}: {label} changes fastest in {top['level']} ({_slope(result, top)}); of {len(known)} {KINDS[kind]} "
        f"{naive} have a naive P < 0.05, and {adjusted} after adjustment."
    )


def _slope(result: GroupSeriesResult, row: pd.Series) -> str:
    unit = f"{result.unit(str(result.variables['name'].iloc[0]))} a-1".strip()
    ends = f"{number(float(row['ci_low']), 3)} to {number(float(row['ci_high']), 3)}"
    p = p_text(float(row["p"]))
    return f"{quantity(float(row['estimate']), unit, 3)}, 95 % CI {ends}, naive P {p if p.startswith('<') else '= ' + p}"


def _methods(result: GroupSeriesResult) -> str:
    changing = " Cells count in the class that they have in each year." if result.parameters["annual_classes"] else ""
    return (
        "Annual means of classes and regions are weighted by true cell area, over the cells that have a value in every year "
        f"where these make up half of the area or more.{changing} Slopes are the median of all pairwise slopes (Theil 1950; "
        "Sen 1968), tested by Mann-Kendall with ties and continuity correction (Mann 1945; Kendall 1975). P takes years as "
        "independent; adjusted P are over the groups of one kind (Benjamini and Hochberg 1995)."
    )
