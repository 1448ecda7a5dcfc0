"""Words of the forest of carbon storage."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.carbon_forest import CarbonForestResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.text.validation import fold_methods, scores_sentence
from carbondrivers.reports.words import number, quantity

SHOWN = ("random", "random, shared plots", "spatial_blocks", "out_of_bag")


@text_of(CarbonForestResult)
def carbon_forest_text(result: CarbonForestResult) -> Text:
    """Return the strongest driver, the scores side by side, and the totals of the first and last year."""
    shown = result.scores.loc[result.scores["method"].isin(SHOWN)]
    said = {
        str(group): f"{_of(str(group))}: {scores_sentence(result, part)}"
        for group, part in shown.groupby("group", sort=False)
        if part["r2"].notna().any()
    }
    for group, rows in result.importance.groupby("group", sort=False):
        last = _total(result) if group == ALL else ""
        said[str(group)] = " ".join(part for part in (_strongest(result, rows), said.get(str(group), ""), last) if part)
    return by_group(said, _methods(result))


def _of(group: str) -> str:
    """Return whose scores follow: those of a group are of the whole sample's forest."""
    return "Forest, whole sample" if group == ALL else f"Forest of the whole sample, {where(group)}"


def _strongest(result: CarbonForestResult, rows: pd.DataFrame) -> str:
    top = rows.iloc[0]
    if pd.isna(top["share"]):
        return ""
    level = f"{100 * result.parameters['confidence']:g}"
    low, high = (number(100 * float(top[end]), 3) for end in ("ci_low", "ci_high"))
    of = "" if top["group"] == ALL else f" in group {top['group']}"
    interval = f" ({level} % CI {low} to {high} %)" if low else ""
    return (
        f"The forest of {result.label(str(top['response']))}{of} leans most on {result.label(str(top['driver']))}: "
        f"{number(100 * float(top['share']), 3)} %{interval} of the {top['share_of']} (mtry {result.parameters['mtry']})."
    )


def _total(result: CarbonForestResult) -> str:
    table = result.totals.loc[result.totals["method"] == "all cells"] if len(result.totals) else result.totals
    if table.empty or table["total"].isna().any():
        return ""
    ends = [table.iloc[i] for i in ((0, -1) if len(table) > 1 else (0,))]
    words = [
        f"{quantity(float(row['total']), 'Tg C', 4)}"
        + (
            f" ({number(float(row['ci_low']), 4)} to {number(float(row['ci_high']), 4)})"
            if row["ci_low"] == row["ci_low"]
            else ""
        )
        + (f" in {int(row['year'])}" if row["year"] == row["year"] else "")
        for row in ends
    ]
    inside = result.totals.loc[result.totals["method"] == "inside", "share"]
    return (
        f"Storage is {' and '.join(words)}; at least {number(100 * float(inside.min()), 3)} % of the area lies inside the "
        "area of applicability."
    )


def _one_total(row: pd.Series) -> str:
    ends = [number(float(row[end]), 4) for end in ("ci_low", "ci_high")]
    interval = f" ({ends[0]} to {ends[1]})" if all(ends) else ""
    year = f" in {int(row['year'])}" if pd.notna(row["year"]) else ""
    return f"{quantity(float(row['total']), 'Tg C', 4)}{interval}{year}"


def _methods(result: CarbonForestResult) -> str:
    given = result.parameters
    depth = f"a depth of at most {given['depth']}" if given["depth"] else "full depth"
    rows = "drawn with replacement" if given["bootstrap"] else "all"
    augmented = (
        f"{given['augmented']:,} rows made from plots by the ratio of NPP trained, but were never scored, nor did they train "
        "while their plot was tested. "
        if given["augmented"]
        else ""
    )
    return (
        f"A random forest (Breiman 2001; scikit-learn) of {given['trees']} trees was grown on rows {rows}, with "
        f"{given['mtry']} columns tried at each split, at least {given['min_leaf']} rows a leaf, at least "
        f"{given['min_split']} rows to split and {depth}. Importance is each driver's share of the summed decrease of the "
        f"squared error, and the rise of the out-of-bag error when it is permuted; intervals are from {given['replicates']} "
        f"refits of {given['refit_trees']} trees to resampled blocks. {augmented}{fold_methods(result)} The area of "
        "applicability follows Meyer and Pebesma (2021), with drivers weighted by their share and a threshold of "
        f"{number(float(given['threshold']), 3)}."
    )
